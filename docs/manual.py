"""Make the manual page from the commands: ``python docs/manual.py``; same bytes always."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from regsim import __version__
from regsim.cli import cli

PAGE = Path(__file__).parent / "man" / "regsim.1"
CODES = """\
Exit codes are a part of the answer: 0 nothing blocks, 1 something does, 2 wrong usage or bad
input, 3 undecided; 70 is a fault of regsim's own. Only a verdict is ever 1."""


def page() -> str:
    """Return the page, as troff for the macros of man(7)."""
    context = click.Context(cli, info_name="regsim", **cli.context_settings)
    what, *more = paragraphs(cli.help or "")
    lines = [
        '.\\" Made by docs/manual.py from the commands; do not edit.',
        f'.TH REGSIM 1 "" "regsim {__version__}" "User Commands"',
        ".SH NAME",
        "regsim \\- " + plain(what.rstrip(".")[0].lower() + what.rstrip(".")[1:]),
        ".SH SYNOPSIS",
        ".B regsim",
        "COMMAND [ARGS]...",
        ".br",
        ".B regsim",
        "FILE...",
        ".br",
        ".B regsim \\-",
        ".SH DESCRIPTION",
        *(line for text in more for line in (".PP", plain(text))),
        ".SH OPTIONS",
        *options(cli, context),
    ]
    for child, below in children(cli, context):
        lines += section(child, below)
    return "\n".join([*lines, ".SH EXIT STATUS", plain(CODES), ""])


def children(
    group: click.Group, context: click.Context
) -> Iterator[tuple[click.Command, click.Context]]:
    """Yield each command of *group* with a context in which it has its whole name."""
    for name in group.list_commands(context):
        child = group.get_command(context, name)
        if child is not None:
            yield child, click.Context(child, info_name=name, parent=context)


def section(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield the lines about one command, and about those below it."""
    yield f'.SH "{plain(context.command_path.upper())}"'
    yield from described(command, context)
    if isinstance(command, click.Group):
        for child, below in children(command, context):
            yield f'.SS "{plain(below.command_path)}"'
            yield from described(child, below)


def described(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield how *command* is called, what it does, and its options."""
    yield f".B {plain(context.command_path)}"
    yield plain(" ".join(command.collect_usage_pieces(context)))
    for text in paragraphs(command.help or ""):
        yield from (".PP", plain(text))
    yield from options(command, context)


def options(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield each option of *command* with what its help says.

    What click itself writes of one differs between its releases, and a page must not.
    """
    for param in command.get_params(context):
        if isinstance(param, click.Option) and "--help" not in param.opts:
            names = ", ".join(sorted(param.opts + param.secondary_opts, key=len))
            said = paragraphs(param.help or "")
            if param.show_default and param.default is not None:
                said.append(f"The default is {param.default}.")
            yield from (".TP", f".B {plain(names + value(param))}", plain(" ".join(said)))
    names = ", ".join(context.help_option_names)
    yield from (".TP", f".B {plain(names)}", "Show the help of the command and exit.")


def value(option: click.Option) -> str:
    """Return what stands for the value of *option*, after a space; nothing for a flag."""
    if option.is_flag or option.count:
        return ""
    if isinstance(option.type, click.Choice):
        return " " + "|".join(map(str, option.type.choices))
    return " " + (option.metavar or option.type.name.partition(" ")[0].upper())


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a help text, each as one line."""
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip())]


def plain(text: str) -> str:
    """Return *text* so that troff prints it as it is, in ASCII."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    text = text.replace("^", "\\(ha").replace("~", "\\(ti").replace("`", "\\(ga")
    text = "".join(c if c.isascii() else f"\\[u{ord(c):04X}]" for c in text)
    return "\n".join(f"\\&{line}" if line[:1] in {".", "'"} else line for line in text.split("\n"))


def main() -> None:
    """Write the page."""
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()

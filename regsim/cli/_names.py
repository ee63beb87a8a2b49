"""The names that there are, on the help page of each command that takes one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from regsim.report.text.console import wrap


def _called(module: str, function: str) -> Callable[[], Iterable[str]]:
    """Return what asks for names; the module is imported for a help page only."""

    def names() -> Iterable[str]:
        found: Iterable[str] = getattr(import_module(module), function)()
        return found

    return names


NAMES: Final[dict[str, Callable[[], Iterable[str]]]] = {
    "SCENARIO": _called("regsim.models", "names"),
    "MODEL": _called("regsim.models", "explored"),
    "EXERCISE": _called("regsim.course", "names"),
    "--os": _called("regsim.dialects", "names"),
    "--fix": lambda: import_module("regsim.cases.fixes").FIXES,
}
"""What names an argument or option can have, by what the help page calls it."""


class _Name(click.types.StringParamType):
    """A text that can be a name of the kind *called*, which a shell completes; or a file's."""

    def __init__(self, called: str) -> None:
        self.called = called

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Return the names that begin with *incomplete*; that of a model may be a file instead."""
        found = [CompletionItem(n) for n in NAMES[self.called]() if n.startswith(incomplete)]
        file = [CompletionItem(incomplete, type="file")] if self.called == "MODEL" else []
        return file + found


class Naming(click.Command):
    """A command whose help page lists the names that it *takes*, keys of `NAMES`."""

    def __init__(self, *args: Any, takes: Sequence[str], **more: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **more)
        self.takes = takes
        for param in self.params:
            named = (*param.opts, param.metavar, str(param.name).upper())
            for called in filter(named.__contains__, takes):
                param.type = _Name(called)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the names, and then what the command has to add."""
        with formatter.section("Names"):
            for each in self.takes:
                first, names = f"  {each:<10}", ", ".join(NAMES[each]())
                for line in wrap(names, formatter.width, first, " " * len(first)):
                    formatter.write(f"{line}\n")
        super().format_epilog(ctx, formatter)

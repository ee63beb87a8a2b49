"""The command line: ``regsim COMMAND``, each command imported when it is called and not before."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TextIO

import click
from click.shell_completion import CompletionItem

from regsim._version import __version__
from regsim.cli import _colour
from regsim.cli._shell import ASKING, answered
from regsim.errors import RegsimError, UnknownNameError


class _Entry(NamedTuple):
    """Where a command lives, and what the list of commands says about it."""

    module: str
    attribute: str
    help: str


_COMMANDS = {
    "demo": _Entry(
        "demo", "command", "Watch the case: stock Windows NT 4.0 against the fixed one."
    ),
    "run": _Entry("run", "command", "Play one scenario on one Windows with one fix, call by call."),
    "matrix": _Entry(
        "matrix", "command", "What becomes of the profile: Windows versions by fixes."
    ),
    "check": _Entry(
        "check", "command", "Explore every interleaving of a model: a proof or a counterexample."
    ),
    "fix": _Entry("fix", "command", "The smallest edits of a service that make every claim hold."),
    "lab": _Entry(
        "lab", "command", "Write a page to step through an incident, asked before shown."
    ),
    "site": _Entry("site", "command", "Write the playground: the simulator in the browser."),
    "affected": _Entry("affected", "command", "Is this system affected, by the articles' tables?"),
    "replay": _Entry(
        "replay", "command", "A trace in, the verdict out: who keeps the hive loaded?"
    ),
    "who": _Entry("who", "command", "A snapshot or an event in, the holders of the hive out."),
    "record": _Entry(
        "record", "command", "Run a Windows program under Wine: what does it leave open?"
    ),
    "convert": _Entry("convert", "command", "A capture in, a Parquet file out that says the same."),
    "fleet": _Entry(
        "fleet", "command", "The evidence of many machines in, one ranking of the holders out."
    ),
    "lint": _Entry("lint", "command", "Source files in: the handles that they do not give back."),
    "hive": _Entry("hive", "hive", "Hive files: look into, change, convert, compare, recover."),
    "course": _Entry("course", "command", "Eight exercises: predict, run, see which call decides."),
    "doctor": _Entry("doctor", "command", "Version, backend in use, and which extras are present."),
    "completion": _Entry("completion", "command", "Have bash, zsh or fish complete what you type."),
}

_DOOR = " "
"""The front door's name among the commands: one that nobody can type."""
_FRONT = _Entry("ask", "command", "Whatever people have in hand.")
_OWN = ("-h", "--help", "--version", "--color")

_USAGE = 2
_UNDECIDED = 3
_FAULT = 70
"""EX_SOFTWARE of sysexits.h."""
_INTERRUPTED = 130
_UNREAD = 141
"""What a shell reports for a program whose reader went away; 0 would mean that nothing blocks."""


class _ReaderGoneError(Exception):
    """Nobody reads our output any more; click would answer 1, which means "blocked" here."""


@contextlib.contextmanager
def _noticing_pipes() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        raise _ReaderGoneError from error


class _Commands(click.Group):
    """A group that knows its commands by name and imports the one that is called."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401 - as click has it
    ) -> click.Context:
        """Parse *args*; ``--help`` and ``--version`` print here."""
        with _noticing_pipes():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command that was parsed."""
        with _noticing_pipes():
            result: object = super().invoke(ctx)
            return result

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse *args*; what begins with no command is for the front door, none asks for help."""
        if not ctx.resilient_parsing:  # as for a shell that completes what is half typed
            args = _colour.taken_from(args)
            if not args:
                click.echo(ctx.get_help())
                ctx.exit()
        if args and args[0] not in (*_COMMANDS, *_OWN) and _is_for_door(args):
            args = [_DOOR, *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names in the order of the help page."""
        return list(_COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002
        cmd_name: str,
    ) -> click.Command | None:
        """Import and return the command, or None where there is none of that name."""
        entry = _FRONT if cmd_name == _DOOR else _COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module = importlib.import_module(f"{__name__}.{entry.module}")
        command = getattr(module, entry.attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - ours, and tested
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that *args* name; an unknown one lists those that exist."""
        name = args[0]
        if name == _DOOR:
            return None, self.get_command(ctx, name), args[1:]
        if name not in _COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            raise click.UsageError(
                f"{UnknownNameError('command', name, _COMMANDS)}; and there is no file {name}", ctx
            )
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands, options or files that begin with *incomplete*; imports none."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        # The file first: to bash, it means that files are offered if nothing follows.
        return [CompletionItem(incomplete, type="file")] + [
            CompletionItem(name, help=entry.help)
            for name, entry in _COMMANDS.items()
            if name.startswith(incomplete)
        ]

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in _COMMANDS.items()])


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 nothing blocks, 1 something does, 2 wrong usage or input, 3 undecided.",
)
@click.option(
    "--color",
    type=click.Choice(_colour.WHENS),
    help="Colour words: auto, the default, on a terminal and without NO_COLOR.",
    expose_value=False,
)
@click.version_option(__version__, message="regsim %(version)s")
def cli() -> None:
    """Find, explain and prove the fix of handles that keep a user's registry hive loaded.

    `regsim FILE...` answers from whatever you have: an event's text, a log, a listing of handles, a
    capture, a script's log, a hive file. `regsim -` takes what you paste. `regsim FILE --help` has
    the options.
    """


def _is_for_door(args: Sequence[str]) -> bool:
    """Return whether *args* begin with a file, standard input, or options before them."""
    first = args[0]
    if first == "-" or first.startswith("-"):
        return True
    return any(mark in first for mark in "./\\") or os.path.lexists(first)


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line in *args* (those of the process by default); return the exit code.

    What the user can put right is one line on stderr and exit code 2, memory that runs out 3, a
    fault of regsim's own 70, with where it is. Only a verdict is ever 1: whatever ends a command
    in another way has another code.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who started us: the exit code still answers
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123 - until we end
        _make_safe(getattr(sys, name))
    runs_code = args is None and any(".py" in arg for arg in sys.argv[1:])
    if not runs_code or not hasattr(os, "fork"):
        return _answer(args)
    from regsim.cli import _apart  # noqa: PLC0415 - only for a file of the user's own

    try:
        code, end = _apart.answer_of(lambda: _answer(None))
    except KeyboardInterrupt:
        _fail("interrupted")
        return _INTERRUPTED
    if code is not None:
        return code
    text = f"what ran the file's code ended before an answer ({end}); nothing was decided"
    return _fail(text, _UNDECIDED if _apart.is_limit(end) else _USAGE)


def _answer(args: Sequence[str] | None) -> int:
    """Run the command line; return the exit code, whatever becomes of it."""
    try:
        return _run(args)
    except KeyboardInterrupt:
        _fail("interrupted")
        return _INTERRUPTED
    except MemoryError:
        return _fail("out of memory: nothing is said about the question", _UNDECIDED)
    except SystemExit as stop:
        return _fail(f"something ended the program with {stop.code!r}; nothing was decided")
    except BaseException as error:  # noqa: BLE001 - an exit code of Python's own would be 1
        return _fail(_fault(error), _FAULT)


def _run(args: Sequence[str] | None) -> int:
    """Run the command line; return the exit code for what the commands say and raise on purpose."""
    asked = os.environ.get(ASKING)
    if asked:
        return answered(cli, asked)
    try:
        code = cli.main(
            args=None if args is None else list(args), prog_name="regsim", standalone_mode=False
        )
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx is not None else "regsim"
        return _fail(f"{error.format_message()} (see `{where} --help`)")
    except click.ClickException as error:
        return _fail(error.format_message())
    except click.Abort:
        _fail("interrupted")
        return _INTERRUPTED
    except (BrokenPipeError, _ReaderGoneError):
        _hush()
        return _UNREAD
    except RegsimError as error:
        return _fail(str(error))
    except OSError as error:
        named = f"{error.filename}: " if error.filename is not None else ""
        return _fail(f"{named}{error.strerror or error}")
    return code if isinstance(code, int) else 0


def _fault(error: BaseException) -> str:
    """Return the line about an error that regsim does not raise on purpose, for a report."""
    own = [
        f"{frame.f_globals.get('__name__')}:{line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__")).startswith("regsim")
    ]
    where = own[-1] if own else "regsim"
    return (
        f"{type(error).__name__}: {error} (at {where}, version {__version__}); this is a fault of "
        "regsim: please report it with the command and its input"
    )


def _fail(text: str, code: int = _USAGE) -> int:
    """Say on stderr, in one line, what is wrong; a name in it cannot drive the terminal."""
    words = " ".join(text.split())
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)
    with contextlib.suppress(OSError):
        click.echo(f"regsim: error: {line}", err=True)
    return code


def _make_safe(stream: TextIO | None) -> None:
    """Have *stream* escape what its encoding lacks, as cp1252 on a Windows console does."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def _hush() -> None:
    """Send what is still unwritten nowhere: the reader of our output has gone."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

"""How a shell that completes what is typed asks regsim, and gets its answer."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import shell_complete

from regsim.errors import RegsimError

ASKING: Final = "_REGSIM_COMPLETE"
"""The variable by which a shell asks, as click names it for a program called regsim."""


def answered(cli: click.Command, asked: str) -> int:
    """Print what completes the words that a shell has in its variables; return the exit code.

    *asked* is the value of `ASKING`. Words that make no sense complete to nothing, silently: the
    user is still typing.
    """
    try:
        return shell_complete(cli, {}, "regsim", ASKING, asked)
    except (click.ClickException, RegsimError, OSError):
        return 0

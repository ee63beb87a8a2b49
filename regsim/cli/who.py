"""``regsim who``: a snapshot of open handles or an event in, the holders out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from regsim.cli._evidence_output import Manner, evidence_options
from regsim.cli._files import put
from regsim.cli._names import Naming
from regsim.cli.ask import answer, answered_as
from regsim.errors import UsageError
from regsim.trace.source import pasted


@click.command("who", cls=Naming, takes=("--os",))
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--live", is_flag=True, help="Ask the running Windows for its open keys.")
@click.option(
    "--save",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --live, keep what it told: `regsim who FILE` reads it anywhere.",
)
@evidence_options
def command(
    file: Path | None,
    *,
    live: bool,
    save: Path | None,
    **options: Any,  # noqa: ANN401 - those of `Manner`
) -> int:
    """Name from a snapshot FILE, or with --live here and now, who holds a user's hive.

    The format is told by the content: events as text, CSV, XML, JSON or EVTX, listings of handles
    of any tool, logs of scripts; - is what is pasted. --live lists the open keys of all processes
    that may be looked into: run it as administrator. Exit code: 1 a hive is in use, 3 that is not
    told.
    """
    if live == (file is not None):
        raise UsageError("give a FILE, - for what is pasted, or --live for this computer")
    if file is not None:
        if save is not None:
            raise UsageError("--save keeps what --live tells; a FILE is kept already")
        return answered_as(file, "evidence", options)
    from regsim.live.handles import live_listing  # noqa: PLC0415 - only if asked for

    how, text = Manner(**options), live_listing()
    if save is not None:
        put(save, text.encode())
    return answer(pasted(text, "this computer"), how)

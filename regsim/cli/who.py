"""``regsim who``: a snapshot of open handles or an event in, the holders out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from regsim.cli._evidence_output import evidence_options
from regsim.cli.ask import answered_as


@click.command("who")
@click.argument("file", type=click.Path(path_type=Path))
@evidence_options
def command(file: Path, **options: Any) -> int:  # noqa: ANN401 - those of `Manner`
    """Name from a snapshot FILE the processes that hold a user's hive; - is what is pasted.

    The format is told by the content: events as text, CSV, XML, JSON or EVTX, listings of handles
    of any tool, logs of scripts. Exit code: 1 a hive is in use, 3 that is not told.
    """
    return answered_as(file, "evidence", options)

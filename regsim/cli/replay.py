"""``regsim replay``: a trace in, the finding out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from regsim.cli._evidence_output import evidence_options
from regsim.cli._names import Naming
from regsim.cli.ask import answered_as


@click.command("replay", cls=Naming, takes=("--os",))
@click.argument("trace", type=click.Path(path_type=Path))
@evidence_options
def command(trace: Path, **options: Any) -> int:  # noqa: ANN401 - those of `Manner`
    """Tell from a TRACE which processes keep a user's hive loaded, and since which event.

    The format is told by the content: Process Monitor's PML, CSV and XML, tracerpt's CSV and XML,
    logs of wineserver -d1, JSON lines, Parquet and Arrow. Exit code: 0 nothing blocks, 1 something
    does, 3 the evidence does not tell.
    """
    return answered_as(trace, "capture", options)

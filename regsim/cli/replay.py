"""``regsim replay``: a trace in, the verdict out."""

from __future__ import annotations

from pathlib import Path

import click

from regsim import dialects
from regsim.cli._evidence_output import ProgressLine, dialect_named, show
from regsim.trace.replay import replay


@click.command("replay")
@click.argument("trace", type=click.Path(path_type=Path))
@click.option("--os", "os_name", help="The system to judge by; the trace's own by default.")
@click.option("--hkcu-sid", help="The SID of the user whose hive the trace calls HKCU.")
@click.option("--at", metavar="TIME", help="The moment to judge: 16:33:20.5, or +SECONDS.")
@click.option("--json", "as_object", is_flag=True, help="Print one JSON object.")
def command(
    trace: Path, *, os_name: str | None, hkcu_sid: str | None, at: str | None, as_object: bool
) -> int:
    """Tell from a TRACE which processes keep a user's hive loaded, and since which event.

    The format is told by the content: Process Monitor's PML and CSV. Exit code: 0 nothing blocks,
    1 something does, 3 the evidence does not tell.
    """
    progress = ProgressLine()
    try:
        verdict = replay(
            trace,
            dialect=dialect_named(os_name),
            dialect_of=dialects.get,
            hkcu_sid=hkcu_sid,
            at=at,
            progress=progress,
        )
    finally:
        progress.clear()
    return show(verdict, as_object=as_object)

"""``regsim replay``: a trace in, the finding out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click

from regsim import dialects
from regsim.cli._evidence_output import ProgressLine, dialect_named, show
from regsim.cli._files import put, refuse_both
from regsim.report.pictures.evidence import evidence_svg
from regsim.trace.asking import replay
from regsim.trace.redact import redacted

_MOST_WORKERS: Final = 8


@click.command("replay")
@click.argument("trace", type=click.Path(path_type=Path))
@click.option("--os", "os_name", help="The system to judge by; the trace's own by default.")
@click.option("--hkcu-sid", help="The SID of the user whose hive the trace calls HKCU.")
@click.option("--at", metavar="TIME", help="The moment to judge: 16:33:20.5, +SECONDS, or #EVENT.")
@click.option(
    "--svg",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw the lives of the handles into FILE.",
)
@click.option("--redact", is_flag=True, help="Replace SIDs, user, computer and folder names.")
@click.option("--json", "as_object", is_flag=True, help="Print one JSON object.")
def command(
    trace: Path,
    *,
    os_name: str | None,
    hkcu_sid: str | None,
    at: str | None,
    svg: Path | None,
    redact: bool,
    as_object: bool,
) -> int:
    """Tell from a TRACE which processes keep a user's hive loaded, and since which event.

    The format is told by the content: Process Monitor's PML, CSV and XML, tracerpt's CSV and XML,
    logs of wineserver -d1, JSON lines, Parquet and Arrow. Exit code: 0 nothing blocks, 1 something
    does, 3 the evidence does not tell.
    """
    refuse_both(svg, as_json=as_object)
    progress = ProgressLine()
    try:
        finding = replay(
            trace,
            dialect=dialect_named(os_name),
            dialect_of=dialects.get,
            hkcu_sid=hkcu_sid,
            at=at,
            progress=progress,
            workers=min(os.cpu_count() or 1, _MOST_WORKERS),
        )
    finally:
        progress.clear()
    finding = redacted(finding) if redact else finding
    if svg is None:
        return show(finding, as_object=as_object)
    return show(finding, as_object=as_object, say=put(svg, evidence_svg(finding).encode(), trace))

"""``regsim who``: a snapshot of open handles or an event in, the holders out."""

from __future__ import annotations

from pathlib import Path

import click

from regsim.cli._evidence_output import ProgressLine, dialect_named, show
from regsim.trace.asking import who
from regsim.trace.redact import redacted


@click.command("who")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--os", "os_name", help="The system that the evidence is from.")
@click.option("--hkcu-sid", help="The SID of the user whose hive the listing calls HKCU.")
@click.option("--redact", is_flag=True, help="Replace SIDs, user, computer and folder names.")
@click.option("--json", "as_object", is_flag=True, help="Print one JSON object.")
def command(
    file: Path, *, os_name: str | None, hkcu_sid: str | None, redact: bool, as_object: bool
) -> int:
    """Name from a snapshot FILE the processes that hold a user's hive.

    The format is told by the content: an event log (EVTX or XML), the text of event 1530, 1517,
    1524 or 1000 or of UPHClean, handle.exe's text or CSV, the debugger's !handle. Exit code: 1 a
    holder is named, 3 none is.
    """
    progress = ProgressLine()
    try:
        finding = who(file, dialect=dialect_named(os_name), hkcu_sid=hkcu_sid, progress=progress)
    finally:
        progress.clear()
    return show(redacted(finding) if redact else finding, as_object=as_object)

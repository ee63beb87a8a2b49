"""``regsim record``: a program run under Wine, and what it leaves open in a user's hive."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from regsim import dialects
from regsim.cli._evidence_output import EXIT, kind_of
from regsim.cli._files import put, refuse_both
from regsim.cli._hive_output import say, tell
from regsim.cli._junit import junit, leaks
from regsim.cli._names import Naming
from regsim.live.recording import Recorded, record
from regsim.report.text.evidence import as_json, as_text
from regsim.testing.github import annotation


@click.command(
    "record",
    cls=Naming,
    takes=("--os",),
    context_settings={"ignore_unknown_options": True},
)
@click.argument("program", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--os", "os_name", default="win11", show_default=True, help="The system to judge by.")
@click.option("--process", metavar="NAME", help="Judge the programs of this image, as x.exe.")
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    default=300.0,
    show_default=True,
    help="End the program then, and judge what it has open.",
)
@click.option(
    "-o",
    "--output",
    metavar="TRACE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep the trace, which `regsim replay` judges the same.",
)
@click.option(
    "--junit",
    "report",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the verdict as a test's for JUnit.",
)
@click.option("--json", "as_object", is_flag=True, help="Print one JSON object.")
def command(
    program: tuple[str, ...],
    *,
    os_name: str,
    process: str | None,
    timeout: float,
    output: Path | None,
    report: Path | None,
    as_object: bool,
) -> int:
    """Run PROGRAM under Wine and tell what it leaves open: regsim record -- wine app.exe ARGS.

    It runs in a fresh prefix with a wineserver of its own. What it has open at its end, in itself
    and in children that still run, counts as of a service, which does not exit. Its standard output
    goes to stderr, its standard input is empty. Exit code: 0 nothing keeps the user's hive loaded,
    1 something does, 2 Wine is missing or runs no program, 3 it cannot be told, as when the program
    crashed.
    """
    for path in (output, report):
        refuse_both(path, as_json=as_object)
    dialect = dialects.get(os_name)
    done = record(program, dialect, process=process, timeout=timeout, output=sys.stderr.buffer)
    sys.stderr.write(done.stderr.decode("utf-8", "replace"))
    if done.exit:
        tell(f"{done.program} ended with exit code {done.exit:#x}")
    speak = put(output, done.trace) if output is not None else say
    if report is not None:
        put(report, junit(done, dialect).encode())
    if os.environ.get("GITHUB_ACTIONS") == "true":
        _annotate(done)
    if as_object:
        kind = kind_of(done.finding)
        speak(
            json.dumps({**as_json(done.finding), "kind": kind, "program_exit": done.exit}, indent=2)
        )
    else:
        speak(as_text(done.finding, dialect))
    return EXIT[done.finding.conclusion]


def _annotate(done: Recorded) -> None:
    """Tell GitHub of what blocks, each at the line that opened it; it reads stderr, too."""
    for value in leaks(done):
        tell(annotation("error", done.program, value))

"""What the front door, ``regsim who`` and ``regsim replay`` share: options, printing, codes."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import click

from regsim import dialects
from regsim.cli._colour import EVIDENCE, echo
from regsim.cli._files import put, refuse_both
from regsim.cli._hive_output import say, tell
from regsim.cores import cores
from regsim.errors import UsageError
from regsim.policy import Dialect
from regsim.report.text.evidence import as_json, as_text
from regsim.report.words.writing import visible
from regsim.trace.asking import replay
from regsim.trace.finding import Conclusion, Finding
from regsim.trace.redact import redacted
from regsim.trace.source import Source

EXIT: Final = {Conclusion.CLEAR: 0, Conclusion.BLOCKED: 1, Conclusion.INCONCLUSIVE: 3}
_QUIET: Final = 1.0
_PAUSE: Final = 0.2
MOST_WORKERS: Final = 8


class ProgressLine:
    """How far the reading is, on stderr, if that is a terminal and it takes over a second."""

    def __init__(self) -> None:
        self.began = self.shown = time.monotonic()
        self.on = sys.stderr.isatty()
        self.written = 0

    def __call__(self, done: int, total: int, events: int) -> None:
        """Show the share of the file and the rate, at most five times a second."""
        now = time.monotonic()
        if not self.on or now - self.began < _QUIET or now - self.shown < _PAUSE:
            return
        self.shown = now
        share = f"{min(done / total, 1):.0%}" if total else f"{done >> 20} MiB"
        rate = events / (now - self.began)
        text = f"{share}, {events:,} events, {rate:,.0f} a second"
        sys.stderr.write(f"\r{text.ljust(self.written)}")
        sys.stderr.flush()
        self.written = max(self.written, len(text))

    def clear(self) -> None:
        """Take the line away."""
        if self.written:
            sys.stderr.write("\r" + " " * self.written + "\r")
            sys.stderr.flush()


def dialect_named(name: str | None) -> Dialect | None:
    """Return the rules of the system called *name*, or None for no name."""
    return None if name is None else dialects.get(name)


@attrs.frozen(kw_only=True)
class Manner:
    """How evidence is to be judged and shown, as the options of a command say."""

    os_name: str | None = None
    hkcu_sid: str | None = None
    mounts: tuple[str, ...] = ()
    at: str | None = None
    redact: bool = False
    ticket: bool = False
    html: bool = False
    output: Path | None = None
    svg: Path | None = None
    verbose: bool = False
    as_object: bool = False

    def __attrs_post_init__(self) -> None:
        if self.ticket + self.html + self.as_object > 1:
            raise UsageError("--json, --ticket and --html are three forms of one answer: give one")
        if self.output is not None and not (self.ticket or self.html):
            raise UsageError("-o names the file for --ticket or --html")
        refuse_both(self.svg, as_json=self.as_object)

    def find(self, source: Source) -> Finding:
        """Return what *source* says, with the progress on the terminal meanwhile."""
        progress = ProgressLine()
        try:
            found = replay(
                source,
                dialect=dialect_named(self.os_name),
                dialect_of=dialects.get,
                hkcu_sid=self.hkcu_sid,
                mounts=self.mounts,
                at=self.at,
                progress=progress,
                workers=min(cores(), MOST_WORKERS),
            )
        finally:
            progress.clear()
        return redacted(found) if self.redact else found


_OPTIONS: Final = (
    click.option("--os", "os_name", help="The system to judge by; the evidence's own by default."),
    click.option("--hkcu-sid", help="The SID of the user whose hive the evidence calls HKCU."),
    click.option(
        "--hive",
        "mounts",
        multiple=True,
        metavar="KEY",
        help="Also judge the hive that is loaded at KEY; repeat it.",
    ),
    click.option(
        "--at", metavar="TIME", help="In a capture, judge at 16:33:20.5, +SECONDS or #EVENT."
    ),
    click.option(
        "--svg",
        metavar="FILE",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Draw the lives of a capture's handles into FILE.",
    ),
    click.option("--redact", is_flag=True, help="Replace SIDs, user, computer and folder names."),
    click.option("--ticket", is_flag=True, help="Write Markdown to paste into a ticket."),
    click.option("--html", is_flag=True, help="Write one page with the picture."),
    click.option(
        "-o",
        "--output",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write the ticket or the page to a file.",
    ),
    click.option("-v", "--verbose", is_flag=True, help="List every key and every event."),
    click.option("--json", "as_object", is_flag=True, help="Print one JSON object."),
)


def evidence_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of `Manner`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def kind_of(finding: Finding) -> str:
    """Return what the evidence of a finding is: a capture over time, or evidence of moments."""
    return "capture" if finding.fidelity.value != "D" else "evidence"


def show(finding: Finding, how: Manner, *inputs: Path, compact: bool = False) -> int:
    """Print the finding in the form asked for and return the exit code."""
    dialect = dialect_named(finding.os if finding.os in dialects.ALL else None)
    tell_it: Callable[[str], None] = say
    if how.svg is not None:
        from regsim.report.pictures.evidence import evidence_svg  # noqa: PLC0415 - if asked for

        tell_it = put(how.svg, evidence_svg(finding).encode(), *inputs)
    if how.as_object:
        record = {**as_json(finding), "kind": kind_of(finding)}
        tell_it(json.dumps(record, indent=None if compact else 2))
    elif how.ticket or how.html:
        from regsim.report.pages import as_page, as_ticket  # noqa: PLC0415 - if asked for

        text = as_ticket(finding, dialect) if how.ticket else as_page(finding, dialect)
        if how.output is None:
            tell_it(text.rstrip("\n"))
        else:
            put(how.output, text.encode(), *inputs)
    else:
        text = as_text(finding, dialect, verbose=how.verbose)
        if tell_it is say:
            echo(visible(text, keep="\n"), EVIDENCE)
        else:
            tell_it(text)
    return EXIT[finding.conclusion]


def note_other(finding: Finding, wanted: str) -> None:
    """Say as what a file was read, where another kind was asked for."""
    found = kind_of(finding)
    if found != wanted:
        command = {"capture": "replay", "evidence": "who"}[found]
        what = {"capture": "a capture of calls", "evidence": "evidence of single moments"}[found]
        tell(f"regsim: note: read as {finding.format}, {what} (as by `regsim {command}`)")


def worst(codes: Sequence[int]) -> int:
    """Return the exit code of several answers: wrong input, then blocked, then undecided."""
    return next((code for code in (2, 1, 3) if code in codes), 0)

"""``regsim replay`` as a function: a file of evidence in, the verdict out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from regsim.errors import UsageError
from regsim.policy import Dialect
from regsim.trace.columns import Capture, Progress
from regsim.trace.ledger import Ledger
from regsim.trace.opening import open_capture
from regsim.trace.procmon_csv import DAY, ticks_of
from regsim.trace.verdict import Verdict, judge

_SECOND = 10_000_000
DialectOf = Callable[[str], Dialect]
"""From the name of a system to its rules, as `regsim.dialects.get`."""


def replay(
    path: Path,
    *,
    dialect: Dialect | None = None,
    dialect_of: DialectOf | None = None,
    hkcu_sid: str | None = None,
    at: str | None = None,
    progress: Progress | None = None,
) -> Verdict:
    """Return the verdict on the trace at *path*.

    Args:
        path: the file; its content tells the format.
        dialect: the system whose rules decide; the capture's own by default.
        dialect_of: finds the rules of the capture's own system.
        hkcu_sid: whose hive the tool that recorded the trace calls HKCU.
        at: the moment asked about, a time of day or ``+SECONDS`` after the first event; the end
            of the trace by default.
        progress: told how far the reading is.

    Raises:
        DataError: the file is of no known format, or damaged where the reading begins.
        UsageError: *at* is no time, or none within the trace.
    """
    capture = open_capture(path, hkcu_sid)
    ledger = Ledger(capture)
    for batch in capture.batches(progress):
        if at is not None and ledger.until is None and capture.facts.first_time is not None:
            ledger.until = _moment(at, capture.facts.first_time)
        ledger.feed(batch)
        if ledger.stopped:
            break
    ledger.finish()
    last = capture.facts.last_time
    if at is not None and not ledger.stopped and (last is None or (ledger.until or 0) > last):
        raise UsageError(_outside(at, capture))
    found = capture.facts.os
    if dialect is None and dialect_of is not None and found is not None:
        dialect = dialect_of(found)
    return judge(ledger, dialect, None if ledger.until is None else capture.when(ledger.until))


def _moment(text: str, first: int) -> int:
    """Return the asked-for moment in the ticks of a trace that begins at *first*."""
    if text.startswith("+"):
        try:
            return first + round(float(text[1:]) * _SECOND)
        except (ValueError, OverflowError):
            raise UsageError(f"--at +SECONDS takes a number, but got {text!r}") from None
    ticks = ticks_of(text.strip().encode())
    if ticks < 0:
        raise UsageError(f"--at takes a time of day such as 16:33:20.5 or +SECONDS, not {text!r}")
    moment = first - first % DAY + ticks
    return moment if moment >= first else moment + DAY


def _outside(at: str, capture: Capture) -> str:
    facts = capture.facts
    if facts.first_time is None or facts.last_time is None:
        return f"--at {at}: the trace has no times"
    first, last = capture.when(facts.first_time), capture.when(facts.last_time)
    return f"--at {at} is not within the trace, which runs from {first} to {last}"

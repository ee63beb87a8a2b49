"""``regsim replay`` as a function: a file of evidence in, the verdict out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from regsim.errors import UnknownNameError, UsageError
from regsim.policy import Dialect
from regsim.trace.columns import Capture, Fidelity, Progress
from regsim.trace.handles import HandleLedger
from regsim.trace.judge import Verdict, judge
from regsim.trace.ledger import Ledger
from regsim.trace.opening import open_capture
from regsim.trace.readers.procmon_csv import DAY, ticks_of

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
    workers: int = 1,
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
        workers: how many processes may read a large CSV file. More than one needs the calling
            program's main module to be importable, as `multiprocessing` does.

    Raises:
        DataError: the file is of no known format, or damaged where the reading begins.
        UsageError: *at* is no time, or none within the trace.
    """
    classes = dialect.classes_hive if dialect is not None else True
    capture = open_capture(path, hkcu_sid, classes=classes, workers=workers)
    if dialect is None and dialect_of is not None and capture.facts.os is not None:
        dialect = _found(dialect_of, capture)
    ledger = _ledger(capture, dialect)
    for batch in capture.batches(progress):
        if at is not None:
            _stop_at(at, ledger)
        ledger.feed(batch)
        if ledger.stopped:
            break
    ledger.finish()
    if at is not None and not ledger.stopped:
        _check_within(at, ledger)
    if dialect is None and dialect_of is not None and capture.facts.os is not None:
        dialect = _found(dialect_of, capture)  # some formats tell it only as they are read
    return judge(ledger, dialect, _asked(ledger))


def _found(dialect_of: DialectOf, capture: Capture) -> Dialect | None:
    """Return the rules of the capture's system, if there are any under the name that it gives."""
    try:
        return dialect_of(capture.facts.os or "")
    except UnknownNameError:
        capture.facts.problems.append(f"no rules are known for its system {capture.facts.os!r}")
        return None


def _ledger(capture: Capture, dialect: Dialect | None) -> Ledger | HandleLedger:
    if capture.facts.fidelity is Fidelity.HANDLES:
        return HandleLedger(capture, dialect)
    return Ledger(capture)


def _asked(ledger: Ledger | HandleLedger) -> str | None:
    if ledger.until_number is not None:
        return f"event {ledger.until_number:,}"
    return None if ledger.until is None else ledger.capture.when(ledger.until)


def _stop_at(at: str, ledger: Ledger | HandleLedger) -> None:
    """Tell the ledger where to stop, as soon as that can be told."""
    first = ledger.capture.facts.first_time
    if at.startswith("#"):
        if not at[1:].isdecimal():
            raise UsageError(f"--at #EVENT takes the number of an event, but got {at!r}")
        ledger.until_number = int(at[1:])
    elif ledger.until is None and first is not None:
        if ledger.capture.facts.clock == "":
            raise UsageError(f"--at {at}: the trace has no times; name an event, as --at '#715'")
        ledger.until = _moment(at, first)


def _check_within(at: str, ledger: Ledger | HandleLedger) -> None:
    """Refuse a moment that lies after the end of the trace, or before its beginning."""
    facts = ledger.capture.facts
    if ledger.until_number is not None:
        if ledger.until_number > facts.events:
            raise UsageError(f"--at {at}: the trace has {facts.events:,} events")
    elif facts.last_time is None or facts.first_time is None:
        raise UsageError(f"--at {at}: the trace has no times")
    elif ledger.until is None or ledger.until > facts.last_time:
        first, last = ledger.capture.when(facts.first_time), ledger.capture.when(facts.last_time)
        raise UsageError(f"--at {at} is not within the trace, which runs from {first} to {last}")


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

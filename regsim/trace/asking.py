"""``regsim replay`` and ``regsim who`` as functions: a file of evidence in, the finding out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from regsim.errors import UnknownNameError, UsageError
from regsim.policy import Dialect
from regsim.trace.by_handle import HandleLedger
from regsim.trace.by_path import PathLedger
from regsim.trace.evidence import Capture, Facts, Fidelity, OnProgress, Reading, Snapshot
from regsim.trace.finding import Finding
from regsim.trace.formats import open_evidence
from regsim.trace.judge import judge
from regsim.trace.ledger import Ledger
from regsim.trace.source import Source, open_source, pasted
from regsim.trace.times import DAY, SECOND, time_of_day

DialectOf = Callable[[str], Dialect]
"""From the name of a system to its rules, as `regsim.dialects.get`."""


def replay(
    evidence: str | Path | Source,
    *,
    dialect: Dialect | None = None,
    dialect_of: DialectOf | None = None,
    hkcu_sid: str | None = None,
    mounts: Sequence[str] = (),
    at: str | None = None,
    progress: OnProgress | None = None,
    workers: int = 2,
) -> Finding:
    """Return what *evidence* says of the hives of users, and of hives that programs loaded.

    Args:
        evidence: a file, or the text itself; its content tells the format.
        dialect: the system whose rules decide; the evidence's own by default.
        dialect_of: finds the rules of the evidence's own system.
        hkcu_sid: whose hive the tool that recorded it calls HKCU.
        mounts: keys at which hives were loaded that are asked about as well.
        at: the moment asked about, a time of day or ``+SECONDS`` after the first event; the end
            of the trace by default.
        progress: told how far the reading is.
        workers: how many threads may read a CSV file, which gain only with the C library, and how
            many processes an EVTX file; no more of these than there are cores.

    Raises:
        DataError: it is of no known format, or damaged where the reading begins.
        MissingExtraError: the format needs a package that is not installed.
        UsageError: *at* is no time, none within the trace, or asked of what has no times.
    """
    reading = Reading(
        hkcu_sid=hkcu_sid,
        classes=dialect.classes_hive if dialect is not None else True,
        mounts=tuple(mounts),
        workers=workers,
        progress=progress,
    )
    source = evidence if isinstance(evidence, Source) else source_of(evidence)
    return _answer(open_evidence(source, reading), reading, dialect, dialect_of, at)


def who(
    evidence: str | Path | Source,
    *,
    dialect: Dialect | None = None,
    dialect_of: DialectOf | None = None,
    hkcu_sid: str | None = None,
    mounts: Sequence[str] = (),
    progress: OnProgress | None = None,
) -> Finding:
    """Return who held hives according to *evidence*: a file, or the text of an event itself.

    The arguments and what is raised are as with `replay`, whose evidence is answered too.
    """
    return replay(
        evidence,
        dialect=dialect,
        dialect_of=dialect_of,
        hkcu_sid=hkcu_sid,
        mounts=mounts,
        progress=progress,
    )


def each_host(
    evidence: Source, reading: Reading, dialect: Dialect | None, dialect_of: DialectOf | None
) -> list[Finding]:
    """Return what *evidence* says of each computer by itself, as `replay` does of one.

    Exports of log stores and agents have the rows of many, told apart by a column.
    """
    opened = open_evidence(evidence, reading)
    parts = opened.by_host() if isinstance(opened, Snapshot) else [opened]
    return [_answer(part, reading, dialect, dialect_of) for part in parts]


_LONGEST_NAME: Final = 4_096


def source_of(evidence: str | Path) -> Source:
    """Return the source that *evidence* names, or is: a text with a line break is no path.

    One without is a text if it has the form of a registry path in it, or many words, and no file is
    called so.
    """
    if isinstance(evidence, str) and (
        "\n" in evidence or len(evidence) > _LONGEST_NAME or _is_text(evidence)
    ):
        return pasted(evidence)
    return open_source(evidence)


def _is_text(evidence: str) -> bool:
    wordy = "\\registry\\" in evidence.lower() or len(evidence.split()) > 5
    if not wordy and evidence[:1] not in ("{", "[", "<"):
        return False
    try:
        return not Path(evidence).exists()
    except (OSError, ValueError):  # longer than a name can be
        return True


def _answer(
    evidence: Capture | Snapshot,
    reading: Reading,
    dialect: Dialect | None,
    dialect_of: DialectOf | None = None,
    at: str | None = None,
) -> Finding:
    """Return what *evidence* says, whatever its kind, once the rest of it is read."""
    if isinstance(evidence, Snapshot):
        if at is not None:
            raise UsageError(f"--at {at}: this evidence shows one moment, or events with their own")
        return judge(evidence, dialect or _own(evidence.facts, dialect_of), reading=reading)
    facts = evidence.facts
    dialect = dialect or _own(facts, dialect_of)
    ledger = (
        HandleLedger(evidence, dialect)
        if facts.fidelity is Fidelity.HANDLES
        else PathLedger(evidence)
    )
    for batch in evidence.batches(reading.progress):
        if at is not None:
            _stop_at(at, ledger)
        ledger.feed(batch)
        if ledger.stopped:
            break
    ledger.finish()
    if at is not None and not ledger.stopped:
        _check_within(at, ledger)
    dialect = dialect or _own(facts, dialect_of)  # some formats tell it only as they are read
    return judge(ledger, dialect, _asked(ledger))


def _own(facts: Facts, dialect_of: DialectOf | None) -> Dialect | None:
    """Return the rules of the capture's own system, if it names one that is known."""
    if dialect_of is None or facts.os is None:
        return None
    try:
        return dialect_of(facts.os)
    except UnknownNameError:
        facts.problems.append(f"no rules are known for its system {facts.os!r}")
        return None


def _asked(ledger: Ledger) -> str | None:
    if ledger.until_number is not None:
        return f"event {ledger.until_number:,}"
    return None if ledger.until is None else ledger.capture.when(ledger.until)


def _stop_at(at: str, ledger: Ledger) -> None:
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


def _check_within(at: str, ledger: Ledger) -> None:
    """Refuse a moment that lies after the end of the trace, or before its beginning."""
    facts = ledger.capture.facts
    if at.startswith("#"):
        _stop_at(at, ledger)  # a trace without any row has not come to that
        if ledger.until_number is not None and ledger.until_number > facts.events:
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
            return first + round(float(text[1:]) * SECOND)
        except (ValueError, OverflowError):
            raise UsageError(f"--at +SECONDS takes a number, but got {text!r}") from None
    ticks = time_of_day(text.strip().encode())
    if ticks < 0:
        raise UsageError(f"--at takes a time of day such as 16:33:20.5 or +SECONDS, not {text!r}")
    moment = first - first % DAY + ticks
    return moment if moment >= first else moment + DAY

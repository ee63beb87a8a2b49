"""Event logs: EVTX files, and events that were exported as XML.

Of the readers on PyPI, ``evtx`` (Rust) reads 160 to 360 thousand records a second and python-evtx
about a hundred; the first is the ``trace`` extra's. It stops at a damaged chunk, so what stands
before the damage is reported, and that there was damage.
"""

from __future__ import annotations

import json
from typing import IO, Any, Final

import attrs

from regsim.errors import DataError
from regsim.trace.evidence import Format, OnProgress, Reading, Report, Snapshot
from regsim.trace.extras import need
from regsim.trace.readers._xml import Record, XmlRecords, is_xml
from regsim.trace.readers.event_text import parse_event_text
from regsim.trace.source import Source

EVTX: Final = b"ElfFile\0"
EVT: Final = b"LfLe"
_SOURCES: Final = frozenset(
    {"microsoft-windows-user profiles service", "profsvc", "userenv", "uphclean"}
)
_PROGRESS: Final = 10_000


def _read_evtx(source: Source, reading: Reading) -> Snapshot:
    """Return what the events on users' hives in an EVTX file say."""
    parser = need("evtx", "EVTX files").PyEvtxParser
    snapshot = Snapshot("evtx")
    with source.unpacked() as file:
        _read(parser, file, snapshot, reading.progress)
    return snapshot


def _refuse_evt(source: Source, _: Reading) -> None:
    raise DataError(
        f"{source.name} is an event log of Windows XP or older; export it as text, or as EVTX "
        "with `wevtutil epl`"
    )


def _read(parser: Any, file: IO[bytes], snapshot: Snapshot, progress: OnProgress | None) -> None:  # noqa: ANN401
    try:
        records = iter(parser(file, number_of_threads=1).records_json())
    except (RuntimeError, OSError, ValueError) as error:
        snapshot.facts.problems.append(f"the file is damaged: {_line(error)}")
        return
    failures = 0
    while failures < _MOST_FAILURES:
        try:
            record = next(records, None)
        except (RuntimeError, OSError, ValueError) as error:
            failures += 1
            if failures == 1:
                text = f"a record after {snapshot.facts.events:,} is damaged: {_line(error)}"
                snapshot.facts.problems.append(text)
            continue
        if record is None:
            return
        snapshot.facts.events += 1
        _take(snapshot, record["data"])
        if progress is not None and snapshot.facts.events % _PROGRESS == 0:
            progress(0, 0, snapshot.facts.events)


_MOST_FAILURES: Final = 10_000


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _take(snapshot: Snapshot, text: str) -> None:
    """Look at one record, given as JSON."""
    if '"Event"' not in text:
        return
    try:
        system = json.loads(text)["Event"]
        head = system["System"]
        name = head["Provider"]["#attributes"].get("Name", "")
        if name.lower() not in _SOURCES:
            return
        number = head["EventID"]
        number = int(number["#text"] if isinstance(number, dict) else number)
        when = head["TimeCreated"]["#attributes"]["SystemTime"]
        snapshot.facts.host = snapshot.facts.host or str(head.get("Computer") or "")
        data = "\n".join(_texts(system.get("EventData")))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        snapshot.facts.problems.append("a record of the profile service cannot be read")
        return
    _report(snapshot, name, number, data, when)


def _texts(node: object) -> list[str]:
    """Return all texts in an event's data, in order."""
    if isinstance(node, str):
        return [node]
    found: list[str] = []
    if isinstance(node, (dict, list)):
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in items:
            if key != "#attributes":
                found += _texts(value)
    return found


def _report(snapshot: Snapshot, source: str, number: int, text: str, when: str) -> None:
    report = parse_event_text(text, source, number)
    if report is None:
        report = Report(source=source, id=number, held=False)
    dated = tuple(attrs.evolve(one, seen_at=when) for one in report.sightings)
    snapshot.reports.append(attrs.evolve(report, seen_at=when, sightings=dated))


def _read_xml(source: Source, _: Reading) -> Snapshot:
    """Return what events exported as XML say, from the Event Viewer or ``wevtutil``."""
    snapshot = Snapshot("event-xml")
    for _name, record, _done in XmlRecords(source, snapshot.facts, frozenset({"Event"})):
        snapshot.facts.events += 1
        name = record.get("Provider.Name", "")
        if name.lower() in _SOURCES:
            number = record.get("EventID", "0")
            text = "\n".join(_own_texts(record))
            when = record.get("TimeCreated.SystemTime", "")
            _report(snapshot, name, int(number) if number.isdecimal() else 0, text, when)
    return snapshot


def _own_texts(record: Record) -> list[str]:
    """Return the data and the rendered message, the attributes left out."""
    named = ("Data", "Detail", "Message", "EventData", "Param", "string")
    return [text for name, text in record.items() if name.startswith(named) and "." not in name]


FORMATS: Final = (
    Format("EVTX", lambda head: head.startswith(EVTX), _read_evtx),
    Format("EVT once it is exported", lambda head: head[4:8] == EVT, _refuse_evt),
    Format("event XML", lambda head: is_xml(head) and b"<Event" in head, _read_xml),
)

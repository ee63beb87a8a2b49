"""Event logs: EVTX files, and events that were exported as XML.

Of the readers on PyPI, ``evtx`` (Rust) reads 160 to 360 thousand records a second and python-evtx
about a hundred; the first is the ``trace`` extra's. It stops at a damaged chunk, so what stands
before the damage is reported, and that there was damage. It runs in a process of its own, which a
hostile file may end (see `evtx_apart`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import IO, Any, Final

import attrs

from regsim.errors import DataError
from regsim.trace.evidence import Format, Reading, Report, Snapshot
from regsim.trace.extras import need
from regsim.trace.readers import evtx_apart
from regsim.trace.readers._xml import Record, XmlRecords, is_xml
from regsim.trace.readers.event_text import parse_event_text
from regsim.trace.source import Source, most_unpacked

EVTX: Final = b"ElfFile\0"
EVT: Final = b"LfLe"
_SOURCES: Final = frozenset(
    {"microsoft-windows-user profiles service", "profsvc", "userenv", "uphclean"}
)


def _read_evtx(source: Source, reading: Reading) -> Snapshot:
    """Return what the events on users' hives in an EVTX file say."""
    need("evtx", "EVTX files")
    snapshot = Snapshot("evtx")
    done = False
    with source.unpacked() as file:
        allowed = most_unpacked(os.fstat(file.fileno()).st_size)
        for told in _told(file, allowed):
            snapshot.facts.events = told["events"]
            done = done or "done" in told
            if "problem" in told:
                snapshot.facts.problems.append(told["problem"])
            elif "data" in told:
                _take(snapshot, told["data"])
            elif reading.progress is not None:
                reading.progress(0, 0, snapshot.facts.events)
    if not done:
        snapshot.facts.problems.append(
            f"the library that reads EVTX files failed after {snapshot.facts.events:,} records, "
            "as it does on files made to exhaust it"
        )
    return snapshot


def _told(file: IO[bytes], allowed: int) -> Iterator[dict[str, Any]]:
    """Yield what `evtx_apart` tells of the log; its last word is missing where it was ended."""
    program = [sys.executable, "-P", evtx_apart.__file__, str(allowed), *_SOURCES]
    paths = os.pathsep.join(path for path in sys.path if path)
    child = subprocess.Popen(  # noqa: S603 - ourselves
        program,
        stdin=file,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": paths},
    )
    with child:
        try:
            assert child.stdout is not None  # noqa: S101 - as it is a pipe
            for line in child.stdout:
                if line.endswith(b"\n"):  # else it was ended in the middle of a word
                    yield json.loads(line)
        finally:
            child.kill()


def _refuse_evt(source: Source, _: Reading) -> None:
    raise DataError(
        f"{source.name} is an event log of Windows XP or older; export it as text, or as EVTX "
        "with `wevtutil epl`"
    )


def _take(snapshot: Snapshot, text: str) -> None:
    """Look at one record, given as JSON."""
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
    wanted, around = frozenset({"Event"}), frozenset({"Events"})
    for _name, record, _done in XmlRecords(source, snapshot.facts, wanted, around):
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

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
from collections.abc import Iterator, Mapping
from typing import IO, Any, Final

from regsim.errors import DataError
from regsim.trace.evidence import Format, Reading, Snapshot
from regsim.trace.extras import need
from regsim.trace.readers import evtx_apart
from regsim.trace.readers._container_events import is_container_log
from regsim.trace.readers._log_fields import logged_event, take_event
from regsim.trace.readers._profile_events import is_known
from regsim.trace.readers._rows import plain_column
from regsim.trace.readers._xml import XmlRecords, is_xml
from regsim.trace.source import Source, most_unpacked

EVTX: Final = b"ElfFile\0"
EVT: Final = b"LfLe"
_SOURCES: Final = frozenset(
    {
        *("microsoft-windows-user profiles service", "profsvc", "userenv", "uphclean"),
        "microsoft-windows-appmodel-runtime",
    }
)
_NAMES: Final = ("profile", "profsvc", "userenv", "uphclean", "appmodelruntime")
"""One of them is in the name of each of those who write such events, without spaces and hyphens."""


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
    # Without `site`, whose work the paths below are, it starts in half the time.
    program = [sys.executable, "-S", "-P", evtx_apart.__file__]
    paths = os.pathsep.join(path for path in sys.path if path)
    child = subprocess.Popen(  # noqa: S603 - ourselves
        [*program, str(allowed), ",".join(_NAMES), *_SOURCES],
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
        fields = {
            "providername": str(head["Provider"]["#attributes"].get("Name", "")),
            "eventid": _number(head["EventID"]),
            "systemtime": str(head["TimeCreated"]["#attributes"]["SystemTime"]),
            "computer": str(head.get("Computer") or ""),
            **dict(_named(system.get("EventData") or system.get("UserData"))),
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        snapshot.facts.problems.append("a record of the profile service cannot be read")
        return
    _look_at(snapshot, fields)


def _number(node: object) -> str:
    return str(node["#text"] if isinstance(node, dict) else node)


def _named(node: object, name: str = "data") -> Iterator[tuple[str, str]]:
    """Yield the texts in an event's data by plain name, those without one joined."""
    if isinstance(node, list):
        yield plain_column(name), "\n".join(text for one in node for _, text in _named(one, name))
    elif isinstance(node, dict):
        for key, value in node.items():
            if key != "#attributes":
                yield from _named(value, name if key == "#text" else key)
    elif node is not None:
        yield plain_column(name), str(node)


def _look_at(snapshot: Snapshot, fields: Mapping[str, str]) -> None:
    """Take in an event, if it is one of those who write of users' hives or apps' containers."""
    provider = fields.get("providername", "")
    if is_known(provider) or is_container_log(provider):
        event = logged_event(fields)
        if event is not None:
            take_event(snapshot, event)


def _read_xml(source: Source, _: Reading) -> Snapshot:
    """Return what events exported as XML say, from the Event Viewer or ``wevtutil``."""
    snapshot = Snapshot("event-xml")
    wanted, around = frozenset({"Event"}), frozenset({"Events"})
    for _name, record, _done in XmlRecords(source, snapshot.facts, wanted, around):
        snapshot.facts.events += 1
        fields = {plain_column(name.replace(".", "")): text for name, text in record.items()}
        fields["systemtime"] = record.get("TimeCreated.SystemTime", "")
        _look_at(snapshot, fields)
    return snapshot


FORMATS: Final = (
    Format("EVTX", lambda head: head.startswith(EVTX), _read_evtx),
    Format("EVT once it is exported", lambda head: head[4:8] == EVT, _refuse_evt),
    Format("event XML", lambda head: is_xml(head) and b"<Event" in head, _read_xml),
)

"""Event Tracing for Windows, as ``tracerpt -of CSV`` or ``-of XML`` writes it out.

Two sources of registry events are known. The kernel logger's (class Registry_TypeGroup1, opcodes 10
create, 11 open, 22 key control block created, 27 close; documented) names keys by the address of
their key control block, from which the name is put together. Microsoft-Windows-Kernel-Registry
(events 1 create, 2 open, 13 close) gives each open a key object of its own, which stands in for a
handle. Neither has handle values, and neither shows loading or unloading.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Final

import attrs

from regsim.trace.columns import CLOSE, EXIT, OPEN, START
from regsim.trace.completeness import Completeness, note
from regsim.trace.evidence import Facts, Fidelity, Format, Reading, RowCapture
from regsim.trace.readers._xml import Record, XmlRecords, is_xml
from regsim.trace.source import Source, split_csv
from regsim.trace.times import iso_ticks

REGISTRY_CLASS: Final = "{ae53722e-c863-11d2-8659-00c04fa321a1}"
_PROVIDER: Final = "Microsoft-Windows-Kernel-Registry"
_MOST_NAMES: Final = 2_000_000

_CLASSIC: Final = {
    "10": "create",
    "11": "open",
    "22": "name",
    "23": "forget",
    "24": "name",
    "25": "name",
    "27": "close",
    "create": "create",
    "open": "open",
    "kcbcreate": "name",
    "kcbdelete": "forget",
    "kcbrundownbegin": "name",
    "kcbrundownend": "name",
    "close": "close",
}
_MODERN: Final = {"1": "create", "2": "open", "13": "close"}
_LIVES: Final = {"start": START, "1": START, "end": EXIT, "2": EXIT}


@attrs.define
class EtwEvent:
    """One event, whichever file it comes from; what it does not say is empty or 0."""

    kind: str
    modern: bool = False
    pid: int = 0
    time: int = 0
    status: int = 0
    key: int = 0
    base: int = 0
    name: str = ""
    base_name: str = ""
    image: str = ""


class _EtwCapture(RowCapture):
    """What both forms share: names put together from addresses, opens paired by path."""

    def __init__(self, source: Source, reading: Reading, form: str) -> None:
        facts = Facts(
            record=Completeness(shows_filters=False),
            format=form,
            fidelity=Fidelity.OBJECTS,
            clock="utc",
        )
        super().__init__(source, facts, reading.keys())
        self._names: dict[int, str] = {}
        self._nameless = 0
        self._odd = False

    def read(self) -> Iterator[int]:
        """Take the events in."""
        for event, done in self._events():
            self.facts.events += 1
            rows = len(self.rows)
            if event is not None:
                self._take_in(event)
            if len(self.rows) > rows:
                self.facts.record.taken += 1
            elif not self._odd:
                self.facts.record.harmless += 1
            self._odd = False
            yield done

    def end(self) -> None:
        """Say how many events are on keys that nothing names."""
        if self._nameless:
            text = f"{self._nameless:,} opens and closes name no key: its name is not in the trace"
            self.facts.problems.append(text)

    @abstractmethod
    def _events(self) -> Iterator[tuple[EtwEvent | None, int]]:
        """Yield the events, None for one of another kind, each with how far the file is read."""

    def _take_in(self, event: EtwEvent) -> None:
        if event.time:
            self.facts.saw(event.time)
        if event.kind == "name":
            self._call(event.key, event.name)
        elif event.kind == "forget":
            self._names.pop(event.key, None)
        elif event.kind in ("start", "exit"):
            op = START if event.kind == "start" else EXIT
            self._row(
                op, self.processes.of_pid(event.pid, event.image, fresh=op == START), 0, event
            )
        elif event.kind == "close":
            self._change(CLOSE, event, event.name or self._names.get(event.key, ""))
        elif event.status <= 0x7FFFFFFF:
            name = self._full(event)
            if event.modern:
                self._call(event.key, name)
            self._change(OPEN, event, name)

    def _full(self, event: EtwEvent) -> str:
        """Return the whole path of what an open named relative to another key."""
        if event.name.startswith("\\"):
            return event.name
        base = event.base_name or self._names.get(event.base, "")
        if not base:
            return ""
        return f"{base}\\{event.name}" if event.name else base

    def _call(self, address: int, name: str) -> None:
        if name and (len(self._names) < _MOST_NAMES or address in self._names):
            self._names[address] = name

    def _change(self, op: int, event: EtwEvent, name: str) -> None:
        self._nameless += not name
        self._row(op, self.processes.of_pid(event.pid), self.keys.number(name), event)

    def _row(self, op: int, process: int, key: int, event: EtwEvent) -> None:
        self.rows.append((op, process, key, 0, event.time, 0, self.facts.events))


class EtwCsvCapture(_EtwCapture):
    """tracerpt's CSV: fixed columns, then the event's own fields in its class's order."""

    def __init__(self, source: Source, reading: Reading) -> None:
        super().__init__(source, reading, "etw-csv")
        header = source.head.partition(b"\n")[0].decode("utf-8-sig", "replace")
        self._places = {name.strip().lower(): at for at, name in enumerate(header.split(","))}

    def _events(self) -> Iterator[tuple[EtwEvent | None, int]]:
        lines = self.source.lines()
        next(lines, None)
        for line, done in lines:
            if line.strip():
                yield self._event(line.decode("utf-8", "replace")), done

    def _event(self, line: str) -> EtwEvent | None:
        if '"' not in line:
            fields = [field.strip() for field in line.split(",")]
        else:
            fields = [field.strip() for field in split_csv(line, spaced=True)]
        places = self._places
        data_at = places.get("user data", 19)
        if len(fields) < data_at:
            note(self.facts.record.malformed, "its columns are too few", self.facts.events + 1)
            self._odd = True
            return None
        name, kind = fields[0].lower(), fields[1].lower() if len(fields) > 1 else ""
        data = fields[data_at:]
        pid = whole(_at(fields, places.get("pid", 9)))
        time = min(whole(_at(fields, places.get("clock-time", 16))), (1 << 63) - 1)
        if name == "registry" and kind in _CLASSIC and len(data) >= 4:
            return _classic(_CLASSIC[kind], pid, time, whole(data[1]), whole(data[3]), _at(data, 4))
        if name == "process" and kind in _LIVES:
            return _life(kind, whole(_at(data, 1)) or pid, time, data)
        return None


class EtwXmlCapture(_EtwCapture):
    """tracerpt's XML: each event's fields by name."""

    def __init__(self, source: Source, reading: Reading) -> None:
        super().__init__(source, reading, "etw-xml")

    def _events(self) -> Iterator[tuple[EtwEvent | None, int]]:
        wanted, around = frozenset({"Event"}), frozenset({"Events"})
        for _, record, done in XmlRecords(self.source, self.facts, wanted, around):
            yield self._event(record), done

    def _event(self, record: Record) -> EtwEvent | None:
        pid = whole(record.get("Execution.ProcessID", ""))
        time = iso_ticks(record.get("TimeCreated.SystemTime", ""))
        if record.get("Provider.Name") == _PROVIDER:
            return self._modern(record, pid, time)
        guid = (record.get("EventGuid") or record.get("Provider.Guid") or "").lower()
        kind = record.get("Opcode", "").lower()
        if guid == REGISTRY_CLASS and kind in _CLASSIC:
            status, key = whole(record.get("Status", "")), whole(record.get("KeyHandle", ""))
            return _classic(_CLASSIC[kind], pid, time, status, key, record.get("KeyName", ""))
        if "ImageFileName" in record and kind in _LIVES:
            mine = whole(record.get("ProcessId", "")) or pid
            return _life(kind, mine, time, [record["ImageFileName"]])
        return None

    def _modern(self, record: Record, pid: int, time: int) -> EtwEvent | None:
        kind = _MODERN.get(record.get("EventID", ""))
        if kind is None:
            return None
        return EtwEvent(
            kind,
            modern=True,
            pid=pid,
            time=time,
            status=whole(record.get("Status", "")),
            key=whole(record.get("KeyObject", "")),
            base=whole(record.get("BaseObject", "")),
            name=record.get("RelativeName", record.get("KeyName", "")),
            base_name=record.get("BaseName", ""),
        )


def _classic(kind: str, pid: int, time: int, status: int, key: int, name: str) -> EtwEvent:
    return EtwEvent(kind, pid=pid, time=time, status=status, key=key, base=key, name=name)


def _life(kind: str, pid: int, time: int, data: list[str]) -> EtwEvent:
    image = next((text for text in data if text.lower().endswith(".exe")), "")
    return EtwEvent("start" if _LIVES[kind] == START else "exit", pid=pid, time=time, image=image)


def _at(fields: list[str], place: int) -> str:
    return fields[place] if place < len(fields) else ""


def whole(text: str) -> int:
    """Return a number as tracerpt writes it, decimal or in hexadecimal; 0 for what is none.

    >>> whole("0x000004D8"), whole("132389587943062614"), whole("n/a")
    (1240, 132389587943062614, 0)
    """
    try:
        found = int(text.strip(), 0) if text.strip().lower().startswith("0x") else int(text)
    except ValueError:
        return 0
    return found if 0 <= found < 1 << 64 else 0


def _recognises_csv(head: bytes) -> bool:
    return head[:11].lower() == b"event name,"


def _recognises_xml(head: bytes) -> bool:
    # Only logs number their records; what comes of a trace session has no such element.
    rooted = any(root in head for root in (b"<Events", b"<Event ", b"<Event>"))
    return is_xml(head) and rooted and not any(mark in head for mark in _OF_LOGS)


_OF_LOGS: Final = (
    *(b"<EventRecordID", b"User Profiles Service", b"Userenv", b"UPHClean"),
    b"Windows-AppModel-Runtime",
)


FORMATS: Final = (
    Format("tracerpt's CSV", _recognises_csv, EtwCsvCapture),
    Format("tracerpt's XML", _recognises_xml, EtwXmlCapture),
)

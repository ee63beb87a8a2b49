"""The project's own trace format: one JSON object a line, for whatever records registry calls.

Keys of an object; all but ``op`` may be left out where there is nothing to say:

``op``
    ``open``, ``create``, ``close``, ``duplicate``, ``start`` and ``exit`` (of the process),
    ``load``, ``unload`` and ``force`` (of a hive), ``delete`` (of a key), ``use`` (another call on
    a predefined key), ``close_root``, ``refresh_root``, ``disable_cache``; ``untold`` for what the
    recorder could not record, which ``why`` says; or a Windows function's name, such as
    ``RegOpenKeyEx``, ``NtCreateKey`` or ``NtClose``. Others are counted and ignored.
``pid``, ``process``
    the process's number, and its image.
``key`` (or ``path``)
    the key: absolute, or below what ``parent`` is open on.
``handle``, ``parent``
    numbers, decimal or as ``"0x44"``; ``parent`` may be a predefined key's name, which makes the
    record a call of the API, and its cached root is opened unasked as on ``--os``.
``status``
    the NTSTATUS or Win32 error; 0 by default.
``access``, ``time`` (or ``ts``), ``user``, ``session``, ``service``, ``command_line``
    ``time`` in seconds, or as ISO 8601.
``source``
    the line of the program that made the call, such as ``main.c:12``.

A record without ``handle`` is paired by process and key. ``os`` in the first record names the
system.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from regsim.accel.columns import EventKind
from regsim.trace.access import access_of
from regsim.trace.calls import GONE, HARMLESS, KnownCall, call_of, success
from regsim.trace.columns import CLOSE, DELETE, DUPLICATE, EXIT, LOAD, OPEN, START, UNLOAD
from regsim.trace.completeness import (
    NO_HIVE,
    NO_PROCESS,
    NOTHING,
    UNASKED,
    Completeness,
    note,
)
from regsim.trace.evidence import Facts, Fidelity, Format, Reading, RowCapture
from regsim.trace.open_keys import OpenKeys, predefined
from regsim.trace.processes import ProcessInfo
from regsim.trace.source import Source
from regsim.trace.spelling import HANDLES, HKCU, SHORT_NAMES, UNPLACED, KeyTable
from regsim.trace.times import ticks_of

_KEY_DELETED: Final = 0xC000017C
_MOST_BAD: Final = 100_000
_UNLOADS: Final = (UNLOAD, int(EventKind.FORCE))
_USE_ROOT: Final = int(EventKind.USE_ROOT)


def number_of(value: object, most: int = (1 << 64) - 1) -> int:
    """Return a number given as one or as text, 0 for none; raise ValueError for what is neither."""
    if value is None:
        return 0
    if isinstance(value, str):
        named = HANDLES.get(value.upper())
        return named if named is not None else _bounded(int(value, 0), most)
    if isinstance(value, int) and not isinstance(value, bool):
        return _bounded(value, most)
    raise ValueError(f"{value!r} is no whole number")


def _bounded(value: int, most: int) -> int:
    value = value & most if -(most >> 1) - 1 <= value < 0 else value
    if not 0 <= value <= most:
        raise ValueError(f"{value} is out of range")
    return value


class JsonlCapture(RowCapture):
    """JSON lines as a `Capture`."""

    heeds_hives = True

    def __init__(self, source: Source, reading: Reading) -> None:
        handles = b'"handle"' in source.head
        fidelity = Fidelity.HANDLES if handles else Fidelity.PATHS
        facts = Facts(
            format="jsonl",
            fidelity=fidelity,
            record=Completeness(shows_filters=False),
            os=_system(source.head),
        )
        keys = KeyTable(
            reading.hkcu_sid,
            classes=reading.classes,
            merged=reading.classes,
            mounts=reading.mounts,
        )
        super().__init__(source, facts, keys)
        self._open = OpenKeys(self.keys)
        self._bad: list[int] = []
        self._counted = False

    def read(self) -> Iterator[int]:
        """Take the lines in."""
        for number, (line, done) in enumerate(self.source.lines(), 1):
            if line.strip():
                self._line(line, number)
            yield done

    def end(self) -> None:
        """Say which lines were no records."""
        if self._bad:
            text = f"{len(self._bad):,} lines are no records (the first is line {self._bad[0]:,})"
            self.facts.problems.append(f"{text}; they were left out")

    def _line(self, line: bytes, number: int) -> None:
        self._counted = False
        try:
            record = json.loads(line)
            if not isinstance(record, dict):
                raise TypeError  # noqa: TRY301 - one handler for all that is no record
            if line.count(b'":') != len(record):  # for speed: most have just one for each field
                json.loads(line, object_pairs_hook=_once)
            self._record(record)
        except (ValueError, TypeError, OverflowError, RecursionError):
            if len(self._bad) < _MOST_BAD:
                self._bad.append(number)
            if not self._counted:
                self.facts.events += 1
            note(self.facts.record.malformed, "no record", self.facts.events)

    def _record(self, record: dict[str, Any]) -> None:
        facts = self.facts
        name = str(record.get("op", ""))
        call = call_of(name)
        given = record.get("time", record.get("ts"))
        time = ticks_of(given)
        if not facts.clock and ("time" in record or "ts" in record):
            facts.clock = "utc" if isinstance(given, str) else "seconds"
        facts.events += 1
        self._counted = True
        if facts.clock:
            facts.saw(time)
        source = record.get("source")
        if isinstance(source, str) and source:
            self.sources[facts.events] = source
        if name == "untold":
            note(facts.record.untold, str(record.get("why") or "something"), facts.events)
        elif call is None:
            note(facts.record.calls, name, facts.events)
        elif call is HARMLESS or self._failed_close(call, record):
            self._harmless(record, time)
        elif call.any_handle and call.op == CLOSE and not self._is_key(record):
            facts.record.harmless += 1
        else:
            self._call(call, record, time)

    def _failed_close(self, call: KnownCall, record: dict[str, Any]) -> bool:
        """Return whether the call is known to have closed nothing, since it failed."""
        status = number_of(record.get("status"), 0xFFFFFFFF)
        return call.op == CLOSE and success(status, call.family) is False

    def _harmless(self, record: dict[str, Any], time: int) -> None:
        """Take in a call that opens and closes nothing, but for the root of a predefined key."""
        roots = (predefined(number_of(record.get(field))) for field in ("handle", "parent"))
        root = next((one for one in roots if one in SHORT_NAMES), 0)
        if number_of(record.get("status"), 0xFFFFFFFF) in GONE:
            self._row(OPEN, {**record, "handle": 0}, time, _KEY_DELETED)
        elif root:
            about = {**record, "handle": 0, "parent": root, "key": SHORT_NAMES[root]}
            self._call(KnownCall(_USE_ROOT), {**about, "status": 0}, time)
        else:
            self.facts.record.harmless += 1

    def _call(self, call: KnownCall, record: dict[str, Any], time: int) -> None:
        """Take a call in, if its status says what it did and it says to what."""
        facts, status = self.facts, number_of(record.get("status"), 0xFFFFFFFF)
        done = success(status, call.family)
        if done is None and call.op in (OPEN, CLOSE, DUPLICATE, LOAD, *_UNLOADS):
            note(facts.record.statuses, f"{status:#x}", facts.events)
            return
        missing = self._missing(call.op, record)
        if missing:
            note(facts.record.malformed, missing, facts.events)
            return
        self._row(call.op, record, time, 0 if done else status)

    def _missing(self, op: int, record: dict[str, Any]) -> str:
        """Return what a record lacks without which it does not say what happened, or ""."""
        given = _given(record)
        if op in (LOAD, *_UNLOADS) and self.keys.hives[self.keys.number(given)] == UNPLACED:
            return NO_HIVE
        if op in (START, EXIT) and record.get("pid") is None:
            return NO_PROCESS
        if op == CLOSE and not given and not number_of(record.get("handle")):
            return NOTHING
        parent = predefined(number_of(record.get("parent")))
        by_path = self.facts.fidelity is Fidelity.PATHS
        return UNASKED if by_path and parent == HKCU and op in (OPEN, _USE_ROOT) else ""

    def _is_key(self, record: dict[str, Any]) -> bool:
        """Return whether a close of any kind of handle closes a key's."""
        process = self.processes.find(number_of(record.get("pid"), 0xFFFFFFFF))
        field = "parent" if "dup" in str(record["op"]).lower() else "handle"
        handle = number_of(record.get(field))
        return process is not None and self._open.path(process, handle) is not None

    def _row(self, op: int, record: dict[str, Any], time: int, status: int) -> None:
        handle, parent = number_of(record.get("handle")), number_of(record.get("parent"))
        parent = predefined(parent)
        process = self._process(record, fresh=op == START, time=time)
        path = _given(record)
        path = self._path(op, process, handle, parent, path or SHORT_NAMES.get(parent, ""), status)
        if op == CLOSE and predefined(handle) in SHORT_NAMES:
            op, parent, handle = int(EventKind.CLOSE_ROOT), predefined(handle), 0
        access = record.get("access")
        words = isinstance(access, str) and not access[:1].isdigit()
        mask = access_of(f"Desired Access: {access}") if words else number_of(access)
        key = self.keys.number(path)
        if op == DELETE and self.keys.hives[key] == UNPLACED:
            op = int(EventKind.OTHER)  # which handles hold nothing any more is not known
        row = (op, process, key, status, time)
        self.facts.record.taken += 1
        self.rows.append((*row, mask & 0xFFFFFFFF, self.facts.events, handle, parent))

    def _path(self, op: int, process: int, handle: int, parent: int, path: str, status: int) -> str:
        """Return the key that the record is about, from its own path or from its handle."""
        if op == CLOSE and handle:
            return self._open.closed(process, handle) or path
        if op in (OPEN, DUPLICATE):
            full = self._open.full(process, parent, path) or path
            if op == DUPLICATE and not path:
                full = self._open.path(process, parent) or ""
            if handle and not status:
                self._open.opened(process, handle, full)
            return full
        if op == EXIT:
            self._open.ended(process)
        if op == DELETE and handle:
            return path or self._open.path(process, handle) or ""
        return path

    def _process(self, record: dict[str, Any], *, fresh: bool, time: int) -> int:
        pid = number_of(record.get("pid"), 0xFFFFFFFF)
        number = self.processes.find(pid)
        if number is not None and not fresh:
            return number
        if number is not None:
            # Its number is another's now, so it has ended, whether or not the trace says so.
            self.rows.append((EXIT, number, 0, 0, time, 0, self.facts.events, 0, 0))
            self._open.ended(number)
        session = record.get("session")
        info = ProcessInfo(
            pid=pid,
            image=str(record.get("process") or f"process {pid}"),
            user=str(record.get("user") or ""),
            session=session if type(session) is int and session >= 0 else None,
            services=str(record.get("service") or ""),
            command_line=str(record.get("command_line") or ""),
        )
        return self.processes.add(pid, info)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the fields of an object; raise ValueError if one is given twice."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a field is given twice")
    return fields


def _given(record: dict[str, Any]) -> str:
    """Return the key that a record names, "" if none; raise what `_line` takes for no record."""
    key, path = record.get("key") or "", record.get("path") or ""
    if not isinstance(key, str) or not isinstance(path, str):
        raise TypeError("a key is text")
    if key and path and key != path:
        raise ValueError("it names two keys")
    return key or path


def _system(head: bytes) -> str | None:
    """Return the system that the first record names."""
    try:
        first = json.loads(head.partition(b"\n")[0])
    except (ValueError, RecursionError):
        return None
    found = first.get("os") if isinstance(first, dict) else None
    return found if isinstance(found, str) else None


def _recognises(head: bytes) -> bool:
    first = head.partition(b"\n")[0].lstrip(b"\xef\xbb\xbf \t")
    return first.startswith(b"{") and b'"op"' in head


FORMATS: Final = (Format("JSON lines", _recognises, JsonlCapture),)

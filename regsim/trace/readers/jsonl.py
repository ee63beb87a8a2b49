"""The project's own trace format: one JSON object a line, for whatever records registry calls.

Keys of an object; all but ``op`` may be left out where there is nothing to say:

``op``
    ``open``, ``create``, ``close``, ``duplicate``, ``start`` and ``exit`` (of the process),
    ``load``, ``unload`` and ``force`` (of a hive), ``delete`` (of a key), ``use`` (another call on
    a predefined key), ``close_root``, ``refresh_root``, ``disable_cache``; or a Windows function's
    name, such as ``RegOpenKeyEx``, ``NtCreateKey`` or ``NtClose``. Others are counted and ignored.
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

A record without ``handle`` is paired by process and key. ``os`` in the first record names the
system.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any, Final

from regsim.accel.columns import FIRST_PREDEFINED, EventKind
from regsim.trace.columns import (
    CLOSE,
    DUPLICATE,
    EXIT,
    LOAD,
    OPEN,
    START,
    UNLOAD,
    Batch,
    CaptureFacts,
    Fidelity,
    ProcessInfo,
    Progress,
)
from regsim.trace.names import Names, Rows, predefined
from regsim.trace.paths import KeyTable
from regsim.trace.readers.procmon_csv import access_of
from regsim.trace.readers.procmon_text import filetime_text
from regsim.trace.source import CutShortError, Source

OPS: Final = {
    "open": OPEN,
    "create": OPEN,
    "close": CLOSE,
    "duplicate": DUPLICATE,
    "start": START,
    "exit": EXIT,
    "load": LOAD,
    "unload": UNLOAD,
    "force": int(EventKind.FORCE),
    "delete": int(EventKind.DELETE),
    "use": int(EventKind.USE_ROOT),
    "close_root": int(EventKind.CLOSE_ROOT),
    "refresh_root": int(EventKind.REFRESH_ROOT),
    "disable_cache": int(EventKind.DISABLE_CACHE),
    "regopenkeyex": OPEN,
    "regopenkey": OPEN,
    "regcreatekeyex": OPEN,
    "regcreatekey": OPEN,
    "regopencurrentuser": OPEN,
    "ntopenkey": OPEN,
    "ntopenkeyex": OPEN,
    "ntcreatekey": OPEN,
    "regclosekey": CLOSE,
    "ntclose": CLOSE,
    "closehandle": CLOSE,
    "ntduplicateobject": DUPLICATE,
    "duplicatehandle": DUPLICATE,
    "regloadkey": LOAD,
    "ntloadkey": LOAD,
    "ntloadkeyex": LOAD,
    "regunloadkey": UNLOAD,
    "ntunloadkey": UNLOAD,
    "ntdeletekey": int(EventKind.DELETE),
    "regdisablepredefinedcache": int(EventKind.DISABLE_CACHE),
}
_NAMED: Final = {
    "HKCR": FIRST_PREDEFINED,
    "HKEY_CLASSES_ROOT": FIRST_PREDEFINED,
    "HKCU": FIRST_PREDEFINED + 1,
    "HKEY_CURRENT_USER": FIRST_PREDEFINED + 1,
    "HKLM": FIRST_PREDEFINED + 2,
    "HKEY_LOCAL_MACHINE": FIRST_PREDEFINED + 2,
    "HKU": FIRST_PREDEFINED + 3,
    "HKEY_USERS": FIRST_PREDEFINED + 3,
    "HKCC": FIRST_PREDEFINED + 5,
    "HKEY_CURRENT_CONFIG": FIRST_PREDEFINED + 5,
}
_ANY_HANDLE: Final = frozenset({"ntclose", "closehandle", "ntduplicateobject", "duplicatehandle"})
_SECOND: Final = 10_000_000
_EPOCH: Final = dt.datetime(1601, 1, 1, tzinfo=dt.UTC)
_UNLIKELY: Final = 1 << 61


def number_of(value: object, most: int = (1 << 64) - 1) -> int:
    """Return a number given as one or as text, 0 for none; raise ValueError for what is neither."""
    if value is None or isinstance(value, bool):
        return 0
    if isinstance(value, str):
        named = _NAMED.get(value.upper())
        return named if named is not None else _bounded(int(value, 0), most)
    if isinstance(value, int):
        return _bounded(value, most)
    raise ValueError(f"{value!r} is no whole number")


def _bounded(value: int, most: int) -> int:
    value = value & most if -(most >> 1) - 1 <= value < 0 else value
    if not 0 <= value <= most:
        raise ValueError(f"{value} is out of range")
    return value


def ticks_of(value: object) -> int:
    """Return seconds or an ISO time as ticks of 100 ns, an ISO time as FILETIME."""
    if value is None:
        return 0
    if isinstance(value, str):
        moment = dt.datetime.fromisoformat(value)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
        return (moment - _EPOCH) // dt.timedelta(microseconds=1) * 10
    if isinstance(value, (int, float)) and abs(value) < _UNLIKELY / _SECOND:
        return round(value * _SECOND)
    raise ValueError(f"{value!r} is no time")


class JsonlCapture:
    """JSON lines as a `Capture`."""

    def __init__(self, source: Source, keys: KeyTable) -> None:
        self.source, self.keys = source, keys
        handles = b'"handle"' in source.head
        fidelity = Fidelity.HANDLES if handles else Fidelity.PATHS
        self.facts = CaptureFacts(format="jsonl", fidelity=fidelity)
        self.facts.os = _system(source.head)
        self.processes: list[ProcessInfo] = []
        self._numbers: dict[int, int] = {}
        self._names = Names()
        self._rows = Rows()
        self._bad: list[int] = []
        self._iso = False

    def when(self, ticks: int) -> str:
        """Return a time as it was given: a date, or seconds."""
        if not self.facts.clock:
            return ""
        return filetime_text(ticks) if self._iso else f"{ticks / _SECOND:.7f} s"

    def batches(self, progress: Progress | None = None) -> Iterator[Batch]:
        """Yield the rows in the order of the file."""
        number = 0
        try:
            for number, (line, done) in enumerate(self.source.lines(), 1):
                if line.strip():
                    self._line(line, number)
                if self._rows.full:
                    if progress is not None:
                        progress(done, self.source.size, number)
                    yield self._rows.take()
        except CutShortError as error:
            self.facts.problems.append(str(error))
        if self._bad:
            first = self._bad[0]
            text = f"{len(self._bad):,} lines are no records (the first is line {first:,})"
            self.facts.problems.append(f"{text}; they were left out")
        yield self._rows.take()

    def _line(self, line: bytes, number: int) -> None:
        try:
            record = json.loads(line)
            if not isinstance(record, dict):
                raise TypeError  # noqa: TRY301 - one handler for all that is no record
            self._record(record)
        except (ValueError, TypeError, OverflowError, RecursionError):
            if len(self._bad) < _MOST_BAD:
                self._bad.append(number)

    def _record(self, record: dict[str, Any]) -> None:
        facts = self.facts
        name = str(record.get("op", "")).lower()
        op = OPS.get(name) or OPS.get(name.removesuffix("a").removesuffix("w"), 0)
        time = ticks_of(record.get("time", record.get("ts")))
        if not facts.clock and ("time" in record or "ts" in record):
            self._iso = isinstance(record.get("time", record.get("ts")), str)
            facts.clock = "utc" if self._iso else "seconds"
        facts.events += 1
        if facts.clock:
            facts.first_time = time if facts.first_time is None else facts.first_time
            facts.last_time = time
        if op and not (name in _ANY_HANDLE and not self._is_key(record)):
            self._row(op, record, time)

    def _is_key(self, record: dict[str, Any]) -> bool:
        """Return whether a close of any kind of handle closes a key's."""
        process = self._numbers.get(number_of(record.get("pid"), 0xFFFFFFFF), -1)
        field = "parent" if "dup" in str(record["op"]).lower() else "handle"
        return self._names.path(process, number_of(record.get(field))) is not None

    def _row(self, op: int, record: dict[str, Any], time: int) -> None:
        handle, parent = number_of(record.get("handle")), number_of(record.get("parent"))
        parent = predefined(parent)
        status = number_of(record.get("status"), 0xFFFFFFFF)
        process = self._process(record, fresh=op == START, time=time)
        path = record.get("key", record.get("path")) or ""
        if not isinstance(path, str):
            raise TypeError
        path = self._path(op, process, handle, parent, path)
        if op == CLOSE and predefined(handle) in _NAMED.values():
            op, parent, handle = int(EventKind.CLOSE_ROOT), predefined(handle), 0
        access = record.get("access")
        mask = access_of(f"Desired Access: {access}") if _is_words(access) else number_of(access)
        row = (op, process, self.keys.number(path) if path else 0, status, time)
        self._rows.add((*row, mask & 0xFFFFFFFF, self.facts.events, handle, parent))

    def _path(self, op: int, process: int, handle: int, parent: int, path: str) -> str:
        """Return the key that the record is about, from its own path or from its handle."""
        if op == CLOSE and handle:
            known = self._names.path(process, handle)
            self._names.closed(process, handle)
            return known or path
        if op in (OPEN, DUPLICATE):
            full = self._names.full(process, parent, path) or path
            if op == DUPLICATE and not path:
                full = self._names.path(process, parent) or ""
            if handle:
                self._names.opened(process, handle, full)
            return full
        if op == EXIT:
            self._names.ended(process)
        return path

    def _process(self, record: dict[str, Any], *, fresh: bool, time: int) -> int:
        pid = number_of(record.get("pid"), 0xFFFFFFFF)
        number = self._numbers.get(pid)
        if number is not None and fresh:
            self._rows.add((EXIT, number, 0, 0, time, 0, self.facts.events, 0, 0))
            self._names.ended(number)
        if number is None or fresh:
            number = self._numbers[pid] = len(self.processes)
            session = record.get("session")
            self.processes.append(
                ProcessInfo(
                    pid=pid,
                    image=str(record.get("process") or f"process {pid}"),
                    user=str(record.get("user") or ""),
                    session=session if type(session) is int and session >= 0 else None,
                    services=str(record.get("service") or ""),
                    command_line=str(record.get("command_line") or ""),
                )
            )
        return number


_MOST_BAD: Final = 100_000


def _system(head: bytes) -> str | None:
    """Return the system that the first record names."""
    try:
        first = json.loads(head.partition(b"\n")[0])
    except (ValueError, RecursionError):
        return None
    found = first.get("os") if isinstance(first, dict) else None
    return found if isinstance(found, str) else None


def _is_words(access: object) -> bool:
    return isinstance(access, str) and not access[:1].isdigit()

"""Process Monitor's own format, PML: scanned in C, or gathered with numpy out of a memory map.

The layout is public by reverse engineering (eronnen/procmon-parser, "PML Format.md"). Of the
readers on PyPI, procmon-parser decodes every field of every event in Python (50 to 95 thousand
events a second) and procmon-reader, in C++, hands each event over as an object. A finding needs
neither: the fixed part of all events is gathered at once, and the path is looked at only where a
key was opened or closed.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from typing import Any, Final

from regsim.accel import NATIVE
from regsim.errors import DataError
from regsim.trace.calls import GONE, REPARSED
from regsim.trace.columns import CLOSE, EXIT, LOAD, OPEN, START, UNLOAD, Batch
from regsim.trace.completeness import Completeness, Reasons, note
from regsim.trace.evidence import Capture, Facts, Fidelity, Format, OnProgress, Reading
from regsim.trace.extras import need
from regsim.trace.processes import ProcessInfo
from regsim.trace.readers._pml_scan import PLACE, EventScan, Mapped, Pieces, Windows
from regsim.trace.readers._procmon import os_of
from regsim.trace.source import Source

Vector = Any
"""A numpy array; numpy is an extra."""

MAGIC: Final = b"PML_"
_HEADER: Final = 0x3A8
_VERSION: Final = 9
_PROCESS, _REGISTRY = 1, 2
_EVENT: Final = 52
_BLOCK: Final = 1 << 17
_MOST_PROCESSES: Final = 1_000_000
_MOST_PATHS: Final = 1_000_000

_FIELDS: Final = [
    ("process", "<u4"),
    ("thread", "<u4"),
    ("class", "<u4"),
    ("op", "<u2"),
    ("_unknown", "<u2"),
    ("counter", "<u4"),
    ("duration", "<u8"),
    ("time", "<i8"),
    ("result", "<u4"),
    ("depth", "<u2"),
    ("_unknown2", "<u2"),
    ("size", "<u4"),
    ("extra", "<u4"),
]

# The registry operations that open or close: Procmon's number, ours, and where the path begins.
_OPS: Final = {0: (OPEN, 8), 1: (OPEN, 8), 2: (CLOSE, 2), 12: (LOAD, 4), 13: (UNLOAD, 2)}
_LAST_REGISTRY: Final = 17
_HARMLESS_CLASSES: Final = frozenset({1, 3, 4, 5})  # processes, files, profiling, network
_LIVES: Final = {7: START, 2: EXIT}
_OUTSIDE: Final = "outside the file"
_UNKNOWN: Final = "operation of an unknown number"
_BAD_PATH: Final = "its path is damaged"


class PmlCapture(Capture):
    """A PML file as a `Capture`; times are FILETIMEs, in UTC."""

    def __init__(self, source: Source, reading: Reading) -> None:
        facts = Facts(
            record=Completeness(shows_filters=True),
            format="procmon-pml",
            fidelity=Fidelity.PATHS,
            clock="utc",
        )
        super().__init__(facts, reading.keys())
        self._numpy: Any = need("numpy", "PML files") if NATIVE is None else None
        self._source, self._name = source, source.name
        self._counters: tuple[int, int] | None = None
        self._latest = 0
        self._damaged = 0
        if NATIVE is not None and source.is_plain:
            with source.path.open("rb") as file:
                self._read_tables(Pieces(file))
        else:
            self._read_tables(source.map())

    def _read_tables(self, data: Mapped | Pieces) -> None:
        """Read what stands before and behind the events."""
        self._data, self._size = data, len(data)
        self._read_header()
        try:
            self._read_processes()
        except (struct.error, IndexError):
            self.facts.cut("the table of processes is damaged")

    def _unpack(self, form: str, at: int) -> tuple[Any, ...]:
        return struct.unpack(form, self._data[at : at + struct.calcsize(form)])

    def _read_header(self) -> None:
        data = self._data
        if len(data) < _HEADER:
            raise DataError(f"{self._name}: a PML header has {_HEADER} bytes, the file {len(data)}")
        version, is64 = self._unpack("<II", 4)
        if version != _VERSION:
            raise DataError(f"{self._name} is PML version {version}; this reads version {_VERSION}")
        self._pointer = 8 if is64 else 4
        (self._count,) = self._unpack("<I", 0x234)
        _, self._offsets, self._table, self._strings = self._unpack("<4Q", 0x240)
        major, minor, build = self._unpack("<3I", 0x274)
        self.facts.os, self.facts.os_title = os_of(major, minor, build)
        self.facts.host = data[0xC:0x2C].decode("utf-16-le", "replace").partition("\0")[0]
        if max(self._offsets, self._table, self._strings) > len(data):
            raise DataError(f"{self._name}: its tables lie outside the file; it is cut short")
        room = (len(data) - self._offsets) // 5 if self._offsets <= len(data) else 0
        if self._offsets == 0 or (self._count and not room):
            raise DataError(
                f"{self._name}: the list of events is missing; the capture was not saved to its end"
            )
        if room < self._count:
            lost = self._count - room
            self.facts.cut(f"the file is cut short: {lost:,} events are missing")
            self._count = room

    def _read_processes(self) -> None:
        data, base = self._data, self._table
        (count,) = self._unpack("<I", base)
        if count > _MOST_PROCESSES or base + 4 + 8 * count > len(data):
            raise IndexError
        indexes = self._unpack(f"<{count}I", base + 4)
        offsets = self._unpack(f"<{count}I", base + 4 + 4 * count)
        (strings,) = self._unpack("<I", self._strings)
        for index, offset in zip(indexes, offsets, strict=True):
            record = self._unpack("<4IQ2I2q10I", base + offset)
            texts = [self._string(number, strings) for number in record[12:15]]
            command = self._string(record[15], strings)
            self.processes.add(
                index,
                ProcessInfo(
                    pid=record[1],
                    image=texts[1],
                    user=texts[0],
                    session=record[5],
                    command_line=command,
                    started=record[7] or None,
                    ended=record[8] or None,
                ),
            )

    def _string(self, number: int, count: int) -> str:
        if number >= count:
            return ""
        (offset,) = self._unpack("<I", self._strings + 4 + 4 * number)
        at = self._strings + offset
        (size,) = self._unpack("<I", at)
        raw = self._data[at + 4 : at + 4 + min(size, 1 << 16)]
        return raw.decode("utf-16-le", "replace").rstrip("\0")

    def batches(self, progress: OnProgress | None = None) -> Iterator[Batch]:
        """Yield the rows in the order of the file."""
        rows = self._gathered() if NATIVE is None else self._scanned()
        for batch, done, events in rows:
            yield batch
            if progress is not None:
                progress(done, self._size, events)
        facts = self.facts
        facts.events = facts.record.rows = self._count
        if self._damaged:
            facts.problems.append(f"{self._damaged:,} events are damaged and were left out")
        if self._counters:
            low, high = self._counters
            facts.missing = max(high - low + 1 - facts.registry_events, 0)

    def _scanned(self) -> Iterator[tuple[Batch, int, int]]:
        """Yield the rows by the scan in C, with how far the file is read."""
        scan = EventScan(self._size, self._pointer, self.keys, self.processes)
        with Windows(self._source) as windows:
            for first in range(0, self._count, _BLOCK):
                size = PLACE * min(_BLOCK, self._count - first)
                places = windows.piece(self._offsets + PLACE * first, size)
                if len(places) < size or not scan.block(windows, places, first):
                    self._count = first
                    self.facts.cut("the file became shorter while it was read")
                    return
                self._account(scan)
                last = scan.core.place(places, len(places) // PLACE - 1)
                yield scan.batch(), last, first + len(places) // PLACE

    def _account(self, scan: EventScan) -> None:
        """Count what a block held, as `_block` and `_note` do."""
        facts, record = self.facts, self.facts.record
        taken, harmless, outside, unknown, damaged = scan.core.counts()
        record.taken += taken
        record.harmless += harmless
        self._damaged += outside[0] + damaged[0]
        for reasons, reason, (count, first, last) in (
            (record.malformed, _OUTSIDE, outside),
            (record.calls, _UNKNOWN, unknown),
            (record.malformed, _BAD_PATH, damaged),
        ):
            if count:
                note(reasons, reason, first, count, last)
        for time in scan.core.times():
            facts.saw(time)
        known = self._counters
        counters, falls, fall, skipped, skip, low, high, latest = scan.core.gaps(
            self._latest, known[1] if known else -1
        )
        facts.registry_events += counters
        if falls:
            record.disordered.add(fall, falls)
        if skipped:
            record.gaps.add(skip, skipped)
        if counters:
            known = known or (low, high)
            self._latest, self._counters = latest, (min(low, known[0]), max(high, known[1]))

    def _gathered(self) -> Iterator[tuple[Batch, int, int]]:
        """Yield the same by the twin, which gathers the fixed part of all events with numpy."""
        np = self._numpy
        self._narrow: dict[bytes, int] = {}
        self._wide: dict[bytes, int] = {}
        raw = np.frombuffer(self._data, np.uint8)
        offsets = raw[self._offsets : self._offsets + PLACE * self._count].reshape(-1, PLACE)
        for first in range(0, self._count, _BLOCK):
            block = offsets[first : first + _BLOCK]
            low = np.ascontiguousarray(block[:, :4]).view("<u4").ravel().astype(np.int64)
            wide = low + (block[:, 4].astype(np.int64) << 32)
            at = np.where(wide < self._size, wide, low)
            yield self._block(at, first), int(at[-1]), first + len(block)

    def _block(self, at: Vector, first: int) -> Batch:
        """Return the rows of the events at the file offsets *at*."""
        np, data = self._numpy, self._data
        size = len(data)
        numbers = np.arange(first + 1, first + 1 + len(at))
        inside = (at >= _HEADER) & (at + _EVENT <= size)
        if not inside.all():
            self._damaged += int((~inside).sum())
            self._tally(self.facts.record.malformed, _OUTSIDE, ~inside, numbers)
            at, numbers = at[inside], numbers[inside]
        if not len(at):
            return Batch()
        everywhere = np.ndarray((size - _EVENT + 1,), np.dtype(_FIELDS), data, strides=(1,))
        events = everywhere[at]
        self._note(events, numbers)
        ops = self._ops(events, numbers)
        mine = np.flatnonzero(ops)
        events, ops, at, numbers = events[mine], ops[mine], at[mine], numbers[mine]
        starts = at + _EVENT + self._pointer * events["depth"].astype(np.int64)
        return self._rows(events, ops, starts, numbers)

    def _note(self, events: Vector, numbers: Vector) -> None:
        """Keep what tells about the capture as a whole: its first and last time, and counters."""
        facts, times = self.facts, events["time"]
        facts.saw(int(times[0]))
        facts.saw(int(times[-1]))
        counters = events["counter"][events["class"] == _REGISTRY]
        facts.registry_events += len(counters)
        if not len(counters):
            return
        low, high = int(counters.min()), int(counters.max())
        self._find_gaps(counters, numbers[events["class"] == _REGISTRY])
        known = self._counters or (low, high)
        self._counters = (min(low, known[0]), max(high, known[1]))

    def _find_gaps(self, counters: Vector, numbers: Vector) -> None:
        """Note where the numbers that the driver counts up fall, or skip some, in one block."""
        np = self._numpy
        falls = np.diff(counters.astype(np.int64), prepend=self._latest) < 0
        self._latest = int(counters[-1])
        for place in np.flatnonzero(falls)[-1:].tolist():
            self.facts.record.disordered.add(int(numbers[place]), int(falls.sum()))
        order = np.argsort(counters, kind="stable")
        steps = np.diff(counters[order].astype(np.int64), prepend=self._last_counter(counters))
        places = np.flatnonzero(steps > 1)
        for place in places[-1:].tolist():
            skipped = int((steps[places] - 1).sum())
            self.facts.record.gaps.add(int(numbers[order][place]), skipped)

    def _last_counter(self, counters: Vector) -> int:
        """Return the highest number before the block, or the one before its own first."""
        low = int(counters.min())
        return min(self._counters[1], low) if self._counters else low - 1

    def _ops(self, events: Vector, numbers: Vector) -> Vector:
        """Return our code of each event's operation; 0 where it opens and closes nothing."""
        np = self._numpy
        registry, life = np.zeros(256, np.uint8), np.zeros(256, np.uint8)
        for number, (op, _) in _OPS.items():
            registry[number] = op
        for number, op in _LIVES.items():
            life[number] = op
        number = np.minimum(events["op"], 255)
        kind = events["class"]
        ops = np.where(kind == _REGISTRY, registry[number], 0)
        ops = np.where(kind == _PROCESS, life[number], ops)
        result = events["result"]
        failed = (result > 0x7FFFFFFF) | np.isin(result, REPARSED)
        known = np.isin(kind, list(_HARMLESS_CLASSES)) | (
            (kind == _REGISTRY) & (number <= _LAST_REGISTRY)
        )
        self._tally(self.facts.record.calls, _UNKNOWN, ~known, numbers)
        ops = np.where((ops == OPEN) & failed & ~np.isin(result, list(GONE)), 0, ops)
        self.facts.record.harmless += int((known & (ops == 0)).sum())
        return ops

    def _tally(self, reasons: Reasons, reason: str, rows: Vector, numbers: Vector) -> None:
        """Count the marked rows under *reason*."""
        places = self._numpy.flatnonzero(rows)
        if len(places):
            first, last = int(numbers[places[0]]), int(numbers[places[-1]])
            note(reasons, reason, first, len(places), last)

    def _rows(
        self,
        events: Vector,
        ops: Vector,
        starts: Vector,
        numbers: Vector,
    ) -> Batch:
        """Return the columns of the events that open or close, with their paths looked up."""
        np, size = self._numpy, len(self._data)
        live = (ops == START) | (ops == EXIT)
        heads = np.zeros(256, np.int64)
        for number, (_, head) in _OPS.items():
            heads[number] = head
        inside = starts + 8 <= size
        safe = np.where(inside, starts, 0)
        info = np.ndarray((size - 1,), "<u2", self._data, strides=(1,))[safe].astype(np.int64)
        wide = 2 - (info >> 15)
        begins = safe + heads[np.minimum(events["op"], 255)]
        ends = begins + (info & 0x7FFF) * wide
        good = live | (inside & (ends <= safe + events["size"]) & (ends <= size))
        access = np.ndarray((size - 3,), "<u4", self._data, strides=(1,))[
            np.where(inside, safe + 4, 0)
        ]
        if not good.all():
            self._damaged += int((~good).sum())
            self._tally(self.facts.record.malformed, _BAD_PATH, ~good, numbers)
        self.facts.record.taken += int(good.sum())
        result = events["result"]
        status = np.where((result > 0x7FFFFFFF) | np.isin(result, REPARSED), result, 0)
        ends = np.where(live | ~good, begins, ends)
        processes = self.processes.numbers_of(events["process"].tolist(), "process record")
        keys = self._keys(begins.tolist(), ends.tolist(), wide.tolist())
        return Batch(
            op=_column("B", np.where(good, ops, 0)),
            process=array("I", processes),
            key=array("I", keys),
            status=_column("I", status),
            time=_column("q", events["time"]),
            access=_column("I", np.where((ops == OPEN) & good, access, 0)),
            number=_column("Q", numbers),
        )

    def _keys(self, begins: list[int], ends: list[int], wide: list[int]) -> list[int]:
        """Return the number of the key whose path stands at each place."""
        data, narrow_paths, wide_paths = self._data, self._narrow, self._wide
        found = []
        for begin, end, width in zip(begins, ends, wide, strict=True):
            raw = data[begin:end]
            known = narrow_paths if width == 1 else wide_paths
            key = known.get(raw)
            if key is None:
                text = raw.decode("latin-1") if width == 1 else raw.decode("utf-16-le", "replace")
                key = self.keys.number(text)
                if len(known) < _MOST_PATHS:
                    known[raw] = key
            found.append(key)
        return found


def _column(code: str, values: Vector) -> array[int]:
    """Return *values* as an array of the type *code*."""
    column: array[int] = array(code)
    column.frombytes(values.astype(column.typecode).tobytes())
    return column


FORMATS: Final = (Format("Process Monitor's PML", lambda head: head.startswith(MAGIC), PmlCapture),)

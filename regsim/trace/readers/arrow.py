"""Parquet and Arrow files with the columns of `regsim.trace.readers.jsonl`: the fast way in.

The columns are ``op`` (text, or the numbers of `regsim.accel.columns.EventKind`), ``pid`` and
``key`` (text, best dictionary-encoded), and where there is something to say ``handle``, ``parent``,
``status``, ``access``, ``time`` (an integer of 100 ns ticks, or a timestamp) and ``process``. Keys
are absolute here. Whole columns are mapped to numbers at once; no row is looked at on its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from regsim.accel.columns import FIRST_PREDEFINED, LAST_PREDEFINED, EventKind
from regsim.errors import DataError
from regsim.trace.calls import GONE, Family, call_of, success
from regsim.trace.columns import CLOSE, DELETE, DUPLICATE, EXIT, LOAD, OPEN, START, UNLOAD, Batch
from regsim.trace.completeness import (
    NO_HIVE,
    NO_PROCESS,
    NOTHING,
    UNASKED,
    Completeness,
    Reasons,
    note,
)
from regsim.trace.evidence import Capture, Facts, Fidelity, Format, OnProgress, Reading
from regsim.trace.extras import need
from regsim.trace.processes import ProcessInfo
from regsim.trace.readers._parquet import DAMAGE, ParquetTable, Table, ahead, first_line
from regsim.trace.source import Source
from regsim.trace.spelling import HKCU, UNPLACED, KeyTable

PARQUET: Final = b"PAR1"
ARROW_FILE: Final = b"ARROW1"
_NEEDED: Final = ("op", "pid", "key")
_WANTED: Final = (*_NEEDED, "handle", "parent", "status", "access", "time", "process")
_TEXTS: Final = ("key", "process", "op")
_ROWS: Final = 1 << 20
_UNKNOWN: Final = 1 << 16
_OPS: Final = len(EventKind)
_SIGNED: Final = 0xFFFFFFFF << 32
_MOST_PIDS: Final = 1 << 20
_UNLOADS: Final = (UNLOAD, int(EventKind.FORCE))
_USE_ROOT: Final = int(EventKind.USE_ROOT)
_UNIX_TICKS: Final = 116_444_736_000_000_000


class ArrowCapture(Capture):
    """A Parquet or Arrow file as a `Capture`."""

    heeds_hives = True

    def __init__(self, source: Source, reading: Reading) -> None:
        self.source = source
        self._pa, self._np = need("pyarrow", "Parquet files"), need("numpy", "Parquet files")
        self._batches, names = self._open()
        missing = [name for name in _NEEDED if name not in names]
        if missing:
            raise DataError(f"{source.name} lacks the column {', '.join(missing)}")
        fidelity = Fidelity.HANDLES if "handle" in names else Fidelity.PATHS
        record = Completeness(shows_filters=False)
        facts = Facts(format="parquet", fidelity=fidelity, record=record)
        keys = KeyTable(
            reading.hkcu_sid,
            classes=reading.classes,
            merged=reading.classes,
            mounts=reading.mounts,
        )
        super().__init__(facts, keys)
        self._codes: list[str] = []
        self._dictionaries: dict[str, tuple[Table, Table]] = {}

    def _open(self) -> tuple[Iterator[Table], list[str]]:
        """Return the file's batches and the names of its columns."""
        pa, data = self._pa, self.source.map()
        try:
            if self.source.head.startswith(ARROW_FILE):
                reader = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(data)))
                every = (reader.get_batch(at) for at in range(reader.num_record_batches))
                return every, list(reader.schema.names)
            file = ParquetTable(data, _TEXTS)
            wanted = [name for name in _WANTED if name in file.names]
            return ahead(file.batches(wanted, _ROWS)), file.names
        except (pa.ArrowException, *DAMAGE) as error:
            raise DataError(f"{self.source.name} is damaged: {first_line(error)}") from None

    def batches(self, progress: OnProgress | None = None) -> Iterator[Batch]:
        """Yield the rows in the order of the file."""
        while True:
            try:
                table = next(self._batches, None)
                if table is None:
                    return
                table.validate(full=True)
                batch = self._batch(table)
            except (self._pa.ArrowException, *DAMAGE) as error:
                text = f"the file is damaged after {self.facts.events:,} rows: {first_line(error)}"
                self.facts.cut(text)
                return
            if progress is not None:
                progress(0, 0, self.facts.events)
            self.facts.record.rows = self.facts.events
            yield batch

    def _batch(self, table: Table) -> Batch:
        np, rows = self._np, table.num_rows
        first = self.facts.events
        coded = self._coded(table, "op", self._op)
        processes = self._process_numbers(table)
        keys = self._coded(table, "key", lambda text: self.keys.number(text or ""))
        times = self._times(table, rows)
        self.facts.events += rows
        ops, statuses = self._understood(coded, keys, self._statuses(table, rows), first)
        handles, parents = (self._handles(table, name, rows) for name in ("handle", "parent"))
        self._ask(table, coded, ops, keys, handles, parents, first)
        batch = Batch(
            op=ops,
            process=processes,
            key=keys,
            status=statuses,
            time=times,
            access=self._ints(table, "access", rows).astype(np.uint32),
            number=np.arange(first + 1, first + rows + 1, dtype=np.uint64),
        )
        if self.facts.fidelity is Fidelity.HANDLES:
            batch.handle, batch.parent = self._ints(table, "handle", rows), parents
        return batch

    def _op(self, text: str | None) -> int:
        """Return the code of a call's name: its op, its family, or a number of its own."""
        call = call_of(text or "")
        if call is not None:
            return call.op + (call.family.value << 8)
        self._codes.append(text or "")
        return _UNKNOWN + len(self._codes) - 1

    def _understood(
        self, coded: Table, keys: Table, statuses: Table, first: int
    ) -> tuple[Table, Table]:
        """Return the ops and statuses of rows; what is not understood is counted and op 0."""
        np, record = self._np, self.facts.record
        ops, statuses = coded.astype(np.uint8), statuses.copy()
        if coded.itemsize > 1:  # names
            unknown = coded >= _UNKNOWN
            for code in np.unique(coded[unknown]).tolist():
                name, rows = self._codes[code - _UNKNOWN], np.flatnonzero(coded == code)
                self._note(record.calls, name, rows, first)
            ops[unknown] = 0
        self._judge_statuses(coded, ops, statuses, first)
        # Any call that finds its key gone is told as an open that failed so.
        failed = (coded == 0) | ((ops == CLOSE) & (statuses != 0))
        gone = np.zeros(len(ops), bool)
        for status in GONE:
            gone |= statuses == status
        gone &= failed
        record.harmless += int((failed & ~gone).sum())
        ops[failed] = 0
        ops[gone] = OPEN
        # A delete has the handles on its key hold nothing any more; here it is not known on which.
        placed = np.flatnonzero(_among(np, ops, (DELETE, LOAD, *_UNLOADS)))
        lost = placed[np.asarray(self.keys.hives)[keys[placed]] == UNPLACED]
        void = ops[lost] == DELETE
        record.harmless += int(void.sum())
        self._note(record.malformed, NO_HIVE, lost[~void], first)
        ops[lost] = 0
        record.taken += int(np.count_nonzero(ops))
        return ops, statuses

    def _judge_statuses(self, coded: Table, ops: Table, statuses: Table, first: int) -> None:
        """Make the statuses of calls that did what they were asked to 0, and unknown ones op 0."""
        np = self._np
        failed = np.flatnonzero(statuses)
        given, families = statuses[failed], (coded[failed].astype(np.uint32) >> 8) & 0xFF
        opening = _among(np, ops[failed], (OPEN, CLOSE, DUPLICATE, LOAD, *_UNLOADS))
        for status in sorted(self._pa.array(given).unique().to_pylist()):
            for family in Family:
                rows = (given == status) & (families == family.value)
                done = success(status, family)
                if done is None:
                    lost = failed[rows & opening]
                    self._note(self.facts.record.statuses, f"{status:#x}", lost, first)
                    ops[lost] = 0
                elif done:
                    statuses[failed[rows]] = 0

    def _ask(
        self,
        table: Table,
        coded: Table,
        ops: Table,
        keys: Table,
        handles: Table,
        parents: Table,
        first: int,
    ) -> None:
        """Take rows out that do not say what they are about, and calls on HKCU in."""
        np, record = self._np, self.facts.record
        root = (parents == HKCU) | (handles == HKCU)
        used = np.flatnonzero(root & (coded == 0) & (ops == 0))
        nothing = np.flatnonzero((ops == CLOSE) & (handles == 0) & (keys == 0))
        unnamed = unasked = nothing[:0]
        if table.column("pid").null_count:
            without = np.asarray(table.column("pid").is_null())
            unnamed = np.flatnonzero(without & _among(np, ops, (START, EXIT)))
        if len(used):
            ops[used], keys[used] = _USE_ROOT, self.keys.number("HKCU")
        record.harmless -= len(used)
        record.taken += len(used)
        if self.facts.fidelity is Fidelity.PATHS:
            unasked = np.flatnonzero((parents == HKCU) & _among(np, ops, (OPEN, _USE_ROOT)))
        for reason, lost in ((NO_PROCESS, unnamed), (NOTHING, nothing), (UNASKED, unasked)):
            self._note(record.malformed, reason, lost, first)
            record.taken -= len(lost)
            ops[lost] = 0

    def _note(self, reasons: Reasons, reason: str, places: Table, first: int) -> None:
        if len(places):
            low, high = int(places[0]), int(places[-1])
            note(reasons, reason, first + low + 1, len(places), first + high + 1)

    def _coded(self, table: Table, name: str, number: Any) -> Table:  # noqa: ANN401 - a function
        """Return a column of texts as numbers, each text of its dictionary looked up once."""
        pa, np = self._pa, self._np
        column = table.column(name)
        if name == "op" and pa.types.is_integer(column.type):
            values = np.asarray(_filled(column, 0))
            if len(values) and not 0 <= values.min() <= values.max() < _OPS:
                raise ValueError(f"op {values.max()} is unknown")
            values = values.astype(np.uint8)
            if not column.null_count:
                return values
            return np.where(np.asarray(column.is_null()), np.uint32(number(None)), values)
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        kind = column.type.value_type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            raise ValueError(f"the column {name} holds no text")
        known = self._dictionaries.get(name)
        if known is None or not known[0].equals(column.dictionary):
            numbers = [number(text) for text in column.dictionary.to_pylist()]
            known = (column.dictionary, np.array([*numbers, number(None)], np.uint32))
            self._dictionaries[name] = known
        return known[1][np.asarray(_filled(column.indices, -1))]

    def _ints(self, table: Table, name: str, rows: int) -> Table:
        """Return a column of whole numbers as 64 bits without a sign; zeros if there is none."""
        np = self._np
        if name not in table.schema.names:
            return np.zeros(rows, np.uint64)
        column = table.column(name)
        if not self._pa.types.is_integer(column.type):
            raise ValueError(f"the column {name} holds no whole numbers")
        return np.asarray(_filled(column, 0)).astype(np.uint64, copy=False)

    def _statuses(self, table: Table, rows: int) -> Table:
        """Return the column of statuses; one of more than 32 bits is refused."""
        wide = self._ints(table, "status", rows)
        high = wide >> 31
        if ((high > 1) & (high != (1 << 33) - 1)).any():
            raise ValueError("a status has more than 32 bits")
        return wide.astype(self._np.uint32)

    def _handles(self, table: Table, name: str, rows: int) -> Table:
        """Return a column of handles, those of predefined keys with the sign taken off."""
        values = self._ints(table, name, rows)
        signed = values >= _SIGNED + FIRST_PREDEFINED
        signed &= values <= _SIGNED + LAST_PREDEFINED
        return values - signed * self._np.uint64(_SIGNED) if signed.any() else values

    def _times(self, table: Table, rows: int) -> Table:
        np, facts = self._np, self.facts
        if "time" not in table.schema.names:
            return np.zeros(rows, np.int64)
        column = table.column("time")
        dates = self._pa.types.is_timestamp(column.type)
        if dates:
            nanoseconds = column.cast(self._pa.timestamp("ns")).cast(self._pa.int64())
            times = np.asarray(_filled(nanoseconds, 0)) // 100 + _UNIX_TICKS
        elif self._pa.types.is_integer(column.type):
            times = np.asarray(_filled(column, 0)).astype(np.int64, copy=False)
        else:
            raise ValueError("the column time holds neither whole numbers nor timestamps")
        if rows and self._pa.types.is_uint64(column.type) and (times < 0).any():
            raise ValueError("a time has more than 63 bits")
        facts.clock = "utc" if dates else "ticks"
        if rows:
            facts.saw(int(times[0]))
            facts.saw(int(times[-1]))
        return times

    def _process_numbers(self, table: Table) -> Table:
        """Return the capture's number of each row's process."""
        np = self._np
        pids = self._ints(table, "pid", table.num_rows)
        images = table.column("process") if "process" in table.schema.names else None
        if not len(pids):
            return np.zeros(0, np.uint32)
        highest = int(pids.max())
        if highest >= _MOST_PIDS:
            found, rows = np.unique(pids, return_inverse=True)
        else:
            # Numbers of processes are small: a table of them takes less time than sorting.
            rows = pids.astype(np.intp)
            seen = np.zeros(highest + 1, bool)
            seen[rows] = True
            found = np.flatnonzero(seen)
        found_at = self._first_rows(pids, found) if images is not None else {}
        numbers = np.array(
            [self._process(pid, images, found_at.get(pid, 0)) for pid in found.tolist()], np.uint32
        )
        if highest >= _MOST_PIDS:
            return numbers[rows]
        by_pid = np.zeros(highest + 1, np.uint32)
        by_pid[found] = numbers
        return by_pid[rows]

    def _first_rows(self, pids: Table, found: Table) -> dict[int, int]:
        """Return in which row each of those *found* comes first, if any of them is new."""
        if all(self.processes.find(pid) is not None for pid in found.tolist()):
            return {}
        first = self._np.unique(pids, return_index=True)[1]
        return dict(zip(found.tolist(), first.tolist(), strict=True))

    def _process(self, pid: int, images: Table, at: int) -> int:
        known = self.processes.find(pid)
        if known is not None:
            return known
        image = images[at].as_py() if images is not None else None
        info = ProcessInfo(pid=pid & 0xFFFFFFFF, image=image or f"process {pid}")
        return self.processes.add(pid, info)


def _filled(column: Table, value: int) -> Table:
    """Return *column* with *value* where it holds nothing."""
    return column.fill_null(value) if column.null_count else column


def _among(np: Any, ops: Table, wanted: Iterable[int]) -> Table:  # noqa: ANN401 - numpy
    """Return by item of *ops* whether it is one of those *wanted*."""
    table = np.zeros(256, bool)
    table[list(wanted)] = True
    return table[ops]


FORMATS: Final = (
    Format(
        "Parquet and Arrow files",
        lambda head: head.startswith((PARQUET, ARROW_FILE)),
        ArrowCapture,
    ),
)

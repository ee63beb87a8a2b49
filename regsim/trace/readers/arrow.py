"""Parquet and Arrow files with the columns of `regsim.trace.readers.jsonl`: the fast way in.

The columns are ``op`` (text, or the numbers of `regsim.accel.columns.EventKind`), ``pid`` and
``key`` (text, best dictionary-encoded), and where there is something to say ``handle``, ``parent``,
``status``, ``access``, ``time`` (an integer of 100 ns ticks, or a timestamp) and ``process``. Keys
are absolute here. Whole columns are mapped to numbers at once; no row is looked at on its own.
"""

from __future__ import annotations

from collections.abc import Iterator
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
from regsim.trace.readers._parquet import ParquetTable, Table, ahead
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
_UNLOADS: Final = (UNLOAD, int(EventKind.FORCE))
_USE_ROOT: Final = int(EventKind.USE_ROOT)
_DAMAGE: Final = (OSError, ValueError, LookupError, ArithmeticError)
_UNIX_TICKS: Final = 116_444_736_000_000_000


class ArrowCapture(Capture):
    """A Parquet or Arrow file as a `Capture`."""

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
        except (pa.ArrowException, *_DAMAGE) as error:
            raise DataError(f"{self.source.name} is damaged: {_first(error)}") from None

    def batches(self, progress: OnProgress | None = None) -> Iterator[Batch]:
        """Yield the rows in the order of the file."""
        while True:
            try:
                table = next(self._batches, None)
                if table is None:
                    return
                table.validate(full=True)
                batch = self._batch(table)
            except (self._pa.ArrowException, *_DAMAGE) as error:
                text = f"the file is damaged after {self.facts.events:,} rows: {_first(error)}"
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
        texts = self._codes
        processes = self._process_numbers(table)
        keys = self._coded(table, "key", lambda text: self.keys.number(text or ""))
        times = self._times(table, rows)
        self.facts.events += rows
        ops, statuses = self._understood(coded, texts, keys, self._statuses(table, rows), first)
        ops, keys = self._asked(table, coded, ops, keys, first)
        batch = Batch(
            op=ops.astype(np.uint8),
            process=processes,
            key=keys.astype(np.uint32),
            status=statuses,
            time=times,
            access=self._ints(table, "access", rows).astype(np.uint32),
            number=np.arange(first + 1, first + rows + 1, dtype=np.uint64),
        )
        if self.facts.fidelity is Fidelity.HANDLES:
            batch.handle = self._ints(table, "handle", rows)
            batch.parent = self._handles(table, "parent", rows)
        return batch

    def _op(self, text: str | None) -> int:
        """Return the code of a call's name: its op, its family, or a number of its own."""
        call = call_of(text or "")
        if call is not None:
            return call.op + (call.family.value << 8)
        self._codes.append(text or "")
        return _UNKNOWN + len(self._codes) - 1

    def _understood(
        self, coded: Table, names: list[str], keys: Table, statuses: Table, first: int
    ) -> tuple[Table, Table]:
        """Return the ops and statuses of rows; what is not understood is counted and op 0."""
        np, record = self._np, self.facts.record
        hives = np.asarray(self.keys.hives)[keys]
        families, ops = (coded >> 8) & 0xFF, coded & 0xFF
        unknown = coded >= _UNKNOWN
        for code in np.unique(coded[unknown]).tolist():
            self._note(record.calls, names[code - _UNKNOWN], coded == code, first)
        ops = np.where(unknown, 0, ops)
        statuses = statuses.copy()
        openers = np.isin(ops, (OPEN, CLOSE, DUPLICATE, LOAD, *_UNLOADS))
        for status in np.unique(statuses[statuses != 0]).tolist():
            for family in Family:
                rows = (statuses == status) & (families == family.value)
                done = success(status, family)
                if done is None:
                    lost = rows & openers
                    self._note(record.statuses, f"{status:#x}", lost, first)
                    ops = np.where(lost, 0, ops)
                elif done:
                    statuses[rows] = 0
        # Any call that finds its key gone is told as an open that failed so.
        failed = (coded == 0) | ((ops == CLOSE) & (statuses != 0))
        gone = failed & np.isin(statuses, list(GONE))
        record.harmless += int((failed & ~gone).sum())
        ops = np.where(gone, OPEN, np.where(failed, 0, ops))
        # A delete has the handles on its key hold nothing any more; here it is not known on which.
        void = (ops == DELETE) & (hives == UNPLACED)
        record.harmless += int(void.sum())
        ops = np.where(void, 0, ops)
        lost = np.isin(ops, (LOAD, *_UNLOADS)) & (hives == UNPLACED)
        self._note(record.malformed, NO_HIVE, lost, first)
        ops = np.where(lost, 0, ops)
        record.taken += int((ops != 0).sum())
        return ops, statuses

    def _asked(
        self, table: Table, coded: Table, ops: Table, keys: Table, first: int
    ) -> tuple[Table, Table]:
        """Return the ops and keys of rows that say what they are about, and of calls on HKCU."""
        np, record, rows = self._np, self.facts.record, len(ops)
        handles, parents = (self._handles(table, name, rows) for name in ("handle", "parent"))
        unnamed = np.asarray(table.column("pid").is_null()) & np.isin(ops, (START, EXIT))
        nothing = (ops == CLOSE) & (handles == 0) & (keys == 0)
        root = (parents == HKCU) | (handles == HKCU)
        used = root & (coded == 0) & (ops == 0)
        if used.any():
            ops = np.where(used, _USE_ROOT, ops)
            keys = np.where(used, self.keys.number("HKCU"), keys)
        record.harmless -= int(used.sum())
        record.taken += int(used.sum())
        by_path = self.facts.fidelity is Fidelity.PATHS
        unasked = by_path & (parents == HKCU) & np.isin(ops, (OPEN, _USE_ROOT))
        for reason, lost in ((NO_PROCESS, unnamed), (NOTHING, nothing), (UNASKED, unasked)):
            self._note(record.malformed, reason, lost, first)
            record.taken -= int(lost.sum())
            ops = np.where(lost, 0, ops)
        return ops, keys

    def _note(self, reasons: Reasons, reason: str, rows: Table, first: int) -> None:
        places = self._np.flatnonzero(rows)
        if len(places):
            low, high = int(places[0]), int(places[-1])
            note(reasons, reason, first + low + 1, len(places), first + high + 1)

    def _coded(self, table: Table, name: str, number: Any) -> Table:  # noqa: ANN401 - a function
        """Return a column of texts as numbers, each text of its dictionary looked up once."""
        pa, np = self._pa, self._np
        column = table.column(name)
        if pa.types.is_integer(column.type):
            values = np.asarray(column.fill_null(0)).astype(np.int64)
            if name == "op" and len(values) and not 0 <= values.min() <= values.max() < _OPS:
                raise ValueError(f"op {values.max()} is unknown")
            return np.where(np.asarray(column.is_null()), number(None), values)
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        kind = column.type.value_type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            raise ValueError(f"the column {name} holds no text")
        known = self._dictionaries.get(name)
        if known is None or not known[0].equals(column.dictionary):
            numbers = [number(text) for text in column.dictionary.to_pylist()]
            known = (column.dictionary, np.array([*numbers, number(None)], np.int64))
            self._dictionaries[name] = known
        return known[1][np.asarray(column.indices.fill_null(-1))]

    def _ints(self, table: Table, name: str, rows: int) -> Table:
        """Return a column of whole numbers as 64 bits without a sign; zeros if there is none."""
        np = self._np
        if name not in table.schema.names:
            return np.zeros(rows, np.uint64)
        column = table.column(name)
        if not self._pa.types.is_integer(column.type):
            raise ValueError(f"the column {name} holds no whole numbers")
        return np.asarray(column.fill_null(0)).astype(np.uint64)

    def _statuses(self, table: Table, rows: int) -> Table:
        """Return the column of statuses; one of more than 32 bits is refused."""
        np = self._np
        wide = self._ints(table, "status", rows)
        high = wide >> 31
        if ((high > 1) & (high != (1 << 33) - 1)).any():
            raise ValueError("a status has more than 32 bits")
        return wide.astype(np.uint32)

    def _handles(self, table: Table, name: str, rows: int) -> Table:
        """Return a column of handles, those of predefined keys with the sign taken off."""
        np = self._np
        values = self._ints(table, name, rows)
        short = values & 0xFFFFFFFF
        mine = (short >= FIRST_PREDEFINED) & (short <= LAST_PREDEFINED)
        mine &= (values >> 32 == 0) | (values >> 32 == 0xFFFFFFFF)
        return np.where(mine, short, values)

    def _times(self, table: Table, rows: int) -> Table:
        np, facts = self._np, self.facts
        if "time" not in table.schema.names:
            return np.zeros(rows, np.int64)
        column = table.column("time")
        dates = self._pa.types.is_timestamp(column.type)
        if dates:
            nanoseconds = column.cast(self._pa.timestamp("ns")).cast(self._pa.int64())
            times = np.asarray(nanoseconds.fill_null(0)) // 100 + _UNIX_TICKS
        elif self._pa.types.is_integer(column.type):
            times = np.asarray(column.fill_null(0)).astype(np.int64)
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
        pids, first, inverse = np.unique(
            self._ints(table, "pid", table.num_rows), return_index=True, return_inverse=True
        )
        images = table.column("process") if "process" in table.schema.names else None
        numbers = [
            self._process(int(pid), images, int(at)) for pid, at in zip(pids, first, strict=True)
        ]
        return np.array(numbers, np.uint32)[inverse] if numbers else np.zeros(0, np.uint32)

    def _process(self, pid: int, images: Table, at: int) -> int:
        known = self.processes.find(pid)
        if known is not None:
            return known
        image = images[at].as_py() if images is not None else None
        info = ProcessInfo(pid=pid & 0xFFFFFFFF, image=image or f"process {pid}")
        return self.processes.add(pid, info)


def _first(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]


FORMATS: Final = (
    Format(
        "Parquet and Arrow files",
        lambda head: head.startswith((PARQUET, ARROW_FILE)),
        ArrowCapture,
    ),
)

"""Parquet and Arrow files with the columns of `regsim.trace.readers.jsonl`: the fast way in.

The columns are ``op`` (text, or the numbers of `regsim.accel.columns.EventKind`), ``pid`` and
``key`` (text, best dictionary-encoded), and where there is something to say ``handle``, ``parent``,
``status``, ``access``, ``time`` (an integer of 100 ns ticks, or a timestamp) and ``process``. Keys
are absolute here. Whole columns are mapped to numbers at once; no row is looked at on its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from regsim.accel import NATIVE
from regsim.accel.columns import FIRST_PREDEFINED, LAST_PREDEFINED, EventKind
from regsim.errors import DataError
from regsim.trace.columns import Batch
from regsim.trace.completeness import Completeness
from regsim.trace.evidence import Capture, Facts, Fidelity, Format, OnProgress, Reading
from regsim.trace.extras import need
from regsim.trace.processes import ProcessInfo
from regsim.trace.readers._parquet import DAMAGE, ParquetTable, Table, ahead, first_line
from regsim.trace.readers._settled import Coded, Settler, Unsettled
from regsim.trace.source import Source
from regsim.trace.spelling import KeyTable

PARQUET: Final = b"PAR1"
ARROW_FILE: Final = b"ARROW1"
_NEEDED: Final = ("op", "pid", "key")
_WANTED: Final = (*_NEEDED, "handle", "parent", "status", "access", "time", "process")
_TEXTS: Final = ("key", "process", "op")
_ROWS: Final = 1 << 18
_OPS: Final = len(EventKind)
_SIGNED: Final = 0xFFFFFFFF << 32
_MOST_PIDS: Final = 1 << 20
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
        self._settler = Settler(facts, keys)
        self._numbers: Table | None = None  # of processes, by pid, from 1
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
        calls = self._calls(table)
        processes = self._process_numbers(table)
        keys = self._coded(table, "key", lambda text: self.keys.number(text or ""))
        times = self._times(table, rows)
        self.facts.events += rows
        statuses = self._statuses(table, rows)
        handles, parents = (self._handles(table, name, rows) for name in ("handle", "parent"))
        nulls = table.column("pid").null_count
        unnamed = np.asarray(table.column("pid").is_null()) if nulls else None
        done = self._settler.settle(
            Unsettled(calls, keys, statuses, handles, parents, unnamed, first)
        )
        batch = Batch(
            op=done.op,
            process=processes,
            key=done.key,
            status=done.status,
            time=times,
            access=self._whole(table, "access", rows).astype(np.uint32, copy=False),
            number=np.arange(first + 1, first + rows + 1, dtype=np.uint64),
        )
        if self.facts.fidelity is Fidelity.HANDLES:
            batch.handle, batch.parent = self._ints(table, "handle", rows), parents
        return batch

    def _calls(self, table: Table) -> Coded:
        """Return the column of calls: texts, or ops as numbers."""
        np, column = self._np, table.column("op")
        if not self._pa.types.is_integer(column.type):
            return self._coded(table, "op", self._settler.code)
        values = np.asarray(_filled(column, 0))
        if len(values) and not 0 <= values.min() <= values.max() < _OPS:
            raise ValueError(f"op {values.max()} is unknown")
        values = values.astype(np.uint8, copy=False)
        if column.null_count:
            values = np.where(np.asarray(column.is_null()), np.uint8(_OPS), values)
        codes = [*range(_OPS), self._settler.code(None) if column.null_count else 0]
        return Coded(values, np.array(codes, np.uint32))

    def _coded(self, table: Table, name: str, number: Any) -> Coded:  # noqa: ANN401 - a function
        """Return a column of texts as numbers, each text of its dictionary looked up once."""
        pa, np = self._pa, self._np
        column = table.column(name)
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
        places = np.asarray(_filled(column.indices, -1))
        return Coded(places.astype(np.int32, copy=False), known[1])

    def _whole(self, table: Table, name: str, rows: int) -> Table:
        """Return a column of whole numbers; zeros where there are none."""
        np = self._np
        if name not in table.schema.names:
            return np.zeros(rows, np.uint32)
        column = table.column(name)
        if not self._pa.types.is_integer(column.type):
            raise ValueError(f"the column {name} holds no whole numbers")
        return np.asarray(_filled(column, 0))

    def _ints(self, table: Table, name: str, rows: int) -> Table:
        """Return a column of whole numbers as 64 bits without a sign; zeros if there is none."""
        return self._whole(table, name, rows).astype(self._np.uint64, copy=False)

    def _statuses(self, table: Table, rows: int) -> Table:
        """Return the column of statuses; one of more than 32 bits is refused."""
        np, given = self._np, self._whole(table, "status", rows)
        if given.itemsize == 4:
            return given.view(np.uint32)
        high = given.astype(np.uint64, copy=False) >> 31
        if ((high > 1) & (high != (1 << 33) - 1)).any():
            raise ValueError("a status has more than 32 bits")
        return given.astype(np.uint32)

    def _handles(self, table: Table, name: str, rows: int) -> Table:
        """Return a column of handles, those of predefined keys with the sign taken off."""
        values = self._ints(table, name, rows)
        if values.max(initial=0) < _SIGNED:
            return values
        signed = values >= _SIGNED + FIRST_PREDEFINED
        signed &= values <= _SIGNED + LAST_PREDEFINED
        return values - signed * self._np.uint64(_SIGNED)

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
        pids = self._whole(table, "pid", table.num_rows)
        if pids.dtype != np.uint32:
            pids = pids.astype(np.uint64, copy=False)
        images = table.column("process") if "process" in table.schema.names else None
        if NATIVE is not None and pids.max(initial=0) < _MOST_PIDS:
            return self._numbered(NATIVE.number_pids, pids, images)
        found, first, rows = np.unique(pids, return_index=True, return_inverse=True)
        each = zip(found.tolist(), first.tolist(), strict=True)
        numbers = [self._process(pid, images, at) for pid, at in each]
        return np.array(numbers, np.uint32)[rows]

    def _numbered(self, number: Any, pids: Table, images: Table) -> Table:  # noqa: ANN401 - of C
        """Return the numbers of processes whose pids are small, from a table that is kept."""
        np, rows = self._np, len(pids)
        if self._numbers is None:
            self._numbers = np.zeros(_MOST_PIDS, np.uint32)
        out, fresh = np.empty(rows, np.uint32), np.empty(rows, np.uint32)
        count = number(pids, self._numbers, out, fresh, pids.itemsize)
        if count:
            new = sorted((int(pids[at]), int(at)) for at in fresh[:count])
            for pid, at in new:
                self._numbers[pid] = self._process(pid, images, at) + 1
            number(pids, self._numbers, out, fresh, pids.itemsize)
        return out

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


FORMATS: Final = (
    Format(
        "Parquet and Arrow files",
        lambda head: head.startswith((PARQUET, ARROW_FILE)),
        ArrowCapture,
    ),
)

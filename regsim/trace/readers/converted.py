"""Files that `regsim.trace.converting` wrote: the rows of another capture, and all that it told.

Their metadata are input like any other. What they say is believed as what a line of a log says is,
so long as the rows are those that they were written with: as many, in order, of processes that they
name. Of one that a tool has taken rows out of, nothing is clear.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import compress
from typing import Any, Final

from regsim.errors import DataError, UsageError
from regsim.trace.columns import Batch
from regsim.trace.evidence import Capture, Fidelity, Format, OnProgress, Reading
from regsim.trace.extras import need
from regsim.trace.particulars import METADATA, OPS, UNTOLD, Particulars
from regsim.trace.readers._parquet import DAMAGE, ParquetTable, Table, ahead, first_line
from regsim.trace.readers.arrow import ARROW_FILE, PARQUET
from regsim.trace.source import Source
from regsim.trace.spelling import KeyTable, canonical
from regsim.trace.times import TimeForm

_TEXTS: Final = ("op", "key")
_SOURCE: Final = "source"
_NUMBERS: Final = {
    "life": "uint32",
    "status": "uint32",
    "access": "uint32",
    "time": "int64",
    "event": "uint64",
}
_HANDLES: Final = {"handle": "uint64", "parent": "uint64"}
_ROWS: Final = 1 << 20
_FEET: Final = {PARQUET: 4, ARROW_FILE: 6}
"""How many bytes follow the size of what the file ends in."""


class ConvertedCapture(Capture):
    """A file of columns, with what the capture that it was made of told beside its rows."""

    def __init__(self, source: Source, reading: Reading, file: _Columns, told: Particulars) -> None:
        keys = KeyTable(
            reading.hkcu_sid,
            classes=reading.classes if told.classes is None else told.classes,
            merged=told.classes is None and reading.classes,
            mounts=reading.mounts,
        )
        super().__init__(told.facts, keys)
        self._pa, self._np = need("pyarrow", "Parquet files"), need("numpy", "Parquet files")
        self._told = told
        self.calendar, self.heeds_hives = told.calendar, told.mounts is not None
        for number, info in enumerate(told.processes):
            self.processes.add(number, info)
        handles = told.facts.fidelity is Fidelity.HANDLES
        self._numbers = {**_NUMBERS, **(_HANDLES if handles else {})}
        names = [*_TEXTS, *self._numbers, *((_SOURCE,) if told.sources else ())]
        missing = [name for name in names if name not in file.names]
        if missing:
            raise DataError(f"{source.name} lacks the column {', '.join(missing)}")
        self._tables = file.tables(names)
        self._codes = {name: code for code, name in enumerate((*OPS, UNTOLD))}
        self._dictionaries: dict[str, tuple[Table, Table]] = {}
        self._rows = self._latest = 0

    @property
    def time_form(self) -> TimeForm:
        """As those of the capture that it was made of."""
        return self._told.form

    def batches(self, progress: OnProgress | None = None) -> Iterator[Batch]:
        """Yield the rows in the order of the file."""
        while True:
            try:
                table = next(self._tables, None)
                if table is None:
                    break
                table.validate(full=True)
                batch = self._batch(table)
            except (self._pa.ArrowException, *DAMAGE) as error:
                text = f"the file is damaged after {self._rows:,} rows: {first_line(error)}"
                self.facts.cut(text)
                return
            self._rows += table.num_rows
            if progress is not None:
                progress(0, 0, self._rows)
            yield batch
        if self._rows != self._told.rows:
            text = f"it has {self._rows:,} rows where {self._told.rows:,} were written"
            self.facts.cut(f"{text}: a tool has changed it since")
        for key in self._told.keys:
            self.keys.number(key)
        yield Batch()  # so that who asks about a moment in a file without rows is answered

    def _batch(self, table: Table) -> Batch:
        ops = self._coded(table, "op", self._codes.__getitem__)
        keys = self._coded(table, "key", self.keys.number)
        columns = {name: self._ints(table, name, kind) for name, kind in self._numbers.items()}
        rows = ops < len(OPS)  # the others are for who reads the rows alone
        if not rows.all():
            ops, keys = ops[rows], keys[rows]
            columns = {name: column[rows] for name, column in columns.items()}
        life, event = columns.pop("life"), columns.pop("event")
        if len(life) and int(life.max()) >= len(self.processes):
            raise ValueError(f"process {life.max()} is unknown")
        self._check_order(event)
        if self._told.sources:
            texts = compress(self._whole(table, _SOURCE).to_pylist(), rows.tolist())
            self.sources |= {
                at: text for at, text in zip(event.tolist(), texts, strict=True) if text
            }
        return Batch(op=ops.astype("u1"), process=life, key=keys, number=event, **columns)

    def _check_order(self, events: Table) -> None:
        """Raise `ValueError` unless *events* ascend, and are such as the capture had."""
        if not len(events):
            return
        if int(events[0]) < self._latest or (events[1:] < events[:-1]).any():
            raise ValueError("the rows are not in the order in which they were written")
        self._latest = int(events[-1])
        if self._latest > self.facts.events:
            raise ValueError(f"event {self._latest} is beyond the last")

    def _coded(self, table: Table, name: str, number: Callable[[str], int]) -> Table:
        """Return a column of texts as numbers, each text of its dictionary looked up once."""
        column = self._whole(table, name)
        types = self._pa.types
        if not types.is_dictionary(column.type):
            column = column.dictionary_encode()
        if not (
            types.is_string(column.type.value_type) or types.is_large_string(column.type.value_type)
        ):
            raise ValueError(f"the column {name} holds no text")
        known = self._dictionaries.get(name)
        if known is None or not known[0].equals(column.dictionary):
            numbers = [number(text) for text in column.dictionary.to_pylist()]
            known = self._dictionaries[name] = column.dictionary, self._np.array(numbers, "u4")
        return known[1][self._np.asarray(column.indices)]

    def _ints(self, table: Table, name: str, kind: str) -> Table:
        """Return a column of whole numbers; one that does not fit its type raises pyarrow's own."""
        column = self._whole(table, name)
        if not self._pa.types.is_integer(column.type):
            raise ValueError(f"the column {name} holds no whole numbers")
        return self._np.asarray(column.cast(kind))

    def _whole(self, table: Table, name: str) -> Table:
        column = table.column(name)
        if column.null_count:
            raise ValueError(f"the column {name} has gaps")
        return column


class _Columns:
    """A Parquet or an Arrow file: the names of its columns, its metadata, its rows in batches."""

    def __init__(self, source: Source) -> None:
        data = source.map()
        self._file: Any
        if source.head.startswith(ARROW_FILE):
            pa = need("pyarrow", "Arrow files")
            self._file = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(data)))
            schema = self._file.schema
            self.names, self.metadata = list(schema.names), schema.metadata or {}
        else:
            self._file = ParquetTable(data, (*_TEXTS, _SOURCE))
            self.names, self.metadata = self._file.names, self._file.metadata

    def tables(self, names: list[str]) -> Iterator[Table]:
        """Yield the columns *names* in batches."""
        if isinstance(self._file, ParquetTable):
            return ahead(self._file.batches(names, _ROWS))
        return (self._file.get_batch(at) for at in range(self._file.num_record_batches))


def _opened(source: Source, reading: Reading) -> ConvertedCapture | None:
    """Return the capture, None for a file that others wrote, or that cannot be read at all."""
    pa = need("pyarrow", "Parquet files")
    if not _may_tell(source):
        return None
    try:
        file = _Columns(source)
    except (pa.ArrowException, *DAMAGE):
        return None  # as a file of others it is told what is wrong with it
    text = file.metadata.get(METADATA.encode())
    if text is None:
        return None
    try:
        told = Particulars.from_json(text)
    except DataError as error:
        raise DataError(f"{source.name}: {error}") from None
    _check_hives(source.name, told, reading)
    return ConvertedCapture(source, reading, file, told)


def _may_tell(source: Source) -> bool:
    """Return whether the file's end, where metadata are, names ours; a packed one may.

    Without it nothing of the file need be copied or read twice.
    """
    if source.packing:
        return True
    magic = next(one for one in _FEET if source.head.startswith(one))
    with source.open() as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(end - 4 - _FEET[magic], 0))
        size = int.from_bytes(file.read(4), "little")
        file.seek(max(end - 4 - _FEET[magic] - size, 0))
        return METADATA.encode() in file.read(size)


def _check_hives(name: str, told: Particulars, reading: Reading) -> None:
    """Refuse other hives to be asked about than those that its rows were made for."""
    if told.mounts is None:
        return
    if {canonical(key) for key in told.mounts} != {canonical(key) for key in reading.mounts}:
        given = " ".join(f"--hive {key}" for key in told.mounts) or "no --hive"
        raise UsageError(
            f"{name} was converted with {given}, and what it holds depends on that: ask so, or "
            "convert the capture anew with the --hive that you ask with"
        )


FORMATS: Final = (
    Format(
        "Parquet and Arrow files that regsim wrote",
        lambda head: head.startswith((PARQUET, ARROW_FILE)),
        _opened,
    ),
)

"""Columns of a Parquet file in batches: the C library reads the usual pages, pyarrow all others.

pyarrow reads what stands about a file's columns; the pages themselves, where the time goes, are
read by `CParquetColumn` as long as they are numbers, or texts by a dictionary, without a null. From
the first page that is not, or is damaged, pyarrow reads the rest of the row group, and says what is
wrong with it. Either way a batch is the same, and never of two row groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeVar

from regsim.accel import NATIVE
from regsim.accel.records import Buffer
from regsim.cores import helpers
from regsim.trace.extras import need

T = TypeVar("T")

Table = Any
"""A batch of pyarrow's, or one of its types or columns, or a numpy array."""

DAMAGE: Final = (OSError, ValueError, LookupError, ArithmeticError)
"""What a damaged file raises beside pyarrow's own exceptions."""

Fields = dict[tuple[int, int], Any]
"""A struct of Thrift's: what its fields hold, by number and type."""

# The file format's numbers: parquet.thrift (documented). A field is its number and its type.
_I32, _I64, _BINARY, _LIST, _STRUCT = 5, 6, 8, 9, 12
_ROW_GROUPS: Final = (4, _LIST)
_COLUMNS, _GROUP_ROWS = (1, _LIST), (3, _I64)
_FILE, _ABOUT = (1, _BINARY), (3, _STRUCT)
_KIND, _PATH, _CODEC, _VALUES = (1, _I32), (3, _LIST), (4, _I32), (5, _I64)
_SIZE, _DATA_AT, _DICTIONARY_AT = (7, _I64), (9, _I64), (11, _I64)
_WIDTHS: Final = {1: 4, 2: 8, 6: 0}
_SNAPPY: Final = 1
_DEEPEST: Final = 20
_UNITS: Final = {"ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}


class ParquetTable:
    """The columns of the Parquet file in the buffer *data*; those named *texts* by dictionaries.

    ``names`` are all that it has, ``metadata`` what its writer put beside them.

    Raises what pyarrow does where the file is damaged.
    """

    def __init__(self, data: Buffer, texts: Sequence[str] = ()) -> None:
        self._data = data
        self._pa, self._np = need("pyarrow", "Parquet files"), need("numpy", "Parquet files")
        parquet = need("pyarrow.parquet", "Parquet files")
        reader = self._pa.BufferReader(self._pa.py_buffer(data))
        plain = parquet.ParquetFile(reader)
        self.names: list[str] = list(plain.schema_arrow.names)
        self.metadata: dict[bytes, bytes] = plain.metadata.metadata or {}
        kept = [name for name in texts if name in self.names]
        self._file = parquet.ParquetFile(reader, read_dictionary=kept, metadata=plain.metadata)
        self._groups = _row_groups(data)

    def batches(self, names: Sequence[str], rows: int) -> Iterator[Table]:
        """Yield the columns *names* in batches of at most so many *rows*.

        Raises what pyarrow does where the file is damaged.
        """
        for group in range(self._file.metadata.num_row_groups):
            done = 0
            for batch in self._by_library(group, names, rows):
                done += batch.num_rows
                yield batch
            if done == self._file.metadata.row_group(group).num_rows:
                continue
            for batch in self._file.iter_batches(rows, [group], list(names)):
                if done <= 0:
                    yield batch.select(list(names))
                done -= batch.num_rows

    def _by_library(self, group: int, names: Sequence[str], rows: int) -> Iterator[Table]:
        """Yield the batches of a row group until something is not as the library reads it."""
        if group >= len(self._groups):
            return
        about = self._groups[group]
        columns = [_Column.of(self._file, self._data, about, name) for name in names]
        schema = self._pa.schema([self._file.schema_arrow.field(name) for name in names])
        left = self._file.metadata.row_group(group).num_rows
        while left > 0:
            arrays = []
            for column in columns:
                array = column and column.read(min(left, rows))
                if array is None:
                    return
                arrays.append(array)
            yield self._pa.RecordBatch.from_arrays(arrays, schema=schema)
            left -= min(left, rows)


class _Column:
    """A column of one row group, as the C library reads it."""

    def __init__(self, pages: Any, kind: Table, item: int) -> None:  # noqa: ANN401 - of C
        self._pa, self._np = need("pyarrow", "Parquet files"), need("numpy", "Parquet files")
        self._pages, self._kind, self._item = pages, kind, item
        self._texts: Table | None = None

    @classmethod
    def of(cls, file: Table, data: Buffer, group: Fields, name: str) -> _Column | None:
        """Return the column of a row group, None where it is of no kind that the library reads."""
        schema, names = file.schema_arrow, list(file.schema_arrow.names)
        columns, rows = group[_COLUMNS], group[_GROUP_ROWS]
        if NATIVE is None or names.count(name) != 1 or len(names) != len(columns):
            return None
        at = names.index(name)
        about, of = columns[at][_ABOUT], file.metadata.schema.column(at)
        kind, item = about[_KIND], _item_size(schema.field(at).type, of)
        usual = _FILE not in columns[at] and about[_PATH] == [name.encode()]
        usual = usual and about[_VALUES] == rows and not of.max_repetition_level
        if item is None or kind not in _WIDTHS or not usual or about[_CODEC] > _SNAPPY:
            return None
        first = about.get(_DICTIONARY_AT, about[_DATA_AT])
        how = (_WIDTHS[kind], bool(of.max_definition_level), about[_CODEC] == _SNAPPY)
        try:
            pages = NATIVE.CParquetColumn(data, first, about[_SIZE], rows, *how)
        except (ValueError, OverflowError):  # it says that it lies outside the file
            return None
        return cls(pages, schema.field(at).type, item)

    def read(self, rows: int) -> Table | None:
        """Return the next *rows* values as pyarrow's column, None where they are not as usual."""
        if self._pa.types.is_dictionary(self._kind) and self._texts is None:
            self._texts = self._dictionary()
            if self._texts is None:
                return None
        values = self._np.empty(rows * self._item, self._np.uint8)
        if not self._pages.read(values, self._item):
            return None
        buffers = [None, self._pa.py_buffer(values)]
        if self._texts is None:
            return self._pa.Array.from_buffers(self._kind, rows, buffers)
        indices = self._pa.Array.from_buffers(self._kind.index_type, rows, buffers)
        return self._pa.DictionaryArray.from_arrays(indices, self._texts, safe=False)

    def _dictionary(self) -> Table | None:
        """Return the texts of the column, None where it is not made of a dictionary's."""
        found = self._pages.dictionary()
        if found is None:
            return None
        buffers = [None, *map(self._pa.py_buffer, found)]
        texts = self._pa.Array.from_buffers(self._kind.value_type, len(found[0]) // 4 - 1, buffers)
        try:
            texts.validate(full=True)
        except self._pa.ArrowException:  # it is not in UTF-8
            return None
        return texts


def _item_size(kind: Table, of: Table) -> int | None:
    """Return the bytes of a value of pyarrow's type *kind*, as it stands in the column *of*.

    That is None where it is none of whole numbers, moments, and texts by a dictionary.
    """
    types = need("pyarrow", "Parquet files").types
    if types.is_integer(kind):
        return int(kind.bit_width // 8)
    if types.is_timestamp(kind):
        same = _UNITS.get(kind.unit, "other") in str(of.logical_type)
        return 8 if same and of.physical_type == "INT64" else None
    if not types.is_dictionary(kind) or not types.is_string(kind.value_type):
        return None
    by_four = types.is_int32(kind.index_type) and of.physical_type == "BYTE_ARRAY"
    return 4 if by_four else None


def _row_groups(data: Buffer) -> list[Fields]:
    """Return what the file's footer says of its row groups; none where it is not as usual.

    pyarrow has read it by then; but asked for a column's codec, it ends the process where the file
    names one that there is not (observed: pyarrow 26).
    """
    footer = data[-8 - int.from_bytes(data[-8:-4], "little") : -8]
    try:
        groups: list[Fields] = _thrift(footer, 0, _STRUCT, 0)[0][_ROW_GROUPS]
        wanted = (_KIND, _PATH, _CODEC, _VALUES, _SIZE, _DATA_AT)
        good = all(
            _GROUP_ROWS in group and all(key in column[_ABOUT] for key in wanted)
            for group in groups
            for column in group[_COLUMNS]
        )
    except (LookupError, TypeError, ValueError):
        return []
    return groups if good else []


def _thrift(data: bytes, at: int, kind: int, deep: int) -> tuple[Any, int]:
    """Return a value in Thrift's compact protocol, and where it ends.

    Raises `LookupError` or `ValueError` for what is none.
    """
    if deep > _DEEPEST:
        raise ValueError("it is nested too deep")
    if kind in (1, 2):
        return kind == 1, at
    if kind == 3:
        return data[at], at + 1
    if kind in (4, _I32, _I64):
        number, at = _varint(data, at)
        return number >> 1 ^ -(number & 1), at
    if kind == _BINARY:
        size, at = _varint(data, at)
        return data[at : at + size], at + size
    if kind == _LIST:
        return _thrift_list(data, at, deep)
    if kind != _STRUCT:
        raise ValueError("a footer has nothing of that type")
    fields: Fields = {}
    number = 0
    while head := data[at]:
        at, kind = at + 1, head & 15
        if not head >> 4:
            raise ValueError("a footer has its fields in order")
        number += head >> 4
        fields[number, kind], at = _thrift(data, at, kind, deep + 1)
    return fields, at + 1


def _thrift_list(data: bytes, at: int, deep: int) -> tuple[list[Any], int]:
    count, kind = data[at] >> 4, data[at] & 15
    at += 1
    if count == 15:
        count, at = _varint(data, at)
    if kind in (1, 2) or count > len(data):
        raise ValueError("a footer has no such list")
    found = []
    for _ in range(count):
        value, at = _thrift(data, at, kind, deep + 1)
        found.append(value)
    return found, at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, at
        if shift > 63:
            raise ValueError("a number has more than 64 bits")


def ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield *items*, each made in a thread of its own while the one before it is worked on."""
    none = object()
    with helpers(1) as pool:
        coming = pool.submit(next, items, none)
        while (item := coming.result()) is not none:
            coming = pool.submit(next, items, none)
            yield item  # type: ignore[misc]


def first_line(error: Exception) -> str:
    """Return what *error* says in its first line."""
    return str(error).partition("\n")[0][:200]

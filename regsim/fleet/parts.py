"""What was read of a fleet, kept as it is read: a table of findings and a record beside it.

A part is ``NAME.parquet`` with the rows and ``NAME.json``, which is written after it and names its
files with their digests: a part without its record, or with another table than its record tells of,
does not count. The result of a whole run is such a part too, so that the next run reads only what
has changed.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from regsim._version import __version__
from regsim.fleet.columns import FINDINGS, SCHEMA_VERSION, Column, schema
from regsim.fleet.places import Item
from regsim.fleet.reading import FileEntry, Settings, read_item
from regsim.fleet.rows import FindingRow
from regsim.trace.extras import need
from regsim.writing import write_file

if TYPE_CHECKING:
    import pyarrow as pa

_FIELDS: Final = [field.name for field in attrs.fields(FileEntry)]
ROWS_IN_GROUP: Final = 65_536
"""Rows that are in memory at a time where parts are joined."""


def fingerprint(settings: Settings) -> str:
    """Return what tells whether a part was read in the same way, by the same release."""
    told = [__version__, SCHEMA_VERSION, attrs.asdict(settings)]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


@attrs.frozen
class Task:
    """What one worker reads at a time: items, and the digests of those that are known."""

    items: tuple[Item, ...]
    known: tuple[str | None, ...]
    settings: Settings
    folder: str

    def run(self) -> str:
        """Read the items, write the part and return the path of its record."""
        entries: list[FileEntry] = []
        rows: list[FindingRow] = []
        kept: list[str] = []
        for item, known in zip(self.items, self.known, strict=True):
            answer = read_item(item, self.settings, known)
            entries += answer.entries
            rows += answer.rows
            if not answer.entries:
                kept.append(item.path)
        return str(write_part(Path(self.folder), entries, rows, kept, fingerprint(self.settings)))


def table_of(rows: Sequence[tuple[Any, ...]], columns: tuple[Column, ...]) -> pa.Table:
    r"""Return *rows* as a table of *columns*.

    What no Unicode text can have in it, such as a byte of a file's name that is no UTF-8, is in it
    as an escape: ``\udcff``.
    """
    arrow: Any = need("pyarrow", "the tables of a fleet")
    names = schema(columns)
    arrays = []
    each = zip(*rows, strict=True) if rows else [()] * len(names)
    for values, field in zip(each, names, strict=True):
        try:
            arrays.append(arrow.array(values, field.type))
        except UnicodeEncodeError:
            arrays.append(arrow.array(map(sound, values), field.type))
    made: pa.Table = arrow.Table.from_arrays(arrays, schema=names)
    return made


def sound(text: str | None) -> str | None:
    r"""Return *text* with halves of surrogate pairs, and bytes of no character, as escapes.

    >>> sound("caf\udce9")
    'caf\\udce9'
    """
    return text if text is None else text.encode("utf-8", "backslashreplace").decode()


def write_part(
    folder: Path,
    entries: Sequence[FileEntry],
    rows: Sequence[FindingRow],
    kept: Sequence[str],
    settings: str,
) -> Path:
    """Write a part into *folder* and return the path of its record.

    Its name is a digest of what is in it: the same part written twice is one.
    """
    parquet: Any = need("pyarrow.parquet", "the tables of a fleet")
    buffer = io.BytesIO()
    parquet.write_table(table_of(rows, FINDINGS), buffer, row_group_size=ROWS_IN_GROUP)
    data = buffer.getvalue()
    record = record_of(entries, hashlib.sha256(data).hexdigest(), settings, kept=list(kept))
    name = hashlib.sha256(record).hexdigest()[:32]
    write_file(folder / f"{name}.parquet", data)
    write_file(folder / f"{name}.json", record)
    return folder / f"{name}.json"


def record_of(entries: Sequence[FileEntry], digest: str, settings: str, **more: object) -> bytes:
    """Return the record of a part: how it was read, the digest of its table, its files."""
    body = {
        "schema_version": SCHEMA_VERSION,
        "settings": settings,
        "findings_sha256": digest,
        **more,
        "files": [{name: getattr(entry, name) for name in _FIELDS} for entry in entries],
    }
    return json.dumps(body, separators=(",", ":")).encode()


@attrs.frozen
class Location:
    """Where in a part an item is: its entries, and from which row on its findings stand."""

    part: Portion
    entries: tuple[FileEntry, ...]
    first_row: int

    @property
    def rows(self) -> int:
        """How many rows of the findings are the item's."""
        return sum(entry.rows for entry in self.entries)


class Portion:
    """A part that was written to its end; its rows are read in their order, once."""

    def __init__(self, table: Path, files: Sequence[FileEntry], kept: Sequence[str]) -> None:
        self.table, self.files, self.kept = table, files, tuple(kept)
        self._groups: Iterator[pa.Table] | None = None
        self._held: pa.Table | None = None
        self._at = 0
        self._file: Any = None

    @classmethod
    def opened(cls, record: Path, table: Path, settings: str) -> Portion | None:
        """Return the part, None if it is not whole or was read in another way."""
        try:
            body = json.loads(record.read_bytes())
            if body["schema_version"] != SCHEMA_VERSION or body["settings"] != settings:
                return None
            with table.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != body["findings_sha256"]:
                    return None
            entries = [FileEntry(**entry) for entry in body["files"]]
            return cls(table, entries, body.get("kept", ()))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def places(self) -> Iterator[Location]:
        """Yield where each item is, in the order of the part."""
        at, row = 0, 0
        while at < len(self.files):
            end = at + 1
            while end < len(self.files) and self.files[end].inner:
                end += 1
            place = Location(self, tuple(self.files[at:end]), row)
            yield place
            at, row = end, row + place.rows

    def take(self, first: int, count: int) -> list[pa.Table]:
        """Return *count* rows from row *first* on; rows must be asked for in their order."""
        taken: list[pa.Table] = []
        if self._groups is None:
            parquet: Any = need("pyarrow.parquet", "the tables of a fleet")
            self._file = parquet.ParquetFile(self.table)
            self._groups = map(self._file.read_row_group, range(self._file.num_row_groups))
        while count:
            if self._held is None or self._at + self._held.num_rows <= first:
                self._at += self._held.num_rows if self._held is not None else 0
                self._held = next(self._groups)
                continue
            piece = self._held.slice(first - self._at, count)
            taken.append(piece)
            first, count = first + piece.num_rows, count - piece.num_rows
        return taken

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
        self._groups, self._held, self._file = None, None, None

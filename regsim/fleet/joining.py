"""The parts of a fleet joined to its two tables, in one order whoever read them and when."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import attrs

from regsim.fleet.columns import FILES, FINDINGS, schema
from regsim.fleet.parts import ROWS_IN_GROUP, Location, sound, table_of
from regsim.fleet.ranking import Ranking
from regsim.fleet.reading import MARK, FileEntry
from regsim.trace.extras import need
from regsim.writing import replacing

if TYPE_CHECKING:
    import pyarrow as pa

_MARK: Final = re.compile(MARK.format("([cSsdu])", "([0-9a-f]*)"))
_KINDS: Final = {"c": "computer", "S": "SID", "d": "domain", "u": "user", "s": "server"}
_WITHHELD: Final = "not told in a redacted result"


class Aliases:
    """What replaces the names of people and computers in a result: the same by the same."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}

    def text(self, text: str | None) -> str | None:
        """Return *text* with every marked name in it replaced."""
        if text is None or "\ue000" not in text:
            return text
        return _MARK.sub(lambda found: self.of(_KINDS[found[1]], found[2]), text)

    def of(self, kind: str, name: str) -> str:
        """Return what stands for one name; those of a kind are numbered as they come."""
        if (kind, name) not in self._known:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._known[kind, name] = f"<{kind}-{self._counts[kind]}>"
        return self._known[kind, name]

    def table(self, table: pa.Table) -> pa.Table:
        """Return a table of findings with its texts replaced, the sources too."""
        arrow: Any = need("pyarrow", "the tables of a fleet")
        for at, field in enumerate(table.schema):
            if field.type == arrow.string():
                texts = table.column(at).to_pylist()
                source = field.name == "source"
                shown = [self.of("file", one) if source else self.text(one) for one in texts]
                table = table.set_column(at, field, arrow.array(shown, arrow.string()))
        made: pa.Table = table
        return made

    def entry(self, entry: FileEntry) -> FileEntry:
        """Return the entry of a file without its path, its digest and what was said of it."""
        error = None if entry.error is None else _WITHHELD
        path = self.of("file", str(sound(entry.path)))
        return attrs.evolve(entry, path=path, sha256=None, error=error)


@attrs.frozen
class Joined:
    """The two tables as they were written: the entries of the files, and a digest of the other."""

    entries: list[FileEntry]
    digest: str


def join(
    places: Sequence[Location], folder: Path, ranking: Ranking, aliases: Aliases | None = None
) -> Joined:
    """Write ``findings.parquet`` and ``files.parquet`` of *places* into *folder*.

    A part of the findings is in memory at a time. *ranking* counts what is written.
    """
    entries = [entry for place in places for entry in place.entries]
    if aliases is not None:
        entries = [aliases.entry(entry) for entry in entries]
    systems = {str(sound(entry.path)): entry.system for entry in entries if entry.system}
    digest = hashlib.sha256()
    with contextlib.ExitStack() as stack:
        stack.callback(_close, places)
        file = stack.enter_context(replacing(folder / "findings.parquet"))
        with _table(_Hashed(file, digest.update), schema(FINDINGS)) as write:
            for table in _groups(places):
                shown = table if aliases is None else aliases.table(table)
                ranking.count_rows(shown, systems)
                write(shown)
        _close(places)
    for entry in entries:
        ranking.count_file(entry)
    files = [tuple(getattr(entry, one.name) for one in FILES) for entry in entries]
    with (
        replacing(folder / "files.parquet") as file,
        _table(file, schema(FILES)) as write,
    ):
        write(table_of(files, FILES))
    return Joined(entries, digest.hexdigest())


def _close(places: Sequence[Location]) -> None:
    for part in {place.part for place in places}:
        part.close()


def _groups(places: Sequence[Location]) -> Iterator[pa.Table]:
    """Yield the rows of *places* in tables of `ROWS_IN_GROUP`, whatever the parts were."""
    arrow: Any = need("pyarrow", "the tables of a fleet")
    held: list[pa.Table] = []
    count = 0
    for place in places:
        for piece in place.part.take(place.first_row, place.rows):
            held.append(piece)
            count += piece.num_rows
            while count >= ROWS_IN_GROUP:
                whole = arrow.concat_tables(held)
                yield whole.slice(0, ROWS_IN_GROUP)
                held = [whole.slice(ROWS_IN_GROUP)]
                count -= ROWS_IN_GROUP
    if count:
        yield arrow.concat_tables(held)


@contextlib.contextmanager
def _table(file: IO[bytes] | _Hashed, names: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    """Give what appends a table to *file*, as one group of rows."""
    parquet: Any = need("pyarrow.parquet", "the tables of a fleet")
    with parquet.ParquetWriter(file, names) as writer:
        yield lambda table: writer.write_table(table.combine_chunks(), row_group_size=ROWS_IN_GROUP)


class _Hashed:
    """A file that is written once, from its beginning, and what is told of all that is written."""

    def __init__(self, file: IO[bytes], update: Callable[[bytes], object]) -> None:
        self._file, self._update, self._at = file, update, 0
        self.closed = False

    def write(self, data: bytes) -> int:
        """Write *data*."""
        self._update(data)
        self._at += len(data)
        return self._file.write(data)

    def tell(self) -> int:
        """Return how much was written."""
        return self._at

    def flush(self) -> None:
        """Leave that to the file."""

    def close(self) -> None:
        """Note that all is written; the file is its opener's."""
        self.closed = True

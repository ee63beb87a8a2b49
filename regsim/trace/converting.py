"""From any capture to one file of columns, Parquet or Arrow, that says the same and is read fast.

A row is as its reader yields it, so that the finding on the file is the finding on the capture;
what that tells beside its rows goes into the file's metadata (`regsim.trace.particulars`). Keys
keep their spelling, since what is one key depends on what is asked later.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final, Self

import attrs

from regsim.errors import DataError, UsageError
from regsim.trace.asking import source_of
from regsim.trace.columns import Batch
from regsim.trace.evidence import Capture, Facts, Fidelity, OnProgress, Reading, Snapshot
from regsim.trace.extras import need
from regsim.trace.formats import open_evidence
from regsim.trace.particulars import METADATA, OPS, UNTOLD, Particulars
from regsim.trace.readers._parquet import Table
from regsim.trace.source import Source
from regsim.writing import replacing

ASCENDING: Final = ("time", "event")
"""The columns in which hardly a number occurs twice."""

ROWS: Final = 1 << 20
"""Rows of a row group, which are in memory at a time."""

_PEOPLE: Final = {"process": "image", "user": "user", "service": "service"}
_TEXTS: Final = ("op", *_PEOPLE, "key", "source")
_HANDLES: Final = ("handle", "parent")
_IS_ARROW: Final = {"": False, ".parquet": False, ".arrow": True}
"""By how the name of a file ends, whether it is Arrow's or Parquet's."""


@attrs.frozen(kw_only=True)
class Conversion:
    """What was written: ``rows`` of the ``events`` of a capture in ``format``, and what it lacks.

    ``problems`` says in sentences where the capture is damaged, as a finding on either does.
    """

    format: str
    fidelity: Fidelity
    events: int
    rows: int
    processes: int
    keys: int
    problems: tuple[str, ...]


def convert(
    evidence: str | Path | Source,
    output: str | Path,
    *,
    mounts: Sequence[str] = (),
    progress: OnProgress | None = None,
    workers: int = 2,
) -> Conversion:
    """Write the capture *evidence* to *output*, which ends in ``.parquet`` or in ``.arrow``.

    The finding of `regsim.trace.asking.replay` on it is that on *evidence*. Missing folders are
    made; where the writing fails, *output* is as it was.

    Args:
        evidence: a file, or the text itself; its content tells the format.
        output: the file to write, which must not be *evidence*; without an ending it is Parquet.
        mounts: keys at which hives were loaded that will be asked about.
        progress: told how far the reading is.
        workers: how many threads may read a CSV file.

    Raises:
        DataError: *evidence* is of no known format, damaged where the reading begins, or has names
            that no such file can hold.
        MissingExtraError: numpy and pyarrow are not installed.
        UsageError: it is no capture, or *output* is no file, is *evidence*, or ends otherwise.
    """
    ending = Path(output).suffix.lower()
    if ending not in _IS_ARROW:
        raise UsageError(
            f"{output} would hold columns and no {ending[1:]}: name it .parquet or .arrow"
        )
    source = evidence if isinstance(evidence, Source) else source_of(evidence)
    inputs = () if source.content is not None else (source.path,)
    reading = Reading(mounts=tuple(mounts), workers=workers, progress=progress)
    capture = _capture(source, reading)
    with replacing(output, inputs=inputs) as file:
        return written(capture, file, reading, arrow=_IS_ARROW[ending])


def _capture(source: Source, reading: Reading) -> Capture:
    """Return *source* opened, if it is a capture."""
    capture = open_evidence(source, reading)
    if isinstance(capture, Snapshot):
        raise UsageError(
            f"{source.name} is evidence of single moments ({capture.facts.format}) and no capture: "
            "`regsim who` answers from it"
        )
    need("pyarrow", "Parquet files")  # what is no capture needs none, and is said to be none
    capture.keys.tell_apart()
    return capture


def written(
    capture: Capture, file: IO[bytes], reading: Reading, *, arrow: bool = False
) -> Conversion:
    """Write *capture*, of which nothing is read yet, into an open *file*, and return what was.

    Its keys are told apart by their spelling.
    """
    pa = need("pyarrow", "Parquet files")
    groups = _Groups(capture)
    try:
        with (_ArrowFile if arrow else _ParquetFile)(file, groups.schema) as writer:
            for group in groups.of(capture.batches(reading.progress)):
                writer.add(group)
            writer.finish(groups.told().to_json())
    except UnicodeEncodeError as error:
        raise DataError(f"no file of columns can hold the text {error.object!a}") from None
    except pa.ArrowException as error:
        raise DataError(f"it cannot be written as columns: {error}") from None
    facts = capture.facts
    return Conversion(
        format=facts.format,
        fidelity=facts.fidelity,
        events=facts.events,
        rows=groups.rows,
        processes=len(capture.processes),
        keys=len(capture.keys) - 1,
        problems=tuple(dict.fromkeys(facts.problems)),
    )


def parquet_writer(file: IO[bytes] | Path, schema: Table) -> Table:
    """Return pyarrow's writer of a Parquet file that is laid out for reading.

    Numbers stand in dictionaries throughout but for those that ascend, pages as they are; there
    should be no nulls. *file* is a path, or open for writing.
    """
    parquet = need("pyarrow.parquet", "Parquet files")
    return parquet.ParquetWriter(
        file,
        schema,
        compression="none",
        use_dictionary=[name for name in schema.names if name not in ASCENDING],
        # Beyond a limit of a megabyte, pages of texts would follow that are slow to read.
        dictionary_pagesize_limit=1 << 30,
    )


class _ParquetFile:
    """A Parquet file that is written group by group; its metadata follow the rows."""

    def __init__(self, file: IO[bytes], schema: Table) -> None:
        self._writer = parquet_writer(file, schema)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def add(self, group: Table) -> None:
        """Write some rows."""
        self._writer.write_batch(group, row_group_size=ROWS)

    def finish(self, told: str) -> None:
        """Write what there is to know beside the rows."""
        self._writer.add_key_value_metadata({METADATA: told})


class _ArrowFile:
    """An Arrow file; it begins with what is known last, so that the rows wait in another.

    A column of texts has one dictionary there: not all readers know those that grow.
    """

    def __init__(self, file: IO[bytes], schema: Table) -> None:
        pa = self._pa = need("pyarrow", "Arrow files")
        self._file, self._schema = file, schema
        self._codes: dict[str, dict[str, int]] = {name: {} for name in _TEXTS}
        kinds = [pa.int32() if one.name in _TEXTS else one.type for one in schema]
        self._plain = pa.schema(list(zip(schema.names, kinds, strict=True)))
        self._waiting = tempfile.TemporaryFile()  # noqa: SIM115 - as long as this is open
        self._writer = pa.ipc.new_file(self._waiting, self._plain)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.close()

    def add(self, group: Table) -> None:
        """Keep some rows."""
        np, arrays = need("numpy", "Arrow files"), []
        for name, column in zip(group.schema.names, group.columns, strict=True):
            if name in _TEXTS:
                codes = self._codes[name]
                texts = column.dictionary.to_pylist()
                table = np.array([codes.setdefault(one, len(codes)) for one in texts], np.int32)
                column = self._pa.array(table[np.asarray(column.indices)])  # noqa: PLW2901
            arrays.append(column)
        self._writer.write_batch(self._pa.RecordBatch.from_arrays(arrays, schema=self._plain))

    def finish(self, told: str) -> None:
        """Write the file."""
        pa = self._pa
        self._writer.close()
        self._waiting.seek(0)
        texts = {name: pa.array(list(codes), pa.string()) for name, codes in self._codes.items()}
        rows = pa.ipc.open_file(self._waiting)
        schema = self._schema.with_metadata({METADATA: told})
        with pa.ipc.new_file(self._file, schema) as writer:
            for at in range(rows.num_record_batches):
                batch = rows.get_batch(at)
                columns = [
                    pa.DictionaryArray.from_arrays(column, texts[name]) if name in texts else column
                    for name, column in zip(schema.names, batch.columns, strict=True)
                ]
                writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))


class _Groups:
    """The ``rows`` of a capture in batches of pyarrow's, `ROWS` in each but the last."""

    def __init__(self, capture: Capture) -> None:
        self._pa, self._np = need("pyarrow", "Parquet files"), need("numpy", "Parquet files")
        self._capture = capture
        self.rows = self._keys_told = self._more = 0
        self._sources = False
        self.schema = self._schema(handles=capture.facts.fidelity is Fidelity.HANDLES)

    def _schema(self, *, handles: bool) -> Table:
        pa = self._pa
        text = pa.dictionary(pa.int32(), pa.string())
        kinds = {"op": text, "pid": pa.uint32(), **dict.fromkeys(_PEOPLE, text)}
        kinds |= {"life": pa.uint32(), "key": text}
        kinds |= dict.fromkeys(_HANDLES, pa.uint64()) if handles else {}
        kinds |= {"status": pa.uint32(), "access": pa.uint32(), "time": pa.int64()}
        kinds |= {"event": pa.uint64(), "source": text}
        return pa.schema([pa.field(name, kind, nullable=False) for name, kind in kinds.items()])

    def of(self, batches: Iterator[Batch]) -> Iterator[Table]:
        """Yield the rows of *batches*; where there is a doubt of them, a last row says so."""
        waiting: list[Batch] = []
        rows = 0
        for batch in batches:
            at = 0
            while rows + len(batch) - at >= ROWS:
                end = at + ROWS - rows
                yield self._group([*waiting, _part(batch, at, end)])
                waiting, rows, at = [], 0, end
            if at < len(batch):
                waiting.append(_part(batch, at, len(batch)))
                rows += len(batch) - at
        if rows:
            yield self._group(waiting)
        if _is_doubted(self._capture.facts):
            self._more = 1
            yield self._untold()

    def told(self) -> Particulars:
        """Return what there is to know beside the rows, all of which are told."""
        keys = self._capture.keys
        more = [keys.spelled(number) for number in range(self._keys_told, len(keys))]
        return Particulars.of(self._capture, self.rows + self._more, more, sources=self._sources)

    def _group(self, batches: Sequence[Batch]) -> Table:
        self.rows += sum(map(len, batches))
        lives = self._joined(batches, "process", "u4")
        events = self._joined(batches, "number", "u8")
        arrays = {
            **self._people(lives),
            "life": lives,
            "op": self._coded(self._joined(batches, "op", "u1"), OPS),
            "key": self._keys(self._joined(batches, "key", "u4")),
            "event": events,
            "source": self._lines(events),
        }
        for name in self.schema.names:
            if name not in arrays:
                kind = self._np.dtype(str(self.schema.field(name).type))
                arrays[name] = self._joined(batches, name, kind)
        return self._pa.RecordBatch.from_arrays(
            [self._pa.array(arrays[name]) for name in self.schema.names], schema=self.schema
        )

    def _joined(self, batches: Sequence[Batch], name: str, kind: object) -> Table:
        """Return a column of all *batches*, zeros where one has none."""
        np = self._np
        parts = ((getattr(batch, name), len(batch)) for batch in batches)
        return np.concatenate(
            [np.zeros(rows, kind) if part is None else np.asarray(part) for part, rows in parts]
        )

    def _coded(self, codes: Table, texts: Sequence[str]) -> Table:
        """Return a column of *texts*, which differ, by their places in the list."""
        pa = self._pa
        indices = pa.array(codes.astype(self._np.int32, copy=False))
        return pa.DictionaryArray.from_arrays(indices, pa.array(texts, pa.string()))

    def _people(self, lives: Table) -> dict[str, Table]:
        """Return the columns on the processes of rows."""
        np, table = self._np, self._capture.processes
        found = np.unique(lives)
        people = [table[at] for at in found.tolist()]
        rows = np.searchsorted(found, lives)
        columns = {"pid": np.array([one.pid & 0xFFFFFFFF for one in people], np.uint32)[rows]}
        for name, of in _PEOPLE.items():
            codes: dict[str, int] = {}
            texts = (_plain(getattr(one, of)) for one in people)
            numbers = np.array([codes.setdefault(one, len(codes)) for one in texts], np.int32)
            columns[name] = self._coded(numbers[rows], list(codes))
        return columns

    def _keys(self, numbers: Table) -> Table:
        """Return a column of keys; those that are new come first, in the order of their numbers.

        So a reader that numbers them as they come gives them the same numbers, used or not.
        """
        np, keys = self._np, self._capture.keys
        used = np.unique(numbers)
        known = np.concatenate(
            [np.arange(self._keys_told, len(keys)), used[used < self._keys_told]]
        )
        self._keys_told = len(keys)
        places = np.zeros(len(keys), np.int32)
        places[known] = np.arange(len(known))
        return self._coded(places[numbers], [keys.spelled(number) for number in known.tolist()])

    def _lines(self, events: Table) -> Table:
        """Return the column of the lines of programs that made the calls."""
        np, sources = self._np, self._capture.sources
        if not sources:
            return self._coded(np.zeros(len(events), np.int32), [""])
        codes: dict[str, int] = {}
        texts = (sources.get(number, "") for number in events.tolist())
        numbers = [codes.setdefault(text, len(codes)) for text in texts]
        self._sources |= codes.keys() != {""}
        return self._coded(np.array(numbers, np.int32), list(codes))

    def _untold(self) -> Table:
        """Return a row for who reads the rows alone: they are not all that there is to know."""
        zero = self._np.zeros(1, self._np.int32)
        kinds = {name: self.schema.field(name).type for name in self.schema.names}
        texts = {name: self._coded(zero, [UNTOLD if name == "op" else ""]) for name in _TEXTS}
        pa = self._pa
        numbers = {name: pa.array([0], kind) for name, kind in kinds.items() if name not in texts}
        arrays = {**texts, **numbers}
        return pa.RecordBatch.from_arrays([arrays[name] for name in kinds], schema=self.schema)


def _part(batch: Batch, first: int, end: int) -> Batch:
    """Return rows of *batch*."""
    part: dict[str, Any] = {
        name: None if column is None else column[first:end]
        for name, column in attrs.asdict(batch, recurse=False).items()
    }
    return Batch(**part)


def _is_doubted(facts: Facts) -> bool:
    """Return whether what the capture tells beside its rows can keep it from being clear."""
    record = facts.record
    counts = record.gaps.count + record.disordered.count + record.untimed.count
    return bool(record.skipped or counts or record.damage or not facts.closes)


def _plain(text: str) -> str:
    """Return *text* as such a file can hold it; the metadata have it as it is."""
    return text.encode("utf-8", "replace").decode()

"""Columns of Parquet files: the C library's reader gives what pyarrow's gives."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from regsim import accel
from regsim.trace.asking import replay
from regsim.trace.readers import _parquet, _settled, arrow

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

WHOLE = ("op", "pid", "handle", "small", "signed", "key", "time")
NAMES = (*WHOLE, "gaps")
ROWS = 5_000


def written(path: Path, **options: Any) -> bytes:
    """Return a file of columns of every kind that a trace has, with runs and without."""
    rng = random.Random(1)
    runs = [rng.choice([0, 0, 0, 4 * rng.randrange(90)]) for _ in range(ROWS)]
    table = pa.table(
        {
            "op": pa.array([n // 40 % 14 for n in range(ROWS)], pa.uint8()),
            "pid": pa.array([rng.randrange(1 << 32) for _ in range(ROWS)], pa.uint32()),
            "handle": pa.array(runs, pa.uint64()),
            "small": pa.array([n % 7 * 9_000 for n in range(ROWS)], pa.uint16()),
            "signed": pa.array([-n if n % 3 else n for n in range(ROWS)], pa.int32()),
            "key": pa.array([f"HKCU\\Ä{n}" for n in runs]),
            "time": pa.array([n * 1_000 for n in range(ROWS)], pa.timestamp("us")),
            "gaps": pa.array([n if n % 9 else None for n in runs], pa.uint32()),
        }
    )
    if options.pop("required", False):
        fields = [field.with_nullable(field.name == "gaps") for field in table.schema]
        table = table.cast(pa.schema(fields))
    pq.write_table(table, path, **options)
    return path.read_bytes()


def batches(data: bytes, names: tuple[str, ...], rows: int) -> list[Any]:
    """Return the batches of a file."""
    return list(_parquet.ParquetTable(data, ["key"]).batches(names, rows))


def without_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have all pages read by pyarrow."""
    monkeypatch.setattr(_parquet, "NATIVE", None)


LAYOUTS = [
    {"compression": compression, "data_page_version": version, "required": required, **more}
    for compression, version, required in itertools.product(
        ("none", "snappy"), ("1.0", "2.0"), (False, True)
    )
    for more in ({}, {"use_dictionary": ["key"]}, {"data_page_size": 999, "row_group_size": 1_700})
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: "-".join(map(str, layout.values())))
def test_library_reads_what_pyarrow_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: dict[str, Any]
) -> None:
    """Numbers, moments and texts are the same, in the same batches, however pages are laid out.

    So are those of a column with nulls, which the library leaves to pyarrow.
    """
    data = written(tmp_path / "file", **layout)
    found = [batches(data, names, 800) for names in (WHOLE, NAMES)]
    without_library(monkeypatch)
    wanted = [batches(data, names, 800) for names in (WHOLE, NAMES)]

    assert found == wanted
    for many in found:
        assert sum(batch.num_rows for batch in many) == ROWS


@pytest.mark.skipif(accel.NATIVE is None, reason="this installation has no library")
@pytest.mark.parametrize(
    ("options", "usual"),
    [
        ({}, True),
        ({"compression": "none", "data_page_version": "2.0"}, True),
        ({"compression": "zstd"}, False),
        ({"use_dictionary": False}, False),
        ({"column_encoding": {"pid": "DELTA_BINARY_PACKED"}, "use_dictionary": ["key"]}, False),
    ],
    ids=["default", "plain", "zstd", "texts without a dictionary", "deltas"],
)
def test_library_reads_the_usual_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], usual: bool
) -> None:
    """What writers make by default needs no page of pyarrow's; other codecs and encodings do."""
    table = _parquet.ParquetTable(written(tmp_path / "file", **options), ["key"])
    asked = []
    file = table._file

    class Spy:
        metadata, schema_arrow = file.metadata, file.schema_arrow

        def iter_batches(self, *args: Any) -> Any:
            asked.append(args)
            return file.iter_batches(*args)

    monkeypatch.setattr(table, "_file", Spy())

    assert sum(batch.num_rows for batch in table.batches(WHOLE, 1_000)) == ROWS
    assert bool(asked) is not usual


def test_pyarrow_takes_over_in_the_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A null in the last rows has pyarrow read those alone: no row is told twice or left out."""
    numbers = [*range(3_000), None, 7]
    pq.write_table(
        pa.table({"pid": pa.array(numbers, pa.uint32())}), tmp_path / "file", data_page_size=1_000
    )
    data = (tmp_path / "file").read_bytes()
    found = batches(data, ("pid",), 500)
    without_library(monkeypatch)

    assert found == batches(data, ("pid",), 500)
    assert [n for batch in found for n in batch.column(0).to_pylist()] == numbers


@pytest.mark.parametrize(("key", "said"), [(7, True), ("HKU\\S-1-5-21-7", False)])
def test_keys_that_are_numbers_are_said_to_be_no_text(
    tmp_path: Path, key: object, *, said: bool
) -> None:
    """Nobody knows which keys they stand for, so that nothing is read, and nothing is clear."""
    pq.write_table(pa.table({"op": ["load"], "pid": [4], "key": [key]}), tmp_path / "file")
    found = replay(tmp_path / "file")

    reason = "the file is damaged after 0 rows: the column key holds no text"
    assert (reason in found.reasons) is said
    assert (found.conclusion.value == "clear") is not said


def outcome(path: Path) -> object:
    """Return all that is said of a trace, or how it is refused."""
    try:
        return replay(path)
    except Exception as error:  # noqa: BLE001 - whatever it is, it must be the same
        return type(error), str(error)


def trace(path: Path) -> bytes:
    """Return a small trace with handles and texts."""
    rows = [
        {"op": ["open", "close"][n % 3 == 2], "pid": 1, "key": f"HKCU\\{n // 3}", "handle": 4 * n}
        for n in range(300)
    ]
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=120, compression="none")
    return path.read_bytes()


def test_damage_reads_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file with wrong bytes the library's reader says what pyarrow's says, row for row."""
    data, rng = trace(tmp_path / "whole"), random.Random(7)
    damaged = []
    for number in range(14):
        wrong = bytearray(data)
        wrong[rng.randrange(len(data) // 2)] = rng.randrange(256)
        damaged.append(tmp_path / str(number))
        damaged[-1].write_bytes(wrong)
    found = [outcome(path) for path in damaged]
    without_library(monkeypatch)

    assert found == [outcome(path) for path in damaged]
    assert len({str(one) for one in found}) > 1


def traced(rng: random.Random) -> Any:
    """Return a table of calls with all that may be odd about one, and some columns missing."""
    ops = [*("open", "NtOpenKey", "RegOpenKeyExW", "close", "NtClose", "duplicate", "use", "exit")]
    ops += [*("load", "unload", "force", "start", "delete", "RegQueryValueEx", "Bogus", None)]
    users = ["HKU\\S-1-5-21-7", "HKU\\S-1-5-21-7\\A", "HKU\\S-1-5-21-8\\B", "HKLM\\C"]
    keys = [*users, *users, "\\REGISTRY\\X", "HKCU", None, "", "relative"]
    statuses = [0, 0, 0, 5, 77, 1018, 0xC000017C, 0x40000016, 259, 0xC0000034, None]
    roots = [0, 4, 8, 0x80000001, 0xFFFFFFFF80000001, 0x80000002, None]
    rows = rng.randrange(1, 120)
    found = {
        "op": pa.array(rng.choices(ops[: rng.choice([5, 16])], k=rows), pa.string()),
        "pid": pa.array(rng.choices([4, 8, 12, rng.choice([4, None, 4 << 20])], k=rows)),
        "key": pa.array(rng.choices(keys, k=rows), pa.string()),
        "handle": pa.array(rng.choices(roots, k=rows), pa.uint64()),
        "parent": pa.array(rng.choices(roots, k=rows), pa.uint64()),
        "status": pa.array(rng.choices(statuses, k=rows), rng.choice([pa.uint32(), pa.int64()])),
        "process": pa.array(rng.choices(["a.exe", "b.exe", None], k=rows), pa.string()),
        "time": pa.array([10 * at - rng.choice([0, 0, 30]) for at in range(rows)]),
    }
    if rng.random() < 0.3:
        numbers = rng.choices([*range(14), rng.choice([1, None])], k=rows)
        found["op"] = pa.array(numbers, pa.uint8())
    for name in ("handle", "parent", "status", "process", "time"):
        if rng.random() < 0.2:
            del found[name]
    return pa.table(found)


def test_library_settles_rows_as_numpy_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is odd about a row, it is told the same, and counted the same, either way."""
    rng, path = random.Random(6), tmp_path / "rows.parquet"
    for _ in range(40):
        pq.write_table(traced(rng), path, row_group_size=rng.choice([7, 1_000]))
        said = []
        for library in (accel.NATIVE, None):
            for module in (_settled, arrow):
                monkeypatch.setattr(module, "NATIVE", library)
            said.append(outcome(path))
        assert said[0] == said[1]


def test_a_file_of_no_rows(tmp_path: Path) -> None:
    """A table without rows has no batch, and one without a row group neither."""
    empty = pa.table({"pid": pa.array([], pa.uint32())})
    pq.write_table(empty, tmp_path / "file")
    assert batches((tmp_path / "file").read_bytes(), ("pid",), 10) == []


def test_work_ahead_tells_its_errors_in_their_place() -> None:
    """What is made ahead comes in order, and an error after all that came before it."""

    def some() -> Any:
        yield 1
        yield 2
        raise ValueError("damaged")

    coming = _parquet.ahead(some())
    assert [next(coming), next(coming)] == [1, 2]
    with pytest.raises(ValueError, match="damaged"):
        next(coming)


def test_reading_ahead_that_is_given_up_waits_for_no_thread(
    waits_when_given_up: Callable[..., bool],
) -> None:
    """The garbage collector may end it where a lock is held that joining a thread takes."""
    going_on = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        going_on.wait(60)
        yield 2

    reading = _parquet.ahead(items())
    assert next(reading) == 1
    assert not waits_when_given_up(reading, going_on)
    assert list(_parquet.ahead(iter([1, 2, 3]))) == [1, 2, 3]

"""The project's own formats: JSON lines and Parquet, with handles and without."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from regsim import dialects
from regsim.errors import DataError
from regsim.trace.asking import replay
from regsim.trace.evidence import Fidelity
from regsim.trace.finding import Conclusion, Finding

SID = "S-1-5-21-7"
HIVE = rf"HKU\{SID}"

Q241572: list[dict[str, Any]] = [
    {"op": "start", "pid": 500, "process": "tapisrv.exe", "session": 0, "time": 1.0},
    {
        "op": "RegOpenKeyEx",
        "pid": 500,
        "parent": "HKEY_CURRENT_USER",
        "key": r"Software\App",
        "handle": "0x44",
        "time": 2.0,
    },
    {"op": "RegCloseKey", "pid": 500, "handle": 0x44, "time": 3},
    {"op": "unload", "pid": 4, "key": "HKCU", "status": "0xC0000022", "time": 4},
]


def write(tmp_path: Path, records: list[Any]) -> Path:
    """Write records as JSON lines."""
    path = tmp_path / "trace"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def judged(tmp_path: Path, records: list[Any], os_name: str | None = None) -> Finding:
    """Return the verdict on records."""
    dialect = dialects.get(os_name) if os_name else None
    return replay(write(tmp_path, records), dialect=dialect, dialect_of=dialects.get)


@pytest.mark.parametrize("os_name", [None, "nt4-sp6a", "win11"])
def test_leak_of_q241572(tmp_path: Path, os_name: str | None) -> None:
    """The subkey is closed, the root that the call opened unasked is not: it blocks the unload."""
    verdict = judged(tmp_path, Q241572, os_name)
    (blocker,) = verdict.blockers
    (attempt,) = verdict.attempts

    assert verdict.fidelity is Fidelity.HANDLES
    assert (blocker.process, blocker.key, blocker.implicit) == ("tapisrv.exe", "HKCU", True)
    assert not blocker.inferred
    assert blocker.opened_at == "2.0000000 s"
    assert [held.process for held in attempt.blockers] == ["tapisrv.exe"]


def test_close_of_the_predefined_key(tmp_path: Path) -> None:
    """RegCloseKey(HKEY_CURRENT_USER) closes the root on Windows, and nothing on Wine."""
    closing = [*Q241572[:3], {"op": "RegCloseKey", "pid": 500, "handle": 0xFFFFFFFF80000001}]
    assert judged(tmp_path, closing, "nt4-sp6a").blockers == ()
    assert judged(tmp_path, closing, "wine").blockers != ()


def test_explicit_open_leaks_nothing(tmp_path: Path) -> None:
    """The same open by the SID's own name opens no root."""
    records = [{**Q241572[0]}, {**Q241572[1], "parent": 0, "key": rf"{HIVE}\X"}, Q241572[2]]
    assert judged(tmp_path, records).blockers == ()


def test_handles_decide(tmp_path: Path) -> None:
    """A close ends the very handle that it names, relative names count, and exits end all."""
    records = [
        {"op": "open", "pid": 1, "key": HIVE, "handle": 8, "access": 1},
        {"op": "open", "pid": 1, "parent": 8, "key": "A", "handle": 12},
        {"op": "open", "pid": 1, "key": rf"{HIVE}\A", "handle": 16},
        {"op": "NtClose", "pid": 1, "handle": 12},
        {"op": "NtClose", "pid": 1, "handle": 400},
        {"op": "open", "pid": 2, "key": HIVE, "handle": 8},
        {"op": "exit", "pid": 2},
        {"op": "query", "pid": 1},
        {"op": "open", "pid": 1, "key": rf"{HIVE}\B", "handle": 0, "status": 0xC0000022},
    ]
    verdict = judged(tmp_path, records)
    held = [(b.pid, b.key, b.handle, b.event) for b in verdict.blockers]

    assert held == [(1, HIVE, 8, 1), (1, rf"{HIVE}\A", 16, 3)]
    assert (verdict.opens, verdict.closes, verdict.unmatched_closes) == (4, 1, 0)
    assert verdict.events == 9


def test_pid_used_again(tmp_path: Path) -> None:
    """A start under a number in use ends the earlier process."""
    records = [
        {"op": "open", "pid": 1, "key": HIVE, "handle": 8, "process": "old.exe"},
        {"op": "start", "pid": 1, "process": "new.exe"},
        {"op": "open", "pid": 1, "key": HIVE, "handle": 12},
    ]
    (blocker,) = judged(tmp_path, records).blockers
    assert (blocker.process, blocker.handle, blocker.balance) == ("new.exe", 12, (1, 1))


def test_without_handles_by_path(tmp_path: Path) -> None:
    """Records without handles are paired by process and key, and the tier says so."""
    records = [
        {"op": "open", "pid": 1, "path": r"HKCU\A", "ts": "2020-01-01T00:00:00Z"},
        {"op": "open", "pid": 1, "path": r"HKCU\B", "ts": "2020-01-01T00:00:01"},
        {"op": "close", "pid": 1, "path": "hkcu\\b\\", "ts": "2020-01-01T00:00:02+00:00"},
    ]
    verdict = judged(tmp_path, records)
    (blocker,) = verdict.blockers
    assert verdict.fidelity is Fidelity.PATHS
    assert blocker.opened_at == "2020-01-01 00:00:00.0000000"


def test_system_in_the_first_record(tmp_path: Path) -> None:
    """The first record may name the system; an unknown one is no error but a limit."""
    assert judged(tmp_path, [{"op": "meta", "os": "xp"}, *Q241572]).os == "xp"
    verdict = judged(tmp_path, [{"op": "meta", "os": "beos"}, *Q241572])
    assert "no rules are known for its system 'beos'" in verdict.reasons


def test_nt4_has_no_classes_hive(tmp_path: Path) -> None:
    """Where the user's classes are no hive of their own, a key in them holds the user's."""
    records = [{"op": "open", "pid": 1, "key": rf"{HIVE}\Software\Classes\X", "handle": 8}]
    assert judged(tmp_path, records, "nt4-sp6a").hives[0].hive == HIVE
    assert judged(tmp_path, records, "win11").hives[0].hive == rf"{HIVE}_Classes"


@pytest.mark.parametrize(
    "bad",
    [
        "{",
        "[]",
        "3",
        '{"op": "open", "pid": "x", "key": "HKCU"}',
        '{"op": "open", "pid": 1, "key": 5}',
        '{"op": "open", "pid": 1, "key": "HKCU", "handle": 1e400}',
        '{"op": "open", "pid": -99999999999, "key": "HKCU"}',
        '{"op": "open", "pid": 1, "key": "HKCU", "time": "never"}',
        '{"op": "open", "pid": 1, "key": "HKCU", "handle": 99999999999999999999999}',
        "[" * 5000,
    ],
)
def test_bad_line_is_marked(tmp_path: Path, bad: str) -> None:
    """A line that is no record is left out, and the verdict says that it is partial."""
    path = write(tmp_path, [{"op": "open", "pid": 1, "key": "HKCU", "handle": 4}])
    path.write_text(path.read_text() + bad + "\n")
    verdict = replay(path)
    assert len(verdict.blockers) == 1
    assert "1 lines are no records (the first is line 2); they were left out" in verdict.reasons


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_packed_files_are_unpacked(tmp_path: Path, pack: Any) -> None:
    """Gzip and zlib content is read as if it were not packed; one that is cut short is partial."""
    path = write(tmp_path, Q241572 * 50)
    plain = path.read_bytes()
    path.write_bytes(pack(plain))
    assert replay(path).opens == 50
    path.write_bytes(pack(plain)[:-20])
    assert any("cut short" in reason for reason in replay(path).reasons)


# -- Parquet and Arrow ------------------------------------------------------------------------

OPS = ["start", "open", "close", "unload"]


def table(records: list[dict[str, Any]]) -> Any:
    """Return records as a table of pyarrow's, with the columns that they have."""
    pa = pytest.importorskip("pyarrow")
    return pa.Table.from_pylist(records)


def parquet(tmp_path: Path, records: list[dict[str, Any]]) -> Path:
    """Write records as Parquet."""
    pq = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "trace"
    pq.write_table(table(records), path)
    return path


COLUMNS: list[dict[str, Any]] = [
    {"op": "start", "pid": 5, "key": None, "handle": 0, "parent": 0, "process": "a.exe"},
    {"op": "open", "pid": 5, "key": r"HKCU\A", "handle": 8, "parent": 0x80000001, "process": None},
    {"op": "close", "pid": 5, "key": None, "handle": 8, "parent": 0, "process": None},
    {"op": "query", "pid": 5, "key": "HKCU", "handle": 8, "parent": 0, "process": None},
    {"op": "unload", "pid": 4, "key": "HKCU", "handle": 0, "parent": 0, "process": "b.exe"},
]
for _row in COLUMNS:
    _row["status"] = 0xC0000022 if _row["op"] == "unload" else 0


def test_parquet_is_replayed(tmp_path: Path) -> None:
    """The columns of a Parquet file give the verdict that the same JSON lines give."""
    verdict = replay(parquet(tmp_path, COLUMNS))
    (blocker,) = verdict.blockers

    assert verdict.format == "parquet"
    assert verdict.events == 5
    assert (blocker.process, blocker.pid, blocker.key, blocker.event) == ("a.exe", 5, "HKCU", 2)
    assert blocker.implicit
    assert [len(attempt.blockers) for attempt in verdict.attempts] == [1]
    same = judged(tmp_path, [{k: v for k, v in row.items() if v} for row in COLUMNS])
    assert [b.key for b in same.blockers] == [blocker.key]


def test_numbers_for_ops_and_timestamps(tmp_path: Path) -> None:
    """Ops may be numbers, times timestamps; without handles rows are paired by path."""
    when = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    rows = [
        {"op": 1, "pid": 5, "key": "HKCU\\A", "time": when},
        {"op": 1, "pid": 5, "key": "HKCU\\B", "time": when},
        {"op": 2, "pid": 5, "key": "HKCU\\b", "time": when},
    ]
    verdict = replay(parquet(tmp_path, rows))
    assert [b.opened_at for b in verdict.blockers] == ["2020-01-01 00:00:00.0000000"]
    assert verdict.fidelity is Fidelity.PATHS


def test_arrow_file(tmp_path: Path) -> None:
    """An Arrow file is read like a Parquet one."""
    pa = pytest.importorskip("pyarrow")
    path = tmp_path / "trace"
    rows = table(COLUMNS)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, rows.schema) as writer:
        writer.write_table(rows)
    assert len(replay(path).blockers) == 1


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([{"op": "open", "pid": 5}], "lacks the column key"),
        ([{"op": 99, "pid": 5, "key": "HKCU"}], "op 99 is unknown"),
        ([{"op": "open", "pid": "x", "key": "HKCU"}], "pid holds no whole numbers"),
    ],
)
def test_wrong_columns_are_told(tmp_path: Path, rows: list[dict[str, Any]], text: str) -> None:
    """A file without the columns, or with others in them, says what is wrong."""
    path = parquet(tmp_path, rows)
    try:
        assert any(text in reason for reason in replay(path).reasons)
    except DataError as error:
        assert text in str(error)


def test_damaged_parquet_is_one_error(tmp_path: Path) -> None:
    """A Parquet file without its end is refused in one line."""
    path = parquet(tmp_path, COLUMNS)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match="is damaged"):
        replay(path)


def test_answer_words() -> None:
    """The words of the contract."""
    assert [answer.value for answer in Conclusion] == ["blocked", "clear", "inconclusive"]

"""Captures converted to columns: the finding on the file is the finding on the capture."""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regsim import cli, dialects
from regsim.errors import DataError, RegsimError, UsageError
from regsim.trace.asking import replay
from regsim.trace.converting import convert
from regsim.trace.finding import Finding
from regsim.trace.particulars import METADATA

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

SOUNDNESS = Path(__file__).parents[1] / "soundness"
HIVE = "HKU\\S-1-5-21-1-2-3-1001"
ASKED: list[dict[str, Any]] = [
    {},
    {"os": "nt4-sp6a", "hkcu_sid": "S-1-5-21-1-2-3-1001"},
    {"os": "win11"},
]
"""Ways to ask: rules, and whose hive HKCU is, change what is one key and what blocks."""


def answer(path: Path, **asked: Any) -> Finding | str:
    """Return the finding on a file, or how it is refused."""
    name = asked.pop("os", None)
    dialect = dialects.get(name) if name else None
    try:
        return replay(path, dialect=dialect, dialect_of=dialects.get, **asked)
    except RegsimError as error:
        return str(error).replace(str(path), "it")


def check(path: Path, suffix: str = ".parquet") -> Path:
    """Convert a capture, and what came of it; the answers to all three must be equal."""
    once, twice = path.with_name(f"once{suffix}"), path.with_name(f"twice{suffix}")
    convert(path, once)
    convert(once, twice)
    for asked in ASKED:
        assert answer(once, **asked) == answer(path, **asked)
    assert twice.read_bytes() == once.read_bytes()
    # The rest of a capture is not read then, but a file tells at its end what there is to know.
    assert held(answer(once, at="#7")) == held(answer(path, at="#7"))
    return once


def held(found: Finding | str) -> object:
    """Return what a finding says was open at the moment asked about, or how that is refused."""
    if isinstance(found, str):
        return found
    return found.asked_at, found.opens, found.closes, found.roots, found.held, found.attempts


@pytest.fixture(scope="module")
def written() -> Callable[[int, str], bytes]:
    """A function from a seed and a format to a program's events as that format has them."""
    sys.path.append(str(SOUNDNESS))
    try:
        from programs import play  # noqa: PLC0415 - beside other tests
        from writers import FORMATS  # noqa: PLC0415
    finally:
        sys.path.remove(str(SOUNDNESS))

    def made(seed: int, form: str) -> bytes:
        rows, write = FORMATS[form]
        return write(rows(play(seed)))

    return made


FORMS = ("csv", "xml", "pml", "jsonl", "jsonl-paths", "parquet", "etw-xml", "etw-csv", "wine")


@pytest.mark.parametrize("form", FORMS)
def test_every_format_is_carried(
    form: str, tmp_path: Path, written: Callable[[int, str], bytes]
) -> None:
    """A program's events in each format; Arrow and Parquet, packed or not, once and twice."""
    path = tmp_path / "capture"
    for seed in (3, 4):
        path.write_bytes(written(seed, form))
        check(path)
    check(path, ".arrow")
    path.write_bytes(gzip.compress(path.read_bytes()))
    check(path)


@pytest.mark.parametrize("form", FORMS)
def test_what_a_damaged_capture_lacks_is_carried(
    form: str, tmp_path: Path, written: Callable[[int, str], bytes]
) -> None:
    """Cut short, with a stretch of zeros, with a line twice as long: each doubt is in the file."""
    data = written(5, form)
    middle = len(data) // 2
    path = tmp_path / "capture"
    for damaged in (
        data[: -len(data) // 5],
        data[:middle] + bytes(40) + data[middle + 40 :],
        data[:middle] + data[middle:].replace(b"\n", b" ", 1),
    ):
        path.write_bytes(damaged)
        if isinstance(answer(path), Finding):
            check(path)


@pytest.mark.shared_data
@pytest.mark.parametrize(
    "name",
    [
        "procmon/CompressedLogFileUTC64Registry.PML",
        "procmon/CompressedLogfileTests32bitUTC.CSV",
        "wine/winedebug_timestamp_pid_reg_wine8.0.log",
    ],
)
def test_captures_of_real_systems_are_carried(
    name: str, captured: Callable[[str], Path], tmp_path: Path
) -> None:
    """Process Monitor's own, and a log of Wine's."""
    path = tmp_path / "capture"
    path.write_bytes(captured(name).read_bytes())
    check(path)


KEYS = (
    *("HKCU", "HKCU\\A", "hkcu\\a\\", "HKCU\\Software\\Classes\\X", "HKCR\\X", "?\\X", ""),
    *(HIVE, f"{HIVE.lower()}\\B", f"\\REGISTRY\\USER\\{HIVE[4:]}", f"{HIVE}_Classes\\C"),
    *("HKLM\\SYSTEM\\CurrentControlSet", "HKLM\\OFFLINE", "\\REGISTRY\\WC\\Silo7", "HKLM\\Ä\0"),
)
RECORD = st.fixed_dictionaries(
    {
        "op": st.sampled_from(
            (
                *("open", "close", "RegOpenKeyEx", "NtClose", "duplicate", "start", "exit", "load"),
                *("unload", "force", "delete", "RegQueryValueEx", "close_root", "untold", "odd"),
            )
        )
    },
    optional={
        "pid": st.integers(1, 4),
        "key": st.sampled_from(KEYS),
        "handle": st.sampled_from((4, 8, 12, -0x7FFFFFFF, 1 << 40)),
        "parent": st.sampled_from((4, 8, "HKEY_CURRENT_USER", 0x80000001)),
        "status": st.sampled_from((0, 2, 259, 1018, 0xC0000121, 0xC000017C, 0x77)),
        "time": st.sampled_from((0, 1, 2.5, 3, "2025-01-02T03:04:05", "no time")),
        "process": st.sampled_from(("a.exe", "\ud800.exe", "svchost.exe")),
        "command_line": st.just("svchost.exe -k netsvcs"),
        "session": st.sampled_from((0, 2, 1 << 70)),
        "source": st.sampled_from(("a.c:1", "b.c:2")),
        "access": st.sampled_from((1, "0x2000000", "Read")),
    },
)


def is_told(record: dict[str, Any]) -> bool:
    """Return whether all systems agree on what a record says.

    That no hive is loaded at a key of HKCR is said by those alone that merge it from two.
    """
    loads = record["op"] in ("load", "unload", "force")
    return not (loads and record.get("key", "").startswith("HKCR"))


@given(st.lists(RECORD.filter(is_told), min_size=1, max_size=25))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_any_records_are_carried(tmp_path: Path, records: list[dict[str, Any]]) -> None:
    """Whatever a log holds: odd calls, statuses, names, times, and what only other rules tell."""
    path = tmp_path / "capture"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    check(path)


def jsonl(path: Path, *records: dict[str, Any]) -> Path:
    """Write records to a file."""
    path.write_text("".join(json.dumps({"pid": 1, **record}) + "\n" for record in records))
    return path


CLEAR = (
    {"op": "start"},
    {"op": "load", "pid": 9, "key": HIVE},
    {"op": "open", "key": f"{HIVE}\\A", "handle": 4},
    {"op": "close", "handle": 4},
)


@pytest.fixture
def clear(tmp_path: Path) -> Path:
    """A converted log of which the hive is clear."""
    path = tmp_path / "clear.parquet"
    convert(jsonl(tmp_path / "log", *CLEAR), path)
    found = answer(path)
    assert isinstance(found, Finding)
    assert found.conclusion.value == "clear"
    return path


def told(path: Path) -> dict[str, Any]:
    """Return what a file tells beside its rows."""
    found: dict[str, Any] = json.loads(pq.read_metadata(path).metadata[METADATA.encode()])
    return found


def rewrite(path: Path, table: Any, told: Any = None) -> None:
    """Write *table* anew, as other tools do, with *told* beside it if that is given."""
    if told is not None:
        text = told if isinstance(told, bytes) else json.dumps(told).encode()
        table = table.replace_schema_metadata({METADATA: text})
    pq.write_table(table, path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.slice(0, 3), r"it has 3 rows where 4 were written"),
        (lambda table: pa.concat_tables([table, table.slice(3)]), "it has 5 rows where 4"),
        (lambda table: table.take([0, 2, 1, 3]), "not in the order in which they were written"),
        (lambda table: table.set_column(5, "life", pa.array([0, 7, 0, 0])), "process 7 is unknown"),
        (lambda table: table.set_column(0, "op", pa.array(["x"] * 4)), "damaged after 0 rows"),
        (lambda table: table.set_column(0, "op", pa.array([1] * 4)), "holds no text"),
        (lambda table: table.set_column(5, "life", pa.array([None] * 4)), "life has gaps"),
        (lambda table: table.set_column(9, "status", pa.array([0, 0, None, 0])), "status has gaps"),
        (lambda table: table.set_column(12, "event", pa.array([1, 2, 3, 9])), "beyond the last"),
    ],
)
def test_rows_that_a_tool_has_changed_are_never_clear(
    clear: Path, change: Callable[[Any], Any], said: str
) -> None:
    """Taken out, added, sorted, of nobody: a tool keeps the metadata, and the file says why."""
    table = pq.read_table(clear)
    assert [table.schema.names[at] for at in (5, 9, 12)] == ["life", "status", "event"]
    metadata = {METADATA: pq.read_metadata(clear).metadata[METADATA.encode()]}
    rewrite(clear, change(table).replace_schema_metadata(metadata))
    found = answer(clear)

    assert isinstance(found, Finding)
    assert found.conclusion.value != "clear"
    assert any(said in reason for reason in found.reasons)


def test_metadata_are_input(clear: Path) -> None:
    """Damaged, of a later version, or hostile: one line says so, whatever it is."""
    table, good = pq.read_table(clear), told(clear)
    facts, record = good["facts"], good["record"]
    for bad, said in (
        (b"{", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        ([], "it has other fields"),
        ({**good, "version": 2}, "a later regsim wrote it"),
        ({**good, "version": True}, "its version"),
        ({**good, "more": 1}, "it has other fields"),
        ({**good, "rows": -1}, "its rows"),
        ({**good, "times": "moons"}, "its times"),
        ({**good, "day": "2025-13-01"}, "its day"),
        ({**good, "facts": {**facts, "fidelity": "D"}}, "its facts"),
        ({**good, "facts": {**facts, "events": 1 << 70}}, "its facts"),
        ({**good, "record": {**record, "calls": {"x": 1}}}, "its record"),
        ({**good, "record": {k: v for k, v in record.items() if k != "damage"}}, "its record"),
        ({**good, "processes": [[1]]}, "its processes"),
    ):
        rewrite(clear, table, bad)
        text = answer(clear)
        assert isinstance(text, str)
        assert said in text
        assert "\n" not in text
    rewrite(clear, table, {**good, "facts": {**facts, "fidelity": "A"}, "processes": []})
    found = answer(clear)
    assert isinstance(found, Finding)
    assert found.conclusion.value == "inconclusive"


def test_a_time_that_no_calendar_has_is_told_by_its_day(clear: Path) -> None:
    """Whatever metadata say of the first time, and in which form it is to be written."""
    good = told(clear)
    for form, text in (
        ("day", "02:48:05.4775807 (day 10675200)"),
        ("utc", f"tick {(1 << 63) - 1}"),
    ):
        facts = {**good["facts"], "clock": "local", "first_time": (1 << 63) - 1}
        more = {"facts": facts, "times": form, "day": "2025-01-02"}
        rewrite(clear, pq.read_table(clear), {**good, **more})
        found = answer(clear)
        assert isinstance(found, Finding)
        assert found.completeness.begins == text


def test_a_column_that_is_gone_is_said(clear: Path) -> None:
    """The file is refused."""
    rewrite(clear, pq.read_table(clear).drop_columns(["handle"]), told(clear))
    assert answer(clear) == "it lacks the column handle"


def test_without_its_metadata_it_is_a_strangers(tmp_path: Path) -> None:
    """Its columns are such as others write; what else there is to know is said by a row of it."""
    for more, verdict in (((), "clear"), (({"op": "untold", "why": "a lot"},), "inconclusive")):
        path = tmp_path / "file.parquet"
        convert(jsonl(tmp_path / "log", *CLEAR, *more), path)
        rewrite(path, pq.read_table(path).replace_schema_metadata(None))
        found = answer(path)
        assert isinstance(found, Finding)
        assert (found.format, found.conclusion.value) == ("parquet", verdict)


def test_what_no_file_can_hold_is_refused(tmp_path: Path) -> None:
    """Half a surrogate pair in a key; what was at the place stays, and nothing lies beside it."""
    path = tmp_path / "old.parquet"
    path.write_bytes(b"old")
    log = jsonl(tmp_path / "log", {"op": "open", "key": "HKCU\\\ud800"})
    with pytest.raises(DataError, match="can hold the text"):
        convert(log, path)
    assert path.read_bytes() == b"old"
    assert sorted(tmp_path.iterdir()) == [log, path]


@pytest.mark.parametrize("name", ["log.csv", "log.jsonl", "log.PML", "log.parquet.gz"])
def test_a_name_that_promises_another_format_is_refused(tmp_path: Path, name: str) -> None:
    """Before anything is read; upper case and no ending at all promise none."""
    with pytest.raises(UsageError, match=r"name it \.parquet or \.arrow"):
        convert(tmp_path / "none", tmp_path / name)
    log = jsonl(tmp_path / "log", *CLEAR)
    for good, head in (("A.PARQUET", b"PAR1"), ("A.Arrow", b"ARROW1"), ("rows", b"PAR1")):
        convert(log, tmp_path / good)
        assert (tmp_path / good).read_bytes().startswith(head)


def test_a_snapshot_is_no_capture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line names the command that answers from it."""
    listing = tmp_path / "handles.txt"
    listing.write_text("a.exe pid: 16 type: Key 8: HKU\\S-1-5-21-7\n")
    assert cli.main(["convert", str(listing), "-o", str(tmp_path / "out")]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert re.fullmatch(r"regsim: error: .*no capture: `regsim who` answers from it\n", said.err)


def test_hives_that_are_asked_about_are_named_when_it_is_converted(tmp_path: Path) -> None:
    """A log's rows depend on them; asked otherwise, the file says so and decides nothing."""
    log = jsonl(tmp_path / "log", {"op": "load", "key": "X\\Y"}, {"op": "open", "key": "X\\Y\\A"})
    path = tmp_path / "file.parquet"
    convert(log, path)
    with pytest.raises(UsageError, match=r"was converted with no --hive"):
        replay(path, mounts=["X\\Y"])
    convert(log, path, mounts=["X\\Y"])
    assert replay(path, mounts=["x\\y\\"]) == replay(log, mounts=["x\\y\\"])
    with pytest.raises(UsageError, match=r"was converted with --hive X\\Y"):
        replay(path)


def test_a_key_is_called_as_the_evidence_first_writes_it(tmp_path: Path) -> None:
    """In a long log, too, whose rows come in parts, and for a root that is named late."""
    many = [{"op": "open", "key": f"{HIVE}\\A", "handle": 4 * n} for n in range(1, 4_100)]
    root = {"op": "open", "key": f"\\Registry\\User\\{HIVE[4:]}", "handle": 80_000}
    log = jsonl(tmp_path / "log", *many, root, {"op": "unload", "key": HIVE, "status": 5})
    found = answer(check(log))

    assert isinstance(found, Finding)
    assert {one.key for one in found.blockers} == {f"{HIVE}\\A", root["key"]}


def test_many_row_groups_are_carried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has the names of its own keys and processes."""
    monkeypatch.setattr("regsim.trace.converting.ROWS", 50)
    many = [
        {"op": "open", "pid": n // 9, "key": f"{HIVE}\\{n % 450}", "handle": 4, "source": f"a:{n}"}
        for n in range(900)
    ]
    path = check(jsonl(tmp_path / "log", *many))
    file = pq.ParquetFile(path, read_dictionary=["key"])
    assert file.num_row_groups == 18
    assert len(file.read_row_group(17).column("key").chunk(0).dictionary) == 50
    check(tmp_path / "log", ".arrow")


def test_names_that_no_row_has_are_carried(tmp_path: Path) -> None:
    """An Arrow file may name a hive of which it has no row; that it knows of the hive is said."""
    keys = pa.DictionaryArray.from_arrays(pa.array([], pa.int32()), pa.array([HIVE]))
    columns = {"op": pa.array([], pa.string()), "pid": pa.array([], pa.int64()), "key": keys}
    rows = pa.record_batch(columns)
    with pa.ipc.new_file(tmp_path / "file", rows.schema) as writer:
        writer.write_batch(rows)
    found = answer(check(tmp_path / "file"))
    assert isinstance(found, Finding)
    assert [hive.hive for hive in found.hives] == [HIVE]


def test_what_is_merged_is_in_doubt_as_in_the_log(tmp_path: Path) -> None:
    """A key of HKCR may be a user's on systems that merge it from two hives, and only there."""
    loaded = {"op": "load", "pid": 9, "key": f"{HIVE}_Classes"}
    merged = {"op": "open", "key": "HKCR\\X", "handle": 8}
    path = check(jsonl(tmp_path / "log", loaded, *CLEAR, merged))
    verdicts = [answer(path, os=name) for name in ("win11", "nt4-sp6a")]
    assert [str(one).split(":")[0] for one in verdicts] == ["INCONCLUSIVE", "CLEAR"]


def test_a_converted_file_may_be_packed(clear: Path) -> None:
    """As any evidence may; it is told from other columns all the same."""
    before = answer(clear)
    clear.write_bytes(gzip.compress(clear.read_bytes()))
    assert answer(clear) == before


def test_json_says_what_was_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As many rows as the file has, and where the capture is damaged."""
    log, path = jsonl(tmp_path / "log", *CLEAR), tmp_path / "file.parquet"
    log.write_text(log.read_text() + "{\n")
    assert cli.main(["convert", str(log), "-o", str(path), "--json"]) == 0
    said = capsys.readouterr()
    record = json.loads(said.out)

    assert record["rows"] == told(path)["rows"] - 1 == 4  # and one that says that it is not all
    assert (record["events"], record["format"], record["fidelity"]) == (5, "jsonl", "A")
    assert record["problems"] == [
        "1 lines are no records (the first is line 5); they were left out"
    ]
    assert said.err == f"problem: {record['problems'][0]}\n"

"""Captures in pairs: one that misleads, never called clear, and one like it that is whole and is.

Each pair stands for a kind: the first has a handle that stays open, or may, told in a way in which
it could be missed; the second tells of nothing that is open at its end.
"""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from regsim import dialects
from regsim.errors import DataError
from regsim.report.pictures.evidence import evidence_svg
from regsim.report.text.evidence import as_text
from regsim.trace.asking import replay
from regsim.trace.finding import Conclusion
from regsim.trace.readers._procmon_rows import read_shape

Row = dict[str, Any]
SID: Final = "S-1-5-21-1-2-3-1001"
HIVE: Final = f"HKU\\{SID}"
KEY: Final = f"{HIVE}\\Software"
CLASSES: Final = f"{HIVE}_Classes"
HKCU: Final = 0x80000001
WIN32: Final = 6
NT: Final = 0xC0000008


def of(op: str, pid: int = 2, **more: object) -> Row:
    """Return the record of a call."""
    return {"op": op, "pid": pid, **more}


OPEN: Final = of("open", key=KEY, handle=8)
CLOSE: Final = of("close", key=KEY, handle=8)
INNER: Final = of("close", handle=12)
OTHER: Final = [of("open", 3, key="HKLM\\x", handle=4), of("close", 3, key="HKLM\\x", handle=4)]
BEGUN: Final = [
    *(of("start"), of("load", 1, key=HIVE), of("load", 1, key=CLASSES)),
    *(of("open", key=KEY, handle=4), of("close", key=KEY, handle=4)),
]


def jsonl(rows: Sequence[Row]) -> bytes:
    """Return records as JSON lines, a second apart where they have no time."""
    texts = [row.get("text") or json.dumps({"time": at, **row}) for at, row in enumerate(rows)]
    return "\n".join(texts).encode() + b"\n"


def by_path(rows: Sequence[Row]) -> bytes:
    """Return the same as a tool has them that sees no handles."""
    return jsonl([{name: value for name, value in row.items() if name != "handle"} for row in rows])


def parquet(rows: Sequence[Row]) -> bytes:
    """Return the same as a Parquet file, its times in ticks where they are not given."""
    import pyarrow as pa  # noqa: PLC0415 - an extra
    import pyarrow.parquet as pq  # noqa: PLC0415 - an extra

    timed = [{"time": at * 10_000_000, **row} for at, row in enumerate(rows)]
    names = dict.fromkeys(name for row in timed for name in row)
    table = {name: [row.get(name) for row in timed] for name in names}
    file = io.BytesIO()
    pq.write_table(pa.table(table), file)
    return file.getvalue()


def parquet_by_path(rows: Sequence[Row]) -> bytes:
    """Return the same without handles."""
    return parquet(
        [{name: value for name, value in row.items() if name != "handle"} for row in rows]
    )


Write = Callable[[Sequence[Row]], bytes]
ALL: Final = (jsonl, by_path, parquet, parquet_by_path)
WITH_HANDLES: Final = (jsonl, parquet)


@attrs.frozen
class Pair:
    """What follows a whole capture of two hives: what misleads, and what is as it should be."""

    name: str
    misleading: Sequence[Row]
    whole: Sequence[Row]
    writers: Sequence[Write] = (jsonl,)


PAIRS: Final = (
    *(
        Pair(
            f"a close that failed with {status:#x}",
            [OPEN, {**CLOSE, "status": status}],
            [OPEN, CLOSE, {**CLOSE, "status": status}],
            ALL,
        )
        for status in (WIN32, NT)
    ),
    Pair("a status that is no number", [OPEN, {**CLOSE, "status": True}], [OPEN, CLOSE]),
    Pair(
        "an exit without a process",
        [{**OPEN, "pid": None}, {"op": "exit", "pid": None}],
        [OPEN, CLOSE, of("exit")],
        ALL,
    ),
    Pair(
        "a close without a key",
        [of("open", key="HKLM\\x"), of("open"), of("close")],
        [of("open", key=KEY), of("close", key=KEY)],
        (jsonl, by_path, parquet_by_path),
    ),
    Pair(
        "a delete without a key",
        [of("open", handle=8), of("delete")],
        [OPEN, of("delete"), CLOSE],
        ALL,
    ),
    *(
        Pair(
            f"a subkey called {name}",
            [OPEN, of("open", key=name, parent=8, handle=12), CLOSE],
            [OPEN, of("open", key=f"{KEY}\\{name}", parent=8, handle=12), CLOSE, INNER],
        )
        for name in ("Registry", "HKLM", "HKEY_LOCAL_MACHINE\\x")
    ),
    Pair(
        "a key called Registry below an unknown one",
        [of("open", key="Registry", parent=0x99, handle=12)],
        [of("open", key="\\Registry", parent=0x99, handle=12)],
    ),
    Pair(
        "a root that nobody knows",
        [of("open", key=f"\\REGISTRY\\USERS\\{SID}", handle=8)],
        [of("open", key="\\REGISTRY\\A\\{1}", handle=8)],
        WITH_HANDLES,
    ),
    *(
        Pair(
            f"a class that may be the user's, {key or 'the root'} of {parent}",
            [of("RegOpenKeyExW", key=key, parent=parent, handle=8)],
            [of("RegOpenKeyExW", key="x", parent="HKLM", handle=8)],
        )
        for key, parent in ((".txt", "HKCR"), ("HKEY_CLASSES_ROOT\\.txt", 0), ("", 0x80000000))
    ),
    *(
        Pair(
            f"{call} on HKCU, whose root opens unasked",
            [of(call, parent=HKCU, key="", handle=0)],
            [of(call, parent=0x80000002, key="", handle=0)],
            ALL,
        )
        for call in ("RegQueryValueExW", "RegEnumKeyExW", "RegDeleteKeyW")
    ),
    Pair(
        "an open below HKCU in a trace without handles",
        [of("RegOpenKeyExW", key="x", parent="HKCU"), of("RegCloseKey", key="HKCU\\x")],
        [of("RegOpenKeyExW", key="x", parent="HKLM"), of("RegCloseKey", key="HKLM\\x")],
        (by_path,),
    ),
    Pair(
        "a field given twice",
        [{"text": f'{{"op":"open","op":"query","pid":2,"key":{json.dumps(KEY)},"time":9}}'}],
        [{"text": f'{{"op":"query","pid":2,"key":{json.dumps(KEY)},"time":9}}'}],
    ),
    Pair("two names for a key", [{**OPEN, "key": "HKLM", "path": KEY}], [OPEN, CLOSE]),
    *(
        Pair(f"a call like {call}", [{**OPEN, "op": call}], [{**OPEN, "op": harmless}])
        for call, harmless in (
            ("RegQueryOpenKey", "RegQueryInfoKey"),
            ("NtQueryOpenKey", "NtQueryOpenSubKeysEx"),
        )
    ),
    Pair(
        "a status of more than 32 bits",
        [OPEN, of("unload", 1, key=HIVE, status=1 << 32)],
        [OPEN, CLOSE, of("unload", 1, key=HIVE, status=0)],
        WITH_HANDLES,
    ),
)
CASES: Final = [(pair, write) for pair in PAIRS for write in pair.writers]


@pytest.mark.parametrize(
    ("pair", "write"), CASES, ids=[f"{pair.name}, {write.__name__}" for pair, write in CASES]
)
def test_what_misleads_is_never_clear_and_what_is_whole_is(
    pair: Pair, write: Write, tmp_path: Path
) -> None:
    """What may be open forbids "clear"; what is known not to be leaves it within reach."""
    if write in (parquet, parquet_by_path):
        pytest.importorskip("pyarrow")
    path = tmp_path / "capture"
    found = {}
    for name, rows in (("misleading", pair.misleading), ("whole", pair.whole)):
        path.write_bytes(write([*BEGUN, *rows]))
        found[name] = replay(path, dialect=dialects.get("win10"), hkcu_sid=SID).conclusion

    assert found["misleading"] is not Conclusion.CLEAR
    assert found["whole"] is Conclusion.CLEAR


def test_an_exit_may_have_left_a_child_where_no_start_is_shown(tmp_path: Path) -> None:
    """A trace that shows no process being started does not show that none inherited a key."""
    path = tmp_path / "capture"
    found = []
    for begun in (BEGUN[1:], BEGUN):
        path.write_bytes(jsonl([*begun, OPEN, *OTHER, of("exit")]))
        found.append(replay(path).conclusion)

    assert found == [Conclusion.INCONCLUSIVE, Conclusion.CLEAR]


@pytest.mark.parametrize("write", ALL)
def test_a_row_out_of_order_counts_before_the_moment_asked_about(
    write: Write, tmp_path: Path
) -> None:
    """What a row behind the moment says of a time before it may be all that holds the hive."""
    if write in (parquet, parquet_by_path):
        pytest.importorskip("pyarrow")
    path = tmp_path / "capture"
    ticks = 1 if write in (jsonl, by_path) else 10_000_000
    found = []
    for times in ((90, 80, 100), (80, 90, 100)):
        rows = [OTHER[0], OPEN, OTHER[1]] if times[0] == 90 else [*OTHER, OPEN]
        late = [{**row, "time": at * ticks} for row, at in zip(rows, times, strict=True)]
        path.write_bytes(write([*BEGUN, *late]))
        found.append(replay(path, at="+85" if times[0] == 90 else "+95").conclusion)

    assert Conclusion.CLEAR not in found[:1]
    assert found[1:] == [Conclusion.CLEAR]


@pytest.mark.parametrize(
    "times",
    [
        [0.9 - at / 10 for at in range(6)],
        [dt.time(10, 0, 20 - at) for at in range(6)],
        [dt.date(2020, 1, 20 - at) for at in range(6)],
        [f"2020-01-01T10:00:{20 - at}" for at in range(6)],
    ],
    ids=lambda times: type(times[0]).__name__,
)
def test_times_that_are_no_ticks_are_refused(times: Sequence[object], tmp_path: Path) -> None:
    """Times of which a Parquet file would show no order are not read as if they had one."""
    pytest.importorskip("pyarrow")
    path = tmp_path / "capture"
    rows = [{**row, "time": time} for row, time in zip([*BEGUN, OPEN], times, strict=True)]
    path.write_bytes(parquet(rows))
    found = replay(path)

    assert found.conclusion is Conclusion.INCONCLUSIVE
    assert "neither whole numbers nor timestamps" in found.reasons[0]


@pytest.mark.parametrize("column", ["op", "key"])
@pytest.mark.parametrize("value", [b"x", ["x"]], ids=["bytes", "list"])
def test_texts_that_are_none_are_refused(column: str, value: object, tmp_path: Path) -> None:
    """A column that should be text and is not is an answer in a sentence, never a crash."""
    pytest.importorskip("pyarrow")
    path = tmp_path / "capture"
    path.write_bytes(parquet([{**row, column: value} for row in [*BEGUN, OPEN]]))
    try:
        found = replay(path).conclusion
    except DataError:
        return
    assert found is Conclusion.INCONCLUSIVE


COLUMNS: Final = ("Time of Day", "Process Name", "PID", "Operation", "Path", "Result", "Detail")
BEGUN_BY_NAME: Final = (
    ("a.exe", "1", "RegLoadKey", HIVE, "SUCCESS", ""),
    ("b.exe", "2", "Process Start", "", "SUCCESS", ""),
    ("b.exe", "2", "RegOpenKey", KEY, "SUCCESS", ""),
    ("b.exe", "2", "RegCloseKey", KEY, "SUCCESS", ""),
)
QUERY_ROW: Final = ("b.exe", "2", "RegQueryValue", "HKLM\\a", "SUCCESS", "x")
OPEN_ROW: Final = ("b.exe", "2", "RegOpenKey", KEY, "SUCCESS", "")


def line(*fields: str, quote: str = '"') -> str:
    """Return a row of a CSV file."""
    return ",".join(quote + field + quote for field in fields)


def table(rows: Sequence[str], columns: Sequence[str] = COLUMNS, quote: str = '"') -> bytes:
    """Return a CSV file of a whole capture, at ten o'clock, and then *rows*."""
    begun = [
        line(f"10:00:0{at}.0000000", *row, quote=quote) for at, row in enumerate(BEGUN_BY_NAME)
    ]
    return "\r\n".join([line(*columns, quote=quote), *begun, *rows, ""]).encode()


TWO: Final = (line("10:00:08.0000000", *QUERY_ROW), line("10:00:09.0000000", *OPEN_ROW))


@pytest.mark.parametrize("between", [",", ";", " ", "\t", "'", "", "\x0b", "\x1a", "\u2028", "\0"])
def test_two_rows_on_a_line_are_not_taken_for_the_first(between: str, tmp_path: Path) -> None:
    """Whatever stands between two rows instead of a line break, the second is not lost silently."""
    path = tmp_path / "capture"
    path.write_bytes(table([between.join(TWO)]))
    misleading = replay(path).conclusion
    path.write_bytes(table([TWO[0], line("10:00:09.0000000", *QUERY_ROW)]))

    assert misleading is not Conclusion.CLEAR
    assert replay(path).conclusion is Conclusion.CLEAR


@pytest.mark.parametrize("end", ['x"', ""], ids=["to the next quote", "to the end"])
def test_a_torn_quote_of_a_file_without_quotes_swallows_no_row(end: str, tmp_path: Path) -> None:
    """Where only some fields are quoted, a quote that is torn takes the rows up to the next one."""
    path = tmp_path / "capture"
    first, second = (line(f"10:00:0{at}.0000000", *row, quote="") for at, row in ENDS)
    path.write_bytes(table([first[:-1] + '"x', second, first[:-1] + end], quote=""))
    misleading = replay(path).conclusion
    path.write_bytes(table([first[:-1] + '"two\r\nlines, 10 of them"'], quote=""))

    assert misleading is not Conclusion.CLEAR
    assert replay(path).conclusion is Conclusion.CLEAR


ENDS: Final = ((8, QUERY_ROW), (9, OPEN_ROW))


@pytest.mark.parametrize("between", [",", ""])
def test_two_rows_without_quotes_on_a_line_are_not_taken_for_the_first(
    between: str, tmp_path: Path
) -> None:
    """What is more than the columns of a row belongs to its detail, unless it is another row."""
    path = tmp_path / "capture"
    first, second = (line(f"10:00:0{at}.0000000", *row, quote="") for at, row in ENDS)
    path.write_bytes(table([first + between + second], quote=""))
    misleading = replay(path).conclusion
    path.write_bytes(table([first + ", from 10:00:00 AM, to 10:00:01 AM, 7 times"], quote=""))

    assert misleading is not Conclusion.CLEAR
    assert replay(path).conclusion is Conclusion.CLEAR


@pytest.mark.parametrize("name", COLUMNS[:6])
def test_a_column_given_twice_is_refused(name: str) -> None:
    """Of two columns of one name nobody knows which counts; one that matters not may be twice."""
    with pytest.raises(DataError, match=f"names {name} twice"):
        read_shape(line(*COLUMNS, name).encode())
    assert read_shape(line(*COLUMNS, "Detail").encode()).width


@pytest.mark.parametrize("name", ["RegOpenKeyProfile", "RegOpenKeyControl", "RegSaveOpenKey"])
def test_a_name_of_the_registry_is_harmless_only_if_it_is_known(name: str, tmp_path: Path) -> None:
    """What ends as harmless operations on files do may open a key if it begins with Reg."""
    path = tmp_path / "capture"
    found = []
    for operation in (name, "QueryInformationFile", "RegSaveKey"):
        row = (*OPEN_ROW[:2], operation, *OPEN_ROW[3:])
        path.write_bytes(table([line("10:00:09.0000000", *row)]))
        found.append(replay(path).conclusion)

    assert found == [Conclusion.INCONCLUSIVE, Conclusion.CLEAR, Conclusion.CLEAR]


@pytest.mark.parametrize(
    ("days", "clear"),
    [
        (("7/11/2020 9:00:00 PM", "7/11/2020 11:59:59 PM", "7/12/2020 12:00:01 AM"), True),
        (("11.07.2020 21:00:00", "31.07.2020 23:59:59", "01.08.2020 00:00:01"), True),
        (("2020-07-11 21:00:00", "2020-07-31 23:59:59", "2020-08-01 00:00:01"), True),
        (("7/31/2020 21:00:00", "7/31/2020 23:59:59", "8/1/2020 00:00:01"), True),
        (("7/12/2020 9:00:00 PM", "7/12/2020 11:00:00 PM", "7/11/2020 8:00:00 AM"), False),
        (("12.07.2020 09:00:00", "12.07.2020 10:00:00", "11.07.2020 20:00:00"), False),
    ],
)
def test_a_date_before_that_of_the_row_before_is_out_of_order(
    days: Sequence[str], *, clear: bool, tmp_path: Path
) -> None:
    """Where rows have dates, a step back of most of a day is no midnight; a midnight is none."""
    path = tmp_path / "capture"
    times = (days[0], days[0], days[1], days[2])
    rows = [line(at, *row) for at, row in zip(times, BEGUN_BY_NAME, strict=True)]
    header = line("Date & Time", *COLUMNS[1:])
    path.write_bytes("\r\n".join([header, *rows, ""]).encode())
    found = replay(path)

    assert (found.conclusion is Conclusion.CLEAR) is clear
    assert clear or any("backwards" in reason for hive in found.hives for reason in hive.reasons)


@pytest.mark.parametrize(
    ("begun", "said"),
    [
        ([row for row in BEGUN if row.get("key") != CLASSES], f"no handle keeps {HIVE} loaded"),
        (BEGUN, "no handle keeps any of the 2 hives it shows loaded"),
    ],
)
def test_a_clear_verdict_speaks_of_the_hives_shown_alone(
    begun: Sequence[Row], said: str, tmp_path: Path
) -> None:
    """Of a hive that the capture does not show the verdict says nothing, in text or picture."""
    path = tmp_path / "capture"
    path.write_bytes(jsonl(begun))
    found = replay(path)

    assert said in " ".join(as_text(found).split())
    assert said.removeprefix("no").partition("'")[0] in evidence_svg(found)


@pytest.mark.parametrize("inside", ["<!--{}-->", "<?old {}?>"])
def test_an_event_beside_the_others_is_not_taken_for_none(inside: str, tmp_path: Path) -> None:
    """An event in a comment or an instruction may have happened; words there say nothing."""
    event = (
        "<event><PID>{}</PID><Time_of_Day>10:00:0{}.0</Time_of_Day>"
        "<Operation>{}</Operation><Path>{}</Path><Result>SUCCESS</Result></event>"
    )
    events = [event.format(row[1], at, *row[2:4]) for at, row in enumerate(BEGUN_BY_NAME)]
    path = tmp_path / "capture"
    found = []
    for more in (event.format(2, 9, "RegOpenKey", KEY), "saved on Monday"):
        texts = ["<procmon><eventlist>", *events, inside.format(more), "</eventlist></procmon>"]
        path.write_text("".join(texts))
        found.append(replay(path).conclusion)

    assert found == [Conclusion.INCONCLUSIVE, Conclusion.CLEAR]

"""Process Monitor's CSV: columns, locales, quotes and line breaks, large files."""

from __future__ import annotations

import datetime as dt
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from twins import told

from regsim import dialects
from regsim.errors import DataError, UsageError
from regsim.trace.access import access_of
from regsim.trace.asking import replay
from regsim.trace.evidence import Reading
from regsim.trace.formats import open_evidence
from regsim.trace.readers import _procmon_scan, procmon_csv
from regsim.trace.readers._procmon import os_of, status_of
from regsim.trace.readers._procmon_rows import last_row, read_shape, scan
from regsim.trace.source import open_source, pasted
from regsim.trace.times import Calendar, date_of, filetime_text, time_of_day

HOUR = 36_000_000_000
COLUMNS = ("Time of Day", "Process Name", "PID", "Operation", "Path", "Result", "Detail")


def line(*fields: str) -> str:
    """Return a row as Process Monitor writes it."""
    return ",".join('"' + field.replace('"', '""') + '"' for field in fields)


def table(rows: list[dict[str, str]], columns: tuple[str, ...], end: str = "\r\n") -> bytes:
    """Return a file with *columns*; a row has what it has of them."""
    lines = [line(*columns)]
    lines += [line(*(row.get(column, "") for column in columns)) for row in rows]
    return (end.join(lines) + end).encode("utf-8-sig")


def row(operation: str, path: str, **more: str) -> dict[str, str]:
    """Return a row with the usual fields."""
    usual = {
        "Time of Day": "10:00:00.0000001",
        "Process Name": "a.exe",
        "PID": "5",
        "Result": "SUCCESS",
        "Operation": operation,
        "Path": path,
    }
    return {**usual, **{name.replace("_", " "): value for name, value in more.items()}}


ROWS = [
    row("RegOpenKey", "HKCU\\A", Detail="Desired Access: Read", User="D\\bob", Session="1"),
    row("RegOpenKey", "HKCU\\B", Detail="Desired Access: Read"),
    row("RegQueryValue", "HKCU\\B"),
    row("RegOpenKey", "HKCU\\C", Result="NAME NOT FOUND"),
    row("RegCloseKey", "HKCU\\B"),
]
WIDE = (*COLUMNS, "TID", "Date & Time", "User", "Session", "Command Line", "Company", "Version")


@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize(
    "columns",
    [
        COLUMNS,
        WIDE,
        tuple(reversed(WIDE)),
        ("Path", "Operation", "Result", "PID", "Process Name", "Date & Time", "Time of Day"),
        COLUMNS[:6],
        *(tuple(random.Random(seed).sample(WIDE, len(WIDE))) for seed in range(5)),
    ],
)
def test_any_columns_in_any_order(tmp_path: Path, columns: tuple[str, ...], end: str) -> None:
    """What matters is found wherever its column stands."""
    path = tmp_path / "trace"
    path.write_bytes(table(ROWS, columns, end))
    verdict = replay(path)
    (blocker,) = verdict.held

    assert (verdict.events, verdict.opens, verdict.closes) == (5, 2, 1)
    assert (blocker.process, blocker.pid, blocker.key, blocker.event) == ("a.exe", 5, "HKCU\\A", 1)
    assert blocker.access == ("Read" if "Detail" in columns else "")
    assert blocker.user == ("D\\bob" if "User" in columns else "")
    assert blocker.session == (1 if "Session" in columns else None)


@pytest.mark.parametrize(
    "header", [COLUMNS[1:], ("Time of Day", *COLUMNS[2:]), COLUMNS[:4], ("Process Name", "x")]
)
def test_missing_column_is_told(header: tuple[str, ...]) -> None:
    """A column that the verdict needs and the file lacks is named."""
    with pytest.raises(DataError, match="show it in Procmon and save again"):
        read_shape(line(*header).encode())


@pytest.mark.parametrize(
    "detail",
    [
        'Command line: "C:\\a b.exe" "x","y"',
        "Environment: \n\t=::=::\\\n\tA=1\n",
        'text\n"10:00:00.1","b.exe","9","RegOpenKey","HKCU\\FAKE","SUCCESS",""\n',
        '\n"',
        "caf\u00e9 \u2603 \x00",
        '"' * 7,
        ",\r\n,",
    ],
)
def test_quotes_and_line_breaks_in_fields(tmp_path: Path, detail: str) -> None:
    """A field's quotes, commas and line breaks are its own; no row begins inside one."""
    rows = [
        row("Process Start", "", Detail=detail),
        row("RegOpenKey", "HKCU\\A", Detail="Desired Access: Read"),
        row("RegCloseKey", f"HKCU\\{detail}"),
        row("CreateFile", detail, Detail=detail),
        row("RegOpenKey", 'HKCU\\"q","w"', Detail="Desired Access: Write"),
    ]
    path = tmp_path / "trace"
    path.write_bytes(table(rows, COLUMNS))
    verdict = replay(path)

    assert verdict.events == 5
    assert (verdict.opens, verdict.closes, verdict.unmatched_closes) == (2, 1, 1)
    assert [b.key for b in verdict.blockers] == ["HKCU\\A", 'HKCU\\"q","w"']
    assert [b.access for b in verdict.blockers] == ["Read", "Write"]
    assert verdict.reasons[:1] != ("the file is cut short in its last row",)


@pytest.mark.parametrize(
    ("text", "hours", "fraction"),
    [
        ("7:27:31.7947753 AM", 7, 7947753),
        ("12:27:31.7947753 AM", 0, 7947753),
        ("12:27:31.7947753 PM", 12, 7947753),
        ("7:27:31.7947753 PM", 19, 7947753),
        ("19:27:31,7947753", 19, 7947753),
        ("19.27.31,7947753", 19, 7947753),
        ("\uc624\ud6c4 7:27:31.7947753", 19, 7947753),
        ("\uc624\uc804 7:27:31.7947753", 7, 7947753),
        ("\u4e0b\u5348 07:27:31.7947753", 19, 7947753),
        ("19:27:31", 19, 0),
        ("7:27:31.5 p.m.", 19, 5000000),
    ],
)
def test_times_of_any_locale(text: str, hours: int, fraction: int) -> None:
    """Twelve hours or twenty-four, a comma or a point, the half of the day before or after."""
    assert time_of_day(text.encode()) == hours * HOUR + (27 * 60 + 31) * 10_000_000 + fraction


@pytest.mark.parametrize("text", ["", "noon", "7:27", "7:27:3x", "::", "7:27:31.12345678"])
def test_what_is_no_time(text: str) -> None:
    """What cannot be read is -1, never a wrong time."""
    assert time_of_day(text.encode()) == -1


def test_midnight(tmp_path: Path) -> None:
    """Without dates a clock that falls back by more than half a day has passed midnight."""
    times = ["11:59:58.0000000 PM", "11:59:59.0000000 PM", "12:00:01.0000000 AM"]
    rows = [
        row("RegOpenKey", f"HKCU\\{number}", Time_of_Day=time) for number, time in enumerate(times)
    ]
    path = tmp_path / "trace"
    path.write_bytes(table([*rows, row("RegCloseKey", "HKLM")], COLUMNS))
    opened = [blocker.opened_at for blocker in replay(path).blockers]
    assert opened == ["23:59:58.0000000", "23:59:59.0000000", "00:00:01.0000000 (day 2)"]


def test_midnight_between_stretches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does it matter where the file is cut for reading."""
    monkeypatch.setattr(procmon_csv, "_STRETCH", 512)
    clocks = [f"{hour:02}:30:00.0000000" for _ in range(3) for hour in range(0, 24, 3)]
    rows = [row("RegOpenKey", f"HKCU\\{n}", Time_of_Day=t) for n, t in enumerate(clocks)]
    path = tmp_path / "trace"
    path.write_bytes(table([*rows, row("RegCloseKey", "HKLM", Time_of_Day="23:00:00.0")], COLUMNS))
    opened = [blocker.opened_at or "" for blocker in replay(path).blockers]
    assert [text.count("day 2") for text in opened].count(1) == 8
    assert [text.count("day 3") for text in opened].count(1) == 8


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("7/11/2020 4:33:14 PM", dt.date(2020, 7, 11)),
        ("11.07.2020 16:33:14", dt.date(2020, 7, 11)),
        ("11/07/2020 16:33:14", dt.date(2020, 7, 11)),
        ("2020-07-11 16:33:14", dt.date(2020, 7, 11)),
        ("2020. 7. 11.", dt.date(2020, 7, 11)),
        ("25/12/2020 4:33:14 PM", dt.date(2020, 12, 25)),
        ("0/0/0", None),
        ("", None),
    ],
)
def test_dates_of_any_locale(text: str, day: dt.date | None) -> None:
    """The order of day and month is told by the form."""
    assert date_of(text) == day


def test_calendar_and_filetime() -> None:
    """Ticks become a date and a time to the tick, whatever their size."""
    calendar = Calendar()
    calendar.learn("7/11/2020 4:33:14 PM")
    calendar.learn("1/1/1999 1:00:00 AM")
    assert calendar.text(25 * HOUR + 1) == "2020-07-12 01:00:00.0000001"
    assert filetime_text(0) == "1601-01-01 00:00:00.0000000"
    assert filetime_text(1 << 62).startswith("tick ")


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ((5, 0, 2195), "w2k"),
        ((5, 1, 2600), "xp"),
        ((6, 1, 7601), "win7"),
        ((10, 0, 18362), "win10"),
        ((10, 0, 22631), "win11"),
        ((4, 0, 1381), None),
    ],
)
def test_system_of_a_version(version: tuple[int, int, int], name: str | None) -> None:
    """A version names the dialect whose rules hold, where there is one."""
    assert os_of(*version)[0] == name
    assert name is None or name in dialects.ALL


@pytest.mark.parametrize(
    ("detail", "mask"),
    [
        ("Desired Access: Maximum Allowed, Granted Access: Read", 0x02000000),
        ("Desired Access: Query Value, Enumerate Sub Keys", 0x9),
        ("Desired Access: Read, Disposition: REG_OPENED_EXISTING_KEY", 0x20019),
        ("Desired Access: Something New", 0),
        ("Query: Name", 0),
        ("", 0),
    ],
)
def test_access_words(detail: str, mask: int) -> None:
    """Procmon's words become a mask; words that are not known count for nothing."""
    assert access_of(detail) == mask


@pytest.mark.parametrize(
    ("result", "status"),
    [
        ("SUCCESS", 0),
        ("REPARSE", 0x104),
        ("0x368", 0x368),
        ("0xzz", 0xC0000001),
        ("NEW", 0xC0000001),
    ],
)
def test_result_words(result: str, status: int) -> None:
    """Procmon's results become a status; an unknown word is a failure."""
    assert status_of(result) == status


def big(tmp_path: Path, processes: int = 7, events: int = 4000) -> Path:
    """Write a capture with many processes, paths and awkward fields."""
    rng = random.Random(1)
    rows = []
    for number in range(events):
        operation = rng.choice(["RegOpenKey", "RegCloseKey", "RegQueryKey", "Process Start"])
        clock = f"{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}.{number:07}"
        rows.append(
            row(
                operation,
                f"HKCU\\K{rng.randrange(40)}",
                PID=str(rng.randrange(processes)),
                Time_of_Day=clock,
                Detail=rng.choice(["Desired Access: Read", 'a\n"b"', ""]),
            )
        )
    path = tmp_path / "big"
    path.write_bytes(table(rows, COLUMNS))
    return path


@pytest.mark.parametrize("stretch", [600, 5000, 1 << 20])
def test_where_it_is_cut_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stretch: int
) -> None:
    """A file read in small stretches gives the verdict of one read whole."""
    path = big(tmp_path)
    whole = replay(path)
    monkeypatch.setattr(procmon_csv, "_STRETCH", stretch)
    monkeypatch.setattr(procmon_csv, "_WINDOW", 64)
    assert replay(path) == whole
    assert whole.events == 4000
    assert whole.blockers


@pytest.mark.parametrize("workers", [2, 5])
def test_threads_share_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """However many threads read a file, the verdict is that of one."""
    path = big(tmp_path)
    alone = replay(path)
    monkeypatch.setattr(procmon_csv, "_STRETCH", 40_000)
    assert replay(path, workers=workers) == alone


def test_a_reading_that_is_given_up_waits_for_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits_when_given_up: Callable[..., bool]
) -> None:
    """The garbage collector may end one where a lock is held that joining a thread takes."""
    scan, begun, going_on = procmon_csv._Stretches.scan, [], threading.Event()

    def slow(stretches: procmon_csv._Stretches, start: int, end: int) -> object:
        begun.append(start)
        assert len(begun) == 1 or going_on.wait(60)
        return scan(stretches, start, end)

    monkeypatch.setattr(procmon_csv, "_STRETCH", 40_000)
    monkeypatch.setattr(procmon_csv._Stretches, "scan", slow)
    capture = open_evidence(open_source(big(tmp_path)), Reading(workers=2))
    reading = capture.batches()
    next(reading)
    assert not waits_when_given_up(reading, going_on)


def test_script_without_a_guard_is_run_once(tmp_path: Path) -> None:
    """A program that reads a large file where it begins, with no main module, is not run again."""
    path = big(tmp_path, events=14_000)
    assert path.stat().st_size > procmon_csv._STRETCH
    script = tmp_path / "script.py"
    script.write_text(
        f"import regsim\nprint(regsim.replay({str(path)!r}, workers=2).events)\n", encoding="utf-8"
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "14000\n"), done.stderr


def test_progress_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller hears how far the reading is, to the end of the file."""
    monkeypatch.setattr(procmon_csv, "_STRETCH", 50_000)
    path = big(tmp_path)
    told: list[tuple[int, int, int]] = []
    replay(path, progress=lambda *numbers: told.append(numbers))
    assert len(told) > 3
    assert told == sorted(told)
    assert told[-1] == (path.stat().st_size, path.stat().st_size, 4000)


def test_a_capture_that_is_piped_reads_the_same(tmp_path: Path) -> None:
    """To the time of its last row, which may be no call that is kept."""
    path = tmp_path / "trace"
    ends = {**ROWS[-1], "Time of Day": "11:59:59.0000000 PM", "Operation": "CloseFile"}
    path.write_bytes(table([*ROWS, ends], COLUMNS))
    piped = replay(pasted(path.read_bytes(), path.name))
    assert piped == replay(path)
    assert piped.span is not None
    assert piped.span != replay(pasted(table(ROWS, COLUMNS), path.name)).span


def test_utf16(tmp_path: Path) -> None:
    """A capture that was saved again as UTF-16 reads the same."""
    path = tmp_path / "trace"
    path.write_bytes(table(ROWS, COLUMNS))
    plain = replay(path)
    path.write_bytes(path.read_bytes().decode("utf-8-sig").encode("utf-16"))
    assert replay(path) == plain


def test_cut_short(tmp_path: Path) -> None:
    """A file that ends inside a row is partial, and says so."""
    path = tmp_path / "trace"
    path.write_bytes(table(ROWS, COLUMNS)[:-12])
    verdict = replay(path)
    assert "the file is cut short in its last row" in verdict.reasons
    assert [blocker.key for blocker in verdict.blockers] == ["HKCU\\A", "HKCU\\B"]


def test_header_alone(tmp_path: Path) -> None:
    """A capture without a row is inconclusive."""
    path = tmp_path / "trace"
    path.write_bytes(table([], COLUMNS))
    verdict = replay(path)
    assert (verdict.events, verdict.conclusion.value) == (0, "inconclusive")
    with pytest.raises(UsageError, match="the trace has 0 events"):
        replay(path, at="#7")


def test_scan_numbers_rows() -> None:
    """Rows are numbered from 1, those of no interest too."""
    data = table(ROWS, COLUMNS)
    header, _, rest = data.partition(b"\n")
    chunk = scan(b"\n" + rest, read_shape(header))
    assert list(chunk.batch.number) == [1, 2, 5]
    assert chunk.rows == 5
    assert chunk.processes == [("a.exe", 5, False)]


@pytest.mark.parametrize(
    ("data", "at"),
    [(b'\n"a"\n"b"', 4), (b'\n"a","x\n""b"', -1), (b"", -1), (b'\n"a","\n","\n"', -1)],
)
def test_last_row(data: bytes, at: int) -> None:
    """Only a line break that a row follows counts."""
    assert last_row(data) == at


def test_unquoted_csv(tmp_path: Path) -> None:
    """A capture that a spreadsheet saved without quotes reads the same; odd rows are told."""
    path = tmp_path / "trace"
    path.write_bytes(table(ROWS, COLUMNS))
    plain = replay(path)
    path.write_bytes(table(ROWS, COLUMNS).replace(b'"', b""))
    assert replay(path) == plain
    path.write_bytes(path.read_bytes() + b"1,2,3\r\n")
    assert "1 rows lack columns and were left out" in replay(path).reasons


@pytest.fixture(params=["twin", "c"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scan in Python, then the one in C where that is in use."""
    if request.param == "twin":
        monkeypatch.setattr(_procmon_scan, "NATIVE", None)


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("last", ["Path", "Process Name", "Detail"])
def test_quotes_in_the_last_column(tmp_path: Path, last: str) -> None:
    """A field with quotes is read to its end, wherever its column stands."""
    columns = (*(column for column in COLUMNS if column != last), last)
    path = tmp_path / "trace"
    path.write_bytes(table([row("RegOpenKey", 'HKCU\\a"b', Process_Name='q"q.exe')], columns))
    (blocker,) = replay(path).held
    assert (blocker.process, blocker.key) == ('q"q.exe', 'HKCU\\a"b')


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("result", ["KEY DELETED", "0xC000017C", "0xc0000425"])
@pytest.mark.parametrize("columns", [COLUMNS, COLUMNS[::-1]])
def test_a_key_that_is_gone_is_seen_in_any_order(
    tmp_path: Path, result: str, columns: tuple[str, ...]
) -> None:
    """A query that finds its key gone is handed on; one that succeeds is harmless."""
    path = tmp_path / "trace"
    rows = [row("RegQueryValue", "HKCU\\A", Result=result), row("RegQueryValue", "HKCU\\A")]
    path.write_bytes(table(rows, columns))
    _, facts, *_ = told(path, 1)
    assert (facts["record"]["taken"], facts["record"]["harmless"]) == (1, 1)


@pytest.mark.usefixtures("either")
def test_the_same_second_twelve_hours_later(tmp_path: Path) -> None:
    """In the afternoon a time is not that of the same second in the morning."""
    times = ["4:33:14.0000001 AM", "4:33:13.0000001 PM", "4:33:14.0000002 PM"]
    rows = [row("RegOpenKey", f"HKCU\\{n}", Time_of_Day=time) for n, time in enumerate(times)]
    path = tmp_path / "trace"
    path.write_bytes(table(rows, COLUMNS))
    opened = [blocker.opened_at for blocker in replay(path).held]
    assert opened == ["04:33:14.0000001", "16:33:13.0000001", "16:33:14.0000002"]


@pytest.mark.usefixtures("either")
def test_a_stray_quote_is_no_part_of_a_name(tmp_path: Path) -> None:
    """A row with a quote that is not doubled counts as malformed."""
    data = table([row("RegOpenKey", "HKCU\\A"), row("RegOpenKey", "HKCU\\B")], COLUMNS)
    path = tmp_path / "trace"
    path.write_bytes(data.replace(b"HKCU\\B", b'HK"CU\\B'))
    _, facts, *_ = told(path, 1)
    found = facts["record"]
    assert (found["rows"], found["taken"]) == (2, 1)
    assert [skips["first"] for skips in found["malformed"].values()] == [2]

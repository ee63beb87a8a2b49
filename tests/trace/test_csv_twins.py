"""The scan of Process Monitor's CSV in C against its twin: the same rows, counts and problems."""

from __future__ import annotations

import itertools
import os
import random
import re
from pathlib import Path
from typing import Any

import pytest
from twins import told

from regsim import accel
from regsim.errors import DataError
from regsim.trace.readers import _procmon_scan, procmon_csv
from regsim.trace.readers._procmon_rows import Chunk, read_shape, scan
from regsim.trace.readers._procmon_scan import Scanner, _Fast

pytestmark = pytest.mark.skipif(accel.NATIVE is None, reason="the C library is not in use")
ROUNDS = {"ci": 200, "nightly": 5_000}.get(os.environ.get("HYPOTHESIS_PROFILE", ""), 100)
NARROW = ("Time of Day", "Process Name", "PID", "Operation", "Path", "Result", "Detail")
WIDE = (
    *(*NARROW, "TID", "Category", "Date & Time", "Relative Time", "Duration", "Completion Time"),
    *("Event Class", "Sequence", "Image Path", "Company", "Description", "Version", "User"),
    *("Authentication ID", "Session", "Command Line", "Virtualized", "Integrity", "Parent PID"),
    "Architecture",
)
FIELDS = {
    "Time of Day": ["4:33:14.3062614 PM", "16:33:14,3062614", "4:33:15.3062614 AM", "4:33:14 PM"],
    "Process Name": ["a.exe", "b.exe", 'q"q.exe', "\u4e00.exe", "q", 'q"', 'q","', "q\n"],
    "PID": ["4", "1320", "77", "0x10", '"4', '","4', "4\n", ""],
    "Operation": [
        *("RegOpenKey", "RegCloseKey", "RegQueryKey", "RegCreateKey", "RegLoadKey", "RegUnloadKey"),
        *("Process Start", "Process Exit", "CreateFile", "regopenkey", "RegNewThing", "UDP Send"),
        *("RegXInformationFile", "IRP_MJ_CLOSE", "TCP 9"),
    ],
    "Path": [
        "HKCU\\A",
        "HKCU\\a",
        "HKLM\\X",
        "HKU\\S-1-5-21-1\\K",
        'HKCU\\"q","w"',
        "",
        "HKCU\\\0",
    ],
    "Result": [
        *("SUCCESS", "SUCCESS", "SUCCESS", "NAME NOT FOUND", "KEY DELETED", "0xC000017C"),
        *("0xc000017c", "0x368", "NEW WORD", "success", "REPARSE", ""),
    ],
    "Detail": [
        *("Desired Access: Read", "Desired Access: Maximum Allowed, Granted Access: Read", ""),
        *('Command line: "a b" "x","y"', "a\nb", "a\r\n'b", 'a\n"b"', ",", '","', "\0\0\0"),
    ],
    "Command Line": ['"C:\\a b.exe" "x","y"', "c.exe -k netsvcs", ""],
}


def row(rng: random.Random, columns: tuple[str, ...], plain: float) -> str:
    """Return a row whose fields are usual ones with the chance *plain*, else odd."""
    fields = []
    for column in columns:
        choices = FIELDS.get(column, ["x", "1", ""])
        fields.append(choices[0] if rng.random() < plain else rng.choice(choices))
    return ",".join('"' + field.replace('"', '""') + '"' for field in fields)


def capture(rng: random.Random, rows: int) -> bytes:
    """Return a capture, well formed or not far from it, in a dialect of CSV."""
    columns = rng.choice([NARROW, WIDE, WIDE[::-1], tuple(rng.sample(WIDE, len(WIDE)))])
    end, plain = rng.choice(["\r\n", "\n"]), rng.choice([0.5, 0.9, 0.99])
    header = ",".join(f'"{column}"' for column in columns)
    text = end.join([header, *(row(rng, columns, plain) for _ in range(rows)), ""])
    return text.encode(rng.choice(["utf-8-sig", "utf-8-sig", "utf-8", "utf-16"]))


ODD = (
    *(
        b'"',
        b'""',
        b"\n",
        b"\r",
        b"\r\n",
        b"\0",
        b"\0\0\0\0",
        b",",
        b'","',
        b'"\r\n"',
        b"'",
        b"\n'",
        b"x",
    ),
)


def damaged(rng: random.Random, data: bytes) -> bytes:
    """Return *data* with a few bytes put in, taken out, changed, or the end cut off."""
    changed = bytearray(data)
    for _ in range(rng.choice([0, 1, 1, 2, 5])):
        at, size = rng.randrange(len(changed)), rng.choice([0, 0, 1, 2, 40])
        changed[at : at + size] = rng.choice(ODD)
    if rng.random() < 0.2:
        del changed[rng.randrange(len(changed)) :]
    return bytes(changed)


def by_twin(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, ...]:
    """Return the same, read by the twin alone."""
    with monkeypatch.context() as patch:
        patch.setattr(_procmon_scan, "NATIVE", None)
        return told(path, 1)


def test_twins_agree_on_any_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is damaged, and wherever it is cut, C and its twin tell the same of a file."""
    path, unread = tmp_path / "trace", 0
    for seed in range(ROUNDS):
        rng = random.Random(seed)
        path.write_bytes(damaged(rng, capture(rng, rng.choice([1, 5, 40]))))
        monkeypatch.setattr(procmon_csv, "_STRETCH", rng.choice([64, 700, 5000, 1 << 20]))
        monkeypatch.setattr(_procmon_scan, "_MOST_NAMED", rng.choice([0, 2, 4096]))
        try:
            wanted = by_twin(path, monkeypatch)
        except DataError as error:  # its header is damaged: that is told before any scan
            unread += 1
            with pytest.raises(DataError, match=re.escape(str(error))):
                told(path, 1)
            continue
        assert told(path, rng.choice([1, 2])) == wanted, f"seed {seed}"
    assert unread < ROUNDS / 3


def test_threads_take_stretches_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one has numbered it does not tell again, so each has its stretches in their order."""
    taken: dict[int, list[int]] = {}
    scans = procmon_csv._Stretches.scan

    def noted(self: Any, start: int, end: int) -> Chunk:
        taken.setdefault(id(self), []).append(start)
        return scans(self, start, end)

    monkeypatch.setattr(procmon_csv._Stretches, "scan", noted)
    monkeypatch.setattr(procmon_csv, "_STRETCH", 700)
    path = tmp_path / "trace"
    path.write_bytes(capture(random.Random(8), 400))
    told(path, 3)
    in_turn = sorted(start for one in taken.values() for start in one)
    assert sorted(taken.values()) == [in_turn[n::3] for n in range(3)]


def stretch(rows: list[str], end: str = "\r\n") -> bytes:
    """Return rows as one stretch, the line break before the first one first."""
    return "".join(f"\n{row}{end[:-1]}" for row in rows).encode()


GOOD = ",".join(f'"{FIELDS[column][0]}"' for column in NARROW)
SHAPE = read_shape(",".join(f'"{column}"' for column in NARROW).encode())


@pytest.mark.parametrize(
    "rows",
    [
        [GOOD],
        [GOOD] * 500,
        [GOOD.replace("HKCU", 'a""b,""c')],
        [GOOD.replace("HKCU", "a\r\nb")],
        [GOOD, GOOD.replace("RegOpenKey", "Reg of tomorrow")],
        [GOOD.replace('"Desired Access: Read"', '""')],
        [GOOD.replace("SUCCESS", "NAME NOT FOUND"), GOOD],
    ],
)
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_rows_by_the_rule_are_read_in_c(rows: list[str], end: str) -> None:
    """C reads what Process Monitor writes, and finds in it what the twin finds."""
    data = stretch(rows, end)
    found, wanted = _Fast(SHAPE).scan(data), scan(data, SHAPE)
    assert found is not None
    assert found.rows == wanted.rows == len(rows)
    assert (found.batch, found.record) == (wanted.batch, wanted.record)
    assert (found.processes, found.paths) == (wanted.processes, wanted.paths)


def test_words_that_differ_are_told_apart() -> None:
    """In their size alone, or in one letter anywhere, and whichever of them was met before."""
    words = ["Reg" + "x" * size for size in range(16)]
    words += [
        words[13][:at] + letter + words[13][at + 1 :] for at in range(3, 16) for letter in "yzw"
    ]
    named = ("RegOpenKey", "RegCreateKey", "RegCloseKey", "RegLoadKey", "RegUnloadKey")
    pairs = [*itertools.product(words, words[8:15]), *itertools.product(named, words)]
    pairs = random.Random(1).choices(pairs, k=10_000)
    rows = [
        GOOD.replace("RegOpenKey", operation).replace("SUCCESS", result)
        for operation, result in pairs
    ]
    data = stretch(rows)
    found, wanted = _Fast(SHAPE).scan(data), scan(data, SHAPE)
    assert found is not None
    assert found.record == wanted.record
    assert min(len(wanted.record.calls), len(wanted.record.statuses)) > 40


def test_a_process_is_told_once_and_at_each_start() -> None:
    """A row that names it comes with its first stretch, and with any in which it begins anew."""
    starts = GOOD.replace("RegOpenKey", "Process Start")
    fast = _Fast(SHAPE)
    told = [fast.scan(stretch(rows)) for rows in ([GOOD], [GOOD, starts], [GOOD])]
    whole = f"{GOOD}\r".encode(), f"{starts}\r".encode()
    assert [one and one.samples for one in told] == [[whole[0]], [b"", whole[1]], [b""]]
    name, pid = FIELDS["Process Name"][0], int(FIELDS["PID"][0])
    assert [[one[2] for one in some.processes] for some in told if some] == [[0], [0, 1], [0]]
    assert all(one[:2] == (name, pid) for some in told if some for one in some.processes)


@pytest.mark.parametrize(
    "row",
    [
        GOOD[:-1],
        GOOD + ',"one more"',
        GOOD.rpartition(",")[0],
        GOOD.replace("HKCU", 'HK"CU'),
        GOOD.replace('"HKCU', "HKCU"),
        GOOD.replace('","', '", "', 1),
        GOOD.replace("HKCU", "HK\0\0\0\0CU"),
        GOOD.replace("HKCU", "\n'HKCU"),
        GOOD.replace("4:33", "4h33"),
        GOOD.replace("HKCU", "x" * 140_000),
        GOOD + "\r",
        GOOD + '\n""',
        '"' + GOOD,
    ],
)
@pytest.mark.parametrize("at", [0, 1, 3])
def test_other_rows_are_left_to_the_twin(row: str, at: int) -> None:
    """C refuses a stretch in which one row, wherever it is, is not written by the rule."""
    rows = [GOOD] * 3
    rows.insert(at, row)
    assert _Fast(SHAPE).scan(stretch(rows)) is None
    assert Scanner(SHAPE).scan(stretch(rows)).rows == scan(stretch(rows), SHAPE).rows


def test_damaged_file_does_not_stop_c_for_good() -> None:
    """After a stretch that C refused, it reads the next one; after many it is not asked again."""
    scanner = Scanner(SHAPE)
    for _ in range(40):
        scanner.scan(stretch([GOOD]))
        scanner.scan(stretch(["x"]))
    assert scanner._fast is not None
    for _ in range(40):
        scanner.scan(stretch(["x"]))
    assert scanner._fast is None
    assert scanner.scan(stretch([GOOD])).rows == 1


def test_more_words_than_there_are_is_no_reason_to_guess() -> None:
    """A file with hundreds of different operations is the twin's, with the same counts."""
    rows = [GOOD.replace("RegOpenKey", f"Reg{number}") for number in range(400)]
    assert _Fast(SHAPE).scan(stretch(rows)) is None
    assert Scanner(SHAPE).scan(stretch(rows)).record == scan(stretch(rows), SHAPE).record

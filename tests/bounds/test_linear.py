"""No reader takes more than linear time, whatever it is fed."""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import pytest

from regsim.errors import RegsimError
from regsim.regf import Mode, new_hive, parse_hive, parse_reg
from regsim.trace.asking import replay, who

NIGHT = bool(os.environ.get("REGSIM_NIGHTLY"))
WHOLE = 1 << (20 if NIGHT else 18)
MOST = 2.5
"""How much longer twice the input may take; a quadratic reader takes four times as long."""
QUIET = 0.15
"""Seconds below which a time is noise."""
LONG = 1.5
"""Seconds above which an eighth of the input shows as much."""

CSV = b'"Time of Day","Process Name","PID","Operation","Path","Result","Detail"\n'
ROW = b'"10:00:00.1000000","a.exe","9","RegOpenKey","'
EVENT = b"<Events><Event><System><EventID>"


def _reg(path: Path) -> None:
    parse_reg(path.read_bytes())


def _hive(path: Path) -> None:
    hive = parse_hive(path.read_bytes(), mode=Mode.SALVAGE)
    hive.check()
    for _, key in hive.walk():
        list(key.values())


READERS: dict[str, tuple[Callable[[Path], object], bytes]] = {
    "who": (who, b""),
    "who an event": (who, b"Source: Userenv\nEvent ID: 1517\nuser profile hive a "),
    "who a leak": (who, b"Event ID: 1530\nProcess 12 (\\Device\\HarddiskVolume1\\a.exe) has "),
    "who UPHClean": (who, b"Source: UPHClean\n a.exe (1)\n  HKCU\\"),
    "who a listing": (who, b"a.exe pid: 1 a\\b\n  10: Key    HKCU\\x\n   a "),
    "who a search": (who, b"a.exe  pid: 1  type: Key    8: HKCU\\x\na.exe  pid: 1  type: Key  x "),
    "who a CSV listing": (who, b"Process,PID,User,Handle,Type,Share Flags,Name\na.exe,1,"),
    "who a debugger": (who, b"Handle 4\n  Type   \tKey\n  Name   \t"),
    "who a stack": (who, b"Handle = 0x3a4 - OPEN\nProcess ID = 0x5e8\n0x00007ffb8a6c: "),
    "who a kernel debugger": (who, b"kd> !reg openkeys\n kcb=ffff8a08 \\REGISTRY\\USER\\S-1"),
    "who XML": (who, EVENT),
    "who JSON": (who, b'[{"text": "'),
    "who JSON lines": (who, b'{"EventID": 1530, "Message": "a"}\n{"'),
    "who CLIXML": (who, b'<Objs Version="1.1.0.1" xmlns="x"><Obj RefId="0"><MS><S N="Message">'),
    "who a table": (who, b"PID\tProcess\tOffset\tHandleValue\tType\tName\n"),
    "who a CSV of events": (who, b"Level,Date and Time,Source,Event ID,Task Category\nW,"),
    "who a list of handles": (who, b"ProcessId   : 4\nObjectType  : Key\nHandle : 4\nName : "),
    "who a log": (who, b"reg unload HKLM\\X\nfailed to unload the hive "),
    "who a hivelist": (who, b"hivelist\n \\REGISTRY\\USER\\S-1-5-21-7    REG_SZ    "),
    "replay CSV": (replay, CSV),
    "replay CSV's field": (replay, CSV + ROW),
    "replay CSV's time": (replay, CSV + b'"'),
    "replay JSON": (replay, b'{"op":"open"}\n'),
    "replay JSON's text": (replay, b'{"op":"open","key":"'),
    "replay XML": (replay, b"<procmon><processlist/><eventlist><event><Path>"),
    "replay tracerpt CSV": (replay, b"Event Name, Type, Event ID\nRegistry, Open, 0, "),
    "replay a server log": (replay, b'0020: open_key( parent=0000, name=L"'),
    "replay a client log": (replay, b'0020:trace:reg:NtOpenKey (0x4,L"'),
    "import": (_reg, b""),
    "import a key": (_reg, b"REGEDIT4\n[HKEY_CURRENT_USER\\"),
    "import a text": (_reg, b'REGEDIT4\n[HKEY_CURRENT_USER]\n"x"="'),
    "import hex": (_reg, b'REGEDIT4\n[HKEY_CURRENT_USER]\n"x"=hex:'),
    "import long hex": (_reg, b'REGEDIT4\n[HKEY_CURRENT_USER]\n"x"=hex:\\\n'),
    "hive": (_hive, new_hive(3).to_bytes()),
}
UNITS = {
    "digits": b"9",
    "spaces": b" ",
    "newlines": b"\n",
    "quotes": b'"',
    "apostrophes": b"'",
    "brackets": b"(",
    "closing": b")",
    "square": b"[",
    "angles": b"<",
    "backslashes": b"\\",
    "continuations": b"\\\n",
    "open and close": b"1(",
    "words": b"a ",
    "paths": b"\\Device\\",
    "braces": b"{",
    "random": b"",
}


def content(prefix: bytes, unit: bytes, size: int) -> bytes:
    """Return *prefix* and *size* bytes of repeated *unit*, or of the same random ones each time."""
    if not unit:
        return prefix + random.Random(1).randbytes(size)
    return prefix + (unit * (size // len(unit) + 1))[:size]


def seconds(read: Callable[[Path], object], path: Path) -> float:
    """Return the processor time that one reading takes, whatever it says of the content."""
    start = time.process_time()
    with contextlib.suppress(RegsimError):
        read(path)
    return time.process_time() - start


def growth(cost: Callable[[Path], float], prefix: bytes, unit: bytes, folder: Path) -> str:
    """Return what is wrong with the seconds of reading a file that *cost* returns, or "".

    Other processes may slow any reading, so both sizes are read up to seven times, in turn. A
    quadratic reader has neither the least times nor most of the pairs within the bound.
    """
    small, large, whole = folder / "small", folder / "large", WHOLE
    large.write_bytes(content(prefix, unit, whole))
    if cost(large) > LONG:  # steady enough in small, and there are many to try
        whole //= 8
        large.write_bytes(content(prefix, unit, whole))
    small.write_bytes(content(prefix, unit, whole // 2))
    lows: list[float] = []
    highs: list[float] = []
    for _ in range(7):
        highs.append(cost(large))
        if min(highs) <= QUIET:
            return ""
        lows.append(cost(small))
        ratios = [high / low for high, low in zip(highs, lows, strict=True)]
        if min(min(highs) / min(lows), median(ratios)) <= MOST:
            return ""
    return f"{min(lows):.2f} s, and {min(highs):.2f} s for twice as much"


@pytest.mark.parametrize(("power", "found"), [(1, False), (2, True)])
def test_a_quadratic_reader_is_noticed(power: int, found: bool, tmp_path: Path) -> None:
    """A linear one is not, also where now and then a reading takes half as long again."""
    noise = random.Random(1)

    def cost(path: Path) -> float:
        return (path.stat().st_size / WHOLE) ** power * noise.choice([1.0, 1.0, 1.0, 1.5])

    assert bool(growth(cost, b"", b" ", tmp_path)) == found


_PASTED = ("stack", "kernel", "lines", "CLIXML", "table", "events", "list of", "log", "hivelist")
_BY_DAY = ("spaces", "newlines", "paths")
TRIED = [
    (name, unit)
    for name in READERS
    for unit in UNITS
    if NIGHT or unit in _BY_DAY or not (name[:3] == "who" and any(map(name.count, _PASTED)))
]
"""By day the readers of what people paste are tried with what patterns begin with, at night all."""


@pytest.mark.parametrize(("name", "unit"), TRIED)
def test_twice_the_input_takes_at_most_two_and_a_half_times_as_long(
    name: str, unit: str, tmp_path: Path
) -> None:
    """From 0.25 to 0.5 MB, at night to 1 MB, of what makes patterns try again from every place.

    Where that takes long, an eighth of it.
    """
    read, prefix = READERS[name]

    assert growth(partial(seconds, read), prefix, UNITS[unit], tmp_path) == ""


@pytest.mark.skipif(not NIGHT, reason="a long run: set REGSIM_NIGHTLY")
@pytest.mark.parametrize("name", READERS)
def test_no_byte_makes_a_reader_slow(name: str, tmp_path: Path) -> None:
    """The same with a run of each single byte value."""
    read, prefix = READERS[name]
    cost = partial(seconds, read)
    found = {byte: growth(cost, prefix, bytes([byte]), tmp_path) for byte in range(256)}

    assert {byte: wrong for byte, wrong in found.items() if wrong} == {}

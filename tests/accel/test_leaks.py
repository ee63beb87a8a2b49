"""Memory: what an open handle costs, and that nothing is left behind when objects go."""

from __future__ import annotations

import subprocess
import sys

import pytest

from regsim import accel

pytestmark = pytest.mark.skipif(accel.NATIVE is None, reason="this installation has no C library")

# Runs in a fresh interpreter; the resident set is read where Linux tells it, and only there.
SCRIPT = """
import gc, pathlib, sys
sys.unraisablehook = lambda _: None
from array import array
from regsim.accel import NATIVE
from regsim.accel.columns import TYPECODES, EventKind
from regsim.accel.creplay import CReplay
from regsim.accel.records import Policy, columns
from regsim.regf import new_hive, parse_hive

def table():
    one = NATIVE.CHandleTable()
    for number in range(2000):
        one.open(number, 1, 7)
    one.close(400); one.copy().close_all(); one.duplicate(8); one.state(); list(one.items())
    one.handles_in(1); one.digest(); one.lookup(8); one.check(); one.reuse_rank(400)
    for wrong in (lambda: one.open(-1, 1, 1), lambda: one.open(1), lambda: one.close("4")):
        try:
            wrong()
        except (OverflowError, TypeError):
            pass

def replay(shards):
    rows = 4000
    data = {name: array(code, [0]) * rows for name, code in TYPECODES.items()}
    for row in range(rows):
        data["op"][row] = EventKind.UNLOAD if row % 1000 == 999 else EventKind.OPEN
        data["pid"][row] = row % 50 * 4
        data["handle"][row] = (row * 4) << (row % 3 * 20)
        data["status"][row] = row % 7 == 0
    one = CReplay(Policy(), shards=shards)
    one.feed(columns(**data), array("I", [1]), array("I", [0, 0]), [7, 100])
    one.answer()

made = new_hive(5)
for number in range(300):
    made.root.ensure(f"k{number}").set_value("v", 3, b"x" * number)
whole = made.to_bytes()

def hive():
    for end in (100, 1000):
        for number, (_, key) in enumerate(parse_hive(whole).walk()):
            if number == end:
                break
            [value.data for value in key.values()]
    try:
        NATIVE.CHiveWalk(str, None, 32, 4096, 4096)
    except TypeError:
        pass

class Owned(NATIVE.COwned):
    def let_go(self, handle):
        if handle >> 8000 & 1:
            raise OSError
        return bytes(5000)

def owned():
    for number in range(100):
        one = Owned()
        one._handle, one._owner = number << 8000, one if number % 10 == 0 else None
        one.__enter__()

def resident():
    gc.collect()
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * 4096

def work():
    for _ in range(40):
        table(); replay(1); replay(3); hive(); owned()

work(); work()
before = resident()
for _ in range(4):
    work()
print(resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the resident set this way")
def test_nothing_is_left_behind() -> None:
    """Making, using and dropping tables and replays again and again takes no more memory.

    Each of the 160 rounds has some 2 MB of tables, events and answers; the bound is 3 MB for all.
    """
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )

    assert int(done.stdout) < 3_000_000


@pytest.mark.parametrize("count", [100, 1_000, 54_321, 1_000_000])
def test_open_handle_takes_sixteen_bytes_at_most(count: int) -> None:
    """Whatever their number, open handles take at most 16 bytes each, the table's header apart."""
    assert accel.NATIVE is not None
    table = accel.NATIVE.CHandleTable()
    empty = sys.getsizeof(table)
    for _ in range(count):
        table.open(7, 1, 0x20019)

    assert 12 * count <= sys.getsizeof(table) - empty <= 16 * count
    table.close_all()
    assert sys.getsizeof(table) == empty

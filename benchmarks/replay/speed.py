"""How fast traces are replayed: C, pure, a plain loop, merely reading, two shards, and queries.

Rounds are interleaved, so that what else the machine does falls on all alike. Single-threaded parts
are timed in processor time of their thread, which leaves out waiting for a core; what uses several
threads is timed by the clock as well. Printed are medians and, in brackets, the least and the most.
"""

from __future__ import annotations

import argparse
import ctypes
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from measuring import OURS, Asked, Goal, Row, measured, peer, there
from replay import queries
from replay.plain_loop import replay as plain_loop
from replay.traces import NAMES, Trace, make, named, write

from regsim.accel.creplay import CReplay
from regsim.accel.replay import PyReplay

PURE_ROWS = 1_000_000


def reader(folder: Path) -> Callable[[Trace], None]:
    """Return what reads every column once, compiled as the library is."""
    library = folder / "read_columns.so"
    source = Path(__file__).with_name("read_columns.c")
    subprocess.run(["cc", "-O3", "-shared", "-fPIC", source, "-o", library], check=True)
    function = ctypes.CDLL(str(library)).read_columns
    function.argtypes = [ctypes.c_void_p] * 7 + [ctypes.c_size_t]

    def read(trace: Trace) -> None:
        pointers = [trace.data[name].ctypes.data for name in NAMES]
        function(*pointers, len(trace.data["op"]))

    return read


def fed(replay: CReplay | PyReplay, trace: Trace) -> CReplay | PyReplay:
    """Feed the whole trace."""
    replay.feed(trace.columns, trace.hive_of_key, trace.root_of_hive)
    return replay


def rounds(
    parts: dict[str, tuple[Callable[[], object], int]], count: int, clock: Callable[[], float]
) -> dict[str, list[float]]:
    """Return the nanoseconds per row of each part in each round; a part tells its rows."""
    taken: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(count):
        for name, (part, rows) in parts.items():
            begin = clock()
            part()
            taken[name].append((clock() - begin) * 1e9 / rows)
    return taken


def show(title: str, taken: dict[str, list[float]], base: str) -> None:
    """Print one table, each row against *base*."""
    print(f"\n{title}")
    middle = statistics.median(taken[base])
    for name, values in taken.items():
        ratio = statistics.median(values) / middle
        spread = f"[{min(values):.2f} .. {max(values):.2f}]"
        print(f"  {name:<14}{statistics.median(values):10.2f} ns/row  {spread:<24} x {ratio:.2f}")


def single(rows: int, processes: int, count: int, read: Callable[[Trace], None]) -> None:
    """One thread: reading, C, pure, plain; then two shards by the clock."""
    trace = make(rows, processes)
    short = make(min(rows, PURE_ROWS), processes)
    few = len(short.data["op"])
    parts = {
        "read": (lambda: read(trace), rows),
        "C": (lambda: fed(CReplay(trace.policy), trace), rows),
    }
    slow = {
        "pure": (lambda: fed(PyReplay(short.policy), short), few),
        "plain loop": (lambda: plain_loop(short, few), few),
    }
    taken = rounds(parts, count, time.thread_time)
    taken |= rounds(slow, max(1, count // 3), time.thread_time)
    show(f"{rows:,} rows, {processes} processes: processor time", taken, "C")
    ratio = statistics.median(taken["C"]) / statistics.median(taken["read"])
    print(f"  C is {ratio:.1f} x reading the columns once")
    shards = {
        "1 shard": (lambda: fed(CReplay(trace.policy), trace), rows),
        "2 shards": (lambda: fed(CReplay(trace.policy, shards=2), trace), rows),
    }
    title = f"{rows:,} rows, {processes} processes: by the clock"
    show(title, rounds(shards, count, _now), "2 shards")
    one, two = fed(CReplay(trace.policy), trace), fed(CReplay(trace.policy, shards=2), trace)
    assert one.answer() == two.answer()
    unloads = fed(PyReplay(short.policy), short).answer().unloads
    assert [(one.row, one.hive, one.count) for one in unloads] == plain_loop(short, few)


def files(rows: int, processes: int, count: int, folder: Path, *, implicit: bool) -> None:
    """A Parquet file to all verdicts, by regsim, polars and duckdb; they must agree."""
    trace, path = make(rows, processes, implicit=implicit), folder / "trace.parquet"
    write(trace, path)
    parts = {
        "regsim": (lambda: queries.by_regsim(path, trace), rows),
        "polars": (lambda: queries.by_polars(path, trace, implicit=implicit), rows),
        "duckdb": (lambda: queries.by_duckdb(path, trace, implicit=implicit), rows),
    }
    answers = [part() for part, _ in parts.values()]
    assert answers[0] == answers[1] == answers[2]
    what = f"{rows:,} rows, {processes} processes, {len(answers[0]):,} verdicts"
    what += "" if implicit else ", no implicit roots"
    show(f"Parquet to verdicts, {what}: by the clock", rounds(parts, count, _now), "regsim")
    taken = rounds(parts, count, time.process_time)
    show("the same: processor time of all threads", taken, "regsim")


# What a file is like, whether its layout is ours, its suffix, and what is asked: times polars with
# and without implicit roots, times duckdb.
_FILES = (
    ("parquet", "Parquet (snappy, pyarrow's defaults)", False, ".parquet", (1.1, 1.0), 0.0),
    ("parquet, ours", "Parquet (laid out for reading)", True, ".parquet", (1.5, 1.5), 3.0),
    ("parquet, arrow", "Arrow IPC", True, ".arrow", (2.5, 2.5), 0.0),
)


def parquet(at: Asked) -> list[Row]:
    """Measure files of columns to all unload verdicts, with and without implicit roots."""
    rows, found = at.of(10_000_000), []
    for implicit, word in ((True, "with"), (False, "without")):
        trace = make(rows, 100, implicit=implicit)
        for name, kind, ours, suffix, polars, duckdb in _FILES:
            path = at.folder / f"{word}{suffix}"
            write(trace, path, ours=ours)
            goals = [Goal("polars", polars[not implicit])]
            goals += [Goal("duckdb", duckdb)] if duckdb else []
            what = f"{kind}, {rows:,} rows, keys as numbers, {word} implicit roots"
            found.append(_columns(f"{name}: {word} roots", what, path, trace, goals, at))
            path.unlink()
    return [*found, _door(rows, at)]


def _door(rows: int, at: Asked) -> Row:
    """Measure what a user calls, on a file as a user has it: its keys are texts."""
    trace, path = named(make(rows, 100)), at.folder / "named.parquet"
    write(trace, path, ours=False)
    by_polars = partial(queries.by_polars, path, trace)
    asked = {
        "polars": (partial(peer, "polars", "polars"), by_polars),
        "polars, streaming": (
            partial(peer, "polars", "polars"),
            partial(by_polars, engine="streaming"),
        ),
    }
    peers, missing = there(asked)
    todo = {OURS: partial(queries.through_the_door, path, trace)} | peers
    answers = [{(unload, pid, key) for unload, pid, key, *_ in work()} for work in todo.values()]
    assert all(answer == answers[0] for answer in answers)
    what = f"Parquet by pyarrow's defaults, {rows:,} rows, keys as texts, `regsim.replay`, to the"
    what += f" finding with {len(answers[0]):,} blockers"
    return measured("parquet, named", what, todo, at, Goal("polars", 1.1), missing=missing)


def _columns(name: str, what: str, path: Path, trace: Trace, goals: list[Goal], at: Asked) -> Row:
    """Measure one file; polars reads it whole and streaming, and duckdb knows no Arrow files."""
    implicit = bool((trace.data["parent"] != 0).any())
    by_polars = partial(queries.by_polars, path, trace, implicit=implicit)
    asked = {
        "polars": (partial(peer, "polars", "polars"), by_polars),
        "polars, streaming": (
            partial(peer, "polars", "polars"),
            partial(by_polars, engine="streaming"),
        ),
        "duckdb": (
            partial(peer, "duckdb", "duckdb"),
            partial(queries.by_duckdb, path, trace, implicit=implicit),
        ),
    }
    if path.suffix != ".parquet":
        del asked["duckdb"]
    peers, missing = there(asked)
    todo = {OURS: partial(queries.by_regsim, path, trace)} | peers
    answers = [work() for work in todo.values()]
    assert all(answer == answers[0] for answer in answers)
    what += f", to {len(answers[0]):,} verdicts"
    return measured(name, what, todo, at, *goals, missing=missing)


def _now() -> float:
    return time.perf_counter()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 100, 1_000])
    parser.add_argument("--no-files", action="store_true", help="leave out Parquet, polars, duckdb")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for processes in asked.processes:
            single(asked.rows, processes, asked.rounds, reader(Path(name)))
        for implicit in () if asked.no_files else (True, False):
            files(asked.rows, 100, max(3, asked.rounds // 2), Path(name), implicit=implicit)

"""How what regsim takes grows with its input: ``python benchmarks/growth.py [LINE...]``.

Each size is prepared and worked on in a process of its own; given are processor seconds. A line is
straight where twice as much takes twice as long: its slope on two logarithmic scales is 1. What is
constant, as reading tables and starting threads, makes it less at the small end.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import table
from measuring import apart, median, timed

Work = Callable[[], int]
"""What is timed; it tells the size of its input."""

MODELS = ((2, 3, 2), (3, 4, 2), (4, 4, 2), (5, 4, 2), (6, 5, 1))
"""Workers, services and queue of `q241572`, by the numbers of their states."""
PIECE = 1_000_000
ROOM = {"csv": 120, "pml": 150, "hive": 1_200_000}
"""Bytes of disk for each that is asked for, which must be free twice."""
LONG = 20.0
"""Seconds after which a size is not worked on again."""


def csv(folder: Path, rows: int) -> Work:
    """Write rows of seven columns, of more than a million the same again; read to findings."""
    from ingest import captures  # noqa: PLC0415 - in its own process

    path, piece = folder / "big", folder / "piece"
    captures.synthetic_csv(piece, min(rows, PIECE))
    return partial(_judged, path, captures.repeat_csv(piece, path, rows))


def pml(folder: Path, events: int) -> Work:
    """Write events of PML, of more than a million the same again; read to findings."""
    from ingest import captures  # noqa: PLC0415

    path, piece = folder / "big", folder / "piece"
    captures.synthetic_pml(piece, min(events, PIECE))
    return partial(_judged, path, captures.repeat_pml(piece, path, events))


def _judged(path: Path, rows: int) -> int:
    from regsim import dialects  # noqa: PLC0415
    from regsim.trace.asking import replay  # noqa: PLC0415

    found = replay(path, dialect_of=dialects.get)
    assert found.events == rows
    return rows


def replay(_: Path, rows: int) -> Work:
    """Make columns of a hundred processes and replay them; more than ten million in pieces."""
    from replay.traces import make  # noqa: PLC0415

    from regsim.accel.replaying import new_replay  # noqa: PLC0415

    trace = make(min(rows, 10 * PIECE), 100)
    pieces = max(rows // (10 * PIECE), 1)

    def fed() -> int:
        run = new_replay(trace.policy)
        for _ in range(pieces):
            run.feed(trace.columns, trace.hive_of_key, trace.root_of_hive)
        run.answer()
        return len(trace.data["op"]) * pieces

    return fed


def states(_: Path, number: int) -> Work:
    """Explore `q241572` in full with the parameters of that number."""
    from regsim import models  # noqa: PLC0415
    from regsim.check.learn import Learner  # noqa: PLC0415
    from regsim.check.space import Options  # noqa: PLC0415
    from regsim.check.verify import search  # noqa: PLC0415

    workers, services, queue = MODELS[number]
    chosen: dict[str, Any] = {"workers": workers, "services": services, "queue": queue}
    model = models.model("q241572", variant="refcounted", **chosen)
    return lambda: search(Learner(model), Options(), "c").states


def hive(folder: Path, megabytes: int) -> Work:
    """Make a hive of so many megabytes; walk it: every key, value, name and data."""
    from regf.making import large_hive  # noqa: PLC0415

    from regsim.regf import open_hive  # noqa: PLC0415

    path = folder / "big"
    large_hive(path, megabytes * 1_000_000)

    def walked() -> int:
        with open_hive(path) as opened:
            for _, key in opened.walk():
                for value in key.values():
                    value.name, value.type, value.data  # noqa: B018 - reading them is the work
        return path.stat().st_size

    return walked


LINES: dict[str, tuple[str, Callable[[Path, int], Work], tuple[int, ...]]] = {
    "csv": ("rows of CSV to findings", csv, (10**5, 10**6, 10**7, 10**8)),
    "pml": ("events of PML to findings", pml, (10**5, 10**6, 10**7)),
    "replay": ("rows replayed", replay, (10**5, 10**6, 10**7, 10**8)),
    "hive": ("bytes of a hive walked", hive, (1, 3, 10, 30, 100, 300)),
    "states": ("states explored", states, tuple(range(len(MODELS)))),
}
"""What grows, what prepares it, and the sizes that are asked for."""


def one(name: str, size: int) -> None:
    """Prepare one size in this process, work on it three times at most, and print what it took."""
    with tempfile.TemporaryDirectory() as folder:
        free = shutil.disk_usage(folder).free
        if ROOM.get(name, 0) * size * 2 > free:
            print(json.dumps({"skipped": f"{size:,} needs more disk than {free / 1e9:.0f} GB"}))
            return
        work = LINES[name][1](Path(folder), size)
        found: list[int] = []
        seconds: list[float] = []
        while len(seconds) < 4 and sum(seconds) < LONG:
            seconds.append(timed(lambda: found.append(work())).cpu)
        kept = seconds[1:] or seconds  # the first is a warm-up where there are more
        print(json.dumps({"size": found[0], "seconds": kept}))


def slope(points: list[tuple[float, float]]) -> float:
    """Return the slope of the straight line that fits best, both logarithmic."""
    logs = [(math.log(x), math.log(y)) for x, y in points]
    x0, y0 = (sum(each) / len(logs) for each in zip(*logs, strict=True))
    return sum((x - x0) * (y - y0) for x, y in logs) / sum((x - x0) ** 2 for x, _ in logs)


def middles(points: list[dict[str, Any]]) -> list[tuple[float, float]]:
    """Return size and median seconds of each point."""
    return [(each["size"], median(each["seconds"])) for each in points]


def told(line: dict[str, Any]) -> str:
    """Return a line of the table."""
    points = middles(line["points"])
    cells = [f"{x:,} in {table.number(y)} s" for x, y in points]
    steep = f"{slope(points):.2f}" if len(points) > 1 else "-"
    last = f"{slope(points[-2:]):.2f}" if len(points) > 2 else "-"
    return f"| {line['what']} | {'; '.join(cells)} | {steep} | {last} |"


def markdown(lines: list[dict[str, Any]]) -> str:
    """Return the table of all lines."""
    said = ["| what | took, processor seconds | slope | of the last two |", "|---|---|---|---|"]
    said += map(told, lines)
    left = [f"Left out: {line['what']}: {text}." for line in lines for text in line["skipped"]]
    return "\n".join([*said, *([""] if left else []), *left])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("lines", nargs="*", metavar="LINE", help=f"of {', '.join(LINES)}")
    parser.add_argument("--sizes", type=int, default=9, metavar="N", help="the N smallest alone")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("-o", type=Path, metavar="FILE", help="keep it in FILE, beside the others")
    asked = parser.parse_args()
    if asked.one:
        one(asked.one[0], int(asked.one[1]))
        return
    if unknown := [name for name in asked.lines if name not in LINES]:
        parser.error(f"no line is called {unknown[0]!r}")
    lines = []
    for name in asked.lines or LINES:
        what, _, sizes = LINES[name]
        print(f"{name} ...", file=sys.stderr, flush=True)
        points = [apart(__file__, "--one", name, str(size)) for size in sizes[: asked.sizes]]
        skipped = [point["skipped"] for point in points if "skipped" in point]
        points = [point for point in points if "size" in point]
        lines.append({"name": name, "what": what, "points": points, "skipped": skipped})
    if asked.o:
        table.keep(asked.o, "growth", lines, list(LINES))
    print(markdown(lines))


if __name__ == "__main__":
    main()

"""What was measured, shown: in the tables of README.md, and in the pictures of the pages.

``python benchmarks/showing.py`` writes the tables anew from what `all.py` and `growth.py` keep in
results.json, ``python docs/pictures.py`` the pictures.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import growth
import table
from measuring import Goal, Row, best, ratio

from regsim.report.pictures.canvas import SMALL, Canvas, Point
from regsim.report.pictures.colours import BLUE, DIM, GREY, INK, ORANGE, PALE, RED_INK

TITLES = {
    "csv27": "CSV, 27 columns",
    "csv7": "CSV, 7 columns",
    "pml": "PML",
    "parquet": "Parquet",
    "parquet, ours": "Parquet, our layout",
    "parquet, named": "Parquet by regsim.replay",
    "parquet, arrow": "Arrow IPC",
    "hive": "whole hive",
    "deep": "one value of a hive",
    "evtx": "EVTX",
    "explorer": "explorer",
    "memory": "explorer, memory a state",
    "lab": "the longest lab",
    "winreg": "fake winreg, slowest way",
}
"""What a row is called where there is little room."""
STEP = 24.0
LEFT, WIDE = 370.0, 540.0
LOWEST, HIGHEST = 0.1, 100.0


class Mark(NamedTuple):
    """A line of the picture: its name, where regsim stands, and where it is asked to."""

    name: str
    reached: float
    goal: float
    met: bool


def marks(rows: Sequence[Row]) -> Iterator[Mark]:
    """Yield a line for each goal that was measured; of the ways of the fake winreg the slowest."""
    ways = [row for row in rows if row.name.startswith("winreg:")]
    slowest = min(ways, key=lambda row: ratio(row, row.goals[0]) or math.inf, default=None)
    for row in rows:
        if row in ways and row is not slowest:
            continue
        for goal in row.goals:
            reached = ratio(row, goal)
            if reached is not None:
                met = table.met(row, goal) is True
                yield Mark(_name(row, goal), reached, goal.least if goal.peer else 1.0, met)


def _name(row: Row, goal: Goal) -> str:
    group, _, rest = row.name.partition(": ")
    title = TITLES.get(group, group) + (f", {rest}" if rest and group != "winreg" else "")
    if not goal.peer:
        return f"{title}: {goal.least:g} {row.unit} allowed"
    other = best(row, goal.peer, cpu=goal.cpu)
    return f"{title}: {other}" + (", processor time" if goal.cpu else "")


def _place(value: float) -> float:
    share = math.log(value / LOWEST) / math.log(HIGHEST / LOWEST)
    return LEFT + min(max(share, 0.0), 1.0) * WIDE


def ratios_svg(rows: Sequence[Row]) -> str:
    """Return how many times regsim's time the others take, a line for each goal."""
    canvas, found = Canvas(), list(marks(rows))
    missed = sum(not one.met for one in found)
    title = f"{len(found) - missed} of {len(found)} goals are met"
    subtitle = (
        "How many times what regsim takes the other takes; further right is faster. A square: as "
        "asked. A diamond, and the word: missed. The upright stroke is what is asked."
    )
    top = canvas.heading(title, LEFT + WIDE, subtitle) + 14
    bottom = top + STEP * len(found)
    for power in (0.1, 1, 10, 100):
        x = _place(power)
        canvas.path([(x, top - 8), (x, bottom)], stroke=PALE, wide=1)
    one = _place(1)
    canvas.path([(one, top - 8), (one, bottom)], stroke=INK, wide=2)
    canvas.text(one + 5, top - 2, "regsim", size=SMALL, bold=True)
    for number, mark in enumerate(found):
        _line(canvas, mark, top + STEP * (number + 0.75))
    ticks = [(_place(power), f"{power:g}") for power in (0.1, 0.3, 1, 3, 10, 30, 100)]
    canvas.axis(LEFT, LEFT + WIDE, bottom + 4, ticks, "times what regsim takes (logarithmic)")
    said = "; ".join(
        f"{m.name}: {m.reached:.2f}, asked {m.goal:.2f}, {'met' if m.met else 'missed'}"
        for m in found
    )
    return canvas.svg(title, f"{said}.")


def _line(canvas: Canvas, mark: Mark, y: float) -> None:
    canvas.text(LEFT - 12, y + 4, mark.name, size=SMALL, anchor="end")
    x, goal = _place(mark.reached), _place(mark.goal)
    canvas.path([(_place(1), y), (x, y)], stroke=BLUE if mark.met else DIM, wide=3)
    canvas.path([(goal, y - 8), (goal, y + 8)], stroke=INK, wide=2.5)
    text = f"{mark.reached:.2f}" if mark.reached < 10 else f"{mark.reached:.0f}"
    behind = max(x, goal) + 12
    if mark.met:
        canvas.rect(x - 5, y - 5, 10, 10, fill=BLUE, stroke=INK)
        canvas.text(behind, y + 4, text, size=SMALL, plate=True)
    else:
        canvas.diamond(x, y, 6, wide=2)
        canvas.text(
            behind, y + 4, f"{text} missed", size=SMALL, bold=True, fill=RED_INK, plate=True
        )


LOOKS = (BLUE, ORANGE, INK, GREY, RED_INK)
Line = dict[str, Any]
Place = Callable[[float, float], Point]
SIZES, SECONDS = (1e4, 1e9), (1e-3, 1e3)
HIGH = 380.0


def growth_svg(grown: Sequence[Line]) -> str:
    """Return seconds by size, both logarithmic, a line for each kind of input."""
    canvas = Canvas()
    slopes = [growth.slope(growth.middles(one["points"])[-2:]) for one in grown]
    title = f"Twice the input takes {2 ** min(slopes):.1f} to {2 ** max(slopes):.1f} times the time"
    subtitle = (
        "Processor seconds by size, both logarithmic; along the thin lines twice as much takes "
        "twice as long. At the end of each line the slope between its last two sizes."
    )
    top, left, wide = canvas.heading(title, 880, subtitle) + 10, 90.0, 600.0

    def place(size: float, seconds: float) -> tuple[float, float]:
        across = math.log(size / SIZES[0]) / math.log(SIZES[1] / SIZES[0])
        up = math.log(seconds / SECONDS[0]) / math.log(SECONDS[1] / SECONDS[0])
        return left + across * wide, top + HIGH * (1 - up)

    for exponent in range(-3, 4):
        y = place(1e4, 10.0**exponent)[1]
        canvas.path([(left, y), (left + wide, y)], stroke=PALE, wide=1)
        canvas.text(left - 8, y + 4, f"{10.0**exponent:g} s", size=SMALL, fill=GREY, anchor="end")
    for exponent in (-8, -7, -6):
        ends = [(size, size * 10.0**exponent) for size in (max(1e4, 10.0 ** (-3 - exponent)), 1e9)]
        canvas.path([place(*end) for end in ends], stroke=DIM, wide=1, dash="2 4")
    _curves(canvas, grown, slopes, place)
    ticks = [(place(10.0**e, 1)[0], f"{10**e:,}") for e in range(4, 10)]
    canvas.axis(left, left + wide, top + HIGH, ticks, "rows, events, states, or bytes of a hive")
    return canvas.svg(title, " ".join(growth.told(one).strip("| ") + "." for one in grown))


def _curves(canvas: Canvas, grown: Sequence[Line], slopes: Sequence[float], place: Place) -> None:
    """Draw each line with marks of its own, and its name where no other stands."""
    ends = []
    for number, (one, slope) in enumerate(zip(grown, slopes, strict=True)):
        spots = [place(*point) for point in growth.middles(one["points"])]
        canvas.path(spots, stroke=LOOKS[number], wide=2)
        for spot in spots:
            _spot(canvas, number, spot)
        x, y = spots[-1]
        canvas.text(x + 8, y + 4, str(number + 1), size=SMALL, bold=True)
        ends.append((y, number, f"{number + 1}: {one['what']}, {slope:.2f}"))
    beside, below = place(SIZES[1], SECONDS[0])[0] + 24, 0.0
    for y, number, name in sorted(ends):
        below = max(below + 20, y)
        _spot(canvas, number, (beside, below))
        canvas.text(beside + 12, below + 4, name, size=SMALL)


def _spot(canvas: Canvas, number: int, at: Point) -> None:
    x, y = at
    if number % 2:
        canvas.diamond(x, y, 5, wide=2, stroke=LOOKS[number])
    else:
        canvas.rect(x - 4, y - 4, 8, 8, fill=LOOKS[number], stroke=INK)


def pictures() -> dict[str, str]:
    """Return each picture by the name of its file."""
    return {"speed.svg": ratios_svg(table.kept_rows()), "growth.svg": growth_svg(lines())}


def lines() -> list[Line]:
    """Return what is kept of how it grows."""
    kept: list[Line] = json.loads(table.RESULTS.read_text(encoding="utf-8"))["growth"]
    return kept


def with_tables(text: str) -> str:
    """Return README.md's *text* with the tables of what is kept now."""
    for name, made in (
        ("rows", table.markdown(table.kept_rows())),
        ("growth", growth.markdown(lines())),
    ):
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n{made}\n\n{end}{rest.partition(end)[2]}"
    return text


if __name__ == "__main__":
    README = Path(__file__).with_name("README.md")
    README.write_text(with_tables(README.read_text(encoding="utf-8")), encoding="utf-8")

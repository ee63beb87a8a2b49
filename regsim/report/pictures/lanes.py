"""The picture of a path: a lane for each process, a row for each step, the loop at its side."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from regsim.check.paths import Path
from regsim.report.pictures.canvas import SMALL, Canvas, Point, half_head, measure
from regsim.report.pictures.colours import BLUE, INK, ORANGE, RED, RED_INK

_ROW = 34.0


def path_svg(path: Path, title: str, *, bad: bool = True) -> str:
    """Return *path* as a picture titled *title*; *bad* says that it breaks a claim."""
    lanes = _lanes(path)
    width = max([*lanes.values(), 300]) + 160
    canvas = Canvas()
    top = canvas.heading(title, width - 20) + 6
    bottom = top + 40 + _ROW * len(path.steps) + 12
    for actor, x in lanes.items():
        canvas.lane(x, actor, top, bottom)
    places = [(lanes[step.actor], top + 40 + _ROW * (n + 0.5)) for n, step in enumerate(path.steps)]
    _way(canvas, places, RED if bad else BLUE)
    for number, (step, (x, y)) in enumerate(zip(path.steps, places, strict=True), 1):
        last = bad and number == len(path.steps)
        _dot(canvas, x, y, last=last)
        fill = RED_INK if last else INK
        canvas.text(x + 14, y + 4, f"{number}. {step.step}", size=SMALL, fill=fill, plate=True)
    _end(canvas, path, top + 40, bottom + 18)
    return canvas.svg(title, described(path))


def _way(canvas: Canvas, places: Sequence[Point], stroke: str) -> None:
    """Draw the way through *places*, changing lanes between the rows, where no text stands."""
    if not places:
        return
    way = [places[0]]
    for (x, y), (to_x, to_y) in pairwise(places):
        middle = (y + to_y) / 2
        way += [(x, middle), (to_x, middle), (to_x, to_y)]
    canvas.path(way, stroke=stroke, wide=3)


def described(path: Path) -> str:
    """Return in words what the picture of *path* shows."""
    steps = [f"{n}. {step.actor}: {step.step}" for n, step in enumerate(path.steps, 1)]
    return "; ".join([*steps, *filter(None, [path_ending(path)])]) or "No step is needed"


def _lanes(path: Path) -> dict[str, float]:
    """Return the middle of each lane, with room for its steps at the right of it."""
    lanes: dict[str, float] = {}
    edge = 20.0
    for actor in dict.fromkeys(step.actor for step in path.steps):
        half = half_head(actor)
        mine = [step.step for step in path.steps if step.actor == actor]
        room = max(measure(f"99. {step}", SMALL) for step in mine) + 24
        lanes[actor] = edge + half
        edge += half + max(half, room) + 16
    return lanes


def _dot(canvas: Canvas, x: float, y: float, *, last: bool) -> None:
    """Draw a step as a diamond, the one that breaks the claim as an octagon."""
    if not last:
        canvas.diamond(x, y)
        return
    corners = ((4, 9), (9, 4), (9, -4), (4, -9), (-4, -9), (-9, -4), (-9, 4), (-4, 9))
    canvas.path([(x + a, y + b) for a, b in corners], stroke=RED, wide=2.5, fill=ORANGE)


def path_ending(path: Path) -> str:
    """Return how *path* ends: in a deadlock, in a loop, or, with nothing said, where it ends."""
    if path.deadlock:
        return "then no process can step"
    return "" if path.loop is None else f"then for ever again from step {path.loop + 1}"


def _end(canvas: Canvas, path: Path, top: float, foot: float) -> None:
    """Bracket the steps that repeat, and say how the path ends."""
    if path.loop is not None and not path.deadlock:
        x, start = 8.0, top + _ROW * (path.loop + 0.2)
        end = top + _ROW * (len(path.steps) - 0.2)
        canvas.path([(x + 6, start), (x, start), (x, end), (x + 6, end)], stroke=RED, wide=2)
    if path_ending(path):
        canvas.text(20, foot, f"{path_ending(path)}.", bold=True, fill=RED_INK)

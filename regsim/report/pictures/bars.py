"""The one picture of lives as bars: grouped by who has them, each with its name and its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from regsim.report.pictures.canvas import SMALL, Canvas, measure
from regsim.report.pictures.colours import BLUE, GREY, INK, ORANGE, RED_INK, WHITE

_LEAST: Final = 3.0  # the width of a bar that began and ended at once: still to be seen


@attrs.frozen(kw_only=True)
class Scale:
    """Where a time lies: *first* at the left edge, each later one ``unit`` further right."""

    left: float
    right: float
    unit: float
    first: int = 0

    def x(self, time: int) -> float:
        """Return the place of *time*, at the left edge for one before the first."""
        return self.left + max(time - self.first, 0) * self.unit


@attrs.frozen(kw_only=True)
class Bar:
    """One life, from the time ``start`` to ``end``, or, with None, to the right edge.

    Attributes:
        group: whose it is, written once above them all.
        name: what lives; ``note`` stands below it, in red if it is an ``alarm``.
        ended: how it ended, written behind the bar, which has the colour ``fill``. One without an
            end has an arrow instead, and is hatched if it is ``certain`` that it is open.
    """

    group: str
    name: str
    note: str = ""
    alarm: bool = False
    start: int
    end: int | None = None
    ended: str = ""
    certain: bool = True
    fill: str = BLUE


def left_of_bars(bars: Sequence[Bar], least: float) -> float:
    """Return where bars can begin: behind the longest text on them, or behind *least*."""
    groups = [measure(bar.group, bold=True) for bar in bars]
    texts = [measure(text, SMALL) + 12 for bar in bars for text in (bar.name, bar.note) if text]
    return 20 + max([*groups, *texts, least]) + 16


def draw_bars(canvas: Canvas, bars: Sequence[Bar], scale: Scale, y: float, tall: float) -> float:
    """Draw *bars* of height *tall* from *y* down; return where the next would stand."""
    groups: dict[str, list[Bar]] = {}
    for bar in bars:
        groups.setdefault(bar.group, []).append(bar)
    for group, members in groups.items():
        canvas.text(20, y + 16, group, bold=True)
        y += 24
        for bar in members:
            canvas.text(32, y + tall / 2 + 4, bar.name, size=SMALL)
            if bar.note:
                fill = RED_INK if bar.alarm else GREY
                canvas.text(32, y + tall + 11, bar.note, size=SMALL, fill=fill)
            start, end = scale.x(bar.start), scale.right if bar.end is None else scale.x(bar.end)
            _bar(canvas, bar, start, max(end, start + _LEAST), y, tall)
            y += tall + 24
    return y


def _bar(canvas: Canvas, bar: Bar, x: float, end: float, y: float, tall: float) -> None:
    middle = y + tall / 2
    if bar.end is not None:
        canvas.rect(x, y, end - x, tall, fill=bar.fill, stroke=INK)
        canvas.text(end + 6, middle + 4, bar.ended, size=SMALL, plate=True)
        return
    fill = ORANGE if bar.certain else WHITE
    canvas.rect(x, y, end - x, tall, fill=fill, stroke=INK)
    if bar.certain:
        canvas.hatch(x, y, end - x, tall)
    tip = [(end, y - 5), (end + tall - 2, middle), (end, y + tall + 5)]
    canvas.path(tip, stroke=INK, fill=fill)
    said = "still open" if bar.certain else "perhaps open"
    canvas.text(end + tall + 4, middle + 4, said, size=SMALL, bold=True, fill=RED_INK)

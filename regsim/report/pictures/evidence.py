"""The picture of a trace: which process held what of a user's hive, and for how long."""

from __future__ import annotations

from typing import Final

import attrs

from regsim.report.pictures.canvas import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    RED,
    RED_INK,
    WHITE,
    Canvas,
    fold,
    measure,
    shorten,
)
from regsim.trace.finding import Conclusion, Finding, HeldKey

_SMALL: Final = 12
_BAR: Final = 16
_ROW: Final = 40
_WIDTH: Final = 620.0
_MOST: Final = 40
_SECOND: Final = 10_000_000


def evidence_svg(finding: Finding) -> str:
    """Return the lives of the handles that a trace shows as bars, grouped by process.

    A bar with an arrow is open at the moment asked about; a hollow one may be. Dashed lines are
    unloads that were tried.
    """
    lives, more = _lives(finding)
    first, last = _span(finding, lives)
    names = [measure(life.holder, bold=True) for life in lives]
    labels = [measure(_label(life), _SMALL) + 12 for life in lives]
    left = 20 + max([*names, *labels, 140]) + 16
    canvas = Canvas()
    title = _title(finding)
    y = canvas.lines(20, 34, fold(title, left + _WIDTH, 16, bold=True), size=16)
    for line in fold(_subtitle(finding), left + _WIDTH, _SMALL):
        canvas.text(20, y, line, size=_SMALL, fill=GREY)
        y += 16
    scale = _WIDTH / max(last - first, 1)
    place = _Place(first, left, scale)
    top = y + 20
    bottom = _bars(canvas, lives, place, top)
    _attempts(canvas, finding, place, (top - 6, bottom))
    _axis(canvas, finding, place, bottom, last)
    if more:
        canvas.text(20, bottom + 56, f"and {more:,} more keys", size=_SMALL, fill=GREY)
    if not lives:
        canvas.text(20, top + 16, "no key of a user's hive is held", fill=GREY)
    return canvas.svg(title, " ".join([_subtitle(finding), *map(_told, lives)]))


@attrs.frozen
class _Place:
    """Where a time lies on the picture."""

    first: int
    left: float
    scale: float

    def x(self, ticks: int) -> float:
        """Return the place of a time, at the edge for one outside."""
        return self.left + max(ticks - self.first, 0) * self.scale


def _lives(finding: Finding) -> tuple[list[HeldKey], int]:
    """Return the keys to draw as bars, grouped by process, and how many are left out."""
    ended = [root for root in finding.roots if root.closed is not None]
    found = ended + [blocker for blocker in finding.blockers if blocker.ticks is not None]
    order = {holder: at for at, holder in enumerate(dict.fromkeys(life.holder for life in found))}
    found.sort(key=lambda life: (order[life.holder], life.ticks))
    return found[:_MOST], max(len(found) - _MOST, 0)


def _span(finding: Finding, lives: list[HeldKey]) -> tuple[int, int]:
    times = [time for life in lives for time in (life.ticks, life.closed) if time is not None]
    span = finding.span or (min(times, default=0), max(times, default=1))
    return min([span[0], *times]), max([span[1], *times])


def _title(finding: Finding) -> str:
    sure = finding.certain
    when = f" at {finding.asked_at}" if finding.asked_at else " at the end of the trace"
    if finding.conclusion is Conclusion.BLOCKED and sure:
        holders = len({blocker.holder for blocker in sure})
        who = sure[0].holder if holders == 1 else f"{holders} processes"
        return f"{who} {'keeps' if holders == 1 else 'keep'} a user's hive loaded{when}"
    if finding.conclusion is Conclusion.CLEAR:
        return f"No handle keeps a user's hive loaded{when}"
    return f"The trace does not tell whether a user's hive is held{when}"


def _subtitle(finding: Finding) -> str:
    system = f"{finding.os_title}. " if finding.os_title else ""
    return (
        f"Keys of users' hives that stayed open. {system}{finding.events:,} events of a "
        f"{finding.format} trace: {finding.fidelity.meaning}."
    )


def _label(life: HeldKey) -> str:
    return shorten(life.key, 360, _SMALL)


def _told(life: HeldKey) -> str:
    end = "is open to the end" if life.closed is None else "ends with the process"
    sure = "" if life.certain else ", as far as the trace tells"
    return f"{life.holder}: {life.key} {end}{sure}."


def _bars(canvas: Canvas, lives: list[HeldKey], place: _Place, y: float) -> float:
    process = ""
    for life in lives:
        if life.holder != process:
            process = life.holder
            canvas.text(20, y + 16, process, bold=True)
            y += 24
        canvas.text(32, y + 12, _label(life), size=_SMALL)
        note = _note(life)
        if note:
            fill = RED_INK if life.implicit else GREY
            canvas.text(32, y + 27, note, size=_SMALL, fill=fill)
        _bar(canvas, life, place, y)
        y += _ROW
    return y + 8


def _note(life: HeldKey) -> str:
    if life.closed is not None:
        return "probably cached, asked for by nobody"
    if life.implicit:
        return "nobody asked for it"
    return f"{life.balance[0]} handles" if life.balance[0] > 1 else ""


def _bar(canvas: Canvas, life: HeldKey, place: _Place, y: float) -> None:
    x = place.x(life.ticks or 0)
    if life.closed is not None:
        wide = max(place.x(life.closed) - x, 3)
        canvas.rect(x, y, wide, _BAR, fill=BLUE, stroke=INK)
        canvas.text(x + wide + 6, y + 12, "until it ended", size=_SMALL, plate=True)
        return
    end = place.left + _WIDTH
    wide = max(end - x, 3)
    canvas.rect(x, y, wide, _BAR, fill=ORANGE if life.certain else WHITE, stroke=INK)
    if life.certain:
        canvas.hatch(x, y, wide, _BAR)
    middle = y + _BAR / 2
    fill = ORANGE if life.certain else WHITE
    points = [(x + wide, y - 5), (x + wide + 14, middle), (x + wide, y + _BAR + 5)]
    canvas.path(points, stroke=INK, fill=fill)
    text = "still open" if life.certain else "perhaps open"
    canvas.text(x + wide + 20, y + 12, text, size=_SMALL, bold=True, fill=RED_INK)


def _attempts(canvas: Canvas, finding: Finding, place: _Place, across: tuple[float, float]) -> None:
    for attempt in finding.attempts[:_MOST]:
        if attempt.ticks is None:
            continue
        x = place.x(attempt.ticks)
        stroke = GREY if attempt.status == 0 else RED
        canvas.path([(x, across[0]), (x, across[1])], stroke=stroke, dash="4 3")
        text = "unloaded" if attempt.status == 0 else "unload refused"
        canvas.text(x, across[0] - 2, text, size=_SMALL, anchor="middle", plate=True)


def _axis(canvas: Canvas, finding: Finding, place: _Place, y: float, last: int) -> None:
    unit = _SECOND if finding.clock else 1
    canvas.path([(place.left, y), (place.left + _WIDTH, y)], stroke=GREY, wide=1)
    total = (last - place.first) / unit
    step = _step(total)
    count = 0
    while count * step <= total:
        x = place.x(round(place.first + count * step * unit))
        canvas.path([(x, y), (x, y + 4)], stroke=GREY, wide=1)
        canvas.text(x, y + 18, f"{count * step:g}", size=_SMALL, fill=GREY, anchor="middle")
        count += 1
    what = "seconds since the trace began" if finding.clock else "lines since the first event"
    canvas.text(place.left, y + 38, what, size=_SMALL, fill=GREY)


def _step(total: float) -> float:
    """Return a round step that gives at most ten marks."""
    step = 10.0**-3
    while True:
        for factor in (1, 2, 5):
            if total / (step * factor) <= 10:
                return step * factor
        step *= 10

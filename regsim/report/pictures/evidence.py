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
from regsim.trace.judge import Answer, Verdict

_SMALL: Final = 12
_BAR: Final = 16
_ROW: Final = 40
_WIDTH: Final = 620.0
_MOST: Final = 40
_SECOND: Final = 10_000_000


@attrs.frozen(kw_only=True)
class _Life:
    """One bar: a key that a process had open."""

    process: str
    key: str
    note: str
    start: int
    end: int | None
    certain: bool = True
    implicit: bool = False


def evidence_svg(verdict: Verdict) -> str:
    """Return the lives of the handles that a trace shows as bars, grouped by process.

    A bar with an arrow is open at the moment asked about; a hollow one may be. Dashed lines are
    unloads that were tried.
    """
    lives, more = _lives(verdict)
    first, last = _span(verdict, lives)
    names = [measure(life.process, bold=True) for life in lives]
    labels = [measure(_label(life), _SMALL) + 12 for life in lives]
    left = 20 + max([*names, *labels, 140]) + 16
    canvas = Canvas()
    title = _title(verdict)
    y = canvas.lines(20, 34, fold(title, left + _WIDTH, 16, bold=True), size=16)
    for line in fold(_subtitle(verdict), left + _WIDTH, _SMALL):
        canvas.text(20, y, line, size=_SMALL, fill=GREY)
        y += 16
    scale = _WIDTH / max(last - first, 1)
    place = _Place(first, left, scale)
    top = y + 20
    bottom = _bars(canvas, lives, place, top)
    _attempts(canvas, verdict, place, (top - 6, bottom))
    _axis(canvas, verdict, place, bottom, last)
    if more:
        canvas.text(20, bottom + 56, f"and {more:,} more keys", size=_SMALL, fill=GREY)
    if not lives:
        canvas.text(20, top + 16, "no key of a user's hive is held", fill=GREY)
    return canvas.svg(title, " ".join([_subtitle(verdict), *map(_told, lives)]))


@attrs.frozen
class _Place:
    """Where a time lies on the picture."""

    first: int
    left: float
    scale: float

    def x(self, ticks: int) -> float:
        """Return the place of a time, at the edge for one outside."""
        return self.left + max(ticks - self.first, 0) * self.scale


def _lives(verdict: Verdict) -> tuple[list[_Life], int]:
    """Return the bars, grouped by process, and how many are left out."""
    found = [
        _Life(
            process=f"{root.process} ({root.pid})",
            key=root.key,
            note="probably cached, asked for by nobody",
            start=root.ticks[0],
            end=root.ticks[1],
            implicit=True,
        )
        for root in verdict.roots
        if root.ticks[1] is not None
    ]
    for blocker in verdict.blockers:
        if blocker.ticks is not None:
            count = f"{blocker.balance[0]} handles" if blocker.balance[0] > 1 else ""
            found.append(
                _Life(
                    process=f"{blocker.process} ({blocker.pid})",
                    key=blocker.key,
                    note="nobody asked for it" if blocker.implicit else count,
                    start=blocker.ticks,
                    end=None,
                    certain=blocker.certain,
                    implicit=blocker.implicit,
                )
            )
    order = {
        process: at for at, process in enumerate(dict.fromkeys(life.process for life in found))
    }
    found.sort(key=lambda life: (order[life.process], life.start))
    return found[:_MOST], max(len(found) - _MOST, 0)


def _span(verdict: Verdict, lives: list[_Life]) -> tuple[int, int]:
    times = [time for life in lives for time in (life.start, life.end) if time is not None]
    span = verdict.span or (min(times, default=0), max(times, default=1))
    return min([span[0], *times]), max([span[1], *times])


def _title(verdict: Verdict) -> str:
    sure = [blocker for blocker in verdict.blockers if blocker.certain]
    when = f" at {verdict.asked_at}" if verdict.asked_at else " at the end of the trace"
    if verdict.answer is Answer.BLOCKED and sure:
        holders = len({(blocker.process, blocker.pid) for blocker in sure})
        who = f"{sure[0].process} ({sure[0].pid})" if holders == 1 else f"{holders} processes"
        return f"{who} {'keeps' if holders == 1 else 'keep'} a user's hive loaded{when}"
    if verdict.answer is Answer.CLEAR:
        return f"No handle keeps a user's hive loaded{when}"
    return f"The trace does not tell whether a user's hive is held{when}"


def _subtitle(verdict: Verdict) -> str:
    system = f"{verdict.os_title}. " if verdict.os_title else ""
    return (
        f"Keys of users' hives that stayed open. {system}{verdict.events:,} events of a "
        f"{verdict.format} trace: {verdict.fidelity.meaning}."
    )


def _label(life: _Life) -> str:
    return shorten(life.key, 360, _SMALL)


def _told(life: _Life) -> str:
    end = "is open to the end" if life.end is None else "ends with the process"
    sure = "" if life.certain else ", as far as the trace tells"
    return f"{life.process}: {life.key} {end}{sure}."


def _bars(canvas: Canvas, lives: list[_Life], place: _Place, y: float) -> float:
    process = ""
    for life in lives:
        if life.process != process:
            process = life.process
            canvas.text(20, y + 16, process, bold=True)
            y += 24
        canvas.text(32, y + 12, _label(life), size=_SMALL)
        if life.note:
            fill = RED_INK if life.implicit else GREY
            canvas.text(32, y + 27, life.note, size=_SMALL, fill=fill)
        _bar(canvas, life, place, y)
        y += _ROW
    return y + 8


def _bar(canvas: Canvas, life: _Life, place: _Place, y: float) -> None:
    x = place.x(life.start)
    if life.end is not None:
        wide = max(place.x(life.end) - x, 3)
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


def _attempts(canvas: Canvas, verdict: Verdict, place: _Place, across: tuple[float, float]) -> None:
    for attempt in verdict.attempts[:_MOST]:
        if attempt.ticks is None:
            continue
        x = place.x(attempt.ticks)
        stroke = GREY if attempt.status == 0 else RED
        canvas.path([(x, across[0]), (x, across[1])], stroke=stroke, dash="4 3")
        text = "unloaded" if attempt.status == 0 else "unload refused"
        canvas.text(x, across[0] - 2, text, size=_SMALL, anchor="middle", plate=True)


def _axis(canvas: Canvas, verdict: Verdict, place: _Place, y: float, last: int) -> None:
    unit = _SECOND if verdict.clock else 1
    canvas.path([(place.left, y), (place.left + _WIDTH, y)], stroke=GREY, wide=1)
    total = (last - place.first) / unit
    step = _step(total)
    count = 0
    while count * step <= total:
        x = place.x(round(place.first + count * step * unit))
        canvas.path([(x, y), (x, y + 4)], stroke=GREY, wide=1)
        canvas.text(x, y + 18, f"{count * step:g}", size=_SMALL, fill=GREY, anchor="middle")
        count += 1
    what = "seconds since the trace began" if verdict.clock else "lines since the first event"
    canvas.text(place.left, y + 38, what, size=_SMALL, fill=GREY)


def _step(total: float) -> float:
    """Return a round step that gives at most ten marks."""
    step = 10.0**-3
    while True:
        for factor in (1, 2, 5):
            if total / (step * factor) <= 10:
                return step * factor
        step *= 10

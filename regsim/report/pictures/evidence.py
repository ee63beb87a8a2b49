"""The picture of a trace: which process held what of a user's hive, and for how long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from regsim.report.pictures.bars import Bar, Scale, draw_bars, left_of_bars
from regsim.report.pictures.canvas import SMALL, Canvas, shorten
from regsim.report.pictures.colours import GREY, RED
from regsim.report.words.evidence import hives_shown, holders
from regsim.trace.finding import Conclusion, Finding

_WIDTH: Final = 620.0
_MOST: Final = 40
_SECOND: Final = 10_000_000


def evidence_svg(finding: Finding) -> str:
    """Return the lives of the handles that a trace shows as bars, grouped by process.

    A bar with an arrow is open at the moment asked about; a hollow one may be. Dashed lines are
    unloads that were tried.
    """
    lives = list(_lives(finding))
    order = {group: at for at, group in enumerate(dict.fromkeys(bar.group for bar, _ in lives))}
    lives.sort(key=lambda life: (order[life[0].group], life[0].start))
    bars = [attrs.evolve(bar, name=shorten(bar.name, 360, SMALL)) for bar, _ in lives[:_MOST]]
    left = left_of_bars(bars, 140)
    first, last = _span(finding, bars)
    unit = _WIDTH / max(last - first, 1)
    scale = Scale(left=left, right=left + _WIDTH, unit=unit, first=first)
    canvas = Canvas()
    title, subtitle = _title(finding), _subtitle(finding)
    top = canvas.heading(title, scale.right, subtitle) + 20
    bottom = draw_bars(canvas, bars, scale, top, 16) + 8
    _attempts(canvas, finding, scale, (top - 6, bottom))
    _axis(canvas, finding, scale, bottom, last)
    if len(lives) > _MOST:
        more = f"and {len(lives) - _MOST:,} more keys"
        canvas.text(20, bottom + 56, more, size=SMALL, fill=GREY)
    if not lives:
        canvas.text(20, top + 16, "no key of a user's hive is held", fill=GREY)
    return canvas.svg(title, " ".join([subtitle, *(said for _, said in lives[:_MOST])]))


def _lives(finding: Finding) -> Iterator[tuple[Bar, str]]:
    """Yield the bar of each key that a process had open, and what it says in words."""
    for root in finding.roots:
        if root.closed is not None and root.ticks is not None:
            bar = Bar(
                group=root.holder,
                name=root.key,
                note="probably cached, asked for by nobody",
                alarm=True,
                start=root.ticks,
                end=root.closed,
                ended="until it ended",
            )
            yield bar, f"{root.holder}: {root.key} ends with the process."
    for blocker in finding.held:
        if blocker.ticks is not None:
            count = f"{blocker.balance[0]} handles" if blocker.balance[0] > 1 else ""
            bar = Bar(
                group=blocker.holder,
                name=blocker.key,
                note="nobody asked for it" if blocker.implicit else count,
                alarm=blocker.implicit,
                start=blocker.ticks,
                certain=blocker.certain,
            )
            sure = "" if blocker.certain else ", as far as the trace tells"
            yield bar, f"{blocker.holder}: {blocker.key} is open to the end{sure}."


def _span(finding: Finding, bars: Sequence[Bar]) -> tuple[int, int]:
    times = [time for bar in bars for time in (bar.start, bar.end) if time is not None]
    span = finding.span or (min(times, default=0), max(times, default=1))
    return min([span[0], *times]), max([span[1], *times])


def _title(finding: Finding) -> str:
    sure = finding.certain
    when = f" at {finding.asked_at}" if finding.asked_at else " at the end of the trace"
    if finding.conclusion is Conclusion.BLOCKED and sure:
        who, one = holders(sure)
        return f"{who} {'keeps' if one else 'keep'} a user's hive loaded{when}"
    if finding.conclusion is Conclusion.CLEAR:
        return f"No handle keeps {hives_shown(finding)} loaded{when}"
    return f"The trace does not tell whether a user's hive is held{when}"


def _subtitle(finding: Finding) -> str:
    system = f"{finding.os_title}. " if finding.os_title else ""
    return (
        f"Keys of users' hives that stayed open. {system}{finding.events:,} events of a "
        f"{finding.format} trace: {finding.fidelity.meaning}."
    )


def _attempts(canvas: Canvas, finding: Finding, scale: Scale, across: tuple[float, float]) -> None:
    for attempt in finding.attempts[:_MOST]:
        if attempt.ticks is None:
            continue
        x = scale.x(attempt.ticks)
        stroke = GREY if attempt.status == 0 else RED
        canvas.path([(x, across[0]), (x, across[1])], stroke=stroke, dash="4 3")
        text = "unloaded" if attempt.status == 0 else "unload refused"
        canvas.text(x, across[0] - 2, text, size=SMALL, anchor="middle", plate=True)


def _axis(canvas: Canvas, finding: Finding, scale: Scale, y: float, last: int) -> None:
    unit = _SECOND if finding.clock else 1
    total = (last - scale.first) / unit
    step = _step(total)
    marks = [count * step for count in range(int(total / step) + 2) if count * step <= total]
    ticks = [(scale.x(round(scale.first + mark * unit)), f"{mark:g}") for mark in marks]
    what = "seconds since the trace began" if finding.clock else "lines since the first event"
    canvas.axis(scale.left, scale.right, y, ticks, what)


def _step(total: float) -> float:
    """Return a round step that gives at most ten marks."""
    step = 10.0**-3
    while True:
        for factor in (1, 2, 5):
            if total / (step * factor) <= 10:
                return step * factor
        step *= 10

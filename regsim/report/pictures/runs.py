"""The pictures of a run and of the matrix, as SVG text that is the same on every machine."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Final

from regsim.report.pictures.bars import Bar, Scale, draw_bars, left_of_bars
from regsim.report.pictures.canvas import SMALL, Canvas, Point, fold, measure, shorten
from regsim.report.pictures.colours import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALE,
    RED,
    RED_INK,
    SKY,
    WHITE,
)
from regsim.report.words import runs as words
from regsim.scenario.result import Outcome, Run

_LIVES: Final = 24
"""How many lives are drawn one by one."""
_CELLS: Final = {
    Outcome.SAVED: GREEN,
    Outcome.LATE: SKY,
    Outcome.LOST: RED,
    Outcome.HOLDER_BROKEN: ORANGE,
    Outcome.NOT_APPLICABLE: WHITE,
}


def _pitch(calls: int) -> float:
    """Return the width that a picture gives to one call."""
    return min(56.0, max(6.0, 640.0 / max(calls, 1)))


def _scale(left: float, last: int) -> Scale:
    """Return the scale of a picture that counts calls up to the *last*."""
    pitch = min(56.0, max(6.0, 640.0 / max(last, 1)))
    return Scale(left=left, right=left + pitch * (last + 0.5), unit=pitch)


def _round(unit: float, room: float) -> int:
    """Return the first round number of things, each of *unit*, that takes at least *room*."""
    return next(n for n in (1, 2, 5, 10, 20, 50, 100, 10**9) if n * unit >= room)


def _axis(canvas: Canvas, scale: Scale, y: float, last: int) -> None:
    step = _round(scale.unit, 26)
    ticks = [(scale.x(number), str(number)) for number in range(step, last + 1, step)]
    canvas.axis(scale.left, scale.right, y, ticks, "number of the call")


def lifetimes_svg(run: Run) -> str:
    """Return the life of each handle on the user's hive as a bar, grouped by process."""
    every = words.lives(run)
    lives = sorted(every, key=lambda life: life.closed is not None)[:_LIVES]
    lives.sort(key=every.index)
    last = max((record.number for record in run.calls), default=1)
    roots = {words.hive_root(life.key) for life in lives}
    root = roots.pop() if len(roots) == 1 else ""
    bars = [_bar(life, root) for life in lives]
    scale = _scale(left_of_bars(bars, 120), last)
    canvas = Canvas()
    title = words.finding(run)
    hive = root or "the user's hive"
    subtitle = f"Handles open on {hive}. {words.run_subtitle(run)}"
    room = scale.right + measure("still open", SMALL, bold=True)
    y = canvas.heading(title, room, subtitle) + 4
    marks = _marks(run)
    top = y + 18 * len(marks)
    bottom = draw_bars(canvas, bars, scale, top + 12, 18) + (0 if lives else 42)
    for at, (number, label, bad) in enumerate(marks):
        x, label_y = scale.x(number), y + 18 * (len(marks) - 1 - at) + 10
        canvas.path([(x, label_y + 4), (x, bottom)], stroke=RED if bad else GREY, dash="4 3")
        anchor = "end" if x - measure(label, SMALL) > scale.left else "start"
        fill = RED_INK if bad else INK
        canvas.text(x, label_y, label, size=SMALL, fill=fill, anchor=anchor, plate=True)
    _axis(canvas, scale, bottom, last)
    if not lives:
        x = scale.left + 10
        canvas.text(x, top + 36, "no handle was opened on it", fill=GREY, plate=True)
    if len(every) > len(lives):
        text = f"{len(lives)} of {len(every)} handles are drawn, those still open first."
        canvas.text(20, canvas.height + 20, text, size=SMALL, fill=GREY)
    return canvas.svg(title, " ".join([*map(_described, lives), *words.verdict(run)]))


def _bar(life: words.Lifetime, root: str) -> Bar:
    key = life.key[len(root) :].removeprefix("\\") if root else life.key
    return Bar(
        group=life.process,
        name=f"{life.handle:#x}  {shorten(key or 'the root', 340, SMALL)}",
        note=words.UNASKED if life.implicit else "",
        alarm=True,
        start=life.opened,
        end=life.closed,
        ended=f"{life.end} in {life.closed}",
        fill=ORANGE if life.end == "taken away" else BLUE,
    )


def _described(life: words.Lifetime) -> str:
    end = "is still open at the end"
    if life.closed is not None:
        end = f"is {life.end} in call {life.closed}"
    return f"{life.process} opens handle {life.handle:#x} in call {life.opened}; it {end}."


def _marks(run: Run) -> list[tuple[int, str, bool]]:
    """Return the vertical lines: the logoff, and the attempts to unload; retries stand once."""
    marks = [(r.number, "logoff", False) for r in run.calls if words.is_logoff(r)][:1]
    tries = filter(words.is_unload, run.calls)
    for status, alike in groupby(tries, lambda record: record.status):
        first, *more = alike
        again = f" ({len(more) + 1} times)" if more else ""
        marks.append((first.number, f"unload: {status.name}{again}", not status.ok))
    return sorted(marks, key=lambda mark: mark[0])


def matrix_svg(rows: Mapping[str, Mapping[str, Outcome]]) -> str:
    """Return the outcome of every fix on every OS as coloured cells, each with its word."""
    fixes = words.fixes(rows)
    left = 20 + max([measure(os, bold=True) for os in rows], default=0) + 14
    heads = [fold(fix.replace("-", "- "), 110, bold=True) for fix in fixes]
    heads = [[line.replace("- ", "-") for line in head] for head in heads]
    cell = max(
        [measure("holder-broken") + 16]
        + [measure(line, bold=True) + 12 for head in heads for line in head]
    )
    width = left + cell * len(fixes)
    canvas = Canvas()
    title = words.matrix_finding(rows)
    subtitle = "Outcome of the logoff for each system and fix."
    y = canvas.heading(title, max(width - 20, 640), subtitle)
    tall = max(map(len, heads), default=0)
    for column, head in enumerate(heads):
        x = left + cell * (column + 0.5)
        for at, line in enumerate(head):
            baseline = y + 14 + 17 * (tall - len(head) + at)
            canvas.text(x, baseline, line, bold=True, anchor="middle")
    y += 17 * tall + 10
    for os, row in rows.items():
        canvas.text(left - 14, y + 19, os, bold=True, anchor="end")
        for column, fix in enumerate(fixes):
            outcome = row.get(fix, Outcome.NOT_APPLICABLE)
            x = left + cell * column
            plain = outcome is Outcome.NOT_APPLICABLE
            stroke = PALE if plain else WHITE
            canvas.rect(x + 1, y + 1, cell - 2, 26, fill=_CELLS[outcome], stroke=stroke)
            ink = GREY if plain else BLACK
            canvas.text(x + cell / 2, y + 19, words.WORDS[outcome], fill=ink, anchor="middle")
        y += 28
    said = [
        f"{os}: " + ", ".join(f"{fix} {words.WORDS[end]}" for fix, end in row.items()) + "."
        for os, row in rows.items()
    ]
    return canvas.svg(title, " ".join(said))


def openings_svg(stock: Run, fixed: Run) -> str:
    """Return how many handles were open on the user's hive after each call, for both runs."""
    last = max((r.number for run in (stock, fixed) for r in run.calls), default=1)
    most = max([r.open_handles or 0 for run in (stock, fixed) for r in run.calls] + [1])
    scale, unit = _scale(64.0, last), min(44.0, 220.0 / most)
    left, right = scale.left, scale.right
    ends = [(stock, RED, RED_INK, "", -2.0), (fixed, BLUE, BLUE, "7 4", 2.0)]
    labels = [_end(run) for run, *_ in ends]
    width = right + 46 + max(measure(text, SMALL, bold=True) for text in labels)
    canvas = Canvas()
    title = words.openings_finding((stock, fixed))
    subtitle = f"Handles open on the user's hive after each call. {stock.os_title}."
    base = canvas.heading(title, width - 20, subtitle) + 14 + unit * most
    for count in range(0, most + 1, _round(unit, 18)):
        at = base - unit * count
        canvas.path([(left, at), (right, at)], stroke=PALE, wide=1)
        canvas.text(left - 10, at + 4, str(count), size=SMALL, fill=GREY, anchor="end")
    _axis(canvas, scale, base + 14, last)
    for at, (run, stroke, ink, dash, shift) in enumerate(ends):
        _steps(canvas, run, scale, (base + shift, unit), stroke=stroke, dash=dash)
        place = base - 4 - 22 * (1 - at)
        canvas.path(
            [(right + 8, place - 4), (right + 38, place - 4)], stroke=stroke, dash=dash, wide=3
        )
        canvas.text(right + 44, place, labels[at], size=SMALL, bold=True, fill=ink)
    return canvas.svg(title, f"{' '.join(words.verdict(stock))} {' '.join(words.verdict(fixed))}")


def _end(run: Run) -> str:
    return f"{run.fix}: {'unloaded' if run.unloaded else 'still loaded'}"


def _steps(canvas: Canvas, run: Run, scale: Scale, up: Point, *, stroke: str, dash: str) -> None:
    """Draw one run's steps; a gap while the hive is not loaded, a mark where it ends."""
    base, unit = up
    way: list[Point] = []
    for record in run.calls:
        x = scale.x(record.number)
        if record.open_handles is None:
            if way:
                y = way[-1][1]
                canvas.path([*way, (x, y)], stroke=stroke, wide=3, dash=dash)
                canvas.diamond(x, y, stroke=stroke, wide=2)
            way = []
            continue
        y = base - unit * record.open_handles
        way += [(x, way[-1][1])] if way else []
        way.append((x, y))
    if way:
        end = (scale.left + scale.unit * (max(r.number for r in run.calls) + 0.4), way[-1][1])
        canvas.path([*way, end], stroke=stroke, wide=3, dash=dash)
        canvas.cross(*end, stroke=stroke)

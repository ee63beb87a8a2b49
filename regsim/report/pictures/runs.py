"""The pictures of a run and of the matrix, as SVG text that is the same on every machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from regsim.report.pictures.canvas import (
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
    Canvas,
    fold,
    measure,
    shorten,
)
from regsim.report.pictures.sequence import sequence_svg
from regsim.report.words import runs as words
from regsim.scenario.result import CallRecord, Outcome, Run

__all__ = ["lifetimes_svg", "matrix_svg", "openings_svg", "sequence_svg"]

_SMALL = 12
_BAR = 18
_ROW = 42
_LIVES = 24  # how many lives are drawn one by one

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


def _head(canvas: Canvas, title: str, subtitle: str, width: float) -> float:
    y = canvas.lines(20, 34, fold(title, width, 16, bold=True), size=16)
    for line in fold(subtitle, width, _SMALL):
        canvas.text(20, y, line, size=_SMALL, fill=GREY)
        y += 16
    return y


def lifetimes_svg(run: Run) -> str:
    """Return the life of each handle on the user's hive as a bar, grouped by process."""
    every = words.lives(run)
    lives = sorted(every, key=lambda life: life.closed is not None)[:_LIVES]
    lives.sort(key=every.index)
    last = max((record.number for record in run.calls), default=1)
    pitch = _pitch(last)
    names = [measure(life.process, bold=True) for life in lives]
    roots = list(dict.fromkeys(words.hive_root(life.key) for life in lives))
    root = roots[0] if len(roots) == 1 else ""
    labels = [measure(_label(life, root), _SMALL) + 12 for life in lives]
    notes = [measure(words.UNASKED, _SMALL) + 12 for life in lives if life.implicit]
    left = 20 + max([*names, *labels, *notes, 120]) + 16
    right = left + pitch * (last + 0.5)
    canvas = Canvas()
    room = right + measure("still open", _SMALL, bold=True) - left + left
    hive = root or "the user's hive"
    subtitle = f"Handles open on {hive}. {run.title}. {run.os_title}, fix: {run.fix}."
    y = _head(canvas, words.finding(run), subtitle, room) + 4
    marks = _marks(run)
    top = y + 18 * len(marks)
    groups: dict[str, list[words.Life]] = {}
    for life in lives:
        groups.setdefault(life.process, []).append(life)
    bottom = top + 12 + 24 * len(groups) + _ROW * max(len(lives), 1)
    _bars(canvas, groups, (left, right, pitch), top + 12, root)
    for at, (number, label, bad) in enumerate(marks):
        x = left + pitch * number
        stroke = RED if bad else GREY
        label_y = y + 18 * (len(marks) - 1 - at) + 10
        canvas.path([(x, label_y + 4), (x, bottom)], stroke=stroke, wide=1.5, dash="4 3")
        fill = RED_INK if bad else INK
        anchor = _anchor(label, x, left)
        canvas.text(x, label_y, label, size=_SMALL, fill=fill, anchor=anchor, plate=True)
    _axis(canvas, left, bottom, pitch, last)
    if not lives:
        canvas.text(left + 10, top + 36, "no handle was opened on it", fill=GREY, plate=True)
    if len(every) > len(lives):
        text = f"{len(lives)} of {len(every)} handles are drawn, those still open first."
        canvas.text(20, canvas.height + 20, text, size=_SMALL, fill=GREY)
    return canvas.svg(words.finding(run), " ".join([*map(_told, lives), *words.verdict(run)]))


def _label(life: words.Life, root: str) -> str:
    key = life.key[len(root) :].removeprefix("\\") if root else life.key
    return f"{life.handle:#x}  {shorten(key or 'the root', 340, _SMALL)}"


def _told(life: words.Life) -> str:
    if life.closed is None:
        end = "is still open at the end"
    else:
        end = f"is {life.end} in call {life.closed}"
    return f"{life.process} opens handle {life.handle:#x} in call {life.opened}; it {end}."


def _marks(run: Run) -> list[tuple[int, str, bool]]:
    """Return the vertical lines: the logoff, and the attempts to unload; retries stand once."""
    marks: list[tuple[int, str, bool]] = []
    begun = next((r for r in run.calls if words.is_logoff(r)), None)
    if begun is not None:
        marks.append((begun.number, "logoff", False))
    tries = [record for record in run.calls if words.is_unload(record)]
    for first, times in _runs(tries):
        again = f" ({times} times)" if times > 1 else ""
        marks.append((first.number, f"unload: {first.status.name}{again}", not first.status.ok))
    return sorted(marks, key=lambda mark: mark[0])


def _runs(tries: Sequence[CallRecord]) -> Iterator[tuple[CallRecord, int]]:
    at = 0
    while at < len(tries):
        end = at
        while end < len(tries) and tries[end].status == tries[at].status:
            end += 1
        yield tries[at], end - at
        at = end


def _anchor(label: str, x: float, left: float) -> str:
    return "end" if x - measure(label, _SMALL) > left else "start"


def _axis(canvas: Canvas, left: float, y: float, pitch: float, last: int) -> None:
    canvas.path([(left, y), (left + pitch * (last + 0.5), y)], stroke=GREY, wide=1)
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 10**9) if s * pitch >= 26)
    for number in range(step, last + 1, step):
        x = left + pitch * number
        canvas.path([(x, y), (x, y + 4)], stroke=GREY, wide=1)
        canvas.text(x, y + 18, str(number), size=_SMALL, fill=GREY, anchor="middle")
    canvas.text(left, y + 38, "number of the call", size=_SMALL, fill=GREY)


def _bars(
    canvas: Canvas,
    groups: Mapping[str, Sequence[words.Life]],
    across: tuple[float, float, float],
    y: float,
    root: str,
) -> None:
    left, right, pitch = across
    for process, lives in groups.items():
        canvas.text(20, y + 16, process, bold=True)
        y += 24
        for life in lives:
            canvas.text(32, y + 13, _label(life, root), size=_SMALL)
            if life.implicit:
                canvas.text(32, y + 29, words.UNASKED, size=_SMALL, fill=RED_INK)
            x = left + pitch * life.opened
            _bar(canvas, life, x, right if life.closed is None else left + pitch * life.closed, y)
            y += _ROW


def _bar(canvas: Canvas, life: words.Life, x: float, end: float, y: float) -> None:
    if life.closed is not None:
        fill = ORANGE if life.end == "taken away" else BLUE
        canvas.rect(x, y, end - x, _BAR, fill=fill, stroke=INK)
        said = f"{life.end} in {life.closed}"
        canvas.text(end + 6, y + 13, said, size=_SMALL, plate=True)
        return
    middle = y + _BAR / 2
    canvas.rect(x, y, end - x, _BAR, fill=ORANGE, stroke=INK)
    canvas.hatch(x, y, end - x, _BAR)
    canvas.path([(end, y - 5), (end + 16, middle), (end, y + _BAR + 5)], stroke=INK, fill=ORANGE)
    canvas.text(end + 22, y + 13, "still open", size=_SMALL, bold=True, fill=RED_INK)


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
    y = _head(canvas, title, "Outcome of the logoff for each system and fix.", max(width - 20, 640))
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
            ink = GREY if plain else "#000000"
            canvas.text(x + cell / 2, y + 19, words.WORDS[outcome], fill=ink, anchor="middle")
        y += 28
    told = [
        f"{os}: " + ", ".join(f"{fix} {words.WORDS[end]}" for fix, end in row.items()) + "."
        for os, row in rows.items()
    ]
    return canvas.svg(title, " ".join(told))


def openings_svg(stock: Run, fixed: Run) -> str:
    """Return how many handles were open on the user's hive after each call, for both runs."""
    last = max((r.number for run in (stock, fixed) for r in run.calls), default=1)
    most = max([r.open_handles or 0 for run in (stock, fixed) for r in run.calls] + [1])
    pitch, unit = _pitch(last), min(44.0, 220.0 / most)
    left, right = 64.0, 64.0 + pitch * (last + 0.5)
    ends = [(stock, RED, RED_INK, "", -2.0), (fixed, BLUE, BLUE, "7 4", 2.0)]
    labels = [_end(run) for run, *_ in ends]
    width = right + 46 + max(measure(text, _SMALL, bold=True) for text in labels)
    canvas = Canvas()
    title = words.openings_finding((stock, fixed))
    subtitle = f"Handles open on the user's hive after each call. {stock.os_title}."
    y = _head(canvas, title, subtitle, width - 20) + 14
    base = y + unit * most
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 10**9) if s * unit >= 18)
    for count in range(0, most + 1, step):
        at = base - unit * count
        canvas.path([(left, at), (right, at)], stroke=PALE, wide=1)
        canvas.text(left - 10, at + 4, str(count), size=_SMALL, fill=GREY, anchor="end")
    _axis(canvas, left, base + 14, pitch, last)
    for at, (run, stroke, ink, dash, shift) in enumerate(ends):
        _steps(canvas, run, (left, base + shift, pitch, unit), stroke, dash)
        place = base - 4 - 22 * (1 - at)
        canvas.path(
            [(right + 8, place - 4), (right + 38, place - 4)], stroke=stroke, dash=dash, wide=3
        )
        canvas.text(right + 44, place, labels[at], size=_SMALL, bold=True, fill=ink)
    return canvas.svg(title, f"{' '.join(words.verdict(stock))} {' '.join(words.verdict(fixed))}")


def _end(run: Run) -> str:
    return f"{run.fix}: {'unloaded' if run.unloaded else 'still loaded'}"


def _steps(
    canvas: Canvas, run: Run, at: tuple[float, float, float, float], stroke: str, dash: str
) -> None:
    """Draw one run's steps; a gap while the hive is not loaded, a mark where it ends."""
    left, base, pitch, unit = at
    way: list[tuple[float, float]] = []
    for record in run.calls:
        if record.open_handles is None:
            if way:
                way.append((left + pitch * record.number, way[-1][1]))
                canvas.path(way, stroke=stroke, wide=3, dash=dash)
                x, y = way[-1]
                canvas.path(
                    [(x, y - 6), (x + 6, y), (x, y + 6), (x - 6, y)],
                    stroke=stroke,
                    wide=2,
                    fill=WHITE,
                )
            way = []
            continue
        x, y = left + pitch * record.number, base - unit * record.open_handles
        way += [(x, way[-1][1])] if way else []
        way.append((x, y))
    if way:
        end = (left + pitch * (max(r.number for r in run.calls) + 0.4), way[-1][1])
        canvas.path([*way, end], stroke=stroke, wide=3, dash=dash)
        canvas.cross(*end, stroke=stroke)

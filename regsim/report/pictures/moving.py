"""Two runs beside each other as a picture that moves: handles come and go with the calls.

It moves by CSS alone, a few times and not for ever, ends with all of it shown, and stands still for
those who have asked their system for less motion, and where CSS is not heeded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from regsim.report.pictures.canvas import SMALL, Canvas, fold, measure, shorten
from regsim.report.pictures.colours import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    RED,
    RED_INK,
)
from regsim.report.words import runs as words
from regsim.scenario.result import CallRecord, Run

_SECONDS: Final = 1.2
"""How long one call is shown."""
_REST: Final = 6
"""For how many calls' time the end is shown before all begins again."""
_TIMES: Final = 3
_LEFT, _CELL, _ROW = 290.0, 34.0, 24.0


class _Stage(Canvas):
    """A canvas whose shapes come and go by the number of a call."""

    @contextmanager
    def moment(self, name: str) -> Iterator[None]:
        """Give what is drawn in the block the class *name*."""
        drawn, written = len(self.parts), len(self.written)
        yield
        for shapes, before in ((self.parts, drawn), (self.written, written)):
            if shapes[before:]:
                shapes[before:] = [f'<g class="{name}">', *shapes[before:], "</g>"]


def moving_svg(runs: Sequence[Run]) -> str:
    """Return the handles of each of *runs* call by call, and what each comes to, as SVG text."""
    last = max((record.number for run in runs for record in run.calls), default=1)
    stage = _Stage()
    right = _LEFT + _CELL * last + 20
    title = words.finding(runs[0]) if runs else ""
    y = stage.heading(title, right - 20, "Handles open on the user's hive, call by call.") + 10
    for run in runs:
        y = _panel(stage, run, y, right)
    said = " ".join(" ".join(words.verdict(run)) for run in runs)
    head, end, rest = stage.svg(title, said).partition("</desc>\n")
    return f"{head}{end}{_style(last)}{rest}"


def _panel(stage: _Stage, run: Run, y: float, right: float) -> float:
    """Draw one run from *y* on: its handles as rows of cells, and the call; return what follows."""
    stage.text(20, y + 14, f"{run.os_title}, fix: {run.fix}", bold=True)
    y += 26
    for life in words.lives(run):
        _life(stage, life, y, run.calls[-1].number)
        y += _ROW
    for record in run.calls:
        with stage.moment(f"c{record.number}"):
            for row, line in enumerate(_caption(record, right - 20)):
                stage.text(20, y + 18 + 16 * row, line, size=SMALL, fill=GREY)
    with stage.moment(f"s{run.calls[-1].number + 1}"):
        x = 20 + measure("SAVED", 13, bold=True) + 24
        word = run.outcome.value.upper()
        ok = run.unloaded
        stage.rect(20, y + 34, x - 30, 22, fill=GREEN if ok else RED)
        stage.text(20 + (x - 30) / 2, y + 50, word, bold=True, fill=BLACK, anchor="middle")
        for row, line in enumerate(fold(words.finding(run), right - x, SMALL)):
            stage.text(x, y + 50 + 16 * row, line, size=SMALL, fill=INK)
    return y + 92


def _life(stage: _Stage, life: words.Lifetime, y: float, last: int) -> None:
    """Draw one handle: a cell for each call at whose end it is open, a cross if that is the end."""
    name = f"{life.process} {life.handle:#x}{', unasked' if life.implicit else ''}"
    ink = RED_INK if life.implicit else INK
    kept = life.closed is None
    with stage.moment(f"s{life.opened}"):
        stage.text(20, y + 16, shorten(name, _LEFT - 30, SMALL), size=SMALL, fill=ink)
    for number in range(life.opened, life.closed or last + 1):
        with stage.moment(f"s{number}"):
            fill = (RED if kept else ORANGE) if life.implicit else BLUE
            x = _LEFT + _CELL * (number - 1)
            stage.rect(x + 1, y + 3, _CELL - 2, _ROW - 6, fill=fill)
    if kept:
        with stage.moment(f"s{last + 1}"):
            stage.cross(_LEFT + _CELL * last + 10, y + _ROW / 2)


def _caption(record: CallRecord, room: float) -> list[str]:
    """Return what is said of one call, in at most two lines."""
    return fold(f"{record.actor}: {record.call}, {words.happened(record)}", room, SMALL)[:2]


def _style(last: int) -> str:
    """Return the rules by which the shapes of each call come, and those of captions go again."""
    total = last + 1 + _REST
    lines = [
        "<style>",
        "[class^=c]{opacity:0}",
        "@media (prefers-reduced-motion:no-preference){",
        f"[class]{{animation:{total * _SECONDS:g}s step-end {_TIMES}}}",
    ]
    for number in range(1, last + 2):
        begin, end = (f"{100 * at / total:.2f}%" for at in (number - 1, number))
        lines.append(f"@keyframes s{number}{{0%{{opacity:0}}{begin}{{opacity:1}}}}")
        lines.append(
            f"@keyframes c{number}{{0%{{opacity:0}}{begin}{{opacity:1}}{end}{{opacity:0}}}}"
        )
        lines.append(
            f".s{number}{{animation-name:s{number}}}.c{number}{{animation-name:c{number}}}"
        )
    return "\n".join([*lines, "}", "</style>", ""])

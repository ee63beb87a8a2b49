"""The picture of a run as a sequence: who called the registry, and what it answered."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from regsim.report.pictures.canvas import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALE,
    RED,
    RED_INK,
    WHITE,
    Canvas,
    fold,
    grouped,
    measure,
)
from regsim.report.words import runs as words
from regsim.scenario.result import CallRecord, Run

_SMALL = 12
_CALL = 400  # the room for the text of a call
_UNASKED = "nobody asked for this"


@attrs.frozen
class _Row:
    """One arrow, or one step inside an actor, with the texts above it."""

    record: CallRecord
    call: list[str]
    said: list[str]
    height: float


def sequence_svg(run: Run) -> str:
    """Return *run* as a sequence diagram: a lane for each actor and one for the registry."""
    rows = _rows(run)
    lanes = _lanes(run, rows)
    right = lanes["registry"] + measure("registry", bold=True) / 2 + 20
    count = right + measure("open handles", _SMALL) / 2
    width = count + measure("open handles", _SMALL) / 2
    canvas = Canvas()
    y = canvas.lines(20, 34, fold(words.finding(run), width - 20, 16, bold=True), size=16)
    subtitle = f"{run.title}. {run.os_title}, fix: {run.fix}."
    for line in fold(subtitle, width - 20, _SMALL):
        canvas.text(20, y, line, size=_SMALL, fill=GREY)
        y += 16
    top = y + 8
    bottom = top + 36 + sum(row.height for row in rows) + 12
    _heads(canvas, lanes, top, bottom)
    canvas.text(count, top + 11, "open handles", size=_SMALL, fill=GREY, anchor="middle")
    canvas.text(count, top + 26, "on the hive", size=_SMALL, fill=GREY, anchor="middle")
    y = top + 36
    for row in rows:
        y += row.height
        _draw(canvas, lanes, row, y - 8)
        opened = row.record.open_handles
        shown = "-" if opened is None else str(opened)
        canvas.text(count, y - 4, shown, anchor="middle", bold=bool(opened))
    if any(row.record.open_handles is None for row in rows):
        canvas.text(20, bottom + 20, "- : the hive is not loaded", size=_SMALL, fill=GREY)
    return canvas.svg(words.finding(run), " ".join(words.verdict(run)))


def _rows(run: Run) -> list[_Row]:
    rows: list[_Row] = []
    last = ("", "")
    for record, times in grouped(run.calls):
        call: list[str] = []
        if (record.actor, record.call) != last:
            call = fold(record.call, _CALL, bold=True)
            last = (record.actor, record.call)
        again = f" ({times} times)" if times > 1 else ""
        said = (
            [] if not record.operation and record.step == record.call else [_said(record) + again]
        )
        if record.implicit and not record.step.startswith("close"):
            said.append(_UNASKED)
        rows.append(_Row(record, call, said, 18 * (len(call) + len(said)) + (22 if call else 16)))
    return rows


def _said(record: CallRecord) -> str:
    if not record.operation:
        return record.step
    handle = f", handle {record.handle:#x}" if record.handle is not None else ""
    if words.is_unload(record) and not record.status.ok:
        return f"{record.step}: {record.status.name}, the hive stays loaded"
    return f"{record.step}: {record.status.name}{handle}"


def _lanes(run: Run, rows: Sequence[_Row]) -> dict[str, float]:
    """Return the middle of each lane; the texts of an actor end before the registry's."""
    lanes: dict[str, float] = {}
    edge = 20.0
    for actor in dict.fromkeys(record.actor for record in run.calls):
        half = measure(actor, bold=True) / 2 + 10
        lanes[actor] = edge + half
        edge += 2 * half + 20
    registry = edge + measure("registry", bold=True) / 2 + 10
    for row in rows:
        texts = [measure(t, bold=True) for t in row.call] + [measure(t, _SMALL) for t in row.said]
        registry = max(registry, lanes[row.record.actor] + max(texts, default=0) + 40)
    return {**lanes, "registry": registry}


def _heads(canvas: Canvas, lanes: dict[str, float], top: float, bottom: float) -> None:
    for name, x in lanes.items():
        half = measure(name, bold=True) / 2 + 10
        canvas.path([(x, top + 28), (x, bottom)], stroke="#8c8c8c", wide=1, dash="2 4")
        canvas.rect(x - half, top, half * 2, 28, fill=PALE, stroke=GREY)
        canvas.text(x, top + 19, name, bold=True, anchor="middle")


def _draw(canvas: Canvas, lanes: dict[str, float], row: _Row, y: float) -> None:
    record = row.record
    x, to = lanes[record.actor], lanes["registry"]
    asked = not record.implicit or record.step.startswith("close")
    failed = not record.status.ok
    texts = [*((t, True) for t in row.call), *((t, False) for t in row.said)]
    up = y - 7 - 18 * (len(texts) - 1)
    for text, bold in texts:
        fill = RED_INK if not bold and (failed or not asked) else INK
        size = 13 if bold else _SMALL
        strong = bold or text == _UNASKED
        canvas.text(x + 10, up, text, size=size, bold=strong, fill=fill, plate=True)
        up += 18
    if not record.operation:
        canvas.path([(x, y - 5), (x + 5, y), (x, y + 5), (x - 5, y)], stroke=INK, fill=WHITE)
        _reach_other(canvas, lanes, record, x, y)
    elif failed:
        wide = 3 if words.is_unload(record) else 1.5
        canvas.arrow(x, y, to - 12, stroke=RED, wide=wide)
        canvas.cross(to - 2, y)
    elif not asked:
        canvas.arrow(x, y, to, stroke=RED, wide=2, dash="7 4")
    elif words.is_close(record):
        canvas.arrow(x, y, to, stroke=BLUE)
    elif words.is_unload(record):
        canvas.arrow(x, y, to, stroke=GREEN, wide=3)
    else:
        canvas.arrow(x, y, to, stroke=INK)


def _reach_other(
    canvas: Canvas, lanes: dict[str, float], record: CallRecord, x: float, y: float
) -> None:
    """Draw the arrow to another actor whom a local call names."""
    for actor, to in lanes.items():
        if actor not in (record.actor, "registry") and actor in record.call:
            canvas.arrow(x + (6 if to > x else -6), y, to, stroke=ORANGE, wide=2)
            return

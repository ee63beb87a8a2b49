"""The picture of a run as a sequence: who called the registry, and what it answered."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from regsim.report.pictures.canvas import SMALL, Canvas, fold, half_head, measure
from regsim.report.pictures.colours import BLUE, GREEN, GREY, INK, ORANGE, RED, RED_INK
from regsim.report.words import runs as words
from regsim.scenario.result import CallRecord, Run

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
    count = right + measure("open handles", SMALL) / 2
    width = count + measure("open handles", SMALL) / 2
    canvas = Canvas()
    top = canvas.heading(words.finding(run), width - 20, words.run_subtitle(run)) + 8
    bottom = top + 36 + sum(row.height for row in rows) + 12
    for name, x in lanes.items():
        canvas.lane(x, name, top, bottom)
    canvas.text(count, top + 11, "open handles", size=SMALL, fill=GREY, anchor="middle")
    canvas.text(count, top + 26, "on the hive", size=SMALL, fill=GREY, anchor="middle")
    y = top + 36
    for row in rows:
        y += row.height
        _draw(canvas, lanes, row, y - 8)
        opened = row.record.open_handles
        shown = "-" if opened is None else str(opened)
        canvas.text(count, y - 4, shown, anchor="middle", bold=bool(opened))
    if any(row.record.open_handles is None for row in rows):
        canvas.text(20, bottom + 20, "- : the hive is not loaded", size=SMALL, fill=GREY)
    return canvas.svg(words.finding(run), " ".join(words.verdict(run)))


def _rows(run: Run) -> list[_Row]:
    rows: list[_Row] = []
    last = ("", "")
    for record, times in words.grouped(run.calls):
        call: list[str] = []
        if (record.actor, record.call) != last:
            call = fold(record.call, _CALL, bold=True)
            last = (record.actor, record.call)
        again = f" ({times} times)" if times > 1 else ""
        said = (
            [] if not record.operation and record.step == record.call else [_said(record) + again]
        )
        if words.is_unasked(record):
            said.append(_UNASKED)
        rows.append(_Row(record, call, said, 18 * (len(call) + len(said)) + (22 if call else 16)))
    return rows


def _said(record: CallRecord) -> str:
    if words.is_unload(record) and not record.status.ok:
        return f"{record.step}: {record.status.name}, the hive stays loaded"
    return words.answered(record)


def _lanes(run: Run, rows: Sequence[_Row]) -> dict[str, float]:
    """Return the middle of each lane; the texts of an actor end before the registry's."""
    lanes: dict[str, float] = {}
    edge = 20.0
    for actor in dict.fromkeys(record.actor for record in run.calls):
        half = half_head(actor)
        lanes[actor] = edge + half
        edge += 2 * half + 20
    registry = edge + half_head("registry")
    for row in rows:
        texts = [measure(t, bold=True) for t in row.call] + [measure(t, SMALL) for t in row.said]
        registry = max(registry, lanes[row.record.actor] + max(texts, default=0) + 40)
    return {**lanes, "registry": registry}


def _draw(canvas: Canvas, lanes: dict[str, float], row: _Row, y: float) -> None:
    record = row.record
    x, to = lanes[record.actor], lanes["registry"]
    asked = not words.is_unasked(record)
    failed = not record.status.ok
    texts = [*((t, True) for t in row.call), *((t, False) for t in row.said)]
    up = y - 7 - 18 * (len(texts) - 1)
    for text, bold in texts:
        fill = RED_INK if not bold and (failed or not asked) else INK
        size = 13 if bold else SMALL
        strong = bold or text == _UNASKED
        canvas.text(x + 10, up, text, size=size, bold=strong, fill=fill, plate=True)
        up += 18
    if not record.operation:
        canvas.diamond(x, y, 5)
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

"""Who refers to what: process, handle, key and hive in four columns, the blockers marked.

A blocker differs by its shape (an octagon), its label and its thick line, and by colour as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

import attrs

from regsim import keypath
from regsim.kernel.holding import Holding
from regsim.report.pictures.canvas import SMALL, Canvas, Point, measure, shorten
from regsim.report.pictures.colours import GREY, INK, ORANGE, PALE, RED, RED_INK, WHITE
from regsim.report.pictures.figures import extra
from regsim.report.words import runs as words
from regsim.report.words.places import hive_name, key_below, place_of
from regsim.report.words.writing import counted, visible
from regsim.scenario.result import Run

DRAWN: Final = 12
"""How many handles a picture draws before it counts the rest; blockers come first."""

_TALL, _PITCH = 40.0, 66.0
_HEADS = ("process", "handle", "key", "hive")
_WIDTHS = (200.0, 110.0, 240.0, 190.0)
_GAPS = 56.0


@attrs.frozen
class _Box:
    """One node: its column, its top, two lines of text, and whether it blocks or is gone."""

    column: int
    y: float
    lines: tuple[str, ...]
    blocks: bool
    gone: bool


def finding(rows: Sequence[Holding], unlisted: int = 0) -> str:
    """Return in one sentence which of *rows* block the unload."""
    total = len(rows) + unlisted
    blocking = [row for row in rows if row.blocks]
    if not total:
        return "No handle is open"
    handles = counted(total, "handle")
    if not blocking:
        return f"{handles} open, and none blocks the unload of a hive"
    first = blocking[0]
    named = f"{first.handle:#x} in {words.holder_name(first)}"
    if len(blocking) > 1:
        named += f" and {len(blocking) - 1} more"
    one = len(blocking) == 1
    return f"{len(blocking)} of {handles} block{'s' if one else ''} the unload: {named}"


def described(rows: Sequence[Holding], unlisted: int = 0) -> str:
    """Return in words what the picture of *rows* shows."""
    said = []
    for row in rows[:DRAWN]:
        end = ", and blocks the unload" if row.blocks else "" if row.live else ", which is gone"
        asked = f"; {words.UNASKED}" if row.implicit else ""
        place = f"{place_of(row)} of {keypath.short(row.hive)}"
        said.append(
            f"{words.holder_name(row)} refers by handle {row.handle:#x} to {place}{end}{asked}."
        )
    rest = len(rows) + unlisted - len(said)
    return " ".join([*said, *([f"{rest:,} more handles are open."] if rest else [])])


def rows_of_run(run: Run) -> tuple[tuple[Holding, ...], int]:
    """Return the handles at the moment that decided *run*, and how many more there were.

    That is its last refused attempt to unload; where none was refused, its end.
    """
    refused = [r for r in run.calls if words.is_unload(r) and not r.status.ok]
    deciding = refused or run.calls
    return (deciding[-1].table, deciding[-1].unlisted) if deciding else ((), 0)


def references_of_run_svg(run: Run) -> str:
    """Return the references at the moment that decided *run*."""
    rows, unlisted = rows_of_run(run)
    return references_svg(rows, unlisted=unlisted, title=words.finding(run))


def references_svg(rows: Sequence[Holding], *, unlisted: int = 0, title: str = "") -> str:
    """Return *rows* as a graph from processes over handles and keys to hives.

    ``title`` is the finding by default; ``unlisted`` counts handles that are not among *rows*.
    """
    drawn = sorted(rows, key=lambda row: not row.blocks)[:DRAWN]
    title = title or finding(rows, unlisted)
    canvas = Canvas()
    width = sum(_WIDTHS) + 3 * _GAPS
    y = canvas.heading(title, width - 20) + 14
    for column, head in enumerate(_HEADS):
        x = _left(column) + _WIDTHS[column] / 2
        canvas.text(x, y, head, size=SMALL, fill=GREY, anchor="middle")
    _draw(canvas, drawn, y + 14)
    rest = len(rows) + unlisted - len(drawn)
    if rest:
        foot = canvas.height + 24
        text = f"{len(drawn)} of {len(drawn) + rest:,} handles are drawn."
        canvas.text(20, foot, text, size=SMALL, fill=GREY)
    if not rows:
        canvas.text(20, y + 40, "No process has a key open.", fill=GREY)
    return canvas.svg(title, described(rows, unlisted) or "No process has a key open.")


def _left(column: int) -> float:
    return 20 + sum(_WIDTHS[:column]) + column * _GAPS


def _keys(number: int, row: Holding) -> tuple[tuple[object, ...], ...]:
    """Return what names the boxes of *row* in the four columns; only handles are never shared."""
    return (
        (row.process, row.pid),
        (number,),
        (row.hive, key_below(row), row.live),
        (row.hive, row.live),
    )


def _draw(canvas: Canvas, rows: Sequence[Holding], top: float) -> None:
    """Draw edges, then boxes; each box of the other columns stands amid its handles."""
    named = [_keys(number, row) for number, row in enumerate(rows)]
    columns = [_tops([keys[column] for keys in named], top) for column in range(len(_HEADS))]
    boxes: dict[tuple[int, float], _Box] = {}
    for row, keys in zip(rows, named, strict=True):
        tops = [column[key] for column, key in zip(columns, keys, strict=True)]
        for column in range(3):
            _edge(canvas, column, tops[column], tops[column + 1], row)
        for column, at in enumerate(tops):
            made = _box(column, at, row)
            before = boxes.get((column, at))
            blocks = made.blocks or (before is not None and before.blocks)
            boxes[column, at] = attrs.evolve(made, blocks=blocks)
        _label(canvas, tops[1], row)
    for box in boxes.values():
        _node(canvas, box)


def _tops(keys: Sequence[tuple[object, ...]], top: float) -> dict[tuple[object, ...], float]:
    """Return the top of each box of a column: the mean of its handles', but none on another."""
    members: dict[tuple[object, ...], list[int]] = {}
    for number, key in enumerate(keys):
        members.setdefault(key, []).append(number)
    tops: dict[tuple[object, ...], float] = {}
    for key, numbers in members.items():
        at = top + _PITCH * sum(numbers) / len(numbers)
        while any(abs(at - other) < _PITCH * 0.9 for other in tops.values()):
            at += _PITCH / 2
        tops[key] = at
    return tops


def _box(column: int, y: float, row: Holding) -> _Box:
    below = key_below(row)
    parent, _, last = below.rpartition("\\")
    lines = (
        (row.process, row.service or f"process {row.pid}"),
        (f"{row.handle:#x}",),
        (last or "(root)", parent),
        (hive_name(row.hive).removeprefix("the "), "" if row.live else "taken away"),
    )[column]
    blocks = row.blocks and column > 0
    return _Box(column, y, tuple(filter(None, lines)), blocks, not row.live and column > 0)


def _edge(canvas: Canvas, column: int, start: float, end: float, row: Holding) -> None:
    x = _left(column) + _WIDTHS[column]
    a, b = start + _TALL / 2, end + _TALL / 2
    stroke, wide = (ORANGE, 4.0) if row.blocks else (GREY, 1.2)
    dash = "2 4" if not row.live else "6 4" if row.implicit and not row.blocks else ""
    canvas.path([(x, a), (_left(column + 1), b)], stroke=stroke, wide=wide, dash=dash)


def _label(canvas: Canvas, y: float, row: Holding) -> None:
    said = "blocks unload" if row.blocks else "" if row.live else "stands for nothing"
    if row.implicit and row.live:
        said = f"{said}, not asked for" if said else "not asked for"
    x = _left(1) + _WIDTHS[1] / 2
    if not said:
        return
    y, anchor = y + _TALL + 15, "middle"
    canvas.text(x, y, said, size=SMALL, bold=row.blocks, fill=RED_INK, anchor=anchor, plate=True)


def _node(canvas: Canvas, box: _Box) -> None:
    x, wide = _left(box.column), _WIDTHS[box.column]
    fill = ORANGE if box.blocks and box.column == 1 else WHITE if box.gone else PALE
    stroke, line = (RED, 3.0) if box.blocks and box.column == 1 else (GREY, 1.2)
    if box.blocks and box.column > 1:
        stroke, line = ORANGE, 3.0
    canvas.path(
        _outline(box, x, wide), fill=fill, stroke=stroke, wide=line, dash="2 4" if box.gone else ""
    )
    if box.column == 3:
        canvas.path([(x, box.y + 7), (x + wide, box.y + 7)], stroke=stroke, wide=line)
    baseline = box.y + _TALL / 2 + (5 if len(box.lines) == 1 else -2)
    for n, text in enumerate(box.lines):
        size = 11 if n else 13
        canvas.text(
            x + wide / 2,
            baseline + 15 * n + (2 if box.column == 3 else 0),
            shorten(text, wide - 12, size),
            size=size,
            bold=not n and measure(text, bold=True) < wide - 12,
            fill=GREY if n and fill != ORANGE else INK,
            anchor="middle",
        )


def _outline(box: _Box, x: float, wide: float) -> list[Point]:
    """Return a rectangle; for a handle one with pointed sides, and an octagon if it blocks."""
    top, end, low = box.y, x + wide, box.y + _TALL
    if box.column != 1:
        return [(x, top), (end, top), (end, low), (x, low)]
    if not box.blocks:
        half = (top + low) / 2
        right, left = [(end - 12, top), (end, half), (end - 12, low)], [(x, half)]
    else:
        right = [(end - 12, top), (end, top + 12), (end, low - 12), (end - 12, low)]
        left = [(x, low - 12), (x, top + 12)]
    return [(x + 12, top), *right, (x + 12, low), *left]


def reference_nodes(rows: Sequence[Holding]) -> Iterator[tuple[Holding, dict[str, str]]]:
    """Yield each handle with the names of its process, handle, key and hive in a graph."""
    for row in rows:
        place = row.key if row.live else f"{row.key} (gone)"
        hive = row.hive if row.live else f"{row.hive} (taken away)"
        yield (
            row,
            {
                "process": f"process {row.pid}",
                "handle": f"{row.pid}:{row.handle:#x}",
                "key": f"key {place}",
                "hive": f"hive {hive}",
            },
        )


def reference_graph(rows: Sequence[Holding]) -> Any:  # noqa: ANN401 - networkx is an extra
    """Return *rows* as a `networkx.DiGraph` from processes over handles and keys to hives.

    Each node has its ``kind``, its column as ``layer``, a ``label``, and whether it ``blocks``.
    Raises `UsageError` where networkx is not installed.
    """
    graph = extra("networkx", "graphs").DiGraph()
    for row, names in reference_nodes(rows):
        labels = (words.holder_name(row), f"{row.handle:#x}", place_of(row), hive_name(row.hive))
        for layer, ((kind, name), label) in enumerate(zip(names.items(), labels, strict=True)):
            blocks = row.blocks or (name in graph and graph.nodes[name]["blocks"])
            graph.add_node(name, kind=kind, layer=layer, label=label, blocks=blocks)
        graph.add_edges_from(pairwise(names.values()))
    return graph


def references_dot(rows: Sequence[Holding]) -> str:
    """Return *rows* as a Graphviz graph, for those who want to lay it out themselves."""
    lines = ["digraph references {", "  rankdir=LR;", "  node [shape=box];"]
    seen: dict[str, None] = {}
    for row, names in reference_nodes(rows):
        shape = ' shape=octagon penwidth=3 xlabel="blocks unload"' if row.blocks else ""
        style = " style=dashed" if row.implicit else ""
        labels = (words.holder_name(row), f"{row.handle:#x}", names["key"][4:], names["hive"][5:])
        for name, label in zip(names.values(), labels, strict=True):
            look = f"{shape}{style}" if name == names["handle"] else ""
            seen[f"  {_quoted(name)} [label={_quoted(label)}{look}];"] = None
        thick = " [penwidth=3]" if row.blocks else ""
        for a, b in pairwise(names.values()):
            seen[f"  {_quoted(a)} -> {_quoted(b)}{thick};"] = None
    return "\n".join([*lines, *seen, "}"]) + "\n"


def _quoted(text: str) -> str:
    escaped = visible(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

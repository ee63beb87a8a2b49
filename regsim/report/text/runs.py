"""A run on a console: its calls, its verdict, two runs side by side, and the matrix."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from regsim.report.text.calls import ROOM, call_lines, rows_of
from regsim.report.text.console import WIDE, WIDTH, table, terminal_width, wrap
from regsim.report.words import runs as words
from regsim.report.words.writing import ascii_only
from regsim.scenario.result import CallRecord, Outcome, Run


def run_text(run: Run, *, width: int | None = None) -> str:
    """Return the verdict on *run*, and then its calls and the events; plain ASCII."""
    width = width or min(WIDE, terminal_width(WIDTH))
    lines = _wrap(f"{run.title} - {run.os_title}, fix: {run.fix}", width)
    said = " ".join(words.verdict(run))
    lines += ["", *_wrap(f"Verdict: {words.WORDS[run.outcome]}. {said}", min(width, WIDTH))]
    if run.calls:
        lines += ["", *_calls(run, width)]
    if run.events:
        lines += ["", "Events:"]
    for event in run.events:
        lines += _wrap(f"{event.source} {event.id}: {event.message}", width, "  ", "    ")
    return "\n".join(lines) + "\n"


def _calls(run: Run, width: int) -> list[str]:
    timed = len({record.time for record in run.calls}) > 1
    times = [f"{record.time}s" if timed else "" for record in run.calls]
    if width < ROOM:
        said = [(time, _after(one)) for time, one in zip(times, run.calls, strict=True)]
        return call_lines(rows_of(run.calls, said), ("", ""), width)
    own = [(time, _count(one)) for time, one in zip(times, run.calls, strict=True)]
    legend = f"* open handles on {run.about.hive}; - while it is not loaded"
    return [*call_lines(rows_of(run.calls, own), ("t", "open*"), width), legend]


def _after(record: CallRecord) -> str:
    return "hive not loaded" if record.open_handles is None else f"{record.open_handles} open"


def _count(record: CallRecord) -> str:
    return "-" if record.open_handles is None else str(record.open_handles)


def _wrap(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    return wrap(ascii_only(text), width, first, rest)


def side_by_side(stock: Run, fixed: Run, width: int | None = None) -> str:
    """Return two runs beside each other, the verdicts first and then call by call.

    In the gutter ``|`` stands between equal steps, ``!`` between steps that end differently, and
    ``<`` or ``>`` beside a step that only the left or only the right run makes. Where *width*, by
    default the terminal's, is too little for both, one run follows the other.
    """
    width = width or min(WIDE, terminal_width(WIDE))
    if width < _ROOM:
        return "\n".join(run_text(run, width=width) for run in (stock, fixed))
    half = (width - 3) // 2
    rule = "-" * (half + 1) + "+" + "-" * (half + 1)
    verdicts = [
        f"{words.WORDS[r.outcome].upper()}: {' '.join(words.verdict(r))}" for r in (stock, fixed)
    ]
    lines = [*_beside([_heading(stock)], [_heading(fixed)], "|", half), rule]
    lines += [*_beside([verdicts[0]], [verdicts[1]], "|", half), rule]
    said: tuple[str, str] = ("", "")
    for left, right in _aligned(stock.calls, fixed.calls):
        heads = (_head(left), _head(right))
        if any(new and new != old for new, old in zip(heads, said, strict=True)):
            lines += _beside([heads[0]], [heads[1]], "|", half)
            said = heads
        lines += _beside(_step(left), _step(right), _gutter(left, right), half)
    return "\n".join(lines) + "\n"


_ROOM: Final = 96
"""Columns below which two runs do not fit beside each other."""


def _heading(run: Run) -> str:
    return f"{run.os_title}, fix: {run.fix}"


def _aligned(
    left: Sequence[CallRecord], right: Sequence[CallRecord]
) -> Iterator[tuple[CallRecord | None, CallRecord | None]]:
    keys = [[(r.actor, r.call, r.step) for r in side] for side in (left, right)]
    matcher = difflib.SequenceMatcher(None, keys[0], keys[1], autojunk=False)
    for tag, i, i_end, j, j_end in matcher.get_opcodes():
        if tag == "equal":
            yield from zip(left[i:i_end], right[j:j_end], strict=True)
        else:
            yield from ((record, None) for record in left[i:i_end])
            yield from ((None, record) for record in right[j:j_end])


def _head(record: CallRecord | None) -> str:
    return f"{record.actor}: {record.call}" if record else ""


def _step(record: CallRecord | None) -> list[str]:
    if record is None:
        return []
    return [f"  {words.happened(record)} [{_after(record)}]"]


def _gutter(left: CallRecord | None, right: CallRecord | None) -> str:
    if left is None or right is None:
        return ">" if left is None else "<"
    same = (left.status, left.open_handles) == (right.status, right.open_handles)
    return "|" if same else "!"


def _beside(left: Sequence[str], right: Sequence[str], gutter: str, half: int) -> list[str]:
    sides = []
    for texts in (left, right):
        folded: list[str] = []
        for text in texts:
            indent = "  " if text.startswith("  ") else ""
            folded += _wrap(text.strip(), half, indent, indent * 2)
        sides.append(folded)
    height = max(map(len, sides))
    padded = [[*side, *[""] * (height - len(side))] for side in sides]
    marks = [gutter, *["|"] * height]
    return [
        f"{a.ljust(half)} {mark} {b}".rstrip()
        for a, b, mark in zip(padded[0], padded[1], marks, strict=False)
    ]


def matrix_text(rows: Mapping[str, Mapping[str, Outcome]], width: int | None = None) -> str:
    """Return the outcome of every fix on every OS, a word in each cell, within *width* columns.

    Fixes that do not fit beside the others follow in a second table. *width* is the terminal's by
    default.
    """
    width = width or terminal_width(WIDE)
    columns = [["OS", *map(ascii_only, rows)]]
    for fix in words.fixes(rows):
        cells = [words.WORDS[row.get(fix, Outcome.NOT_APPLICABLE)] for row in rows.values()]
        columns.append([ascii_only(fix), *cells])
    return "\n".join("\n".join(lines) + "\n" for lines in _blocks(columns, width))


def _blocks(columns: Sequence[Sequence[str]], width: int) -> Iterator[list[str]]:
    """Yield tables of *columns*, as many in each as fit, and the first in all of them."""
    first, *rest = columns
    while True:
        for many in range(max(len(rest), 1), 0, -1):
            lines = table(list(zip(first, *rest[:many], strict=True)))
            if max(map(len, lines)) <= width:
                break
        yield lines
        rest = rest[many:]
        if not rest:
            return

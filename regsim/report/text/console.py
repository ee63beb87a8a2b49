"""How a text is laid out for a console: its widths, how it wraps, and the one table."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Collection, Sequence
from itertools import groupby
from typing import Final

WIDTH: Final = 100
"""Columns of a text with a table in it."""
PROSE: Final = 88
"""Columns of sentences alone: longer lines are hard to follow back to their beginning."""
WIDE: Final = 118
"""Columns of what stands side by side."""


def terminal_width(default: int) -> int:
    """Return the columns of the terminal, or that ``COLUMNS`` names; *default* without either."""
    named = os.environ.get("COLUMNS", "")
    if named.isdecimal() and int(named):
        return max(_LEAST, int(named))
    try:
        on = sys.stdout.isatty()
    except (AttributeError, ValueError):
        on = False
    return max(_LEAST, shutil.get_terminal_size().columns) if on else default


_LEAST: Final = 40
_GAP: Final = "  "
_FLOORS: Final = (34, 12)


def prose_width() -> int:
    """Return the columns for sentences: the terminal's, but no more than are easily read."""
    return min(PROSE, terminal_width(PROSE))


def wrap(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    r"""Return *text* in lines of *width* columns, begun with *first* and then *rest*.

    A word is never parted at its hyphens, so that what a reader copies is whole: ``--max-states``,
    ``nt4-sp6a``. One that is longer than a line, as a key can be, is parted after a ``\\`` or
    ``/`` in it, or else anywhere. An empty text has no lines.
    """
    room = width - max(len(first), len(rest))
    lines: list[str] = []
    line, begun = first, False
    for gap, word in _WORDS.findall(text):
        parts = _PARTS.split(word) if len(word) > room else [word]
        for before, part in zip((gap, *[""] * len(parts)), parts, strict=False):
            if begun and len(line + before + part) > width:
                lines.append(line)
                line, begun = rest, False
            line += f"{before}{part}" if begun else part
            begun = True
            while len(line) > max(width, len(rest) + 1):
                lines.append(line[:width])
                line = rest + line[width:]
    return [*lines, line] if begun else []


_WORDS: Final = re.compile(r"(\s*)(\S+)")
_PARTS: Final = re.compile(r"(?<=[\\/])(?=[^\\/])")


def fit(text: str, width: int) -> list[str]:
    """Return *text*, which is laid out in lines already, with those that are too long folded.

    Lines that begin at the margin are the prose of one paragraph, which is filled anew; one that is
    set in is folded by itself.
    """
    lines = text.split("\n")
    if max(map(len, lines)) <= width:
        return lines
    fitted: list[str] = []
    for prose, group in groupby(lines, lambda line: line[:1].strip() != ""):
        if prose:
            fitted += wrap(" ".join(group), width)
            continue
        for line in group:
            inset = line[: len(line) - len(line.lstrip())]
            fitted += wrap(line.strip(), width, inset, inset + _GAP) or [""]
    return fitted


def table(
    rows: Sequence[Sequence[str]],
    *,
    width: int | None = None,
    prose: Collection[int] = (),
    right: Collection[int] = (),
    rule: bool = True,
) -> list[str]:
    """Return *rows* as lines of aligned columns; the first is the head.

    Cells are taken as they are to be shown: whoever knows the console escapes them.

    Args:
        rows: as many cells in each; an empty one stays empty.
        width: the columns of the console that must hold it, if *prose* lets it.
        prose: the indices of the columns that may be folded, each into several lines.
        right: the indices of those whose cells stand at the right, as numbers do.
        rule: whether dashes part the head from the rest.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if width is not None:
        _narrow(widths, rows, prose, width)
    head, *body = [_folded(cells, widths, prose, right) for cells in rows]
    below = [[_GAP.join("-" * size for size in widths)]] if rule else []
    return [line for lines in (head, *below, *body) for line in lines]


def _narrow(
    widths: list[int], rows: Sequence[Sequence[str]], prose: Collection[int], width: int
) -> None:
    """Take from the widest of the columns of *prose*, one by one, what is too much for *width*.

    At first no column is made narrower than its longest word; where that is not enough, words are
    cut, but a column always keeps `_FLOORS`'s least.
    """
    excess = sum(widths) + len(_GAP) * (len(widths) - 1) - width
    for most in _FLOORS:
        floors = {i: min(most, max(_longest(row[i]) for row in rows)) for i in prose}
        while excess > 0:
            room = [i for i in prose if widths[i] > floors[i]]
            if not room:
                break
            widths[max(room, key=lambda i: widths[i])] -= 1
            excess -= 1


def _longest(text: str) -> int:
    return max(map(len, text.split()), default=1)


def _folded(
    cells: Sequence[str], widths: Sequence[int], prose: Collection[int], right: Collection[int]
) -> list[str]:
    """Return one row of a table, as high as its highest cell."""
    folded = [
        wrap(cell, widths[at]) or [""] if at in prose else [cell] for at, cell in enumerate(cells)
    ]
    return [
        _GAP.join(
            (part.rjust if at in right else part.ljust)(widths[at])
            for at, part in enumerate(lines[i] if i < len(lines) else "" for lines in folded)
        ).rstrip()
        for i in range(max(map(len, folded)))
    ]

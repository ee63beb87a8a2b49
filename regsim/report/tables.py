"""A table as objects show it of themselves: lines on a console, HTML in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from regsim.report.text.console import table
from regsim.report.words.writing import ascii_only, markup

_CELL: Final = 'style="text-align:left;vertical-align:top;padding:.15em .8em .15em 0"'
"""How a cell of a table is set in a notebook, whose own styles centre it."""


@attrs.frozen
class ShownTable:
    """What is listed: a caption, heads, the first rows, and how many there are in all."""

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    total: int

    @property
    def rest(self) -> list[str]:
        """What is left out, in words."""
        shown = len(self.rows)
        return [f"showing {shown} of {self.total:,}"] if shown < self.total else []

    def lines(self) -> list[str]:
        """Return the table for a console, without its caption."""
        cells = [[ascii_only(cell) for cell in row] for row in (self.heads, *self.rows)]
        return [*table(cells), *self.rest]

    def text(self) -> str:
        """Return the caption for a console, and the table if it has rows."""
        return "\n".join([ascii_only(self.caption), *(self.lines() if self.rows else [])])

    def html(self) -> str:
        """Return a table whose first column names its rows."""
        head = "".join(f'<th scope="col" {_CELL}>{markup(cell)}</th>' for cell in self.heads)
        body = "".join(
            f'<tr><th scope="row" {_CELL}>{markup(row[0])}</th>'
            + "".join(f"<td {_CELL}>{markup(cell)}</td>" for cell in row[1:])
            + "</tr>"
            for row in self.rows
        )
        return (
            f"<table><caption {_CELL}>{markup(self.caption)}</caption><thead><tr>{head}</tr>"
            f"</thead><tbody>{body}</tbody></table>{html_paragraphs(*self.rest)}"
        )


def html_paragraphs(*texts: str) -> str:
    """Return each of *texts* as a paragraph of HTML."""
    return "".join(f"<p>{markup(text)}</p>" for text in texts)

"""What a rule found at one place of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from tree_sitter import Node


@attrs.frozen(order=True)
class Edit:
    """A change of a text: the bytes from *start* up to *end* become *text*.

    Attributes:
        start: the first byte that goes, from 0.
        end: the first byte that stays; *start* where nothing goes.
        text: what comes instead.
    """

    start: int
    end: int
    text: bytes


@attrs.frozen(kw_only=True, order=True)
class Fault:
    """A fault in a source file: which rule, where, and why there.

    Attributes:
        path: the file, as it was given or found.
        line: from 1, as ``end_line``.
        column: from 1, in characters, as ``end_column``, which is the first that is not of it.
        rule: the rule's id, as ``C101``.
        message: one sentence that names the thing and the way that leads there.
        story: the run that shows what becomes of it, where it is not the rule's own.
        edits: the changes of the text that mend it, where it is certain that they do nothing else.
    """

    path: str
    line: int
    column: int
    rule: str
    end_line: int
    end_column: int
    message: str
    story: str = ""
    edits: tuple[Edit, ...] = ()


def at(node: Node, rule: str, message: str, story: str = "", edits: tuple[Edit, ...] = ()) -> Fault:
    """Return the fault of *rule* at *node*, without a path; columns count bytes, see `settled`."""
    (line, column), (end_line, end_column) = node.start_point, node.end_point
    return Fault(
        path="",
        line=line + 1,
        column=column + 1,
        rule=rule,
        end_line=end_line + 1,
        end_column=end_column + 1,
        message=message,
        story=story,
        edits=edits,
    )


def settled(fault: Fault, path: str, lines: list[bytes]) -> Fault:
    """Return *fault* with its *path*, and columns in characters instead of bytes of *lines*."""
    first = len(lines[fault.line - 1][: fault.column - 1].decode("utf-8", "replace"))
    last = len(lines[fault.end_line - 1][: fault.end_column - 1].decode("utf-8", "replace"))
    return attrs.evolve(fault, path=path, column=first + 1, end_column=last + 1)

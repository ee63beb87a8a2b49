"""Source files as trees: in which language a file is, and which lines could not be parsed."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from functools import cache
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from regsim.errors import UsageError

if TYPE_CHECKING:
    from tree_sitter import Node, Parser, Tree

LANGUAGES: Final = {
    **dict.fromkeys((".ps1", ".psm1"), "powershell"),
    ".c": "c",
    ".cs": "c_sharp",
    **dict.fromkeys((".py", ".pyw"), "python"),
    **dict.fromkeys((".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp", ".hxx", ".inl"), "cpp"),
}
"""The language of a file by how its name ends."""


def language_of(path: str) -> str | None:
    """Return the language of the file called *path*, or none where no rule looks at such files."""
    return LANGUAGES.get(PurePath(path).suffix.lower())


def parse(language: str, text: bytes) -> Tree:
    """Return the tree of *text*; what could not be parsed is an ERROR node in it.

    Raises:
        UsageError: the grammar is not installed.
    """
    return _parser(language).parse(text)


def questions(top: Node, kinds: frozenset[str]) -> Iterator[Node]:
    """Yield the conditions below *top*, and what of *kinds* stands where a value is stored."""
    cursor = top.walk()
    while True:
        node, field = cursor.node, cursor.field_name
        if node is not None and (
            field == "condition" or (node.type in kinds and field in ("right", "value", None))
        ):
            yield node
        if cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return


@cache
def _parser(language: str) -> Parser:
    try:
        sitter = importlib.import_module("tree_sitter")
        grammar = importlib.import_module(f"tree_sitter_{language}")
    except ImportError:
        raise UsageError(
            "lint needs tree-sitter and its grammars; pip install 'regsim[lint]'"
        ) from None
    parser: Parser = sitter.Parser(sitter.Language(grammar.language()))
    return parser


def nodes(top: Node, closed: frozenset[str] = frozenset()) -> Iterator[Node]:
    """Yield *top* and every node below it in the order of the text, however deep they lie.

    What lies below nodes of the types *closed* is left out.
    """
    cursor = top.walk()
    while True:
        node = cursor.node
        if node is not None:
            yield node
        if (node is None or node.type not in closed) and cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return


def unparsed(tree: Tree) -> list[tuple[int, int]]:
    """Return the lines, first and last, that the grammar could make nothing of; from 1."""
    if not tree.root_node.has_error:
        return []
    spans: list[tuple[int, int]] = []
    waiting = [tree.root_node]
    while waiting:
        node = waiting.pop()
        if node.type == "ERROR" or node.is_missing:
            spans.append((node.start_point[0] + 1, node.end_point[0] + 1))
        elif node.has_error:
            waiting += node.children
    return joined(spans)


def joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return *spans* of lines in order, those that touch made one."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def said(node: Node | None) -> str:
    """Return the text of *node*, empty for none; bytes that are no UTF-8 become question marks."""
    return "" if node is None or node.text is None else node.text.decode("utf-8", "replace")


def last(node: Node) -> Node | None:
    """Return the last part of *node* that has a name in the grammar, or none."""
    return node.named_children[-1] if node.named_children else None

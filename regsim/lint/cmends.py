"""How a function of C is mended: a profile's handle goes back by UnloadUserProfile."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from regsim.lint.fault import Edit
from regsim.lint.grammars import said

if TYPE_CHECKING:
    from tree_sitter import Node


def unloaded(load: Node, close: Node) -> tuple[Edit, ...]:
    """Return the change of *close*, a RegCloseKey, to the unload of the profile that *load* loaded.

    None unless both stand in one function, *close* is a statement, and the token that the load was
    given is a plain variable that nothing in between sets, lends by its address or closes.
    """
    given, asked = _arguments(load), _arguments(close)
    if len(given) != 2 or len(asked) != 1 or close.parent is None:
        return ()
    token, handle = said(given[0]), said(asked[0])
    handle = re.sub(r"^\(\s*HKEY\s*\)\s*", "", handle)
    if close.parent.type != "expression_statement" or not re.fullmatch(r"\w+", token):
        return ()
    if not re.fullmatch(r"\w+(\.|->)hProfile", handle):
        return ()
    between = _between(load, close)
    word = re.escape(token.encode())
    if between is None or re.search(
        rb"&\s*%b\b|\b%b\s*=[^=]|CloseHandle\s*\(\s*%b\b" % (word, word, word), between
    ):
        return ()
    new = f"UnloadUserProfile({token}, {handle})"
    return (Edit(close.start_byte, close.end_byte, new.encode()),)


def _arguments(call: Node) -> list[Node]:
    listed = call.child_by_field_name("arguments")
    return [] if listed is None else [n for n in listed.named_children if n.type != "comment"]


def _between(load: Node, close: Node) -> bytes | None:
    """Return the text between the two, which stand in this order in one function; else none."""
    top = load.parent
    while top is not None and not (
        top.type == "function_definition" and top.end_byte >= close.end_byte
    ):
        top = top.parent
    if top is None or close.start_byte < load.end_byte:
        return None
    text = top.text or b""
    return text[load.end_byte - top.start_byte : close.start_byte - top.start_byte]

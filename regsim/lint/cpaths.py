"""Following the ways through a C or C++ function, each with what is open on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from regsim.lint import cnames
from regsim.lint.ccalls import LEAKS, InC, bare
from regsim.lint.cexpr import truth, value
from regsim.lint.following import Tongue, TooManyWaysError, lost
from regsim.lint.grammars import last, said
from regsim.lint.paths import (
    COMMON,
    MOST,
    Leaving,
    Walker,
    attempt,
    block,
    loop,
    nothing,
    preproc,
    through,
    thrown,
)
from regsim.lint.ways import UNKNOWN, ZERO, Acquired, OneWay, Worlds, distinct

if TYPE_CHECKING:
    from tree_sitter import Node


def _expression(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    found = walker.each(_only(node), worlds)
    if _ends(node):
        return []
    if node.has_error:
        found = [lost(node, w) for w in found]
    return found


def _only(node: Node) -> Node:
    """Return the expression that a statement consists of."""
    if node.type == "expression_statement" and len(node.named_children) == 1:
        return node.named_children[0]
    return node


def _ends(node: Node) -> bool:
    """Return whether the program or the thread ends with *node*."""
    inner = bare(_only(node))
    if inner is None or inner.type != "call_expression":
        return False
    return cnames.plain(said(inner.child_by_field_name("function"))) in cnames.ENDING


def declared(node: Node) -> list[tuple[str, str, Node | None]]:
    """Return the names that a declaration makes, each with its type and what it begins as."""
    base = said(node.child_by_field_name("type"))
    static = any(c.type == "storage_class_specifier" and said(c) == "static" for c in node.children)
    found = []
    for child in node.children_by_field_name("declarator"):
        first = child.child_by_field_name("value")
        inner = (
            child.child_by_field_name("declarator") if child.type == "init_declarator" else child
        )
        stars = ""
        while inner is not None and inner.type in _AROUND:
            stars += {"reference_declarator": "&", "array_declarator": "[]"}.get(inner.type, "*")
            inner = inner.child_by_field_name("declarator") or last(inner)
        if inner is not None and inner.type in ("identifier", "field_identifier") and not static:
            found.append((said(inner), base + stars, first))
    return found


_AROUND: Final = frozenset({"pointer_declarator", "reference_declarator", "array_declarator"})


def _declaration(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    scope: InC = walker.scope  # type: ignore[assignment]
    if node.has_error:
        return [lost(node, w) for w in worlds]
    for child in node.children_by_field_name("declarator"):
        if child.type == "function_declarator":  # which `Guard g(key);` is taken for
            worlds = [_constructed(child, w) for w in worlds]
    for name, kind, first in declared(node):
        scope.types[name] = kind
        if first is None:
            worlds = [w.put(name, UNKNOWN) for w in worlds]
        elif first.type in ("argument_list", "initializer_list") and kind not in cnames.HANDLES:
            worlds = [lost(first, w) for w in worlds]
        elif first.type == "initializer_list" and not first.named_children:
            worlds = [w.put(name, ZERO) for w in worlds]
        else:
            worlds = _begun(walker, name, first, worlds)
    return worlds


def _begun(walker: Walker, name: str, first: Node, worlds: Worlds) -> Worlds:
    scope: InC = walker.scope  # type: ignore[assignment]
    found = []
    for world in worlds:
        for got, after in value(scope, first, world):
            if isinstance(got, Acquired) and scope.types[name] not in _KEEPING:
                found.append(after.lose(after.holders(got)).put(name, UNKNOWN))
            else:
                found.append(scope.keep(name, got, None, after))
    return found


_KEEPING: Final = cnames.HANDLES | {"auto", "const HKEY", "LONG", "DWORD", "LSTATUS"}


def _constructed(node: Node, world: OneWay) -> OneWay:
    listed = node.child_by_field_name("parameters")
    names = [] if listed is None else [said(c.child_by_field_name("type")) for c in listed.children]
    return world.lose(n for n in names if n)


def _switch(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    entered = walker.each(node.child_by_field_name("condition"), worlds)
    body = node.child_by_field_name("body")
    cases = [] if body is None else body.named_children
    walker.breaks.append(Leaving(len(walker.finals)))
    falling: Worlds = []
    default = False
    for case in cases:
        if case.type != "case_statement":
            falling = walker.run(case, falling)
            continue
        default = default or case.child_by_field_name("value") is None
        label = case.child_by_field_name("value")
        falling = distinct(entered + falling)
        for child in case.named_children:
            if child != label:
                falling = walker.run(child, falling)
    return walker.breaks.pop().worlds + falling + ([] if default else entered)


def _returned(node: Node | None, world: OneWay) -> OneWay:
    """Return *world* after a record that holds something was returned."""
    name = said(bare(node))
    return world.lose(v for v in world.values if v.startswith(f"{name}.")) if name else world


def _goto(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    label = said(node.child_by_field_name("label"))
    walker.waiting[label] = distinct(walker.waiting.get(label, []) + worlds)
    if len(walker.waiting[label]) > MOST:
        raise TooManyWaysError("too many ways")
    return []


def _label(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    label = node.child_by_field_name("label")
    worlds = distinct(worlds + walker.waiting.get(said(label), []))
    for child in node.named_children:
        if child != label:
            worlds = walker.run(child, worlds)
    return worlds


_STATEMENTS: Final[dict[str, Callable[[Walker, Node, Worlds], Worlds]]] = {
    **COMMON,
    **dict.fromkeys(("compound_statement", "preproc_else", "case_statement"), block),
    **dict.fromkeys(("linkage_specification", "declaration_list"), block),
    "declaration": _declaration,
    "for_statement": loop,
    "for_range_loop": through,
    "switch_statement": _switch,
    "throw_statement": thrown,
    "seh_try_statement": attempt,
    "goto_statement": _goto,
    "labeled_statement": _label,
    "expression_statement": _expression,
    **dict.fromkeys(("preproc_if", "preproc_ifdef", "preproc_elif"), preproc),
    **dict.fromkeys(("preproc_call", "preproc_def", "preproc_include"), nothing),
    **dict.fromkeys(("function_definition", "struct_specifier", "using_declaration"), nothing),
    "seh_leave_statement": _goto,
}

C: Final = Tongue(
    value=value,
    truth=truth,
    statements=_STATEMENTS,
    leaks=LEAKS,
    asking=frozenset({"binary_expression"}),
)
"""How C and C++ are followed."""

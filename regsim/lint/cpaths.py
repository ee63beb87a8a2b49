"""Following the ways through a C or C++ function, each with what is open on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import attrs

from regsim.errors import RegsimError
from regsim.lint import cnames
from regsim.lint.ccalls import Following, bare
from regsim.lint.cexpr import lost, truth, value
from regsim.lint.cworlds import OPEN, UNKNOWN, ZERO, Acquired, CWorld, distinct
from regsim.lint.grammars import said

if TYPE_CHECKING:
    from tree_sitter import Node

MOST: Final = 256
"""Worlds that one place may have; with more a function is given up, and said to be."""
STEPS: Final = 20_000
"""Statements that are gone through in one function, those in loops again in each round."""
_ROUNDS: Final = 4
"""How often a loop, or what goes back to a label, is gone through: what it changes has shown."""

Worlds = list[CWorld]


class TooManyWaysError(RegsimError):
    """A function has more ways through it than are followed, or ways that cannot be told."""


@attrs.define
class Walker:
    """Follows one function; what leaves a statement other than at its end is kept by name."""

    scope: Following
    breaks: list[Worlds] = attrs.field(factory=list)
    continues: list[Worlds] = attrs.field(factory=list)
    throws: list[Worlds] = attrs.field(factory=list)
    waiting: dict[str, Worlds] = attrs.field(factory=dict)
    steps: int = 0

    def function(self, node: Node, start: CWorld) -> None:
        """Follow the function whose body is *node*; its faults are in the scope afterwards."""
        known: dict[str, int] = {}
        for _ in range(_ROUNDS):
            worlds = self.run(node, [start])
            self.leave(worlds, None)
            counts = {label: len(found) for label, found in self.waiting.items()}
            if counts == known or not self.waiting:
                return
            known = counts

    def run(self, node: Node | None, worlds: Worlds) -> Worlds:
        """Return the worlds after the statement *node*."""
        if node is None or (not worlds and node.type not in _LABELLED):
            return worlds
        if node.type == "ERROR" or node.is_missing:
            return [lost(node, w) for w in worlds]
        worlds = distinct(_STATEMENTS.get(node.type, _expression)(self, node, worlds))
        self.steps += 1
        if len(worlds) > MOST or self.steps > STEPS:
            raise TooManyWaysError("too many ways")
        return worlds

    def leave(self, worlds: Worlds, node: Node | None) -> None:
        """Look at what is still open where the function is left at *node*, or at its end."""
        scope = self.scope
        if scope.name in cnames.PROGRAMS:
            return
        for world in worlds:
            left = [o for o, state in world.state.items() if state == OPEN]
            for opened in left:
                kind = scope.sites[opened.site][1]
                if world.ended and kind == "key" and not opened.older:
                    self._wrong(world, opened)
                else:
                    how = "where the function returns" if node else "at the end of the function"
                    scope.leak(world, opened, node, how)

    def _wrong(self, world: CWorld, opened: Acquired) -> None:
        """Note that a parameter was closed where something of one's own should have been."""
        name = next(iter(world.ended))
        site = self.scope.sites[opened.site][0]
        title = self.scope.title(opened)
        message = f"the parameter {name} is closed, and {title}, which was opened here, is not"
        self.scope.report("C103", site, message)


def _block(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    for child in node.named_children:
        worlds = walker.run(child, worlds)
    return worlds


def _expression(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    found: Worlds = []
    ends = _ends(node)
    for world in worlds:
        found += [after for _, after in value(walker.scope, _only(node), world)]
    if ends:
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
            inner = inner.child_by_field_name("declarator") or (inner.named_children or [None])[-1]
        if inner is not None and inner.type in ("identifier", "field_identifier") and not static:
            found.append((said(inner), base + stars, first))
    return found


_AROUND: Final = frozenset({"pointer_declarator", "reference_declarator", "array_declarator"})


def _declaration(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    scope = walker.scope
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
    found = []
    for world in worlds:
        for got, after in value(walker.scope, first, world):
            if isinstance(got, Acquired) and walker.scope.types[name] not in _KEEPING:
                found.append(after.lose(after.holders(got)).put(name, UNKNOWN))
            else:
                found.append(after.put(name, got))
    return found


_KEEPING: Final = cnames.HANDLES | {"auto", "const HKEY", "LONG", "DWORD", "LSTATUS"}


def _constructed(node: Node, world: CWorld) -> CWorld:
    listed = node.child_by_field_name("parameters")
    names = [] if listed is None else [said(c.child_by_field_name("type")) for c in listed.children]
    return world.lose(n for n in names if n)


def _if(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    met: Worlds = []
    unmet: Worlds = []
    for world in worlds:
        for true, after in truth(walker.scope, node.child_by_field_name("condition"), world):
            (met if true else unmet).append(after)
    met, unmet = distinct(met), distinct(unmet)
    out = walker.run(node.child_by_field_name("consequence"), met)
    return out + walker.run(node.child_by_field_name("alternative"), unmet)


def _loop(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    """Follow a while, a for or a do loop: none, one and more rounds of it."""
    scope, condition = walker.scope, node.child_by_field_name("condition")
    start, step = (node.child_by_field_name(part) for part in ("initializer", "update"))
    body = node.child_by_field_name("body")
    worlds = walker.run(start, worlds)
    left: Worlds = []
    seen: dict[object, CWorld] = {}
    enters = node.type == "do_statement"
    for _ in range(_ROUNDS):
        inside: Worlds = worlds if enters else []
        for world in [] if enters else worlds:
            for met, after in truth(scope, condition, world):
                (inside if met else left).append(after)
        enters = False
        walker.breaks.append([])
        walker.continues.append([])
        run = walker.run(body, distinct(inside))
        left += walker.breaks.pop()
        worlds = distinct(run + walker.continues.pop())
        worlds = walker.run(step, worlds) if step is not None else worlds
        worlds = [w for w in worlds if w.key not in seen]
        seen |= {w.key: w for w in worlds}
        if not worlds:
            break
    if condition is not None or node.type == "for_range_loop":
        for world in worlds:
            ways = truth(scope, condition, world) if condition is not None else [(False, world)]
            left += [after for met, after in ways if not met]
    return left


def _range(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    """Follow ``for (x : list)``: the list may be empty, and may have many."""
    left = list(worlds)
    for _ in range(2):
        walker.breaks.append([])
        walker.continues.append([])
        after = walker.run(node.child_by_field_name("body"), worlds)
        broken, worlds = walker.breaks.pop(), distinct(after + walker.continues.pop())
        left += broken + worlds
    return left


def _switch(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    entered: Worlds = []
    for world in worlds:
        for _, after in value(walker.scope, node.child_by_field_name("condition"), world):
            entered.append(after)
    body = node.child_by_field_name("body")
    cases = [] if body is None else body.named_children
    walker.breaks.append([])
    through: Worlds = []
    default = False
    for case in cases:
        if case.type != "case_statement":
            through = walker.run(case, through)
            continue
        default = default or case.child_by_field_name("value") is None
        label = case.child_by_field_name("value")
        through = distinct(entered + through)
        for child in case.named_children:
            if child != label:
                through = walker.run(child, through)
    return walker.breaks.pop() + through + ([] if default else entered)


def _return(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    found: Worlds = []
    for child in node.named_children or [None]:
        for world in worlds:
            for got, after in value(walker.scope, child, world):
                kept = after.lose(after.holders(got)) if isinstance(got, Acquired) else after
                found.append(_returned(child, kept))
    walker.leave(distinct(found), node)
    return []


def _returned(node: Node | None, world: CWorld) -> CWorld:
    """Return *world* after a record that holds something was returned."""
    name = said(bare(node))
    return world.lose(v for v in world.values if v.startswith(f"{name}.")) if name else world


def _throw(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    if walker.throws:
        walker.throws[-1] += worlds
    else:
        walker.leave(worlds, node)
    return []


def _try(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    walker.throws.append(list(worlds))
    out = walker.run(node.child_by_field_name("body"), worlds)
    thrown = distinct(walker.throws.pop())
    for child in node.named_children:
        if child.type == "catch_clause":
            out = out + walker.run(child.child_by_field_name("body"), thrown)
        elif child.type == "seh_except_clause":
            out = out + walker.run(
                child.child_by_field_name("body") or child.named_children[-1], thrown
            )
        elif child.type == "seh_finally_clause":
            out = walker.run(child.child_by_field_name("body") or child.named_children[-1], out)
    return out


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


def _preproc(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    """Go with and without what the preprocessor decides, the same for the same question."""
    if node.has_error:  # half of an `if` here and its block after `#endif`
        raise TooManyWaysError("the preprocessor cuts a statement")
    asked = node.child_by_field_name("condition") or node.child_by_field_name("name")
    other = node.child_by_field_name("alternative")
    text = f"#{said(asked)}"
    out: Worlds = []
    for met in (True, False):
        there = [
            attrs.evolve(w, facts={**w.facts, text: met})
            for w in worlds
            if w.facts.get(text, met) is met
        ]
        if node.type == "preproc_ifdef" and said(node).startswith("#ifndef"):
            taken = not met
        else:
            taken = met
        if taken:
            for child in node.named_children:
                if child not in (asked, other):
                    there = walker.run(child, there)
        else:
            there = walker.run(other, there)
        out += there
    return out


def _break(walker: Walker, _node: Node, worlds: Worlds) -> Worlds:
    if walker.breaks:
        walker.breaks[-1] += worlds
    return []


def _continue(walker: Walker, _node: Node, worlds: Worlds) -> Worlds:
    if walker.continues:
        walker.continues[-1] += worlds
    return []


def _nothing(_walker: Walker, _node: Node, worlds: Worlds) -> Worlds:
    return worlds


_LABELLED: Final = frozenset(
    {
        *("labeled_statement", "compound_statement", "if_statement", "else_clause"),
        *("for_statement", "while_statement", "do_statement", "switch_statement"),
        *("preproc_if", "preproc_ifdef", "preproc_else", "try_statement", "seh_try_statement"),
    }
)
"""What a label may stand in, so that it is gone through even if nothing leads to its start."""

_STATEMENTS: Final[dict[str, Callable[[Walker, Node, Worlds], Worlds]]] = {
    **dict.fromkeys(("compound_statement", "else_clause", "preproc_else"), _block),
    **dict.fromkeys(("case_statement", "linkage_specification", "declaration_list"), _block),
    "declaration": _declaration,
    "if_statement": _if,
    **dict.fromkeys(("for_statement", "while_statement", "do_statement"), _loop),
    "for_range_loop": _range,
    "switch_statement": _switch,
    "return_statement": _return,
    "throw_statement": _throw,
    **dict.fromkeys(("try_statement", "seh_try_statement"), _try),
    "goto_statement": _goto,
    "labeled_statement": _label,
    "break_statement": _break,
    "continue_statement": _continue,
    **dict.fromkeys(("preproc_if", "preproc_ifdef", "preproc_elif"), _preproc),
    **dict.fromkeys(("comment", "preproc_call", "preproc_def", "preproc_include"), _nothing),
    **dict.fromkeys(("function_definition", "struct_specifier", "using_declaration"), _nothing),
    "seh_leave_statement": _goto,
}

"""Following the ways through a function, each with what is open on it, in any language."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import attrs

from regsim.lint.following import Following, TooManyWaysError
from regsim.lint.grammars import said
from regsim.lint.ways import OPEN, OneWay, Worlds, distinct

if TYPE_CHECKING:
    from tree_sitter import Node

MOST: Final = 256
"""Worlds that one place may have; with more a function is given up, and said to be."""
STEPS: Final = 20_000
"""Statements that are gone through in one function, those in loops again in each round."""
_ROUNDS: Final = 4
"""How often a loop, or what goes back to a label, is gone through: what it changes has shown."""
_HANDLERS: Final = frozenset({"catch_clause", "seh_except_clause", "except_clause"})
_FINALLY: Final = frozenset({"seh_finally_clause", "finally_clause"})


@attrs.define
class Leaving:
    """Where the worlds gather that leave a statement, and how many finally blocks lie around it."""

    depth: int
    worlds: Worlds = attrs.field(factory=list)


@attrs.define
class Walker:
    """Follows one function; what leaves a statement other than at its end is kept by name."""

    scope: Following
    breaks: list[Leaving] = attrs.field(factory=list)
    continues: list[Leaving] = attrs.field(factory=list)
    throws: list[Leaving] = attrs.field(factory=list)
    finals: list[Node] = attrs.field(factory=list)
    waiting: dict[str, Worlds] = attrs.field(factory=dict)
    steps: int = 0

    def function(self, node: Node, start: OneWay) -> None:
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
            return [lost_all(w) for w in worlds]
        tongue = self.scope.tongue
        if self.throws and tongue.raising is not None and tongue.raising(node):
            self.throw(worlds)
        doing = tongue.statements.get(node.type)
        worlds = distinct(doing(self, node, worlds) if doing else self.each(node, worlds))
        self.steps += 1
        if len(worlds) > MOST or self.steps > STEPS:
            raise TooManyWaysError("too many ways")
        return worlds

    def each(self, node: Node | None, worlds: Worlds) -> Worlds:
        """Return the worlds after the expression *node*."""
        value = self.scope.tongue.value
        return [after for world in worlds for _, after in value(self.scope, node, world)]

    def asked(self, node: Node | None, worlds: Worlds) -> tuple[Worlds, Worlds]:
        """Return the worlds in which the condition *node* is met, and those in which it is not."""
        met: Worlds = []
        unmet: Worlds = []
        for world in worlds:
            for true, after in self.scope.tongue.truth(self.scope, node, world):
                (met if true else unmet).append(after)
        return distinct(met), distinct(unmet)

    def throw(self, worlds: Worlds) -> None:
        """Have *worlds* end in an exception that the innermost handler catches."""
        self.throws[-1].worlds += self.unwound(worlds, self.throws[-1].depth)
        if len(self.throws[-1].worlds) > MOST:
            self.throws[-1].worlds = distinct(self.throws[-1].worlds)

    def unwound(self, worlds: Worlds, depth: int) -> Worlds:
        """Return *worlds* after the finally blocks that lie within *depth* of them."""
        around, throws = self.finals, self.throws
        for index in range(len(around) - 1, depth - 1, -1):
            self.finals, self.throws = around[:index], []
            worlds = self.run(around[index], worlds)
        self.finals, self.throws = around, throws
        return worlds

    def leave(self, worlds: Worlds, node: Node | None) -> None:
        """Look at what is still open where the function is left at *node*, or at its end."""
        how = "where the function returns" if node else "at the end of the function"
        for world in self.unwound(worlds, 0):
            for opened, state in world.state.items():
                if state == OPEN:
                    self.scope.left(world, opened, node, how)


def lost_all(world: OneWay) -> OneWay:
    """Return *world* after something that nothing is known of: what it holds is given up."""
    return world.lose(world.values)


def block(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    """Follow one statement after the other."""
    for child in node.named_children:
        worlds = walker.run(child, worlds)
        if len(worlds) > 1 and (done := walker.scope.done(child.end_byte)):
            worlds = distinct(world.fade(done) for world in worlds)
    return worlds


def nothing(_walker: Walker, _node: Node, worlds: Worlds) -> Worlds:
    """Follow what does nothing."""
    return worlds


def branch(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    """Follow an ``if`` with its ``else``."""
    met, unmet = walker.asked(node.child_by_field_name("condition"), worlds)
    out = walker.run(node.child_by_field_name("consequence"), met)
    return out + walker.run(node.child_by_field_name("alternative"), unmet)


def _round(walker: Walker, body: Node | None, worlds: Worlds) -> tuple[Worlds, Worlds]:
    """Return the worlds that go on after a round of a loop, and those that broke out of it."""
    walker.breaks.append(Leaving(len(walker.finals)))
    walker.continues.append(Leaving(len(walker.finals)))
    after = walker.run(body, distinct(worlds))
    return distinct(after + walker.continues.pop().worlds), walker.breaks.pop().worlds


def loop(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    """Follow a while, a for or a do loop: none, one and more rounds of it."""
    condition = node.child_by_field_name("condition")
    start, step = (node.child_by_field_name(part) for part in ("initializer", "update"))
    body = node.child_by_field_name("body")
    worlds = walker.run(start, worlds)
    left: Worlds = []
    seen: dict[object, OneWay] = {}
    enters = node.type == "do_statement"
    for _ in range(_ROUNDS):
        inside = worlds
        if not enters:
            inside, outside = walker.asked(condition, worlds)
            left += outside
        enters = False
        worlds, broken = _round(walker, body, inside)
        left += broken
        worlds = walker.run(step, worlds) if step is not None else worlds
        worlds = [w for w in worlds if w.key not in seen]
        seen |= {w.key: w for w in worlds}
        if not worlds:
            break
    if condition is not None:
        left += walker.asked(condition, worlds)[1]
    return walker.run(node.child_by_field_name("alternative"), left)


def through(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    """Follow ``for (x : list)``: the list may be empty, and may have many."""
    worlds = walker.each(node.child_by_field_name("right"), worlds)
    left = list(worlds)
    for _ in range(2):
        worlds, broken = _round(walker, node.child_by_field_name("body"), worlds)
        left += broken + worlds
    return walker.run(node.child_by_field_name("alternative"), left)


def returned(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    """Follow a return: what is handed to the caller is the caller's."""
    found: Worlds = []
    children: list[Node | None] = [*node.named_children] or [None]
    for child in children:
        for world in worlds:
            for got, after in walker.scope.tongue.value(walker.scope, child, world):
                found.append(_handed(child, after.give(got)))
    walker.leave(distinct(found), node)
    return []


def _handed(node: Node | None, world: OneWay) -> OneWay:
    """Return *world* after a record that holds something was returned."""
    name = said(node).strip("()")
    return world.lose(v for v in world.values if v.startswith(f"{name}.")) if name else world


def thrown(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    """Follow a throw or raise: to the handler in this function, or out of it."""
    if walker.throws:
        walker.throw(worlds)
    else:
        walker.leave(worlds, node)
    return []


def attempt(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    """Follow a try, with what handles its exceptions and what runs in the end."""
    last = _first(node, _FINALLY)
    handlers = [c for c in node.named_children if c.type in _HANDLERS]
    if last is not None:
        walker.finals.append(_inner(last))
    gate = Leaving(len(walker.finals), list(worlds))
    if handlers:
        walker.throws.append(gate)
    out = walker.run(node.child_by_field_name("body"), worlds)
    if handlers:
        walker.throws.remove(gate)
    out = walker.run(_first(node, frozenset({"else_clause"})), out)
    for handler in handlers:
        out = out + walker.run(_inner(handler), distinct(gate.worlds))
    if last is not None:
        walker.finals.pop()
        out = walker.run(_inner(last), distinct(out))
    return out


def _first(node: Node, kinds: Iterable[str]) -> Node | None:
    return next((c for c in node.named_children if c.type in kinds), None)


def _inner(node: Node) -> Node:
    return node.child_by_field_name("body") or node.named_children[-1]


def broken(walker: Walker, _node: Node, worlds: Worlds) -> Worlds:
    """Follow a break."""
    if walker.breaks:
        walker.breaks[-1].worlds += walker.unwound(worlds, walker.breaks[-1].depth)
    return []


def continued(walker: Walker, _node: Node, worlds: Worlds) -> Worlds:
    """Follow a continue."""
    if walker.continues:
        walker.continues[-1].worlds += walker.unwound(worlds, walker.continues[-1].depth)
    return []


def preproc(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
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


_LABELLED: Final = frozenset(
    {
        *("labeled_statement", "compound_statement", "if_statement", "else_clause"),
        *("for_statement", "while_statement", "do_statement", "switch_statement"),
        *("preproc_if", "preproc_ifdef", "preproc_else", "try_statement", "seh_try_statement"),
    }
)
"""What a label may stand in, so that it is gone through even if nothing leads to its start."""
COMMON: Final = {
    **dict.fromkeys(("else_clause", "block"), block),
    "if_statement": branch,
    **dict.fromkeys(("while_statement", "do_statement"), loop),
    "return_statement": returned,
    "try_statement": attempt,
    "break_statement": broken,
    "continue_statement": continued,
    "comment": nothing,
}
"""What statements do that are called the same in many languages."""

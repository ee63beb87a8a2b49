"""One function while its ways are followed: what is the same in every language that has it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import attrs

from regsim.errors import RegsimError
from regsim.lint.fault import Edit, Fault, at
from regsim.lint.grammars import nodes, said
from regsim.lint.ways import (
    INVALID,
    OPEN,
    OTHER,
    UNKNOWN,
    ZERO,
    Acquired,
    OneWay,
    Predefined,
    Truths,
    Unopened,
    Ways,
    Worth,
)

if TYPE_CHECKING:
    from tree_sitter import Node


class TooManyWaysError(RegsimError):
    """A function has more ways through it than are followed, or ways that cannot be told."""


@attrs.frozen(kw_only=True)
class Tongue:
    """How a language is followed.

    Attributes:
        value: what an expression is worth.
        truth: whether a condition is met.
        statements: what a statement does, by the type of its node; any other is an expression.
        asking: the nodes that ask something although they are no condition of a statement.
        leaks: by what was opened, the rule that its leak breaks and the words for it.
        stories: what the names of the runs begin with that show a leak of a key.
        raising: whether a statement can end in an exception although it does not say so.
    """

    value: Callable[[Any, Node | None, OneWay], Ways]
    truth: Callable[[Any, Node | None, OneWay], Truths]
    statements: Mapping[str, Callable[..., list[OneWay]]]
    leaks: Mapping[str, tuple[str, str]]
    asking: frozenset[str]
    stories: str = ""
    raising: Callable[[Node], bool] | None = None


@attrs.define(kw_only=True, slots=False)
class Following:
    """One function while its ways are followed.

    Attributes:
        tongue: its language.
        name: the function's.
        conditions: the text of all its conditions.
        sites: the calls that opened something, by their offset: node, what, title.
        faults: what was found, by rule and place.
    """

    tongue: Tongue
    name: str
    conditions: str
    sites: dict[int, tuple[Node, str, str]] = attrs.field(factory=dict)
    faults: dict[tuple[str, int], Fault] = attrs.field(factory=dict)

    def variable(self, node: Node | None) -> str:
        """Return the local variable that *node* is, or nothing."""
        raise NotImplementedError

    @cached_property
    def asked(self) -> Counter[str]:
        """How often each name stands in a condition: what is not asked need not be known."""
        return Counter(_WORD.findall(self.conditions))

    def done(self, _offset: int) -> frozenset[str]:
        """Return the names that no condition asks about after *offset* in the text."""
        return frozenset()

    def left(self, world: OneWay, opened: Acquired, node: Node | None, how: str) -> None:
        """Note that *opened* is open where the function is left."""
        self.leak(world, opened, node, how)

    def report(
        self, rule: str, node: Node, message: str, story: str = "", edits: tuple[Edit, ...] = ()
    ) -> None:
        """Note a fault, the first of its rule at *node*."""
        self.faults.setdefault((rule, node.start_byte), at(node, rule, message, story, edits))

    def title(self, opened: Acquired) -> str:
        """Return what to call *opened* in a sentence."""
        return self.sites[opened.site][2]

    def leak(self, world: OneWay, opened: Acquired, node: Node | None, how: str) -> None:
        """Note that *opened* is not closed on the way that ends at *node*."""
        site, kind, title = self.sites[opened.site]
        where = f" (line {node.start_point[0] + 1})" if node is not None else ""
        story = story_of(world, opened) if kind in ("key", "handle") else ""
        if kind == "key":
            story = self.tongue.stories + story
        rule, words = self.tongue.leaks[kind]
        self.report(rule, site, f"{title} {words} {how}{where}", story)

    def put(self, name: str, got: Worth, node: Node | None, world: OneWay) -> OneWay:
        """Return *world* after the variable *name* got the value *got* at *node*."""
        held = world.values.get(name)
        mine = isinstance(held, Acquired) and held != got and world.holders(held) == [name]
        if mine and isinstance(held, Acquired) and world.state.get(held) == OPEN:
            if node is None or not _swapped(name, node):
                self.leak(world, held, node, "before its variable gets another value")
            world = world.lose([name])
        return world.put(name, got)

    def learn(self, name: str, got: str, world: OneWay) -> OneWay:
        """Return *world* after a condition told what *name* is, if it is asked once more."""
        return world.put(name, got) if self.asked[name.split(".", maxsplit=1)[0]] > 1 else world


_WORD: Final = re.compile(r"[A-Za-z_]\w*")


def _swapped(name: str, node: Node) -> bool:
    """Return whether *name* is closed in the loop around *node*: a walk down a path does so."""
    around = node.parent
    while around is not None and not around.type.startswith(("for", "while", "do_")):
        around = around.parent
    closed = rf"\b{re.escape(name)}\s*\??\.\s*(Close|Dispose)\b|Close\w*\(\s*{re.escape(name)}\b"
    return around is not None and re.search(closed, said(around)) is not None


_USERS: Final = frozenset({"HKEY_CURRENT_USER", "HKEY_USERS"})


def story_of(world: OneWay, opened: Acquired) -> str:
    """Return the run that shows what a leak of *opened* does: it depends on the hive it lies in."""
    root = world.below.get(opened, (UNKNOWN, ""))[0]
    seen = {opened}
    while isinstance(root, Acquired) and root not in seen:
        seen.add(root)
        root = world.below.get(root, (UNKNOWN, ""))[0]
    if isinstance(root, Predefined):
        return "leak" if root.name in _USERS else "leak-elsewhere"
    return "leak-unknown"


# -- expressions ------------------------------------------------------------------------------


def parts(scope: Following, node: Node, world: OneWay) -> Ways:
    """Go through the parts of *node* for what they do; nothing is known of the whole."""
    worlds = [world]
    for child in node.named_children:
        worlds = [after for w in worlds for _, after in scope.tongue.value(scope, child, w)]
    return [(UNKNOWN, w) for w in worlds]


def owning(_scope: Following, node: Node, world: OneWay) -> Ways:
    """Lose what *node* names: an object or a function that lives on may own it."""
    return [(UNKNOWN, lost(node, world))]


def lost(node: Node, world: OneWay) -> OneWay:
    """Return *world* after whatever *node* names became somebody else's."""
    names = {said(n) for n in nodes(node) if n.type == "identifier"}
    members = [v for v in world.values if v.split(".")[0] in names]
    return world.lose(members)


def zero(_scope: Following, _node: Node, world: OneWay) -> Ways:
    """Return that the expression is 0, null or false."""
    return [(ZERO, world)]


def one(_scope: Following, _node: Node, world: OneWay) -> Ways:
    """Return that the expression is neither 0 nor null nor false."""
    return [(OTHER, world)]


def asked(scope: Following, node: Node, world: OneWay) -> Ways:
    """Return the worth of a condition that stands where a value is wanted."""
    return [(OTHER if met else ZERO, w) for met, w in scope.tongue.truth(scope, node, world)]


# -- conditions -------------------------------------------------------------------------------


def negated(found: Truths) -> Truths:
    """Return the ways of the condition that is met where *found* is not."""
    return [(not met, after) for met, after in found]


def both(
    scope: Following, sides: tuple[Node | None, Node | None], every: bool, way: OneWay
) -> Truths:
    """Return whether both *sides* are met, or with *every* off one of them."""
    found: Truths = []
    for met, after in scope.tongue.truth(scope, sides[0], way):
        if met is every:
            found += scope.tongue.truth(scope, sides[1], after)
        else:
            found.append((met, after))
    return found


def plain(scope: Following, node: Node, world: OneWay) -> Truths:
    """Return whether the value of *node* is another than 0, null or false."""
    found: Truths = []
    for got, after in scope.tongue.value(scope, node, world):
        found += _met(scope, node, got, after)
    return found


def _met(scope: Following, node: Node, got: Worth, world: OneWay) -> Truths:
    if got == ZERO:
        return [(False, world)]
    if got in (OTHER, INVALID) or isinstance(got, Acquired | Predefined):
        return [(True, world)]
    name = scope.variable(node)
    if name and not isinstance(got, Unopened):
        met = world if got else scope.learn(name, OTHER, world)
        return [(True, met), (False, scope.learn(name, ZERO, world))]
    return either(scope, node, world)


_CALL: Final = re.compile(r"[\w>\])]\s*\(")


def either(scope: Following, node: Node, world: OneWay) -> Truths:
    """Go both ways, unless the same was asked before; calls may answer anew each time."""
    text = said(node)
    if text in world.facts:
        return [(world.facts[text], world)]
    if len(text) > 200 or _CALL.search(text) or scope.conditions.count(text) < 2:
        return [(True, world), (False, world)]
    return [(met, attrs.evolve(world, facts={**world.facts, text: met})) for met in (True, False)]

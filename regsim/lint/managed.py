"""Keys as objects of C# and Python: what opens, closes, lends and keeps them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import attrs

from regsim.lint.fault import Fault
from regsim.lint.following import Following, Tongue, TooManyWaysError, lost
from regsim.lint.grammars import nodes, questions, said
from regsim.lint.paths import Walker
from regsim.lint.ways import CLOSED, OPEN, UNKNOWN, Acquired, OneWay, Predefined, Ways, Worth

if TYPE_CHECKING:
    from tree_sitter import Node

Arguments = list[tuple["Node", Worth]]
"""The arguments of a call, each with what it is worth."""
_TAKING: Final = re.compile(
    r"close|free|release|attach|own|destroy|clean|dispose|register|queue|add$|^add|push|append|insert"
    r"|callback|transfer|take|keep|enter_context|finish|thread|start|run$|using",
    re.IGNORECASE,
)
"""Names of functions that may close or keep a key they are given; others only use it."""
_QUIET: Final = frozenset(
    {
        *("if", "elif", "while", "for", "foreach", "switch", "using", "lock", "catch", "except"),
        *("Close", "Dispose", "CloseKey", "RegCloseKey", "nameof", "typeof", "return", "and", "or"),
        *("not", "in", "print", "when", "default", "isinstance", "await", "with"),
    }
)
_CALLS: Final = re.compile(r"(\w+)\s*\(")


@attrs.frozen(kw_only=True)
class ManagedFile:
    """What the functions of a file need to know of the rest of it.

    Attributes:
        text: what it says.
        taking: by function, the places of the parameters that it closes or keeps.
        giving: the functions that return a key that they opened.
        using_root: the functions that use HKEY_CURRENT_USER.
    """

    text: str
    taking: dict[str, frozenset[int]]
    giving: frozenset[str]
    using_root: frozenset[str]

    @property
    def uncached(self) -> bool:
        """Whether the cache of HKEY_CURRENT_USER is turned off."""
        return "DisablePredefinedCache" in self.text


@attrs.frozen(kw_only=True)
class Defined:
    """A function of a file: its name, its parameters, and what it consists of."""

    name: str
    node: Node
    body: Node
    params: tuple[str, ...]


@attrs.define(kw_only=True)
class InManaged(Following):
    """One function of C# or Python while its ways are followed.

    Attributes:
        file: what the whole file says.
        names: its variables and parameters.
        acting: the rule on HKEY_CURRENT_USER while impersonating.
    """

    file: ManagedFile
    names: set[str]
    acting: str

    def variable(self, node: Node | None) -> str:
        """Return the local variable that *node* is, or nothing."""
        found = said(node) if node is not None and node.type == "identifier" else ""
        return found if found in self.names else ""

    def left(self, world: OneWay, opened: Acquired, node: Node | None, how: str) -> None:
        """Note a leak, unless the process ends with the function."""
        if self.name.lower() != "main":
            super().left(world, opened, node, how)

    def open(
        self, node: Node, how: str, below: tuple[Worth, str], world: OneWay, kind: str = "key"
    ) -> tuple[Worth, OneWay]:
        """Return the key that the call *node* opens, and the world in which it is open.

        The *kind* is ``key`` for an object, ``handle`` for a number that no object closes.
        """
        opened = Acquired(node.start_byte)
        holder = _holder(node)
        title = f"{holder} ({how})" if holder else f"the key that {how} gives"
        self.sites[opened.site] = (node, kind, title)
        older = attrs.evolve(opened, older=True)
        for name in world.holders(opened):
            world = world.put(name, older)
        if world.state.get(opened) == OPEN and world.holders(older):
            world = world.turn(older, OPEN)
        world = world.turn(opened, OPEN)
        return opened, attrs.evolve(world, below={**world.below, opened: below})

    def close(self, value: Worth, world: OneWay) -> OneWay:
        """Return the world after *value* was closed; closing it again does nothing."""
        return world.turn(value, CLOSED) if isinstance(value, Acquired) else world

    def root(self, node: Node, name: str, world: OneWay) -> Worth:
        """Return the predefined key *name*, used at *node*."""
        if world.acting and name == "HKEY_CURRENT_USER" and not self.file.uncached:
            text = f"{name} is used while impersonating"
            self.report(self.acting, node, text)
        return Predefined(name)

    def lend(self, name: str, args: Arguments, world: OneWay) -> OneWay:
        """Return the world after the function *name* got *args*, which it may keep or close."""
        own = self.file.taking.get(name)
        for index, (node, value) in enumerate(args):
            if not isinstance(value, Acquired):
                continue
            named = self.variable(node)
            kept = index in own if own is not None and named else bool(_TAKING.search(name))
            if kept or not named:
                world = world.give(value)
        return world

    def call(self, node: Node, name: str, world: OneWay) -> None:
        """Note a call of a function of this file that uses HKEY_CURRENT_USER for somebody else."""
        if world.acting and name in self.file.using_root and not self.file.uncached:
            text = f"{name} is called while impersonating, and uses HKEY_CURRENT_USER"
            self.report(self.acting, node, text)


def _holder(node: Node) -> str:
    """Return the variable that gets the value of the call *node*, if it is one."""
    inner, parent = node, node.parent
    while parent is not None and parent.type in _PASSING:
        inner, parent = parent, parent.parent
    if parent is None or parent.type not in _STORING:
        return ""
    for field in ("name", "left", "alias"):
        side = parent.child_by_field_name(field)
        if side is not None and side.type in ("pattern_list", "tuple_pattern"):
            side = side.named_children[0]
        if side is not None and side != inner:
            return said(side) if "\n" not in said(side) else ""
    return ""


_PASSING: Final = frozenset(
    {
        *("parenthesized_expression", "cast_expression", "await_expression", "as_expression"),
        *("postfix_unary_expression", "conditional_expression", "binary_expression"),
        *("equals_value_clause",),
    }
)
_STORING: Final = frozenset(
    {"variable_declarator", "assignment_expression", "assignment", "named_expression"}
)


def giving(scope: Following, node: Node, world: OneWay) -> Ways:
    """Go through the parts of *node*, an object that may own what it is made of."""
    worlds = [world]
    for child in node.named_children:
        worlds = [
            after.give(got) for w in worlds for got, after in scope.tongue.value(scope, child, w)
        ]
    return [(UNKNOWN, w) for w in worlds]


def passing(scope: Following, node: Node, world: OneWay) -> Ways:
    """Return the value of the last part of *node*, as of parentheses and casts."""
    inner = node.named_children
    return scope.tongue.value(scope, inner[-1], world) if inner else [(UNKNOWN, world)]


def closure(_scope: Following, node: Node, world: OneWay) -> Ways:
    """Lose what a function inside this one names: it may use and close it later."""
    return [(UNKNOWN, lost(node, world))]


def stored(scope: Following, left: Node | None, got: Worth, world: OneWay) -> OneWay:
    """Return *world* after *got* was stored at *left*; what no local variable holds is lost."""
    name = scope.variable(left)
    return scope.put(name, got, left, world) if name else world.give(got)


def arguments(
    scope: Following, listed: list[Node], world: OneWay
) -> list[tuple[Arguments, OneWay]]:
    """Return what the arguments *listed* are worth, on each way that they can go."""
    ways: list[tuple[Arguments, OneWay]] = [([], world)]
    for node in listed:
        ways = [
            ([*before, (node, got)], after)
            for before, w in ways
            for got, after in scope.tongue.value(scope, node, w)
        ]
    return ways


def raising(node: Node) -> bool:
    """Return whether *node* calls something that may end in an exception; closing does not.

    Of a statement with statements inside only its head counts, and a try has none.
    """
    if node.type in ("try_statement", "block", "else_clause"):
        return False
    inner = node.child_by_field_name("body") or node.child_by_field_name("consequence")
    text = said(node) if inner is None else said(node)[: inner.start_byte - node.start_byte]
    return any(name not in _QUIET for name in _CALLS.findall(text))


def told(
    defined: list[Defined], text: str, root: re.Pattern[str], gives: re.Pattern[str]
) -> ManagedFile:
    """Return what the functions *defined* in a file with *text* need to know of each other."""
    taking: dict[str, frozenset[int]] = {}
    using: set[str] = set()
    given: set[str] = set()
    for one in defined:
        body = said(one.body)
        kept = (i for i, param in enumerate(one.params) if _keeps(param, body))
        taking[one.name] = taking.get(one.name, frozenset()) | frozenset(kept)
        if root.search(body):
            using.add(one.name)
        if gives.search(body):
            given.add(one.name)
    return ManagedFile(
        text=text, taking=taking, giving=frozenset(given), using_root=frozenset(using - {""})
    )


def _keeps(param: str, body: str) -> bool:
    """Return whether a function with *body* may close what *param* holds, or keep it."""
    if param not in body:
        return False
    name = re.escape(param)
    return (
        re.search(
            rf"\b{name}\s*\??\.\s*(Close|Dispose|close|Detach)\b|\b(Reg)?CloseKey\(\s*{name}\b"
            rf"|[^=!<>]=\s*{name}\s*(;|$)|\breturn\s+{name}\b|\b(using|with)\s*\(?\s*{name}\b"
            rf"|\.(Add|append|Push|Enqueue)\(\s*{name}\b",
            body,
            re.MULTILINE,
        )
        is not None
    )


def follow(
    tongue: Tongue,
    file: ManagedFile,
    defined: list[Defined],
    acting: str,
    names: Callable[[Defined], set[str]],
) -> tuple[list[Fault], list[tuple[int, int]]]:
    """Return the faults of the functions *defined*, and the lines of those that were given up."""
    faults: list[Fault] = []
    given_up: list[tuple[int, int]] = []
    for one in defined:
        body = said(one.body)
        if not _WORTH.search(body) and not file.giving.intersection(_CALLS.findall(body)):
            continue
        asked = (said(n) for n in questions(one.body, tongue.asking))
        scope = InManaged(
            tongue=tongue,
            name=one.name,
            conditions="\n".join(asked),
            file=file,
            names=names(one),
            acting=acting,
        )
        try:
            Walker(scope).function(one.body, OneWay())
        except (TooManyWaysError, RecursionError):
            given_up.append((one.node.start_point[0] + 1, one.node.end_point[0] + 1))
        else:
            faults += scope.faults.values()
    return faults, given_up


_WORTH: Final = re.compile(
    r"(Open|Create)\w*Key|ConnectRegistry|RegLoad|mpersonat|OpenRemoteBaseKey"
)


def captured(top: Node, inside: frozenset[str], own: Callable[[Node], set[str]]) -> set[str]:
    """Return what functions inside *top*, nodes of the kinds *inside*, name but do not make.

    They may close it later, so that it is not followed; *own* says what such a function makes.
    """
    found: set[str] = set()
    for node in nodes(top):
        if node.type in inside:
            found |= {said(n) for n in nodes(node) if n.type == "identifier"} - own(node)
    return found


def identifiers(node: Node, kinds: frozenset[str]) -> Iterator[str]:
    """Yield the names that the nodes of *kinds* below *node* give by their field ``name``."""
    for inner in nodes(node):
        if inner.type in kinds:
            yield said(inner.child_by_field_name("name"))

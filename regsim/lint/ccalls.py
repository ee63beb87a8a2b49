"""What the calls of a C function do to what it has open, on one way through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import attrs

from regsim.lint import cnames
from regsim.lint.cmends import unloaded
from regsim.lint.following import Following
from regsim.lint.grammars import last, said
from regsim.lint.ways import (
    CLOSED,
    GONE,
    INVALID,
    OPEN,
    OTHER,
    UNKNOWN,
    ZERO,
    Acquired,
    FromCaller,
    OneWay,
    Predefined,
    Unopened,
    Ways,
    Worth,
)

if TYPE_CHECKING:
    from tree_sitter import Node

    from regsim.lint.cfile import CFile


@attrs.define(kw_only=True)
class InC(Following):
    """One function of C or C++ while its ways are followed.

    Attributes:
        file: what the whole file says.
        types: its variables and parameters, by name the type.
        params: the parameters of handle types.
        calls: what it calls, without the A or W.
        ends: by name, where in the text it is asked for the last time.
    """

    file: CFile
    types: dict[str, str] = attrs.field(factory=dict)
    params: set[str] = attrs.field(factory=set)
    calls: set[str] = attrs.field(factory=set)
    ends: dict[str, int] = attrs.field(factory=dict)

    def done(self, offset: int) -> frozenset[str]:
        """Return the names that no condition asks about after *offset*; a handle is kept."""
        return frozenset(
            name
            for name, end in self.ends.items()
            if end <= offset and self.types.get(name) not in cnames.HANDLES
        )

    def variable(self, node: Node | None) -> str:
        """Return the local variable that *node* is, or a member of a local record; or nothing."""
        node = bare(node)
        if node is None:
            return ""
        if node.type == "identifier" and said(node) in self.types:
            return said(node)
        if node.type == "field_expression" and said(node.child_by_field_name("operator")) == ".":
            inner = bare(node.child_by_field_name("argument"))
            if inner is not None and inner.type == "identifier" and said(inner) in self.types:
                return f"{said(inner)}.{said(node.child_by_field_name('field'))}"
        return ""

    def target(self, node: Node | None) -> str:
        """Return the local variable whose address *node* is, or nothing."""
        node = bare(node)
        if node is None or node.type != "pointer_expression" or not said(node).startswith("&"):
            return ""
        return self.variable(node.child_by_field_name("argument"))

    def keep(self, name: str, got: Worth, node: Node | None, world: OneWay) -> OneWay:
        """Return *world* after *name* got *got*, of which only what is asked later is known."""
        if got in (ZERO, OTHER) and self.types.get(name) not in cnames.HANDLES:
            got = got if self.asked[name.split(".", maxsplit=1)[0]] else UNKNOWN
        return self.put(name, got, node, world)

    def left(self, world: OneWay, opened: Acquired, node: Node | None, how: str) -> None:
        """Note a leak; or that a parameter was closed where something of one's own should be."""
        if self.name in cnames.PROGRAMS and not opened.older:  # a loop may open many
            return
        if not world.ended or self.sites[opened.site][1] != "key" or opened.older:
            self.leak(world, opened, node, how)
            return
        name, site = next(iter(world.ended)), self.sites[opened.site][0]
        title = self.title(opened)
        message = f"the parameter {name} is closed, and {title}, which was opened here, is not"
        self.report("C103", site, message)


LEAKS: Final = {
    "key": ("C101", "is not closed"),
    "profile": ("C107", "is loaded, and UnloadUserProfile is not called"),
    "mount": ("C109", "is loaded, and RegUnLoadKey is not called"),
    "app": ("C111", "is the handle of an application's hive, and is not closed"),
}


@attrs.frozen
class Called:
    """A call on one way: its node, the function, its arguments and what they are worth."""

    node: Node
    name: str
    args: list[Node]
    values: list[Worth]
    method: bool = False

    def arg(self, index: int | None) -> Node | None:
        """Return an argument, or none where it is not given."""
        return self.args[index] if index is not None and index < len(self.args) else None

    def value(self, index: int | None) -> Worth:
        """Return what an argument is worth; nothing is known of one that is not given."""
        return self.values[index] if index is not None and index < len(self.values) else UNKNOWN


def bare(node: Node | None) -> Node | None:
    """Return *node* without parentheses and casts."""
    while node is not None and node.type in ("parenthesized_expression", "cast_expression"):
        node = node.child_by_field_name("value") or last(node)
    return node


def call(scope: InC, node: Node, args: list[Node], values: list[Worth], world: OneWay) -> Ways:
    """Return what becomes of *world* by the call *node*, whose arguments are worth *values*."""
    callee = node.child_by_field_name("function")
    method = callee is not None and callee.type == "field_expression"
    name = said(callee.child_by_field_name("field")) if method and callee else said(callee)
    called = Called(node, cnames.plain(name), args, values, method)
    name = called.name
    if name in cnames.ACTING:
        good, bad = (ZERO, OTHER) if cnames.ACTING[name] else (OTHER, ZERO)
        return [(good, attrs.evolve(world, acting=True)), (bad, world)]
    if name in cnames.REVERTING:
        return [(UNKNOWN, attrs.evolve(world, acting=False))]
    _check_root(scope, called, world)
    _check_key(scope, called, world)
    if name in _KNOWN:
        return _KNOWN[name](scope, called, world)
    if name in cnames.OPENERS:
        return _open(scope, called, world)
    if name in cnames.GIVERS or (name in scope.file.giving and not method):
        return _given(scope, called, world)
    if name in cnames.CLOSERS:
        return [(ZERO, _close(scope, called, world))]
    return [(UNKNOWN, _other(scope, called, world))]


def _check_root(scope: InC, called: Called, world: OneWay) -> None:
    """Note a use of HKEY_CURRENT_USER while the thread acts for somebody else."""
    name = called.name
    if not world.acting or scope.file.uncached:
        return
    if Predefined("HKEY_CURRENT_USER") in called.values and name not in cnames.CLOSERS:
        if name.startswith(("Reg", "SH")) or name in scope.file.functions:
            text = f"{name} uses HKEY_CURRENT_USER while impersonating"
            scope.report("C105", called.node, text)
    elif name in scope.file.using_root:
        text = f"{name} is called while impersonating, and uses HKEY_CURRENT_USER"
        scope.report("C105", called.node, text)


def _check_key(scope: InC, called: Called, world: OneWay) -> None:
    """Note a use of a key that may not have been opened, or was closed."""
    name, first = called.name, called.value(0)
    if not name.startswith("Reg") or name in cnames.CLOSERS:
        return
    if isinstance(first, Unopened) and first.site in scope.sites:
        title = scope.title(Acquired(first.site))
        text = f"{name} uses {title} although opening it may have failed"
        scope.report("C106", called.node, text)
    elif isinstance(first, Acquired) and world.state.get(first) == CLOSED:
        text = f"{name} uses {scope.title(first)} after it was closed"
        scope.report("C106", called.node, text, "closed-before")


def _open(scope: InC, called: Called, world: OneWay) -> Ways:
    opener = cnames.OPENERS[called.name]
    target = scope.target(called.arg(opener.result))
    if not target or "." in target or scope.types[target] not in cnames.HANDLES:
        return [(ZERO, world), (OTHER, world)]
    root = called.value(opener.root)
    named = said(called.arg(opener.name))
    if called.name == "RegOpenKey" and named in ("NULL", "nullptr", "0"):
        return [(ZERO, world.put(target, root))]  # KB 137202: the same handle, not a new one
    opened = Acquired(called.node.start_byte)
    title = f"{target} ({called.name})"
    scope.sites[opened.site] = (called.node, opener.what, title)
    failed = world.put(target, _after_failure(world, target, opened))
    world = _before_opening(scope, opened, target, world)
    return [(ZERO, _good(opened, (root, named), world.put(target, opened))), (OTHER, failed)]


def _good(opened: Acquired, below: tuple[Worth, str], world: OneWay) -> OneWay:
    """Return the world in which *opened* is open."""
    world = world.turn(opened, OPEN)
    return attrs.evolve(world, below={**world.below, opened: below})


def _given(scope: InC, called: Called, world: OneWay) -> Ways:
    """Follow a function whose value is the key that it opened."""
    opened = Acquired(called.node.start_byte)
    scope.sites[opened.site] = (called.node, "key", f"the key that {called.name} gives")
    world = _before_opening(scope, opened, "", _other(scope, called, world))
    good = _good(opened, (UNKNOWN, ""), world)
    return [(opened, good), (INVALID if called.name in cnames.GIVERS else ZERO, world)]


def _after_failure(world: OneWay, target: str, opened: Acquired) -> Worth:
    """Return what *target* holds after a failed call: a 0 and an open key stay, no more is sure."""
    before = world.values.get(target, UNKNOWN)
    stays = isinstance(before, Acquired) and world.state.get(before) == OPEN
    return before if before == ZERO or stays else Unopened(opened.site)


def _before_opening(scope: InC, opened: Acquired, target: str, world: OneWay) -> OneWay:
    """Return *world* with room for *opened* in *target*; what that held alone is lost."""
    held = world.values.get(target)
    if isinstance(held, Acquired) and world.state.get(held) == OPEN:
        if world.holders(held) == [target]:
            scope.leak(
                world, held, scope.sites[opened.site][0], "before the next is opened into it"
            )
        world = world if world.holders(held) != [target] else world.turn(held, GONE)
    others = [name for name in world.holders(opened) if name != target]
    if opened in world.state and (others or world.state[opened] == OPEN):
        older = attrs.evolve(opened, older=True)
        state = GONE if older in world.state else world.state[opened]
        for name in others:
            world = world.put(name, older)
        left = {o: s for o, s in world.state.items() if o != opened}
        below = {older if o == opened else o: b for o, b in world.below.items()}
        world = attrs.evolve(world, state={**left, older: state}, below=below)
    return world


def _close(scope: InC, called: Called, world: OneWay) -> OneWay:
    value = called.value(0)
    if isinstance(value, Acquired):
        kind = scope.sites[value.site][1]
        if kind == "profile":
            message = f"{scope.title(value)} is for UnloadUserProfile, not for RegCloseKey"
            alone = "UnloadUserProfile" not in scope.calls
            edits = unloaded(scope.sites[value.site][0], called.node) if alone else ()
            scope.report("C108", called.node, message, edits=edits)
            return world.turn(value, GONE)
        if world.state.get(value) == CLOSED:
            scope.report("C102", called.node, f"{scope.title(value)} is closed a second time")
        elif world.state.get(value) == OPEN:
            return world.turn(value, CLOSED)
    elif isinstance(value, Predefined):
        if scope.file.threads and value.name != "HKEY_PERFORMANCE_DATA":
            message = f"{value.name} is closed in a program of several threads"
            scope.report("C104", called.node, message)
    elif isinstance(value, FromCaller):
        return attrs.evolve(world, ended={**world.ended, value.name: called.node.start_byte})
    return world


def _load_key(scope: InC, called: Called, world: OneWay) -> Ways:
    elsewhere = "RegUnLoadKey" in scope.file.called and "RegUnLoadKey" not in scope.calls
    if len(called.args) < 2 or elsewhere:
        return [(ZERO, world), (OTHER, world)]
    opened = Acquired(called.node.start_byte)
    scope.sites[opened.site] = (called.node, "mount", f"the hive at {said(called.args[1])}")
    good = _good(opened, (called.value(0), said(called.args[1])), world)
    return [(ZERO, good), (OTHER, world)]


def _unload_key(scope: InC, called: Called, world: OneWay) -> Ways:
    name = said(called.arg(1))
    mounts = [o for o, s in world.state.items() if scope.sites[o.site][1] == "mount" and s == OPEN]
    mounts = [o for o in mounts if world.below[o][1] == name] or mounts
    root = called.value(0)
    for opened, state in world.state.items():
        below, path = world.below.get(opened, (UNKNOWN, ""))
        if state != OPEN or scope.sites[opened.site][1] != "key" or not name:
            continue
        if below == root and root != UNKNOWN and _starts(path, name):
            message = f"RegUnLoadKey is called while {scope.title(opened)} is open below it"
            scope.report("C110", called.node, message)
    for opened in mounts:
        world = world.turn(opened, CLOSED)
    return [(ZERO, world), (OTHER, world)]


def _starts(path: str, name: str) -> bool:
    """Return whether the key written *path* is the one written *name* or lies below it."""
    if not path.endswith('"') or not name.endswith('"'):
        return path == name
    path, name = (text[text.index('"') + 1 : -1].replace("\\\\", "\\") for text in (path, name))
    return path.lower() == name.lower() or path.lower().startswith(name.lower() + "\\")


def _load_profile(scope: InC, called: Called, world: OneWay) -> Ways:
    record = scope.target(called.arg(1))
    elsewhere = "UnloadUserProfile" in scope.file.called and "UnloadUserProfile" not in scope.calls
    if not record or elsewhere:
        return [(OTHER, world), (ZERO, world)]
    opened = Acquired(called.node.start_byte)
    scope.sites[opened.site] = (called.node, "profile", f"the profile in {record}")
    good = world.put(f"{record}.hProfile", opened).turn(opened, OPEN)
    return [(OTHER, good), (ZERO, world)]


def _unload_profile(scope: InC, called: Called, world: OneWay) -> Ways:
    value = called.value(1)
    if isinstance(value, Acquired):
        for opened, state in world.state.items():
            if state == OPEN and world.below.get(opened, (UNKNOWN, ""))[0] == value:
                message = f"the profile is unloaded while {scope.title(opened)} is open in it"
                scope.report("C110", called.node, message)
        world = world.turn(value, CLOSED)
    else:
        for opened in world.state:
            if scope.sites[opened.site][1] == "profile":
                world = world.turn(opened, GONE)
    return [(OTHER, world), (ZERO, world)]


def _same(_scope: InC, called: Called, world: OneWay) -> Ways:
    return [(called.value(0), world)]


def _other(scope: InC, called: Called, world: OneWay) -> OneWay:
    """Return *world* after a function that is not known, which may keep or close what it gets."""
    name = called.name
    summary = scope.file.functions.get(name) if not called.method else None
    lending = name.startswith("Reg") or cnames.lends(name, method=called.method)
    lost = []
    for index, (node, value) in enumerate(zip(called.args, called.values, strict=True)):
        target = scope.target(node)
        if target:
            lost.append(target)
            lost += [n for n in world.values if n.startswith(f"{target}.")]
        elif isinstance(value, Acquired):
            kept = index in summary if summary is not None else not lending
            lost += world.holders(value) if kept else []
        elif bare(node) is not None and bare(node).type == "identifier":  # type: ignore[union-attr]
            lost += [n for n in world.values if n.startswith(f"{said(bare(node))}.")]
    world = world.lose(lost)
    for node in called.args:
        if target := scope.target(node):
            world = world.put(target, UNKNOWN)
    return world


_KNOWN: Final[dict[str, Callable[[InC, Called, OneWay], Ways]]] = {
    "RegLoadKey": _load_key,
    "RegUnLoadKey": _unload_key,
    "LoadUserProfile": _load_profile,
    "UnloadUserProfile": _unload_profile,
    **dict.fromkeys(
        ("HRESULT_FROM_WIN32", "RtlNtStatusToDosError", "static_cast<LONG>", "LONG"), _same
    ),
}

"""What the expressions of a C function are worth, and which ways a condition opens."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import attrs

from regsim.lint import cnames
from regsim.lint.ccalls import Following, Ways, bare, call
from regsim.lint.cworlds import (
    GONE,
    OPEN,
    OTHER,
    UNKNOWN,
    ZERO,
    Acquired,
    CWorld,
    FromCaller,
    Predefined,
    Unopened,
    Worth,
)
from regsim.lint.grammars import nodes, said

if TYPE_CHECKING:
    from tree_sitter import Node

Truths = list[tuple[bool, CWorld]]

_TESTS: Final = {
    "SUCCEEDED": True,
    "NT_SUCCESS": True,
    "FAILED": False,
    "NT_ERROR": False,
    "IS_ERROR": False,
}
"""Macros that ask whether a status, 0 for success, says so."""
_PASSING: Final = frozenset({"likely", "unlikely", "__builtin_expect", "bool", "_Bool"})
_OWNING: Final = frozenset(
    {"lambda_expression", "initializer_list", "new_expression", "compound_literal_expression"}
)


def value(scope: Following, node: Node | None, world: CWorld) -> Ways:
    """Return what *node* is worth in *world*, and the worlds after it."""
    node = bare(node)
    if node is None:
        return [(UNKNOWN, world)]
    return _VALUES.get(node.type, _parts)(scope, node, world)


def _identifier(_scope: Following, node: Node, world: CWorld) -> Ways:
    name = said(node)
    if name in cnames.SUCCESSES:
        return [(ZERO, world)]
    if name.startswith("HKEY_"):
        return [(Predefined(name), world)]
    if name not in world.values and cnames.FAILURES.match(name):
        return [(OTHER, world)]
    return [(world.values.get(name, UNKNOWN), world)]


def _number(_scope: Following, node: Node, world: CWorld) -> Ways:
    try:
        number = int(said(node).rstrip("uUlL"), 0)
    except ValueError:
        return [(UNKNOWN, world)]
    return [(OTHER if number else ZERO, world)]


def _field(scope: Following, node: Node, world: CWorld) -> Ways:
    name = scope.variable(node)
    if name:
        return [(world.values.get(name, UNKNOWN), world)]
    return _parts(scope, node, world)


def _parts(scope: Following, node: Node, world: CWorld) -> Ways:
    """Go through the parts of *node* for what they do; nothing is known of the whole."""
    worlds = [world]
    for child in node.named_children:
        worlds = [after for w in worlds for _, after in value(scope, child, w)]
    return [(UNKNOWN, w) for w in worlds]


def _owning(_scope: Following, node: Node, world: CWorld) -> Ways:
    """Lose what *node* names: an object or a function that lives on may own it."""
    return [(UNKNOWN, lost(node, world))]


def lost(node: Node, world: CWorld) -> CWorld:
    """Return *world* after whatever *node* names became somebody else's."""
    names = {said(n) for n in nodes(node) if n.type == "identifier"}
    members = [v for v in world.values if v.split(".")[0] in names]
    return world.lose(members)


def _assignment(scope: Following, node: Node, world: CWorld) -> Ways:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    plain = said(node.child_by_field_name("operator")) == "="
    found: Ways = []
    for got, after in value(scope, right, world):
        found.append((got, stored(scope, left, got if plain else UNKNOWN, after)))
    return found


def stored(scope: Following, left: Node | None, got: Worth, world: CWorld) -> CWorld:
    """Return *world* after *got* was stored at *left*; what no local variable holds is lost."""
    name = scope.variable(left)
    if name:
        held = world.values.get(name)
        mine = isinstance(held, Acquired) and held != got and world.holders(held) == [name]
        if mine and isinstance(held, Acquired) and world.state.get(held) == OPEN:
            scope.leak(world, held, left, "before its variable gets another value")
            world = world.turn(held, GONE)
        return world.put(name, got)
    if isinstance(got, Acquired):
        return world.lose(world.holders(got))
    if left is not None:
        world = attrs.evolve(world, facts={})
    return world


def _update(scope: Following, node: Node, world: CWorld) -> Ways:
    name = scope.variable(node.child_by_field_name("argument"))
    return [(UNKNOWN, world.put(name, UNKNOWN) if name else world)]


def _conditional(scope: Following, node: Node, world: CWorld) -> Ways:
    found: Ways = []
    for met, after in truth(scope, node.child_by_field_name("condition"), world):
        branch = node.child_by_field_name("consequence" if met else "alternative")
        found += value(scope, branch, after)
    return found


def _call(scope: Following, node: Node, world: CWorld) -> Ways:
    name = said(node.child_by_field_name("function"))
    if name in _TESTS:
        return [(OTHER if met else ZERO, w) for met, w in truth(scope, node, world)]
    listed = node.child_by_field_name("arguments")
    args = [] if listed is None else [c for c in listed.named_children if c.type != "comment"]
    if name in _PASSING and args:
        return value(scope, args[0], world)
    ways: list[tuple[list[Worth], CWorld]] = [([], world)]
    for arg in args:
        ways = [
            ([*values, got], after)
            for values, before in ways
            for got, after in value(scope, arg, before)
        ]
    found: Ways = []
    for values, after in ways:
        found += call(scope, node, args, values, after)
    return found


def _binary(scope: Following, node: Node, world: CWorld) -> Ways:
    operator = said(node.child_by_field_name("operator"))
    if operator in _COMPARED or operator in ("&&", "||"):
        return [(OTHER if met else ZERO, w) for met, w in truth(scope, node, world)]
    return _parts(scope, node, world)


def _unary(scope: Following, node: Node, world: CWorld) -> Ways:
    if said(node.child_by_field_name("operator")) == "!":
        return [(OTHER if met else ZERO, w) for met, w in truth(scope, node, world)]
    if said(node.child_by_field_name("operator")) == "-":
        return value(scope, node.child_by_field_name("argument"), world)
    return _parts(scope, node, world)


def _comma(scope: Following, node: Node, world: CWorld) -> Ways:
    found: Ways = []
    for _, after in value(scope, node.child_by_field_name("left"), world):
        found += value(scope, node.child_by_field_name("right"), after)
    return found


def _zero(_scope: Following, _node: Node, world: CWorld) -> Ways:
    return [(ZERO, world)]


def _one(_scope: Following, _node: Node, world: CWorld) -> Ways:
    return [(OTHER, world)]


_VALUES: Final[dict[str, Callable[[Following, Node, CWorld], Ways]]] = {
    "identifier": _identifier,
    "number_literal": _number,
    "null": _zero,
    "false": _zero,
    "true": _one,
    "string_literal": _one,
    "field_expression": _field,
    "assignment_expression": _assignment,
    "update_expression": _update,
    "conditional_expression": _conditional,
    "call_expression": _call,
    "binary_expression": _binary,
    "unary_expression": _unary,
    "comma_expression": _comma,
    **dict.fromkeys(_OWNING, _owning),
}


# -- conditions -------------------------------------------------------------------------------

_COMPARED: Final = frozenset({"==", "!=", "<", ">", "<=", ">="})


def truth(scope: Following, node: Node | None, world: CWorld) -> Truths:
    """Return whether the condition *node* is met, with the world in which it is or is not."""
    node = bare(node)
    if node is None:
        return [(True, world)]
    if node.type == "condition_clause":
        return _clause(scope, node, world)
    operator = said(node.child_by_field_name("operator"))
    if node.type == "unary_expression" and operator == "!":
        inner = truth(scope, node.child_by_field_name("argument"), world)
        return [(not met, after) for met, after in inner]
    if node.type == "binary_expression" and operator in ("&&", "||"):
        return _both(scope, node, operator == "&&", world)
    if node.type == "binary_expression" and operator in _COMPARED:
        return _compared(scope, node, operator, world)
    if node.type == "call_expression":
        name = said(node.child_by_field_name("function"))
        listed = node.child_by_field_name("arguments")
        if name in _TESTS and listed is not None and listed.named_children:
            return _tested(scope, listed.named_children[0], _TESTS[name], world)
    found: Truths = []
    for got, after in value(scope, node, world):
        found += _met(scope, node, got, after)
    return found


def _clause(scope: Following, node: Node, world: CWorld) -> Truths:
    start, last = node.child_by_field_name("initializer"), node.child_by_field_name("value")
    worlds = [world]
    if start is not None:
        worlds = [after for _, after in value(scope, start, world)]
    return [found for each in worlds for found in truth(scope, last, each)]


def _both(scope: Following, node: Node, every: bool, world: CWorld) -> Truths:
    found: Truths = []
    for met, after in truth(scope, node.child_by_field_name("left"), world):
        if met is every:
            found += truth(scope, node.child_by_field_name("right"), after)
        else:
            found.append((met, after))
    return found


def _tested(scope: Following, node: Node, success: bool, world: CWorld) -> Truths:
    found: Truths = []
    for got, after in value(scope, node, world):
        if got in (ZERO, OTHER):
            found.append(((got == ZERO) is success, after))
        else:
            name = scope.variable(node)
            for met in (True, False):
                known = ZERO if met is success else OTHER
                found.append((met, after.put(name, known) if name else after))
    return found


def _met(scope: Following, node: Node, got: Worth, world: CWorld) -> Truths:
    if got == ZERO:
        return [(False, world)]
    if got == OTHER or isinstance(got, Acquired | Predefined):
        return [(True, world)]
    name = scope.variable(node)
    if name and not isinstance(got, Unopened):
        return [(True, world if got else world.put(name, OTHER)), (False, world.put(name, ZERO))]
    return _either(node, world)


def _either(node: Node, world: CWorld) -> Truths:
    """Go both ways, unless the same was asked before; calls may answer anew each time."""
    text = said(node)
    if text in world.facts:
        return [(world.facts[text], world)]
    if len(text) > 200 or any(n.type == "call_expression" for n in nodes(node)):
        return [(True, world), (False, world)]
    return [(met, attrs.evolve(world, facts={**world.facts, text: met})) for met in (True, False)]


def _compared(scope: Following, node: Node, operator: str, world: CWorld) -> Truths:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    found: Truths = []
    for one, middle in value(scope, left, world):
        for other, after in value(scope, right, middle):
            found += _weighed(scope, node, operator, (one, other), after)
    return found


def _same(one: Worth, other: Worth) -> bool | None:
    """Return whether two handles are the same; a parameter may be a predefined key."""
    if one == other:
        return True
    return (
        None
        if isinstance(one, FromCaller | Predefined) and isinstance(other, FromCaller | Predefined)
        else False
    )


def _weighed(
    scope: Following, node: Node, operator: str, sides: tuple[Worth, Worth], world: CWorld
) -> Truths:
    kinds = [OTHER if isinstance(v, Acquired | Predefined) else v for v in sides]
    equal: bool | None = None
    if kinds == [ZERO, ZERO]:
        equal = True
    elif set(kinds) == {ZERO, OTHER}:
        equal = False
    elif all(isinstance(v, Acquired | FromCaller | Predefined) for v in sides):
        equal = _same(*sides)
    if operator in ("==", "!=") and equal is not None:
        return [(equal is (operator == "=="), world)]
    if equal:
        return [(operator in ("<=", ">="), world)]
    if operator in ("==", "!=") and ZERO in kinds:
        asked = bare(node.child_by_field_name("left" if kinds[1] == ZERO else "right"))
        name = scope.variable(asked)
        other = kinds[0] if kinds[1] == ZERO else kinds[1]
        if name and not isinstance(other, Unopened):
            same = operator == "=="
            return [
                (same, world.put(name, ZERO)),
                (not same, world if other else world.put(name, OTHER)),
            ]
    return _either(node, world)

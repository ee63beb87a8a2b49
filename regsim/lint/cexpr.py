"""What the expressions of a C function are worth, and which ways a condition opens."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import attrs

from regsim.lint import cnames
from regsim.lint.ccalls import InC, bare, call
from regsim.lint.following import asked, both, either, negated, one, owning, parts, plain, zero
from regsim.lint.grammars import said
from regsim.lint.ways import (
    INVALID,
    OTHER,
    UNKNOWN,
    ZERO,
    Acquired,
    FromCaller,
    OneWay,
    Predefined,
    Truths,
    Unopened,
    Ways,
    Worth,
)

if TYPE_CHECKING:
    from tree_sitter import Node

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


def value(scope: InC, node: Node | None, world: OneWay) -> Ways:
    """Return what *node* is worth in *world*, and the worlds after it."""
    node = bare(node)
    if node is None:
        return [(UNKNOWN, world)]
    return _VALUES.get(node.type, parts)(scope, node, world)


def _identifier(_scope: InC, node: Node, world: OneWay) -> Ways:
    name = said(node)
    if name in cnames.SUCCESSES:
        return [(ZERO, world)]
    if name.startswith("HKEY_"):
        return [(Predefined(name), world)]
    if name == "INVALID_HANDLE_VALUE":
        return [(INVALID, world)]
    if name not in world.values and cnames.FAILURES.match(name):
        return [(OTHER, world)]
    return [(world.values.get(name, UNKNOWN), world)]


def _number(_scope: InC, node: Node, world: OneWay) -> Ways:
    try:
        number = int(said(node).rstrip("uUlL"), 0)
    except ValueError:
        return [(UNKNOWN, world)]
    return [(OTHER if number else ZERO, world)]


def _field(scope: InC, node: Node, world: OneWay) -> Ways:
    name = scope.variable(node)
    if name:
        return [(world.values.get(name, UNKNOWN), world)]
    return parts(scope, node, world)


def _assignment(scope: InC, node: Node, world: OneWay) -> Ways:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    plain = said(node.child_by_field_name("operator")) == "="
    found: Ways = []
    for got, after in value(scope, right, world):
        found.append((got, stored(scope, left, got if plain else UNKNOWN, after)))
    return found


def stored(scope: InC, left: Node | None, got: Worth, world: OneWay) -> OneWay:
    """Return *world* after *got* was stored at *left*; what no local variable holds is lost."""
    name = scope.variable(left)
    if name:
        return scope.keep(name, got, left, world)
    if isinstance(got, Acquired):
        return world.give(got)
    if left is not None:
        kept = {t: v for t, v in world.facts.items() if t.startswith("#")}  # the preprocessor's
        world = attrs.evolve(world, facts=kept)
    return world


def _update(scope: InC, node: Node, world: OneWay) -> Ways:
    name = scope.variable(node.child_by_field_name("argument"))
    return [(UNKNOWN, world.put(name, UNKNOWN) if name else world)]


def _conditional(scope: InC, node: Node, world: OneWay) -> Ways:
    found: Ways = []
    for met, after in truth(scope, node.child_by_field_name("condition"), world):
        branch = node.child_by_field_name("consequence" if met else "alternative")
        found += value(scope, branch, after)
    return found


def _call(scope: InC, node: Node, world: OneWay) -> Ways:
    name = said(node.child_by_field_name("function"))
    if name in _TESTS:
        return asked(scope, node, world)
    listed = node.child_by_field_name("arguments")
    args = [] if listed is None else [c for c in listed.named_children if c.type != "comment"]
    if name in _PASSING and args:
        return value(scope, args[0], world)
    ways: list[tuple[list[Worth], OneWay]] = [([], world)]
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


def _binary(scope: InC, node: Node, world: OneWay) -> Ways:
    operator = said(node.child_by_field_name("operator"))
    if operator in _COMPARED or operator in ("&&", "||"):
        return asked(scope, node, world)
    return parts(scope, node, world)


def _unary(scope: InC, node: Node, world: OneWay) -> Ways:
    if said(node.child_by_field_name("operator")) == "!":
        return asked(scope, node, world)
    if said(node.child_by_field_name("operator")) == "-":
        return value(scope, node.child_by_field_name("argument"), world)
    return parts(scope, node, world)


def _comma(scope: InC, node: Node, world: OneWay) -> Ways:
    found: Ways = []
    for _, after in value(scope, node.child_by_field_name("left"), world):
        found += value(scope, node.child_by_field_name("right"), after)
    return found


_VALUES: Final[dict[str, Callable[[InC, Node, OneWay], Ways]]] = {
    "identifier": _identifier,
    "number_literal": _number,
    "null": zero,
    "false": zero,
    "true": one,
    "string_literal": one,
    "field_expression": _field,
    "assignment_expression": _assignment,
    "update_expression": _update,
    "conditional_expression": _conditional,
    "call_expression": _call,
    "binary_expression": _binary,
    "unary_expression": _unary,
    "comma_expression": _comma,
    **dict.fromkeys(_OWNING, owning),
}


# -- conditions -------------------------------------------------------------------------------

_COMPARED: Final = frozenset({"==", "!=", "<", ">", "<=", ">="})


def truth(scope: InC, node: Node | None, world: OneWay) -> Truths:
    """Return whether the condition *node* is met, with the world in which it is or is not."""
    node = bare(node)
    if node is None:
        return [(True, world)]
    if node.type == "condition_clause":
        return _clause(scope, node, world)
    operator = said(node.child_by_field_name("operator"))
    if node.type == "unary_expression" and operator == "!":
        return negated(truth(scope, node.child_by_field_name("argument"), world))
    if node.type == "binary_expression" and operator in ("&&", "||"):
        sides = (node.child_by_field_name("left"), node.child_by_field_name("right"))
        return both(scope, sides, operator == "&&", world)
    if node.type == "binary_expression" and operator in _COMPARED:
        return _compared(scope, node, operator, world)
    if node.type == "call_expression":
        name = said(node.child_by_field_name("function"))
        listed = node.child_by_field_name("arguments")
        if name in _TESTS and listed is not None and listed.named_children:
            return _tested(scope, listed.named_children[0], _TESTS[name], world)
    return plain(scope, node, world)


def _clause(scope: InC, node: Node, world: OneWay) -> Truths:
    start, last = node.child_by_field_name("initializer"), node.child_by_field_name("value")
    worlds = [world]
    if start is not None:
        worlds = [after for _, after in value(scope, start, world)]
    return [found for each in worlds for found in truth(scope, last, each)]


def _tested(scope: InC, node: Node, success: bool, world: OneWay) -> Truths:
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


def _compared(scope: InC, node: Node, operator: str, world: OneWay) -> Truths:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    found: Truths = []
    for mine, middle in value(scope, left, world):
        for other, after in value(scope, right, middle):
            found += _weighed(scope, node, operator, (mine, other), after)
    return found


def _same(mine: Worth, other: Worth) -> bool | None:
    """Return whether two handles are the same; a parameter may be a predefined key."""
    if mine == other:
        return True
    return (
        None
        if isinstance(mine, FromCaller | Predefined) and isinstance(other, FromCaller | Predefined)
        else False
    )


def _weighed(
    scope: InC, node: Node, operator: str, sides: tuple[Worth, Worth], world: OneWay
) -> Truths:
    kinds = [OTHER if isinstance(v, Acquired | Predefined) else v for v in sides]
    equal: bool | None = None
    if INVALID in sides:
        other = sides[1] if sides[0] == INVALID else sides[0]
        equal = None if other in (UNKNOWN, OTHER) else other == INVALID
    elif kinds == [ZERO, ZERO]:
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
        side = bare(node.child_by_field_name("left" if kinds[1] == ZERO else "right"))
        name = scope.variable(side)
        other = kinds[0] if kinds[1] == ZERO else kinds[1]
        if name and not isinstance(other, Unopened):
            same = operator == "=="
            return [
                (same, scope.learn(name, ZERO, world)),
                (not same, world if other else scope.learn(name, OTHER, world)),
            ]
    return either(scope, node, world)

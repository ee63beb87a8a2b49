"""Statements about a state: Boolean formulas over its components and its counters.

A formula is data, so that an engine can compile it: `Atom` asks one component a question, `Zero`
asks whether a counter stands at zero; ``&``, ``|`` and ``~`` combine them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterable
from typing import Any

import attrs


class Formula:
    """What can be combined with ``&``, ``|`` and ``~``."""

    __slots__ = ()

    def __and__(self, other: Formula) -> Formula:
        """Return the formula that both hold."""
        return All((self, other))

    def __or__(self, other: Formula) -> Formula:
        """Return the formula that at least one holds."""
        return Some((self, other))

    def __invert__(self) -> Formula:
        """Return the formula that this one does not hold."""
        return Not(self)


@attrs.frozen
class Atom(Formula):
    """Component *component* has a value for which *test* answers true.

    *test* must be a pure function of the value; *text* is how a person reads the atom.
    """

    component: str
    test: Callable[[Any], bool]
    text: str = "atom"


@attrs.frozen
class Zero(Formula):
    """Counter *counter* stands at zero."""

    counter: str


@attrs.frozen
class Not(Formula):
    """*part* does not hold."""

    part: Formula


@attrs.frozen
class All(Formula):
    """Every one of *parts* holds; with none it is true."""

    parts: tuple[Formula, ...]


@attrs.frozen
class Some(Formula):
    """At least one of *parts* holds; with none it is false."""

    parts: tuple[Formula, ...]


TRUE = All(())
FALSE = Some(())


def every(parts: Iterable[Formula]) -> Formula:
    """Return the formula that all *parts* hold."""
    return All(tuple(parts))


def some(parts: Iterable[Formula]) -> Formula:
    """Return the formula that one of *parts* holds."""
    return Some(tuple(parts))


@attrs.frozen
class Literal:
    """An atom or a zero test, or its negation when *positive* is false."""

    base: Atom | Zero
    positive: bool = True


Conjunction = tuple[Literal, ...]


def disjuncts(formula: Formula) -> tuple[Conjunction, ...]:
    """Return *formula* as an "or" of "and"s of literals.

    >>> a, b = Zero("a"), Zero("b")
    >>> [[l.positive for l in c] for c in disjuncts(~(a & ~b))]
    [[False], [True]]
    """
    return _disjuncts(formula, positive=True)


def _disjuncts(formula: Formula, *, positive: bool) -> tuple[Conjunction, ...]:
    if isinstance(formula, Not):
        return _disjuncts(formula.part, positive=not positive)
    if isinstance(formula, All | Some):
        parts = [_disjuncts(part, positive=positive) for part in formula.parts]
        if isinstance(formula, Some) is positive:
            return tuple(c for part in parts for c in part)
        product: tuple[Conjunction, ...] = ((),)
        for part in parts:
            product = tuple(left + right for left in product for right in part)
        return product
    if isinstance(formula, Atom | Zero):
        return ((Literal(formula, positive),),)
    raise TypeError(f"no formula: {formula!r}")


def holds(
    formula: Formula, value: Callable[[str], Hashable], counter: Callable[[str], int]
) -> bool:
    """Return whether *formula* holds where *value* gives components and *counter* counters.

    This is the meaning of a formula; the engines' compiled forms must agree with it.
    """
    if isinstance(formula, Atom):
        return bool(formula.test(value(formula.component)))
    if isinstance(formula, Zero):
        return counter(formula.counter) == 0
    if isinstance(formula, Not):
        return not holds(formula.part, value, counter)
    ask = functools.partial(holds, value=value, counter=counter)
    if isinstance(formula, All):
        return all(map(ask, formula.parts))
    if isinstance(formula, Some):
        return any(map(ask, formula.parts))
    raise TypeError(f"no formula: {formula!r}")

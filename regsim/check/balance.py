"""Linear relations between a number that grows and where the members of families stand.

A fix that counts the users of a root keeps a number that no bound holds. But it is the sum, over
the places where a worker can stand, of a weight times how many stand there: each step changes both
sides alike. `relation` finds the weights from a model's tables, and `unproven` proves them there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

import attrs

from regsim.check.families import Base
from regsim.check.learn import Effect, LocalStep, Situation, State

_Row = dict[tuple[int, int], Fraction]
_ONE = (-1, -1)
"""The column of what stands alone."""


@attrs.frozen
class Relation:
    """A number equals a constant plus the weighted sum of how many stand where.

    Attributes:
        component: the component of the base that holds the number.
        number: its place among those of the component that grow.
        weights: by family and place, what one member there adds; places that add nothing are left
            out.
        constant: what it begins with.
    """

    component: int
    number: int
    weights: Mapping[tuple[int, int], int] = attrs.field(hash=False)
    constant: int = 0


def relation(base: Base, component: int, number: int) -> Relation | None:
    """Return the relation that holds of a number that grows, or None where none is found."""
    rows = [*_beginnings(base, component, number)]
    constant = _constant(base, component, number)
    for step, key, effect in base.entries():
        rows += _equations(base, (component, number), constant, step, key, effect)
    solution = _solved(rows)
    if solution is None or any(value.denominator != 1 for value in solution.values()):
        return None
    weights = {place: int(value) for place, value in solution.items() if value}
    return Relation(component, number, weights, constant)


def unproven(base: Base, found: Relation) -> str | None:
    """Return the step that does not keep *found*, or None where every step of the tables does."""
    where = (found.component, found.number)
    if found.constant != _constant(base, *where) or not all(
        _kept(row, found) for row in _beginnings(base, *where)
    ):
        return "the beginning"
    for step, key, effect in base.entries():
        rows = _equations(base, where, found.constant, step, key, effect)
        if not all(_kept(row, found) for row in rows):
            return step.spec.name
    return None


def _kept(row: _Row, found: Relation) -> bool:
    total = row.get(_ONE, Fraction(0))
    return total == sum(
        coefficient * found.weights.get(place, 0)
        for place, coefficient in row.items()
        if place != _ONE
    )


def _value(base: Base, component: int, number: int, value: int) -> int | None:
    """Return the number in *value*; None where it holds none: its process has ended, say."""
    counts = base.split(component, value)[1]
    return counts[number] if counts else None


def starting(base: Base, found: Relation, state: State) -> int:
    """Return what the number of *found* is in the initial *state*."""
    return _value(base, found.component, found.number, state[found.component]) or 0


def _constant(base: Base, component: int, number: int) -> int:
    values = [_value(base, component, number, s[component]) for s in base.learner.initial()]
    return values[0] or 0


def _beginnings(base: Base, component: int, number: int) -> Iterator[_Row]:
    """Yield that a member adds nothing where it begins, for there may be any number."""
    constant = _constant(base, component, number)
    for state in base.learner.initial():
        for index, family in enumerate(base.families):
            yield {(index, state[family.members[0]]): Fraction(1), _ONE: Fraction(0)}
        value = _value(base, component, number, state[component]) or 0
        yield {_ONE: Fraction(value - constant)}


def _equations(
    base: Base,
    where: tuple[int, int],
    constant: int,
    step: LocalStep,
    key: Situation,
    effect: Effect,
) -> Iterator[_Row]:
    """Yield what must hold of the weights for a step to change both sides alike.

    A row says: the sum of coefficient times weight equals what stands alone.
    """
    before, after = number_around(base, where, step, key, effect)
    ended = before is not None and after is None
    family = base.of.get(step.spec.reads[0])
    index = None if family is None else base.families.index(family)
    for number, swept in enumerate(base.families):
        if any(i in step.spec.maps for i in swept.members):
            for place, image in effect.images.get(swept.kind, {}).items():
                yield _row((number, image), None if ended else (number, place), 0)
        elif ended:
            for place in base.places(swept):
                yield _row((number, place), None, 0)
    new = None if index is None else (index, effect.new[0])
    if ended:
        yield _row(None, None, constant)
        yield _row(new, None, 0)
    else:
        old = None if index is None else (index, key[0])
        yield _row(new, old, (after or 0) - (before or 0))


def _row(more: tuple[int, int] | None, less: tuple[int, int] | None, alone: int) -> _Row:
    """Return the row that the weight of *more* without that of *less* is *alone*."""
    found = {_ONE: Fraction(alone)}
    if more is not None and more != less:
        found[more] = Fraction(1)
    if less is not None and more != less:
        found[less] = Fraction(-1)
    return found


def number_around(
    base: Base, where: tuple[int, int], step: LocalStep, key: Situation, effect: Effect
) -> tuple[int | None, int | None]:
    """Return the number before and after the step, None where nothing holds it any more.

    Where the step does not touch it that is 0 twice. A number that a step changes by a map, other
    than by ending what holds it, is 0 before and 1 after: no relation follows that.
    """
    component, number = where
    if component in step.spec.reads:
        at = step.spec.reads.index(component)
        values = (key[at], effect.new[at])
        return (
            _value(base, component, number, values[0]),
            _value(base, component, number, values[1]),
        )
    if component in step.spec.maps:
        kind = base.model.components[component].kind
        pairs = {
            (_value(base, component, number, a), _value(base, component, number, b))
            for a, b in effect.images.get(kind, {}).items()
        }
        changed = {pair for pair in pairs if pair[0] != pair[1]}
        if any(after is not None for _, after in changed):
            return (0, 1)  # no weights can follow it: a row that says 0 = 1
        if changed:
            return (1, None)
    return (0, 0)


def _solved(rows: list[_Row]) -> dict[tuple[int, int], Fraction] | None:
    """Return weights that satisfy *rows*, 0 where any would do; None where none do."""
    pivots: dict[tuple[int, int], _Row] = {}
    for row in rows:
        reduced = _reduced(dict(row), pivots)
        places = [p for p, value in reduced.items() if p != _ONE and value]
        if not places:
            if reduced.get(_ONE):
                return None
            continue
        pivot = max(places)
        scale = reduced[pivot]
        clean = {p: value / scale for p, value in reduced.items() if value or p == _ONE}
        for other, known in pivots.items():
            if known.get(pivot):
                pivots[other] = _minus(known, clean, known[pivot])
        pivots[pivot] = clean
    return {pivot: row.get(_ONE, Fraction(0)) for pivot, row in pivots.items()}


def _reduced(row: _Row, pivots: Mapping[tuple[int, int], _Row]) -> _Row:
    for pivot in [p for p in row if p in pivots]:
        row = _minus(row, pivots[pivot], row[pivot])
    return row


def _minus(row: _Row, other: _Row, times: Fraction) -> _Row:
    found = dict(row)
    for place, value in other.items():
        found[place] = found.get(place, Fraction(0)) - times * value
        if not found[place]:
            del found[place]
    return found

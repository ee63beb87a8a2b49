"""Formulas about a few interchangeable processes, as formulas about any number of them.

A claim is made of each member alike: ``every(at(worker, "idle") for worker in threads)``. With a
few members it names each of them; `lift` finds that every member is spoken of, and alike, and
returns what it says of the counts of an abstraction. Whatever singles a member out is refused.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from itertools import chain

import attrs

from regsim.check.counting import Counted
from regsim.check.factored import Factored
from regsim.check.families import RefusedError
from regsim.check.formula import (
    FALSE,
    TRUE,
    All,
    Atom,
    Formula,
    Literal,
    Not,
    Some,
    Zero,
    disjuncts,
    every,
    some,
)


@attrs.frozen
class OneOf:
    """Asks of a shared part whether it is one of these."""

    numbers: frozenset[int]

    def __call__(self, value: int) -> bool:
        """Return whether *value* is among the numbers."""
        return value in self.numbers


@attrs.frozen
class Absent:
    """Asks of the counts of a component whether nobody stands at any of these positions."""

    positions: frozenset[int]

    def __call__(self, counts: tuple[int, ...]) -> bool:
        """Return whether all these counts are 0."""
        return not any(counts[position] for position in self.positions)


def lift(formula: Formula, made: Factored, counted: Counted) -> Formula:
    """Return what *formula* of *made*, any size of the model, says of the states of *counted*.

    Raises:
        RefusedError: it speaks of members other than of all alike; the text says how.
    """
    return _Lifting(made, counted).lifted(formula)


class _Lifting:
    def __init__(self, made: Factored, counted: Counted) -> None:
        self.made, self.counted, self.base = made, counted, counted.base
        kinds = {family.kind: n for n, family in enumerate(self.base.families)}
        self.family = {c.name: kinds[c.kind] for c in made.components if c.kind in kinds}
        self.members: list[list[str]] = [[] for _ in self.base.families]
        for name, number in self.family.items():
            self.members[number].append(name)

    def lifted(self, formula: Formula) -> Formula:
        """Return *formula* lifted."""
        if isinstance(formula, Not):
            return Not(self.lifted(formula.part))
        if isinstance(formula, Atom):
            return self._atom(formula)
        if isinstance(formula, All | Some):
            return self._joined(formula)
        return formula

    def _atom(self, atom: Atom) -> Formula:
        if atom.component in self.family:
            raise RefusedError(
                f"it speaks of {atom.component!r} by itself, not of all {self._name(atom)} alike"
            )
        component = self.base.names[atom.component]
        if component in self.base.growing:
            raise RefusedError(
                f"it speaks of {atom.component!r}, which holds a number that grows without end"
            )
        learner = self.base.learner
        known = range(learner.known(component))
        true = frozenset(n for n in known if atom.test(learner.value(component, n)))
        return Atom(atom.component, OneOf(true), atom.text)

    def _name(self, atom: Atom) -> str:
        return self.base.families[self.family[atom.component]].name

    def _joined(self, formula: All | Some) -> Formula:
        parts: list[Formula] = []
        each: dict[str, list[dict[int, Formula]]] = {}
        for part in _flat(formula, type(formula)):
            named = list(dict.fromkeys(self._named(part)))
            if len(named) == 1:
                each.setdefault(named[0], []).append(self._by_place(part, named[0]))
            else:
                parts.append(self.lifted(part))
        for number, members in enumerate(self.members):
            said = [each.get(member, []) for member in members]
            if not any(said):
                continue
            if any(_unlike(said[0], other) for other in said):
                family = self.base.families[number].name
                raise RefusedError(f"it does not speak of all {family} alike")
            parts += [self._quantified(number, form, type(formula)) for form in said[0]]
        return All(tuple(parts)) if isinstance(formula, All) else Some(tuple(parts))

    def _named(self, formula: Formula) -> Iterator[str]:
        """Yield the members that *formula* speaks of."""
        if isinstance(formula, Atom):
            if formula.component in self.family:
                yield formula.component
        elif isinstance(formula, Not):
            yield from self._named(formula.part)
        elif isinstance(formula, All | Some):
            yield from chain.from_iterable(map(self._named, formula.parts))

    # -- one member -------------------------------------------------------------------------

    def _by_place(self, formula: Formula, member: str) -> dict[int, Formula]:
        """Return what is left of *formula* when *member* stands at each place."""
        family = self.base.families[self.family[member]]
        learner, one = self.base.learner, family.members[0]
        places = self.base.places(family)
        return {place: self._left(formula, learner.value(one, place)) for place in places}

    def _left(self, formula: Formula, value: Hashable) -> Formula:
        if isinstance(formula, Not):
            return _negated(self._left(formula.part, value))
        if isinstance(formula, All | Some):
            return _joined(type(formula), [self._left(part, value) for part in formula.parts])
        if isinstance(formula, Atom) and formula.component in self.family:
            return TRUE if formula.test(value) else FALSE
        return self.lifted(formula)

    def _quantified(self, family: int, form: dict[int, Formula], kind: type[All | Some]) -> Formula:
        """Return that *form* holds for every member, or for some, wherever it stands."""
        trivial = TRUE if kind is All else FALSE
        found: list[Formula] = []
        for rest in dict.fromkeys(form.values()):
            if rest == trivial:
                continue
            positions: dict[int, set[int]] = {}
            for place, left in form.items():
                if left == rest:
                    where = self.counted.places[family][place]
                    positions.setdefault(where.component, set()).add(where.position)
            for component, chosen in sorted(positions.items()):
                name = self.counted.components[component].name
                absent = Atom(name, Absent(frozenset(chosen)), f"none at {name}")
                found.append(
                    _joined(Some, [absent, rest])
                    if kind is All
                    else _joined(All, [Not(absent), rest])
                )
        return every(found) if kind is All else some(found)


def _flat(formula: Formula, kind: type[All | Some]) -> Iterator[Formula]:
    """Yield the parts of *formula*, those of parts of the same *kind* in their place."""
    if isinstance(formula, kind):
        for part in formula.parts:
            yield from _flat(part, kind)
    else:
        yield formula


def _unlike(left: list[dict[int, Formula]], right: list[dict[int, Formula]]) -> bool:
    rest = right.copy()
    for form in left:
        if form not in rest:
            return True
        rest.remove(form)
    return bool(rest)


def _negated(formula: Formula) -> Formula:
    if formula in (TRUE, FALSE):
        return FALSE if formula == TRUE else TRUE
    return Not(formula)


def _joined(kind: type[All | Some], parts: list[Formula]) -> Formula:
    """Return *parts* joined, without those that do not matter."""
    neutral, final = (TRUE, FALSE) if kind is All else (FALSE, TRUE)
    left = [part for part in parts if part != neutral]
    if final in left:
        return final
    if len(left) == 1:
        return left[0]
    return kind(tuple(left)) if left else neutral


def idle_matter(counted: Counted, targets: list[Formula]) -> bool:
    """Return whether members that never step could change what any of *targets*, lifted, says.

    They stand where they begin, or where that is mapped to. If no such place counts for anything,
    and no target asks that nobody be there, a run of few members is one of more members too: then
    it is enough to look at many.
    """
    base = counted.base
    for number, family in enumerate(base.families):
        resting = {state[family.members[0]] for state in base.learner.initial()}
        while True:
            images = {
                image
                for _, _, effect in base.entries()
                for place, image in effect.images.get(family.kind, {}).items()
                if place in resting
            }
            if images <= resting:
                break
            resting |= images
        counters = range(len(counted.counters))
        one = family.members[0]
        if any(base.learner.weight(c, one, place) for c in counters for place in resting):
            return True
        where = [counted.places[number][place] for place in resting]
        names = {(counted.components[p.component].name, p.position) for p in where}
        literals = chain.from_iterable(c for t in targets for c in disjuncts(t))
        if any(_denies(literal, names) for literal in literals):
            return True
    return False


def _denies(literal: Literal, places: set[tuple[str, int]]) -> bool:
    """Return whether *literal* asks that nobody be at one of *places*."""
    base = literal.base
    if isinstance(base, Zero) or not isinstance(base.test, Absent) or not literal.positive:
        return False
    return any((base.component, position) in places for position in base.test.positions)

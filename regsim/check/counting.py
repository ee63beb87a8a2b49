"""Counter abstraction: how many processes of a family stand at each place, as 0, 1 or many.

A state holds the shared parts as they are and, for each place, how many members stand there: a
number up to the bound, or `many`: any number above it. What a member does is looked up in the
tables of a `Base`. So one abstract state stands for states of every size, and each step of each of
those has its like here: what is not reachable here is reachable for no number at all.

The abstraction is itself a model that either engine can search. Places that one step turns into
each other, such as those of a forced unload, share a component; then that step maps components
one by one, as engines want it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from itertools import product

import attrs

from regsim.check.balance import Relation
from regsim.check.factored import Component, Instance, StepSpec
from regsim.check.families import Base, RefusedError, UnseenError
from regsim.check.learn import Effect, History, Learner, LocalStep, State
from regsim.check.property import Property

Abstract = tuple[Hashable, ...]
"""An abstract state: numbers of the base's learner, and counts by place."""
Counts = tuple[int, ...]


@attrs.frozen
class Stand:
    """Where the number of members at a place stands: which component, and where in it."""

    component: int
    position: int


@attrs.frozen
class _Move:
    """A step of the base as one of the abstraction; *place* is where its member stands."""

    step: LocalStep
    family: int | None
    place: int
    choice: int
    choices: int


class Counted:
    """The abstraction of a `Base`.

    Args:
        base: the tables.
        bound: the greatest number that is told from greater ones.
        relations: what is known of numbers that grow; states that break it are left out.
        least: how many members each family has at least.

    Attributes:
        many: what stands for every number above the bound.
        least: how many members each family has at least.
        shared: where each shared component of the base stands.
        places: by family, where the members at each of its places are counted.
    """

    symmetry: Sequence[Sequence[tuple[int, ...]]] = ()
    properties: Sequence[Property] = ()

    def __init__(
        self, base: Base, bound: int, relations: Sequence[Relation], least: Sequence[int]
    ) -> None:
        self.base, self.many, self.relations = base, bound + 1, tuple(relations)
        self.least = tuple(least)
        self.name = base.model.name
        self.counters = tuple(base.model.counters)
        self.shared = {component: n for n, component in enumerate(base.shared)}
        self.places: list[dict[int, Stand]] = []
        components = [
            Component(base.model.components[i].name, base.model.components[i].name)
            for i in base.shared
        ]
        processes = [
            Instance(process.name, process.name, self.shared[process.own])
            for process in base.model.processes
            if process.own in self.shared
        ]
        self._bases: list[int | None] = [
            n for n, process in enumerate(base.model.processes) if process.own in self.shared
        ]
        self._movers: list[tuple[int, list[int]]] = []
        for number, family in enumerate(base.families):
            self.places.append({})
            for members in base.classes(family):
                where = len(components)
                name = f"{family.name} {members[0]}"
                components.append(Component(name, name))
                processes.append(Instance(name, name, where))
                self._bases.append(None)
                self._movers.append((number, members))
                for position, place in enumerate(members):
                    self.places[number][place] = Stand(where, position)
        self.components, self.processes = tuple(components), tuple(processes)
        self._supports = [self._support(relation) for relation in self.relations]
        self._moving = len(processes) - len(self._movers)

    # -- states -----------------------------------------------------------------------------

    def initial(self) -> Iterable[Abstract]:
        """Yield the states that runs begin in, of every number of members."""
        base = self.base
        for state in base.learner.initial():
            begins = []
            for number, family in enumerate(base.families):
                stands = {state[i] for i in family.members}
                if len(stands) > 1:
                    raise RefusedError(f"{self.name}: the {family.name} do not begin alike")
                sizes = range(min(self.least[number], self.many), self.many + 1)
                begins.append([(number, stands.copy().pop(), size) for size in sizes])
            for sizes_of in product(*begins):
                vector: list[Hashable] = [self._begin(i, state[i]) for i in base.shared]
                vector += self._empty()
                for number, place, size in sizes_of:
                    _put(vector, self.places[number][place], size)
                yield tuple(vector)

    def _begin(self, component: int, number: int) -> int:
        base = self.base
        return (
            base.clip(component, *base.split(component, number))
            if (component in base.growing)
            else number
        )

    def _empty(self) -> list[Hashable]:
        return [(0,) * len(members) for _, members in self._movers]

    def vector(self, concrete: Abstract) -> Abstract:
        """Return *concrete*: an abstract state is its own description."""
        return concrete

    def weight(self, counter: int, component: int, value: Hashable) -> int:
        """Return what *value* adds to *counter*: nothing, or something; not how much for many."""
        base = self.base
        if component < len(base.shared):
            return base.learner.weight(counter, base.shared[component], _number(value))
        family, members = self._movers[component - len(base.shared)]
        one = base.families[family].members[0]
        counts = zip(members, _counts(value), strict=True)
        return sum(count * base.learner.weight(counter, one, place) for place, count in counts)

    def counted_at(self, component: int) -> tuple[int, tuple[int, ...]]:
        """Return the family whose members *component*, one of counts, counts, and their places."""
        family, members = self._movers[component - len(self.shared)]
        return family, tuple(members)

    # -- steps ------------------------------------------------------------------------------

    def steps(self, process: int, own: Hashable) -> Sequence[StepSpec]:
        """Return the steps of a shared process, or of the members that stand at some places."""
        base, number = self.base, self._bases[process]
        if number is not None:
            found = base.steps(number, _number(own))
            return [spec for step in found for spec in self._specs(step, None, _number(own))]
        family, members = self._movers[process - self._moving]
        first = base.families[family].processes[0]
        return [
            spec
            for place, count in zip(members, _counts(own), strict=True)
            if count
            for step in base.steps(first, place)
            for spec in self._specs(step, family, place)
        ]

    def _specs(self, step: LocalStep, family: int | None, place: int) -> Iterable[StepSpec]:
        """Yield *step* as often as it may have outcomes: one leaves many behind, one fewer."""
        spec, base = step.spec, self.base
        reads = [] if family is None else [self.places[family][place].component]
        reads += [self.shared[i] for i in spec.reads if i in self.shared]
        if family is not None:
            ends = (effect.new[0] for effect in step.table.values() if effect is not None)
            reads += [self.places[family][end].component for end in ends]
        swept = {base.families.index(base.of[i]) for i in spec.maps if i in base.of}
        maps = {self.shared[i] for i in spec.maps if i in self.shared}
        maps |= {p.component for number in swept for p in self.places[number].values()}
        for support in self._supports:
            if support & {*reads}:
                reads += sorted(support)
        reads = list(dict.fromkeys(reads))
        grow = sum(len(base.growing.get(i, ())) for i in spec.reads)
        choices = (2 if family is not None else 1) << grow
        for choice in range(choices):
            yield StepSpec(
                f"{place} {spec.name} {choice}",
                tuple(reads),
                spec.zeros,
                tuple(sorted(maps - {*reads})),
                token=_Move(step, family, place, choice, choices),
            )

    def take(self, concrete: Abstract, process: int, step: StepSpec) -> Abstract | None:  # noqa: ARG002
        """Return the state after *step*, or None where it cannot be taken, or not so.

        Raises:
            UnseenError: nobody knows what it does there.
        """
        move: _Move = step.token
        found = self.outcomes(concrete, move.step, move.family, move.place)
        if len(found) > move.choices:
            raise RefusedError(f"{self.name}: {move.step.spec.name!r} changes a number by leaps")
        return found[move.choice] if move.choice < len(found) else None

    def outcomes(
        self, vector: Abstract, step: LocalStep, family: int | None, place: int
    ) -> list[Abstract]:
        """Return every state that *step* may lead to from *vector*, in order."""
        reads = step.spec.reads
        own = place if family is not None else _number(vector[self.shared[reads[0]]])
        key = (own, *(_number(vector[self.shared[i]]) for i in reads[1:]))
        key += tuple(int(self._nought(zero, vector)) for zero in step.spec.zeros)
        if key not in step.table:
            raise UnseenError
        effect = step.table[key]
        if effect is None:
            return []
        found = []
        for shared in self._shared_after(vector, step, effect):
            for counts in self._counts_after(vector, step, effect, family, place):
                after = tuple(shared + counts)
                if self.possible(after):
                    found.append(after)
        return found

    def _nought(self, counter: int, vector: Abstract) -> bool:
        return not any(self.weight(counter, i, value) for i, value in enumerate(vector))

    def _shared_after(
        self, vector: Abstract, step: LocalStep, effect: Effect
    ) -> Iterable[list[Hashable]]:
        base, kinds = self.base, self.base.model.components
        changes = dict(zip(step.spec.reads, effect.new, strict=True))
        for i in step.spec.maps:
            if i in self.shared:
                before = _number(vector[self.shared[i]])
                changes[i] = _image(effect, kinds[i].kind, before)
        options: list[Iterable[int]] = []
        for i in base.shared:
            before = _number(vector[self.shared[i]])
            after = changes.get(i, before)
            numbers = self._numbers_after(i, before, after) if i in base.growing else [after]
            if len(numbers) > 1 and i in step.spec.maps:
                raise RefusedError(f"{self.name}: {step.spec.name!r} shifts a number from afar")
            options.append(numbers)
        return map(list, product(*options))

    def _numbers_after(self, component: int, before: int, after: int) -> list[int]:
        """Return the numbers that may follow: one that stands for many may fall among the few."""
        base = self.base
        _, old = base.split(component, before)
        rest, new = base.split(component, after)
        if before == after or len(new) != len(old):
            return [base.clip(component, rest, new)]
        spans = []
        for was, now, alike in zip(old, new, base.alike(component), strict=True):
            least = alike + now - was if was >= alike else now
            spans.append(range(least, alike + 1) if was >= alike and now < was else (now,))
            if least < 0:
                raise UnseenError
        return [base.clip(component, rest, tuple(counts)) for counts in product(*spans)]

    def _counts_after(
        self, vector: Abstract, step: LocalStep, effect: Effect, family: int | None, place: int
    ) -> Iterable[list[Hashable]]:
        counts = list(vector[len(self.base.shared) :])
        choices = [counts]
        if family is not None:
            where = self.places[family][place]
            choices = [self._moved(counts, where, left) for left in self._left(vector, where)]
        for chosen in choices:
            after = self._swept(chosen, step, effect)
            if family is not None:
                _put(after, self._local(self.places[family][effect.new[0]]), 1, self.many)
            yield after

    def _local(self, place: Stand) -> Stand:
        return Stand(place.component - len(self.base.shared), place.position)

    def _left(self, vector: Abstract, where: Stand) -> tuple[int, ...]:
        """Return how many may be left behind when one goes: of many, many or just the bound."""
        count = _counts(vector[where.component])[where.position]
        return (count - 1, count) if count == self.many else (count - 1,)

    def _moved(self, counts: list[Hashable], where: Stand, left: int) -> list[Hashable]:
        after = counts.copy()
        local = self._local(where)
        _put(after, local, left - _counts(after[local.component])[local.position])
        return after

    def _swept(self, counts: list[Hashable], step: LocalStep, effect: Effect) -> list[Hashable]:
        """Return *counts* after every member's place has become its image, where that is."""
        base = self.base
        after = counts.copy()
        for number, family in enumerate(base.families):
            if not any(i in step.spec.maps for i in family.members):
                continue
            for index, (owner, members) in enumerate(self._movers):
                if owner == number:
                    after[index] = (0,) * len(members)
            for index, (owner, members) in enumerate(self._movers):
                if owner == number:
                    for place, count in zip(members, _counts(counts[index]), strict=True):
                        if count:
                            image = self.places[number][_image(effect, family.kind, place)]
                            _put(after, self._local(image), count, self.many)
        return after

    # -- relations --------------------------------------------------------------------------

    def _support(self, relation: Relation) -> frozenset[int]:
        """Return the components that *relation* speaks of."""
        places = {self.places[f][p].component for f, p in relation.weights}
        return frozenset({self.shared[relation.component], *places})

    def possible(self, vector: Abstract) -> bool:
        """Return whether some numbers of members agree with every relation in *vector*."""
        return all(self._agrees(vector, relation) for relation in self.relations)

    def _agrees(self, vector: Abstract, relation: Relation) -> bool:
        base, component = self.base, relation.component
        _, counts = base.split(component, _number(vector[self.shared[component]]))
        low = counts[relation.number] if counts else 0
        alike = base.alike(component)[relation.number]
        high = None if low >= alike else low
        low = min(low, alike)
        least, most = relation.constant, relation.constant
        endless_up = endless_down = False
        for (family, place), weight in relation.weights.items():
            where = self.places[family][place]
            count = _counts(vector[where.component])[where.position]
            least, most = least + weight * count, most + weight * count
            endless_up = endless_up or (count == self.many and weight > 0)
            endless_down = endless_down or (count == self.many and weight < 0)
        above = endless_up or most >= low
        below = high is None or endless_down or least <= high
        return above and below


def _put(counts: list[Hashable], place: Stand, more: int, most: int | None = None) -> None:
    """Add *more* to the count at *place*, up to *most*."""
    values = list(_counts(counts[place.component]))
    total = values[place.position] + more
    values[place.position] = total if most is None else min(total, most)
    counts[place.component] = tuple(values)


def _image(effect: Effect, kind: str, number: int) -> int:
    image = effect.images.get(kind, {}).get(number)
    if image is None:
        raise UnseenError
    return image


def _number(value: Hashable) -> int:
    assert isinstance(value, int)  # noqa: S101 - a shared part of a `Abstract`
    return value


def _counts(value: Hashable) -> Counts:
    assert isinstance(value, tuple)  # noqa: S101 - counts of a `Abstract`
    return value


class CountedLearner(Learner):
    """The tables of an abstraction: its states need no path to be shown."""

    def _concrete(self, state: State, history: History) -> tuple[State, Abstract]:  # noqa: ARG002
        return state, self.decode(state)

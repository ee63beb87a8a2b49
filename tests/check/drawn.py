"""Small factored models made by hypothesis: programs over shared variables, in all shapes."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterable, Sequence

import attrs
from hypothesis import strategies as st

from regsim.check.factored import Component, Instance, StepSpec
from regsim.check.formula import Atom, Formula, Zero, every, some
from regsim.check.property import Property

PLACES = 3
HANDS = 3


@attrs.frozen
class Rule:
    """A step: where it may be taken and what it does.

    Attributes:
        variable: the shared variable it reads and changes, or None.
        guard: the variable's values, modulo 3, for which it can be taken.
        adds: what it adds to the variable, modulo the variable's size.
        place: where the process stands afterwards.
        hand: what it adds to its hand, modulo `HANDS`.
        zero: whether it asks that the counter stand at zero (True), or not (False).
        sweep: what becomes of the hands of all other processes, by what they were; or None.
    """

    variable: int | None
    guard: frozenset[int]
    adds: int
    place: int
    hand: int
    zero: bool | None
    sweep: tuple[int, ...] | None


@attrs.frozen
class Drawn:
    """A model: some kinds of processes with a place and a hand each, and shared variables.

    Attributes:
        sizes: how many values each shared variable has.
        crews: how many processes each kind has.
        rules: by kind, by place, the steps.
        weights: what each hand adds to the counter.
        starts: the initial values of the first variable.
    """

    sizes: tuple[int, ...]
    crews: tuple[int, ...]
    rules: tuple[tuple[tuple[Rule, ...], ...], ...]
    weights: tuple[int, ...]
    starts: tuple[int, ...]
    name: str = "drawn"
    counters: Sequence[str] = ("held",)
    properties: Sequence[Property] = ()

    @functools.cached_property
    def _members(self) -> list[tuple[int, int]]:
        """Every process as its kind and the component of its place; its hand is the next one."""
        kinds = [kind for kind, count in enumerate(self.crews) for _ in range(count)]
        return [(kind, len(self.sizes) + 2 * i) for i, kind in enumerate(kinds)]

    @functools.cached_property
    def components(self) -> Sequence[Component]:
        """The variables, then a place and a hand for each process."""
        shared = [Component(f"variable-{i}", f"variable-{i}") for i in range(len(self.sizes))]
        for kind, place in self._members:
            shared += (
                Component(f"place-{place}", f"place-{kind}"),
                Component(f"hand-{place}", "hand"),
            )
        return shared

    @functools.cached_property
    def processes(self) -> Sequence[Instance]:
        """The processes, by kind."""
        return [Instance(f"p{place}", f"kind-{kind}", place) for kind, place in self._members]

    @functools.cached_property
    def symmetry(self) -> Sequence[Sequence[tuple[int, ...]]]:
        """The processes of one kind, where there are several."""
        crews = (
            [(p, p + 1) for k, p in self._members if k == kind] for kind in range(len(self.crews))
        )
        return [crew for crew in crews if len(crew) > 1]

    def initial(self) -> Iterable[tuple[int, ...]]:
        """Yield one state for each of *starts*; all processes at place 0 with empty hands."""
        rest = (0,) * (len(self.sizes) - 1 + 2 * sum(self.crews))
        for start in self.starts:
            yield (start % self.sizes[0], *rest)

    def vector(self, concrete: tuple[int, ...]) -> tuple[Hashable, ...]:
        """Return the state as words, so that no value is its own number."""
        return tuple(f"<{value}>" for value in concrete)

    def weight(self, counter: int, component: int, value: Hashable) -> int:  # noqa: ARG002
        """Return what a hand adds to the one counter."""
        hand = component >= len(self.sizes) and (component - len(self.sizes)) % 2
        return self.weights[int(str(value)[1:-1])] if hand else 0

    def steps(self, process: int, own: Hashable) -> Sequence[StepSpec]:
        """Return the rules of the place *own*."""
        kind, place = self._members[process]
        found = []
        for number, rule in enumerate(self.rules[kind][int(str(own)[1:-1])]):
            reads = (place, place + 1) if rule.hand else (place,)
            reads += () if rule.variable is None else (rule.variable % len(self.sizes),)
            others = tuple(p + 1 for _, p in self._members if p != place)
            maps = others if rule.sweep is not None else ()
            zeros = () if rule.zero is None else (0,)
            found.append(StepSpec(f"rule-{number}", reads, zeros, maps, token=rule))
        return found

    def take(
        self, concrete: tuple[int, ...], process: int, step: StepSpec
    ) -> tuple[int, ...] | None:
        """Return the state after *step*, or None where its guards are false."""
        rule: Rule = step.token
        after = list(concrete)
        _, place = self._members[process]
        held = sum(self.weights[concrete[p + 1]] for _, p in self._members)
        if rule.zero is not None and (held == 0) is not rule.zero:
            return None
        if rule.variable is not None:
            variable = rule.variable % len(self.sizes)
            if concrete[variable] % 3 not in rule.guard:
                return None
            after[variable] = (concrete[variable] + rule.adds) % self.sizes[variable]
        if rule.sweep is not None:
            for _, other in self._members:
                after[other + 1] = rule.sweep[concrete[other + 1]]
        after[place] = rule.place
        after[place + 1] = (concrete[place + 1] + rule.hand) % HANDS
        return tuple(after)

    # -- what is asked ----------------------------------------------------------------------

    def place(self, place: int, at: int) -> Formula:
        """Return the formula that the process of component *place* stands at *at*."""
        return Atom(f"place-{place}", lambda value: value == f"<{at}>", f"{place} at {at}")

    def targets(self) -> dict[str, Formula]:
        """Return formulas of all shapes."""
        places = [place for _, place in self._members]
        held = ~Zero("held")
        return {
            "all-at-2": every(self.place(p, 2) for p in places),
            "one-at-1-held": some(self.place(p, 1) for p in places) & held,
            "back-and-free": every(~self.place(p, 1) for p in places) & Zero("held"),
            "first-at-2": self.place(places[0], 2),
            "high": Atom("variable-0", lambda value: int(value[1:-1]) > 6, "high"),
            "never": every([held, Zero("held")]),
        }


rules = st.builds(
    Rule,
    variable=st.one_of(st.none(), st.integers(0, 1)),
    guard=st.frozensets(st.integers(0, 2), min_size=1),
    adds=st.integers(0, 2),
    place=st.integers(0, PLACES - 1),
    hand=st.integers(0, HANDS - 1),
    zero=st.sampled_from((None, None, None, True, False)),
    sweep=st.one_of(st.none(), st.none(), st.tuples(*[st.integers(0, HANDS - 1)] * HANDS)),
)
programs = st.tuples(*[st.lists(rules, min_size=0, max_size=2).map(tuple)] * PLACES)
models = st.builds(
    lambda sizes, crews, weights, starts, written: Drawn(
        sizes, crews, tuple(written[: len(crews)]), weights, starts
    ),
    sizes=st.lists(st.sampled_from((2, 3, 3, 20)), min_size=1, max_size=2).map(tuple),
    crews=st.sampled_from(((1,), (2,), (3,), (1, 1), (2, 1), (2, 2))),
    weights=st.tuples(st.just(0), st.integers(0, 1), st.integers(0, 2)),
    starts=st.lists(st.integers(0, 5), min_size=1, max_size=2).map(tuple),
    written=st.tuples(programs, programs),
)

"""Random small models, plain and factored, and what they do worked out without the explorer."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

import attrs
from hypothesis import strategies as st

from regsim.check.factored import Component, Factored, Instance, StepSpec
from regsim.check.formula import Atom, Formula, Zero, every, holds, some
from regsim.check.plain import Plain, state
from regsim.check.property import Fairness, Property, always, leads_to, sometimes

Vector = tuple[int, ...]


# -- plain -------------------------------------------------------------------------------------


@attrs.frozen
class Maze:
    """A graph whose edges belong to processes, as a plain model."""

    edges: dict[tuple[int, int], list[int]]
    begin: tuple[int, ...]
    properties: Sequence[Property]
    processes: Sequence[str]
    name: str = "maze"

    def init_states(self) -> Iterable[int]:
        """Return where a run may begin."""
        return self.begin

    def actions(self, node: int, process: int) -> Iterable[str]:
        """Return the edges of *process* out of *node*."""
        return [f"edge-{i}" for i in range(len(self.edges.get((node, process), ())))]

    def next_state(self, node: int, process: int, action: str) -> int:
        """Return where an edge leads."""
        return self.edges[node, process][int(action.removeprefix("edge-"))]


def _among(dice: random.Random, nodes: int, share: float = 0.4) -> Formula:
    chosen = frozenset(n for n in range(nodes) if dice.random() < share)
    return state(lambda n: n in chosen, f"in {sorted(chosen)}")


@st.composite
def mazes(draw: st.DrawFn, most: int = 8) -> Maze:
    """Draw a graph of up to *most* nodes with three claims and a liveness claim with a pair."""
    nodes, processes = draw(st.integers(1, most)), draw(st.integers(1, 3))
    dice = random.Random(draw(st.integers(0, 2**32)))
    density = draw(st.sampled_from([0.25, 0.5, 1.0]))
    edges = {
        (node, process): [dice.randrange(nodes) for _ in range(dice.randint(1, 2))]
        for node in range(nodes)
        for process in range(processes)
        if dice.random() < density
    }
    pairs = [(_among(dice, nodes), _among(dice, nodes)) for _ in range(dice.randrange(3))]
    properties = (
        always("always", _among(dice, nodes) | _among(dice, nodes)),
        sometimes("sometimes", _among(dice, nodes) & _among(dice, nodes)),
        leads_to("leads-to", _among(dice, nodes), _among(dice, nodes, 0.2), assuming=tuple(pairs)),
    )
    begin = tuple(range(1 if dice.random() < 0.8 else min(2, nodes)))
    return Maze(edges, begin, properties, tuple(f"p{i}" for i in range(processes)))


# -- factored ----------------------------------------------------------------------------------


@attrs.frozen
class Rule:
    """A step of every process of one kind at one value, before it is tied to components.

    Attributes:
        name: its name.
        shared: which of the shared components it reads.
        zero: the counter it asks, or None.
        mapped: the kind whose processes' components it maps, or None.
        table: what it does: by the values read and the answer, the new values or None.
        image: what becomes of a mapped value.
    """

    name: str
    shared: tuple[int, ...]
    zero: int | None
    mapped: int | None
    table: dict[tuple[int, ...], tuple[int, ...] | None]
    image: tuple[int, ...]


class Crowd:
    """Processes of a few kinds, a component each, and some shared components.

    With *alike* its claims treat processes of a kind alike; a *calm* one's steps touch little.
    """

    def __init__(
        self, crew: Sequence[int], shared: int, values: int, seed: int, *, alike: bool, calm: bool
    ) -> None:
        self.name, self.values, self._dice = "crowd", values, random.Random(seed)
        self.crew = [kind for kind, count in enumerate(crew) for _ in range(count)]
        count = len(self.crew)
        self.components = (
            *(Component(f"own-{i}", f"kind-{kind}") for i, kind in enumerate(self.crew)),
            *(Component(f"shared-{i}", f"shared-{i}") for i in range(shared)),
        )
        self.processes = tuple(
            Instance(f"p{i}", f"kind-{kind}", i) for i, kind in enumerate(self.crew)
        )
        self.counters = ("weight",)
        self.symmetry = tuple(
            tuple((i,) for i in range(count) if self.crew[i] == kind)
            for kind, members in enumerate(crew)
            if members > 1
        )
        dice = self._dice
        kinds = sorted({c.kind for c in self.components})
        self._calm = calm
        weighty = 0.05 if calm else 0.3
        self._weights = {(k, v): int(dice.random() < weighty) for k in kinds for v in range(values)}
        self._rules = {
            (kind, own): self._at(own, shared, len(crew))
            for kind in range(len(crew))
            for own in range(values)
        }
        self.properties = tuple(self._claims(alike=alike))

    def _at(self, own: int, shared: int, kinds: int) -> list[Rule]:
        """Return the rules at the value *own*; a calm model's often touch nothing else."""
        alone = self._calm and self._dice.random() < 0.6
        count = self._dice.choice((0, 1, 1, 2))
        return [self._rule(own, n, 0 if alone else shared, kinds) for n in range(count)]

    def _rule(self, own: int, number: int, shared: int, kinds: int) -> Rule:
        dice = self._dice
        reads = tuple(i for i in range(shared) if dice.random() < 0.5)
        zero = 0 if shared and dice.random() < 0.2 else None
        mapped = dice.randrange(kinds) if not self._calm and dice.random() < 0.15 else None
        inputs = itertools.product(
            (own,), *(range(self.values) for _ in reads), *(() if zero is None else ((0, 1),))
        )
        table = {
            key: tuple(dice.randrange(self.values) for _ in range(1 + len(reads)))
            if dice.random() < 0.7
            else None
            for key in inputs
        }
        image = tuple(dice.randrange(self.values) for _ in range(self.values))
        return Rule(f"step-{number}", reads, zero, mapped, table, image)

    def _is(self, component: int) -> Formula:
        value = self._dice.randrange(self.values)
        return Atom(self.components[component].name, lambda v: v == value, f"is {value}")

    def _claims(self, *, alike: bool) -> Iterator[Property]:
        """Yield claims of each sort."""
        dice, count = self._dice, len(self.crew)

        def about(join: Callable[[Iterable[Formula]], Formula]) -> Formula:
            if not alike or (self._calm and dice.random() < 0.7):
                return self._is(dice.randrange(0 if not alike else count, len(self.components)))
            kind, value = dice.choice(self.crew), dice.randrange(self.values)
            members = (i for i in range(count) if self.crew[i] == kind)
            return join(
                Atom(f"own-{i}", lambda v, value=value: v == value, f"is {value}") for i in members
            )

        spare = Zero("weight") if dice.random() < 0.5 else self._is(len(self.components) - 1)
        yield always("always", ~(about(every) & spare))
        yield sometimes("sometimes", about(some) & ~spare)
        yield always("either", about(some) | spare)
        yield leads_to("leads-to", about(some), about(every) | spare)

    def initial(self) -> Iterable[Vector]:
        """Everything is 0."""
        return ((0,) * len(self.components),)

    def vector(self, concrete: Vector) -> tuple[Hashable, ...]:
        """Return the values as they are."""
        return concrete

    def weight(self, counter: int, component: int, value: Hashable) -> int:  # noqa: ARG002
        """Return the drawn weight of *value*."""
        assert isinstance(value, int)
        return self._weights[self.components[component].kind, value]

    def steps(self, process: int, own: Hashable) -> Sequence[StepSpec]:
        """Return the rules of the process's kind, tied to its component."""
        assert isinstance(own, int)
        first = len(self.crew)
        found = []
        for rule in self._rules[self.crew[process], own]:
            others = range(first) if rule.mapped is not None else ()
            maps = tuple(i for i in others if self.crew[i] == rule.mapped and i != process)
            reads = (process, *(first + i for i in rule.shared))
            zeros = () if rule.zero is None else (rule.zero,)
            found.append(StepSpec(rule.name, reads, zeros, maps, rule))
        return found

    def take(self, concrete: Vector, process: int, step: StepSpec) -> Vector | None:  # noqa: ARG002
        """Return the state after *step*, by the rule's table."""
        rule: Rule = step.token
        total = sum(self.weight(0, i, v) for i, v in enumerate(concrete))
        asked = () if rule.zero is None else (int(total == 0),)
        new = rule.table[(*(concrete[i] for i in step.reads), *asked)]
        if new is None:
            return None
        after = list(concrete)
        for i in step.maps:
            after[i] = rule.image[after[i]]
        for i, value in zip(step.reads, new, strict=True):
            after[i] = value
        return tuple(after)


@st.composite
def crowds(draw: st.DrawFn) -> Crowd:
    """Draw a factored model of up to four processes of up to two kinds."""
    crew = draw(st.sampled_from([(1,), (2,), (3,), (1, 1), (2, 1), (2, 2), (3, 1)]))
    return Crowd(
        crew,
        draw(st.integers(1, 3)),
        draw(st.integers(2, 4)),
        draw(st.integers(0, 2**32)),
        alike=draw(st.booleans()),
        calm=draw(st.booleans()),
    )


def models() -> st.SearchStrategy[Factored]:
    """Draw a model of either sort, as the engines want it."""
    return st.one_of(mazes().map(Plain), crowds())


# -- worked out without the explorer -------------------------------------------------------------


@attrs.frozen
class Truth:
    """The whole graph of a model, by running it.

    Attributes:
        model: the model.
        depth: the states, each with the layer in which it is first met.
        edges: by state, the process and the target of every step.
    """

    model: Factored
    depth: dict[Hashable, int]
    edges: dict[Hashable, list[tuple[int, Hashable]]]

    @property
    def transitions(self) -> int:
        """All steps, equal targets counted twice."""
        return sum(map(len, self.edges.values()))

    def holds(self, formula: Formula, concrete: Hashable) -> bool:
        """Return whether *formula* holds in *concrete*."""
        model = self.model
        vector = model.vector(concrete)
        names = [component.name for component in model.components]

        def count(name: str) -> int:
            counter = list(model.counters).index(name)
            return sum(model.weight(counter, i, v) for i, v in enumerate(vector))

        return holds(formula, lambda name: vector[names.index(name)], count)

    def nearest(self, formula: Formula) -> int | None:
        """Return the fewest steps to a state where *formula* holds."""
        return min((d for s, d in self.depth.items() if self.holds(formula, s)), default=None)


def truth(model: Factored, most: int = 2_000) -> Truth | None:
    """Return the graph of *model*; None where it has more than *most* states."""
    depth: dict[Hashable, int] = dict.fromkeys(model.initial(), 0)
    edges: dict[Hashable, list[tuple[int, Hashable]]] = {}
    for concrete in (queue := list(depth)):
        edges[concrete] = found = []
        vector = model.vector(concrete)
        for number, process in enumerate(model.processes):
            for step in model.steps(number, vector[process.own]):
                after = model.take(concrete, number, step)
                if after is None:
                    continue
                found.append((number, after))
                if after not in depth:
                    depth[after] = depth[concrete] + 1
                    queue.append(after)
        if len(depth) > most:
            return None
    return Truth(model, depth, edges)


def breach(graph: Truth, claim: Property, fairness: Fairness) -> int | None:
    """Return the length of the shortest stem to a fair run without the answer; None for none.

    Every set of states is tried as what a run visits for ever, so this is for small graphs.
    """
    unanswered = {s for s in graph.depth if not graph.holds(claim.goal, s)}
    owing = _owing(graph, claim, unanswered)
    stems = [
        min(owing[s] for s in chosen)
        for size in range(1, len(owing) + 1)
        for chosen in itertools.combinations(owing, size)
        if _fair(graph, frozenset(chosen), claim, fairness)
    ]
    return min(stems, default=None)


def _owing(graph: Truth, claim: Property, unanswered: set[Hashable]) -> dict[Hashable, int]:
    """Return the states in which an answer is owed, and the fewest steps to owe it there."""
    found = {s: graph.depth[s] for s in unanswered if graph.holds(claim.trigger, s)}
    for _ in graph.depth:
        for source, length in list(found.items()):
            for _, target in graph.edges[source]:
                if target in unanswered:
                    found[target] = min(found.get(target, length + 1), length + 1)
    return found


def _fair(graph: Truth, chosen: frozenset[Hashable], claim: Property, fairness: Fairness) -> bool:
    """Return whether a run can visit just *chosen* for ever, taking every step inside, fairly."""
    inside = {s: [(p, t) for p, t in graph.edges[s] if t in chosen] for s in chosen}
    if not _round(graph, chosen, inside):
        return False
    for asked, answered in claim.assuming:
        told = any(graph.holds(answered, s) for s in chosen)
        if not told and any(graph.holds(asked, s) for s in chosen):
            return False
    for process in range(len(graph.model.processes)):
        able = [any(p == process for p, _ in graph.edges[s]) for s in chosen]
        steps = any(p == process for edges in inside.values() for p, _ in edges)
        if fairness is Fairness.WEAK and all(able) and not steps:
            return False
        if fairness is Fairness.STRONG and any(able) and not steps:
            return False
    return True


def _round(
    graph: Truth,
    chosen: frozenset[Hashable],
    inside: dict[Hashable, list[tuple[int, Hashable]]],
) -> bool:
    """Return whether every one of *chosen* can be reached from every one, by one step or more."""
    if len(chosen) == 1:
        (only,) = chosen
        return bool(inside[only]) or not graph.edges[only]
    for start in chosen:
        seen = {start}
        for source in (queue := [start]):
            for _, target in inside[source]:
                if target not in seen:
                    seen.add(target)
                    queue.append(target)
        if seen != chosen:
            return False
    return True

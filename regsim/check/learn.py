"""Asking a model's semantics once per local situation, and keeping the answers as small integers.

Here a `State` is a tuple of numbers, one per component; equal numbers in components of one kind
mean equal values. A step is looked up under its `Situation`, the numbers of what it reads; only one
not seen before runs the model, in a concrete state that shows it. Such a state is made by following
the search's own path from the last one that is at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator

import attrs

from regsim.check.factored import Concrete, Factored, StepSpec
from regsim.errors import InvariantError, UsageError

State = tuple[int, ...]
"""The number of each component's value."""
Situation = tuple[int, ...]
"""The numbers at a step's `reads`, then 1 for each of its counters that stands at zero, else 0."""
History = Callable[[State], State | None]
"""Answers the state from which another was first reached; None for an initial one."""


@attrs.define
class Effect:
    """What a step does in one local situation.

    Attributes:
        new: the numbers at the step's `reads` afterwards.
        images: by component kind, what becomes of each number in a component the step maps.
    """

    new: tuple[int, ...]
    images: dict[str, dict[int, int]] = attrs.field(factory=dict)


@attrs.frozen(eq=False)
class LocalStep:
    """A step of one process instance; *table* is shared by all processes of its kind."""

    process: int
    spec: StepSpec
    table: dict[Situation, Effect | None]


@attrs.frozen
class Taken:
    """One step on a path: the process, the step, and the state it led to."""

    process: int
    step: StepSpec
    state: State


class Learner:
    """The tables of one model, filled as they are asked for.

    Attributes:
        model: the model asked.
        asked: how often its semantics was run.
        fold: maps a state to the one that stands for all like it; the identity unless a search
            reduces by symmetry.
    """

    def __init__(self, model: Factored) -> None:
        self.model = model
        self.asked = 0
        self.fold: Callable[[State], State] = lambda state: state
        self._kinds = [component.kind for component in model.components]
        self._numbers: dict[str, dict[Hashable, int]] = {kind: {} for kind in self._kinds}
        self._values: dict[str, list[Hashable]] = {kind: [] for kind in self._kinds}
        self._weights: dict[tuple[int, str, int], int] = {}
        self._steps: dict[tuple[int, int], tuple[LocalStep, ...]] = {}
        self._tables: dict[tuple[str, int, str], dict[Situation, Effect | None]] = {}
        self._concretes: dict[State, tuple[State, Concrete]] = {}

    # -- numbers ----------------------------------------------------------------------------

    def number(self, component: int, value: Hashable) -> int:
        """Return the number of *value*, giving it the next one at first sight.

        Raises:
            UsageError: *value* cannot be told from others: it is not hashable.
        """
        kind = self._kinds[component]
        numbers = self._numbers[kind]
        try:
            known = value in numbers
        except TypeError as error:
            name = f"{self.model.name}: the value of {self.model.components[component].name!r}"
            raise UsageError(f"{name} must be hashable, such as a tuple: {error}") from error
        if not known:
            numbers[value] = len(numbers)
            self._values[kind].append(value)
        return numbers[value]

    def value(self, component: int, number: int) -> Hashable:
        """Return the value that *number* stands for in *component*."""
        return self._values[self._kinds[component]][number]

    def known(self, component: int) -> int:
        """Return how many values of *component*'s kind have been seen."""
        return len(self._values[self._kinds[component]])

    def encode(self, concrete: Concrete) -> State:
        """Return the numbers of *concrete*'s components."""
        vector = self.model.vector(concrete)
        return tuple(self.number(i, value) for i, value in enumerate(vector))

    def decode(self, state: State) -> tuple[Hashable, ...]:
        """Return the values that the numbers of *state* stand for."""
        return tuple(self.value(i, number) for i, number in enumerate(state))

    def weight(self, counter: int, component: int, number: int) -> int:
        """Return what *number* in *component* adds to *counter*."""
        key = (counter, self._kinds[component], number)
        if key not in self._weights:
            value = self.value(component, number)
            self._weights[key] = self.model.weight(counter, component, value)
        return self._weights[key]

    def count(self, counter: int, state: State) -> int:
        """Return the value of *counter* in *state*."""
        return sum(self.weight(counter, i, number) for i, number in enumerate(state))

    # -- steps ------------------------------------------------------------------------------

    def initial(self) -> list[State]:
        """Return the initial states, each once, in the model's order.

        Raises:
            UsageError: there is none: every claim would hold of nothing.
        """
        found: dict[State, None] = {}
        for concrete in self.model.initial():
            state = self.encode(concrete)
            folded = self.fold(state)
            self._concretes.setdefault(folded, (state, concrete))
            found[folded] = None
        if not found:
            raise UsageError(f"{self.model.name} has no initial state: there is nothing to explore")
        return list(found)

    def shown(self, state: State) -> State:
        """Return the state, as the model has it, that folds to the initial state *state*."""
        return self._concretes[state][0]

    def first(self, state: State) -> Concrete:
        """Return the initial state *state* as the model's semantics knows it."""
        return self._concretes[self.fold(state)][1]

    def concrete(self, state: State, history: History) -> Concrete:
        """Return *state*, which *history* leads back from, as the model's semantics knows it."""
        return self._concrete(state, history)[1]

    def steps(self, process: int, own: int) -> tuple[LocalStep, ...]:
        """Return the steps that *process* may try while its own component has number *own*."""
        if (process, own) not in self._steps:
            instance = self.model.processes[process]
            specs = self.model.steps(process, self.value(instance.own, own))
            self._steps[process, own] = tuple(
                LocalStep(
                    process, spec, self._tables.setdefault((instance.kind, own, spec.name), {})
                )
                for spec in specs
            )
        return self._steps[process, own]

    def _table(self, kind: str, own: int, spec: StepSpec) -> dict[Situation, Effect | None]:
        return self._tables.setdefault((kind, own, spec.name), {})

    def key(self, step: LocalStep, state: State) -> Situation:
        """Return the local situation of *step* in *state*."""
        spec = step.spec
        reads = tuple(state[i] for i in spec.reads)
        return reads + tuple(int(self.count(zero, state) == 0) for zero in spec.zeros)

    def effect(
        self, step: LocalStep, key: Situation, state: State, history: History
    ) -> Effect | None:
        """Return what *step* does in *state*, where its key is *key*; None where it cannot.

        *state* is one that the search has reached, so that *history* leads back from it.
        """
        if key not in step.table or self._unmapped(step, key, state):
            self._learn(step, key, state, history)
        return step.table[key]

    def _unmapped(self, step: LocalStep, key: Situation, state: State) -> bool:
        effect = step.table[key]
        if effect is None:
            return False
        return any(state[i] not in effect.images.get(self._kinds[i], ()) for i in step.spec.maps)

    def apply(self, step: LocalStep, effect: Effect, state: State) -> State:
        """Return *state* after *effect* of *step*."""
        after = list(state)
        for i in step.spec.maps:
            after[i] = effect.images[self._kinds[i]][state[i]]
        for i, number in zip(step.spec.reads, effect.new, strict=True):
            after[i] = number
        return tuple(after)

    def successors(self, state: State, history: History) -> Iterator[Taken]:
        """Yield every step that can be taken in *state*, not folded. The engines' meaning."""
        for number, process in enumerate(self.model.processes):
            for step in self.steps(number, state[process.own]):
                effect = self.effect(step, self.key(step, state), state, history)
                if effect is not None:
                    yield Taken(number, step.spec, self.apply(step, effect, state))

    # -- running the model -------------------------------------------------------------------

    def _learn(self, step: LocalStep, key: Situation, state: State, history: History) -> None:
        shown, concrete = self._concrete(state, history)
        twin = self._twin(step, key, state, shown)
        self.asked += 1
        after = self.model.take(concrete, twin.process, twin.spec)
        if after is None:
            step.table[key] = None
            return
        reached = self.encode(after)
        self._concretes.setdefault(self.fold(reached), (reached, after))
        self._confine(twin.spec, shown, reached)
        effect = step.table.setdefault(key, Effect(tuple(reached[i] for i in twin.spec.reads)))
        assert effect is not None  # noqa: S101 - `take` answered None for the same key before
        for i in twin.spec.maps:
            effect.images.setdefault(self._kinds[i], {})[shown[i]] = reached[i]

    def _twin(self, step: LocalStep, key: Situation, state: State, shown: State) -> LocalStep:
        """Return the step of a process of the same kind that is to *shown* as *step* to *state*.

        It stands in situation *key* and maps as many components of each value.
        """
        kind, mapped = self.model.processes[step.process].kind, self._mapped(step, state)
        for number, process in enumerate(self.model.processes):
            if process.kind == kind and shown[process.own] == key[0]:
                for other in self.steps(number, key[0]):
                    same = other.spec.name == step.spec.name and self.key(other, shown) == key
                    if same and self._mapped(other, shown) == mapped:
                        return other
        raise InvariantError(f"{step.spec.name}: no process shows the situation {key}")

    def _mapped(self, step: LocalStep, state: State) -> list[tuple[str, int]]:
        """Return the kinds and numbers of what *step* maps, in ascending order."""
        return sorted((self._kinds[i], state[i]) for i in step.spec.maps)

    def _confine(self, spec: StepSpec, before: State, after: State) -> None:
        """Refuse a step that changes what it does not declare."""
        allowed = {*spec.reads, *spec.maps}
        for i, (old, new) in enumerate(zip(before, after, strict=True)):
            if old != new and i not in allowed:
                name = self.model.components[i].name
                raise InvariantError(
                    f"{self.model.name}: step {spec.name!r} changes {name!r}, which it does not "
                    f"declare: from {self.value(i, old)!r} to {self.value(i, new)!r}"
                )

    def _concrete(self, state: State, history: History) -> tuple[State, Concrete]:
        """Return a concrete state that folds to *state*, and its numbers."""
        chain = [self.fold(state)]
        while chain[-1] not in self._concretes:
            before = history(chain[-1])
            if before is None:
                raise InvariantError(f"{self.model.name}: no path leads to {state}")
            chain.append(self.fold(before))
        shown, concrete = self._concretes[chain.pop()]
        for goal in reversed(chain):
            taken = self.step_to(shown, goal)
            concrete = self.model.take(concrete, taken.process, taken.step)
            shown = taken.state
            self._concretes[goal] = (shown, concrete)
            self.asked += 1
        return shown, concrete

    def step_to(self, state: State, goal: State) -> Taken:
        """Return the first step from *state* to one that folds to *goal*; both are explored."""
        for number, process in enumerate(self.model.processes):
            for step in self.steps(number, state[process.own]):
                key = self.key(step, state)
                effect = step.table.get(key)
                if effect is None or self._unmapped(step, key, state):
                    continue
                after = self.apply(step, effect, state)
                if self.fold(after) == goal:
                    return Taken(number, step.spec, after)
        raise InvariantError(f"{self.model.name}: no step leads from {state} to {goal}")

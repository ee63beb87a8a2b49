"""Any model at all: states of any kind, the actions they allow, the state after each.

The five nouns are stateright's: model, state, action, property, and the path that a check answers.
A `Model` is explored as a factored model of one component, its state; nothing is then tabulated.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from regsim.check.factored import Component, Concrete, Instance, StepSpec
from regsim.check.formula import Atom, Formula
from regsim.check.property import Property

S = TypeVar("S", bound=Hashable)
A = TypeVar("A", bound=Hashable)


class Model(Protocol[S, A]):
    """A transition system."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def processes(self) -> Sequence[str]:
        """The names of the process instances, the units of fairness."""

    @property
    def properties(self) -> Sequence[Property]:
        """What may be asked; see `state` for formulas about a state."""

    def init_states(self) -> Iterable[S]:
        """Yield the states that runs begin in."""

    def actions(self, state: S, process: int) -> Iterable[A]:
        """Yield what *process* can do in *state*."""

    def next_state(self, state: S, process: int, action: A) -> S:
        """Return the state after *process* does *action*."""


def state(test: Callable[[Any], bool], text: str = "") -> Formula:
    """Return the formula that *test* holds of a `Model`'s state."""
    return Atom("state", test, text or getattr(test, "__name__", "state"))


class Plain:
    """A `Model` as the engines want it: one component, of which every process reads all."""

    symmetry: Sequence[Sequence[tuple[int, ...]]] = ()
    counters: Sequence[str] = ()

    def __init__(self, model: Model[Any, Any]) -> None:
        self.model = model
        self.name = model.name
        self.properties = model.properties
        self.components = (Component("state", "state"),)
        self.processes = tuple(Instance(name, name, 0) for name in model.processes)

    def initial(self) -> Iterable[Concrete]:
        """Yield the states that runs begin in."""
        return self.model.init_states()

    def vector(self, concrete: Concrete) -> tuple[Hashable, ...]:
        """Return the state as its only component."""
        return (concrete,)

    def weight(self, counter: int, component: int, value: Hashable) -> int:  # noqa: ARG002
        """Return 0: there are no counters."""
        return 0

    def steps(self, process: int, own: Hashable) -> Sequence[StepSpec]:
        """Return *process*'s actions in the state *own*."""
        actions = self.model.actions(own, process)
        return tuple(StepSpec(f"{action}", (0,), token=action) for action in actions)

    def take(self, concrete: Concrete, process: int, step: StepSpec) -> Concrete | None:
        """Return the state after *process* does the action of *step*."""
        return self.model.next_state(concrete, process, step.token)

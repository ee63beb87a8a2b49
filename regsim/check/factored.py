"""What the engines explore: states made of components, and processes whose steps touch a few.

A state is a vector of components. A step of a process reads and writes a handful of them, so what
it does is a function of their values alone. The semantics, however slow, is therefore run once per
distinct local situation and its answer kept as small integers: exploring is then table lookup.
`Factored` is what a model supplies; `learn.Learner` asks it and keeps the tables.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

import attrs

from regsim.check.property import Property

Concrete = Any
"""A full state as the model's own semantics knows it; opaque here, and never changed in place."""


@attrs.frozen
class Component:
    """One part of a state.

    Attributes:
        name: unique in the model, such as ``tapisrv/worker-1``.
        kind: components of one kind play the same role for different processes. Their values are
            numbered alike, and what one learned holds for the others.
    """

    name: str
    kind: str


@attrs.frozen
class Instance:
    """One process instance: the unit of fairness and of interleaving.

    Attributes:
        name: unique in the model.
        kind: processes of one kind run the same steps; tables are shared between them.
        own: the component that says where it stands.
    """

    name: str
    kind: str
    own: int


@attrs.frozen
class StepSpec:
    """A step that a process may try at one value of its own component, and what it touches.

    Attributes:
        name: what it does, in paths: ``open-root``. Unique per process kind and own value.
        reads: the components whose values decide whether it can be taken and what it does. All
            that it changes must be among them, but for *maps*. The process's own comes first.
            Equal position means equal role in another process of the same kind.
        zeros: the counters of which it asks whether they stand at zero.
        maps: components that it changes each by itself, by a function of its value alone (and of
            the local situation): a forced unload, the end of a process.
        token: whatever the model wants to find its step by.
        call: the call it belongs to, as a developer would write it; "" where the name says all.
    """

    name: str
    reads: tuple[int, ...]
    zeros: tuple[int, ...] = ()
    maps: tuple[int, ...] = ()
    token: Any = attrs.field(default=None, eq=False)
    call: str = attrs.field(default="", eq=False)


@attrs.frozen
class StepAnswer:
    """What a step was told: the status of the operation that it did, say.

    Attributes:
        text: as a reader knows it, such as ``KEY_DELETED``.
        ok: whether that is success.
        handle: the handle that it gave or closed, if any.
        implicit: whether that is one that nobody asked for.
    """

    text: str
    ok: bool = True
    handle: int | None = None
    implicit: bool = False


@runtime_checkable
class Answering(Protocol):
    """A model that can say what a step was told; paths then show it. No search asks."""

    def answer(self, concrete: Concrete, process: int, step: StepSpec) -> StepAnswer | None:
        """Return what *step* of *process*, which can be taken in *concrete*, is told there.

        None where it asks nothing: local work.
        """


class Factored(Protocol):
    """A model as the engines want it."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def components(self) -> Sequence[Component]:
        """The parts of a state, in order."""

    @property
    def processes(self) -> Sequence[Instance]:
        """The process instances, in order; paths name them."""

    @property
    def counters(self) -> Sequence[str]:
        """Derived numbers, each the sum of a weight of every component's value."""

    @property
    def symmetry(self) -> Sequence[Sequence[tuple[int, ...]]]:
        """Groups of interchangeable members.

        Each member is a tuple of component indexes, of the same kinds as the others' in the same
        order.
        """

    @property
    def properties(self) -> Sequence[Property]:
        """What may be asked."""

    def initial(self) -> Iterable[Concrete]:
        """Yield the states that runs begin in."""

    def vector(self, concrete: Concrete) -> tuple[Hashable, ...]:
        """Return the value of each component; equal vectors have equal futures."""

    def weight(self, counter: int, component: int, value: Hashable) -> int:
        """Return what *value* in *component* adds to *counter*: a number not below 0."""

    def steps(self, process: int, own: Hashable) -> Sequence[StepSpec]:
        """Return the steps *process* may try while its own component has value *own*."""

    def take(self, concrete: Concrete, process: int, step: StepSpec) -> Concrete | None:
        """Return the state after *process* takes *step*, or None where it cannot."""

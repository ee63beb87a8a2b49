"""Exploring a model: by the engines' tables, and naively, machine by machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from regsim.check.formula import Formula, holds
from regsim.check.learn import Learner, State
from regsim.check.property import PropertyKind
from regsim.check.search import Search
from regsim.check.space import Options

HERE = str(Path(__file__).parent)
if HERE not in sys.path:  # the judge beside these tests can be imported by name
    sys.path.append(HERE)


@attrs.frozen
class Explored:
    """What an exploration found: counts, and the length of the shortest path to each target."""

    states: int
    transitions: int
    layers: int
    lengths: dict[str, int]

    @property
    def counts(self) -> tuple[int, int, int]:
        """States, transitions and breadth-first layers."""
        return self.states, self.transitions, self.layers


def targets(model: Any) -> dict[str, Formula]:
    """Return what refutes each "always" of *model* and witnesses each "sometimes", by name."""
    wanted = {PropertyKind.ALWAYS: lambda goal: ~goal, PropertyKind.SOMETIMES: lambda goal: goal}
    return {p.name: wanted[p.kind](p.goal) for p in model.properties if p.kind in wanted}


def tabulated(model: Any, *, symmetry: bool = False, only: str | None = None) -> Explored:
    """Explore *model* to the end, or till target *only* is found, with the Python engine."""
    learner = Learner(model)
    wanted = {n: f for n, f in targets(model).items() if only is None or n == only}
    options = Options(targets=wanted, symmetry=symmetry, to_the_end=only is None)
    search = Search(learner, options).run()
    assert search.complete or only is not None
    lengths = {name: _length(search, state) for name, state in search.hits.items()}
    return Explored(search.states, search.transitions, len(search.layers), lengths)


def _length(search: Search, state: State) -> int:
    steps = 0
    before = search.before(state)
    while before is not None:
        steps, before = steps + 1, search.before(before)
    return steps


def naive(model: Any) -> Explored:
    """Explore *model* with machines as states and their canonical keys: no tables, no vectors."""
    (start,) = model.initial()
    seen = {start.canonical()}
    layer, layers, transitions = [start], 0, 0
    lengths: dict[str, int] = {}
    while layer:
        for name, formula in targets(model).items():
            if name not in lengths and any(true(model, formula, state) for state in layer):
                lengths[name] = layers
        layers += 1
        following = []
        for state in layer:
            for after in successors(model, state):
                transitions += 1
                key = after.canonical()
                if key not in seen:
                    seen.add(key)
                    following.append(after)
        layer = following
    return Explored(len(seen), transitions, layers, lengths)


def successors(model: Any, state: Any) -> list[Any]:
    """Return the state after each step that some process can take in *state*."""
    vector = model.vector(state)
    found = [
        model.take(state, number, step)
        for number, process in enumerate(model.processes)
        for step in model.steps(number, vector[process.own])
    ]
    return [after for after in found if after is not None]


def true(model: Any, formula: Formula, state: Any) -> bool:
    """Return whether *formula* holds in *state*."""
    vector = model.vector(state)
    values = {c.name: value for c, value in zip(model.components, vector, strict=True)}

    def count(name: str) -> int:
        counter = list(model.counters).index(name)
        return sum(model.weight(counter, i, value) for i, value in enumerate(vector))

    return holds(formula, values.__getitem__, count)


@pytest.fixture(scope="session")
def explore() -> Callable[..., Explored]:
    """The exploration by tables."""
    return tabulated


@pytest.fixture(scope="session")
def explore_naively() -> Callable[..., Explored]:
    """The exploration machine by machine."""
    return naive


@pytest.fixture(scope="session")
def is_true() -> Callable[..., bool]:
    """The test whether a formula holds in a state."""
    return true


@pytest.fixture(scope="session")
def following() -> Callable[..., list[Any]]:
    """The successors of a state."""
    return successors

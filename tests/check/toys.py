"""Small models whose answers a reader can work out by hand."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import attrs

from regsim.check.factored import Component, Instance, StepSpec
from regsim.check.formula import Atom, Formula, every
from regsim.check.plain import state
from regsim.check.property import Fairness, Property, always, eventually, leads_to, sometimes


@attrs.frozen
class Counter:
    """A number that process *up* raises to *top* and process *reset* sets back to 0 from there."""

    top: int
    resets: bool = True
    name: str = "counter"
    processes: Sequence[str] = ("up", "reset")

    @property
    def properties(self) -> Sequence[Property]:
        """What may be asked."""
        top = self.top
        return (
            always("below", state(lambda n: n < top, f"below {top}")),
            always("small", state(lambda n: n <= top)),
            sometimes("top", state(lambda n: n == top)),
            sometimes("beyond", state(lambda n: n > top)),
            leads_to("rises", state(lambda n: n == 0), state(lambda n: n == top)),
            leads_to("returns", state(lambda n: n == top), state(lambda n: n == 0)),
        )

    def init_states(self) -> Iterable[int]:
        """Begin at 0."""
        return (0,)

    def actions(self, number: int, process: int) -> Iterable[str]:
        """Raise it below the top; at the top, reset it."""
        if process == 0 and number < self.top:
            yield "raise"
        if process == 1 and number == self.top and self.resets:
            yield "reset"

    def next_state(self, number: int, process: int, action: str) -> int:  # noqa: ARG002
        """Return the number after *action*."""
        return number + 1 if action == "raise" else 0


@attrs.frozen
class Peterson:
    """Peterson's mutual exclusion of two processes (1981); without *turn* it deadlocks."""

    turn: bool = True
    name: str = "peterson"
    processes: Sequence[str] = ("left", "right")

    @property
    def properties(self) -> Sequence[Property]:
        """What may be asked."""
        return (
            always("exclusion", state(lambda s: s[0] != ("in", "in"), "not both are in")),
            sometimes("entered", state(lambda s: "in" in s[0])),
            leads_to("left-enters", state(lambda s: s[0][0] == "wait"), _in(0)),
            eventually("left-comes", _in(0)),
            eventually("left-may-stay-out", _in(0), fairness=Fairness.NONE),
        )

    def init_states(self) -> Iterable[tuple[tuple[str, str], int]]:
        """Begin outside."""
        return ((("out", "out"), 0),)

    def actions(self, at: tuple[tuple[str, str], int], process: int) -> Iterable[str]:
        """Ask, enter when the other lets us, leave."""
        places, turn = at
        other = 1 - process
        if places[process] == "out":
            yield "ask"
        elif places[process] == "in":
            yield "leave"
        elif places[other] == "out" or (self.turn and turn == process):
            yield "enter"

    def next_state(
        self, at: tuple[tuple[str, str], int], process: int, action: str
    ) -> tuple[tuple[str, str], int]:
        """Return the state after *action*; to ask gives the turn to the other."""
        places, turn = list(at[0]), at[1]
        places[process] = {"ask": "wait", "enter": "in", "leave": "out"}[action]
        return ((places[0], places[1]), 1 - process if action == "ask" and self.turn else turn)


def _in(process: int) -> Formula:
    return state(lambda s: s[0][process] == "in")


class Philosophers:
    """Dining philosophers, factored: each takes the left fork, then the right, then eats.

    With *polite* the last one takes the right fork first, so that they never all wait.
    """

    symmetry: Sequence[Sequence[tuple[int, ...]]] = ()
    counters: Sequence[str] = ("forks in hand",)

    def __init__(self, seats: int, *, polite: bool = False) -> None:
        self.name, self.seats, self.polite = "philosophers", seats, polite
        self.components = (
            *(Component(f"philosopher-{i}", "philosopher") for i in range(seats)),
            *(Component(f"fork-{i}", "fork") for i in range(seats)),
        )
        self.processes = tuple(Instance(f"p{i}", self._kind(i), i) for i in range(seats))
        stuck = every(self._at(i, "one") for i in range(seats))
        self.properties = (
            always("no-deadlock", ~stuck),
            sometimes("eats", self._at(0, "eat")),
            sometimes("two-eat", self._at(0, "eat") & self._at(1, "eat")),
            leads_to("first-eats", self._at(0, "think"), self._at(0, "eat")),
        )

    def _kind(self, seat: int) -> str:
        return "polite" if self.polite and seat == self.seats - 1 else "usual"

    def _at(self, seat: int, place: str) -> Formula:
        return Atom(f"philosopher-{seat}", lambda value: value == place, place)

    def initial(self) -> Iterable[tuple[str, ...]]:
        """All think, all forks lie."""
        return (("think",) * self.seats + ("free",) * self.seats,)

    def vector(self, concrete: tuple[str, ...]) -> tuple[Hashable, ...]:
        """Return the state itself."""
        return concrete

    def weight(self, counter: int, component: int, value: Hashable) -> int:  # noqa: ARG002
        """Count the forks that somebody holds."""
        return int(value == "taken")

    def _forks(self, process: int) -> tuple[int, int]:
        left, right = self.seats + process, self.seats + (process + 1) % self.seats
        return (right, left) if self._kind(process) == "polite" else (left, right)

    def steps(self, process: int, own: Hashable) -> Sequence[StepSpec]:
        """Return the step of the place *own*."""
        first, second = self._forks(process)
        reads = {"think": (first,), "one": (second,), "eat": (first, second)}[str(own)]
        name = {"think": "take-first", "one": "take-second", "eat": "put-back"}[str(own)]
        return (StepSpec(name, (process, *reads)),)

    def take(
        self, concrete: tuple[str, ...], process: int, step: StepSpec
    ) -> tuple[str, ...] | None:
        """Return the state after *step*, or None while a fork is missing."""
        after: list[Any] = list(concrete)
        forks, putting = step.reads[1:], step.name == "put-back"
        if not putting and any(concrete[fork] == "taken" for fork in forks):
            return None
        for fork in forks:
            after[fork] = "free" if putting else "taken"
        after[process] = {"take-first": "one", "take-second": "eat", "put-back": "think"}[step.name]
        return tuple(after)


Values = dict[str, int]


@attrs.frozen
class Move:
    """A step of a `Net`: what it touches, and what it does to that, or None where it cannot.

    ``does`` is given the values of what it touches, and in place of each counter asked 1 for zero.
    """

    name: str
    touches: tuple[str, ...]
    does: Callable[[Values], Values | None]
    zeros: tuple[str, ...] = ()
    maps: tuple[str, ...] = ()


class Net:
    """A factored model in a few lines: numbers by name, and moves by process and own value."""

    symmetry: Sequence[Sequence[tuple[int, ...]]] = ()

    def __init__(
        self,
        start: Values,
        owners: dict[str, str],
        moves: dict[tuple[str, int], list[Move]],
        *properties: Property,
        weights: dict[str, Values] | None = None,
    ) -> None:
        self.name, self.properties, self._start, self._moves = "net", properties, start, moves
        self._names, self._weights = list(start), weights or {}
        self.components = tuple(Component(name, name) for name in start)
        self.processes = tuple(Instance(p, p, self._names.index(o)) for p, o in owners.items())
        self.counters = tuple(self._weights)

    def initial(self) -> Iterable[tuple[int, ...]]:
        """Begin where it starts."""
        return (tuple(self._start.values()),)

    def vector(self, concrete: tuple[int, ...]) -> tuple[Hashable, ...]:
        """Return the numbers."""
        return concrete

    def weight(self, counter: int, component: int, value: Hashable) -> int:
        """Return the value's weight: itself, for components that the counter counts."""
        weights = self._weights[self.counters[counter]]
        return weights.get(self._names[component], 0) * int(str(value))

    def steps(self, process: int, own: Hashable) -> Sequence[StepSpec]:
        """Return the moves at the value *own*."""
        moves = self._moves.get((self.processes[process].name, int(str(own))), [])
        mine = self.processes[process].own
        return tuple(
            StepSpec(
                move.name,
                (mine, *(self._names.index(n) for n in move.touches)),
                tuple(self.counters.index(n) for n in move.zeros),
                tuple(self._names.index(n) for n in move.maps),
                move,
            )
            for move in moves
        )

    def take(
        self,
        concrete: tuple[int, ...],
        process: int,  # noqa: ARG002
        step: StepSpec,
    ) -> tuple[int, ...] | None:
        """Return the numbers after the move."""
        move: Move = step.token
        shown = {self._names[i]: concrete[i] for i in step.reads + step.maps}
        for counter in step.zeros:
            total = sum(self.weight(counter, i, value) for i, value in enumerate(concrete))
            shown[self.counters[counter]] = int(total == 0)
        after = move.does(shown)
        if after is None:
            return None
        return tuple(after.get(n, v) for n, v in zip(self._names, concrete, strict=True))


def becomes(component: str, value: int) -> Move:
    """Return the move that just sets *component*, its process's own, to *value*."""
    return Move(f"{component}={value}", (), lambda _: {component: value})


def equals(component: str, value: int) -> Formula:
    """Return the formula that *component* is *value*."""
    return Atom(component, lambda found: found == value, f"{component} is {value}")

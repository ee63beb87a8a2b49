"""What a search answers, whichever engine made it, and the limits it is given."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import attrs

from regsim.check.formula import Formula
from regsim.check.learn import State


@attrs.frozen
class SearchProgress:
    """How far a search is, for whoever shows it.

    Attributes:
        states: distinct states found.
        transitions: steps taken.
        depth: breadth-first layers begun.
        waiting: states found but not yet expanded.
        seconds: since the search began.
    """

    states: int
    transitions: int
    depth: int
    waiting: int
    seconds: float


@attrs.frozen(kw_only=True)
class Limits:
    """Where a search gives up; None is no limit. A search that gave up proves nothing.

    Attributes:
        states: the most states to keep.
        seconds: the longest to search, in seconds.
        bytes: the most memory to hold states in, in bytes, as the engine counts it; without it
            an engine ends before it takes more than the system has to give.
    """

    states: int | None = None
    seconds: float | None = None
    bytes: int | None = None

    def hit(self, states: int, started: float, size: int) -> str | None:
        """Return which limit is reached, as a sentence; None while none is."""
        if self.states is not None and states >= self.states:
            return f"the limit of {self.states:,} states was reached"
        if self.seconds is not None and time.perf_counter() - started >= self.seconds:
            return f"the limit of {self.seconds:g} seconds was reached"
        if self.bytes is not None and size >= self.bytes:
            return f"the limit of {self.bytes:,} bytes was reached"
        return None


NO_LIMITS = Limits()


@attrs.frozen(kw_only=True)
class Options:
    """How to search.

    Attributes:
        targets: formulas by name; the search notes the first state where each holds.
        to_the_end: go on when every target is found, so that the counts are complete.
        symmetry: keep one state of those that differ by a swap of symmetric processes.
        partial_order: leave out interleavings that the targets cannot tell apart.
        limits: where to give up.
        progress: told now and then how far the search is.
    """

    targets: Mapping[str, Formula] = attrs.field(factory=dict)
    to_the_end: bool = True
    symmetry: bool = False
    partial_order: bool = False
    limits: Limits = NO_LIMITS
    progress: Callable[[SearchProgress], None] | None = None


class Space(Protocol):
    """The states that a search found."""

    @property
    def engine(self) -> str:
        """``python`` or ``c``."""

    @property
    def states(self) -> int:
        """How many distinct states were found."""

    @property
    def transitions(self) -> int:
        """Steps taken out of states that were expanded; equal targets count twice."""

    @property
    def layers(self) -> Sequence[int]:
        """The number of states first met in each breadth-first layer, the initial one first."""

    @property
    def hits(self) -> Mapping[str, State]:
        """By target, the first state found where it holds."""

    @property
    def stopped(self) -> str | None:
        """Why the search gave up, as a sentence; None when it did not."""

    @property
    def complete(self) -> bool:
        """Whether every reachable state was expanded."""

    @property
    def bytes(self) -> int:
        """The memory that holds the states, as the engine counts it."""

    @property
    def seconds(self) -> float:
        """How long it took, the tabulation among it."""

    def before(self, state: State) -> State | None:
        """Return the state from which *state* was first reached; None for an initial one.

        Raises `KeyError` for one that was not found.
        """

    def all_states(self) -> Sequence[State]:
        """Return every state, in the order found."""

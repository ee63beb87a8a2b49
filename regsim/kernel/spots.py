"""The parts of a machine that a step can depend on or change, and sets of them: footprints.

An explorer that knows a step's footprint runs the step once for all states that agree on it. So a
footprint may name more than a step touches, never less: what it leaves out, the explorer takes for
unchanged and unread without looking.
"""

from __future__ import annotations

import enum
from typing import Any, Final

import attrs


class Place(enum.Enum):
    """A part of the machine as the thread that takes the step sees it."""

    THREAD = "the thread's own part"
    PROCESS = "its process's part"
    IDENTITY = "whom it acts as: its own part, and its process's unless it has a token of its own"
    NAMESPACE = "the hives that are mounted, and the files behind them"
    SIGNALS = "the events that are signalled"
    SESSION = "the processes of the user's session, and their threads"
    HOLDERS = "everything that can hold a handle"


@attrs.frozen
class Variable:
    """A variable of the machine."""

    name: str


@attrs.frozen
class Actor:
    """The process with this role, and its threads."""

    role: str


Spot = Place | Variable | Actor


@attrs.frozen
class Footprint:
    """What a step touches.

    Attributes:
        reads: what decides whether and how it is taken; all it changes, but for *maps*.
        blockers: the paths of hives of which it asks whether anything blocks their unload.
        maps: what it changes part by part, each by a function of that part alone.
    """

    reads: frozenset[Spot] = frozenset()
    blockers: frozenset[str] = frozenset()
    maps: frozenset[Spot] = frozenset()

    def __or__(self, other: Footprint) -> Footprint:
        """Return what a step touches that touches both."""
        return Footprint(
            self.reads | other.reads, self.blockers | other.blockers, self.maps | other.maps
        )


NOTHING: Final = Footprint()


def reads(*spots: Spot) -> Footprint:
    """Return the footprint of what reads *spots*, and changes nothing else."""
    return Footprint(frozenset(spots))


class UndeclaredError(Exception):
    """No footprint is declared for this; it may touch everything."""


def literal(expr: Any) -> str:  # noqa: ANN401 - an expression, or a literal of any type
    """Return *expr* where it is a text written in the program.

    Raises `UndeclaredError` where it is computed: nobody knows beforehand which part it names.
    """
    if not isinstance(expr, str):
        raise UndeclaredError
    return expr

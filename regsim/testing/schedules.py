"""Random schedules of a model's processes, for hypothesis to search and to shrink.

A schedule is a list of process numbers; each takes the first step it can, and one that can take
none is passed over, so that leaving any entry out leaves a schedule. What hypothesis shrinks to is
therefore comparable with the explorer's shortest path.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from regsim.check.factored import Factored
from regsim.check.formula import Formula
from regsim.check.learn import Learner, State, Taken
from regsim.check.paths import holds_in


@st.composite
def schedules(draw: st.DrawFn, model: Factored, *, size: int = 120) -> list[int]:
    """Return schedules of *model* of at most *size* entries, of about ten per process.

    hypothesis' own lists are mostly shorter than the schedules in which something goes wrong.
    """
    processes = len(model.processes)
    schedule: list[int] = []
    while len(schedule) < size:
        entry = draw(st.integers(0, 10 * processes))
        if entry == 0:
            break
        schedule.append((entry - 1) % processes)
    return schedule


class Player:
    """Plays schedules of one model; the tables it learns on the way are kept for the next."""

    def __init__(self, model: Factored) -> None:
        self.model = model
        self.learner = Learner(model)
        self._start = self.learner.initial()[0]
        self._came: dict[State, State | None] = {self._start: None}

    def play(self, schedule: Sequence[int]) -> list[Taken]:
        """Return the steps that *schedule* takes from the first initial state."""
        state, steps = self._start, []
        for process in schedule:
            for taken in self.learner.successors(state, self._came.get):
                if taken.process == process:
                    self._came.setdefault(taken.state, state)
                    steps.append(taken)
                    state = taken.state
                    break
        return steps

    def reaches(self, steps: Sequence[Taken], goal: Formula) -> bool:
        """Return whether *goal* holds in the initial state or after one of *steps*."""
        states = (self._start, *(taken.state for taken in steps))
        return any(self.holds(goal, state) for state in states)

    def holds(self, formula: Formula, state: State) -> bool:
        """Return whether *formula* holds in *state*."""
        return holds_in(self.learner, formula, state)

"""Random schedules find what the explorer proves, and shrink to the length it says is the least."""

from __future__ import annotations

import os

import pytest
from hypothesis import assume, find, given, settings
from hypothesis import strategies as st
from regsim.models import model

from regsim.check.factored import Factored
from regsim.check.formula import Formula
from regsim.check.property import Verdict
from regsim.check.verify import check
from regsim.errors import UnknownNameError, UsageError
from regsim.testing import assert_holds
from regsim.testing.schedules import Player, schedules

SEEK = settings(max_examples=20_000, database=None, derandomize=True)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE")
SHORTEST = [
    ("buggy", "leak", 9, {}),
    *([("naive", "err", 15, {})] if PROFILE in ("ci", "nightly") else ()),
    *([("forced", "err", 8, {})] if PROFILE == "nightly" else ()),
    *([("refcounted", "lost", 7, {"attempts": 1})] if PROFILE == "nightly" else ()),
]
"""What fails, in how few steps; with one attempt even a true fix can lose a profile."""
TRUE_FIXES = ("refcounted", "uncached")


def goal_of(found: Factored, name: str) -> Formula:
    """Return what property *name* of a model claims of every state."""
    return next(prop.goal for prop in found.properties if prop.name == name)


def small(variant: str, **more: int) -> Factored:
    """Return the case with two workers and nobody else."""
    return model("q241572", **({"workers": 2, "services": 0, "variant": variant} | more))


@pytest.mark.parametrize(("variant", "claim", "least", "more"), SHORTEST)
def test_hypothesis_shrinks_to_the_shortest_path(variant, claim, least, more) -> None:
    """The schedule it ends with is as long as the explorer's counterexample, step by step."""
    case = small(variant, **more)
    player, bad = Player(case), ~goal_of(case, claim)
    shrunk = find(schedules(case), lambda s: player.reaches(player.play(s), bad), settings=SEEK)
    path = check(case, claim).path

    assert path is not None
    assert len(player.play(shrunk)) == len(shrunk) == len(path.steps) == least


@given(st.data(), st.sampled_from(TRUE_FIXES))
def test_a_true_fix_breaks_nobody_and_leaves_nothing(data: st.DataObject, variant: str) -> None:
    """In no schedule does a call fail, or a handle stay once every call has returned."""
    case = small(variant)
    player = Player(case)
    steps = player.play(data.draw(schedules(case)))

    assert not player.reaches(steps, ~goal_of(case, "err"))
    assert not player.reaches(steps, ~goal_of(case, "leak"))


@given(st.data(), st.sampled_from(TRUE_FIXES))
def test_with_a_true_fix_every_logoff_can_still_end_in_a_save(data, variant: str) -> None:
    """From wherever a schedule leaves things, letting each process finish its call saves."""
    case = small(variant)
    player = Player(case)
    schedule = data.draw(schedules(case))
    unloading = goal_of(case, "logoff")
    steps = player.play(schedule)
    assume(steps and player.holds(unloading, steps[-1].state))

    finish = [*range(1, len(case.processes))] * 30 + [0]

    assert player.holds(goal_of(case, "saved"), player.play([*schedule, *finish])[-1].state)


# -- assert_holds ------------------------------------------------------------------------------


def test_a_true_fix_passes_and_the_answer_has_its_counts() -> None:
    """By name with parameters, or a model as it is."""
    by_name = assert_holds("q241572", "err", parameters={"workers": 2, "variant": "refcounted"})
    as_it_is = assert_holds(model("q241572", workers=2, variant="refcounted"), "err")

    assert (by_name.states, by_name.transitions) == (1320, 5548)
    assert as_it_is.verdict is Verdict.HOLDS


def test_the_naive_fix_fails_with_the_counterexample() -> None:
    """The message is the numbered path and the command that shows it again."""
    with pytest.raises(AssertionError, match=r"(?s)15 .*open-subkey.*regsim check q241572"):
        assert_holds("q241572", "err", parameters={"workers": 2, "variant": "naive"})


def test_a_limit_never_reads_as_holds() -> None:
    """An answer that is not sure fails too, and says why."""
    with pytest.raises(AssertionError, match="inconclusive"):
        assert_holds("q241572", "err", parameters={"variant": "refcounted"}, max_states=100)


def test_what_there_is_not_is_refused() -> None:
    """A model, a property and a parameter that do not exist; each error lists those that do."""
    with pytest.raises(UnknownNameError, match="q241572"):
        assert_holds("q1", "err")
    with pytest.raises(UnknownNameError, match="leak"):
        assert_holds("q241572", "nothing")
    with pytest.raises(UsageError, match="workers"):
        assert_holds("q241572", "err", parameters={"threads": 2})

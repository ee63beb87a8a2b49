"""Liveness on graphs whose answers are known; random ones are in test_random_models."""

from __future__ import annotations

import pytest
from random_models import Maze

from regsim import models
from regsim.check.formula import TRUE
from regsim.check.plain import state
from regsim.check.property import Fairness, Property, leads_to
from regsim.check.verify import check


def at(*nodes: int) -> object:
    """Return the formula that the run stands at one of *nodes*."""
    return state(lambda node: node in nodes, f"at {nodes}")


def maze(claim: Property, **edges: str) -> Maze:
    """Return a maze from 0; ``p="01 12"`` gives process p the edges from 0 to 1 and 1 to 2."""
    found: dict[tuple[int, int], list[int]] = {}
    for process, text in enumerate(edges.values()):
        for edge in text.split():
            found.setdefault((int(edge[0]), process), []).append(int(edge[1]))
    return Maze(found, (0,), (claim,), tuple(edges))


def verdicts(model: Maze) -> dict[str, str]:
    """Return the verdict under each kind of fairness."""
    return {f.value: check(model, model.properties[0], fairness=f).verdict.value for f in Fairness}


def test_one_that_stays_able_must_go() -> None:
    """Weak fairness makes q go to 2, which it always could, although p circles."""
    model = maze(leads_to("out", TRUE, at(2)), p="01 10", q="02 12")

    assert verdicts(model) == {"none": "violated", "weak": "holds", "strong": "holds"}


def test_one_that_is_able_now_and_then_must_go_if_fairness_is_strong() -> None:
    """Only strong fairness makes q go to 2, which it can from 1 alone, while p circles."""
    model = maze(leads_to("out", TRUE, at(2)), p="01 10", q="12")

    assert verdicts(model) == {"none": "violated", "weak": "violated", "strong": "holds"}


def test_what_strong_fairness_forbids_is_not_all_there_is() -> None:
    """The run that never comes to 2, where q could go to 3, is fair; the one that does is not."""
    model = maze(leads_to("out", TRUE, at(3)), p="01 10 12 21", q="23")
    found = check(model, "out", fairness="strong")

    assert verdicts(model) == dict.fromkeys(("none", "weak", "strong"), "violated")
    assert found.path is not None
    assert {step.values[0] for step in found.path.steps} <= {0, 1}


def test_a_step_that_stays_is_a_step() -> None:
    """A process whose step leads nowhere does step, so no fairness forbids its endless run."""
    model = maze(leads_to("out", TRUE, at(1)), q="00")

    assert verdicts(model) == dict.fromkeys(("none", "weak", "strong"), "violated")


def test_a_deadlock_is_the_end() -> None:
    """A run that ends without the answer breaks the claim under any fairness."""
    model = maze(leads_to("out", TRUE, at(2)), p="01 02")
    found = check(model, "out")

    assert verdicts(model) == dict.fromkeys(("none", "weak", "strong"), "violated")
    assert found.path is not None
    assert found.path.deadlock
    assert found.path.code == "0:"


def test_no_answer_is_owed_before_the_trigger() -> None:
    """A run that circles before the trigger breaks no leads-to; one that circles after it does."""
    holds = maze(leads_to("out", at(2), at(3)), p="01 10 12 23")
    broken = maze(leads_to("out", at(2), at(3)), p="01 10 12 23 20")

    assert verdicts(holds) == dict.fromkeys(("none", "weak", "strong"), "holds")
    assert verdicts(broken) == dict.fromkeys(("none", "weak", "strong"), "violated")


def test_the_answer_may_come_at_once() -> None:
    """A state that is trigger and goal owes nothing."""
    model = maze(leads_to("out", at(1), at(1, 2)), p="01 13")

    assert verdicts(model) == dict.fromkeys(("none", "weak", "strong"), "holds")


@pytest.mark.parametrize(
    ("pair", "verdict"),
    [
        ((TRUE, at(2)), "holds"),  # no cycle passes 2
        ((at(0), at(1)), "violated"),  # the cycle through 0 passes 1
        ((at(1), at(9)), "holds"),  # the only cycle passes 1
        ((at(9), at(8)), "violated"),  # nothing asks
    ],
)
def test_what_is_assumed(pair: tuple[object, object], verdict: str) -> None:
    """Only runs count on which what is asked again and again is answered again and again."""
    model = maze(leads_to("out", TRUE, at(2), assuming=(pair,)), p="01 10 12")

    assert check(model, "out", fairness="none").verdict.value == verdict


def test_what_is_assumed_of_a_deadlock() -> None:
    """A run that ends stutters there, so it meets an assumption or breaks it for ever."""
    asks = leads_to("out", TRUE, at(9), assuming=((at(1), at(0)),))
    quiet = leads_to("out", TRUE, at(9), assuming=((at(0), at(7)),))

    assert check(maze(asks, p="01"), "out").verdict.value == "holds"
    assert check(maze(quiet, p="01"), "out").verdict.value == "violated"


BROKEN = {
    "": {"buggy"},
    "noisy": {"buggy", "refcounted", "uncached", "naive"},
    "attempts": {"buggy", "refcounted", "uncached", "naive"},
}
"""The variants in which a logoff need not end in a save: the oracle model's results."""


@pytest.mark.parametrize("variant", ["buggy", "refcounted", "uncached", "forced", "naive"])
@pytest.mark.parametrize(("more", "broken"), BROKEN.items())
def test_live(variant: str, more: str, broken: set[str]) -> None:
    """Every logoff ends in a saved profile, with weak fairness, just where the oracle says so."""
    options = {"": {}, "noisy": {"noisy": 1}, "attempts": {"attempts": 3}}[more]
    model = models.model("q241572", workers=2, services=1, queue=2, variant=variant, **options)

    assert check(model, "live").verdict.value == ("violated" if variant in broken else "holds")


def test_the_workaround() -> None:
    """With the Telephony service stopped even the stock service's logoffs end in a save."""
    stock = models.model("q241572", variant="buggy", stop=1)

    assert check(stock, "live").verdict.value == "violated"
    assert check(stock, "livew").verdict.value == "holds"
    assert check(stock, "stopped").verdict.value == "holds"


def test_an_unload_that_cannot_miss_its_chance() -> None:
    """By livesf, other processes cannot keep the logoff of a fixed service waiting for ever."""
    fixed = models.model("q241572", variant="refcounted", noisy=1)
    stock = models.model("q241572", variant="buggy", noisy=1)

    assert check(fixed, "live").verdict.value == "violated"
    assert check(fixed, "livesf").verdict.value == "holds"
    assert check(stock, "livesf").verdict.value == "violated"

"""Verdicts, counts and paths on models whose answers are known."""

from __future__ import annotations

import pytest
from toys import Counter, Peterson, Philosophers

import regsim.check
from regsim import models
from regsim.check import Fairness, Verdict, always, check, check_all, state
from regsim.check.formula import TRUE
from regsim.check.graph import OutOfTimeError, graph_of
from regsim.check.learn import Learner
from regsim.check.liveness import find_lasso
from regsim.check.search import Search
from regsim.check.space import Options
from regsim.check.verify import factored
from regsim.errors import UnknownNameError, UsageError


def verdicts(model: object, **options: object) -> dict[str, str]:
    """Return every property's verdict by name."""
    return {r.property.name: r.verdict.value for r in check_all(model, **options)}


@pytest.mark.parametrize("engine", ["python", "auto"])
@pytest.mark.parametrize("reduce", ["none", "symmetry", "partial-order", "all"])
def test_a_counter(engine: str, reduce: str) -> None:
    """Of a ring of numbers, claims of all three kinds hold and fail where they should."""
    assert verdicts(Counter(3), engine=engine, reduce=reduce) == {
        "below": "violated",
        "small": "holds",
        "top": "holds",
        "beyond": "violated",
        "rises": "holds",
        "returns": "holds",
    }


def test_a_counter_that_stays_up() -> None:
    """A run that ends without the answer breaks a leads-to."""
    found = check(Counter(3, resets=False), "returns")

    assert found.verdict is Verdict.VIOLATED
    assert found.path is not None
    assert found.path.deadlock
    assert found.path.code == "000:"


def test_counts_are_of_the_whole_space() -> None:
    """With all states asked for, the counts are of the whole space, whatever is found first."""
    found = check(Counter(3), "below", all_states=True)

    assert (found.states, found.transitions, found.depth) == (4, 4, 4)
    assert found.complete
    assert found.path is not None
    assert len(found.path.steps) == 3


def test_a_search_stops_at_what_it_seeks() -> None:
    """Without all states asked for, a search counts only what it needed to decide."""
    found = check(Counter(50), always("low", state(lambda n: n < 5)))

    assert found.verdict is Verdict.VIOLATED
    assert found.states < 50
    assert not found.complete


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_states": 5}, "the limit of 5 states was reached"),
        ({"max_seconds": 0.0}, "the limit of 0 seconds was reached"),
        ({"max_memory": 1}, "the limit of 1 bytes was reached"),
    ],
)
@pytest.mark.parametrize("name", ["small", "beyond", "rises"])
def test_a_limit_decides_nothing(options: dict[str, float], said: str, name: str) -> None:
    """A search that hits a limit is inconclusive, and says which limit it was."""
    found = check(Counter(50), name, **options)

    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.path is None
    assert said in found.reasons


def test_a_limit_stops_the_graph_too() -> None:
    """A limit of memory keeps a graph from being made; a limit of time ends the search in it."""
    small = check(Counter(50), "rises", max_memory=10_000, engine="python")
    assert small.complete
    assert small.verdict is Verdict.INCONCLUSIVE
    assert small.reasons == ("the limit of 10,000 bytes is too low for the graph",)
    space = Search(Learner(factored(Counter(50))), Options()).run()
    late = graph_of(space, until=0.0)
    with pytest.raises(OutOfTimeError):
        find_lasso(late, Counter(50).properties[4], Fairness.WEAK)


def test_a_limit_does_not_hide_what_was_found() -> None:
    """A violation, or a witness, found before a limit stands."""
    claims = [always("low", state(lambda n: n < 3)), "small", "top"]
    found = check_all(Counter(50), claims, max_states=10)

    assert [r.verdict.value for r in found] == ["violated", "inconclusive", "inconclusive"]


def test_peterson_excludes_and_lets_each_in() -> None:
    """Peterson's waiting process enters without fairness; one outside need not ask then."""
    assert verdicts(Peterson()) == {
        "exclusion": "holds",
        "entered": "holds",
        "left-enters": "holds",
        "left-comes": "holds",
        "left-may-stay-out": "violated",
    }
    assert check(Peterson(), "left-enters", fairness="none").verdict is Verdict.HOLDS


def test_peterson_without_the_turn_deadlocks() -> None:
    """Without the turn, both of Peterson's processes can wait for ever."""
    found = check(Peterson(turn=False), "left-enters")

    assert found.verdict is Verdict.VIOLATED
    assert found.path is not None
    assert found.path.deadlock
    assert len(found.path.steps) == 2


@pytest.mark.parametrize("seats", [2, 3, 4])
def test_philosophers(seats: int) -> None:
    """Philosophers can all wait for ever as they sit, and cannot once one is polite."""
    rude = check(Philosophers(seats), "no-deadlock", all_states=True)
    polite = Philosophers(seats, polite=True)

    assert rude.verdict is Verdict.VIOLATED
    assert rude.path is not None
    assert [step.step for step in rude.path.steps] == ["take-first"] * seats
    assert rude.path.steps[-1].counters == (seats,)
    assert check(polite, "no-deadlock").verdict is Verdict.HOLDS
    assert check(polite, "eats").verdict is Verdict.HOLDS
    assert check(polite, "first-eats", fairness="strong").verdict is Verdict.HOLDS


def test_weak_fairness_is_not_strong() -> None:
    """Under weak fairness, or none, a philosopher with a polite neighbour may never eat."""
    polite = Philosophers(3, polite=True)

    assert check(polite, "first-eats", fairness="weak").verdict is Verdict.VIOLATED
    assert check(polite, "first-eats", fairness="none").verdict is Verdict.VIOLATED


def test_one_exploration_answers_all() -> None:
    """Every property of the case is answered on one graph: the counts are the same."""
    found = check_all(models.model("q241572"))

    assert len({(r.states, r.transitions) for r in found}) == 1
    assert [r.property.name for r in found][:3] == ["leak", "err", "lost"]


def test_a_property_of_the_callers_own() -> None:
    """A claim need not be one of the model's."""
    assert check(Counter(2), always("true", TRUE)).verdict is Verdict.HOLDS


@pytest.mark.parametrize(
    "options",
    [{"engine": "fast"}, {"reduce": "most"}, {"fairness": "very"}, {"properties": ["more"]}],
)
def test_unknown_names_list_the_known(options: dict[str, object]) -> None:
    """An unknown engine, reduction, fairness or property is refused with those there are."""
    with pytest.raises(UnknownNameError, match="known: "):
        check_all(Counter(2), **options)


def test_what_is_no_model_is_refused() -> None:
    """What is no model is refused with what it lacks."""
    with pytest.raises(UsageError, match="neither components nor next_state"):
        check(3, "small")
    with pytest.raises(UsageError, match="no property"):
        check_all(Counter(2), [])
    with pytest.raises(UsageError, match="one name"):
        check_all(Counter(2), ["small", always("small", TRUE)])


@pytest.mark.parametrize("name", regsim.check.__all__)
def test_the_packages_names(name: str) -> None:
    """Each public name of the package is there, documented and listed, and no other."""
    assert getattr(regsim.check, name).__doc__
    assert name in dir(regsim.check)
    assert not hasattr(regsim.check, "solve")

"""Both engines and all reductions on random small models, against running them by hand."""

from __future__ import annotations

import pytest
from hypothesis import assume, event, given
from random_models import Crowd, Truth, breach, mazes, models, truth
from toys import Move, Net, becomes

from regsim import accel
from regsim.check.factored import Factored
from regsim.check.learn import Learner
from regsim.check.native import NativeSearch
from regsim.check.paths import Path, follow
from regsim.check.plain import Plain
from regsim.check.property import Fairness, Property, PropertyKind, Verdict
from regsim.check.search import Search
from regsim.check.space import Options
from regsim.check.verify import ENGINES, Reduce, Result, check, check_all, search, target

NATIVE = accel.NATIVE is not None
AVAILABLE = [engine for engine in ENGINES if engine == "python" or (engine == "c" and NATIVE)]


def safety(model: Factored) -> list[Property]:
    """Return the claims that are not about what comes later."""
    return [claim for claim in model.properties if claim.kind is not PropertyKind.LEADS_TO]


def expected(graph: Truth, claim: Property) -> Verdict:
    """Return the verdict by looking at every state."""
    found = graph.nearest(target(claim)) is not None
    return Verdict.VIOLATED if found is (claim.kind is PropertyKind.ALWAYS) else Verdict.HOLDS


def agrees(result: Result, graph: Truth) -> None:
    """Assert that verdict and path are right; without a partial order the path is a shortest."""
    claim = result.property
    assert result.verdict is expected(graph, claim), claim.name
    nearest = graph.nearest(target(claim))
    if nearest is None:
        assert result.path is None
        return
    assert result.path is not None
    if not result.reduce.partial_order:
        assert len(result.path.steps) == nearest
    walk = follow(graph.model, result.path.code)
    assert walk.path == result.path
    assert walk.holds(target(claim))


@pytest.mark.parametrize("engine", AVAILABLE)
@given(model=models())
def test_safety(engine: str, model: Factored) -> None:
    """Counts, verdicts and shortest lengths are those of the model; reductions keep verdicts."""
    graph = truth(model)
    assume(graph is not None)
    assert graph is not None
    full = check_all(model, safety(model), engine=engine, all_states=True)[0]
    assert (full.states, full.transitions) == (len(graph.depth), graph.transitions)
    assert full.depth == 1 + max(graph.depth.values())
    for reduce in Reduce:
        for whole in (True, False):
            for result in check_all(
                model, safety(model), engine=engine, reduce=reduce, all_states=whole
            ):
                agrees(result, graph)
                event(f"{reduce.value}: {result.states < full.states and whole}")


@pytest.mark.parametrize("fairness", Fairness)
@given(maze=mazes())
def test_liveness(fairness: Fairness, maze: object) -> None:
    """The verdict and the length of the stem are those of trying every set of states."""
    model = Plain(maze)
    graph = truth(model)
    assert graph is not None
    claim = next(c for c in model.properties if c.kind is PropertyKind.LEADS_TO)
    stem = breach(graph, claim, fairness)
    found = check(model, claim, fairness=fairness)

    assert found.verdict is (Verdict.HOLDS if stem is None else Verdict.VIOLATED)
    event(found.verdict.value)
    if stem is not None:
        assert found.path is not None
        assert found.path.loop == stem
        shows(graph, claim, fairness, found.path)


@given(model=models())
def test_liveness_does_not_depend_on_what_is_asked_for(model: Factored) -> None:
    """A reduction is not used for a leads-to, and the answer says so."""
    assume(truth(model) is not None)
    claim = next(c for c in model.properties if c.kind is PropertyKind.LEADS_TO)
    plain = check(model, claim)
    for reduce in (Reduce.SYMMETRY, Reduce.PARTIAL_ORDER, Reduce.ALL):
        found = check(model, claim, reduce=reduce)
        assert found.verdict is plain.verdict
        assert found.states == plain.states
        assert found.reduce is Reduce.NONE
        assert "explored in full" in found.reasons[0]


def shows(graph: Truth, claim: Property, fairness: Fairness, path: Path) -> None:
    """Assert that *path* is a fair run, back where it was, on which the answer stays out."""
    walk = follow(graph.model, path.code)
    assert walk.path == path
    assert walk.verdict(claim) is Verdict.VIOLATED
    assert path.loop is not None
    states = [values[0] for values in (path.values, *(step.values for step in path.steps))]
    cycle = states[path.loop :]
    if path.deadlock:
        assert not graph.edges[cycle[0]]
    for asked, answered in claim.assuming:
        if any(graph.holds(asked, s) for s in cycle):
            assert any(graph.holds(answered, s) for s in cycle)
    stepping = {step.actor for step in path.steps[path.loop :]}
    for number, process in enumerate(graph.model.processes):
        able = [any(p == number for p, _ in graph.edges[s]) for s in cycle]
        if fairness is Fairness.WEAK:
            assert not all(able) or process.name in stepping
        if fairness is Fairness.STRONG:
            assert not any(able) or process.name in stepping


@pytest.mark.skipif(not NATIVE, reason="the C engine is not built")
@given(model=models())
def test_both_engines_leave_out_the_same(model: Factored) -> None:
    """Both engines have the same states, transitions and layers under every reduction."""
    assume(truth(model) is not None)
    for reduce in Reduce:
        one, other = (
            check_all(model, safety(model), engine=engine, reduce=reduce, all_states=True)[0]
            for engine in ("python", "c")
        )
        assert (one.states, one.transitions, one.depth) == (
            other.states,
            other.transitions,
            other.depth,
        )


@pytest.mark.skipif(not NATIVE, reason="the C engine is not built")
@pytest.mark.parametrize("crew", [(3, 2), (2, 1, 1), (2, 2, 1)])
def test_steps_known_to_lead_nowhere_new_are_counted(crew: tuple[int, ...]) -> None:
    """The C engine, which does not look where such steps lead, has the same states and steps.

    Processes that ask counters, map each other and share what they write are among those drawn, and
    those that do not touch; the order of states and whom each was first met from is compared.
    """
    for seed in range(60):
        model = Crowd(crew, 2, 3, seed, alike=False, calm=seed % 2 == 0)
        found = []
        for engine in (Search, NativeSearch):
            learner = Learner(model)
            space = engine(learner, Options()).run()
            states = space.all_states()
            parents = [space.before(state) for state in states]
            found.append(
                (
                    space.transitions,
                    [learner.decode(state) for state in states],
                    [parent and learner.decode(parent) for parent in parents],
                )
            )
        assert found[0] == found[1]


def test_a_counter_found_to_count_more_is_asked_anew() -> None:
    """A step that asks a counter is looked at again after one that makes it more than zero."""
    while_nought = Move("a=1", (), lambda at: {"a": 1} if at["sum"] else None, ("sum",))
    moves = {("p", 0): [while_nought], ("q", 0): [becomes("b", 1)]}
    weights = {"sum": {"b": 1}}
    model = Net({"a": 0, "b": 0}, {"p": "a", "q": "b"}, moves, weights=weights)
    for engine in AVAILABLE:
        found = search(Learner(model), Options(), engine)
        assert (found.states, found.transitions) == (4, 3)


def test_reductions_reduce() -> None:
    """Each reduction makes five or more of the random models smaller."""
    less = dict.fromkeys(Reduce, 0)
    for seed in range(80):
        model = Crowd((2, 1), 2, 3, seed, alike=True, calm=True)
        if truth(model) is None:
            continue
        full = check_all(model, safety(model), all_states=True)[0].states
        for reduce in Reduce:
            found = check_all(model, safety(model), reduce=reduce, all_states=True)
            less[reduce] += found[0].states < full
    assert less[Reduce.NONE] == 0
    assert min(less[r] for r in Reduce if r is not Reduce.NONE) >= 5

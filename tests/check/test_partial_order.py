"""What may be taken alone: each condition by a model in which it matters."""

from __future__ import annotations

import pytest
from toys import Move, Net, becomes, equals

from regsim import models
from regsim.check.formula import Zero
from regsim.check.property import Property, Verdict, sometimes
from regsim.check.verify import Reduce, check, check_all

A_THEN = {("p", 0): [becomes("a", 1)], ("p", 1): [becomes("a", 2)]}
B_THEN = {("q", 0): [becomes("b", 1)], ("q", 1): [becomes("b", 2)]}
OWNERS = {"p": "a", "q": "b"}


def net(moves: dict[tuple[str, int], list[Move]], claim: Property, **start: int) -> Net:
    """Return p on a, q on b, both at 0, and what else *start* names."""
    return Net({"a": 0, "b": 0, **start}, OWNERS, moves, claim)


def found(model: Net) -> tuple[Verdict, int]:
    """Return the verdict under the reduction, which must be that without it, and the states."""
    (claim,) = model.properties
    full = check(model, claim, all_states=True)
    less = check(model, claim, reduce=Reduce.PARTIAL_ORDER, all_states=True)
    assert less.verdict is full.verdict
    return less.verdict, full.states - less.states


def test_what_nobody_sees_is_taken_alone() -> None:
    """Of two independent processes one goes to its end before the other begins."""
    verdict, saved = found(net(A_THEN | B_THEN, sometimes("end", equals("b", 2))))

    assert verdict is Verdict.HOLDS
    assert saved > 0


def test_what_a_property_sees_is_not() -> None:
    """A step that the claim sees is not taken alone: another process may have to go first."""
    claim = sometimes("second-first", equals("a", 0) & equals("b", 2))

    assert found(net(A_THEN | B_THEN, claim))[0] is Verdict.HOLDS


def test_what_a_counter_counts_is_not() -> None:
    """A step that the claim sees only through a counter is not taken alone either."""
    claim = sometimes("second-first", Zero("sum") & equals("b", 2))
    weights = {"sum": {"a": 1}}
    model = Net({"a": 0, "b": 0}, OWNERS, A_THEN | B_THEN, claim, weights=weights)

    assert found(model)[0] is Verdict.HOLDS


def test_what_another_touches_later_is_not() -> None:
    """A process that another looks at only later is expanded again once that becomes known."""
    look = Move("look", ("a", "c"), lambda v: {"b": 3, "c": 1} if v["a"] == 0 else None)
    moves = A_THEN | B_THEN | {("q", 2): [look]}

    assert found(net(moves, sometimes("seen", equals("c", 1)), c=0))[0] is Verdict.HOLDS


def test_what_another_maps_is_not() -> None:
    """A step whose component another process changes by a map is not taken alone."""
    moves = A_THEN | {("q", 0): [Move("map", (), lambda v: {"b": 1, "a": v["a"] + 5}, (), ("a",))]}
    moves |= {("p", 5): [Move("tell", ("c",), lambda _: {"a": 6, "c": 1})]}

    assert found(net(moves, sometimes("told", equals("c", 1)), c=0))[0] is Verdict.HOLDS


def test_what_touches_more_than_its_own_is_not() -> None:
    """A step that takes what another process could have taken is not taken alone."""
    moves = {
        (p, 0): [Move("take", ("c",), lambda v, o=o, n=n: None if v["c"] else {o: 1, "c": n})]
        for p, o, n in (("p", "a", 1), ("q", "b", 2))
    }

    assert found(net(moves, sometimes("q-has-it", equals("c", 2)), c=0))[0] is Verdict.HOLDS


def test_what_asks_a_counter_is_not() -> None:
    """A step that asks a counter which another process changes is not taken alone."""
    fork = Move("fork", (), lambda v: {"a": 1 if v["sum"] else 2}, ("sum",))
    moves = {
        ("p", 0): [fork],
        ("p", 2): [Move("tell", ("c",), lambda _: {"a": 3, "c": 1})],
        ("q", 0): [becomes("b", 1)],
    }
    claim = sometimes("told", equals("c", 1))
    model = Net({"a": 0, "b": 0, "c": 0}, OWNERS, moves, claim, weights={"sum": {"b": 1}})

    assert found(model)[0] is Verdict.HOLDS


def test_what_maps_is_not() -> None:
    """A step that changes another's component by a map is not taken alone."""
    moves = {
        ("p", 0): [Move("map", (), lambda v: {"a": 1, "b": v["b"] + 5}, (), ("b",))],
        ("q", 0): [becomes("b", 1)],
    }

    assert found(net(moves, sometimes("one", equals("b", 1))))[0] is Verdict.HOLDS


def test_going_round_alone_does_not_put_off_the_rest() -> None:
    """A process that circles unseen does not keep another's step from being found."""
    moves = {("p", 0): [becomes("a", 1)], ("p", 1): [becomes("a", 0)], **B_THEN}

    assert found(net(moves, sometimes("end", equals("b", 2))))[0] is Verdict.HOLDS


@pytest.mark.parametrize("variant", ["buggy", "refcounted", "uncached", "forced", "naive"])
@pytest.mark.parametrize("more", [{}, {"attempts": 2}, {"noisy": 1}, {"stop": 1}])
def test_the_case(variant: str, more: dict[str, int]) -> None:
    """Every safety claim of every variant has one verdict under all reductions."""
    model = models.model("q241572", workers=2, services=1, queue=1, variant=variant, **more)
    claims = [claim for claim in model.properties if claim.kind.value != "leads-to"]
    full = check_all(model, claims)
    for reduce in Reduce:
        less = check_all(model, claims, reduce=reduce)
        assert [r.verdict for r in less] == [r.verdict for r in full]
        for one, other in zip(less, full, strict=True):
            if one.path is not None and other.path is not None and not reduce.partial_order:
                assert len(one.path.steps) == len(other.path.steps)


def test_the_case_shrinks() -> None:
    """Each reduction leaves something out, and both together more than either."""
    model = models.model("q241572", workers=3, services=2, queue=1, variant="refcounted")
    states = {r: check(model, "leak", reduce=r, all_states=True).states for r in Reduce}

    assert states[Reduce.ALL] < states[Reduce.SYMMETRY] < states[Reduce.NONE]
    assert states[Reduce.ALL] < states[Reduce.PARTIAL_ORDER] < states[Reduce.NONE]

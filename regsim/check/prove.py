"""Relations proved once more by z3, where it is installed: a second opinion on `balance`.

For each step of the tables z3 is asked for numbers of members, before the step, that keep the
relation and do not keep it afterwards. `balance.unproven` compares weights; this compares the sums
themselves, so a slip in the one is not one in the other.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from regsim.check.balance import Relation, number_around, starting
from regsim.check.families import Base
from regsim.check.learn import Effect, LocalStep, Situation


def prover() -> str:
    """Return the name and version of z3; "" where it is not installed."""
    try:
        z3: Any = import_module("z3")
    except ImportError:
        return ""
    return f"z3 {z3.get_version_string()}"


def refuted(base: Base, relation: Relation) -> str | None:
    """Return the step after which *relation* need not hold, by z3; None where it always does."""
    z3: Any = import_module("z3")
    before = {
        (index, place): z3.Int(f"n{index}_{place}")
        for index, family in enumerate(base.families)
        for place in base.places(family)
    }
    some = [count >= 0 for count in before.values()]
    number = z3.Int("number")
    begins = dict.fromkeys(before, z3.IntVal(0))
    for state in base.learner.initial():
        for index, family in enumerate(base.families):
            place = (index, state[family.members[0]])
            begins[place] = before[place]
        value = z3.IntVal(starting(base, relation, state))
        if not _proved(z3, [*some], value == _sum(begins, relation)):
            return "the beginning"
    holds = number == _sum(before, relation)
    for step, key, effect in base.entries():
        known, after, changed = _after(z3, base, relation, (step, key, effect), before, number)
        if not _proved(z3, [*some, *known, holds], changed == _sum(after, relation)):
            return step.spec.name
    return None


def _proved(z3: Any, known: list[Any], claim: Any) -> bool:  # noqa: ANN401 - z3's expressions
    solver = z3.Solver()
    solver.add(*known, z3.Not(claim))
    return bool(solver.check() == z3.unsat)


def _sum(counts: dict[tuple[int, int], Any], relation: Relation) -> Any:  # noqa: ANN401 - of z3
    terms = (weight * counts[place] for place, weight in relation.weights.items())
    return sum(terms, start=0) + relation.constant


def _after(
    z3: Any,  # noqa: ANN401 - the module
    base: Base,
    relation: Relation,
    entry: tuple[LocalStep, Situation, Effect],
    before: dict[tuple[int, int], Any],
    number: Any,  # noqa: ANN401 - of z3
) -> tuple[list[Any], dict[tuple[int, int], Any], Any]:
    """Return what is known before a step, and the counts and the number after it."""
    step, key, effect = entry
    counts, known = dict(before), []
    own = base.of.get(step.spec.reads[0])
    if own is not None:
        here = (base.families.index(own), key[0])
        known.append(counts[here] >= 1)
        counts[here] = counts[here] - 1
    for index, family in enumerate(base.families):
        if any(i in step.spec.maps for i in family.members):
            images = effect.images.get(family.kind, {})
            swept = {place: z3.IntVal(0) for place in counts if place[0] == index}
            for place in base.places(family):
                if place in images:
                    to = (index, images[place])
                    swept[to] = swept[to] + counts[index, place]
                else:
                    known.append(counts[index, place] == 0)
            counts.update(swept)
    if own is not None:
        there = (base.families.index(own), effect.new[0])
        counts[there] = counts[there] + 1
    old, new = number_around(base, (relation.component, relation.number), step, key, effect)
    if old is not None and new is None:
        return known, counts, z3.IntVal(0)
    return known, counts, number + ((new or 0) - (old or 0))

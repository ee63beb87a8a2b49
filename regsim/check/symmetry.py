"""Whether a formula tells like processes apart: then no search by symmetry can decide it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise

from regsim.check.formula import All, Atom, Formula, Not, Some, Zero
from regsim.check.learn import Learner

_Form = tuple[Hashable, ...]


def tells_apart(learner: Learner, formula: Formula) -> bool:
    """Return whether a swap of two symmetric members changes what *formula* says.

    Atoms are compared by their answers for the values seen so far, which are all that a search
    has met. Formulas are compared part by part, so that "apart" may be said of one that is not.
    """
    model = learner.model
    index = {component.name: i for i, component in enumerate(model.components)}
    plain = _form(learner, formula, index, {})
    for group in model.symmetry:
        for left, right in pairwise(group):
            swap = dict(zip((*left, *right), (*right, *left), strict=True))
            if _form(learner, formula, index, swap) != plain:
                return True
    return False


def _form(
    learner: Learner, formula: Formula, index: Mapping[str, int], swap: Mapping[int, int]
) -> _Form:
    """Return what *formula* says with components renamed by *swap*; equal forms say the same."""
    if isinstance(formula, Not):
        return ("not", _form(learner, formula.part, index, swap))
    if isinstance(formula, Zero):
        return ("zero", formula.counter)
    if isinstance(formula, Atom):
        component = index[formula.component]
        answers = range(learner.known(component))
        true = frozenset(n for n in answers if formula.test(learner.value(component, n)))
        return ("atom", swap.get(component, component), true)
    if isinstance(formula, All | Some):
        kind = "all" if isinstance(formula, All) else "some"
        parts = [_form(learner, part, index, swap) for part in formula.parts]
        return (kind, frozenset(_flat(kind, parts)))
    raise TypeError(f"no formula: {formula!r}")


def _flat(kind: str, parts: Sequence[_Form]) -> list[_Form]:
    """Return *parts* with those of the same *kind* opened."""
    found: list[_Form] = []
    for part in parts:
        if part[0] == kind and isinstance(part[1], frozenset):
            found.extend(part[1])
        else:
            found.append(part)
    return found

"""Variables that programs only compare with constants and shift: what may grow without end.

Such a number behaves alike from some value on: each comparison then has one answer. `alike_from`
reads that off the programs' text, so that it holds for every value, tried or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from regsim.kernel.expr import Apply, Expr, Scope, Var, parts_of
from regsim.kernel.steps import STATUS, Act, Branch, Forget, Program, Set, Step

_MORE: Final = {"<": 0, ">": 1, "==": 1, "!=": 1}
"""By comparison of a variable with k, how far above k all its values are alike."""
_TURNED: Final = {"<": ">", ">": "<", "==": "==", "!=": "!="}


def alike_from(programs: Iterable[Program]) -> dict[tuple[Scope, str], int]:
    """Return the variables that are only compared and shifted, and from where on all are alike.

    Variables of a thread are left out: they belong to where it stands.
    """
    steps = [step for program in programs for step in program.steps]
    known: dict[tuple[Scope, str], int] = {}
    telling: set[tuple[Scope, str]] = set()
    for step in steps:
        for expr in _conditions(step):
            for scope, name, least in _compared(expr, telling):
                known[scope, name] = max(known.get((scope, name), 0), least)
        for expr in _others(step):
            telling.update(_variables(expr))
        for branch in step.then:
            for update in branch.set:
                if not isinstance(update, Set):
                    continue
                if _shifts(update) or _known_before(update, step, branch):
                    known.setdefault((update.var.scope, update.var.name), 0)
                else:
                    telling.add((update.var.scope, update.var.name))
                    telling.update(_variables(update.value))
    return {
        where: least
        for where, least in known.items()
        if where not in telling and where[0] is not Scope.THREAD
    }


def _variables(expr: Expr) -> Iterator[tuple[Scope, str]]:
    for part in parts_of(expr):
        if isinstance(part, Var) and part != STATUS:
            yield part.scope, part.name


def _conditions(step: Step) -> Iterator[Expr]:
    yield step.when
    yield from (branch.when for branch in step.then)


def _others(step: Step) -> Iterator[Expr]:
    """Yield where a variable's very value may matter."""
    yield step.status
    if step.op is not None:
        yield step.op.into
        yield from (expr for _, expr in step.op.args)
    for branch in step.then:
        for update in branch.set:
            if isinstance(update, Act):
                yield from update.args
            elif isinstance(update, Forget):
                yield update.var


def _shifts(update: Set) -> bool:
    """Return whether *update* adds a constant to a variable."""
    value = update.value
    return (
        isinstance(value, Apply)
        and value.op in ("+", "-")
        and value.operands[0] == update.var
        and _constant(value.operands[1])
    )


def _known_before(update: Set, step: Step, branch: Branch) -> bool:
    """Return whether *update* sets a variable to a constant where its value is known exactly."""
    tests = [part for when in (step.when, branch.when) for part in _conjuncts(when)]
    exact = any(
        isinstance(test, Apply)
        and test.op == "=="
        and test.operands[0] == update.var
        and _constant(test.operands[1])
        for test in tests
    )
    return exact and _constant(update.value)


def _conjuncts(expr: Expr) -> Iterator[Expr]:
    if isinstance(expr, Apply) and expr.op == "and":
        for operand in expr.operands:
            yield from _conjuncts(operand)
    else:
        yield expr


def _constant(expr: Expr) -> bool:
    return isinstance(expr, int) and not isinstance(expr, bool)


def _compared(expr: Expr, telling: set[tuple[Scope, str]]) -> Iterator[tuple[Scope, str, int]]:
    """Yield each variable compared with a constant, and from where on it is alike there."""
    if isinstance(expr, Apply) and expr.op in ("and", "or", "not"):
        for operand in expr.operands:
            yield from _compared(operand, telling)
        return
    if isinstance(expr, Apply) and expr.op in _MORE:
        left, right = expr.operands
        if isinstance(left, Var) and _constant(right):
            yield left.scope, left.name, max(0, right + _MORE[expr.op])
            return
        if isinstance(right, Var) and _constant(left):
            yield right.scope, right.name, max(0, left + _MORE[_TURNED[expr.op]])
            return
    telling.update(_variables(expr))

"""Registry calls as plans of steps: running one, and weaving one into an actor's program.

`run_call` executes a call without a pause; `inline` makes its steps those of a program, so that an
explorer can put other actors between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs

from regsim.kernel.expr import Apply, Arg, Expr, Frame, HandleVar, Var, evaluate, substitute
from regsim.kernel.fast.compiled import Runner, compile_plan
from regsim.kernel.process import Memory
from regsim.kernel.steps import (
    FAIL,
    RETURN,
    STATUS,
    Act,
    Branch,
    Forget,
    Observer,
    Op,
    Set,
    Step,
    Update,
    take,
)
from regsim.status import NtStatus
from regsim.types import Tid

if TYPE_CHECKING:
    from regsim.kernel.machine import Machine


@attrs.frozen
class Plan:
    """A call as steps: its name, its parameters, and the expression that is its result.

    The first step's label is where it starts; branches end it at `RETURN` or `FAIL`.
    """

    name: str
    params: tuple[str, ...]
    steps: tuple[Step, ...]
    result: Expr = None

    @cached_property
    def by_label(self) -> Mapping[str, Step]:
        """Each label's step; a plan has one at each."""
        return {step.at: step for step in self.steps}

    @cached_property
    def compiled(self) -> Runner | None:
        """The plan as a function, made at its first call; None where only steps will do."""
        return compile_plan(self)


@attrs.frozen
class Call:
    """A plan with the values of its parameters, and the call as a developer would write it."""

    plan: Plan
    args: Mapping[str, Any] = attrs.field(hash=False)
    text: str = ""


def run_call(
    machine: Machine, tid: Tid, call: Call, observer: Observer | None = None
) -> tuple[NtStatus, Any]:
    """Execute *call* on thread *tid* without a pause; return its status and its result.

    It runs in its plan's compiled form, unless *observer* is to be told of each step.
    """
    compiled = call.plan.compiled
    if compiled is None or observer is not None:
        return interpret(machine, tid, call, observer)
    machine.call = call.text or call.plan.name
    return compiled(machine, tid, call.args)


def interpret(
    machine: Machine, tid: Tid, call: Call, observer: Observer | None = None
) -> tuple[NtStatus, Any]:
    """Execute *call* step by step, as an explorer would, and tell *observer* of each.

    This is what a plan means; the shorter ways in `kernel.fast` are tested against it.
    """
    machine.call = call.text or call.plan.name
    frame = Frame(machine, tid, Memory(), call.args)
    step = call.plan.steps[0]
    while True:
        taken = take(frame, step)
        if observer is not None:
            observer(machine, tid, taken)
        if taken.goto == FAIL:
            return taken.status, None
        if taken.goto == RETURN:
            return taken.status, evaluate(call.plan.result, frame)
        step = call.plan.by_label[taken.goto]


def inline(
    call: Call,
    *,
    at: str,
    returns: Branch,
    fails: Iterable[Branch],
    into: Var | HandleVar | None = None,
    names: Mapping[str, str] | None = None,
) -> tuple[Step, ...]:
    """Return *call* as steps of a program that begin at label *at*.

    Args:
        call: the call, whose arguments may be expressions of the program.
        at: the label of its first step; the others get labels of their own below it.
        returns: where the program goes on success, and its updates.
        fails: where it goes on failure, by status; the last should take any.
        into: the program's variable for the result.
        names: other names for the steps, by the plan's.
    """
    first = call.plan.steps[0].at
    labels = {s.at: at if s.at == first else f"{at}.{s.at}" for s in call.plan.steps}
    rename = _renamer(call, at, into)
    return tuple(
        attrs.evolve(
            step,
            at=labels[step.at],
            does=(names or {}).get(step.does, step.does),
            op=_rename_op(step.op, rename),
            when=substitute(step.when, rename),
            status=substitute(step.status, rename),
            then=tuple(_rename_branches(step.then, labels, rename, returns, tuple(fails))),
            call=call.text,
        )
        for step in call.plan.steps
    )


def _renamer(call: Call, at: str, into: Var | HandleVar | None) -> Callable[[Expr], Expr]:
    def rename(expr: Expr) -> Expr:
        if isinstance(expr, Arg):
            return call.args[expr.name]
        if expr == call.plan.result and into is not None:
            return into
        if isinstance(expr, Var | HandleVar) and expr != STATUS:
            return attrs.evolve(expr, name=f"{at}.{expr.name}")
        return expr

    return rename


def _rename_op(operation: Op | None, rename: Callable[[Expr], Expr]) -> Op | None:
    if operation is None:
        return None
    args = tuple((name, substitute(expr, rename)) for name, expr in operation.args)
    into = None if operation.into is None else rename(operation.into)
    return Op(operation.name, args, into)


def _rename_branches(
    branches: tuple[Branch, ...],
    labels: Mapping[str, str],
    rename: Callable[[Expr], Expr],
    returns: Branch,
    fails: tuple[Branch, ...],
) -> Iterable[Branch]:
    for branch in branches:
        updates = tuple(_rename_update(update, rename) for update in branch.set)
        when = substitute(branch.when, rename)
        if branch.goto == RETURN:
            yield Branch(returns.goto, branch.on, updates + returns.set, when)
        elif branch.goto == FAIL:
            for exit_ in fails:
                both = exit_.when if when is True else Apply("and", (when, exit_.when))
                yield Branch(exit_.goto, exit_.on, updates + exit_.set, both)
        else:
            yield Branch(labels[branch.goto], branch.on, updates, when)


def _rename_update(update: Update, rename: Callable[[Expr], Expr]) -> Update:
    if isinstance(update, Set):
        return Set(rename(update.var), substitute(update.value, rename))
    if isinstance(update, Forget):
        return Forget(rename(update.var))
    return Act(update.name, tuple(substitute(arg, rename) for arg in update.args))

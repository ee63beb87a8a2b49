"""Programs as data: steps, the plans of calls made of them, and running one step.

One atomic step is a guard, at most one kernel operation, and the update of the program's own
memory; it names the next step by the status it got. A call is a plan of steps: `run_call` executes
it without a pause, an explorer puts other actors between its steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import attrs

from regsim.errors import UsageError
from regsim.kernel.expr import Apply, Arg, Expr, Frame, HandleVar, Var, evaluate, substitute
from regsim.kernel.operations import ACTS, OPERATIONS
from regsim.kernel.process import Memory
from regsim.status import NtStatus
from regsim.types import Handle, Tid

if TYPE_CHECKING:
    from regsim.kernel.machine import Machine

ANY: Final = "*"
"""The label of a step that may be taken wherever its thread stands."""
RETURN: Final = "return"
FAIL: Final = "fail"
"""Where a plan ends: with success, or with the status of the step that failed."""


@attrs.frozen
class Op:
    """One kernel operation: its name, its arguments, and where its result goes."""

    name: str
    args: tuple[tuple[str, Expr], ...] = ()
    into: Var | HandleVar | None = None


def op(name: str, into: Var | HandleVar | None = None, /, **args: Expr) -> Op:
    """Return the operation *name* with keyword arguments *args*.

    Raises `UsageError` when the kernel has none of that name.
    """
    if name not in OPERATIONS:
        raise UsageError(f"the kernel has no operation {name!r}")
    return Op(name, tuple(args.items()), into)


@attrs.frozen
class Set:
    """Give a variable the value of an expression."""

    var: Var
    value: Expr


@attrs.frozen
class Forget:
    """Drop what a variable remembers of a handle; this closes nothing."""

    var: HandleVar


@attrs.frozen
class Act:
    """One of the acts in `operations.ACTS`, such as to impersonate or to sleep."""

    name: str
    args: tuple[Expr, ...] = ()


Update = Set | Forget | Act


@attrs.frozen
class Branch:
    """Where to go when the status is *on* (None: any) and *when* holds, and what to update."""

    goto: str
    on: frozenset[NtStatus] | None = None
    set: tuple[Update, ...] = ()
    when: Expr = True


def go(goto: str, *updates: Update, on: NtStatus | None = None, when: Expr = True) -> Branch:
    """Return a branch to *goto*, taken on any status or just on one."""
    return Branch(goto, None if on is None else frozenset({on}), updates, when)


def ok(goto: str, *updates: Update) -> Branch:
    """Return the branch taken on SUCCESS."""
    return go(goto, *updates, on=NtStatus.SUCCESS)


@attrs.frozen(kw_only=True)
class Step:
    """One atomic step.

    Attributes:
        at: the label it starts from, or `ANY`.
        does: its short name in paths, such as ``open-root``.
        then: the branches, tried in order.
        op: the kernel operation, if it has one.
        when: the guard; the step does not exist while it is false.
        status: read the status from here instead of from the operation.
        call: the call it belongs to, as a developer would write it.
        after_end: whether it is a step of a thread whose process has ended.
    """

    at: str
    does: str
    then: tuple[Branch, ...]
    op: Op | None = None
    when: Expr = True
    status: Expr = None
    call: str = ""
    after_end: bool = False


@attrs.frozen
class Program:
    """An actor's steps and the label it starts from.

    Raises `UsageError` for a branch to a label that no step has.
    """

    name: str
    steps: tuple[Step, ...]
    start: str = ""

    def __attrs_post_init__(self) -> None:
        """Refuse a program with a branch into nowhere."""
        for step in self.steps:
            for branch in step.then:
                if branch.goto not in self.by_label:
                    raise UsageError(f"{self.name}: {step.does} goes to no label {branch.goto!r}")

    @cached_property
    def by_label(self) -> Mapping[str, tuple[Step, ...]]:
        """The steps that may be taken at each label, in order; the final labels among them."""
        anywhere = tuple(step for step in self.steps if step.at == ANY)
        ends = {step.goto for s in anywhere for step in s.then}
        labels = dict.fromkeys([*(s.at for s in self.steps if s.at != ANY), *ends])
        return {
            label: tuple(step for step in self.steps if step.at == label) + anywhere
            for label in labels
        }


@attrs.frozen
class Outcome:
    """What one step did: its operation's arguments, status and result, and where it went."""

    step: Step
    status: NtStatus
    value: Any
    goto: str
    args: Mapping[str, Any] = attrs.field(factory=dict, hash=False)


Observer = Callable[["Machine", Tid, Outcome], None]
"""Told of each step after it was taken."""


def take(frame: Frame, step: Step, call: str = "") -> Outcome:
    """Execute *step* in *frame* and return what it did. The guard is the caller's to test.

    *call* is the call it serves, for whoever asks later who opened a handle.
    """
    machine = frame.machine
    status, value = NtStatus.SUCCESS, None
    args: dict[str, Any] = {}
    if step.op is not None:
        machine.serial += 1
        machine.context = (call or step.call or step.does, False)
        args = {name: evaluate(expr, frame) for name, expr in step.op.args}
        status, value = OPERATIONS[step.op.name](machine, frame.tid, **args)
        if step.op.into is not None and value is not None:
            _store(step.op.into, value, frame)
    if step.status is not None:
        status = NtStatus(evaluate(step.status, frame))
    for branch in step.then:
        if (branch.on is None or status in branch.on) and evaluate(branch.when, frame):
            for update in branch.set:
                _update(update, frame, status)
            return Outcome(step, status, value, branch.goto, args)
    raise UsageError(f"step {step.does!r} has no branch for {status.name}")


def _store(var: Var | HandleVar, value: Any, frame: Frame) -> None:  # noqa: ANN401 - any result
    memory = frame.memory_of(var.scope)
    if isinstance(var, HandleVar):
        memory.handles[var.name] = Handle(getattr(value, "handle", value))
    else:
        memory.vars[var.name] = value


STATUS: Final = Var("<status>")
"""In an update: the status that the step's operation answered."""


def _update(update: Update, frame: Frame, status: NtStatus) -> None:
    if isinstance(update, Set):
        value = int(status) if update.value == STATUS else evaluate(update.value, frame)
        frame.memory_of(update.var.scope).vars[update.var.name] = value
    elif isinstance(update, Forget):
        frame.memory_of(update.var.scope).handles.pop(update.var.name, None)
    else:
        args = [evaluate(arg, frame) for arg in update.args]
        ACTS[update.name](frame.machine, frame.tid, *args)


# -- actors ----------------------------------------------------------------------------------


def candidates(program: Program, pc: str, *, alive: bool) -> list[Step]:
    """Return the steps that a thread standing at *pc* has, whatever their guards say."""
    return [
        step
        for step in program.by_label[pc]
        if step.after_end != alive and not (step.at == ANY and step.then[0].goto == pc)
    ]


def allowed(machine: Machine, tid: Tid, step: Step) -> bool:
    """Return whether the guard of *step*, a candidate of thread *tid*, holds now."""
    if step.when is True:
        return True
    return bool(evaluate(step.when, Frame(machine, tid, machine.threads[tid].memory, {})))


def enabled(machine: Machine, tid: Tid, program: Program) -> list[Step]:
    """Return the steps that thread *tid*, running *program*, can take now, in program order."""
    thread = machine.threads[tid]
    steps = candidates(program, thread.pc, alive=thread.alive)
    return [step for step in steps if allowed(machine, tid, step)]


def advance(machine: Machine, tid: Tid, step: Step) -> Outcome:
    """Have thread *tid* take *step* and stand where it leads."""
    thread = machine.threads[tid]
    outcome = take(Frame(machine, tid, thread.memory, {}), step)
    thread.pc = outcome.goto
    return outcome


# -- calls -----------------------------------------------------------------------------------


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
    def run(self) -> Callable[[Machine, Tid, Mapping[str, Any], str], tuple[NtStatus, Any]]:
        """The plan as a function of machine, thread, arguments and the call as written."""
        from regsim.kernel.fast.compiled import compile_plan  # noqa: PLC0415 - it is made of what is here

        def interpreted(
            machine: Machine, tid: Tid, args: Mapping[str, Any], text: str
        ) -> tuple[NtStatus, Any]:
            return interpret(machine, tid, Call(self, args, text))

        return compile_plan(self) or interpreted


@attrs.frozen
class Call:
    """A plan with the values of its parameters, and the call as a developer would write it."""

    plan: Plan
    args: Mapping[str, Any] = attrs.field(hash=False)
    text: str = ""


def run_call(
    machine: Machine, tid: Tid, call: Call, observer: Observer | None = None
) -> tuple[NtStatus, Any]:
    """Execute *call* on thread *tid* without a pause; return its status and its result."""
    if observer is None:
        return call.plan.run(machine, tid, call.args, call.text)
    return interpret(machine, tid, call, observer)


def interpret(
    machine: Machine, tid: Tid, call: Call, observer: Observer | None = None
) -> tuple[NtStatus, Any]:
    """Execute *call* step by step, as an explorer would, and tell *observer* of each."""
    memory = Memory()
    frame = Frame(machine, tid, memory, call.args)
    step = call.plan.steps[0]
    while True:
        outcome = take(frame, step, call.text)
        if observer is not None:
            observer(machine, tid, outcome)
        if outcome.goto == FAIL:
            return outcome.status, None
        if outcome.goto == RETURN:
            break
        step = call.plan.by_label[outcome.goto]
    return outcome.status, evaluate(call.plan.result, frame)


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

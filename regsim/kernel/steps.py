"""Programs as data: steps, and taking one.

One atomic step is a guard, at most one kernel operation, and the update of the program's own
memory; it names the next step by the status it got. A call is a plan of steps (`kernel.calls`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import attrs

from regsim.errors import UsageError
from regsim.kernel.expr import Expr, Frame, HandleVar, Var, evaluate
from regsim.kernel.operations import ACTS, OPERATIONS, Operation
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

    @property
    def operation(self) -> Operation:
        """All there is to know of the operation."""
        return OPERATIONS[self.name]


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
class StepTaken:
    """What one step did: its operation's arguments, status and result, and where it went."""

    step: Step
    status: NtStatus
    value: Any
    goto: str
    args: Mapping[str, Any] = attrs.field(factory=dict, hash=False)


Observer = Callable[["Machine", Tid, StepTaken], None]
"""Told of each step after it was taken."""


def take(frame: Frame, step: Step) -> StepTaken:
    """Execute *step* in *frame* and return what it did. The guard is the caller's to test."""
    machine = frame.machine
    status, value = NtStatus.SUCCESS, None
    args: dict[str, Any] = {}
    if step.op is not None:
        machine.serial += 1
        args = {name: evaluate(expr, frame) for name, expr in step.op.args}
        status, value = OPERATIONS[step.op.name].run(machine, frame.tid, **args)
        if step.op.into is not None and value is not None:
            _store(step.op.into, value, frame)
    if step.status is not None:
        status = NtStatus(evaluate(step.status, frame))
    for branch in step.then:
        if (branch.on is None or status in branch.on) and evaluate(branch.when, frame):
            for update in branch.set:
                _update(update, frame, status)
            return StepTaken(step, status, value, branch.goto, args)
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


def advance(machine: Machine, tid: Tid, step: Step) -> StepTaken:
    """Have thread *tid* take *step* and stand where it leads."""
    thread = machine.threads[tid]
    machine.call = step.call or step.does
    outcome = take(Frame(machine, tid, thread.memory, {}), step)
    thread.pc = outcome.goto
    return outcome

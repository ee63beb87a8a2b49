"""What a step of a program can depend on and change: what its parts touch, taken together.

Of a kernel operation that is declared with it (`operations.Operation.touches`). Where nothing is
declared the answer is None, which stands for everything. `plain` says when all this holds at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

import attrs

from regsim.kernel.expr import Ask, Expr, HandleVar, Root, Scope, Var, parts_of
from regsim.kernel.operations import Closes, Gives
from regsim.kernel.spots import (
    NOTHING,
    Actor,
    Footprint,
    Place,
    UndeclaredError,
    Variable,
    literal,
    reads,
)
from regsim.kernel.steps import Act, Forget, Op, Program, Set, Step
from regsim.policy import Dialect, HandlePolicy

if TYPE_CHECKING:
    from regsim.kernel.canonical import ThreadPart


_OWN: Final = reads(Place.THREAD)
_SCOPES: Final = {Scope.THREAD: Place.THREAD, Scope.PROCESS: Place.PROCESS}
_SILENT: Final = ("impersonate", "revert", "sleep", "log", "upload")
"""Acts on the thread itself, or on what cannot change behaviour: clock, log, server's copy."""
_EVENTS: Final = ("signal", "unsignal")
"""Acts on the events that are signalled."""


def footprint(step: Step, thread: ThreadPart, dialect: Dialect) -> Footprint | None:
    """Return what *step* touches when a thread that stands as *thread* takes it.

    None where a part of it is not declared: it may then touch anything.
    """
    found = _OWN
    try:
        for expr in expressions(step):
            found |= _of(expr)
        if step.op is not None:
            found |= _of_operation(step.op, thread, dialect)
        for branch in step.then:
            for update in branch.set:
                found |= _of_update(update, step.op)
    except UndeclaredError:
        return None
    return found


def _of(expr: Expr) -> Footprint:
    """Return what reading or writing *expr* touches, besides its own parts."""
    if isinstance(expr, Var | HandleVar):
        return reads(Variable(expr.name) if expr.scope is Scope.MACHINE else _SCOPES[expr.scope])
    if isinstance(expr, Root):
        return reads(Place.PROCESS)  # the slot, where the call has no root of its own
    return _of_question(expr) if isinstance(expr, Ask) else NOTHING


def _of_question(ask: Ask) -> Footprint:
    if ask.question == "mounted":
        return reads(Place.NAMESPACE)
    if ask.question == "unloadable":
        # It asks whether the hive is there, and of its open keys only whether there is any.
        return Footprint(frozenset({Place.NAMESPACE}), frozenset({literal(ask.args[0])}))
    if ask.question == "session_running":
        return reads(Place.SESSION)
    if ask.question == "running":
        return reads(Actor(literal(ask.args[0])))
    if ask.question == "signalled":
        return reads(Place.SIGNALS)
    raise UndeclaredError


def _of_update(update: Set | Forget | Act, op: Op | None) -> Footprint:
    if isinstance(update, Act) and update.name in _EVENTS:
        return reads(Place.SIGNALS)
    if isinstance(update, Act) and update.name not in _SILENT:
        raise UndeclaredError
    if isinstance(update, Forget) and (op is None or _closed(op) != update.var):
        # A handle that is forgotten while it is open stays with the process, unnamed.
        return reads(Place.PROCESS)
    return NOTHING


def _of_operation(op: Op, thread: ThreadPart, dialect: Dialect) -> Footprint:
    found = op.operation.footprint(dict(op.args), dialect)
    if Place.IDENTITY in found.reads:
        # Impersonating, the thread does not ask whom its process acts as: its own part tells.
        token = NOTHING if thread.token is not None else reads(Place.PROCESS)
        found = attrs.evolve(found, reads=found.reads - {Place.IDENTITY}) | token
    if op.into is None:
        unnamed = op.operation.gives is not Gives.NOTHING
    else:
        unnamed = isinstance(op.into, HandleVar) and op.into.name in dict(thread.handles)
    # A handle stays with the process, unnamed: the new one that no variable takes, or the one that
    # the variable stood for until now.
    return found | reads(Place.PROCESS) if unnamed else found


# -- where all this holds ---------------------------------------------------------------------

WIDE: Final = 16
"""From how many bits on a counter of opens is taken never to wrap: no model opens 65,536 keys."""


def plain(programs: Iterable[Program], dialect: Dialect) -> bool:
    """Return whether parts of a machine that runs *programs* change by declared steps alone.

    Not so where one open stands behind several handles, a counter of opens wraps, a close or the
    end of a process can unload a hive, or a name outlives its handle: then a step on one part shows
    in another.
    """
    if dialect.handles is HandlePolicy.SHARED or dialect.refcount_bits < WIDE:
        return False
    return all(_tidy(step) for program in programs for step in program.steps)


def _tidy(step: Step) -> bool:
    op = step.op
    if op is None:
        return True
    args = dict(op.args)
    if op.operation.touches is None or args.get("inherit") is True or args.get("silo"):
        return False
    if op.operation.closes is Closes.OTHERS:
        return args.get("onto") is not None
    closed = _closed(op)
    return closed is None or all(Forget(closed) in branch.set for branch in step.then)


def _closed(op: Op) -> Expr:
    """Return the handle that *op* closes, as the program writes it; None where it closes none."""
    return dict(op.args).get("handle") if op.operation.closes is Closes.HANDLE else None


def expressions(step: Step) -> Iterator[Expr]:
    """Yield the expressions of *step*, parts of expressions among them."""
    yield from parts_of(step.when)
    yield from parts_of(step.status)
    if step.op is not None:
        yield from parts_of(step.op.into)
        for _, expr in step.op.args:
            yield from parts_of(expr)
    for branch in step.then:
        yield from parts_of(branch.when)
        for update in branch.set:
            parts = (update.var,) if not isinstance(update, Act) else update.args
            yield from (part for expr in parts for part in parts_of(expr))
            if isinstance(update, Set):
                yield from parts_of(update.value)

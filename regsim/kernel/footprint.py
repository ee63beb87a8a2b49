"""What a step of a program can depend on and change: declared once, operation by operation.

An explorer that knows a step's footprint runs the step once for all states that agree on it. A
footprint may name more than a step touches, never less; where nothing is declared the answer is
None, which stands for everything. `plain` says when the declarations here hold at all.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import attrs

from regsim.kernel.canonical import ThreadPart
from regsim.kernel.expr import Apply, Ask, Expr, HandleVar, Root, Scope, Var
from regsim.kernel.steps import STATUS, Act, Forget, Op, Program, Set, Step
from regsim.policy import Dialect, HandlePolicy, UnloadBlockers


class Place(enum.Enum):
    """A part of the machine as the thread that takes the step sees it."""

    THREAD = "the thread's own part"
    PROCESS = "its process's part"
    NAMESPACE = "the hives that are mounted, and the files behind them"
    SIGNALS = "the events that are signalled"
    SESSION = "the processes of the user's session, and their threads"
    HOLDERS = "everything that can hold a handle"


@attrs.frozen
class Variable:
    """A variable of the machine."""

    name: str


@attrs.frozen
class Actor:
    """The process with this role, and its threads."""

    role: str


Spot = Place | Variable | Actor


@attrs.frozen
class Footprint:
    """What a step touches.

    Attributes:
        reads: what decides whether and how it is taken; all it changes, but for *maps*.
        blockers: the paths of hives of which it asks whether anything blocks their unload.
        maps: what it changes part by part, each by a function of that part alone.
    """

    reads: frozenset[Spot] = frozenset()
    blockers: frozenset[str] = frozenset()
    maps: frozenset[Spot] = frozenset()

    def __or__(self, other: Footprint) -> Footprint:
        """Return what a step touches that touches both."""
        return Footprint(
            self.reads | other.reads, self.blockers | other.blockers, self.maps | other.maps
        )


class _UnknownError(Exception):
    """Nothing is declared; the step may touch everything."""


NOTHING: Final = Footprint()
_OWN = frozenset({Place.THREAD})


def _reads(*spots: Spot) -> Footprint:
    return Footprint(frozenset(spots))


def footprint(step: Step, thread: ThreadPart, dialect: Dialect) -> Footprint | None:
    """Return what *step* touches when a thread that stands as *thread* takes it.

    None where a part of it is not declared here: it may then touch anything.
    """
    try:
        found = Footprint(_OWN) | _of(step.when) | _of(step.status)
        if step.op is not None:
            found |= _of_operation(step.op, thread, dialect)
        for branch in step.then:
            found |= _of(branch.when)
            for update in branch.set:
                found |= _of_update(update, step)
    except _UnknownError:
        return None
    return found


# -- expressions and updates ------------------------------------------------------------------

_SCOPES: Final[Mapping[Scope, Place]] = {
    Scope.THREAD: Place.THREAD,
    Scope.PROCESS: Place.PROCESS,
}


def _of(expr: Expr) -> Footprint:
    """Return what reading *expr* depends on."""
    if isinstance(expr, Var | HandleVar):
        return _reads(_spot(expr))
    if isinstance(expr, Root):
        # The call's own root if it has one, else what stands in the process's slot.
        return _reads(Place.PROCESS) | _of(expr.own) | _of(expr.key)
    if isinstance(expr, Apply):
        return _union(map(_of, expr.operands))
    if isinstance(expr, Ask):
        return _union(map(_of, expr.args)) | _of_question(expr)
    return NOTHING


def _spot(var: Var | HandleVar) -> Spot:
    if var.scope is Scope.MACHINE:
        return Variable(var.name)
    return _SCOPES[var.scope]


def _union(parts: Iterable[Footprint]) -> Footprint:
    found = NOTHING
    for part in parts:
        found |= part
    return found


def _of_question(ask: Ask) -> Footprint:
    if ask.question == "mounted":
        return _reads(Place.NAMESPACE)
    if ask.question == "unloadable":
        # It asks whether the hive is there, and of its open keys only whether there is any.
        return Footprint(frozenset({Place.NAMESPACE}), frozenset({_literal(ask.args[0])}))
    if ask.question == "session_running":
        return _reads(Place.SESSION)
    if ask.question == "running":
        return _reads(Actor(_literal(ask.args[0])))
    if ask.question == "signalled":
        return _reads(Place.SIGNALS)
    raise _UnknownError


def _literal(expr: Expr) -> str:
    """Return *expr* where it is a text written in the program; unknown where it is computed."""
    if not isinstance(expr, str):
        raise _UnknownError
    return expr


_SILENT: Final = ("sleep", "log", "upload")
"""Acts on the clock, the log and the server's copy: nothing that can change behaviour."""


def _of_update(update: Set | Forget | Act, step: Step) -> Footprint:
    if isinstance(update, Set):
        value = NOTHING if update.value == STATUS else _of(update.value)
        return _reads(_spot(update.var)) | value
    if isinstance(update, Forget):
        # A handle that is forgotten while it is open stays with the process, unnamed.
        closed = step.op is not None and _closes(step.op, update.var)
        return _reads(_spot(update.var)) | (NOTHING if closed else _reads(Place.PROCESS))
    if update.name in ("impersonate", "revert"):
        return _union(map(_of, update.args))
    if update.name in _SILENT:
        return NOTHING
    raise _UnknownError


def _closes(operation: Op, var: HandleVar) -> bool:
    return operation.name == "NtClose" and dict(operation.args).get("handle") == var


# -- kernel operations ------------------------------------------------------------------------

_Args = Mapping[str, Any]


def _token(thread: ThreadPart) -> Footprint:
    """Return what whom the thread acts as depends on: its process's token unless it has one."""
    return NOTHING if thread.token is not None else _reads(Place.PROCESS)


def _on_keys(_args: _Args, _thread: ThreadPart, _dialect: Dialect) -> Footprint:
    """Reach a key by a handle (an argument, counted there) or a path, through mounts and links."""
    return _reads(Place.NAMESPACE)


def _on_handle(_args: _Args, _thread: ThreadPart, _dialect: Dialect) -> Footprint:
    """Close a handle: it is an argument, and in a plain system closing touches nothing else."""
    return NOTHING


def _delete(_args: _Args, _thread: ThreadPart, _dialect: Dialect) -> Footprint:
    """Delete a key: every handle to it, whoever holds it, becomes a dead one."""
    return Footprint(frozenset({Place.NAMESPACE}), maps=frozenset({Place.HOLDERS}))


def _resolve(_args: _Args, _thread: ThreadPart, _dialect: Dialect) -> Footprint:
    """Resolve a predefined key: the process's slot, and whose hive is mounted if it is empty."""
    return _reads(Place.PROCESS, Place.NAMESPACE)


def _empty_slot(_args: _Args, _thread: ThreadPart, _dialect: Dialect) -> Footprint:
    """Take the process's slot and close what it holds."""
    return _reads(Place.PROCESS)


def _as_user(_args: _Args, thread: ThreadPart, _dialect: Dialect) -> Footprint:
    """Open by whom the thread acts as."""
    return _token(thread) | _reads(Place.NAMESPACE)


def _unload(args: _Args, thread: ThreadPart, dialect: Dialect) -> Footprint:
    """Unload normally: only if nothing blocks; where some open keys do not, those become dead."""
    if args.get("root") is not None:
        raise _UnknownError
    some = dialect.unload_blockers is not UnloadBlockers.ANY
    maps = frozenset({Place.HOLDERS}) if some else frozenset()
    reads = frozenset({Place.NAMESPACE})
    return _token(thread) | Footprint(reads, frozenset({_literal(args["path"])}), maps)


def _force(_args: _Args, thread: ThreadPart, _dialect: Dialect) -> Footprint:
    """Unload by force: every handle on the hive, whoever holds it, becomes a dead one."""
    reads = frozenset({Place.NAMESPACE})
    return _token(thread) | Footprint(reads, maps=frozenset({Place.HOLDERS}))


def _start(args: _Args, _thread: ThreadPart, _dialect: Dialect) -> Footprint:
    """Start a process: it must not run; with a root of its own, the user's hive is opened."""
    opens = bool(args.get("opens_root"))
    started = _reads(Actor(_literal(args["role"])))
    return started | _reads(Place.NAMESPACE) if opens else started


def _end(args: _Args, _thread: ThreadPart, _dialect: Dialect) -> Footprint:
    """End a process: it goes with all it holds, each thread of it becomes an ended one."""
    actor = Actor(_literal(args["role"]))
    return Footprint(frozenset({actor}), maps=frozenset({actor}))


def _end_session(_args: _Args, _thread: ThreadPart, _dialect: Dialect) -> Footprint:
    """End the user's processes as `_end` does each."""
    session = frozenset({Place.SESSION})
    return Footprint(session, maps=session)


def _remap(args: _Args, _thread: ThreadPart, _dialect: Dialect) -> Footprint:
    """Put every handle on a hive onto another key, under the same number.

    Merely closing them leaves stale numbers behind, whose later meaning is not declared here.
    """
    if args.get("onto") is None:
        raise _UnknownError
    return Footprint(frozenset({Place.NAMESPACE}), maps=frozenset({Place.HOLDERS}))


_OPERATIONS: Final[Mapping[str, Callable[[_Args, ThreadPart, Dialect], Footprint]]] = {
    "NtOpenKey": _on_keys,
    "NtCreateKey": _on_keys,
    "NtClose": _on_handle,
    "NtQueryValueKey": _on_keys,
    "NtSetValueKey": _on_keys,
    "NtDeleteValueKey": _on_keys,
    "NtDeleteKey": _delete,
    "NtEnumerateKey": _on_keys,
    "NtEnumerateValueKey": _on_keys,
    "NtQueryKey": _on_keys,
    "NtFlushKey": _on_keys,
    "NtLoadKey": _as_user,
    "NtUnloadKey": _unload,
    "NtUnloadKey2": _force,
    "NtSaveKey": _as_user,
    "ResolvePredefined": _resolve,
    "ClosePredefined": _empty_slot,
    "DisableCache": _empty_slot,
    "OpenCurrentUser": _as_user,
    "StartProcess": _start,
    "EndProcess": _end,
    "EndSession": _end_session,
    "ReleaseHandles": _remap,
}
"""What each kernel operation touches besides its arguments and where its result goes.

Left out, so that a step with one may touch everything: operations that share an open between
handles (duplicate, override, reference), that wait (notify, deferred unload, private hives), that
tag handles (the classes view), and that replace trees (restore, replace)."""


def _of_operation(operation: Op, thread: ThreadPart, dialect: Dialect) -> Footprint:
    declared = _OPERATIONS.get(operation.name)
    if declared is None:
        raise _UnknownError
    args = dict(operation.args)
    found = _union(map(_of, args.values())) | declared(args, thread, dialect)
    into = operation.into
    if into is None:
        # What an operation opens and no variable takes stays with the process, unnamed.
        opens = operation.name in ("NtOpenKey", "NtCreateKey", "OpenCurrentUser")
        return found | _reads(Place.PROCESS) if opens else found
    found |= _reads(_spot(into))
    if isinstance(into, HandleVar) and into.name in dict(thread.handles):
        found |= _reads(Place.PROCESS)  # the handle that the name stood for is unnamed from now on
    return found


# -- where all this holds ---------------------------------------------------------------------

WIDE: Final = 16
"""From how many bits on a counter of opens is taken never to wrap: no model opens 65,536 keys."""


def plain(programs: Iterable[Program], dialect: Dialect) -> bool:
    """Return whether parts of a machine that runs *programs* change by declared steps alone.

    Not so where one open stands behind several handles, a counter of opens wraps, a close can
    unload a hive, or a name outlives its handle: then a step on one part shows in another.
    """
    if dialect.handles is HandlePolicy.SHARED or dialect.refcount_bits < WIDE:
        return False
    return all(_tidy(step) for program in programs for step in program.steps)


def _tidy(step: Step) -> bool:
    if step.op is None:
        return True
    args = dict(step.op.args)
    if step.op.name not in _OPERATIONS or args.get("inherit") is True:
        return False
    if step.op.name == "ReleaseHandles":
        return args.get("onto") is not None
    closed = args.get("handle") if step.op.name == "NtClose" else None
    if closed is None:
        return True
    return all(Forget(closed) in branch.set for branch in step.then)


def expressions(step: Step) -> Iterator[Expr]:
    """Yield the expressions of *step*, parts of expressions among them."""
    yield from _walk(step.when)
    yield from _walk(step.status)
    if step.op is not None:
        yield from _walk(step.op.into)
        for _, expr in step.op.args:
            yield from _walk(expr)
    for branch in step.then:
        yield from _walk(branch.when)
        for update in branch.set:
            parts = (update.var,) if not isinstance(update, Act) else update.args
            yield from (part for expr in parts for part in _walk(expr))
            if isinstance(update, Set):
                yield from _walk(update.value)


def _walk(expr: Expr) -> Iterator[Expr]:
    yield expr
    if isinstance(expr, Apply):
        for operand in expr.operands:
            yield from _walk(operand)
    elif isinstance(expr, Ask):
        for arg in expr.args:
            yield from _walk(arg)
    elif isinstance(expr, Root):
        yield from _walk(expr.key)
        yield from _walk(expr.own)

"""Expressions in actor programs, as data: variables, handles, arithmetic, questions to the kernel.

A literal stands for itself. Everything here is frozen, so that a program can be hashed, drawn,
substituted into and compiled.
"""

from __future__ import annotations

import enum
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from regsim.kernel.process import Memory
from regsim.types import NO_HANDLE, Handle, PredefinedKey, Tid

if TYPE_CHECKING:
    from regsim.kernel.machine import Machine

Expr = Any
"""An expression, or a literal that stands for itself."""


class Scope(enum.Enum):
    """Whose memory a variable lies in."""

    THREAD = "thread"
    PROCESS = "process"
    MACHINE = "machine"


@attrs.frozen
class Arg:
    """A parameter of a plan; a call gives it a value."""

    name: str


@attrs.frozen
class Apply:
    """An operator applied to expressions: ``== != < > + - and or not``."""

    op: str
    operands: tuple[Expr, ...]


@attrs.frozen
class Var:
    """A named number or text in the memory of a thread, a process or the machine."""

    name: str
    scope: Scope = Scope.THREAD

    def is_(self, other: Expr) -> Apply:
        """Return the test that this variable equals *other*."""
        return Apply("==", (self, other))

    def more(self, other: Expr) -> Apply:
        """Return the test that this variable is greater than *other*."""
        return Apply(">", (self, other))

    def less(self, other: Expr) -> Apply:
        """Return the test that this variable is smaller than *other*."""
        return Apply("<", (self, other))

    def plus(self, other: Expr) -> Apply:
        """Return the sum of this variable and *other*."""
        return Apply("+", (self, other))


@attrs.frozen
class HandleVar:
    """A named handle in the memory of a thread or a process; `NO_HANDLE` while it has none."""

    name: str
    scope: Scope = Scope.THREAD


@attrs.frozen
class Root:
    """What stands behind a predefined key at this very moment, read from its slot.

    With the cache disabled it is the call's own root, kept in *own*.
    """

    key: Expr
    own: HandleVar = HandleVar("own")


@attrs.frozen
class Ask:
    """A question to the kernel that changes nothing: see `QUESTIONS`."""

    question: str
    args: tuple[Expr, ...] = ()


@attrs.frozen
class Frame:
    """What an expression is read against: the machine, the thread, its memory, a call's args."""

    machine: Machine
    tid: Tid
    memory: Memory
    args: Mapping[str, Any]

    def memory_of(self, scope: Scope) -> Memory:
        """Return the memory that *scope* means here."""
        if scope is Scope.THREAD:
            return self.memory
        if scope is Scope.MACHINE:
            return self.machine.memory
        return self.machine.process_of(self.tid).memory


def both(*tests: Expr) -> Apply:
    """Return the test that all *tests* hold."""
    return Apply("and", tests)


def either(*tests: Expr) -> Apply:
    """Return the test that one of *tests* holds."""
    return Apply("or", tests)


def negate(test: Expr) -> Apply:
    """Return the test that *test* does not hold."""
    return Apply("not", (test,))


_BINARY: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "+": operator.add,
    "-": operator.sub,
}


def evaluate(expr: Expr, frame: Frame) -> Any:  # noqa: ANN401 - literals are of any type
    """Return the value of *expr* in *frame*."""
    reader = _READERS.get(type(expr))
    return expr if reader is None else reader(expr, frame)


def _read_var(expr: Var, frame: Frame) -> object:
    return frame.memory_of(expr.scope).vars.get(expr.name)


def _read_handle(expr: HandleVar, frame: Frame) -> Handle:
    return frame.memory_of(expr.scope).handles.get(expr.name, NO_HANDLE)


def _read_root(expr: Root, frame: Frame) -> Handle:
    own = _read_handle(expr.own, frame)
    if own:
        return own
    key = PredefinedKey(evaluate(expr.key, frame))
    return frame.machine.slot_handle(frame.machine.process_of(frame.tid), key)


def _read_apply(expr: Apply, frame: Frame) -> object:
    if expr.op == "and":
        return all(evaluate(operand, frame) for operand in expr.operands)
    if expr.op == "or":
        return any(evaluate(operand, frame) for operand in expr.operands)
    values = [evaluate(operand, frame) for operand in expr.operands]
    return not values[0] if expr.op == "not" else _BINARY[expr.op](*values)


def _read_ask(expr: Ask, frame: Frame) -> object:
    args = [evaluate(arg, frame) for arg in expr.args]
    return QUESTIONS[expr.question](frame.machine, *args)


def _mounted(machine: Machine, path: str) -> bool:
    return machine.hive_at(path) is not None


def _unloadable(machine: Machine, path: str) -> bool:
    from regsim.kernel.holding import refused  # noqa: PLC0415 - the one question that needs it

    hive = machine.hive_at(path)
    return hive is not None and not refused(machine, hive)


def _in_silo(machine: Machine, silo: str) -> bool:
    return any(process.silo == silo for process in machine.processes.values())


QUESTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "mounted": _mounted,
    "unloadable": _unloadable,
    "session_running": lambda machine: any(p.user for p in machine.processes.values()),
    "running": lambda machine, role: machine.process_named(role) is not None,
    "in_silo": _in_silo,
    "signalled": lambda machine, event: event in machine.signalled,
}
"""The questions a guard may ask: is a hive mounted here, would it unload, does a process of the
user's session run, is a process running, has a silo members, is an event signalled."""

_READERS: Final[Mapping[type, Callable[[Any, Frame], Any]]] = {
    Arg: lambda expr, frame: frame.args[expr.name],
    Var: _read_var,
    HandleVar: _read_handle,
    Root: _read_root,
    Apply: _read_apply,
    Ask: _read_ask,
}


def substitute(expr: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """Return *expr* with *change* applied to each part of it, innermost first."""
    if isinstance(expr, Apply):
        expr = Apply(expr.op, tuple(substitute(part, change) for part in expr.operands))
    elif isinstance(expr, Ask):
        expr = Ask(expr.question, tuple(substitute(part, change) for part in expr.args))
    elif isinstance(expr, Root):
        expr = Root(substitute(expr.key, change), substitute(expr.own, change))
    return change(expr)


def parts_of(expr: Expr) -> Iterator[Expr]:
    """Yield *expr* and each part of it."""
    yield expr
    below: tuple[Expr, ...] = ()
    if isinstance(expr, Apply):
        below = expr.operands
    elif isinstance(expr, Ask):
        below = expr.args
    elif isinstance(expr, Root):
        below = (expr.key, expr.own)
    for part in below:
        yield from parts_of(part)


def show(expr: Expr) -> str:
    """Return *expr* as a person would write it.

    >>> show(Var("pend", Scope.MACHINE).more(0))
    'pend > 0'
    """
    if isinstance(expr, Arg | Var | HandleVar):
        return expr.name
    if isinstance(expr, Root):
        return show(expr.key)
    if isinstance(expr, Ask):
        return f"{expr.question}({', '.join(map(show, expr.args))})"
    if isinstance(expr, Apply):
        if expr.op == "not":
            return f"not {show(expr.operands[0])}"
        return f" {expr.op} ".join(map(show, expr.operands))
    if isinstance(expr, PredefinedKey):
        return expr.hkey
    return repr(expr) if isinstance(expr, str) else str(expr)

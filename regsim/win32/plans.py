"""Plans that Win32 calls share: a call on a handle, and the same call on a predefined key."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import attrs

from regsim.kernel import wow64
from regsim.kernel.calls import Call, Plan
from regsim.kernel.expr import Apply, Arg, Expr, HandleVar, Root, Var
from regsim.kernel.operations import OPERATIONS, Gives
from regsim.kernel.steps import FAIL, RETURN, STATUS, Branch, Forget, Set, Step, go, ok, op
from regsim.policy import Dialect, PerCallRoot
from regsim.status import NtStatus, Win32Error
from regsim.types import NO_HANDLE, PredefinedKey, as_predefined

HANDLE = HandleVar("result")
VALUE = Var("result")
OWN = HandleVar("own")
_SAVED = Var("status")
_DONE = Branch(RETURN, frozenset({NtStatus.SUCCESS, NtStatus.PENDING}))
_HAS_OWN = Apply("!=", (OWN, NO_HANDLE))


class Reply(NamedTuple):
    """What a Win32 call gives: its code, and what it stored through its result pointer.

    ``value`` is `UNTOUCHED` when the call left the caller's variable alone.
    """

    code: Win32Error
    value: Any = None


class NtReply(NamedTuple):
    """What an NT call gives: its status, and what it stored."""

    status: NtStatus
    value: Any = None


class _Untouched:
    """The caller's variable was not written to."""

    def __repr__(self) -> str:
        return "UNTOUCHED"


UNTOUCHED = _Untouched()


@attrs.frozen
class Known:
    """A call that needs no kernel: its reply is known from its arguments."""

    reply: Reply


Planned = Call | Known
"""What a Win32 function gives before it is run: a call of a plan, or at once its answer."""


def answer(code: Win32Error, value: Any = None) -> Known:  # noqa: ANN401 - any result
    """Return the answer *code* with what is stored."""
    return Known(Reply(code, value))


@cache
def on_handle(name: str, operation: str, key: str, params: tuple[str, ...], does: str) -> Plan:
    """Return the plan of one *operation* on a handle.

    *key* is what the operation calls its handle (``root`` or ``handle``); *params* are the other
    parameters, passed on by name.
    """
    does = does or OPERATIONS[operation].does
    step = Step(at="use", does=does, op=_use(operation, key, params, Arg("key")), then=_ENDS)
    return Plan(name, ("key", *params), (step,), result_of(operation))


_ENDS = (_DONE, go(FAIL))


def result_of(operation: str) -> HandleVar | Var:
    """Return the variable that the result of *operation* goes to: a handle or anything else."""
    return HANDLE if OPERATIONS[operation].gives is Gives.HANDLE else VALUE


def _use(operation: str, key: str, params: tuple[str, ...], handle: Expr) -> Any:  # noqa: ANN401
    args = {name: Arg(name) for name in params}
    return op(operation, result_of(operation), **{key: handle}, **args)


@cache
def on_predefined(
    name: str, operation: str, key: str, params: tuple[str, ...], does: str, root: PerCallRoot
) -> Plan:
    """Return the plan of one *operation* on a predefined key: resolve it, then use it.

    The slot is read again at the second step, not remembered from the first. With the cache
    disabled the first step opens a root for this call alone, which a third step closes again,
    unless *root* says that it leaks.
    """
    resolve = Step(
        at="root",
        does="open-root",
        op=op("ResolvePredefined", OWN, key=Arg("key")),
        then=(ok("use"), go(FAIL)),
    )
    release = Branch("release", set=(Set(_SAVED, STATUS),), when=_HAS_OWN)
    closes = root is PerCallRoot.CLOSED
    use = Step(
        at="use",
        does=does or OPERATIONS[operation].does,
        op=_use(operation, key, params, Root(Arg("key"), OWN)),
        then=(release, *_ENDS) if closes else _ENDS,
    )
    close = Step(
        at="release",
        does="close-root",
        op=op("NtClose", handle=OWN),
        status=_SAVED,
        then=(Branch(RETURN, _DONE.on, (Forget(OWN),)), go(FAIL, Forget(OWN))),
    )
    steps = (resolve, use, close) if closes else (resolve, use)
    return Plan(name, ("key", *params), steps, result_of(operation))


def on_key(
    dialect: Dialect,
    name: str,
    operation: str,
    key: Expr,
    /,
    *shows: str,
    does: str = "",
    key_param: str = "handle",
    **args: Expr,
) -> Call:
    """Return the call of *operation* on *key*, be it a handle, a predefined key or a variable.

    *shows* are the other arguments as they are written in the call called *name*; *does* is the
    step's short name where that is not the operation's.
    """
    params, predefined = tuple(args), predefined_of(key)
    text = f"{name}({', '.join((shown(key), *shows))})"
    if predefined is None:
        plan = on_handle(name, operation, key_param, params, does)
        return Call(plan, {"key": key, **args}, text)
    root = dialect.per_call_root
    plan = on_predefined(name, operation, key_param, params, does, root)
    return Call(plan, {"key": predefined, **args}, text)


def predefined_of(key: Expr) -> PredefinedKey | None:
    """Return the predefined key that *key* is, or None for a handle or a program's variable."""
    return as_predefined(key) if isinstance(key, int) else None


def alone(
    name: str, operation: str, /, *shows: str, does: str = "", text: str = "", **args: Expr
) -> Call:
    """Return the call of one *operation* that is not on a key.

    *shows* and *does* are those of `on_key`; *text* is for what is no call of a function.
    """
    plan = _alone(name, operation, tuple(args), does)
    return Call(plan, args, text or written(name, *shows))


@cache
def _alone(name: str, operation: str, params: tuple[str, ...], does: str) -> Plan:
    into = result_of(operation)
    work = op(operation, into, **{param: Arg(param) for param in params})
    does = does or OPERATIONS[operation].does
    return Plan(name, params, (Step(at="do", does=does, op=work, then=_ENDS),), into)


def seen_in(access: int) -> dict[str, Expr]:
    """Return the argument that has an operation look in the view that *access* asks for."""
    return {"view32": True} if access & wow64.ASKS_32 else {}


def written(name: str, *shows: str) -> str:
    """Return a call of *name* as a developer would write it."""
    return f"{name}({', '.join(shows)})"


def shown(key: Expr) -> str:
    """Return *key* as it is written in a call: ``HKCU``, a handle in hex, or a variable."""
    predefined = predefined_of(key)
    if predefined is not None:
        return _SHORT.get(predefined, predefined.hkey)
    return hex(key) if isinstance(key, int) else str(getattr(key, "name", key))


_SHORT = {
    PredefinedKey.CLASSES_ROOT: "HKCR",
    PredefinedKey.CURRENT_USER: "HKCU",
    PredefinedKey.LOCAL_MACHINE: "HKLM",
    PredefinedKey.USERS: "HKU",
    PredefinedKey.CURRENT_CONFIG: "HKCC",
}


def quoted(text: str | None) -> str:
    """Return *text* as a string argument, or ``NULL``."""
    return "NULL" if text is None else f'"{text}"'

"""Plans of calls that open a key below the one they are given, work on it, and close it."""

from __future__ import annotations

from functools import cache
from typing import Final

from regsim.kernel.calls import Call, Plan
from regsim.kernel.expr import Arg, Expr, HandleVar, Root, Var
from regsim.kernel.operations import OPERATIONS, Gives
from regsim.kernel.steps import FAIL, RETURN, STATUS, Set, Step, go, ok, op
from regsim.policy import Dialect, PerCallRoot
from regsim.win32.plans import OWN, VALUE, predefined_of, seen_in

Work = tuple[tuple[str, tuple[str, ...]], ...]
"""What is done to the child, one operation after another, each with its parameters by name."""

DELETES: Final[Work] = (("NtDeleteKey", ()),)

_CHILD = HandleVar("child")
_SAVED = Var("status")


def on_child(
    dialect: Dialect,
    name: str,
    key: Expr,
    subkey: str,
    text: str,
    work: Work,
    /,
    *,
    access: int,
    opener: str = "NtOpenKey",
    **args: Expr,
) -> Call:
    """Return the call *name*, written as *text*, that does *work* to the key at *subkey*.

    *opener* is the operation that opens it with *access*; *args* are the parameters of *work*.
    """
    predefined = predefined_of(key)
    root = None if predefined is None else dialect.per_call_root
    plan = _plan(name, opener, int(access), work, tuple(args), root)
    return Call(
        plan, {"key": key if predefined is None else predefined, "path": subkey, **args}, text
    )


@cache
def _plan(
    name: str,
    opener: str,
    access: int,
    work: Work,
    params: tuple[str, ...],
    root: PerCallRoot | None,
) -> Plan:
    """Return the plan on a handle (None) or on a predefined key, whose own root *root* treats."""
    source: Expr = Arg("key") if root is None else Root(Arg("key"), OWN)
    last = "release" if root is PerCallRoot.CLOSED else "end"
    created = OPERATIONS[opener].gives is Gives.CREATED
    opened = op(opener, _CHILD, root=source, path=Arg("path"), access=access, **seen_in(access))
    first = Step(
        at="open",
        does="create-subkey" if created else "open-subkey",
        op=opened,
        then=(ok("work-0"), go(last, Set(_SAVED, STATUS))),
    )
    steps = [first, *_working(work), _closing(last)]
    ends = (ok(RETURN), go(FAIL))
    if root is not None:
        resolve = op("ResolvePredefined", OWN, key=Arg("key"))
        steps.insert(0, Step(at="root", does="open-root", op=resolve, then=(ok("open"), go(FAIL))))
    if root is PerCallRoot.CLOSED:
        close = op("NtClose", handle=OWN)
        has_own = Step(at="release", does="close-root", op=close, status=_SAVED, then=ends)
        steps.append(has_own)
    steps.append(Step(at="end", does="return", status=_SAVED, then=ends))
    return Plan(name, ("key", "path", *params), tuple(steps), VALUE)


def _working(work: Work) -> list[Step]:
    """Return the steps that work on the child; the first that fails is the last."""
    saved = Set(_SAVED, STATUS)
    return [
        Step(
            at=f"work-{number}",
            does=OPERATIONS[operation].does,
            op=op(operation, VALUE, handle=_CHILD, **{name: Arg(name) for name in names}),
            then=(
                *((ok(f"work-{number + 1}"),) if number + 1 < len(work) else ()),
                go("close", saved),
            ),
        )
        for number, (operation, names) in enumerate(work)
    ]


def _closing(last: str) -> Step:
    close = op("NtClose", handle=_CHILD)
    return Step(at="close", does="close-key", op=close, then=(go(last),))

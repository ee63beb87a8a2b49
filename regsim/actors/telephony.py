"""The Telephony service's worker: stock, and as each of the fixes would make it.

The service is asked on a user's behalf, impersonates the user, opens a key below
HKEY_CURRENT_USER, reads it and closes it (KB Q241572). What the fixed Tapisrv.exe does is
undocumented; every strategy here is one that could be meant.
"""

from __future__ import annotations

import enum

import attrs

from regsim.actors.stage import PENDING, SUBKEY, USER, USER_PATH
from regsim.errors import UsageError
from regsim.kernel.calls import Call, inline
from regsim.kernel.expr import HandleVar, Scope, Var, negate
from regsim.kernel.steps import ANY, Act, Branch, Forget, Program, Set, Step, go, op
from regsim.policy import Dialect
from regsim.status import NtStatus
from regsim.types import PredefinedKey, Sid
from regsim.win32 import advapi, ntdll
from regsim.win32.plans import Known, Planned

HKCU = PredefinedKey.CURRENT_USER
SUB = HandleVar("sub")
OWN = HandleVar("own")
USERS = Var("nuse", Scope.PROCESS)
"""How many workers use the cached root just now (the refcounted fix)."""

_REVERT = Act("revert")
_IDLE = go("idle", _REVERT)


class Strategy(enum.Enum):
    """How the worker treats the root of HKEY_CURRENT_USER."""

    STOCK = "stock"
    REFCOUNTED = "refcounted"
    UNCACHED = "uncached"
    CLOSE_ROOT = "close-root"
    REFRESH_ROOT = "refresh-root"
    EXPLICIT_HKU = "explicit-hku"
    DISABLE_CACHE = "disable-cache"


@attrs.frozen
class Request:
    """What a worker waits for: a count of waiting requests, and on whose behalf they are."""

    pending: Var = PENDING
    sid: Sid = USER
    does: str = "dequeue"


def worker(
    dialect: Dialect,
    strategy: Strategy,
    *,
    subkey: str = SUBKEY,
    requests: tuple[Request, ...] = (Request(),),
    users: Var = USERS,
) -> Program:
    """Return the program of one worker thread; its labels are the stages of one request.

    *users* is where the refcounted fix counts the users of the root that it knows of.

    ``idle`` waits, ``open`` and ``work`` and ``close`` serve the request, ``release`` gives the
    root back where the strategy does, ``error`` is a call that failed, ``dead`` a stopped service.
    """
    steps = (
        *map(_dequeue, requests),
        *_opening(dialect, strategy, subkey, users),
        Step(at="work", does="work", call="(reads the user information)", then=(go("close"),)),
        *_closing(dialect, strategy, users),
        Step(at="error", does="fail", call="(gives the error back)", then=(_IDLE,)),
        Step(at=ANY, does="die", after_end=True, then=(go("dead"),), call="(has ended)"),
    )
    return Program(f"telephony-{strategy.value}", steps, "idle")


def _dequeue(request: Request) -> Step:
    pending = request.pending
    acts = Act("impersonate", (request.sid,))
    return Step(
        at="idle",
        does=request.does,
        call="(takes the request, acts as the user)",
        when=pending.more(0),
        then=(go("open", Set(pending, pending.plus(-1)), acts),),
    )


def call_of(planned: Planned) -> Call:
    """Return *planned* as the call it is; raise `UsageError` where the dialect answers at once."""
    if isinstance(planned, Known):
        raise UsageError("this call needs no kernel on this dialect")
    return planned


_MISSING = (go("idle", _REVERT, on=NtStatus.OBJECT_NAME_NOT_FOUND), go("error"))


def _opening(dialect: Dialect, strategy: Strategy, subkey: str, users: Var) -> tuple[Step, ...]:
    names = {"open-key": "open-subkey"}
    if strategy is Strategy.EXPLICIT_HKU:
        call = ntdll.NtOpenKey(dialect, f"{USER_PATH}\\{subkey}")
        return inline(call, at="open", returns=go("work"), fails=_MISSING, into=SUB, names=names)
    if strategy is Strategy.UNCACHED:
        own = call_of(advapi.RegOpenCurrentUser(dialect))
        sub = call_of(advapi.RegOpenKeyEx(dialect, OWN, subkey))
        return (
            *inline(own, at="open", returns=go("below"), fails=_MISSING, into=OWN),
            *inline(sub, at="below", returns=go("work"), fails=(go("error"),), into=SUB),
        )
    call = call_of(advapi.RegOpenKeyEx(dialect, HKCU, subkey))
    steps = inline(call, at="open", returns=go("work"), fails=_MISSING, into=SUB)
    if strategy is Strategy.REFCOUNTED:
        counted = _also(steps[0], Set(users, users.plus(1)))
        return (counted, *(_uncounted(step, users) for step in steps[1:]))
    return steps


def _also(step: Step, *updates: Set) -> Step:
    """Return *step* with *updates* made when its operation succeeds."""
    first, *rest = step.then
    return attrs.evolve(step, then=(attrs.evolve(first, set=first.set + updates), *rest))


def _uncounted(step: Step, users: Var) -> Step:
    """Return *step*, which comes after the root was counted, giving the count back if it fails."""
    down = Set(users, users.plus(-1))
    branches = []
    for branch in step.then:
        kept = tuple(update for update in branch.set if update != _REVERT)
        if branch.goto == "idle":
            branches.append(attrs.evolve(branch, goto="release", set=kept))
        elif branch.goto == "error":
            branches.append(attrs.evolve(branch, set=(*branch.set, down)))
        else:
            branches.append(branch)
    return attrs.evolve(step, then=tuple(branches))


def _closing(dialect: Dialect, strategy: Strategy, users: Var) -> tuple[Step, ...]:
    releases = _releasing(dialect, strategy, users)
    after = go("release", Forget(SUB)) if releases else go("idle", Forget(SUB), _REVERT)
    close = call_of(advapi.RegCloseKey(dialect, SUB))
    names = {"close-key": "close-subkey"}
    return (*inline(close, at="close", returns=after, fails=(after,), names=names), *releases)


def _releasing(dialect: Dialect, strategy: Strategy, users: Var) -> tuple[Step, ...]:
    if strategy is Strategy.REFCOUNTED:
        last = op("ClosePredefined", key=HKCU)
        down = Set(users, users.plus(-1))
        one = users.less(2)
        text = "RegCloseKey(HKCU)"
        return (
            Step(
                at="release",
                does="close-root",
                when=one,
                op=last,
                then=(go("idle", down, _REVERT),),
                call=text,
            ),
            Step(
                at="release",
                does="leave-root",
                when=negate(one),
                then=(go("idle", down, _REVERT),),
                call="(leaves HKCU open: others use it)",
            ),
        )
    if strategy is Strategy.UNCACHED:
        close = call_of(advapi.RegCloseKey(dialect, OWN))
        return _give_back(close, go("idle", Forget(OWN), _REVERT))
    if strategy is Strategy.CLOSE_ROOT:
        return _give_back(advapi.RegCloseKey(dialect, HKCU), _IDLE)
    if strategy is Strategy.REFRESH_ROOT:
        return _give_back(advapi.RegOpenKeyEx(dialect, HKCU), _IDLE)
    return ()


def _give_back(planned: Planned, after: Branch) -> tuple[Step, ...]:
    if isinstance(planned, Known):
        return (Step(at="release", does="close-root", then=(after,), call="RegCloseKey(HKCU)"),)
    names = {"close-key": "close-root"}
    return inline(planned, at="release", returns=after, fails=(after,), names=names)

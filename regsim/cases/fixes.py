"""The fixes and workarounds by name: where each exists, and what it changes.

Sources: KB Q241572 (hotfix, workaround); MSDN RegOpenCurrentUser and RegDisablePredefinedCache;
Raymond Chen, 2021-07-23 (closing and refreshing the root); the UPHClean readme; the policy
"Do not forcefully unload the users registry at user logoff" (KB 2287297). Grade: documented. What
is tried against an incident of ``models/`` alone has its source and its grade there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from regsim import dialects
from regsim.actors.telephony import Strategy
from regsim.errors import NotApplicableError
from regsim.naming import resolve
from regsim.policy import DIFFERENCING, Dialect, UnloadFailure


@attrs.frozen
class Fix:
    """One fix: its name, what it does in a sentence, the worker's strategy, and where it exists."""

    name: str
    says: str
    strategy: Strategy
    exists: Callable[[Dialect], bool]
    where: str


def _has(function: str) -> Callable[[Dialect], bool]:
    return lambda dialect: dialect.has(function)


def _between(first: str, last: str) -> Callable[[Dialect], bool]:
    order = dialects.names()
    span = order[order.index(first) : order.index(last) + 1]
    return lambda dialect: dialect.name in span and _is_nt(dialect)


def _forces(dialect: Dialect) -> bool:
    return dialect.logoff.on_failure is UnloadFailure.FORCE


_is_nt = _has("NtUnloadKey")

_CONTAINERS: Final = (_has(DIFFERENCING), "win10 and later")
_NT: Final = (_is_nt, "every NT, wine, reactos")
_SINCE_2000: Final = "w2k and later, wine, reactos"

_CASE: Final = (
    Fix("none", "nothing is changed", Strategy.STOCK, lambda _: True, "every system"),
    Fix(
        "hotfix",
        "a Tapisrv.exe that closes the root with its last user (assumed)",
        Strategy.REFCOUNTED,
        _between("nt4-rtm", "nt4-sp6a"),
        "nt4-rtm to nt4-sp6a",
    ),
    Fix("stop-service", "the Telephony service is stopped before logoff", Strategy.STOCK, *_NT),
    Fix(
        "explicit-hku",
        "the service opens HKU\\<SID> by its full path",
        Strategy.EXPLICIT_HKU,
        *_NT,
    ),
    Fix(
        "close-root",
        "the service calls RegCloseKey(HKCU) after each request",
        Strategy.CLOSE_ROOT,
        *_NT,
    ),
    Fix(
        "refresh-root",
        "the service calls RegOpenKeyEx(HKCU, NULL) after each request",
        Strategy.REFRESH_ROOT,
        *_NT,
    ),
    Fix(
        "open-current-user",
        "the service calls RegOpenCurrentUser and closes what it gives",
        Strategy.UNCACHED,
        _has("RegOpenCurrentUser"),
        _SINCE_2000,
    ),
    Fix(
        "disable-predefined-cache",
        "the service calls RegDisablePredefinedCache as it starts",
        Strategy.DISABLE_CACHE,
        _has("RegDisablePredefinedCache"),
        _SINCE_2000,
    ),
    Fix(
        "uphclean",
        "UPHClean puts the leaked handles onto a harmless key",
        Strategy.STOCK,
        _between("nt4-rtm", "2003"),
        "nt4 to 2003",
    ),
    Fix(
        "disable-force-unload",
        "the policy DisableForceUnload has logoff wait instead of forcing",
        Strategy.STOCK,
        _forces,
        "vista and later",
    ),
)
CASE: Final = tuple(fix.name for fix in _CASE)
"""The fixes of KB Q241572, in the order of the matrix's columns."""

_OTHERS: Final = tuple(
    Fix(name, says, Strategy.STOCK, *where)
    for name, says, where in (
        ("close-objects", "the script closes each key object before it unloads", _NT),
        ("collect", "the script drops the objects and waits for their finalizers", _NT),
        ("own-load", "each session loads the profile itself and unloads what it loaded", _NT),
        ("never-unload", "no session unloads the profile", _NT),
        ("unload-after", "the agent unloads the hive after its work", _NT),
        ("offline-copy", "the agent reads a copy of the hive's file and mounts nothing", _NT),
        ("end-members", "every process left in the container's job is ended", _CONTAINERS),
        ("stop-packaged-service", "the package's service is stopped", _CONTAINERS),
        ("restart-appinfo", "the service that builds containers is restarted", _CONTAINERS),
        ("unload-by-path", "the container's hive is unloaded by its path", _CONTAINERS),
        ("force-unload", "the container's hive is unloaded by force", _CONTAINERS),
        ("sign-out", "the user signs out and in again", _CONTAINERS),
        ("restart", "Windows is started again", _CONTAINERS),
    )
)
FIXES: Final = {fix.name: fix for fix in (*_CASE, *_OTHERS)}
"""The fixes by name: those of the case, then those of other incidents, each with its own."""

NAIVE: Final = (Strategy.CLOSE_ROOT, Strategy.REFRESH_ROOT)
"""The strategies that close a root which other threads may be using."""


def get(name: str) -> Fix:
    """Return the fix that *name* means; raise `UnknownNameError` listing them otherwise."""
    return FIXES[resolve("fix", name, FIXES)]


def require(fix: Fix, dialect: Dialect) -> None:
    """Raise `NotApplicableError` with the reason where *fix* does not exist."""
    if not fix.exists(dialect):
        raise NotApplicableError(
            f"the fix {fix.name!r} does not exist on {dialect.name}: only {fix.where}"
        )


def dialect_with(fix: Fix, dialect: Dialect) -> Dialect:
    """Return *dialect* as *fix* changes the system around the service."""
    if fix.name == "disable-force-unload":
        logoff = attrs.evolve(dialect.logoff, on_failure=UnloadFailure.WAIT)
        return dialect.with_(logoff=logoff)
    return dialect

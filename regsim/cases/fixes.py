"""The fixes and workarounds by name: where each exists, and what it changes.

Sources: KB Q241572 (hotfix, workaround); MSDN RegOpenCurrentUser and RegDisablePredefinedCache;
Raymond Chen, 2021-07-23 (closing and refreshing the root); the UPHClean readme; the policy
"Do not forcefully unload the users registry at user logoff" (KB 2287297). Grade: documented.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from regsim import dialects
from regsim.actors.telephony import Strategy
from regsim.errors import NotApplicableError, UnknownNameError
from regsim.policy import Dialect, UnloadFailure


@attrs.frozen(kw_only=True)
class Fix:
    """One fix: its name, what it does in a sentence, and the worker's strategy with it."""

    name: str
    says: str
    strategy: Strategy
    exists: Callable[[str], bool]
    where: str


def _is_nt(os: str) -> bool:
    return os != "win95"


def _between(first: str, last: str) -> Callable[[str], bool]:
    order = dialects.names()
    span = order[order.index(first) : order.index(last) + 1]
    return lambda os: os in span and _is_nt(os)


_SINCE_2000 = _between("w2k", "reactos")

FIXES: Final = {
    fix.name: fix
    for fix in (
        Fix(
            name="none",
            says="nothing is changed",
            strategy=Strategy.STOCK,
            exists=lambda _os: True,
            where="every system",
        ),
        Fix(
            name="hotfix",
            says="a Tapisrv.exe that closes the root with its last user (assumed)",
            strategy=Strategy.REFCOUNTED,
            exists=_between("nt4-rtm", "nt4-sp6a"),
            where="nt4-rtm to nt4-sp6a",
        ),
        Fix(
            name="stop-service",
            says="the Telephony service is stopped before logoff",
            strategy=Strategy.STOCK,
            exists=_is_nt,
            where="every NT, wine, reactos",
        ),
        Fix(
            name="explicit-hku",
            says="the service opens HKU\\<SID> by its full path",
            strategy=Strategy.EXPLICIT_HKU,
            exists=_is_nt,
            where="every NT, wine, reactos",
        ),
        Fix(
            name="close-root",
            says="the service calls RegCloseKey(HKCU) after each request",
            strategy=Strategy.CLOSE_ROOT,
            exists=_is_nt,
            where="every NT, wine, reactos",
        ),
        Fix(
            name="refresh-root",
            says="the service calls RegOpenKeyEx(HKCU, NULL) after each request",
            strategy=Strategy.REFRESH_ROOT,
            exists=_is_nt,
            where="every NT, wine, reactos",
        ),
        Fix(
            name="open-current-user",
            says="the service calls RegOpenCurrentUser and closes what it gives",
            strategy=Strategy.UNCACHED,
            exists=_SINCE_2000,
            where="w2k and later, wine, reactos",
        ),
        Fix(
            name="disable-predefined-cache",
            says="the service calls RegDisablePredefinedCache as it starts",
            strategy=Strategy.DISABLE_CACHE,
            exists=_SINCE_2000,
            where="w2k and later, wine, reactos",
        ),
        Fix(
            name="uphclean",
            says="UPHClean puts the leaked handles onto a harmless key",
            strategy=Strategy.STOCK,
            exists=lambda os: _between("nt4-rtm", "nt4-tse-sp5")(os) or os in ("w2k", "xp", "2003"),
            where="nt4 to 2003",
        ),
        Fix(
            name="disable-force-unload",
            says="the policy DisableForceUnload has logoff wait instead of forcing",
            strategy=Strategy.STOCK,
            exists=_between("vista", "win11"),
            where="vista and later",
        ),
    )
}
"""The fixes by name, in the order of the matrix's columns."""

NAIVE: Final = (Strategy.CLOSE_ROOT, Strategy.REFRESH_ROOT)
"""The strategies that close a root which other threads may be using."""


def get(name: str) -> Fix:
    """Return the fix called *name*; raise `UnknownNameError` listing them otherwise."""
    if name not in FIXES:
        raise UnknownNameError("fix", name, FIXES)
    return FIXES[name]


def require(fix: Fix, os: str) -> None:
    """Raise `NotApplicableError` with the reason where *fix* does not exist."""
    if not fix.exists(os):
        raise NotApplicableError(f"the fix {fix.name!r} does not exist on {os}: only {fix.where}")


def dialect_with(fix: Fix, dialect: Dialect) -> Dialect:
    """Return *dialect* as *fix* changes the system around the service."""
    if fix.name == "disable-force-unload":
        logoff = attrs.evolve(dialect.logoff, on_failure=UnloadFailure.WAIT)
        return dialect.with_(logoff=logoff)
    return dialect

"""Userenv's two functions that bring a user's hive and take it away."""

from __future__ import annotations

from functools import cache

from regsim import keypath
from regsim.kernel.calls import Call, Plan
from regsim.kernel.expr import Arg, Expr, HandleVar
from regsim.kernel.steps import FAIL, RETURN, Step, go, ok, op
from regsim.policy import Dialect
from regsim.status import NtStatus
from regsim.types import Access
from regsim.win32.plans import Planned, quoted, shown

_PROFILE = HandleVar("profile")


def LoadUserProfile(_dialect: Dialect, sid: str, file: str) -> Planned:
    """Load the hive of *sid* from *file* and open its root; the handle counts as a reference.

    A hive that is loaded already is taken as it is. The handle belongs to UnloadUserProfile, not
    to RegCloseKey (MSDN; documented).
    """
    args = {"path": keypath.user_root(sid), "file": file}
    return Call(_load(), args, f"LoadUserProfile({quoted(sid)})")


@cache
def _load() -> Plan:
    load = Step(
        at="load",
        does="load-hive",
        op=op("NtLoadKey", path=Arg("path"), file=Arg("file")),
        then=(
            ok("open"),
            # ReactOS dll/win32/userenv/profile.c: a sharing violation means it is there (observed)
            go("open", on=NtStatus.SHARING_VIOLATION),
            go(FAIL),
        ),
    )
    access = Access.MAXIMUM_ALLOWED
    root = Step(
        at="open",
        does="open-profile",
        op=op("NtOpenKey", _PROFILE, root=None, path=Arg("path"), access=access),
        then=(ok(RETURN), go(FAIL)),
    )
    return Plan("LoadUserProfile", ("path", "file"), (load, root), _PROFILE)


def UnloadUserProfile(_dialect: Dialect, sid: str, profile: Expr) -> Planned:
    """Close the profile handle and unload the hive of *sid*, once; 5 while a key in it is open.

    Source: ReactOS ``dll/win32/userenv/profile.c``; observed.
    """
    args = {"path": keypath.user_root(sid), "profile": profile}
    return Call(_unload(), args, f"UnloadUserProfile({shown(profile)})")


@cache
def _unload() -> Plan:
    close = op("NtClose", handle=Arg("profile"))
    unload = op("NtUnloadKey", path=Arg("path"))
    ends = (ok(RETURN), go(FAIL))
    steps = (
        Step(at="close", does="close-profile", op=close, then=(ok("unload"), go(FAIL))),
        Step(at="unload", does="unload-hive", op=unload, then=ends),
    )
    return Plan("UnloadUserProfile", ("path", "profile"), steps)

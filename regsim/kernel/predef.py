"""The predefined-key cache: what HKEY_CURRENT_USER and its like stand for in one process.

A predefined key is a number, not a handle. The first call that uses one opens its root behind the
caller's back and keeps that handle for the process (rules P1 to P10 of ``docs``, one a function).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regsim import keypath
from regsim.kernel import keys
from regsim.kernel.keys import Answered
from regsim.kernel.process import Slot
from regsim.policy import DisabledRoot, NoHive, OverrideHold, OverrideNull
from regsim.status import NtStatus
from regsim.types import LOCAL_SYSTEM, Access, Handle, PredefinedKey, Sid, Tid

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regsim.kernel.machine import Machine
    from regsim.kernel.process import Process

DEFAULT_USER = keypath.user_root(".DEFAULT")
_FIXED = {
    PredefinedKey.CLASSES_ROOT: r"\REGISTRY\MACHINE\Software\Classes",
    PredefinedKey.LOCAL_MACHINE: r"\REGISTRY\MACHINE",
    PredefinedKey.USERS: r"\REGISTRY\USER",
    PredefinedKey.CURRENT_CONFIG: (
        r"\REGISTRY\MACHINE\System\CurrentControlSet\Hardware Profiles\Current"
    ),
    PredefinedKey.DYN_DATA: r"\REGISTRY\DynData",
}


def user_path(machine: Machine, sid: Sid) -> str:
    r"""Return where the keys of *sid* are: ``HKU\<SID>``, or ``.DEFAULT`` when not loaded.

    LocalSystem's are in ``.DEFAULT`` (KB Q168877; documented).
    """
    path = keypath.user_root(sid)
    if sid == LOCAL_SYSTEM or machine.hive_at(path) is None:
        return DEFAULT_USER
    return path


def root_path(machine: Machine, caller: Tid, key: PredefinedKey) -> str | None:
    """Return the path that *key* stands for as *caller* acts now, or None when it is no key."""
    if key in _FIXED:
        return _FIXED[key]
    user = user_path(machine, machine.effective_token(caller).sid)
    if key is PredefinedKey.CURRENT_USER:
        return user
    if key is PredefinedKey.CURRENT_USER_LOCAL_SETTINGS:
        return user + r"\Software\Classes\Local Settings"
    return None


def resolve(machine: Machine, caller: Tid, *, key: PredefinedKey) -> Answered:
    """Make sure that something stands behind *key*; the result is a per-call handle or None.

    P1: the first use opens the root, into one slot that all threads of the process share.
    P3: whoever the caller acts as at that moment stays behind the key for later callers.
    P6: with the cache disabled every call opens a root of its own, which is the result.
    P10: a slot whose hive was unloaded answers KEY_DELETED until it is closed or refreshed.
    """
    process = machine.process_of(caller)
    slot = process.slots.get(key)
    if key in process.uncached and not (slot and slot.override):
        return _open_root(machine, caller, key)
    if slot is None:
        return _fill(machine, caller, key)
    if slot.override:  # what is done to the key will tell, its rights before that it is gone
        return NtStatus.SUCCESS, None
    status, _ = keys.use(machine, caller, slot.handle)
    return status, None


def _fill(machine: Machine, caller: Tid, key: PredefinedKey) -> Answered:
    """Open the root of *key* into its empty slot, cache or not; the result is None."""
    status, handle = _open_root(machine, caller, key)
    if status.ok:
        machine.process_of(caller).slots[key] = Slot(handle=handle)
        machine.reshaped()
    return status, None


def _open_root(machine: Machine, caller: Tid, key: PredefinedKey) -> Answered:
    path = root_path(machine, caller, key)
    if path is None:
        return NtStatus.INVALID_HANDLE, None
    # P2: the cached root carries all the access that the first user may have.
    access = machine.dialect.cached_root_access
    machine.implicit = True  # what is opened from here on, its caller never asked for
    opened = keys.open_key(machine, caller, root=None, path=path, access=access)
    machine.implicit = False
    return opened


def close_root(machine: Machine, caller: Tid, *, key: PredefinedKey) -> Answered:
    """Take the slot of *key* and close what it holds; SUCCESS also when it is empty.

    P4 and P5 on Windows: RegCloseKey(predefined) and the refresh by RegOpenKeyEx(predefined, NULL)
    (Raymond Chen, 2021-07-23; documented). One atomic step.
    """
    _empty(machine, machine.process_of(caller), key)
    return NtStatus.SUCCESS, None


def _empty(
    machine: Machine, process: Process, key: PredefinedKey, *, borrowed: bool = False
) -> None:
    """Take the slot and close what it owns; with *borrowed*, its caller's handle too."""
    slot = process.slots.pop(key, None)
    machine.reshaped()
    if slot is not None and (slot.owned or borrowed):
        machine.close_handle(process, slot.handle)


def disable_cache(machine: Machine, caller: Tid, *, keys_: Iterable[PredefinedKey]) -> Answered:
    """Stop caching *keys_* in the caller's process (P6)."""
    process = machine.process_of(caller)
    keys_ = tuple(keys_)
    process.uncached |= frozenset(keys_)
    machine.reshaped()
    if machine.dialect.disabled_root is DisabledRoot.CLOSED:
        for key in keys_:
            _empty(machine, process, key)
    return NtStatus.SUCCESS, None


def override(machine: Machine, caller: Tid, *, key: PredefinedKey, handle: int | None) -> Answered:
    """Have *key* stand for the key behind *handle*, or with NULL (0) for its default again (P7).

    Where the caller's handle is borrowed, what it displaces is closed, whoever opened that
    (ReactOS ``dll/win32/advapi32/reg/reg.c``, RegOverridePredefKey; observed).
    """
    process = machine.process_of(caller)
    borrows = machine.dialect.override_hold is OverrideHold.BORROWED
    if not handle:
        _empty(machine, process, key, borrowed=borrows)
        if machine.dialect.override_null is OverrideNull.REOPENS:
            return _fill(machine, caller, key)
        return NtStatus.SUCCESS, None
    status, obj = keys.use(machine, caller, handle)
    dead = machine.dialect.override_hold is OverrideHold.DUPLICATED_DEAD
    if obj is None and not (dead and status is not NtStatus.INVALID_HANDLE):
        return status, None
    if not borrows:
        _, handle = keys.duplicate(machine, caller, handle=handle)
    _empty(machine, process, key, borrowed=borrows)
    process.slots[key] = Slot(handle=Handle(handle), owned=not borrows, override=True)
    return NtStatus.SUCCESS, None


def open_current_user(
    machine: Machine, caller: Tid, *, access: int = Access.MAXIMUM_ALLOWED
) -> Answered:
    """Open the keys of whom *caller* acts as, past the cache; the caller closes the handle (P8)."""
    sid = machine.effective_token(caller).sid
    path = user_path(machine, sid)
    if machine.dialect.no_user_hive is NoHive.NOT_FOUND and sid != LOCAL_SYSTEM:
        path = keypath.user_root(sid)
    return keys.open_key(machine, caller, root=None, path=path, access=access)

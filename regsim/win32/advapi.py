"""Advapi32's registry functions that open and close keys, as plans of kernel steps.

Each takes the dialect and the call's arguments and returns the call, ready to be run without a
pause or to be woven into an actor's program, or at once the answer where no kernel is needed.
A name without a suffix is the wide function; the ANSI one is there where it behaves differently.
"""

from __future__ import annotations

from functools import cache

from regsim.kernel import wow64
from regsim.kernel.calls import Call, Plan
from regsim.kernel.classes import VIEW, VIEWED
from regsim.kernel.expr import Arg, Expr
from regsim.kernel.steps import FAIL, RETURN, Step, go, ok, op
from regsim.policy import (
    ClassesView,
    Dialect,
    EmptySubkey,
    NoHive,
    NullKey,
    PredefClose,
    PredefEmpty,
)
from regsim.status import Win32Error
from regsim.types import COUNTERS, NO_HANDLE, Access, CreateOption, Handle, PredefinedKey
from regsim.win32.plans import (
    HANDLE,
    UNTOUCHED,
    Planned,
    alone,
    answer,
    on_key,
    predefined_of,
    quoted,
    seen_in,
    shown,
    written,
)

_CACHEABLE = tuple(PredefinedKey)


@cache
def _closing(name: str, gives: bool) -> Plan:
    step = Step(
        at="close",
        does="close-root",
        op=op("ClosePredefined", key=Arg("key")),
        then=(ok(RETURN), go(FAIL)),
    )
    return Plan(name, ("key",), (step,), Arg("key") if gives else None)


def RegOpenKeyEx(
    dialect: Dialect,
    key: Expr,
    subkey: str | None = None,
    *,
    access: int = Access.READ,
    options: int = 0,
    phk_result: bool = True,
) -> Planned:
    r"""Open a key; the value is a handle that the caller must close.

    On a predefined key, its root is opened first, behind the caller's back, and stays open when
    the handle is closed: the defect of KB Q241572. A NULL or empty subkey of a predefined key
    closes that root again where the dialect refreshes it. 87 without a place for the result; 161
    for a leading backslash, but for HKEY_CLASSES_ROOT (Wine's registry tests; observed). With
    KEY_WOW64_32KEY in *access* it is opened in the 32-bit view (`regsim.kernel.wow64`).
    """
    if not phk_result:
        return answer(Win32Error.INVALID_PARAMETER, UNTOUCHED)
    if not subkey:
        policy = dialect.open_ex_empty
        return _open_empty(dialect, key, policy, "RegOpenKeyEx", quoted(subkey), access)
    return _open(dialect, "RegOpenKeyEx", key, subkey, access, options)


def RegOpenKeyExA(
    dialect: Dialect, key: Expr, subkey: str | None = None, *, access: int = Access.READ
) -> Planned:
    """Open a key as RegOpenKeyEx does; a NULL key leaves the caller's variable untouched."""
    if key == NO_HANDLE:
        return answer(dialect.null_key_error, UNTOUCHED)
    return RegOpenKeyEx(dialect, key, subkey, access=access)


def RegOpenKey(
    dialect: Dialect, key: Expr, subkey: str | None = None, *, phk_result: bool = True
) -> Planned:
    """Open a key with the widest access; a NULL or empty subkey gives back *key* itself.

    With NULL and NULL the answer is 0 and NULL (Wine's registry tests; observed).
    """
    if not phk_result:
        return answer(Win32Error.INVALID_PARAMETER, UNTOUCHED)
    if key == NO_HANDLE:
        if not subkey:
            return answer(Win32Error.SUCCESS, NO_HANDLE)
        nulls = dialect.null_key_result is NullKey.OPEN_NULLS
        return answer(dialect.null_key_error, NO_HANDLE if nulls else UNTOUCHED)
    if not subkey:
        return _open_empty(dialect, key, dialect.open_empty, "RegOpenKey", quoted(subkey))
    return _open(dialect, "RegOpenKey", key, subkey, Access.MAXIMUM_ALLOWED)


def _open_empty(
    dialect: Dialect,
    key: Expr,
    policy: EmptySubkey,
    name: str,
    subkey: str,
    access: int = Access.MAXIMUM_ALLOWED,
) -> Planned:
    if key == NO_HANDLE:
        return answer(dialect.null_key_error, NO_HANDLE)
    if predefined_of(key) is not None:
        if predefined_of(key) in COUNTERS and not dialect.counters_are_keys:
            return answer(Win32Error.INVALID_HANDLE, NO_HANDLE)
        if dialect.open_predefined_empty is PredefEmpty.REFRESH:
            text = written(name, shown(key), subkey)
            return Call(_closing(name, gives=True), {"key": predefined_of(key)}, text)
        return answer(Win32Error.SUCCESS, key)
    if policy is EmptySubkey.BAD_KEY:
        return answer(Win32Error.BADKEY, UNTOUCHED)
    if policy is EmptySubkey.SAME:
        return answer(Win32Error.SUCCESS, key)
    if policy is EmptySubkey.SAME_COUNTED:
        return on_key(dialect, name, "ReferenceHandle", key, subkey)
    return on_key(
        dialect,
        name,
        "NtOpenKey",
        key,
        subkey,
        does="open-again",
        key_param="root",
        path="",
        access=access,
    )


def _open(
    dialect: Dialect, name: str, key: Expr, subkey: str, access: int, options: int = 0
) -> Planned:
    shows = quoted(subkey)
    if access & wow64.EITHER and dialect.view32.refusal is not None:
        return answer(dialect.view32.refusal, NO_HANDLE)
    return on_key(
        dialect,
        name,
        "OpenClassesView" if viewed(dialect, key) else "NtOpenKey",
        key,
        shows,
        key_param="root",
        path=below(dialect, key, subkey, access),
        access=access,
        options=options,
        **seen_in(access),
    )


def below(dialect: Dialect, key: Expr, subkey: str, access: int) -> str:
    """Return the path that *subkey* of *key* is to a call that asks for *access*.

    HKEY_CLASSES_ROOT takes leading backslashes; in the 32-bit view it is on Wine another key
    (``dlls/kernelbase/registry.c``, get_special_root_hkey; run on 8.0; observed).
    """
    if predefined_of(key) is not PredefinedKey.CLASSES_ROOT:
        return subkey
    named = subkey.lstrip("\\")
    other = access & wow64.ASKS_32 and dialect.view32.exists and dialect.view32.from_root
    return f"{wow64.NODE}\\{named}" if other else named


def RegCreateKeyEx(
    dialect: Dialect,
    key: Expr,
    subkey: str,
    *,
    access: int = Access.ALL,
    options: int = 0,
    class_name: str = "",
    reserved: int = 0,
    phk_result: bool = True,
) -> Planned:
    """Open a key or create it; the value is ``Created(handle, new)``.

    1010 without a place for the result, 87 for a reserved argument (Wine's registry tests;
    observed); 1021 for a lasting key below a volatile one.
    """
    if not phk_result:
        return answer(Win32Error.BADKEY, UNTOUCHED)
    if reserved:
        return answer(Win32Error.INVALID_PARAMETER, UNTOUCHED)
    if key == NO_HANDLE and dialect.null_key_result is NullKey.OPEN_NULLS:
        return answer(dialect.null_key_error, UNTOUCHED)
    shows = quoted(subkey)
    if access & wow64.EITHER and dialect.view32.refusal is not None:
        return answer(dialect.view32.refusal, NO_HANDLE)
    return on_key(
        dialect,
        "RegCreateKeyEx",
        "CreateClassesView" if viewed(dialect, key) else "NtCreateKey",
        key,
        shows,
        key_param="root",
        path=below(dialect, key, subkey, access),
        access=access,
        options=CreateOption(options),
        class_name=class_name,
        **seen_in(access),
    )


def RegCloseKey(dialect: Dialect, key: Expr) -> Planned:
    """Close a handle, or the root that stands behind a predefined key.

    6 for NULL and for a handle that is not open. What it does to a predefined key is rule P4.
    """
    predefined = predefined_of(key)
    if predefined is not None:
        if dialect.close_predefined is PredefClose.IGNORED:
            return answer(Win32Error.SUCCESS)
        text = written("RegCloseKey", shown(key))
        return Call(_closing("RegCloseKey", gives=False), {"key": predefined}, text)
    high = isinstance(key, int) and key >= 0x80000000
    if dialect.close_any_high_handle and high:
        return answer(Win32Error.SUCCESS)
    return on_key(dialect, "RegCloseKey", "NtClose", key)


def RegConnectRegistry(dialect: Dialect, computer: str | None, key: Expr) -> Planned:
    """Open a predefined key of a computer; for this one (NULL) it is what RegOpenKey gives.

    6 for a key that cannot be had remotely; 53 for another computer: the machine is alone.
    """
    remote = (PredefinedKey.LOCAL_MACHINE, PredefinedKey.USERS)
    if computer:
        known = predefined_of(key) in remote
        return answer(Win32Error.BAD_NETPATH if known else Win32Error.INVALID_HANDLE)
    return RegOpenKey(dialect, key)


def RegOpenCurrentUser(dialect: Dialect, *, access: int = Access.MAXIMUM_ALLOWED) -> Planned:
    """Open the keys of whom the thread acts as, past the cache; the caller closes the handle."""
    name = "RegOpenCurrentUser"
    dialect.require(name)
    if dialect.no_user_hive is NoHive.NOT_FOUND:
        return Call(_below_users(), {"access": access}, written(name))
    return alone(name, "OpenCurrentUser", access=access)


@cache
def _below_users() -> Plan:
    """Return the plan of RegOpenCurrentUser where it is a use of HKEY_USERS, which stays open."""
    resolve = op("ResolvePredefined", key=PredefinedKey.USERS)
    work = op("OpenCurrentUser", HANDLE, access=Arg("access"))
    steps = (
        Step(at="root", does="open-users", op=resolve, then=(ok("open"), go(FAIL))),
        Step(at="open", does="open-root", op=work, then=(ok(RETURN), go(FAIL))),
    )
    return Plan("RegOpenCurrentUser", ("access",), steps, HANDLE)


def RegOpenUserClassesRoot(dialect: Dialect, *, access: int = Access.MAXIMUM_ALLOWED) -> Planned:
    """Open the classes of whom the thread acts as: merged, or one side alone (rule P9)."""
    dialect.require("RegOpenUserClassesRoot")
    name = "RegOpenUserClassesRoot"
    if dialect.user_classes_root is ClassesView.PSEUDO:
        return answer(Win32Error.SUCCESS, Handle(PredefinedKey.CLASSES_ROOT))
    if dialect.user_classes_root is ClassesView.USER:
        return alone(name, "OpenUserClasses", access=access)
    if dialect.user_classes_root is ClassesView.MACHINE:
        return alone(
            name,
            "NtOpenKey",
            does="open-classes",
            root=None,
            path=r"\REGISTRY\MACHINE\Software\Classes",
            access=access,
        )
    return alone(name, "OpenClassesView", path="", access=access)


def RegDisablePredefinedCache(dialect: Dialect) -> Planned:
    """Stop caching HKEY_CURRENT_USER in this process; call it before the first use (rule P6)."""
    return _disable(dialect, "RegDisablePredefinedCache", (PredefinedKey.CURRENT_USER,))


def RegDisablePredefinedCacheEx(dialect: Dialect) -> Planned:
    """Stop caching every predefined key in this process."""
    return _disable(dialect, "RegDisablePredefinedCacheEx", _CACHEABLE)


def _disable(dialect: Dialect, name: str, which: tuple[PredefinedKey, ...]) -> Planned:
    dialect.require(name)
    return alone(name, "DisableCache", keys_=which)


def RegOverridePredefKey(dialect: Dialect, key: Expr, new: Expr) -> Planned:
    """Have a predefined key stand for *new*, or with NULL for its default again (rule P7)."""
    dialect.require("RegOverridePredefKey")
    predefined = predefined_of(key)
    if predefined is None:
        return answer(Win32Error.INVALID_HANDLE)
    return alone(
        "RegOverridePredefKey",
        "OverridePredefined",
        shown(key),
        "NULL" if new is None else shown(new),
        key=predefined,
        handle=new,
    )


def viewed(dialect: Dialect, key: Expr) -> bool:
    """Return whether *key* is HKEY_CLASSES_ROOT's merged view or was opened through it."""
    if dialect.classes_root is not ClassesView.MERGED or not isinstance(key, int):
        return False
    predefined = predefined_of(key)
    return predefined is PredefinedKey.CLASSES_ROOT or (predefined is None and bool(key & VIEW))


def through(dialect: Dialect, key: Expr, operation: str) -> str:
    """Return the operation that *operation* on *key* is, through the merged view or not."""
    return VIEWED[operation].name if viewed(dialect, key) else operation

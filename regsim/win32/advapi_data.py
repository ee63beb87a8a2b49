"""Advapi32's registry functions that read, write, list and watch, as plans of kernel steps."""

from __future__ import annotations

from regsim.kernel import wow64
from regsim.kernel.expr import Expr
from regsim.policy import Dialect
from regsim.status import Win32Error
from regsim.types import COUNTERS, Access, NotifyFilter, Value, ValueType
from regsim.win32.advapi import below, through, viewed
from regsim.win32.children import DELETES, on_child
from regsim.win32.plans import Planned, answer, on_key, predefined_of, quoted, shown, written
from regsim.win32.reading import Needed


def RegQueryValueEx(dialect: Dialect, key: Expr, name: str | None = None) -> Planned:
    """Read one value, the default one for NULL; the value is a `Value`. 2 when it is not there.

    Of HKEY_PERFORMANCE_DATA and its like always 234, as to a buffer that is too small: nothing is
    counted here (Wine ``dlls/advapi32/tests/registry.c``, test_RegQueryValueExPerformanceData;
    observed on Windows).
    """
    if predefined_of(key) in COUNTERS:
        return answer(Win32Error.MORE_DATA, Needed(ValueType.BINARY, 0))
    operation = through(dialect, key, "NtQueryValueKey")
    return on_key(dialect, "RegQueryValueEx", operation, key, quoted(name), name=name or "")


def RegSetValueEx(
    dialect: Dialect, key: Expr, name: str | None, type_: int, data: bytes
) -> Planned:
    """Write one value, the default one for NULL; *data* is taken as it is.

    Windows adds the NUL of a text whose last character is none when the next one in the caller's
    memory is a NUL, in the A and in the W call (Wine ``dlls/advapi32/tests/registry.c``,
    test_set_value and test_string_termination; observed on Windows): no memory is simulated, so
    pass the NUL as such a call would.
    """
    value = Value(name or "", type_, data)
    shows = (quoted(name), _type(type_))
    operation = through(dialect, key, "NtSetValueKey")
    return on_key(dialect, "RegSetValueEx", operation, key, *shows, value=value)


def _type(number: int) -> str:
    try:
        return f"REG_{ValueType(number).name}"
    except ValueError:
        return hex(number)


def RegDeleteValue(dialect: Dialect, key: Expr, name: str | None = None) -> Planned:
    """Remove one value, the default one for NULL; 2 when it is not there."""
    operation = through(dialect, key, "NtDeleteValueKey")
    return on_key(dialect, "RegDeleteValue", operation, key, quoted(name), name=name or "")


def RegSetKeyValue(
    dialect: Dialect, key: Expr, subkey: str | None, name: str | None, type_: int, data: bytes
) -> Planned:
    """Write one value of *key*, or of the key below it, which is made where it is missing."""
    dialect.require("RegSetKeyValue")
    if not subkey:
        return RegSetValueEx(dialect, key, name, type_, data)
    shows = (shown(key), quoted(subkey), quoted(name), _type(type_))
    return on_child(
        dialect,
        "RegSetKeyValue",
        key,
        subkey,
        written("RegSetKeyValue", *shows),
        (("NtSetValueKey", ("value",)),),
        access=Access.SET_VALUE,
        opener="NtCreateKey",
        value=Value(name or "", type_, data),
    )


def RegGetValue(
    dialect: Dialect, key: Expr, subkey: str | None = None, name: str | None = None
) -> Planned:
    """Read one value of *key*, or of the key below it; what is asked of it is not looked at here.

    `regsim.win32.reading.got` does that.
    """
    dialect.require("RegGetValue")
    if not subkey:
        return RegQueryValueEx(dialect, key, name)
    return on_child(
        dialect,
        "RegGetValue",
        key,
        subkey,
        written("RegGetValue", shown(key), quoted(subkey), quoted(name)),
        (("NtQueryValueKey", ("name",)),),
        access=Access.QUERY_VALUE,
        name=name or "",
    )


def RegDeleteKeyEx(
    dialect: Dialect, key: Expr, subkey: str | None, *, access: int = 0, reserved: int = 0
) -> Planned:
    """Delete a key as RegDeleteKey does, in the view that *access* names; 87 for a *reserved*."""
    dialect.require("RegDeleteKeyEx")
    if subkey is None or reserved:
        return answer(Win32Error.INVALID_PARAMETER)
    if not access & wow64.ASKS_32:
        return RegDeleteKey(dialect, key, subkey)
    shows = (shown(key), quoted(subkey), hex(access))
    text = written("RegDeleteKeyEx", *shows)
    rights = Access.DELETE | Access.WOW64_32KEY
    path = below(dialect, key, subkey, rights)
    return on_child(dialect, "RegDeleteKeyEx", key, path, text, DELETES, access=rights)


def RegDeleteKey(dialect: Dialect, key: Expr, subkey: str | None) -> Planned:
    """Delete a key that has no subkeys: open it, delete it, close it. 87 for a NULL subkey.

    Open handles to it stay, and answer 1018 from now on. 5 for a key with subkeys.
    """
    if subkey is None:
        return answer(Win32Error.INVALID_PARAMETER)
    text = f"RegDeleteKey({shown(key)}, {quoted(subkey)})"
    if subkey and viewed(dialect, key):
        name, path = "RegDeleteKey", below(dialect, key, subkey, Access.DELETE)
        return on_key(
            dialect, name, "DeleteClassesView", key, quoted(subkey), key_param="root", path=path
        )
    return on_child(dialect, "RegDeleteKey", key, subkey, text, DELETES, access=Access.DELETE)


def RegEnumKeyEx(dialect: Dialect, key: Expr, index: int) -> Planned:
    """Return the name of subkey number *index*; 259 after the last."""
    operation = through(dialect, key, "NtEnumerateKey")
    return on_key(dialect, "RegEnumKeyEx", operation, key, str(index), index=index)


def RegEnumValue(dialect: Dialect, key: Expr, index: int) -> Planned:
    """Return value number *index* as a `Value`; 259 after the last.

    Of HKEY_PERFORMANCE_DATA 234, as to RegQueryValueEx.
    """
    if predefined_of(key) in COUNTERS and not dialect.counters_are_keys:
        return answer(Win32Error.MORE_DATA, Needed(ValueType.BINARY, 0))
    operation = through(dialect, key, "NtEnumerateValueKey")
    return on_key(dialect, "RegEnumValue", operation, key, str(index), index=index)


def RegQueryInfoKey(dialect: Dialect, key: Expr) -> Planned:
    """Return the key's `KeyInfo`: counts, longest names, last-write time."""
    return on_key(dialect, "RegQueryInfoKey", through(dialect, key, "NtQueryKey"), key)


def RegFlushKey(dialect: Dialect, key: Expr) -> Planned:
    """Write the key's hive to its file."""
    return on_key(dialect, "RegFlushKey", "NtFlushKey", key)


def RegNotifyChangeKeyValue(
    dialect: Dialect,
    key: Expr,
    event: str,
    *,
    subtree: bool = False,
    filter_: int = NotifyFilter.NAME | NotifyFilter.LAST_SET,
) -> Planned:
    """Have *event* signalled at the next change or when the handle is closed; it returns at once.

    Calls that would wait have no place in a simulation without a pause: wait for the event.
    """
    return on_key(
        dialect,
        "RegNotifyChangeKeyValue",
        "NtNotifyChangeKey",
        key,
        quoted(event),
        event=event,
        subtree=subtree,
        filter_=filter_,
    )

"""Advapi32's registry functions that read, write, list and watch, as plans of kernel steps."""

from __future__ import annotations

from functools import cache

from regsim.kernel.calls import Call, Plan
from regsim.kernel.expr import Arg, Expr, HandleVar, Root, Var
from regsim.kernel.steps import FAIL, RETURN, STATUS, Set, Step, go, ok, op
from regsim.policy import ClassesView, Dialect, PerCallRoot
from regsim.status import Win32Error
from regsim.types import Access, NotifyFilter, PredefinedKey, Value, ValueType
from regsim.win32.advapi import in_view
from regsim.win32.plans import OWN, Planned, answer, on_key, predefined_of, quoted, shown


def _viewed(dialect: Dialect, key: Expr) -> bool:
    root = predefined_of(key) is PredefinedKey.CLASSES_ROOT
    return in_view(key) or (root and dialect.classes_root is ClassesView.MERGED)


def RegQueryValueEx(dialect: Dialect, key: Expr, name: str | None = None) -> Planned:
    """Read one value, the default one for NULL; the value is a `Value`. 2 when it is not there."""
    operation = "QueryClassesView" if _viewed(dialect, key) else "NtQueryValueKey"
    return on_key(dialect, "RegQueryValueEx", operation, key, quoted(name), name=name or "")


def RegSetValueEx(
    dialect: Dialect, key: Expr, name: str | None, type_: int, data: bytes
) -> Planned:
    """Write one value, the default one for NULL; *data* is taken as it is."""
    value = Value(name or "", type_, data)
    shows = (quoted(name), _type(type_))
    return on_key(dialect, "RegSetValueEx", "NtSetValueKey", key, *shows, value=value)


def _type(number: int) -> str:
    try:
        return f"REG_{ValueType(number).name}"
    except ValueError:
        return hex(number)


def RegDeleteValue(dialect: Dialect, key: Expr, name: str | None = None) -> Planned:
    """Remove one value, the default one for NULL; 2 when it is not there."""
    return on_key(dialect, "RegDeleteValue", "NtDeleteValueKey", key, quoted(name), name=name or "")


def RegDeleteKey(dialect: Dialect, key: Expr, subkey: str | None) -> Planned:
    """Delete a key that has no subkeys: open it, delete it, close it. 87 for a NULL subkey.

    Open handles to it stay, and answer 1018 from now on. 5 for a key with subkeys.
    """
    if subkey is None:
        return answer(Win32Error.INVALID_PARAMETER)
    text = f"RegDeleteKey({shown(key)}, {quoted(subkey)})"
    predefined = predefined_of(key)
    if predefined is None:
        return Call(_delete_plan(None), {"key": key, "path": subkey}, text)
    plan = _delete_plan(dialect.per_call_root)
    return Call(plan, {"key": predefined, "path": subkey}, text)


_VICTIM = HandleVar("victim")
_SAVED = Var("status")


@cache
def _delete_plan(root: PerCallRoot | None) -> Plan:
    """Return the plan on a handle (None) or on a predefined key, whose own root *root* treats."""
    source: Expr = Arg("key") if root is None else Root(Arg("key"), OWN)
    saved = Set(_SAVED, STATUS)
    last = "release" if root is PerCallRoot.CLOSED else "end"
    steps = [
        Step(
            at="open",
            does="open-subkey",
            op=op("NtOpenKey", _VICTIM, root=source, path=Arg("path"), access=Access.DELETE),
            then=(ok("delete"), go(last, saved)),
        ),
        Step(
            at="delete",
            does="delete-key",
            op=op("NtDeleteKey", handle=_VICTIM),
            then=(go("close", saved),),
        ),
        Step(at="close", does="close-key", op=op("NtClose", handle=_VICTIM), then=(go(last),)),
    ]
    ends = (ok(RETURN), go(FAIL))
    if root is not None:
        resolve = op("ResolvePredefined", OWN, key=Arg("key"))
        steps.insert(0, Step(at="root", does="open-root", op=resolve, then=(ok("open"), go(FAIL))))
    if root is PerCallRoot.CLOSED:
        close = op("NtClose", handle=OWN)
        has_own = Step(at="release", does="close-root", op=close, status=_SAVED, then=ends)
        steps.append(has_own)
    steps.append(Step(at="end", does="return", status=_SAVED, then=ends))
    return Plan("RegDeleteKey", ("key", "path"), tuple(steps))


def RegEnumKeyEx(dialect: Dialect, key: Expr, index: int) -> Planned:
    """Return the name of subkey number *index*; 259 after the last."""
    operation = "EnumerateClassesView" if _viewed(dialect, key) else "NtEnumerateKey"
    return on_key(dialect, "RegEnumKeyEx", operation, key, str(index), index=index)


def RegEnumValue(dialect: Dialect, key: Expr, index: int) -> Planned:
    """Return value number *index* as a `Value`; 259 after the last."""
    return on_key(dialect, "RegEnumValue", "NtEnumerateValueKey", key, str(index), index=index)


def RegQueryInfoKey(dialect: Dialect, key: Expr) -> Planned:
    """Return the key's `KeyInfo`: counts, longest names, last-write time."""
    return on_key(dialect, "RegQueryInfoKey", "NtQueryKey", key)


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

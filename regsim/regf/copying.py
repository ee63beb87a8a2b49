"""Copying a subtree from one hive into another, as saving a key to a file does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regsim.errors import UsageError
from regsim.regf.layout import COMP_NAME, PREDEF_HANDLE, KeyFlag
from regsim.regf.walk import DataBudget, walk

if TYPE_CHECKING:
    from regsim.regf.key import Key

_NOT_COPIED = COMP_NAME | KeyFlag.VOLATILE | KeyFlag.HIVE_ENTRY | KeyFlag.HIVE_EXIT


def copy_tree(source: Key, target: Key) -> int:
    """Copy what is below *source*, and its values, class, security and time, onto *target*.

    Cells are laid out anew, so copying a root into an empty hive also compacts it. Times are kept.
    Returns the number of keys copied, *target* included. Keys that are volatile are left out.

    Raises:
        UsageError: *target* is not empty, or both are keys of one hive.
        HiveFormatError: *source* breaks the format (strict mode).
    """
    if target.hive is source.hive:
        msg = "copy between two hives; within one, rename"
        raise UsageError(msg)
    if target.subkey_count or target.value_count:
        msg = f"the key {target.path!r} is not empty"
        raise UsageError(msg)
    budget = DataBudget(source.hive.image)
    copies = {source.offset: target}
    done: list[tuple[Key, Key]] = []
    for _, key in walk(source):
        if key.flags & KeyFlag.VOLATILE or (key is not source and _lost(key, copies)):
            continue
        if key is not source and key.parent is not None:
            flags = int(key.flags) & ~_NOT_COPIED
            copies[key.offset] = copies[key.parent.offset].create_subkey(key.name, flags=flags)
        copy = copies[key.offset]
        _copy_content(key, copy, budget)
        done.append((key, copy))
    for key, copy in done:  # last, as making a subkey stamps its parent
        copy.set_last_written(key.last_written)
    return len(done)


def _lost(key: Key, copies: dict[int, Key]) -> bool:
    """Return whether the key's parent was left out."""
    return key.parent is None or key.parent.offset not in copies


def _copy_content(key: Key, copy: Key, budget: DataBudget) -> None:
    if not key.flags & PREDEF_HANDLE:
        for value in key.values():
            copy.set_value(value.name, value.type, budget.take(value))
    if key.class_name:
        copy.set_class_name(key.class_name)
    security = key.security
    if security and security != copy.security:
        copy.set_security(security)

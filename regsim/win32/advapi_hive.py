"""Advapi32's registry functions that load, unload, save and restore hives."""

from __future__ import annotations

from regsim.kernel.expr import Expr
from regsim.policy import Dialect
from regsim.status import Win32Error
from regsim.types import Access
from regsim.win32.plans import Planned, alone, answer, on_key, quoted


def RegLoadKey(dialect: Dialect, key: Expr, subkey: str | None, file: str) -> Planned:
    """Mount the hive in *file* below HKEY_LOCAL_MACHINE or HKEY_USERS.

    1314 without SeRestore; 87 for an empty file name, a NULL subkey or any other place; 32 when
    the file is loaded already.
    """
    if not subkey:
        return answer(Win32Error.INVALID_PARAMETER)
    return on_key(
        dialect,
        "RegLoadKey",
        "NtLoadKey",
        key,
        quoted(subkey),
        quoted(file),
        key_param="root",
        path=subkey,
        file=file,
    )


def RegUnLoadKey(dialect: Dialect, key: Expr, subkey: str | None) -> Planned:
    """Unload the hive mounted at *subkey*; 5 while a key in it is open, 87 where no hive is."""
    return on_key(
        dialect,
        "RegUnLoadKey",
        "NtUnloadKey",
        key,
        quoted(subkey),
        key_param="root",
        path=subkey or "",
    )


def RegSaveKey(dialect: Dialect, key: Expr, file: str) -> Planned:
    """Write the key and what lies below to a new file; 1314 without SeBackup, 183 if it is there.

    A key that is open elsewhere is saved all the same.
    """
    return on_key(dialect, "RegSaveKey", "NtSaveKey", key, quoted(file), file=file)


def RegRestoreKey(dialect: Dialect, key: Expr, file: str, *, flags: int = 0) -> Planned:
    """Replace the key's content by the file's; 5 while other handles are open at or below it."""
    shows = (quoted(file), hex(flags))
    return on_key(dialect, "RegRestoreKey", "NtRestoreKey", key, *shows, file=file, flags=flags)


def RegReplaceKey(
    dialect: Dialect, key: Expr, subkey: str | None, new_file: str, old_file: str
) -> Planned:
    """Have the hive of the key backed by *new_file* from the next start of the system."""
    return on_key(
        dialect,
        "RegReplaceKey",
        "NtReplaceKey",
        key,
        quoted(subkey),
        quoted(new_file),
        path=subkey or "",
        new_file=new_file,
        old_file=old_file,
    )


def RegLoadAppKey(dialect: Dialect, file: str, *, access: int = Access.MAXIMUM_ALLOWED) -> Planned:
    """Load *file* as a private hive; it unloads itself when its last handle is closed."""
    dialect.require("RegLoadAppKey")
    return alone("RegLoadAppKey", "NtLoadAppKey", quoted(file), file=file, access=access)

"""The NT calls under the Win32 ones, each a plan of one kernel step; they answer an NTSTATUS."""

from __future__ import annotations

from regsim.kernel.calls import Call
from regsim.kernel.expr import Expr
from regsim.policy import Dialect
from regsim.types import Access
from regsim.win32.plans import alone, quoted, shown


def NtOpenKey(
    dialect: Dialect,
    path: str,
    *,
    root: Expr = None,
    access: int = Access.READ,
    inherit: bool = False,
) -> Call:
    r"""Open the key at *path*, a full ``\REGISTRY`` path or one below handle *root*."""
    dialect.require("NtOpenKey")
    where = quoted(path) if root is None else f"{shown(root)}, {quoted(path)}"
    return alone(
        "NtOpenKey",
        "NtOpenKey",
        does="open-key",
        text=f"NtOpenKey({where})",
        root=root,
        path=path,
        access=access,
        inherit=inherit,
    )


def NtClose(dialect: Dialect, handle: Expr) -> Call:
    """Close *handle*; INVALID_HANDLE when it is not open."""
    dialect.require("NtClose")
    text = f"NtClose({shown(handle)})"
    return alone("NtClose", "NtClose", does="close-key", text=text, handle=handle)


def NtDuplicateObject(
    dialect: Dialect,
    handle: Expr,
    *,
    to: int | None = None,
    access: int | None = None,
    inherit: bool = False,
) -> Call:
    """Give process *to* (default: the caller's) a handle to the same object as *handle*."""
    dialect.require("NtDuplicateObject")
    return alone(
        "NtDuplicateObject",
        "NtDuplicateObject",
        does="duplicate-handle",
        text=f"NtDuplicateObject({shown(handle)})",
        handle=handle,
        to=to,
        access=access,
        inherit=inherit,
    )


def NtLoadKey(dialect: Dialect, path: str, file: str) -> Call:
    """Mount the hive in *file* at *path*."""
    dialect.require("NtLoadKey")
    text = f"NtLoadKey({quoted(path)}, {quoted(file)})"
    return alone("NtLoadKey", "NtLoadKey", does="load-hive", text=text, path=path, file=file)


def NtUnloadKey(dialect: Dialect, path: str) -> Call:
    """Unload the hive at *path*; CANNOT_DELETE while a key that blocks is open."""
    dialect.require("NtUnloadKey")
    text = f"NtUnloadKey({quoted(path)})"
    return alone("NtUnloadKey", "NtUnloadKey", does="unload-hive", text=text, path=path)


REG_FORCE_UNLOAD = 1


def NtUnloadKey2(dialect: Dialect, path: str, *, flags: int = REG_FORCE_UNLOAD) -> Call:
    """Unload the hive at *path*, with REG_FORCE_UNLOAD whatever is open; else as NtUnloadKey."""
    dialect.require("NtUnloadKey2")
    if not flags & REG_FORCE_UNLOAD:
        return NtUnloadKey(dialect, path)
    text = f"NtUnloadKey2({quoted(path)}, REG_FORCE_UNLOAD)"
    return alone("NtUnloadKey2", "NtUnloadKey2", does="force-unload", text=text, path=path)


def NtUnloadKeyEx(dialect: Dialect, path: str, event: str = "") -> Call:
    """Unload the hive at *path* now, or once its last key is closed, and signal *event* then."""
    dialect.require("NtUnloadKeyEx")
    text = f"NtUnloadKeyEx({quoted(path)}, {quoted(event)})"
    return alone(
        "NtUnloadKeyEx", "NtUnloadKeyEx", does="unload-later", text=text, path=path, event=event
    )

"""The NT calls under the Win32 ones, each a plan of one kernel step; they answer an NTSTATUS."""

from __future__ import annotations

from regsim.kernel.calls import Call
from regsim.kernel.expr import Expr
from regsim.policy import Dialect
from regsim.types import Access, CreateOption
from regsim.win32.plans import alone, quoted, shown


def _nt(dialect: Dialect, name: str, *shows: str, does: str = "", **args: Expr) -> Call:
    dialect.require(name)
    return alone(name, name, *shows, does=does, **args)


def NtOpenKey(
    dialect: Dialect,
    path: str,
    *,
    root: Expr = None,
    access: int = Access.READ,
    inherit: bool = False,
    open_link: bool = False,
) -> Call:
    r"""Open the key at *path*, a full ``\REGISTRY`` path or one below handle *root*.

    With *open_link* (OBJ_OPENLINK) a link is opened itself, not what it leads to.
    """
    shows = (quoted(path),) if root is None else (shown(root), quoted(path))
    args: dict[str, Expr] = {"root": root, "path": path, "access": access, "inherit": inherit}
    if open_link:
        args["options"] = CreateOption.OPEN_LINK
    return _nt(dialect, "NtOpenKey", *shows, does="open-key", **args)


def NtCreateKey(
    dialect: Dialect,
    path: str,
    *,
    root: Expr = None,
    access: int = Access.ALL,
    options: int = 0,
    class_name: str = "",
) -> Call:
    r"""Open the key at *path*, named as for NtOpenKey, or create it; gives ``Created``.

    The key above must be there (MSDN ZwCreateKey; documented).
    """
    shows = (quoted(path),) if root is None else (shown(root), quoted(path))
    args: dict[str, Expr] = {"root": root, "path": path, "access": access, "options": options}
    return _nt(dialect, "NtCreateKey", *shows, class_name=class_name, parents=False, **args)


def NtDeleteKey(dialect: Dialect, handle: Expr) -> Call:
    """Delete the key behind *handle*, links themselves too; CANNOT_DELETE for one with subkeys."""
    return _nt(dialect, "NtDeleteKey", shown(handle), handle=handle)


def NtQueryKey(dialect: Dialect, handle: Expr, *, name: bool = False) -> Call:
    r"""Tell the `KeyInfo` of a key, or with *name* its full path, ``\REGISTRY\...``."""
    dialect.require("NtQueryKey")
    operation = "QueryKeyName" if name else "NtQueryKey"
    return alone("NtQueryKey", operation, shown(handle), handle=handle)


def NtClose(dialect: Dialect, handle: Expr) -> Call:
    """Close *handle*; INVALID_HANDLE when it is not open."""
    return _nt(dialect, "NtClose", shown(handle), handle=handle)


def NtDuplicateObject(
    dialect: Dialect,
    handle: Expr,
    *,
    to: int | None = None,
    access: int | None = None,
    inherit: bool = False,
) -> Call:
    """Give process *to* (default: the caller's) a handle to the same object as *handle*."""
    args = {"handle": handle, "to": to, "access": access, "inherit": inherit}
    return _nt(dialect, "NtDuplicateObject", shown(handle), **args)


def NtLoadKey(dialect: Dialect, path: str, file: str) -> Call:
    """Mount the hive in *file* at *path*."""
    return _nt(dialect, "NtLoadKey", quoted(path), quoted(file), path=path, file=file)


def NtUnloadKey(dialect: Dialect, path: str) -> Call:
    """Unload the hive at *path*; CANNOT_DELETE while a key that blocks is open."""
    return _nt(dialect, "NtUnloadKey", quoted(path), path=path)


REG_FORCE_UNLOAD = 1


def NtUnloadKey2(dialect: Dialect, path: str, *, flags: int = REG_FORCE_UNLOAD) -> Call:
    """Unload the hive at *path*, with REG_FORCE_UNLOAD whatever is open; else as NtUnloadKey."""
    forced = _nt(dialect, "NtUnloadKey2", quoted(path), "REG_FORCE_UNLOAD", path=path)
    return forced if flags & REG_FORCE_UNLOAD else NtUnloadKey(dialect, path)


def NtUnloadKeyEx(dialect: Dialect, path: str, event: str = "") -> Call:
    """Unload the hive at *path* now, or once its last key is closed, and signal *event* then."""
    return _nt(dialect, "NtUnloadKeyEx", quoted(path), quoted(event), path=path, event=event)

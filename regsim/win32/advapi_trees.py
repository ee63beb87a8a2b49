"""Advapi32's registry functions on whole trees of keys, as plans of kernel steps."""

from __future__ import annotations

from typing import Final

from regsim.kernel.expr import Expr
from regsim.policy import Dialect
from regsim.status import Win32Error
from regsim.types import Access
from regsim.win32.children import Work, on_child
from regsim.win32.plans import Planned, answer, on_key, quoted, shown, written

_DELETES: Final = Access.DELETE | Access.ENUMERATE_SUB_KEYS | Access.QUERY_VALUE | Access.SET_VALUE
_RENAMES: Final[Work] = (("NtRenameKey", ("name",)),)


def RegDeleteTree(dialect: Dialect, key: Expr, subkey: str | None = None) -> Planned:
    """Delete the key below *key* with all in it; for NULL or "" what is in *key*, and that stays.

    2 when it is not there. Source: Wine ``dlls/advapi32/tests/registry.c``, test_reg_delete_tree;
    observed on Windows.
    """
    name = "RegDeleteTree"
    dialect.require(name)
    if not subkey:
        return on_key(dialect, name, "DeleteTree", key, quoted(subkey))
    text = written(name, shown(key), quoted(subkey))
    work: Work = (("DeleteTree", ()), ("NtDeleteKey", ()))
    return on_child(dialect, name, key, subkey, text, work, access=_DELETES)


def RegCopyTree(dialect: Dialect, key: Expr, subkey: str | None, destination: Expr) -> Planned:
    """Copy what is in *key*, or in the key below it, into the key behind *destination*.

    2 when the source is not there; 6 for a *destination* that is no handle (a predefined one is
    not taken here). Source: Wine ``dlls/advapi32/tests/registry.c``, test_reg_copy_tree; observed
    on Windows.
    """
    name = "RegCopyTree"
    dialect.require(name)
    if not subkey:
        return on_key(
            dialect, name, "CopyTree", key, quoted(subkey), shown(destination), to=destination
        )
    text = written(name, shown(key), quoted(subkey), shown(destination))
    work: Work = (("CopyTree", ("to",)),)
    return on_child(dialect, name, key, subkey, text, work, access=Access.READ, to=destination)


def RegRenameKey(dialect: Dialect, key: Expr, subkey: str | None, name: str | None) -> Planned:
    r"""Give the key behind *key*, or the one below it, another name; its handles stay good.

    87 for no name or one with ``\``, 5 where a key of that name is (Wine ``server/registry.c``,
    rename_key; observed there).
    """
    function = "RegRenameKey"
    dialect.require(function)
    if not name:
        return answer(Win32Error.INVALID_PARAMETER)
    if not subkey:
        return on_key(
            dialect, function, "NtRenameKey", key, quoted(subkey), quoted(name), name=name
        )
    text = written(function, shown(key), quoted(subkey), quoted(name))
    return on_child(dialect, function, key, subkey, text, _RENAMES, access=Access.WRITE, name=name)

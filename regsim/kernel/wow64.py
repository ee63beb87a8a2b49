r"""The 32-bit view of the registry: which keys a call with KEY_WOW64_32KEY finds elsewhere.

The keys of 32-bit programs lie in ``Wow6432Node``, directly below ``SOFTWARE`` and below the
classes. Only Win32 functions look there: an NT call of a 64-bit process takes a path as it is
(Wine ``dlls/ntdll/tests/reg.c``, test_redirection; observed on Windows). Processes are 64-bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from regsim import keypath
from regsim.types import Access

if TYPE_CHECKING:
    from regsim.keypath import Parts
    from regsim.policy import View32

NODE: Final = "Wow6432Node"
ASKS_32: Final = int(Access.WOW64_32KEY)
EITHER: Final = int(Access.WOW64_32KEY | Access.WOW64_64KEY)
_NODE = keypath.fold_name(NODE)
_SOFTWARE: Parts = (*keypath.MACHINE, "SOFTWARE")


def position(view: View32, full: Parts, named: int = 0) -> int | None:
    """Return where `NODE` is put into folded path *full* in the 32-bit view; None for nowhere.

    The first *named* names are those of the handle that the path is below.
    """
    if not view.exists:
        return None
    if full[:3] == _SOFTWARE:
        base = 3
        classes = full[3:4] == ("CLASSES",)
        if classes and _within(view.redirected_classes, full[4:]):
            base = 4
        elif classes or _within(view.shared, full[3:]):
            return None
    elif full[:2] == keypath.USER and not view.from_root:
        base = _user_classes(full)
        if not base or not _within(view.redirected_classes, full[base:]):
            return None
    else:
        return None
    if view.from_root and named >= base:
        return None
    return None if _NODE in full[base : base + 1] else base


def _user_classes(full: Parts) -> int:
    """Return where in *full* the names below a user's classes begin; 0 where it is none of them."""
    if full[3:5] == ("SOFTWARE", "CLASSES"):
        return 5
    return 3 if full[2:3] and full[2].endswith("_CLASSES") else 0


def _within(keys: frozenset[Parts], path: Parts) -> bool:
    return any(path[: len(key)] == key for key in keys)

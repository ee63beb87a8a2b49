r"""Key paths: splitting them, folding their case, and the ``\REGISTRY`` names behind ``HKEY_*``.

A path is a tuple of names; folded, it is the identity of a key, since the registry ignores case.
"""

from __future__ import annotations

from functools import lru_cache

from regsim.upcase import CAPITALS

Parts = tuple[str, ...]
"""The names of a path, outermost first."""


def fold_name(name: str) -> str:
    """Return *name* as the registry compares it: each UTF-16 unit upcased on its own.

    The table is fixed (`regsim.upcase`): it depends neither on the language nor on the Unicode of
    the running Python, and what lies beyond U+FFFF has no capital there.
    """
    return name.upper() if name.isascii() else name.translate(CAPITALS)


def units(name: str) -> int:
    """Return how many UTF-16 units *name* has; a character beyond U+FFFF is two."""
    return len(name) + sum(char > "\uffff" for char in name)


@lru_cache(maxsize=4096)
def split(path: str) -> Parts:
    r"""Return the names in *path*; separators at either end and doubled ones count for nothing.

    >>> split(r"\REGISTRY\USER\S-1-5-18" + "\\")
    ('REGISTRY', 'USER', 'S-1-5-18')
    """
    return tuple(name for name in path.split("\\") if name)


@lru_cache(maxsize=4096)
def fold(path: Parts) -> Parts:
    """Return *path* with each name folded: two paths name one key when this is equal."""
    return tuple(fold_name(name) for name in path)


def join(parts: Parts) -> str:
    r"""Return the absolute path of *parts*, with a leading separator.

    >>> join(("REGISTRY", "USER"))
    '\\REGISTRY\\USER'
    """
    return "\\" + "\\".join(parts)


MACHINE: Parts = ("REGISTRY", "MACHINE")
USER: Parts = ("REGISTRY", "USER")
APP: Parts = ("REGISTRY", "A")
CONTAINERS: Parts = ("REGISTRY", "WC")


def user_root(sid: str) -> str:
    r"""Return the path at which the hive of *sid* is mounted, ``\REGISTRY\USER\<SID>``."""
    return join((*USER, sid))


def short(path: str) -> str:
    r"""Return *path* as people write it: ``HKLM\...`` or ``HKU\...`` for the ``\REGISTRY`` names.

    >>> short(r"\REGISTRY\USER\.DEFAULT")
    'HKU\\.DEFAULT'
    """
    parts = split(path)
    for root, name in ((MACHINE, "HKLM"), (USER, "HKU")):
        if fold(parts[:2]) == root:
            return "\\".join((name, *parts[2:]))
    return path

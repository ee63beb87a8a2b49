r"""One name for one key: case, views and aliases of registry paths in evidence.

The same key is written ``HKCU\Software\Classes\X``, ``HKU\<SID>_Classes\x\`` or
``\REGISTRY\USER\<SID>_CLASSES\X``, by the same tool in the same capture. Pairing opens with closes
by the exact text loses one close in four; by these rules less than one in fifty (measured on
captures of Windows 7 and 10).
"""

from __future__ import annotations

import re
from typing import Final

from regsim.errors import UsageError
from regsim.keypath import Parts, fold_name
from regsim.types import PredefinedKey

# The predefined keys that lead to another key: number, short and long name, and that key.
_CURRENT_CONFIG: Final = ("HKLM", "SYSTEM", "CURRENTCONTROLSET", "HARDWARE PROFILES", "CURRENT")
_PREDEFINED: Final[tuple[tuple[PredefinedKey, str, Parts], ...]] = (
    (PredefinedKey.CLASSES_ROOT, "HKCR", ("HKLM", "SOFTWARE", "CLASSES")),
    (PredefinedKey.CURRENT_USER, "HKCU", ("HKCU",)),
    (PredefinedKey.LOCAL_MACHINE, "HKLM", ("HKLM",)),
    (PredefinedKey.USERS, "HKU", ("HKU",)),
    (PredefinedKey.CURRENT_CONFIG, "HKCC", _CURRENT_CONFIG),
)
_ROOTS: Final[dict[str, Parts]] = {
    name: leads for key, short, leads in _PREDEFINED for name in (short, key.hkey)
}

SHORT_NAMES: Final = {int(key): short for key, short, _ in _PREDEFINED}
"""The short name of each predefined key, such as ``HKCU``, by its number."""

HKCU: Final = int(PredefinedKey.CURRENT_USER)
"""The number of HKEY_CURRENT_USER."""

HANDLES: Final = {name: int(key) for key, short, _ in _PREDEFINED for name in (short, key.hkey)}
"""The number of each predefined key, by its short and by its long name."""

_CONTROL_SET: Final = re.compile(r"CONTROLSET\d{3}")
_SID: Final = re.compile(r"S-1-5-(?:\d+-)*\d+", re.IGNORECASE)
_SERVICE_SIDS: Final = frozenset({".DEFAULT", "S-1-5-18", "S-1-5-19", "S-1-5-20"})
_CLASSES: Final = "_CLASSES"
_WOW64: Final = frozenset({"WOW6432NODE", "WOW64AANODE"})


def check_sid(sid: str) -> str:
    """Return *sid* in capitals if it is a user's; raise `UsageError` otherwise."""
    if not _SID.fullmatch(sid):
        raise UsageError(f"--hkcu-sid is a SID such as S-1-5-21-1-2-3-1001, but is {sid!r}")
    return sid.upper()


def canonical(path: str, hkcu_sid: str | None = None, *, classes: bool = True) -> Parts:
    r"""Return the names of the key at *path*, folded, the same for each way to write the path.

    ``HKCU`` stays a name of its own unless *hkcu_sid* says whose it is: tools mean by it the user
    who ran them, and no capture says who that was. The hive of the user's classes, which Windows
    2000 and later mount beside the user's, becomes ``..._CLASSES`` unless *classes* is False. A
    name of WOW64's is left out: opens name it and closes do not (observed in captures of Windows
    10).

    >>> canonical("\\REGISTRY\\USER\\S-1-5-18\\Software\\")
    ('HKU', '.DEFAULT', 'SOFTWARE')
    >>> canonical("HKCU\\Software\\Classes\\CLSID")
    ('HKCU_CLASSES', 'CLSID')
    >>> canonical("HKCU\\Software\\Classes", "S-1-5-21-7")
    ('HKU', 'S-1-5-21-7_CLASSES')
    """
    parts = _rooted(_written(path))
    if not parts:
        return ()
    if not _WOW64.isdisjoint(parts):
        parts = tuple(name for name in parts if name not in _WOW64) or parts
    if parts[0] in ("HKCU", "HKU"):
        return _user(parts, hkcu_sid, classes)
    if parts[:2] == ("HKLM", "SYSTEM") and len(parts) > 2:
        return _system(parts)
    return parts


def _written(path: str) -> Parts:
    """Return the names in *path*, folded, without what tools write before the root."""
    if "\\" not in path:
        path = path.replace("/", "\\")
    return _bare(tuple(fold_name(name) for name in path.split("\\") if name))


def is_merged(path: str) -> bool:
    """Return whether a program that names *path* may get a key of its user's classes.

    HKEY_CLASSES_ROOT is a view of the classes of the machine and of the user (documented).
    """
    return _written(path)[:1] in _MERGED


def _bare(parts: Parts) -> Parts:
    """Return *parts* without what PowerShell and the registry's editor write before the root."""
    if parts[:1] == ("MICROSOFT.POWERSHELL.CORE",) or parts[:1] == ("COMPUTER",):
        parts = parts[1:]
    if parts and parts[0].startswith("REGISTRY::"):
        return (parts[0].removeprefix("REGISTRY::"), *parts[1:])
    return parts


_PLAIN: Final = ((), ("A",))
_MERGED: Final = frozenset(
    (name,) for name in ("HKCR", "HKCR:", "HKEY_CLASSES_ROOT", "HKEY_CLASSES_ROOT:")
)
_PLACED: Final = frozenset(
    {"HKLM", "HKU", "HKCU", "HKCU" + _CLASSES, "REGISTRY"}
    | {"HKEY_PERFORMANCE_DATA", "HKEY_PERFORMANCE_TEXT", "HKEY_PERFORMANCE_NLSTEXT"}
)


def is_placed(parts: Parts) -> bool:
    r"""Return whether the key is one below a root that is known: its hive can be told."""
    # Hives of programs are mounted below \REGISTRY\A. Those of containers, below \REGISTRY\WC,
    # lie over those of their user, and of other places nothing is known.
    return bool(parts) and parts[0] in _PLACED and (parts[0] != "REGISTRY" or parts[1:2] in _PLAIN)


def _rooted(parts: Parts) -> Parts:
    """Return *parts* with the short name of its root, whichever spelling it has."""
    if not parts:
        return ()
    if parts[0] == "REGISTRY" and len(parts) > 1:
        short = {"MACHINE": "HKLM", "USER": "HKU"}.get(parts[1])
        return (short, *parts[2:]) if short else parts
    root = _ROOTS.get(parts[0].removesuffix(":"))
    return (*root, *parts[1:]) if root else parts


def _user(parts: Parts, hkcu_sid: str | None, classes: bool) -> Parts:
    """Return the key in a user's hive under its own hive's name, the classes beside the rest."""
    if parts[0] == "HKCU":
        if hkcu_sid is not None:
            return _user(("HKU", hkcu_sid, *parts[1:]), None, classes)
        above: Parts = ()
        name, rest = parts[0], parts[1:]
    elif len(parts) > 1:
        above = ("HKU",)
        name, rest = (".DEFAULT" if parts[1] == "S-1-5-18" else parts[1]), parts[2:]
    else:
        return parts
    mounted = classes and name != ".DEFAULT" and not name.endswith(_CLASSES)
    if mounted and rest[:2] == ("SOFTWARE", "CLASSES"):
        return (*above, name + _CLASSES, *rest[2:])
    return (*above, name, *rest)


def _system(parts: Parts) -> Parts:
    names = list(parts)
    if _CONTROL_SET.fullmatch(names[2]):
        names[2] = "CURRENTCONTROLSET"
    if names[3:5] == ["HARDWARE PROFILES", "0001"]:
        names[4] = "CURRENT"
    return tuple(names)


def hive_of(parts: Parts) -> str | None:
    r"""Return the name of the user's hive that holds the key, or None if no user's hive does.

    The hives of LocalSystem and of the two service accounts are no user's: no logoff unloads them.

    >>> hive_of(("HKU", "S-1-5-21-7_CLASSES", "CLSID"))
    'HKU\\S-1-5-21-7_CLASSES'
    >>> hive_of(("HKU", ".DEFAULT", "SOFTWARE")) is None
    True
    """
    if not parts:
        return None
    if parts[0] in ("HKCU", "HKCU" + _CLASSES):
        return parts[0]
    if (
        parts[0] == "HKU"
        and len(parts) > 1
        and parts[1].removesuffix(_CLASSES) not in _SERVICE_SIDS
    ):
        return f"HKU\\{parts[1]}"
    return None


def is_root(parts: Parts) -> bool:
    """Return whether the key is the root of a user's hive."""
    hive = hive_of(parts)
    return hive is not None and hive == "\\".join(parts)


UNPLACED: Final = 1
"""The number of the hive, which may be any user's, of keys whose names do not tell their place."""


class KeyTable:
    """The keys of a capture by number; number 0 is a key without a name.

    *merged* says that HKCR is what programs see by that name, and not the machine's classes alone.
    ``names`` holds each key as the evidence first wrote it, ``hives`` the number of its user's
    hive in ``hive_names`` (0: none; `UNPLACED`: unknown), ``roots`` whether it is that hive's root.
    The hives of users follow `UNPLACED`.
    """

    def __init__(
        self, hkcu_sid: str | None = None, *, classes: bool = True, merged: bool = False
    ) -> None:
        self.classes, self.merged = classes, merged
        self.hkcu_sid = check_sid(hkcu_sid) if hkcu_sid else None
        self.names: list[str] = [""]
        self.hives: list[int] = [UNPLACED]
        self.roots: list[bool] = [False]
        self.hive_names: list[str] = ["", "?"]
        self._by_text: dict[str, int] = {"": 0}
        self._by_parts: dict[Parts, int] = {}
        self._hive_numbers: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.names)

    def number(self, path: str) -> int:
        """Return the number of the key at *path*, a new one for a new key, 0 for no path."""
        known = self._by_text.get(path)
        if known is None:
            known = self._add(path)
            if len(self._by_text) < _MOST_SPELLINGS:
                self._by_text[path] = known
        return known

    def _add(self, path: str) -> int:
        parts = canonical(path, self.hkcu_sid, classes=self.classes)
        if self.merged and is_merged(path):
            parts = ("HKCR", *parts[len(_ROOTS["HKCR"]) :])
        known = self._by_parts.get(parts)
        if known is not None:
            return known
        number = self._by_parts[parts] = len(self.names)
        # Zeros are what a failed disk leaves of a name; in a real one they are very rare.
        # A key of this name is the root of all keys only where it stands at the beginning.
        whole = "\0" not in path and (parts != ("REGISTRY",) or path.startswith("\\"))
        hive = hive_of(parts) if whole else None
        self.names.append(path.rstrip("\\"))
        placed = 0 if is_placed(parts) and whole else UNPLACED
        self.hives.append(self._hive(hive, path) if hive else placed)
        self.roots.append(is_root(parts))
        return number

    def _hive(self, folded: str, path: str) -> int:
        known = self._hive_numbers.get(folded)
        if known is None:
            known = self._hive_numbers[folded] = len(self.hive_names)
            self.hive_names.append(_spelled(folded, path))
        return known


_MOST_SPELLINGS: Final = 2_000_000


def _spelled(folded: str, path: str) -> str:
    """Return the hive's name in the case in which *path* writes its SID."""
    name = folded.removeprefix("HKU\\")
    found = re.search(re.escape(name.removesuffix(_CLASSES)), path, re.IGNORECASE)
    text = folded.replace(name.removesuffix(_CLASSES), found[0]) if found else folded
    return text.replace(_CLASSES, "_Classes") if text.upper().endswith(_CLASSES) else text

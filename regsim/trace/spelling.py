r"""One name for one key: case, views and aliases of registry paths in evidence.

The same key is written ``HKCU\Software\Classes\X``, ``HKU\<SID>_Classes\x\`` or
``\REGISTRY\USER\<SID>_CLASSES\X``, by the same tool in the same capture. Pairing opens with closes
by the exact text loses one close in four; by these rules less than one in fifty (measured on
captures of Windows 7 and 10).
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from typing import Final

from regsim.errors import UsageError
from regsim.keypath import Parts, fold_name
from regsim.trace.texts import new_texts, packed, unpacked
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
    return _bare(tuple(filter(None, fold_name(path).split("\\"))))


def is_merged(path: str) -> bool:
    """Return whether a program that names *path* may get a key of its user's classes.

    HKEY_CLASSES_ROOT is a view of the classes of the machine and of the user (documented).
    """
    return _written(path)[:1] in _MERGED


def _bare(parts: Parts) -> Parts:
    """Return *parts* without what PowerShell and the registry's editor write before the root."""
    if parts and parts[0] in ("MICROSOFT.POWERSHELL.CORE", "COMPUTER"):
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


_MACHINE: Final = frozenset(
    {"BCD00000000", "COMPONENTS", "DRIVERS", "ELAM", "HARDWARE", "OSDATA", "SAM", "SCHEMA"}
    | {"SECURITY", "SOFTWARE", "SYSTEM"}
)
"""What lies below HKEY_LOCAL_MACHINE on every Windows; no program can make a key there, only load
a hive (documented: RegLoadKey)."""


def hive_of(parts: Parts, mounts: Iterable[str] = ()) -> str | None:
    r"""Return the name of the hive that holds the key, None for one that stays loaded for ever.

    Users' hives count, and hives that a program loaded: below HKEY_USERS or HKEY_LOCAL_MACHINE, for
    an app's container (``\REGISTRY\WC``), or at one of *mounts*.

    >>> hive_of(("HKU", "S-1-5-21-7_CLASSES", "CLSID"))
    'HKU\\S-1-5-21-7_CLASSES'
    >>> hive_of(("HKU", ".DEFAULT", "SOFTWARE")) is None, hive_of(("HKLM", "OFFLINE", "SELECT"))
    (True, 'HKLM\\OFFLINE')
    """
    if not parts:
        return None
    for mount in mounts:
        above = canonical(mount)
        if above and parts[: len(above)] == above:
            return "\\".join(above)
    if parts[0] in ("HKCU", "HKCU" + _CLASSES):
        return parts[0]
    if len(parts) < 2:
        return None
    if parts[0] == "HKU" and parts[1].removesuffix(_CLASSES) not in _SERVICE_SIDS:
        return f"HKU\\{parts[1]}"
    if parts[0] == "HKLM" and parts[1] not in _MACHINE:
        return f"HKLM\\{parts[1]}"
    if parts[:2] == _CONTAINERS and len(parts) > 2 and parts[2].startswith("SILO"):
        return "\\".join(("", *parts[:3]))
    return None


_CONTAINERS: Final = ("REGISTRY", "WC")


def is_users(hive: str) -> bool:
    """Return whether a hive of that name is a user's own, which Windows loads and unloads."""
    name = hive.upper().removesuffix(_CLASSES)
    return name == "HKCU" or bool(_USERS.fullmatch(name))


_USERS: Final = re.compile(r"HKU\\(?:S-1-|<SID-)\S+")


def is_root(parts: Parts, mounts: Iterable[str] = ()) -> bool:
    """Return whether the key is the root of a hive that can be unloaded."""
    return _heads("\\".join(parts), hive_of(parts, mounts))


def _heads(folded: str, hive: str | None) -> bool:
    return hive is not None and hive.lstrip("\\") == folded


UNPLACED: Final = 1
"""The number of the hive, which may be any user's, of keys whose names do not tell their place."""


class KeyTable:
    """The keys of a capture by number; number 0 is a key without a name.

    ``hives`` holds the number of each key's user's hive in ``hive_names`` (0: none; `UNPLACED`:
    unknown). The hives of users follow `UNPLACED`. *merged* says that HKCR is what programs see by
    that name, and not the machine's classes alone.
    """

    def __init__(
        self,
        hkcu_sid: str | None = None,
        *,
        classes: bool = True,
        merged: bool = False,
        mounts: Iterable[str] = (),
    ) -> None:
        self.classes, self.merged = classes, merged
        self.mounts = tuple(mounts)
        self.hkcu_sid = check_sid(hkcu_sid) if hkcu_sid else None
        self.hives = array("I", [UNPLACED])
        self._roots = bytearray(1)
        self.hive_names: list[str] = ["", "?"]
        self._spellings, self._folded = new_texts(), new_texts()
        self._key_of = array("I", [0])  # by the number of a spelling
        self._first = array("I", [0])  # by the number of a key: its first spelling, 0 for none
        self._recent: dict[str, int] = {}
        self._hive_numbers: dict[str, int] = {}
        self._spellings.number(b"")
        self._apart = False

    def __len__(self) -> int:
        return len(self.hives)

    def name(self, key: int) -> str:
        """Return the key as the evidence first wrote it, "" for key 0.

        A root that it never names is called as its hive is.
        """
        if key and not self._first[key]:
            return self.hive_names[self.hives[key]]
        return self.spelled(self._first[key]).rstrip("\\")

    def is_root(self, key: int) -> bool:
        """Return whether the key is the root of a user's hive."""
        return bool(self._roots[key])

    def number(self, path: str) -> int:
        """Return the number of the key at *path*, a new one for a new key, 0 for no path."""
        return self._key_of[self.spelling(path)]

    def spelling(self, path: str) -> int:
        """Return the number of *path* among all spellings of keys, for `spelled`."""
        spelling = self._recent.get(path)
        if spelling is None:
            spelling = self._spellings.number(packed(path))
            if spelling == len(self._key_of):
                self._key_of.append(self._add(path, spelling))
            if len(self._recent) >= _MOST_RECENT:
                self._recent.clear()
            self._recent[path] = spelling
        return spelling

    def spelled(self, spelling: int) -> str:
        """Return the path that has the number *spelling*."""
        return unpacked(self._spellings[spelling])

    def root_of(self, hive: int) -> int:
        """Return the number of the key that is the root of *hive*, whether or not it is named."""
        return self._key(self.hive_names[hive])

    def tell_apart(self) -> None:
        """Have each spelling be a key of its own, before the first is asked for.

        What is written out so can be read by other rules of what is one key. A key's number is then
        that of its spelling.
        """
        self._apart = True

    def _add(self, path: str, spelling: int) -> int:
        number = self._key(path)
        if not self._first[number]:
            self._first[number] = spelling
        return number

    def _key(self, path: str) -> int:
        """Return the number of the key at *path*; one that is new has no spelling yet."""
        parts = canonical(path, self.hkcu_sid, classes=self.classes)
        classes = _ROOTS["HKCR"]
        if self.merged and parts[: len(classes)] == classes and is_merged(path):
            parts = ("HKCR", *parts[len(classes) :])
        number, folded = len(self), "\\".join(parts)
        if not self._apart:
            number = self._folded.number(packed(folded)) + 1
        if number < len(self):
            return number
        # Zeros are what a failed disk leaves of a name; in a real one they are very rare.
        # A key of this name is the root of all keys only where it stands at the beginning.
        whole = "\0" not in path and (parts != ("REGISTRY",) or path.startswith("\\"))
        # What a container mounts may be one of its user's hives, so it stays in doubt there.
        named = whole and (parts[:2] != _CONTAINERS or bool(self.mounts))
        above = hive_of(parts, self.mounts)
        hive = above if named else None
        self._first.append(0)
        placed = 0 if is_placed(parts) and whole else UNPLACED
        self.hives.append(self._hive(hive, path) if hive else placed)
        self._roots.append(_heads(folded, above))
        return number

    def _hive(self, folded: str, path: str) -> int:
        known = self._hive_numbers.get(folded)
        if known is None:
            known = self._hive_numbers[folded] = len(self.hive_names)
            self.hive_names.append(_spelled(folded, path))
        return known


_MOST_RECENT: Final = 4_096
"""How many spellings are kept twice, because to look for one in `Texts` takes a microsecond."""


def _spelled(folded: str, path: str) -> str:
    """Return the hive's name in the case in which *path* writes its SID."""
    name = folded.rpartition("\\")[2]
    found = re.search(re.escape(name.removesuffix(_CLASSES)), path, re.IGNORECASE)
    text = folded.replace(name.removesuffix(_CLASSES), found[0]) if found else folded
    return text.replace(_CLASSES, "_Classes") if text.upper().endswith(_CLASSES) else text

"""The keys behind open handles, from which the names of keys opened relative to one follow."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from typing import Final

from regsim.accel.columns import FIRST_PREDEFINED, LAST_PREDEFINED
from regsim.trace.spelling import SHORT_NAMES, KeyTable, canonical, hive_of, is_placed, is_users
from regsim.trace.texts import new_texts

_MOST_RECENT: Final = 2_048
_PLACE: Final = struct.Struct("<IQ")


def predefined(handle: int) -> int:
    """Return *handle* as Windows numbers predefined keys if it is one, with the sign taken off.

    >>> hex(predefined(0xffffffff80000001)), hex(predefined(0x44))
    ('0x80000001', '0x44')
    """
    short = handle & 0xFFFFFFFF
    if FIRST_PREDEFINED <= short <= LAST_PREDEFINED and handle >> 32 in (0, 0xFFFFFFFF):
        return short
    return handle


def _is_absolute(path: str, base: str | None) -> bool:
    """Return whether *path*, which begins as a root does, is no key of that name below *base*.

    *base* is "" if the call was relative to nothing, None if it is not known to what. A tool may
    write whole names and say all the same what they were relative to.
    """
    whole = canonical(path)
    if base == "" or path.startswith("\\") or is_users(hive_of(whole) or ""):
        return True
    if base is None:
        return "\\" in path and not path.upper().startswith("REGISTRY\\")
    above = canonical(base)
    return whole[: len(above)] == above or (is_placed(above) and hive_of(above) is None)


class OpenKeys:
    """The path behind each handle that the evidence has shown being opened, by process.

    The two lowest bits of a handle are the caller's own to use (documented), so they are left out.
    """

    def __init__(self, keys: KeyTable) -> None:
        self._recent: dict[tuple[int, int], str] = {}
        self._kept = _Kept(keys)

    def full(self, process: int, parent: int, path: str) -> str:
        """Return *path* below the key that *parent* is open on; "" if that is unknown.

        Where *path* may be absolute as well as relative, it follows a question mark.
        """
        if parent in SHORT_NAMES:
            base: str | None = SHORT_NAMES[parent]
        else:
            base = self.path(process, parent) if parent else ""
        if is_placed(canonical(path)):
            return path if _is_absolute(path, base) else f"?\\{path}"
        if not base:
            return path if base is not None and path.startswith("\\") else ""
        return f"{base}\\{path}" if path else base

    def opened(self, process: int, handle: int, path: str) -> None:
        """Note that *handle* is open on *path*."""
        self._recent[process, handle & ~3] = path
        if len(self._recent) > _MOST_RECENT:
            for place, behind in self._recent.items():
                self._kept.add(*place, behind)
            self._recent.clear()

    def path(self, process: int, handle: int) -> str | None:
        """Return the path behind *handle*, None if it is of no known key."""
        path = self._recent.get((process, handle & ~3))
        return self._kept.path(process, handle & ~3) if path is None else path

    def closed(self, process: int, handle: int) -> str | None:
        """Forget *handle*; return the path that was behind it, None if it was of no known key."""
        path = self._recent.pop((process, handle & ~3), None)
        kept = self._kept.remove(process, handle & ~3)
        return kept if path is None else path

    def on_hive(self, hive: int) -> Iterator[tuple[int, int]]:
        """Yield process and handle of all that are open on a key of *hive*."""
        for place, path in (*self._kept.items(), *self._recent.items()):
            keys = self._kept.keys
            if keys.hives[keys.number(path)] == hive and self.path(*place) == path:
                yield place

    def ended(self, process: int) -> None:
        """Forget the handles of a process that ended."""
        for place in [place for place in self._recent if place[0] == process]:
            del self._recent[place]
        self._kept.ended(process)


class _Kept:
    """Open handles and their paths in columns: there may be millions."""

    def __init__(self, keys: KeyTable) -> None:
        self.keys = keys
        self._places = new_texts()  # process and handle
        self._behind = array("I")  # by place: its key's spelling, from 1; 0: closed
        self._same = array("I")  # by place: the place before it of the same process, from 1
        self._last = array("I")  # by process: its last place, from 1

    def add(self, process: int, handle: int, path: str) -> None:
        place = self._places.number(_PLACE.pack(process, handle))
        if place == len(self._behind):
            self._last.extend([0] * (process + 1 - len(self._last)))
            self._behind.append(0)
            self._same.append(self._last[process])
            self._last[process] = place + 1
        self._behind[place] = self.keys.spelling(path) + 1

    def _find(self, process: int, handle: int) -> int:
        """Return the place of an open handle, -1 if there is none."""
        place = self._places.find(_PLACE.pack(process, handle)) if self._behind else -1
        return place if place >= 0 and self._behind[place] else -1

    def path(self, process: int, handle: int) -> str | None:
        place = self._find(process, handle)
        return None if place < 0 else self.keys.spelled(self._behind[place] - 1)

    def remove(self, process: int, handle: int) -> str | None:
        place = self._find(process, handle)
        if place < 0:
            return None
        path = self.keys.spelled(self._behind[place] - 1)
        self._behind[place] = 0
        return path

    def items(self) -> Iterator[tuple[tuple[int, int], str]]:
        for place, spelling in enumerate(self._behind):
            if spelling:
                process, handle = _PLACE.unpack(self._places[place])
                yield (process, handle), self.keys.spelled(spelling - 1)

    def ended(self, process: int) -> None:
        place = self._last[process] if process < len(self._last) else 0
        while place:
            self._behind[place - 1] = 0
            place = self._same[place - 1]

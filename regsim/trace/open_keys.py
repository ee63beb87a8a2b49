"""The keys behind open handles, from which the names of keys opened relative to one follow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from regsim.accel.columns import FIRST_PREDEFINED, LAST_PREDEFINED
from regsim.trace.spelling import SHORT_NAMES, canonical, hive_of, is_placed

_MOST: Final = 4_000_000


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
    if base == "" or path.startswith("\\") or hive_of(whole):
        return True
    if base is None:
        return "\\" in path and not path.upper().startswith("REGISTRY\\")
    above = canonical(base)
    return whole[: len(above)] == above or (is_placed(above) and hive_of(above) is None)


class OpenKeys:
    """The path behind each handle that the evidence has shown being opened, by process.

    The two lowest bits of a handle are the caller's own to use (documented), so they are left out.
    """

    def __init__(self) -> None:
        self._paths: dict[tuple[int, int], str] = {}

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
        if len(self._paths) < _MOST:
            self._paths[process, handle & ~3] = path

    def path(self, process: int, handle: int) -> str | None:
        """Return the path behind *handle*, None if it is of no known key."""
        return self._paths.get((process, handle & ~3))

    def closed(self, process: int, handle: int) -> str | None:
        """Forget *handle*; return the path that was behind it, None if it was of no known key."""
        return self._paths.pop((process, handle & ~3), None)

    def behind(self, is_of: Callable[[str], bool]) -> Iterator[tuple[int, int]]:
        """Yield process and handle of all that are open on a key of which *is_of* is true."""
        yield from (place for place, path in self._paths.items() if is_of(path))

    def ended(self, process: int) -> None:
        """Forget the handles of a process that ended."""
        for place in [place for place in self._paths if place[0] == process]:
            del self._paths[place]

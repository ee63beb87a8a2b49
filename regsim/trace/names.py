"""Names of keys opened relative to a handle, and rows with handles gathered into columns."""

from __future__ import annotations

from typing import Final

from regsim.accel.columns import FIRST_PREDEFINED, LAST_PREDEFINED
from regsim.trace.columns import Batch, HandleRow, batch_with_handles

PREDEFINED: Final = {
    FIRST_PREDEFINED: "HKCR",
    FIRST_PREDEFINED + 1: "HKCU",
    FIRST_PREDEFINED + 2: "HKLM",
    FIRST_PREDEFINED + 3: "HKU",
    FIRST_PREDEFINED + 5: "HKCC",
}
_ABSOLUTE: Final = ("HKEY_", "HKCR", "HKCU", "HKLM", "HKU", "HKCC", "REGISTRY")
_BATCH: Final = 100_000
_MOST_NAMES: Final = 4_000_000


def predefined(handle: int) -> int:
    """Return *handle* as Windows numbers predefined keys if it is one, with the sign taken off.

    >>> hex(predefined(0xffffffff80000001)), hex(predefined(0x44))
    ('0x80000001', '0x44')
    """
    short = handle & 0xFFFFFFFF
    if FIRST_PREDEFINED <= short <= LAST_PREDEFINED and handle >> 32 in (0, 0xFFFFFFFF):
        return short
    return handle


class Names:
    """The path behind each handle that the evidence has shown being opened, by process."""

    def __init__(self) -> None:
        self._paths: dict[tuple[int, int], str] = {}

    def full(self, process: int, parent: int, path: str) -> str:
        """Return *path* below the key that *parent* is open on; "" if that is unknown."""
        first = path.lstrip("\\").partition("\\")[0].upper().removesuffix(":")
        if first in _ABSOLUTE or first.startswith("HKEY_"):
            return path
        if parent in PREDEFINED:
            base: str | None = PREDEFINED[parent]
        else:
            base = self._paths.get((process, parent & ~3)) if parent else ""
        if not base:
            return path if base is not None and path.startswith("\\") else ""
        return f"{base}\\{path}" if path else base

    def opened(self, process: int, handle: int, path: str) -> None:
        """Note that *handle* is open on *path*."""
        if len(self._paths) < _MOST_NAMES:
            self._paths[process, handle & ~3] = path

    def path(self, process: int, handle: int) -> str | None:
        """Return the path behind *handle*, None if it is of no known key."""
        return self._paths.get((process, handle & ~3))

    def closed(self, process: int, handle: int) -> bool:
        """Forget *handle*; return whether it was that of a known key."""
        return self._paths.pop((process, handle & ~3), None) is not None

    def ended(self, process: int) -> None:
        """Forget the handles of a process that ended."""
        for place in [place for place in self._paths if place[0] == process]:
            del self._paths[place]


class Rows:
    """Rows with handles, gathered until there are enough for a batch."""

    def __init__(self) -> None:
        self._rows: list[HandleRow] = []

    def add(self, row: HandleRow) -> None:
        """Append one row."""
        self._rows.append(row)

    @property
    def full(self) -> bool:
        """Whether it is time to take them."""
        return len(self._rows) >= _BATCH

    def take(self) -> Batch:
        """Return the rows as columns and begin anew."""
        rows, self._rows = self._rows, []
        return batch_with_handles(rows)

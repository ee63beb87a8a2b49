"""The handle table of one process: the Protocol, and the pure-Python twin that specifies it.

Handles are multiples of 4, the lowest first; a freed value is the next to be given out again.
The reuse order is inferred: Windows documents only that values are reused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

Entry = tuple[int, int, int, bool]
"""What a handle stands for: object id, hive id, granted access, inheritable."""

STEP = 4


class HandleTable(Protocol):
    """Handles of one process, each naming an object, the hive it lies in, and its access."""

    def open(self, obj: int, hive: int, access: int, inherit: bool = False) -> int:
        """Return a new handle to *obj*."""

    def close(self, handle: int) -> int:
        """Drop *handle* and return the object it named, or -1 when it names none."""

    def lookup(self, handle: int) -> Entry | None:
        """Return what *handle* stands for, or None when it is not open."""

    def handles_in(self, hive: int) -> list[int]:
        """Return the handles whose object lies in *hive*, in ascending order."""

    def close_all(self) -> list[int]:
        """Drop every handle; return the objects they named, in order of handle."""

    def items(self) -> Iterator[tuple[int, Entry]]:
        """Yield each open handle with what it stands for, in ascending order."""

    def reuse_rank(self, handle: int) -> int | None:
        """Return how many opens from now *handle* would be given out; None while it is open."""

    def copy(self) -> HandleTable:
        """Return an independent table with the same handles and the same order of reuse."""

    def state(self) -> tuple[object, ...]:
        """Return all that equality rests on: the entries and the order of reuse."""

    def check(self) -> None:
        """Assert the table's invariants. O(handles)."""

    def __len__(self) -> int:
        """Return the number of open handles."""


class PyHandleTable:
    """The reference: a list of slots and a stack of free ones. Every operation is O(1) or O(n)."""

    __slots__ = ("_free", "_slots")

    def __init__(self) -> None:
        self._slots: list[Entry | None] = []
        self._free: list[int] = []

    def open(self, obj: int, hive: int, access: int, inherit: bool = False) -> int:
        """Return a new handle to *obj*: the value freed last, else the next multiple of 4."""
        if self._free:
            slot = self._free.pop()
            self._slots[slot] = (obj, hive, access, inherit)
        else:
            slot = len(self._slots)
            self._slots.append((obj, hive, access, inherit))
        return (slot + 1) * STEP

    def close(self, handle: int) -> int:
        """Drop *handle* and return the object it named, or -1 when it names none."""
        entry = self.lookup(handle)
        if entry is None:
            return -1
        slot = handle // STEP - 1
        self._slots[slot] = None
        self._free.append(slot)
        return entry[0]

    def lookup(self, handle: int) -> Entry | None:
        """Return what *handle* stands for, or None when it is not open.

        The two low bits are the caller's to tag; the kernel ignores them (documented: Raymond
        Chen, "Why are kernel HANDLEs always a multiple of four?", 2005-01-21).
        """
        slot = handle // STEP - 1
        return self._slots[slot] if 0 <= slot < len(self._slots) else None

    def handles_in(self, hive: int) -> list[int]:
        """Return the handles whose object lies in *hive*, in ascending order."""
        return [handle for handle, entry in self.items() if entry[1] == hive]

    def close_all(self) -> list[int]:
        """Drop every handle; return the objects they named, in order of handle."""
        objects = [entry[0] for _, entry in self.items()]
        self._slots.clear()
        self._free.clear()
        return objects

    def items(self) -> Iterator[tuple[int, Entry]]:
        """Yield each open handle with what it stands for, in ascending order."""
        for slot, entry in enumerate(self._slots):
            if entry is not None:
                yield (slot + 1) * STEP, entry

    def reuse_rank(self, handle: int) -> int | None:
        """Return how many opens from now *handle* would be given out; None while it is open."""
        slot = handle // STEP - 1
        if slot < len(self._slots) and (slot < 0 or self._slots[slot] is not None):
            return None
        if slot in self._free:
            return len(self._free) - 1 - self._free.index(slot)
        return len(self._free) + slot - len(self._slots)

    def copy(self) -> PyHandleTable:
        """Return an independent table with the same handles and the same order of reuse."""
        twin = PyHandleTable()
        twin._slots = self._slots.copy()
        twin._free = self._free.copy()
        return twin

    def state(self) -> tuple[object, ...]:
        """Return all that equality rests on: the entries and the order of reuse."""
        return tuple(self.items()), tuple(self._free), len(self._slots)

    def check(self) -> None:
        """Assert the table's invariants. O(handles)."""
        free = {slot for slot, entry in enumerate(self._slots) if entry is None}
        assert free == set(self._free), "every empty slot is on the free list"  # noqa: S101
        assert len(free) == len(self._free), "no slot is freed twice"  # noqa: S101

    def __len__(self) -> int:
        """Return the number of open handles."""
        return len(self._slots) - len(self._free)

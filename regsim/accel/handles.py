"""The handle table of one process: the Protocol, and the pure-Python twin that specifies it.

Handles are multiples of 4, the lowest first; a freed value is the next to be given out again.
The reuse order is inferred: Windows documents only that values are reused.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

Entry = tuple[int, int, int, bool]
"""What a handle stands for: object id, hive id, granted access, inheritable."""

STEP = 4
MAX_FIELD = 0xFFFF_FFFF
"""The highest object id, and every access right at once: the C twin keeps 32 bits of each."""
MAX_HIVE = 0x7FFF_FFFE
MAX_SLOTS = 1 << 30
"""No handle lies beyond this many steps: every value fits 32 bits."""

_FNV_OFFSET, _FNV_PRIME = 0xCBF2_9CE4_8422_2325, 0x100_0000_01B3
_EMPTY = 0xFFFF_FFFF


class HandleTable(Protocol):
    """Handles of one process, each naming an object, the hive it lies in, and its access."""

    def open(self, obj: int, hive: int, access: int, inherit: bool = False) -> int:
        """Return a new handle to *obj*.

        Raises `OverflowError` for an *obj* or *access* beyond 32 bits or a *hive* above `MAX_HIVE`.
        """

    def duplicate(self, handle: int) -> int:
        """Return a new handle to what *handle* stands for, or -1 when that is nothing."""

    def close(self, handle: int) -> int:
        """Drop *handle* and return the object it named, or -1 when it names none."""

    def lookup(self, handle: int) -> Entry | None:
        """Return what *handle* stands for, or None when it is not open."""

    def handles_in(self, hive: int) -> list[int]:
        """Return the handles whose object lies in *hive*, in ascending order."""

    def close_all(self) -> list[int]:
        """Drop every handle; return the objects they named, in order of handle."""

    def items(self) -> Iterator[tuple[int, Entry]]:
        """Iterate over the handles open now, each with what it stands for, in ascending order."""

    def reuse_rank(self, handle: int) -> int | None:
        """Return how many opens from now *handle* would be given out; None while it is open."""

    def copy(self) -> Self:
        """Return an independent table with the same handles and the same order of reuse."""

    def beyond(self, other: Self) -> int:
        """Return the lowest handle that is open here and not in *other*, or -1.

        Raises `TypeError` for a table of the other twin.
        """

    def state(self) -> tuple[object, ...]:
        """Return all that equality rests on: the entries and the order of reuse."""

    def digest(self) -> int:
        """Return 64 bits that equal tables share, whichever twin, process or machine holds them."""

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
        """Return a new handle to *obj*: the value freed last, else the next multiple of 4.

        Raises `OverflowError` for an *obj* or *access* beyond 32 bits or a *hive* above `MAX_HIVE`.
        """
        if not (0 <= obj <= MAX_FIELD and 0 <= hive <= MAX_HIVE and 0 <= access <= MAX_FIELD):
            raise _overflow(obj, hive, access)
        if self._free:
            slot = self._free.pop()
            self._slots[slot] = (obj, hive, access, inherit)
        else:
            slot = len(self._slots)
            self._slots.append((obj, hive, access, inherit))
        return (slot + 1) * STEP

    def duplicate(self, handle: int) -> int:
        """Return a new handle to what *handle* stands for, or -1 when that is nothing."""
        entry = self.lookup(handle)
        return -1 if entry is None else self.open(*entry)

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
        hive = operator.index(hive)
        return [handle for handle, entry in self.items() if entry[1] == hive]

    def close_all(self) -> list[int]:
        """Drop every handle; return the objects they named, in order of handle."""
        objects = [entry[0] for _, entry in self.items()]
        self._slots.clear()
        self._free.clear()
        return objects

    def items(self) -> Iterator[tuple[int, Entry]]:
        """Iterate over the handles open now, each with what it stands for, in ascending order."""
        slots = enumerate(self._slots, 1)
        return iter([(slot * STEP, entry) for slot, entry in slots if entry is not None])

    def reuse_rank(self, handle: int) -> int | None:
        """Return how many opens from now *handle* would be given out; None while it is open."""
        slot = handle // STEP - 1
        if not 0 <= slot < MAX_SLOTS or self.lookup(handle) is not None:
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

    def beyond(self, other: PyHandleTable) -> int:
        """Return the lowest handle that is open here and not in *other*, or -1.

        Raises `TypeError` for a table of the other twin.
        """
        if not isinstance(other, PyHandleTable):
            raise TypeError("expected a table of the same kind")
        mine = (handle for handle, _ in self.items())
        return next((handle for handle in mine if other.lookup(handle) is None), -1)

    def state(self) -> tuple[object, ...]:
        """Return all that equality rests on: the entries and the order of reuse."""
        return tuple(self.items()), tuple(self._free), len(self._slots)

    def digest(self) -> int:
        """Return 64 bits that equal tables share, whichever twin, process or machine holds them.

        FNV-1a over words: how many slots there are, each slot, then the free ones, the next first.
        """
        words = [len(self._slots)]
        for entry in self._slots:
            if entry is None:
                words.append(_EMPTY)
            else:
                obj, hive, access, inherit = entry
                words += [hive << 1 | inherit, obj << 32 | access]
        result = _FNV_OFFSET
        for word in (*words, *reversed(self._free)):
            result = (result ^ word) * _FNV_PRIME & 0xFFFF_FFFF_FFFF_FFFF
        return result

    def check(self) -> None:
        """Assert the table's invariants. O(handles)."""
        free = {slot for slot, entry in enumerate(self._slots) if entry is None}
        assert free == set(self._free), "every empty slot is on the free list"  # noqa: S101
        assert len(free) == len(self._free), "no slot is freed twice"  # noqa: S101

    def __len__(self) -> int:
        """Return the number of open handles."""
        return len(self._slots) - len(self._free)


def _overflow(obj: int, hive: int, access: int) -> OverflowError:
    """Return the error that names the first field out of its range."""
    limits = (("obj", obj, MAX_FIELD), ("hive", hive, MAX_HIVE), ("access", access, MAX_FIELD))
    name, value, high = next(item for item in limits if not 0 <= item[1] <= item[2])
    return OverflowError(f"{name} must be 0 to {high}, not {value}")

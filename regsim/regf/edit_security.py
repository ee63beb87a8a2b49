"""Changing security: equal descriptors share one counted cell, unused cells leave the ring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regsim.errors import UsageError
from regsim.regf import sk
from regsim.regf.layout import NONE

if TYPE_CHECKING:
    from regsim.regf.alloc import Allocator


class Securities:
    """Edits of security cells over one allocator."""

    def __init__(self, allocator: Allocator) -> None:
        self._cells = allocator
        self._image = allocator.image
        self._known: dict[bytes, int] | None = None

    def share(self, offset: int) -> int:
        """Count one more key for the cell at *offset* and return it."""
        if offset == NONE:  # written by tools that keep no security; nothing to count
            return offset
        cell = sk.parse(self._image, offset)[0]
        self._cells.put_u32(offset, sk.COUNT_AT, cell.keys + 1)
        return offset

    def obtain(self, descriptor: bytes, near: int) -> int:
        """Return a cell with *descriptor*, counted once more: a known one, or a new one.

        Args:
            descriptor: a self-relative security descriptor.
            near: a cell of the ring, searched for equals and linked with the new cell.
        """
        if len(descriptor) < 20:
            msg = f"a security descriptor has at least 20 bytes, not {len(descriptor)}"
            raise UsageError(msg)
        if self._known is None:
            self._known = {}
            if near != NONE:
                for offset, _, known in sk.ring(self._image, near):
                    self._known.setdefault(known, offset)
        if descriptor in self._known:
            return self.share(self._known[descriptor])
        offset = self._insert(descriptor, near)
        self._known[descriptor] = offset
        return offset

    def drop(self, offset: int) -> None:
        """Count one key less for the cell at *offset*; free it when none is left."""
        if offset == NONE:
            return
        cell, descriptor = sk.parse(self._image, offset)
        if cell.keys > 1:
            self._cells.put_u32(offset, sk.COUNT_AT, cell.keys - 1)
            return
        if cell.next != offset:
            sk.parse(self._image, cell.next)
            sk.parse(self._image, cell.previous)
            self._cells.put_u32(cell.previous, sk.NEXT_AT, cell.next)
            self._cells.put_u32(cell.next, sk.PREVIOUS_AT, cell.previous)
        if self._known is not None and self._known.get(descriptor) == offset:
            del self._known[descriptor]
        self._cells.release(offset)

    def _insert(self, descriptor: bytes, near: int) -> int:
        head = sk.STRUCT.pack(sk.SIGNATURE, 0, 0, 0, 1, len(descriptor))
        offset = self._cells.allocate(head + descriptor)
        before = offset if near == NONE else near
        after = offset if near == NONE else sk.parse(self._image, near)[0].next
        self._cells.put_u32(offset, sk.NEXT_AT, after)
        self._cells.put_u32(offset, sk.PREVIOUS_AT, before)
        if near != NONE:
            self._cells.put_u32(before, sk.NEXT_AT, offset)
            self._cells.put_u32(after, sk.PREVIOUS_AT, offset)
        return offset

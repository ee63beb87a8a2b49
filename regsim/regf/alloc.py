"""Allocating and freeing cells: free neighbours are merged and reused before the file grows."""

from __future__ import annotations

import bisect
import struct
from typing import TYPE_CHECKING, Final

import attrs

from regsim.errors import UsageError
from regsim.regf import bins
from regsim.regf.layout import BASE_BLOCK_SIZE, BIN_HEADER_SIZE, MAX_DATA_SIZE, NONE, PAGE

if TYPE_CHECKING:
    from regsim.regf.image import Image

_I32: Final = struct.Struct("<i")
_U32: Final = struct.Struct("<I")


class Allocator:
    """The writable side of an image: every byte that changes passes through here.

    Building one reads all cell headers once, and raises on the first that is not intact.

    Args:
        image: a strict image; its buffer is copied into memory.
    """

    def __init__(self, image: Image) -> None:
        self.image = image
        self.dirty: set[int] = set()
        """Numbers of the 4,096-byte pages of bins data that have changed."""
        self._bins: set[int] = set()
        self._allocated: set[int] = set()
        self._free: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._sizes: list[tuple[int, int]] = []
        for start, size in bins.bins(image):
            self._bins.add(start)
            for offset, signed in bins.cells(image, start, size):
                if signed < 0:
                    self._allocated.add(offset)
                else:
                    self._free[offset] = signed
                    self._ends[offset + signed] = offset
                    self._sizes.append((signed, offset))
        self._sizes.sort()
        self.buffer = image.thaw()

    # -- bytes ------------------------------------------------------------------------------

    def write(self, offset: int, data: bytes) -> None:
        """Put *data* at *offset* of the bins data and note its pages as dirty."""
        if not data:
            return
        at = offset + BASE_BLOCK_SIZE
        self.buffer[at : at + len(data)] = data
        self.dirty.update(range(offset // PAGE, (offset + len(data) - 1) // PAGE + 1))

    def write_data(self, cell: int, data: bytes, *, at: int = 0) -> None:
        """Put *data* into the cell at *cell*, *at* bytes behind its header."""
        self.write(cell + self.image.cell_header + at, data)

    def put_u32(self, cell: int, at: int, value: int) -> None:
        """Put one 32-bit number into the cell at *cell*.

        Raises:
            HiveFormatError: it does not fit: a count in the file was wrong to begin with.
        """
        if not 0 <= value <= NONE:
            raise self.image.error(
                f"count at {at} of cell", cell, "one that can change", hex(value)
            )
        self.write_data(cell, _U32.pack(value), at=at)

    # -- cells ------------------------------------------------------------------------------

    def capacity(self, cell: int) -> int:
        """Return how many bytes of data the allocated cell at *cell* can hold."""
        return self.image.cell(cell, "cell")[1]

    def allocate(self, data: bytes, *, room: int = 0) -> int:
        """Return the offset of a new cell that holds *data* and has room for *room* bytes.

        The smallest free cell that fits is taken, the first in the file among equals.

        Raises:
            UsageError: the hive would pass 2 GiB.
        """
        header, align = self.image.cell_header, self.image.align
        length = max(len(data), room)
        need = -(-(length + header) // align) * align
        at = bisect.bisect_left(self._sizes, (need, 0))
        offset = self._sizes[at][1] if at < len(self._sizes) else self._grow(need)
        size = self._free[offset]
        self._drop(offset)
        if size - need >= align:
            self._add(offset + need, size - need)
            self._set_last(offset + need, offset)
            self._set_last(offset + size, offset + need)
            size = need
        self._allocated.add(offset)
        self.write(offset, _I32.pack(-size))
        self.write_data(offset, data.ljust(size - header, b"\0"))
        return offset

    def release(self, offset: int) -> None:
        """Free the cell at *offset* and merge it with free neighbours.

        Raises:
            HiveFormatError: it is not allocated: two parts of the hive claimed it.
        """
        size = self.image.cell(offset, "cell")[1] + self.image.cell_header
        if offset not in self._allocated:
            raise self.image.error(
                "offset of cell", offset, "an allocated cell's start", hex(offset)
            )
        self._allocated.remove(offset)
        after = offset + size
        if after in self._free:
            size += self._free[after]
            self._drop(after)
        before = self._ends.get(offset)
        if before is not None:
            size += self._free[before]
            self._drop(before)
            offset = before
        self._add(offset, size)
        self._set_last(offset + size, offset)

    def store(self, cell: int, data: bytes, *, slack: int = 0) -> int:
        """Put *data* into *cell* if it fits, else into a new cell; return the offset it is at.

        A cell more than twice as large as needed is replaced too, so that space comes back.
        """
        capacity = self.capacity(cell)
        if len(data) <= capacity < 2 * (len(data) + slack) + 64:
            self.write_data(cell, data)
            return cell
        self.release(cell)
        return self.allocate(data, room=len(data) + slack)

    # -- bookkeeping ------------------------------------------------------------------------

    def _add(self, offset: int, size: int) -> None:
        self._free[offset] = size
        self._ends[offset + size] = offset
        bisect.insort(self._sizes, (size, offset))
        self.write(offset, _I32.pack(size))

    def _drop(self, offset: int) -> None:
        size = self._free.pop(offset)
        del self._ends[offset + size]
        del self._sizes[bisect.bisect_left(self._sizes, (size, offset))]

    def _set_last(self, offset: int, before: int) -> None:
        """Tell an NT 3.1 cell where its predecessor in the bin starts; later ones need none."""
        if not self.image.old_cells or offset >= self.image.data_size or offset in self._bins:
            return
        start = offset // PAGE * PAGE
        while start not in self._bins:
            start -= PAGE
        self.write(offset + 4, _U32.pack(before - start))

    def _grow(self, need: int) -> int:
        """Append a bin with one free cell of at least *need* bytes; return the cell's offset."""
        image, start = self.image, self.image.data_size
        size = -(-(need + BIN_HEADER_SIZE) // PAGE) * PAGE
        if start + size > MAX_DATA_SIZE:
            msg = f"the hive would grow to {start + size:#x} bytes; the limit is {MAX_DATA_SIZE:#x}"
            raise UsageError(msg)
        end = BASE_BLOCK_SIZE + start + size
        self.buffer.extend(bytes(max(0, end - len(self.buffer))))
        self.write(start, bins.header(start, size).ljust(size, b"\0"))
        image.data_size += size
        image.base = attrs.evolve(image.base, data_size=image.data_size)
        image.base.pack_into(self.buffer)
        self._bins.add(start)
        self._add(start + BIN_HEADER_SIZE, size - BIN_HEADER_SIZE)
        if image.old_cells:
            self.write(start + BIN_HEADER_SIZE + 4, _U32.pack(NONE))
        return start + BIN_HEADER_SIZE

    def check(self) -> None:
        """Assert that the books equal the bytes. O(file); tests call it after edits."""
        found = {
            offset: signed
            for start, size in bins.bins(self.image)
            for offset, signed in bins.cells(self.image, start, size)
            if signed > 0
        }
        assert found == self._free  # noqa: S101 - the purpose of the method
        assert self._sizes == sorted((size, offset) for offset, size in found.items())  # noqa: S101
        assert not any(o + s in found for o, s in found.items())  # noqa: S101 - merged

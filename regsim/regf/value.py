"""A value of a key: its name and type at once, its data when asked for."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from regsim.accel import Stored
from regsim.errors import HiveFormatError
from regsim.regf import vk
from regsim.regf.layout import BASE_BLOCK_SIZE, INLINE, VALUE_COMP_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regsim.regf.image import Image

# A cell's size and the value in it, read at once: the path nearly every value takes.
_unpack: Final = struct.Struct("<i2sHIIIHH").unpack_from
_size: Final = struct.Struct("<i").unpack_from
_NAME_AT: Final = BASE_BLOCK_SIZE + 4 + vk.HEADER_SIZE


class StoredValue(Stored):
    """One value of a key: its ``name``, its ``type`` number, its ``data``, its cell's ``offset``.

    A record of what was stored when it was read; the data may be fetched at its first use only, so
    read it before editing the hive. Where it is not where the value says, that use raises
    `HiveFormatError`, or in salvage lists it and gives what is there.
    """

    __slots__ = ()
    _image: Image

    @property
    def size(self) -> int:
        """Bytes of data the value claims, without reading them."""
        return self._size & ~INLINE

    def _read(self) -> bytes:
        image, size, where = self._image, self._size, self._where
        if 4 < size <= 1024 and 32 <= where < image.data_size - 8 and not image.old_cells:
            at = where + BASE_BLOCK_SIZE
            cell = -_size(image.buffer, at)[0]
            if cell >= size + 4 and where + cell <= image.data_size and not (where | cell) & 7:
                return bytes(image.buffer[at + 4 : at + 4 + size])
        try:
            return vk.data(image, size, where, self.offset)
        except HiveFormatError as error:
            image.report(error)
            return b""

    def __repr__(self) -> str:
        return f"<StoredValue {self.name!r} type {self.type:#x}, {self.size} bytes>"


def read(image: Image, offset: int) -> StoredValue:
    """Return the value whose cell is at *offset*.

    Raises:
        HiveFormatError: see :func:`regsim.regf.vk.parse`.
    """
    cell, name = vk.parse(image, offset)
    return StoredValue(image, offset, name, cell.type, cell.data_size, cell.data)


def read_all(image: Image, offsets: Sequence[int]) -> Iterator[StoredValue]:
    """Yield the values at *offsets*; in salvage mode those that cannot be read are listed."""
    buffer = image.buffer
    last = 0 if image.old_cells else image.data_size - 24  # no short cut for NT 3.1 cells
    for offset in offsets:
        if 32 <= offset <= last:
            size, signature, length, data_size, data, kind, flags, _ = _unpack(
                buffer, offset + BASE_BLOCK_SIZE
            )
            if (
                (flags & VALUE_COMP_NAME or not length)
                and signature == b"vk"
                and size + length <= -24
                and not (offset | size) & 7
                and offset - size <= image.data_size
            ):
                at = offset + _NAME_AT
                name = buffer[at : at + length].decode("latin-1")
                yield StoredValue(image, offset, name, kind, data_size, data)
                continue
        try:
            value = read(image, offset)
        except HiveFormatError as error:
            image.report(error)
        else:
            yield value

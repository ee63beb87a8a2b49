"""``vk``: the cell of a value, the list that names a key's values, and the values' data."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from regsim.regf import bigdata, names
from regsim.regf.layout import INLINE, SEGMENT_SIZE, VALUE_COMP_NAME

if TYPE_CHECKING:
    from regsim.regf.image import Image

SIGNATURE: Final = b"vk"
STRUCT: Final = struct.Struct("<2sHIIIHH")
HEADER_SIZE: Final = STRUCT.size
INLINE_DATA_AT: Final = 8


class ValueCell(NamedTuple):
    """The 20 fixed bytes of a value."""

    signature: bytes
    name_length: int
    data_size: int
    """Bytes of data; with bit 31 set they stand in ``data`` itself."""
    data: int
    type: int
    flags: int
    spare: int


_make = ValueCell._make
_unpack = STRUCT.unpack_from


def offsets(image: Image, list_offset: int, count: int) -> tuple[int, ...]:
    """Return the cell offsets of a key's values, in stored order.

    Raises:
        HiveFormatError: the list is not a cell, or too short for *count* (salvage: listed and cut).
    """
    if not count:
        return ()
    position, length = image.cell(list_offset, "value list")
    count = image.clip("number of values", list_offset, count, length // 4)
    return struct.unpack_from(f"<{count}I", image.buffer, position)


def parse(image: Image, offset: int) -> tuple[ValueCell, str]:
    """Return the fixed fields and the name of the value at cell *offset*.

    Raises:
        HiveFormatError: no allocated cell, no ``vk``, or the name leaves its cell.
    """
    position, length = image.cell(offset, "value")
    if length < HEADER_SIZE:
        raise image.error("cell size of value", offset, f"at least {HEADER_SIZE}", length)
    cell = _make(_unpack(image.buffer, position))
    if cell.signature != SIGNATURE:
        raise image.error("value signature", offset, SIGNATURE, cell.signature)
    size = image.clip("value name length", offset, cell.name_length, length - HEADER_SIZE)
    at = position + HEADER_SIZE
    if cell.flags & VALUE_COMP_NAME and not image.old_cells:
        return cell, image.buffer[at : at + size].decode("latin-1")
    return cell, names.decode(image, at, size, compressed=False, what="value name")


def size_of(cell: ValueCell) -> int:
    """Return the number of bytes of data the value claims."""
    return cell.data_size & ~INLINE


def is_big(image: Image, size: int) -> bool:
    """Return whether *size* bytes of data are cut into segments in this hive's version."""
    return image.big_data and size > SEGMENT_SIZE


def data(image: Image, size: int, where: int, offset: int) -> bytes:
    """Return the data of the value at *offset*, whose data size and data offset are given.

    Raises:
        HiveFormatError: inline data above four bytes, or a data cell too short
            (salvage: listed, and what is there is returned).
    """
    if size & INLINE:
        size &= ~INLINE
        if size > 4:
            image.report(image.error("inline data size", offset, "at most 4", size))
        return where.to_bytes(4, "little")[:size]
    if not size:
        return b""
    if size > SEGMENT_SIZE and image.big_data:
        return bigdata.read(image, where, size)
    position, length = image.cell(where, "value data")
    size = image.clip("value data size", offset, size, length)
    return bytes(image.buffer[position : position + size])

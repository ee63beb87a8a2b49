"""``db``: data above 16,344 bytes, cut into segments (version 1.4 and later)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from regsim.errors import HiveFormatError
from regsim.regf.layout import SEGMENT_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regsim.regf.image import Image

SIGNATURE: Final = b"db"
STRUCT: Final = struct.Struct("<2sHI")


def segment_count(size: int) -> int:
    """Return how many segments *size* bytes take.

    >>> segment_count(16344), segment_count(16345)
    (1, 2)
    """
    return -(-size // SEGMENT_SIZE)


def segments(image: Image, offset: int, size: int) -> tuple[int, tuple[int, ...]]:
    """Return the offset of the segment list and those of the segments of *size* bytes of data.

    Raises:
        HiveFormatError: no ``db``, the wrong number of segments, or one segment twice.
    """
    position, length = image.cell(offset, "big data")
    if length < STRUCT.size:
        raise image.error("cell size of big data", offset, "at least 8", length)
    signature, count, list_offset = STRUCT.unpack_from(image.buffer, position)
    if signature != SIGNATURE:
        raise image.error("big data signature", offset, SIGNATURE, signature)
    wanted = segment_count(size)
    if count != wanted:
        image.report(image.error("number of data segments", offset, wanted, count))
        count = min(count, wanted)
    position, length = image.cell(list_offset, "segment list")
    count = image.clip("number of data segments", list_offset, count, length // 4)
    found = struct.unpack_from(f"<{count}I", image.buffer, position)
    if len(set(found)) != count:
        raise image.error("segment list", list_offset, "each segment once", "one is repeated")
    return list_offset, found


def read(image: Image, offset: int, size: int) -> bytes:
    """Return *size* bytes of big data whose ``db`` cell is at *offset*.

    A plain cell in its place is a violation that some writers commit (hivex does); salvage mode
    lists it and reads the cell.

    Raises:
        HiveFormatError: see :func:`segments`; or a segment is shorter than it must be.
    """
    if size > image.extent:
        error = image.error("value data size", offset, f"at most {image.data_size}", size)
        image.report(error)
    try:
        return b"".join(_pieces(image, offset, size))
    except HiveFormatError as error:
        image.report(error)
        return _plain(image, offset, size)


def _pieces(image: Image, offset: int, size: int) -> Iterator[bytes]:
    left = size
    for segment in segments(image, offset, size)[1]:
        position, length = image.cell(segment, "data segment")
        want = min(left, SEGMENT_SIZE)
        if length < want:
            image.report(image.error("data segment size", segment, f"at least {want}", length))
            want = length
        yield bytes(image.buffer[position : position + want])
        left -= want


def _plain(image: Image, offset: int, size: int) -> bytes:
    position, length = image.cell(offset, "big data")
    return bytes(image.buffer[position : position + size]) if length >= size else b""

"""Hive bins, and the cells that tile them without a gap."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from regsim.errors import HiveFormatError
from regsim.regf.layout import BASE_BLOCK_SIZE, BIN_HEADER_SIZE, PAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regsim.regf.image import Image

SIGNATURE: Final = b"hbin"
STRUCT: Final = struct.Struct("<4sIIQQI")
TIMESTAMP_AT: Final = 20
_I32: Final = struct.Struct("<i").unpack_from


def header(offset: int, size: int) -> bytes:
    """Return the header of a fresh bin."""
    return STRUCT.pack(SIGNATURE, offset, size, 0, 0, 0)


def parse(image: Image, offset: int) -> int:
    """Return the size of the bin at *offset*.

    Raises:
        HiveFormatError: no ``hbin``, another offset inside, or a size that is not whole pages
            within the data.
    """
    signature, own, size, *_ = STRUCT.unpack_from(image.buffer, offset + BASE_BLOCK_SIZE)
    if signature != SIGNATURE:
        raise image.error("bin signature", offset, SIGNATURE, signature)
    if own != offset:
        raise image.error("bin offset", offset, hex(offset), hex(own))
    if size == 0 or size % PAGE or offset + size > image.data_size:
        raise image.error("bin size", offset, "whole pages inside the data", hex(size))
    return int(size)


def bins(image: Image) -> Iterator[tuple[int, int]]:
    """Yield (offset, size) of every bin; salvage skips by pages over what is no bin."""
    offset = 0
    while offset < image.data_size:
        try:
            size = parse(image, offset)
        except HiveFormatError as error:
            image.report(error)
            offset += PAGE
        else:
            yield offset, size
            offset += size


def cells(image: Image, start: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield (offset, signed size) of the cells of one bin; a negative size is an allocated cell.

    Raises:
        HiveFormatError: a cell does not end inside its bin (salvage: listed; the rest of the bin
            is left out).
    """
    offset, end = start + BIN_HEADER_SIZE, start + size
    buffer, align = image.buffer, image.align
    while offset < end:
        signed = _I32(buffer, offset + BASE_BLOCK_SIZE)[0]
        length = -signed if signed < 0 else signed
        if not length or length % align or offset + length > end:
            expected = f"a multiple of {align}, at most {end - offset}"
            image.report(image.error("cell size", offset, expected, length))
            return
        yield offset, signed
        offset += length

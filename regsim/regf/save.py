"""Closing a write: the bytes of a changed hive with its sequence numbers and times set."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import attrs

from regsim.regf import bins
from regsim.regf.layout import BASE_BLOCK_SIZE

if TYPE_CHECKING:
    from regsim.regf.baseblock import BaseBlock
    from regsim.regf.image import Image


def sealed(image: Image, stamp: int) -> tuple[bytearray, BaseBlock]:
    """Return the file with one write closed, and its base block; *image* is left as it is.

    Both sequence numbers are raised, base block and first bin stamped; the bin repeats the time as
    a backup (spec). The hive must be clean.
    """
    sequence = (image.base.primary_seq + 1) & 0xFFFFFFFF
    base = attrs.evolve(
        image.base, primary_seq=sequence, secondary_seq=sequence, last_written=stamp
    )
    data = bytearray(image.buffer)
    base.pack_into(data)
    struct.pack_into("<Q", data, BASE_BLOCK_SIZE + bins.TIMESTAMP_AT, stamp)
    return data, base

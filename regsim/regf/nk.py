"""``nk``: the cell of a key."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from regsim.regf import names
from regsim.regf.layout import BASE_BLOCK_SIZE, BIN_HEADER_SIZE, COMP_NAME

if TYPE_CHECKING:
    from regsim.regf.image import Image

SIGNATURE: Final = b"nk"
STRUCT: Final = struct.Struct("<2sHQIIIIIIIIIIIIIIIHH")
HEADER_SIZE: Final = STRUCT.size

# Byte offsets of the fields that edits touch one by one.
FLAGS_AT: Final = 2
LAST_WRITTEN_AT: Final = 4
PARENT_AT: Final = 16
SUBKEYS_AT: Final = 20
SUBKEY_LIST_AT: Final = 28
VALUES_AT: Final = 36
VALUE_LIST_AT: Final = 40
SECURITY_AT: Final = 44
CLASS_AT: Final = 48
MAX_NAME_AT: Final = 52
MAX_CLASS_AT: Final = 56
MAX_VALUE_NAME_AT: Final = 60
MAX_VALUE_DATA_AT: Final = 64
CLASS_LENGTH_AT: Final = 74


class KeyCell(NamedTuple):
    """The 76 fixed bytes of a key; offsets count from the start of the hive bins data."""

    signature: bytes
    flags: int
    last_written: int
    access: int
    parent: int
    subkeys: int
    volatile_subkeys: int
    subkey_list: int
    volatile_list: int
    values: int
    value_list: int
    security: int
    class_name: int
    max_name: int
    max_class: int
    max_value_name: int
    max_value_data: int
    work: int
    name_length: int
    class_length: int


_make = KeyCell._make
_unpack = STRUCT.unpack_from
# A cell's size and the key in it, read at once: the path nearly every key takes.
_with_size: Final = struct.Struct("<i2sHQIIIIIIIIIIIIIIIHH").unpack_from
_start: Final = struct.Struct("<i2sH").unpack_from
_length: Final = struct.Struct("<H").unpack_from
_LENGTH_AT: Final = 4 + 72
_NAME_AT: Final = BASE_BLOCK_SIZE + 4 + HEADER_SIZE


def parse(image: Image, offset: int) -> tuple[KeyCell, str]:
    """Return the fixed fields and the name of the key at cell *offset*.

    Raises:
        HiveFormatError: no allocated cell, no ``nk``, or the name leaves its cell.
    """
    if BIN_HEADER_SIZE <= offset <= image.data_size - 80 and not image.old_cells:
        size, *fields = _with_size(image.buffer, offset + BASE_BLOCK_SIZE)
        cell = _make(fields)
        length = cell.name_length
        if (
            cell.flags & COMP_NAME
            and cell.signature == SIGNATURE
            and size + length <= -80
            and not (offset | size) & 7
            and offset - size <= image.data_size
        ):
            at = offset + _NAME_AT
            return cell, image.buffer[at : at + length].decode("latin-1")
    return _parse(image, offset)


def name_at(image: Image, offset: int) -> str:
    """Return the name alone of the key at cell *offset*, as :func:`parse` does."""
    if BIN_HEADER_SIZE <= offset <= image.data_size - 80 and not image.old_cells:
        at = offset + BASE_BLOCK_SIZE
        size, signature, flags = _start(image.buffer, at)
        (length,) = _length(image.buffer, at + _LENGTH_AT)
        if (
            flags & COMP_NAME
            and signature == SIGNATURE
            and size + length <= -80
            and not (offset | size) & 7
            and offset - size <= image.data_size
        ):
            at = offset + _NAME_AT
            return image.buffer[at : at + length].decode("latin-1")
    return _parse(image, offset)[1]


def _parse(image: Image, offset: int) -> tuple[KeyCell, str]:
    """Return what :func:`parse` does, by the long way that tells what is wrong."""
    position, length = image.cell(offset, "key")
    if length < HEADER_SIZE:
        raise image.error("cell size of key", offset, f"at least {HEADER_SIZE}", length)
    cell = _make(_unpack(image.buffer, position))
    if cell.signature != SIGNATURE:
        raise image.error("key signature", offset, SIGNATURE, cell.signature)
    size = image.clip("key name length", offset, cell.name_length, length - HEADER_SIZE)
    at = position + HEADER_SIZE
    if cell.flags & COMP_NAME and not image.old_cells:
        return cell, image.buffer[at : at + size].decode("latin-1")
    return cell, names.decode(image, at, size, compressed=False, what="key name")


def pack(cell: KeyCell, name: bytes) -> bytes:
    """Return the bytes of a key cell."""
    return STRUCT.pack(*cell) + name


def class_name(image: Image, cell: KeyCell) -> str:
    """Return the key's class name, ``""`` when it has none.

    Raises:
        HiveFormatError: the class name leaves its cell (salvage: listed and cut).
    """
    length = cell.class_length
    if not length:
        return ""
    position, room = image.cell(cell.class_name, "class name")
    length = image.clip("class name length", cell.class_name, length, room)
    return names.decode(image, position, length, compressed=False, what="class name")

"""``li``, ``lf``, ``lh`` and ``ri``: the sorted lists of a key's subkeys."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from regsim.errors import HiveFormatError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regsim.regf.image import Image

LEAVES: Final = {b"li": 4, b"lf": 8, b"lh": 8}
"""Bytes an element takes in each kind of leaf."""
ROOT: Final = b"ri"
HEADER: Final = struct.Struct("<2sH")
CAPACITY: Final = {b"li": 1013, b"lf": 507, b"lh": 507}
"""Elements in a leaf before it is split: what one page holds (inferred from real hives)."""


class Leaf(NamedTuple):
    """One leaf as it is stored."""

    offset: int
    kind: bytes
    keys: tuple[int, ...]
    hints: tuple[int, ...]
    """The four bytes beside each offset as a number; empty for ``li``."""


def kind_for(minor: int) -> bytes:
    """Return the kind of leaf that a hive of this minor version gets.

    ``lh`` from 1.5, ``lf`` for 1.3 and 1.4, ``li`` before (spec).
    """
    if minor >= 5:
        return b"lh"
    return b"lf" if minor >= 3 else b"li"


def read_list(image: Image, offset: int) -> tuple[bytes, tuple[int, ...], int]:
    """Return (kind, the numbers stored in it, element size) of the list at cell *offset*.

    Raises:
        HiveFormatError: not a list, or it leaves its cell (salvage: listed and cut).
    """
    position, length = image.cell(offset, "subkey list")
    kind, count = HEADER.unpack_from(image.buffer, position)
    element = 4 if kind == ROOT else LEAVES.get(kind, 0)
    if not element:
        raise image.error("subkey list signature", offset, "li, lf, lh or ri", kind)
    count = image.clip("number of list elements", offset, count, (length - 4) // element)
    numbers = struct.unpack_from(f"<{count * element // 4}I", image.buffer, position + 4)
    return kind, numbers, element


def leaf_offsets(image: Image, offset: int) -> tuple[int, ...] | None:
    """Return the leaves of the index root at *offset*, or None when a leaf stands there.

    Raises:
        HiveFormatError: a leaf is named twice.
    """
    kind, numbers, _ = read_list(image, offset)
    if kind != ROOT:
        return None
    if len(set(numbers)) != len(numbers):
        image.report(image.error("index root", offset, "each leaf once", "one is repeated"))
        return tuple(dict.fromkeys(numbers))
    return numbers


def read_leaf(image: Image, offset: int) -> Leaf:
    """Return the leaf at *offset*.

    Raises:
        HiveFormatError: an index root stands there (spec: it cannot point to another).
    """
    kind, numbers, element = read_list(image, offset)
    if kind == ROOT:
        raise image.error("subkey list signature", offset, "li, lf or lh", kind)
    if element == 8:
        return Leaf(offset, kind, numbers[::2], numbers[1::2])
    return Leaf(offset, kind, numbers, ())


def leaves(image: Image, offset: int) -> Iterator[Leaf]:
    """Yield the leaves below the list at *offset*; in salvage mode a broken one is listed.

    Raises:
        HiveFormatError: they name more keys than the hive has room for: lists may overlap in a
            hostile file, so their number alone bounds nothing.
    """
    kind, numbers, element = read_list(image, offset)
    if kind != ROOT:
        pairs = element == 8
        keys, hints = (numbers[::2], numbers[1::2]) if pairs else (numbers, ())
        yield Leaf(offset, kind, keys, hints)
        return
    room = image.extent // 80
    for each in leaf_offsets(image, offset) or ():
        try:
            leaf = read_leaf(image, each)
        except HiveFormatError as error:
            image.report(error)
            continue
        room -= len(leaf.keys)
        if room < 0:
            raise image.error("number of subkeys", offset, "what the hive has room for", "more")
        yield leaf


def offsets(image: Image, list_offset: int, count: int) -> tuple[int, ...]:
    """Return the offsets of a key's *count* subkeys, in stored (sorted) order.

    Raises:
        HiveFormatError: the lists hold another number of keys, or one key twice
            (salvage: listed; at most as many keys as the hive has room for are returned).
    """
    if not count:
        return ()
    found: list[int] = []
    for leaf in leaves(image, list_offset):
        found += leaf.keys
    if len(found) != count:
        image.report(image.error("number of subkeys", list_offset, count, len(found)))
    if len(set(found)) != len(found):
        image.report(image.error("subkey list", list_offset, "each key once", "one is repeated"))
        found = list(dict.fromkeys(found))
    return tuple(found)

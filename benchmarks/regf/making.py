"""A large hive to measure with: one subtree, made by regsim, as often as it takes.

Every copy is a copy of the bins, with each offset in it moved; it hangs below a key of its own.
Copies share the first one's security cell, which no walk counts.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from regsim.regf import new_hive
from regsim.regf.baseblock import checksum

PIECE = 4_000
"""Keys of one copy; with two values each they take a megabyte and a half."""
BINS = 4096
"""Where the bins begin, and offsets count from."""
PARENT, SUBKEYS, LIST, VALUES, VALUE_LIST, LONGEST = 20, 24, 32, 40, 44, 56
DATA_SIZE, DATA = 8, 12


def _word(data: bytes, at: int) -> int:
    return struct.unpack_from("<I", data, at)[0]


def _lists(data: bytes, key: int) -> Iterator[tuple[bytes, list[int]]]:
    """Yield the lists of a key's subkeys: the kind of each, and where its entries are."""
    coming = [_word(data, key + LIST)] if _word(data, key + SUBKEYS) else []
    for at in coming:
        kind, count = struct.unpack_from("<2sH", data, at + 4)
        step = 4 if kind in (b"ri", b"li") else 8
        entries = [at + 8 + step * number for number in range(count)]
        yield kind, entries
        if kind == b"ri":
            coming.extend(_word(data, entry) for entry in entries)


def _children(data: bytes, key: int) -> list[int]:
    """Return the subkeys of a key."""
    lists = (entries for kind, entries in _lists(data, key) if kind != b"ri")
    return [_word(data, entry) for entries in lists for entry in entries]


def _offsets(data: bytes, key: int) -> Iterator[int]:
    """Yield where an offset stands in a key that is copied, and in all that lies below it."""
    for _, entries in _lists(data, key):
        yield from entries
    if _word(data, key + SUBKEYS):
        yield key + LIST
    if count := _word(data, key + VALUES):
        yield key + VALUE_LIST
        values = _word(data, key + VALUE_LIST)
        for at in (values + 4 + 4 * number for number in range(count)):
            yield at
            value = _word(data, at)
            if 4 < _word(data, value + DATA_SIZE) < 1 << 31:
                yield value + DATA
    for child in _children(data, key):
        yield child + PARENT
        yield from _offsets(data, child)


def _bins(data: bytes) -> Iterator[int]:
    """Yield where each bin says where it lies."""
    at = 0
    while at < len(data):
        yield at + 4
        at += _word(data, at + 8)


def large_hive(path: Path, size: int) -> None:
    """Write a hive of about *size* bytes to *path*."""
    hive = new_hive(5)
    for number in range(PIECE):
        key = hive.root.ensure(rf"made\a{number % 40}\key {number}")
        for name in ("one", "another value"):
            key.set_value(name, 3, bytes(20 + number % 150))
    hive.save(path)
    copies = max(round(size / path.stat().st_size), 1)
    for number in range(1, copies):
        hive.root.ensure(f"copy {number:03}")
    hive.save(path)
    whole = bytearray(path.read_bytes())
    data = bytes(whole[BINS:])
    *others, first = _children(data, _word(whole, 36))  # by name: "copy ..." and then "made"
    places = np.array([*_offsets(data, first), *_bins(data)]) // 4
    words = np.frombuffer(data, "<u4")
    for number, key in enumerate(others, 1):
        shift, moved = number * len(data), words.copy()
        moved[places] += shift
        for child in _children(data, first):
            moved[(child + PARENT) // 4] = key
        whole += moved.tobytes()
        at = BINS + key + LONGEST
        whole[at : at + 16] = data[first + LONGEST :][:16]
        struct.pack_into("<I", whole, BINS + key + SUBKEYS, _word(data, first + SUBKEYS))
        struct.pack_into("<I", whole, BINS + key + LIST, _word(data, first + LIST) + shift)
    struct.pack_into("<I", whole, 40, len(whole) - BINS)
    struct.pack_into("<I", whole, 508, checksum(bytes(whole[:BINS])))
    path.write_bytes(whole)

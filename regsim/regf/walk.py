"""Visiting every key of a hive that may be hostile: each once, no deeper than Windows goes."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final

from regsim import accel
from regsim.regf.key import WALKED, Key
from regsim.regf.layout import MAX_DATA_SIZE, MAX_DEPTH
from regsim.regf.value import StoredValue

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from regsim.regf.image import Image

_MORE: Final = 0
_DONE: Final = 1
"""How the walk in C goes on; see ``accel/native/core_regf.h``."""


def walk(start: Key) -> Iterator[tuple[str, Key]]:
    """Yield (path, key) for *start* and all keys below, parents first, siblings as stored.

    The C library goes ahead for as long as all is as it should be. From the first thing on that is
    not, and once the hive is edited, it is done key by key, past those that were met.

    Raises:
        HiveFormatError: a key is met twice, or lies deeper than 512 levels (salvage: listed, and
            its subtree is left out).
    """
    image, edits = start.hive.image, start.hive.edits
    start.credit = credit = [image.extent // 4]  # each element of a list takes four bytes or more
    met = array("I")
    if accel.NATIVE is None or image.old_cells or image.data_size > MAX_DATA_SIZE:
        whole = yield from _unedited(start, met)
    else:
        whole = yield from _ahead(start, credit, met)
    if whole:
        return
    if start.hive.edits != edits:
        start.credit = [image.extent // 4]
    known = set(met)
    yield from (found for found in by_key(start) if found[1].offset not in known)


def _unedited(start: Key, met: array[int]) -> Generator[tuple[str, Key], None, bool]:
    """Do what `_ahead` does, without C."""
    hive, edits = start.hive, start.hive.edits
    for path, key in by_key(start):
        met.append(key.offset)
        yield path, key
        if hive.edits != edits:
            return False
    return True


def _ahead(
    start: Key, credit: list[int], met: array[int]
) -> Generator[tuple[str, Key], None, bool]:
    """Yield *start* and what is below it, as long as C can tell; note in *met* which they were.

    Return whether that is all of them: it ends early at an edit too.
    """
    hive, image, edits = start.hive, start.hive.image, start.hive.edits
    met.append(start.offset)
    yield start.path, start
    if hive.edits != edits:
        return False
    scan = accel.NATIVE.CHiveWalk(  # type: ignore[union-attr]
        StoredValue, image, start.offset, image.data_size, min(image.extent, MAX_DATA_SIZE)
    )
    prefix, parent = "", start
    key, path, deep = start, start.path, 0
    line, new = [("", start)] * MAX_DEPTH, Key.__new__
    end = _MORE
    while end == _MORE:
        end, keys, offsets = scan.take(image.buffer)
        met.frombytes(offsets)
        for offset, depth, name, given in keys:
            if depth != deep:
                if depth > deep:  # the first below the one before
                    line[deep] = f"{path}\\" if path else "", key
                deep = depth
                prefix, parent = line[depth - 1]
            key = new(Key).met(hive, parent, offset, name, given, credit, WALKED)
            path = prefix + name
            yield path, key
            if hive.edits != edits:
                del met[met.index(offset) + 1 :]
                return False
    return end == _DONE


def by_key(start: Key) -> Iterator[tuple[str, Key]]:
    """Yield what `walk` does, on the credit that *start* has: this is what a walk means."""
    image = start.hive.image
    seen = {start.offset}
    yield start.path, start
    stack = [(start.path, start.subkeys())]
    while stack:
        prefix, below = stack[-1]
        for child in below:
            if not _fresh(image, child, seen, len(stack)):
                continue
            path = f"{prefix}\\{child.name}" if prefix else child.name
            yield path, child
            if child.cell.subkeys:
                stack.append((path, child.subkeys()))
                break
        else:
            stack.pop()


def _fresh(image: Image, key: Key, seen: set[int], depth: int) -> bool:
    if key.offset in seen:
        image.report(image.error("key", key.offset, "in one list only", "met a second time"))
        return False
    seen.add(key.offset)
    if depth >= MAX_DEPTH:
        image.report(image.error("depth of key", key.offset, f"below {MAX_DEPTH}", depth))
        return False
    return True


class DataBudget:
    """Bounds the data a whole walk may hand out by the size of the hive.

    Cells belong to one value each, so a hive cannot hold more data than it is long; one that
    claims to (many values naming one large cell) would otherwise fill memory or a disk.
    """

    def __init__(self, image: Image) -> None:
        self._image, self._left = image, image.extent + 4 * image.extent // 28

    def take(self, value: StoredValue) -> bytes:
        """Return the value's data.

        Raises:
            HiveFormatError: the hive has handed out more data than it holds (salvage: listed,
                and the data is empty).
        """
        data = value.data
        self._left -= len(data)
        if self._left < 0:
            image = self._image
            actual = f"{len(data)} bytes too many"
            image.report(image.error("value data", value.offset, "a cell of its own", actual))
            return b""
        return data

"""Visiting every key of a hive that may be hostile: each once, no deeper than Windows goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regsim.regf.layout import MAX_DEPTH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regsim.regf.image import Image
    from regsim.regf.key import Key
    from regsim.regf.value import StoredValue


def walk(start: Key) -> Iterator[tuple[str, Key]]:
    """Yield (path, key) for *start* and all keys below, parents first, siblings as stored.

    Raises:
        HiveFormatError: a key is met twice, or lies deeper than 512 levels (salvage: listed, and
            its subtree is left out).
    """
    image = start.hive.image
    seen = {start.offset}
    start.credit = [image.extent // 4]  # each element of a list takes four bytes or more
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

"""Changing subkey lists: kept sorted, hinted, split when a leaf outgrows its page."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from regsim.regf import nk, subkeys
from regsim.regf.hash import name_hash, name_hint, sort_key
from regsim.regf.layout import NONE
from regsim.regf.subkeys import CAPACITY, HEADER, ROOT, Leaf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regsim.regf.alloc import Allocator


class SubkeyLists:
    """Edits of subkey lists over one allocator."""

    def __init__(self, allocator: Allocator) -> None:
        self._cells = allocator
        self._image = allocator.image

    def insert(self, list_offset: int, key: int, name: str) -> int:
        """Add *key* where its *name* sorts; return where the list is now.

        ``NONE`` as *list_offset* starts a list of the kind that suits the hive's version.
        """
        if list_offset == NONE:
            kind = subkeys.kind_for(self._image.base.minor)
            return self._new_leaf(kind, [key], [_hint(kind, name)])
        roots = subkeys.leaf_offsets(self._image, list_offset)
        if roots is None:
            return self._insert_single(subkeys.read_leaf(self._image, list_offset), key, name)
        return self._insert_below(list_offset, list(roots), key, name)

    def remove(self, list_offset: int, key: int) -> int:
        """Take *key* out; return where the list is now, ``NONE`` when it became empty.

        Raises:
            HiveFormatError: the key is not in the list.
        """
        roots = subkeys.leaf_offsets(self._image, list_offset)
        for leaf_offset in (list_offset,) if roots is None else roots:
            leaf = subkeys.read_leaf(self._image, leaf_offset)
            if key not in leaf.keys:
                continue
            at = leaf.keys.index(key)
            keys = leaf.keys[:at] + leaf.keys[at + 1 :]
            hints = leaf.hints[:at] + leaf.hints[at + 1 :]
            now = self._store(leaf, keys, hints)
            if roots is None:
                return now
            return self._relink(list_offset, list(roots), leaf_offset, [now])
        raise self._image.error("subkey list", list_offset, f"to hold {key:#x}", "not there")

    def release(self, list_offset: int) -> None:
        """Free a whole list."""
        if list_offset == NONE:
            return
        for leaf in subkeys.leaf_offsets(self._image, list_offset) or ():
            self._cells.release(leaf)
        self._cells.release(list_offset)

    def _insert_single(self, leaf: Leaf, key: int, name: str) -> int:
        keys, hints = self._with(leaf, key, name)
        if len(keys) <= CAPACITY[leaf.kind]:
            return self._store(leaf, keys, hints)
        pair = self._split(leaf, keys, hints)
        return self._cells.allocate(_pack(ROOT, pair, ()), room=32)

    def _insert_below(self, root: int, leaves: list[int], key: int, name: str) -> int:
        wanted = sort_key(name)
        low, high = 0, len(leaves) - 1
        while low < high:  # the first leaf whose last name is not below the new one
            middle = (low + high) // 2
            last = subkeys.read_leaf(self._image, leaves[middle]).keys[-1]
            if self._key_of(last) < wanted:
                low = middle + 1
            else:
                high = middle
        leaf = subkeys.read_leaf(self._image, leaves[low])
        keys, hints = self._with(leaf, key, name)
        if len(keys) <= CAPACITY[leaf.kind]:
            parts: Sequence[int] = [self._store(leaf, keys, hints)]
        else:
            parts = self._split(leaf, keys, hints)
        return self._relink(root, leaves, leaves[low], parts)

    def _with(self, leaf: Leaf, key: int, name: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        wanted = sort_key(name)
        low, high = 0, len(leaf.keys)
        while low < high:
            middle = (low + high) // 2
            if self._key_of(leaf.keys[middle]) < wanted:
                low = middle + 1
            else:
                high = middle
        keys = (*leaf.keys[:low], key, *leaf.keys[low:])
        if leaf.kind == b"li":
            return keys, ()
        return keys, (*leaf.hints[:low], _hint(leaf.kind, name), *leaf.hints[low:])

    def _key_of(self, offset: int) -> bytes:
        return sort_key(nk.parse(self._image, offset)[1])

    def _store(self, leaf: Leaf, keys: Sequence[int], hints: Sequence[int]) -> int:
        if not keys:
            self._cells.release(leaf.offset)
            return NONE
        data = _pack(leaf.kind, keys, hints)
        return self._cells.store(leaf.offset, data, slack=min(len(data) // 4, 512))

    def _split(self, leaf: Leaf, keys: tuple[int, ...], hints: tuple[int, ...]) -> list[int]:
        half = len(keys) // 2
        left = self._store(leaf, keys[:half], hints[:half])
        return [left, self._new_leaf(leaf.kind, keys[half:], hints[half:])]

    def _new_leaf(self, kind: bytes, keys: Sequence[int], hints: Sequence[int]) -> int:
        return self._cells.allocate(_pack(kind, keys, hints))

    def _relink(self, root: int, leaves: list[int], old: int, new: Sequence[int]) -> int:
        """Put *new* in the place of leaf *old* of an index root; return where the root is."""
        at = leaves.index(old)
        changed = leaves[:at] + [each for each in new if each != NONE] + leaves[at + 1 :]
        if changed == leaves:
            return root
        if not changed:
            self._cells.release(root)
            return NONE
        return self._cells.store(root, _pack(ROOT, changed, ()), slack=32)


def _hint(kind: bytes, name: str) -> int:
    if kind == b"lh":
        return name_hash(name)
    return int.from_bytes(name_hint(name), "little")


def _pack(kind: bytes, keys: Sequence[int], hints: Sequence[int]) -> bytes:
    numbers: Sequence[int] = keys
    if kind in {b"lf", b"lh"}:
        numbers = [number for pair in zip(keys, hints, strict=True) for number in pair]
    return HEADER.pack(kind, len(keys)) + struct.pack(f"<{len(numbers)}I", *numbers)

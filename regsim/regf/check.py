"""The whole file judged: bins, cells, trees, lists, counts, and that each cell has one owner."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from regsim.errors import HiveFormatError
from regsim.regf import bigdata, bins, names, nk, sk, subkeys, vk
from regsim.regf.hash import name_hash, name_hint, sort_key
from regsim.regf.key import Key
from regsim.regf.layout import BASE_BLOCK_SIZE, INLINE, NONE, PREDEF_HANDLE
from regsim.regf.walk import walk

if TYPE_CHECKING:
    from regsim.regf.contents import HiveContents
    from regsim.regf.nk import KeyCell

_LAST: Final = BASE_BLOCK_SIZE + 4


def check(hive: HiveContents) -> None:
    """Read everything; in strict mode raise at the first violation, else list them all.

    Raises:
        HiveFormatError: strict mode.
    """
    _Checker(hive).run()


class _Checker:
    """One pass over a hive, remembering which cells are allocated and who owns them."""

    def __init__(self, hive: HiveContents) -> None:
        self.hive, self.image = hive, hive.image
        self.allocated: set[int] = set()
        self.owned: set[int] = set()
        self.security: Counter[int] = Counter()

    def root(self) -> Key | None:
        try:
            return Key(self.hive, self.image.base.root)
        except HiveFormatError as error:
            self.image.report(error)
            return None

    def run(self) -> None:
        if self.image.extent > self.image.data_size and (top := self.root()) is not None:
            # What the keys refer to decides how far the bins go, see `Image._extend`.
            for _ in walk(top):
                pass
        for start, size in bins.bins(self.image):
            before = NONE
            for offset, signed in bins.cells(self.image, start, size):
                if signed < 0:
                    self.allocated.add(offset)
                if self.image.old_cells:
                    self.last(offset, before)
                    before = offset - start
        root = self.root()
        if root is None:
            return
        for _, key in walk(root):
            self.guard(key)
        self.securities()
        self.leaks()

    def last(self, offset: int, before: int) -> None:
        """Judge an NT 3.1 cell's note of where the cell before it starts."""
        stored = int.from_bytes(self.image.buffer[offset + _LAST : offset + _LAST + 4], "little")
        if stored != before:
            self.fault("previous cell", offset, hex(before), hex(stored))

    def guard(self, key: Key) -> None:
        try:
            self.key(key)
        except HiveFormatError as error:
            self.image.report(error)

    def fault(self, what: str, offset: int, expected: object, actual: object) -> None:
        self.image.report(self.image.error(what, offset, expected, actual))

    def own(self, offset: int, what: str) -> bool:
        """Note that *what* lives in the cell at *offset*; return whether it has it for itself.

        What shares a cell is not looked into again: a hostile file could make that endless.
        """
        if offset not in self.allocated:
            self.fault(f"offset of {what}", offset, "the start of an allocated cell", hex(offset))
            return False
        if offset in self.owned:
            self.fault(f"cell of {what}", offset, "used once", "used by something else too")
            return False
        self.owned.add(offset)
        return True

    def key(self, key: Key) -> None:
        cell = key.cell
        self.own(key.offset, "key")
        self.security[cell.security] += 1
        if cell.security == NONE and not self.image.old_cells:
            self.fault("security of a key", key.offset, "a security cell", "none")
        if cell.class_length:
            self.own(cell.class_name, "class name")
            _ = key.class_name
        if "\\" in key.name:
            self.fault("key name", key.offset, "without a backslash", key.name)
        if key.parent is not None and cell.flags & 1:
            self.fault("key flags", key.offset, "not volatile on a disk", cell.flags)
        if cell.subkeys:
            self.lists(key.offset, cell)
        if cell.values and not cell.flags & PREDEF_HANDLE:
            if not self.own(cell.value_list, "value list"):
                return
            found = list(key.values())
            for value in found:
                self.value(value.offset)
            longest = max((names.width(value.name) for value in found), default=0)
            largest = max((value.size for value in found), default=0)
            self.at_least("largest value name", key.offset, longest, cell.max_value_name)
            self.at_least("largest value data", key.offset, largest, cell.max_value_data)

    def at_least(self, what: str, offset: int, needed: int, stored: int) -> None:
        """Judge a "largest" field, by which Windows' callers size their buffers."""
        if stored < needed:
            self.fault(what, offset, f"at least {needed}", stored)

    def lists(self, key: int, cell: KeyCell) -> None:
        image = self.image
        if not self.own(cell.subkey_list, "subkey list"):
            return
        roots = subkeys.leaf_offsets(image, cell.subkey_list) or ()
        owned = [self.own(each, "subkey list") for each in roots]
        if not all(owned):
            return
        before, longest, longest_class = "", 0, 0
        for leaf in subkeys.leaves(image, cell.subkey_list):
            if not leaf.keys:
                self.fault("number of list elements", leaf.offset, "at least 1", 0)
            for index, offset in enumerate(leaf.keys):
                below, name = nk.parse(image, offset)
                longest = max(longest, names.width(name))
                longest_class = max(longest_class, below.class_length)
                hint = leaf.hints[index] if leaf.hints else None
                self.hint(leaf.kind, offset, name, hint)
                if before and not _in_order(before, name):
                    self.fault("order of subkeys", offset, f"after {before!r}", repr(name))
                before = name
        self.at_least("largest subkey name", key, longest, cell.max_name & 0xFFFF)
        self.at_least("largest subkey class", key, longest_class, cell.max_class)

    def hint(self, kind: bytes, offset: int, name: str, stored: int | None) -> None:
        if stored is None or not name.isascii():
            return
        if kind == b"lh" and stored != name_hash(name):
            self.fault("name hash", offset, hex(name_hash(name)), hex(stored))
        if kind == b"lf" and stored.to_bytes(4, "little") != name_hint(name):
            self.fault("name hint", offset, name_hint(name), stored.to_bytes(4, "little"))

    def value(self, offset: int) -> None:
        self.own(offset, "value")
        cell = vk.parse(self.image, offset)[0]
        size = vk.size_of(cell)
        if cell.data_size & INLINE or not size:
            vk.data(self.image, cell.data_size, cell.data, offset)
            return
        if not self.own(cell.data, "value data"):
            return
        vk.data(self.image, cell.data_size, cell.data, offset)
        if vk.is_big(self.image, size):
            listed, pieces = bigdata.segments(self.image, cell.data, size)
            for each in (listed, *pieces):
                self.own(each, "data segment")

    def securities(self) -> None:
        """Judge the ring of security cells and their counts against the keys that name them."""
        start = next((offset for offset in self.security if offset != NONE), None)
        if start is None:
            return
        ring: set[int] = set()
        try:
            before = None
            for offset, cell, _ in sk.ring(self.image, start):
                self.own(offset, "security")
                ring.add(offset)
                if before is not None and cell.previous != before:
                    self.fault("previous security cell", offset, hex(before), hex(cell.previous))
                self.count(offset, cell.keys)
                before = offset
        except HiveFormatError as error:
            self.image.report(error)
        for offset in sorted(set(self.security) - ring - {NONE}):
            self.fault("security of a key", offset, "in the ring", "not there")

    def count(self, offset: int, stored: int) -> None:
        """Judge a security cell's count of keys; one without a key should have been freed."""
        if not stored or stored != self.security[offset]:
            needed = self.security[offset] or "no cell without a key"
            self.fault("security count", offset, needed, stored)

    def leaks(self) -> None:
        """Note allocated cells that nothing owns: lost space, which Windows leaves too."""
        lost = self.allocated - self.owned
        if lost:
            actual = f"lost, one of {len(lost)}"
            error = self.image.error("allocated cell", min(lost), "owned by something", actual)
            self.image.notes.add(error)


def _in_order(before: str, name: str) -> bool:
    """Return whether two neighbours are sorted; rare letters are given the benefit of the doubt."""
    if not (before.isascii() and name.isascii()):
        return True
    return sort_key(before) < sort_key(name)

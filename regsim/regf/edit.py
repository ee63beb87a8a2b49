"""Changing keys: the cells of a key, its place in its parent's list, and what hangs on it."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from regsim.errors import UsageError
from regsim.regf import names, nk, subkeys, vk
from regsim.regf.alloc import Allocator
from regsim.regf.edit_lists import SubkeyLists
from regsim.regf.edit_security import Securities
from regsim.regf.edit_values import ValueCells
from regsim.regf.layout import COMP_NAME, MAX_DEPTH, MAX_NAME, NONE, PREDEF_HANDLE, KeyFlag

if TYPE_CHECKING:
    from regsim.regf.image import Image
    from regsim.regf.nk import KeyCell


class Editor:
    """All edits of one hive, cell by cell; :class:`~regsim.regf.key.Key` is the front."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self.allocator = Allocator(image)
        self._lists = SubkeyLists(self.allocator)
        self._values = ValueCells(self.allocator)
        self._security = Securities(self.allocator)

    # -- keys -------------------------------------------------------------------------------

    def create_key(
        self, parent_cell: KeyCell, parent: int, name: str, stamp: int, *, flags: int = 0
    ) -> int:
        """Create a key without values below *parent*, sharing its security; return its offset."""
        check_name(name)
        check_flags(flags)
        raw, compressed = names.encode(name, compress=not self._image.old_cells)
        cell = fresh_key(
            parent=parent,
            security=self._security.share(parent_cell.security),
            flags=(flags & ~COMP_NAME) | (COMP_NAME if compressed else 0),
            stamp=stamp,
            name_length=len(raw),
        )
        offset = self.allocator.allocate(nk.pack(cell, raw))
        self._link(parent, offset, name, stamp)
        return offset

    def delete_key(self, offset: int, parent: int, stamp: int) -> list[int]:
        """Free the key and everything below it; return the offsets of the keys that are gone."""
        doomed = self._subtree(offset)
        self._unlink(parent, offset, stamp)
        for each in reversed(doomed):
            self._release_key(each)
        return doomed

    def rename_key(self, offset: int, parent: int, name: str, stamp: int) -> int:
        """Rename the key, moving its cell only if the name needs room; return its offset."""
        check_name(name)
        cell = nk.parse(self._image, offset)[0]
        raw, compressed = names.encode(name, compress=not self._image.old_cells)
        flags = (cell.flags & ~COMP_NAME) | (COMP_NAME if compressed else 0)
        cell = cell._replace(flags=flags, name_length=len(raw), last_written=stamp)
        below = subkeys.offsets(self._image, cell.subkey_list, cell.subkeys)
        self._unlink(parent, offset, stamp)
        moved = self.allocator.store(offset, nk.pack(cell, raw))
        if moved != offset:
            for child in below:
                self.allocator.put_u32(child, nk.PARENT_AT, moved)
        self._link(parent, moved, name, stamp)
        return moved

    # -- what a key carries -----------------------------------------------------------------

    def set_value(
        self, key: int, name: str, kind: int, data: bytes, old: int | None, stamp: int
    ) -> int:
        """Create the value, or replace the one at cell *old*; return its cell."""
        return self._values.set(key, name, kind, bytes(data), old=old, stamp=stamp)

    def delete_value(self, key: int, value: int, stamp: int) -> None:
        """Delete the value at cell *value* of *key*."""
        self._values.delete(key, value, stamp)

    def set_security(self, key: int, descriptor: bytes) -> None:
        """Point the key at a cell with *descriptor*."""
        old = nk.parse(self._image, key)[0].security
        root = nk.parse(self._image, self._image.base.root)[0].security
        new = self._security.obtain(bytes(descriptor), root if old == NONE else old)
        self.allocator.put_u32(key, nk.SECURITY_AT, new)
        self._security.drop(old)

    def set_class(self, key: int, name: str) -> None:
        """Set the key's class name; ``""`` drops it."""
        raw = name.encode("utf-16-le", "surrogatepass")
        if len(raw) > 0xFFFE:
            msg = f"a class name has at most 32767 characters, not {len(raw) // 2}"
            raise UsageError(msg)
        cell = nk.parse(self._image, key)[0]
        if cell.class_length:
            self.allocator.release(cell.class_name)
        where = self.allocator.allocate(raw) if raw else NONE
        self.allocator.put_u32(key, nk.CLASS_AT, where)
        self.allocator.write_data(key, struct.pack("<H", len(raw)), at=nk.CLASS_LENGTH_AT)
        if key != self._image.base.root:
            parent = nk.parse(self._image, cell.parent)[0]
            if len(raw) > parent.max_class:
                self.allocator.put_u32(cell.parent, nk.MAX_CLASS_AT, len(raw))

    def set_last_written(self, key: int, filetime: int) -> None:
        """Set the key's FILETIME."""
        if not 0 <= filetime < 1 << 64:
            msg = f"a FILETIME is a number of 64 bits, not {filetime}"
            raise UsageError(msg)
        self.allocator.write_data(key, struct.pack("<Q", filetime), at=nk.LAST_WRITTEN_AT)

    def set_flags(self, key: int, flags: int) -> None:
        """Set the key's flags but the one that tells how its name is stored."""
        check_flags(flags)
        keep = nk.parse(self._image, key)[0].flags & COMP_NAME
        packed = struct.pack("<H", (flags & ~COMP_NAME) | keep)
        self.allocator.write_data(key, packed, at=nk.FLAGS_AT)

    # -- helpers ----------------------------------------------------------------------------

    def _link(self, parent: int, offset: int, name: str, stamp: int) -> None:
        cell = nk.parse(self._image, parent)[0]
        where = self._lists.insert(cell.subkey_list if cell.subkeys else NONE, offset, name)
        largest = max(cell.max_name & 0xFFFF, names.width(name)) | cell.max_name & 0xFFFF0000
        self._set_subkeys(parent, cell.subkeys + 1, where, stamp)
        self.allocator.put_u32(parent, nk.MAX_NAME_AT, largest)

    def _unlink(self, parent: int, offset: int, stamp: int) -> None:
        cell = nk.parse(self._image, parent)[0]
        where = self._lists.remove(cell.subkey_list, offset)
        self._set_subkeys(parent, cell.subkeys - 1, where, stamp)

    def _set_subkeys(self, parent: int, count: int, where: int, stamp: int) -> None:
        self.allocator.put_u32(parent, nk.SUBKEYS_AT, count)
        self.allocator.put_u32(parent, nk.SUBKEY_LIST_AT, where)
        self.allocator.write_data(parent, struct.pack("<Q", stamp), at=nk.LAST_WRITTEN_AT)

    def _subtree(self, offset: int) -> list[int]:
        """Return *offset* and all keys below, parents first."""
        found, seen, depth = [offset], {offset}, 0
        level = [offset]
        while level:
            below: list[int] = []
            for each in level:
                cell = nk.parse(self._image, each)[0]
                children = subkeys.offsets(self._image, cell.subkey_list, cell.subkeys)
                if not seen.isdisjoint(children):
                    raise self._image.error("subkeys", offset, "a tree", "a cycle")
                seen.update(children)
                below += children
            depth += 1
            if depth > MAX_DEPTH:
                raise self._image.error("depth of key", offset, f"below {MAX_DEPTH}", depth)
            found += below
            level = below
        return found

    def _release_key(self, offset: int) -> None:
        cell = nk.parse(self._image, offset)[0]
        if cell.values and not cell.flags & PREDEF_HANDLE:
            for value in vk.offsets(self._image, cell.value_list, cell.values):
                self._values.release(value)
            self.allocator.release(cell.value_list)
        if cell.class_length:
            self.allocator.release(cell.class_name)
        if cell.subkeys:
            self._lists.release(cell.subkey_list)
        self._security.drop(cell.security)
        self.allocator.release(offset)


def fresh_key(
    *, parent: int, security: int, flags: int, stamp: int, name_length: int
) -> nk.KeyCell:
    """Return the fields of a key without subkeys, values or class name."""
    return nk.KeyCell(
        signature=nk.SIGNATURE,
        flags=flags,
        last_written=stamp,
        access=0,
        parent=parent,
        subkeys=0,
        volatile_subkeys=0,
        subkey_list=NONE,
        volatile_list=NONE,
        values=0,
        value_list=NONE,
        security=security,
        class_name=NONE,
        max_name=0,
        max_class=0,
        max_value_name=0,
        max_value_data=0,
        work=0,
        name_length=name_length,
        class_length=0,
    )


def check_name(name: str) -> None:
    """Raise unless *name* can name a key.

    Raises:
        UsageError: it is empty, has a backslash, or more than 255 UTF-16 units.
    """
    if not name or "\\" in name or names.width(name) > 2 * MAX_NAME:
        msg = f"a key name has 1 to {MAX_NAME} characters and no backslash: {name!r}"
        raise UsageError(msg)


def check_flags(flags: int) -> None:
    """Raise unless *flags* can stand on a disk.

    Raises:
        UsageError: they exceed 16 bits, or say the key is volatile.
    """
    if not 0 <= flags <= 0xFFFF or flags & KeyFlag.VOLATILE:
        msg = f"key flags are 16 bits without the volatile one, not {flags:#x}"
        raise UsageError(msg)

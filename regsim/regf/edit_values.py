"""Changing values: data in the offset field, in one cell, or in segments, whichever fits."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from regsim.errors import UsageError
from regsim.regf import bigdata, names, vk
from regsim.regf.layout import (
    INLINE,
    MAX_VALUE_NAME,
    NONE,
    PREDEF_HANDLE,
    SEGMENT_SIZE,
    VALUE_COMP_NAME,
)
from regsim.regf.nk import (
    LAST_WRITTEN_AT,
    MAX_VALUE_DATA_AT,
    MAX_VALUE_NAME_AT,
    VALUE_LIST_AT,
    VALUES_AT,
)
from regsim.regf.nk import parse as parse_key

if TYPE_CHECKING:
    from regsim.regf.alloc import Allocator
    from regsim.regf.nk import KeyCell
    from regsim.regf.vk import ValueCell

_MAX_SEGMENTS = 0xFFFF


class ValueCells:
    """Edits of values over one allocator."""

    def __init__(self, allocator: Allocator) -> None:
        self._cells = allocator
        self._image = allocator.image

    def set(
        self, key: int, name: str, kind: int, data: bytes, *, old: int | None, stamp: int
    ) -> int:
        """Create the value, or replace type and data of the one at *old*; return its cell."""
        cell = parse_key(self._image, key)[0]
        self._validate(cell, name, kind, data)
        if old is None:
            where = self._create(name, kind, data)
            self._append(key, cell.value_list if cell.values else NONE, cell.values, where)
        else:
            where = old
            self._replace(old, kind, data)
        self._cells.write_data(key, struct.pack("<Q", stamp), at=LAST_WRITTEN_AT)
        for at, most, size in (
            (MAX_VALUE_NAME_AT, cell.max_value_name, names.width(name)),
            (MAX_VALUE_DATA_AT, cell.max_value_data, len(data)),
        ):
            if size > most:
                self._cells.put_u32(key, at, size)
        return where

    def delete(self, key: int, value: int, stamp: int) -> None:
        """Free the value at cell *value* and take it out of the key's list."""
        cell = parse_key(self._image, key)[0]
        found = list(vk.offsets(self._image, cell.value_list, cell.values))
        found.remove(value)
        self.release(value)
        if found:
            packed = struct.pack(f"<{len(found)}I", *found)
            where = self._cells.store(cell.value_list, packed, slack=16)
        else:
            self._cells.release(cell.value_list)
            where = NONE
            self._cells.put_u32(key, MAX_VALUE_NAME_AT, 0)
            self._cells.put_u32(key, MAX_VALUE_DATA_AT, 0)
        self._cells.put_u32(key, VALUES_AT, len(found))
        self._cells.put_u32(key, VALUE_LIST_AT, where)
        self._cells.write_data(key, struct.pack("<Q", stamp), at=LAST_WRITTEN_AT)

    def release(self, value: int) -> None:
        """Free the value at cell *value* with its data, not touching any list."""
        self._release_data(vk.parse(self._image, value)[0])
        self._cells.release(value)

    def _validate(self, key: KeyCell, name: str, kind: int, data: bytes) -> None:
        if key.flags & PREDEF_HANDLE:
            msg = "a predefined-handle key cannot hold values"
            raise UsageError(msg)
        if names.width(name) > 2 * MAX_VALUE_NAME:
            msg = f"a value name has at most {MAX_VALUE_NAME} characters, not {len(name)}"
            raise UsageError(msg)
        if not 0 <= kind <= 0xFFFFFFFF:
            msg = f"a value type is a number of 32 bits, not {kind}"
            raise UsageError(msg)
        if self._image.big_data and bigdata.segment_count(len(data)) > _MAX_SEGMENTS:
            msg = f"a value holds at most {_MAX_SEGMENTS * SEGMENT_SIZE} bytes, not {len(data)}"
            raise UsageError(msg)

    def _create(self, name: str, kind: int, data: bytes) -> int:
        raw, compressed = names.encode(name, compress=not self._image.old_cells)
        size, where = self._store_data(data)
        flags = VALUE_COMP_NAME if compressed else 0
        head = vk.STRUCT.pack(vk.SIGNATURE, len(raw), size, where, kind, flags, 0)
        return self._cells.allocate(head + raw)

    def _append(self, key: int, list_offset: int, count: int, value: int) -> None:
        if list_offset == NONE:
            where = self._cells.allocate(struct.pack("<I", value))
        else:
            found = vk.offsets(self._image, list_offset, count)
            packed = struct.pack(f"<{count + 1}I", *found, value)
            where = self._cells.store(list_offset, packed, slack=min(len(packed) // 4, 512))
        self._cells.put_u32(key, VALUES_AT, count + 1)
        self._cells.put_u32(key, VALUE_LIST_AT, where)

    def _replace(self, offset: int, kind: int, data: bytes) -> None:
        cell = vk.parse(self._image, offset)[0]
        if not self._overwrite(cell, data):
            self._release_data(cell)
            size, where = self._store_data(data)
            cell = cell._replace(data_size=size, data=where)
        elif len(data) > 4:
            cell = cell._replace(data_size=len(data))
        self._cells.write_data(offset, vk.STRUCT.pack(*cell._replace(type=kind)))

    def _overwrite(self, cell: ValueCell, data: bytes) -> bool:
        """Put *data* where the old data is, if it is stored the same way and fits."""
        size = vk.size_of(cell)
        if cell.data_size & INLINE or not size or len(data) <= 4:
            return False
        if vk.is_big(self._image, size) or vk.is_big(self._image, len(data)):
            return self._overwrite_segments(cell, data)
        capacity = self._cells.capacity(cell.data)
        if not len(data) <= capacity < 2 * len(data) + 64:
            return False
        self._cells.write_data(cell.data, data)
        return True

    def _overwrite_segments(self, cell: ValueCell, data: bytes) -> bool:
        size = vk.size_of(cell)
        both = vk.is_big(self._image, size) and vk.is_big(self._image, len(data))
        if not both or bigdata.segment_count(size) != bigdata.segment_count(len(data)):
            return False
        found = bigdata.segments(self._image, cell.data, size)[1]
        if self._cells.capacity(found[-1]) < (len(data) - 1) % SEGMENT_SIZE + 1:
            return False
        for index, segment in enumerate(found):
            piece = data[index * SEGMENT_SIZE : (index + 1) * SEGMENT_SIZE]
            self._cells.write_data(segment, piece)
        return True

    def _store_data(self, data: bytes) -> tuple[int, int]:
        """Store *data* anew; return the value's data size and data offset fields."""
        if len(data) <= 4:
            return len(data) | INLINE, int.from_bytes(data.ljust(4, b"\0"), "little")
        if not vk.is_big(self._image, len(data)):
            return len(data), self._cells.allocate(data)
        # Windows gives the last segment a full cell too (observed); hivex loses data otherwise.
        pieces = [
            self._cells.allocate(data[at : at + SEGMENT_SIZE], room=SEGMENT_SIZE)
            for at in range(0, len(data), SEGMENT_SIZE)
        ]
        listed = self._cells.allocate(struct.pack(f"<{len(pieces)}I", *pieces))
        head = bigdata.STRUCT.pack(bigdata.SIGNATURE, len(pieces), listed)
        return len(data), self._cells.allocate(head)

    def _release_data(self, cell: ValueCell) -> None:
        size = vk.size_of(cell)
        if cell.data_size & INLINE or not size:
            return
        if vk.is_big(self._image, size):
            listed, pieces = bigdata.segments(self._image, cell.data, size)
            for each in (*pieces, listed):
                self._cells.release(each)
        self._cells.release(cell.data)

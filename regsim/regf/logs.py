"""Transaction logs: the old format with a map of dirty sectors, and the new one with entries."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

import attrs

from regsim.errors import HiveFormatError
from regsim.regf.baseblock import BaseBlock
from regsim.regf.hash import marvin32
from regsim.regf.layout import MAX_DATA_SIZE, PAGE, SECTOR, FileType

if TYPE_CHECKING:
    from collections.abc import Iterator

DIRTY_VECTOR: Final = b"DIRT"
ENTRY: Final = b"HvLE"
ENTRY_STRUCT: Final = struct.Struct("<4sIIIIIQQ")
_REFERENCE: Final = struct.Struct("<II")


@attrs.frozen(kw_only=True)
class Page:
    """A piece of bins data that a log carries."""

    offset: int
    """Where it goes, from the start of the bins data."""
    data: bytes = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class LogEntry:
    """One entry of a new-format log: what one flush wrote."""

    sequence: int
    data_size: int
    flags: int
    pages: tuple[Page, ...]


@attrs.frozen(kw_only=True)
class Log:
    """A log as far as it can be trusted."""

    name: str
    base: BaseBlock
    head: bytes = attrs.field(repr=False)
    """The first sector: a copy of the hive's base block."""
    entries: tuple[LogEntry, ...]
    """New format: the entries that follow each other without a fault. Old: one, made of it all."""
    stopped: str = ""
    """Why reading ended before the end of the file; ``""`` when nothing was wrong."""

    @property
    def new_format(self) -> bool:
        """True for Windows 8.1 and later."""
        return self.base.file_type == FileType.LOG_NEW


def parse_log(data: bytes, name: str) -> Log:
    """Return the log in *data*; entries behind the first bad one are left out, as Windows does.

    Raises:
        HiveFormatError: its base block is not that of a complete log: wrong type or checksum,
            sequence numbers that differ (the write of the log did not end), or no dirty vector.
    """
    base = BaseBlock.parse(data, file=name)
    checks = (
        (base.checksum_ok, "checksum", 508, "the XOR of bytes 0 to 507", "another"),
        (base.file_type in {1, 2, 6}, "file type", 28, "1, 2 or 6 (a log)", base.file_type),
        (base.sequences_match, "sequence number", 8, base.primary_seq, base.secondary_seq),
        (base.data_size % PAGE == 0, "bins data size", 40, "whole pages", base.data_size),
        (base.data_size <= MAX_DATA_SIZE, "bins data size", 40, "below 2 GiB", base.data_size),
    )
    for ok, what, offset, expected, actual in checks:
        if not ok:
            raise HiveFormatError(what, offset=offset, expected=expected, actual=actual, file=name)
    if base.file_type == FileType.LOG_NEW:
        entries, stopped = _read_entries(data, base.primary_seq)
    else:
        entries, stopped = (_read_old(data, base, name),), ""
    return Log(name=name, base=base, head=bytes(data[:SECTOR]), entries=entries, stopped=stopped)


# -- the new format -------------------------------------------------------------------------


def _read_entries(data: bytes, expected: int) -> tuple[tuple[LogEntry, ...], str]:
    entries: list[LogEntry] = []
    at = SECTOR
    while at + ENTRY_STRUCT.size <= len(data):
        signature, size, flags, sequence, data_size, count, body, head = ENTRY_STRUCT.unpack_from(
            data, at
        )
        if signature != ENTRY:
            return tuple(entries), ""
        fault = _entry_fault(data, at, size, count, sequence, expected, data_size)
        fault = fault or _hash_fault(data, at, size, (body, head))
        pages = None if fault else _entry_pages(data, at, size, count, data_size)
        if pages is None:
            return tuple(entries), f"entry at {at:#x}: {fault or 'a page leaves the hive'}"
        entries.append(LogEntry(sequence=sequence, data_size=data_size, flags=flags, pages=pages))
        expected = (sequence + 1) & 0xFFFFFFFF
        at += size
    return tuple(entries), ""


def _entry_fault(
    data: bytes, at: int, size: int, count: int, sequence: int, expected: int, data_size: int
) -> str:
    if size < SECTOR or size % SECTOR or at + size > len(data):
        return f"size {size} is not whole sectors inside the file"
    if sequence != expected:
        return f"sequence number {sequence}, expected {expected}: remains of earlier use"
    if data_size % PAGE or not 0 < data_size <= MAX_DATA_SIZE:
        return f"hive size {data_size} is not whole pages"
    if ENTRY_STRUCT.size + count * _REFERENCE.size > size:
        return f"{count} pages do not fit"
    return ""


def _hash_fault(data: bytes, at: int, size: int, stored: tuple[int, int]) -> str:
    if marvin32(data[at : at + 32]) != stored[1]:
        return "second hash differs"
    return "" if marvin32(data[at + 40 : at + size]) == stored[0] else "first hash differs"


def _entry_pages(
    data: bytes, at: int, size: int, count: int, data_size: int
) -> tuple[Page, ...] | None:
    references = at + ENTRY_STRUCT.size
    position, end = references + count * _REFERENCE.size, at + size
    pages = []
    for index in range(count):
        where, length = _REFERENCE.unpack_from(data, references + index * _REFERENCE.size)
        if position + length > end or where + length > data_size:
            return None
        pages.append(Page(offset=where, data=bytes(data[position : position + length])))
        position += length
    return tuple(pages)


def pack_entry(sequence: int, data_size: int, flags: int, pages: list[Page]) -> bytes:
    """Return one new-format entry: hashed, padded to whole sectors."""
    references = b"".join(_REFERENCE.pack(page.offset, len(page.data)) for page in pages)
    body = references + b"".join(page.data for page in pages)
    size = -(-(ENTRY_STRUCT.size + len(body)) // SECTOR) * SECTOR
    body = body.ljust(size - ENTRY_STRUCT.size, b"\0")
    head = struct.pack(
        "<4sIIIIIQ", ENTRY, size, flags & 1, sequence, data_size, len(pages), marvin32(body)
    )
    return head + struct.pack("<Q", marvin32(head)) + body


# -- the old format -------------------------------------------------------------------------


def _read_old(data: bytes, base: BaseBlock, name: str) -> LogEntry:
    sector = max(1, base.clustering) * SECTOR
    signature = bytes(data[sector : sector + 4])
    if signature != DIRTY_VECTOR:
        raise HiveFormatError(
            "dirty vector signature",
            offset=sector,
            expected=DIRTY_VECTOR,
            actual=signature,
            file=name,
        )
    length = base.data_size // SECTOR // 8
    bitmap = data[sector + 4 : sector + 4 + length]
    if len(bitmap) < length:
        raise HiveFormatError(
            "dirty vector", offset=sector, expected=f"{length} bytes", actual=len(bitmap), file=name
        )
    position = -(-(sector + 4 + length) // sector) * sector
    pages = []
    for start, end in _runs(bitmap):
        size = (end - start) * SECTOR
        if position + size > len(data):
            raise HiveFormatError(
                "dirty pages",
                offset=position,
                expected=f"{size} bytes",
                actual=len(data) - position,
                file=name,
            )
        piece = bytes(data[position : position + size])
        pages.append(Page(offset=start * SECTOR, data=piece))
        position += size
    return LogEntry(
        sequence=base.primary_seq, data_size=base.data_size, flags=base.flags, pages=tuple(pages)
    )


def _runs(bitmap: bytes) -> Iterator[tuple[int, int]]:
    """Yield (first, behind the last) of each run of set bits; the lowest bit comes first."""
    start = None
    for index, byte in enumerate(bitmap):
        if byte == 0 and start is None:
            continue
        for bit in range(8):
            dirty = byte >> bit & 1
            here = index * 8 + bit
            if dirty and start is None:
                start = here
            elif not dirty and start is not None:
                yield start, here
                start = None
    if start is not None:
        yield start, len(bitmap) * 8


def pack_old(data_size: int, pages: list[Page]) -> bytes:
    """Return dirty vector and dirty pages of an old-format log, as they stand behind its head.

    Pages are whole 4,096-byte blocks, so the vector's bytes are 0x00 and 0xFF as Windows' are.
    """
    bitmap = bytearray(data_size // SECTOR // 8)
    for page in pages:
        for number in range(page.offset // PAGE, (page.offset + len(page.data)) // PAGE):
            bitmap[number] = 0xFF
    vector = DIRTY_VECTOR + bytes(bitmap)
    padded = vector.ljust(-(-len(vector) // SECTOR) * SECTOR, b"\0")
    return padded + b"".join(page.data for page in pages)

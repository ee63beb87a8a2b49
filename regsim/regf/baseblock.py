"""The base block: the first 4,096 bytes of a hive, and the first sector of each of its logs."""

from __future__ import annotations

import functools
import mmap
import operator
import struct
from typing import Final

import attrs

from regsim.errors import HiveFormatError
from regsim.regf.layout import (
    BASE_BLOCK_SIZE,
    MAX_DATA_SIZE,
    MINOR_VERSIONS,
    PAGE,
    SECTOR,
    FileType,
)

SIGNATURE: Final = b"regf"
_FIELDS: Final = struct.Struct("<4sIIQIIIIIII")
_NAME_AT: Final = 48
_NAME_SIZE: Final = 64
_FLAGS_AT: Final = 144
_CHECKSUM_AT: Final = 508
_PRIMARY: Final = "0 (a hive, not one of its logs)"


def checksum(block: bytes | bytearray | memoryview) -> int:
    """Return the XOR-32 of the first 508 bytes; never 0 or 0xFFFFFFFF (spec, note 2)."""
    words: tuple[int, ...] = struct.unpack_from("<127I", block)
    value = functools.reduce(operator.xor, words)
    return {0: 1, 0xFFFFFFFF: 0xFFFFFFFE}.get(value, value)


def refuse_other(head: bytes | bytearray | memoryview | mmap.mmap, file: str | None) -> None:
    """Do nothing if *head* begins as a hive does; too few bytes to tell are for others to judge.

    Raises:
        HiveFormatError: the signature is not ``regf``.
    """
    signature = bytes(head[:4])
    if not SIGNATURE.startswith(signature):
        raise HiveFormatError(
            "base block signature", offset=0, expected=SIGNATURE, actual=signature, file=file
        )


@attrs.frozen(kw_only=True)
class BaseBlock:
    """The fields of a base block that mean something on a disk."""

    primary_seq: int
    """Raised by one when a write begins."""
    secondary_seq: int
    """Raised by one when a write ends; a clean hive has both equal."""
    last_written: int
    """FILETIME: 100 ns since 1601 UTC. Windows 8.1 and later leave it alone (spec)."""
    major: int = 1
    minor: int
    file_type: int = FileType.PRIMARY
    file_format: int = 1
    root: int
    """Cell offset of the root key."""
    data_size: int
    """Bytes of hive bins data."""
    clustering: int = 1
    """Sector size divided by 512."""
    name: str = ""
    """The tail of the path the hive had when it was written; at most 32 UTF-16 units."""
    flags: int = 0
    """Bit 0: transactions are pending. Bit 1: the hive supports layered keys (spec)."""
    checksum_ok: bool = True

    @property
    def sequences_match(self) -> bool:
        """True when the last write to the file ended."""
        return self.primary_seq == self.secondary_seq

    @property
    def clean(self) -> bool:
        """True when the file needs no recovery: valid checksum, equal sequence numbers."""
        return self.checksum_ok and self.sequences_match

    @classmethod
    def parse(cls, block: bytes | bytearray | memoryview, *, file: str | None = None) -> BaseBlock:
        """Return the fields of *block*, judging only what makes them readable.

        Raises:
            HiveFormatError: fewer than 512 bytes, or the signature is not ``regf``.
        """
        refuse_other(block, file)
        if len(block) < SECTOR:
            size = len(block)
            raise HiveFormatError("file size", offset=0, expected=">= 512", actual=size, file=file)
        _, *numbers = _FIELDS.unpack_from(block)
        return cls(
            **dict(zip(_NUMBERS, numbers, strict=True)),
            name=_parse_name(bytes(block[_NAME_AT : _NAME_AT + _NAME_SIZE])),
            flags=struct.unpack_from("<I", block, _FLAGS_AT)[0],
            checksum_ok=struct.unpack_from("<I", block, _CHECKSUM_AT)[0] == checksum(block),
        )

    def faults(self, file_size: int, *, file: str | None = None) -> list[HiveFormatError]:
        """Return every violation of a primary file's base block, in the order of its fields.

        The sequence numbers are not judged: a dirty hive is well formed.
        """
        fits = file_size - BASE_BLOCK_SIZE
        checks = (
            (self.major == 1, "major version", 20, 1, self.major),
            (self.minor in MINOR_VERSIONS, "minor version", 24, "1 to 6", self.minor),
            (self.file_type == FileType.PRIMARY, "file type", 28, _PRIMARY, self.file_type),
            (self.file_format == 1, "file format", 32, 1, self.file_format),
            (self.root % 8 == 0, "root cell offset", 36, "a multiple of 8", self.root),
            (self.root < self.data_size, "root cell offset", 36, "inside the data", self.root),
            (self.data_size % PAGE == 0, "bins data size", 40, "whole pages", self.data_size),
            (self.data_size > 0, "bins data size", 40, "not zero", self.data_size),
            (self.data_size <= MAX_DATA_SIZE, "bins data size", 40, "below 2 GiB", self.data_size),
            (self.data_size <= fits, "bins data size", 40, f"at most {fits}", self.data_size),
            (self.checksum_ok, "checksum", _CHECKSUM_AT, "the XOR of bytes 0 to 507", "another"),
        )
        return [
            HiveFormatError(what, offset=offset, expected=expected, actual=actual, file=file)
            for ok, what, offset, expected, actual in checks
            if not ok
        ]

    def pack_into(self, block: bytearray) -> None:
        """Write the fields and the right checksum into *block*, leaving all other bytes alone."""
        numbers = (getattr(self, name) for name in _NUMBERS)
        _FIELDS.pack_into(block, 0, SIGNATURE, *numbers)
        struct.pack_into("<I", block, _FLAGS_AT, self.flags)
        struct.pack_into("<I", block, _CHECKSUM_AT, checksum(block))

    def pack(self) -> bytearray:
        """Return a fresh 4,096-byte block with these fields and this name."""
        block = bytearray(BASE_BLOCK_SIZE)
        raw = self.name.encode("utf-16-le", "surrogatepass")[-(_NAME_SIZE - 2) :]
        block[_NAME_AT : _NAME_AT + len(raw)] = raw
        self.pack_into(block)
        return block


_NUMBERS: Final = (
    "primary_seq",
    "secondary_seq",
    "last_written",
    "major",
    "minor",
    "file_type",
    "file_format",
    "root",
    "data_size",
    "clustering",
)


def _parse_name(raw: bytes) -> str:
    """Return the embedded file name up to its first NUL; garbage decodes to replacements."""
    return raw.decode("utf-16-le", "replace").partition("\0")[0]

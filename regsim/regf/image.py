"""The bytes of one hive: bounded reads of cells, and the violations met on the way."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Final, TypeAlias

from regsim.accel import NATIVE
from regsim.errors import HiveFormatError
from regsim.regf.baseblock import BaseBlock, refuse_other
from regsim.regf.layout import (
    BASE_BLOCK_SIZE,
    BIN_HEADER_SIZE,
    MAX_DATA_SIZE,
    NONE,
    PAGE,
    FileType,
    Mode,
)
from regsim.regf.problems import ProblemLog

ImageBytes: TypeAlias = bytes | bytearray | mmap.mmap

_SIZE: Final = struct.Struct("<i").unpack_from
_OFFSET: Final = struct.Struct("<I").unpack_from
_BIN: Final = struct.Struct("<4sII").unpack_from
_SMALLEST: Final = BASE_BLOCK_SIZE + PAGE
_LOGS: Final = frozenset({FileType.LOG_XP, FileType.LOG_NT, FileType.LOG_NEW})


class Image:
    """A hive's file image, with the checks that every read of a cell goes through.

    Args:
        buffer: the whole file; kept, not copied.
        mode: whether the first violation raises or is listed.
        file: the file's name, for messages.
    """

    def __init__(
        self, buffer: ImageBytes, *, mode: Mode = Mode.STRICT, file: str | None = None
    ) -> None:
        self.buffer, self.mode, self.file = buffer, mode, file
        self.problems = ProblemLog()
        self.notes = ProblemLog()
        self._extent: int | None = None
        refuse_other(buffer, file)
        if len(buffer) < _SMALLEST:
            raise self.error("file size", 0, f"at least {_SMALLEST} bytes", len(buffer), whole=True)
        self.base = BaseBlock.parse(buffer[:BASE_BLOCK_SIZE], file=file)
        if self.base.file_type in _LOGS and self.base.checksum_ok:
            kind = f"{self.base.file_type}, a transaction log: give it to the hive it belongs to"
            raise self.error("file type", 28, "0, a primary file", kind, whole=True)
        for fault in self.base.faults(len(buffer), file=file):
            self.report(fault)
        room = (len(buffer) - BASE_BLOCK_SIZE) // PAGE * PAGE
        self.data_size = min(self.base.data_size, room) or room
        minor = self._minor()
        self.old_cells = minor == 1
        self.cell_header = 8 if self.old_cells else 4
        self.align = 16 if self.old_cells else 8
        self.big_data = minor > 3

    @property
    def salvage(self) -> bool:
        """True when violations are listed instead of raised."""
        return self.mode is Mode.SALVAGE

    @property
    def plain(self) -> bool:
        """True when C may read ahead: it stops at what would be told, and knows no NT 3.1 cells."""
        return (
            NATIVE is not None
            and self.mode is not Mode.SALVAGE
            and not self.old_cells
            and self.data_size <= MAX_DATA_SIZE
        )

    def _minor(self) -> int:
        """Return the version to read by: the base block's, or in salvage what the root key shows.

        A torn base block may say anything. In NT 3.1's cells (1.1) a key begins four bytes later
        than in all others, and lists of the kind ``lh`` came with 1.5 (spec).
        """
        minor, at = self.base.minor, self.base.root + BASE_BLOCK_SIZE
        if not self.salvage or at + 48 > len(self.buffer):
            return minor
        if self.buffer[at + 8 : at + 10] == b"nk" != self.buffer[at + 4 : at + 6]:
            found = 1
        elif self.buffer[at + 4 : at + 6] != b"nk":
            return minor
        else:
            (below,) = _OFFSET(self.buffer, at + 32)
            listed = below + BASE_BLOCK_SIZE + 4
            later = self.buffer[listed : listed + 2] == b"lh"
            found = max(minor, 5) if later and not 3 < minor < 7 else minor
            if not 1 < found < 7:
                found = 3
        if found != minor:
            actual = f"1.{minor}, but the root key is laid out as in 1.{found}"
            self.report(self.error("minor version", 24, "that of the cells", actual, whole=True))
        return min(found, 6)

    @property
    def extent(self) -> int:
        """How many bytes of bins there may be: as the base block says, or all that salvage sees."""
        if not self.salvage:
            return self.data_size
        if self._extent is None:
            end, room = 0, len(self.buffer) - BASE_BLOCK_SIZE
            while end + PAGE <= room:
                signature, own, size = _BIN(self.buffer, end + BASE_BLOCK_SIZE)
                whole = size and not size % PAGE and end + size <= room
                if signature != b"hbin" or own != end or not whole:
                    break
                end += size
            self._extent = end
        return max(self._extent, self.data_size)

    def _extend(self) -> bool:
        """Take all bins that follow each other as part of the hive; return whether there are more.

        Called in salvage when something in the hive refers to what lies behind the size in the base
        block: without that the bins there may be left from a time when the hive was longer.
        """
        end = self.extent
        if end <= self.data_size:
            return False
        actual = f"{self.data_size:#x}, but bins in use go on"
        self.data_size = end
        self.report(self.error("bins data size", 40, f"{end:#x}", actual, whole=True))
        return True

    def require_whole(self) -> None:
        """Raise if the file is shorter than its base block says, in salvage mode too.

        Raises:
            HiveFormatError: it was cut short.
        """
        room = len(self.buffer) - BASE_BLOCK_SIZE
        if self.base.data_size > room:
            what, actual = "bins data size", f"{self.base.data_size}: the file is cut short"
            raise self.error(what, 40, f"at most {room}", actual, whole=True)

    def error(
        self, what: str, offset: int, expected: object, actual: object, *, whole: bool = False
    ) -> HiveFormatError:
        """Return the error for a field at cell offset *offset* (or file offset, if *whole*)."""
        return HiveFormatError(
            what,
            offset=offset if whole else offset + BASE_BLOCK_SIZE,
            expected=expected,
            actual=actual,
            file=self.file,
        )

    def report(self, error: HiveFormatError) -> None:
        """Raise *error* in strict mode; list it and go on in salvage mode."""
        if not self.salvage:
            raise error
        self.problems.add(error)

    def clip(self, what: str, offset: int, claimed: int, room: int) -> int:
        """Return *claimed*, or report it and return *room* when it exceeds that."""
        if claimed <= room:
            return claimed
        self.report(self.error(what, offset, f"at most {room}", claimed))
        return room

    def cell(self, offset: int, what: str) -> tuple[int, int]:
        """Return (position in the file, length) of the data of the allocated cell at *offset*.

        Raises:
            HiveFormatError: the offset is not that of an allocated cell inside the bins data.
        """
        if offset < BIN_HEADER_SIZE or offset % self.align or offset + 8 > self.data_size:
            if offset >= self.data_size and offset != NONE and self._extend():
                return self.cell(offset, what)
            raise self._bad_offset(offset, what)
        size = -_SIZE(self.buffer, offset + BASE_BLOCK_SIZE)[0]
        if size < self.align or size % self.align or offset + size > self.data_size:
            if size > self.data_size - offset and self._extend():
                return self.cell(offset, what)
            raise self._bad_size(offset, size, what)
        header = self.cell_header
        return offset + BASE_BLOCK_SIZE + header, size - header

    def _bad_offset(self, offset: int, what: str) -> HiveFormatError:
        expected = f"a cell below {self.data_size:#x}, aligned to {self.align}"
        return self.error(f"offset of {what}", offset, expected, hex(offset))

    def _bad_size(self, offset: int, size: int, what: str) -> HiveFormatError:
        if size <= 0:
            return self.error(f"cell of {what}", offset, "allocated (a negative size)", -size)
        expected = f"a multiple of {self.align} that ends inside the data"
        return self.error(f"cell size of {what}", offset, expected, size)

    def thaw(self) -> bytearray:
        """Return the buffer as one that can be written, copying it (and closing a map) once."""
        if not isinstance(self.buffer, bytearray):
            thawed = bytearray(self.buffer)
            self.close()
            self.buffer = thawed
        return self.buffer

    def close_map_of(self, path: Path) -> None:
        """Read a mapped file into memory if *path* is it: Windows cannot replace a mapped file."""
        if not isinstance(self.buffer, mmap.mmap) or not self.file:
            return
        if path.exists() and Path(self.file).exists() and path.samefile(self.file):
            data = bytes(self.buffer)
            self.close()
            self.buffer = data

    @property
    def closed(self) -> bool:
        """Whether its file was mapped and has been let go of."""
        return isinstance(self.buffer, mmap.mmap) and self.buffer.closed

    def close(self) -> None:
        """Let go of a mapped file; an image in memory is left as it is."""
        if isinstance(self.buffer, mmap.mmap):
            self.buffer.close()

"""Numbers that every part of the codec shares: sizes, flags, limits and where they come from.

Source, unless a line says otherwise: msuhanov/regf, *Windows registry file format specification*
(grade: documented there from observation of Windows; below "spec").
"""

from __future__ import annotations

import enum
from typing import Final

BASE_BLOCK_SIZE: Final = 4096
"""Bytes before the hive bins data; every cell offset counts from there."""
PAGE: Final = 4096
"""Bin sizes are multiples of this, and Windows tracks dirty data in such blocks (spec)."""
SECTOR: Final = 512
"""The unit of both log formats, and the write that a disk is assumed to do whole."""
BIN_HEADER_SIZE: Final = 32
NONE: Final = 0xFFFFFFFF
"""A cell offset that points nowhere."""
MAX_DATA_SIZE: Final = 0x7FFFF000
"""Bytes of hive bins data at most: bit 31 of an offset marks volatile storage (inferred)."""
SEGMENT_SIZE: Final = 16344
"""Bytes in each big-data segment but the last; larger values need ``db`` (spec)."""
INLINE: Final = 0x80000000
"""Set in a value's data size when up to four bytes live in its data offset (spec)."""
MAX_DEPTH: Final = 512
"""Levels of keys (documented: Microsoft, *Registry element size limits*)."""
MAX_NAME: Final = 255
"""UTF-16 units in a key name (documented: Microsoft, *Registry element size limits*)."""
MAX_VALUE_NAME: Final = 16383
"""UTF-16 units in a value name (documented: Microsoft, *Registry element size limits*)."""
MINOR_VERSIONS: Final = (1, 2, 3, 4, 5, 6)
"""1: NT 3.1; 2: NT 3.5; 3: NT 3.51 to 10; 4: XP betas; 5: XP and later; 6: differencing (spec)."""


class KeyFlag(enum.IntFlag):
    """Bits of a key's flags (spec, "Key node")."""

    VOLATILE = 0x0001
    HIVE_EXIT = 0x0002
    HIVE_ENTRY = 0x0004
    NO_DELETE = 0x0008
    SYM_LINK = 0x0010
    COMP_NAME = 0x0020
    PREDEF_HANDLE = 0x0040


COMP_NAME: Final = 0x0020
"""A key's name is stored one byte a character (Latin-1, "extended ASCII" in the spec)."""
PREDEF_HANDLE: Final = 0x0040
"""A key's value count holds a handle, so the key has no values."""
VALUE_COMP_NAME: Final = 0x0001
"""A value's name is stored one byte a character."""


class Mode(enum.Enum):
    """How a reader treats a violation of the format."""

    STRICT = "strict"
    """The first violation raises :class:`~regsim.errors.HiveFormatError`."""
    SALVAGE = "salvage"
    """All that can be read is read, and every violation is listed."""


class FileType(enum.IntEnum):
    """What a base block says its file is (spec, "Base block")."""

    PRIMARY = 0
    LOG_XP = 1
    LOG_NT = 2
    LOG_NEW = 6

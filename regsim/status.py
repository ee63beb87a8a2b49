"""NTSTATUS and Win32 codes, and the table that turns the one into the other.

The numbers are Microsoft's public ones (MS-ERREF; ``ntstatus.h`` and ``winerror.h`` as the Windows
SDK documents them). Grade: documented.
"""

from __future__ import annotations

import enum
from typing import Final


class _Code(enum.IntEnum):
    """A number that shows itself by its name."""

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        number = f"{self.value:#010x}" if self.value >= 0x40000000 else f"{self.value}"
        return f"<{self.name} {number}>"


class NtStatus(_Code):
    """What the kernel answers."""

    SUCCESS = 0x00000000
    PENDING = 0x00000103
    NO_MORE_ENTRIES = 0x8000001A
    BUFFER_OVERFLOW = 0x80000005
    UNSUCCESSFUL = 0xC0000001
    NOT_IMPLEMENTED = 0xC0000002
    INVALID_HANDLE = 0xC0000008
    INVALID_PARAMETER = 0xC000000D
    ACCESS_DENIED = 0xC0000022
    OBJECT_TYPE_MISMATCH = 0xC0000024
    OBJECT_NAME_INVALID = 0xC0000033
    OBJECT_NAME_NOT_FOUND = 0xC0000034
    OBJECT_NAME_COLLISION = 0xC0000035
    OBJECT_PATH_NOT_FOUND = 0xC000003A
    OBJECT_PATH_SYNTAX_BAD = 0xC000003B
    SHARING_VIOLATION = 0xC0000043
    PRIVILEGE_NOT_HELD = 0xC0000061
    INSUFFICIENT_RESOURCES = 0xC000009A
    NOT_SUPPORTED = 0xC00000BB
    BAD_NETWORK_PATH = 0xC00000BE
    NAME_TOO_LONG = 0xC0000106
    CANNOT_DELETE = 0xC0000121
    REGISTRY_CORRUPT = 0xC000014C
    KEY_DELETED = 0xC000017C
    CHILD_MUST_BE_VOLATILE = 0xC0000181
    HIVE_UNLOADED = 0xC0000425

    @property
    def ok(self) -> bool:
        """True for success codes, among them PENDING."""
        return self < 0x80000000


class Win32Error(_Code):
    """What a Win32 function returns."""

    SUCCESS = 0
    INVALID_FUNCTION = 1
    FILE_NOT_FOUND = 2
    PATH_NOT_FOUND = 3
    ACCESS_DENIED = 5
    INVALID_HANDLE = 6
    SHARING_VIOLATION = 32
    NOT_SUPPORTED = 50
    BAD_NETPATH = 53
    INVALID_PARAMETER = 87
    CALL_NOT_IMPLEMENTED = 120
    INVALID_NAME = 123
    BAD_PATHNAME = 161
    ALREADY_EXISTS = 183
    FILENAME_EXCED_RANGE = 206
    MORE_DATA = 234
    NO_MORE_ITEMS = 259
    IO_PENDING = 997
    BADDB = 1009
    BADKEY = 1010
    CANTOPEN = 1011
    CANTREAD = 1012
    CANTWRITE = 1013
    REGISTRY_CORRUPT = 1015
    KEY_DELETED = 1018
    KEY_HAS_CHILDREN = 1020
    CHILD_MUST_BE_VOLATILE = 1021
    PRIVILEGE_NOT_HELD = 1314
    NO_SYSTEM_RESOURCES = 1450
    DATATYPE_MISMATCH = 1629
    UNSUPPORTED_TYPE = 1630
    GEN_FAILURE = 31


_TO_WIN32: Final = {
    NtStatus.SUCCESS: Win32Error.SUCCESS,
    NtStatus.PENDING: Win32Error.IO_PENDING,
    NtStatus.NO_MORE_ENTRIES: Win32Error.NO_MORE_ITEMS,
    NtStatus.BUFFER_OVERFLOW: Win32Error.MORE_DATA,
    NtStatus.UNSUCCESSFUL: Win32Error.GEN_FAILURE,
    NtStatus.NOT_IMPLEMENTED: Win32Error.INVALID_FUNCTION,
    NtStatus.INVALID_HANDLE: Win32Error.INVALID_HANDLE,
    NtStatus.INVALID_PARAMETER: Win32Error.INVALID_PARAMETER,
    NtStatus.ACCESS_DENIED: Win32Error.ACCESS_DENIED,
    NtStatus.OBJECT_TYPE_MISMATCH: Win32Error.INVALID_HANDLE,
    NtStatus.OBJECT_NAME_INVALID: Win32Error.INVALID_NAME,
    NtStatus.OBJECT_NAME_NOT_FOUND: Win32Error.FILE_NOT_FOUND,
    NtStatus.OBJECT_NAME_COLLISION: Win32Error.ALREADY_EXISTS,
    NtStatus.OBJECT_PATH_NOT_FOUND: Win32Error.PATH_NOT_FOUND,
    NtStatus.OBJECT_PATH_SYNTAX_BAD: Win32Error.BAD_PATHNAME,
    NtStatus.SHARING_VIOLATION: Win32Error.SHARING_VIOLATION,
    NtStatus.PRIVILEGE_NOT_HELD: Win32Error.PRIVILEGE_NOT_HELD,
    NtStatus.INSUFFICIENT_RESOURCES: Win32Error.NO_SYSTEM_RESOURCES,
    NtStatus.NOT_SUPPORTED: Win32Error.NOT_SUPPORTED,
    NtStatus.BAD_NETWORK_PATH: Win32Error.BAD_NETPATH,
    NtStatus.NAME_TOO_LONG: Win32Error.FILENAME_EXCED_RANGE,
    NtStatus.CANNOT_DELETE: Win32Error.ACCESS_DENIED,
    NtStatus.REGISTRY_CORRUPT: Win32Error.REGISTRY_CORRUPT,
    NtStatus.KEY_DELETED: Win32Error.KEY_DELETED,
    NtStatus.CHILD_MUST_BE_VOLATILE: Win32Error.CHILD_MUST_BE_VOLATILE,
    # Documented for KEY_DELETED; for a force-unloaded hive regsim gives the same Win32 code.
    # facts: Procmon shows HIVE_UNLOADED on Windows 7 and later. Grade: inferred.
    NtStatus.HIVE_UNLOADED: Win32Error.KEY_DELETED,
}


def to_win32(status: NtStatus) -> Win32Error:
    """Return the Win32 code for *status*, as RtlNtStatusToDosError does.

    Every member of `NtStatus` has an entry.
    """
    return _TO_WIN32[status]

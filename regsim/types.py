"""The ids, flags and small records that every layer shares."""

from __future__ import annotations

import enum
from typing import Final, NewType

import attrs

Handle = NewType("Handle", int)
"""A slot value in one process's handle table, or a predefined key's number; never an object id."""
Pid = NewType("Pid", int)
Tid = NewType("Tid", int)
HiveId = NewType("HiveId", int)
ObjectId = NewType("ObjectId", int)
Sid = NewType("Sid", str)
"""A security identifier in its text form, such as ``S-1-5-18``."""

LOCAL_SYSTEM: Final = Sid("S-1-5-18")
NO_HANDLE: Final = Handle(0)
SECOND: Final = 10_000_000
"""One second in FILETIME units of 100 ns."""


class ValueType(enum.IntEnum):
    """The registered types of a value; a hive may hold any other 32-bit number too."""

    NONE = 0
    SZ = 1
    EXPAND_SZ = 2
    BINARY = 3
    DWORD = 4
    DWORD_BIG_ENDIAN = 5
    LINK = 6
    MULTI_SZ = 7
    RESOURCE_LIST = 8
    FULL_RESOURCE_DESCRIPTOR = 9
    RESOURCE_REQUIREMENTS_LIST = 10
    QWORD = 11


class Access(enum.IntFlag):
    """Rights that a handle carries (MSDN "Registry Key Security and Access Rights", documented)."""

    NONE = 0
    QUERY_VALUE = 0x0001
    SET_VALUE = 0x0002
    CREATE_SUB_KEY = 0x0004
    ENUMERATE_SUB_KEYS = 0x0008
    NOTIFY = 0x0010
    CREATE_LINK = 0x0020
    WOW64_64KEY = 0x0100
    WOW64_32KEY = 0x0200
    DELETE = 0x10000
    READ_CONTROL = 0x20000
    WRITE_DAC = 0x40000
    WRITE_OWNER = 0x80000
    MAXIMUM_ALLOWED = 0x02000000
    READ = 0x20019
    WRITE = 0x20006
    ALL = 0xF003F
    GENERIC_ALL = 0x10000000
    GENERIC_EXECUTE = 0x20000000
    GENERIC_WRITE = 0x40000000
    GENERIC_READ = 0x80000000


class PredefinedKey(enum.IntEnum):
    """The handle numbers that stand for a root (winreg.h; documented)."""

    CLASSES_ROOT = 0x80000000
    CURRENT_USER = 0x80000001
    LOCAL_MACHINE = 0x80000002
    USERS = 0x80000003
    PERFORMANCE_DATA = 0x80000004
    CURRENT_CONFIG = 0x80000005
    DYN_DATA = 0x80000006
    CURRENT_USER_LOCAL_SETTINGS = 0x80000007
    PERFORMANCE_TEXT = 0x80000050
    PERFORMANCE_NLSTEXT = 0x80000060

    @property
    def hkey(self) -> str:
        """The name developers write, such as ``HKEY_CURRENT_USER``."""
        return f"HKEY_{self.name}"


_PREDEFINED: Final = {int(key): key for key in PredefinedKey}


COUNTERS: Final = frozenset(
    (
        PredefinedKey.PERFORMANCE_DATA,
        PredefinedKey.PERFORMANCE_TEXT,
        PredefinedKey.PERFORMANCE_NLSTEXT,
    )
)
"""The predefined keys behind which counters stand, and no key (MSDN, Predefined Keys)."""


def as_predefined(handle: int) -> PredefinedKey | None:
    """Return the predefined key that *handle* stands for, or None for an ordinary handle.

    Only the low 32 bits are examined, so a sign-extended 64-bit value counts too.
    Source: Wine ``dlls/advapi32/tests/registry.c``; observed on Windows.
    """
    return _PREDEFINED.get(handle & 0xFFFFFFFF)


class Privilege(enum.Enum):
    """The two privileges that hive operations ask for."""

    BACKUP = "SeBackupPrivilege"
    RESTORE = "SeRestorePrivilege"


class CreateOption(enum.IntFlag):
    """Options of RegCreateKeyEx and RegOpenKeyEx (winnt.h; documented)."""

    NONE = 0
    VOLATILE = 1
    CREATE_LINK = 2
    BACKUP_RESTORE = 4
    OPEN_LINK = 8


class RestoreFlag(enum.IntFlag):
    """Flags of RegRestoreKey and NtLoadKey2 (MS-RRP 3.1.5.22; documented)."""

    NONE = 0
    WHOLE_HIVE_VOLATILE = 1
    REFRESH_HIVE = 2
    NO_LAZY_FLUSH = 4
    FORCE_RESTORE = 8


class NotifyFilter(enum.IntFlag):
    """What RegNotifyChangeKeyValue reports (documented)."""

    NAME = 1
    ATTRIBUTES = 2
    LAST_SET = 4
    SECURITY = 8


@attrs.frozen
class Value:
    """One registry value: its name as written, its type number and its raw bytes."""

    name: str
    type: int
    data: bytes

    @classmethod
    def sz(cls, name: str, text: str) -> Value:
        """Return a REG_SZ value holding *text*, NUL-terminated UTF-16 as Windows stores it."""
        return cls(name, ValueType.SZ, text.encode("utf-16-le", "surrogatepass") + b"\0\0")

    @classmethod
    def dword(cls, name: str, number: int) -> Value:
        """Return a REG_DWORD value; *number* is taken modulo 2**32."""
        return cls(name, ValueType.DWORD, (number & 0xFFFFFFFF).to_bytes(4, "little"))

    def text(self) -> str:
        """Return the data read as UTF-16 up to its first NUL; an odd last byte is dropped."""
        raw = self.data[: len(self.data) & ~1].decode("utf-16-le", "replace")
        return raw.split("\0", 1)[0]

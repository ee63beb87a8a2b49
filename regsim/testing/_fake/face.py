"""What a simulated ``winreg`` offers, for type checkers: as typeshed has it of the real one."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from regsim.testing._fake.hkey import HKEYType as Hkey

if TYPE_CHECKING:
    _Module = object  # typeshed's has every name there is
else:
    _Module = ModuleType


class WinregFace(_Module):
    """A module with the names and types of ``winreg``, and no others."""

    error: type[OSError]
    HKEYType: type[Hkey]
    HKEY_CLASSES_ROOT: int
    HKEY_CURRENT_USER: int
    HKEY_LOCAL_MACHINE: int
    HKEY_USERS: int
    HKEY_PERFORMANCE_DATA: int
    HKEY_CURRENT_CONFIG: int
    HKEY_DYN_DATA: int
    KEY_QUERY_VALUE: int
    KEY_SET_VALUE: int
    KEY_CREATE_SUB_KEY: int
    KEY_ENUMERATE_SUB_KEYS: int
    KEY_NOTIFY: int
    KEY_CREATE_LINK: int
    KEY_WOW64_64KEY: int
    KEY_WOW64_32KEY: int
    KEY_READ: int
    KEY_WRITE: int
    KEY_EXECUTE: int
    KEY_ALL_ACCESS: int
    REG_NONE: int
    REG_SZ: int
    REG_EXPAND_SZ: int
    REG_BINARY: int
    REG_DWORD: int
    REG_DWORD_BIG_ENDIAN: int
    REG_LINK: int
    REG_MULTI_SZ: int
    REG_RESOURCE_LIST: int
    REG_FULL_RESOURCE_DESCRIPTOR: int
    REG_RESOURCE_REQUIREMENTS_LIST: int
    REG_DWORD_LITTLE_ENDIAN: int
    REG_QWORD: int
    REG_QWORD_LITTLE_ENDIAN: int
    REG_OPTION_VOLATILE: int
    REG_OPTION_CREATE_LINK: int
    REG_OPTION_BACKUP_RESTORE: int
    REG_OPTION_OPEN_LINK: int
    REG_OPTION_RESERVED: int
    REG_OPTION_NON_VOLATILE: int
    REG_LEGAL_OPTION: int
    REG_NOTIFY_CHANGE_NAME: int
    REG_NOTIFY_CHANGE_ATTRIBUTES: int
    REG_NOTIFY_CHANGE_LAST_SET: int
    REG_NOTIFY_CHANGE_SECURITY: int
    REG_LEGAL_CHANGE_FILTER: int
    REG_CREATED_NEW_KEY: int
    REG_OPENED_EXISTING_KEY: int
    REG_WHOLE_HIVE_VOLATILE: int
    REG_REFRESH_HIVE: int
    REG_NO_LAZY_FLUSH: int

    if TYPE_CHECKING:

        def CloseKey(self, hkey: Hkey | int | None, /) -> None:
            """Close a handle; None, and a handle object closed already, do no harm."""

        def ConnectRegistry(self, computer_name: str | None, key: Hkey | int, /) -> Hkey:
            """Open a predefined key of this computer (None); there is no other: 53 or 6."""

        def CreateKey(self, key: Hkey | int, sub_key: str | None, /) -> Hkey:
            """Open a key with the widest access, or create it and what is missing above it."""

        def CreateKeyEx(
            self, key: Hkey | int, sub_key: str | None, reserved: int = 0, access: int = 131078
        ) -> Hkey:
            """Open a key, or create it and what is missing above it; 87 if *reserved* is not 0."""

        def DeleteKey(self, key: Hkey | int, sub_key: str, /) -> None:
            """Delete a key that has no subkeys; handles open on it answer 1018 from now on."""

        def DeleteKeyEx(
            self, key: Hkey | int, sub_key: str, access: int = 256, reserved: int = 0
        ) -> None:
            """Delete a key as DeleteKey does, in the view that *access* names."""

        if sys.version_info >= (3, 15):

            def DeleteTree(self, key: Hkey | int, sub_key: str | None = None, /) -> None:
                """Delete a key and all below it, or with None all that is in *key* alone."""

        def DeleteValue(self, key: Hkey | int, value: str | None, /) -> None:
            """Remove a value; 2 when there is none of that name."""

        def DisableReflectionKey(self, key: Hkey | int, /) -> None:
            """Do nothing: since Windows 7 there is no reflection (documented)."""

        def EnableReflectionKey(self, key: Hkey | int, /) -> None:
            """Do nothing: since Windows 7 there is no reflection (documented)."""

        def EnumKey(self, key: Hkey | int, index: int, /) -> str:
            """Return the name of subkey number *index*; 259 after the last."""

        def EnumValue(self, key: Hkey | int, index: int, /) -> tuple[str, Any, int]:
            """Return name, content and type of value number *index*; 259 after the last."""

        def ExpandEnvironmentStrings(self, string: str, /) -> str:
            """Return *string* with each ``%NAME%`` that the environment knows replaced."""

        def FlushKey(self, key: Hkey | int, /) -> None:
            """Write the key's hive to its file."""

        def LoadKey(self, key: Hkey | int, sub_key: str, file_name: str, /) -> None:
            """Mount the hive file below HKEY_USERS or HKEY_LOCAL_MACHINE."""

        def OpenKey(
            self, key: Hkey | int, sub_key: str | None, reserved: int = 0, access: int = 131097
        ) -> Hkey:
            """Open a key; *reserved* is passed on as RegOpenKeyEx's options."""

        def OpenKeyEx(
            self, key: Hkey | int, sub_key: str | None, reserved: int = 0, access: int = 131097
        ) -> Hkey:
            """Open a key, as OpenKey does."""

        def QueryInfoKey(self, key: Hkey | int, /) -> tuple[int, int, int]:
            """Return how many subkeys and values there are, and the last write as a FILETIME."""

        def QueryReflectionKey(self, key: Hkey | int, /) -> bool:
            """Return True: reflection is off for every key."""

        def QueryValue(self, key: Hkey | int, sub_key: str | None, /) -> str:
            """Return the default value of *key* or of its subkey as text; "" when it has none."""

        def QueryValueEx(self, key: Hkey | int, name: str | None, /) -> tuple[Any, int]:
            """Return a value's content and type; 2 when there is none of that name."""

        def SaveKey(self, key: Hkey | int, file_name: str, /) -> None:
            """Write the key and all below it to a new hive file; 183 if it is there already."""

        def SetValue(self, key: Hkey | int, sub_key: str | None, type: int, value: str, /) -> None:  # noqa: A002 - the name that it has
            """Write the default value of *key* or of its subkey, which is made if missing."""

        def SetValueEx(
            self,
            key: Hkey | int,
            value_name: str | None,
            reserved: object,
            type: int,  # noqa: A002 - the name that it has
            value: object,
            /,
        ) -> None:
            """Write a value; the content must suit the type, or an error is raised."""

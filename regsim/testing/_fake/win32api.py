"""``win32api``'s registry functions, all that pywin32 312 has, and the few that go with them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from regsim.kernel.keys import KeyInfo
from regsim.status import Win32Error
from regsim.testing._fake import win32data
from regsim.testing._fake.keys import planned_create
from regsim.testing._fake.pyhandle import PyHANDLE, PyHKEY, failed
from regsim.testing._fake.security import PySECURITY_DESCRIPTOR, get_security, set_security
from regsim.testing._fake.values import enumerate_value, query_default, query_value, set_default
from regsim.testing._fake.win32con import WIN32API
from regsim.testing._fake.win32functions import (
    INVALID_PARAMETER,
    Functions,
    Signal,
    mask,
    number,
    text,
    text_or_none,
)
from regsim.types import Access, Value, ValueType
from regsim.win32.api import Api
from regsim.win32.plans import Known, Reply

_EPOCH: Final = datetime(1601, 1, 1, tzinfo=UTC)
_KEY_READ: Final = int(Access.READ)
_MAXIMUM: Final = int(Access.MAXIMUM_ALLOWED)
_LATEST_FORMAT: Final = 2
_SAVE_FORMATS: Final = (1, 2, 4)

HandleLike = PyHANDLE | int | None
"""What the functions take for a handle; None is none, which answers 6."""


class Win32Api(Functions):
    """The part of pywin32's ``win32api`` that is about the registry."""

    constants = WIN32API

    # -- keys -----------------------------------------------------------------------------------

    def RegOpenKey(
        self, key: HandleLike, subkey: str | None, reserved: int = 0, sam: int = _KEY_READ, /
    ) -> PyHKEY:
        """Open a key; with None or "" a predefined key's own number is the result."""
        options, access = number(reserved), number(sam)
        handle, name = self.process.number(key), text_or_none(subkey)
        opened = self._call(
            "RegOpenKeyEx", Api.RegOpenKeyEx, handle, name, access=access, options=options
        )
        return self._key(opened)

    RegOpenKeyEx = RegOpenKey

    def RegOpenKeyTransacted(
        self,
        Key: HandleLike,
        SubKey: str | None,
        samDesired: int,
        Transaction: HandleLike,
        Options: int = 0,
    ) -> PyHKEY:
        """Refuse with 6: there is nothing here that is a transaction's handle."""
        mask(samDesired), mask(Options), text_or_none(SubKey)
        self.process.number(Key), self.process.number(Transaction)
        raise failed(Win32Error.INVALID_HANDLE, "RegOpenKeyTransacted")

    def RegOpenCurrentUser(self, samDesired: int = _MAXIMUM, /) -> PyHKEY:
        """Open the keys of whom the thread acts as, past the cache; the caller closes the handle.

        Raises `NotApplicableError` where the system lacks it, as before Windows 2000.
        """
        access = mask(samDesired)
        return self._key(self._call("RegOpenCurrentUser", Api.RegOpenCurrentUser, access=access))

    def RegConnectRegistry(self, computerName: str | None, key: HandleLike, /) -> PyHKEY:
        """Open a predefined key of this computer (None); there is no other: 53."""
        handle, name = self.process.number(key), text_or_none(computerName)
        return self._key(self._call("RegConnectRegistry", Api.RegConnectRegistry, name, handle))

    def RegCreateKey(self, key: HandleLike, subKey: str | None, /) -> PyHKEY:
        """Open a key with the widest access, or create it and what is missing above it."""
        handle, name = self.process.number(key), text_or_none(subKey)
        return self._key(self._call("RegCreateKey", _create, handle, name))

    def RegCreateKeyEx(
        self,
        Key: HandleLike,
        SubKey: str | None,
        samDesired: int,
        Class: str | None = None,
        Options: int = 0,
        SecurityAttributes: object = None,  # noqa: ARG002 - nobody is kept out here
        Transaction: HandleLike = None,
    ) -> tuple[PyHKEY, int]:
        """Open or create a key; return its handle and 1 where it is new, 2 where it was there.

        A *Transaction* is refused with 6: there is none here.
        """
        access, options = mask(samDesired), mask(Options)
        handle, name, class_name = (
            self.process.number(Key),
            text_or_none(SubKey),
            text_or_none(Class),
        )
        self._no_transaction(Transaction, "RegCreateKeyEx")
        made = self._call(
            "RegCreateKeyEx",
            Api.RegCreateKeyEx,
            handle,
            name or "",
            access=access,
            options=options,
            class_name=class_name or "",
        )
        return self._key(made.handle), 1 if made.new else 2

    def _no_transaction(self, transaction: HandleLike, function: str) -> None:
        if self.process.number(transaction):
            raise failed(Win32Error.INVALID_HANDLE, function)

    def RegCloseKey(self, key: HandleLike, /) -> None:
        """Close a handle; a handle object that is closed already does no harm, a number does: 6."""
        if isinstance(key, PyHKEY):
            self.process.number(key)
            key.Close()
            return
        if isinstance(key, PyHANDLE):
            raise TypeError("HANDLE must be a PyHKEY")
        self._call("RegCloseKey", Api.RegCloseKey, self.process.number(key))

    def RegFlushKey(self, key: HandleLike, /) -> None:
        """Write the key's hive to its file."""
        self._call("RegFlushKey", Api.RegFlushKey, self.process.number(key))

    def RegCopyTree(self, KeySrc: HandleLike, SubKey: str | None, KeyDest: HandleLike) -> None:
        """Copy what is in a key, or in the one below it, into another."""
        source, name = self.process.number(KeySrc), text_or_none(SubKey)
        target = self.process.number(KeyDest)
        self._call("RegCopyTree", Api.RegCopyTree, source, name, target)

    def RegDeleteKey(self, key: HandleLike, subKey: str, /) -> None:
        """Delete a key that has no subkeys; handles open on it answer 1018 from now on."""
        handle, name = self.process.number(key), text(subKey)
        self._call("RegDeleteKey", Api.RegDeleteKey, handle, name)

    def RegDeleteKeyEx(
        self, Key: HandleLike, SubKey: str, samDesired: int = 0, Transaction: HandleLike = None
    ) -> None:
        """Delete a key as `RegDeleteKey` does, in the view that *samDesired* names."""
        access = mask(samDesired)
        self._no_transaction(Transaction, "RegDeleteKeyEx")
        handle, name = self.process.number(Key), text(SubKey)
        self._call("RegDeleteKeyEx", Api.RegDeleteKeyEx, handle, name, access=access)

    def RegDeleteTree(self, Key: HandleLike, SubKey: str | None) -> None:
        """Delete a key and all below it, or with None all that is in *Key* but not *Key*."""
        handle, name = self.process.number(Key), text_or_none(SubKey)
        self._call("RegDeleteTree", Api.RegDeleteTree, handle, name)

    def RegOverridePredefKey(self, Key: HandleLike, NewKey: HandleLike) -> None:
        """Have a predefined key stand for *NewKey*, or with None for its default again."""
        handle, new = self.process.number(Key), self.process.number(NewKey)
        self._call("RegOverridePredefKey", Api.RegOverridePredefKey, handle, new or None)

    # -- what is in a key -----------------------------------------------------------------------

    def RegEnumKey(self, key: HandleLike, index: int, /) -> str:
        """Return the name of subkey number *index*; 259 after the last."""
        place, handle = number(index), self.process.number(key)
        self._call("RegQueryInfoKey", Api.RegQueryInfoKey, handle)
        name: str = self._call("RegEnumKey", Api.RegEnumKeyEx, handle, place)
        return name

    def RegEnumKeyEx(self, Key: HandleLike, /) -> tuple[tuple[str, int, str, datetime], ...]:
        """Return name, 0, class and last-write time of each subkey."""
        return self._subkeys(Key)

    RegEnumKeyExW = RegEnumKeyEx

    def _subkeys(self, key: HandleLike) -> tuple[tuple[str, int, str, datetime], ...]:
        handle = self.process.number(key)
        info: KeyInfo = self._call("RegEnumKeyExW:RegQueryInfoKey", Api.RegQueryInfoKey, handle)
        found = []
        for index in range(info.subkeys):
            name = self._call("RegEnumKeyExW", Api.RegEnumKeyEx, handle, index)
            about: KeyInfo = self._call("RegEnumKeyExW", _info_below, handle, name)
            found.append((name, 0, about.class_name, _moment(about.last_write)))
        return tuple(found)

    def RegEnumValue(self, key: HandleLike, index: int, /) -> tuple[str, object, int]:
        """Return name, content and type of value number *index*; 259 after the last."""
        place, handle = number(index), self.process.number(key)
        self._call("RegQueryInfoKey", Api.RegQueryInfoKey, handle)
        value: Value = self._call("PyRegEnumValue", enumerate_value, handle, place)
        name = value.name.split("\0", 1)[0]
        return name, win32data.from_bytes(value.type, value.data), _as_int(value.type)

    def RegQueryValue(self, key: HandleLike, subKey: str | None, /) -> str:
        """Return the default value of *key* or of its subkey as text; "" when it has none."""
        handle, name = self.process.number(key), text_or_none(subKey)
        found: str = self._call("RegQueryValue", query_default, handle, name)
        return found

    def RegQueryValueEx(self, key: HandleLike, valueName: str | None, /) -> tuple[object, int]:
        """Return a value's content and type; 2 when there is none of that name."""
        handle, name = self.process.number(key), text_or_none(valueName)
        value: Value = self._call("RegQueryValueEx", query_value, handle, name)
        return win32data.from_bytes(value.type, value.data), _as_int(value.type)

    def RegQueryInfoKey(self, key: HandleLike, /) -> tuple[int, int, int]:
        """Return how many subkeys and values there are, and the last write as a FILETIME."""
        handle = self.process.number(key)
        info: KeyInfo = self._call("RegQueryInfoKey", Api.RegQueryInfoKey, handle)
        return info.subkeys, info.values, info.last_write

    def RegQueryInfoKeyW(self, Key: HandleLike, /) -> dict[str, Any]:
        """Return what is known of a key, by the names of the documentation's parameters."""
        handle = self.process.number(Key)
        info, security = self._call("RegQueryInfoKeyW", _info, handle)
        return {
            "Class": info.class_name,
            "Reserved": None,
            "SubKeys": info.subkeys,
            "MaxSubKeyLen": info.longest_subkey,
            "MaxClassLen": max((len(kid[2]) for kid in self._subkeys(handle)), default=0),
            "Values": info.values,
            "MaxValueNameLen": info.longest_value_name,
            "MaxValueLen": info.longest_data,
            "cbSecurityDescriptor": security,
            "LastWriteTime": _moment(info.last_write),
        }

    def RegSetValue(
        self,
        key: HandleLike,
        subKey: str | None,
        type: int,  # noqa: A002 - the name that it has
        value: str,
        /,
    ) -> None:
        """Write the default value of *key* or of its subkey, which is created if it is missing."""
        kind, handle = number(type), self.process.number(key)
        if kind != ValueType.SZ:
            raise TypeError("Type must be win32con.REG_SZ")
        data, name = win32data.to_bytes(ValueType.SZ, text(value)), text_or_none(subKey)
        self._call("RegSetValue", set_default, handle, name, data)

    def RegSetValueEx(
        self,
        key: HandleLike,
        valueName: str | None,
        reserved: object,  # noqa: ARG002 - anything goes, Windows is given 0
        type: int,  # noqa: A002 - the name that it has
        value: object,
        /,
    ) -> None:
        """Write a value; TypeError where the content does not suit the type."""
        kind, handle = number(type), self.process.number(key)
        data, name = win32data.to_bytes(kind, value), text_or_none(valueName)
        self._call("RegSetValueEx", Api.RegSetValueEx, handle, name, kind, data)

    def RegDeleteValue(self, key: HandleLike, value: str | None, /) -> None:
        """Remove a value; 2 when there is none of that name."""
        handle, name = self.process.number(key), text_or_none(value)
        self._call("RegDeleteValue", Api.RegDeleteValue, handle, name)

    # -- hives ----------------------------------------------------------------------------------

    def RegLoadKey(self, key: HandleLike, subKey: str, filename: str, /) -> None:
        """Mount the hive file below HKEY_USERS or HKEY_LOCAL_MACHINE; 1314 without SeRestore."""
        handle, name, file = self.process.number(key), text(subKey), text(filename)
        self._call("RegLoadKey", Api.RegLoadKey, handle, name, file)

    def RegUnLoadKey(self, key: HandleLike, subKey: str, /) -> None:
        """Unload the hive mounted at *subKey*; 5 while a key in it is open, 1314 unprivileged."""
        handle, name = self.process.number(key), text(subKey)
        self._call("RegUnLoadKey", Api.RegUnLoadKey, handle, name)

    def RegSaveKey(
        self,
        key: HandleLike,
        filename: str,
        sa: object = None,  # noqa: ARG002 - nobody is kept out here
        /,
    ) -> None:
        """Write the key and all below it to a new hive file; 183 if it is there already."""
        handle, file = self.process.number(key), text(filename)
        self._call("RegSaveKey", Api.RegSaveKey, handle, file)

    def RegSaveKeyEx(
        self,
        Key: HandleLike,
        File: str,
        SecurityAttributes: object = None,  # noqa: ARG002 - nobody is kept out here
        Flags: int = _LATEST_FORMAT,
    ) -> None:
        """Write the key as `RegSaveKey` does; every format is the one that this writes.

        87 for other *Flags* than one of the three formats (MSDN RegSaveKeyEx; documented).
        """
        wanted, handle, file = mask(Flags), self.process.number(Key), text(File)
        if wanted not in _SAVE_FORMATS:
            raise failed(INVALID_PARAMETER, "RegSaveKeyEx")
        self._call("RegSaveKeyEx", Api.RegSaveKey, handle, file)

    def RegRestoreKey(self, Key: HandleLike, File: str, Flags: int = 0) -> None:
        """Replace the key's content by that of a hive file; 5 while others have it open."""
        flags, handle, file = mask(Flags), self.process.number(Key), text(File)
        self._call("RegRestoreKey", Api.RegRestoreKey, handle, file, flags=flags)

    # -- security and changes -------------------------------------------------------------------

    def RegGetKeySecurity(self, key: HandleLike, security_info: int, /) -> PySECURITY_DESCRIPTOR:
        """Return the parts of the key's descriptor that *security_info* names."""
        handle, wanted = self.process.number(key), mask(security_info)
        return PySECURITY_DESCRIPTOR(self._call("RegGetKeySecurity", get_security, handle, wanted))

    def RegSetKeySecurity(
        self, key: HandleLike, security_info: int, sd: PySECURITY_DESCRIPTOR, /
    ) -> None:
        """Give the key the parts of *sd* that *security_info* names; they keep nobody out."""
        handle, given = self.process.number(key), mask(security_info)
        if not isinstance(sd, PySECURITY_DESCRIPTOR):
            raise TypeError("The object is not a PySECURITY_DESCRIPTOR object")
        self._call("RegSetKeySecurity", set_security, handle, given, bytes(sd))

    def RegNotifyChangeKeyValue(
        self,
        key: HandleLike,
        bWatchSubTree: int,
        dwNotifyFilter: int,
        hKey: HandleLike,
        fAsynchronous: int,
        /,
    ) -> None:
        """Have event *hKey* signalled at the next change, or wait for it where not asynchronous.

        The event is ``win32event``'s. 87 where it is missing (ReactOS ``advapi32/reg/reg.c``;
        observed there; Wine says 6). `UsageError` for a wait that no other thread could end.
        """
        handle, wanted = self.process.number(key), number(dwNotifyFilter)
        if fAsynchronous and not hKey:
            raise failed(INVALID_PARAMETER, "RegNotifyChangeKeyValue")
        event = (
            self.process.what(Signal, hKey, "RegNotifyChangeKeyValue")
            if fAsynchronous
            else self.process.event()
        )
        self._call(
            "RegNotifyChangeKeyValue",
            Api.RegNotifyChangeKeyValue,
            handle,
            event.name,
            subtree=bool(bWatchSubTree),
            filter_=wanted,
        )
        if not fAsynchronous:
            self.process.wait(event, None)

    # -- what goes with them --------------------------------------------------------------------

    def CloseHandle(self, handle: HandleLike, /) -> None:
        """Close a token's handle or an event's."""
        if isinstance(handle, PyHANDLE):
            self.process.number(handle)
            handle.Close()
        elif self.process.number(handle):
            self.process.close(PyHANDLE, self.process.number(handle))

    def GetCurrentProcess(self) -> int:
        """Return the number that means this process."""
        return -1

    def GetCurrentThread(self) -> int:
        """Return the number that means this thread."""
        return -2


def _info(api: Api, key: int) -> Reply:
    """Return the `KeyInfo` of *key* and the size of its security descriptor; 0 unread."""
    code, info = api.RegQueryInfoKey(key)
    unread, security = get_security(api, key, 0xF) if not code else Reply(code)
    return Reply(code, (info, 0 if unread else len(security)))


def _info_below(api: Api, key: int, name: str) -> Reply:
    """Return the `KeyInfo` of the key *name* below *key*: open, ask, close."""
    code, opened = api.RegOpenKeyEx(key, name, access=Access.READ)
    if code:
        return Reply(code)
    reply = api.RegQueryInfoKey(opened)
    api.RegCloseKey(opened)
    return reply


def _moment(filetime: int) -> datetime:
    return _EPOCH + timedelta(microseconds=filetime // 10)


def _as_int(kind: int) -> int:
    return kind - (1 << 32) if kind >> 31 else kind


def _create(api: Api, key: int, name: str | None) -> Reply:
    """Open a key with the widest access or create it; the value is its handle."""
    planned = planned_create(api.machine.dialect, key, name, _MAXIMUM, 0)
    code, value = planned.reply if isinstance(planned, Known) else api.run(planned)
    return Reply(code, getattr(value, "handle", value))

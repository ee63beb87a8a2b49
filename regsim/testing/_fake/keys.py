"""``winreg``'s functions that open, create, close, delete and list keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from sys import _getframe, audit
from typing import Any

from regsim.kernel.keys import KeyInfo
from regsim.kernel.machine import Machine
from regsim.kernel.process import Process
from regsim.policy import Dialect
from regsim.status import Win32Error, to_win32
from regsim.testing._fake import arguments
from regsim.testing._fake.binding import SUCCESS, Binding, Prepared, Site, keep
from regsim.testing._fake.constants import HIGH
from regsim.testing._fake.hkey import FIRST_HIGH, HKEYType, new_hkey, number_of, signed
from regsim.testing._fake.oserror import windows_error
from regsim.types import Access, as_predefined
from regsim.win32 import advapi
from regsim.win32.api import Api
from regsim.win32.plans import Planned, Reply, answer

_new: Callable[[type], Any] = object.__new__
KEY_READ = int(Access.READ)
KEY_WRITE = int(Access.WRITE)
KEY_WOW64_64KEY = int(Access.WOW64_64KEY)
_MAXIMUM = int(Access.MAXIMUM_ALLOWED)


class KeyCalls(Binding):
    """The functions on keys, as one process makes them."""

    def __init__(
        self, machine: Machine, process: Process, accounts: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(machine, process, accounts)
        self.opens: dict[tuple[object, ...], tuple[Prepared, int]] = {}

    def _prepare(
        self, function: str, key: object, sub_key: object, reserved: object, access: object
    ) -> tuple[Prepared, int]:
        """Check the arguments of `_open` and plan the call; return that, and the event's key."""
        handle = number_of(key)
        where = 2 if function == "CreateKey" else "sub_key"
        name = arguments.text_or_none(function, where, sub_key)
        zero, wanted = arguments.number(reserved), arguments.number(access)
        planned = _PLANS[function](self.machine.dialect, handle, name, wanted, zero)
        asked = (function, key, sub_key, reserved, access)
        return keep(self.opens, asked, (self.prepare(planned), signed(handle)))

    def _open(
        self,
        function: str,
        event: str,
        key: HKEYType | int,
        sub_key: str | None,
        reserved: int,
        access: int,
    ) -> HKEYType:
        """Make the call of *function*, of which the audit *event* tells; return the new handle.

        The caller's caller is noted as who opened it.
        """
        handle: Any = key
        if type(key) is HKEYType and key._owner is self:  # noqa: SLF001
            handle = key._handle  # noqa: SLF001
        elif type(key) is not int:
            handle = self.number(key)
        found: tuple[Prepared, int] | None
        try:
            found = self.opens[function, handle, sub_key, reserved, access]
        except (KeyError, TypeError):  # what has no hash is wrong, and said to be so below
            found = None
        if found is None or not (isinstance(reserved, int) and isinstance(access, int)):
            found = self._prepare(function, handle, sub_key, reserved, access)  # 1.0 is not 1
        audit(event, found[1], sub_key, access)
        machine, enter, leave = self.machine, self.enter, self.leave
        site: Site | None
        try:  # as `site_above` does
            frame = _getframe(2)
            site = (frame.f_code, frame.f_lasti)
        except ValueError:
            site = None
        enter()
        try:  # as `reply_to` does; this is what is called most
            machine.site = site
            status, opened = found[0](machine, self.process, self.caller)
        finally:
            leave(None)
        if self.dropped:
            self.gate.drain()
        if status is not SUCCESS:
            raise windows_error(to_win32(status))
        result: HKEYType = _new(HKEYType)
        result._owner = self  # noqa: SLF001
        if opened >= FIRST_HIGH:
            opened |= HIGH
            audit("winreg.OpenKey/result", signed(opened))
        else:
            audit("winreg.OpenKey/result", opened)
        result._handle = opened  # noqa: SLF001
        return result

    def OpenKey(
        self, key: HKEYType | int, sub_key: str | None, reserved: int = 0, access: int = KEY_READ
    ) -> HKEYType:
        """Open a key; *reserved* is passed on as RegOpenKeyEx's options.

        With None or "" below a predefined key, the result is that key's own number, and the root
        that the process had cached behind it is closed (on the systems that refresh it).
        """
        return self._open("OpenKey", "winreg.OpenKey", key, sub_key, reserved, access)

    def OpenKeyEx(
        self, key: HKEYType | int, sub_key: str | None, reserved: int = 0, access: int = KEY_READ
    ) -> HKEYType:
        """Open a key, as OpenKey does."""
        return self._open("OpenKeyEx", "winreg.OpenKey", key, sub_key, reserved, access)

    def CreateKey(self, key: HKEYType | int, sub_key: str | None, /) -> HKEYType:
        """Open a key with the widest access, or create it and what is missing above it."""
        return self._open("CreateKey", "winreg.CreateKey", key, sub_key, 0, KEY_WRITE)

    def CreateKeyEx(
        self, key: HKEYType | int, sub_key: str | None, reserved: int = 0, access: int = KEY_WRITE
    ) -> HKEYType:
        """Open a key, or create it and what is missing above it; 87 if *reserved* is not 0."""
        return self._open("CreateKeyEx", "winreg.CreateKey", key, sub_key, reserved, access)

    def CloseKey(self, hkey: HKEYType | int | None, /) -> None:
        """Close a handle; None, and a handle object closed already, do no harm.

        A number that is not open is 6. A predefined key's closes the root behind it (rule P4).
        """
        if hkey is None:
            return
        if type(hkey) is HKEYType and hkey._owner is self:  # noqa: SLF001
            handle = hkey._handle  # noqa: SLF001
            hkey._handle = 0  # noqa: SLF001
        else:
            handle = self.number(hkey)
        if not handle:
            return
        try:
            close = self.closings[handle]
        except KeyError:
            close = self.closing(handle)
        enter, leave = self.enter, self.leave
        enter()
        try:
            status = close(self.machine, self.process, self.caller)[0]
        finally:
            leave(None)
        if self.dropped:
            self.gate.drain()
        if status is not SUCCESS:
            raise windows_error(to_win32(status))

    def ConnectRegistry(self, computer_name: str | None, key: HKEYType | int, /) -> HKEYType:
        """Open a predefined key of this computer (None); there is no other: 53 or 6."""
        name = arguments.text_or_none("ConnectRegistry", 1, computer_name)
        handle = self.number(key)
        audit("winreg.ConnectRegistry", computer_name, signed(handle))
        opened = self.call(Api.RegConnectRegistry, name, handle)
        if not opened:
            text = "returned NULL without setting an exception"
            raise SystemError(f"<built-in function ConnectRegistry> {text}")
        return new_hkey(self, opened)

    def DeleteKey(self, key: HKEYType | int, sub_key: str, /) -> None:
        """Delete a key that has no subkeys; handles open on it answer 1018 from now on."""
        handle = self.number(key)
        name = arguments.text("DeleteKey", 2, sub_key)
        audit("winreg.DeleteKey", signed(handle), sub_key, 0)
        self.call(Api.RegDeleteKey, handle, name)

    def DeleteKeyEx(
        self,
        key: HKEYType | int,
        sub_key: str,
        access: int = KEY_WOW64_64KEY,
        reserved: int = 0,
    ) -> None:
        """Delete a key as DeleteKey does, in the view that *access* names."""
        handle = self.number(key)
        name = arguments.text("DeleteKeyEx", "sub_key", sub_key)
        view, zero = arguments.number(access), arguments.number(reserved)
        audit("winreg.DeleteKey", signed(handle), sub_key, access)
        if not self.machine.dialect.has("RegDeleteKeyEx"):
            raise NotImplementedError("not implemented on this platform")
        self.call(Api.RegDeleteKeyEx, handle, name, access=view, reserved=zero)

    def DeleteTree(self, key: HKEYType | int, sub_key: str | None = None, /) -> None:
        """Delete a key and all below it, or with None all that is in *key* but not *key*."""
        handle = self.number(key)
        name = arguments.text_or_none("DeleteTree", 2, sub_key)
        audit("winreg.DeleteTree", signed(handle), sub_key)
        self.call(delete_tree, handle, name)

    def EnumKey(self, key: HKEYType | int, index: int, /) -> str:
        """Return the name of subkey number *index*; 259 after the last."""
        handle = self.number(key)
        number = arguments.number(index)
        audit("winreg.EnumKey", signed(handle), index)
        name: str = self.call(Api.RegEnumKeyEx, handle, number)
        return name

    def QueryInfoKey(self, key: HKEYType | int, /) -> tuple[int, int, int]:
        """Return how many subkeys and values there are, and the last write as a FILETIME."""
        handle = self.number(key)
        audit("winreg.QueryInfoKey", signed(handle))
        info: KeyInfo = self.call(Api.RegQueryInfoKey, handle)
        return info.subkeys, info.values, info.last_write

    def FlushKey(self, key: HKEYType | int, /) -> None:
        """Write the key's hive to its file."""
        self.call(Api.RegFlushKey, self.number(key))

    def DisableReflectionKey(self, key: HKEYType | int, /) -> None:
        """Do nothing: since Windows 7 there is no reflection (documented)."""
        handle = self.number(key)
        audit("winreg.DisableReflectionKey", signed(handle))
        self.call(Api.RegQueryInfoKey, handle)

    def EnableReflectionKey(self, key: HKEYType | int, /) -> None:
        """Do nothing: since Windows 7 there is no reflection (documented)."""
        handle = self.number(key)
        audit("winreg.EnableReflectionKey", signed(handle))
        self.call(Api.RegQueryInfoKey, handle)

    def QueryReflectionKey(self, key: HKEYType | int, /) -> bool:
        """Return True: reflection is off for every key."""
        handle = self.number(key)
        audit("winreg.QueryReflectionKey", signed(handle))
        self.call(Api.RegQueryInfoKey, handle)
        return True


def planned_open(
    dialect: Dialect, key: int, name: str | None, access: int, options: int
) -> Planned:
    """Plan the opening of a key."""
    return advapi.RegOpenKeyEx(dialect, key, name, access=access, options=options)


def planned_create(
    dialect: Dialect, key: int, name: str | None, access: int, reserved: int
) -> Planned:
    """Plan the creation of a key; without a name a predefined key gives itself (documented)."""
    if not name and not reserved and as_predefined(key) is not None:
        return answer(Win32Error.SUCCESS, key)
    return advapi.RegCreateKeyEx(dialect, key, name or "", access=access, reserved=reserved)


def _planned_widest(
    dialect: Dialect, key: int, name: str | None, _access: int, reserved: int
) -> Planned:
    """Plan the creation of a key with the widest access, whatever the audit event says."""
    return planned_create(dialect, key, name, _MAXIMUM, reserved)


_PLANS = {
    "OpenKey": planned_open,
    "OpenKeyEx": planned_open,
    "CreateKey": _planned_widest,
    "CreateKeyEx": planned_create,
}


def delete_tree(api: Api, key: int, name: str | None) -> Reply:
    """Delete all below *key*, or below its subkey *name* and that as well (RegDeleteTree)."""
    if name:
        rights = Access.ENUMERATE_SUB_KEYS | Access.QUERY_VALUE | Access.SET_VALUE
        code, below = api.RegOpenKeyEx(key, name, access=rights)
        if code:
            return Reply(code)
        reply = delete_tree(api, below, None)
        api.RegCloseKey(below)
        return api.RegDeleteKey(key, name) if not reply.code else reply
    while True:
        code, subkey = api.RegEnumKeyEx(key, 0)
        if code:
            break
        reply = delete_tree(api, key, subkey)
        if reply.code:
            return reply
    while code == Win32Error.NO_MORE_ITEMS:
        code, value = api.RegEnumValue(key, 0)
        if code:
            break
        code = api.RegDeleteValue(key, value.name).code or Win32Error.NO_MORE_ITEMS
    return Reply(Win32Error.SUCCESS if code == Win32Error.NO_MORE_ITEMS else code)

"""``winreg``'s functions that read, write and list values."""

from __future__ import annotations

from collections.abc import Mapping
from sys import audit
from typing import Any

from regsim.kernel.machine import Machine
from regsim.kernel.process import Process
from regsim.status import Win32Error, to_win32
from regsim.testing._fake import arguments, performance
from regsim.testing._fake.binding import SUCCESS, Binding, Prepared, keep
from regsim.testing._fake.data import from_bytes, to_bytes
from regsim.testing._fake.hkey import FIRST_HIGH, HKEYType, signed
from regsim.testing._fake.oserror import windows_error
from regsim.types import Access, PredefinedKey, Value, ValueType, as_predefined
from regsim.win32 import advapi_data
from regsim.win32.api import Api
from regsim.win32.plans import Reply

INVALID_DATA = 13


class KeptRead:
    """The reading of one value, ready to be made, and what the value that it read last came to.

    A value never changes, only which one a key has: so the same one is not decoded again. A list
    of texts is, since its caller may change it.
    """

    __slots__ = ("last", "run")

    def __init__(self, run: Prepared) -> None:
        self.run = run
        self.last: tuple[object, tuple[object, int]] = (None, (None, 0))

    def answer(self, value: Value) -> tuple[object, int]:
        """Return the content and the type of *value*, and keep them."""
        answer = answered(value)
        if answer[0].__class__ is not list and value.data.__class__ is bytes:
            self.last = (value, answer)  # both in one: another thread may read between two
        return answer


class ValueCalls(Binding):
    """The functions on values, as one process makes them."""

    def __init__(
        self, machine: Machine, process: Process, accounts: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(machine, process, accounts)
        self.reads: dict[tuple[int, str | None], KeptRead] = {}

    def QueryValueEx(self, key: HKEYType | int, name: str | None, /) -> tuple[object, int]:
        """Return a value's content and type; 2 when there is none of that name."""
        own = type(key) is HKEYType and key._owner is self  # noqa: SLF001
        handle: Any = key._handle if own else self.number(key)  # type: ignore[union-attr]  # noqa: SLF001
        try:
            read = self.reads[handle, name]
        except (KeyError, TypeError):  # what has no hash is no name, and said to be so below
            wanted = arguments.text_or_none("QueryValueEx", 2, name)
            if handle >= FIRST_HIGH:
                audit("winreg.QueryValue", signed(handle), None, name)
                return answered(self.call(query_value, handle, wanted))
            planned = advapi_data.RegQueryValueEx(self.machine.dialect, handle, wanted)
            read = keep(self.reads, (handle, name), KeptRead(self.prepare(planned)))
        audit("winreg.QueryValue", handle, None, name)
        enter, leave, run = self.enter, self.leave, read.run
        enter()
        try:  # as `reply_to` does, but for the site: a read leaves nothing open
            status, value = run(self.machine, self.process, self.caller)
        finally:
            leave(None)
        if self.dropped:
            self.gate.drain()
        if status is not SUCCESS:
            raise windows_error(to_win32(status))
        last = read.last
        return last[1] if last[0] is value else read.answer(value)

    def QueryValue(self, key: HKEYType | int, sub_key: str | None, /) -> str:
        """Return the default value of *key* or of its subkey as text; "" when it has none."""
        handle = self.number(key)
        name = arguments.text_or_none("QueryValue", 2, sub_key)
        audit("winreg.QueryValue", signed(handle), sub_key, None)
        text: str = self.call(query_default, handle, name)
        return text

    def EnumValue(self, key: HKEYType | int, index: int, /) -> tuple[str, object, int]:
        """Return name, content and type of value number *index*; 259 after the last."""
        handle = self.number(key)
        number = arguments.number(index)
        audit("winreg.EnumValue", signed(handle), index)
        value = self.call(enumerate_value, handle, number)
        name = value.name.split("\0", 1)[0]
        return name, from_bytes(value.type, value.data), arguments.as_int(value.type)

    def SetValueEx(
        self,
        key: HKEYType | int,
        value_name: str | None,
        reserved: object,  # noqa: ARG002 - anything goes, Windows is given 0
        type: int,  # noqa: A002 - the name that winreg has
        value: object,
        /,
    ) -> None:
        """Write a value; the content must suit the type, or ValueError and TypeError are raised."""
        handle = self.number(key)
        name = arguments.text_or_none("SetValueEx", 2, value_name)
        kind = arguments.kind(type)
        data = to_bytes(kind, value)
        audit("winreg.SetValue", signed(handle), value_name, type, value)
        self.call(set_value, handle, name, kind, data)

    def SetValue(
        self,
        key: HKEYType | int,
        sub_key: str | None,
        type: int,  # noqa: A002 - the name that winreg has
        value: str,
        /,
    ) -> None:
        """Write the default value of *key* or of its subkey, which is created if it is missing."""
        handle = self.number(key)
        name = arguments.text_or_none("SetValue", 2, sub_key)
        kind = arguments.kind(type)
        if not isinstance(value, str):
            arguments.text("SetValue", 4, value)
        if kind != ValueType.SZ:
            raise TypeError("type must be winreg.REG_SZ")
        audit("winreg.SetValue", signed(handle), sub_key, type, value)
        self.call(set_default, handle, name, to_bytes(ValueType.SZ, value))

    def DeleteValue(self, key: HKEYType | int, value: str | None, /) -> None:
        """Remove a value; 2 when there is none of that name."""
        handle = self.number(key)
        name = arguments.text_or_none("DeleteValue", 2, value)
        audit("winreg.DeleteValue", signed(handle), value)
        self.call(Api.RegDeleteValue, handle, name)

    def ExpandEnvironmentStrings(self, string: str, /) -> str:
        """Return *string* with each ``%NAME%`` that the environment knows replaced.

        That of this process, and what a process of the simulated system has besides.
        """
        text = arguments.text("ExpandEnvironmentStrings", None, string)
        audit("winreg.ExpandEnvironmentStrings", string)
        return self.environ.expand(text)


def answered(value: Value) -> tuple[object, int]:
    """Return content and type of *value* as QueryValueEx gives them."""
    kind = arguments.as_int(value.type)
    return from_bytes(kind & 0xFFFFFFFF, value.data), kind


def query_value(api: Api, key: int, name: str | None) -> Reply:
    """Read one value; those of HKEY_PERFORMANCE_DATA lie in no key."""
    if as_predefined(key) is PredefinedKey.PERFORMANCE_DATA:
        return performance.query(name or "", api.machine.clock)
    return api.RegQueryValueEx(key, name)


def enumerate_value(api: Api, key: int, index: int) -> Reply:
    """Return value number *index*; those of HKEY_PERFORMANCE_DATA lie in no key."""
    if as_predefined(key) is PredefinedKey.PERFORMANCE_DATA:
        return performance.enumerate_(index, api.machine.clock)
    code = api.RegQueryInfoKey(key).code  # as winreg does, for the sizes of its buffers
    return Reply(code) if code else api.RegEnumValue(key, index)


def set_value(api: Api, key: int, name: str | None, kind: int, data: bytes) -> Reply:
    """Write one value."""
    return api.RegSetValueEx(key, name, kind, data)


def query_default(api: Api, key: int, subkey: str | None) -> Reply:
    """Read the default value as a text: open, read, close. 13 when it is no text."""
    if as_predefined(key) is PredefinedKey.PERFORMANCE_DATA:
        return Reply(Win32Error.INVALID_HANDLE)
    child = key
    if subkey:
        code, child = api.RegOpenKeyEx(key, subkey, access=Access.QUERY_VALUE)
        if code:
            return Reply(code)
    code, value = api.RegQueryValueEx(child, None)
    if subkey:
        api.RegCloseKey(child)
    if code == Win32Error.FILE_NOT_FOUND:
        return Reply(Win32Error.SUCCESS, "")
    if code:
        return Reply(code)
    if value.type != ValueType.SZ:
        raise windows_error(INVALID_DATA)
    return Reply(code, from_bytes(ValueType.SZ, value.data))


def set_default(api: Api, key: int, subkey: str | None, data: bytes) -> Reply:
    """Write the default value: create or open the key, write, close."""
    if as_predefined(key) is PredefinedKey.PERFORMANCE_DATA:
        return Reply(Win32Error.INVALID_HANDLE)
    if not subkey:
        return api.RegSetValueEx(key, None, ValueType.SZ, data)
    code, created = api.RegCreateKeyEx(key, subkey, access=Access.SET_VALUE)
    if code:
        return Reply(code)
    reply = api.RegSetValueEx(created.handle, None, ValueType.SZ, data)
    api.RegCloseKey(created.handle)
    return reply

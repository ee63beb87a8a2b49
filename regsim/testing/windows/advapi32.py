"""``advapi32``'s registry functions, as ``ctypes`` calls them in a process of a simulated computer.

Each takes the place of the call and then what the function takes (MSDN, Registry Functions;
documented), and returns its code. Handles are those of the process's ``winreg``.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from regsim.status import Win32Error
from regsim.testing._fake.binding import Binding
from regsim.testing.windows.calls import Caller, Dword, Hkey, Out, Str, Wide, works
from regsim.testing.windows.library import Code
from regsim.testing.windows.memory import POINTER_SIZE, Text
from regsim.types import Access, Value, ValueType
from regsim.win32.api import Api
from regsim.win32.plans import UNTOUCHED, Reply
from regsim.win32.reading import RRF_RT_ANY, Needed

_TEXTS: Final = (ValueType.SZ, ValueType.EXPAND_SZ, ValueType.MULTI_SZ)
_POLL: Final = 0.01
"""Seconds between two looks of a thread that waits for a change."""

SUCCESS = Win32Error.SUCCESS
INVALID = Win32Error.INVALID_PARAMETER
MORE_DATA = Win32Error.MORE_DATA


class _Calls:
    """What all functions share: the process, and how its calls give their results."""

    def __init__(self, binding: Binding, environment: Mapping[str, str], text: Text) -> None:
        self._binding, self._environment, self._text = binding, environment, text

    def _ask(self, site: Caller, work: Callable[..., Reply], *args: Any, **named: Any) -> Reply:  # noqa: ANN401 - what *work* takes
        return self._binding.reply_to(site, work, *args, **named)

    def _code(self, site: Caller, work: Callable[..., Reply], *args: Any, **named: Any) -> int:  # noqa: ANN401 - what *work* takes
        return self._ask(site, work, *args, **named).code

    def _open(
        self,
        site: Caller,
        result: Out,
        work: Callable[..., Reply],
        *args: Any,  # noqa: ANN401 - what *work* takes
        **named: Any,  # noqa: ANN401 - what *work* takes
    ) -> int:
        """Return the code of a call that gives a handle, which goes where *result* points."""
        if result is None:
            return INVALID
        code, value = self._ask(site, work, *args, **named)
        if value is not UNTOUCHED:
            result.put(int(value or 0), POINTER_SIZE)
        return code

    def _give(self, reply: Reply, kind: Out, data: Out, size: Out) -> int:
        """Give a value's type, data and size where the pointers point, and return the code."""
        code, value = reply
        if data is not None and size is None:
            return INVALID
        if not isinstance(value, Value | Needed):
            return code
        if kind is not None:
            kind.put(int(value.type))
        if isinstance(value, Needed):
            content, there = bytes(value.size), False
        else:
            content, there = self._given_out(value), not code
        room = size.number() if size is not None else 0
        if size is not None:
            size.put(len(content))
        if data is None or not there:
            return code
        if min(room, len(content) if data.size is None else data.size) < len(content):
            return MORE_DATA
        data.write(content)
        return SUCCESS

    def _given_out(self, value: Value) -> bytes:
        return self._text.out(value.data) if value.type in _TEXTS else value.data

    def _name_to(self, name: str, buffer: Out, characters: int) -> int:
        """Write *name* and a NUL to *buffer*, which has room for so many *characters*."""
        if buffer is None:
            return INVALID
        data = self._text.encode(name) + bytes(self._text.unit)
        room = characters * self._text.unit
        if min(room, len(data) if buffer.size is None else buffer.size) < len(data):
            return MORE_DATA
        buffer.write(data)
        return SUCCESS

    def _counted(self, name: str, buffer: Out, count: Out) -> int:
        """Write *name* to *buffer* and how long it is to *count*, which says how much fits."""
        if count is None:
            return INVALID
        code = self._name_to(name, buffer, count.number())
        if code == SUCCESS:
            count.put(len(self._text.encode(name)) // self._text.unit)
        return code

    def _taken(self, kind: int, data: Out, size: int) -> bytes:
        """Return the data of a value that is passed, as it is stored."""
        content = data.read(size) if data is not None else b""
        if data is None or kind not in _TEXTS or not content:
            return content
        unit = self._text.unit
        ended = content.endswith(bytes(unit)) or kind == ValueType.MULTI_SZ
        after = data.read(size + unit)[size:]
        if not ended and after == bytes(unit):  # RegSetValueEx adds the NUL that follows in memory
            content += after
        return self._text.stored(content)


class KeyFunctions(_Calls):
    """The functions on keys."""

    def RegOpenKeyEx(
        self, site: Caller, key: Hkey, sub_key: Str, options: Dword, access: Dword, result: Out
    ) -> int:
        """Open a key; the ANSI function treats a NULL key otherwise."""
        if not self._text.wide and not key:
            return self._open(site, result, Api.RegOpenKeyExA, key, sub_key, access=access)
        named = {"access": access, "options": options}
        return self._open(site, result, Api.RegOpenKeyEx, key, sub_key, **named)

    def RegOpenKey(self, site: Caller, key: Hkey, sub_key: Str, result: Out) -> int:
        """Open a key with the widest access."""
        return self._open(site, result, Api.RegOpenKey, key, sub_key)

    def RegCreateKeyEx(
        self,
        site: Caller,
        key: Hkey,
        sub_key: Str,
        reserved: Dword,
        class_: Str,
        options: Dword,
        access: Dword,
        security: Out,  # noqa: ARG002 - no key is protected here
        result: Out,
        disposition: Out,
    ) -> int:
        """Open a key or create it, and say which."""
        if result is None or sub_key is None:
            return Win32Error.BADKEY
        named = {"access": access, "options": options, "reserved": reserved}
        code, made = self._ask(
            site, Api.RegCreateKeyEx, key, sub_key, class_name=class_ or "", **named
        )
        if made is UNTOUCHED:
            return code
        result.put(0 if code else made.handle, POINTER_SIZE)
        if disposition is not None and not code:
            disposition.put(1 if made.new else 2)
        return code

    def RegCreateKey(self, site: Caller, key: Hkey, sub_key: Str, result: Out) -> int:
        """Open a key or create it, with the widest access."""
        if not sub_key:
            return self.RegOpenKey(site, key, sub_key, result)
        access = Access.MAXIMUM_ALLOWED
        return self.RegCreateKeyEx(site, key, sub_key, 0, None, 0, access, None, result, None)

    def RegConnectRegistry(self, site: Caller, computer: Str, key: Hkey, result: Out) -> int:
        """Open a predefined key of a computer."""
        return self._open(site, result, Api.RegConnectRegistry, computer, key)

    def RegDeleteKey(self, site: Caller, key: Hkey, sub_key: Str) -> int:
        """Delete a key that has no subkeys."""
        return self._code(site, Api.RegDeleteKey, key, sub_key)

    def RegDeleteKeyEx(
        self, site: Caller, key: Hkey, sub_key: Str, access: Dword, reserved: Dword
    ) -> int:
        """Delete a key in the view that *access* names."""
        named = {"access": access, "reserved": reserved}
        return self._code(site, Api.RegDeleteKeyEx, key, sub_key, **named)

    def RegDeleteTree(self, site: Caller, key: Hkey, sub_key: Str) -> int:
        """Delete a key and what is below it."""
        return self._code(site, Api.RegDeleteTree, key, sub_key)

    def RegCopyTree(self, site: Caller, key: Hkey, sub_key: Str, to: Hkey) -> int:
        """Copy what is in a key into another one."""
        return self._code(site, Api.RegCopyTree, key, sub_key, to)

    def RegEnumKeyEx(
        self,
        site: Caller,
        key: Hkey,
        index: Dword,
        name: Out,
        count: Out,
        reserved: Out,  # noqa: ARG002
        class_: Out,
        class_count: Out,
        written: Out,
    ) -> int:
        """Tell the name of a subkey, its class and when it was last written to."""
        code: int
        code, found = self._ask(site, Api.RegEnumKeyEx, key, index)
        if not code:
            code = self._counted(found, name, count)
        if code or (class_ is None and written is None):
            return code
        code, opened = self._ask(site, Api.RegOpenKeyEx, key, found, access=Access.QUERY_VALUE)
        if code:
            return code
        nothing = (None, None, None, None, None, None, None, None)
        code = self.RegQueryInfoKey(site, opened, class_, class_count, *nothing, written)
        self._code(site, Api.RegCloseKey, opened)
        return code

    def RegEnumKey(self, site: Caller, key: Hkey, index: Dword, name: Out, count: Dword) -> int:
        """Tell the name of a subkey."""
        code, found = self._ask(site, Api.RegEnumKeyEx, key, index)
        return code or self._name_to(found, name, count)

    def RegQueryInfoKey(
        self,
        site: Caller,
        key: Hkey,
        class_: Out,
        class_count: Out,
        reserved: Out,  # noqa: ARG002
        keys: Out,
        longest_key: Out,
        longest_class: Out,
        values: Out,
        longest_name: Out,
        longest_data: Out,
        security: Out,
        written: Out,
    ) -> int:
        """Tell what is in a key."""
        code: int
        code, info = self._ask(site, Api.RegQueryInfoKey, key)
        if code:
            return code
        if class_ is not None:
            code = self._counted(info.class_name, class_, class_count)
        told = (
            *((keys, info.subkeys, 4), (longest_key, info.longest_subkey, 4)),
            *((longest_class, 0, 4), (values, info.values, 4)),
            *((longest_name, info.longest_value_name, 4), (longest_data, info.longest_data, 4)),
            *((security, 0, 4), (written, info.last_write, 8)),
        )
        for place, number, size in told:
            if place is not None:
                place.put(number, size)
        return code

    def RegLoadKey(self, site: Caller, key: Hkey, sub_key: Str, file: Str) -> int:
        """Mount a hive file."""
        return self._code(site, Api.RegLoadKey, key, sub_key, file or "")

    def RegUnLoadKey(self, site: Caller, key: Hkey, sub_key: Str) -> int:
        """Unload a hive."""
        return self._code(site, Api.RegUnLoadKey, key, sub_key)

    def RegSaveKey(self, site: Caller, key: Hkey, file: Str, security: Out) -> int:  # noqa: ARG002
        """Write a key and what is below it to a new hive file."""
        return self._code(site, Api.RegSaveKey, key, file or "")

    def RegRestoreKey(self, site: Caller, key: Hkey, file: Str, flags: Dword) -> int:
        """Replace what is in a key by what is in a hive file."""
        return self._code(site, Api.RegRestoreKey, key, file or "", flags=flags)

    def RegReplaceKey(self, site: Caller, key: Hkey, sub_key: Str, new: Str, old: Str) -> int:
        """Have a hive backed by another file from the next start on."""
        return self._code(site, Api.RegReplaceKey, key, sub_key, new or "", old or "")

    def RegLoadAppKey(
        self, site: Caller, file: Str, result: Out, access: Dword, options: Dword, zero: Dword
    ) -> int:
        """Load a private hive."""
        if options > 1 or zero:
            return INVALID
        return self._open(site, result, Api.RegLoadAppKey, file or "", access=access)


class ValueFunctions(_Calls):
    """The functions on values."""

    def RegQueryValueEx(
        self, site: Caller, key: Hkey, name: Str, reserved: Out, kind: Out, data: Out, size: Out
    ) -> int:
        """Read a value."""
        if reserved is not None:
            return INVALID
        return self._give(self._ask(site, Api.RegQueryValueEx, key, name), kind, data, size)

    def RegQueryValue(self, site: Caller, key: Hkey, sub_key: Str, data: Out, size: Out) -> int:
        """Read the default value of a key, or of one below it, as a text."""
        code, opened = self._below(site, key, sub_key, Access.QUERY_VALUE)
        if code:
            return code
        reply = self._ask(site, Api.RegQueryValueEx, opened, None)
        if reply.code == Win32Error.FILE_NOT_FOUND:
            reply = Reply(SUCCESS, Value.sz("", ""))
        self._done(site, key, opened)
        return self._give(reply, None, data, size)

    def RegGetValue(
        self,
        site: Caller,
        key: Hkey,
        sub_key: Str,
        name: Str,
        flags: Dword,
        kind: Out,
        data: Out,
        size: Out,
    ) -> int:
        """Read a value of a key, or of one below it, as *flags* ask for it."""
        named = {"flags": flags or RRF_RT_ANY, "environment": self._environment}
        return self._give(
            self._ask(site, Api.RegGetValue, key, sub_key, name, **named), kind, data, size
        )

    def RegEnumValue(
        self,
        site: Caller,
        key: Hkey,
        index: Dword,
        name: Out,
        count: Out,
        reserved: Out,
        kind: Out,
        data: Out,
        size: Out,
    ) -> int:
        """Tell name, type and data of a value."""
        if reserved is not None:
            return INVALID
        reply = self._ask(site, Api.RegEnumValue, key, index)
        if not isinstance(reply.value, Value):
            return reply.code
        code = self._counted(reply.value.name, name, count)
        return code or self._give(reply, kind, data, size)

    def RegSetValueEx(
        self,
        site: Caller,
        key: Hkey,
        name: Str,
        reserved: Dword,
        kind: Dword,
        data: Out,
        size: Dword,
    ) -> int:
        """Write a value."""
        if reserved or (data is None and size):
            return INVALID
        return self._code(site, Api.RegSetValueEx, key, name, kind, self._taken(kind, data, size))

    def RegSetKeyValue(
        self,
        site: Caller,
        key: Hkey,
        sub_key: Str,
        name: Str,
        kind: Dword,
        data: Out,
        size: Dword,
    ) -> int:
        """Write a value of a key, or of one below it."""
        content = self._taken(kind, data, size)
        return self._code(site, Api.RegSetKeyValue, key, sub_key, name, kind, content)

    def RegSetValue(
        self, site: Caller, key: Hkey, sub_key: Str, kind: Dword, data: Str, size: Dword
    ) -> int:
        """Write the default value of a key, or of one below it, which is a text."""
        del size  # which Windows does not look at
        if kind != ValueType.SZ:
            return INVALID
        opened = key
        if sub_key:
            access = Access.SET_VALUE
            code: int
            code, made = self._ask(site, Api.RegCreateKeyEx, key, sub_key, access=access)
            if code:
                return code
            opened = made.handle
        value = Value.sz("", data or "")
        code = self._code(site, Api.RegSetValueEx, opened, None, kind, value.data)
        self._done(site, key, opened)
        return code

    def RegDeleteValue(self, site: Caller, key: Hkey, name: Str) -> int:
        """Remove a value."""
        return self._code(site, Api.RegDeleteValue, key, name)

    def RegDeleteKeyValue(self, site: Caller, key: Hkey, sub_key: Str, name: Str) -> int:
        """Remove a value of a key, or of one below it."""
        code: int
        code, opened = self._below(site, key, sub_key, Access.SET_VALUE)
        if not code:
            code = self._code(site, Api.RegDeleteValue, opened, name)
            self._done(site, key, opened)
        return code

    def _below(self, site: Caller, key: int, sub_key: str | None, access: Access) -> Reply:
        if not sub_key:
            return Reply(SUCCESS, key)
        return self._ask(site, Api.RegOpenKeyEx, key, sub_key, access=access)

    def _done(self, site: Caller, key: int, opened: int) -> None:
        if opened != key:
            self._code(site, Api.RegCloseKey, opened)


class PlainFunctions(_Calls):
    """The functions that take no text, and so are there once."""

    def __init__(
        self,
        binding: Binding,
        environment: Mapping[str, str],
        text: Text,
        events: Mapping[int, str],
    ) -> None:
        super().__init__(binding, environment, text)
        self._events = events

    def RegCloseKey(self, site: Caller, key: Hkey) -> int:
        """Close a handle."""
        return self._code(site, Api.RegCloseKey, key)

    def RegFlushKey(self, site: Caller, key: Hkey) -> int:
        """Write a hive to its file."""
        return self._code(site, Api.RegFlushKey, key)

    def RegOpenCurrentUser(self, site: Caller, access: Dword, result: Out) -> int:
        """Open the keys of whom the thread acts as."""
        return self._open(site, result, Api.RegOpenCurrentUser, access=access)

    def RegOpenUserClassesRoot(
        self,
        site: Caller,
        token: Hkey,  # noqa: ARG002 - the thread's own
        options: Dword,
        access: Dword,
        result: Out,
    ) -> int:
        """Open the classes of whom the thread acts as."""
        if options:
            return INVALID
        return self._open(site, result, Api.RegOpenUserClassesRoot, access=access)

    def RegDisablePredefinedCache(self, site: Caller) -> int:
        """Stop caching HKEY_CURRENT_USER in this process."""
        return self._code(site, Api.RegDisablePredefinedCache)

    def RegDisablePredefinedCacheEx(self, site: Caller) -> int:
        """Stop caching every predefined key in this process."""
        return self._code(site, Api.RegDisablePredefinedCacheEx)

    def RegOverridePredefKey(self, site: Caller, key: Hkey, new: Hkey) -> int:
        """Have a predefined key stand for another one."""
        return self._code(site, Api.RegOverridePredefKey, key, new or None)

    def RegRenameKey(self, site: Caller, key: Hkey, sub_key: Wide, name: Wide) -> int:
        """Give a key another name."""
        return self._code(site, Api.RegRenameKey, key, sub_key, name)

    def RegDisableReflectionKey(self, site: Caller, key: Hkey) -> int:
        """Do nothing: since Windows 7 there is no reflection (documented)."""
        return self._code(site, Api.RegQueryInfoKey, key)

    def RegEnableReflectionKey(self, site: Caller, key: Hkey) -> int:
        """Do nothing: since Windows 7 there is no reflection (documented)."""
        return self._code(site, Api.RegQueryInfoKey, key)

    def RegNotifyChangeKeyValue(
        self, site: Caller, key: Hkey, subtree: Dword, filter_: Dword, event: Hkey, later: Dword
    ) -> int:
        """Have an event signalled at the next change; without *later*, wait for that."""
        if later and event not in self._events:
            return INVALID if not event else Win32Error.INVALID_HANDLE
        name = self._events[event] if later else f"waited for, {next(_waits)}"
        named = {"subtree": bool(subtree), "filter_": filter_}
        code = self._code(site, Api.RegNotifyChangeKeyValue, key, name, **named)
        while not later and not code and name not in self._binding.machine.signalled:
            time.sleep(_POLL)  # until another thread makes a change, or for ever, as on Windows
        return code


_waits = itertools.count(1)


def functions(
    binding: Binding, environment: Mapping[str, str], events: Mapping[int, str]
) -> dict[str, Code]:
    """Return the functions that ``advapi32`` has on *binding*'s system, by their names.

    *environment* is what RegGetValue expands variables from, *events* those of the process.
    """
    dialect = binding.machine.dialect
    found: dict[str, Code] = {}
    for suffix, text in (("W", Text(wide=True)), ("A", Text(wide=False))):
        for kind in (KeyFunctions, ValueFunctions):
            for name, work in works(kind(binding, environment, text), text):
                found[name + suffix] = work
    plain = PlainFunctions(binding, environment, Text(wide=True), events)
    found |= dict(works(plain, Text(wide=True)))
    lacking = {f"{name}{suffix}" for name in dialect.absent for suffix in ("", "A", "W")}
    if not dialect.has("RegSetKeyValue"):  # which came with it (MSDN; documented)
        lacking |= {"RegDeleteKeyValueW", "RegDeleteKeyValueA"}
    return {name: work for name, work in found.items() if name not in lacking}

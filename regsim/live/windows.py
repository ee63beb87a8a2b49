"""What `regsim.live.handles` asks of Windows, by ctypes alone; it can be imported only there."""

from __future__ import annotations

import ctypes
import struct
import sys
from typing import Any, Final

from regsim.errors import UsageError
from regsim.trace.readers._procmon import os_of

# By `getattr`, since for other systems' type checkers ctypes has no Windows in it.
_DLL: Final[Any] = getattr(ctypes, "WinDLL")  # noqa: B009
_NT: Final = _DLL("ntdll")
_KERNEL: Final = _DLL("kernel32", use_last_error=True)
_ADVAPI: Final = _DLL("advapi32", use_last_error=True)
_last_error: Final[Any] = getattr(ctypes, "get_last_error")  # noqa: B009

_EXTENDED_HANDLES: Final = 64  # SystemExtendedHandleInformation (observed; Windows XP and later)
_PROCESSES: Final = 5  # SystemProcessInformation (documented)
_OBJECT_NAME: Final = 1
_OBJECT_TYPE: Final = 2
_TOO_SMALL: Final = frozenset({0xC0000004, 0x80000005, 0xC0000023})
_DUP_HANDLE: Final = 0x40
_LIMITED: Final = 0x1000
_DEBUG_PRIVILEGE: Final = 20
_DENIED: Final = 5
_SAME_ACCESS: Final = 2
_HKLM: Final = 0x80000002 - (1 << 32)
_HKU: Final = 0x80000003 - (1 << 32)
_READ: Final = 0x20019
_SERVICES: Final = 0x30  # SERVICE_WIN32
_ACTIVE: Final = 1
_ENUMERATE: Final = 4
_MORE_DATA: Final = 234
_WIDE: Final = ctypes.sizeof(ctypes.c_void_p) == 8
_ENTRY: Final = struct.Struct("<QQQIHHII" if _WIDE else "<IIIIHHII")
_MOST: Final = 1 << 30


class _Service(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_wchar_p),
        ("display", ctypes.c_wchar_p),
        ("status", ctypes.c_uint32 * 9),
    )


_PID_OF_SERVICE: Final = 7


def _handle(value: int = 0) -> ctypes.c_void_p:
    return ctypes.c_void_p(value)


class RunningSystem:
    """The running system; processes stay opened until `close`."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.host = _computer()
        self.name = _system()
        self._opened: dict[int, int] = {}
        self._denied: set[int] = set()
        self._elevate()

    def _elevate(self) -> None:
        """Ask for the privilege to look into others' processes; say so where it is not given."""
        before = ctypes.c_ubyte()
        status = _NT.RtlAdjustPrivilege(_DEBUG_PRIVILEGE, 1, 0, ctypes.byref(before))
        if status & 0xFFFFFFFF:
            self.notes.append(
                "this is not run as administrator (no debug privilege): other users' processes "
                "and services may not be looked into"
            )

    # -- handles ------------------------------------------------------------------------------

    def key_handles(self) -> list[tuple[int, int, int]]:
        """Return the process, the value and the access of every open key's handle."""
        own = ctypes.c_void_p()
        arguments = (_handle(_HKLM), "SOFTWARE", 0, _READ, ctypes.byref(own))
        if _ADVAPI.RegOpenKeyExW(*arguments) or own.value is None:
            raise UsageError("HKLM\\SOFTWARE cannot be opened, so that no key can be told")
        try:
            kind = self._kind(own)
            if kind.lower() != "key":
                raise UsageError(f"the system calls the type of a key {kind!r}; nothing is told")
            rows = _entries(_query(_EXTENDED_HANDLES))
        finally:
            _ADVAPI.RegCloseKey(own)
        me = int(_KERNEL.GetCurrentProcessId())
        types = {row[5] for row in rows if row[1] == me and row[2] == own.value}
        if len(types) != 1:
            raise UsageError("a key of regsim's own is not in the system's list of handles")
        number = types.pop()
        return [(row[1], row[2], row[3]) for row in rows if row[5] == number]

    def name_of(self, pid: int, handle: int) -> str | None:
        """Return a key's name; "" if it is no key any more, None if it may not be looked at."""
        process = self._process(pid)
        if not process:
            return None if pid in self._denied else ""
        copy = ctypes.c_void_p()
        asked = (_handle(process), _handle(handle), _handle(-1), ctypes.byref(copy))
        if not _KERNEL.DuplicateHandle(*asked, 0, 0, _SAME_ACCESS):
            return None if _last_error() == _DENIED else ""
        try:
            return _text(_object(copy, _OBJECT_NAME)) if self._kind(copy).lower() == "key" else ""
        finally:
            _KERNEL.CloseHandle(copy)

    def _kind(self, handle: ctypes.c_void_p) -> str:
        """Return the name of the type of what *handle* is open on; no object is waited for."""
        return _text(_object(handle, _OBJECT_TYPE))

    def _process(self, pid: int) -> int:
        if pid not in self._opened:
            opened = _KERNEL.OpenProcess
            opened.restype = ctypes.c_void_p
            found = opened(_DUP_HANDLE | _LIMITED, 0, pid) or opened(_DUP_HANDLE, 0, pid)
            if not found and _last_error() == _DENIED:
                self._denied.add(pid)
            self._opened[pid] = found or 0
        return self._opened[pid]

    def close(self) -> None:
        """Close the processes."""
        for process in self._opened.values():
            if process:
                _KERNEL.CloseHandle(_handle(process))
        self._opened.clear()

    # -- processes ----------------------------------------------------------------------------

    def processes(self) -> dict[int, tuple[str, int | None]]:
        """Return the image's name and the session of each process."""
        data = _query(_PROCESSES)
        found, at = {}, 0
        pointer, number = ("<Q", 8) if _WIDE else ("<I", 4)
        pid_at = 80 if _WIDE else 68
        while True:
            length = struct.unpack_from("<H", data, at + 56)[0]
            where = struct.unpack_from(pointer, data, at + 56 + number)[0]
            pid = struct.unpack_from(pointer, data, at + pid_at)[0]
            session = struct.unpack_from("<I", data, at + pid_at + 2 * number + 4)[0]
            image = ctypes.wstring_at(where, length // 2) if where and length else "System"
            found[pid] = (image.rpartition("\\")[2], session)
            step = struct.unpack_from("<I", data, at)[0]
            if not step:
                return found
            at += step

    def image(self, pid: int) -> str:
        """Return the whole path of a process's image, "" where it is not told."""
        process, size = self._process(pid), ctypes.c_uint32(32768)
        text = ctypes.create_unicode_buffer(size.value)
        asked = (_handle(process), 0, text, ctypes.byref(size))
        return text.value if process and _KERNEL.QueryFullProcessImageNameW(*asked) else ""

    def services(self) -> dict[int, list[str]]:
        """Return the names of the services that run in each process."""
        opened = _ADVAPI.OpenSCManagerW
        opened.restype = ctypes.c_void_p
        manager = opened(None, None, _ENUMERATE)
        if not manager:
            self.notes.append("the services cannot be listed, so that none is named")
            return {}
        found: dict[int, list[str]] = {}
        try:
            for row in _services(_handle(manager)):
                found.setdefault(row.status[_PID_OF_SERVICE], []).append(row.name or "")
        finally:
            _ADVAPI.CloseServiceHandle(_handle(manager))
        return {pid: sorted(names) for pid, names in found.items()}

    def hives(self) -> list[str]:
        """Return the hives that are loaded below HKEY_USERS."""
        found: list[str] = []
        name = ctypes.create_unicode_buffer(256)
        while not _ADVAPI.RegEnumKeyW(_handle(_HKU), len(found), name, 256):
            found.append(f"HKU\\{name.value}")
        return found


def _query(kind: int) -> Any:  # noqa: ANN401 - a buffer of ctypes
    """Return what NtQuerySystemInformation tells, in a buffer that is large enough."""
    size = 1 << 18
    while size <= _MOST:
        buffer = ctypes.create_string_buffer(size)
        needed = ctypes.c_uint32()
        status = _NT.NtQuerySystemInformation(kind, buffer, size, ctypes.byref(needed))
        if not status:
            return buffer
        if status & 0xFFFFFFFF not in _TOO_SMALL:
            text = f"the system does not list what is open (status {status & 0xFFFFFFFF:#010x})"
            raise UsageError(text)
        size = max(size * 2, needed.value + (1 << 16))
    raise UsageError("the system's list of handles is too long to be read")


def _entries(data: Any) -> list[tuple[int, ...]]:  # noqa: ANN401 - as above
    """Return the rows of SystemExtendedHandleInformation, as `_ENTRY` has them."""
    head = struct.Struct("<QQ" if _WIDE else "<II")
    count = head.unpack_from(data)[0]
    whole = memoryview(data)[head.size : head.size + count * _ENTRY.size]
    return list(_ENTRY.iter_unpack(whole))


def _object(handle: ctypes.c_void_p, kind: int) -> Any:  # noqa: ANN401 - as above
    buffer = ctypes.create_string_buffer(1 << 16)
    needed = ctypes.c_uint32()
    status = _NT.NtQueryObject(handle, kind, buffer, len(buffer), ctypes.byref(needed))
    return None if status & 0x80000000 else buffer


def _text(data: Any) -> str:  # noqa: ANN401 - as above
    """Return the UNICODE_STRING at the beginning of *data*, "" for none."""
    if data is None:
        return ""
    length = struct.unpack_from("<H", data)[0]
    where = struct.unpack_from("<Q" if _WIDE else "<I", data, 8 if _WIDE else 4)[0]
    return ctypes.wstring_at(where, length // 2) if where and length else ""


def _services(manager: ctypes.c_void_p) -> list[Any]:
    needed, count, resume = ctypes.c_uint32(), ctypes.c_uint32(), ctypes.c_uint32()
    size = 1 << 18
    buffer = ctypes.create_string_buffer(size)
    more = (ctypes.byref(needed), ctypes.byref(count), ctypes.byref(resume), None)
    asked = (manager, 0, _SERVICES, _ACTIVE, buffer, size, *more)
    if not _ADVAPI.EnumServicesStatusExW(*asked):
        return []
    rows = (_Service * count.value).from_buffer(buffer)
    return list(rows)


def _computer() -> str:
    name, size = ctypes.create_unicode_buffer(256), ctypes.c_uint32(256)
    return name.value if _KERNEL.GetComputerNameW(name, ctypes.byref(size)) else ""


def _system() -> str | None:
    """Return the name of the system, as `regsim.dialects` has it; None for one it has not."""
    if hasattr(_NT, "wine_get_version"):
        return "wine"
    found: Any = getattr(sys, "getwindowsversion")()  # noqa: B009 - as with ctypes
    return os_of(found.major, found.minor, found.build)[0]

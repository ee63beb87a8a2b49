"""What programs that use the registry through ``ctypes`` need of Windows' other libraries.

Events to wait for changes by, the version, the folders of the system and of the user, the thread's
last error. Source of each: MSDN, by the function's name; documented.
"""

from __future__ import annotations

import itertools
import time
from typing import Final
from uuid import UUID

from regsim.status import Win32Error
from regsim.testing._fake.binding import Binding
from regsim.testing.installed import folders
from regsim.testing.installed.system import Installation
from regsim.testing.windows.calls import Caller, Dword, Hkey, Out, Str, Wide, works
from regsim.testing.windows.environ import Environ
from regsim.testing.windows.library import Code, LastError
from regsim.testing.windows.memory import POINTER_SIZE, Text

WAIT_OBJECT_0, WAIT_TIMEOUT, WAIT_FAILED = 0, 0x102, 0xFFFFFFFF
INFINITE: Final = 0xFFFFFFFF
_FIRST_EVENT: Final = 0x10004
_POLL: Final = 0.01
_CSIDL: Final = {
    0x00: "Desktop",
    0x02: "Programs",
    0x05: "Personal",
    0x06: "Favorites",
    0x07: "Startup",
    0x08: "Recent",
    0x09: "SendTo",
    0x0B: "Start Menu",
    0x0D: "My Music",
    0x0E: "My Video",
    0x10: "Desktop",
    0x13: "NetHood",
    0x15: "Templates",
    0x1A: "AppData",
    0x1B: "PrintHood",
    0x1C: "Local AppData",
    0x20: "Cache",
    0x21: "Cookies",
    0x22: "History",
    0x27: "My Pictures",
}
"""Folders of the user by their numbers (shlobj.h; documented), as the registry names them."""
_CSIDL_COMMON: Final = {
    0x16: "Common Start Menu",
    0x17: "Common Programs",
    0x18: "Common Startup",
    0x19: "Common Desktop",
    0x23: "Common AppData",
    0x2D: "Common Templates",
    0x2E: "Common Documents",
}
_KNOWN: Final = {
    "3eb685db-65f9-4cf6-a03a-e3ef65729f3d": "AppData",
    "f1b32785-6fba-4fcf-9d55-7b8e7f157091": "Local AppData",
    "fdd39ad0-238f-46af-adb4-6c85480369c7": "Personal",
    "33e28130-4e1e-4676-835a-98395c3bc3bb": "My Pictures",
    "18989b1d-99b5-455b-841c-ab7c74e4ddfc": "My Video",
    "4bd8d571-6d19-48d3-be97-422220080e43": "My Music",
    "374de290-123f-4565-9164-39c4925e467b": "{374DE290-123F-4565-9164-39C4925E467B}",
    "b4bfcc3a-db2c-424c-b029-7fe99a87c641": "Desktop",
    "1777f761-68ad-4d8a-87bd-30b759fa33dd": "Favorites",
    "a77f5d77-2e2b-44c3-a6a2-aba601054a51": "Programs",
    "b97d20bb-f46a-4c97-ba10-5e3608430854": "Startup",
    "625b53c3-ab48-4ec1-ba1f-a1ef4146fc19": "Start Menu",
    "a63293e8-664e-48db-a079-df759e0509f7": "Templates",
    "62ab5d82-fdc1-4dc3-a9dd-070d1d495d97": "Common AppData",
    "0139d44e-6afe-49f2-8690-3dafcae6ffb8": "Common Programs",
    "ed4824af-dce4-45a8-81e2-fc7965083634": "Common Documents",
}
"""Folders by their KNOWNFOLDERID (KnownFolders.h; documented), as the registry names them."""
_INVALID: Final = 0x80070057  # E_INVALIDARG
_NOT_FOUND: Final = 0x80070002  # of ERROR_FILE_NOT_FOUND
_NO_CLASS: Final = 0x800401F3  # CO_E_CLASSSTRING


class Events:
    """The events that a process has made, by their handles; each has a name in the machine."""

    def __init__(self, binding: Binding) -> None:
        self.binding = binding
        self.names: dict[int, str] = {}
        self.manual: set[int] = set()
        self._numbers = itertools.count(_FIRST_EVENT, 4)

    def make(self, *, manual: bool, signalled: bool) -> int:
        """Make an event and return its handle."""
        handle = next(self._numbers)
        self.names[handle] = f"event {handle:#x} of process {self.binding.process.pid}"
        if manual:
            self.manual.add(handle)
        if signalled:
            self.binding.machine.signalled.add(self.names[handle])
        return handle

    def wait(self, handle: int, milliseconds: int) -> int:
        """Wait until the event is signalled, by another thread of the program, or time is up."""
        name, signalled = self.names[handle], self.binding.machine.signalled
        end = time.monotonic() + milliseconds / 1000
        while name not in signalled:
            if milliseconds != INFINITE and time.monotonic() >= end:
                return WAIT_TIMEOUT
            time.sleep(_POLL)
        if handle not in self.manual:
            signalled.discard(name)
        return WAIT_OBJECT_0


class Kernel32:
    """The functions of ``kernel32`` that take no text."""

    def __init__(self, events: Events, system: Installation, last: LastError) -> None:
        self._events, self._system, self._last = events, system, last

    def _failed(self, code: int, result: int = 0) -> int:
        self._last.system = code
        return result

    def GetLastError(self, _site: Caller) -> int:
        """Return the thread's last error."""
        return self._last.system

    def SetLastError(self, _site: Caller, code: Dword) -> int:
        """Set the thread's last error."""
        self._last.system = code
        return 0

    def SetEvent(self, _site: Caller, event: Hkey) -> int:
        """Signal an event."""
        if event not in self._events.names:
            return self._failed(Win32Error.INVALID_HANDLE)
        self._events.binding.machine.signalled.add(self._events.names[event])
        return 1

    def ResetEvent(self, _site: Caller, event: Hkey) -> int:
        """Have an event signalled no longer."""
        if event not in self._events.names:
            return self._failed(Win32Error.INVALID_HANDLE)
        self._events.binding.machine.signalled.discard(self._events.names[event])
        return 1

    def WaitForSingleObject(self, _site: Caller, event: Hkey, milliseconds: Dword) -> int:
        """Wait for an event."""
        if event not in self._events.names:
            return self._failed(Win32Error.INVALID_HANDLE, WAIT_FAILED)
        return self._events.wait(event, milliseconds)

    def CloseHandle(self, _site: Caller, handle: Hkey) -> int:
        """Close an event's handle; keys are closed by RegCloseKey."""
        if self._events.names.pop(handle, None) is None:
            return self._failed(Win32Error.INVALID_HANDLE)
        return 1

    def GetCurrentProcess(self, _site: Caller) -> int:
        """Return the handle that means the own process."""
        return 0xFFFFFFFF

    def GetCurrentProcessId(self, _site: Caller) -> int:
        """Return the process's number on the simulated computer."""
        return self._events.binding.process.pid

    def GetVersion(self, _site: Caller) -> int:
        """Return the version in one number."""
        major, minor, build = self._system.version
        return (build << 16 | minor << 8 | major) & 0xFFFFFFFF

    def IsWow64Process(self, _site: Caller, _process: Hkey, result: Out) -> int:
        """Tell that the process is none of 32 bits on a 64-bit system."""
        if result is None:
            return self._failed(Win32Error.INVALID_PARAMETER)
        result.put(0)
        return 1

    def GetUserDefaultUILanguage(self, _site: Caller) -> int:
        """Return English as it is spoken in the United States."""
        return 0x409

    GetSystemDefaultUILanguage = GetUserDefaultUILanguage


class Kernel32Texts:
    """The functions of ``kernel32`` that take a text, whose names end in W or A."""

    def __init__(
        self, events: Events, system: Installation, environment: Environ, text: Text
    ) -> None:
        self._events, self._system, self._text = events, system, text
        self._environment = environment

    def _put(self, text: str, buffer: Out, room: int) -> int:
        """Write *text*; return its length, or with too little room what it needs."""
        data = self._text.encode(text)
        length = len(data) // self._text.unit
        if buffer is None or room <= length:
            return length + 1
        buffer.write(data + bytes(self._text.unit))
        return length

    def CreateEvent(
        self,
        _site: Caller,
        _security: Out,
        manual: Dword,
        signalled: Dword,
        _name: Str,
    ) -> int:
        """Make an event."""
        return self._events.make(manual=bool(manual), signalled=bool(signalled))

    def ExpandEnvironmentStrings(self, _site: Caller, text: Str, to: Out, room: Dword) -> int:
        """Replace variables in a text."""
        done = self._environment.expand(text or "")
        length = self._put(done, to, room)
        return length if length > len(done) else length + 1

    def GetComputerName(self, _site: Caller, to: Out, count: Out) -> int:
        """Tell the computer's name."""
        room = count.number() if count is not None else 0
        length = self._put(folders.COMPUTER, to, room)
        if count is not None:
            count.put(length)
        return int(to is not None and room > len(folders.COMPUTER))

    def GetWindowsDirectory(self, _site: Caller, to: Out, room: Dword) -> int:
        """Tell the system's folder."""
        return self._put(self._system.windows, to, room)

    def GetSystemDirectory(self, _site: Caller, to: Out, room: Dword) -> int:
        """Tell the folder of the system's libraries."""
        return self._put(rf"{self._system.windows}\system32", to, room)

    def GetVersionEx(self, _site: Caller, to: Out) -> int:
        """Tell the version, as `write_version` does."""
        return write_version(self._system, to, self._text)


class OtherLibraries:
    """Functions of ``shell32``, ``ole32`` and ``ntdll``."""

    def __init__(self, system: Installation, text: Text) -> None:
        self._system, self._text = system, text

    def SHGetFolderPath(
        self, _site: Caller, _window: Hkey, folder: Dword, _token: Hkey, _flags: Dword, to: Out
    ) -> int:
        """Tell the path of a folder by its CSIDL, the flag to make it left aside."""
        place = folder_of(self._system, folder & 0xFF)
        if place is None or to is None:
            return _INVALID
        to.write(self._text.encode(place) + bytes(self._text.unit))
        return 0

    def SHGetKnownFolderPath(
        self, _site: Caller, folder: Out, _flags: Dword, _token: Hkey, to: Out
    ) -> int:
        """Tell the path of a folder by its KNOWNFOLDERID."""
        if folder is None or to is None:
            return _INVALID
        place = known_folder(self._system, str(UUID(bytes_le=folder.read(16))))
        if place is None:
            to.put(0, POINTER_SIZE)
            return _NOT_FOUND
        to.point_to(place)
        return 0

    def CLSIDFromString(self, _site: Caller, text: Wide, to: Out) -> int:
        """Make a GUID of its text."""
        try:
            made = UUID(text or "")
        except ValueError:
            return _NO_CLASS
        if to is not None:
            to.write(made.bytes_le)
        return 0

    def CoTaskMemFree(self, _site: Caller, _memory: Hkey) -> int:
        """Do nothing: a text lives as long as the pointer to it."""
        return 0

    def RtlGetVersion(self, _site: Caller, to: Out) -> int:
        """Tell the version, as `write_version` does."""
        write_version(self._system, to, Text(wide=True))
        return 0

    def IsUserAnAdmin(self, _site: Caller) -> int:
        """Tell that the process is elevated."""
        return 1


def folder_of(system: Installation, folder: int) -> str | None:
    """Return the path of the folder with that CSIDL; None for those that are not known."""
    if folder in _CSIDL_COMMON:
        return folders.common(system).get(_CSIDL_COMMON[folder])
    fixed = {0x24: system.windows, 0x25: rf"{system.windows}\system32", 0x14: system.windows}
    fixed |= {0x14: rf"{system.windows}\Fonts", 0x28: folders.profile(system)}
    programs = folders.program_files(system)
    fixed |= {0x26: programs["ProgramFiles"], 0x2B: programs["CommonProgramFiles"]}
    if folder in fixed:
        return fixed[folder]
    shell = folders.layout(system)[1].get(_CSIDL.get(folder, ""))
    return None if shell is None else rf"{folders.profile(system)}\{shell}"


def known_folder(system: Installation, identifier: str) -> str | None:
    """Return the path of the folder with that KNOWNFOLDERID; None for those that are not known."""
    home, users = folders.profile(system), system.profiles
    fixed = {
        "5e6c858f-0e22-4760-9afe-ea3317b67173": home,
        "dfdf76a2-c82a-4d63-906a-5644ac457385": rf"{users}\Public",
        "5cd7aee2-2219-4a67-b85d-6c9ce15660cb": rf"{home}\AppData\Local\Programs",
        "f38bf404-1d43-42f2-9305-67de0b28fc23": system.windows,
        "905e63b6-c1bf-494e-b29c-65b732d3d21a": folders.program_files(system)["ProgramFiles"],
    }
    if identifier in fixed:
        return fixed[identifier]
    name = _KNOWN.get(identifier, "")
    shell = folders.layout(system)[1].get(name)
    return folders.common(system).get(name) if shell is None else rf"{home}\{shell}"


def write_version(system: Installation, to: Out, text: Text) -> int:
    """Fill an OSVERSIONINFO or OSVERSIONINFOEX, after its size; return whether that can be."""
    if to is None:
        return 0
    size = to.number()
    numbers = (*system.version, 2 if system.nt else 1)
    head = b"".join(number.to_bytes(4, "little") for number in (size, *numbers))
    pack = text.encode(system.service_pack_text).ljust(128 * text.unit, b"\0")
    tail = system.service_pack.to_bytes(2, "little") + bytes(2) + (0x100).to_bytes(2, "little")
    tail += bytes([3 if system.server else 1, 0])
    to.write((head + pack + tail)[: max(size, len(head))])
    return 1


def libraries(
    binding: Binding, system: Installation, environment: Environ, last: LastError
) -> tuple[dict[str, dict[str, Code]], Events]:
    """Return the functions of the libraries but ``advapi32``, by both names; and the events."""
    events = Events(binding)
    wide = Text(wide=True)
    kernel = dict(works(Kernel32(events, system, last), wide))
    other = dict(works(OtherLibraries(system, wide), wide))
    shell = {"IsUserAnAdmin": other["IsUserAnAdmin"]}
    for suffix, text in (("W", wide), ("A", Text(wide=False))):
        texts = Kernel32Texts(events, system, environment, text)
        kernel |= {name + suffix: work for name, work in works(texts, text)}
        folder = dict(works(OtherLibraries(system, text), text))["SHGetFolderPath"]
        shell["SHGetFolderPath" + suffix] = folder
    found = {"kernel32": kernel, "kernelbase": kernel, "shell32": shell}
    found["ntdll"] = {"RtlGetVersion": other["RtlGetVersion"]}
    if system.modern:
        shell["SHGetKnownFolderPath"] = other["SHGetKnownFolderPath"]
    found["ole32"] = {name: other[name] for name in ("CLSIDFromString", "CoTaskMemFree")}
    return found, events

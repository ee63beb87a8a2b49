"""Wine's relay lines: which program calls which function of the registry, from where.

``WINEDEBUG=+relay,+loaddll`` has the client print each call of the functions asked for and each
module that is loaded, to the stream that the server's log goes to; both write whole lines, so their
order is the order of events (observed, Wine 8.0). A program's own output may stand before a line.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from pathlib import Path
from typing import Final

import attrs

from regsim.trace.readers.wine import unescape

_OPENS: Final = (
    *("RegOpenKeyA", "RegOpenKeyW", "RegOpenKeyExA", "RegOpenKeyExW", "RegOpenKeyTransactedW"),
    *("RegCreateKeyA", "RegCreateKeyW", "RegCreateKeyExA", "RegCreateKeyExW"),
    *("RegCreateKeyTransactedA", "RegCreateKeyTransactedW", "RegOpenKeyTransactedA"),
    *("RegOpenCurrentUser", "RegOpenUserClassesRoot", "RegLoadAppKeyA", "RegLoadAppKeyW"),
    *("RegConnectRegistryA", "RegConnectRegistryW", "RegConnectRegistryExA"),
    "RegConnectRegistryExW",
)
_BOTH: Final = (
    *("RegDeleteKey", "RegDeleteKeyEx", "RegDeleteTree", "RegDeleteValue", "RegDeleteKeyValue"),
    *("RegEnumKey", "RegEnumKeyEx", "RegEnumValue", "RegGetValue", "RegLoadKey"),
    *("RegLoadMUIString", "RegQueryInfoKey", "RegQueryMultipleValues", "RegQueryValue"),
    *("RegQueryValueEx", "RegReplaceKey", "RegRestoreKey", "RegSaveKey", "RegSaveKeyEx"),
    *("RegSetKeyValue", "RegSetValue", "RegSetValueEx", "RegUnLoadKey", "RegCopyTree"),
)
_ONE: Final = (
    *("RegCloseKey", "RegOverridePredefKey", "RegDisablePredefinedCache"),
    *("RegDisablePredefinedCacheEx", "RegFlushKey", "RegGetKeySecurity", "RegSetKeySecurity"),
    *("RegNotifyChangeKeyValue", "RegRenameKey"),
)
_NATIVE: Final = (
    *("OpenKey", "OpenKeyEx", "OpenKeyTransacted", "OpenKeyTransactedEx", "CreateKey"),
    *("CreateKeyTransacted", "LoadKey", "LoadKey2", "LoadKeyEx", "UnloadKey"),
)
_RUNTIME: Final = (
    *("RtlOpenCurrentUser", "RtlpNtOpenKey", "RtlpNtCreateKey", "RtlCreateRegistryKey"),
)

INCLUDED: Final = ";".join(
    [
        f"{module}.{name}"
        for module in ("advapi32", "kernelbase")
        for name in (*_OPENS, *_ONE, *(f"{name}{form}" for name in _BOTH for form in "AW"))
    ]
    + [f"ntdll.{prefix}{name}" for prefix in ("Nt", "Zw") for name in _NATIVE]
    + [f"ntdll.{name}" for name in _RUNTIME]
)
"""The functions to relay, as Wine's ``HKCU\\Software\\Wine\\Debug`` value RelayInclude has them."""

_CLIENT: Final = re.compile(
    rb"([0-9a-f]{4,8}):(?:"
    rb"(?P<call>Call) (?P<called>[\w.-]+)\.(?P<name>\w+)\((?P<arguments>.*)\)"
    rb" ret=(?P<from>[0-9A-Fa-f]+)"
    rb"|(?P<ret>Ret)  [\w.-]+\.(?P<done>\w+)\(.*\)"
    rb" retval=(?P<value>[0-9A-Fa-f]+) ret=(?P<back>[0-9A-Fa-f]+)"
    rb'|trace:loaddll:\w+ Loaded L"(?P<module>(?:[^"\\]|\\.)*)" at (?P<base>[0-9A-Fa-f]+):'
    rb" (?P<kind>\w+)"
    rb"|(?P<start>Starting thread proc) .*"
    rb")$"
)
_PE_HEAD: Final = 4096


@attrs.frozen
class ClientLine:
    """One line of the client's: a call, its return, a module's loading, or a thread's start.

    ``kind`` is ``call``, ``ret``, ``module`` or ``start``; ``address`` is where the call returns
    to, or where the module lies; ``value`` is what the function returned.
    """

    tid: int
    kind: str
    name: str = ""
    arguments: str = ""
    address: int = 0
    value: int = 0
    builtin: bool = False


def client_line(line: bytes) -> tuple[bytes, ClientLine | None]:
    """Return what stands before a line of the client's in *line*, and it; None if there is none.

    >>> before, said = client_line(b"text0024:Call advapi32.RegCloseKey(00000030) ret=140001000")
    >>> before, said.name, said.arguments, hex(said.address)
    (b'text', 'RegCloseKey', '00000030', '0x140001000')
    """
    found = _CLIENT.match(line) or _CLIENT.search(line)
    if found is None:
        return line, None
    # After a program's own text that ends in a digit, the number's last four digits are Wine's.
    number = found[1][-4:]
    before, tid = line[: found.end(1) - len(number)], int(number, 16)
    if found["call"]:
        text = found["arguments"].decode("latin-1")
        name, address = found["name"].decode(), int(found["from"], 16)
        return before, ClientLine(tid, "call", name, text, address)
    if found["ret"]:
        value, back = int(found["value"], 16) & 0xFFFFFFFF, int(found["back"], 16)
        return before, ClientLine(tid, "ret", found["done"].decode(), "", back, value)
    if found["module"]:
        path, base = unescape(found["module"]), int(found["base"], 16)
        builtin = found["kind"] == b"builtin"
        return before, ClientLine(tid, "module", path, "", base, 0, builtin)
    return before, ClientLine(tid, "start")


@attrs.frozen
class Module:
    """A module of a process: its path in Windows, where it lies, and whether it is Wine's own.

    ``size`` is 0, and ``preferred`` its own base, where the file cannot be read.
    """

    path: str
    base: int
    builtin: bool
    file: Path | None = None
    size: int = 0
    preferred: int = 0

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.rpartition("\\")[2]


class Modules:
    """The modules of one process, and which of them an address lies in."""

    def __init__(self) -> None:
        self._by_base: dict[int, Module] = {}

    def add(self, module: Module) -> None:
        """Note that *module* is loaded; it replaces one that lay at its base."""
        self._by_base[module.base] = module

    def main(self) -> Module | None:
        """Return the program that the process runs: the module that was loaded first."""
        return next(iter(self._by_base.values()), None)

    def at(self, address: int) -> Module | None:
        """Return the module that *address* lies in, None for none that is known."""
        bases = sorted(self._by_base)
        index = bisect_right(bases, address)
        if not index:
            return None
        found = self._by_base[bases[index - 1]]
        return found if not found.size or address < found.base + found.size else None


def unix_path(path: str, prefix: Path) -> Path | None:
    r"""Return the file that Wine means by *path*, such as ``C:\x.dll``; None if it has no drive."""
    drive, colon, rest = path.partition(":")
    if not colon or len(drive) != 1:
        return None
    return prefix / "dosdevices" / f"{drive.lower()}:" / rest.replace("\\", "/").lstrip("/")


def load(path: str, base: int, *, builtin: bool, prefix: Path) -> Module:
    """Return the module at *path*, with what its file says of its size."""
    file = unix_path(path, prefix)
    try:
        with (file or Path()).open("rb") as opened:
            head = opened.read(_PE_HEAD)
    except OSError:
        head = b""
    at = int.from_bytes(head[60:64], "little") + 24
    if head[:2] != b"MZ" or head[at - 24 : at - 20] != b"PE\0\0" or len(head) < at + 60:
        return Module(path, base, builtin, file, 0, base)
    wide = head[at : at + 2] == b"\x0b\x02"
    preferred = head[at + 24 : at + 32] if wide else head[at + 28 : at + 32]
    size = int.from_bytes(head[at + 56 : at + 60], "little")
    return Module(path, base, builtin, file, size, int.from_bytes(preferred, "little"))

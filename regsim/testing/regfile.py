"""``.reg`` files into a simulated computer and out of it, as Regedit does it for its user."""

from __future__ import annotations

import warnings
from itertools import count, takewhile
from typing import Final

from regsim.errors import UsageError
from regsim.regf.regtext import HEADER_5, KeyLine, RegText, RegTextError, ValueLine
from regsim.regf.regwrite import SHORT, key_text
from regsim.status import Win32Error
from regsim.types import COUNTERS, PredefinedKey, Value
from regsim.win32.api import Api

_ROOTS: Final = {key.hkey: key for key in PredefinedKey}
_UNSTORED: Final = COUNTERS | {PredefinedKey.DYN_DATA}
"""Roots whose keys the system makes up when they are read (MSDN "Predefined Keys"; documented)."""
_MACHINES: Final = frozenset(
    ["BCD00000000", "COMPONENTS", "DRIVERS", "ELAM", "HARDWARE", "SAM", "SCHEMA", "SECURITY"]
)
"""Hives below HKEY_LOCAL_MACHINE that the computer of the tests has not."""


def carry_out(api: Api, text: RegText, file: str | None) -> None:
    """Do what *text* says, line by line, by the calls of *api*.

    What an export of a whole registry has and this computer cannot hold is left out, with a
    warning: roots that store nothing, and hives of other users and of the system that are not
    loaded here. Raises `RegTextError` for all else that cannot be.
    """
    handle = 0
    skipped: dict[str, int] = {}
    left_out = False
    for line in text.lines:
        if not isinstance(line, KeyLine):
            if not left_out:
                _set(api, handle, line, file)
            continue
        if handle:
            api.RegCloseKey(handle)
            handle = 0
        key, path = place(line.path)
        if key is None:
            root = line.path.partition("\\")[0]
            raise RegTextError(f"no predefined key {root!r}", line=line.line, file=file)
        absent = _absent(api, key, path)
        left_out = absent is not None
        if absent is not None:
            skipped.setdefault(absent, line.line)
        else:
            code, handle = _delete(api, key, path) if line.delete else _create(api, key, path)
            if code:
                name = f"[{'-' * line.delete}{line.path}]"
                raise RegTextError(f"{name}: error {int(code)}", line=line.line, file=file)
    if skipped:
        names = ", ".join(f"{name} (line {number})" for name, number in skipped.items())
        warnings.warn(
            f"{file or '.reg file'}: this computer has no {names}: left out", stacklevel=6
        )


def exported(api: Api, path: str) -> str:
    r"""Return the text of a ``.reg`` file of version 5 with the key at *path* and all below it.

    Keys and values stand in the order in which the system lists them; lines end in ``\n``. Raises
    `UsageError` where there is no such key.
    """
    key, below = place(path)
    code, first = (
        api.RegOpenKeyEx(key, below) if key is not None else (Win32Error.FILE_NOT_FOUND, 0)
    )
    if code:
        raise UsageError(f"cannot export {path!r}: error {int(code)}")
    root, _, rest = path.partition("\\")
    full = "\\".join(filter(None, (SHORT.get(root.upper(), root.upper()), rest)))
    pieces, waiting = [HEADER_5], [(full, first)]
    while waiting:
        name, handle = waiting.pop()
        pieces.append(key_text(name, _values(api, handle)))
        found = [(each, api.RegOpenKeyEx(handle, each)) for each in _names(api, handle)]
        waiting += [(f"{name}\\{each}", one) for each, (code, one) in reversed(found) if not code]
        api.RegCloseKey(handle)
    return "\n\n".join(pieces).replace("\r\n", "\n") + "\n"


def place(path: str) -> tuple[PredefinedKey | None, str]:
    """Return the predefined key that *path* begins with, if it does, and what is below."""
    root, _, below = path.partition("\\")
    return _ROOTS.get(SHORT.get(root.upper(), root.upper())), below


def _absent(api: Api, key: PredefinedKey, path: str) -> str | None:
    """Return what of *path* below *key* this computer cannot hold, by its name, or None."""
    if key in _UNSTORED:
        return key.hkey
    first = path.partition("\\")[0].upper()
    users = key is PredefinedKey.USERS and first.startswith("S-1-")
    if not users and not (key is PredefinedKey.LOCAL_MACHINE and first in _MACHINES):
        return None
    code, handle = api.RegOpenKeyEx(key, first)
    if code:
        return f"{key.hkey}\\{first}"
    api.RegCloseKey(handle)
    return None


def _set(api: Api, handle: int, line: ValueLine, file: str | None) -> None:
    """Set or delete the value of *line*; one to delete that is not there is no fault."""
    if line.data is not None:
        code = api.RegSetValueEx(handle, line.name, line.type, line.data).code
        if code:
            raise RegTextError(f"error {int(code)}", line=line.line, file=file)
    elif handle:
        api.RegDeleteValue(handle, line.name)


def _create(api: Api, key: int, path: str) -> tuple[int, int]:
    """Open or create *path* below *key*; return the code and the handle."""
    code, made = api.RegCreateKeyEx(key, path)
    return code, 0 if code else made.handle


def _delete(api: Api, key: int, path: str) -> tuple[int, int]:
    """Delete *path* below *key* with all below it; what is not there is no fault.

    Return the code of the first key that stays, as a link does that leads to another hive, or 0;
    and no handle.
    """
    opened, handle = api.RegOpenKeyEx(key, path)
    if opened:
        return (0 if opened == Win32Error.FILE_NOT_FOUND else opened), 0
    failed = 0
    for name in _names(api, handle):
        code, _ = _delete(api, handle, name)
        failed = failed or code
    api.RegCloseKey(handle)
    return failed or api.RegDeleteKey(key, path).code, 0


def _names(api: Api, handle: int) -> list[str]:
    replies = takewhile(lambda reply: not reply[0], (api.RegEnumKeyEx(handle, n) for n in count()))
    return [str(name) for _, name in replies]


def _values(api: Api, handle: int) -> list[Value]:
    replies = takewhile(lambda reply: not reply[0], (api.RegEnumValue(handle, n) for n in count()))
    return [value for _, value in replies]

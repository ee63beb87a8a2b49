"""The environment that modules see which see Windows: this process's, and what Windows adds."""

from __future__ import annotations

import ntpath
import os
import re
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Final, Self

from regsim.testing.installed import folders
from regsim.testing.installed.system import Installation

_PATH: Final = "PATH"


class Environ(MutableMapping[str, str]):
    """Variables by names whose case does not matter, as ``os.environ`` has them on Windows.

    What the real environment has counts, so that a test can set any of them; it is also what is
    written to. Of the rest are those of *system* that it has not. Deleting one of these hides it.
    ``PATH`` has this computer's folders and then Windows', with Windows' separator; what is written
    to it stays here.
    """

    def __init__(self, system: Installation) -> None:
        self._written = False
        self._added = {name.upper(): text for name, text in variables(system).items()}

    def _real(self, name: str) -> str | None:
        wanted = name.upper()
        return next((each for each in os.environ if each.upper() == wanted), None)

    def __getitem__(self, name: str) -> str:
        real = self._real(name)
        if name.upper() == _PATH and not self._written:
            here = os.environ.get(_PATH, "").split(os.pathsep)
            return ntpath.pathsep.join(filter(None, [*here, self._added.get(_PATH, "")]))
        if name.upper() == _PATH:
            return self._added[_PATH]
        return os.environ[real] if real is not None else self._added[name.upper()]

    def __setitem__(self, name: str, value: str) -> None:
        if name.upper() == _PATH:
            self._added[_PATH], self._written = value, True
            return
        real = self._real(name)
        os.environ[real if real is not None else name.upper()] = value

    def __delitem__(self, name: str) -> None:
        real = self._real(name)
        if real is not None:
            del os.environ[real]
            self._added.pop(name.upper(), None)
        else:
            del self._added[name.upper()]

    def __iter__(self) -> Iterator[str]:
        real = list(os.environ)
        yield from real
        known = {name.upper() for name in real}
        yield from (name for name in self._added if name not in known)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"environ({dict(self)!r})"

    def __or__(self, other: Mapping[str, str]) -> dict[str, str]:
        return {**self, **other}

    def __ror__(self, other: Mapping[str, str]) -> dict[str, str]:
        return {**other, **self}

    def __ior__(self, other: Mapping[str, str]) -> Self:
        self.update(other)
        return self

    def expand(self, text: str) -> str:
        """Return *text* with each ``%NAME%`` that is known replaced."""
        return re.sub("%([^%]+)%", lambda name: self.get(name[1], name[0]), text)

    def copy(self) -> dict[str, str]:
        """Return the variables as a dict, whose names are what they are."""
        return dict(self)


def variables(system: Installation) -> dict[str, str]:
    """Return the variables of a process of the logged-on user of *system*."""
    home = folders.profile(system)
    found = {"SystemDrive": "C:", "SystemRoot": system.windows, "PROMPT": "$P$G"}
    if not system.nt:
        found = {"windir": system.windows, "winbootdir": system.windows, "PROMPT": "$p$g"}
        return found | {"COMSPEC": rf"{system.windows}\COMMAND.COM", "TEMP": r"C:\WINDOWS\TEMP"}
    found |= folders.machine_environment(system)
    found |= folders.program_files(system)
    found |= {"COMPUTERNAME": folders.COMPUTER, "USERDOMAIN": folders.COMPUTER}
    found |= {"USERNAME": folders.USER, "HOMEDRIVE": "C:", "HOMEPATH": home[2:]}
    if system.profiles:
        shared = r"C:\ProgramData" if system.modern else rf"{system.profiles}\All Users"
        found |= {"USERPROFILE": home, "ALLUSERSPROFILE": shared}
    found |= folders.volatile_environment(system)
    if system.modern:
        found |= {"ProgramData": r"C:\ProgramData", "PUBLIC": rf"{system.profiles}\Public"}
        found |= {"SESSIONNAME": "Console"}
    if folders.temporary(system):
        found["TEMP"] = found["TMP"] = rf"{home}\{folders.temporary(system)}"
    root = system.windows
    return {name: text.replace("%SystemRoot%", root) for name, text in found.items()}

r"""Python's ``winreg`` on a simulated machine, with the lifetimes of real handles.

Used as it stands, it is the registry of a fresh Windows 11 with one user logged on, in a process
of theirs; the machine is made at the first call. `bind` gives the same face to any process of any
machine. Names, signatures, exceptions and audit events are those of the standard library's module
for the Python that is running.

>>> from regsim.testing import winreg
>>> with winreg.CreateKey(winreg.HKEY_CURRENT_USER, r"Software\Example") as key:
...     winreg.SetValueEx(key, "Colour", 0, winreg.REG_SZ, "blue")
>>> bool(key), int(key)
(False, 0)
>>> [(handle.key.rsplit("\\", 1)[0], handle.implicit) for handle in winreg.open_handles()]
[('\\REGISTRY\\USER', True)]
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn, cast

from regsim.testing._fake.binding import NOT_SENT, ElsewhereError, HeldByCode
from regsim.testing._fake.computer import logged_on
from regsim.testing._fake.constants import CONSTANTS
from regsim.testing._fake.face import WinregFace
from regsim.testing._fake.hives import LazyWinreg, Winreg
from regsim.testing._fake.hkey import HKEYType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regsim.kernel.machine import Machine
    from regsim.kernel.process import Process

_FUNCTIONS = (
    *("CloseKey", "ConnectRegistry", "CreateKey", "CreateKeyEx", "DeleteKey", "DeleteKeyEx"),
    *("DeleteTree", "DeleteValue", "DisableReflectionKey", "EnableReflectionKey", "EnumKey"),
    *("EnumValue", "ExpandEnvironmentStrings", "FlushKey", "LoadKey", "OpenKey", "OpenKeyEx"),
    *("QueryInfoKey", "QueryReflectionKey", "QueryValue", "QueryValueEx", "SaveKey"),
    *("SetValue", "SetValueEx"),
)
_SINCE = {"DeleteTree": (3, 15)}


def functions(version: tuple[int, int]) -> list[str]:
    """Return the functions that ``winreg`` has in Python *version*, such as (3, 11)."""
    return [name for name in _FUNCTIONS if _SINCE.get(name, version) <= version]


FUNCTIONS = functions(sys.version_info[:2])
"""The functions that the running Python's ``winreg`` has."""


def public_face(process: Winreg) -> dict[str, Any]:
    """Return what the standard library's ``winreg`` offers, by name, for *process*."""
    calls = {name: getattr(process, name) for name in FUNCTIONS}
    return {**calls, **CONSTANTS, "HKEYType": HKEYType, "error": OSError}


class BoundWinreg(WinregFace):
    """A module like ``winreg`` whose calls are those of one process of one machine.

    ``binding`` is the process behind it; ``open_handles()`` says what that has open.
    """

    def __init__(self, binding: Winreg) -> None:
        ModuleType.__init__(cast("ModuleType", self), "winreg", Winreg.__doc__)
        self.__dict__.update(public_face(binding))
        self.__all__ = [*FUNCTIONS, *CONSTANTS, "HKEYType", "error"]
        self.binding = binding

    def __reduce__(self) -> NoReturn:
        """Refuse to be sent to another process, which would have a copy of all behind it."""
        raise ElsewhereError(NOT_SENT)

    def open_handles(self) -> list[HeldByCode]:
        """Return the handles that the process has open, implicit ones too, by number."""
        return self.binding.open_handles()


def bind(
    machine: Machine, process: Process, *, accounts: Mapping[str, str] | None = None
) -> BoundWinreg:
    """Return a module-like ``winreg`` that makes its calls as *process* of *machine*.

    *accounts* are the users that `regsim.testing.pywin32` lets log on: names and SIDs.
    """
    return BoundWinreg(Winreg(machine, process, accounts))


def _default() -> tuple[Machine, Process, Mapping[str, str]]:
    computer = logged_on()
    return computer.machine, computer.process, computer.accounts


binding: Winreg = LazyWinreg(_default)
"""The process that this module's own functions call from."""

open_handles = binding.open_handles
"""Returns the handles that the default process has open."""

error = OSError
globals().update(public_face(binding))
__all__ = [*FUNCTIONS, *CONSTANTS, "HKEYType", "error"]  # noqa: PLE0604 - names, all of them texts

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any:  # noqa: ANN401 - functions and constants
        ...

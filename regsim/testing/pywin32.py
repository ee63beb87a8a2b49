r"""pywin32's registry: ``win32api``, ``win32con``, ``win32security``, ``win32event`` in part.

All the registry functions of pywin32 312 are there, with its arguments, its results and its
`error`; of the rest, what goes with them: tokens and impersonation, events. They act in the process
of the ``winreg`` that they are asked for, on the same keys and handles.

>>> from regsim.testing import winreg
>>> from regsim.testing.pywin32 import win32api_of, win32con, win32security_of
>>> win32api, win32security = win32api_of(winreg), win32security_of(winreg)
>>> token = win32security.LogonUser("user", None, "", 2, 0)
>>> win32security.ImpersonateLoggedOnUser(token)
>>> key = win32api.RegOpenCurrentUser()
>>> win32api.RegQueryInfoKey(key)[0] > 0
True
>>> win32api.RegCloseKey(key)
>>> win32security.RevertToSelf()

The modules that a registry patches have them by ``import win32api`` and so on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, cast

from regsim.testing._fake.pyhandle import PyHANDLE, PySID, error
from regsim.testing._fake.security import PySECURITY_DESCRIPTOR
from regsim.testing._fake.win32api import Win32Api
from regsim.testing._fake.win32con import WIN32CON
from regsim.testing._fake.win32functions import Win32Process
from regsim.testing._fake.win32security import Win32Event, Win32Security

if TYPE_CHECKING:
    from regsim.testing._fake.hives import Winreg

MODULES: Final = ("win32api", "win32con", "win32security", "win32event", "pywintypes")
"""The modules that are there."""


def _plain(name: str, content: Mapping[str, Any]) -> ModuleType:
    made = ModuleType(name, f"The part of pywin32's ``{name}`` that the registry needs.")
    vars(made).update(content)
    return made


win32con: Final = _plain("win32con", WIN32CON)
"""``win32con``: one for all, as it holds numbers alone."""

pywintypes: Final = _plain(
    "pywintypes",
    {
        "error": error,
        "HANDLEType": PyHANDLE,
        "TimeType": datetime,
        "SIDType": PySID,
        "SECURITY_DESCRIPTORType": PySECURITY_DESCRIPTOR,
    },
)
"""``pywintypes``: one for all."""


def modules_of(winreg: Any) -> Mapping[str, ModuleType]:  # noqa: ANN401 - a module, bound or not
    """Return pywin32's modules, by name, as the process behind *winreg* has them."""
    binding: Winreg = winreg.binding
    if binding.pywin32 is None:
        process = Win32Process(binding)
        binding.pywin32 = {
            "win32api": Win32Api("win32api", process),
            "win32con": win32con,
            "win32security": Win32Security("win32security", process),
            "win32event": Win32Event("win32event", process),
            "pywintypes": pywintypes,
        }
    return binding.pywin32


def win32api_of(winreg: Any) -> Win32Api:  # noqa: ANN401 - as above
    """Return ``win32api`` as the process behind *winreg* has it."""
    return cast("Win32Api", modules_of(winreg)["win32api"])


def win32security_of(winreg: Any) -> Win32Security:  # noqa: ANN401 - as above
    """Return ``win32security`` as the process behind *winreg* has it."""
    return cast("Win32Security", modules_of(winreg)["win32security"])

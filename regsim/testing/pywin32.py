r"""What ``winreg`` lacks, under pywin32's names: ``win32api`` and ``win32security`` in part.

>>> from regsim.testing import winreg
>>> from regsim.testing.pywin32 import win32api, win32security
>>> token = win32security.LogonUser("user", None, "", 2, 0)
>>> win32security.ImpersonateLoggedOnUser(token)
>>> with win32api.RegOpenCurrentUser() as key:
...     winreg.QueryInfoKey(key)[0] > 0
True
>>> win32security.RevertToSelf()

The module-level objects belong to the default process of `regsim.testing.winreg`; `win32api_of` and
`win32security_of` give those of another one.
"""

from __future__ import annotations

from typing import Any

import attrs

from regsim.testing._fake import arguments
from regsim.testing._fake.binding import site_above
from regsim.testing._fake.hives import Winreg
from regsim.testing._fake.hkey import HKEYType, new_hkey
from regsim.testing._fake.oserror import error_text
from regsim.testing.winreg import BoundWinreg
from regsim.testing.winreg import binding as _default
from regsim.types import Access
from regsim.win32.api import Api

LOGON_FAILURE = 1326


class error(Exception):  # noqa: N801, N818 - the name that pywin32 has
    """A Win32 function failed: ``winerror``, ``funcname`` and ``strerror``, also in ``args``."""

    def __init__(self, winerror: int, funcname: str, strerror: str) -> None:
        super().__init__(winerror, funcname, strerror)
        self.winerror, self.funcname, self.strerror = winerror, funcname, strerror


class _Functions:
    """Functions that a process calls under pywin32's names."""

    error = error

    def __init__(self, binding: Winreg) -> None:
        self._binding = binding

    def _call(self, name: str, *args: object, **kwargs: object) -> Any:  # noqa: ANN401 - any result
        site = site_above(2)
        try:
            return self._binding.call_from(site, getattr(Api, name), *args, **kwargs)
        except OSError as problem:
            code = problem.winerror  # type: ignore[attr-defined]
            raise error(code, name, error_text(code)) from None


class Win32Api(_Functions):
    """The part of ``win32api`` that loads, unloads and redirects registry keys."""

    def RegUnLoadKey(self, key: HKEYType | int, subKey: str) -> None:
        """Unload the hive mounted at *subKey*; 5 while a key in it is open, 1314 unprivileged."""
        handle = self._binding.number(key)
        self._call("RegUnLoadKey", handle, arguments.text("RegUnLoadKey", 2, subKey))

    def RegOpenCurrentUser(self, samDesired: int = Access.MAXIMUM_ALLOWED) -> HKEYType:
        """Open the keys of whom the thread acts as, past the cache; the caller closes the handle.

        Raises `NotApplicableError` where the system lacks it, as before Windows 2000.
        """
        opened = self._call("RegOpenCurrentUser", access=arguments.number(samDesired))
        return new_hkey(self._binding, opened)

    def RegDisablePredefinedCache(self) -> None:
        """Stop caching HKEY_CURRENT_USER in this process; call it before the first use."""
        self._call("RegDisablePredefinedCache")

    def RegDisablePredefinedCacheEx(self) -> None:
        """Stop caching every predefined key in this process."""
        self._call("RegDisablePredefinedCacheEx")

    def RegOverridePredefKey(self, key: HKEYType | int, newKey: HKEYType | int | None) -> None:
        """Have a predefined key stand for *newKey*, or with None for its default again."""
        handle = self._binding.number(key)
        new = None if newKey is None else self._binding.number(newKey)
        self._call("RegOverridePredefKey", handle, new)

    def RegRestoreKey(self, Key: HKEYType | int, FileName: str, Flags: int = 0) -> None:
        """Replace the key's content by that of a hive file; 5 while others have it open."""
        handle = self._binding.number(Key)
        file = arguments.text("RegRestoreKey", 2, FileName)
        self._call("RegRestoreKey", handle, file, flags=Flags)


@attrs.frozen
class LogonToken:
    """Who somebody who logged on is; ``Close`` is there for the programs that call it."""

    sid: str

    def Close(self) -> None:
        """Do nothing: no call here can outlive the token."""


class Win32Security(_Functions):
    """The part of ``win32security`` by which a thread acts as another user."""

    def LogonUser(
        self,
        UserName: str,
        Domain: str | None = None,  # noqa: ARG002 - there is one computer
        Password: str = "",  # noqa: ARG002 - and no passwords
        LogonType: int = 2,  # noqa: ARG002
        LogonProvider: int = 0,  # noqa: ARG002
    ) -> LogonToken:
        """Return the token of a user that the process knows (1326 if not); loads no hive."""
        sid = self._binding.accounts.get(UserName)
        if sid is None:
            raise error(LOGON_FAILURE, "LogonUser", error_text(LOGON_FAILURE))
        return LogonToken(sid)

    def ImpersonateLoggedOnUser(self, handle: LogonToken) -> None:
        """Have this thread act as the token's user until it reverts."""
        self._binding.calls.api.impersonate(handle.sid)

    def RevertToSelf(self) -> None:
        """Have this thread act as its process again; what HKEY_CURRENT_USER is pinned to stays."""
        self._binding.calls.api.revert()


def win32api_of(winreg: BoundWinreg) -> Win32Api:
    """Return the functions of ``win32api`` as the process behind *winreg* calls them."""
    return Win32Api(winreg.binding)


def win32security_of(winreg: BoundWinreg) -> Win32Security:
    """Return the functions of ``win32security`` as the process behind *winreg* calls them."""
    return Win32Security(winreg.binding)


win32api = Win32Api(_default)
"""``win32api`` of the default process."""
win32security = Win32Security(_default)
"""``win32security`` of the default process."""

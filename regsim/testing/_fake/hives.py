"""``winreg``'s functions on hive files, and all its functions taken together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from sys import audit
from threading import Lock
from typing import Any

from regsim.kernel.machine import Machine
from regsim.kernel.process import Process
from regsim.testing._fake import arguments
from regsim.testing._fake.binding import Binding
from regsim.testing._fake.hkey import HKEYType, signed
from regsim.testing._fake.keys import KeyCalls
from regsim.testing._fake.values import ValueCalls
from regsim.win32.api import Api


class HiveCalls(Binding):
    """The functions on hive files, as one process makes them."""

    def LoadKey(self, key: HKEYType | int, sub_key: str, file_name: str, /) -> None:
        """Mount the hive file below HKEY_USERS or HKEY_LOCAL_MACHINE; 1314 without SeRestore.

        A file that is not there is made (MSDN RegLoadKey; documented). Unloading is pywin32's:
        see `regsim.testing.pywin32`.
        """
        handle = self.number(key)
        name = arguments.text("LoadKey", 2, sub_key)
        file = arguments.text("LoadKey", 3, file_name)
        audit("winreg.LoadKey", signed(handle), sub_key, file_name)
        self.call(Api.RegLoadKey, handle, name, file)

    def SaveKey(self, key: HKEYType | int, file_name: str, /) -> None:
        """Write the key and all below it to a new hive file; 183 if it is there already."""
        handle = self.number(key)
        file = arguments.text("SaveKey", 2, file_name)
        audit("winreg.SaveKey", signed(handle), file_name)
        self.call(Api.RegSaveKey, handle, file)


class Winreg(KeyCalls, ValueCalls, HiveCalls):
    """All of ``winreg`` for one process of one machine."""


for _part in (KeyCalls, ValueCalls, HiveCalls):
    for _name, _call in vars(_part).items():
        if _name[0].isupper():  # errors name functions, not the classes they are made in
            _call.__qualname__ = _name


class LazyWinreg(Winreg):
    """A `Winreg` whose machine is made at the first use; then it is a `Winreg` like any other."""

    def __init__(self, make: Callable[[], tuple[Machine, Process, Mapping[str, str]]]) -> None:
        self._make = make

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the process has
        if name.startswith("__"):
            raise AttributeError(name)
        with _arming:
            if self.__class__ is LazyWinreg:
                Winreg.__init__(self, *self._make())
                self.__class__ = Winreg  # type: ignore[assignment]  # looking up attributes costs less where nothing is lazy
        return getattr(self, name)


_arming = Lock()

"""``winreg``'s functions on hive files, and all its functions taken together."""

from __future__ import annotations

from sys import audit

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

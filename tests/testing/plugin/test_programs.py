"""Programs from PyPI run their registry code on the fake, and the bug of Q241572 fails its test.

platformdirs (function-level import, HKCU), python-discovery as virtualenv uses it (unguarded
import, lists HKCU and both views of HKLM), tzlocal (the old module name first, a remote connection
to the own computer) and context_menu (defines its functions only where ``winreg`` is, creates,
writes, lists and deletes).
"""

from __future__ import annotations

import importlib

import pytest

from regsim.scenario.result import Outcome
from regsim.testing import assert_unloads, fake_winreg
from regsim.testing.pywin32 import error, win32api_of

FOLDERS = r"Software\Microsoft\Windows\CurrentVersion\Explorer\Shell Folders"


def seed(*lines: str) -> str:
    """Return a ``.reg`` file of *lines*."""
    return "\n".join(("REGEDIT4", "", *lines, ""))


def test_platformdirs_reads_the_shell_folders() -> None:
    """The folder is the one in the registry; the key it opens is closed again."""
    pytest.importorskip("platformdirs")
    folders = seed(rf"[HKEY_CURRENT_USER\{FOLDERS}]", r'"Local AppData"="D:\\Data"')
    with fake_winreg(patch=["platformdirs.windows"], seed=folders) as registry:
        windows = importlib.import_module("platformdirs.windows")

        assert windows.get_win_folder_from_registry("CSIDL_LOCAL_APPDATA") == r"D:\Data"
        with pytest.raises(FileNotFoundError):
            windows.get_win_folder_from_registry("CSIDL_PERSONAL")

        assert assert_unloads(registry).outcome is Outcome.SAVED


def test_platformdirs_in_a_service_pins_the_users_hive() -> None:
    """A service that asks it while acting as the user is left with the root of Q241572."""
    pytest.importorskip("platformdirs")
    folders = seed(rf"[HKEY_CURRENT_USER\{FOLDERS}]", r'"Local AppData"="D:\\Data"')
    with fake_winreg(
        patch=["platformdirs.windows"], seed=folders, process="service", leaks=False
    ) as registry:
        windows = importlib.import_module("platformdirs.windows")
        with registry.acting_as_user():
            windows.get_win_folder_from_registry("CSIDL_LOCAL_APPDATA")

        (leak,) = registry.leaks()

        assert leak.handle.implicit
        assert leak.handle.function == "get_win_folder_from_registry"


def test_python_discovery_finds_the_registered_pythons() -> None:
    """Its generator lists both roots and closes every key, also when it is dropped half-way."""
    pytest.importorskip("python_discovery")
    pythons = seed(
        r"[HKEY_CURRENT_USER\Software\Python\PythonCore\3.12\InstallPath]",
        r'"ExecutablePath"="C:\\Python312\\python.exe"',
        r"[HKEY_LOCAL_MACHINE\Software\Python\PythonCore\3.11\InstallPath]",
        r'"ExecutablePath"="C:\\Python311\\python.exe"',
    )
    with fake_winreg(patch=["python_discovery._windows._pep514"], seed=pythons) as registry:
        pep514 = importlib.import_module("python_discovery._windows._pep514")
        pep514.Path = type(pep514.Path())  # as it is here
        found = [spec[1:3] for spec in pep514.discover_pythons()]
        dropped = pep514.discover_pythons()
        next(dropped, None)
        del dropped

        assert isinstance(found, list)
        assert registry.leaks() == []


def test_tzlocal_names_the_zone() -> None:
    """It asks the computer's own registry through a connection, and closes what it opens."""
    pytest.importorskip("tzlocal")
    zone = seed(
        r"[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\TimeZoneInformation]",
        '"TimeZoneKeyName"="W. Europe Standard Time"',
    )
    with fake_winreg(patch=["tzlocal.win32"], seed=zone) as registry:
        win32 = importlib.import_module("tzlocal.win32")

        assert win32._get_localzone_name() == "Europe/Berlin"
        assert [handle for handle in registry.winreg.open_handles() if not handle.implicit] == []


def test_context_menu_makes_and_removes_its_keys() -> None:
    """Its own tests mock these five functions; here they run as they are."""
    pytest.importorskip("context_menu")
    with fake_winreg(patch=["context_menu.windows_menus"]) as registry:
        menus = importlib.import_module("context_menu.windows_menus")
        menus.create_key(r"Software\Classes\*\shell\Mine\command")
        menus.set_key_value(r"Software\Classes\*\shell\Mine", "MUIVerb", "Do it")

        assert menus.get_key_value(r"Software\Classes\*\shell\Mine", "MUIVerb") == "Do it"
        assert menus.list_keys(r"Software\Classes\*\shell") == ["Mine"]
        menus.delete_key(r"Software\Classes\*\shell\Mine")
        assert menus.list_keys(r"Software\Classes\*\shell") == []
        assert assert_unloads(registry).unloaded


# -- the service of Q241572 ------------------------------------------------------------------


def stock(_registry, winreg) -> None:
    """Serve one request as the article has it: open a key below HKCU, read, close."""
    with winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software") as key:
        winreg.QueryInfoKey(key)


def closing_the_root(registry, winreg) -> None:
    """The naive fix: close the predefined key afterwards."""
    stock(registry, winreg)
    winreg.CloseKey(winreg.HKEY_CURRENT_USER)


def by_full_path(registry, winreg) -> None:
    """Open the user's key below HKEY_USERS and give that root back too."""
    with winreg.OpenKey(winreg.HKEY_USERS, rf"{registry.user}\Software") as key:
        winreg.QueryInfoKey(key)


def with_an_own_root(_registry, winreg) -> None:
    """RegOpenCurrentUser, and close what it gives."""
    with (
        win32api_of(winreg).RegOpenCurrentUser() as root,
        winreg.OpenKey(root, "Software") as key,
    ):
        winreg.QueryInfoKey(key)


def serve(registry, work) -> None:
    """Have a service act as the user while it does *work*."""
    service = registry.service("TapiSrv")
    with registry.acting_as_user(service):
        work(registry, service)


@pytest.mark.parametrize("os", ["w2k", "win11"])
def test_the_stock_service_fails_its_test(os: str) -> None:
    """Every open had its close, and the hive does not unload."""
    with fake_winreg(os=os, leaks=False) as registry:
        serve(registry, stock)

        with pytest.raises(AssertionError, match="nobody asked for it"):
            assert_unloads(registry)


@pytest.mark.parametrize("os", ["w2k", "win11"])
@pytest.mark.parametrize("fix", [by_full_path, with_an_own_root, closing_the_root])
def test_each_fix_passes_when_nobody_interferes(os: str, fix) -> None:
    """The naive one too: one thread alone cannot tell it from the true ones."""
    with fake_winreg(os=os) as registry:
        serve(registry, fix)

        assert assert_unloads(registry).outcome is Outcome.SAVED


def test_a_script_that_leaks_a_handle_cannot_unload() -> None:
    """``reg unload`` answers "Access is denied", 5; once the handle is closed it works."""
    with fake_winreg() as registry:
        winreg = registry.winreg
        winreg.LoadKey(winreg.HKEY_USERS, "Offline", r"C:\Users\other\NTUSER.DAT")
        kept = winreg.CreateKey(winreg.HKEY_USERS, r"Offline\Software")

        with pytest.raises(error) as caught:
            win32api_of(winreg).RegUnLoadKey(winreg.HKEY_USERS, "Offline")
        assert caught.value.winerror == 5

        kept.Close()
        win32api_of(winreg).RegUnLoadKey(winreg.HKEY_USERS, "Offline")

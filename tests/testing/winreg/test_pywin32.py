"""pywin32's registry: what its functions take, give and raise, and that they share the fake's keys.

Source, where nothing else is said: pywin32 312, ``win32apimodule.cpp``, ``win32security.i``,
``PyHANDLE.cpp``; its tests ``win32/test/test_win32api.py`` for the values.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from regsim.errors import UsageError
from regsim.testing import Registry
from regsim.testing._fake import win32functions
from regsim.testing.pywin32 import (
    error,
    modules_of,
    pywintypes,
    win32api_of,
    win32con,
    win32security_of,
)

FUNCTIONS = [
    "RegCloseKey",
    "RegConnectRegistry",
    "RegCopyTree",
    "RegCreateKey",
    "RegCreateKeyEx",
    "RegDeleteKey",
    "RegDeleteKeyEx",
    "RegDeleteTree",
    "RegDeleteValue",
    "RegEnumKey",
    "RegEnumKeyEx",
    "RegEnumKeyExW",
    "RegEnumValue",
    "RegFlushKey",
    "RegGetKeySecurity",
    "RegLoadKey",
    "RegNotifyChangeKeyValue",
    "RegOpenCurrentUser",
    "RegOpenKey",
    "RegOpenKeyEx",
    "RegOpenKeyTransacted",
    "RegOverridePredefKey",
    "RegQueryInfoKey",
    "RegQueryInfoKeyW",
    "RegQueryValue",
    "RegQueryValueEx",
    "RegRestoreKey",
    "RegSaveKey",
    "RegSaveKeyEx",
    "RegSetKeySecurity",
    "RegSetValue",
    "RegSetValueEx",
    "RegUnLoadKey",
]
HKCU, HKLM, HKU = win32con.HKEY_CURRENT_USER, win32con.HKEY_LOCAL_MACHINE, win32con.HKEY_USERS
REG_SZ, REG_DWORD, REG_MULTI_SZ = win32con.REG_SZ, win32con.REG_DWORD, win32con.REG_MULTI_SZ


@pytest.fixture
def computer() -> Registry:
    """A computer of its own for each test."""
    return Registry()


@pytest.fixture
def api(computer: Registry) -> Any:
    """``win32api`` of the code under test."""
    return win32api_of(computer.winreg)


@pytest.fixture
def security(computer: Registry) -> Any:
    """``win32security`` of the code under test."""
    return win32security_of(computer.winreg)


def _raises(code: int, function: str, call: Callable[[], object]) -> None:
    with pytest.raises(error) as caught:
        call()
    assert caught.value.args[:2] == (code, function)
    assert (caught.value.winerror, caught.value.funcname) == (code, function)


def test_every_function_is_there_and_no_other(api: Any) -> None:
    """The registry functions are pywin32's; as there, none of them disables the cache."""
    assert sorted(name for name in dir(api) if name.startswith("Reg")) == sorted(FUNCTIONS)
    assert set(FUNCTIONS) < set(api.__all__)
    with pytest.raises(AttributeError, match="only what the registry needs"):
        _ = api.GetVersionEx


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (REG_SZ, "text"),
        (win32con.REG_EXPAND_SZ, "%systemdir%"),
        (REG_MULTI_SZ, ["one", "two"]),
        (REG_MULTI_SZ, []),
        (REG_DWORD, 666),
        (win32con.REG_QWORD, 2**33),
        (win32con.REG_BINARY, b"\x00\x01\x08"),
    ],
)
def test_values_come_back(api: Any, kind: int, data: object) -> None:
    """What is written is read again, as in pywin32's own test."""
    key = api.RegCreateKey(HKCU, r"Mine\values")
    api.RegSetValueEx(key, "n", None, kind, data)

    assert api.RegQueryValueEx(key, "n") == (data, kind)
    assert api.RegEnumValue(key, 0) == ("n", data, kind)


def test_values_read_otherwise_than_by_winreg(api: Any, computer: Registry) -> None:
    """A DWORD is signed, a text keeps NULs within it, texts end at the first empty one."""
    winreg = computer.winreg
    with winreg.CreateKey(winreg.HKEY_CURRENT_USER, "Mine") as key:
        winreg.SetValueEx(key, "d", 0, REG_DWORD, 0xFFFFFFFF)
        winreg.SetValueEx(key, "s", 0, REG_SZ, "a\0b")
        winreg.SetValueEx(key, "m", 0, REG_MULTI_SZ, ["a", "", "b"])
        winreg.SetValueEx(key, "none", 0, win32con.REG_BINARY, b"")
    mine = api.RegOpenKey(HKCU, "Mine")

    read = {name: api.RegQueryValueEx(mine, name)[0] for name in ("d", "s", "m", "none")}
    assert read == {"d": -1, "s": "a\0b", "m": ["a"], "none": None}


def test_failures_are_pywin32s(api: Any) -> None:
    """A failure is pywintypes.error with code, function and Windows' words, and no OSError."""
    with pytest.raises(pywintypes.error) as caught:
        api.RegOpenKeyEx(HKCU, "nowhere")

    told = "The system cannot find the file specified."
    assert caught.value.args == (2, "RegOpenKeyEx", told)
    assert caught.value.strerror == told
    assert not isinstance(caught.value, OSError)
    assert api.error is error


def test_which_function_failed(api: Any) -> None:
    """The name in an error is that of the call that failed, which is not always the function's."""
    key = api.RegCreateKey(HKCU, "Mine")
    _raises(2, "RegOpenKeyEx", lambda: api.RegOpenKey(HKCU, "nowhere"))
    _raises(259, "PyRegEnumValue", lambda: api.RegEnumValue(key, 0))
    _raises(259, "RegEnumKey", lambda: api.RegEnumKey(key, 0))
    _raises(6, "RegQueryInfoKey", lambda: api.RegEnumKey(0x7FF8, 0))
    _raises(6, "RegOpenKeyEx", lambda: api.RegOpenKey(None, "x"))
    _raises(6, "RegOpenKeyTransacted", lambda: api.RegOpenKeyTransacted(HKCU, "x", 1, 5))
    _raises(87, "RegSaveKeyEx", lambda: api.RegSaveKeyEx(HKCU, "x", None, 3))


def test_wrong_arguments(api: Any) -> None:
    """What has no text or number is refused in pywin32's words."""
    for call, words in (
        (lambda: api.RegDeleteKey(HKCU, None), "None is not a valid string in this context"),
        (lambda: api.RegOpenKey(HKCU, b"x"), "Objects of type 'bytes' can not be converted"),
        (lambda: api.RegOpenKey("x", "y"), "The object is not a PyHANDLE object"),
        (lambda: api.RegSetValue(HKCU, "x", REG_DWORD, "y"), "Type must be win32con.REG_SZ"),
    ):
        with pytest.raises(TypeError, match=words):
            call()
    with pytest.raises(OverflowError):
        api.RegOpenKey(HKCU, None, 0, 1 << 31)


def test_create_tells_what_was_new(api: Any) -> None:
    """RegCreateKeyEx gives the handle and 1 for a new key, 2 for one that was there."""
    access = win32con.KEY_ALL_ACCESS
    key, how = api.RegCreateKeyEx(HKCU, "Mine", access, Class="mine")

    assert (bool(key), how) == (True, 1)
    assert api.RegCreateKeyEx(Key=HKCU, SubKey="Mine", samDesired=access)[1] == 2
    assert api.RegQueryInfoKeyW(key)["Class"] == "mine"
    _raises(6, "RegCreateKeyEx", lambda: api.RegCreateKeyEx(HKCU, "x", access, Transaction=8))


def test_listing(api: Any) -> None:
    """Subkeys come with class and time; what is known of a key comes by the parameters' names."""
    key = api.RegCreateKey(HKCU, "Mine")
    api.RegCreateKeyEx(key, "below", win32con.KEY_READ, "kind")
    api.RegSetValueEx(key, "name", 0, REG_DWORD, 1)
    then = datetime(2024, 1, 1, tzinfo=UTC)

    assert api.RegEnumKeyEx(key) == api.RegEnumKeyExW(key) == (("below", 0, "kind", then),)
    about = api.RegQueryInfoKeyW(key)
    assert (about["SubKeys"], about["MaxSubKeyLen"], about["MaxClassLen"]) == (1, 5, 4)
    assert (about["Values"], about["MaxValueNameLen"], about["MaxValueLen"]) == (1, 4, 4)
    assert (about["LastWriteTime"], about["Reserved"]) == (then, None)
    assert api.RegQueryInfoKey(key)[:2] == (1, 1)
    lister = win32con.KEY_QUERY_VALUE | win32con.KEY_ENUMERATE_SUB_KEYS
    only = api.RegOpenKey(HKCU, "Mine", 0, lister)
    assert api.RegQueryInfoKeyW(only)["cbSecurityDescriptor"] == 0 < about["cbSecurityDescriptor"]


def test_trees_and_default_values(api: Any) -> None:
    """Trees are copied and deleted, default values written and read, keys and values deleted."""
    source, target = api.RegCreateKey(HKCU, r"From\deep"), api.RegCreateKey(HKCU, "To")
    api.RegSetValue(source, None, REG_SZ, "text")
    api.RegSetValueEx(source, "v", 0, REG_DWORD, 1)
    source.Close()
    api.RegCopyTree(HKCU, "From", target)

    assert api.RegQueryValue(target, "deep") == "text"
    deep = api.RegOpenKey(target, "deep", 0, win32con.KEY_ALL_ACCESS)
    api.RegDeleteValue(deep, "v")
    _raises(2, "RegQueryValueEx", lambda: api.RegQueryValueEx(deep, "v"))
    deep.Close()
    _raises(5, "RegDeleteKey", lambda: api.RegDeleteKey(HKCU, "To"))
    api.RegDeleteKeyEx(target, "deep")
    api.RegDeleteTree(HKCU, "From")
    _raises(2, "RegOpenKeyEx", lambda: api.RegOpenKey(HKCU, "From"))


def test_hives(api: Any, tmp_path: Path) -> None:
    """A hive is saved, loaded, refused to be unloaded while a key in it is open, and restored."""
    key = api.RegCreateKey(HKCU, "Mine")
    api.RegSetValueEx(key, "v", 0, REG_SZ, "old")
    file = str(tmp_path / "saved.hiv")
    api.RegSaveKeyEx(key, file)
    _raises(183, "RegSaveKey", lambda: api.RegSaveKey(key, file))
    api.RegSetValueEx(key, "v", 0, REG_SZ, "new")
    api.RegRestoreKey(key, file, 8)
    assert api.RegQueryValueEx(key, "v") == ("old", REG_SZ)

    api.RegLoadKey(HKU, "Loaded", file)
    loaded = api.RegOpenKey(HKU, "Loaded")
    _raises(5, "RegUnLoadKey", lambda: api.RegUnLoadKey(HKU, "Loaded"))
    api.RegCloseKey(loaded)
    api.RegUnLoadKey(HKU, "Loaded")


def test_override(api: Any) -> None:
    """A predefined key can be made to stand for another, and with None for itself again."""
    key = api.RegCreateKey(HKCU, r"Mine\Software")
    api.RegOverridePredefKey(HKLM, api.RegOpenKey(HKCU, "Mine"))
    api.RegOpenKey(HKLM, "Software").Close()
    _raises(2, "RegOpenKeyEx", lambda: api.RegOpenKey(HKLM, "System"))
    api.RegOverridePredefKey(HKLM, None)
    api.RegOpenKey(HKLM, "System").Close()
    key.Close()


# -- handles -------------------------------------------------------------------------------------


def test_a_handle_is_pywin32s(api: Any) -> None:
    """It compares with numbers, closes twice without harm, detaches, and is no context manager."""
    key = api.RegOpenKey(HKCU, "Software")

    assert key == int(key) == key.handle
    assert repr(key) == f"<PyHKEY:{int(key)}>"
    assert type(key).__name__ == "PyHANDLE"
    assert isinstance(key, pywintypes.HANDLEType)
    assert not hasattr(key, "__enter__")
    for refused in (lambda: key + 1, lambda: -key, type(key)):
        with pytest.raises(TypeError):
            refused()
    key.Close()
    key.close()
    assert (bool(key), int(key), key.Detach()) == (False, 0, 0)
    number = api.RegOpenKey(HKCU, "Software").Detach()
    api.RegCloseKey(number)
    _raises(6, "RegCloseKey", lambda: api.RegCloseKey(number))
    assert api.RegOpenKey(HKCU, None) == HKCU


def test_handles_of_both_faces_are_one_processs(api: Any, computer: Registry) -> None:
    """win32api takes winreg's handles; winreg takes pywin32's as numbers alone."""
    winreg = computer.winreg
    with winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software") as key:
        assert api.RegQueryInfoKey(key) == winreg.QueryInfoKey(key)
    other = api.RegOpenKey(HKCU, "Software")
    with pytest.raises(TypeError, match="not a PyHKEY"):
        winreg.QueryInfoKey(other)
    assert winreg.QueryInfoKey(int(other))[0] > 0
    with pytest.raises(UsageError, match="another winreg"):
        win32api_of(computer.program()).RegQueryInfoKey(other)


def test_leaks_are_found_with_their_line(api: Any, computer: Registry) -> None:
    """A handle of pywin32's that stays open is a leak with its line; a dropped one is none."""
    api.RegOpenKey(HKCU, "Software")
    gc.collect()
    assert computer.leaks() == []
    kept = api.RegOpenKey(HKCU, "Software")

    (leak,) = computer.leaks()
    assert leak.handle.function == "test_leaks_are_found_with_their_line"
    kept.Close()
    assert computer.leaks() == []


# -- security, events ----------------------------------------------------------------------------


def test_security_is_kept_and_keeps_nobody_out(api: Any, security: Any) -> None:
    """What a key is given it gives back, part by part; before, Administrators own it."""
    key = api.RegCreateKey(HKCU, "Mine")
    owner, dacl = security.OWNER_SECURITY_INFORMATION, security.DACL_SECURITY_INFORMATION
    first = api.RegGetKeySecurity(key, owner)
    assert security.ConvertSidToStringSid(first.GetSecurityDescriptorOwner()) == "S-1-5-32-544"
    assert first.GetSecurityDescriptorGroup() is None

    sid = bytes([1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0])
    acl = bytes([2, 0, 8, 0, 0, 0, 0, 0])
    raw = bytes([1, 0, 4, 0x80, 20, *[0] * 11, 32, 0, 0, 0]) + sid + acl
    api.RegSetKeySecurity(key, owner | dacl, security.SECURITY_DESCRIPTOR(raw))
    got = api.RegGetKeySecurity(key, owner | dacl)

    assert security.ConvertSidToStringSid(got.GetSecurityDescriptorOwner()) == "S-1-5-18"
    assert bytes(got).endswith(acl)
    assert got.GetSecurityDescriptorControl()[0] & 4
    api.RegOpenKey(HKCU, "Mine").Close()
    reader = api.RegOpenKey(HKCU, "Mine")
    _raises(5, "RegSetKeySecurity", lambda: api.RegSetKeySecurity(reader, dacl, got))
    assert api.RegGetKeySecurity(HKCU, owner) == first


def test_notification(api: Any, computer: Registry) -> None:
    """An event is signalled by a change, and by none before, as in pywin32's own test."""
    event = modules_of(computer.winreg)["win32event"]
    signal = event.CreateEvent(None, 0, 0, None)
    api.RegNotifyChangeKeyValue(HKCU, 1, api.REG_NOTIFY_CHANGE_LAST_SET, signal, True)
    assert event.WaitForSingleObject(signal, 0) == event.WAIT_TIMEOUT

    api.RegSetValue(HKCU, "Software", REG_SZ, "x")
    assert event.WaitForSingleObject(signal, 0) == event.WAIT_OBJECT_0
    assert event.WaitForSingleObject(signal, 0) == event.WAIT_TIMEOUT
    _raises(
        87, "RegNotifyChangeKeyValue", lambda: api.RegNotifyChangeKeyValue(HKCU, 0, 4, None, True)
    )


@pytest.mark.parametrize(("threads", "refusal"), [(1, "would never end"), (2, "within 0.05 s")])
def test_waiting_for_what_never_comes(
    api: Any, monkeypatch: pytest.MonkeyPatch, threads: int, refusal: str
) -> None:
    """A wait is refused at once where no other thread runs, and in the end where none ends it."""
    monkeypatch.setattr(threading, "active_count", lambda: threads)
    monkeypatch.setattr(win32functions, "PATIENCE", 0.05)
    with pytest.raises(UsageError, match=refusal):
        api.RegNotifyChangeKeyValue(HKCU, 0, 4, None, False)


def test_waiting_for_a_change(api: Any) -> None:
    """A call that waits ends with the change of another thread."""
    change = threading.Timer(0.02, lambda: api.RegSetValueEx(HKCU, "v", 0, REG_SZ, "x"))
    change.start()
    api.RegNotifyChangeKeyValue(HKCU, 0, 4, None, False)
    change.join()
    assert api.RegQueryValueEx(HKCU, "v") == ("x", REG_SZ)


# -- tokens --------------------------------------------------------------------------------------


def test_who_a_thread_is(computer: Registry) -> None:
    """A service that impersonates the user acts as them until it reverts, by each of the ways."""
    service = computer.service()
    api, security = win32api_of(service), win32security_of(service)
    token = security.LogonUser("user", ".", "any", 2, 0)
    thread = api.GetCurrentThread()

    def user() -> str:
        me = security.OpenThreadToken(thread, win32con.TOKEN_QUERY, True)
        return str(security.ConvertSidToStringSid(security.GetTokenInformation(me, 1)[0]))

    _raises(1008, "OpenThreadToken", user)
    security.ImpersonateLoggedOnUser(token)
    assert user() == computer.user
    security.RevertToSelf()
    security.ImpersonateSelf(security.SecurityImpersonation)
    assert user() == "S-1-5-18"
    security.SetThreadToken(None, security.DuplicateToken(token, 2))
    assert user() == computer.user
    security.SetThreadToken(None, None)
    _raises(1008, "OpenThreadToken", user)
    token.Close()
    _raises(6, "ImpersonateLoggedOnUser", lambda: security.ImpersonateLoggedOnUser(token))
    _raises(6, "ImpersonateLoggedOnUser", lambda: security.ImpersonateLoggedOnUser(4))
    _raises(1346, "ImpersonateSelf", lambda: security.ImpersonateSelf(9))


def test_privileges_are_switched(computer: Registry, tmp_path: Path) -> None:
    """AdjustTokenPrivileges takes SeRestore away and gives it back; without, no hive is loaded."""
    api, security = win32api_of(computer.winreg), win32security_of(computer.winreg)
    token = security.OpenProcessToken(api.GetCurrentProcess(), win32con.TOKEN_ALL_ACCESS)
    luid = security.LookupPrivilegeValue(None, win32con.SE_RESTORE_NAME)
    assert security.LookupPrivilegeName(None, luid) == "SeRestorePrivilege"
    load = lambda: api.RegLoadKey(HKU, "Loaded", str(tmp_path / "new.hiv"))  # noqa: E731

    before = security.AdjustTokenPrivileges(token, False, [(luid, 0)])
    assert before == ((luid, 2),)
    _raises(1314, "RegLoadKey", load)
    security.AdjustTokenPrivileges(token, False, before)
    load()
    assert dict(security.GetTokenInformation(token, security.TokenPrivileges))[luid] == 2
    _raises(1313, "LookupPrivilegeValue", lambda: security.LookupPrivilegeValue(None, "SeNone"))


def test_accounts(security: Any, computer: Registry) -> None:
    """Accounts that the computer knows are found by name and by SID, others are not."""
    sid, _, kind = security.LookupAccountName(None, "user")
    assert (security.ConvertSidToStringSid(sid), kind) == (computer.user, security.SidTypeUser)
    assert security.LookupAccountSid(None, sid)[0] == "user"
    assert security.LookupAccountName(None, "SYSTEM")[0] == security.ConvertStringSidToSid(
        "S-1-5-18"
    )
    _raises(1332, "LookupAccountName", lambda: security.LookupAccountName(None, "nobody"))
    _raises(1332, "LookupAccountSid", lambda: security.LookupAccountSid(None, _none(security)))
    _raises(1337, "ConvertStringSidToSid", lambda: security.ConvertStringSidToSid("user"))
    _raises(1326, "LogonUser", lambda: security.LogonUser("nobody", None, "", 2, 0))


def _none(security: Any) -> object:
    return security.ConvertStringSidToSid("S-1-5-21-1-2-3-4")

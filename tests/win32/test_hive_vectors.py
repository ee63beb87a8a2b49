"""What loading, unloading, saving and restoring a hive answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from regsim.status import NtStatus
from regsim.types import (
    Access,
    CreateOption,
    PredefinedKey,
    Privilege,
    RestoreFlag,
)

HKCR = PredefinedKey.CLASSES_ROOT
HKCU = PredefinedKey.CURRENT_USER
HKLM = PredefinedKey.LOCAL_MACHINE
HKU = PredefinedKey.USERS
USER = "S-1-5-21-1"
ROOT = r"\REGISTRY\USER\S-1-5-21-1"
FILE = r"C:\Profiles\S-1-5-21-1\NTUSER.DAT"
NT = ["nt4-sp6a", "w2k", "win11", "wine", "reactos"]
WINDOWS_NT = ["nt351", "nt4-sp6a", "w2k", "win11"]


def open_user(api, subkey=USER, access=Access.ALL):
    """Return a handle to a key below HKEY_USERS."""
    code, handle = api.RegOpenKeyEx(HKU, subkey, access=access)
    assert code == 0
    return handle


# -- unload --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("os_name", "subkey", "code"),
    [
        *((name, "", 5) for name in ("nt4-sp6a", "w2k", "xp", "2003", "win11", "wine")),
        *((name, "Software", 5) for name in ("nt4-sp6a", "w2k", "xp", "win11", "reactos")),
        ("wine", "Software", 0),
        ("reactos", "", 0),
    ],
)
def test_who_blocks_unload(build: Callable, os_name: str, subkey: str, code: int) -> None:
    """An open root or subkey refuses a normal unload where that dialect counts it."""
    world = build(os_name)
    handle = open_user(world.api, rf"{USER}\{subkey}")

    assert world.api.RegUnLoadKey(HKU, USER) == (code, None)
    if code == 0:
        assert world.api.RegQueryInfoKey(handle) == (1018, None)
    assert world.api.RegCloseKey(handle) == (0, None)
    assert world.api.RegUnLoadKey(HKU, USER).code == (2 if code == 0 else 0)
    world.machine.check()


def test_unload_no_hive_root(world) -> None:
    """Unloading a key that is no hive's root is 87, one that is not there 2."""
    assert world.api.RegUnLoadKey(HKU, rf"{USER}\Software") == (87, None)
    assert world.api.RegUnLoadKey(HKU, "S-1-5-21-99") == (2, None)


@pytest.mark.parametrize("os_name", NT)
def test_hive_privilege(build: Callable, os_name: str) -> None:
    """Loading, unloading and saving without the privilege is 1314."""
    world = build(os_name)
    world.api.impersonate(USER)
    handle = open_user(world.api)

    assert world.api.RegUnLoadKey(HKU, USER) == (1314, None)
    assert world.api.RegLoadKey(HKU, "X", r"C:\new.dat") == (1314, None)
    assert world.api.RegSaveKey(handle, r"C:\saved.dat") == (1314, None)
    assert not world.machine.files.exists(r"C:\saved.dat")


@pytest.mark.parametrize("os_name", NT)
def test_restore_privilege_is_enough(build: Callable, os_name: str) -> None:
    """Loading and unloading ask for SeRestore, not for SeBackup."""
    world = build(os_name)
    world.api.impersonate(USER, Privilege.RESTORE)

    assert world.api.RegLoadKey(HKU, "X", r"C:\new.dat") == (0, None)
    assert world.api.RegUnLoadKey(HKU, "X") == (0, None)


def test_no_privileges_on_win95(build: Callable) -> None:
    """Windows 95 has no privileges: anyone loads and unloads."""
    world = build("win95")
    world.api.impersonate(USER)

    assert world.api.RegLoadKey(HKU, "X", r"C:\new.dat") == (0, None)
    assert world.api.RegUnLoadKey(HKU, "X") == (0, None)


@pytest.mark.parametrize(
    ("os_name", "status"),
    [
        ("nt4-sp6a", NtStatus.ACCESS_DENIED),
        ("w2k", NtStatus.ACCESS_DENIED),
        ("2003", NtStatus.CANNOT_DELETE),
        ("win11", NtStatus.ACCESS_DENIED),
    ],
)
def test_unload_default(build: Callable, os_name: str, status: NtStatus) -> None:
    """The default user's hive cannot be unloaded; Server 2003 gives another status."""
    world = build(os_name)

    assert world.api.NtUnloadKey(r"\REGISTRY\USER\.DEFAULT") == (status, None)
    assert world.api.RegUnLoadKey(HKU, ".DEFAULT") == (5, None)


def test_unload_writes_dirty_data(world) -> None:
    """What was written before an unload is there when the file is loaded again."""
    handle = open_user(world.api)
    world.api.RegSetValueEx(handle, "fresh", 1, b"x\0")
    world.api.RegCloseKey(handle)
    world.api.RegUnLoadKey(HKU, USER)

    assert world.api.RegLoadKey(HKU, USER, FILE) == (0, None)
    assert world.api.RegQueryValueEx(open_user(world.api), "fresh").value.data == b"x\0"


@pytest.mark.parametrize(
    ("os_name", "status"),
    [
        ("2003", NtStatus.KEY_DELETED),
        ("vista", NtStatus.KEY_DELETED),
        ("win7", NtStatus.HIVE_UNLOADED),
        ("win11", NtStatus.HIVE_UNLOADED),
        ("reactos", NtStatus.KEY_DELETED),
    ],
)
def test_forced_unload(build: Callable, os_name: str, status: NtStatus) -> None:
    """After a forced unload a handle answers the dialect's status, 1018, and closes well."""
    world = build(os_name)
    handle = open_user(world.api)

    assert world.api.NtUnloadKey2(ROOT) == (NtStatus.SUCCESS, None)
    assert world.api.NtOpenKey("Software", root=handle).status is status
    assert world.api.RegQueryInfoKey(handle) == (1018, None)
    assert world.api.RegCloseKey(handle) == (0, None)
    world.machine.check()


def test_unload2_without_force(build: Callable) -> None:
    """NtUnloadKey2 without the flag is a normal unload."""
    world = build("win11")
    open_user(world.api)

    assert world.api.NtUnloadKey2(ROOT, flags=0) == (NtStatus.CANNOT_DELETE, None)


@pytest.mark.parametrize("os_name", ["xp", "win11"])
def test_deferred_unload(build: Callable, os_name: str) -> None:
    """A deferred unload waits for the last handle and then signals its event."""
    world = build(os_name)
    handle = open_user(world.api)

    assert world.api.NtUnloadKeyEx(ROOT, "gone") == (NtStatus.PENDING, None)
    assert "gone" not in world.machine.signalled
    assert world.api.RegCloseKey(handle) == (0, None)
    assert world.machine.signalled == {"gone"}
    assert world.machine.hive_at(ROOT) is None


def test_deferred_unload_at_deletion(build: Callable) -> None:
    """A deferred unload also comes when the last open key is deleted."""
    world = build("win11")
    handle = open_user(world.api, rf"{USER}\Software\App")
    world.api.NtUnloadKeyEx(ROOT, "gone")

    assert world.api.RegDeleteKey(handle, "") == (0, None)
    assert world.machine.hive_at(ROOT) is None
    assert world.machine.signalled == {"gone"}


# -- load ----------------------------------------------------------------------------------------


def test_load_arguments(world) -> None:
    """RegLoadKey of an empty file name, of a NULL subkey or elsewhere is 87."""
    assert world.api.RegLoadKey(HKU, "X", "") == (87, None)
    assert world.api.RegLoadKey(HKU, None, r"C:\new.dat") == (87, None)
    assert world.api.RegLoadKey(HKCU, "X", r"C:\new.dat") == (87, None)
    assert world.api.RegLoadKey(HKLM, r"Software\X", r"C:\new.dat") == (87, None)


@pytest.mark.parametrize("os_name", WINDOWS_NT)
def test_load_twice(build: Callable, os_name: str) -> None:
    """A file that is loaded already cannot be loaded again, here or elsewhere."""
    world = build(os_name)

    assert world.api.RegLoadKey(HKU, "X", FILE) == (32, None)
    assert world.api.RegLoadKey(HKU, USER, FILE) == (32, None)


@pytest.mark.parametrize(("os_name", "code"), [("wine", 183), ("reactos", 0)])
def test_load_twice_elsewhere(build: Callable, os_name: str, code: int) -> None:
    """A file that is loaded at that very place ReactOS accepts; Wine finds the place taken."""
    world = build(os_name)

    assert world.api.RegLoadKey(HKU, USER, FILE) == (code, None)


def test_load_where_hives_are_grafted(build: Callable) -> None:
    """Wine loads a file twice and below any key, but makes none; elsewhere none of the three."""
    answers = {}
    for os_name in ("wine", "win11"):
        api = build(os_name).api
        calls = ((HKU, "twice", FILE), (HKCU, "Below", FILE), (HKU, "none", r"C:\none.dat"))
        answers[os_name] = [int(api.RegLoadKey(*call).code) for call in calls]

    assert answers == {"wine": [0, 0, 2], "win11": [32, 87, 0]}


def test_unload_where_hives_are_grafted(build: Callable) -> None:
    """Wine's unload writes nothing back; on Windows what was written is there again."""
    found = {}
    for os_name in ("wine", "win11"):
        api = build(os_name).api
        _, key = api.RegOpenKeyEx(HKU, USER, access=Access.ALL)
        api.RegSetValueEx(key, "written", 1, b"")
        api.RegCloseKey(key)
        assert (api.RegUnLoadKey(HKU, USER).code, api.RegLoadKey(HKU, USER, FILE).code) == (0, 0)
        _, key = api.RegOpenKeyEx(HKU, USER)
        found[os_name] = int(api.RegQueryValueEx(key, "written").code)

    assert found == {"wine": 2, "win11": 0}


# -- save, restore, replace ----------------------------------------------------------------------


def test_save_with_open_handles(world) -> None:
    """A key is saved while handles are open, volatile keys left out; an existing file is 183."""
    handle = open_user(world.api)
    world.api.RegCreateKeyEx(handle, "Vol", options=CreateOption.VOLATILE)

    assert world.api.RegSaveKey(handle, r"C:\saved.dat") == (0, None)
    assert world.api.RegSaveKey(handle, r"C:\saved.dat") == (183, None)
    saved = world.machine.files.read(r"C:\saved.dat")
    assert sorted(saved.children) == ["CONSOLE", "SOFTWARE"]


def test_restore(world) -> None:
    """RegRestoreKey is 5 while another handle is open below; with force that one is deleted."""
    handle = open_user(world.api)
    below = open_user(world.api, rf"{USER}\Software")

    assert world.api.RegRestoreKey(handle, r"C:\new.dat") == (5, None)
    forced = world.api.RegRestoreKey(handle, r"C:\new.dat", flags=RestoreFlag.FORCE_RESTORE)
    assert forced == (0, None)
    assert world.api.RegQueryInfoKey(below) == (1018, None)
    assert world.api.RegEnumKeyEx(handle, 0) == (0, "FromFile")
    world.machine.check()


def test_restore_refresh(world) -> None:
    """REG_REFRESH_HIVE takes a hive back to its last flush."""
    handle = open_user(world.api)
    world.api.RegSetValueEx(handle, "kept", 1, b"")
    world.api.RegFlushKey(handle)
    world.api.RegSetValueEx(handle, "lost", 1, b"")

    assert world.api.RegRestoreKey(handle, "", flags=RestoreFlag.REFRESH_HIVE) == (0, None)
    assert world.api.RegQueryValueEx(handle, "kept").code == 0
    assert world.api.RegQueryValueEx(handle, "lost") == (2, None)


@pytest.mark.parametrize("flag", [RestoreFlag.REFRESH_HIVE, RestoreFlag.WHOLE_HIVE_VOLATILE])
def test_restore_whole_hive_only(world, flag: RestoreFlag) -> None:
    """Refreshing, and making volatile, is for a hive's root; below it is 87."""
    handle = open_user(world.api, rf"{USER}\Software")

    assert world.api.RegRestoreKey(handle, r"C:\new.dat", flags=flag) == (87, None)
    assert world.user.file == FILE


def test_restore_into_a_volatile_key(world) -> None:
    """What is restored into a volatile key is volatile, since no lasting key can be below one."""
    parent = open_user(world.api)
    _, made = world.api.RegCreateKeyEx(parent, "Vol", options=CreateOption.VOLATILE)

    assert world.api.RegRestoreKey(made.handle, r"C:\new.dat") == (0, None)
    assert world.api.RegEnumKeyEx(made.handle, 0) == (0, "FromFile")
    assert world.api.RegCreateKeyEx(made.handle, r"FromFile\Lasting") == (1021, 0)
    world.machine.check()


def test_restore_namespace(world) -> None:
    """The namespace above the hives cannot be restored from a file."""
    flags = RestoreFlag.FORCE_RESTORE

    assert world.api.RegRestoreKey(HKU, r"C:\new.dat", flags=flags) == (5, None)
    assert world.api.RegEnumKeyEx(HKU, 0) == (0, ".DEFAULT")


def test_replace_at_restart(world) -> None:
    """RegReplaceKey of a subkey stands for its hive, and takes effect at the next start."""
    from regsim.kernel.loading import restart  # noqa: PLC0415

    _, handle = world.api.RegOpenKeyEx(HKLM, r"Software\Vendor")

    assert world.api.RegReplaceKey(handle, None, r"C:\new.dat", r"C:\old.dat") == (0, None)
    assert world.api.RegQueryInfoKey(handle).code == 0
    restart(world.machine)
    hive = world.machine.hive_at(r"\REGISTRY\MACHINE\Software")
    assert sorted(hive.root.children) == ["FROMFILE"]
    assert sorted(world.machine.files.read(r"C:\old.dat").children) == ["CLASSES", "VENDOR"]
    world.machine.check()


@pytest.mark.parametrize("os_name", ["vista", "win11"])
def test_app_key_unloads_itself(build: Callable, os_name: str) -> None:
    """A private hive asks for no privilege and goes with its last handle."""
    world = build(os_name)
    world.api.impersonate(USER)
    _, first = world.api.RegLoadAppKey(r"C:\new.dat")
    _, second = world.api.RegOpenKeyEx(first, "FromFile")
    loaded = len(world.machine.hives)

    assert world.api.RegCloseKey(first) == (0, None)
    assert len(world.machine.hives) == loaded
    assert world.api.RegCloseKey(second) == (0, None)
    assert len(world.machine.hives) == loaded - 1


def test_app_keys_have_places_of_their_own(build: Callable) -> None:
    """Two private hives never share a mount, also when others were unloaded between them."""
    world = build("win11")
    world.api.RegUnLoadKey(HKU, "S-1-5-21-2")
    handles = []
    for number in range(3):
        handles.append(world.api.RegLoadAppKey(rf"C:\app{number}.dat").value)
        world.api.RegUnLoadKey(HKU, USER)

    assert len({world.where(handle) for handle in handles}) == 3
    world.machine.check()


def test_app_key_name_is_no_state(build: Callable) -> None:
    """Machines that differ only in how often a private hive was loaded are canonically equal."""
    once, twice = build("win11"), build("win11")
    once.api.RegLoadAppKey(r"C:\new.dat")
    twice.api.RegCloseKey(twice.api.RegLoadAppKey(r"C:\new.dat").value)
    twice.api.RegLoadAppKey(r"C:\new.dat")

    assert once.machine.canonical() == twice.machine.canonical()

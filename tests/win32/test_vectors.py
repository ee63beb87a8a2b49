"""What each call answers: the vectors of Wine's registry tests, and the matrix of empty names."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from regsim.policy import Dialect
from regsim.status import NtStatus
from regsim.types import (
    Access,
    CreateOption,
    PredefinedKey,
    Value,
)
from regsim.win32.plans import UNTOUCHED

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


# -- NULL, empty and odd names -------------------------------------------------------------------


@pytest.mark.parametrize("os_name", [*NT, "win95"])
def test_open_null_null(build: Callable, os_name: str) -> None:
    """RegOpenKey(NULL, NULL) succeeds and gives NULL."""
    world = build(os_name)

    assert world.api.RegOpenKey(0, None) == (0, 0)


@pytest.mark.parametrize(("os_name", "code"), [*((name, 6) for name in NT), ("win95", 1010)])
def test_open_null_key_with_subkey(build: Callable, os_name: str, code: int) -> None:
    """RegOpenKey(NULL, "sub") fails and leaves the caller's variable alone; Wine stores NULL."""
    world = build(os_name)

    left = 0 if os_name == "wine" else UNTOUCHED
    assert world.api.RegOpenKey(0, "sub") == (code, left)


@pytest.mark.parametrize("name", ["RegOpenKey", "RegOpenKeyEx"])
def test_open_without_result(world, name: str) -> None:
    """Opening without a place for the result is 87."""
    assert getattr(world.api, name)(HKLM, "Software", phk_result=False) == (87, UNTOUCHED)


@pytest.mark.parametrize("subkey", [None, ""])
def test_open_ex_null_key(world, subkey: str | None) -> None:
    """RegOpenKeyExW of a NULL key gives 6 and NULL; RegOpenKeyExA leaves the variable alone."""
    assert world.api.RegOpenKeyEx(0, subkey) == (6, 0)
    assert world.api.RegOpenKeyExA(0, subkey) == (6, UNTOUCHED)


@pytest.mark.parametrize("os_name", WINDOWS_NT)
def test_leading_backslash(build: Callable, os_name: str) -> None:
    """A leading backslash is 161."""
    world = build(os_name)

    assert world.api.RegOpenKeyEx(HKLM, r"\Software") == (161, 0)


@pytest.mark.parametrize("os_name", NT)
def test_leading_backslash_of_classes(build: Callable, os_name: str) -> None:
    r"""Below HKEY_CLASSES_ROOT a leading backslash is let through, as in ``\clsid``."""
    world = build(os_name)

    code, handle = world.api.RegOpenKeyEx(HKCR, r"\clsid")

    assert code == 0
    assert world.where(handle).upper().endswith(r"\CLSID")


@pytest.mark.parametrize("os_name", NT)
def test_classes_backslash_alone(build: Callable, os_name: str) -> None:
    r"""RegOpenKeyEx(HKCR, "\") gives a handle of its own."""
    world = build(os_name)

    code, handle = world.api.RegOpenKeyEx(HKCR, "\\")

    assert code == 0
    assert handle not in {0, HKCR}


def test_missing_key(world) -> None:
    """A key that is not there is 2, and the variable is set to NULL."""
    assert world.api.RegOpenKeyEx(HKLM, r"Software\Missing") == (2, 0)


def test_trailing_backslash(world) -> None:
    """A trailing backslash counts for nothing."""
    code, handle = world.api.RegOpenKeyEx(HKLM, "Software\\Vendor\\")

    assert code == 0
    assert world.where(handle) == r"\REGISTRY\MACHINE\Software\Vendor"


@pytest.mark.parametrize("subkey", [None, ""])
@pytest.mark.parametrize("os_name", ["nt31", *NT])
@pytest.mark.parametrize("name", ["RegOpenKey", "RegOpenKeyEx"])
def test_matrix_predefined(build: Callable, os_name: str, name: str, subkey: str | None) -> None:
    """An empty name of a predefined key gives back its number."""
    world = build(os_name)

    assert getattr(world.api, name)(HKCU, subkey) == (0, HKCU)


@pytest.mark.parametrize("subkey", [None, ""])
@pytest.mark.parametrize("os_name", ["nt31", *WINDOWS_NT])
def test_matrix_predefined_refreshes(build: Callable, os_name: str, subkey: str | None) -> None:
    """On Windows NT an empty name of a predefined key closes the root behind it."""
    world = build(os_name)
    world.api.RegOpenKeyEx(HKU, USER)
    before = world.open_handles()

    world.api.RegOpenKeyEx(HKU, subkey)

    assert (before, world.open_handles()) == (2, 1)


@pytest.mark.parametrize("subkey", [None, ""])
@pytest.mark.parametrize("os_name", NT)
def test_matrix_ex_other(build: Callable, os_name: str, subkey: str | None) -> None:
    """RegOpenKeyEx of an empty name of a handle gives a new handle to the same key."""
    world = build(os_name)
    first = open_user(world.api)

    code, second = world.api.RegOpenKeyEx(first, subkey)

    assert code == 0
    assert second != first
    assert world.where(second) == ROOT
    assert world.api.RegCloseKey(first) == (0, None)
    assert world.api.RegCloseKey(second) == (0, None)


def test_matrix_ex_other_nt31(build: Callable) -> None:
    """On NT 3.1 RegOpenKeyEx of an empty name of a handle is ERROR_BADKEY."""
    world = build("nt31")

    assert world.api.RegOpenKeyEx(open_user(world.api), None) == (1010, UNTOUCHED)


@pytest.mark.parametrize("subkey", [None, ""])
@pytest.mark.parametrize("os_name", ["nt31", *WINDOWS_NT, "wine"])
def test_matrix_old_open_other(build: Callable, os_name: str, subkey: str | None) -> None:
    """RegOpenKey of an empty name of a handle gives it back uncounted: its second close fails."""
    world = build(os_name)
    first = open_user(world.api)

    assert world.api.RegOpenKey(first, subkey) == (0, first)
    assert world.api.RegCloseKey(first) == (0, None)
    assert world.api.RegCloseKey(first) == (6, None)


def test_matrix_non_empty_is_unique(world) -> None:
    """On NT the second open of a key has a handle of its own, independent of the first."""
    first, second = open_user(world.api), open_user(world.api)

    assert first != second
    assert world.api.RegCloseKey(first) == (0, None)
    assert world.api.RegQueryInfoKey(second).code == 0


@pytest.mark.parametrize("name", ["RegOpenKey", "RegOpenKeyEx"])
def test_matrix_win95(build: Callable, name: str) -> None:
    """On Windows 95 an open key's handle is given again and needs as many closes."""
    world = build("win95")
    first = open_user(world.api)

    assert open_user(world.api) == first
    assert getattr(world.api, name)(first, None) == (0, first)
    closes = [world.api.RegCloseKey(first).code for _ in range(4)]
    assert closes == [0, 0, 0, 6]


def test_create_arguments(world) -> None:
    """RegCreateKeyEx without a place for the result is 1010, with a reserved argument 87."""
    assert world.api.RegCreateKeyEx(HKLM, "Software", phk_result=False) == (1010, UNTOUCHED)
    assert world.api.RegCreateKeyEx(HKLM, "Software", reserved=1) == (87, UNTOUCHED)


@pytest.mark.parametrize("os_name", NT)
def test_lasting_below_volatile(build: Callable, os_name: str) -> None:
    """A lasting key below a volatile one is 1021; opening one that is there is not."""
    world = build(os_name)
    key = open_user(world.api)
    _, made = world.api.RegCreateKeyEx(key, "Vol", options=CreateOption.VOLATILE)
    world.api.RegCreateKeyEx(made.handle, "Kid", options=CreateOption.VOLATILE)

    assert world.api.RegCreateKeyEx(made.handle, "Lasting") == (1021, 0)
    code, again = world.api.RegCreateKeyEx(made.handle, "Kid")
    assert (code, again.new) == (0, False)


@pytest.mark.parametrize("os_name", NT)
@pytest.mark.parametrize("handle", [0xCAFEBABE, 0x7FFFFFFC, 12])
def test_garbage_handle(build: Callable, os_name: str, handle: int) -> None:
    """A handle that was never given out is 6."""
    world = build(os_name)

    assert world.api.RegOpenKeyEx(handle, "Software") == (6, 0)
    assert world.api.RegQueryValueEx(handle, "x") == (6, None)


@pytest.mark.parametrize("base", [0xFFFFFFFF00000000, 0x1234567800000000])
def test_sign_extended(world, base: int) -> None:
    """Only the low 32 bits of a predefined key's number are examined."""
    code, handle = world.api.RegOpenKeyEx(base | HKLM, "Software")

    assert code == 0
    assert world.where(handle) == r"\REGISTRY\MACHINE\Software"


@pytest.mark.parametrize("os_name", [*NT, "win95"])
def test_close_null_and_twice(build: Callable, os_name: str) -> None:
    """RegCloseKey of NULL is 6, and so is closing a handle a second time."""
    world = build(os_name)
    handle = open_user(world.api)

    assert world.api.RegCloseKey(0) == (6, None)
    assert world.api.RegCloseKey(handle) == (0, None)
    assert world.api.RegCloseKey(handle) == (6, None)
    assert world.api.RegOpenKeyEx(handle, "Software") == (6, 0)


def test_handle_of_another_process(world) -> None:
    """A handle means nothing in another process."""
    handle = open_user(world.api)

    assert world.start("other").RegCloseKey(handle) == (6, None)
    assert world.api.RegCloseKey(handle) == (0, None)


@pytest.mark.parametrize("os_name", NT)
def test_parent_access_is_ignored(build: Callable, os_name: str) -> None:
    """The access of the parent's handle does not limit what is opened or created below it."""
    world = build(os_name)
    parent = open_user(world.api, access=Access.QUERY_VALUE)

    assert world.api.RegOpenKeyEx(parent, "Software", access=Access.ALL).code == 0
    assert world.api.RegCreateKeyEx(parent, "Fresh").code == 0
    assert world.api.RegSetValueEx(parent, "x", 1, b"") == (5, None)


# -- deletion, watching, sharing of handles ------------------------------------------------------


@pytest.mark.parametrize("os_name", NT)
def test_deleted_key(build: Callable, os_name: str) -> None:
    """A deleted key's handle is 1018, also when the key is made again, and closes well."""
    world = build(os_name)
    handle = open_user(world.api, rf"{USER}\Software\App")
    parent = open_user(world.api, rf"{USER}\Software")

    assert world.api.RegDeleteKey(parent, "App") == (0, None)
    assert world.api.RegCreateKeyEx(parent, "App").value.new is True
    assert world.api.RegQueryInfoKey(handle) == (1018, None)
    assert world.api.RegCreateKeyEx(handle, "Below") == (1018, 0)
    assert world.api.RegCloseKey(handle) == (0, None)
    world.machine.check()


@pytest.mark.parametrize("os_name", NT)
def test_undeletable(build: Callable, os_name: str) -> None:
    """A key with subkeys, a hive's root, and a key that hives are mounted below are refused."""
    world = build(os_name)
    root = open_user(world.api)

    assert world.api.RegDeleteKey(HKU, rf"{USER}\Software") == (5, None)
    assert world.api.RegDeleteKey(root, "") == (5, None)
    assert world.api.RegDeleteKey(HKU, "") == (5, None)
    assert world.api.RegDeleteKey(HKLM, "") == (5, None)
    assert world.api.RegDeleteKey(root, None) == (87, None)
    world.machine.check()


@pytest.mark.parametrize("os_name", WINDOWS_NT)
def test_notification(build: Callable, os_name: str) -> None:
    """A notification keeps a handle that blocks the unload, and is signalled once by a change."""
    world = build(os_name)
    handle = open_user(world.api)
    other = open_user(world.api)

    assert world.api.RegNotifyChangeKeyValue(handle, "changed") == (0, None)
    assert world.api.RegUnLoadKey(HKU, USER) == (5, None)
    assert world.machine.signalled == set()
    world.api.RegSetValueEx(other, "x", 1, b"")
    assert world.machine.signalled == {"changed"}


def test_notification_ends_with_its_handle(world) -> None:
    """Closing the handle signals what waited on it."""
    handle = open_user(world.api)
    world.api.RegNotifyChangeKeyValue(handle, "changed")
    world.api.RegCloseKey(handle)

    assert world.machine.signalled == {"changed"}
    assert world.api.RegUnLoadKey(HKU, USER) == (0, None)


def test_forced_unload_signals(build: Callable) -> None:
    """A forced unload signals what waits on the hive's keys."""
    world = build("win11")
    world.api.RegNotifyChangeKeyValue(open_user(world.api), "changed")
    world.api.NtUnloadKey2(ROOT)

    assert world.machine.signalled == {"changed"}


def test_process_exit_closes_all(world) -> None:
    """Ending a process closes its handles, hidden roots too: stopping the service helps."""
    winlogon = world.start("winlogon")
    world.api.impersonate(USER)
    world.api.RegOpenKeyEx(HKCU, "Software")

    assert winlogon.RegUnLoadKey(HKU, USER) == (5, None)
    world.machine.end_process(world.service)
    assert winlogon.RegUnLoadKey(HKU, USER) == (0, None)
    world.machine.check()


def test_duplicate(world) -> None:
    """A duplicate in another process is one more handle to the same key object."""
    other = world.start("other")
    handle = open_user(world.api)
    receiver = world.machine.process_of(other.tid)
    status, twin = world.api.NtDuplicateObject(handle, to=receiver.pid)

    assert status is NtStatus.SUCCESS
    assert world.api.RegCloseKey(handle) == (0, None)
    assert world.where(twin, other) == ROOT
    assert other.RegUnLoadKey(HKU, USER) == (5, None)
    assert other.RegCloseKey(twin) == (0, None)
    assert other.RegUnLoadKey(HKU, USER) == (0, None)


def test_predefined_is_no_kernel_handle(world) -> None:
    """A predefined key's number can be neither duplicated nor closed by NtClose."""
    assert world.api.NtDuplicateObject(HKCU) == (NtStatus.INVALID_HANDLE, None)
    assert world.api.NtClose(HKCU) == (NtStatus.INVALID_HANDLE, None)


def test_inheritance(world) -> None:
    """A child inherits the inheritable handles under their values; the hidden root is not one."""
    _, plain = world.api.NtOpenKey(ROOT)
    _, kept = world.api.NtOpenKey(ROOT, inherit=True)
    world.api.RegOpenKeyEx(HKLM, "Software")
    child = world.start("child", parent=world.service)
    table = world.machine.process_of(child.tid).table

    assert table.lookup(plain) is None
    assert table.lookup(kept) is not None
    assert len(table) == 1
    assert world.user.handles == 3
    world.machine.check()


# -- the counter ---------------------------------------------------------------------------------


def leak(world, opens: int):
    """Open the user's root *opens* times and return the first handle."""
    process, hive = world.service, world.user
    first, *_ = [world.machine.open_object(process, hive, (), Access.READ) for _ in range(opens)]
    return first


def test_a_block_freed_below_another_is_copied(build: Callable, four_bits: Dialect) -> None:
    """A wrapped counter may free a block that only a key below still names; a copy has it too."""
    world = build(four_bits)
    leaking = world.start("leaking")
    for _ in range(16):
        leaking.RegOpenKeyEx(HKU, rf"{USER}\Software")
    leaking.RegCloseKey(HKU)
    world.api.RegOpenKeyEx(HKU, rf"{USER}\Software\App")
    world.machine.end_process(world.machine.process_of(leaking.tid))

    twin = world.machine.snapshot()

    assert world.machine.corruption is not None
    assert twin.same_as(world.machine)
    twin.check()


def test_counter_wraps(build: Callable, four_bits: Dialect) -> None:
    """As many opens as wrap the counter read as none: a hive that is in use unloads."""
    world = build(four_bits)
    leak(world, 15)
    before = world.api.NtUnloadKey(ROOT).status
    leak(world, 1)

    assert before is NtStatus.CANNOT_DELETE
    assert world.user.handles == 16
    assert world.api.NtUnloadKey(ROOT) == (NtStatus.SUCCESS, None)
    assert "freed under 16 open handles" in world.machine.corruption
    world.machine.check()


def test_counter_freed_under_handles(build: Callable, four_bits: Dialect) -> None:
    """Closing one of as many opens as wrap the counter frees the block under the others."""
    world = build(four_bits)
    first = leak(world, 16)

    assert world.api.RegCloseKey(first) == (0, None)
    assert "freed under 15 open handles" in world.machine.corruption
    world.machine.check()


@pytest.mark.parametrize(
    ("os_name", "corrupt"),
    [("nt4-sp3", True), ("nt4-tse-rtm", True), ("nt4-sp4", False), ("nt4-tse-sp4", False)],
)
def test_65536_leaks(build: Callable, os_name: str, corrupt: bool) -> None:
    """65,536 leaks and a close corrupt NT 4.0 before SP4, and no later one (KB Q179827)."""
    world = build(os_name)
    first = leak(world, 65_536)

    assert world.api.RegCloseKey(first) == (0, None)
    assert (world.machine.corruption is not None) is corrupt


def test_value_vectors(world) -> None:
    """Values are written, read by any case, listed and removed; after the last comes 259."""
    handle = open_user(world.api)
    world.api.RegSetValueEx(handle, "Name", 1, b"a\0")

    assert world.api.RegQueryValueEx(handle, "NAME") == (0, Value("Name", 1, b"a\0"))
    assert world.api.RegEnumValue(handle, 0) == (0, Value("Name", 1, b"a\0"))
    assert world.api.RegEnumValue(handle, 1) == (259, None)
    assert world.api.RegDeleteValue(handle, "name") == (0, None)
    assert world.api.RegDeleteValue(handle, "name") == (2, None)


def test_open_empty_with_access(world) -> None:
    """RegOpenKeyEx of a handle and no name opens that key again with the access asked for."""
    handle = open_user(world.api)

    code, weak = world.api.RegOpenKeyEx(handle, None, access=Access.READ)

    assert code == 0
    assert world.api.RegSetValueEx(weak, "x", 1, b"") == (5, None)
    assert world.api.RegSetValueEx(handle, "x", 1, b"") == (0, None)

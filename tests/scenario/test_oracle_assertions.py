"""The ten claims that any model of this defect must meet, one test each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from regsim import dialects, models
from regsim.kernel.machine import Machine
from regsim.scenario import Outcome
from regsim.status import NtStatus
from regsim.types import Access, PredefinedKey

HKCU = PredefinedKey.CURRENT_USER
HKU = PredefinedKey.USERS
USER = "S-1-5-21-1"
ROOT = r"\REGISTRY\USER\S-1-5-21-1"


def use_as_user(api: Any) -> None:
    """Open and close a key below HKEY_CURRENT_USER while acting as the user."""
    api.impersonate(USER)
    code, handle = api.RegOpenKeyEx(HKCU, "Software")
    assert code == 0
    assert api.RegCloseKey(handle).code == 0
    api.revert()


def test_1_root_of_the_stock_service_blocks_the_only_try(world: Any) -> None:
    """Impersonate, open, close, revert: the unload is refused with CANNOT_DELETE, that is 5."""
    use_as_user(world.api)

    assert world.api.NtUnloadKey(ROOT).status is NtStatus.CANNOT_DELETE
    assert world.api.RegUnLoadKey(HKU, USER).code == 5
    assert not models.run("q241572").profile_saved


def test_2_stopping_the_service_first_saves() -> None:
    """With the service stopped before logoff the hive unloads and the copy is made."""
    result = models.run("q241572", fix="stop-service")

    assert (result.unloaded, result.profile_saved) == (True, True)


@pytest.mark.parametrize(("os_name", "left"), [("nt4-sp6a", 0), ("wine", 1), ("reactos", 1)])
@pytest.mark.parametrize("call", ["RegCloseKey", "RegOpenKeyEx"])
def test_3_closing_the_root_helps_where_it_closes(
    build: Callable[..., Any], os_name: str, left: int, call: str
) -> None:
    """RegCloseKey(HKCU) and RegOpenKeyEx(HKCU, NULL) free the hive on Windows, not elsewhere."""
    world = build(os_name)
    use_as_user(world.api)
    getattr(world.api, call)(HKCU)

    assert world.user.handles == left


def test_4_root_used_before_impersonating_is_the_wrong_users(world: Any) -> None:
    """A service that used HKCU as itself leaks nothing of the user's, and reads .DEFAULT."""
    world.api.RegQueryValueEx(HKCU, "who")
    world.api.impersonate(USER)
    code, handle = world.api.RegOpenKeyEx(HKCU, "Software")
    value = world.api.RegQueryValueEx(handle, "who").value

    assert code == 0
    assert value.text() == ".DEFAULT"
    assert world.user.handles == 0


def test_5_windows_2000_saves_what_is_released_in_time() -> None:
    """A leak released within the 60 tries is saved late; one that outlasts them is lost."""
    late, lost = (models.run("q272239", os="w2k", hold=hold) for hold in (30, 90))

    assert (late.outcome, lost.outcome) == (Outcome.LATE, Outcome.LOST)
    assert [event.id for event in (*late.events, *lost.events)] == [1000]


def test_6_xp_saves_a_copy_and_unloads_when_released(build: Callable[..., Any]) -> None:
    """XP saves at once with event 1517; the hive goes when the last handle is closed."""
    result = models.run("q241572", os="xp")
    world = build("xp")
    use_as_user(world.api)
    world.api.NtUnloadKeyEx(ROOT, "gone")
    waits = world.machine.hive_at(ROOT) is not None
    world.api.RegCloseKey(HKCU)

    assert (result.profile_saved, result.unloaded) == (True, False)
    assert [event.id for event in result.events] == [1517]
    assert waits
    assert world.machine.hive_at(ROOT) is None
    assert "gone" in world.machine.signalled


@pytest.mark.parametrize("os_name", ["vista", "win7", "win11"])
def test_7_vista_and_later_break_the_holder(build: Callable[..., Any], os_name: str) -> None:
    """A forced unload saves with event 1530; the handle then answers 1018 and closes well."""
    world = build(os_name)
    use_as_user(world.api)
    assert world.api.NtUnloadKey2(ROOT).status is NtStatus.SUCCESS
    result = models.run("q241572", os=os_name)
    waiting = models.run("q241572", os=os_name, fix="disable-force-unload")

    assert world.api.RegOpenKeyEx(HKCU, "Software").code == 1018
    assert world.api.RegCloseKey(HKCU).code == 0
    assert [event.id for event in result.events] == [1530]
    assert not waiting.unloaded


@pytest.mark.parametrize(("os_name", "corrupt"), [("nt4-sp3", True), ("nt4-sp4", False)])
def test_8_leaks_wrap_the_counter_before_sp4_only(os_name: str, corrupt: bool) -> None:
    """65,536 leaked opens and a close free the control block under them, before SP4 only."""
    machine: Machine = _leak(os_name, 65_536)

    assert (machine.corruption is not None) is corrupt


def _leak(os_name: str, opens: int) -> Machine:

    machine = Machine(dialects.get(os_name))
    hive = machine.mount_hive(ROOT)
    process = machine.start_process("leaker")
    handles = [machine.open_object(process, hive, (), Access.READ) for _ in range(opens)]
    machine.close_handle(process, handles[-1])
    return machine


def test_9_second_open_is_shared_on_windows_95_only(build: Callable[..., Any]) -> None:
    """Windows 95 gives the same handle twice and keeps it till both are closed; NT gives two."""
    for os_name, same in (("win95", True), ("nt4-sp6a", False)):
        api = build(os_name).api
        one = api.RegOpenKeyEx(HKU, USER).value
        two = api.RegOpenKeyEx(HKU, USER).value
        api.RegCloseKey(one)

        assert (one == two) is same
        assert api.RegQueryInfoKey(two).code == 0


def test_10_recreated_key_does_not_revive_a_handle(world: Any) -> None:
    """A handle to a deleted key answers 1018 also when a key of that name is there again."""
    old = world.api.RegOpenKeyEx(HKU, USER + r"\Console").value
    assert world.api.RegDeleteKey(HKU, USER + r"\Console").code == 0
    assert world.api.RegCreateKeyEx(HKU, USER + r"\Console").code == 0

    assert world.api.RegQueryInfoKey(old).code == 1018

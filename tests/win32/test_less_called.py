"""Calls that no article's case makes, each by what it answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from regsim.types import PredefinedKey

HKCU = PredefinedKey.CURRENT_USER
USER = "S-1-5-21-1"
ROOT = rf"\REGISTRY\USER\{USER}"
FILE = rf"C:\Profiles\{USER}\NTUSER.DAT"
NT = ["nt4-sp6a", "w2k", "win11", "wine", "reactos"]


@pytest.mark.parametrize("os_name", NT)
def test_the_old_open_gives_the_subkey(build: Callable, os_name: str) -> None:
    """RegOpenKey opens the subkey that it is given, with all the access its caller may have."""
    world = build(os_name)
    world.api.impersonate(USER)
    code, handle = world.api.RegOpenKey(HKCU, "Software")

    assert code == 0
    assert world.where(handle).lower() == rf"{ROOT}\Software".lower()
    assert world.api.RegSetValueEx(handle, "n", 4, b"\1\0\0\0").code == 0


@pytest.mark.parametrize("os_name", ["w2k", "win11"])
def test_a_profile_is_unloaded_once_it_is_free(build: Callable, os_name: str) -> None:
    """LoadUserProfile finds a loaded hive too; UnloadUserProfile closes its handle and unloads."""
    world = build(os_name)
    code, profile = world.api.LoadUserProfile(USER, FILE)
    _, kept = world.api.NtOpenKey(rf"{ROOT}\Software")

    assert code == 0
    assert world.where(profile) == ROOT
    assert world.api.UnloadUserProfile(USER, profile).code == 5
    assert world.user.handles == 1
    world.api.NtClose(kept)
    code, profile = world.api.LoadUserProfile(USER, FILE)
    assert (code, world.api.UnloadUserProfile(USER, profile).code) == (0, 0)
    assert world.machine.hive_at(ROOT) is None


def test_the_users_own_root_says_its_call(build: Callable) -> None:
    """The handle of RegOpenCurrentUser is listed as opened by that call, and asked for."""
    world = build("w2k")
    world.api.impersonate(USER)
    world.api.RegOpenCurrentUser()
    (holder,) = world.machine.holders(world.user)

    assert (holder.opened_by, holder.implicit) == ("RegOpenCurrentUser()", False)


@pytest.mark.parametrize(
    ("os_name", "where"),
    [
        ("nt4-sp6a", r"\REGISTRY\MACHINE\Software\Classes\.mine"),
        ("win11", rf"{ROOT}_Classes\.mine"),
    ],
)
def test_a_class_is_created_where_the_view_has_it(
    build: Callable, os_name: str, where: str
) -> None:
    """HKEY_CLASSES_ROOT creates in the user's classes what is there, where it is a merged view."""
    world = build(os_name)
    world.api.impersonate(USER)
    code, made = world.api.RegCreateKeyEx(PredefinedKey.CLASSES_ROOT, ".mine")

    assert code == 0
    assert world.where(getattr(made, "handle", made)).lower() == where.lower()

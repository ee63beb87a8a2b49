"""Answers that differ between systems, and the other side of facts that Wine's tests assert."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from regsim.status import NtStatus
from regsim.types import Access, CreateOption, PredefinedKey, Value
from regsim.win32.reading import RRF_NOEXPAND, RRF_RT_ANY, Needed

HKCR = PredefinedKey.CLASSES_ROOT
HKCU = PredefinedKey.CURRENT_USER
HKLM = PredefinedKey.LOCAL_MACHINE
HKU = PredefinedKey.USERS
USER = "S-1-5-21-1"
MERGED = ["w2k", "xp", "win7", "win11"]


def made(world, path: str = "Fresh", **options: int):
    """Return a handle to a new key of the user's."""
    code, created = world.api.RegCreateKeyEx(HKU, rf"{USER}\{path}", **options)
    assert code == 0
    return created.handle


# -- the merged view -----------------------------------------------------------------------------


@pytest.mark.parametrize("os_name", ["nt4-sp6a", *MERGED, "wine"])
def test_creating_a_class_twice(build: Callable, os_name: str) -> None:
    """A class that exists is opened by creating it through HKEY_CLASSES_ROOT, and says so."""
    api = build(os_name).api

    answers = [api.RegCreateKeyEx(HKCR, ".zz") for _ in range(2)]

    assert [(int(code), created.new) for code, created in answers] == [(0, True), (0, False)]


@pytest.mark.parametrize("os_name", MERGED)
def test_below_a_class_of_both(build: Callable, os_name: str) -> None:
    """Below a class that the user and the machine have, the machine's keys are found too."""
    world = build(os_name)
    world.api.impersonate(USER)
    world.api.RegCreateKeyEx(HKU, rf"{USER}_Classes\T1\mine")
    world.api.RegCreateKeyEx(HKLM, r"Software\Classes\T1\sub")

    _, view = world.api.RegOpenKeyEx(HKCR, "T1")
    code, below = world.api.RegOpenKeyEx(view, "sub")

    assert (code, world.where(below)) == (0, r"\REGISTRY\MACHINE\Software\Classes\T1\sub")
    assert [world.api.RegEnumKeyEx(view, i).value for i in range(2)] == ["mine", "sub"]
    assert world.api.RegQueryInfoKey(view).value.subkeys == 2
    code, created = world.api.RegCreateKeyEx(view, "new")
    assert world.where(created.handle) == r"\REGISTRY\MACHINE\Software\Classes\T1\new"
    assert world.api.RegOpenKeyEx(view, "neither") == (2, 0)
    world.machine.check()


@pytest.mark.parametrize("os_name", MERGED)
def test_the_view_of_a_plain_handle(build: Callable, os_name: str) -> None:
    """A handle that was not opened through HKEY_CLASSES_ROOT sees one side alone."""
    world = build(os_name)
    world.api.impersonate(USER)
    world.api.RegCreateKeyEx(HKU, rf"{USER}_Classes\T1")
    world.api.RegCreateKeyEx(HKLM, r"Software\Classes\T1\sub")

    _, plain = world.api.RegOpenKeyEx(HKU, rf"{USER}_Classes\T1")

    assert world.api.RegOpenKeyEx(plain, "sub") == (2, 0)


@pytest.mark.parametrize("os_name", MERGED)
def test_an_overridden_root_of_classes(build: Callable, os_name: str) -> None:
    """Where HKEY_CLASSES_ROOT stands for another key, that key alone is seen."""
    world = build(os_name)
    other = made(world, "Other")
    world.api.RegCreateKeyEx(other, "below")

    assert world.api.RegOverridePredefKey(HKCR, other).code == 0
    assert world.api.RegOpenKeyEx(HKCR, "below").code == 0
    assert world.api.RegOpenKeyEx(HKCR, "CLSID").code == 2
    assert world.api.RegOverridePredefKey(HKCR, 0).code == 0
    assert world.api.RegOpenKeyEx(HKCR, "CLSID").code == 0


# -- rights --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("access", "reads", "writes"),
    [
        (Access.GENERIC_ALL, 0, 0),
        (Access.GENERIC_READ, 2, 5),
        (Access.GENERIC_EXECUTE, 2, 5),
        (Access.GENERIC_WRITE, 5, 0),
        (Access.READ, 2, 5),
    ],
)
def test_generic_rights(world, access: int, reads: int, writes: int) -> None:
    """A generic right stands for those of a key, and for no more of them."""
    made(world)
    _, key = world.api.RegOpenKeyEx(HKU, rf"{USER}\Fresh", access=access)

    wrote = world.api.RegSetValueEx(key, "v", 1, b"").code
    read = world.api.RegQueryValueEx(key, "v").code

    assert (int(read), int(wrote)) == (reads, writes)


def test_rights_come_before_the_key(world) -> None:
    """A deleted key answers 5 to what its handle may not do, and 1018 to what it may."""
    key = made(world, access=Access.WRITE)
    world.api.RegDeleteKey(HKU, rf"{USER}\Fresh")

    assert world.api.RegQueryValueEx(key, "v").code == 5
    assert world.api.RegSetValueEx(key, "v", 1, b"").code == 1018


@pytest.mark.parametrize(("os_name", "code"), [("win11", 5), ("xp", 5), ("wine", 0)])
def test_no_rights_at_all(build: Callable, os_name: str, code: int) -> None:
    """A key is not opened for nothing on Windows; Wine gives a handle that may do nothing."""
    api = build(os_name).api

    assert api.RegOpenKeyEx(HKLM, "Software", access=0).code == code
    assert api.RegOpenKeyEx(HKLM, "Software", access=Access.QUERY_VALUE).code == 0


# -- names and sizes -----------------------------------------------------------------------------


def test_the_spelling_of_a_value(world) -> None:
    """A value that is written over in another case keeps its name and place; a new one has its."""
    key = made(world)
    for name in ("Name", "Other", "NAME"):
        world.api.RegSetValueEx(key, name, 1, name.encode())

    values = [world.api.RegEnumValue(key, index).value for index in range(2)]

    assert values == [Value("Name", 1, b"NAME"), Value("Other", 1, b"Other")]


@pytest.mark.parametrize(
    ("os_name", "codes"),
    [("nt4-sp6a", [0, 1450, 0, 87, 0, 87]), ("win11", [0, 0, 0, 87, 0, 87]), ("wine", [0] * 6)],
)
def test_limits(build: Callable, os_name: str, codes: list[int]) -> None:
    """A megabyte of data (to 2000), 32 keys at once and 512 above each other are what fits."""
    world = build(os_name)
    key = made(world)
    data = [world.api.RegSetValueEx(key, "v", 3, bytes((1 << 20) + more)).code for more in (0, 1)]
    at_once = [world.api.RegCreateKeyEx(key, "\\".join(["d"] * count)).code for count in (32, 65)]
    deepest = rf"{USER}\Fresh"
    for _ in range(16):
        deepest = "\\".join([deepest, *["d"] * 31])
        world.api.RegCreateKeyEx(HKU, deepest)
    room = 512 - len(deepest.split("\\")) - 2
    rest = [
        world.api.RegCreateKeyEx(HKU, "\\".join([deepest, *["d"] * count])).code
        for count in (room, room + 1)
    ]

    assert [*map(int, [*data, *at_once, *rest])] == codes


# -- buffers and types ---------------------------------------------------------------------------


def test_a_buffer_too_small(world) -> None:
    """With too little room a call is 234 and tells what is needed; with enough, the value."""
    key = made(world)
    world.api.RegSetValueEx(key, "four", 4, b"\1\0\0\0")

    assert world.api.RegQueryValueEx(key, "four", size=3) == (234, Needed(4, 4))
    assert world.api.RegQueryValueEx(key, "four", size=4).code == 0
    assert world.api.RegEnumValue(key, 0, name_size=4, size=4).code == 234
    assert world.api.RegEnumValue(key, 0, name_size=5, size=4).code == 0
    assert world.api.RegQueryValueEx(key, "none", size=0).code == 2


@pytest.mark.parametrize(("os_name", "code"), [("win7", 87), ("win8.1", 1630), ("win11", 1630)])
def test_texts_to_be_expanded(build: Callable, os_name: str, code: int) -> None:
    """RegGetValue replaces variables unless told not to; what it cannot return it refuses."""
    world = build(os_name)
    key = made(world)
    world.api.RegSetValueEx(key, "e", 2, "%A%b".encode("utf-16-le"))
    get = world.api.RegGetValue

    assert get(key, None, "e", environment={"a": "x"}) == (0, Value.sz("e", "xb"))
    raw = get(key, None, "e", flags=RRF_RT_ANY | RRF_NOEXPAND).value
    assert (raw.type, raw.text(), raw.data[-2:]) == (2, "%A%b", b"\0\0")
    assert get(key, None, "e", flags=4).code == code


# -- the 32-bit view -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("os_name", "path", "apart"),
    [
        ("win11", r"Software\Vendor", True),
        ("win11", r"Software\Policies\Vendor", False),
        ("win11", r"Software\Classes\CLSID\Vendor", True),
        ("win11", r"Software\Classes\Vendor", False),
        ("win11", r"System\Vendor", False),
        ("xp", r"Software\Vendor", True),
        ("xp", r"Software\Classes\CLSID\Vendor", False),
    ],
)
def test_what_the_32_bit_view_has_apart(
    build: Callable, os_name: str, path: str, apart: bool
) -> None:
    """A key made in the 32-bit view is seen in the other where both share it, and only there."""
    api = build(os_name).api
    api.RegCreateKeyEx(HKLM, rf"{path}\made", access=Access.ALL | Access.WOW64_32KEY)

    in_64 = api.RegOpenKeyEx(HKLM, rf"{path}\made", access=Access.READ | Access.WOW64_64KEY).code
    in_32 = api.RegOpenKeyEx(HKLM, rf"{path}\made", access=Access.READ | Access.WOW64_32KEY).code

    assert (int(in_64), int(in_32)) == (2 if apart else 0, 0)


@pytest.mark.parametrize(("os_name", "code"), [("nt4-sp6a", 5), ("w2k", 5), ("reactos", 0)])
def test_asking_for_a_view_that_is_none(build: Callable, os_name: str, code: int) -> None:
    """NT 4.0 and Windows 2000 refuse the flags of the views; others without one pass them over."""
    api = build(os_name).api

    for flag in (Access.WOW64_32KEY, Access.WOW64_64KEY):
        assert api.RegOpenKeyEx(HKLM, "Software", access=Access.READ | flag).code == code


# -- trees and links -----------------------------------------------------------------------------


def test_a_renamed_key(build: Callable) -> None:
    """A key that is renamed keeps its handles, and those below; its old name is free again."""
    world = build("win11")
    below = made(world, r"Old\Below")
    _, key = world.api.RegOpenKeyEx(HKU, rf"{USER}\Old", access=Access.ALL)

    assert world.api.RegRenameKey(key, None, "New").code == 0
    assert world.where(below).endswith(r"\New\Below")
    assert world.api.RegOpenKeyEx(HKU, rf"{USER}\Old").code == 2
    assert world.api.RegRenameKey(key, None, "Console").code == 5
    world.machine.check()


def test_a_tree_that_goes(build: Callable) -> None:
    """What is open in a deleted tree answers 1018; once it is closed, the hive can be unloaded."""
    world = build("win11")
    below = made(world, r"Tree\Below")

    assert world.api.RegDeleteTree(HKU, rf"{USER}\Tree").code == 0
    assert world.api.RegQueryInfoKey(below).code == 1018
    world.api.RegCloseKey(below)
    world.machine.check()
    assert world.api.RegUnLoadKey(HKU, USER).code == 0


@pytest.mark.parametrize(
    ("os_name", "status"),
    [
        ("win7", NtStatus.NAME_TOO_LONG),
        ("win11", NtStatus.INVALID_PARAMETER),
        ("wine", NtStatus.INVALID_PARAMETER),
    ],
)
def test_links(build: Callable, os_name: str, status: NtStatus) -> None:
    """A link leads where it says, may be made to lead nowhere or to itself, and opens as itself."""
    world = build(os_name)
    link = made(world, "Link", options=CreateOption.CREATE_LINK)
    where = rf"\REGISTRY\USER\{USER}".encode("utf-16-le")

    def lead(name: str) -> None:
        data = where + rf"\{name}".encode("utf-16-le")
        assert world.api.RegSetValueEx(link, "SymbolicLinkValue", 6, data).code == 0

    path = rf"\REGISTRY\USER\{USER}\Link"
    assert world.api.RegSetValueEx(link, "Other", 6, where).code == 5
    lead("Console")
    assert world.where(world.api.NtOpenKey(path).value).endswith("Console")
    lead("Link")
    assert world.api.NtOpenKey(path).status is status
    assert world.api.NtOpenKey(path, open_link=True).status is NtStatus.SUCCESS
    lead("Dangling")
    assert world.api.NtOpenKey(path).status is NtStatus.OBJECT_NAME_NOT_FOUND
    _, created = world.api.NtCreateKey(path)
    assert world.where(created.handle).endswith("Dangling")
    world.machine.check()

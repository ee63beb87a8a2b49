"""What the registry of an installed system has, for each generation, and on whose word."""

from __future__ import annotations

import lzma
import os
import struct
from pathlib import Path

import pytest

from regsim import dialects, keypath
from regsim.errors import UnknownNameError
from regsim.kernel.tree import Node
from regsim.policy import Evidence, Grade
from regsim.regf.store import FileStore
from regsim.testing._fake.computer import USER_SID
from regsim.testing.installed import base, folders, zones
from regsim.testing.installed.system import SYSTEMS, system_of
from regsim.testing.registry import Registry
from regsim.testing.winreg import BoundWinreg
from regsim.types import Value

SHARED = Path(os.environ.get("REGSIM_SHARED") or Path(__file__).parents[4] / "shared")
NT = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
SHELL = r"Software\Microsoft\Windows\CurrentVersion\Explorer\User Shell Folders"


def value(winreg: BoundWinreg, root: int, key: str, name: str) -> object:
    """Return a value's content, or None where it or its key is not there."""
    try:
        with winreg.OpenKey(root, key) as opened:
            return winreg.QueryValueEx(opened, name)[0]
    except FileNotFoundError:
        return None


def subkeys(winreg: BoundWinreg, root: int, key: str) -> list[str]:
    """Return the names of the keys below a key."""
    with winreg.OpenKey(root, key) as opened:
        return [winreg.EnumKey(opened, index) for index in range(winreg.QueryInfoKey(opened)[0])]


def test_each_generation_is_an_installation_of_something() -> None:
    """And each installation of a generation that there is; another name is refused."""
    assert list(SYSTEMS) == dialects.names()
    with pytest.raises(UnknownNameError, match="win11"):
        system_of("win12")


@pytest.mark.parametrize("system", dialects.names())
def test_each_fact_names_its_source(system: str) -> None:
    """Whatever is in a fresh registry came from a part with a grade and a source."""
    for part in base.parts(system_of(system), USER_SID):
        assert isinstance(part.evidence.grade, Grade)
        assert len(part.evidence.source) > 10
        assert part.keys


@pytest.mark.parametrize(
    ("system", "product", "version", "build", "pack"),
    [
        ("nt4-sp6a", None, "4.0", "1381", "Service Pack 6"),
        ("w2k", "Microsoft Windows 2000", "5.0", "2195", "Service Pack 4"),
        ("xp", "Microsoft Windows XP", "5.1", "2600", "Service Pack 3"),
        ("2003", "Microsoft Windows Server 2003", "5.2", "3790", "Service Pack 2"),
        ("win7", "Windows 7 Professional", "6.1", "7601", "Service Pack 1"),
        ("win8.1", "Windows 8.1 Pro", "6.3", "9600", None),
        ("win10", "Windows 10 Pro", "6.3", "19045", None),
        ("win11", "Windows 10 Pro", "6.3", "22631", None),
    ],
)
def test_a_system_says_what_it_is(
    system: str, product: str | None, version: str, build: str, pack: str | None
) -> None:
    """ProductName, CurrentVersion, CurrentBuildNumber and CSDVersion, in both views of 64 bits."""
    winreg = Registry(system).winreg
    names = ("ProductName", "CurrentVersion", "CurrentBuildNumber", "CSDVersion")

    found = [value(winreg, winreg.HKEY_LOCAL_MACHINE, NT, name) for name in names]

    assert found == [product, version, build, pack]
    if system_of(system).wide:
        view = winreg.KEY_READ | winreg.KEY_WOW64_32KEY
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, NT, 0, view) as key:
            assert winreg.QueryValueEx(key, "CurrentBuildNumber")[0] == build


def test_a_system_of_the_other_family_says_it_elsewhere() -> None:
    """Windows 95 has no key of NT."""
    winreg = Registry("win95").winreg
    where = r"Software\Microsoft\Windows\CurrentVersion"

    assert value(winreg, winreg.HKEY_LOCAL_MACHINE, where, "ProductName") == "Microsoft Windows 95"
    assert value(winreg, winreg.HKEY_LOCAL_MACHINE, where, "VersionNumber") == "4.00.950"
    assert value(winreg, winreg.HKEY_LOCAL_MACHINE, NT, "CurrentVersion") is None


def test_services_accounts_have_hives_since_xp() -> None:
    """S-1-5-18 is .DEFAULT by another name; LocalService and NetworkService have their own."""
    winreg = Registry("win11").winreg
    names = subkeys(winreg, winreg.HKEY_USERS, "")
    with winreg.CreateKey(winreg.HKEY_USERS, r".DEFAULT\Mine"):
        pass

    assert {".DEFAULT", "S-1-5-18", "S-1-5-19", "S-1-5-20", USER_SID} <= set(names)
    assert "Mine" in subkeys(winreg, winreg.HKEY_USERS, "S-1-5-18")
    assert "Mine" not in subkeys(winreg, winreg.HKEY_USERS, "S-1-5-19")
    older = Registry("w2k").winreg
    assert "S-1-5-19" not in subkeys(older, older.HKEY_USERS, "")


@pytest.mark.parametrize(
    ("system", "home"),
    [
        ("nt4-sp6a", r"C:\WINNT\Profiles\user"),
        ("xp", r"C:\Documents and Settings\user"),
        ("win11", r"C:\Users\user"),
    ],
)
def test_the_profile_is_listed_where_its_hive_is(system: str, home: str) -> None:
    """ProfileList leads from the SID to the folder that holds the user's NTUSER.DAT."""
    registry = Registry(system)
    winreg = registry.winreg
    key = rf"{NT}\ProfileList\{registry.user}"

    assert value(winreg, winreg.HKEY_LOCAL_MACHINE, key, "ProfileImagePath") == home
    assert registry.computer.hive is not None
    assert registry.computer.hive.file == rf"{home}\NTUSER.DAT"


def test_a_sid_is_also_there_in_bytes() -> None:
    """As the value Sid of its profile: revision, count, authority, numbers."""
    winreg = Registry().winreg
    sid = value(winreg, winreg.HKEY_LOCAL_MACHINE, rf"{NT}\ProfileList\S-1-5-18", "Sid")

    assert sid == bytes([1, 1, 0, 0, 0, 0, 0, 5]) + struct.pack("<I", 18)


def test_the_control_set_in_use_is_a_link() -> None:
    """What is written below CurrentControlSet is found in ControlSet001, which Select names."""
    winreg = Registry().winreg
    with winreg.CreateKey(winreg.HKEY_LOCAL_MACHINE, r"SYSTEM\CurrentControlSet\Services\Mine"):
        pass

    machine = winreg.HKEY_LOCAL_MACHINE
    assert "Mine" in subkeys(winreg, machine, r"SYSTEM\ControlSet001\Services")
    assert value(winreg, machine, r"SYSTEM\Select", "Current") == 1
    wine = Registry("wine").winreg
    assert "ControlSet001" not in subkeys(wine, wine.HKEY_LOCAL_MACHINE, "System")


def test_the_environment_of_the_logon_is_not_saved() -> None:
    """Volatile Environment has it while the user is logged on, and the saved file has not."""
    registry = Registry()
    winreg = registry.winreg
    where = ("Volatile Environment", "USERPROFILE")

    assert value(winreg, winreg.HKEY_CURRENT_USER, *where) == r"C:\Users\user"
    assert registry.computer.hive is not None
    saved = registry.machine.files.read(registry.computer.hive.file or "")
    assert saved is not None
    assert saved.find(("VOLATILE ENVIRONMENT",)) is None
    assert saved.find(("ENVIRONMENT",)) is not None


def test_a_bare_registry_has_hardly_a_key() -> None:
    """None of that; the keys that programs begin at are there, and its program files."""
    winreg = Registry(bare=True).winreg
    machine = winreg.HKEY_LOCAL_MACHINE

    assert value(winreg, machine, NT, "ProductName") is None
    assert subkeys(winreg, winreg.HKEY_USERS, "")[0] == ".DEFAULT"
    assert "S-1-5-18" not in subkeys(winreg, winreg.HKEY_USERS, "")
    folder = value(winreg, machine, r"Software\Microsoft\Windows\CurrentVersion", "ProgramFilesDir")
    assert folder == r"C:\Program Files"


@pytest.mark.parametrize("system", dialects.names())
def test_an_installed_system_logs_off_as_a_bare_one(system: str) -> None:
    """More keys and more hives change nothing about who holds the user's."""
    endings = []
    for bare in (False, True):
        registry = Registry(system, bare=bare)
        registry.machine.check()
        winreg = registry.winreg
        winreg.CloseKey(winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software"))
        endings.append(registry.log_off().says())

    assert endings[0] == endings[1]


# -- against what was captured -------------------------------------------------------------------


def captured(file: str, folder: Path) -> Node:
    """Return the root of a captured hive."""
    source = SHARED / "data" / "hives" / file
    if not source.is_file():
        pytest.skip(f"no captured hive at {source} (set REGSIM_SHARED)")
    copy = folder / "NTUSER.DAT"
    data = source.read_bytes()
    copy.write_bytes(lzma.decompress(data) if file.endswith(".xz") else data)
    root = FileStore({"hive": copy}).read("hive")
    assert root is not None
    return root


CAPTURED = [
    ("xp", "plaso__test_data__NTUSER.DAT", folders.OLD_PROFILE),
    ("win7", "regipy__NTUSER.DAT.xz", folders.NEW_PROFILE),
]


@pytest.mark.shared_data
@pytest.mark.parametrize(("system", "file", "evidence"), CAPTURED)
def test_what_rests_on_a_captured_profile_is_in_it(
    system: str, file: str, evidence: Evidence, tmp_path: Path
) -> None:
    """Each key and value that is said to be known from it, but for the user's own folder."""
    root = captured(file, tmp_path)
    seen = 0
    for part in base.parts(system_of(system), USER_SID):
        for key, values in part.keys.items() if part.evidence == evidence else ():
            node = root.find(keypath.fold(keypath.split(key)))
            assert node is not None, key
            for value in values:
                if "Shell Folders" not in key or "User" in key:
                    assert node.values[keypath.fold_name(value.name)].data == value.data
                    seen += 1
    assert seen > 20


@pytest.mark.shared_data
@pytest.mark.parametrize(("system", "file", "_evidence"), CAPTURED)
def test_no_shell_folder_of_a_captured_profile_is_missing(
    system: str, file: str, _evidence: Evidence, tmp_path: Path
) -> None:
    """The list is whole."""
    node = captured(file, tmp_path).find(tuple(SHELL.upper().split("\\")))

    assert node is not None
    assert {value.name for value in node.values.values()} == set(
        folders.layout(system_of(system))[1]
    )


def test_rules_of_zones_are_written_as_windows_writes_them() -> None:
    """W. Europe changes on the last Sundays of March and October; the bytes are Windows' own."""
    zone = next(each for each in zones.ZONES if each.name == "W. Europe")
    expected = struct.pack("<iii", -60, 0, -60)
    expected += struct.pack("<8H", 0, 10, 0, 5, 3, 0, 0, 0)
    expected += struct.pack("<8H", 0, 3, 0, 5, 2, 0, 0, 0)

    assert zone.tzi() == expected
    winreg = Registry().winreg
    key = rf"{NT}\Time Zones\W. Europe Standard Time"
    assert value(winreg, winreg.HKEY_LOCAL_MACHINE, key, "TZI") == expected


def test_the_zone_in_use_is_in_the_list() -> None:
    """Of every generation that has the list; what names it is newer than the list."""
    for system in dialects.names():
        winreg = Registry(system).winreg
        where = r"SYSTEM\CurrentControlSet\Control\TimeZoneInformation"
        name = value(winreg, winreg.HKEY_LOCAL_MACHINE, where, "StandardName")
        if name is None:
            assert system_of(system).version < (5, 0, 0)
            continue
        listed = subkeys(winreg, winreg.HKEY_LOCAL_MACHINE, rf"{NT}\Time Zones")
        titles = {
            value(winreg, winreg.HKEY_LOCAL_MACHINE, rf"{NT}\Time Zones\{each}", "Std")
            for each in listed
        }
        assert name in titles


def test_a_value_is_expanded_where_it_has_a_variable() -> None:
    """Only then is it a REG_EXPAND_SZ."""
    winreg = Registry().winreg
    for where, kind in (("Shell Folders", winreg.REG_SZ), (None, winreg.REG_EXPAND_SZ)):
        key = SHELL if where is None else SHELL.replace("User Shell Folders", where)
        with winreg.OpenKey(winreg.HKEY_CURRENT_USER, key) as opened:
            assert winreg.QueryValueEx(opened, "AppData")[1] == kind
    assert isinstance(Value.sz("", "x"), Value)

"""One name for one key, however the evidence writes it."""

from __future__ import annotations

import pytest

from regsim.errors import UsageError
from regsim.trace.spelling import KeyTable, canonical, check_sid, hive_of, is_root

SID = "S-1-5-21-1-2-3-1001"

SAME = [
    (r"HKCU\Software\App", "HKCU\\SOFTWARE\\app\\"),
    (r"HKCU", "HKEY_CURRENT_USER\\"),
    (r"HKCU\Software\Classes\CLSID", r"HKCU\Software\Classes\Wow6432Node\CLSID"),
    (r"HKU\S-1-5-18\Software", r"HKU\.DEFAULT\Software"),
    (rf"\REGISTRY\USER\{SID}", rf"HKU\{SID.lower()}"),
    (rf"HKU\{SID}\Software\Classes\X", rf"\Registry\User\{SID}_Classes\x"),
    (r"HKCR\.txt", r"HKLM\Software\Classes\.txt"),
    (r"HKLM\System\ControlSet001\Services", r"HKLM\SYSTEM\CurrentControlSet\Services"),
    (
        r"HKCC\Software",
        r"HKLM\System\CurrentControlSet\Hardware Profiles\0001\Software",
    ),
    (r"HKLM\SOFTWARE\Wow6432Node\X", r"\REGISTRY\MACHINE\SOFTWARE\X"),
    ("HKLM:\\Software", r"HKLM\Software"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_same_key(one: str, other: str) -> None:
    """Case, separators at the end, views and aliases do not make another key."""
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"HKCU\Software\App", r"HKCU\Software\App2"),
        (r"HKCU", rf"HKU\{SID}"),
        (r"HKU\.DEFAULT\Software\Classes", r"HKU\.DEFAULT_Classes"),
        (r"HKCU\Software\Classes", r"HKCU\Software"),
        (r"HKU\S-1-5-19", r"HKU\.DEFAULT"),
        (r"\REGISTRY\A\{1}\X", r"\REGISTRY\A\{2}\X"),
        (r"HKCU\ControlSet001", r"HKCU\CurrentControlSet"),
    ],
)
def test_different_keys(one: str, other: str) -> None:
    """What differs stays different."""
    assert canonical(one) != canonical(other)


def test_hkcu_is_whose_the_caller_says() -> None:
    """With a SID, HKCU and that user's HKU name are one hive; without, two."""
    assert canonical(r"HKCU\X", SID) == canonical(rf"HKU\{SID}\X")
    assert canonical(r"HKCU\Software\Classes", SID) == canonical(rf"HKU\{SID}_Classes")
    keys = KeyTable(SID)
    assert keys.number(r"HKCU\Software") == keys.number(rf"HKU\{SID}\software")
    assert keys.hive_names[2:] == [rf"HKU\{SID}"]


@pytest.mark.parametrize(
    ("path", "hive"),
    [
        (r"HKCU\Software", "HKCU"),
        (r"HKCU\Software\Classes", "HKCU_CLASSES"),
        (rf"HKU\{SID}\X", rf"HKU\{SID}"),
        (r"HKU\.DEFAULT\X", None),
        (r"HKU\S-1-5-19_Classes", None),
        (r"HKU", None),
        (r"HKLM\Software", None),
        (r"\REGISTRY\A\{1}", None),
        ("", None),
    ],
)
def test_hive_of_a_key(path: str, hive: str | None) -> None:
    """Only the hives of users count: nobody logs LocalSystem off."""
    assert hive_of(canonical(path)) == hive


def test_roots() -> None:
    """The root of a hive is told from the keys below it, that of the classes too."""
    assert is_root(canonical("HKCU"))
    assert is_root(canonical(r"HKCU\Software\Classes"))
    assert not is_root(canonical(r"HKCU\Software"))
    assert not is_root(canonical("HKLM"))


def test_table_keeps_first_spelling() -> None:
    """A key is shown as the evidence first wrote it, its hive in the same case."""
    keys = KeyTable()
    assert keys.number("HKU\\s-1-5-21-7_classes\\Clsid\\") == 1
    assert keys.number(r"\REGISTRY\USER\S-1-5-21-7_CLASSES\CLSID") == 1
    assert [keys.name(0), keys.name(1)] == ["", r"HKU\s-1-5-21-7_classes\Clsid"]
    assert keys.hive_names[2:] == [r"HKU\s-1-5-21-7_Classes"]
    assert len(keys) == 2


@pytest.mark.parametrize("sid", ["", "me", "S-1-5-", "S-1-5-21-x"])
def test_bad_sid_is_refused(sid: str) -> None:
    """What is no SID is refused with an example."""
    with pytest.raises(UsageError, match="S-1-5-21"):
        check_sid(sid)


def test_a_root_is_called_as_it_is_first_written() -> None:
    """However late that is; until then, and if nothing ever writes it, it is called as its hive."""
    keys = KeyTable()
    keys.number("HKU\\S-1-5-21-7\\Software")
    root = keys.root_of(keys.hives[-1])
    before = keys.name(root)
    same = keys.number("\\REGISTRY\\USER\\s-1-5-21-7\\")
    keys.number("HKU\\S-1-5-21-7")

    assert (same, keys.is_root(root), before) == (root, True, "HKU\\S-1-5-21-7")
    assert keys.name(root) == "\\REGISTRY\\USER\\s-1-5-21-7"

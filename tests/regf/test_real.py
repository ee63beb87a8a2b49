"""Captured hives: read as other readers read them, given back to the byte."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from regsim.errors import HiveFormatError
from regsim.regf import Mode, diff_hives, open_hive, parse_hive

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.shared_data

CLEAN = [
    "Registry__Registry.Test__Hives__NTUSER1.DAT",
    "Registry__Registry.Test__Hives__UsrClassDeletedBags.dat",
    "hivex__images__minimal",
    "hivex__images__rlenvalue_test_hive",
    "hivex__images__special",
    "plaso__test_data__NTUSER-RunTests.DAT",
    "plaso__test_data__NTUSER.DAT",
    "plaso__test_data__regf__100_sub_keys.hiv",
    "regipy__BCD",
    "regipy__NTUSER.DAT",
    "regipy__ntuser_software_partial",
    "winreg-kb__test_data__NTUSER.DAT",
    "yarp__BigDataHive",
    "yarp__NewDirtyHive1__RecoveredHive_Windows10",
    "yarp__UnicodeHive",
]
DIRTY = [
    "regipy__NTUSER_BAGMRU.DAT",
    "regipy__SYSTEM_WIN_10_1709",
    "regipy__amcache.hve",
    "regipy__transactions_NTUSER.DAT",
    "yarp__NewDirtyHive1__NewDirtyHive",
    "yarp__OldDirtyHive__OldDirtyHive",
]


@pytest.mark.parametrize("name", [*CLEAN, *DIRTY])
def test_the_judges_read_the_same(
    shared: Any, items: Any, judge: Any, agree: Any, name: str, tmp_path: Path
) -> None:
    """Every key, time, value, type and byte of data equals what another reader reads."""
    path = shared(name)

    agree(judge, judge.read(path, tmp_path), items(path))


@pytest.mark.parametrize("name", [*CLEAN, *DIRTY])
def test_real_hives_pass_the_whole_check(shared: Any, name: str) -> None:
    """What Windows wrote breaks no rule that strict mode judges."""
    with open_hive(shared(name)) as hive:
        assert hive.check() == []
        assert hive.clean == (name in CLEAN)


@pytest.mark.parametrize("name", [*CLEAN, *DIRTY])
def test_an_unchanged_hive_is_given_back_to_the_byte(shared: Any, name: str) -> None:
    """Reading everything and writing gives the very file, its padding and remains included."""
    data = shared(name).read_bytes()
    hive = parse_hive(data)
    for _, key in hive.walk():
        list(key.values())

    assert hive.to_bytes() == data


@pytest.mark.parametrize("name", CLEAN)
def test_changing_one_value_changes_that_value_only(shared: Any, name: str) -> None:
    """One value set in a real hive: the trees differ in it alone, the file is still sound."""
    data = shared(name).read_bytes()
    hive, before = parse_hive(data), parse_hive(data)
    path, key = next(((p, k) for p, k in hive.walk() if k.value_count), ("", hive.root))
    value = next(key.values(), None)
    label = value.name if value is not None else "new"
    key.set_value(label, 3, b"changed data, longer than four bytes")
    after = parse_hive(hive.to_bytes())

    assert [(d.key, d.name) for d in diff_hives(before, after)] == [(path, label)]
    assert after.check() == []
    assert len(after.notes) == (1 if "RecoveredHive" in name else 0)


def test_a_damaged_list_is_refused_and_salvaged(shared: Any) -> None:
    """corrupt_sub_key_list: strict names the cell; salvage reads the 99 intact siblings."""
    path = shared("plaso__test_data__regf__corrupt_sub_key_list.hiv")
    with open_hive(path) as strict, pytest.raises(HiveFormatError) as caught:
        list(strict.walk())
    with open_hive(path, mode=Mode.SALVAGE) as hive:
        keys = [key for _, key in hive.walk()]

    assert caught.value.offset == 0x5480
    assert len(keys) == 100
    assert [problem.offset for problem in hive.problems] == [0x5480]


def test_a_damaged_system_hive_is_salvaged(shared: Any) -> None:
    """corrupted_system_hive: no other reader opens it; most of it is read, all faults listed."""
    path = shared("regipy__corrupted_system_hive")
    with open_hive(path) as strict, pytest.raises(HiveFormatError):
        strict.check()
    with open_hive(path, mode=Mode.SALVAGE) as hive:
        keys = [key for _, key in hive.walk()]
        values = sum(len(list(key.values())) for key in keys)
        hive.check()

    assert (len(keys), values) == (1687, 5625)
    assert len(hive.problems) > 800


@pytest.mark.parametrize(
    "name",
    [
        "Registry__Registry.Test__Hives__NotAHive",
        "winreg-kb__test_data__NTUSER.DAT.LOG",
        "yarp__OldDirtyHive__OldDirtyHive.LOG1",
    ],
)
@pytest.mark.parametrize("mode", Mode)
def test_what_is_no_hive_is_refused(shared: Any, name: str, mode: Mode) -> None:
    """Neither a program nor a log is taken for a hive."""
    with pytest.raises(HiveFormatError, match=r"signature|file type"):
        open_hive(shared(name), mode=mode)


def test_opening_a_large_hive_reads_little(shared: Any) -> None:
    """Opening 15 MB and reading one deep value takes memory for that value, not the file."""
    path = shared("regipy__SYSTEM_WIN_10_1709")
    tracemalloc.start()
    with open_hive(path) as hive:
        key = hive.find(
            r"ControlSet001\Control\Session Manager\Memory Management\PrefetchParameters"
        )
        assert key is not None
        assert key.value("EnablePrefetcher") is not None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 300_000


def test_walking_a_large_hive_takes_little_memory(shared: Any) -> None:
    """A full walk of 15 MB keeps well below the size of the file in Python's heap."""
    path = shared("regipy__SYSTEM_WIN_10_1709")
    tracemalloc.start()
    count = 0
    with open_hive(path) as hive:
        for _, key in hive.walk():
            count += sum(1 for _ in key.values())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert count == 90307
    assert peak < path.stat().st_size

"""Copying subtrees between hives."""

from __future__ import annotations

from typing import Any

import pytest

from regsim.errors import UsageError
from regsim.regf import HiveFile, KeyFlag, copy_tree, diff_hives, new_hive, parse_hive


def same(one: HiveFile, other: HiveFile) -> bool:
    """Return whether two hives agree on everything, times and security included."""
    return not list(diff_hives(one, other, times=True, security=True))


@pytest.mark.parametrize("minor", [1, 3, 5])
def test_a_whole_hive_is_copied_with_times_and_security(make: Any, minor: int) -> None:
    """Every key, value, class, flag, descriptor and time arrives, whatever the versions."""
    source, target = make.rich(5), new_hive(minor)
    source.find("Kinds").set_last_written(77)
    count = copy_tree(source.root, target.root)

    assert count == sum(1 for _ in source.walk())
    assert same(source, parse_hive(target.to_bytes()))
    assert target.check() == []
    assert target.notes == []


def test_a_subtree_becomes_a_hive_of_its_own(make: Any) -> None:
    """Saving a key to a file: the key is the new root, paths are relative to it."""
    source, target = make.rich(3), new_hive(3)
    software = source.find("Software")

    assert copy_tree(software, target.root) == 13
    assert [path for path, _ in target.walk()][:3] == ["", "Key00", "Key01"]
    assert target.root.last_written == software.last_written


def test_copying_compacts() -> None:
    """The room of what was deleted is not copied."""
    source, target = new_hive(5), new_hive(5)
    source.root.set_value("large", 3, bytes(100_000))
    source.root.delete_value("large")
    source.root.create_subkey("small")
    copy_tree(source.root, target.root)

    assert len(source.to_bytes()) > 100_000
    assert len(target.to_bytes()) == 8192


def test_volatile_keys_stay_behind() -> None:
    """A key marked volatile has no place on a disk, nor has anything below it."""
    source, target = new_hive(3), new_hive(3)
    key = source.root.create_subkey("volatile")
    key.create_subkey("below")
    source.root.create_subkey("stable")
    flags = int(key.flags | KeyFlag.VOLATILE).to_bytes(2, "little")
    source.editor().allocator.write_data(key.offset, flags, at=2)
    source.changed()

    assert copy_tree(source.root, target.root) == 2
    assert [path for path, _ in target.walk()] == ["", "stable"]


def test_the_target_must_be_empty_and_elsewhere(make: Any) -> None:
    """Nothing is merged, and a hive is not copied into itself."""
    source, target = make.rich(3), make.rich(3)

    with pytest.raises(UsageError, match="not empty"):
        copy_tree(source.root, target.root)
    with pytest.raises(UsageError, match="two hives"):
        copy_tree(source.root, source.root.create_subkey("x"))


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["regipy__NTUSER.DAT", "plaso__test_data__NTUSER.DAT"])
def test_real_profiles_are_copied_whole(shared: Any, name: str) -> None:
    """A captured profile written anew by us holds all it held, and no lost cell."""
    source, target = parse_hive(shared(name).read_bytes()), new_hive(3)
    copy_tree(source.root, target.root)
    again = parse_hive(target.to_bytes())

    assert same(source, again)
    assert again.check() == []
    assert again.notes == []

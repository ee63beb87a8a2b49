"""Comparing hives: what counts as different, and what does not."""

from __future__ import annotations

from typing import Any

from regsim.regf import Difference, HiveFile, diff_hives, new_hive, parse_hive


def changes(
    old: HiveFile, new: HiveFile, **options: bool
) -> list[tuple[str, str, str | None, str]]:
    """Return the differences as plain tuples."""
    found = diff_hives(old, new, **options)
    return [(each.change, each.key, each.name, each.what) for each in found]


def test_equal_trees_do_not_differ(make: Any) -> None:
    """Versions, cell places, sequence numbers and the case of names do not count."""
    assert changes(make.rich(3), make.rich(5)) == []
    assert changes(make.rich(1), make.rich(5)) == []
    one, other = new_hive(3), new_hive(5, root_name="another")
    one.root.create_subkey("Name").set_value("Value", 1, b"x")
    other.root.create_subkey("NAME").set_value("VALUE", 1, b"x")

    assert changes(one, other) == []


def test_each_kind_of_difference_is_named(make: Any) -> None:
    """Keys and values added, removed and changed, in the order of paths."""
    old, new = make.rich(5), make.rich(5)
    kinds, software = new.find("Kinds"), new.find("Software")
    kinds.set_value("size 8", 4, b"other")
    kinds.delete_value("multi")
    kinds.set_value("more", 1, b"")
    kinds.set_class_name("another")
    software.subkey("Key03").delete()
    software.create_subkey("New").set_value("v", 1, b"")

    assert changes(old, new) == [
        ("changed", "Kinds", None, "class_name"),
        ("added", "Kinds", "more", ""),
        ("removed", "Kinds", "multi", ""),
        ("changed", "Kinds", "size 8", "type, data"),
        ("removed", "Software\\Key03", None, ""),
        ("removed", "Software\\Key03", "value3", ""),
        ("added", "Software\\New", None, ""),
        ("added", "Software\\New", "v", ""),
    ]


def test_times_and_security_count_only_on_request() -> None:
    """They differ between any two saves, so they are compared when asked for."""
    old, new = new_hive(3), new_hive(3)
    old.root.create_subkey("k")
    key = new.root.create_subkey("k", last_written=9)
    key.set_security(bytes(30))

    assert changes(old, new) == []
    assert ("changed", "k", None, "last_written") in changes(old, new, times=True)
    assert changes(old, new, security=True) == [("changed", "k", None, "security")]


def test_a_difference_is_a_plain_record() -> None:
    """The record turns into what JSON holds."""
    record = Difference(change="added", key="k", name="v")

    assert record.as_dict() == {"change": "added", "key": "k", "name": "v", "what": ""}


def test_diff_of_one_hive_with_itself_after_reload(make: Any) -> None:
    """Saving and loading changes nothing that diff sees, times and security included."""
    hive = make.big(5)

    assert changes(hive, parse_hive(hive.to_bytes()), times=True, security=True) == []

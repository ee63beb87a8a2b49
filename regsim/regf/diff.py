"""Comparing two hives key by key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from regsim.regf.hash import sort_key
from regsim.regf.walk import DataBudget

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regsim.regf.hive import HiveFile
    from regsim.regf.key import Key
    from regsim.regf.value import StoredValue


@attrs.frozen(kw_only=True)
class Difference:
    """One thing that differs between two hives."""

    change: str
    """``added``, ``removed`` or ``changed``, from the first hive to the second."""
    key: str
    """The key's path below the root."""
    name: str | None = None
    """The value's name; None when the key itself differs."""
    what: str = ""
    """For a changed key or value: which of its fields differ, joined by commas."""

    def as_dict(self) -> dict[str, object]:
        """Return the fields as JSON wants them."""
        return attrs.asdict(self)


def diff_hives(
    old: HiveFile, new: HiveFile, *, times: bool = False, security: bool = False
) -> Iterator[Difference]:
    """Yield what differs, in the order of key paths; names are matched without case.

    Keys are compared by class name and flags, values by type and data. Where cells lie, sequence
    numbers and hints do not count.

    Args:
        old: the first hive.
        new: the second.
        times: compare last-written times too.
        security: compare security descriptors too.
    """
    ours, theirs = _tree(old), _tree(new)
    budgets = DataBudget(old.image), DataBudget(new.image)
    for place in sorted(ours.keys() | theirs.keys()):
        left, right = ours.get(place), theirs.get(place)
        if left is None and right is not None:
            yield from _whole(right, "added")
        elif right is None and left is not None:
            yield from _whole(left, "removed")
        elif left is not None and right is not None:
            fields = _key_fields(left[1], right[1], times=times, security=security)
            if fields:
                yield Difference(change="changed", key=left[0], what=fields)
            yield from _values(left, right, budgets)


def _tree(hive: HiveFile) -> dict[tuple[bytes, ...], tuple[str, Key]]:
    return {
        tuple(map(sort_key, path.split("\\") if path else ())): (path, key)
        for path, key in hive.walk()
    }


def _whole(found: tuple[str, Key], change: str) -> Iterator[Difference]:
    path, key = found
    yield Difference(change=change, key=path)
    for value in key.values():
        yield Difference(change=change, key=path, name=value.name)


def _key_fields(left: Key, right: Key, *, times: bool, security: bool) -> str:
    checks = [
        ("class_name", left.class_name != right.class_name),
        ("flags", (left.flags ^ right.flags) & ~0x20 != 0),
        ("last_written", times and left.last_written != right.last_written),
        ("security", security and left.security != right.security),
    ]
    return ", ".join(name for name, differs in checks if differs)


def _values(
    left: tuple[str, Key], right: tuple[str, Key], budgets: tuple[DataBudget, DataBudget]
) -> Iterator[Difference]:
    path = left[0]
    ours, theirs = _by_name(left[1]), _by_name(right[1])
    for place in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(place), theirs.get(place)
        if one is None and other is not None:
            yield Difference(change="added", key=path, name=other.name)
        elif other is None and one is not None:
            yield Difference(change="removed", key=path, name=one.name)
        elif one is not None and other is not None:
            fields = [
                name
                for name, differs in (
                    ("type", one.type != other.type),
                    ("data", budgets[0].take(one) != budgets[1].take(other)),
                )
                if differs
            ]
            if fields:
                what = ", ".join(fields)
                yield Difference(change="changed", key=path, name=one.name, what=what)


def _by_name(key: Key) -> dict[bytes, StoredValue]:
    return {sort_key(value.name): value for value in key.values()}

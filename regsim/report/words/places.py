"""What people call a key and the hive that it lies in."""

from __future__ import annotations

from regsim import keypath
from regsim.kernel.holding import Holding
from regsim.report.words import runs as words


def place_of(row: Holding) -> str:
    """Return the key of *row* as people speak of it: below its hive, or as that hive's root."""
    below = key_below(row)
    return below or f"the root of {hive_name(row.hive)}"


def key_below(row: Holding) -> str:
    """Return the key's path below the root of its hive, empty for the root itself."""
    inside = row.key.lower().startswith(row.hive.lower() + "\\")
    return row.key[len(row.hive) + 1 :] if inside else "" if row.key == row.hive else row.key


def hive_name(path: str) -> str:
    """Return what people call the hive mounted at *path*."""
    if words.on_user_hive(path):
        return "the user's hive"
    return "the default user's hive" if path.lower().endswith("\\.default") else keypath.short(path)

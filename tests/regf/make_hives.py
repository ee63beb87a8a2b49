"""Make the small hives that the tests and the fuzzers start from.

Run as a program to write them to a directory: ``python make_hives.py DIR``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from regsim.regf import HiveFile, KeyFlag, new_hive

STAMP = 0x01CA15175DF0618A


def rich(minor: int = 5) -> HiveFile:
    """Return a hive with every kind of structure that the version has, in a few pages."""
    hive = new_hive(minor, root_name="Root", last_written=STAMP, file_name="rich.hiv")
    root = hive.root
    software = root.create_subkey("Software")
    for number in range(12):
        key = software.create_subkey(f"Key{number:02}")
        key.set_value(f"value{number}", 4, number.to_bytes(4, "little"))
    kinds = root.create_subkey("Kinds", class_name="a class")
    for size in (0, 1, 3, 4, 5, 8, 100):
        kinds.set_value(f"size {size}", 3, bytes(range(size)))
    kinds.set_value("", 1, "default\0".encode("utf-16-le"))
    kinds.set_value("multi", 7, "one\0two\0\0".encode("utf-16-le"))
    kinds.set_value("odd type", 0x200000, b"odd")
    root.create_subkey("\u65e5\u672c").set_value("\u30ad\u30fc", 1, "x\0".encode("utf-16-le"))
    link = root.create_subkey("Link", flags=KeyFlag.SYM_LINK)
    link.set_value("SymbolicLinkValue", 6, "\\REGISTRY\\MACHINE".encode("utf-16-le"))
    other = bytearray(root.security)
    other[2] ^= 1
    root.create_subkey("Secured", security=bytes(other))
    return hive


def big(minor: int = 5) -> HiveFile:
    """Return a hive with big data (where the version has it) and an index root."""
    hive = rich(minor)
    hive.root.set_value("big", 3, bytes(range(256)) * 130)
    many = hive.root.create_subkey("Many")
    for number in range(1100):
        many.create_subkey(f"n{number:04}")
    return hive


def main() -> None:
    """Write every hive into the directory named on the command line."""
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for minor in range(1, 7):
        (target / f"rich-1.{minor}.hiv").write_bytes(rich(minor).to_bytes())
    (target / "big-1.5.hiv").write_bytes(big(5).to_bytes())


if __name__ == "__main__":
    main()

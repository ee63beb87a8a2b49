"""Make the small hives that the tests and the fuzzer start from.

Run as a program to write the fuzzer's first corpus: ``python make_hives.py DIR``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from regsim.regf import FileType, HiveFile, KeyFlag, new_hive, parse_hive
from regsim.regf.flush import Target, plan

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


REG_TEXT = """[HKEY_CURRENT_USER\\a]
"x"=hex(2):41,42,\\
  00
@="a\\"b"
"d"=dword:1
"gone"=-
[-HKEY_CURRENT_USER\\b]
"""


def dirty() -> tuple[bytes, bytes]:
    """Return a hive as a crash leaves it, and its new-format log."""
    hive = rich(5)
    hive = parse_hive(hive.to_bytes())
    before = hive.to_bytes()
    hive.root.create_subkey("flushed")
    pages = hive.editor().allocator.dirty
    steps = plan(hive.image, pages, STAMP, FileType.LOG_NEW)
    log = bytearray(65536)
    for step in steps:
        if step.target is Target.LOG and step.data is not None:
            log[step.offset : step.offset + len(step.data)] = step.data
    marked = next(s.data for s in steps if s.target is Target.PRIMARY and s.data)
    return marked + before[len(marked) :], bytes(log[:16384])


def seeds() -> list[bytes]:
    """Return the fuzzer's first inputs: a byte that chooses the action, then what it works on."""
    hives = [rich(minor).to_bytes() for minor in (1, 3, 5)]
    found = [bytes([action]) + hive for action in (0, 1, 2, 3, 4, 6) for hive in hives]
    hive, log = dirty()
    size = max(len(hive), len(log))
    found.append(b"\5" + hive.ljust(size, b"\0") + log.ljust(size, b"\0"))
    found.append(b"\7REGEDIT4\n\n" + REG_TEXT.encode())
    text = "\ufeffWindows Registry Editor Version 5.00\n\n" + REG_TEXT
    found.append(b"\7" + text.encode("utf-16-le"))
    return found


def main() -> None:
    """Write the seeds into the directory named on the command line."""
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds()):
        (target / f"seed-{number:02}").write_bytes(seed)


if __name__ == "__main__":
    main()

"""Making an empty hive of any version: a base block, one bin, a root key and its security."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from regsim.errors import UsageError
from regsim.regf import bins, names, nk, sk
from regsim.regf.alloc import Allocator
from regsim.regf.baseblock import BaseBlock
from regsim.regf.edit import check_name, fresh_key
from regsim.regf.hive import HiveFile
from regsim.regf.image import Image
from regsim.regf.layout import (
    BIN_HEADER_SIZE,
    COMP_NAME,
    MINOR_VERSIONS,
    NONE,
    PAGE,
    KeyFlag,
)

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_ROOT = "CMI-CreateHive{00000000-0000-0000-0000-000000000000}"
"""Windows names the root of a hive it creates after a random GUID; ours is always the same."""


def new_hive(
    minor: int = 3,
    *,
    root_name: str = DEFAULT_ROOT,
    security: bytes | None = None,
    last_written: int = 0,
    file_name: str = "",
    clock: Callable[[], int] | None = None,
) -> HiveFile:
    """Return a hive in memory with a root key and nothing else.

    Args:
        minor: 1 to 6 for version 1.1 to 1.6; user hives are 1.3 from NT 4 to Windows 8 (observed).
        root_name: the root key's own name.
        security: its self-relative descriptor; by default SYSTEM and Administrators own it.
        last_written: FILETIME of base block, first bin and root key.
        file_name: what the base block says the file is called; the last 31 characters are kept.
        clock: see :class:`~regsim.regf.hive.HiveFile`.

    Raises:
        UsageError: there is no such version, or the name cannot name a key.
    """
    if minor not in MINOR_VERSIONS:
        msg = f"hive versions are 1.1 to 1.6, not 1.{minor}"
        raise UsageError(msg)
    check_name(root_name)
    image = Image(_skeleton(minor, last_written, file_name))
    cells = Allocator(image)
    raw, compressed = names.encode(root_name, compress=not image.old_cells)
    flags = KeyFlag.HIVE_ENTRY | KeyFlag.NO_DELETE | (COMP_NAME if compressed else 0)
    key = fresh_key(
        parent=0, security=NONE, flags=int(flags), stamp=last_written, name_length=len(raw)
    )
    root = cells.allocate(nk.pack(key, raw))
    descriptor = sk.default_descriptor() if security is None else security
    head = sk.STRUCT.pack(sk.SIGNATURE, 0, 0, 0, 1, len(descriptor))
    guard = cells.allocate(head + descriptor)
    cells.put_u32(guard, sk.NEXT_AT, guard)
    cells.put_u32(guard, sk.PREVIOUS_AT, guard)
    cells.put_u32(root, nk.SECURITY_AT, guard)
    image.base = attrs.evolve(image.base, root=root)
    image.base.pack_into(cells.buffer)
    return HiveFile(image, clock=clock)


def _skeleton(minor: int, last_written: int, file_name: str) -> bytearray:
    """Return a base block and one bin with one free cell."""
    base = BaseBlock(
        primary_seq=1,
        secondary_seq=1,
        last_written=last_written,
        minor=minor,
        root=BIN_HEADER_SIZE,
        data_size=PAGE,
        name=file_name,
    )
    head = bytearray(bins.header(0, PAGE))
    head[bins.TIMESTAMP_AT : bins.TIMESTAMP_AT + 8] = last_written.to_bytes(8, "little")
    free = (PAGE - BIN_HEADER_SIZE).to_bytes(4, "little") + b"\xff" * 4 * (minor == 1)
    return base.pack() + (head + free).ljust(PAGE, b"\0")

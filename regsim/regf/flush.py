"""Flushing edits in place under a log, so that a crash at any write can be recovered from.

The order is Windows' (spec, "Old format", "New format", "Dirty state of a hive"): first the log,
whole and on the disk; then the hive's base block, marked dirty; then the pages; then the base
block, clean. A sector is assumed to be written whole or not at all.
"""

from __future__ import annotations

import enum
import os
import struct
from typing import TYPE_CHECKING, BinaryIO

import attrs

from regsim.errors import UsageError
from regsim.regf import bins
from regsim.regf.baseblock import BaseBlock
from regsim.regf.layout import BASE_BLOCK_SIZE, PAGE, SECTOR, FileType
from regsim.regf.logs import Page, pack_entry, pack_old
from regsim.writing import sync_directory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from regsim.regf.image import Image


class Target(enum.Enum):
    """Which of the two files a step touches."""

    PRIMARY = "primary"
    LOG = "log"


@attrs.frozen
class FileWrite:
    """One write, or with no data the wait until all earlier writes to the file are on the disk."""

    target: Target
    offset: int = 0
    data: bytes | None = attrs.field(default=None, repr=False)


def plan(image: Image, dirty: Iterable[int], stamp: int, kind: FileType) -> list[FileWrite]:
    """Return the writes that take the file on the disk to the state of *image*.

    Closes the write in *image* too: its base block becomes the one the last step writes.

    Args:
        image: the edited image, clean.
        dirty: numbers of its changed 4,096-byte pages.
        stamp: FILETIME of the flush; the new format leaves the base block's time alone (spec).
        kind: the format of the log.
    """
    sequence = image.base.primary_seq
    following = (sequence + 1) & 0xFFFFFFFF
    pages = set(dirty)
    written = image.base.last_written
    if kind is not FileType.LOG_NEW:
        written = stamp
        struct.pack_into("<Q", image.thaw(), BASE_BLOCK_SIZE + bins.TIMESTAMP_AT, stamp)
        pages.add(0)
    changed = list(_pages(image, pages))
    closed = attrs.evolve(
        image.base, primary_seq=following, secondary_seq=following, last_written=written
    )
    marked = attrs.evolve(closed, secondary_seq=sequence)
    if kind is FileType.LOG_NEW:
        steps = _new_log(image, attrs.evolve(closed, primary_seq=sequence), changed)
    else:
        steps = _old_log(image, closed, marked, changed, kind)
    steps += [
        FileWrite(Target.PRIMARY, 0, _sector(image, marked)),
        FileWrite(Target.PRIMARY),
        *(FileWrite(Target.PRIMARY, BASE_BLOCK_SIZE + page.offset, page.data) for page in changed),
        FileWrite(Target.PRIMARY),
        FileWrite(Target.PRIMARY, 0, _sector(image, closed)),
        FileWrite(Target.PRIMARY),
    ]
    image.base = closed
    closed.pack_into(image.thaw())
    return steps


def _pages(image: Image, numbers: Iterable[int]) -> Iterator[Page]:
    """Yield the dirty pages, neighbours joined."""
    ordered = sorted(numbers)
    while ordered:
        count = 1
        while count < len(ordered) and ordered[count] == ordered[0] + count:
            count += 1
        at = BASE_BLOCK_SIZE + ordered[0] * PAGE
        data = bytes(image.buffer[at : at + count * PAGE])
        yield Page(offset=ordered[0] * PAGE, data=data)
        del ordered[:count]


def _sector(image: Image, base: BaseBlock) -> bytes:
    """Return the first sector of the hive's base block, or of a log's, with *base* in it."""
    block = bytearray(image.buffer[:SECTOR])
    base.pack_into(block)
    return bytes(block)


def _new_log(image: Image, base: BaseBlock, pages: list[Page]) -> list[FileWrite]:
    """Return the writes of a new-format log: the entry first, then the head that makes it count."""
    sequence = base.primary_seq
    head = attrs.evolve(base, secondary_seq=sequence, file_type=FileType.LOG_NEW)
    entry = pack_entry(sequence, base.data_size, base.flags, pages)
    return [
        FileWrite(Target.LOG, SECTOR, entry + bytes(SECTOR)),  # a blank sector ends the entries
        FileWrite(Target.LOG),
        FileWrite(Target.LOG, 0, _sector(image, head)),
        FileWrite(Target.LOG),
    ]


def _old_log(
    image: Image, closed: BaseBlock, marked: BaseBlock, pages: list[Page], kind: FileType
) -> list[FileWrite]:
    """Return the writes of an old-format log: invalid head, contents, valid head."""
    begun = attrs.evolve(marked, file_type=kind, clustering=1)
    ended = attrs.evolve(closed, file_type=kind, clustering=1)
    return [
        FileWrite(Target.LOG, 0, _sector(image, begun)),
        FileWrite(Target.LOG),
        FileWrite(Target.LOG, SECTOR, pack_old(closed.data_size, pages)),
        FileWrite(Target.LOG),
        FileWrite(Target.LOG, 0, _sector(image, ended)),
        FileWrite(Target.LOG),
    ]


def require_unchanged(image: Image, path: Path) -> None:
    """Raise unless the file at *path* is the one *image* was read from.

    Raises:
        UsageError: its sequence numbers are not those the image had when it was read.
    """
    with path.open("rb") as file:
        there = BaseBlock.parse(file.read(BASE_BLOCK_SIZE), file=str(path))
    mine = (image.base.primary_seq, image.base.secondary_seq)
    if not there.clean or (there.primary_seq, there.secondary_seq) != mine:
        msg = (
            f"{path} has sequence numbers {there.primary_seq} and {there.secondary_seq}, "
            f"not {mine[0]}: it changed since it was read; save elsewhere or read it again"
        )
        raise UsageError(msg)


def execute(steps: Iterable[FileWrite], path: Path, log: Path) -> None:
    """Carry out the steps of a plan on the files; the log is made when it is missing."""
    existed = log.exists()
    with path.open("r+b") as primary, log.open("r+b" if existed else "w+b") as second:
        if not existed:
            sync_directory(log.parent)
        files: dict[Target, BinaryIO] = {Target.PRIMARY: primary, Target.LOG: second}
        for step in steps:
            file = files[step.target]
            if step.data is None:
                file.flush()
                os.fsync(file.fileno())
            else:
                file.seek(step.offset)
                file.write(step.data)

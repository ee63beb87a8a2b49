"""Writing a hive file so that a crash leaves the old file or the new one, never a mixture."""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from regsim.regf import bins
from regsim.regf.layout import BASE_BLOCK_SIZE

if TYPE_CHECKING:
    from regsim.regf.baseblock import BaseBlock
    from regsim.regf.image import Image


def sealed(image: Image, stamp: int) -> tuple[bytearray, BaseBlock]:
    """Return the file with one write closed, and its base block; *image* is left as it is.

    Both sequence numbers are raised, base block and first bin stamped; the bin repeats the time as
    a backup (spec). The hive must be clean.
    """
    sequence = (image.base.primary_seq + 1) & 0xFFFFFFFF
    base = attrs.evolve(
        image.base, primary_seq=sequence, secondary_seq=sequence, last_written=stamp
    )
    data = bytearray(image.buffer)
    base.pack_into(data)
    struct.pack_into("<Q", data, BASE_BLOCK_SIZE + bins.TIMESTAMP_AT, stamp)
    return data, base


def write_durably(path: Path, data: bytes | bytearray) -> None:
    """Replace *path* by a file of *data*: temporary file beside it, fsync, rename, fsync.

    A symbolic link is followed; an existing file's permissions are kept.

    Raises:
        OSError: the directory or the file cannot be written; nothing is changed then.
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(21, os.strerror(21), str(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(2, "there is no folder for it", str(path))
    number, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _copy_mode(target, name)
        os.replace(name, target)  # noqa: PTH105 - one call, and the one that is atomic
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108
        raise
    sync_directory(target.parent)


def _copy_mode(target: Path, name: str) -> None:
    if target.exists():
        shutil.copymode(target, name)
        return
    umask = os.umask(0)
    os.umask(umask)
    Path(name).chmod(0o666 & ~umask)


def sync_directory(directory: Path) -> None:
    """Make a rename in *directory* last, where the system can open directories (not Windows)."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    number = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # some file systems refuse; the rename stands anyway
            os.fsync(number)
    finally:
        os.close(number)

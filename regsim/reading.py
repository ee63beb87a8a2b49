"""Reading a large file at random, so that nobody can take it away from under the reader."""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
from pathlib import Path
from typing import IO, Final

WHOLE: Final = 8 << 20
"""Bytes up to which a file is read into memory; a larger one is mapped."""


def steady(path: Path) -> bytes | mmap.mmap:
    """Return the content of the regular file at *path* as it is now, in memory or as a map.

    Touching a page that is gone from a mapped file ends the process with SIGBUS, where a shorter
    file would be an error that can be told. So a file above `WHOLE` bytes is copied first to one
    that has no name (file systems that can, share its blocks), and the copy is mapped. Windows
    refuses to cut short what is mapped (documented: `SetEndOfFile`), so there the file itself is.

    Raises:
        OSError: it cannot be read, or there is no room for the copy.
    """
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size <= WHOLE:
            return file.read()
        if sys.platform == "win32":
            return _mapped(file)
        with tempfile.TemporaryFile() as spool:
            _copy(file, spool)
            return _mapped(spool)


def _mapped(file: IO[bytes]) -> bytes | mmap.mmap:
    if not os.fstat(file.fileno()).st_size:  # which cannot be mapped
        return b""
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _copy(file: IO[bytes], spool: IO[bytes]) -> None:
    """Copy all of *file*, in the kernel where it can."""
    if hasattr(os, "copy_file_range"):
        try:
            while os.copy_file_range(file.fileno(), spool.fileno(), 1 << 30):
                pass
        except OSError:  # between these file systems it cannot
            file.seek(os.lseek(spool.fileno(), 0, os.SEEK_END))
    while block := file.read(1 << 16):
        spool.write(block)
    spool.flush()

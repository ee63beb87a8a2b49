"""Reading files: what keeps one from being read, and large ones that nobody can take away."""

from __future__ import annotations

import contextlib
import mmap
import os
import sys
import tempfile
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import IO, Final

from regsim.errors import UnreadableError

WHOLE: Final = 8 << 20
"""Bytes up to which a file is read into memory; a larger one is mapped."""
HELD: Final = 64 << 20
"""Bytes up to which what is mapped is memory too; beyond, it is a copy of the file."""


@contextlib.contextmanager
def telling(path: str | os.PathLike[str], what: str) -> Iterator[None]:
    """Have what keeps the file at *path* from being read be said alike, and that *what* is asked.

    Raises:
        UnreadableError: there is none, it is a folder, or it cannot be read.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise UnreadableError(path, "", what) from None
    except OSError as error:
        if os.path.isdir(path):  # noqa: PTH112 - of what a name like /dev/fd/3 means, too
            raise UnreadableError(path, "is a folder", what) from None
        why = f"cannot be read: {error.strerror or error}"
        raise UnreadableError(path, why, "a copy of it that can be") from None


def contents(path: str | os.PathLike[str], what: str) -> bytes:
    """Return the content of the file at *path*, which holds something: *what*.

    Raises:
        UnreadableError: it cannot be read, or is empty.
    """
    with telling(path, what):
        data = Path(path).read_bytes()
    if not data:
        raise UnreadableError(path, "is empty", what)
    return data


def steady(path: Path) -> bytes | mmap.mmap:
    """Return the content of the regular file at *path* as it is now, in memory or as a map.

    Touching a page that is gone from a mapped file ends the process with SIGBUS, where a shorter
    file would be an error that can be told. So a file above `WHOLE` bytes is read into a map of
    memory, and one above `HELD` is copied first to one that has no name (file systems that can,
    share its blocks), and the copy is mapped. Windows refuses to cut short what is mapped
    (documented: `SetEndOfFile`), so there the file itself is.

    Raises:
        OSError: it cannot be read, or there is no room for the copy.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size <= WHOLE:
            return file.read()
        if sys.platform == "win32":
            return _mapped(file)
        if size <= HELD:
            return _held(file, size)
        with tempfile.TemporaryFile() as spool:
            _copy(file, spool)
            return _mapped(spool)


def _held(file: BufferedReader, size: int) -> bytes | mmap.mmap:
    """Return the content of *file*, *size* bytes or fewer if it was cut short, in large pages.

    Nothing of it is written to a disk, and hardly a page of it is a fault when it is touched first:
    that takes less than a copy, and a look into it a third less.
    """
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(AttributeError, OSError):  # where there are no large pages
        memory.madvise(mmap.MADV_HUGEPAGE)
    many = file.readinto(memory)
    return memory if many == size else memory[:many]


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

"""A hive file: opened lazily, walked, checked, edited and saved."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import TYPE_CHECKING, Self

from regsim.errors import HiveFormatError
from regsim.reading import steady
from regsim.regf import check as deep
from regsim.regf import flush as flushing
from regsim.regf import save as saving
from regsim.regf.baseblock import BaseBlock
from regsim.regf.contents import HiveContents
from regsim.regf.image import Image
from regsim.regf.key import Key, find
from regsim.regf.layout import BASE_BLOCK_SIZE, MAX_DATA_SIZE, FileType, Mode
from regsim.regf.walk import walk
from regsim.writing import write_file

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from regsim.regf.problems import Problem


class HiveFile(HiveContents):
    """One hive, from a file or from memory. Make one with :func:`open_hive` and its kin."""

    # -- reading ----------------------------------------------------------------------------

    @property
    def root(self) -> Key:
        """The root key.

        Raises:
            HiveFormatError: there is none to read, in salvage mode too.
        """
        return Key(self, self.image.base.root)

    @property
    def version(self) -> str:
        """The format's version, ``"1.1"`` to ``"1.6"``."""
        return f"{self.image.base.major}.{self.image.base.minor}"

    @property
    def clean(self) -> bool:
        """True when no log needs to be applied first."""
        return self.image.base.clean

    @property
    def sequence(self) -> tuple[int, int]:
        """The primary and the secondary sequence number; equal when clean."""
        return self.image.base.primary_seq, self.image.base.secondary_seq

    def find(self, path: str) -> Key | None:
        r"""Return the key at *path* (joined by ``\``, below the root), or None."""
        return find(self, self.image.base.root, path)

    def walk(self, start: Key | None = None) -> Iterator[tuple[str, Key]]:
        """Yield (path, key) for *start* (the root) and everything below, parents first.

        Each key is met once, whatever the file says, and no deeper than 512 levels.
        """
        return walk(self.root if start is None else start)

    def check(self) -> list[Problem]:
        """Return every violation in the whole file, reading all of it.

        In strict mode the first one raises.

        Raises:
            HiveFormatError: strict mode, at the first violation.
        """
        deep.check(self)
        return self.problems

    @property
    def problems(self) -> list[Problem]:
        """What salvage mode has met so far, each place once."""
        return self.image.problems.all()

    @property
    def notes(self) -> list[Problem]:
        """What is odd but Windows accepts: lost cells (`check`), names that no export holds."""
        return self.image.notes.all()

    # -- writing ----------------------------------------------------------------------------

    def to_bytes(self) -> bytes:
        """Return the file as :meth:`save` would write it; unchanged hives byte for byte."""
        if self.modified:
            return bytes(saving.sealed(self.image, self.stamp(None))[0])
        return bytes(self.image.buffer)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the hive to *path* so that a crash leaves the old file or the new one.

        Goes to a temporary file beside it, which is flushed to the disk and then renamed.

        Raises:
            OSError: it cannot be written; the hive in memory still counts as modified.
        """
        self.image.close_map_of(Path(path))
        if self._editor is None or not self.modified:
            write_file(path, bytes(self.image.buffer))
            return
        data, base = saving.sealed(self.image, self.stamp(None))
        write_file(path, data)
        self.image.thaw()[:] = data
        self.image.base = base
        self._editor.allocator.dirty.clear()

    def flush(
        self,
        path: str | os.PathLike[str],
        *,
        log: str | os.PathLike[str],
        kind: FileType = FileType.LOG_NEW,
        last_written: int | None = None,
    ) -> None:
        """Write the changed pages in place at *path* under the log, so that a crash recovers.

        Costs the changed pages, not the file. An unchanged hive writes nothing.

        Args:
            path: the file the hive was read from or last saved to.
            log: its log; overwritten.
            kind: the log's format: LOG_NT up to Windows 2000, LOG_XP to 8, LOG_NEW from 8.1.
            last_written: FILETIME of the flush, by default the clock's.

        Raises:
            UsageError: the file is not the one that was read.
            OSError: a write failed; recovery with the log leads to the old or the new state.
        """
        if self._editor is None or not self.modified:
            return
        flushing.require_unchanged(self.image, Path(path))
        dirty = self._editor.allocator.dirty
        steps = flushing.plan(self.image, dirty, self.stamp(last_written), kind)
        flushing.execute(steps, Path(path), Path(log))
        dirty.clear()

    def close(self) -> None:
        """Let go of the file; a closed hive cannot be read any more."""
        self.image.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_hive(
    path: str | os.PathLike[str],
    *,
    mode: Mode = Mode.STRICT,
    clock: Callable[[], int] | None = None,
) -> HiveFile:
    """Open the hive file at *path* as it is now.

    It is read, or mapped where it is large (see `regsim.reading.steady`), never locked and never
    written; close the hive to let go of it.

    Raises:
        HiveFormatError: it is not a hive, or (strict mode) its base block breaks the format.
        OSError: it cannot be read.
    """
    buffer = steady(Path(path)) if Path(path).is_file() else _stream(Path(path))
    try:
        return HiveFile(Image(buffer, mode=mode, file=str(path)), clock=clock)
    except HiveFormatError:
        if isinstance(buffer, mmap.mmap):
            buffer.close()
        raise


def _stream(path: Path) -> bytes:
    """Return what a pipe or a device holds, which need not end: no more than a hive can have."""
    with path.open("rb") as file:
        head = file.read(BASE_BLOCK_SIZE)
        BaseBlock.parse(head, file=str(path))
        return head + file.read(MAX_DATA_SIZE)


def parse_hive(
    data: bytes | bytearray,
    *,
    mode: Mode = Mode.STRICT,
    name: str | None = None,
    clock: Callable[[], int] | None = None,
) -> HiveFile:
    """Return the hive in *data*; *name* stands for the file in messages.

    Raises:
        HiveFormatError: see :func:`open_hive`.
    """
    return HiveFile(Image(bytes(data), mode=mode, file=name), clock=clock)

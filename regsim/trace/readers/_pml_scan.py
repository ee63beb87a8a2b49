"""The events of a PML file by the scan in C, out of a file that is read as it goes."""

from __future__ import annotations

import mmap
from array import array
from typing import TYPE_CHECKING, BinaryIO, Final, Self

from regsim.accel import NATIVE
from regsim.accel.columns import renumber
from regsim.trace.columns import Batch, batch_of_bytes
from regsim.trace.processes import ProcessTable
from regsim.trace.source import Source
from regsim.trace.spelling import KeyTable

if TYPE_CHECKING:
    from regsim.accel._native import CPmlScan

Mapped = bytes | mmap.mmap
"""A whole file."""

PLACE: Final = 5
"""How many bytes the place of an event takes in the list of events."""

_WINDOW: Final = 1 << 20
_SPARE: Final = 64


class Pieces:
    """An open file of which pieces are taken as of bytes in memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = file.seek(0, 2)

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, piece: slice) -> bytes:
        self._file.seek(piece.start)
        return self._file.read(max(piece.stop - piece.start, 0))


class Windows:
    """A file's bytes from any place on: some at a time, or all where events lie too far apart."""

    def __init__(self, source: Source) -> None:
        self._source, self._reads = source, 0
        self._whole: Mapped | None = None if source.is_plain else source.map()
        self._file = source.path.open("rb", buffering=0) if source.is_plain else None
        self._room = memoryview(bytearray(_WINDOW))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def piece(self, start: int, size: int) -> bytes:
        """Return *size* bytes, fewer at the end of the file."""
        if self._file is None:
            return (self._whole or b"")[start : start + size]
        self._file.seek(start)
        found = bytearray()
        while len(found) < size and (more := self._file.read(size - len(found))):
            found += more
        return bytes(found)

    def at(self, place: int) -> tuple[Mapped | memoryview, int]:
        """Return bytes in which *place* is, and where in the file they begin."""
        if self._whole is None and self._reads > _SPARE + 4 * self._source.size // _WINDOW:
            self._whole = self._source.map()
        if self._whole is not None or self._file is None:
            return self._whole or b"", 0
        self._reads += 1
        self._file.seek(place)
        done = 0
        while count := self._file.readinto(self._room[done:]):
            done += count
        return self._room[:done], place


class EventScan:
    """The scan in C, with the numbers that its paths and processes have in a capture."""

    def __init__(self, size: int, pointer: int, keys: KeyTable, processes: ProcessTable) -> None:
        seed = hash("pml") & 0xFFFFFFFFFFFFFFFF  # another in each run of Python
        self.core: CPmlScan = NATIVE.CPmlScan(size, pointer, seed)  # type: ignore[union-attr]
        self._keys, self._processes = keys, processes
        self._key_numbers, self._process_numbers = array("I"), array("I")

    def block(self, windows: Windows, places: bytes, before: int) -> bool:
        """Take the events at *places* in, which follow *before* others; False: they are not there.

        That can be where the file became shorter while it was read.
        """
        core, done = self.core, 0
        core.begin(before)
        while done < len(places) // PLACE:
            window, base = windows.at(core.place(places, done))
            reached = core.run(window, base, places, done)
            if reached == done:
                return False
            done = reached
        return True

    def batch(self) -> Batch:
        """Return the rows of the block."""
        batch = batch_of_bytes(self.core.columns())
        records = self.core.records(len(self._process_numbers))
        self._process_numbers.extend(self._processes.numbers_of(records, "process record"))
        paths = self.core.paths(len(self._key_numbers))
        self._key_numbers.extend([self._keys.number(_text(path)) for path in paths])
        renumber(batch.process, self._process_numbers)
        renumber(batch.key, self._key_numbers)
        return batch


def _text(path: bytes) -> str:
    """Return a path that follows the width of its characters."""
    if path[:1] == b"\2":
        return path[1:].decode("utf-16-le", "replace")
    return path[1:].decode("latin-1")

"""The files that a fake process sees: its machine's own in memory, this computer's as they are."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from regsim.kernel.hive import MemoryStore
from regsim.kernel.tree import Node
from regsim.regf.store import FileStore

_WINDOWS: Final = re.compile(r"[A-Za-z]:|\\\\")


class MixedStore:
    r"""Hive files in memory, and real hive files for every path that names one on this computer.

    What the machine was given keeps to memory. Of the others, a path of Windows' form
    (``C:\…``, ``\\server\…``) stays in memory too where this computer has no such paths; a path
    of this computer, relative ones included, is a real hive file, read and written as such.
    """

    def __init__(self, memory: MemoryStore | None = None) -> None:
        self._memory = memory if memory is not None else MemoryStore()
        self._real: dict[str, FileStore] = {}

    def _store(self, path: str) -> MemoryStore | FileStore:
        if self._memory.exists(path):
            return self._memory
        here = Path(path)
        if not here.is_absolute() and _WINDOWS.match(path):
            return self._memory
        full = str(here.absolute())
        if full not in self._real:
            self._real[full] = FileStore({path: here.absolute()})
        return self._real[full]

    def read(self, path: str) -> Node | None:
        """Return the tree in the file at *path*, or None when there is no such file.

        Raises `DataError` when it is no hive, and OSError when it cannot be read.
        """
        return self._store(path).read(path)

    def write(self, path: str, root: Node) -> None:
        """Make *root* the content of the file at *path*, all of it or nothing."""
        self._store(path).write(path, root)

    def exists(self, path: str) -> bool:
        """Return whether there is a file at *path*."""
        return self._store(path).exists(path)

    def snapshot(self) -> MixedStore:
        """Return a store whose memory later writes to this one do not change; files are shared."""
        return MixedStore(self._memory.snapshot())

    def content(self, of: Callable[[Node], object] = Node.content) -> tuple[object, ...]:
        """Return what is in memory, by path, as *of* gives it; real files are not part of it."""
        return self._memory.content(of)

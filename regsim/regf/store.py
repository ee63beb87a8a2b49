"""The kernel's hive store over real files: what a simulated machine loads and saves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from regsim.errors import UsageError
from regsim.kernel.tree import Node
from regsim.regf.bridge import load_tree, packed, save_tree
from regsim.regf.layout import MINOR_VERSIONS
from regsim.writing import write_file

if TYPE_CHECKING:
    import os

__all__ = ["FileStore", "load_tree", "save_tree"]

Stamp = tuple[int, int, int]


class FileStore:
    r"""Hive files on this computer, under the names that a simulated machine has for them.

    Either *places* says for each of the machine's paths which file stands behind it, or it is a
    directory in which ``C:\Users\me\NTUSER.DAT`` is ``Users/me/NTUSER.DAT``. Case counts for
    nothing in the machine's paths. Writing to a file that is a hive already changes only what
    differs; otherwise a new hive of version 1.*minor* is made (1.3 is what NT 4 writes).

    Args:
        places: a directory, or a file for each path.
        minor: 1 to 6, the version of new hives.

    Raises:
        UsageError: there is no such version, or *places* names one file under two paths.
    """

    def __init__(
        self,
        places: str | os.PathLike[str] | Mapping[str, str | os.PathLike[str]],
        *,
        minor: int = 3,
    ) -> None:
        if minor not in MINOR_VERSIONS:
            raise UsageError(f"hive versions are 1.1 to 1.6, not 1.{minor}")
        self._minor = minor
        self._root: Path | None = None
        self._places: dict[str, Path] = {}
        if isinstance(places, Mapping):
            self._places = {path.upper(): Path(file) for path, file in places.items()}
            if len({file.resolve() for file in self._places.values()}) < len(places):
                raise UsageError("two of the machine's paths stand for one file")
        else:
            self._root = Path(places)
        self._trees: dict[str, tuple[Stamp, Node]] = {}

    def file(self, path: str) -> Path:
        """Return the file behind *path*, which need not exist.

        Raises:
            UsageError: the store has no place for *path*, or it leads out of the directory.
        """
        known = self._places.get(path.upper())
        if known is not None:
            return known
        if self._root is None:
            places = ", ".join(sorted(self._places)) or "none"
            raise UsageError(f"no file stands for {path!r}; those that have one: {places}")
        parts = [part for part in path.replace("/", "\\").split("\\") if part not in ("", ".")]
        if parts and parts[0].endswith(":"):
            del parts[0]
        if not parts or any(part == ".." or ":" in part for part in parts):
            raise UsageError(f"{path!r} names no file below {self._root}")
        here = self._root
        for part in parts:
            here = _entry(here, part)
        return here

    def read(self, path: str) -> Node | None:
        """Return the tree in the file behind *path*, or None when there is no such file.

        The tree is kept until the file changes, and shared: nobody may write to its nodes.

        Raises:
            DataError: the file is no hive, breaks the format, or cannot be recovered.
            OSError: it cannot be read.
            UsageError: see `file`.
        """
        file = self.file(path)
        try:
            stamp = _stamp(file)
        except (FileNotFoundError, NotADirectoryError):
            return None
        kept = self._trees.get(path.upper())
        if kept is not None and kept[0] == stamp:
            return kept[1]
        tree = load_tree(file)
        self._trees[path.upper()] = (stamp, tree)
        return tree

    def write(self, path: str, root: Node) -> None:
        """Make *root* the content of the file behind *path*, all of it or nothing.

        Only keys and values that differ are changed in a hive that is there; an equal one is not
        touched. Volatile keys are left out. Missing directories are made.

        Raises:
            DataError: what is there is no hive; it is left alone.
            OSError: it cannot be written.
            UsageError: see `file`, or the tree holds what a hive cannot.
        """
        file = self.file(path)
        held = self.read(path)
        base = None if held is None else file
        data = packed(root, base, minor=self._minor, known=held)
        if base is not None and data == file.read_bytes():
            return
        write_file(file, data)
        self._trees.pop(path.upper(), None)

    def exists(self, path: str) -> bool:
        """Return whether there is a file behind *path*."""
        return self.file(path).exists()

    def snapshot(self) -> FileStore:
        """Return this store itself: real files are shared by all snapshots of a machine."""
        return self

    def content(self, of: Callable[[Node], object] = Node.content) -> tuple[object, ...]:
        """Return each path used so far with its tree's content as *of* gives it, in order of path.

        Raises:
            DataError: a file has ceased to be a hive.
        """
        paths = sorted({*self._places, *self._trees})
        found = [(path, self.read(path)) for path in paths]
        return tuple((path, of(tree)) for path, tree in found if tree is not None)


def _entry(directory: Path, name: str) -> Path:
    """Return the entry *name* of *directory*, in the spelling it has there if only case differs."""
    exact = directory / name
    if exact.exists() or not directory.is_dir():
        return exact
    same = [entry for entry in sorted(directory.iterdir()) if entry.name.upper() == name.upper()]
    return same[0] if same else exact


def _stamp(file: Path) -> Stamp:
    state = file.stat()
    return state.st_mtime_ns, state.st_size, state.st_ino

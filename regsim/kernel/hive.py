"""Hives: trees of keys mounted into the registry's namespace, and the files behind them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import attrs

from regsim.display import Displayed
from regsim.kernel.tree import Node, durable
from regsim.policy import MountedBy, Unmount

if TYPE_CHECKING:
    from regsim.keypath import Parts
    from regsim.types import HiveId


class HiveStore(Protocol):
    """Where hive files live. The kernel reads and writes whole trees; formats are not its matter.

    A tree that is given or taken is shared: nobody may write to its nodes in place.
    """

    def read(self, path: str) -> Node | None:
        """Return the tree in the file at *path*, or None when there is no such file."""

    def write(self, path: str, root: Node) -> None:
        """Make *root* the content of the file at *path*, all of it or nothing."""

    def exists(self, path: str) -> bool:
        """Return whether there is a file at *path*."""

    def snapshot(self) -> HiveStore:
        """Return a store that later writes to this one do not change."""

    def content(self, of: Callable[[Node], object] = Node.content) -> tuple[object, ...]:
        """Return what the store holds, for comparing machines; *of* gives a tree's content."""


class MemoryStore:
    """Hive files in memory: a dictionary of trees. Paths are compared without case."""

    def __init__(self) -> None:
        self._files: dict[str, Node] = {}

    def read(self, path: str) -> Node | None:
        """Return the tree in the file at *path*, or None when there is no such file."""
        return self._files.get(path.upper())

    def write(self, path: str, root: Node) -> None:
        """Make *root* the content of the file at *path*."""
        self._files[path.upper()] = root

    def exists(self, path: str) -> bool:
        """Return whether there is a file at *path*."""
        return path.upper() in self._files

    def snapshot(self) -> MemoryStore:
        """Return a store that later writes to this one do not change. O(files)."""
        twin = MemoryStore()
        twin._files = self._files.copy()
        return twin

    def content(self, of: Callable[[Node], object] = Node.content) -> tuple[object, ...]:
        """Return each path with its tree's content as *of* gives it, in order of path."""
        return tuple((path, of(self._files[path])) for path in sorted(self._files))


@attrs.define(eq=False, kw_only=True, repr=False)
class Hive(Displayed):
    r"""One loaded hive.

    Attributes:
        id: its number, never used again in this machine.
        mount: the path of its root, such as ``("REGISTRY", "USER", "S-1-5-21-1")``.
        root: its tree.
        file: the file behind it, or None for a hive that lives in memory only.
        by: who mounted it; ``ends`` is what takes out what that one mounts on this system.
        silo: the silo whose hive it is; "" for any other's.
        dirty: whether it has changed since it was loaded or flushed.
        pending: the event that a deferred unload signals; None when none is due.
        handles: how many handles are open on its live keys.
    """

    id: HiveId
    mount: Parts
    root: Node
    file: str | None = None
    by: MountedBy = MountedBy.SYSTEM
    ends: Unmount = Unmount.ASKED
    silo: str = ""
    dirty: bool = False
    pending: str | None = None
    handles: int = 0
    owner: object = attrs.field(factory=object)

    @property
    def private(self) -> bool:
        """Whether it can be reached by handles alone, and goes with the last (RegLoadAppKey)."""
        return self.by is MountedBy.APP_KEY

    def edit(self, path: Parts) -> Node:
        """Return the node at folded *path* for writing, copied on the way where it is shared.

        Raises KeyError when there is none.
        """
        if self.root.owner is not self.owner:
            self.root = self.root.copy(self.owner)
        node = self.root
        for name in path:
            child = node.children[name]
            if child.owner is not self.owner:
                child = node.children[name] = child.copy(self.owner)
            node = child
        self.dirty = True
        return node

    def image(self, node: Node | None = None) -> Node:
        """Return the tree, or that at its *node*, as a file would hold it.

        Volatile keys are left out, and later writes miss it.
        """
        self.owner = object()
        return durable(node or self.root)

    def snapshot(self) -> Hive:
        """Return a hive with the same content that this one's later writes do not change."""
        self.owner = object()
        return attrs.evolve(self, owner=object())

    def names(self, path: Parts) -> Parts:
        """Return folded *path* as its keys are written; a name that is gone stays folded."""
        written: list[str] = []
        node: Node | None = self.root
        for name in path:
            node = node.children.get(name) if node is not None else None
            written.append(node.name if node is not None else name)
        return tuple(written)

"""Between a hive file and the kernel's tree: reading one whole, and writing what differs."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from regsim.kernel.tree import Node, durable
from regsim.keypath import fold_name
from regsim.regf.create import DEFAULT_ROOT, new_hive
from regsim.regf.hive import HiveFile, parse_hive
from regsim.regf.layout import KeyFlag
from regsim.regf.recover import recover
from regsim.regf.walk import DataBudget
from regsim.types import Value, ValueType
from regsim.writing import write_file

if TYPE_CHECKING:
    import os

    from regsim.regf.key import Key

LINK_VALUE: Final = "SymbolicLinkValue"
LOGS: Final = (".LOG", ".LOG1", ".LOG2")
"""What Windows appends to a hive's name for its logs."""


def load_tree(path: str | os.PathLike[str]) -> Node:
    """Return all of the hive file at *path* as a tree; volatile keys in it are left out.

    A dirty hive is recovered in memory with the logs beside it, as Windows does when it loads
    one; the file stays as it is. O(file).

    Raises:
        HiveFormatError: it is no hive, or breaks the format.
        RecoveryError: it is dirty, and no log beside it applies.
        OSError: it cannot be read.
    """
    with _parse(Path(path)) as hive:
        return tree_of(hive)


def save_tree(
    root: Node,
    path: str | os.PathLike[str],
    *,
    base: str | os.PathLike[str] | None = None,
    minor: int = 3,
) -> None:
    """Write *root* to *path*: the hive in *base* with only the changed keys and values replaced.

    Without *base* a new hive of version 1.*minor* is laid out. Volatile keys are not written. A
    key's last-write time becomes the tree's, but never earlier than the base has it, as the clock
    of a simulated machine starts long ago. An unchanged hive is written byte for byte.

    Raises:
        DataError: *base* is no hive, or breaks the format; *path* is not touched.
        UsageError: the tree holds a name or descriptor that a hive cannot.
        OSError: a file cannot be read or written; *path* holds the old content or the new.
    """
    write_file(path, packed(root, None if base is None else Path(base), minor=minor))


def packed(root: Node, base: Path | None, *, minor: int = 3, known: Node | None = None) -> bytes:
    """Return the bytes of the file that `save_tree` writes.

    Args:
        root: the tree to store.
        base: the hive file that is changed into it, or None for a new one.
        minor: the version of a new one.
        known: the tree that *base* holds, where the caller has it; it saves reading.
    """
    root = durable(root)
    if base is None:
        return _fresh(root, minor)
    with _parse(base) as hive:
        old = known if known is not None else tree_of(hive)
        clock = _Clock(hive.image.base.last_written)
        edited = parse_hive(bytes(hive.image.buffer), name=str(base), clock=clock)
    with edited:
        _change(old, root, edited.root, clock)
        return edited.to_bytes()


def tree_of(hive: HiveFile) -> Node:
    """Return the keys and values of an open *hive* as a tree.

    Raises:
        HiveFormatError: strict mode, at the first violation.
    """
    budget = DataBudget(hive.image)
    nodes: dict[int, Node] = {}
    top: Node | None = None
    for _, key in hive.walk():
        above = nodes.get(key.parent.offset) if key.parent is not None else None
        if key.flags & KeyFlag.VOLATILE or (key.parent is not None and above is None):
            continue
        node = nodes[key.offset] = _node(key, budget)
        if above is None:
            top = node
        else:
            above.children.setdefault(fold_name(node.name), node)
    return top if top is not None else Node(hive.root.name)


def _node(key: Key, budget: DataBudget) -> Node:
    node = Node(key.name, last_write=key.last_written)
    for value in key.values():
        record = Value(value.name, value.type, budget.take(value))
        node.values.setdefault(fold_name(value.name), record)
    node.class_name = key.class_name
    node.security = key.security
    if key.is_symlink:
        target = node.values.get(fold_name(LINK_VALUE))
        known = target is not None and target.type == ValueType.LINK
        node.link = target.data.decode("utf-16-le", "replace") if known and target else ""
    return node


def _parse(path: Path) -> HiveFile:
    """Return the hive at *path*, recovered in memory where it is dirty."""
    data = path.read_bytes()
    with contextlib.suppress(ValueError):  # so dirty that its base block cannot be read
        hive = parse_hive(data, name=str(path))
        if hive.clean:
            return hive
    logs = [(log.name, log.read_bytes()) for log in _logs(path)]
    return parse_hive(recover(data, logs, str(path)).data, name=str(path))


def _logs(path: Path) -> list[Path]:
    wanted = {(path.name + ending).upper() for ending in LOGS}
    return sorted(p for p in path.parent.iterdir() if p.name.upper() in wanted and p.is_file())


@attrs.define
class _Clock:
    """What the base block of a changed hive says: the newest time in it."""

    newest: int

    def __call__(self) -> int:
        return self.newest

    def see(self, filetime: int) -> int:
        self.newest = max(self.newest, filetime)
        return filetime


def _fresh(root: Node, minor: int) -> bytes:
    clock = _Clock(root.last_write)
    made = new_hive(
        minor,
        root_name=root.name or DEFAULT_ROOT,
        security=root.security or None,
        last_written=root.last_write,
        clock=clock,
    )
    empty = Node(root.name, last_write=root.last_write)
    empty.security = root.security
    _change(empty, root, made.root, clock)
    return made.to_bytes()


def _change(old: Node, new: Node, key: Key, clock: _Clock) -> None:
    """Make *key*, which holds *old*, hold *new*; what is equal in both is not touched."""
    stack = [(old, new, key)]
    touched: list[tuple[Key, int]] = []
    while stack:
        before, after, here = stack.pop()
        if before is after:
            continue
        stamp = clock.see(max(before.last_write, after.last_write))
        _change_values(before, after, here, stamp)
        _change_self(before, after, here)
        for name in sorted(before.children.keys() - after.children.keys()):
            _below(here, before.children[name]).delete(recursive=True, last_written=stamp)
        for child in after.sorted_children():
            known = before.children.get(fold_name(child.name))
            if known is None:
                known = Node(child.name)
                made = here.create_subkey(child.name, last_written=stamp)
            elif known is child:
                continue
            else:
                made = _below(here, known)
                if known.name != child.name:
                    made.rename(child.name, last_written=stamp)
            stack.append((known, child, made))
        touched.append((here, stamp))
    for here, stamp in touched:  # last, as a change below stamps the key above
        if here.last_written != stamp:
            here.set_last_written(stamp)


def _below(key: Key, child: Node) -> Key:
    found = key.subkey(child.name)
    if found is None:
        raise key.hive.image.error("subkey list", key.offset, f"sorted, with {child.name!a}", "not")
    return found


def _change_values(before: Node, after: Node, key: Key, stamp: int) -> None:
    for name, value in before.values.items():
        now = after.values.get(name)
        if now is None or now.name != value.name:
            key.delete_value(value.name, last_written=stamp)
    for name, value in after.values.items():
        if before.values.get(name) != value:
            key.set_value(value.name, value.type, value.data, last_written=stamp)


def _change_self(before: Node, after: Node, key: Key) -> None:
    if before.class_name != after.class_name:
        key.set_class_name(after.class_name)
    if after.security and before.security != after.security:
        key.set_security(after.security)
    if (before.link is None) != (after.link is None):
        link = KeyFlag.SYM_LINK
        key.set_flags(int(key.flags & ~link if after.link is None else key.flags | link))
    if after.link and fold_name(LINK_VALUE) not in after.values:
        raw = after.link.encode("utf-16-le", "surrogatepass")
        held = key.value(LINK_VALUE)
        if held is None or held.data != raw:
            key.set_value(LINK_VALUE, ValueType.LINK, raw, last_written=key.last_written)

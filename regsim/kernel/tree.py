"""Keys as a tree of nodes that snapshots share until one of them writes.

A node belongs to the hive whose ``owner`` mark it carries. A hive writes in place to nodes of its
own and copies the others on the way down, so taking an image of a tree costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regsim.keypath import Parts, fold_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regsim.types import Value


class Node:
    """One key: its name as written, values, subkeys, class, link target and last-write time.

    ``values`` and ``children`` are keyed by folded name. ``last_write`` is a FILETIME.
    """

    __slots__ = (
        "children",
        "class_name",
        "last_write",
        "link",
        "name",
        "owner",
        "security",
        "values",
        "volatile",
    )

    def __init__(self, name: str, *, owner: object = None, last_write: int = 0) -> None:
        self.name = name
        self.values: dict[str, Value] = {}
        self.children: dict[str, Node] = {}
        self.class_name = ""
        self.link: str | None = None
        self.volatile = False
        self.security = b""
        self.last_write = last_write
        self.owner = owner

    def copy(self, owner: object) -> Node:
        """Return a node of *owner* with the same content, sharing the children's nodes."""
        twin = Node(self.name, owner=owner, last_write=self.last_write)
        twin.values = self.values.copy()
        twin.children = self.children.copy()
        twin.class_name = self.class_name
        twin.link = self.link
        twin.volatile = self.volatile
        twin.security = self.security
        return twin

    def find(self, path: Parts) -> Node | None:
        """Return the node at folded *path* below this one, or None. Links are not followed."""
        node: Node | None = self
        for name in path:
            if node is None:
                return None
            node = node.children.get(name)
        return node

    def sorted_children(self) -> list[Node]:
        """Return the subkeys in the order a hive lists them: by folded name."""
        return [self.children[name] for name in sorted(self.children)]

    def walk(self, path: Parts = ()) -> Iterator[tuple[Parts, Node]]:
        """Yield each node at or below this one with its folded path, parents first."""
        stack = [(path, self)]
        while stack:
            here, node = stack.pop()
            yield here, node
            stack += [((*here, name), node.children[name]) for name in sorted(node.children)][::-1]

    def content(self) -> tuple[object, ...]:
        """Return what the tree holds, without times and spelling of names: equal trees are equal.

        O(nodes).
        """
        return (
            self.class_name,
            self.link,
            self.volatile,
            self.security,
            tuple(sorted((key, v.type, v.data) for key, v in self.values.items())),
            tuple((name, self.children[name].content()) for name in sorted(self.children)),
        )

    def __repr__(self) -> str:
        """Show the name and how much lies below."""
        return f"<Node {self.name!r}: {len(self.values)} values, {len(self.children)} subkeys>"


def put(parent: Node, node: Node) -> Node:
    """Hang *node* below *parent* and return it; a subkey of that name is replaced."""
    parent.children[fold_name(node.name)] = node
    return node


def grow(root: Node, path: Parts) -> Node:
    """Return the node at *path* below *root*, making what is missing. For building fresh trees."""
    node = root
    for name in path:
        child = node.children.get(fold_name(name))
        node = child if child is not None else put(node, Node(name, owner=node.owner))
    return node


def durable(node: Node) -> Node:
    """Return the tree without its volatile keys, shared with *node* where there are none."""
    children = {name: durable(kid) for name, kid in node.children.items() if not kid.volatile}
    if all(children.get(name) is kid for name, kid in node.children.items()):
        return node
    twin = node.copy(None)
    twin.children = children
    return twin


def hollow(node: Node) -> bool:
    """Return whether a key has nothing of its own and, at any depth, only volatile keys below."""
    own = node.values or node.class_name or node.link is not None or not node.children
    return not own and all(kid.volatile or hollow(kid) for kid in node.children.values())


def solid(node: Node) -> Node:
    """Return a copy of the tree without its volatile and its hollow keys."""
    twin = node.copy(None)
    kept = (item for item in node.children.items() if not (item[1].volatile or hollow(item[1])))
    twin.children = {name: solid(kid) for name, kid in kept}
    return twin

"""The kernel's operations on whole trees of keys: delete, copy, rename.

Windows takes many steps for the first two, one a key; here each is one, so that nothing comes
between them (a simplification: what another thread does meanwhile is not explored).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regsim import keypath
from regsim.kernel import keys
from regsim.kernel.keys import Answered
from regsim.kernel.tree import Node, put
from regsim.kernel.unload import uproot
from regsim.status import NtStatus
from regsim.types import Access, NotifyFilter, Tid

if TYPE_CHECKING:
    from regsim.kernel.hive import Hive
    from regsim.kernel.machine import Machine
    from regsim.keypath import Parts

_BOTH = NotifyFilter.NAME | NotifyFilter.LAST_SET
_DELETES = Access.ENUMERATE_SUB_KEYS | Access.QUERY_VALUE


def delete_tree(machine: Machine, caller: Tid, *, handle: int) -> Answered:
    """Delete all below the key and its values, but not the key; open handles answer KEY_DELETED.

    CANNOT_DELETE for the namespace itself, which holds no lasting keys.
    """
    status, obj = keys.use(machine, caller, handle, _DELETES)
    if obj is None:
        return status, None
    if keys.node_of(machine, obj).values:  # MSDN RegDeleteTree; documented
        status, _ = keys.use(machine, caller, handle, Access.SET_VALUE)
        if not status.ok:
            return status, None
    hive, here = machine.hives[obj.kcb.hive], obj.kcb.path
    if len(hive.mount) + len(here) < keys.SHALLOWEST:
        return NtStatus.CANNOT_DELETE, None
    uproot(machine, hive, here, itself=False)
    keys.changed(machine, hive, here, _BOTH)
    machine.settle(hive)
    return NtStatus.SUCCESS, None


def copy_tree(machine: Machine, caller: Tid, *, handle: int, to: int) -> Answered:
    """Copy the key's values and all below it into the key behind *to*, beside what that has.

    What has the same name there is written over. The copy is taken first, so that a key may be
    copied into one of its own.
    """
    status, source = keys.use(machine, caller, handle, Access.READ & ~Access.READ_CONTROL)
    if source is None:
        return status, None
    status, target = keys.use(machine, caller, to, Access.CREATE_SUB_KEY)
    if target is None:
        return status, None
    hive = machine.hives[target.kcb.hive]
    if len(hive.mount) + len(target.kcb.path) < keys.SHALLOWEST:
        return NtStatus.INVALID_PARAMETER, None
    machine.reshaped()
    image = _image(keys.node_of(machine, source))
    node = hive.edit(target.kcb.path)
    _pour(hive, node, image, machine.clock)
    keys.changed(machine, hive, target.kcb.path, _BOTH)
    return NtStatus.SUCCESS, None


def _image(node: Node) -> Node:
    """Return *node* with all below it as fresh nodes of nobody, links as keys without a target."""
    twin = node.copy(None)
    twin.volatile, twin.link = False, None
    twin.children = {name: _image(kid) for name, kid in node.children.items()}
    return twin


def _pour(hive: Hive, into: Node, image: Node, clock: int) -> None:
    for name, value in image.values.items():
        into.values[name] = value
    for name, kid in image.children.items():
        there = into.children.get(name)
        if there is None:
            there = put(into, Node(kid.name, owner=hive.owner))
            there.class_name, there.volatile = kid.class_name, into.volatile
        elif there.owner is not hive.owner:
            there = into.children[name] = there.copy(hive.owner)
        _pour(hive, there, kid, clock)
    into.last_write = clock


def rename_key(machine: Machine, caller: Tid, *, handle: int, name: str) -> Answered:
    r"""Give the key behind *handle* another name; what is open on it or below stays open.

    INVALID_PARAMETER for no name or one with ``\`` (Wine ``server/registry.c``, rename_key;
    observed), CANNOT_DELETE where a key of that name is; ACCESS_DENIED for a hive's root, inferred.
    """
    status, obj = keys.use(machine, caller, handle, Access.SET_VALUE | Access.CREATE_SUB_KEY)
    if obj is None:
        return status, None
    long = keypath.units(name) > machine.dialect.limits.key_name
    if not name or "\\" in name or long:
        return NtStatus.INVALID_PARAMETER, None
    hive, old = machine.hives[obj.kcb.hive], obj.kcb.path
    if not old or len(hive.mount) + len(old) < keys.SHALLOWEST:
        return NtStatus.ACCESS_DENIED, None
    parent = hive.edit(old[:-1])
    new = (*old[:-1], keypath.fold_name(name))
    if new[-1] in parent.children:
        return NtStatus.CANNOT_DELETE, None
    hive.edit(old).name = name
    put(parent, parent.children.pop(old[-1]))
    parent.last_write = machine.clock
    _move_blocks(machine, hive, old, new)
    machine.reshaped()
    keys.changed(machine, hive, old[:-1], NotifyFilter.NAME)
    return NtStatus.SUCCESS, None


def _move_blocks(machine: Machine, hive: Hive, old: Parts, new: Parts) -> None:
    """Have every control block at or below *old* lie at or below *new*."""
    depth = len(old)
    moved = [
        machine.kcbs.pop(where)
        for where in list(machine.kcbs)
        if where[0] == hive.id and where[1][:depth] == old
    ]
    for kcb in moved:
        kcb.path = new + kcb.path[depth:]
        machine.kcbs[hive.id, kcb.path] = kcb

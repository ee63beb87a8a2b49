"""The kernel's operations on keys: open, create, close, read, write, enumerate, delete, watch.

Each takes the machine, the calling thread and its parameters, and answers a status and a result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from regsim import keypath
from regsim.kernel.objects import KeyObject, Notify
from regsim.kernel.tree import Node, put
from regsim.kernel.unload import flush
from regsim.policy import HandlePolicy
from regsim.status import NtStatus
from regsim.types import Access, CreateOption, Handle, NotifyFilter, Pid, Tid, Value, ValueType

if TYPE_CHECKING:
    from regsim.kernel.hive import Hive
    from regsim.kernel.machine import Machine
    from regsim.kernel.process import Process
    from regsim.keypath import Parts

Answered = tuple[NtStatus, Any]
"""The status, and what the operation gives: a handle, a record, or None."""

LINK_VALUE = "SymbolicLinkValue"

# The rights and options as plain numbers: every call asks for one, and flags of an enum are slow.
_QUERY = int(Access.QUERY_VALUE)
_SET = int(Access.SET_VALUE)
_ENUMERATE = int(Access.ENUMERATE_SUB_KEYS)
_NOTIFY = int(Access.NOTIFY)
_DELETE = int(Access.DELETE)
_ALL = int(Access.ALL)
_MAXIMUM = int(Access.MAXIMUM_ALLOWED)
_OPEN_LINK = int(CreateOption.OPEN_LINK)
_SUCCESS = NtStatus.SUCCESS


@attrs.frozen(kw_only=True)
class KeyInfo:
    """What NtQueryKey tells: counts, the longest names in characters, the time as FILETIME."""

    class_name: str
    subkeys: int
    longest_subkey: int
    values: int
    longest_value_name: int
    longest_data: int
    last_write: int


@attrs.frozen
class Created:
    """What NtCreateKey gives: the handle, and whether the key is new."""

    handle: Handle
    new: bool


def use(
    machine: Machine, caller: Tid, handle: int, need: int = 0
) -> tuple[NtStatus, KeyObject | None]:
    """Return the object behind *handle*, or why it cannot be used with the rights *need*."""
    found = machine.lookup(machine.process_of(caller), handle)
    if found is None:
        return NtStatus.INVALID_HANDLE, None
    obj, rights = found
    status = obj.kcb.status
    if status is not _SUCCESS:
        return status, None
    if need & ~rights:
        return NtStatus.ACCESS_DENIED, None
    return _SUCCESS, obj


def target(machine: Machine, caller: Tid, root: int | None, path: str) -> tuple[NtStatus, Parts]:
    r"""Return the folded full path that *path* below handle *root* names.

    Without a root the path must begin with ``\REGISTRY``. The root's own access mask does not
    count (Wine ``dlls/advapi32/tests/registry.c``; observed on Windows).
    """
    if root is None:
        parts = keypath.fold(keypath.split(path))
        bad = not path.startswith("\\") or parts[:1] != ("REGISTRY",)
        return (NtStatus.OBJECT_PATH_SYNTAX_BAD if bad else NtStatus.SUCCESS), parts
    status, obj = use(machine, caller, root)
    if obj is None:
        return status, ()
    if path.startswith("\\"):
        return NtStatus.OBJECT_PATH_SYNTAX_BAD, ()
    return NtStatus.SUCCESS, machine.full_path(obj.kcb) + keypath.fold(keypath.split(path))


def granted(access: int) -> int:
    """Return the rights that asking for *access* gives; MAXIMUM_ALLOWED gives all of them.

    Security descriptors are not evaluated: everyone may ask for everything.
    """
    asked = int(access)
    return _ALL if asked & _MAXIMUM else asked & _ALL


def open_key(
    machine: Machine,
    caller: Tid,
    *,
    root: int | None,
    path: str,
    access: int = Access.READ,
    options: int = 0,
    inherit: bool = False,
) -> Answered:
    """Open a key; the result is a new handle (or, where handles are shared, the one there is)."""
    place: tuple[Hive, Parts] | None
    if root is None or options & _OPEN_LINK:
        status, full = target(machine, caller, root, path)
        if status is not _SUCCESS:
            return status, None
        status, place = machine.locate(full, open_link=bool(options & _OPEN_LINK))
    else:
        status, obj = use(machine, caller, root)
        if obj is None:
            return status, None
        if path.startswith("\\"):
            return NtStatus.OBJECT_PATH_SYNTAX_BAD, None
        status, place = machine.locate_below(obj.kcb, path)
    if place is None:
        return status, None
    return _SUCCESS, _give(machine, caller, place, access, inherit)


def _give(
    machine: Machine, caller: Tid, place: tuple[Hive, Parts], access: int, inherit: bool
) -> Handle:
    process = machine.process_of(caller)
    hive, path = place
    if machine.dialect.handles is HandlePolicy.SHARED:
        shared = _already_open(machine, process, hive, path)
        if shared is not None:
            return shared
    return machine.open_object(process, hive, path, granted(access), inherit=inherit)


def _already_open(machine: Machine, process: Process, hive: Hive, path: Parts) -> Handle | None:
    kcb = machine.kcbs.get((hive.id, path))
    if kcb is None or not kcb.opens:
        return None
    for handle in process.table.handles_in(hive.id):
        found = machine.lookup(process, handle)
        if found is not None and found[0].kcb is kcb:
            found[0].shared += 1
            machine.counts_opens = True
            return Handle(handle)
    return None


def create_key(
    machine: Machine,
    caller: Tid,
    *,
    root: int | None,
    path: str,
    access: int = Access.READ,
    options: int = 0,
    class_name: str = "",
    inherit: bool = False,
) -> Answered:
    """Open a key, or create it and what is missing above it; the result is `Created`.

    CHILD_MUST_BE_VOLATILE for a lasting key below a volatile one. Nothing can be created directly
    below ``MACHINE`` or ``USER`` (MSDN RegCreateKeyEx, documented; the code is inferred).
    """
    status, full = target(machine, caller, root, path)
    if not status.ok:
        return status, None
    status, place = machine.locate(full, open_link=bool(options & CreateOption.CREATE_LINK))
    if place is not None:
        return NtStatus.SUCCESS, Created(_give(machine, caller, place, access, inherit), new=False)
    known = _nearest(machine, full)
    if known is None:
        return status, None
    (hive, above), depth = known
    missing = _spelled(root, path, full)[depth:]
    status = _may_create(hive, above, options)
    if not status.ok:
        return status, None
    for name in missing:
        parent = hive.edit(above)
        child = put(parent, Node(name, owner=hive.owner, last_write=machine.clock))
        child.volatile = bool(options & CreateOption.VOLATILE)
        parent.last_write = machine.clock
        changed(machine, hive, above, NotifyFilter.NAME)
        above = (*above, keypath.fold_name(name))
    leaf = hive.edit(above)
    leaf.class_name = class_name
    if options & CreateOption.CREATE_LINK:
        leaf.link = ""
    handle = _give(machine, caller, (hive, above), access, inherit)
    return NtStatus.SUCCESS, Created(handle, new=True)


def _nearest(machine: Machine, full: Parts) -> tuple[tuple[Hive, Parts], int] | None:
    for depth in range(len(full) - 1, 0, -1):
        _, place = machine.locate(full[:depth])
        if place is not None:
            return place, depth
    return None


def _spelled(root: int | None, path: str, full: Parts) -> Parts:
    written = keypath.split(path)
    if root is None or len(written) == len(full):
        return written
    return full[: len(full) - len(written)] + written


def _may_create(hive: Hive, above: Parts, options: int) -> NtStatus:
    if hive.mount == ("REGISTRY",):
        return NtStatus.INVALID_PARAMETER
    node = hive.root.find(above)
    if node is not None and node.volatile and not options & CreateOption.VOLATILE:
        return NtStatus.CHILD_MUST_BE_VOLATILE
    return NtStatus.SUCCESS


def close(machine: Machine, caller: Tid, *, handle: int) -> Answered:
    """Close *handle*; INVALID_HANDLE when it is not open. A deleted key's handle closes well."""
    return close_in(machine, machine.process_of(caller), handle)


def close_in(machine: Machine, process: Process, handle: int) -> Answered:
    """Close *handle* of *process*."""
    if machine.counts_opens:
        found = machine.lookup(process, handle)
        if found is not None and found[0].shared > 1:
            found[0].shared -= 1
            return _SUCCESS, None
    return machine.close_handle(process, handle), None


def reference(machine: Machine, caller: Tid, *, handle: int) -> Answered:
    """Count one more open of *handle* and give it back, where handles are shared (KB Q137202)."""
    status, obj = use(machine, caller, handle)
    if obj is not None:
        obj.shared += 1
        machine.counts_opens = True
    return status, Handle(handle)


def duplicate(
    machine: Machine,
    caller: Tid,
    *,
    handle: int,
    to: int | None = None,
    access: int | None = None,
    inherit: bool = False,
) -> Answered:
    """Give process *to* (default: the caller's) one more handle to the object behind *handle*.

    A predefined key's number is no kernel handle: INVALID_HANDLE. A deleted key duplicates well.
    """
    process = machine.process_of(caller)
    found = machine.lookup(process, handle)
    receiver = process if to is None else machine.processes.get(Pid(to))
    if found is None or receiver is None:
        return NtStatus.INVALID_HANDLE, None
    obj, rights = found
    asked = rights if access is None else granted(access)
    return NtStatus.SUCCESS, machine.add_handle(receiver, obj, asked, inherit=inherit)


def query_value(machine: Machine, caller: Tid, *, handle: int, name: str) -> Answered:
    """Read one value; the default value's name is ``""``. The result is a `Value`."""
    status, obj = use(machine, caller, handle, _QUERY)
    if obj is None:
        return status, None
    value = node_of(machine, obj).values.get(keypath.fold_name(name))
    return (NtStatus.SUCCESS if value else NtStatus.OBJECT_NAME_NOT_FOUND), value


def set_value(machine: Machine, caller: Tid, *, handle: int, value: Value) -> Answered:
    """Write one value; ``SymbolicLinkValue`` of a link key sets where it leads."""
    status, obj = use(machine, caller, handle, _SET)
    if obj is None:
        return status, None
    hive = machine.hives[obj.kcb.hive]
    node = hive.edit(obj.kcb.path)
    if node.link is not None and value.type == ValueType.LINK and value.name == LINK_VALUE:
        node.link = value.data.decode("utf-16-le", "replace")
        machine.reshaped()
    node.values[keypath.fold_name(value.name)] = value
    node.last_write = machine.clock
    changed(machine, hive, obj.kcb.path, NotifyFilter.LAST_SET)
    return NtStatus.SUCCESS, None


def delete_value(machine: Machine, caller: Tid, *, handle: int, name: str) -> Answered:
    """Remove one value; OBJECT_NAME_NOT_FOUND when it is not there."""
    status, obj = use(machine, caller, handle, _SET)
    if obj is None:
        return status, None
    key = keypath.fold_name(name)
    if key not in node_of(machine, obj).values:
        return NtStatus.OBJECT_NAME_NOT_FOUND, None
    hive = machine.hives[obj.kcb.hive]
    node = hive.edit(obj.kcb.path)
    del node.values[key]
    node.last_write = machine.clock
    changed(machine, hive, obj.kcb.path, NotifyFilter.LAST_SET)
    return NtStatus.SUCCESS, None


def delete_key(machine: Machine, caller: Tid, *, handle: int) -> Answered:
    """Delete the key behind *handle*; every handle to it answers KEY_DELETED from now on.

    CANNOT_DELETE for a hive's root, for a key with subkeys or with hives mounted below it, and for
    the keys that hives are mounted at. A key created later under the same name is another one
    (Raymond Chen, 2024-08-21; documented).
    """
    status, obj = use(machine, caller, handle, _DELETE)
    if obj is None:
        return status, None
    kcb = obj.kcb
    hive = machine.hives[kcb.hive]
    if not kcb.path or len(hive.mount) == 1 or subkey_names(machine, obj):
        return NtStatus.CANNOT_DELETE, None
    machine.kill_kcb(kcb, NtStatus.KEY_DELETED)
    parent = hive.edit(kcb.path[:-1])
    del parent.children[kcb.path[-1]]
    parent.last_write = machine.clock
    changed(machine, hive, kcb.path[:-1], NotifyFilter.NAME)
    machine.settle(hive)
    return NtStatus.SUCCESS, None


def enumerate_key(machine: Machine, caller: Tid, *, handle: int, index: int) -> Answered:
    """Return the name of subkey number *index*, in order of folded name; NO_MORE_ENTRIES after."""
    status, obj = use(machine, caller, handle, _ENUMERATE)
    if obj is None:
        return status, None
    names = subkey_names(machine, obj)
    if not 0 <= index < len(names):
        return NtStatus.NO_MORE_ENTRIES, None
    return NtStatus.SUCCESS, names[index]


def enumerate_value(machine: Machine, caller: Tid, *, handle: int, index: int) -> Answered:
    """Return value number *index*, in the order they were made; NO_MORE_ENTRIES after the last."""
    status, obj = use(machine, caller, handle, _QUERY)
    if obj is None:
        return status, None
    values = list(node_of(machine, obj).values.values())
    if not 0 <= index < len(values):
        return NtStatus.NO_MORE_ENTRIES, None
    return NtStatus.SUCCESS, values[index]


def query_key(machine: Machine, caller: Tid, *, handle: int) -> Answered:
    """Return the `KeyInfo` of the key behind *handle*."""
    status, obj = use(machine, caller, handle, _QUERY)
    if obj is None:
        return status, None
    node = node_of(machine, obj)
    names = subkey_names(machine, obj)
    values = node.values.values()
    return NtStatus.SUCCESS, KeyInfo(
        class_name=node.class_name,
        subkeys=len(names),
        longest_subkey=max(map(len, names), default=0),
        values=len(values),
        longest_value_name=max((len(value.name) for value in values), default=0),
        longest_data=max((len(value.data) for value in values), default=0),
        last_write=node.last_write,
    )


def flush_key(machine: Machine, caller: Tid, *, handle: int) -> Answered:
    """Write the hive of the key behind *handle* to its file."""
    status, obj = use(machine, caller, handle)
    if obj is not None:
        flush(machine, machine.hives[obj.kcb.hive])
    return status, None


def notify_change(
    machine: Machine,
    caller: Tid,
    *,
    handle: int,
    event: str,
    subtree: bool = False,
    filter_: int = NotifyFilter.NAME | NotifyFilter.LAST_SET,
) -> Answered:
    """Have *event* signalled at the next change, when the handle is closed, or the hive goes.

    The handle it stands on blocks a normal unload like any other, and there is no call back before
    one (MicrosoftDocs/windows-driver-docs-ddi PR 1631; documented). PENDING when registered.
    """
    status, obj = use(machine, caller, handle, _NOTIFY)
    if obj is None:
        return status, None
    machine.signalled.discard(event)
    notify = Notify(subtree=subtree, filter=NotifyFilter(filter_), event=event)
    obj.notifies = (*obj.notifies, notify)
    machine.watching.add(obj.id)
    return NtStatus.PENDING, None


def changed(machine: Machine, hive: Hive, path: Parts, what: NotifyFilter) -> None:
    """Signal each notification that a change of kind *what* at *path* concerns, once."""
    for number in sorted(machine.watching):
        obj = machine.objects[number]
        here = obj.kcb.path
        if obj.kcb.hive != hive.id or path[: len(here)] != here:
            continue
        due = [n for n in obj.notifies if n.filter & what and (n.subtree or path == here)]
        machine.signalled.update(notify.event for notify in due)
        obj.notifies = tuple(notify for notify in obj.notifies if notify not in due)
        if not obj.notifies:
            machine.watching.discard(number)


def node_of(machine: Machine, obj: KeyObject) -> Node:
    """Return the node of the live key behind *obj*, for reading."""
    node = machine.hives[obj.kcb.hive].root.find(obj.kcb.path)
    if node is None:
        raise KeyError(obj.kcb.path)
    return node


def subkey_names(machine: Machine, obj: KeyObject) -> list[str]:
    """Return the names below the key behind *obj*, hives that are mounted there among them."""
    names = {name: kid.name for name, kid in node_of(machine, obj).children.items()}
    full = machine.full_path(obj.kcb)
    for mount, number in machine.mounts.items():
        if mount[:-1] == full:
            names[mount[-1]] = machine.hives[number].mount[-1]
    return [names[name] for name in sorted(names)]

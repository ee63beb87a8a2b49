"""The kernel's operations on keys: open, create, close, read, write, enumerate, delete, watch.

Each takes the machine, the calling thread and its parameters, and answers a status and a result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from regsim import keypath
from regsim.kernel import wow64
from regsim.kernel.objects import KeyObject, Watch
from regsim.kernel.tree import Node, put
from regsim.kernel.unload import flush, unmount
from regsim.policy import HandlePolicy, HiveModel, ListOrder, NoRights
from regsim.status import NtStatus
from regsim.types import Access, CreateOption, Handle, NotifyFilter, Pid, Tid, Value, ValueType
from regsim.upcase import CAPITALS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from regsim.kernel.hive import Hive
    from regsim.kernel.machine import Machine
    from regsim.kernel.process import Process
    from regsim.keypath import Parts

Answered = tuple[NtStatus, Any]
"""The status, and what the operation gives: a handle, a record, or None."""

LINK_VALUE = "SymbolicLinkValue"
_LINK = keypath.fold_name(LINK_VALUE)

# The rights and options as plain numbers: every call asks for one, and flags of an enum are slow.
QUERY = int(Access.QUERY_VALUE)
_SET = int(Access.SET_VALUE)
_ENUMERATE = int(Access.ENUMERATE_SUB_KEYS)
_NOTIFY = int(Access.NOTIFY)
_DELETE = int(Access.DELETE)
_ALL = int(Access.ALL)
_MAXIMUM = int(Access.MAXIMUM_ALLOWED)
_WIDEST = _MAXIMUM | int(Access.GENERIC_ALL)
_GENERIC = {
    int(Access.GENERIC_READ): int(Access.READ),
    int(Access.GENERIC_WRITE): int(Access.WRITE),
    int(Access.GENERIC_EXECUTE): int(Access.READ),
}
_OPEN_LINK = int(CreateOption.OPEN_LINK)
_VOLATILE = int(CreateOption.VOLATILE)
SHALLOWEST = 3
"""How many names the full path of a key has that may be deleted: those above are there for good."""
_SUCCESS = NtStatus.SUCCESS


@attrs.frozen(kw_only=True)
class KeyInfo:
    """What NtQueryKey tells: counts, the longest names in UTF-16 units, the time as FILETIME."""

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
    """Return the object behind *handle*, or why it cannot be used with the rights *need*.

    The rights are looked at before the key: a deleted one answers ACCESS_DENIED to what its handle
    may not do (Wine, observed; on Windows the object manager comes before the registry, inferred).
    """
    found = machine.lookup(machine.process_of(caller), handle)
    if found is None:
        return NtStatus.INVALID_HANDLE, None
    obj, rights = found
    if need & ~rights:
        return NtStatus.ACCESS_DENIED, None
    status = obj.kcb.status
    if status is not _SUCCESS:
        return status, None
    return _SUCCESS, obj


def target(machine: Machine, caller: Tid, root: int | None, path: str) -> tuple[NtStatus, Parts]:
    r"""Return the folded full path that *path* below handle *root* names.

    Without a root the path must begin with ``\REGISTRY``. The root's own access mask does not
    count (Wine ``dlls/advapi32/tests/registry.c``; observed on Windows).
    """
    if root is None:
        return outside(path), keypath.fold(keypath.split(path))
    status, obj = use(machine, caller, root)
    if obj is None:
        return status, ()
    if path.startswith("\\"):
        return NtStatus.OBJECT_PATH_SYNTAX_BAD, ()
    return NtStatus.SUCCESS, machine.full_path(obj.kcb) + keypath.fold(keypath.split(path))


# The object manager's directories that every NT has, and the one object in them that is asked for.
_DIRECTORIES = frozenset(
    (
        *("??", "ARCNAME", "BASENAMEDOBJECTS", "CALLBACK", "DEVICE", "DRIVER", "FILESYSTEM"),
        *("KERNELOBJECTS", "KNOWNDLLS", "NLS", "OBJECTTYPES", "SECURITY", "SESSIONS", "WINDOWS"),
    )
)
_OBJECTS = frozenset({("DEVICE", "NULL")})


def outside(path: str) -> NtStatus:
    r"""Return SUCCESS for a full path in ``\REGISTRY``, else what the object manager answers.

    Its own namespace is not simulated, but for the names above. Source: Wine
    ``dlls/ntdll/tests/reg.c``, test_NtOpenKey; observed on Windows.
    """
    parts = keypath.fold(keypath.split(path))
    if not path.startswith("\\"):
        return NtStatus.OBJECT_PATH_SYNTAX_BAD
    if path.startswith("\\\\"):
        return NtStatus.OBJECT_NAME_INVALID
    if parts[:1] == ("REGISTRY",):
        return NtStatus.SUCCESS
    known = not parts or parts in _OBJECTS or (len(parts) == 1 and parts[0] in _DIRECTORIES)
    if known:
        return NtStatus.OBJECT_TYPE_MISMATCH
    there = len(parts) == 1 or (len(parts) == 2 and parts[0] in _DIRECTORIES)
    return NtStatus.OBJECT_NAME_NOT_FOUND if there else NtStatus.OBJECT_PATH_NOT_FOUND


def granted(access: int) -> int:
    """Return the rights that asking for *access* gives; MAXIMUM_ALLOWED gives all of them.

    Generic rights stand for those of a key (winnt.h; documented). Security descriptors are not
    evaluated: everyone may ask for everything.
    """
    asked = int(access)
    if asked & _WIDEST:
        return _ALL
    rights = asked & _ALL
    if asked > _WIDEST:
        for generic, meant in _GENERIC.items():
            if asked & generic:
                rights |= meant
    return rights


def open_key(
    machine: Machine,
    caller: Tid,
    *,
    root: int | None,
    path: str,
    access: int = Access.READ,
    options: int = 0,
    inherit: bool = False,
    view32: bool = False,
) -> Answered:
    """Open a key; the result is a new handle (or, where handles are shared, the one there is).

    With *view32* it is opened in the 32-bit view, on a machine that has any key of that.
    """
    place: tuple[Hive, Parts] | None
    if root is None or options & _OPEN_LINK or view32:
        status, full = target(machine, caller, root, path)
        if status is not _SUCCESS:
            return status, None
        if view32:
            full = _seen_by_32(machine, full, len(full) - len(keypath.split(path)))
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
    return _give(machine, caller, place, access, inherit)


def _seen_by_32(machine: Machine, full: Parts, named: int) -> Parts:
    """Return where *full* lies in the 32-bit view; where there is no such view, *full* itself.

    The first *named* names of it are those of a handle.
    """
    at = wow64.position(machine.dialect.view32, full, named)
    if at is None or machine.locate((*full[:at], wow64.NODE.upper()))[1] is None:
        return full
    return (*full[:at], wow64.NODE.upper(), *full[at:])


def _give(
    machine: Machine, caller: Tid, place: tuple[Hive, Parts], access: int, inherit: bool
) -> Answered:
    rights = granted(access)
    if not rights and machine.dialect.no_rights is NoRights.REFUSED:
        return NtStatus.ACCESS_DENIED, None
    process = machine.process_of(caller)
    hive, path = place
    if machine.dialect.handles is HandlePolicy.SHARED:
        shared = _already_open(machine, process, hive, path)
        if shared is not None:
            return _SUCCESS, shared
    return _SUCCESS, machine.open_object(process, hive, path, rights, inherit=inherit)


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
    view32: bool = False,
    parents: bool = True,
) -> Answered:
    """Open a key, or create it and what is missing above it; the result is `Created`.

    Without *parents* the key above must be there.

    OBJECT_NAME_COLLISION for a link where a key is; CHILD_MUST_BE_VOLATILE for a lasting key below
    a volatile one. Nothing can be created directly below ``MACHINE`` or ``USER`` (MSDN
    RegCreateKeyEx, documented; the code is inferred). A link that leads to no key yet has it made
    where it leads (Wine ``dlls/ntdll/tests/reg.c``, test_symlinks; observed on Windows).
    """
    status, full = target(machine, caller, root, path)
    if not status.ok:
        return status, None
    written = _spelled(root, path, full)
    named = len(full) - len(keypath.split(path))
    at = wow64.position(machine.dialect.view32, full, named) if view32 else None
    if at is not None:
        written = (*written[:at], wow64.NODE, *written[at:])
        full = keypath.fold(written)
    makes_link = bool(options & CreateOption.CREATE_LINK)
    as_link = makes_link or bool(options & CreateOption.OPEN_LINK)
    status, place = machine.locate(full, open_link=as_link)
    if place is not None and makes_link:
        return NtStatus.OBJECT_NAME_COLLISION, None
    if place is not None:
        return _created(_give(machine, caller, place, access, inherit), new=False)
    if status is not NtStatus.OBJECT_NAME_NOT_FOUND:
        return status, None
    status, made = _make(machine, machine.follow(written), access, options, parents=parents)
    if made is None:
        return status, None
    node = made[0].edit(made[1])
    node.class_name = class_name
    if makes_link:
        node.link = ""
    return _created(_give(machine, caller, made, access, inherit), new=True)


def _make(
    machine: Machine, written: Parts, access: int, options: int, *, parents: bool
) -> tuple[NtStatus, tuple[Hive, Parts] | None]:
    """Make the key at full path *written*, with *parents* those above too; return where it is."""
    known = _nearest(machine, keypath.fold(written))
    if known is None or (not parents and len(written) - known[1] > 1):
        return NtStatus.OBJECT_NAME_NOT_FOUND, None
    (hive, above), depth = known
    status = _may_create(machine, hive, above, written[depth:], options)
    if status.ok and not granted(access) and machine.dialect.no_rights is NoRights.REFUSED:
        status = NtStatus.ACCESS_DENIED
    if not status.ok:
        return status, None
    volatile = bool(options & _VOLATILE)
    return status, (hive, _grow(machine, hive, above, written[depth:], volatile=volatile))


def _created(given: Answered, *, new: bool) -> Answered:
    status, handle = given
    return status, None if handle is None else Created(handle, new)


def _grow(machine: Machine, hive: Hive, above: Parts, missing: Parts, *, volatile: bool) -> Parts:
    """Make the keys *missing* below each other, the first below *above*; return the last's path."""
    for name in missing:
        parent = hive.edit(above)
        child = put(parent, Node(name, owner=hive.owner, last_write=machine.clock))
        child.volatile = volatile
        parent.last_write = machine.clock
        changed(machine, hive, above, NotifyFilter.NAME)
        above = (*above, keypath.fold_name(name))
    return above


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


def _may_create(
    machine: Machine, hive: Hive, above: Parts, missing: Parts, options: int
) -> NtStatus:
    grafted = machine.dialect.hives is HiveModel.GRAFTED
    if hive.mount == ("REGISTRY",) and not (grafted and above):
        return NtStatus.INVALID_PARAMETER
    limits = machine.dialect.limits
    levels = len(hive.mount) + len(above) + len(missing)
    if (
        any(keypath.units(name) > limits.key_name for name in missing)
        or (limits.levels is not None and levels > limits.levels)
        or (limits.levels_at_once is not None and len(missing) > limits.levels_at_once)
    ):
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
        machine.apart(machine.process_of(caller), handle).shared += 1
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
    rights, obj = found[1], machine.apart(process, handle)
    asked = rights if access is None else granted(access)
    return NtStatus.SUCCESS, machine.add_handle(receiver, obj, asked, inherit=inherit)


def query_value(machine: Machine, caller: Tid, *, handle: int, name: str) -> Answered:
    """Read one value; the default value's name is ``""``. The result is a `Value`."""
    status, obj = use(machine, caller, handle, QUERY)
    if obj is None:
        return status, None
    value = node_of(machine, obj).values.get(keypath.fold_name(name))
    return (NtStatus.SUCCESS if value else NtStatus.OBJECT_NAME_NOT_FOUND), value


def set_value(machine: Machine, caller: Tid, *, handle: int, value: Value) -> Answered:
    """Write one value; one that is there keeps its name as it was first written, and its place.

    A link key holds nothing but ``SymbolicLinkValue``, a REG_LINK without a NUL at its end, which
    says where it leads: ACCESS_DENIED for any other value (Wine ``dlls/ntdll/tests/reg.c``,
    test_symlinks; observed on Windows). That the name stays is Wine's, observed; of Windows,
    inferred. INVALID_PARAMETER for a name that is too long.
    """
    status, obj = use(machine, caller, handle, _SET)
    if obj is None:
        return status, None
    limits, key = machine.dialect.limits, keypath.fold_name(value.name)
    if keypath.units(value.name) > limits.value_name:
        return NtStatus.INVALID_PARAMETER, None
    if limits.data is not None and len(value.data) > limits.data:
        return NtStatus.INSUFFICIENT_RESOURCES, None
    link = node_of(machine, obj).link is not None
    if link and (value.type != ValueType.LINK or key != _LINK):
        return NtStatus.ACCESS_DENIED, None
    hive = machine.hives[obj.kcb.hive]
    node = hive.edit(obj.kcb.path)
    if link:
        node.link = value.data.decode("utf-16-le", "replace")
        machine.reshaped()
    there = node.values.get(key)
    node.values[key] = value if there is None else attrs.evolve(value, name=there.name)
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
    (Raymond Chen, 2024-08-21; documented). A key that is deleted is so, and SUCCESS says it again
    (Wine ``dlls/ntdll/tests/reg.c``, test_NtDeleteKey; observed on Windows).
    """
    status, obj = use(machine, caller, handle, _DELETE)
    if obj is None:
        return NtStatus.SUCCESS if status is NtStatus.KEY_DELETED else status, None
    kcb = obj.kcb
    hive = machine.hives[kcb.hive]
    grafted = machine.dialect.hives is HiveModel.GRAFTED
    top = len(hive.mount) == 1 and (len(kcb.path) + 1 < SHALLOWEST or not grafted)
    if subkey_names(machine, obj):
        return machine.dialect.subkeys_status, None
    if top or (not kcb.path and not grafted):
        return NtStatus.CANNOT_DELETE, None
    if not kcb.path:
        unmount(machine, hive, NtStatus.KEY_DELETED)
        return NtStatus.SUCCESS, None
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
    return numbered(status, subkey_names(machine, obj), index)


def numbered(status: NtStatus, found: Sequence[object], index: int) -> Answered:
    """Return number *index* of what was *found* with *status*; NO_MORE_ENTRIES after the last."""
    if status is _SUCCESS and not 0 <= index < len(found):
        status = NtStatus.NO_MORE_ENTRIES
    return status, found[index] if status is _SUCCESS else None


def enumerate_value(machine: Machine, caller: Tid, *, handle: int, index: int) -> Answered:
    """Return value number *index*, in the order they were made; NO_MORE_ENTRIES after the last."""
    status, obj = use(machine, caller, handle, QUERY)
    if obj is None:
        return status, None
    return numbered(status, values_of(machine, obj), index)


def query_key(machine: Machine, caller: Tid, *, handle: int) -> Answered:
    """Return the `KeyInfo` of the key behind *handle*."""
    status, obj = use(machine, caller, handle, machine.dialect.info_rights)
    if obj is None:
        return status, None
    node = node_of(machine, obj)
    return NtStatus.SUCCESS, measured(
        subkey_names(machine, obj),
        node.values.values(),
        class_name=node.class_name,
        last_write=node.last_write,
    )


def query_key_name(machine: Machine, caller: Tid, *, handle: int) -> Answered:
    """Return the full path of the key behind *handle*, as written; no right is asked for."""
    status, obj = use(machine, caller, handle)
    return status, None if obj is None else machine.key_name(obj.kcb)


def measured(
    names: Collection[str], values: Collection[Value], *, class_name: str, last_write: int
) -> KeyInfo:
    """Return the `KeyInfo` of a key with subkeys *names* and *values*."""
    return KeyInfo(
        class_name=class_name,
        subkeys=len(names),
        longest_subkey=max(map(keypath.units, names), default=0),
        values=len(values),
        longest_value_name=max((keypath.units(value.name) for value in values), default=0),
        longest_data=max((len(value.data) for value in values), default=0),
        last_write=last_write,
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

    The first call on a handle says for good which changes those are: later ones wait for the same
    (MSDN RegNotifyChangeKeyValue, remarks; documented).

    The handle it stands on blocks a normal unload like any other, and there is no call back before
    one (MicrosoftDocs/windows-driver-docs-ddi PR 1631; documented). PENDING when registered.
    """
    status, obj = use(machine, caller, handle, _NOTIFY)
    if obj is None:
        return status, None
    obj = machine.apart(machine.process_of(caller), handle)
    machine.signalled.discard(event)
    if obj.watch is None:
        obj.watch = Watch(subtree=subtree, filter=NotifyFilter(filter_))
    obj.events = (*obj.events, event)
    machine.watching.add(obj.id)
    return NtStatus.PENDING, None


def changed(machine: Machine, hive: Hive, path: Parts, what: NotifyFilter) -> None:
    """Signal each notification that a change of kind *what* at *path* concerns, once."""
    for number in sorted(machine.watching):
        obj = machine.objects[number]
        here, watch = obj.kcb.path, obj.watch
        if watch is None or obj.kcb.hive != hive.id or path[: len(here)] != here:
            continue
        if watch.filter & what and (watch.subtree or path == here):
            machine.end_notifies(obj)


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
    if machine.dialect.lists is ListOrder.LOWERED:
        return sorted(names.values(), key=_lowered)
    return [names[name] for name in sorted(names)]


_SMALL = {capital: unit for unit, capital in CAPITALS.items()}


def _lowered(name: str) -> str:
    return name.translate(_SMALL)


def values_of(machine: Machine, obj: KeyObject) -> list[Value]:
    """Return the values of the key behind *obj* in the order that they are listed in."""
    values = list(node_of(machine, obj).values.values())
    if machine.dialect.lists is ListOrder.LOWERED:
        values.sort(key=lambda value: _lowered(value.name))
    return values

"""The kernel's operations on hives: load, unload, save, restore, replace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regsim import keypath
from regsim.errors import DataError
from regsim.kernel import keys
from regsim.kernel.holding import refused
from regsim.kernel.keys import Answered
from regsim.kernel.tree import Node, durable, solid
from regsim.kernel.unload import flush, unmount, uproot
from regsim.policy import DIFFERENCING, HiveModel, MountedBy, Reload
from regsim.status import NtStatus
from regsim.types import Access, NotifyFilter, Privilege, RestoreFlag, Tid

if TYPE_CHECKING:
    from regsim.kernel.hive import Hive
    from regsim.kernel.machine import Machine
    from regsim.kernel.objects import KeyObject


def holds(machine: Machine, caller: Tid, *needed: Privilege) -> NtStatus:
    """Return SUCCESS when *caller* has the privileges *needed* switched on."""
    missing = frozenset(needed) - machine.effective_token(caller).privileges
    return NtStatus.PRIVILEGE_NOT_HELD if missing else NtStatus.SUCCESS


def load_key(
    machine: Machine,
    caller: Tid,
    *,
    root: int | None = None,
    path: str,
    file: str,
    by: MountedBy = MountedBy.LOAD_KEY,
) -> Answered:
    r"""Mount the hive in *file* at *path*, which must lie directly below ``MACHINE`` or ``USER``.

    *by* is who mounts it.
    A file that does not exist makes an empty hive (MSDN RegLoadKey; documented).
    SHARING_VIOLATION when the file is loaded already, REGISTRY_CORRUPT when it is no hive.
    """
    status = holds(machine, caller, *machine.dialect.load_privileges)
    if not status.ok:
        return status, None
    if not file:
        return NtStatus.INVALID_PARAMETER, None
    status, full = keys.target(machine, caller, root, path)
    if not status.ok:
        return status, None
    if machine.dialect.hives is HiveModel.GRAFTED:
        status = _may_graft(machine, full, file)
    elif full[:-1] not in (keypath.MACHINE, keypath.USER):
        return NtStatus.INVALID_PARAMETER, None
    else:
        status = _may_mount(machine, full, file)
    if status is not NtStatus.PENDING:
        return status, None
    name = keypath.split(path)[-1]
    return _mount_file(machine, keypath.join((*full[:-1], name)), file, by)


def _may_graft(machine: Machine, full: keypath.Parts, file: str) -> NtStatus:
    """Return PENDING when the file is there, the place is free and the key above it exists."""
    above, _ = machine.locate(full[:-1])
    if not machine.files.exists(file) or not above.ok:
        return NtStatus.OBJECT_NAME_NOT_FOUND
    taken = machine.locate(full)[1] is not None
    return NtStatus.OBJECT_NAME_COLLISION if taken else NtStatus.PENDING


def _may_mount(machine: Machine, full: keypath.Parts, file: str) -> NtStatus:
    """Return PENDING when nothing is in the way, else the answer."""
    loaded = _loaded(machine, file)
    here = machine.mounts.get(full)
    if loaded:
        again = loaded[0].id == here and machine.dialect.reload is Reload.ACCEPTED
        return NtStatus.SUCCESS if again else NtStatus.SHARING_VIOLATION
    if here is not None:
        return NtStatus.ACCESS_DENIED
    return NtStatus.PENDING


def _loaded(machine: Machine, file: str) -> list[Hive]:
    """Return the hives that are loaded from *file*."""
    name = file.upper()
    return [hive for hive in machine.hives.values() if hive.file and hive.file.upper() == name]


def _mount_file(
    machine: Machine, path: str, file: str, by: MountedBy, *, silo: str = ""
) -> Answered:
    try:
        root = machine.files.read(file)
    except DataError:
        return NtStatus.REGISTRY_CORRUPT, None
    hive = machine.mount_hive(path, root, file=file, by=by, silo=silo)
    if root is None:
        hive.dirty = True
        flush(machine, hive)
    return NtStatus.SUCCESS, None


def load_app_key(
    machine: Machine, caller: Tid, *, file: str, access: int = Access.MAXIMUM_ALLOWED
) -> Answered:
    """Load *file* as a private hive and open its root; it unloads itself with its last handle.

    No privilege is asked for. Source: MSDN RegLoadAppKey and Wine's registry tests; documented.
    """
    if not file:
        return NtStatus.INVALID_PARAMETER, None
    same = _loaded(machine, file)
    if same and not same[0].private:
        return NtStatus.SHARING_VIOLATION, None
    if same:
        path = keypath.join(same[0].mount)
    else:
        path = keypath.join((*keypath.APP, f"{{app-{machine.next_app()}}}"))
        status, _ = _mount_file(machine, path, file, MountedBy.APP_KEY)
        if not status.ok:
            return status, None
    return keys.open_key(machine, caller, root=None, path=path, access=access)


def load_silo_hive(machine: Machine, _caller: Tid, *, silo: str, name: str, file: str) -> Answered:
    r"""Mount *file* for *silo* as ``\REGISTRY\WC\Silo<silo><name>``; the result is None.

    SHARING_VIOLATION when the file is loaded already, whoever has mounted it: a container whose
    hive is still mounted is not built a second time (0x80070020; observed by many, that the hive's
    file is what collides is inferred). Such hives differ from others in that they are laid over
    those they come from (Project Zero, The Windows Registry Adventure; documented); here each
    stands alone. It is a request to a driver, not one of the NtLoadKey family: NOT_IMPLEMENTED
    where there is no such driver.
    """
    if not machine.dialect.has(DIFFERENCING):
        return NtStatus.NOT_IMPLEMENTED, None
    if not silo or not name or not file:
        return NtStatus.INVALID_PARAMETER, None
    if _loaded(machine, file):
        return NtStatus.SHARING_VIOLATION, None
    path = keypath.join((*keypath.CONTAINERS, f"Silo{silo}{name}"))
    return _mount_file(machine, path, file, MountedBy.SILO, silo=silo)


def open_job(machine: Machine, caller: Tid, *, silo: str) -> Answered:
    """Have the caller's process open a handle to the job of *silo*, one at most."""
    process = machine.process_of(caller)
    process.jobs |= {silo}
    return NtStatus.SUCCESS, None


def close_job(machine: Machine, caller: Tid, *, silo: str) -> Answered:
    """Close the handle of the caller's process to the job of *silo*; SUCCESS also without one."""
    process = machine.process_of(caller)
    process.jobs -= {silo}
    machine.settle_silo(silo)
    return NtStatus.SUCCESS, None


def _hive_to_unload(
    machine: Machine, caller: Tid, root: int | None, path: str
) -> tuple[NtStatus, Hive | None]:
    status = holds(machine, caller, *machine.dialect.load_privileges)
    if not status.ok:
        return status, None
    status, full = keys.target(machine, caller, root, path)
    if not status.ok:
        return status, None
    number = machine.mounts.get(full)
    grafted = machine.dialect.hives is HiveModel.GRAFTED
    if number is None:
        found, place = machine.locate(full)
        if grafted and place is not None:
            return _cut(machine, *place), None
        return (NtStatus.INVALID_PARAMETER if found.ok else found), None
    hive = machine.hives[number]
    default = machine.dialect.default_unload_status
    if full == ("REGISTRY", "USER", ".DEFAULT") and not default.ok:
        return default, None
    if not grafted and hive.file is None and full[:-1] != keypath.USER:
        return NtStatus.CANNOT_DELETE, None
    return NtStatus.SUCCESS, hive


def _cut(machine: Machine, hive: Hive, path: keypath.Parts) -> NtStatus:
    """Take a plain key and all below it out of the tree, unless a handle to it is open."""
    kcb = machine.kcbs.get((hive.id, path))
    if len(hive.mount) + len(path) < keys.SHALLOWEST or (kcb is not None and kcb.objects):
        return NtStatus.CANNOT_DELETE
    uproot(machine, hive, path)
    keys.changed(machine, hive, path[:-1], NotifyFilter.NAME)
    return NtStatus.SUCCESS


def unload_key(machine: Machine, caller: Tid, *, root: int | None = None, path: str) -> Answered:
    """Unload the hive at *path*; CANNOT_DELETE while a key that blocks on this dialect is open.

    INVALID_PARAMETER when *path* is no hive's root. NT kernels ask for SeRestore only
    (ReactOS ``ntoskrnl/config/ntapi.c``, Wine ``server/registry.c``; observed).
    """
    status, hive = _hive_to_unload(machine, caller, root, path)
    if hive is None:
        return status, None
    if refused(machine, hive):
        return NtStatus.CANNOT_DELETE, None
    unmount(machine, hive, NtStatus.KEY_DELETED)
    return NtStatus.SUCCESS, None


def force_unload_key(
    machine: Machine, caller: Tid, *, root: int | None = None, path: str
) -> Answered:
    """Unload the hive at *path* whatever is open: the handles stay, and every use of one fails.

    Which status they answer is the dialect's. Source: ReactOS ``NtUnloadKey2``; KB 2287297;
    documented.
    """
    status, hive = _hive_to_unload(machine, caller, root, path)
    if hive is None:
        return status, None
    unmount(machine, hive, machine.dialect.unloaded_status)
    return NtStatus.SUCCESS, None


def unload_key_later(
    machine: Machine, caller: Tid, *, root: int | None = None, path: str, event: str = ""
) -> Answered:
    """Unload the hive at *path* now, or when the last key is closed, and signal *event* then.

    The status while it is pending is the dialect's (contested). Inferred from the function's
    prototype and the text of event 1517.
    """
    status, hive = _hive_to_unload(machine, caller, root, path)
    if hive is None:
        return status, None
    if refused(machine, hive):
        hive.pending = event
        return machine.dialect.deferred_status, None
    unmount(machine, hive, NtStatus.KEY_DELETED)
    if event:
        machine.signalled.add(event)
    return NtStatus.SUCCESS, None


def save_key(machine: Machine, caller: Tid, *, handle: int, file: str) -> Answered:
    """Write the key and all below it to a new *file*, open handles or not, volatile keys left out.

    SeBackup is asked for; OBJECT_NAME_COLLISION when the file is there already. Where hives are
    grafted, so are keys that only hold volatile ones (Wine ``server/registry.c``, save_subkeys,
    run on 8.0; observed).
    """
    status = holds(machine, caller, Privilege.BACKUP)
    if not status.ok:
        return status, None
    status, obj = keys.use(machine, caller, handle)
    if obj is None:
        return status, None
    grafted = machine.dialect.hives is HiveModel.GRAFTED
    if machine.files.exists(file) and not grafted:
        return NtStatus.OBJECT_NAME_COLLISION, None
    node = keys.node_of(machine, obj)
    tree = solid(node) if grafted else machine.hives[obj.kcb.hive].image(node).copy(None)
    tree.volatile = False  # a volatile key has no lasting content of its own
    machine.files.write(file, tree)
    return NtStatus.SUCCESS, None


def restore_key(
    machine: Machine, caller: Tid, *, handle: int, file: str, flags: int = 0
) -> Answered:
    """Replace the key's content by that of *file*, or with REFRESH_HIVE by the last flush.

    INVALID_PARAMETER for REFRESH_HIVE or WHOLE_HIVE_VOLATILE below a hive's root.
    ACCESS_DENIED while any other handle is open at or below it, unless FORCE_RESTORE, which makes
    those answer KEY_DELETED. Source: MSDN RegRestoreKey, MS-RRP 3.1.5.22; documented.
    """
    status = holds(machine, caller, Privilege.RESTORE, Privilege.BACKUP)
    if not status.ok:
        return status, None
    status, obj = keys.use(machine, caller, handle)
    if obj is None:
        return status, None
    hive = machine.hives[obj.kcb.hive]
    refresh = bool(flags & RestoreFlag.REFRESH_HIVE)
    whole = refresh or bool(flags & RestoreFlag.WHOLE_HIVE_VOLATILE)
    if (whole and obj.kcb.path) or (refresh and hive.file is None):
        return NtStatus.INVALID_PARAMETER, None
    if len(hive.mount) == 1:  # the namespace itself is no hive of a file; the code is inferred
        return NtStatus.ACCESS_DENIED, None
    source = hive.file if refresh else file
    try:
        tree = machine.files.read(source) if source else None
    except DataError:
        return NtStatus.REGISTRY_CORRUPT, None
    if tree is None:
        return NtStatus.OBJECT_NAME_NOT_FOUND, None
    if not _clear_below(machine, obj, force=bool(flags & RestoreFlag.FORCE_RESTORE)):
        return NtStatus.ACCESS_DENIED, None
    _graft(machine, hive, obj, tree, volatile=bool(flags & RestoreFlag.WHOLE_HIVE_VOLATILE))
    hive.dirty = not refresh
    return NtStatus.SUCCESS, None


def _clear_below(machine: Machine, obj: KeyObject, *, force: bool) -> bool:
    machine.forget_idle()
    here = obj.kcb
    depth = len(here.path)
    below = [
        kcb
        for kcb in machine.kcbs.values()
        if kcb.hive == here.hive and kcb.path[:depth] == here.path and kcb is not here
    ]
    others = [kcb for kcb in below if kcb.objects]
    if not force:
        return not others and len(here.objects) == 1 and obj.handles == 1
    for kcb in sorted(others, key=lambda kcb: kcb.path, reverse=True):
        machine.kill_kcb(kcb, NtStatus.KEY_DELETED)
    return True


def _graft(machine: Machine, hive: Hive, obj: KeyObject, tree: Node, *, volatile: bool) -> None:
    machine.reshaped()
    node = hive.edit(obj.kcb.path)
    fresh = _volatile(tree) if node.volatile else tree.copy(hive.owner)
    node.values, node.children, node.class_name = fresh.values, fresh.children, fresh.class_name
    node.last_write = machine.clock
    if volatile:
        hive.file = None
    keys.changed(machine, hive, obj.kcb.path, NotifyFilter.NAME | NotifyFilter.LAST_SET)


def _volatile(tree: Node) -> Node:
    """Return a copy of *tree* of which every key is volatile, as a key below a volatile one is."""
    twin = tree.copy(None)
    twin.volatile = True
    twin.children = {name: _volatile(kid) for name, kid in twin.children.items()}
    return twin


def replace_key(
    machine: Machine, caller: Tid, *, handle: int, path: str, new_file: str, old_file: str
) -> Answered:
    """Have the key's hive backed by *new_file* from the next start; the old goes to *old_file*.

    A key that is no hive's root stands for the hive above it. Source: MSDN RegReplaceKey;
    documented.
    """
    status = holds(machine, caller, Privilege.RESTORE, Privilege.BACKUP)
    if not status.ok:
        return status, None
    status, full = keys.target(machine, caller, handle, path)
    if not status.ok:
        return status, None
    status, place = machine.locate(full)
    if place is None:
        return status, None
    hive = place[0]
    if hive.file is None:
        return NtStatus.INVALID_PARAMETER, None
    if not machine.files.exists(new_file):
        return NtStatus.OBJECT_NAME_NOT_FOUND, None
    machine.replacements[keypath.fold(hive.mount)] = (new_file, old_file)
    return NtStatus.SUCCESS, None


def restart(machine: Machine) -> None:
    """Start the computer again: every process ends, replacements take effect.

    Of the hives only those stay that the system itself mounted, and no user's.
    """
    for process in list(machine.processes.values()):
        machine.end_process(process)
    for hive in [h for h in machine.hives.values() if h.file is not None]:
        flush(machine, hive)
        swap = machine.replacements.pop(keypath.fold(hive.mount), None)
        if swap is not None:
            machine.files.write(swap[1], hive.image())
            fresh = machine.files.read(swap[0])
            machine.files.write(hive.file or "", fresh if fresh is not None else hive.image())
        users = hive.mount[:2] == keypath.USER and hive.mount[2:] != (".DEFAULT",)
        if users or hive.by is not MountedBy.SYSTEM:
            unmount(machine, hive, NtStatus.KEY_DELETED)
        else:
            hive.root = machine.files.read(hive.file or "") or hive.root
    machine.forget_idle()
    machine.reshaped()
    for hive in machine.hives.values():
        hive.root = durable(hive.root)
    machine.signalled.clear()

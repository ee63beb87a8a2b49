"""Taking a hive out of the namespace, and writing it to its file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regsim import keypath
from regsim.policy import HiveModel
from regsim.status import NtStatus

if TYPE_CHECKING:
    from regsim.kernel.hive import Hive
    from regsim.kernel.machine import Machine
    from regsim.keypath import Parts


def unmount(machine: Machine, hive: Hive, status: NtStatus) -> None:
    """Write *hive* back if it is dirty and take it out; what is still open answers *status*.

    That dirty data is written although the documentation says the file is not modified is
    asserted by Wine's registry tests; observed.
    """
    flush(machine, hive)
    machine.forget_idle()
    machine.reshaped()
    mine = [kcb for kcb in machine.kcbs.values() if kcb.hive == hive.id]
    for kcb in sorted(mine, key=lambda kcb: kcb.path, reverse=True):
        if kcb.objects and not kcb.opens:
            machine.free_under_handles(kcb)
        elif kcb.objects:
            machine.kill_kcb(kcb, status)
    del machine.hives[hive.id]
    del machine.mounts[keypath.fold(hive.mount)]


def uproot(machine: Machine, hive: Hive, path: Parts, *, itself: bool = True) -> None:
    """Delete all below *path* of *hive*, and with *itself* the key too; handles are KEY_DELETED."""
    depth = len(path)
    gone = [
        kcb
        for kcb in machine.kcbs.values()
        if kcb.hive == hive.id and kcb.path[:depth] == path and (itself or kcb.path != path)
    ]
    for kcb in sorted(gone, key=lambda kcb: len(kcb.path), reverse=True):
        if kcb.objects:
            machine.kill_kcb(kcb, NtStatus.KEY_DELETED)
    machine.forget_idle()
    machine.reshaped()
    if itself:
        parent = hive.edit(path[:-1])
        del parent.children[path[-1]]
        parent.last_write = machine.clock
    else:
        node = hive.edit(path)
        node.children, node.values = {}, {}
        node.last_write = machine.clock


def flush(machine: Machine, hive: Hive) -> None:
    """Write *hive* to its file if it has changed; one without a file, or a graft, has none."""
    grafted = machine.dialect.hives is HiveModel.GRAFTED
    if hive.dirty and hive.file is not None and not grafted:
        machine.files.write(hive.file, hive.image())
    hive.dirty = False

"""Taking a hive out of the namespace, and writing it to its file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regsim import keypath

if TYPE_CHECKING:
    from regsim.kernel.hive import Hive
    from regsim.kernel.machine import Machine
    from regsim.status import NtStatus


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


def flush(machine: Machine, hive: Hive) -> None:
    """Write *hive* to its file if it has changed; a hive without a file has nowhere to go."""
    if hive.dirty and hive.file is not None:
        machine.files.write(hive.file, hive.image())
    hive.dirty = False

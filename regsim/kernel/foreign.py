"""Reaching into other processes' handle tables, as a clean-up service does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regsim.kernel.keys import Answered
from regsim.status import NtStatus
from regsim.types import Access, Tid

if TYPE_CHECKING:
    from regsim.kernel.machine import Machine


def release_handles(machine: Machine, _caller: Tid, *, path: str, onto: str | None) -> Answered:
    """Take every handle off the hive at *path*; the result is how many there were.

    With *onto* each is put onto that key instead, under the same number, so that its owner's next
    call finds something; without, it is closed, and the number may come to mean another key.
    Source: UPHClean readme (1.5 closes, later versions remap); inferred in detail.
    """
    hive = machine.hive_at(path)
    if hive is None:
        return NtStatus.OBJECT_NAME_NOT_FOUND, None
    harmless = machine.hive_at(onto) if onto else None
    released = 0
    for process in machine.processes.values():
        for handle in process.table.handles_in(hive.id):
            found = machine.lookup(process, handle)
            if found is None or not found[0].kcb.live:
                continue
            machine.close_handle(process, handle)
            released += 1
            if harmless is not None:
                machine.open_object(process, harmless, (), Access.ALL)
    return NtStatus.SUCCESS, released

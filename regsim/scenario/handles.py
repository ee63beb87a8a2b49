"""The handles of a machine as they stand now: who has which, on what key, and which block."""

from __future__ import annotations

from collections.abc import Container, Iterable
from itertools import islice

from regsim import keypath
from regsim.kernel.hive import Hive
from regsim.kernel.machine import Machine
from regsim.kernel.process import Process
from regsim.kernel.unload import blockers
from regsim.scenario.result import TABLE_LIMIT, OpenHandle

_ROOT_DEPTH = 3
r"""How many names the path of a hive's root has, such as ``\REGISTRY\USER\<SID>``."""


def open_handles(
    machine: Machine, watched: Iterable[Hive], limit: int = TABLE_LIMIT
) -> tuple[OpenHandle, ...]:
    """Return the first *limit* handles of each process, in order of process and handle.

    One blocks if a normal unload of a *watched* hive would fail because of it.
    """
    blocking = {id(kcb) for hive in watched for kcb in blockers(machine, hive)}
    return tuple(
        _row(machine, process, handle, blocking)
        for process in machine.processes.values()
        for handle, _ in islice(process.table.items(), limit)
    )


def count_handles(machine: Machine) -> int:
    """Return how many handles are open in all processes."""
    return sum(len(process.table) for process in machine.processes.values())


def _row(machine: Machine, process: Process, handle: int, blocking: Container[int]) -> OpenHandle:
    held = machine.lookup(process, handle)
    assert held is not None  # noqa: S101 - it was just listed
    kcb = held[0].kcb
    holder = machine.holder(process, handle, held[0])
    mounted = machine.hives.get(kcb.hive) if kcb.live else None
    root = mounted.mount if mounted is not None else keypath.split(holder.key)[:_ROOT_DEPTH]
    return OpenHandle(
        process=holder.process,
        service=holder.service,
        pid=holder.pid,
        handle=holder.handle,
        key=holder.key,
        hive=keypath.join(root),
        opened_by=holder.opened_by,
        implicit=holder.implicit,
        live=kcb.live,
        blocks=id(kcb) in blocking,
    )

"""Held handles: the one record of them, and the one answer to what blocks an unload."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, groupby, islice
from typing import TYPE_CHECKING, Any, overload

import attrs

from regsim import keypath
from regsim.accel.handles import STEP
from regsim.policy import UnloadBlockers

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from regsim.accel import HandleTable
    from regsim.kernel.hive import Hive
    from regsim.kernel.machine import Machine
    from regsim.kernel.objects import Kcb
    from regsim.kernel.process import Process

TABLE_LIMIT = 64
"""How many handles of each process are listed by default; a leak of thousands is counted."""
_ROOT_DEPTH = 3
r"""How many names the path of a hive's root has, such as ``\REGISTRY\USER\<SID>``."""


def blocks(policy: UnloadBlockers, *, is_root: bool) -> bool:
    """Return whether an open key of a hive refuses its normal unload under *policy*.

    *is_root* says whether that key is the hive's root. The sources are with each dialect.
    """
    if policy is UnloadBlockers.ANY:
        return True
    return is_root is (policy is UnloadBlockers.ROOT)


@attrs.frozen(kw_only=True)
class Holding:
    r"""One handle that a process held on a key at one moment, as a support engineer wants it.

    Attributes:
        process: the image of the process that has it; ``service`` names what that hosts.
        key: the full path of the key, ``\REGISTRY\…``, also once the key is gone.
        hive: the path of the root of the hive that ``key`` lies in.
        opened_by: the call that opened it, as a developer would write it.
        implicit: whether nobody asked for it, as for the root behind a predefined key.
        live: whether its key is still there; a forced unload takes it away under the handle.
        blocks: whether a normal unload of the hive that is watched fails because of it.
    """

    process: str
    service: str | None
    pid: int
    handle: int
    key: str
    hive: str
    opened_by: str
    implicit: bool
    live: bool = True
    blocks: bool = False


def blockers(machine: Machine, hive: Hive) -> list[Kcb]:
    """Return the control blocks of *hive* that refuse a normal unload under the dialect's policy.

    The counter of opens is read, not the truth behind it: a wrapped one blocks nothing
    (KB Q179827; that an unload then succeeds is inferred).
    """
    policy, number = machine.dialect.unload_blockers, hive.id
    found = [
        kcb
        for kcb in machine.kcbs.values()
        if kcb.hive == number and kcb.opens and blocks(policy, is_root=not kcb.path)
    ]
    return sorted(found, key=lambda kcb: kcb.path)


def refused(machine: Machine, hive: Hive) -> bool:
    """Return whether a normal unload of *hive* is refused: a key blocks, or it is a silo's own.

    A silo's hives are the system's, whoever has keys open: an unload of them answers
    STATUS_CANNOT_DELETE, and their owner is a component of Windows (windows-driver-docs-ddi PR
    1631; observed, that it does so whatever is open is inferred).
    """
    return bool(hive.silo) or bool(blockers(machine, hive))


@attrs.frozen(eq=False)
class Holdings(Sequence[Holding]):
    """Held handles in order: what is alike but for the number of the handle is described once.

    A leak of thousands is one description with its ``handles``; each is an item all the same.
    """

    alike: tuple[tuple[Holding, tuple[int, ...]], ...] = ()

    def __len__(self) -> int:
        """Return the number of handles."""
        return sum(len(handles) for _, handles in self.alike)

    def __iter__(self) -> Iterator[Holding]:
        """Iterate over the handles, each described."""
        for one, handles in self.alike:
            yield one
            yield from (attrs.evolve(one, handle=handle) for handle in handles[1:])

    @overload
    def __getitem__(self, at: int) -> Holding: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Holding, ...]: ...

    def __getitem__(self, at: int | slice) -> Holding | tuple[Holding, ...]:
        """Return the handle, or those, at *at*; raise `IndexError` for one that is not there."""
        found = range(len(self))[at]
        if isinstance(found, range):
            return tuple(self[number] for number in found)
        end = 0
        for one, handles in self.alike:
            end += len(handles)
            if found < end:
                return attrs.evolve(one, handle=handles[found - end])
        raise AssertionError  # the range has refused what is beyond the last

    def __eq__(self, other: object) -> bool:
        """Return whether *other* has the same handles in the same order."""
        if isinstance(other, Holdings) and self.alike == other.alike:
            return True
        return isinstance(other, Holdings | tuple) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        """Return what equal ones share."""
        return hash(tuple(self))

    def blocking(self) -> Holdings:
        """Return those that block."""
        return Holdings(tuple(these for these in self.alike if these[0].blocks))


def holdings(machine: Machine, hive: Hive) -> Holdings:
    """Return every handle open on a live key of *hive*, in order of process and handle."""
    blocking = _blocking(machine, (hive,))
    return Holdings(
        tuple(
            (holding(machine, process, handles[0], blocking), handles)
            for process in machine.processes.values()
            for handles in _alike(process, process.table.handles_in(hive.id))
            if (found := machine.lookup(process, handles[0])) is not None and found[0].kcb.live
        )
    )


def _alike(process: Process, handles: Iterable[int]) -> Iterator[tuple[int, ...]]:
    """Yield *handles* of *process*, neighbours that stand for the same together."""
    for _, alike in groupby(handles, process.table.lookup):
        yield tuple(alike)


def open_handles(
    machine: Machine, watched: Iterable[Hive], limit: int = TABLE_LIMIT
) -> tuple[Holding, ...]:
    """Return the first *limit* handles of each process, in order of process and handle.

    One blocks if a normal unload of a *watched* hive would fail because of it.
    """
    blocking = _blocking(machine, watched)
    return tuple(
        holding(machine, process, handle, blocking)
        for process in machine.processes.values()
        for handle in _first(process.table, limit)
    )


def _first(table: HandleTable, limit: int) -> Iterator[int]:
    """Yield the *limit* lowest handles of *table*, without listing all the others."""
    values = (handle for handle in count(STEP, STEP) if table.lookup(handle) is not None)
    return islice(values, min(limit, len(table)))


def count_handles(machine: Machine) -> int:
    """Return how many handles are open in all processes."""
    return sum(len(process.table) for process in machine.processes.values())


def holding(
    machine: Machine, process: Process, handle: int, blocking: Container[int] = ()
) -> Holding:
    """Return the record of *handle*, which *process* has open.

    *blocking* are the identities of the control blocks that block; by default none is said to.
    """
    return Holding(**described(machine, process, handle, blocking))


def described(
    machine: Machine, process: Process, handle: int, blocking: Container[int] = ()
) -> dict[str, Any]:
    """Return the fields of `holding`, for a record that has more of them."""
    held = machine.lookup(process, handle)
    assert held is not None  # noqa: S101 - the caller has just found it in the table
    kcb, origin = held[0].kcb, held[0].origin
    key = machine.key_name(kcb)
    mounted = machine.hives.get(kcb.hive) if kcb.live else None
    root = mounted.mount if mounted is not None else keypath.split(key)[:_ROOT_DEPTH]
    return {
        "process": process.image,
        "service": ", ".join(process.services) or None,
        "pid": process.pid,
        "handle": handle,
        "key": key,
        "hive": keypath.join(root),
        "opened_by": origin.call,
        "implicit": origin.implicit,
        "live": kcb.live,
        "blocks": id(kcb) in blocking,
    }


def _blocking(machine: Machine, hives: Iterable[Hive]) -> frozenset[int]:
    return frozenset(id(kcb) for hive in hives for kcb in blockers(machine, hive))

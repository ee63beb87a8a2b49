"""When two machines are the same: by role, and in everything.

The canonical key holds what can still change behaviour. Handles appear by the role that names them
(a predefined key's slot, a variable of a process or thread) or, unnamed, as a sorted multiset; not
by number. It leaves out handle values, pids, object ids and counters of ids, the clock, last-write
times, events, dirty flags, provenance and the server's copy. Every handle to a deleted key that
answers the same status, and needs as many closes, is one value. Equal keys have equal successors; a
property test says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regsim import keypath
from regsim.kernel.process import Memory, Process, Token
from regsim.types import ObjectId

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regsim.kernel.hive import Hive
    from regsim.kernel.machine import Machine
    from regsim.kernel.objects import Kcb

Key = tuple[object, ...]


def canonical(machine: Machine) -> Key:
    """Return the key of *machine*: hashable, equal exactly when the roles stand alike."""
    return (
        machine.dialect.name,
        _memory_vars(machine.memory),
        _namespace(machine),
        machine.files.content(),
        tuple(sorted(machine.signalled)),
        tuple(sorted(machine.replacements.items())),
        machine.corruption is not None,
        _actors(machine),
    )


def _namespace(machine: Machine) -> Key:
    hives = sorted(machine.hives.values(), key=_place)
    return tuple(
        (_place(hive), hive.root.content(), hive.file, hive.app, hive.pending) for hive in hives
    )


def _place(hive: Hive) -> keypath.Parts:
    """Return where *hive* is mounted; of a private hive, whose name is chance, its file."""
    if hive.app:
        return (*keypath.APP, (hive.file or "").upper())
    return keypath.fold(hive.mount)


def _memory_vars(memory: Memory) -> Key:
    return tuple(sorted((name, value) for name, value in memory.vars.items() if value is not None))


def _token(token: Token | None) -> Key | None:
    return None if token is None else (token.sid, tuple(sorted(p.value for p in token.privileges)))


class _Handles:
    """Describe handles in order of role, giving each object and value a number at first sight."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.objects: dict[ObjectId, int] = {}

    def named(self, process: Process, handle: int, seen: dict[int, int]) -> Key:
        """Return the description of a handle that a role names."""
        value = handle & ~3
        if value in seen:
            return ("same", seen[value], handle & 3)
        seen[value] = len(seen)
        entry = process.table.lookup(value)
        if entry is None:
            return ("gone", process.table.reuse_rank(value), handle & 3)
        return (*self.entry(ObjectId(entry[0]), entry[2], inherit=entry[3]), handle & 3)

    def entry(self, number: ObjectId, access: int, *, inherit: bool) -> Key:
        """Return the description of what an open handle stands for."""
        obj = self.machine.objects[number]
        if not obj.kcb.live:
            return ("dead", int(obj.kcb.status), obj.shared)
        shared: object = None
        if obj.handles > 1 or obj.shared > 1 or obj.notifies:
            alias = self.objects.setdefault(number, len(self.objects))
            waits = tuple((n.subtree, int(n.filter), n.event) for n in obj.notifies)
            shared = (alias, obj.shared, waits)
        return (_where(self.machine, obj.kcb), access, inherit, shared)


def _where(machine: Machine, kcb: Kcb) -> keypath.Parts:
    return _place(machine.hives[kcb.hive]) + kcb.path


def _actors(machine: Machine) -> Key:
    handles = _Handles(machine)
    living = sorted(machine.processes.values(), key=lambda process: process.role)
    ended = [t for t in machine.threads.values() if t.pid not in machine.processes]
    return (
        *(_process(machine, handles, process) for process in living),
        tuple(sorted((thread.role, thread.pc, _memory_vars(thread.memory)) for thread in ended)),
    )


def _process(machine: Machine, handles: _Handles, process: Process) -> Key:
    seen: dict[int, int] = {}
    slots = tuple(
        (int(key), slot.owned, slot.override, handles.named(process, slot.handle, seen))
        for key, slot in sorted(process.slots.items())
    )
    own = _named(handles, process, process.memory, seen)
    threads = tuple(
        (
            thread.role,
            thread.pc,
            _token(thread.token),
            _memory_vars(thread.memory),
            _named(handles, process, thread.memory, seen),
        )
        for thread in sorted(machine.threads.values(), key=lambda thread: thread.role)
        if thread.pid == process.pid
    )
    unnamed = sorted(
        repr(handles.entry(ObjectId(entry[0]), entry[2], inherit=entry[3]))
        for handle, entry in process.table.items()
        if handle not in seen
    )
    return (
        process.role,
        _token(process.token),
        process.user,
        tuple(sorted(process.uncached)),
        _memory_vars(process.memory),
        slots,
        own,
        threads,
        tuple(unnamed),
    )


def _named(handles: _Handles, process: Process, memory: Memory, seen: dict[int, int]) -> Key:
    return tuple(
        (name, handles.named(process, memory.handles[name], seen))
        for name in sorted(memory.handles)
    )


def full_state(machine: Machine) -> Key:
    """Return everything there is to *machine*: ids, handle values, times and logs included."""
    return (
        canonical(machine),
        machine.clock,
        machine.serial,
        machine.corruption,
        tuple(machine.events),
        machine.server.content(),
        tuple(_full_hive(machine, number) for number in sorted(machine.hives)),
        tuple(
            (pid, p.role, p.image, p.services, p.table.state(), _raw(p.memory))
            for pid, p in sorted(machine.processes.items())
        ),
        tuple((tid, t.role, t.pid, _raw(t.memory)) for tid, t in sorted(machine.threads.items())),
        tuple(
            (number, obj.handles, obj.origin, obj.kcb.opens, obj.kcb.name)
            for number, obj in sorted(machine.objects.items())
        ),
    )


def _full_hive(machine: Machine, number: int) -> Key:
    hive = next(hive for hive in machine.hives.values() if hive.id == number)
    times = tuple((path, node.name, node.last_write) for path, node in hive.root.walk())
    return (number, hive.mount, hive.dirty, hive.handles, times)


def _raw(memory: Memory) -> Iterable[object]:
    return tuple(sorted(memory.handles.items()))

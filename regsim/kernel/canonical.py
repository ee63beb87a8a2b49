"""When two machines are the same: by role, and in everything.

The canonical key holds what can still change behaviour. Handles appear by the role that names them
(a predefined key's slot, a variable of a process or thread) or, unnamed, as a sorted multiset; not
by number. It leaves out handle values, pids, object ids and counters of ids, the clock, last-write
times, events, dirty flags, provenance and the server's copy. Every handle to a deleted key that
answers the same status, and needs as many closes, is one value. Equal keys have equal successors; a
property test says so.

`describe` gives the parts of a machine, `canonical` puts them together under their roles. A part
names no role itself, so that two processes or threads that stand alike have equal parts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from regsim import keypath
from regsim.kernel.process import Memory, Process, Scalar, Token
from regsim.kernel.tree import Node
from regsim.types import ObjectId, Tid

if TYPE_CHECKING:
    from collections.abc import Iterable

    from regsim.kernel.hive import Hive
    from regsim.kernel.machine import Machine
    from regsim.kernel.objects import Kcb
    from regsim.kernel.process import Thread

Described = tuple[object, ...]
Named = tuple[tuple[str, Described], ...]
"""Handles by the name they are known by, in order of name; see `handle_place`."""


Vars = tuple[tuple[str, Scalar], ...]
"""Variables that have a value, in order of name."""


class ThreadPart(NamedTuple):
    """What matters of a thread: whether its process lives, where it stands, what it remembers."""

    alive: bool
    pc: str
    token: Described | None
    vars: Vars
    handles: Named

    def var(self, name: str) -> Scalar:
        """Return the value of variable *name*, or None."""
        return dict(self.vars).get(name)


class ProcessPart(NamedTuple):
    """What matters of a living process, but for its threads.

    ``silo`` holds the one that it is a member of and those whose jobs it holds; ``slots``
    (predefined key, owned, override, handle); ``unnamed`` the handles that no role names, in an
    order of their own.
    """

    token: Described | None
    user: bool
    silo: Described
    uncached: Described
    vars: Vars
    slots: tuple[tuple[int, bool, bool, Described], ...]
    handles: Named
    unnamed: tuple[Described, ...]

    def var(self, name: str) -> Scalar:
        """Return the value of variable *name*, or None."""
        return dict(self.vars).get(name)


class Namespace(NamedTuple):
    """The hives that are mounted, the files behind them, what a restart will replace.

    ``hives`` holds (place, content, file, what takes it out, its silo, event of a deferred unload).
    """

    hives: tuple[Described, ...]
    files: object
    replacements: Described
    corrupt: bool


class Description(NamedTuple):
    """A machine in parts: processes by role, threads by id, ended ones among them."""

    vars: Vars
    namespace: Namespace
    signals: tuple[str, ...]
    processes: dict[str, ProcessPart]
    threads: dict[Tid, ThreadPart]


def describe(machine: Machine, content: Callable[[Node], object] = Node.content) -> Description:
    """Return the parts of *machine*; *content* gives a tree's, where it is known already."""
    handles = _Handles(machine)
    crew: dict[int, list[Thread]] = {}
    threads: dict[Tid, ThreadPart] = {}
    for thread in machine.threads.values():
        if thread.pid in machine.processes:
            crew.setdefault(thread.pid, []).append(thread)
        else:
            memory = thread.memory
            threads[thread.tid] = ThreadPart(False, thread.pc, None, _memory_vars(memory), ())
    processes: dict[str, ProcessPart] = {}
    for process in sorted(machine.processes.values(), key=_role):
        members = crew.get(process.pid, [])
        if len(members) > 1:
            members.sort(key=_role)
        processes[process.role] = _process(handles, process, members, threads)
    return Description(
        _memory_vars(machine.memory),
        Namespace(
            _hives(machine, content),
            machine.files.content(content),
            tuple(sorted(machine.replacements.items())),
            machine.corruption is not None,
        ),
        tuple(sorted(machine.signalled)),
        processes,
        threads,
    )


def canonical(machine: Machine) -> Described:
    """Return the key of *machine*: hashable, equal exactly when the roles stand alike."""
    parts = describe(machine)
    living: dict[str, list[tuple[str, ThreadPart]]] = {role: [] for role in parts.processes}
    ended: list[tuple[str, ThreadPart]] = []
    for thread in machine.threads.values():
        process = machine.processes.get(thread.pid)
        crew = ended if process is None else living[process.role]
        crew.append((thread.role, parts.threads[thread.tid]))
    return (
        machine.dialect.name,
        parts.vars,
        parts.namespace,
        parts.signals,
        tuple(
            (role, part, tuple(sorted(living[role], key=_first)))
            for role, part in parts.processes.items()
        ),
        tuple(sorted(ended)),
    )


def handle_place(handle: Described) -> keypath.Parts | None:
    """Return the full path of the live key behind a described handle; None where there is none.

    A handle that another role of the process names too counts there, at its first name.
    """
    where = handle[0]
    return where if isinstance(where, tuple) else None


def _role(actor: Process | Thread) -> str:
    return actor.role


def _first(pair: tuple[str, object]) -> str:
    return pair[0]


def _hives(machine: Machine, content: Callable[[Node], object]) -> tuple[Described, ...]:
    """Return what matters of each hive; of who mounted it only what that means for its end."""
    return tuple(
        (_place(hive), content(hive.root), hive.file, hive.ends.name, hive.silo, hive.pending)
        for hive in sorted(machine.hives.values(), key=_place)
    )


def _place(hive: Hive) -> keypath.Parts:
    """Return where *hive* is mounted; of a private hive, whose name is chance, its file."""
    if hive.private:
        return (*keypath.APP, (hive.file or "").upper())
    return keypath.fold(hive.mount)


def _memory_vars(memory: Memory) -> Vars:
    if not memory.vars:
        return ()
    return tuple(sorted((name, value) for name, value in memory.vars.items() if value is not None))


@lru_cache(maxsize=1024)
def _token(token: Token | None) -> Described | None:
    return None if token is None else (token.sid, tuple(sorted(p.value for p in token.privileges)))


class _Handles:
    """Describe handles in order of role, giving each object and value a number at first sight."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.objects: dict[ObjectId, int] = {}

    def named(self, process: Process, handle: int, seen: dict[int, int]) -> Described:
        """Return the description of a handle that a role names."""
        value = handle & ~3
        if value in seen:
            return ("same", seen[value], handle & 3)
        seen[value] = len(seen)
        entry = process.table.lookup(value)
        if entry is None:
            return ("gone", process.table.reuse_rank(value), handle & 3)
        return (*self.entry(ObjectId(entry[0]), entry[2], inherit=entry[3]), handle & 3)

    def names(self, process: Process, memory: Memory, seen: dict[int, int]) -> Named:
        """Return the descriptions of the handles that *memory* names."""
        if not memory.handles:
            return ()
        return tuple(
            (name, self.named(process, memory.handles[name], seen))
            for name in sorted(memory.handles)
        )

    def entry(self, number: ObjectId, access: int, *, inherit: bool) -> Described:
        """Return the description of what an open handle stands for."""
        obj = self.machine.objects[number]
        if not obj.kcb.live:
            return ("dead", int(obj.kcb.status), obj.shared)
        shared: object = None
        if obj.handles > obj.opens or obj.shared > 1 or obj.watch:
            alias = self.objects.setdefault(number, len(self.objects))
            watch = obj.watch and (obj.watch.subtree, int(obj.watch.filter))
            shared = (alias, obj.shared, watch, obj.events)
        return (_where(self.machine, obj.kcb), access, inherit, shared)


def _where(machine: Machine, kcb: Kcb) -> keypath.Parts:
    return _place(machine.hives[kcb.hive]) + kcb.path


def _process(
    handles: _Handles, process: Process, crew: list[Thread], threads: dict[Tid, ThreadPart]
) -> ProcessPart:
    """Return the part of *process*, putting those of its *crew* into *threads*."""
    seen: dict[int, int] = {}
    slots = tuple(
        (int(key), slot.owned, slot.override, handles.named(process, slot.handle, seen))
        for key, slot in sorted(process.slots.items())
    )
    own = handles.names(process, process.memory, seen)
    for thread in crew:
        memory = thread.memory
        threads[thread.tid] = ThreadPart(
            True,
            thread.pc,
            _token(thread.token),
            _memory_vars(memory),
            handles.names(process, memory, seen),
        )
    return ProcessPart(
        _token(process.token),
        process.user,
        (process.silo, tuple(sorted(process.jobs))),
        tuple(sorted(process.uncached)),
        _memory_vars(process.memory),
        slots,
        own,
        _unnamed(handles, process, seen) if len(process.table) else (),
    )


def _unnamed(handles: _Handles, process: Process, seen: dict[int, int]) -> tuple[Described, ...]:
    """Return the handles of *process* that are not among *seen*, alike ones counted."""
    found = [
        handles.entry(ObjectId(entry[0]), entry[2], inherit=entry[3])
        for handle, entry in process.table.items()
        if handle not in seen
    ]
    return tuple(sorted(found, key=repr))


def full_state(machine: Machine) -> Described:
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
            (number, obj.handles, obj.opens, obj.origin, obj.kcb.opens, obj.kcb.name)
            for number, obj in sorted(machine.objects.items())
        ),
    )


def _full_hive(machine: Machine, number: int) -> Described:
    hive = next(hive for hive in machine.hives.values() if hive.id == number)
    times = tuple((path, node.name, node.last_write) for path, node in hive.root.walk())
    return (number, hive.mount, hive.by, hive.dirty, hive.handles, times)


def _raw(memory: Memory) -> Iterable[object]:
    return tuple(sorted(memory.handles.items()))

"""One simulated computer: the namespace, its hives, the processes, and every handle between them.

All state of the simulation is here. The operations on it are the modules beside this one; each
takes the machine and the calling thread and answers with a status and a result.
"""

from __future__ import annotations

from collections import deque
from itertools import groupby, repeat
from typing import TYPE_CHECKING

import attrs

from regsim import keypath
from regsim.accel import new_handle_table
from regsim.display import Displayed
from regsim.errors import UsageError
from regsim.kernel import canonical, invariants
from regsim.kernel.hive import Hive, HiveStore, MemoryStore
from regsim.kernel.holding import holdings, refused
from regsim.kernel.objects import Kcb, KeyObject
from regsim.kernel.process import SYSTEM_TOKEN, Memory, Process, Thread, Token
from regsim.kernel.tree import Node
from regsim.kernel.unload import unmount
from regsim.policy import DIFFERENCING, Dialect, MountedBy, Unmount
from regsim.status import NtStatus
from regsim.types import NO_HANDLE, Handle, HiveId, ObjectId, Pid, PredefinedKey, Tid

if TYPE_CHECKING:
    from collections.abc import Callable

    from regsim.kernel.holding import Holdings
    from regsim.keypath import Parts

IDLE_KCBS = 64
"""How many control blocks of keys that nobody has open are kept for the next open.

Windows keeps such blocks in a table of delayed closes and takes them back before an unload
(ReactOS PR 6649; documented). They change no result.
"""

_SUCCESS = NtStatus.SUCCESS

_new: Callable[[type[KeyObject]], KeyObject] = object.__new__

_LAST_HANDLE = Unmount.LAST_HANDLE

MAX_PLACES = 4096
"""How many paths are kept with where they lead."""

MAX_LINKS = 32
"""How many symbolic links one open follows before it gives up."""


@attrs.frozen
class Event:
    """An entry of the event log: the source, the id, and the text a user would read."""

    source: str
    id: int
    message: str


class Machine(Displayed):
    r"""One simulated computer under one dialect.

    The dialect is given itself or by name.

    >>> machine = Machine("nt4-sp6a")
    >>> machine.mount_hive(r"\REGISTRY\USER\S-1-5-21-7").handles
    0
    """

    counts_opens = False
    """Whether a handle was ever given out a second time, so that closes must count opens."""

    call = ""
    """The call in progress as a developer would write it, kept with what it opens."""

    implicit = False
    """Whether what is opened now is opened behind the caller's back."""

    site: object = None
    """Where in a caller's own program the call in progress was made, kept with what it opens."""

    def __init__(self, dialect: Dialect | str, *, files: HiveStore | None = None) -> None:
        self.dialect = Dialect.named(dialect)
        self.count_mask = (1 << self.dialect.refcount_bits) - 1
        self.files: HiveStore = files if files is not None else MemoryStore()
        self.server: HiveStore = MemoryStore()
        self.hives: dict[HiveId, Hive] = {}
        self.mounts: dict[Parts, HiveId] = {}
        self.kcbs: dict[tuple[HiveId, Parts], Kcb] = {}
        self.stamp = 0
        self.idle: deque[Kcb] = deque()
        self.places: dict[tuple[HiveId, Parts, str], tuple[Hive, Parts]] = {}
        self.objects: dict[ObjectId, KeyObject] = {}
        self.processes: dict[Pid, Process] = {}
        self.threads: dict[Tid, Thread] = {}
        self.memory = Memory()
        self.signalled: set[str] = set()
        self.watching: set[ObjectId] = set()
        self.replacements: dict[Parts, tuple[str, str]] = {}
        self.events: list[Event] = []
        self.corruption: str | None = None
        self.clock = 0
        self.serial = 0
        self._ids = {"hive": 1, "pid": 1, "tid": 1, "app": 1}
        self._next_object = 1
        self._deepest = 1
        root = self.mount_hive("\\REGISTRY").root
        containers = ("WC",) if self.dialect.has(DIFFERENCING) else ()
        for name in ("MACHINE", "USER", "A", *containers):
            root.children[name] = Node(name)

    # -- ids, snapshots ---------------------------------------------------------------------

    def _next(self, kind: str) -> int:
        number = self._ids[kind]
        self._ids[kind] = number + 1
        return number

    def next_app(self) -> int:
        """Return a number for a private hive's mount, never given before in this machine."""
        return self._next("app")

    def snapshot(self) -> Machine:
        """Return a machine with the same state, sharing trees until one of the two writes.

        A hive store that keeps real files is shared, not copied.
        """
        twin = Machine.__new__(Machine)
        twin.counts_opens = self.counts_opens
        twin.dialect, twin.count_mask = self.dialect, self.count_mask
        twin.files, twin.server = self.files.snapshot(), self.server.snapshot()
        twin.hives = {number: hive.snapshot() for number, hive in self.hives.items()}
        twin.mounts = self.mounts.copy()
        self.forget_idle()
        twin.idle, twin.places, twin.stamp = deque(), {}, self.stamp
        blocks = _copy_blocks(self)
        twin.kcbs = {key: blocks[id(kcb)] for key, kcb in self.kcbs.items()}
        twin.objects = {
            number: attrs.evolve(obj, kcb=blocks[id(obj.kcb)])
            for number, obj in self.objects.items()
        }
        twin.processes = {pid: process.copy() for pid, process in self.processes.items()}
        twin.threads = {tid: thread.copy() for tid, thread in self.threads.items()}
        twin.memory = self.memory.copy()
        twin.signalled, twin.watching = self.signalled.copy(), self.watching.copy()
        twin.replacements = self.replacements.copy()
        twin.events = self.events.copy()
        twin.corruption, twin.call = self.corruption, self.call
        twin.clock, twin.serial = self.clock, self.serial
        twin._ids = self._ids.copy()  # noqa: SLF001 - its own kind
        twin._next_object = self._next_object  # noqa: SLF001 - its own kind
        twin._deepest = self._deepest  # noqa: SLF001 - its own kind
        return twin

    def check(self) -> None:
        """Assert every invariant; raise `InvariantError` naming the first that is broken."""
        invariants.check(self)

    def canonical(self) -> tuple[object, ...]:
        """Return the key of what can still change behaviour, by role: see `kernel.canonical`."""
        return canonical.canonical(self)

    def same_as(self, other: Machine) -> bool:
        """Return whether the two are equal in everything, handle values, ids and times included."""
        return canonical.full_state(self) == canonical.full_state(other)

    # -- the namespace ----------------------------------------------------------------------

    def mount_hive(
        self,
        path: str,
        root: Node | None = None,
        *,
        file: str | None = None,
        by: MountedBy = MountedBy.SYSTEM,
        silo: str = "",
    ) -> Hive:
        r"""Mount a tree at *path* and return the hive; all else is NtLoadKey's to check.

        Raises `UsageError` for a path that does not begin with ``\REGISTRY``, such as ``HKU\...``.
        """
        parts = keypath.split(path)
        if keypath.fold(parts[:1]) != ("REGISTRY",):
            raise _no_mount(path, parts)
        hive = Hive(
            id=HiveId(self._next("hive")),
            mount=parts,
            root=root if root is not None else Node(parts[-1], last_write=self.clock),
            file=file,
            by=by,
            ends=self.dialect.unmounts.of(by),
            silo=silo,
        )
        self.hives[hive.id] = hive
        self.mounts[keypath.fold(parts)] = hive.id
        self._deepest = max(self._deepest, len(parts))
        self.reshaped()
        return hive

    def reshaped(self) -> None:
        """Note that a path, a predefined key or a control block may mean something else now.

        ``stamp`` counts these changes, and the handles that were added to objects.
        """
        self.stamp += 1
        self.places.clear()

    def hive_at(self, path: str) -> Hive | None:
        """Return the hive whose root is exactly at *path*, or None."""
        number = self.mounts.get(keypath.fold(keypath.split(path)))
        return None if number is None else self.hives[number]

    def divide(self, full: Parts) -> tuple[Hive, Parts] | None:
        """Return the hive that folded path *full* falls into and the rest below its root."""
        for depth in range(min(len(full), self._deepest), 0, -1):
            number = self.mounts.get(full[:depth])
            if number is not None:
                return self.hives[number], full[depth:]
        return None

    def locate(
        self, full: Parts, *, open_link: bool = False
    ) -> tuple[NtStatus, tuple[Hive, Parts] | None]:
        """Return where folded path *full* leads, links followed.

        OBJECT_NAME_NOT_FOUND when a key on the way is missing, INVALID_PARAMETER when its name is
        longer than any; the dialect says what links that turn in a circle give. With *open_link*
        the last name is not followed.
        """
        for _ in range(MAX_LINKS):
            place = self.divide(full)
            if place is None:
                return NtStatus.OBJECT_NAME_NOT_FOUND, None
            hive, path = place
            node = hive.root
            for index, name in enumerate(path):
                child = node.children.get(name)
                if child is None:
                    return self._missing(name), None
                node = child
                last = index == len(path) - 1
                if node.link is not None and not (last and open_link):
                    full = keypath.fold(keypath.split(node.link)) + path[index + 1 :]
                    break
            else:
                return NtStatus.SUCCESS, place
        return self.dialect.link_loop_status, None

    def _missing(self, name: str) -> NtStatus:
        if keypath.units(name) > self.dialect.limits.key_name:
            return NtStatus.INVALID_PARAMETER
        return NtStatus.OBJECT_NAME_NOT_FOUND

    def follow(self, written: Parts) -> Parts:
        """Return full path *written* with each link on the way replaced by where it leads.

        For a path that leads to no key yet: so a key is made at the end of a dangling link.
        """
        for _ in range(MAX_LINKS):
            place = self.divide(keypath.fold(written))
            if place is None:
                break
            hive, path = place
            above = len(written) - len(path)
            node: Node | None = hive.root
            for index, name in enumerate(path):
                node = node.children.get(name) if node is not None else None
                if node is not None and node.link is not None:
                    written = keypath.split(node.link) + written[above + index + 1 :]
                    break
            else:
                break
        return written

    def locate_below(self, kcb: Kcb, path: str) -> tuple[NtStatus, tuple[Hive, Parts] | None]:
        """Return where *path* below *kcb*'s key leads, links followed; what leads there is kept.

        ``places`` keeps it until a key is created or deleted, a link set or a hive comes or goes.
        """
        known = (kcb.hive, kcb.path, path)
        place = self.places.get(known)
        if place is not None:
            return NtStatus.SUCCESS, place
        status, place = self.locate(self.full_path(kcb) + keypath.fold(keypath.split(path)))
        if place is not None:
            if len(self.places) >= MAX_PLACES:
                self.places.clear()
            self.places[known] = place
        return status, place

    def full_path(self, kcb: Kcb) -> Parts:
        """Return the folded path of *kcb*'s key from the top of the namespace."""
        return keypath.fold(self.hives[kcb.hive].mount) + kcb.path

    def key_name(self, kcb: Kcb) -> str:
        """Return the full path of *kcb*'s key as written, also once the key is dead."""
        if not kcb.live or kcb.hive not in self.hives:
            return kcb.name
        hive = self.hives[kcb.hive]
        return keypath.join(hive.mount + hive.names(kcb.path))

    # -- control blocks, objects, handles ----------------------------------------------------

    def _kcb(self, hive: Hive, path: Parts) -> Kcb:
        kcb = self.kcbs.get((hive.id, path))
        if kcb is not None:
            return kcb
        parent: Kcb | None = None
        if path:
            parent = self._kcb(hive, path[:-1])
        elif len(hive.mount) > 1:
            above = self.divide(keypath.fold(hive.mount[:-1]))
            parent = self._kcb(*above) if above is not None else None
        if parent is not None:
            parent.children += 1
        kcb = self.kcbs[(hive.id, path)] = Kcb(hive.id, path, parent)
        return kcb

    def _release_kcb(self, kcb: Kcb) -> None:
        """Keep *kcb* for the next open if nothing needs it any more, the oldest kept one not."""
        if kcb.idle or kcb.objects or kcb.children:
            return
        kcb.idle = True
        self.idle.append(kcb)
        if len(self.idle) > IDLE_KCBS:
            self._free_kcb(self.idle.popleft())

    def _free_kcb(self, kcb: Kcb | None) -> None:
        """Free *kcb*, which is kept no longer, and those above, if nothing needs them."""
        if kcb is not None:
            kcb.idle = False
        while kcb is not None and kcb.live and not (kcb.objects or kcb.children or kcb.idle):
            del self.kcbs[(kcb.hive, kcb.path)]
            if kcb.parent is not None:
                kcb.parent.children -= 1
            kcb = kcb.parent

    def forget_idle(self) -> None:
        """Free the control blocks that are only kept for a next open."""
        while self.idle:
            self._free_kcb(self.idle.popleft())

    def kill_kcb(self, kcb: Kcb, status: NtStatus) -> None:
        """Make *kcb* answer *status* from now on: its key is deleted or its hive is gone."""
        self.reshaped()
        kcb.name = self.key_name(kcb)
        kcb.status = status
        del self.kcbs[(kcb.hive, kcb.path)]
        hive = self.hives[kcb.hive]
        for number in kcb.objects:
            obj = self.objects[number]
            hive.handles -= obj.handles
            self.end_notifies(obj)
        parent, kcb.parent = kcb.parent, None
        if parent is not None:
            parent.children -= 1
            self._free_kcb(parent if not parent.idle else None)

    def open_object(
        self, process: Process, hive: Hive, path: Parts, access: int, *, inherit: bool = False
    ) -> Handle:
        """Open the key at folded *path* of *hive* for *process* and return the new handle."""
        return self.open_block(process, hive, self._kcb(hive, path), access, inherit=inherit)

    def open_block(
        self, process: Process, hive: Hive, kcb: Kcb, access: int, *, inherit: bool = False
    ) -> Handle:
        """Open the key of *kcb*, which lies in *hive*, for *process*; return the new handle."""
        opens = kcb.opens
        kcb.opens = opens + 1 if opens < self.count_mask else 0
        number: ObjectId = self._next_object  # type: ignore[assignment]
        self._next_object = number + 1
        # Every open makes one, and going through the class takes three times as long.
        self.objects[number] = obj = _new(KeyObject)
        obj.id, obj.kcb, obj.handles = number, kcb, 1
        obj.made = (self.call, process.role, self.implicit, self.serial, self.site)
        obj.shared, obj.watch, obj.events, obj.opens = 1, None, (), 1
        kcb.objects.add(number)
        hive.handles += 1
        return process.table.open(number, kcb.hive, access, inherit)  # type: ignore[return-value]

    def open_alike(self, process: Process, hive: Hive, kcb: Kcb, access: int, times: int) -> None:
        """Open the key of *kcb* *times* over, as `open_block` does; one object stands for them."""
        handle = self.open_block(process, hive, kcb, access)
        entry = process.table.lookup(handle)
        assert entry is not None  # noqa: S101 - it has just been opened
        obj, more = self.objects[ObjectId(entry[0])], times - 1
        self._next_object += more
        obj.opens = obj.handles = times
        kcb.opens = (kcb.opens + more) & self.count_mask
        hive.handles += more
        deque(map(process.table.duplicate, repeat(handle, more)), maxlen=0)

    def apart(self, process: Process, handle: int) -> KeyObject:
        """Return the object behind the open *handle* of *process*, of which no other is a part."""
        entry = process.table.lookup(handle)
        assert entry is not None  # noqa: S101 - the caller knows that it is open
        obj = self.objects[ObjectId(entry[0])]
        if obj.opens == 1:
            return obj
        number = ObjectId(self._next_object)
        self._next_object += 1
        alone = self.objects[number] = attrs.evolve(obj, id=number, handles=1, opens=1)
        obj.handles -= 1
        obj.opens -= 1
        obj.kcb.objects.add(number)
        process.table.close(handle)
        process.table.open(number, *entry[1:])  # the value freed last is given out first
        return alone

    def add_handle(
        self, process: Process, obj: KeyObject, access: int, *, inherit: bool = False
    ) -> Handle:
        """Give *process* one more handle to *obj* and return it."""
        self._count_handle(obj)
        return Handle(process.table.open(obj.id, obj.kcb.hive, access, inherit))

    def _count_handle(self, obj: KeyObject) -> None:
        self.stamp += 1
        obj.handles += 1
        if obj.kcb.live:
            self.hives[obj.kcb.hive].handles += 1

    def lookup(self, process: Process, handle: int) -> tuple[KeyObject, int] | None:
        """Return the object and access behind *handle* in *process*, or None."""
        entry = process.table.lookup(handle)
        return None if entry is None else (self.objects[entry[0]], entry[2])  # type: ignore[index]

    def close_handle(self, process: Process, handle: int) -> NtStatus:
        """Close *handle* in *process*; one that is not open is INVALID_HANDLE."""
        number = process.table.close(handle)
        if number < 0:
            return NtStatus.INVALID_HANDLE
        self.drop_reference(self.objects[number])  # type: ignore[index]
        return _SUCCESS

    def drop_reference(self, obj: KeyObject) -> None:
        """Take one handle off *obj*; the last one ends it and may let its hive unload."""
        obj.handles = handles = obj.handles - 1
        kcb = obj.kcb
        hive = self.hives[kcb.hive] if kcb.status is _SUCCESS else None
        if hive is not None:
            hive.handles -= 1
        if handles >= obj.opens:
            return
        if obj.events:
            self.end_notifies(obj)
        if handles:
            obj.opens -= 1
        else:
            del self.objects[obj.id]
            kcb.objects.discard(obj.id)
        if hive is None:
            return
        reads = kcb.opens
        kcb.opens = reads - 1 if reads else self.count_mask
        if reads <= 1 and kcb.objects:
            self.free_under_handles(kcb)
        elif not kcb.idle:
            self._release_kcb(kcb)
        if hive.pending is not None or hive.ends is _LAST_HANDLE:
            self.settle(hive)

    def drop_alike(self, obj: KeyObject, times: int) -> None:
        """Take *times* handles off *obj*, as `drop_reference` does one after the other."""
        while times:
            # Till the count reads 1, or the last one ends, a close does nothing but count down;
            # unless a hive waits for it.
            plain, kcb = min(times, obj.opens) - 1, obj.kcb
            hive = self.hives[kcb.hive] if kcb.live else None
            if hive is not None:
                waits = hive.pending is not None or hive.ends is _LAST_HANDLE
                plain = 0 if waits else max(0, min(plain, kcb.opens - 2))
                kcb.opens -= plain
                hive.handles -= plain
            obj.handles -= plain
            obj.opens -= plain
            times -= plain
            self.drop_reference(obj)
            times -= 1

    def free_under_handles(self, kcb: Kcb) -> None:
        """Free *kcb* although handles remain, as a wrapped counter makes the kernel do.

        Source: KB Q179827 (pool corruption, then a STOP at random); documented.
        """
        left = sum(self.objects[number].opens for number in kcb.objects)
        self.kill_kcb(kcb, NtStatus.UNSUCCESSFUL)
        kcb.freed = True
        self.corruption = f"{kcb.name}: control block freed under {left} open handles (KB Q179827)"

    def settle(self, hive: Hive) -> None:
        """Unload *hive* if that was deferred, or it is private, and nothing refuses it any more."""
        due = hive.pending is not None or hive.ends is _LAST_HANDLE
        if due and not refused(self, hive):
            event = hive.pending
            unmount(self, hive, NtStatus.KEY_DELETED)
            if event:
                self.signalled.add(event)

    def end_notifies(self, obj: KeyObject) -> None:
        """Signal what waits on *obj*: it was closed or its key is gone (MSDN; documented)."""
        self.signalled.update(obj.events)
        obj.events = ()
        self.watching.discard(obj.id)

    # -- processes --------------------------------------------------------------------------

    def start_process(
        self,
        role: str,
        *,
        image: str = "",
        token: Token = SYSTEM_TOKEN,
        services: tuple[str, ...] = (),
        user: bool = False,
        parent: Process | None = None,
        silo: str = "",
    ) -> Process:
        """Start a process named *role* and return it; it inherits *parent*'s inheritable handles.

        They have the same values there (MSDN, Handle Inheritance; documented). It is a member of
        *silo*, else of its parent's (MSDN, Job Objects: a child is associated with the job that its
        parent is in; documented).

        Raises `UsageError` when a living process has that role.
        """
        if any(process.role == role for process in self.processes.values()):
            raise UsageError(f"a process with the role {role!r} is already running")
        process = Process(
            pid=Pid(4 * self._next("pid") + 96),
            role=role,
            image=image or f"{role}.exe",
            token=token,
            table=parent.table.copy() if parent else new_handle_table(),
            services=services,
            user=user,
            silo=silo or (parent.silo if parent else ""),
        )
        self.processes[process.pid] = process
        for handle, (number, _, _, inherit) in list(process.table.items()):
            if inherit:
                self._count_handle(self.objects[ObjectId(number)])
            else:
                process.table.close(handle)
        return process

    def start_thread(self, process: Process, role: str = "", *, pc: str = "") -> Thread:
        """Start a thread of *process* and return it; its role defaults to the process's."""
        thread = Thread(
            tid=Tid(4 * self._next("tid") + 10_000),
            pid=process.pid,
            role=role or process.role,
            pc=pc,
        )
        self.threads[thread.tid] = thread
        return thread

    def end_process(self, process: Process) -> None:
        """End *process*: every handle it holds is closed, the hidden cached roots among them.

        A thread that runs a program stays on record, ended, so that the program can notice.
        """
        del self.processes[process.pid]
        for thread in [t for t in self.threads.values() if t.pid == process.pid]:
            thread.alive = False
            thread.token = None
            thread.memory.handles.clear()
            if not thread.pc:
                del self.threads[thread.tid]
        for number, alike in groupby(process.table.close_all()):
            self.drop_alike(self.objects[ObjectId(number)], len(tuple(alike)))
        for silo in sorted(process.jobs | {process.silo} - {""}):
            self.settle_silo(silo)

    def settle_silo(self, silo: str) -> None:
        """Take out the hives of *silo* if nothing keeps them: which that is, the dialect says.

        That what somebody else has open in them answers as after a forced unload is inferred.
        """
        if any(process.silo == silo for process in self.processes.values()):
            return
        held = any(silo in process.jobs for process in self.processes.values())
        for hive in [hive for hive in self.hives.values() if hive.silo == silo]:
            if hive.ends is Unmount.LAST_MEMBER or (hive.ends is Unmount.JOB_CLOSED and not held):
                unmount(self, hive, self.dialect.unloaded_status)

    def moment(self) -> tuple[int, ...]:
        """Return what stays the same as long as nobody's handles do, and what they lead to.

        Opens number their objects, and `reshaped` counts what else adds a handle or changes where
        one leads: so a handle can only have been closed, and then there are fewer.
        """
        many = sum(len(process.table) for process in self.processes.values())
        return self._next_object, self.stamp, many

    def process_of(self, caller: Tid) -> Process:
        """Return the process of thread *caller*; raise `UsageError` when it has ended."""
        process = self.processes.get(self.threads[caller].pid)
        if process is None:
            raise UsageError(f"thread {self.threads[caller].role!r} belongs to an ended process")
        return process

    def process_named(self, role: str) -> Process | None:
        """Return the living process with that role, or None."""
        return next((p for p in self.processes.values() if p.role == role), None)

    def effective_token(self, caller: Tid) -> Token:
        """Return whom *caller* acts as: the impersonated user, else its process's."""
        return self.threads[caller].token or self.process_of(caller).token

    def slot_handle(self, process: Process, key: PredefinedKey) -> Handle:
        """Return the handle behind *key* in *process* just now; `NO_HANDLE` when it is empty."""
        slot = process.slots.get(key)
        return slot.handle if slot is not None else NO_HANDLE

    # -- looking ----------------------------------------------------------------------------

    def holders(self, hive: Hive) -> Holdings:
        """Return every handle open on a live key of *hive*, in order of process and handle."""
        return holdings(self, hive)

    def log(self, source: str, number: int, message: str) -> None:
        """Write an entry to the event log."""
        self.events.append(Event(source, number, message))


_ALIASES = {
    "HKU": keypath.USER,
    "HKEY_USERS": keypath.USER,
    "HKLM": keypath.MACHINE,
    "HKEY_LOCAL_MACHINE": keypath.MACHINE,
}


def _no_mount(path: str, parts: Parts) -> UsageError:
    base = _ALIASES.get(keypath.fold_name(parts[0])) if parts else None
    write = keypath.join((*base, *parts[1:])) if base else keypath.user_root("<SID>")
    return UsageError(f"a hive is mounted at its kernel path: write {write} for {path!r}")


def _copy_blocks(machine: Machine) -> dict[int, Kcb]:
    """Return a copy of each control block, alive or dead, by the identity of the original.

    A block that a wrapped counter freed may live on as the parent of others alone.
    """
    blocks: dict[int, Kcb] = {}
    originals = [*machine.kcbs.values(), *(obj.kcb for obj in machine.objects.values())]
    for kcb in originals:
        if id(kcb) not in blocks:
            blocks[id(kcb)] = attrs.evolve(kcb, objects=kcb.objects.copy())
            if kcb.parent is not None and not kcb.parent.live:
                originals.append(kcb.parent)
    for kcb in originals:
        if kcb.parent is not None:
            blocks[id(kcb)].parent = blocks[id(kcb.parent)]
    return blocks

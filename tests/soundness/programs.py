"""Random programs on a machine, and what a recorder at the kernel's gate would have seen of them.

A program is a seed. It is played on a `Machine`; after each step the handle tables before and after
are compared, so that what Windows opens unasked is seen as well. Beside each event stands which
users' hives were held once it had happened: the truth that a verdict must not contradict.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence

import attrs

from regsim import dialects, keypath
from regsim.kernel.machine import Machine
from regsim.kernel.process import Process, Token
from regsim.kernel.tree import Node, grow
from regsim.status import NtStatus
from regsim.types import Access, ObjectId, PredefinedKey, Sid
from regsim.win32.api import Api

OS = "win10"
USERS = (Sid("S-1-5-21-1-2-3-1001"), Sid("S-1-5-21-1-2-3-1002"))
_BELOW = ("", "\\Software", "\\Software\\Vendor", "\\Console", "\\Missing")
_LOCAL = ("\\REGISTRY\\MACHINE\\Software", "\\REGISTRY\\MACHINE\\Software\\Vendor")
_SERVICE = 4
_FAILED = NtStatus.OBJECT_NAME_NOT_FOUND


@attrs.frozen(kw_only=True)
class Event:
    """One event.

    ``kind`` is ``start``, ``exit``, ``open``, ``close``, ``duplicate``, ``load``, ``unload`` or
    ``query``. ``parent`` is the parent's pid of a start; ``source`` the pid and the handle that a
    duplicate was made of; ``inherited`` marks one that a start made, ``rundown`` a close that an
    exit made. ``held`` has the SIDs whose hives could not be unloaded after the event.
    """

    kind: str
    pid: int
    image: str
    key: str = ""
    handle: int = 0
    status: int = 0
    access: int = 0
    parent: int = 0
    source: tuple[int, int] = (0, 0)
    inherit: bool = False
    inherited: bool = False
    rundown: bool = False
    forced: bool = False
    held: frozenset[str] = frozenset()


@attrs.define
class _Played:
    """A machine that is played on, and the events so far."""

    rng: random.Random
    machine: Machine
    service: Api
    apis: list[Api] = attrs.field(factory=list)
    events: list[Event] = attrs.field(factory=list)
    tables: dict[int, dict[int, tuple[int, int, int, bool]]] = attrs.field(factory=dict)
    names: dict[int, str] = attrs.field(factory=dict)

    # -- what is seen -----------------------------------------------------------------------

    def tell(self, kind: str, process: Process, **more: object) -> None:
        self.events.append(
            Event(kind=kind, pid=process.pid, image=process.image, held=self.held(), **more)  # type: ignore[arg-type]
        )

    def held(self) -> frozenset[str]:
        hives = ((sid, self.machine.hive_at(keypath.user_root(sid))) for sid in USERS)
        return frozenset(sid for sid, hive in hives if hive is not None and hive.handles)

    def changes(self, process: Process, **more: object) -> None:
        """Tell the handles that the last step opened and closed in *process*."""
        before = self.tables.get(process.pid, {})
        now = {handle: tuple(entry) for handle, entry in process.table.items()}
        for handle in [handle for handle in before if now.get(handle) != before[handle]]:
            key = self.names[before[handle][0]]
            self.tell("close", process, handle=handle, key=key, **more)
        new = [handle for handle in now if now[handle] != before.get(handle)]
        for handle in sorted(new, key=lambda handle: now[handle][0]):
            number, _, access, inherit = now[handle]
            kcb = self.machine.objects[ObjectId(number)].kcb
            self.names.setdefault(number, self.machine.key_name(kcb))
            key = self.names[number]
            self.tell("open", process, handle=handle, key=key, access=access, inherit=inherit)
        self.tables[process.pid] = now  # type: ignore[assignment]

    # -- what is done -----------------------------------------------------------------------

    def step(self) -> None:
        rng = self.rng
        if not self.apis:
            return self.start()
        api = rng.choice(self.apis)
        do = rng.choices(
            (self.open, self.current_user, self.close, self.duplicate, self.query, self.exit),
            (10, 6, 14, 2, 3, 2),
        )[0]
        if rng.random() < 0.2:
            rng.choices((self.start, self.load, self.unload, self.force), (4, 4, 3, 1))[0]()
        else:
            do(api)
        return None

    def start(self) -> None:
        rng, machine = self.rng, self.machine
        sid = rng.choice(USERS)
        parent = None
        if self.apis and rng.random() < 0.5:
            parent = machine.process_of(rng.choice(self.apis).tid)
        image = rng.choice(("app.exe", "tray.exe", "svchost.exe", "backup.exe"))
        role = f"p{len(self.events)}"
        process = machine.start_process(role, image=image, token=Token(sid), parent=parent)
        self.tell("start", process, parent=parent.pid if parent else _SERVICE)
        inherited = {h: tuple(entry) for h, entry in process.table.items()}
        for handle, (number, _, access, _inherit) in inherited.items():
            theirs = next(h for h, e in parent.table.items() if e[0] == number)  # type: ignore[union-attr]
            self.tell(
                "duplicate",
                process,
                handle=handle,
                key=self.names[number],
                access=access,
                source=(parent.pid, theirs),  # type: ignore[union-attr]
                inherited=True,
            )
        self.tables[process.pid] = inherited  # type: ignore[assignment]
        self.apis.append(Api(machine, machine.start_thread(process)))

    def exit(self, api: Api) -> None:
        process = self.machine.process_of(api.tid)
        self.apis.remove(api)
        self.machine.end_process(process)
        self.changes(process, rundown=True)
        self.tell("exit", process)
        del self.tables[process.pid]

    def open(self, api: Api) -> None:
        process = self.machine.process_of(api.tid)
        path = self.rng.choice(_LOCAL)
        if self.rng.random() < 0.75:
            path = keypath.user_root(self.rng.choice(USERS)) + self.rng.choice(_BELOW)
        status, _ = api.NtOpenKey(path, access=Access.READ, inherit=self.rng.random() < 0.15)
        if not status.ok:
            self.tell("open", process, key=path, status=int(_FAILED), access=int(Access.READ))
        self.changes(process)

    def current_user(self, api: Api) -> None:
        api.RegOpenKeyEx(PredefinedKey.CURRENT_USER, "Software")
        self.changes(self.machine.process_of(api.tid))

    def close(self, api: Api) -> None:
        process = self.machine.process_of(api.tid)
        open_now = [handle for handle, _ in process.table.items()]
        if open_now:
            api.NtClose(self.rng.choice(open_now))
            self.changes(process)

    def duplicate(self, api: Api) -> None:
        process = self.machine.process_of(api.tid)
        open_now = [handle for handle, _ in process.table.items()]
        if not open_now:
            return
        source = self.rng.choice(open_now)
        target = self.machine.process_of(self.rng.choice(self.apis).tid)
        status, handle = api.NtDuplicateObject(source, to=target.pid)
        if status.ok:
            entry = target.table.lookup(handle)
            self.tables[target.pid][handle] = tuple(entry)  # type: ignore[assignment,arg-type]
            key = self.names[entry[0]]  # type: ignore[index]
            self.tell("duplicate", target, handle=handle, key=key, source=(process.pid, source))

    def query(self, api: Api) -> None:
        self.tell("query", self.machine.process_of(api.tid), key=self.rng.choice(_LOCAL))

    def load(self) -> None:
        process = self.machine.process_of(self.service.tid)
        sid = self.rng.choice(USERS)
        path = keypath.user_root(sid)
        if self.machine.hive_at(path) is None:
            status, _ = self.service.NtLoadKey(path, f"C:\\Users\\{sid}\\NTUSER.DAT")
            self.tell("load", process, key=path, status=int(status))

    def unload(self, *, force: bool = False) -> None:
        process = self.machine.process_of(self.service.tid)
        path = keypath.user_root(self.rng.choice(USERS))
        if self.machine.hive_at(path) is None:
            return
        call = self.service.NtUnloadKey2 if force else self.service.NtUnloadKey
        status, _ = call(path)
        self.tell("unload", process, key=path, status=int(status), forced=force)

    def force(self) -> None:
        self.unload(force=True)

    def log_off(self) -> None:
        """End most of what runs, so that hives are let go often enough."""
        for api in list(self.apis):
            if self.rng.random() < 0.8:
                self.exit(api)
        for api in self.apis:
            process = self.machine.process_of(api.tid)
            for handle, _ in list(process.table.items()):
                if self.rng.random() < 0.9:
                    api.NtClose(handle)
            self.changes(process)


def play(seed: int) -> list[Event]:
    """Return the events of the program *seed*, the same each time."""
    rng = random.Random(seed)
    machine = Machine(dialects.get(OS))
    for sid in USERS:
        tree = Node("NTUSER.DAT")
        for names in (("Software", "Vendor"), ("Console",)):
            grow(tree, names)
        machine.files.write(f"C:\\Users\\{sid}\\NTUSER.DAT", tree)
    local = Node("SOFTWARE")
    grow(local, ("Vendor",))
    machine.mount_hive("\\REGISTRY\\MACHINE\\Software", local)
    process = machine.start_process("profsvc", image="svchost.exe", services=("ProfSvc",))
    played = _Played(rng, machine, Api(machine, machine.start_thread(process)))
    played.tell("start", process, parent=_SERVICE)
    played.tables[process.pid] = {}
    if rng.random() < 0.9:
        for _ in range(2):
            played.load()
    for _ in range(rng.choice((6, 12, 25, 50))):
        played.step()
    if rng.random() < 0.6:
        played.log_off()
    return played.events


def shown(events: Sequence[Event]) -> frozenset[str]:
    """Return the users whose hives are held by more than handles that only duplicates tell of.

    By path, each process has of each key as many handles as it has opened and not closed.
    """
    held: Counter[tuple[int, str]] = Counter()
    for event in events:
        if event.kind == "open" and not event.status:
            held[event.pid, event.key.upper()] += 1
        elif event.kind == "close":
            held[event.pid, event.key.upper()] -= 1
        elif event.kind in ("load", "unload") and not event.status:
            for place in [place for place in held if event.key.upper() in place[1]]:
                del held[place]
    names = {key for (_, key), count in held.items() if count > 0}
    return frozenset(sid for sid in events[-1].held if any(sid in name for name in names))


def programs(first: int, count: int) -> Iterator[tuple[int, list[Event]]]:
    """Yield *count* programs with their seeds."""
    for seed in range(first, first + count):
        yield seed, play(seed)

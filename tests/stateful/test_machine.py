"""The whole API at random, on several dialects, against a list of who holds what.

The model is a plain list of open handles with the key each is on. It knows nothing of control
blocks, and says by the table of who blocks whether a normal unload must succeed.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from typing import ClassVar

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from regsim import dialects
from regsim.status import NtStatus
from regsim.types import Access, CreateOption, PredefinedKey, Privilege, RestoreFlag

HKCR = PredefinedKey.CLASSES_ROOT
HKCU = PredefinedKey.CURRENT_USER
HKLM = PredefinedKey.LOCAL_MACHINE
HKU = PredefinedKey.USERS
USERS = ("S-1-5-21-1", "S-1-5-21-2")
MOUNTS = tuple(rf"\REGISTRY\USER\{sid}" for sid in USERS)
FILES = tuple(rf"C:\Profiles\{sid}\NTUSER.DAT" for sid in USERS)
SUBKEYS = ("Software", r"Software\App", r"Software\Other", r"Software\App\Deep", "Console", "")
DIALECTS = {
    **{name: dialects.get(name) for name in ("nt4-sp6a", "w2k", "win11", "wine", "reactos")},
    "nt4-rtm, 4 bits": dialects.get("nt4-rtm").with_(refcount_bits=4),
}

whom = st.sampled_from(USERS)
predefined = st.sampled_from((HKCU, HKLM, HKU, HKCR))
subkeys = st.sampled_from(SUBKEYS)
number = st.integers(0, 11)


@attrs.define
class Held:
    """One open handle as the model knows it: whose, its value, which open, its key's full path."""

    role: str
    handle: int
    opened: int
    path: str


class ApiMachine(RuleBasedStateMachine):
    """Random calls of three threads of two processes."""

    dialect: ClassVar = DIALECTS["nt4-sp6a"]
    build: ClassVar[Callable]
    steps: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.world = type(self).build(self.dialect)
        self.machine = self.world.machine
        self.machine.check()
        self.given: list[tuple[str, int]] = []
        self.events = 0
        self.restart_winlogon()
        self.start("tapisrv")

    def restart_winlogon(self) -> None:
        """The one that unloads: a process without any handle."""
        self.winlogon = self.world.start("winlogon")

    def start(self, role: str) -> None:
        """Start the second service afresh, with a second thread."""
        self.tapisrv = self.world.start(role)
        process = self.machine.process_of(self.tapisrv.tid)
        thread = self.machine.start_thread(process, "tapisrv-2")
        self.callers = (self.world.api, self.tapisrv, type(self.tapisrv)(self.machine, thread))

    # -- the model: what is open, found without the kernel's own counts --------------------------

    def open_handles(self) -> list[Held]:
        """Return every open handle with the path of its live key, from the handle tables alone."""
        held = []
        for process in self.machine.processes.values():
            for handle, entry in process.table.items():
                kcb = self.machine.objects[entry[0]].kcb
                path = self.machine.key_name(kcb) if kcb.live else ""
                held.append(Held(process.role, handle, entry[0], path.upper()))
        return held

    def holders(self, mount: str) -> list[str]:
        """Return the paths of the open keys in the hive at *mount* that block on this dialect."""
        root = mount.upper()
        opens = {held.opened: held.path for held in self.open_handles()}
        counts = Counter(opens.values())
        # as many opens as a counter can tell, and any multiple of it, read as none (KB Q179827)
        paths = [
            path for path, count in counts.items() if count % (1 << self.dialect.refcount_bits)
        ]
        inside = [path for path in paths if path == root or path.startswith(root + "\\")]
        if self.dialect.name == "wine":
            return [path for path in inside if path == root]
        if self.dialect.name == "reactos":
            return [path for path in inside if path != root]
        return inside

    def note(self, caller, reply):
        """Remember the handle that a call gave."""
        if reply.code == 0 and reply.value:
            value = getattr(reply.value, "handle", reply.value)
            if isinstance(value, int) and value < 0x80000000:
                self.given.append((self.role(caller), value))
        return reply

    def role(self, caller) -> str:
        """Return the process of *caller*."""
        return self.machine.process_of(caller.tid).role

    def pick(self, caller, index: int) -> int:
        """Return a handle that the caller's process was given, be it open or not."""
        mine = [handle for role, handle in self.given if role == self.role(caller)]
        return mine[index % len(mine)] if mine else 0x7FC

    # -- opening and closing -----------------------------------------------------------------

    @rule(who=number, key=predefined, path=subkeys, full=st.booleans(), sid=whom)
    def open_predefined(self, who: int, key: int, path: str, full: bool, sid: str) -> None:
        """Open below a predefined key."""
        caller = self.callers[who % 3]
        if key == HKU:
            path = rf"{sid}\{path}"
        self.note(caller, caller.RegOpenKeyEx(key, path, access=Access.ALL if full else 0x20019))

    @rule(who=number, index=number, path=subkeys, old=st.booleans())
    def open_below(self, who: int, index: int, path: str, old: bool) -> None:
        """Open below a handle, which may be stale."""
        caller = self.callers[who % 3]
        call = caller.RegOpenKey if old else caller.RegOpenKeyEx
        self.note(caller, call(self.pick(caller, index), path))

    @rule(
        who=number, index=number, path=subkeys, volatile=st.booleans(), key=st.none() | predefined
    )
    def create(self, who: int, index: int, path: str, volatile: bool, key: int | None) -> None:
        """Create below a handle or a predefined key."""
        caller = self.callers[who % 3]
        options = CreateOption.VOLATILE if volatile else 0
        target = self.pick(caller, index) if key is None else key
        self.note(caller, caller.RegCreateKeyEx(target, path + r"\New", options=options))

    @rule(who=number, which=st.integers(0, 1), count=st.integers(4, 18), path=subkeys)
    def leak(self, who: int, which: int, count: int, path: str) -> None:
        """Open one key many times."""
        caller = self.callers[who % 3]
        for _ in range(count):
            self.note(caller, caller.RegOpenKeyEx(HKU, rf"{USERS[which]}\{path}"))
        caller.RegCloseKey(HKU)

    @rule(who=number, index=number)
    def close(self, who: int, index: int) -> None:
        """Close a handle; one that is not open changes nothing."""
        caller = self.callers[who % 3]
        handle = self.pick(caller, index)
        table = self.machine.process_of(caller.tid).table
        still = table.lookup(handle) is not None
        before = None if still else self.machine.snapshot()

        reply = caller.RegCloseKey(handle)

        assert reply.code == (0 if still else 6)
        if before is not None:
            before.serial = self.machine.serial
            assert self.machine.same_as(before)
            assert before.same_as(self.machine)

    @rule(who=number, key=predefined, refresh=st.booleans())
    def close_predefined(self, who: int, key: int, refresh: bool) -> None:
        """Close or refresh a predefined key: success, whatever stands behind it."""
        caller = self.callers[who % 3]

        reply = caller.RegOpenKeyEx(key, None) if refresh else caller.RegCloseKey(key)

        assert reply.code == 0

    @rule(who=number, to=number, index=number, inherit=st.booleans())
    def duplicate(self, who: int, to: int, index: int, inherit: bool) -> None:
        """Duplicate a handle into a process."""
        caller, receiver = self.callers[who % 3], self.callers[to % 3]
        pid = self.machine.process_of(receiver.tid).pid
        reply = caller.NtDuplicateObject(self.pick(caller, index), to=pid, inherit=inherit)
        if reply.status is NtStatus.SUCCESS:
            self.given.append((self.role(receiver), reply.value))

    # -- whom one acts as, and the cache -----------------------------------------------------

    @rule(who=number, sid=whom, privileged=st.booleans())
    def impersonate(self, who: int, sid: str, privileged: bool) -> None:
        """Act as a user."""
        self.callers[who % 3].impersonate(sid, *(Privilege if privileged else ()))

    @rule(who=number)
    def revert(self, who: int) -> None:
        """Act as the process again."""
        self.callers[who % 3].revert()

    @precondition(lambda self: self.dialect.has("RegOpenCurrentUser"))
    @rule(who=number, index=number, what=st.sampled_from(("user", "classes", "override", "null")))
    def past_the_cache(self, who: int, index: int, what: str) -> None:
        """Open the current user, their classes, or override what the key stands for."""
        caller = self.callers[who % 3]
        if what == "user":
            self.note(caller, caller.RegOpenCurrentUser())
        elif what == "classes":
            self.note(caller, caller.RegOpenUserClassesRoot())
        elif what == "override":
            caller.RegOverridePredefKey(HKCU, self.pick(caller, index))
        else:
            caller.RegOverridePredefKey(HKCU, None)

    @precondition(lambda self: self.dialect.has("RegDisablePredefinedCache"))
    @rule(who=number, every=st.booleans())
    def disable_cache(self, who: int, every: bool) -> None:
        """Disable the cache in one process."""
        caller = self.callers[who % 3]
        if every and self.dialect.has("RegDisablePredefinedCacheEx"):
            caller.RegDisablePredefinedCacheEx()
        else:
            caller.RegDisablePredefinedCache()

    # -- data --------------------------------------------------------------------------------

    @rule(who=number, index=number, key=st.none() | predefined, name=st.sampled_from("ab"))
    def write_and_read(self, who: int, index: int, key: int | None, name: str) -> None:
        """What a write that succeeds wrote is what a read gives."""
        caller = self.callers[who % 3]
        target = self.pick(caller, index) if key is None else key
        if caller.RegSetValueEx(target, name, 3, b"data").code:
            return
        reply = caller.RegQueryValueEx(target, name)

        assert (reply.code, reply.value.data) == (0, b"data")

    @rule(who=number, index=number, path=subkeys, key=st.none() | predefined)
    def delete(self, who: int, index: int, path: str, key: int | None) -> None:
        """Delete a value and a key."""
        caller = self.callers[who % 3]
        target = self.pick(caller, index) if key is None else key
        caller.RegDeleteValue(target, "a")
        caller.RegDeleteKey(target, path)

    @rule(who=number, index=number, key=st.none() | predefined, at=st.integers(0, 3))
    def look(self, who: int, index: int, key: int | None, at: int) -> None:
        """List, query and flush: none of them leaves a key more or less."""
        caller = self.callers[who % 3]
        target = self.pick(caller, index) if key is None else key
        caller.RegEnumKeyEx(target, at)
        caller.RegEnumValue(target, at)
        caller.RegQueryInfoKey(target)
        caller.RegFlushKey(target)

    @rule(who=number, index=number, subtree=st.booleans())
    def watch(self, who: int, index: int, subtree: bool) -> None:
        """Wait for a change."""
        caller = self.callers[who % 3]
        self.events += 1
        handle = self.pick(caller, index)
        caller.RegNotifyChangeKeyValue(handle, f"event{self.events}", subtree=subtree)

    # -- hives -------------------------------------------------------------------------------

    @rule(which=st.integers(0, 1), native=st.booleans())
    def unload(self, which: int, native: bool) -> None:
        """A hive unloads exactly when nothing that blocks on this dialect holds it."""
        mount, sid = MOUNTS[which], USERS[which]
        loaded = self.machine.hive_at(mount) is not None
        holders = self.holders(mount)

        if native:
            done = self.winlogon.NtUnloadKey(mount).status is NtStatus.SUCCESS
        else:
            done = self.winlogon.RegUnLoadKey(HKU, sid).code == 0

        assert done == (loaded and not holders)
        self.steps["unloaded" if done else "blocked"] += 1
        assert (self.machine.hive_at(mount) is None) == (done or not loaded)

    @precondition(lambda self: self.dialect.has("NtUnloadKey2"))
    @rule(which=st.integers(0, 1))
    def force(self, which: int) -> None:
        """A forced unload takes a loaded hive whatever is open."""
        loaded = self.machine.hive_at(MOUNTS[which]) is not None

        done = self.winlogon.NtUnloadKey2(MOUNTS[which]).status is NtStatus.SUCCESS

        assert done == loaded

    @precondition(lambda self: self.dialect.has("NtUnloadKeyEx"))
    @rule(which=st.integers(0, 1))
    def defer(self, which: int) -> None:
        """A deferred unload comes at once exactly when nothing blocks."""
        mount = MOUNTS[which]
        loaded = self.machine.hive_at(mount) is not None
        holders = self.holders(mount)

        status = self.winlogon.NtUnloadKeyEx(mount, "unloaded").status

        if loaded:
            assert status is (NtStatus.PENDING if holders else NtStatus.SUCCESS)

    @rule(which=st.integers(0, 1))
    def load(self, which: int) -> None:
        """A user's hive is loaded when it is not."""
        loaded = self.machine.hive_at(MOUNTS[which]) is not None

        code = self.winlogon.RegLoadKey(HKU, USERS[which], FILES[which]).code
        self.winlogon.RegCloseKey(HKU)

        if not loaded:
            assert code == 0

    @rule(which=st.integers(0, 1))
    def profile(self, which: int) -> None:
        """Loading and unloading a profile leaves no handle behind."""
        before = len(self.machine.process_of(self.winlogon.tid).table)
        code, handle = self.winlogon.LoadUserProfile(USERS[which], FILES[which])
        if code == 0:
            self.winlogon.UnloadUserProfile(USERS[which], handle)

        assert len(self.machine.process_of(self.winlogon.tid).table) == before

    @precondition(lambda self: self.dialect.has("RegRestoreKey"))
    @rule(
        who=number,
        index=number,
        flags=st.sampled_from((0, 1, 2, int(RestoreFlag.FORCE_RESTORE), 10)),
        key=st.none() | predefined,
    )
    def save_and_restore(self, who: int, index: int, flags: int, key: int | None) -> None:
        """Save a key, and restore another from a file."""
        caller = self.callers[who % 3]
        target = self.pick(caller, index) if key is None else key
        self.events += 1
        caller.RegSaveKey(target, rf"C:\save{self.events}.dat")
        caller.RegRestoreKey(target, r"C:\new.dat", flags=flags)

    @precondition(lambda self: self.dialect.has("RegLoadAppKey"))
    @rule(who=number, which=st.integers(0, 2))
    def load_app_key(self, who: int, which: int) -> None:
        """Load a private hive."""
        caller = self.callers[who % 3]
        self.note(caller, caller.RegLoadAppKey(rf"C:\app{which}.dat"))

    # -- processes ---------------------------------------------------------------------------

    @rule()
    def stop_service(self) -> None:
        """A service that is stopped leaves nothing open; its successor starts afresh."""
        process = self.machine.process_of(self.tapisrv.tid)
        self.machine.end_process(process)

        assert all(held.role != "tapisrv" for held in self.open_handles())
        self.given = [(role, handle) for role, handle in self.given if role != "tapisrv"]
        self.start("tapisrv")

    @rule()
    def spawn(self) -> None:
        """A child inherits exactly the inheritable handles, and takes them with it."""
        before = len(self.open_handles())
        inheritable = sum(entry[3] for _, entry in self.world.service.table.items())
        child = self.world.start("child", parent=self.world.service)

        assert len(self.open_handles()) == before + inheritable
        self.machine.end_process(self.machine.process_of(child.tid))
        assert len(self.open_handles()) == before

    # -- always ------------------------------------------------------------------------------

    @invariant()
    def consistent(self) -> None:
        """Every invariant of the kernel holds, and no count is ever negative."""
        self.steps["steps"] += 1
        self.machine.check()
        assert min((hive.handles for hive in self.machine.hives.values()), default=0) >= 0
        assert min((kcb.opens for kcb in self.machine.kcbs.values()), default=0) >= 0
        if self.machine.corruption is not None:
            self.steps["corrupt"] += 1
            assert self.dialect.refcount_bits == 4


@pytest.mark.parametrize("name", list(DIALECTS))
def test_machine(build: Callable, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In whatever order calls come, the kernel stays consistent and hives unload as they should."""
    counts: Counter[str] = Counter()
    made = type("Made", (ApiMachine,), {"dialect": DIALECTS[name], "build": build, "steps": counts})
    made.build = staticmethod(build)

    # Half as many again as others draw: below, that is what fifty thousand steps take.
    examples = settings.default.max_examples * 3 // 2
    run_state_machine_as_test(made, settings=settings(max_examples=examples))

    if os.environ.get("HYPOTHESIS_PROFILE") == "ci":
        assert counts["steps"] * len(DIALECTS) >= 50_000
        assert (counts["corrupt"] > 0) == (DIALECTS[name].refcount_bits == 4)
    with capsys.disabled():
        told = ", ".join(f"{count} {what}" for what, count in counts.items())
        print(f" [{name}: {told}]")  # noqa: T201

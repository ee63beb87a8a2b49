"""The replay equals the machine: after every call of a recorded program, in both kinds of trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from recording import Recorder, as_columns

from regsim import dialects, keypath
from regsim.accel.columns import EventKind
from regsim.accel.records import HandleValues
from regsim.accel.replay import PyReplay
from regsim.kernel.process import Token
from regsim.policy import UnloadBlockers
from regsim.status import NtStatus
from regsim.types import PredefinedKey, Sid
from regsim.win32.api import Api

OS = ("nt4-sp6a", "w2k", "win10", "wine", "reactos")
USERS = ("S-1-5-21-1", "S-1-5-21-2")
ROOTS = (PredefinedKey.CURRENT_USER, PredefinedKey.LOCAL_MACHINE, PredefinedKey.USERS)
PATHS = ("Software", r"Software\App", r"Software\New", r"S-1-5-21-1\Console", "Nowhere")


@attrs.define
class Player:
    """Plays a program of numbers on a machine and records it; each number's meaning is fixed."""

    world: Any
    recorder: Recorder
    apis: list[Api]
    handles: list[tuple[int, int]] = attrs.field(factory=list)
    """What the program remembers, by pid: some of it is closed already."""
    asked: set[tuple[int, int]] = attrs.field(factory=set)
    """What is open because the program asked for it."""
    unloads: list[tuple[int, NtStatus, bool]] = attrs.field(factory=list)
    """The number of each unload's row in the API's trace, its status, whether it was forced."""
    blind: bool = False
    """Whether a root that nobody asked for was closed by its value, which a trace cannot show."""

    def play(self, step: tuple[int, int, int, int]) -> None:
        """Play one step: which action, who, and two choices."""
        action, who, first, second = step
        actions = (
            *[self.open] * 4,
            *[self.close] * 3,
            self.create,
            self.query,
            self.close_root,
            self.refresh,
            self.duplicate,
            self.delete,
            self.impersonate,
            self.disable,
            self.start,
            self.end,
            self.unload,
            self.unload,
            self.force,
            self.load,
        )
        if not self.apis:
            self.start(self.apis, first, second)
        actions[action % len(actions)](self.apis[who % len(self.apis)], first, second)
        self.recorder.settle()

    def pid(self, api: Api) -> int:
        """Return the process that *api* calls from."""
        return self.world.machine.process_of(api.tid).pid

    def open(self, api: Api, first: int, second: int, *, create: bool = False) -> None:
        """Open a key below a predefined key or below an open handle."""
        mine = [handle for pid, handle in self.handles if pid == self.pid(api)]
        call = api.RegCreateKeyEx if create else api.RegOpenKeyEx
        path = PATHS[second % len(PATHS)]
        if mine and first % 3 == 2:
            parent, place = mine[first % len(mine)], 0
        else:
            parent = ROOTS[first % len(ROOTS)]
            place = self.recorder.place(api.tid, parent, path)
        code, made = call(parent, path)
        handle = int(getattr(made, "handle", made) or 0)
        if code == 0:
            process = self.world.machine.process_of(api.tid)
            found = self.world.machine.lookup(process, handle)
            place = self.recorder.keys.number(found[0].kcb.hive, found[0].kcb.path)
            self.handles.append((self.pid(api), handle))
            self.asked.add((self.pid(api), handle))
        self.recorder.called(
            EventKind.OPEN,
            self.pid(api),
            handle=handle,
            parent=int(parent),
            key=place,
            status=int(code),
        )

    def create(self, api: Api, first: int, second: int) -> None:
        """Create a key."""
        self.open(api, first, second, create=True)

    def close(self, api: Api, first: int, second: int) -> None:
        """Close one of the process's handles, or one that was closed already."""
        mine = [handle for pid, handle in self.handles if pid == self.pid(api)]
        handle = mine[first % len(mine)] if mine else 4 * (1 + first % 4)
        if second % 4:
            self.handles = [one for one in self.handles if one != (self.pid(api), handle)]
        entry = self.world.machine.process_of(api.tid).table.lookup(handle)
        if entry is not None:  # a duplicate of a root may have taken its value
            self.blind = self.blind or self.world.machine.objects[entry[0]].origin.implicit
        code, _ = api.RegCloseKey(handle)
        if code == 0:
            self.asked.discard((self.pid(api), handle))
        self.recorder.called(EventKind.CLOSE, self.pid(api), handle=handle, status=int(code))

    def query(self, api: Api, first: int, _: int) -> None:
        """Read a value of a predefined key."""
        key = ROOTS[first % len(ROOTS)]
        place = self.recorder.place(api.tid, key, "")
        code, _value = api.RegQueryValueEx(key, "WHO")
        self.recorder.called(
            EventKind.USE_ROOT, self.pid(api), parent=int(key), key=place, status=int(code)
        )

    def close_root(self, api: Api, first: int, _: int) -> None:
        """Close a predefined key."""
        key = ROOTS[first % len(ROOTS)]
        code, _value = api.RegCloseKey(key)
        self.recorder.called(EventKind.CLOSE_ROOT, self.pid(api), parent=int(key), status=int(code))

    def refresh(self, api: Api, first: int, _: int) -> None:
        """Refresh a predefined key."""
        key = ROOTS[first % len(ROOTS)]
        code, _value = api.RegOpenKeyEx(key, "")
        self.recorder.called(
            EventKind.REFRESH_ROOT, self.pid(api), parent=int(key), status=int(code)
        )

    def duplicate(self, api: Api, first: int, second: int) -> None:
        """Duplicate a handle, perhaps into another process."""
        mine = [handle for pid, handle in self.handles if pid == self.pid(api)]
        target = self.pid(self.apis[second % len(self.apis)])
        status, handle = api.NtDuplicateObject(mine[first % len(mine)] if mine else 4, to=target)
        key = 0
        if status.ok:
            process = self.world.machine.processes[target]
            kcb = self.world.machine.lookup(process, handle)[0].kcb
            key = self.recorder.keys.number(kcb.hive, kcb.path)
            if not kcb.live:  # one more handle to a key that is gone holds nothing: left out
                api_of = next(one for one in self.apis if self.pid(one) == target)
                api_of.NtClose(handle)
                return
            self.handles.append((target, handle))
            self.asked.add((target, handle))
        self.recorder.called(
            EventKind.DUPLICATE, target, handle=int(handle or 0), key=key, status=int(status)
        )

    def delete(self, api: Api, _: int, second: int) -> None:
        """Delete a key below HKEY_CURRENT_USER."""
        key, path = PredefinedKey.CURRENT_USER, PATHS[second % len(PATHS)]
        place = self.recorder.place(api.tid, key, path)
        code, _ = api.RegDeleteKey(key, path)
        self.recorder.called(
            EventKind.USE_ROOT, self.pid(api), parent=int(key), key=place, status=int(code)
        )

    def impersonate(self, api: Api, first: int, _: int) -> None:
        """Act as a user, or as the process again."""
        if first % 3:
            api.impersonate(USERS[first % 2])
        else:
            api.revert()

    def disable(self, api: Api, first: int, _: int) -> None:
        """Disable the cache of predefined keys, of one or of all, where that can be done."""
        name = "RegDisablePredefinedCacheEx" if first % 2 else "RegDisablePredefinedCache"
        if self.world.machine.dialect.has(name):
            getattr(api, name)()
            parent = 0 if first % 2 else int(PredefinedKey.CURRENT_USER)
            self.recorder.called(EventKind.DISABLE_CACHE, self.pid(api), parent=parent)

    def start(self, _: object, first: int, __: int) -> None:
        """Start a process."""
        machine = self.world.machine
        token = Token(Sid(USERS[first % 2]))
        process = machine.start_process(f"extra-{machine.next_app()}", token=token)
        self.recorder.watch(process)
        self.apis.append(Api(machine, machine.start_thread(process)))

    def end(self, api: Api, _: int, __: int) -> None:
        """End a process."""
        pid = self.pid(api)
        self.world.machine.end_process(self.world.machine.processes[pid])
        self.apis.remove(api)
        self.handles = [one for one in self.handles if one[0] != pid]

    def unload(self, _: object, first: int, __: int, *, force: bool = False) -> None:
        """Unload a user's hive, as Winlogon does."""
        machine = self.world.machine
        path = keypath.user_root(Sid(USERS[first % 2]))
        hive = machine.hive_at(path)
        if hive is None or (force and not machine.dialect.has("NtUnloadKey2")):
            return
        winlogon = self.world.api
        status = (winlogon.NtUnloadKey2 if force else winlogon.NtUnloadKey)(path).status
        number = self.recorder.keys.number(hive.id, ())
        self.unloads.append((len(self.recorder.api), status, force))
        pid = self.pid(winlogon)
        self.recorder.called(
            EventKind.FORCE if force else EventKind.UNLOAD, pid, key=number, status=int(status)
        )

    def force(self, api: Api, first: int, second: int) -> None:
        """Unload a user's hive by force."""
        self.unload(api, first, second, force=True)

    def load(self, _: object, first: int, __: int) -> None:
        """Load a user's hive again."""
        sid = USERS[first % 2]
        file = rf"C:\Profiles\{sid}\NTUSER.DAT"
        self.world.api.NtLoadKey(keypath.user_root(Sid(sid)), file)


STEPS = st.lists(st.tuples(*[st.integers(0, 41)] * 4), min_size=1, max_size=40)


def begin(build: Callable[[str], Any], os_name: str) -> Player:
    """Return a player on a fresh machine; the world's own service does the unloading."""
    world = build(os_name)
    player = Player(world, Recorder(world.machine), [])
    for number in range(2):
        player.start(None, number, 0)
    player.recorder.settle()
    return player


def facts(player: Player) -> tuple[dict[int, int], list[tuple[int, int, bool, int]]]:
    """Return the counts by hive, and each handle that holds one: pid, key, implicit, value.

    A duplicate of a root was asked for, although the object behind it was opened for none.
    """
    machine, keys = player.world.machine, player.recorder.keys
    holders = []
    for process in machine.processes.values():
        for handle, entry in process.table.items():
            obj = machine.objects[entry[0]]
            if obj.kcb.live:
                number = keys.number(obj.kcb.hive, obj.kcb.path)
                asked = (process.pid, handle) in player.asked
                holders.append((process.pid, number, obj.origin.implicit and not asked, handle))
    return {hive.id: hive.handles for hive in machine.hives.values()}, sorted(holders)


def named(answer: Any) -> list[tuple[int, int, bool, int]]:
    """Return the holders that a replay names, in the same form."""
    return sorted((h.pid, h.key, h.implicit, h.handle) for h in answer.holders)


@pytest.mark.parametrize("os_name", OS)
@example(program=[(35, 0, 0, 0), (0, 0, 0, 2), (25, 0, 0, 0)])
@given(program=STEPS)
def test_pure_twin_equals_the_machine_after_every_call(
    build: Callable[[str], Any], os_name: str, program: list[tuple[int, int, int, int]]
) -> None:
    """Counts and holders of each hive are the machine's after each call, in both traces.

    The kernel's trace is replayed with the values it has, which must also be those that the replay
    would emulate. The API's lacks the roots: there the replay must find the same ones, with the
    same values, by the dialect's rules.
    """
    player = begin(build, os_name)
    recorder = player.recorder
    kernel = PyReplay(attrs.evolve(recorder.policy, roots=[-1] * 8), HandleValues.VERIFIED)
    api = PyReplay(recorder.policy, HandleValues.VERIFIED)
    plain = PyReplay(recorder.policy, HandleValues.GIVEN)
    fed = [0, 0]
    for step in program:
        player.play(step)
        arrays = recorder.keys.arrays()
        kernel.feed(as_columns(recorder.kernel[fed[0] :]), *arrays)
        for one in (api, plain):
            one.feed(as_columns(recorder.api[fed[1] :]), *arrays)
        fed = [len(recorder.kernel), len(recorder.api)]

        counts, holders = facts(player)
        unasked = [(pid, key, implicit, 0) for pid, key, implicit, _ in holders if implicit]
        asked = [holder for holder in holders if not holder[2]]
        player.blind = player.blind or lost_a_root(player)
        for one in (kernel, api) if player.blind else (kernel, api, plain):
            answer = one.answer()
            assert {hive: answer.counts[hive] for hive in counts} == counts
            assert answer.counters.mismatched == 0
        assert sorted(h[:2] + h[3:] for h in named(kernel.answer())) == sorted(
            h[:2] + h[3:] for h in holders
        )
        assert named(api.answer()) == holders
        if not player.blind:
            assert named(plain.answer()) == sorted(asked + unasked)
    verdicts(player, api)


def lost_a_root(player: Player) -> bool:
    """Whether a cached root is gone, or its value is another handle's, which no trace shows."""
    machine = player.world.machine
    for process in machine.processes.values():
        for slot in process.slots.values():
            entry = process.table.lookup(slot.handle)
            if entry is None or not machine.objects[entry[0]].origin.implicit:
                return True
    return False


def verdicts(player: Player, replay: PyReplay) -> None:
    """Hold each answer to an unload against what the machine said."""
    answers = {unload.row: unload for unload in replay.answer().unloads}
    for row, status, force in player.unloads:
        if not force:
            assert bool(answers[row].blockers) is (status is NtStatus.CANNOT_DELETE)


@pytest.mark.parametrize("os_name", OS)
@given(program=STEPS)
def test_all_twins_replay_a_recorded_program_alike(
    build: Callable[[str], Any],
    replays: dict[str, Any],
    os_name: str,
    program: list[tuple[int, int, int, int]],
) -> None:
    """Every twin gives the same answer on a program's traces, whole and cut in two."""
    player = begin(build, os_name)
    for step in program:
        player.play(step)
    recorder = player.recorder
    arrays = recorder.keys.arrays()
    for rows, policy in (
        (recorder.kernel, attrs.evolve(recorder.policy, roots=[-1] * 8)),
        (recorder.api, recorder.policy),
    ):
        for values in HandleValues:
            answers = []
            for make in replays.values():
                whole = make(policy, values)
                whole.feed(as_columns(rows), *arrays, stops=[len(rows) // 2])
                answers.append(whole.answer())
                half = make(policy, values)
                half.feed(as_columns(rows[: len(rows) // 2]), *arrays)
                half.feed(as_columns(rows[len(rows) // 2 :]), *arrays, stops=[len(rows) // 2])
                answers.append(half.answer())
            assert all(answer == answers[0] for answer in answers)


def test_programs_reach_what_they_are_for(build: Callable[[str], Any]) -> None:
    """Among such programs are unloads of every outcome, roots left behind and deletions."""
    seen: set[str] = set()
    for seed in range(120):
        player = begin(build, OS[seed % len(OS)])
        number = seed * 7919 + 1
        for _ in range(40):
            step = []
            for _ in range(4):
                number = number * 1103515245 + 12345 & 0x7FFFFFFF
                step.append(number >> 8)
            player.play((step[0], step[1], step[2], step[3]))
        seen |= {f"unload {status.name} {force}" for _, status, force in player.unloads}
        seen |= {EventKind(row[0]).name for row in player.recorder.api}
        _, holders = facts(player)
        seen |= {f"implicit {holder[2]}" for holder in holders}

    assert {"unload CANNOT_DELETE False", "unload SUCCESS False", "unload SUCCESS True"} <= seen
    assert {"implicit True", "implicit False", "DELETE", "EXIT", "DUPLICATE"} <= seen
    assert {"USE_ROOT", "CLOSE_ROOT", "REFRESH_ROOT", "DISABLE_CACHE"} <= seen


def test_dialects_with_another_rule_for_unloading_exist() -> None:
    """The policies that only the root or only subkeys block are the dialects' too."""
    kinds = {dialects.get(name).unload_blockers for name in OS}

    assert UnloadBlockers.ANY in kinds

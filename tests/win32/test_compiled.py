"""Plans compiled and opens repeated: the same results and the same machine as step by step."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from regsim import dialects, keypath
from regsim.errors import UsageError
from regsim.kernel.calls import Call, Plan, interpret, run_call
from regsim.kernel.expr import Arg, Ask, Scope, Var
from regsim.kernel.fast.again import Closing, Querying, Reopening, queries
from regsim.kernel.fast.compiled import compile_plan
from regsim.kernel.machine import IDLE_KCBS, MAX_PLACES, Machine
from regsim.kernel.steps import FAIL, RETURN, Act, Set, Step, go, ok, op
from regsim.policy import OverrideHold
from regsim.status import to_win32
from regsim.types import Access, Handle, PredefinedKey, Sid, ValueType
from regsim.win32 import advapi, advapi_data, advapi_hive, ntdll, userenv
from regsim.win32.api import Api
from regsim.win32.plans import Known

USER = "S-1-5-21-1"
OTHER = "S-1-5-21-2"
ROOT = rf"\REGISTRY\USER\{USER}"
HKCU, HKU, HKCR = PredefinedKey.CURRENT_USER, PredefinedKey.USERS, PredefinedKey.CLASSES_ROOT
NAMES = ["Software", r"Software\App", r"Software\New", r"\Bad", "Missing", "", None]


def handle_in(value: object) -> object:
    """Return the handle that an open or a creation gave, and any other result as it is."""
    return getattr(value, "handle", value)


class Both:
    """One thread on two equal machines, the second of which goes step by step."""

    def __init__(self, build: Callable[..., Any], os_name: str, seed: int) -> None:
        world = build(os_name)
        self.random = random.Random(seed)
        self.fast: Machine = world.machine
        self.slow = world.machine.snapshot()
        self.tid = world.api.tid
        self.process = world.service
        self.handles: list[int] = [4]
        self.openings: dict[tuple[int, str | None, Access, bool], Reopening] = {}
        self.seen: Counter[str] = Counter()

    def make(self, planned: Any, fast: Callable[[Call], Any] | None = None) -> None:
        """Make a call on both machines and compare all there is."""
        if isinstance(planned, Known):
            return
        before = self.fast.stamp
        run = fast or (lambda call: run_call(self.fast, self.tid, call))
        got = run(planned)
        expected = interpret(self.slow, self.tid, planned)
        assert (got[0], handle_in(got[1])) == (expected[0], handle_in(expected[1])), planned.text
        assert self.fast.call == self.slow.call
        assert not self.fast.implicit
        assert self.fast.same_as(self.slow), planned.text
        self.fast.check()
        self.seen["changed" if self.fast.stamp != before else "stood"] += 1
        self._keep(got[1])

    def _keep(self, value: object) -> None:
        handle = handle_in(value)
        if isinstance(handle, int) and 0 < handle < 0x80000000:
            self.handles.append(int(handle))

    def open(self) -> None:
        """Open a key, or create it where it is missing, as the prepared call does it."""
        dialect, pick = self.fast.dialect, self.random.choice
        key = pick([HKCU, HKCU, HKU, HKCR, *self.handles[-3:]])
        name = pick([*NAMES, USER, rf"{USER}\Software"])
        access, creates = pick([Access.READ, Access.ALL]), self.random.random() < 0.3
        if self.openings and self.random.random() < 0.7:
            key, name, access, creates = pick(list(self.openings)[-6:])
        plan = advapi.RegCreateKeyEx if creates else advapi.RegOpenKeyEx
        planned = plan(dialect, key, name or "" if creates else name, access=access)
        if isinstance(planned, Known):
            return
        opening = self.openings.setdefault((key, name, access, creates), Reopening(planned))

        def run(_call: Call) -> Any:
            stood = opening.stamp == self.fast.stamp
            self.seen["again" if stood else "by plan"] += 1
            self.seen["created again"] += stood and creates
            return opening.run(self.fast, self.process, lambda: self.tid)

        self.make(planned, run)

    def close(self) -> None:
        """Close a handle, open or not, the hidden root's own number too."""
        handle = self.random.choice(self.handles)
        planned = advapi.RegCloseKey(self.fast.dialect, handle)
        if isinstance(planned, Call):
            closing = Closing(planned)
            self.make(planned, lambda _: closing.run(self.fast, self.process, lambda: self.tid))

    def read(self, handle: int | None = None, name: str | None = "v") -> None:
        """Read a value through a handle, open or not, as the prepared call does it."""
        handle = self.random.choice(self.handles) if handle is None else handle
        planned = advapi_data.RegQueryValueEx(self.fast.dialect, handle, name)
        if isinstance(planned, Call) and queries(planned):
            reading = Querying(planned)
            self.make(planned, lambda _: reading.run(self.fast, self.process, lambda: self.tid))

    def other(self) -> None:
        """Make some other call, by its compiled plan."""
        dialect, pick = self.fast.dialect, self.random.choice
        key = pick([HKCU, HKU, *self.handles[-4:]])
        name = pick(["Software", r"Software\App", r"Software\New", "Missing"])
        calls = [
            lambda: advapi.RegCreateKeyEx(dialect, key, name, options=pick([0, 0, 1])),
            lambda: advapi_data.RegDeleteKey(dialect, key, name),
            lambda: advapi_data.RegSetValueEx(dialect, key, "v", 1, b"x\0"),
            lambda: advapi_data.RegQueryValueEx(dialect, key, "v"),
            lambda: advapi_data.RegEnumKeyEx(dialect, key, 0),
            lambda: advapi_data.RegQueryInfoKey(dialect, key),
            lambda: advapi.RegCloseKey(dialect, pick([HKCU, HKU, HKCR])),
            lambda: advapi.RegOverridePredefKey(dialect, HKCU, pick([None, *self.handles[-2:]])),
            lambda: ntdll.NtDuplicateObject(dialect, pick(self.handles)),
            lambda: ntdll.NtUnloadKey(dialect, ROOT),
            lambda: userenv.LoadUserProfile(dialect, USER, rf"C:\Profiles\{USER}\NTUSER.DAT"),
            lambda: advapi_hive.RegRestoreKey(dialect, key, r"C:\new.dat", flags=pick([0, 8])),
        ]
        if self.random.random() < 0.05:
            calls = [
                lambda: advapi.RegDisablePredefinedCache(dialect),
                lambda: ntdll.NtUnloadKey2(dialect, ROOT),
            ]
        try:
            planned = pick(calls)()
        except UsageError:  # this generation has no such function
            return
        self.make(planned)

    def impersonate(self) -> None:
        """Have the thread act as somebody else, or as its process again, on both machines."""
        token = self.random.choice([None, self.process.token, None])
        sid = self.random.choice([USER, OTHER])
        for machine in (self.fast, self.slow):
            thread = machine.threads[self.tid]
            thread.token = token and type(token)(Sid(sid), token.privileges)


@pytest.mark.parametrize("os_name", ["nt4-sp6a", "w2k", "win11", "reactos", "win95"])
def test_both_ways(build: Callable[..., Any], os_name: str) -> None:
    """Whatever is called in whatever order, both ways end alike; opens are repeated and not."""
    seen: Counter[str] = Counter()
    for seed in range(4):
        both = Both(build, os_name, seed)
        for _ in range(120):
            roll = both.random.random()
            for act, share in (
                (both.open, 0.6),
                (both.close, 0.2),
                (both.read, 0.03),
                (both.other, 0.14),
                (both.impersonate, 0.03),
            ):
                if roll < share:
                    act()
                    break
                roll -= share
        seen += both.seen

    shared = os_name == "win95"
    assert (seen["again"] == 0) if shared else (seen["again"] > 10), seen
    assert (seen["created again"] == 0) if shared else (seen["created again"] > 3), seen
    assert seen["by plan"] > 20
    assert seen["changed"] > 10
    assert seen["stood"] > 20


def relink(api: Api) -> None:
    """Set where the link that the path goes through leads."""
    _, made = api.RegOpenKeyEx(HKU, rf"{USER}\Link", access=Access.ALL, options=8)
    data = (ROOT + r"\Console").encode("utf-16-le")
    assert api.RegSetValueEx(made, "SymbolicLinkValue", ValueType.LINK, data).code == 0


def link(api: Api) -> None:
    """Make a link to a key with a subkey."""
    _, made = api.RegCreateKeyEx(HKU, rf"{USER}\Link", options=2)
    data = (ROOT + r"\Software").encode("utf-16-le")
    assert api.RegSetValueEx(made.handle, "SymbolicLinkValue", ValueType.LINK, data).code == 0


def root_of(api: Api) -> int:
    """Return the number of the hidden root behind HKEY_CURRENT_USER."""
    return int(api.machine.process_of(api.tid).slots[HKCU].handle)


def duplicate_and_close(api: Api) -> None:
    """Close the hidden root by its number while a duplicate keeps its object alive."""
    root = root_of(api)
    assert api.NtDuplicateObject(root).status.ok
    assert api.RegCloseKey(root).code == 0


def open_many(api: Api) -> None:
    """Push the control block out of those that are kept."""
    for number in range(2 * IDLE_KCBS):
        code, made = api.RegCreateKeyEx(HKCU, rf"Many\{number}")
        assert code == 0
        api.RegCloseKey(made.handle)


def restore(api: Api) -> None:
    """Replace what lies below the user's root by a file's content."""
    _, root = api.RegOpenKeyEx(HKU, USER)
    assert api.RegRestoreKey(root, r"C:\new.dat", flags=8).code == 0
    api.RegCloseKey(root)


def override(api: Api) -> None:
    """Have HKEY_CURRENT_USER stand for another key."""
    _, other = api.RegOpenKeyEx(HKU, ".DEFAULT", access=Access.ALL)
    assert api.RegOverridePredefKey(HKCU, other).code == 0


def delete(api: Api) -> None:
    """Delete the key."""
    assert api.RegDeleteKey(HKU, rf"{USER}\Software\App").code == 0


PERTURBATIONS = [
    ("win11", "Software\\App", delete, 2),
    ("win11", "Software\\App", lambda api: api.NtUnloadKey2(ROOT), 1018),
    ("win11", "Software\\App", lambda api: api.RegCloseKey(root_of(api)), 6),
    ("win11", "Software\\App", lambda api: api.RegCloseKey(HKCU), 0),
    ("win11", "Software\\App", duplicate_and_close, 6),
    ("win11", "Software\\App", open_many, 0),
    ("win11", "Software\\App", restore, 2),
    ("win11", "Software\\App", lambda api: api.RegDisablePredefinedCache(), 0),
    ("wine", "Software\\App", lambda api: api.RegDisablePredefinedCache(), 0),
    ("win11", "Software\\App", override, 2),
    ("reactos", "Software\\App", override, 2),
    ("win11", "Link\\App", relink, 2),
]


@pytest.mark.parametrize(("os_name", "name", "perturb", "code"), PERTURBATIONS)
def test_what_ends_a_repetition(
    build: Callable[..., Any], os_name: str, name: str, perturb: Callable[[Api], object], code: int
) -> None:
    """Whatever an open rests on may change in between: the next ones see it, as by the plan."""
    world = build(os_name)
    link(world.api)
    hidden = 1  # the root of HKEY_USERS stays open, so that using it later changes nothing
    fast, slow, tid = world.machine, world.machine.snapshot(), world.api.tid
    process = world.service
    for machine in (fast, slow):
        Api(machine, tid).impersonate(USER)
    planned = advapi.RegOpenKeyEx(fast.dialect, HKCU, name)
    assert isinstance(planned, Call)
    opening = Reopening(planned)

    def both() -> int:
        got = opening.run(fast, process, lambda: tid)
        assert got == interpret(slow, tid, planned)
        assert fast.same_as(slow)
        fast.check()
        return int(to_win32(got[0]))

    assert both() == both() == 0
    assert opening.stamp == fast.stamp
    for machine in (fast, slow):
        api = Api(machine, tid)
        api.revert()
        mine = machine.processes[process.pid]
        kept = {slot.handle for slot in mine.slots.values()}
        for handle in [number for number, _ in mine.table.items() if number not in kept]:
            api.RegCloseKey(handle)
        assert len(mine.table) == hidden + 1
        perturb(api)
        api.impersonate(USER)

    assert [both(), both(), both()] == [code] * 3


def test_what_ends_the_repetition_of_a_creation(build: Callable[..., Any]) -> None:
    """A creation that opened the key makes it anew, with those above, once it was deleted."""
    world = build("win11")
    machine, tid = world.machine, world.api.tid
    planned = advapi.RegCreateKeyEx(machine.dialect, HKU, rf"{USER}\Software\App")
    assert isinstance(planned, Call)
    creation = Reopening(planned)

    def create() -> int:
        status, handle = creation.run(machine, world.service, lambda: tid)
        assert status.ok
        return int(handle)

    handles = [create(), create()]
    assert creation.stamp == machine.stamp
    for handle in handles:
        world.api.RegCloseKey(handle)
    delete(world.api)

    made = create()

    assert creation.stamp != machine.stamp, "what was made is opened the next time"
    assert world.where(made) == rf"{ROOT}\Software\App"
    assert world.api.RegQueryInfoKey(create()).value.subkeys == 0
    assert creation.stamp == machine.stamp


def test_duplicated_root(build: Callable[..., Any]) -> None:
    """An open below a handle of which there is a duplicate does not outlive the handle."""
    world = build("win11")
    _, base = world.api.RegOpenKeyEx(HKU, USER)
    world.api.NtDuplicateObject(base)
    planned = advapi.RegOpenKeyEx(world.machine.dialect, base, "Software")
    assert isinstance(planned, Call)
    opening = Reopening(planned)
    first, _ = opening.run(world.machine, world.service, lambda: world.api.tid)

    world.api.RegCloseKey(base)

    then, _ = opening.run(world.machine, world.service, lambda: world.api.tid)
    assert first.ok
    assert to_win32(then) == 6


def test_only_closing_is_closing(world: Any) -> None:
    """A call that does more than to close a handle is no `Closing`."""
    planned = advapi.RegCloseKey(world.machine.dialect, HKCU)
    assert isinstance(planned, Call)

    with pytest.raises(UsageError, match="more than to close"):
        Closing(planned)


def test_reading_a_value(build: Callable[..., Any]) -> None:
    """A value is read in one step as by its plan, and so is what keeps it from being read."""
    both = Both(build, "win11", 1)
    dialect = both.fast.dialect
    for access in (Access.ALL, Access.SET_VALUE):
        both.make(advapi.RegOpenKeyEx(dialect, HKU, rf"{USER}\Software\App", access=access))
    key, writing = both.handles[-2:]
    both.make(advapi_data.RegSetValueEx(dialect, writing, "Name", 1, b"x\0"))
    both.make(advapi_data.RegSetValueEx(dialect, writing, None, 4, b"1234"))

    def read() -> None:
        for handle in (key, writing, 4000):
            for name in ("Name", "nAME", "none", "", None):
                both.read(handle, name)

    read()
    both.make(advapi_data.RegDeleteValue(dialect, writing, "name"))
    read()
    for machine in (both.fast, both.slow):
        delete(Api(machine, both.tid))
    read()
    both.make(advapi.RegCloseKey(dialect, key))
    read()


def test_only_a_plain_read_is_one_step(world: Any) -> None:
    """A call that opens a predefined key to read a value is no `Querying`."""
    planned = advapi_data.RegQueryValueEx(world.machine.dialect, HKCU, "v")
    assert isinstance(planned, Call)

    with pytest.raises(UsageError, match="more than to read"):
        Querying(planned)


@pytest.mark.parametrize(
    "step",
    [
        Step(at="a", does="act", then=(go(RETURN, Act("sleep", (1,))),)),
        Step(at="a", does="ask", then=(go(RETURN, when=Ask("mounted", (ROOT,))), go(FAIL))),
        Step(at="a", does="set", then=(go(RETURN, Set(Var("x", Scope.MACHINE), 1)),)),
    ],
)
def test_what_is_not_compiled(world: Any, step: Step) -> None:
    """Acts, questions and variables that outlive the call are left to the interpreter."""
    plan = Plan("Odd", (), (step,))

    assert compile_plan(plan) is None
    status, value = run_call(world.machine, world.api.tid, Call(plan, {}, "Odd()"))
    assert (int(status), value) == (0, None)


def test_every_plan_is_compiled(build: Callable[..., Any]) -> None:
    """The plans of all calls are compiled, under every dialect."""
    world = build("nt4-sp6a")
    for name in dialects.names():
        dialect = dialects.get(name)
        for planned in (
            advapi.RegOpenKeyEx(dialect, HKCU, "x"),
            advapi.RegOpenKeyEx(dialect, Handle(8), "x"),
            advapi_data.RegDeleteKey(dialect, HKCU, "x"),
            advapi_hive.RegLoadKey(dialect, HKU, "x", "y"),
            userenv.LoadUserProfile(dialect, USER, "y"),
        ):
            assert isinstance(planned, Call)
            assert compile_plan(planned.plan) is not None
    assert world.open_handles() == 0


def test_a_branch_for_every_status(world: Any) -> None:
    """A status that no branch takes is a defect of the plan, compiled or not."""
    step = Step(at="a", does="close", op=op("NtClose", handle=Arg("key")), then=(ok(RETURN),))
    plan = Plan("Narrow", ("key",), (step,))
    call = Call(plan, {"key": 4000})

    for run in (
        lambda: run_call(world.machine, world.api.tid, call),
        lambda: interpret(world.machine, world.api.tid, call),
    ):
        with pytest.raises(UsageError, match="no branch for INVALID_HANDLE"):
            run()


# -- what the kernel keeps for the next open -----------------------------------------------------


def test_control_blocks_are_kept_and_bounded(world: Any) -> None:
    """Blocks of closed keys stay for the next open, the last so many, and block no unload."""
    machine = world.machine
    for number in range(IDLE_KCBS + 20):
        _, made = world.api.RegCreateKeyEx(HKU, rf"{USER}\Many\{number}")
        assert world.api.RegCloseKey(made.handle).code == 0
    world.api.RegCloseKey(HKU)

    assert 0 < len(machine.idle) <= IDLE_KCBS
    machine.check()
    assert world.api.NtUnloadKey(ROOT).status.ok
    assert len(machine.idle) == 0
    machine.check()


def test_places_are_bounded(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered of paths does not grow without end."""
    monkeypatch.setattr("regsim.kernel.machine.MAX_PLACES", 3)
    most = 0
    for name in (r"Software", "Software\\", r"\Software"[1:], r"Software\App", r"Software\\App"):
        code, handle = world.api.RegOpenKeyEx(HKU, rf"{USER}\{name}")
        assert code == 0
        world.api.RegCloseKey(handle)
        most = max(most, len(world.machine.places))

    assert most == 3
    assert MAX_PLACES > 3


def test_snapshots_keep_their_own(world: Any) -> None:
    """A snapshot remembers nothing of the other's namespace."""
    _, handle = world.api.RegOpenKeyEx(HKU, rf"{USER}\Software\App")
    world.api.RegCloseKey(handle)
    assert world.machine.places

    twin = world.machine.snapshot()

    assert not twin.places
    assert keypath.split(ROOT)
    twin.check()
    world.machine.check()


def test_an_emptied_slot_is_not_used_again(build: Callable[..., Any]) -> None:
    """After the close of a root that stood for a caller's own handle, HKCU is the user's again."""
    world = build(dialects.get("xp").with_(override_hold=OverrideHold.BORROWED))
    world.api.impersonate(USER)
    _, own = world.api.RegOpenKeyEx(PredefinedKey.LOCAL_MACHINE, "Software")
    world.api.RegCreateKeyEx(own, "Software")
    world.api.RegOverridePredefKey(HKCU, own)
    planned = advapi.RegOpenKeyEx(world.machine.dialect, HKCU, "Software")
    assert isinstance(planned, Call)
    opening = Reopening(planned)

    def opened() -> str:
        _, handle = opening.run(world.machine, world.service, lambda: world.api.tid)
        return str(world.where(handle))

    inside = {opened() for _ in range(3)}
    world.api.RegCloseKey(HKCU)

    assert inside == {r"\REGISTRY\MACHINE\Software\Software"}
    assert opened() == rf"\REGISTRY\USER\{USER}\Software"

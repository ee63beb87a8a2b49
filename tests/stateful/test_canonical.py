"""Equal canonical keys have equal successors, and a snapshot is a machine of its own.

Programs name their handles by role. Two machines run a program each, with other handles opened and
closed in between, so that numbers, ids and times differ where roles do not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from regsim import dialects
from regsim.kernel import operations
from regsim.kernel.machine import Machine
from regsim.policy import Unmount, Unmounts
from regsim.types import NO_HANDLE, Access, PredefinedKey
from regsim.win32.api import Api

HKCU = PredefinedKey.CURRENT_USER
HKU = PredefinedKey.USERS
USER, OTHER = "S-1-5-21-1", "S-1-5-21-2"
SILO = "{0a}"
ROOT = rf"\REGISTRY\USER\{USER}"
FILE = rf"C:\Profiles\{USER}\NTUSER.DAT"
DIALECTS = {
    **{name: dialects.get(name) for name in ("nt4-sp6a", "w2k", "wine", "reactos")},
    "nt4-rtm, 1 bit": dialects.get("nt4-rtm").with_(refcount_bits=1),
    "win11": dialects.get("win11").with_(unmounts=Unmounts(silo=Unmount.JOB_CLOSED)),
}


def handle_of(machine: Machine, role: str, name: str) -> int:
    """Return the handle that thread *role* knows by *name*."""
    return thread_of(machine, role).memory.handles.get(name, NO_HANDLE)


def thread_of(machine: Machine, role: str):
    """Return the thread called *role*."""
    return next(thread for thread in machine.threads.values() if thread.role == role)


def call(machine: Machine, role: str, function: str, *args, **options):
    """Have thread *role* call *function*, and return its code or status."""
    api = Api(machine, thread_of(machine, role))
    if not machine.dialect.has(function):
        return "absent"
    return getattr(api, function)(*args, **options)


def keep(machine: Machine, role: str, name: str, reply) -> object:
    """Remember the handle that *reply* gave as *name*, and return the code without it."""
    if isinstance(reply, tuple) and reply[0] == 0:
        thread_of(machine, role).memory.handles[name] = getattr(reply[1], "handle", reply[1])
    return reply if isinstance(reply, str) else reply[0]


def _open(role: str, name: str, key: int, path: str) -> Callable[[Machine], object]:
    def run(machine: Machine) -> object:
        reply = call(machine, role, "RegOpenKeyEx", key, path, access=Access.ALL)
        return keep(machine, role, name, reply)

    return run


def _on(role: str, name: str, function: str, *args) -> Callable[[Machine], object]:
    return lambda machine: call(machine, role, function, handle_of(machine, role, name), *args)


def _plain(role: str, function: str, *args) -> Callable[[Machine], object]:
    return lambda machine: call(machine, role, function, *args)


def _forget(role: str, name: str) -> Callable[[Machine], object]:
    return lambda machine: thread_of(machine, role).memory.handles.pop(name, None) and None


def _impersonate(role: str, sid: str | None) -> Callable[[Machine], object]:
    def run(machine: Machine) -> object:
        api = Api(machine, thread_of(machine, role))
        return api.impersonate(sid) if sid else api.revert()

    return run


def _watch(role: str, name: str) -> Callable[[Machine], object]:
    return _on(role, name, "RegNotifyChangeKeyValue", f"{role}-{name}")


def _kernel(machine: Machine, operation: str, /, **args) -> object:
    """Have the second thread do an operation of the kernel that no Win32 call stands for."""
    caller = thread_of(machine, "second").tid
    return operations.OPERATIONS[operation].run(machine, caller, **args)


def _container(machine: Machine) -> object:
    file = r"C:\silo.dat"
    return _kernel(machine, "LoadSiloHive", silo=SILO, name="user_sid", file=file)


def _member(machine: Machine) -> object:
    """Start a process in the silo, or end it."""
    if machine.process_named("member") is not None:
        return _kernel(machine, "EndProcess", role="member")
    return _kernel(machine, "StartProcess", role="member", image="m", sid=USER, silo=SILO)


def _job(machine: Machine) -> object:
    """Open the job of the silo, or close it."""
    held = machine.process_of(thread_of(machine, "second").tid).jobs
    return _kernel(machine, "CloseJob" if held else "OpenJob", silo=SILO)


OPERATIONS: dict[str, Callable[[Machine], object]] = {}
for _role in ("service", "second"):
    OPERATIONS |= {
        f"{_role}: open a": _open(_role, "a", HKCU, "Software"),
        f"{_role}: open b": _open(_role, "b", HKU, rf"{USER}\Software\App"),
        f"{_role}: close a": _on(_role, "a", "RegCloseKey"),
        f"{_role}: close b": _on(_role, "b", "RegCloseKey"),
        f"{_role}: forget a": _forget(_role, "a"),
        f"{_role}: write a": _on(_role, "a", "RegSetValueEx", "x", 3, b"1"),
        f"{_role}: read a": _on(_role, "a", "RegQueryValueEx", "x"),
        f"{_role}: delete b": _on(_role, "b", "RegDeleteKey", ""),
        f"{_role}: watch a": _watch(_role, "a"),
        f"{_role}: impersonate": _impersonate(_role, USER),
        f"{_role}: revert": _impersonate(_role, None),
    }
OPERATIONS |= {
    "close root": _plain("service", "RegCloseKey", HKCU),
    "refresh": _plain("second", "RegOpenKeyEx", HKCU, None),
    "disable cache": _plain("service", "RegDisablePredefinedCache"),
    "override": lambda m: call(
        m, "service", "RegOverridePredefKey", HKCU, handle_of(m, "service", "b")
    ),
    "override with NULL": _plain("second", "RegOverridePredefKey", HKCU, None),
    "app key": lambda m: keep(m, "second", "b", call(m, "second", "RegLoadAppKey", r"C:\app.dat")),
    "unload": _plain("winlogon", "NtUnloadKey", ROOT),
    "force": _plain("winlogon", "NtUnloadKey2", ROOT),
    "defer": _plain("winlogon", "NtUnloadKeyEx", ROOT, "gone"),
    "load": _plain("winlogon", "NtLoadKey", ROOT, FILE),
    "container": _container,
    "member": _member,
    "job": _job,
}

program = st.lists(st.sampled_from(sorted(OPERATIONS)), max_size=12)


def fresh(build: Callable, dialect) -> Machine:
    """Return a computer with a service of two threads, and Winlogon."""
    world = build(dialect)
    world.thread("second")
    world.start("winlogon")
    return world.machine


def noisy(machine: Machine, names: list[str], noise: list[int]) -> None:
    """Run the operations *names*; before each, open and close other handles as *noise* says."""
    for index, name in enumerate(names):
        kind = noise[index % len(noise)] if noise else 0
        others = []
        for _ in range(kind):
            reply = call(machine, "service", "NtOpenKey", r"\REGISTRY\USER")
            others.append(reply.value)
        machine.clock += kind
        if kind % 2:
            _close(machine, others)
        OPERATIONS[name](machine)
        if not kind % 2:
            _close(machine, others)


def _close(machine: Machine, handles: list[int]) -> None:
    for handle in handles:
        call(machine, "service", "NtClose", handle)


def outcome(machine: Machine, name: str) -> tuple[object, object]:
    """Return what operation *name* answers on a snapshot, and the key of what it leads to."""
    twin = machine.snapshot()
    answer = OPERATIONS[name](twin)
    twin.check()
    return answer, twin.canonical()


@pytest.mark.parametrize("name", list(DIALECTS))
@given(names=program, noise=st.lists(st.integers(0, 3), min_size=1, max_size=4), data=st.data())
def test_equal_keys_have_equal_successors(build: Callable, name: str, names, noise, data) -> None:
    """Machines with equal keys answer every operation alike and stay equal."""
    order = data.draw(st.permutations(names))
    plain, noised = fresh(build, DIALECTS[name]), fresh(build, DIALECTS[name])
    noisy(plain, names, [])
    noisy(noised, order, noise)
    equal = plain.canonical() == noised.canonical()
    event("equal keys" if equal else "unequal keys")

    for operation in OPERATIONS if equal else ():
        assert outcome(plain, operation) == outcome(noised, operation), operation


@pytest.mark.parametrize("name", list(DIALECTS))
def test_states_that_meet(build: Callable, name: str) -> None:
    """Breadth first from one machine, each state that is met again has the same successors."""
    met: dict[object, Machine] = {}
    compared: Counter[bool] = Counter()
    layer = [fresh(build, DIALECTS[name])]
    for _ in range(3):
        following = []
        for machine in layer:
            key = machine.canonical()
            other = met.setdefault(key, machine)
            if other is machine:
                following += [step(machine, operation) for operation in OPERATIONS]
            elif sum(compared.values()) < 30 and not machine.same_as(other):
                compared[True] += 1
                for operation in OPERATIONS:
                    assert outcome(machine, operation) == outcome(other, operation), operation
        layer = following

    assert compared[True] > 10
    assert len(met) > 30


def step(machine: Machine, name: str) -> Machine:
    """Return what operation *name* makes of *machine*, which stays as it is."""
    twin = machine.snapshot()
    OPERATIONS[name](twin)
    return twin


@pytest.mark.parametrize("name", list(DIALECTS))
@given(names=program, after=program)
def test_snapshots_are_independent(build: Callable, name: str, names, after) -> None:
    """What is done to a machine does not change its snapshot, nor the other way round."""
    machine = fresh(build, DIALECTS[name])
    noisy(machine, names, [])
    twin, third = machine.snapshot(), machine.snapshot()

    assert twin.same_as(machine)
    assert machine.same_as(twin)
    noisy(machine, after, [1])
    assert twin.same_as(third)
    twin.check()
    later = machine.snapshot()
    noisy(twin, after, [2])
    noisy(third, after, [2])
    assert twin.same_as(third)
    assert machine.same_as(later)
    assert later.same_as(machine)
    machine.check()


@given(names=program)
def test_noise_is_no_state(build: Callable, names) -> None:
    """Handle numbers, ids and times are no part of the key: so noise does not change it."""
    plain, noised = fresh(build, DIALECTS["win11"]), fresh(build, DIALECTS["win11"])
    stale = {f"{role}: close {name}" for role in ("service", "second") for name in "ab"}
    forgetful = [name for name in names if name not in stale]
    noisy(plain, forgetful, [])
    noisy(noised, forgetful, [1])

    assert plain.canonical() == noised.canonical()

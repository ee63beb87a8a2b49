"""Opens that are alike are kept as one object: nothing that can be asked tells it from many."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regsim.kernel.calls import run_call
from regsim.kernel.fast.again import repeat_call
from regsim.kernel.machine import Machine
from regsim.policy import PerCallRoot
from regsim.testing.session import Session, log_on
from regsim.types import PredefinedKey
from regsim.win32 import advapi, ntdll
from regsim.win32.plans import Planned

HKCU = PredefinedKey.CURRENT_USER
TIMES = 9


def seen(machine: Machine) -> tuple[object, ...]:
    """All that anybody could ask of *machine* but the numbers of its objects."""
    tables = {
        pid: [
            (handle, *entry[1:], machine.key_name(obj.kcb), obj.kcb.status, obj.origin.call)
            for handle, entry in process.table.items()
            for obj in [machine.objects[entry[0]]]
        ]
        for pid, process in machine.processes.items()
    }
    counts = {where: kcb.opens for where, kcb in machine.kcbs.items()}
    hives = {number: hive.handles for number, hive in machine.hives.items()}
    held = [list(machine.holders(hive)) for hive in machine.hives.values()]
    signals = (machine.signalled, machine.corruption, machine.serial, machine.events)
    return machine.canonical(), tables, counts, hives, held, *signals


class Twins:
    """Two equal sessions: what the second does one by one, the first does at once."""

    def __init__(self, os: str, bits: int | None = None) -> None:
        self.both = [log_on(os), log_on(os)]
        for one in self.both:
            machine = one.machine
            machine.count_mask = (1 << (bits or machine.dialect.refcount_bits)) - 1
            one.service.impersonate(one.user)
            one.service.RegCreateKeyEx(HKCU, "Software")

    def leak(self, planned: Planned, times: int = TIMES) -> None:
        """Make the call *times* over on both."""
        fast, slow = self.both
        at_once = repeat_call(fast.machine, fast.service.tid, planned, times)
        for _ in range(times):
            status, _ = run_call(slow.machine, slow.service.tid, planned)
        assert at_once == status
        self.compare()

    def each(self, act: Any) -> None:
        """Have both sessions do *act*, to the same effect."""
        answers = [act(one) for one in self.both]
        assert answers[0] == answers[1]
        self.compare()

    def compare(self) -> None:
        """Both are as one, and their invariants hold."""
        fast, slow = (one.machine for one in self.both)
        assert seen(fast) == seen(slow)
        fast.check()
        slow.check()

    @property
    def objects(self) -> tuple[int, int]:
        """How many objects each machine keeps."""
        fast, slow = (len(one.machine.objects) for one in self.both)
        return fast, slow


def below(session: Session, name: str = "Software") -> Planned:
    """The native open of a key of the user's."""
    return ntdll.NtOpenKey(session.machine.dialect, rf"{session.path}\{name}")


@pytest.mark.parametrize("os", ["nt4-sp3", "win95", "win11", "wine"])
@pytest.mark.parametrize("name", ["Software", "Missing"])
def test_repeated_opens_are_that_many(os: str, name: str) -> None:
    """Whatever a repeated open gives, it gives as often as it is made."""
    twins = Twins(os)

    if os != "win95":
        twins.leak(below(twins.both[0], name))
    twins.leak(advapi.RegOpenKeyEx(twins.both[0].machine.dialect, HKCU, name))


def test_many_opens_are_few_objects() -> None:
    """Made at once they are one object beside the first ones; made one by one, one each."""
    twins = Twins("win11")
    before, _ = twins.objects

    twins.leak(below(twins.both[0]), 1_000)

    fast, slow = twins.objects
    assert slow - before == 1_000
    assert fast - before == 2


def test_where_each_call_leaves_a_root_too() -> None:
    """An open that leaves two handles is made one by one."""
    twins = Twins("xp")
    for one in twins.both:
        one.machine.dialect = one.machine.dialect.with_(per_call_root=PerCallRoot.LEAKED)
        one.service.RegDisablePredefinedCache()

    twins.leak(advapi.RegOpenKeyEx(twins.both[0].machine.dialect, HKCU, "Software"))


@pytest.mark.parametrize("bits", [3, 4, 16])
def test_process_that_ends_closes_each(bits: int) -> None:
    """A counter that has wrapped frees the key under the others, one that has not does not."""
    twins = Twins("nt4-sp3", bits)
    twins.leak(below(twins.both[0]), 16)

    twins.each(lambda one: one.machine.end_process(one.machine.process_named("service")))

    assert bool(twins.both[0].machine.corruption) is (bits < 16)


def test_hive_that_waits_goes_with_the_last() -> None:
    """An unload that was put off happens when the last of the alike handles is closed."""
    twins = Twins("xp")
    twins.leak(below(twins.both[0]))
    for one in twins.both:
        one.service.revert()

    twins.each(lambda one: one.service.NtUnloadKeyEx(one.path, "gone").status)
    twins.each(lambda one: one.machine.end_process(one.machine.process_named("service")))

    assert "gone" in twins.both[0].machine.signalled


ACTS = st.sampled_from(["close", "duplicate", "notify", "delete", "open", "unload", "force", "set"])


def act_on(session: Session, act: str, handle: int) -> object:
    """Do one thing that could tell opens apart; return what it answers."""
    api, path = session.service, session.path
    calls = {
        "close": lambda: api.NtClose(handle),
        "duplicate": lambda: api.NtDuplicateObject(handle),
        "notify": lambda: api.RegNotifyChangeKeyValue(handle, event=f"event {handle}"),
        "delete": lambda: api.NtDeleteKey(handle),
        "open": lambda: api.NtOpenKey(rf"{path}\Software"),
        "unload": lambda: api.NtUnloadKey(path),
        "force": lambda: api.NtUnloadKey2(path),
        "set": lambda: api.RegSetValueEx(handle, "v", 1, b"x\0"),
    }
    return tuple(calls[act]())


@settings(max_examples=12, deadline=None)
@given(st.sampled_from([2, 3, 32]), st.lists(st.tuples(ACTS, st.integers(0, 12)), max_size=12))
def test_nothing_tells_one_object_from_many(bits: int, acts: list[tuple[str, int]]) -> None:
    """After whatever is done to one of the handles, both machines are as one, to the very end."""
    twins = Twins("win11", bits)
    twins.leak(below(twins.both[0]))

    for act, number in acts:
        twins.each(lambda one, act=act, number=number: act_on(one, act, 4 * (number + 1)))

    for one in twins.both:
        copy = one.machine.snapshot()
        copy.check()
        assert copy.same_as(one.machine)
    twins.each(lambda one: one.machine.end_process(one.machine.process_named("service")))

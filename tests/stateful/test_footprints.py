"""A kernel operation reads and writes nothing outside the footprint that its record declares.

Every operation is tried on machines that random histories led to. Where two of them agree on what
the footprint names, the operation must make the same of it in both; whatever the footprint does not
name must stay as it was.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsim import keypath
from regsim.explore.system import Content
from regsim.kernel.canonical import Description, ThreadPart, describe
from regsim.kernel.expr import HandleVar, Scope, Var
from regsim.kernel.footprint import footprint
from regsim.kernel.holding import blockers
from regsim.kernel.machine import Machine
from regsim.kernel.operations import OPERATIONS, Operation
from regsim.kernel.process import SYSTEM_TOKEN, Token
from regsim.kernel.spots import Actor, Footprint, Place, Spot, Variable
from regsim.kernel.steps import Act, Forget, Op, Step, advance, go, op
from regsim.kernel.tree import Node
from regsim.types import Access, PredefinedKey, Sid, Value

USER = "S-1-5-21-1"
ROOT = keypath.user_root(USER)
DEFAULT = keypath.user_root(".DEFAULT")
FILE = rf"C:\Profiles\{USER}\NTUSER.DAT"
SOFTWARE = rf"{ROOT}\Software"
HKCU = PredefinedKey.CURRENT_USER
ALL = Access.ALL
A, SHARED = HandleVar("a"), HandleVar("shared", Scope.PROCESS)
SEEN = Var("seen")
THREADS = ("first", "second", "other", "system")
DIALECTS = ("nt4-sp6a", "win11", "wine", "reactos")


def step(does: str, operation: Op | None = None, *updates: Any) -> Step:
    """Return a step that goes back to where it started, whatever the operation answers."""
    return Step(at="here", does=does, op=operation, then=(go("here", *updates),))


DECLARED = [
    step("open", op("NtOpenKey", A, root=None, path=SOFTWARE, access=ALL)),
    step("open leaf", op("NtOpenKey", A, root=None, path=rf"{SOFTWARE}\App", access=ALL)),
    step("open root", op("NtOpenKey", SHARED, root=None, path=ROOT, access=ALL)),
    step("open unnamed", op("NtOpenKey", root=None, path=SOFTWARE)),
    step("create", op("NtCreateKey", A, root=None, path=rf"{ROOT}\New", access=ALL)),
    step("close", op("NtClose", handle=A), Forget(A)),
    step("close shared", op("NtClose", handle=SHARED), Forget(SHARED)),
    step("query value", op("NtQueryValueKey", SEEN, handle=A, name="WHO")),
    step("set value", op("NtSetValueKey", handle=A, value=Value("WHO", 4, b"\1\0\0\0"))),
    step("delete value", op("NtDeleteValueKey", handle=A, name="WHO")),
    step("delete", op("NtDeleteKey", handle=A)),
    step("enumerate", op("NtEnumerateKey", SEEN, handle=SHARED, index=1)),
    step("enumerate values", op("NtEnumerateValueKey", SEEN, handle=A, index=0)),
    step("query", op("NtQueryKey", SEEN, handle=A)),
    step("flush", op("NtFlushKey", handle=A)),
    step("load", op("NtLoadKey", path=ROOT, file=FILE)),
    step("unload", op("NtUnloadKey", path=ROOT)),
    step("force", op("NtUnloadKey2", path=ROOT)),
    step("save", op("NtSaveKey", handle=SHARED, file="copy")),
    step("resolve", op("ResolvePredefined", key=HKCU)),
    step("resolve own", op("ResolvePredefined", A, key=HKCU)),
    step("close slot", op("ClosePredefined", key=HKCU)),
    step("disable", op("DisableCache", keys_=(HKCU,))),
    step("current", op("OpenCurrentUser", A)),
    step("start", op("StartProcess", role="guest", image="g", sid=USER, opens_root=True)),
    step("start plain", op("StartProcess", role="guest", image="g", sid=USER)),
    step("end", op("EndProcess", role="guest")),
    step("end other", op("EndProcess", role="other")),
    step("end session", op("EndSession")),
    step("remap", op("ReleaseHandles", path=ROOT, onto=DEFAULT)),
]
"""A step or two of each operation that has a footprint."""
OTHERS = [
    step("impersonate", None, Act("impersonate", (USER,))),
    step("revert", None, Act("revert")),
]
STEPS = [*DECLARED, *OTHERS]

OPENING = [
    known for known in STEPS if known.does in ("open", "open leaf", "create", "load", "open root")
]
"""What other steps need to have been taken, more often than chance would."""

history = st.lists(st.tuples(st.sampled_from(THREADS), st.sampled_from(STEPS)), max_size=12)


TOKENS = (SYSTEM_TOKEN, Token(Sid(USER)), Token(Sid(USER), SYSTEM_TOKEN.privileges))


def fresh(build: Callable, dialect: str, service: Token = SYSTEM_TOKEN) -> Machine:
    """Return a computer with a *service* of two threads, a user's program, and LocalSystem."""
    machine = build(dialect).machine
    for role, names in (("pair", ("first", "second")), ("other", ("other",)), ("sys", ("system",))):
        token = {"pair": service, "other": TOKENS[2]}.get(role, SYSTEM_TOKEN)
        process = machine.start_process(role, token=token, user=role == "other")
        for name in names:
            machine.start_thread(process, name, pc="here")
    return machine


def take(machine: Machine, thread: str, taken: Step) -> str | None:
    """Have *thread* take a step if it can, and return what the operation answered, else None."""
    tid = next(tid for tid, known in machine.threads.items() if known.role == thread)
    running = taken.op is not None and taken.op.operation.starts
    if not machine.threads[tid].alive or (running and machine.process_named("guest")):
        return None
    return advance(machine, tid, taken).status.name


CONTENTS: dict[int, tuple[Node, Content]] = {}


def content(root: Node) -> Content:
    """Return the content of a tree, which nobody writes to once a snapshot shares it."""
    if id(root) not in CONTENTS:
        CONTENTS[id(root)] = (root, Content(root.content()))
    return CONTENTS[id(root)][1]


Parts = dict[tuple[str, str], object]


def parts_of(machine: Machine) -> Parts:
    """Return all that can change behaviour, part by part."""
    found: Description = describe(machine, content)
    roles = {tid: thread.role for tid, thread in machine.threads.items()}
    owners = {t.role: machine.processes.get(t.pid) for t in machine.threads.values()}
    parts: Parts = {("variable", name): value for name, value in found.vars}
    parts |= {("namespace", ""): found.namespace, ("signals", ""): found.signals}
    parts |= {("process", role): part for role, part in found.processes.items()}
    for tid, part in found.threads.items():
        owner = owners[roles[tid]]
        if owner is None or owner.role != "guest":  # a guest's thread runs no program
            parts["thread", roles[tid]] = part
    return parts


CREW = {"pair": ("first", "second"), "other": ("other",), "sys": ("system",)}


def meant(spot: Spot, parts: Parts, thread: str, *, mapped: bool) -> Iterator[tuple[str, str]]:
    """Yield the names of the parts that reading *spot* means to *thread*, or mapping it.

    To read an actor is to read its process; to map it, each of its threads.
    """
    if isinstance(spot, Variable):
        yield "variable", spot.name
    elif isinstance(spot, Actor):
        names = CREW.get(spot.role, ()) if mapped else (spot.role,)
        yield from (("thread" if mapped else "process", name) for name in names)
    elif spot is Place.THREAD:
        yield "thread", thread
    elif spot is Place.PROCESS:
        yield "process", next(role for role, names in CREW.items() if thread in names)
    elif spot is Place.SESSION:
        for role in ("other", "guest"):
            yield from meant(Actor(role), parts, thread, mapped=mapped)
    elif spot is Place.HOLDERS:
        yield from (name for name in parts if name[0] in ("process", "thread"))
    else:
        yield ("namespace" if spot is Place.NAMESPACE else "signals"), ""


def named(
    spots: frozenset[Spot], parts: Parts, thread: str, *, mapped: bool = False
) -> set[tuple[str, str]]:
    """Return the names of the parts that *spots* mean to *thread*."""
    return {name for spot in spots for name in meant(spot, parts, thread, mapped=mapped)}


@attrs.define
class Judge:
    """Holds what each step did against what it did where its footprint was the same."""

    effects: dict[object, object] = attrs.field(factory=dict)
    images: dict[object, object] = attrs.field(factory=dict)
    wholes: dict[object, Parts] = attrs.field(factory=dict)
    compared: Counter[str] = attrs.field(factory=Counter)
    """Of each operation, how often two different machines that agree were compared."""
    succeeded: Counter[str] = attrs.field(factory=Counter)

    def judge(self, machine: Machine, thread: str, steps: list[Step]) -> None:
        """Have *thread* take each step in a copy of *machine*; assert what footprints claim."""
        before = parts_of(machine)
        for taken in steps:
            after = machine.snapshot()
            status = take(after, thread, taken)
            if status is not None:
                self.compare(machine, thread, taken, before, parts_of(after), status)

    def compare(
        self,
        machine: Machine,
        thread: str,
        taken: Step,
        before: Parts,
        reached: Parts,
        status: str,
    ) -> None:
        """Assert of one step what its footprint claims."""
        part = before["thread", thread]
        assert isinstance(part, ThreadPart)
        known = footprint(taken, part, machine.dialect)
        assert known is not None
        reads = named(known.reads, before, thread)
        key = (
            machine.dialect.name,
            thread,
            taken.does,
            self.situation(machine, known, before, reads),
        )
        self.unread(key, before, reached, reads, named(known.maps, before, thread, mapped=True))
        effect = (status, tuple(sorted((name, reached.get(name)) for name in reads)))
        assert self.effects.setdefault(key, effect) == effect, key
        operation = "" if taken.op is None else taken.op.name
        self.compared[operation] += self.wholes.setdefault(key, before) != before
        self.succeeded[operation] += status == "SUCCESS"

    def situation(
        self, machine: Machine, known: Footprint, before: Parts, reads: set[tuple[str, str]]
    ) -> object:
        """Return what *known* declares that the step depends on."""
        hives = [machine.hive_at(path) for path in sorted(known.blockers)]
        blocked = [hive is not None and bool(blockers(machine, hive)) for hive in hives]
        return tuple((name, before.get(name)) for name in sorted(reads)), tuple(blocked)

    def unread(
        self,
        key: object,
        before: Parts,
        after: Parts,
        reads: set[tuple[str, str]],
        maps: set[tuple[str, str]],
    ) -> None:
        """Assert that what is not read stays, or becomes what such a part became before."""
        for name in (before.keys() | after.keys()) - reads:
            old, new = before.get(name), after.get(name)
            if name in maps:
                assert self.images.setdefault((key, name[0], old), new) == new, (key, name)
            else:
                assert old == new, (key, name)


def tried(build: Callable, dialect: str, steps: list[Step], seeds: int) -> Judge:
    """Return the judge of *steps* tried by every thread along *seeds* random histories."""
    judge = Judge()
    for seed in range(seeds):
        chance = random.Random(seed)
        machine = fresh(build, dialect, chance.choice(TOKENS))
        for _ in range(14):
            actor = chance.choice(THREADS)
            take(machine, actor, chance.choice(chance.choice((STEPS, OPENING))))
            judge.judge(machine, chance.choice((actor, *THREADS)), steps)
    return judge


@given(
    dialect=st.sampled_from(DIALECTS),
    past=history,
    others=st.lists(st.tuples(st.sampled_from(TOKENS), history), min_size=1, max_size=3),
    thread=st.sampled_from(THREADS),
)
def test_nothing_outside_is_touched(
    build: Callable, dialect: str, past: Any, others: Any, thread: str
) -> None:
    """Of machines with a common past: each operation does the same where its footprint agrees."""
    judge = Judge()
    for service, present in ((SYSTEM_TOKEN, []), *others):
        machine = fresh(build, dialect, service)
        for name, taken in (*past, *present):
            take(machine, name, taken)
        machine.check()
        judge.judge(machine, thread, DECLARED)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_operation_was_tried(build: Callable, dialect: str) -> None:
    """Every operation with a footprint succeeds, and is compared between different machines."""
    judge = tried(build, dialect, DECLARED, 5)

    declared = {name for name, known in OPERATIONS.items() if known.touches is not None}
    assert {taken.op.name for taken in DECLARED if taken.op is not None} == declared
    assert {name for name in declared if not judge.succeeded[name]} == set()
    assert {name for name in declared if not judge.compared[name]} == set()


def test_what_declares_nothing_may_touch_everything(build: Callable) -> None:
    """A step with an operation that has no footprint has none itself."""
    machine = fresh(build, "win11")
    part = next(iter(describe(machine).threads.values()))
    undeclared = [name for name, known in OPERATIONS.items() if known.touches is None]

    assert len(undeclared) > 5
    for name in undeclared:
        assert footprint(step(name, op(name)), part, machine.dialect) is None


def without(spot: Spot | str, known: Operation) -> Operation:
    """Return *known* with *spot* left out of its footprint, the paths of blockers for a text."""

    def touches(args: Any, dialect: Any) -> Footprint:
        whole = known.footprint(args, dialect)
        return Footprint(
            frozenset(read for read in whole.reads if kind(read) != spot),
            frozenset() if spot == "blockers" else whole.blockers,
            frozenset() if spot == "maps" else whole.maps,
        )

    return attrs.evolve(known, touches=touches)


def kind(spot: Spot) -> Spot | str:
    """Return *spot*, an actor whoever it is as ``actor``."""
    return "actor" if isinstance(spot, Actor) else spot


SHRUNK = [
    ("NtOpenKey", Place.NAMESPACE),
    ("NtQueryKey", Place.NAMESPACE),
    ("NtDeleteKey", "maps"),
    ("NtLoadKey", Place.IDENTITY),
    ("NtUnloadKey", "blockers"),
    ("NtUnloadKey", "maps"),
    ("NtUnloadKey2", "maps"),
    ("ResolvePredefined", Place.PROCESS),
    ("ResolvePredefined", Place.NAMESPACE),
    ("ClosePredefined", Place.PROCESS),
    ("OpenCurrentUser", Place.IDENTITY),
    ("StartProcess", "actor"),
    ("EndProcess", "maps"),
    ("EndSession", Place.SESSION),
    ("ReleaseHandles", "maps"),
]
"""Operations, and what is left out of their footprints."""


@pytest.mark.parametrize(("operation", "spot"), SHRUNK)
def test_a_footprint_too_small_is_caught(
    build: Callable, monkeypatch: pytest.MonkeyPatch, operation: str, spot: Spot | str
) -> None:
    """Each part of a footprint is needed: without it some two machines are told apart."""
    monkeypatch.setitem(OPERATIONS, operation, without(spot, OPERATIONS[operation]))

    steps = [taken for taken in DECLARED if taken.op is not None and taken.op.name == operation]

    with pytest.raises(AssertionError):  # noqa: PT012
        for dialect in DIALECTS:
            tried(build, dialect, steps, 60)

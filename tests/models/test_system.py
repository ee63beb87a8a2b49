"""A machine in components: equal vectors are equal machines, and a footprint hides nothing.

Both are asked of the models that ship, and of machines and programs at random: whatever a program
may do, done in any order by two threads of a kind and a third.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from regsim.models import model

from regsim import dialects
from regsim.actors.stage import PROFILE, USER, USER_PATH
from regsim.check.learn import Learner
from regsim.check.search import Search
from regsim.check.space import Options
from regsim.errors import InvariantError, UnknownNameError, UsageError
from regsim.explore.scene import Scene
from regsim.explore.system import ActorThread, System, counter_name
from regsim.kernel.expr import Ask, HandleVar, Root, Scope, Var, negate
from regsim.kernel.holding import blockers
from regsim.kernel.operations import OPERATIONS
from regsim.kernel.predef import DEFAULT_USER
from regsim.kernel.spots import NOTHING
from regsim.kernel.steps import Act, Forget, Program, Set, Step, go, op
from regsim.policy import HiveModel, MountedBy
from regsim.types import Access, PredefinedKey, Value

HKCU = PredefinedKey.CURRENT_USER
A, SHARED = HandleVar("a"), HandleVar("shared", Scope.PROCESS)
COUNT, TURN = Var("count", Scope.PROCESS), Var("turn", Scope.MACHINE)
SOFTWARE = f"{USER_PATH}\\Software"
NEW = f"{SOFTWARE}\\New"
VALUE = Value("x", 4, b"\1\0\0\0")

PLAIN: dict[str, dict[str, Any]] = {
    "open": {"op": op("NtOpenKey", A, root=None, path=SOFTWARE, access=Access.ALL)},
    "open-root": {"op": op("NtOpenKey", A, root=None, path=USER_PATH)},
    "open-below": {"op": op("NtOpenKey", A, root=Root(HKCU), path="Software")},
    "open-shared": {"op": op("NtOpenKey", SHARED, root=None, path=SOFTWARE)},
    "leak": {"op": op("NtOpenKey", root=None, path=SOFTWARE)},
    "close": {"op": op("NtClose", handle=A), "set": (Forget(A),)},
    "close-shared": {"op": op("NtClose", handle=SHARED), "set": (Forget(SHARED),)},
    "forget": {"set": (Forget(A),)},
    "resolve": {"op": op("ResolvePredefined", key=HKCU)},
    "close-slot": {"op": op("ClosePredefined", key=HKCU)},
    "disable": {"op": op("DisableCache", keys_=(HKCU,))},
    "current": {"op": op("OpenCurrentUser", A)},
    "write": {"op": op("NtSetValueKey", handle=A, value=VALUE)},
    "create": {"op": op("NtCreateKey", A, root=None, path=NEW, access=Access.ALL)},
    "delete": {"op": op("NtDeleteKey", handle=A)},
    "flush": {"op": op("NtFlushKey", handle=A)},
    "load": {"op": op("NtLoadKey", path=USER_PATH, file=PROFILE)},
    "unload": {"op": op("NtUnloadKey", path=USER_PATH)},
    "force": {"op": op("NtUnloadKey2", path=USER_PATH)},
    "remap": {"op": op("ReleaseHandles", path=USER_PATH, onto=DEFAULT_USER)},
    "start": {
        "op": op("StartProcess", role="guest", image="g", sid=USER, opens_root=True),
        "when": negate(Ask("running", ("guest",))),
    },
    "end-session": {"op": op("EndSession")},
    "end-pair": {"op": op("EndProcess", role="pair")},
    "impersonate": {"set": (Act("impersonate", (USER,)),)},
    "revert": {"set": (Act("revert"),)},
    "count": {"set": (Set(COUNT, 1),)},
    "turn": {"set": (Set(TURN, 1),), "when": TURN.is_(0)},
    "turn-back": {"set": (Set(TURN, 0),), "when": COUNT.is_(1)},
    "if-mounted": {"when": Ask("mounted", (USER_PATH,))},
    "if-free": {"when": Ask("unloadable", (USER_PATH,))},
    "if-session": {"when": Ask("session_running")},
}
"""Verbs whose footprints are declared."""
WILD: dict[str, dict[str, Any]] = {
    "close-stale": {"op": op("NtClose", handle=A)},
    "duplicate": {"op": op("NtDuplicateObject", SHARED, handle=A)},
    "override": {"op": op("OverridePredefined", key=HKCU, handle=A)},
    "watch": {"op": op("NtNotifyChangeKey", handle=A, event="changed")},
    "if-signalled": {"when": Ask("signalled", ("changed",))},
    "later": {"op": op("NtUnloadKeyEx", path=USER_PATH, event="gone")},
    "release": {"op": op("ReleaseHandles", path=USER_PATH, onto=None)},
}
"""Verbs that make one part of a machine depend on another."""
DIALECTS = {
    name: dialects.get(name) for name in ("nt4-sp6a", "win11", "wine", "reactos", "win95")
} | {"narrow": dialects.get("nt4-rtm").with_(refcount_bits=1)}


def program(name: str, verbs: list[str]) -> Program:
    """Return the program that does *verbs* in a ring, whatever each answers, or skips the first."""
    steps = []
    for number, verb in enumerate(verbs):
        known = {**PLAIN, **WILD}[verb]
        when = known.get("when", True)
        then = (go(str((number + 1) % len(verbs)), *known.get("set", ())),)
        steps.append(Step(at=str(number), does=verb, op=known.get("op"), when=when, then=then))
    skip = Step(at="0", does="skip", then=(go(str(1 % len(verbs))),))
    return Program(name, (*steps, skip), "0")


def system(dialect: str, pair: list[str], third: list[str], *, family: bool = True) -> System:
    """Return a model in which two threads of one process do *pair* and a third one *third*."""
    scene = Scene(DIALECTS[dialect])
    scene.machine.mount_hive(DEFAULT_USER, file="default")
    if family:
        scene.add("twin", program("pair", pair), count=2, process="pair")
    else:
        scene.add("one", program("pair", pair), count=2)
    scene.add("third", program("third", third))
    return scene.system("random")


def systems(*, wild: bool) -> st.SearchStrategy[System]:
    """Draw models, with *wild* such whose parts depend on each other."""
    verbs = sorted({**PLAIN, **WILD} if wild else PLAIN)
    names = sorted(DIALECTS) if wild else ["nt4-sp6a", "reactos", "win11", "wine"]
    lists = st.lists(st.sampled_from(verbs), min_size=1, max_size=5)
    head = st.sampled_from([["load"], []])
    third = st.tuples(head, lists).map(lambda parts: parts[0] + parts[1])
    return st.builds(system, st.sampled_from(names), lists, third, family=st.booleans())


def reachable(found: System, following: Callable, most: int) -> list[Any]:
    """Return machines that *found* reaches, breadth first, at most *most* and each once."""
    (start,) = found.initial()
    seen = {start.canonical(): start}
    waiting = [start]
    while waiting and len(seen) < most:
        for after in following(found, waiting.pop(0)):
            key = after.canonical()
            if key not in seen:
                seen[key] = after
                waiting.append(after)
    return list(seen.values())


def check_vectors(found: System, machines: list[Any]) -> None:
    """Assert that machines have equal vectors exactly when they have equal canonical keys."""
    keys = {machine.canonical() for machine in machines}
    vectors = {found.vector(machine) for machine in machines}
    pairs = {(machine.canonical(), found.vector(machine)) for machine in machines}
    assert len(keys) == len(vectors) == len(pairs)


def check_counters(found: System, machine: Any) -> None:
    """Assert that the counter counts the handles on the user's hive; zero, that none blocks."""
    vector = found.vector(machine)
    hive = machine.hive_at(USER_PATH)

    def count(counter: int) -> int:
        return sum(found.weight(counter, i, value) for i, value in enumerate(vector))

    counted = [count(i) for i in range(len(found.counters))]
    if hive is None:
        # In the one tree of Wine a key that is no hive may stand where a user's hive would.
        assert counted[0] == 0 or machine.dialect.hives is HiveModel.GRAFTED
    elif found.plain:
        assert counted[0] == hive.handles
        assert (counted[found._blockers[USER_PATH]] == 0) is (not blockers(machine, hive))


def check_footprints(found: System, machines: list[Any]) -> Counter[str]:
    """Assert that machines which agree on a step's footprint are treated alike by the step.

    Processes of one kind, too: what the step does to one it does to the other.
    """
    effects: dict[object, object] = {}
    images: dict[object, object] = {}
    compared: Counter[str] = Counter()
    for machine in machines:
        vector = found.vector(machine)
        for number, process in enumerate(found.processes):
            for step in found.steps(number, vector[process.own]):
                key = (process.kind, step.name, situation(found, step, vector))
                effect = outcome(found, machine, number, step, vector, images, key)
                compared[step.name] += key in effects
                assert effects.setdefault(key, effect) == effect, key
    return compared


def situation(found: System, step: Any, vector: tuple[Any, ...]) -> object:
    """Return what *step* declares to depend on."""
    zeros = [
        sum(found.weight(zero, i, value) for i, value in enumerate(vector)) == 0
        for zero in step.zeros
    ]
    return tuple(vector[i] for i in step.reads), tuple(zeros)


def outcome(
    found: System,
    machine: Any,
    number: int,
    step: Any,
    vector: tuple[Any, ...],
    images: dict[object, object],
    key: object,
) -> object:
    """Return what *step* makes of what it reads; assert that it changes nothing undeclared."""
    after = found.take(machine, number, step)
    if after is None:
        return None
    reached = found.vector(after)
    for i, (old, new) in enumerate(zip(vector, reached, strict=True)):
        if i in step.maps:
            mapped = (key, found.components[i].kind, old)
            assert images.setdefault(mapped, new) == new, mapped
        elif i not in step.reads:
            assert old == new, (key, found.components[i].name)
    return tuple(reached[i] for i in step.reads)


SHIPPED = [
    ("q241572", {"variant": "forced", "workers": 2, "stop": 1}),
    ("q241572", {"variant": "naive", "workers": 2, "attempts": 2, "noisy": 1}),
    ("q241572", {"variant": "refcounted", "workers": 3, "services": 2}),
    ("q241572", {"variant": "uncached", "workers": 1, "stop": 1}),
    ("q179827", {"bits": 2}),
    ("q179827", {"fixed": 1}),
    ("reg-load", {}),
    ("reg-load", {"fix": "collect", "attempts": 2}),
    ("msix-silo", {"way": "force-unload"}),
    ("msix-silo", {"keeper": "job-handle", "way": "end-members"}),
    ("second-session", {}),
    ("second-session", {"server": "own-load", "sessions": 3}),
    ("temp-profiles", {"agent": "skips"}),
    ("shared-host", {"telephony": "closed", "stop": 1}),
    ("two-users", {"strategy": "cache-disabled"}),
    ("uphclean-race", {"version": "2.0", "workers": 2}),
]


@pytest.mark.parametrize(("name", "given_"), SHIPPED)
def test_models_are_sound(following: Callable, name: str, given_: dict) -> None:
    """Of each model's machines: vectors, counters and footprints are as they claim to be."""
    found = model(name, **given_)
    machines = reachable(found, following, 80)

    check_vectors(found, machines)
    for machine in machines:
        check_counters(found, machine)
    compared = check_footprints(found, machines)
    assert found.plain is (given_ != {"bits": 2} and name != "msix-silo")
    small = name in ("reg-load", "temp-profiles")
    assert sum(compared.values()) > 10 or not found.plain or small


def test_a_container_makes_parts_depend_on_each_other() -> None:
    """Where a process's end may take a hive away nothing is explored apart, else it is."""

    def made(*, silo: str = "", member: str = "", starts: str = "") -> System:
        scene = Scene("win11")
        by = MountedBy.SILO if silo else MountedBy.LOAD_KEY
        scene.machine.mount_hive(r"\REGISTRY\USER\x", by=by, silo=silo)
        scene.machine.start_process("guest", silo=member)
        start = op(
            "StartProcess", role="g", image="g", sid=USER, **({"silo": "1"} if starts else {})
        )
        steps = (Step(at="0", does="start", op=start, then=(go("0"),)),)
        scene.add("one", Program("one", steps, "0"))
        return scene.system("made")

    assert made().plain
    assert not made(silo="1").plain
    assert not made(member="1").plain
    assert not made(starts="1").plain


DIRECTED = [
    ("win11", ["open", "open"], ["load"]),
    ("win11", ["open", "forget"], ["load"]),
    ("win11", ["create"], ["load", "create", "delete"]),
    ("win11", ["open-shared", "open-shared"], ["load", "force"]),
    ("wine", ["open"], ["load", "unload"]),
    ("wine", ["open", "close", "open-root", "close"], ["load", "if-free"]),
    ("reactos", ["open-root"], ["load", "unload"]),
    ("reactos", ["open", "close", "open-root", "close"], ["load", "if-free"]),
    ("nt4-sp6a", ["impersonate", "resolve", "open-below"], ["load", "remap"]),
    ("win11", ["current", "close"], ["load", "start", "end-session", "unload"]),
]
"""A system for each rule of the footprints that chance would rarely meet."""


@pytest.mark.parametrize(("dialect", "pair", "third"), DIRECTED)
@pytest.mark.parametrize("family", [True, False])
def test_each_declaration_is_sound(
    following: Callable, dialect: str, pair: list[str], third: list[str], family: bool
) -> None:
    """Of machines that put one declared rule to the test."""
    found = system(dialect, pair, third, family=family)
    machines = reachable(found, following, 60)

    assert found.plain
    check_vectors(found, machines)
    for machine in machines:
        check_counters(found, machine)
    check_footprints(found, machines)


@given(found=systems(wild=False))
def test_declared_footprints_are_sound(following: Callable, found: System) -> None:
    """Of random machines under random programs whose every step has a declared footprint."""
    machines = reachable(found, following, 40)

    event("plain" if found.plain else "not plain")
    check_vectors(found, machines)
    for machine in machines:
        machine.check()
        check_counters(found, machine)
    check_footprints(found, machines)


@given(found=systems(wild=True))
def test_whatever_a_program_does_is_sound(following: Callable, found: System) -> None:
    """Where parts depend on each other a step declares everything, which is sound if slow."""
    machines = reachable(found, following, 20)

    event("plain" if found.plain else "not plain")
    check_vectors(found, machines)
    check_footprints(found, machines)


@pytest.mark.parametrize("verb", sorted(WILD.keys() - {"if-signalled"}))
def test_wild_steps_declare_everything(verb: str) -> None:
    """One step that ties parts together makes every step of the model read all of it."""
    found = system("win11", [verb], ["load"])

    assert not found.plain
    assert found.symmetry == ()
    (start,) = found.initial()
    vector = found.vector(start)
    for number, process in enumerate(found.processes):
        for step in found.steps(number, vector[process.own]):
            assert sorted(step.reads) == list(range(len(found.components)))
            assert step.reads[0] == process.own


@pytest.mark.parametrize("verb", sorted(PLAIN))
def test_tame_steps_declare_little(verb: str) -> None:
    """Any other step leaves the model plain, and reads less than all of it."""
    found = system("win11", [verb], ["load"])
    (start,) = found.initial()
    own = found.vector(start)[found.processes[0].own]

    assert found.plain
    assert len(found.symmetry) == 1
    for step in found.steps(0, own):
        assert len(step.reads) < len(found.components)


@pytest.mark.parametrize(
    ("operation", "verbs", "others"),
    [
        ("NtUnloadKey2", ["open"], ["load", "force"]),
        ("EndProcess", ["open"], ["load", "end-pair"]),
        ("ResolvePredefined", ["resolve", "close-slot"], ["load"]),
    ],
)
def test_hidden_effect_is_caught(
    monkeypatch: pytest.MonkeyPatch, operation: str, verbs: list[str], others: list[str]
) -> None:
    """An operation that changes what is not declared for it stops the search."""
    quiet = attrs.evolve(OPERATIONS[operation], touches=NOTHING)
    monkeypatch.setitem(OPERATIONS, operation, quiet)
    found = system("win11", verbs, others)

    with pytest.raises(InvariantError, match="does not declare"):
        Search(Learner(found), Options()).run()


def test_narrow_counters_and_shared_handles_are_not_plain() -> None:
    """A counter that wraps, or opens that share a handle, tie parts together."""
    assert system("win11", ["open"], ["load"]).plain
    assert not system("narrow", ["open"], ["load"]).plain
    assert not system("win95", ["open"], ["load"]).plain


def test_what_ties_parts_together_from_the_start_is_seen() -> None:
    """A machine that begins with two handles to one open, or a stale name, is not plain."""
    assert scene_with(lambda _scene: None).system("x").plain
    for spoil in (two_handles, stale_name):
        assert not scene_with(spoil).system("x").plain


def scene_with(prepare: Callable[[Scene], None]) -> Scene:
    """Return a scene with one actor that *prepare* has done something to."""
    scene = Scene()
    scene.add("actor", program("actor", ["open"]))
    prepare(scene)
    return scene


def two_handles(scene: Scene) -> None:
    """Give the actor's process two handles to one open."""
    machine = scene.machine
    process = machine.process_named("actor")
    hive = machine.hive_at("\\REGISTRY")
    handle = machine.open_object(process, hive, (), Access.READ)
    obj, access = machine.lookup(process, handle)
    machine.add_handle(process, obj, access)


def stale_name(scene: Scene) -> None:
    """Have the actor remember a number that is no handle."""
    (thread,) = scene.machine.threads.values()
    thread.memory.handles["a"] = 400


def test_two_actors_of_one_name_are_refused() -> None:
    """Paths name actors, so a name means one."""
    scene = scene_with(lambda _scene: None)

    with pytest.raises(UsageError, match="already"):
        scene.add("actor", program("actor", ["open"]))
    (thread,) = scene.machine.threads.values()
    twice = (ActorThread("a", thread.tid, "actor", program("p", ["open"])),) * 2
    with pytest.raises(UsageError, match="one name"):
        System("x", scene.machine, twice, hives={})


def test_formulas_speak_of_what_is_there() -> None:
    """A formula about an actor, label, hive or process that is not there is refused with a list."""
    scene = scene_with(lambda _scene: None)

    assert scene.at("actor", "0").component == "actor"
    assert scene.released("HKU\\<SID>").counter == counter_name("HKU\\<SID>")
    with pytest.raises(UnknownNameError, match="known: actor"):
        scene.at("actress", "0")
    with pytest.raises(UnknownNameError, match="known: 0"):
        scene.at("actor", "7")
    with pytest.raises(UnknownNameError, match="HKU"):
        scene.released("HKLM")
    with pytest.raises(UsageError, match="no process"):
        scene.disable_cache("nobody")
    with pytest.raises(UsageError, match="-1"):
        scene.add("more", program("p", ["open"]), count=-1)


def test_family_that_is_spoken_of_by_name_is_not_symmetric() -> None:
    """Processes that a program ends by name are no longer interchangeable."""
    scene = Scene()
    scene.add("pair", program("pair", ["open", "close"]), count=2)
    assert len(scene.system("x").symmetry) == 1
    end = Step(at="0", does="end", op=op("EndProcess", role="pair-1"), then=(go("0"),))
    scene.add("killer", Program("killer", (end,), "0"))

    spoken = scene.system("x")

    assert spoken.symmetry == ()
    assert len({process.kind for process in spoken.processes}) == 3

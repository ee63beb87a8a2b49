"""What the exercises find, against what other parts of regsim say of the same things."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsim import course, keypath, models
from regsim.check.verify import check
from regsim.course import events, handles, logoffs, patches, proof, users
from regsim.course.bench import ANNA, HKCU, Bench
from regsim.errors import UsageError
from regsim.scenario import Outcome

_spec = importlib.util.spec_from_file_location(
    "solutions", Path(__file__).with_name("solutions.py")
)
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
SOLUTIONS: dict[str, dict[str, object]] = _module.SOLUTIONS
NOTE: str = _module.NOTE
REMEDY = "stop the service before the logoff; the mend is RegOpenCurrentUser and a close"


# -- E1 ----------------------------------------------------------------------------------------


def test_the_root_is_what_blocks() -> None:
    """E1's leak goes with the root: closing it after the last call lets the hive unload."""
    bench, api, counts = handles._play()
    path = keypath.user_root(ANNA)
    assert not bench.unload(path).ok
    api.RegCloseKey(HKCU)
    assert bench.unload(path).ok
    assert counts[-1].handles == 1


def test_counts_never_lie_about_each_other() -> None:
    """No more objects than handles, no more keys than objects, after any call."""
    _, _, counts = handles._play()
    for count in counts:
        assert count.handles >= count.objects >= count.keys >= 1
        assert count.answered == "SUCCESS"
    assert any(count.handles > count.objects for count in counts)
    assert any(count.objects > count.keys for count in counts)


# -- E2 ----------------------------------------------------------------------------------------


def test_one_of_twelve_blocks() -> None:
    """Each of the others may end and nothing changes; the machine's own listing agrees."""
    bench, processes = handles.dump()
    path = keypath.user_root(ANNA)
    guilty = [p for p in processes if bench.unload(path, ended=[p]).ok]
    assert len(processes) == 12
    assert [p.pid for p in guilty] == [h.pid for h in bench.machine.holders(bench.hive(ANNA))]


def test_every_process_can_be_named() -> None:
    """No two answers are one, and the scene shows each by image and pid."""
    question = next(q for q in course.exercise("e2").questions if q.name == "holder")
    assert len(set(question.choices)) == 12
    scene = course.exercise("e2").scene().lower()
    for choice in question.choices:
        image, pid = choice.split(":")
        assert f"{image} pid: {pid}" in scene


def test_the_bystanders_are_of_many_kinds() -> None:
    """Another user's hive, the user's classes, .DEFAULT, HKLM, and the top of all users."""
    keys = {key for _, _, held in handles.DUMP for key in held}
    assert r"\REGISTRY\USER" in keys
    assert any("_Classes" in key for key in keys)
    assert any(".DEFAULT" in key for key in keys)
    assert any("1002" in key for key in keys)


# -- E3, E5 ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("os", "seconds", "outcome"),
    [
        ("w2k", None, Outcome.SAVED),
        ("w2k", 0, Outcome.SAVED),
        ("w2k", 58, Outcome.LATE),
        ("w2k", 61, Outcome.LOST),
        ("xp", 5, Outcome.LATE),
        ("nt4-sp6a", 5, Outcome.LOST),
    ],
)
def test_when_the_service_stops(os: str, seconds: int | None, outcome: Outcome) -> None:
    """Both sides of Windows 2000's minute, and two systems that do not wait."""
    assert logoffs.stopped(os, seconds).outcome is outcome


def test_generations_agree_with_the_matrix() -> None:
    """E5's three columns follow from the outcome that `regsim matrix` gives, on every system."""
    table = models.incident("q241572").outcomes()
    for os in logoffs.GENERATIONS:
        outcome = table[os]["none"]
        answer = {
            f"{os}.saved": outcome is not Outcome.LOST,
            f"{os}.loaded": outcome in (Outcome.LOST, Outcome.LATE),
            f"{os}.broken": outcome is Outcome.HOLDER_BROKEN,
        }
        assert course.check("e5", answer).right == 3, os


# -- E4, E8 ------------------------------------------------------------------------------------


def order_of(variant: str, claim: str) -> str:
    """Return the order of the two threads' steps in the shortest run against *claim*."""
    path = check(models.model("q241572", variant=variant, workers=2, services=0), claim).path
    assert path is not None
    names = {name: digit for digit, name in proof.THREADS.items()}
    return "".join(names[step.actor] for step in path.steps if step.actor in names)


def test_the_explorers_order_fails_when_it_is_played() -> None:
    """What the checker finds and what E8 plays are the same machine."""
    order = order_of("naive", "err")
    taken = list(proof.play(order))
    assert [step.at for step in taken].count("error") == 1
    assert taken[-1].at == "error"
    assert course.check("e8", {"schedule": order}).right == 1


def test_the_order_less_its_last_step_does_not_fail() -> None:
    """It is the shortest: one step sooner all is well."""
    assert all(step.at != "error" for step in proof.play(order_of("naive", "err")[:-1]))


@given(st.text(alphabet="12", max_size=14))
def test_an_order_is_right_if_and_only_if_a_call_fails(order: str) -> None:
    """Whatever the order: it fails a call, it does not, or it cannot be played."""
    right = course.check("e8", {"schedule": order}).right
    try:
        failed = any(step.at == "error" for step in proof.play(order))
    except UsageError:
        failed = False
    assert right == failed


def test_the_published_lengths() -> None:
    """9 steps to the leak, 15 to the neighbour's failure, 7 to the loss with a single try."""
    leak = proof._result("buggy", "leak", 2).path
    err = proof._result("naive", "err", 2).path
    lost = proof._result("refcounted", "lost", 1, 1).path
    assert [len(path.steps) for path in (leak, err, lost) if path] == [9, 15, 7]


@pytest.mark.parametrize(("name", "frees"), [("close-root", True), ("own-root", False)])
def test_a_patch_frees_or_does_not_on_later_systems_too(name: str, frees: bool) -> None:
    """The service's code decides, not the age of the system."""
    for os in ("w2k", "xp", "win7", "win11"):
        bench = Bench(os)
        api = bench.service()
        api.impersonate(ANNA)
        patches.PATCHES[name][1](api)
        assert bench.unload(keypath.user_root(ANNA)).ok is frees


# -- E6 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("os", ["w2k", "xp", "2003", "vista", "win7", "win10", "win11"])
def test_every_windows_reads_the_same_user(os: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache of HKEY_CURRENT_USER is as old as NT; the answers do not depend on the system."""
    monkeypatch.setattr(users, "_OS", os)
    assert course.check("e6", SOLUTIONS["e6"]).passed


# -- E7 ----------------------------------------------------------------------------------------


def test_the_excerpts_are_the_simulators_events() -> None:
    """Four logs, told apart by id and source and not by order of age."""
    found = {name: [e.id for e in events._run(os).events] for name, os in events.EXCERPTS.items()}
    assert found == {"a": [1530], "b": [1000], "c": [1000], "d": [1517]}
    scene = " ".join(course.exercise("e7").scene().split())
    for os in events.EXCERPTS.values():
        for event in events._run(os).events:
            assert event.message[:40] in scene
        assert events._run(os).os_title not in scene


@pytest.mark.parametrize(
    ("remedy", "accepted"),
    [
        ("stop the TapiSrv service before logoff", True),
        ("run net stop TapiSrv", True),
        ("use RegOpenCurrentUser", True),
        ("call RegDisablePredefinedCache", True),
        (r"open HKEY_USERS\<SID>", True),
        ("set DisableForceUnload", False),
        ("set DisableForceUnload and call RegOpenCurrentUser", True),
        ("reboot", False),
    ],
)
def test_a_remedy_counts_if_it_helps(remedy: str, accepted: bool) -> None:
    """It is run on the customer's system; naming one that does not help is no workaround."""
    assert REMEDY in NOTE
    note = NOTE.replace(REMEDY, remedy)
    assert (course.check("e7", {"note": note}).right == 1) is accepted


def test_an_empty_note_lacks_everything() -> None:
    """And says so, part by part."""
    (result,) = [r for r in course.check("e7", {"note": ""}).results if r.given is not None]
    for part in ("evidence", "holder", "key", "risk", "shortest way", "workaround"):
        assert part in result.because

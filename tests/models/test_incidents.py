"""The models of the other incidents: what holds, what does not, and by how short a path."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from regsim.models import explored, model, source
from regsim.models.msix_silo import CONTESTED

from regsim import models
from regsim.check.property import PropertyKind, Verdict
from regsim.check.verify import check
from regsim.explore.system import System
from regsim.report.lab.runs import story_of_run
from regsim.report.words.runs import verdict

Lengths = dict[str, int]


def lengths(explore: Callable, name: str, **given: object) -> Lengths:
    """Return the shortest path to each refuted "always" and each witnessed "sometimes"."""
    return explore(model(name, **given)).lengths


SETTINGS = [
    (name, {parameter.name: choice})
    for name in explored()
    for parameter in source(name).parameters
    for choice in parameter.choices or (parameter.default,)
]


@pytest.mark.parametrize(("name", "given"), SETTINGS, ids=str)
def test_every_claim_has_a_witness(explore: Callable, name: str, given: dict) -> None:
    """Every model claims something always, and each "sometimes" beside it is reached."""
    found = model(name, **given)
    reached = explore(found).lengths
    kinds = [p.kind for p in found.properties]

    assert PropertyKind.ALWAYS in kinds
    assert PropertyKind.SOMETIMES in kinds
    assert {p.name for p in found.properties if p.kind is PropertyKind.SOMETIMES} <= reached.keys()
    assert all(p.about for p in found.properties)


@pytest.mark.parametrize("name", explored())
def test_models_cite_and_bound(name: str) -> None:
    """A model says where it is from, how well that is known, and what it leaves out."""
    found = source(name)
    module = __import__(found.make.__module__, fromlist=["x"])

    assert "documented" in (module.__doc__ or "")
    assert "Bounds: " in (found.make.__doc__ or "")
    assert isinstance(found.build({}), System)
    assert found.build({}).name == name


def test_uphclean_comes_too_late(explore: Callable) -> None:
    """Version 1.6 races with Winlogon; for 2.0 Winlogon waits, and two attempts are enough."""
    old = lengths(explore, "uphclean-race", version="1.6", attempts=1)
    new = lengths(explore, "uphclean-race", version="2.0", attempts=1)
    twice = lengths(explore, "uphclean-race", version="2.0", attempts=2, workers=2, queue=2)

    assert old["raced"] == old["lost"] == 7
    assert "raced" not in new
    assert new["lost"] == 9
    assert not {"raced", "lost"} & twice.keys()


@pytest.mark.parametrize("attempts", [2, 3])
def test_more_attempts_do_not_end_the_race(explore: Callable, attempts: int) -> None:
    """However often Winlogon tries, without waiting it may be done before UPHClean."""
    assert "raced" in lengths(explore, "uphclean-race", version="1.6", attempts=attempts)


@pytest.mark.parametrize(
    ("version", "attempts", "verdict"),
    [
        ("1.6", 0, Verdict.HOLDS),
        ("1.6", 1, Verdict.VIOLATED),
        ("1.6", 2, Verdict.VIOLATED),
        ("2.0", 0, Verdict.HOLDS),
        ("2.0", 1, Verdict.HOLDS),
    ],
)
def test_uphclean_frees_the_hive_in_the_end(version: str, attempts: int, verdict: Verdict) -> None:
    """Given time UPHClean lets every profile be saved; without the wait it may never be in time."""
    found = model("uphclean-race", version=version, attempts=attempts)

    assert check(found, "live", engine="python").verdict is verdict


@pytest.mark.parametrize(
    ("fix", "verdict"),
    [("none", Verdict.VIOLATED), ("close", Verdict.HOLDS), ("collect", Verdict.HOLDS)],
)
def test_a_collector_that_runs_in_the_end_is_too_late(fix: str, verdict: Verdict) -> None:
    """That the finalizer runs some time does not make the script's unload succeed."""
    assert check(model("reg-load", fix=fix), "ends", engine="python").verdict is verdict


@pytest.mark.parametrize("strategy", ["cached", "refcounted", "closed", "refreshed"])
def test_a_cached_root_shows_the_wrong_user(explore: Callable, strategy: str) -> None:
    """With two workers every root that is cached shows one user's keys to the other."""
    assert lengths(explore, "two-users", strategy=strategy, workers=2)["mixed"] == 7


@pytest.mark.parametrize("strategy", ["uncached", "cache-disabled"])
def test_an_uncached_root_shows_nobody_elses_keys(explore: Callable, strategy: str) -> None:
    """Without a cache each worker reads the keys of whom it impersonates."""
    for workers in (1, 2, 3):
        found = lengths(explore, "two-users", strategy=strategy, workers=workers)
        assert not {"mixed", "err"} & found.keys()


@pytest.mark.parametrize("strategy", ["refcounted", "closed", "refreshed"])
def test_one_worker_is_safe_where_the_root_is_closed(explore: Callable, strategy: str) -> None:
    """A root that is closed after each call is nobody's at the next, if calls never overlap."""
    assert "mixed" not in lengths(explore, "two-users", strategy=strategy, workers=1)
    assert lengths(explore, "two-users", strategy="cached", workers=1)["mixed"] == 10


@pytest.mark.parametrize("telephony", ["stock", "refcounted", "closed", "uncached"])
@pytest.mark.parametrize("neighbour", ["stock", "refcounted", "closed", "uncached"])
def test_a_shared_host_is_as_good_as_its_worst(
    explore: Callable, telephony: str, neighbour: str
) -> None:
    """It leaks unless both services are fixed; a service that closes the root breaks the other."""
    found = lengths(explore, "shared-host", telephony=telephony, neighbour=neighbour)
    both = {telephony, neighbour}

    assert ("leak" in found) is ("stock" in both)
    closes = both & {"refcounted", "closed"}
    assert ("err" in found) is (bool(closes) and "uncached" not in both)


def test_stopping_a_service_does_not_end_its_host(explore: Callable) -> None:
    """The workaround of Q241572 fails where another service shares the process."""
    stock = {"telephony": "stock", "neighbour": "uncached", "stop": 1}

    assert "workaround" in lengths(explore, "shared-host", **stock)
    assert "workaround" not in lengths(
        explore, "shared-host", telephony="uncached", neighbour="uncached", stop=1
    )


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_a_finalizer_is_no_close(explore: Callable, attempts: int) -> None:
    """No number of attempts makes up for a handle that only the collector will close."""
    none = lengths(explore, "reg-load", fix="none", attempts=attempts)
    assert none["held"] == 4
    assert none["fails"] == 4 + attempts
    assert none["next"] == 6 + attempts

    for fix in ("close", "collect"):
        found = lengths(explore, "reg-load", fix=fix, attempts=attempts)
        assert not {"held", "fails", "next"} & found.keys()


WAYS_OUT = {
    "members": {"end-members", "force-unload", "sign-out"},
    "job-handle": {"force-unload"},
    "unknown": {"force-unload"},
}
"""The ways after which an app with a tool left behind starts, by what keeps its container."""


@pytest.mark.parametrize("keeper", WAYS_OUT)
def test_what_keeps_a_container_decides_which_way_out_works(explore: Callable, keeper: str) -> None:
    """Stopping the package's service, restarting Appinfo and an unload by path are none at all.

    By force the hive goes, be it a running app's.
    """
    ways = source("msix-silo").parameters[-1].choices
    found = {way: lengths(explore, "msix-silo", keeper=keeper, way=way) for way in ways}

    assert all(found[way]["first"] > found[way]["left"] for way in ways)
    assert {way for way in ways if "out" not in found[way]} == WAYS_OUT[keeper] | {"none"}
    assert {way for way in ways if "unharmed" in found[way]} == {"force-unload"}


def test_an_app_that_leaves_nothing_behind_starts(explore: Callable) -> None:
    """With the last process its container goes, where that is what keeps it; a job handle stays.

    The handle alone is let go by a restart of Appinfo, which nobody has seen to help.
    """
    clean = lengths(explore, "msix-silo", members=0)
    assert not {"first", "out", "unharmed", "left"} & clean.keys()

    held = lengths(explore, "msix-silo", members=0, keeper="job-handle", way="restart-appinfo")
    assert "first" in held
    assert "out" not in held


@pytest.mark.parametrize("keeper", WAYS_OUT)
def test_what_rests_on_a_contested_fact_says_so(keeper: str) -> None:
    """Each claim whose verdict depends on what keeps a container says that it is contested."""
    for found in model("msix-silo", keeper=keeper).properties:
        dependent = found.name in ("first", "out", "starts")
        assert (f"Contested, as observed: {CONTESTED}; here {keeper}." in found.about) is dependent
    run = models.run("msix-silo", os="win11", keeper=keeper)
    assert "contested" in run.note


@pytest.mark.parametrize("sessions", [2, 3])
def test_one_session_unloads_for_all_or_each_for_itself(explore: Callable, sessions: int) -> None:
    """A load of its own keeps a session's hive; without any unload it is kept for ever."""
    found = {
        server: lengths(explore, "second-session", server=server, sessions=sessions)
        for server in ("first-loads", "own-load", "never-unload")
    }

    assert "left" not in found["first-loads"]
    assert found["first-loads"]["kept"] == 5
    assert not {"kept", "left"} & found["own-load"].keys()
    assert "kept" not in found["never-unload"]
    assert found["never-unload"]["left"] == 2


def test_one_session_alone_loses_nothing(explore: Callable) -> None:
    """It takes a second session."""
    found = lengths(explore, "second-session", sessions=1)

    assert not {"kept", "left"} & found.keys()


def test_only_an_agent_that_mounts_nothing_never_troubles_a_logon(explore: Callable) -> None:
    """One that unloads, or skips who is logged on, is still in the way of a logon at that time."""
    found = {
        agent: lengths(explore, "temp-profiles", agent=agent)
        for agent in ("leaks", "unloads", "skips", "offline")
    }

    assert {agent for agent in found if "temporary" in found[agent]} == {
        "leaks",
        "unloads",
        "skips",
    }
    assert {agent for agent in found if "left" in found[agent]} == {"leaks"}
    steps = {agent: explore(model("temp-profiles", agent=agent)).transitions for agent in found}
    assert steps["skips"] < steps["unloads"]


@pytest.mark.parametrize("bits", [1, 2, 3])
def test_a_wrapped_counter_unloads_under_handles(explore: Callable, bits: int) -> None:
    """Leaks that fill the counter, then a close or an unload, corrupt; a wide counter blocks."""
    opens = 2**bits
    narrow = lengths(explore, "q179827", bits=bits)
    assert narrow["filled"] == opens + 1
    assert narrow["corrupt"] == opens + 2
    assert narrow["under"] == opens + 3
    assert lengths(explore, "q179827", bits=bits, closes=0)["corrupt"] == opens + 3

    wide = lengths(explore, "q179827", bits=bits, fixed=1)
    assert not {"corrupt", "under"} & wide.keys()
    assert "blocked" in wide


def test_too_few_leaks_wrap_nothing(explore: Callable) -> None:
    """The counter must be filled: no shorter way leads to a corrupt pool."""
    found = explore(model("q179827", bits=3, extra=0))

    assert found.lengths["corrupt"] > found.lengths["filled"] == 9


def test_a_run_speaks_of_its_own_hive() -> None:
    """What is said of a container, in text and to step through, says nothing of a user's profile.

    A run with a roaming profile does.
    """

    def words_of(name: str) -> str:
        found = models.run(name, os="win11")
        story = story_of_run(found)
        asked = [text for one in story.questions for text in (one.ask, one.why, *one.options)]
        return " ".join((*verdict(found), story.finding, *asked))

    container, profile = words_of("msix-silo"), words_of("q241572")
    assert "the user's hive" not in container.lower()
    assert "profile" not in container
    assert "the old container's hive stayed loaded" in container.lower()
    assert "It is not built: the app does not start" in container
    assert "the user's hive" in profile.lower()
    assert "The profile was saved" in profile

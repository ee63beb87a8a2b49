"""The case on every system with every fix: each cell states its expectation and its source."""

from __future__ import annotations

import pytest
from regsim.models import q241572

from regsim import dialects, models
from regsim.actors.telephony import Strategy
from regsim.cases import fixes
from regsim.cases.case import Case
from regsim.cases.logoff import log_off
from regsim.errors import NotApplicableError, UnknownNameError
from regsim.report.words.runs import verdict
from regsim.scenario import Outcome
from regsim.status import NtStatus
from regsim.types import Value

_HELPS = ("stop-service", "explicit-hku", "close-root", "refresh-root")
_SINCE_2000 = ("open-current-user", "disable-predefined-cache")
_NT4 = [f"nt4-{sp}" for sp in ("rtm", "sp1", "sp2", "sp3", "sp4", "sp5", "sp6", "sp6a")]
_TSE = ["nt4-tse-rtm", "nt4-tse-sp4", "nt4-tse-sp5"]
_FORCE = ["vista", "win7", "win8.1", "win10", "win11"]


def _expected() -> dict[tuple[str, str], tuple[str, str]]:
    """Return outcome and source by system and fix, written down and not computed by regsim."""
    table: dict[tuple[str, str], tuple[str, str]] = {}

    def put(systems: list[str], names: tuple[str, ...], outcome: str, source: str) -> None:
        for os in systems:
            for fix in names:
                table[os, fix] = (outcome, source)

    put([*_NT4, "nt4-tse-rtm", "nt4-tse-sp4"], ("none",), "lost", "KB Q241572")
    put(["nt4-tse-sp5"], ("none",), "saved", "KB Q241572: first corrected in TSE SP5")
    put(_NT4, ("hotfix",), "saved", "KB Q241572: the fixed Tapisrv.exe")
    put([*_NT4, *_TSE], _HELPS, "saved", "KB Q241572 workaround; Chen 2021-07-23")
    put([*_NT4, *_TSE, "w2k", "xp", "2003"], ("uphclean",), "saved", "UPHClean readme")
    put(["w2k"], ("none",), "lost", "UPHClean readme: 60 tries, then not reconciled")
    put(["xp", "2003"], ("none",), "late", "event 1517: saved while in use")
    put(_FORCE, ("none",), "holder-broken", "event 1530; KB 2287297")
    put(["w2k", "xp", "2003", *_FORCE], (*_HELPS, *_SINCE_2000), "saved", "MSDN; Chen 2021-07-23")
    put(_FORCE, ("disable-force-unload",), "lost", "the policy waits; the root is never closed")
    put(["wine"], ("none", "close-root", "refresh-root"), "lost", "Wine RegCloseKey, RegOpenKeyExW")
    put(["wine"], ("stop-service", "explicit-hku", "open-current-user"), "saved", "Wine server")
    put(["wine"], ("disable-predefined-cache",), "lost", "Wine leaks the per-call root")
    put(
        ["reactos"],
        ("none", "close-root", "refresh-root"),
        "holder-broken",
        "ReactOS CmUnloadKey: a lone root does not block, and its handle is dead afterwards",
    )
    put(["reactos"], ("stop-service", "explicit-hku", *_SINCE_2000), "saved", "ReactOS reg.c")
    return table


EXPECTED = _expected()


@pytest.mark.parametrize("os", dialects.names())
@pytest.mark.parametrize("fix", fixes.CASE)
def test_each_cell_of_the_matrix_ends_as_its_source_says(os: str, fix: str) -> None:
    """Every system and fix gives the written outcome, and is refused where none is written."""
    if (os, fix) not in EXPECTED:
        with pytest.raises(NotApplicableError):
            models.run("q241572", os=os, fix=fix)
        return

    outcome, source = EXPECTED[os, fix]

    assert models.run("q241572", os=os, fix=fix).outcome.value == outcome, source


def test_matrix_has_every_cell_once() -> None:
    """The matrix covers each system with each fix, the refused ones with their reason."""
    found = list(models.incident("q241572").matrix())

    assert len(found) == len(dialects.names()) * len(fixes.CASE)
    assert all(c.reason for c in found if c.outcome is Outcome.NOT_APPLICABLE)
    assert list(models.incident("q241572").outcomes()) == dialects.names()


def test_stock_service_leaves_one_root_that_nobody_asked_for() -> None:
    """On NT 4.0 the one blocker is the implicit root in tapisrv.exe, opened by RegOpenKeyEx."""
    result = models.run("q241572", os="nt4-sp6a")
    (blocker,) = result.blockers

    assert (result.outcome, result.status) == (Outcome.LOST, NtStatus.CANNOT_DELETE)
    assert (blocker.process, blocker.service, blocker.handle) == ("tapisrv.exe", "TapiSrv", 4)
    assert blocker.implicit
    assert blocker.opened_by.startswith("RegOpenKeyEx(HKCU, ")
    assert [event.id for event in result.events] == [1000]
    assert not result.unloaded
    assert not result.profile_saved


def test_shared_host_is_named_with_its_service() -> None:
    """From Windows 2000 on the blocker is svchost.exe, with the service it hosts."""
    (blocker,) = models.run("q241572", os="w2k").blockers

    assert (blocker.process, blocker.service) == ("svchost.exe", "TapiSrv")


def test_windows_2000_tries_sixty_times() -> None:
    """Windows 2000 tries to unload 60 times, one second apart, before it gives up."""
    result = models.run("q241572", os="w2k")
    tries = [record for record in result.calls if record.operation == "NtUnloadKey"]

    assert len(tries) == 60
    assert tries[-1].time - tries[0].time == 59


def test_wizard_that_does_not_call_the_service_leaves_nothing() -> None:
    """The wizard's other options do not trigger the call, and the profile is saved."""
    for option in q241572.CHOICES[1:]:
        assert models.run("q241572", option=option).outcome is Outcome.SAVED
    with pytest.raises(UnknownNameError, match="new-connection"):
        models.run("q241572", option="other")


@pytest.mark.parametrize("strategy", q241572.HOTFIXES)
def test_each_assumed_hotfix_saves_the_profile(strategy: Strategy) -> None:
    """Whatever of the four the hotfix was, the logoff of an idle service saves the profile."""
    run = models.run("q241572", fix="hotfix", hotfix_strategy=strategy)

    assert run.outcome is Outcome.SAVED


def test_server_has_the_change_only_when_the_profile_was_saved() -> None:
    """The wizard's value reaches the server with the fix and not without."""
    path = ("SOFTWARE", "MICROSOFT", "INTERNET CONNECTION WIZARD")
    values = []
    for fix in ("none", "hotfix"):
        copy = models.run("q241572", fix=fix).server_copy
        node = copy.find(path) if copy is not None else None
        values.append(node.values.get("COMPLETED") if node is not None else None)

    assert values == [None, Value.dword("Completed", 1)]


@pytest.mark.parametrize(
    ("name", "os", "fix", "outcome"),
    [
        ("q272239", "nt4-sp6a", "none", "lost"),
        ("q272239", "nt4-sp6a", "hotfix", "saved"),
        ("q272239", "nt4-sp6a", "stop-service", "saved"),
        ("q272239", "w2k", "none", "late"),
        ("q325086", "nt4-sp6a", "none", "lost"),
        ("q325086", "nt4-sp6a", "hotfix", "saved"),
        ("q179827", "nt4-sp3", "none", "holder-broken"),
        ("q179827", "nt4-sp3", "stop-service", "holder-broken"),
        ("q2287297", "win7", "none", "holder-broken"),
        ("q2287297", "win7", "disable-force-unload", "late"),
        ("reg-load", "win11", "none", "late"),
        ("reg-load", "win11", "close-objects", "saved"),
        ("reg-load", "win11", "collect", "saved"),
        ("msix-silo", "win11", "none", "lost"),
        ("msix-silo", "win10", "end-members", "late"),
        ("msix-silo", "win11", "stop-packaged-service", "lost"),
        ("msix-silo", "win11", "restart-appinfo", "lost"),
        ("msix-silo", "win11", "unload-by-path", "lost"),
        ("msix-silo", "win11", "force-unload", "late"),
        ("msix-silo", "win11", "sign-out", "late"),
        ("msix-silo", "win11", "restart", "late"),
        ("second-session", "win11", "none", "holder-broken"),
        ("second-session", "xp", "none", "late"),
        ("second-session", "win11", "own-load", "saved"),
        ("second-session", "win11", "never-unload", "lost"),
        ("temp-profiles", "win11", "none", "lost"),
        ("temp-profiles", "win11", "unload-after", "saved"),
        ("temp-profiles", "win11", "offline-copy", "saved"),
    ],
)
def test_sibling_incidents_end_as_their_articles_say(
    name: str, os: str, fix: str, outcome: str
) -> None:
    """Each sibling incident shows its own way to lose, delay or break, and its remedy."""
    assert models.run(name, os=os, fix=fix).outcome.value == outcome


def test_hold_of_sixty_seconds_is_the_edge_on_windows_2000() -> None:
    """A hold that ends before the 60 tries are over is late, one that outlasts them loses."""
    assert models.run("q272239", os="w2k", hold=58).outcome is Outcome.LATE
    assert models.run("q272239", os="w2k", hold=61).outcome is Outcome.LOST


def test_verdict_on_very_many_blockers_stays_short() -> None:
    """A verdict names five blockers and counts the others."""
    sentences = verdict(models.run("q179827", os="nt4-sp4"))

    assert "65,531 more handles are open on the hive." in sentences
    assert len(sentences) == 2 + 5 * 2 + 1


@pytest.mark.parametrize(
    ("os", "lingers", "seconds"),
    [("nt4-tse-sp5", True, 10), ("nt4-tse-sp5", False, 0), ("nt4-tse-sp4", True, 0)],
)
def test_csrss_waits_for_the_session_on_terminal_server(
    os: str, lingers: bool, seconds: int
) -> None:
    """With SP5, CSRSS waits 10 s for a process that does not end, and not at all without one."""
    case = Case(os, fixes.get("none"))
    case.logon()
    if lingers:
        case.user_process("explorer", "Shell")
    start = case.stage.now
    case.unloader.end_session()

    assert case.stage.now - start == seconds
    assert case.machine.process_named("explorer") is None


@pytest.mark.parametrize("os", [name for name in dialects.names() if name != "win95"])
def test_there_is_one_logoff(os: str) -> None:
    """A bare machine is logged off as a case is: the same end, tries, time and events."""
    case = Case(os, fixes.get("none"))
    case.logon()
    case.change_settings()
    thread = case.stage.actor(case.service("TapiSrv", "tapisrv"), "Telephony service")
    case.impersonate(thread)
    case.use_root(thread)
    machine = case.machine.snapshot()
    machine.end_process(machine.process_named("winlogon"))
    before = case.stage.now
    case.logoff()
    run, ending = case.finish("x", "X"), log_off(machine)

    assert ending.unloaded is run.unloaded
    assert ending.attempts == case.stage.attempts
    assert ending.events == run.events
    assert ending.seconds == case.stage.now - before - 1  # a case waits for a second first
    assert [event.message for event in ending.events if event.id == 1000] == (
        [dialects.get(os).unsaved_text] if run.outcome is Outcome.LOST else []
    )


def test_unknown_scenario_lists_those_that_exist() -> None:
    """An unknown incident or fix is refused with the list of known ones."""
    with pytest.raises(UnknownNameError, match="q241572, q272239"):
        models.run("q1")
    with pytest.raises(UnknownNameError, match="stop-service"):
        models.run("q241572", fix="prayer")

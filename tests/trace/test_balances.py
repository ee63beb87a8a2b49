"""Balances by process and path, on small captures that the tests write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from regsim import dialects
from regsim.errors import UsageError
from regsim.trace.access import access_text
from regsim.trace.asking import replay
from regsim.trace.finding import Conclusion, Finding

MAX = "Maximum Allowed, Granted Access: All Access"


def judged(trace: Any, tmp_path: Path, **more: Any) -> Finding:
    """Save the capture and return the verdict on it."""
    return replay(trace.save(tmp_path / "trace"), **more)


def only(verdict: Finding) -> Any:
    """Return the one blocker."""
    (blocker,) = verdict.blockers
    return blocker


def test_open_key_blocks(trace: Any, tmp_path: Path) -> None:
    """One open without its close is one certain handle, maybe more from before the capture."""
    trace.open("HKCU\\Software\\App").close("HKCU\\Other")
    blocker = only(judged(trace, tmp_path))

    assert (blocker.process, blocker.pid, blocker.key) == ("app.exe", 10, r"HKCU\Software\App")
    assert blocker.certain
    assert blocker.balance == (1, None)
    assert not blocker.implicit
    assert (blocker.opened_at, blocker.event) == ("10:00:00.0000000", 1)


def test_start_in_the_capture_bounds_the_balance(trace: Any, tmp_path: Path) -> None:
    """Of a process seen from its start, the balance is exact."""
    trace.start().open("HKCU\\A").open("HKCU\\A").open("HKCU\\B").close("HKCU\\B")
    assert only(judged(trace, tmp_path)).balance == (2, 2)


def test_closed_key_is_not_clear(trace: Any, tmp_path: Path) -> None:
    """All closed is inconclusive, never clear, where the hive was loaded before the capture."""
    verdict = judged(trace.open("HKCU\\A").close("hkcu\\a\\"), tmp_path)

    assert verdict.conclusion is Conclusion.INCONCLUSIVE
    assert "loaded before the capture began" in verdict.hives[0].reasons[0]
    assert verdict.unmatched_closes == 0


def test_seen_from_its_loading_is_clear(trace: Any, tmp_path: Path) -> None:
    """All closed since the hive was loaded is clear."""
    trace.add("RegLoadKey", "HKU\\S-1-5-21-7").open("HKU\\S-1-5-21-7").close("HKU\\S-1-5-21-7")
    verdict = judged(trace, tmp_path)

    assert verdict.conclusion is Conclusion.CLEAR
    assert [hive.hive for hive in verdict.hives] == [r"HKU\S-1-5-21-7"]


def test_missing_events_forbid_clear(trace: Any, tmp_path: Path) -> None:
    """A close without an open, after the loading, proves that events are missing."""
    trace.add("RegLoadKey", "HKU\\S-1-5-21-7").open("HKU\\S-1-5-21-7").close("HKU\\S-1-5-21-7")
    trace.close("HKU\\S-1-5-21-7")
    verdict = judged(trace, tmp_path)

    assert verdict.conclusion is Conclusion.INCONCLUSIVE
    assert verdict.unmatched_closes == 1


def test_failed_load_proves_nothing(trace: Any, tmp_path: Path) -> None:
    """A loading that failed does not begin the hive's life."""
    trace.add("RegLoadKey", "HKU\\S-1-5-21-7", result="SHARING VIOLATION")
    trace.open("HKU\\S-1-5-21-7").close("HKU\\S-1-5-21-7")
    assert judged(trace, tmp_path).conclusion is Conclusion.INCONCLUSIVE


@pytest.mark.parametrize("result", ["NAME NOT FOUND", "REPARSE", "ACCESS DENIED", "0x368"])
def test_failed_open_holds_nothing(trace: Any, tmp_path: Path, result: str) -> None:
    """Only an open that succeeds makes a handle."""
    trace.add("RegOpenKey", "HKCU\\A", result=result).open("HKCU\\B").close("HKCU\\B")
    verdict = judged(trace, tmp_path)

    assert verdict.opens == 1
    assert verdict.blockers == ()
    assert verdict.events == 3


def test_exit_ends_all(trace: Any, tmp_path: Path) -> None:
    """A process that ended holds nothing, with its rundown in the capture or without."""
    trace.start().open("HKCU", MAX).open("HKCU\\A").exit().close("HKCU")
    verdict = judged(trace, tmp_path)

    assert verdict.blockers == ()
    (root,) = verdict.roots
    assert (root.key, root.opened_at) == ("HKCU", "10:00:01.0000001")
    assert root.closed_at == "10:00:04.0000004"


def test_same_number_again_is_another_process(trace: Any, tmp_path: Path) -> None:
    """A start under a number in use ends its earlier bearer; nothing is handed on."""
    trace.start().open("HKCU\\A").start().open("HKCU\\B").close("HKCU\\C")
    verdict = judged(trace, tmp_path)

    assert [blocker.key for blocker in verdict.blockers] == [r"HKCU\B"]
    assert verdict.unmatched_closes == 1


def test_two_processes_are_apart(trace: Any, tmp_path: Path) -> None:
    """A close by one process does not close what another has open."""
    trace.open("HKCU\\A", pid=1).open("HKCU\\A", pid=2).close("HKCU\\A", pid=2)
    verdict = judged(trace, tmp_path)
    assert [blocker.pid for blocker in verdict.blockers] == [1]


@pytest.mark.parametrize(
    ("key", "access", "implicit"),
    [
        ("HKCU", MAX, True),
        ("HKCU\\Software\\Classes", MAX, True),
        ("HKCU", "Read", False),
        ("HKCU\\Software", MAX, False),
    ],
)
def test_cached_root_is_named(
    trace: Any, tmp_path: Path, key: str, access: str, implicit: bool
) -> None:
    """A held root that was opened with Maximum Allowed is probably the cached one."""
    trace.start().open(key, access).close("HKLM\\X")
    verdict = judged(trace, tmp_path)
    assert only(verdict).implicit is implicit
    assert len(verdict.roots) == implicit


def test_transient_roots_leave_the_cached_one(trace: Any, tmp_path: Path) -> None:
    """Of two handles on the root a close ends the one not opened with Maximum Allowed."""
    trace.start().open("HKCU", "Read").open("HKCU", MAX).close("HKCU")
    blocker = only(judged(trace, tmp_path))
    assert (blocker.balance, blocker.access, blocker.event) == ((1, 1), "Maximum Allowed", 3)

    trace.open("HKCU", "Read").close("HKCU")
    assert only(judged(trace, tmp_path)).event == 3


@pytest.mark.parametrize("kept", ["open", "close"])
def test_filter_is_noticed(trace: Any, tmp_path: Path, kept: str) -> None:
    """Opens without one close, or closes without one open, were filtered: inconclusive."""
    getattr(trace, kept)("HKCU\\A")
    verdict = judged(trace, tmp_path)

    assert verdict.conclusion is Conclusion.INCONCLUSIVE
    assert "saved with a filter" in verdict.reasons[0]
    assert not any(blocker.certain for blocker in verdict.blockers)


def test_no_user_hive_is_inconclusive(trace: Any, tmp_path: Path) -> None:
    """A capture without any user's hive says so."""
    verdict = judged(trace.open("HKLM\\A").close("HKU\\.DEFAULT"), tmp_path)
    assert verdict.conclusion is Conclusion.INCONCLUSIVE
    assert "no key of a user's hive occurs in the evidence" in verdict.reasons


def test_unload_attempts_are_answered(trace: Any, tmp_path: Path) -> None:
    """A refused unload names who held the hive just then; one that succeeds ends its handles."""
    hive = "HKU\\S-1-5-21-7"
    trace.open(f"{hive}\\A").add("RegUnloadKey", hive, result="ACCESS DENIED", pid=4)
    trace.close("HKLM\\X").close(f"{hive}\\A").add("RegUnloadKey", hive, pid=4)
    verdict = judged(trace, tmp_path)
    refused, done = verdict.attempts

    assert (refused.status, [b.key for b in refused.blockers]) == (0xC0000022, [rf"{hive}\A"])
    assert (done.status, done.blockers) == (0, ())
    assert verdict.conclusion is Conclusion.CLEAR


def test_asked_for_moment(trace: Any, tmp_path: Path) -> None:
    """At an earlier moment only what was open then counts."""
    trace.open("HKCU\\A").open("HKCU\\B").close("HKCU\\A").close("HKCU\\B")
    path = trace.save(tmp_path / "trace")

    held = {
        at: [blocker.key for blocker in replay(path, at=at).blockers]
        for at in ("+0", "10:00:01.5", "10:00:02.5 AM", "+2.9", "+3.0000003")
    }
    assert held == {
        "+0": [r"HKCU\A"],
        "10:00:01.5": [r"HKCU\A", r"HKCU\B"],
        "10:00:02.5 AM": [r"HKCU\B"],
        "+2.9": [r"HKCU\B"],
        "+3.0000003": [],
    }


@pytest.mark.parametrize("at", ["soon", "+x", "25", "+1e999", "09:59:59", "+7", "10:01:00"])
def test_bad_moment_is_refused(trace: Any, tmp_path: Path, at: str) -> None:
    """A moment that cannot be read, or lies outside the capture, is refused."""
    trace.open("HKCU\\A").close("HKCU\\A")
    with pytest.raises(UsageError, match="--at"):
        judged(trace, tmp_path, at=at)


def test_rule_of_the_system_decides(trace: Any, tmp_path: Path) -> None:
    """Which open keys refuse an unload is the dialect's to say."""
    trace.start().open("HKCU\\A").close("HKLM\\X")
    for name in ("nt4-sp6a", "win11"):
        verdict = judged(trace, tmp_path, dialect=dialects.get(name))
        assert (verdict.os, verdict.conclusion) == (name, Conclusion.BLOCKED)


def test_words_for_access() -> None:
    """An access mask without a word is shown in hexadecimal."""
    assert [access_text(mask) for mask in (0, 0x20019, 0x123)] == ["", "Read", "0x123"]

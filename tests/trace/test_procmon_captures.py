"""Process Monitor's captures of real systems: PML and CSV of one capture tell the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regsim import cli, dialects
from regsim.trace.asking import replay
from regsim.trace.finding import Conclusion, Finding

pytestmark = pytest.mark.shared_data

TESTS32 = "procmon/CompressedLogfileTests32bitUTC"
REGISTRY64 = "procmon/CompressedLogFileUTC64Registry"


def verdict_on(path: Path, **more: Any) -> Finding:
    """Return the verdict by the capture's own system's rules."""
    return replay(path, dialect_of=dialects.get, **more)


def balances(verdict: Finding) -> list[Any]:
    """Return all that a verdict says of what is held, but for the form of the evidence."""
    held = [
        (
            hive.hive,
            hive.conclusion,
            b.process,
            b.pid,
            b.key,
            b.balance,
            b.certain,
            b.implicit,
            b.event,
        )
        for hive in verdict.hives
        for b in hive.blockers
    ]
    counts = (verdict.conclusion, verdict.opens, verdict.closes, verdict.unmatched_closes)
    roots = [(r.process, r.pid, r.hive, r.opened_at, r.closed_at) for r in verdict.roots]
    return [counts, sorted(held, key=str), roots]


@pytest.mark.parametrize("at", [None, "+2.5", "16:33:20", "+6", "+9", "16:33:27.9"])
@pytest.mark.parametrize("name", [TESTS32, REGISTRY64])
def test_pml_and_csv_agree(captured: Callable[[str], Path], name: str, at: str | None) -> None:
    """At any moment both files of one capture give the same verdict and the same balances."""
    pytest.importorskip("numpy")
    if at is not None and name == REGISTRY64:
        at = "07:28:00"
    pml = verdict_on(captured(f"{name}.PML"), at=at)
    csv = verdict_on(captured(f"{name}.CSV"), at=at)

    assert balances(pml) == balances(csv)
    assert (pml.format, csv.format) == ("procmon-pml", "procmon-csv")


def test_notepad_keeps_its_cached_root(captured: Callable[[str], Path]) -> None:
    """Each NOTEPAD.EXE keeps exactly one root of HKCU until after its exit."""
    verdict = verdict_on(captured(f"{TESTS32}.CSV"))
    roots = [root for root in verdict.roots if root.process == "NOTEPAD.EXE"]

    assert [(root.pid, root.key) for root in roots if root.hive == "HKCU"] == [(2984, "HKCU")]
    (root,) = (root for root in roots if root.hive == "HKCU")
    assert root.opened_at == "2020-07-11 16:33:19.6061604"
    assert root.closed_at is not None
    assert root.closed_at > "2020-07-11 16:33:22.3826578"  # the exit
    assert {root.process for root in verdict.roots} == {"NOTEPAD.EXE"}


def test_few_closes_are_unmatched(captured: Callable[[str], Path]) -> None:
    """At most one close in fifty has no open: those of handles from before the capture."""
    verdict = verdict_on(captured(f"{TESTS32}.CSV"))

    assert verdict.opens == 4134
    assert verdict.closes == 4206
    assert 0 < verdict.unmatched_closes <= 0.02 * verdict.closes


def test_while_notepad_runs_it_blocks(captured: Callable[[str], Path]) -> None:
    """While it runs, its root refuses an unload; the report names it and says since when."""
    verdict = verdict_on(captured(f"{TESTS32}.CSV"), at="16:33:21")
    (hive,) = (hive for hive in verdict.hives if hive.hive == "HKCU")
    (root,) = (b for b in hive.bystanders if b.key == "HKCU" and b.pid == 2984)

    assert verdict.conclusion is Conclusion.BLOCKED
    assert root.implicit
    assert root.certain
    assert "ends when that session logs off" in root.why
    assert root.balance == (1, 1)
    assert root.event == 18387
    assert (root.session, root.user) == (1, r"WIN-5V8CQK0CP5H\test")


@pytest.mark.parametrize("form", ["CSV", "PML"])
def test_filtered_capture_is_inconclusive(captured: Callable[[str], Path], form: str) -> None:
    """A capture without a single close proves nothing, whatever it shows as opened."""
    if form == "PML":
        pytest.importorskip("numpy")
    verdict = verdict_on(captured(f"{REGISTRY64}.{form}"))

    assert verdict.conclusion is Conclusion.INCONCLUSIVE
    assert "saved with a filter" in verdict.reasons[0]
    assert verdict.blockers
    assert not any(blocker.certain for blocker in verdict.blockers)
    assert all(blocker.balance == (0, None) for blocker in verdict.blockers)


def test_system_of_the_capture(captured: Callable[[str], Path]) -> None:
    """The capture tells on which Windows it was made."""
    assert verdict_on(captured(f"{TESTS32}.CSV")).os == "win7"
    assert verdict_on(captured(f"{REGISTRY64}.CSV")).os == "win10"


def test_command_line(captured: Callable[[str], Path], capsys: pytest.CaptureFixture[str]) -> None:
    """``regsim replay`` prints the verdict and returns the code of the contract."""
    path = str(captured(f"{TESTS32}.CSV"))
    assert cli.main(["replay", path, "--json"]) == 3
    record = json.loads(capsys.readouterr().out)
    assert record["verdict"] == "inconclusive"
    assert record["fidelity"] == "C"
    assert record["events"] == 32930

    assert cli.main(["replay", path, "--at", "16:33:21", "--os", "nt4-sp6a"]) == 1
    text = capsys.readouterr().out
    assert text.startswith("BLOCKED: at 2020-07-11 16:33:21")
    assert "NOTEPAD.EXE (process 2984) holds HKCU, since 2020-07-11 16:33:19.6061604" in text
    assert "Windows NT 4.0 SP6a" in text

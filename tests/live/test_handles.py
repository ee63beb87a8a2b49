"""The listing of a running system's open keys, on systems that are made up."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import attrs
import pytest

from regsim import cli
from regsim.live import handles
from regsim.live.handles import listing
from regsim.trace.asking import who
from regsim.trace.finding import Conclusion

USER = r"\REGISTRY\USER\S-1-5-21-1-2-3-1001"


@attrs.define
class Made:
    """A system with the keys in ``keys``: a name, None for a refusal, "" for a closed one."""

    keys: dict[tuple[int, int], str | None]
    name: str | None = "win11"
    host: str = "PC"
    notes: list[str] = attrs.field(factory=list)
    stuck: frozenset[tuple[int, int]] = frozenset()
    closed: bool = False

    def key_handles(self) -> list[tuple[int, int, int]]:
        """Every key with Read."""
        return [(pid, handle, 0x20019) for pid, handle in self.keys]

    def name_of(self, pid: int, handle: int) -> str | None:
        """Wait for ever for a stuck one."""
        if (pid, handle) in self.stuck:
            threading.Event().wait()
        return self.keys[pid, handle]

    def processes(self) -> dict[int, tuple[str, int | None]]:
        """One service's process, in session 0."""
        return {700: ("svchost.exe", 0), 4: ("System", 0)}

    def services(self) -> dict[int, list[str]]:
        """Which service that is."""
        return {700: ["TapiSrv"]}

    def image(self, pid: int) -> str:
        """The image's path."""
        return "C:\\Windows\\svchost.exe" if pid == 700 else ""

    def hives(self) -> list[str]:
        """The user's hive."""
        return ["HKU\\S-1-5-21-1-2-3-1001"]

    def close(self) -> None:
        """Note it."""
        self.closed = True


def test_a_holder_is_named_with_its_service() -> None:
    """Its image, service, session, handle and access are in the finding; others' keys are not."""
    system = Made({(700, 0x44): USER, (700, 0x48): r"\REGISTRY\MACHINE\SOFTWARE"})
    finding = who(listing(system))
    (blocker,) = finding.blockers

    assert finding.conclusion is Conclusion.BLOCKED
    assert (blocker.process, blocker.pid, blocker.handle) == ("svchost.exe", 700, 0x44)
    assert (blocker.service, blocker.session, blocker.access) == ("TapiSrv", 0, "Read")
    assert (finding.format, finding.host, system.closed) == ("live", "PC", True)


def test_nothing_seen_is_never_clear() -> None:
    """A listing without a key of the user's proves nothing, and a hive that is loaded is named."""
    finding = who(listing(Made({(700, 0x48): r"\REGISTRY\MACHINE\SOFTWARE"})))

    assert finding.conclusion is Conclusion.INCONCLUSIVE
    assert [hive.hive for hive in finding.hives] == [r"HKU\S-1-5-21-1-2-3-1001"]


def test_what_may_not_be_looked_into_is_said() -> None:
    """Processes that refuse are named, with how many keys they have; what is told still counts."""
    system = Made({(4, 0x10): None, (4, 0x14): None, (700, 0x44): USER}, notes=["not elevated"])
    finding = who(listing(system))

    assert finding.conclusion is Conclusion.BLOCKED
    assert "not elevated" in finding.reasons
    assert any("2 keys" in said and "System (4)" in said for said in finding.reasons)


def test_a_name_that_does_not_come_hangs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up and said, and after three no more are asked; what was told before stays."""
    monkeypatch.setattr(handles, "PATIENCE", 0.05)
    keys = {(700, handle): USER for handle in range(4, 32, 4)}
    stuck = frozenset((700, handle) for handle in (8, 16, 20))
    finding = who(listing(Made(keys, stuck=stuck)))
    (blocker,) = finding.blockers

    assert blocker.balance[0] == 2  # by handles 4 and 12
    assert any("0x8 of process 700" in said and "2 keys more" in said for said in finding.reasons)


def test_own_and_closed_handles_are_left_out() -> None:
    """The process that asks is none of the holders, nor is a handle that was closed meanwhile."""
    keys = {(os.getpid(), 4): USER, (700, 8): "", (700, 12): USER}
    told = json.loads(listing(Made(keys)))

    assert [row["handle"] for row in told["handles"]] == ["0xc"]
    assert "the process of regsim itself is left out" in told["notes"]


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    """What cannot be read of a saved listing is said; the rest is taken."""
    told = json.loads(listing(Made({(700, 0x44): USER})))
    told["handles"].append({"pid": "x"})
    (tmp_path / "part").write_text(json.dumps(told))
    (tmp_path / "cut").write_text(json.dumps(told)[:-40])

    assert any("1 of its handles" in said for said in who(tmp_path / "part").reasons)
    assert who(tmp_path / "part").conclusion is Conclusion.BLOCKED
    assert any("damaged" in said for said in who(tmp_path / "cut").reasons)


@pytest.mark.skipif(os.name == "nt", reason="this is Windows")
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--live"], "this is none"),
        (["--live", "x.txt"], "give a FILE"),
        ([], "give a FILE"),
        (["--save", "y", "x.txt"], "--save keeps"),
    ],
)
def test_elsewhere(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Off Windows, or used wrongly, it is one line that says what to do, and exit code 2."""
    assert cli.main(["who", *words]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1

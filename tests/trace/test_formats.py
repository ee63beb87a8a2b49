"""Formats: told by content alone, of one shape, and one judge for all that they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import regsim
from regsim.trace import formats
from regsim.trace.evidence import Capture, Format, Reading, Report, Snapshot
from regsim.trace.finding import Conclusion, HeldKey, HiveFinding
from regsim.trace.formats import open_evidence
from regsim.trace.judge import conclude, overall
from regsim.trace.processes import ProcessInfo, ProcessTable
from regsim.trace.source import Source

EVENT = (
    "1 user registry handles leaked from \\Registry\\User\\S-1-5-21-7:\n"
    "Process 44 (\\Device\\HarddiskVolume1\\a.exe) has opened key \\REGISTRY\\USER\\S-1-5-21-7\n"
)
RECORD = '{"op": "open", "pid": 1, "process": "a.exe", "key": "HKCU\\\\A"}\n'
HELD = HeldKey(process="a.exe", pid=1, key="HKCU\\A")
PERHAPS = HeldKey(process="a.exe", pid=1, key="HKCU\\A", certain=False)


def test_paths_are_given_as_text_too(trace: Any, tmp_path: Path) -> None:
    """What `regsim.replay` and `regsim.who` find is the same for a path and for its text."""
    capture = trace.open("HKCU\\A").close("HKCU\\B").save(tmp_path / "x.csv")
    event = tmp_path / "event.txt"
    event.write_text(EVENT)

    assert regsim.replay(str(capture)) == regsim.replay(capture)
    assert regsim.who(str(event)) == regsim.who(event)
    assert isinstance(regsim.replay(str(capture)), regsim.Finding)
    assert regsim.who(str(event)).conclusion is Conclusion.BLOCKED


@pytest.mark.parametrize(
    ("text", "is_capture"), [(EVENT, False), (RECORD, True), ("Process,PID,Handle,Name\n", False)]
)
def test_content_tells_the_kind(tmp_path: Path, text: str, is_capture: bool) -> None:
    """Asked for no kind, one opening tells a trace from a snapshot, whatever the file is called."""
    path = tmp_path / "evidence.pml"
    path.write_text(text)

    assert isinstance(open_evidence(path), Capture if is_capture else Snapshot)


def test_a_format_is_one_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A format that is listed is recognised, read and judged; what is of none is refused."""
    path = tmp_path / "note"
    path.write_text("NOTE S-1-5-21-7")

    def read(source: Source, _: Reading) -> Snapshot:
        found = Snapshot("note")
        hive = source.head.decode().removeprefix("NOTE ")
        found.reports.append(Report(source="A note", id=0, hive=f"HKU\\{hive}"))
        return found

    mine = Format("notes", lambda head: head.startswith(b"NOTE"), read)
    monkeypatch.setattr(formats, "FORMATS", (*formats.FORMATS[:-1], mine))

    found = regsim.who(path)
    assert (found.format, found.conclusion) == ("note", Conclusion.BLOCKED)
    assert found.hives[0].reasons == (
        "A note says that the hive was in use; it does not say by whom",
    )
    path.write_text("hello")
    with pytest.raises(regsim.RegsimError, match="no evidence that regsim knows"):
        regsim.who(path)


def test_a_closer_look_hands_the_file_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A format that recognises a file and then opens nothing leaves it to the next one."""
    path = tmp_path / "event"
    path.write_text(EVENT)
    eager = Format("anything", lambda _: True, lambda *_: None)
    monkeypatch.setattr(formats, "FORMATS", (eager, *formats.FORMATS))

    assert regsim.who(path).format == "event-text"


@pytest.mark.parametrize(
    ("blockers", "doubts", "in_use", "conclusion"),
    [
        ([HELD], [], [], Conclusion.BLOCKED),
        ([HELD], ["a doubt"], [], Conclusion.BLOCKED),
        ([], [], ["a report"], Conclusion.BLOCKED),
        ([PERHAPS], [], [], Conclusion.INCONCLUSIVE),
        ([], ["a doubt"], [], Conclusion.INCONCLUSIVE),
        ([], [], [], Conclusion.CLEAR),
    ],
)
def test_only_proof_is_clear(
    blockers: list[HeldKey], doubts: list[str], in_use: list[str], conclusion: Conclusion
) -> None:
    """A hive is clear when nothing is open, nothing is doubted and no report says otherwise."""
    found = conclude("HKCU", blockers, doubts, in_use=in_use)

    assert found.conclusion is conclusion
    expected = {Conclusion.BLOCKED: in_use, Conclusion.INCONCLUSIVE: doubts}
    assert list(found.reasons) == expected.get(conclusion, [])


def test_the_whole_is_no_clearer_than_its_hives() -> None:
    """One blocked hive blocks; all must be clear, and there must be one, for the whole to be."""
    blocked, clear, unknown = (
        HiveFinding(hive="HKCU", conclusion=one, blockers=()) for one in Conclusion
    )

    assert overall([clear, unknown, blocked], doubted=False) is Conclusion.BLOCKED
    assert overall([clear, unknown], doubted=False) is Conclusion.INCONCLUSIVE
    assert overall([clear, clear], doubted=False) is Conclusion.CLEAR
    assert overall([clear, clear], doubted=True) is Conclusion.INCONCLUSIVE
    assert overall([], doubted=False) is Conclusion.INCONCLUSIVE


def test_a_number_used_again_is_another_process() -> None:
    """A pid stands for the process that began last, and the earlier one keeps its number."""
    table = ProcessTable()
    first = table.of_pid(44, "a.exe")
    second = table.of_pid(44, "b.exe", fresh=True)

    assert (table.of_pid(44), table.find(44), table.find(45)) == (second, second, None)
    assert [table[number].image for number in (first, second)] == ["a.exe", "b.exe"]
    table.forget(44)
    assert table.of_pid(44) == 2
    assert table[2] == ProcessInfo(pid=44, image="process 44")
    assert table.numbers_of([44, 7, 44], "record") == [2, 3, 2]
    assert table[3].image == "record 7"

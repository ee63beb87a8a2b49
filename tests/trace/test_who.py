"""Snapshots: events, listings of handles, event logs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regsim import cli
from regsim.errors import DataError
from regsim.trace.asking import who
from regsim.trace.evidence import Fidelity, Snapshot
from regsim.trace.finding import Conclusion, Finding
from regsim.trace.formats import open_evidence
from regsim.trace.readers.event_text import parse_event_text

SID = "S-1-5-21-1-2-3-1004"


def judged(tmp_path: Path, text: str | bytes, **more: Any) -> Finding:
    """Return the verdict on a file with *text*."""
    path = tmp_path / "evidence"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return who(path, **more)


def seen(verdict: Finding) -> list[tuple[str, int, str, int | None]]:
    """Return who has what open."""
    return [(b.process, b.pid, b.key, b.handle) for b in verdict.blockers]


HOLDERS: dict[int, list[tuple[str, int, str, int | None]]] = {
    1: [
        (
            "msiexec.exe",
            1512,
            r"\REGISTRY\USER\S-1-5-21-1556653526-4280407051-3911480998-1615_CLASSES",
            None,
        )
    ],
    2: [
        (
            "dllhost.exe",
            2428,
            r"\REGISTRY\USER\S-1-5-21-1123456789-3057247634-349289542-1004_CLASSES",
            None,
        )
    ],
    3: [
        (
            "myprocess.exe",
            2428,
            r"\REGISTRY\USER\S-1-5-21-1123456789-3057247634-349289542-1004",
            None,
        )
    ],
    15: [("profleak.exe", 1444, "HKCU", 0x144)],
    16: [
        ("profleak.exe", 2604, "HKCU", 0x80),
        ("profleak.exe", 2604, r"HKCU\Software\Policies", 0x88),
    ],
    17: [("profleak.exe", 1148, r"HKCU\SOFTWARE\Policies", 0xB0)],
    19: [
        ("profleak.exe", 1364, r"HKCU\SOFTWARE\Policies", 0xB4),
        ("profleak.exe", 1364, "HKCU", 0xB8),
    ],
    21: [("regopenkeyex.exe", 368, r"HKCU\Software\Classes\Software", 0x4)],
}


@pytest.mark.shared_data
def test_every_sample_is_parsed(captured: Callable[[str], Path]) -> None:
    """Each genuine and vendor sample gives its event, and each holder it names."""
    samples = json.loads(captured("events/event_samples.json").read_text(encoding="utf-8"))
    for sample in samples:
        if sample["kind"] == "doc-translation":
            continue
        report = parse_event_text(sample["text"])
        assert report is not None, sample["n"]
        assert report.id == sample["event_id"], sample["n"]
        sid = report.hive.removeprefix("HKU\\")
        found = [
            (s.process, s.pid, s.key.replace(f"HKU\\{sid}", "HKCU") if sid else s.key, s.handle)
            for s in report.sightings
        ]
        assert found == HOLDERS.get(sample["n"], []), sample["n"]


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "records", "reports"),
    [
        ("events/log2timeline_System.evtx", 5009, 0),
        ("events/omerbenamram_Application_no_crc32.evtx", 17, 2),
    ],
)
def test_event_logs_are_read(
    captured: Callable[[str], Path], name: str, records: int, reports: int
) -> None:
    """Both logs are read to their end; neither tells of a hive in use."""
    pytest.importorskip("evtx")
    snapshot = open_evidence(captured(name))
    assert isinstance(snapshot, Snapshot)
    assert (snapshot.facts.events, len(snapshot.reports)) == (records, reports)
    assert snapshot.facts.problems == []
    assert who(captured(name)).conclusion is Conclusion.INCONCLUSIVE


DETAIL = (
    f"2 user registry handles leaked from \\Registry\\User\\{SID}:\n"
    f"Process 812 (\\Device\\HarddiskVolume3\\Program Files (x86)\\A b\\s.exe) has opened key "
    f"\\REGISTRY\\USER\\{SID}\\Software\\A b\n"
    f"Process 812 (\\Device\\HarddiskVolume3\\Program Files (x86)\\A b\\s.exe) has opened key "
    f"\\REGISTRY\\USER\\{SID}"
)


@pytest.mark.parametrize(
    "text",
    [
        DETAIL,
        DETAIL.replace("\n", "\r\n"),
        DETAIL.replace("Process", "Der Prozess").replace("has opened key", "hat geöffnet:"),
        "Event ID: 1530\n" + DETAIL,
        DETAIL.encode("utf-16"),
    ],
)
def test_leaked_handles(tmp_path: Path, text: str | bytes) -> None:
    """Event 1530's list is told by its form, in any language and encoding."""
    verdict = judged(tmp_path, text)
    hive = rf"\REGISTRY\USER\{SID}"
    assert verdict.conclusion is Conclusion.BLOCKED
    assert verdict.fidelity is Fidelity.SNAPSHOT
    assert seen(verdict) == [
        ("s.exe", 812, rf"{hive}\Software\A b", None),
        ("s.exe", 812, hive, None),
    ]
    assert [b.implicit for b in verdict.blockers] == [False, True]
    assert [h.hive for h in verdict.hives] == [rf"HKU\{SID}"]


@pytest.mark.parametrize(
    ("after", "below", "root"),
    [
        (r"\<redacted>", r"\<redacted>", False),
        (r"\Software\<Vendor>\Run", r"\Software\<Vendor>\Run", False),
        (r"\Software\Ven<dor>", r"\Software\Ven<dor>", False),
        (r"\Software</Data></EventData>", r"\Software", False),
        (r"\Software<br>", r"\Software", False),
        ("</Data>", "", True),
    ],
)
def test_markup_ends_a_key_and_a_redacted_name_does_not(
    tmp_path: Path, after: str, below: str, root: bool
) -> None:
    """What is written in place of a name leaves a key that is not the root."""
    text = (
        f"1 user registry handles leaked from \\Registry\\User\\{SID}:\n"
        rf"Process 624 (\Device\HarddiskVolume1\a.exe) has opened key \REGISTRY\USER\{SID}{after}"
    )
    (held,) = judged(tmp_path, f"Event ID: 1530\n{text}\n").held
    assert (held.key, held.implicit) == (rf"\REGISTRY\USER\{SID}{below}", root)


def test_event_without_holder(tmp_path: Path) -> None:
    """An event that names nobody still says that the hive was in use."""
    text = "Windows cannot unload your registry file. If you have a roaming profile, x. DETAIL - y"
    verdict = judged(tmp_path, text)
    assert verdict.conclusion is Conclusion.BLOCKED
    assert verdict.blockers == ()
    assert "it does not say by whom" in verdict.hives[0].reasons[0]


def test_event_on_no_hive_in_use(tmp_path: Path) -> None:
    """A profile event that is about something else decides nothing."""
    text = "Windows was unable to load the registry. DETAIL - it is being used by another process."
    assert judged(tmp_path, text).conclusion is Conclusion.INCONCLUSIVE


def test_several_events(tmp_path: Path) -> None:
    """A paste of several events gives each its own hive."""
    other = DETAIL.replace(SID, "S-1-5-21-9").replace("812", "900")
    verdict = judged(tmp_path, f"Event ID: 1530\n{DETAIL}\n\nEvent ID: 1530\n{other}\n")
    assert [hive.hive for hive in verdict.hives] == [rf"HKU\{SID}", r"HKU\S-1-5-21-9"]
    assert [len(hive.blockers) for hive in verdict.hives] == [2, 2]


HANDLE_TEXT = rf"""
Nthandle v5.0 - Handle viewer
------------------------------------------------------------------------------
System pid: 4 \<unable to open process>
  2F0: File  (RWD)   C:\Users\Bob\NTUSER.DAT
------------------------------------------------------------------------------
svchost.exe pid: 1234 NT AUTHORITY\SYSTEM
    4: Key           HKLM\SYSTEM\ControlSet001\Control\Session Manager
 135C: Key           HKU\{SID}\Software
 1360: Key           HKU\{SID}_Classes
   10: File  (RW-)   C:\Windows
"""


def test_handle_text(tmp_path: Path) -> None:
    """handle.exe's groups give image, number, key and handle value; files only a note."""
    verdict = judged(tmp_path, HANDLE_TEXT)
    assert seen(verdict) == [
        ("svchost.exe", 1234, rf"HKU\{SID}\Software", 0x135C),
        ("svchost.exe", 1234, rf"HKU\{SID}_Classes", 0x1360),
    ]
    assert {b.user for b in verdict.blockers} == {r"NT AUTHORITY\SYSTEM"}
    assert any("not who keeps it so" in reason for reason in verdict.reasons)


def test_handle_search(tmp_path: Path) -> None:
    """handle.exe's search prints one line for each key."""
    text = (
        rf"explorer.exe       pid: 3204   type: Key           2F4: HKCU\Software\X"
        "\n"
        rf"my app.exe         pid: 77     type: Key           DOM\bob   10: HKU\{SID}"
        "\n"
    )
    verdict = judged(tmp_path, text, hkcu_sid=SID)
    assert seen(verdict) == [("my app.exe", 77, rf"HKU\{SID}", 0x10)]
    (aside,) = verdict.hives[0].bystanders
    assert (aside.process, aside.key, aside.handle) == ("explorer.exe", r"HKCU\Software\X", 0x2F4)
    assert "ends at logoff" in aside.why
    assert [hive.hive for hive in verdict.hives] == [rf"HKU\{SID}"]


CSV_ROWS = {
    "handle-5-with-u": (
        "Process,PID,User,Handle,Type,Share Flags,Name,Access\r\n"
        "app.exe,7,Key,CONTOSO\\u,0x0000009C,HKU\\@\\A\r\n"
        "Error obtaining handle information: Access denied\r\n"
    ),
    "plain": "Process,PID,Type,Handle,Name\r\napp.exe,7,Key,0x0000009C,HKU\\@\\A",
    "tabs": "Process\tPID\tUser\tType\tHandle\tName\r\napp.exe\t7\tC\\u\tKey\t0x9C\tHKU\\@\\A",
}


@pytest.mark.parametrize("text", CSV_ROWS.values(), ids=CSV_ROWS)
def test_handle_csv(tmp_path: Path, text: str) -> None:
    """Fields are known by their form: the header of Handle 5.0 does not tell their order."""
    verdict = judged(tmp_path, text.replace("@", SID))
    assert seen(verdict) == [("app.exe", 7, rf"HKU\{SID}\A", 0x9C)]


def test_empty_listing_is_not_clear(tmp_path: Path) -> None:
    """A listing without such a key proves nothing."""
    verdict = judged(
        tmp_path, "Process,PID,Type,Handle,Name\r\na.exe,7,Key,0x9C,HKLM\\SOFTWARE\\X\r\n"
    )
    assert verdict.conclusion is Conclusion.INCONCLUSIVE
    assert "cannot prove" in verdict.reasons[-1]


WINDBG = rf"""
|
.  0	id: 4d8	attach	name: C:\Windows\System32\svchost.exe
0:000> !handle 0 f Key
Handle 0000000000000044
  Type         	Key
  Attributes   	0
  GrantedAccess	0x2000000:
         None
  HandleCount  	2
  PointerCount 	65534
  Name         	\REGISTRY\USER\{SID}
  Object specific information
    Key last write time:  x
Handle 0000000000000048
  Type         	Event
  Name         	<none>
"""


def test_windbg(tmp_path: Path) -> None:
    """The debugger's listing gives handle and name; the process comes from the command |."""
    verdict = judged(tmp_path, WINDBG)
    assert seen(verdict) == [("svchost.exe", 0x4D8, rf"\REGISTRY\USER\{SID}", 0x44)]
    unnamed = judged(tmp_path, WINDBG.replace("id: 4d8", ""))
    assert any("add the output of the command |" in reason for reason in unnamed.reasons)


def test_kernel_debugger(tmp_path: Path) -> None:
    """A kernel debugger's listing, with the process above the handles."""
    text = rf"""
PROCESS fffffa8004a39b30
    SessionId: 0  Cid: 04d8    Peb: 7fffffdf000  ParentCid: 0210
    Image: svchost.exe

0044: Object: fffff8a0019a4440  GrantedAccess: 02000000 Entry: fffff8a001cc6110
Object: fffff8a0019a4440  Type: (fffffa80018e3f30) Key
    ObjectHeader: fffff8a0019a4410 (new version)
        HandleCount: 1  PointerCount: 1
        Directory Object: 00000000  Name: \REGISTRY\USER\{SID}
"""
    assert seen(judged(tmp_path, text)) == [("svchost.exe", 0x4D8, rf"\REGISTRY\USER\{SID}", 0x44)]


def test_event_xml(tmp_path: Path) -> None:
    """Events exported as XML are told by source and id; the time is kept."""
    text = (
        '<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System>'
        '<Provider Name="Microsoft-Windows-User Profiles Service"/><EventID>1530</EventID>'
        '<TimeCreated SystemTime="2020-01-01T00:00:00Z"/></System>'
        f"<EventData><Data Name='Detail'>{DETAIL}</Data></EventData></Event>"
    )
    verdict = judged(tmp_path, text)
    assert len(verdict.blockers) == 2
    assert {b.seen_at for b in verdict.blockers} == {"2020-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hello", "no evidence that regsim knows"),
        ("", "is empty"),
        (b"MZ\0\0\0\0\0\0", "no evidence that regsim knows"),
        (b"\x30\0\0\0LfLe\1\0\0\0", "Windows XP or older"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str | bytes, says: str) -> None:
    """What is no snapshot is refused in one line that says what is read."""
    with pytest.raises(DataError, match=says):
        judged(tmp_path, text)


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``regsim who`` names the holder and returns 1."""
    path = tmp_path / "evidence"
    path.write_text(DETAIL)
    assert cli.main(["who", str(path), "--os", "win10"]) == 1
    text = capsys.readouterr().out
    assert text.startswith("BLOCKED: s.exe (812) had 2 handles open in a user's hive at logoff")
    assert "event 1530" in text
    assert cli.main(["who", str(path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["fidelity"] == "D"
    assert cli.main(["who", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (r"It held handle 0x4 on \REGISTRY\USER\S-1-5-21-7 for good.", False),
        (("[(4, True)]\n" r'>>> api.NtUnloadKey(r"\REGISTRY\USER\S-1-5-21-7")'), False),
        (r"4 Registrierungshandles wurden von \Registry\User\S-1-5-21-7 preisgegeben:", True),
    ],
)
def test_a_count_of_handles_is_a_number_of_its_own(text: str, told: bool) -> None:
    """A line of an event counts handles in any language; a number in prose or code is none."""
    try:
        blocked = who(f"{text}\n").conclusion is Conclusion.BLOCKED
    except DataError:
        blocked = False
    assert blocked is told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("We often see event 1530 from Userenv at logoff here.", True),
        ("Source: Userenv. Since Monday it is there.\nEvent ID: 1530\n", True),
        ("It reads Userenv's 1000, too. Of event 1530 more is said below.", False),
        ("- reads what Userenv writes\n- speaks of event 1530 and its like\n", False),
    ],
)
def test_a_source_and_a_number_of_two_sentences_are_no_event(text: str, told: bool) -> None:
    """Who writes that an event was there names its source with its number; a page has both."""
    try:
        blocked = who(text).conclusion is Conclusion.BLOCKED
    except DataError:
        blocked = False
    assert blocked is told

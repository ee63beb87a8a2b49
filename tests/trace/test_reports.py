"""What the commands print, draw and leave out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from regsim import cli, dialects
from regsim.report.pictures.evidence import evidence_svg
from regsim.report.text.evidence import as_text
from regsim.trace.asking import replay
from regsim.trace.readers import pml
from regsim.trace.redact import redacted

SID = "S-1-5-21-11-22-33-1001"
MAX = "Maximum Allowed, Granted Access: All Access"
SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    """Return what is written on a picture."""
    return ["".join(node.itertext()) for node in ET.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314


@pytest.fixture
def leak(trace: Any, tmp_path: Path) -> Path:
    """A capture in which a service keeps a root and a key open, and an unload is refused."""
    trace.start(process="svc.exe").open(rf"HKU\{SID}", MAX, process="svc.exe")
    trace.open(rf"HKU\{SID}\Software\bob", process="svc.exe").close(r"HKLM\X", process="svc.exe")
    trace.start(pid=20).open("HKCU", MAX, pid=20).exit(pid=20).close("HKCU", pid=20)
    trace.add("RegUnloadKey", rf"HKU\{SID}", result="ACCESS DENIED", process="w.exe", pid=4)
    path: Path = trace.save(tmp_path / "leak")
    return path


@pytest.mark.parametrize(
    ("os_name", "says"),
    [
        ("nt4-sp6a", "leaves the profile unsaved"),
        ("w2k", "leaves the profile unsaved"),
        ("xp", "saved from a copy"),
        ("win11", "event 1530 names the holder"),
    ],
)
def test_text_says_what_follows(leak: Path, os_name: str, says: str) -> None:
    """The answer reads on: who, what, since when, what the system does, what to do."""
    dialect = dialects.get(os_name)
    flat = " ".join(as_text(replay(leak, dialect=dialect), dialect).split())

    assert flat.startswith("BLOCKED: at the end of the trace svc.exe (10) holds 2 keys open")
    assert rf"svc.exe (process 10) holds HKU\{SID}, since 10:00:01.0000001 (event 2)" in flat
    assert "it is probably the root that Windows opens and caches" in flat
    assert says in flat
    assert "RegOpenCurrentUser" in flat
    assert "missing RegCloseKey" in flat
    assert "The unload of HKU" in flat
    assert "app.exe (20): HKCU, from 10:00:05.0000005 to 10:00:07.0000007" in flat


def test_many_keys_are_counted(trace: Any, tmp_path: Path) -> None:
    """A hundred held keys are not a hundred paragraphs."""
    for number in range(100):
        trace.open(rf"HKCU\K{number}")
    text = as_text(replay(trace.close("HKLM").save(tmp_path / "trace")))
    assert "and 92 more keys (-v lists them all)" in text
    assert len(text.splitlines()) < 60


def test_picture(leak: Path) -> None:
    """The picture names what is held, how long, the attempt, and carries its text for the blind."""
    svg = evidence_svg(replay(leak))
    written = texts(svg)

    assert "svc.exe (10) keeps a user's hive loaded at the end of the trace" in written
    assert written.count("still open") == 2
    assert "until it ended" in written
    assert "unload refused" in written
    assert "seconds since the trace began" in written
    assert rf"svc.exe (10): HKU\{SID} is open to the end." in svg
    assert evidence_svg(replay(leak)) == svg


def test_picture_of_nothing(trace: Any, tmp_path: Path) -> None:
    """A capture without a held key still has a picture, and one too long is cut."""
    nothing = replay(trace.open("HKCU\\A").close("HKCU\\A").save(tmp_path / "trace"))
    assert "no key of a user's hive is held" in texts(evidence_svg(nothing))
    for number in range(60):
        trace.open(rf"HKCU\K{number}")
    assert "and 20 more keys" in texts(evidence_svg(replay(trace.save(tmp_path / "trace"))))


def test_uncertain_bar_is_hollow(trace: Any, tmp_path: Path) -> None:
    """What a filtered capture shows as opened may be open, and is drawn so."""
    svg = evidence_svg(replay(trace.open("HKCU\\A").save(tmp_path / "trace")))
    assert "perhaps open" in texts(svg)
    assert "still open" not in texts(svg)


PRIVATE = [
    {"op": "start", "pid": 1, "process": "a.exe", "user": r"ACME\bob", "session": 1},
    {"op": "open", "pid": 1, "key": rf"HKU\{SID}\Software\Bob", "handle": 4},
    {"op": "open", "pid": 1, "key": rf"HKU\{SID.lower()}_Classes", "handle": 8},
    {"op": "open", "pid": 1, "key": rf"HKU\{SID[:-1]}9\C:\Users\carol smith\x", "handle": 12},
    {"op": "start", "pid": 2, "process": "b.exe", "user": r"NT AUTHORITY\SYSTEM"},
    {"op": "open", "pid": 2, "key": rf"HKU\{SID}\C:\Users\Public\bobsled", "handle": 4},
]


def test_redaction(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SIDs, accounts and folders are replaced, one by one name, in text, JSON and picture."""
    path = tmp_path / "trace"
    path.write_text("".join(json.dumps(record) + "\n" for record in PRIVATE))
    svg = tmp_path / "picture.svg"
    outputs = []
    for more in (["--json"], ["--svg", str(svg)]):
        assert cli.main(["replay", str(path), "--redact", *more]) == 1
        outputs.append(capsys.readouterr().out)
    outputs.append(svg.read_text(encoding="utf-8"))

    for output in outputs:
        for name in ("ACME", "carol", "1001", "11-22", r"\bob", r"\Bob"):
            assert name not in output.replace("bobsled", ""), name
    record = json.loads(outputs[0])
    keys = {
        b["key"]: b for hive in record["hives"] for b in [*hive["blockers"], *hive["bystanders"]]
    }
    first = next(key for key in keys if "Software" in key)
    sid = first.split("\\")[1]
    assert sum(sid in key for key in keys) == 3
    user = keys[first]["user"].rpartition("\\")[2]
    assert first.endswith(f"Software\\{user}")
    assert any(b["user"] == r"NT AUTHORITY\SYSTEM" for b in keys.values())
    assert any(key.endswith(r"Users\Public\bobsled") for key in keys)
    assert "11-22" in evidence_svg(replay(path))


def test_redaction_keeps_the_verdict(leak: Path) -> None:
    """Nothing but names changes, and a second time changes nothing more."""
    verdict = replay(leak)
    once = redacted(verdict)
    assert SID not in as_text(once)
    assert redacted(once) == once
    assert (once.conclusion, once.opens, once.closes) == (
        verdict.conclusion,
        verdict.opens,
        verdict.closes,
    )
    assert [b.balance for b in once.blockers] == [b.balance for b in verdict.blockers]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"hello\n", "is no evidence that regsim knows"),
        (b"PML_" + bytes(20), "a PML header has 936 bytes"),
        (b"PML_\x08" + bytes(2000), "PML version 8"),
        (b'"Time of Day","Process Name","PID","Operation"\r\n', "lacks Path, Result"),
        (b'"Process Name","PID","Operation","Path","Result"\r\n', "lacks Time of Day"),
        (b"\x1f\x8b\x08" + bytes(30), "is damaged gzip data"),
    ],
)
def test_other_files_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, says: str
) -> None:
    """What cannot be read is one line that says what and why, exit code 2, and no picture."""
    if content.startswith(b"PML_"):
        pytest.importorskip("numpy")
    path = tmp_path / "file"
    path.write_bytes(content)
    picture = tmp_path / "x.svg"
    assert cli.main(["replay", str(path), "--svg", str(picture)]) == 2
    out, err = capsys.readouterr()
    assert says in err
    assert err.count("\n") == 1
    assert (out, picture.exists()) == ("", False)


def test_missing_package_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without numpy, pyarrow or evtx a format that needs it says what to install."""
    path = tmp_path / "file"
    monkeypatch.setattr(pml, "NATIVE", None)  # in C no package is needed for PML
    for command, head, package in (
        ("replay", b"PML_", "numpy"),
        ("replay", b"PAR1", "pyarrow"),
        ("who", b"ElfFile\0", "evtx"),
    ):
        path.write_bytes(head + bytes(2000))
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, package, None)
            assert cli.main([command, str(path)]) == 2
        assert f"need {package}, which is not installed: pip install" in capsys.readouterr().err


def test_pure_python_reads_the_rest(leak: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CSV, XML, Wine's logs and JSON lines need no package."""
    whole = replay(leak)
    for package in ("numpy", "pyarrow"):
        monkeypatch.setitem(sys.modules, package, None)
    assert replay(leak) == whole


def test_folder_and_device_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder or a pipe is no file of evidence."""
    assert cli.main(["replay", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err
    assert cli.main(["replay", str(tmp_path / "none")]) == 2
    error = capsys.readouterr().err
    assert "there is no file" in error
    assert error.count("\n") == 1

"""The front door: whatever is given is answered, and the content decides how."""

from __future__ import annotations

import io
import json
from pathlib import Path

import jsonschema
import pytest
from referencing import Registry

import regsim
from regsim import cli
from regsim.regf import new_hive

EVENT = (
    "Event ID: 1530\n1 user registry handles leaked from \\Registry\\User\\S-1-5-21-7:\nProcess 44 "
    "(\\Device\\HarddiskVolume1\\a.exe) has opened key \\REGISTRY\\USER\\S-1-5-21-7\n"
)
CAPTURE = (
    '{"op": "load", "pid": 4, "process": "System", "key": "HKU\\\\S-1-5-21-7"}\n'
    '{"op": "open", "pid": 1, "process": "a.exe", "key": "HKU\\\\S-1-5-21-7\\\\A", "handle": 4}\n'
)
LOG = "C:\\>reg unload HKU\\X\nERROR: Access is denied.\n"
SCRIPT = "@echo off\nsetlocal\nset hive=HKU\\X\nreg unload %hive%\n"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """One file of each kind, with names that mislead."""
    contents = {"event": EVENT, "capture": CAPTURE, "log": LOG, "script": SCRIPT, "junk": "hello"}
    for name, text in contents.items():
        (tmp_path / f"{name}.evtx").write_text(text)
    (tmp_path / "hive.evtx").write_bytes(new_hive().to_bytes())
    (tmp_path / "empty.evtx").write_text("")
    names = [*contents, "hive", "empty"]
    return {name: str(tmp_path / f"{name}.evtx") for name in names} | {"folder": str(tmp_path)}


def answer(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    """Return the exit code, and what is written to both streams."""
    code = cli.main(list(args))
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize(
    ("name", "code", "kind"),
    [
        ("event", 1, "evidence"),
        ("capture", 1, "capture"),
        ("log", 3, "evidence"),
        ("hive", 0, "hive"),
        ("script", 3, "script"),
        ("junk", 2, "unknown"),
        ("empty", 2, "unknown"),
        ("folder", 2, "unknown"),
    ],
)
def test_each_kind_is_told_by_its_content(
    files: dict[str, str], capsys: pytest.CaptureFixture[str], name: str, code: int, kind: str
) -> None:
    """One object each, of its kind, as the schema says; a failure is one line besides."""
    got, out, err = answer(capsys, files[name], "--json")
    record = json.loads(out)

    assert (got, record["kind"]) == (code, kind)
    assert err.count("\n") == (code == 2)
    assert ("verdict" in record) is (kind in ("evidence", "capture"))
    schemas = Path(regsim.__file__).parent / "schemas"
    known = {path.name: json.loads(path.read_text()) for path in schemas.glob("*.json")}
    registry = Registry().with_contents(known.items())
    jsonschema.Draft202012Validator(known["door.json"], registry=registry).validate(record)


def test_several_inputs_are_lines_in_order_and_the_gravest_code(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """2, 1, 3, 0: wrong input before a verdict, a verdict before none."""
    code, out, _ = answer(capsys, files["log"], files["event"], files["hive"], "--json")
    assert [json.loads(line)["kind"] for line in out.splitlines()] == [
        "evidence",
        "evidence",
        "hive",
    ]
    assert code == 1
    assert answer(capsys, files["log"], files["hive"])[0] == 3
    code, out, err = answer(capsys, files["event"], files["junk"], files["log"])
    assert (code, err.count("\n")) == (2, 1)
    assert "BLOCKED" in out
    assert "INCONCLUSIVE" in out


def test_the_wrong_command_answers_and_says_so(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """`replay` of an event and `who` of a capture; the right one says nothing."""
    for command, name, note in (
        ("replay", "event", "as by `regsim who`"),
        ("who", "capture", "as by `regsim replay`"),
        ("who", "event", ""),
        ("replay", "capture", ""),
    ):
        code, out, err = answer(capsys, command, files[name])
        assert (code, out.startswith("BLOCKED")) == (1, True)
        assert note in err
        assert bool(note) == bool(err)


def test_a_paste_and_options_before_the_file(
    files: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`-` is standard input, for the commands too."""
    for args in (["-"], ["who", "-"], ["--os", "win10", "-"]):
        stdin = io.TextIOWrapper(io.BytesIO(EVENT.encode()))
        monkeypatch.setattr("sys.stdin", stdin)
        code, out, _ = answer(capsys, *args)
        assert (code, out.startswith("BLOCKED: a.exe (44)")) == (1, True)
    assert answer(capsys, "--json", files["event"])[0] == 1


def test_regsim_alone_prints_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """And a word that is neither a command nor a file says which command was meant."""
    code, out, err = answer(capsys)
    assert (code, err) == (0, "")
    assert "Usage: regsim" in out
    code, _, err = answer(capsys, "mattrix")
    assert code == 2
    assert "did you mean 'matrix'" in err
    assert "there is no file mattrix" in err


def test_a_command_wins_over_a_file_of_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`./doctor` is the file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "doctor").write_text(EVENT)

    assert "BLOCKED" not in answer(capsys, "doctor")[1]
    assert "BLOCKED" in answer(capsys, "./doctor")[1]


def test_a_ticket_and_a_page(
    files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Markdown or HTML, to the console or a file, never over the evidence, and redacted."""
    code, out, _ = answer(capsys, files["event"], "--ticket", "--redact")
    assert code == 1
    assert out.startswith("### BLOCKED\n\n`a.exe (44)` had a key open")
    assert "S-1-5-21-7" not in out
    page = tmp_path / "new" / "page.html"
    assert answer(capsys, files["capture"], "--html", "-o", str(page))[0] == 1
    assert "<svg" in page.read_text()
    assert "a.exe (1)" in page.read_text()
    assert answer(capsys, files["event"], "--html", "-o", files["event"])[0] == 2
    assert (tmp_path / "event.evtx").read_text() == EVENT
    assert answer(capsys, files["event"], "--html", "--json")[0] == 2


def test_the_first_line_says_whose_hives(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of two users are two; a user's own and that of the classes are one user's."""
    for other, said in (
        ("S-1-5-21-8", "open in the hives of 2 users at logoff, so that Windows had to take them"),
        ("S-1-5-21-7_Classes", "open in a user's hive at logoff, so that Windows had to take it"),
    ):
        path = tmp_path / "events"
        path.write_text(f"{EVENT}\n{EVENT.replace('S-1-5-21-7', other)}")
        _, out, _ = answer(capsys, str(path))
        assert said in " ".join(out.split())


def test_a_ticket_marks_names_without_what_ends_the_sentence(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The full stop after a key is text."""
    out = answer(capsys, files["event"], "--ticket")[1]
    assert "about `HKU\\S-1-5-21-7`." in out


def test_python_takes_a_text(files: dict[str, str]) -> None:
    """`regsim.who` answers from a path, or from the text itself."""
    assert regsim.who(EVENT).conclusion is regsim.who(files["event"]).conclusion
    assert regsim.who(CAPTURE).blockers == regsim.replay(files["capture"]).blockers

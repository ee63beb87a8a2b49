"""The schemas that are shipped, against what the commands print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry

import regsim
from regsim import cli

SCHEMAS = Path(regsim.__file__).parent / "schemas"
FILES = sorted(path.name for path in SCHEMAS.glob("*.json"))


def schema(name: str, part: str = "") -> dict[str, Any]:
    """Return the schema in *name*, or one *part* of it."""
    found: dict[str, Any] = json.loads((SCHEMAS / name).read_text(encoding="utf-8"))
    return {"$ref": f"#/$defs/{part}", "$defs": found["$defs"]} if part else found


SHIPPED = Registry[Any]().with_contents((name, schema(name)) for name in FILES)
"""The files by name, for one that refers to another."""


def validate(record: object, against: dict[str, Any]) -> None:
    """Raise unless *record* is as the schema says."""
    jsonschema.Draft202012Validator(against, registry=SHIPPED).validate(record)


@pytest.mark.parametrize("name", FILES)
def test_each_schema_is_one(name: str) -> None:
    """Of the draft it names, with a title that names its command."""
    found = schema(name)
    jsonschema.Draft202012Validator.check_schema(found)
    assert found["title"].startswith("regsim ")
    assert found.get("$id", name) == name


def test_a_part_of_demo_is_as_run_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A schema that refers to another file refuses what that file refuses."""
    assert cli.main(["demo", "--json", "-o", str(tmp_path)]) == 0
    record = json.loads(capsys.readouterr().out)
    validate(record, schema("demo.json"))
    for half in ("stock", "fixed"):
        wrong = {**record, half: {**record[half], "outcome": "maybe"}}
        with pytest.raises(jsonschema.ValidationError, match="maybe"):
            validate(wrong, schema("demo.json"))


def test_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    """``regsim doctor --json``."""
    assert cli.main(["doctor", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    validate(record, schema("doctor.json"))
    with pytest.raises(jsonschema.ValidationError):
        validate({**record, "more": 1}, schema("doctor.json"))


def test_hive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each sub-command of ``regsim hive``, in the order of a working day."""
    one, two, reg = (str(tmp_path / name) for name in ("one", "two", "x.reg"))
    day = [
        ("new", 0, ["new", one]),
        ("new", 0, ["new", two, "--version", "1.5"]),
        ("changed", 0, ["set", two, "Software\\App", "name", "text"]),
        ("changed", 0, ["set", two, "Software\\Gone"]),
        ("changed", 0, ["delete", two, "Software\\Gone"]),
        ("info", 0, ["info", two]),
        ("ls", 0, ["ls", two, "Software\\App"]),
        ("cat", 0, ["cat", two, "Software\\App", "name"]),
        ("export", 0, ["export", two]),
        ("export", 0, ["export", two, "-o", reg]),
        ("diff", 1, ["diff", one, two]),
        ("import", 0, ["import", one, reg]),
        ("diff", 0, ["diff", one, two]),
        ("recover", 0, ["recover", one, "--log", two, "-o", str(tmp_path / "out")]),
    ]
    for part, code, args in day:
        assert cli.main(["hive", *args, "--json"]) == code, args
        record = json.loads(capsys.readouterr().out)
        validate(record, schema("hive.json", part))
        validate(record, schema("hive.json"))
    assert cli.main(["hive", "ls", two, "--recursive", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 4
    for line in lines:
        validate(line, schema("hive.json", "ls-line"))


def test_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``regsim replay --json``, of a small capture in Process Monitor's CSV."""
    rows = [
        ("Time of Day", "Process Name", "PID", "Operation", "Path", "Result", "Detail"),
        ("10:00:00.0000001", "a.exe", "9", "RegOpenKey", "HKCU", "SUCCESS", "Desired Access: Read"),
        ("10:00:00.0000002", "a.exe", "9", "RegOpenKey", "HKCU\\A", "SUCCESS", ""),
        ("10:00:00.0000003", "a.exe", "9", "RegCloseKey", "HKCU\\A", "SUCCESS", ""),
        ("10:00:00.0000004", "b.exe", "4", "RegUnloadKey", "HKCU", "ACCESS DENIED", ""),
    ]
    path = tmp_path / "capture"
    path.write_text("".join(",".join(f'"{cell}"' for cell in row) + "\r\n" for row in rows))
    assert cli.main(["replay", str(path), "--json"]) == 1
    record = json.loads(capsys.readouterr().out)
    validate(record, schema("replay.json"))
    with pytest.raises(jsonschema.ValidationError):
        validate({**record, "verdict": "maybe"}, schema("replay.json"))


def test_who(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``regsim who --json``, of an event 1530."""
    text = "1 user registry handles leaked from \\Registry\\User\\S-1-5-21-7:\n"
    text += (
        "Process 9 (\\Device\\HarddiskVolume1\\a.exe) has opened key \\REGISTRY\\USER\\S-1-5-21-7"
    )
    path = tmp_path / "event"
    path.write_text(text)
    assert cli.main(["who", str(path), "--json"]) == 1
    record = json.loads(capsys.readouterr().out)
    validate(record, schema("who.json"))
    with pytest.raises(jsonschema.ValidationError):
        validate({**record, "more": 1}, schema("who.json"))


def test_convert(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``regsim convert --json``, of JSON lines of which one is none."""
    path = tmp_path / "log"
    path.write_text('{"op": "open", "pid": 1, "key": "HKCU"}\n{\n')
    assert cli.main(["convert", str(path), "-o", str(tmp_path / "out"), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    validate(record, schema("convert.json"))
    assert len(record["problems"]) == 1
    with pytest.raises(jsonschema.ValidationError):
        validate({**record, "rows": -1}, schema("convert.json"))


def test_fleet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``regsim fleet --json``, of a listing, a file of nothing and a capture."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("a.exe pid: 16 type: Key 8: HKU\\S-1-5-21-7\n")
    (tmp_path / "in" / "b").write_bytes(b"\0\1")
    out = str(tmp_path / "out")
    assert cli.main(["fleet", str(tmp_path / "in"), "-o", out, "--json"]) == 1
    record = json.loads(capsys.readouterr().out)
    validate(record, schema("fleet.json"))
    assert record["files"] == {"read": 1, "unknown": 1}
    with pytest.raises(jsonschema.ValidationError):
        validate({**record, "files": {"lost": 1}}, schema("fleet.json"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "q241572", "--json"],
        ["run", "q2287297", "--os", "win7", "--json"],
        ["matrix", "--json"],
        ["demo", "--json", "-o", "pictures"],
    ],
)
def test_case(
    arguments: list[str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The case played, once, on each system, and stock beside fixed."""
    monkeypatch.chdir(tmp_path)
    cli.main(arguments)
    validate(json.loads(capsys.readouterr().out), schema(f"{arguments[0]}.json"))

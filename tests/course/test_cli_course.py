"""``regsim course``: the list, the questions, the answers."""

from __future__ import annotations

import io
import json
from pathlib import Path

import jsonschema
import pytest

import regsim
from regsim import cli, course

SCHEMA = json.loads((Path(regsim.__file__).parent / "schemas" / "course.json").read_text("utf-8"))


def out(capsys: pytest.CaptureFixture[str], *args: str, code: int = 0) -> str:
    """Return what ``regsim course`` prints with *args*."""
    assert cli.main(["course", *args]) == code
    return capsys.readouterr().out


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    """Every exercise and every objective."""
    text = out(capsys)
    assert all(f"{name}  " in text for name in course.names())
    assert all(objective in text for objective in course.OBJECTIVES.values())


def test_the_list_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    """As the schema says, with all questions."""
    record = json.loads(out(capsys, "--json"))
    jsonschema.validate(record, SCHEMA)
    assert [e["name"] for e in record["exercises"]] == course.names()


def test_answers_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Judged at once; wrong ones leave the exit code 0, for nothing is blocked."""
    text = out(capsys, "e6", "--answer", "first=anna", "--answer", "second=bert")
    assert "[x] first = anna: right" in text
    assert "[-] second = bert: contradicted" in text
    assert "e6: 1 of 7 right." in text


def test_answers_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    """As the schema says, and nothing is asked."""
    record = json.loads(out(capsys, "e6", "--json", "--answer", "first=anna"))
    jsonschema.validate(record, SCHEMA)
    assert record["right"] == 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**record, "more": 1}, SCHEMA)


def test_questions_are_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that can be none is asked again, an empty line goes on, the end ends."""
    monkeypatch.setattr("sys.stdin", io.StringIO("anna\nnobody\nanna\n\nbert\n"))
    text = out(capsys, "e6")
    assert "they are: anna, bert, system" in text
    assert "[x] second = anna" in text
    assert "[ ] blocked" in text
    assert "[x] own = bert" in text
    assert "[ ] early" in text
    assert "e6: 3 of 7 right." in text


def test_no_input_at_all(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scene is shown, and the command ends well."""
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    text = out(capsys, "e1")
    assert "E1. Count it" in text
    assert "e1: 0 of 10 right." in text


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["e9"], "known: e1, e2"),
        (["--answer", "a=b"], "name of an exercise"),
        (["e1", "--answer", "after-1"], "NAME=VALUE"),
        (["e1", "--answer", "after-1=x"], "whole number"),
        (["e1", "--answer", "nope=1"], "known: after-1"),
        (["e1", "--answer", "after-1=1", "--answer", "after-1=2"], "twice"),
    ],
)
def test_wrong_use(args: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line on stderr, exit code 2."""
    assert cli.main(["course", *args]) == 2
    assert said in capsys.readouterr().err

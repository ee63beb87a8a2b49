"""``regsim course``: the list, the questions, the answers."""

from __future__ import annotations

import io
import json
import shlex
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
    assert "right  first = anna. " in text
    assert "wrong  second = bert. " in text
    assert "e6: 1 of 7 right." in text


def test_answers_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    """As the schema says, and nothing is asked."""
    record = json.loads(out(capsys, "e6", "--json", "--answer", "first=anna"))
    jsonschema.validate(record, SCHEMA)
    assert record["right"] == 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**record, "more": 1}, SCHEMA)


def test_one_question_at_a_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has its choices and is judged before the next; what can be no answer is asked again."""
    monkeypatch.setattr("sys.stdin", io.StringIO("anna\nnobody\nanna\n\nbert\n\n\n\n"))
    text = out(capsys, "e6")
    asked, judged = text.index("(2 of 7)"), text.index("right  first = anna")
    assert judged < asked
    assert "[anna/bert/system] > " in text
    assert "they are: anna, bert, system" in text
    assert "right  second = anna" in text
    assert "right  own = bert" in text
    assert "open   " not in text
    assert text.endswith("e6: 3 of 7 right.\n")


def test_what_was_answered_is_kept(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the input ends, the score and a command are told that asks the rest, and no more."""
    monkeypatch.setattr("sys.stdin", io.StringIO("2\n\n9\n"))
    text = out(capsys, "e1")
    assert "E1. Count it" in text
    assert "e1: 1 of 2 answers right, 8 questions open." in text
    command = shlex.split(text.splitlines()[-1])
    assert command[:4] == ["regsim", "course", "e1", "--resume"]

    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    again = out(capsys, *command[2:])
    assert "(1 of 8) how many handles are open after call 2?" in again
    assert again.splitlines()[-1] == text.splitlines()[-1]


def test_ctrl_c_is_an_end_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It loses nothing, and the exit code is that of any other end."""

    class Interrupted(io.StringIO):
        def readline(self, size: int = -1, /) -> str:
            line = super().readline(size)
            if not line:
                raise KeyboardInterrupt
            return line

    monkeypatch.setattr("sys.stdin", Interrupted("2\n"))
    assert "e1: 1 of 1 answers right, 9 questions open." in out(capsys, "e1")


def test_an_answer_of_two_words_survives_the_shell(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command that goes on can be pasted."""
    monkeypatch.setattr("sys.stdin", io.StringIO("\n" * 8 + "the root\n"))
    assert "--answer 'survivor=the root'" in out(capsys, "e1")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["e9"], "known: e1, e2"),
        (["--answer", "a=b"], "name of an exercise"),
        (["--resume"], "name of an exercise"),
        (["e1", "--resume", "--json"], "give one"),
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

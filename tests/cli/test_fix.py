"""``regsim fix``: its answers, its exit codes, and what it refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
from referencing import Registry

import regsim
from regsim import cli
from regsim.explore.fixes.search import Fixes, FixSearch

SCHEMAS = Path(regsim.__file__).parent / "schemas"
SHIPPED = Registry[object]().with_contents(
    (name, json.loads((SCHEMAS / name).read_text("utf-8"))) for name in ("fix.json", "check.json")
)
SERVICE = """
import regsim

def service(win):
    win.wait("request")
    with win.impersonating("user"):
        key = win.RegOpenCurrentUser(){more}

def no_logon(view):
    return not view.logged_on

model = regsim.model(os="w2k").service(service).user_logs_on_and_off(){claim}
"""


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service that leaks a key."""
    monkeypatch.chdir(tmp_path)
    return _service(tmp_path)


def _service(folder: Path, more: str = "", claim: str = "") -> Path:
    path = folder / "my_service.py"
    path.write_text(SERVICE.format(more=more, claim=claim), "utf-8")
    return path


CLOSED = "\n        win.RegCloseKey(key)"


@pytest.mark.parametrize(
    ("more", "claim", "options", "code", "holds"),
    [
        ("", "", [], 0, True),
        (CLOSED, "", [], 0, True),
        (CLOSED, ".claim(no_logon)", [], 1, False),
        ("", "", ["--max-states", "2"], 3, False),
    ],
)
def test_the_json_is_as_its_schema_says(
    more: str,
    claim: str,
    options: list[str],
    code: int,
    holds: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """0 where some hold, 1 where none of the whole space does, 3 at a limit; the same in JSON."""
    path = _service(tmp_path, more, claim)

    assert cli.main(["fix", str(path), "--json", *options]) == code
    record = json.loads(capsys.readouterr().out)
    schema = json.loads((SCHEMAS / "fix.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema, registry=SHIPPED).validate(record)
    assert any(each["holds"] for each in record["fixes"]) is holds
    assert record["complete"] is (code != 3)
    assert all(each["path"] for each in record["fixes"] if each["violated"])
    assert all(each["proved"] == "bounded" for each in record["fixes"] if each["holds"])


@pytest.mark.parametrize("width", [60, 120])
def test_the_text_fits_and_says_it_all(
    width: int,
    service: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What holds, up to what it is proved, the patch, what does not hold, what was not tried."""
    monkeypatch.setenv("COLUMNS", str(width))
    assert cli.main(["fix", f"./{service.name}"]) == 0
    shown = capsys.readouterr().out
    text = re.sub(r"\s+", " ", shown)

    assert "2 of 3 candidates of one edit hold" in text
    assert "1 thread of service, 1 logon" in text
    assert "As it is: released violated; the shortest path has" in text
    assert "Proved in every order within these bounds, and no further." in text
    assert "+++ b/my_service.py\n" in shown
    assert "+        win.RegCloseKey(key)\n" in shown
    assert "handle-error" in text
    assert "one thread" in text
    assert all(len(line) <= width for line in shown.splitlines() if line[:1] not in "+- @")


def test_one_candidate_in_full(service: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its patch and the path that breaks it; one that there is not lists those that there are."""
    assert cli.main(["fix", str(service), "--edit", "handle-error"]) == 0
    shown = capsys.readouterr().out
    assert "RegOpenCurrentUser() (line 8)" in shown
    assert "+            return\n" in shown

    assert cli.main(["fix", str(service), "--edit", "handle"]) == 2
    assert "known: none, close-key, " in capsys.readouterr().err


def test_a_patch_that_there_is_not_is_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nothing is to be changed the answer is the same, and no file is made."""
    path = _service(tmp_path, CLOSED)

    assert cli.main(["fix", str(path), "-o", str(tmp_path / "x.patch")]) == 0
    said = capsys.readouterr()
    assert "x.patch is not written: the code is not changed" in said.err
    assert "there is nothing to fix" in said.out
    assert not (tmp_path / "x.patch").exists()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["msix-silo"], "msix-silo is no service in plain code"),
        (["q241572", "--os", "win12"], "unknown OS 'win12'"),
        (["q241572", "-p", "workers=3"], "leave out -p"),
        (["no-such"], "unknown model 'no-such'"),
        (["q241572", "--mutate", "-o", "x.patch"], "--mutate has no patch to write"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_line(
    arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What, and what to do instead; exit code 2."""
    assert cli.main(["fix", *arguments]) == 2
    said = capsys.readouterr()

    assert why in said.err
    assert said.out == ""
    assert said.err.count("\n") == 1


def test_a_service_that_touches_no_hive_is_not_called_right(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It keeps every claim, and that says little; of one that opens a key it says more."""
    path = _service(tmp_path, CLOSED)
    assert cli.main(["fix", str(path)]) == 0
    assert "there is nothing to fix" in capsys.readouterr().out

    path.write_text(IDLE, "utf-8")
    assert cli.main(["fix", str(path)]) == 0
    said = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "every claim holds as it is, but it never opens a key of the user's hive" in said
    assert "nothing to fix" not in said


IDLE = """import regsim

def service(win):
    while win.wait("request"):
        win.work("sum")

model = regsim.model(os="w2k").service(service).user_logs_on_and_off()
"""


def test_a_patch_that_is_half_of_a_fix_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the service is to be stopped besides, that stands wherever the patch does."""
    path = _service(tmp_path)
    path.write_text(path.read_text("utf-8").replace("RegOpenCurrentUser()", OF_THE_ROOT), "utf-8")
    monkeypatch.setattr(FixSearch, "run", _two_halves)
    half = "close-key + stop-service"
    alone = 'service must also be stopped before logoff (`.stopped_before_logoff("service")`)'

    assert cli.main(["fix", str(path)]) == 0
    shown = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert f"The patch of {half}, for `git apply`: This patch alone is not" in shown
    assert alone in shown

    assert cli.main(["fix", str(path), "--edit", half]) == 0
    assert alone in re.sub(r"\s+", " ", capsys.readouterr().out)

    assert cli.main(["fix", str(path), "--json", "--edit", half]) == 0
    record = json.loads(capsys.readouterr().out)
    assert [each["stopped"] for each in record["fixes"]] == [[], ["service"]]

    assert cli.main(["fix", str(path), "-o", str(tmp_path / "x.patch")]) == 0
    assert alone in re.sub(r"\s+", " ", capsys.readouterr().err)


OF_THE_ROOT = 'RegOpenKeyEx(win.HKEY_CURRENT_USER, "Software")'


def _two_halves(search: FixSearch) -> Fixes:
    """Return what `FixSearch.run` would if closing a key and stopping were all there is."""
    (closed,) = [each for each in search.larger(search.begun) if each.name == "close-key"]
    (both,) = [each for each in search.larger(closed) if each.stopped]
    found = [search.candidate(each) for each in (search.begun, both)]
    assert [each and each.holds for each in found] == [False, True]
    return Fixes(
        model="service",
        os=search.os,
        candidates=tuple(each for each in found if each),
        skipped=(),
        complete=True,
        size=2,
    )


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_fix_is_broken_in_every_single_way(
    options: list[str], service: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each mutant is listed with what notices it; 0 where all are noticed or explained."""
    assert cli.main(["fix", str(service), "--mutate", *options]) == 0
    shown = capsys.readouterr().out
    if options:
        record = json.loads(shown)
        schema = json.loads((SCHEMAS / "fix.json").read_text("utf-8"))
        jsonschema.Draft202012Validator(schema, registry=SHIPPED).validate(record)
        assert {each["verdict"] for each in record["mutants"]} >= {"killed", "refused"}
        assert record["fix"] == "close-key"
    else:
        assert "close-key, on w2k" in shown
        assert "drops `win.RegCloseKey(key)`" in shown
        assert "released (" in shown

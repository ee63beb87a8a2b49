"""The case on the command line: exit codes, JSON, files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from regsim.cli import main


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["run", "q241572"], 1),
        (["run", "q241572", "--fix", "hotfix"], 0),
        (["run", "q241572", "--os", "xp"], 0),
        (["run", "q241572", "--os", "win10"], 1),
        (["run", "q241572", "--os", "win95"], 2),
        (["run", "q241572", "--os", "win12"], 2),
        (["run", "q241572", "--os", "xp", "--fix", "hotfix"], 2),
        (["run", "q0"], 2),
        (["run", "q241572", "--server", "x"], 2),
        (["run", "q241572", "--hold", "3"], 2),
        (["run", "q272239", "--os", "w2k", "--hold", "3"], 0),
        (["run", "q2287297", "--os", "win7", "--idle", "10"], 0),
        (["run", "Q241572", "--os", "Windows XP", "--fix", "Stop Service"], 0),
        (["run", "q272239", "--hold", "soon"], 2),
        (["run", "q272239", "--hold", "-1"], 2),
        (["run", "q272239", "--hotfix-strategy", "refcounted"], 2),
        (["run", "reg-load", "--server", "x", "--profile", "y"], 2),
        (["run", "two-users"], 2),
        (["matrix"], 0),
        (["matrix", "KB272239"], 0),
        (["matrix", "uphclean-race"], 2),
        (["lab", "shared-host"], 2),
        (["check", "q272239"], 2),
    ],
)
def test_exit_code_says_how_it_ended(
    arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 for saved or late, 1 for lost or broken, 2 with one line for what makes no sense."""
    assert main(arguments) == code
    if code == 2:
        error = capsys.readouterr().err
        assert error.startswith("regsim: error: ")
        assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "q241572", "--hold", "3"], "--hold belongs to q272239"),
        (["run", "reg-load", "--server", "x"], "--server belongs to q241572, q272239, "),
        (["run", "q272239", "--hold", "-1"], "hold must be 0 to 86400, not -1"),
        (["run", "q241573"], "unknown scenario 'q241573' (did you mean 'q241572'?); known: "),
        (["run", "q241572", "--os", "Windows 12"], "unknown OS 'Windows 12' (did you mean 'win1"),
        (["run", "q241572", "--fix", "stop"], "unknown fix 'stop'"),
        (["run", "two-users"], "two-users is not played once: whose keys are read depends"),
        (["check", "q325086"], "q325086 is not explored as a model: its holder never lets go"),
        (["check", "two-user"], "unknown model 'two-user' (did you mean 'two-users'?)"),
    ],
)
def test_what_is_refused_says_why_and_what_was_meant(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The one line has the reason, or the name that was probably meant."""
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


def test_help_names_each_incidents_options(capsys: pytest.CaptureFixture[str]) -> None:
    """Beside an option stands whose it is."""
    main(["run", "--help"])
    text = " ".join(capsys.readouterr().out.split())

    assert "--hold TEXT q272239: seconds the root is held." in text
    assert "--idle TEXT q2287297: seconds after its last call" in text


def test_run_prints_the_fields_that_others_rely_on(capsys: pytest.CaptureFixture[str]) -> None:
    """The JSON of a run names the outcome, both status codes and each blocker."""
    main(["run", "q241572", "--json"])
    found = json.loads(capsys.readouterr().out)

    assert (found["schema_version"], found["outcome"], found["unloaded"]) == (1, "lost", False)
    assert found["status"] == {"nt": 0xC0000121, "win32": 5}
    assert found["blockers"][0]["implicit"] is True
    assert set(found["blockers"][0]) >= {"process", "service", "pid", "handle", "key", "opened_by"}


def test_matrix_prints_each_cell(capsys: pytest.CaptureFixture[str]) -> None:
    """The JSON of the matrix has a cell for each system and fix."""
    main(["matrix", "--json"])
    found = json.loads(capsys.readouterr().out)
    by_name = {(cell["os"], cell["fix"]): cell["outcome"] for cell in found["cells"]}

    assert len(by_name) == 24 * 10
    assert by_name["nt4-sp6a", "none"] == "lost"


def test_demo_writes_its_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The demo shows both runs and leaves five pictures in the folder it names."""
    assert main(["demo", "-o", str(tmp_path / "out")]) == 0
    text = capsys.readouterr().out

    assert "LOST" in text
    assert "SAVED" in text
    assert len(list((tmp_path / "out").glob("*.svg"))) == 5


def test_demo_speaks_on_an_old_console(tmp_path: Path) -> None:
    """A cp1252 console gets the whole demo."""
    done = subprocess.run(
        [sys.executable, "-m", "regsim", "demo", "-o", str(tmp_path)],
        env={"PYTHONIOENCODING": "cp1252", "PATH": "", "SYSTEMROOT": "C:\\Windows"},
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert b"nobody asked for" in done.stdout

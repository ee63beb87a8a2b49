"""The action for workflows on GitHub: never green for nothing, and every input is one it reads."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from regsim.lint.grammars import LANGUAGES

ROOT = Path(__file__).parents[2]
STEP = ROOT / ".ci" / "action.py"
pytestmark = pytest.mark.skipif(not STEP.is_file(), reason="no action is part of this")


@pytest.fixture
def step(tmp_path: Path) -> object:
    """Run the step in a folder with the examples' files; return its exit code and output."""
    for name in ("event-1530.txt", "handles.txt", "NTUSER.DAT"):
        shutil.copy(ROOT / "docs" / "examples" / name, tmp_path)
    reg_unload = "C:\\>reg unload HKU\\TempHive\nERROR: Access is denied.\n"
    (tmp_path / "log.txt").write_text(reg_unload, encoding="utf-8")
    lost = (ROOT / "docs" / "examples" / "logoff.csv").read_text(encoding="utf-8").splitlines()
    opened = next(row for row in lost if "tapisrv.exe" in row)  # its root, never closed
    closed = opened.replace("RegOpenKey", "RegCloseKey").replace("00.0000005", "01.0000009")
    unloaded = lost[-1].replace("CANNOT DELETE", "SUCCESS")
    saved = "\r\n".join([*lost[:-1], closed, unloaded, ""])
    (tmp_path / "saved.csv").write_text(saved, encoding="utf-8")

    def run(evidence: str, **inputs: str) -> tuple[int, str]:
        env = {name: text for name, text in os.environ.items() if not name.startswith("GITHUB_")}
        env |= {f"INPUT_{name}": text for name, text in inputs.items()}
        env |= {"INPUT_EVIDENCE": evidence, "GITHUB_OUTPUT": "out", "GITHUB_STEP_SUMMARY": "sum"}
        done = subprocess.run(
            [sys.executable, str(STEP)],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.stderr == ""
        return done.returncode, done.stdout

    return run


def test_what_blocks_fails_the_step(step, tmp_path: Path) -> None:
    """With an annotation a file, a summary of all, and the gravest verdict as the output."""
    code, said = step("event-*.txt\nhandles.txt\nevent-1530.txt\n")

    assert code == 1
    assert re.findall(r"^::(\w+) file=([\w.-]+)::BLOCKED: ", said, re.MULTILINE) == [
        ("error", "event-1530.txt"),
        ("error", "handles.txt"),
    ]
    assert (tmp_path / "out").read_text(encoding="utf-8") == "verdict=blocked\n"
    summary = (tmp_path / "sum").read_text(encoding="utf-8")
    assert summary.startswith("## event-1530.txt\n\n### BLOCKED\n")
    assert summary.count("### BLOCKED") == 2


@pytest.mark.parametrize(
    ("meaning", "code", "level"), [("fail", 1, "error"), ("pass", 0, "warning")]
)
def test_what_does_not_tell_fails_unless_told_otherwise(
    step, tmp_path: Path, meaning: str, code: int, level: str
) -> None:
    """And even then the output says that it does not tell, and a warning stands."""
    done, said = step("log.txt", INCONCLUSIVE=meaning)

    assert done == code, said
    assert f"::{level} file=log.txt::INCONCLUSIVE: " in said
    assert (tmp_path / "out").read_text(encoding="utf-8") == "verdict=inconclusive\n"


@pytest.mark.parametrize(
    ("evidence", "inputs", "words"),
    [
        ("none*.txt", {}, "no file matches none*.txt"),
        ("\n", {}, "no evidence is named"),
        ("NTUSER.DAT", {}, "NTUSER.DAT"),
        ("handles.txt", {"OS": "win12"}, "win12"),
        ("handles.txt", {"INCONCLUSIVE": "maybe"}, "fail or pass, not maybe"),
    ],
)
def test_what_is_no_evidence_is_an_error(step, tmp_path: Path, evidence, inputs, words) -> None:
    """A pattern without a file, a hive, a system or a word that is not known: no verdict."""
    code, said = step(evidence, **inputs)

    assert code == 2
    assert said.startswith("::error::regsim: ")
    assert words in said
    assert not (tmp_path / "out").exists()


def test_every_input_is_handed_on() -> None:
    """The inputs that `action.yml` declares are those that the step reads, and no other."""
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    declared = text.partition("\ninputs:\n")[2].partition("\noutputs:\n")[0]
    names = re.findall(r"^  (\w+):$", declared, re.MULTILINE)
    handed = re.findall(r"INPUT_(\w+): \$\{\{ inputs\.(\w+) \}\}", text)
    read = set(re.findall(r'"INPUT_(\w+)"', STEP.read_text(encoding="utf-8")))

    assert [name for _, name in handed] == names
    assert {name for name, _ in handed} == {name.upper() for name in names} == read


def test_the_hook_gets_every_file_that_is_linted() -> None:
    """pre-commit hands over what ends as a file in a known language does, and nothing else."""
    hooks = (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    pattern = re.search(r"- id: regsim-lint\n(?:  .*\n)*?  files: (.*)\n", hooks)
    assert pattern is not None
    taken = re.compile(pattern[1])

    assert [end for end in LANGUAGES if not taken.search(f"src/a{end}")] == []
    assert [end for end in (".txt", ".pyc", ".cmake", ".ps1xml") if taken.search(f"a{end}")] == []

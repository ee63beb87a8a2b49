"""The table of jobs in `.ci/run`: each is a function, and comes after what it needs."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUN = ROOT / ".ci" / "run"
pytestmark = pytest.mark.skipif(
    not RUN.is_file() or shutil.which("bash") is None, reason="no jobs can be run here"
)


def run(*args: str) -> subprocess.CompletedProcess[str]:
    """Return how ``.ci/run`` went with *args*."""
    return subprocess.run(
        ["bash", str(RUN), *args], capture_output=True, encoding="utf-8", check=False
    )


def table() -> list[list[str]]:
    """Return the rows of the table: name, lane, needs, and what it is."""
    text = RUN.read_text(encoding="utf-8").partition("<<'END'\n")[2].partition("\nEND\n")[0]
    return [line.split(maxsplit=3) for line in text.splitlines()]


def test_each_job_comes_after_what_it_needs() -> None:
    """And in a lane that has begun by then: the first one, or its own."""
    lanes: dict[str, str] = {}
    for name, lane, needs, _ in table():
        assert lane in ("first", "built", "checkout"), name
        for need in needs.split(",") if needs != "-" else []:
            assert lanes[need] in ("first", lane), name
        assert name not in lanes
        lanes[name] = lane


def test_each_job_is_a_function() -> None:
    """Of the same name, with a line that says what it is."""
    functions = set(re.findall(r"^(\w+)\(\) \{$", RUN.read_text(encoding="utf-8"), re.MULTILINE))
    listed = dict(line.split(maxsplit=1) for line in run("--list").stdout.splitlines())

    assert listed == {name: what for name, _, _, what in table()}
    assert listed.keys() <= functions


def test_a_job_that_is_not_there_is_refused() -> None:
    """Before anything runs, with the names that there are."""
    done = run("lint", "nosuch")

    assert (done.returncode, done.stdout) == (2, "")
    assert "'nosuch'" in done.stderr
    assert all(name in done.stderr for name, *_ in table())


def test_the_workflows_name_jobs_that_there_are() -> None:
    """And those that they leave out are the ones that need Debian's packages, or the whole run."""
    text = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    asked = text.partition("          .ci/run ")[2].split()
    names = [name for name, *_ in table()]

    assert set(asked) <= set(names)
    assert set(names) - set(asked) == {
        *("judges", "compiler", "readme_tests", "nothing_skipped"),
        *("explorer", "instructions", "pictures", "real_win32"),
    }

"""The pages that are made from the code say all that the code says."""

from __future__ import annotations

import importlib.util
import pkgutil
import re
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from types import ModuleType
from urllib.parse import parse_qs, urlsplit

import pytest

import regsim
from regsim import cli, course, dialects, models
from regsim.cases import fixes
from regsim.dialects.facts import POLICIES
from regsim.lint.explaining import explained
from regsim.lint.rules import RULES

SOURCE = Path(__file__).parents[2] / "docs" / "_ext" / "generated.py"
pytestmark = pytest.mark.skipif(not SOURCE.is_file(), reason="no pages here")


@pytest.fixture(scope="module")
def generated() -> Iterator[ModuleType]:
    """The program that makes the pages, beside which its own modules are found."""
    sys.path.insert(0, str(SOURCE.parent))
    spec = importlib.util.spec_from_file_location("generated", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(SOURCE.parent))


def systems(line: str) -> list[str]:
    """Return the systems that a row of the evidence names; none for another line."""
    cells = line.split(" | ")
    return cells[-1].removesuffix(" |").split(", ") if line.startswith("| ") else []


def test_every_fact_has_a_row(generated: ModuleType) -> None:
    """Each system stands exactly once below each policy, with its value, grade and source."""
    page = generated.evidence()
    for policy in POLICIES:
        section = page.split(f"\n## {policy}\n")[1].split("\n## ")[0]
        for name, dialect in dialects.ALL.items():
            rows = [line for line in section.splitlines() if name in systems(line)]
            assert len(rows) == 1, (policy, name)
            proof = dialect.evidence[policy]
            assert f"| {proof.grade.value} |" in rows[0]
            assert generated.cell(proof.source) in rows[0]
            assert generated.cell(generated.said(getattr(dialect, policy))) in rows[0]


def test_the_counts_add_up(generated: ModuleType) -> None:
    """As many facts as systems times policies."""
    page = generated.evidence()
    total = len(dialects.ALL) * len(POLICIES)
    assert f"{total} facts" in page
    grades = [line for line in page.splitlines() if line.startswith(("| docu", "| obse", "| infe"))]
    assert sum(int(line.split("|")[3]) for line in grades[:3]) == total


def test_every_policy_is_explained(generated: ModuleType) -> None:
    """In a sentence, and no policy that there is none of."""
    assert set(generated.MEANINGS) == set(POLICIES)


def test_what_is_contested_is_listed(generated: ModuleType) -> None:
    """With the default taken."""
    page = generated.evidence()
    for text in dialects.CONTESTED.values():
        assert generated.cell(text) in page


def test_every_command_is_there(generated: ModuleType) -> None:
    """As its ``--help`` says, sub-commands too."""
    page = generated.commands()
    for name in cli._COMMANDS:
        assert f"## regsim {name}\n" in page
    assert "## regsim hive recover\n" in page
    assert "Exit code 0 when it is saved" in page


def test_every_fix_is_there(generated: ModuleType) -> None:
    """The page of fixes has a row for each fix."""
    page = generated.remedies()
    for fix in fixes.FIXES.values():
        assert f"| `{fix.name}` |" in page


@pytest.mark.parametrize("name", ["q272239", "reg-load", "msix-silo"])
def test_each_outcome_leads_to_its_run(generated: ModuleType, name: str) -> None:
    """Each cell says what a run says, and leads to that run in the lab of the incident."""
    body = generated.labs.table(name, 1).split("<tbody>")[1]
    cells = re.findall(r'<td class="(\w+)"[^>]*>(?:<a href="([^"]+)">)?([\w/-]+)', body)
    outcomes = models.incident(name).outcomes()
    stories = generated.labs.lab_of(name).stories
    for kind, where, word in cells:
        if kind == "none":
            assert (where, word) == ("", "n/a")
            continue
        page = urlsplit(unescape(where))
        asked = {axis: values[0] for axis, values in parse_qs(page.fragment).items()}
        assert page.path == f"../labs/{name}.html"
        assert outcomes[asked["os"]][asked["fix"]].value == word
        assert not isinstance(stories[asked["os"], asked["fix"]], str)
    assert {word for _, _, word in cells} >= {"lost", "saved" if name != "msix-silo" else "late"}


def test_every_system_has_a_column(generated: ModuleType) -> None:
    """A system stands in one column, with those that end alike; or nothing is played on it.

    Not asked of the case, whose runs take seconds; it has the same table.
    """
    for name in set(generated.labs.shown()) - {models.CASE}:
        known, lab = models.incident(name).fixes, generated.labs.lab_of(name)
        columns = generated.labs._columns(lab, known)
        there = [os for systems in columns for os in systems]
        assert len(there) == len(set(there))
        for os in set(dialects.names()) - set(there):
            assert all(isinstance(lab.stories[os, fix], str) for fix in known)
        for systems in columns:
            ends = {
                tuple(generated.labs._word(lab.stories[os, f]) for f in known) for os in systems
            }
            assert len(ends) == 1


def test_every_incident_has_a_table(generated: ModuleType) -> None:
    """Each that can be played has one, with its lab, or is named as left out."""
    page = generated.labs.matrix()
    for name in models.names():
        told = f"```{{matrix}} {name}\n" in page
        assert told != (name in generated.labs.TOO_LONG)
        assert f"`{name}`" in page


def test_every_change_is_told(generated: ModuleType) -> None:
    """What the next release will tell comes first, an item a change, and then what is told."""
    page = generated.changelog()
    newest, told = page.split("\n## [", 1)
    changes = list(SOURCE.parents[1].glob("changes/+*.md"))
    for path in changes:
        text = path.read_text(encoding="utf-8").removeprefix("- ").split("\n")[0]
        assert f"- {text}" in newest
    assert bool(changes) == ("\n### " in newest)
    assert told in (SOURCE.parents[2] / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_rule_is_there(generated: ModuleType) -> None:
    """The page of rules says of each what `--explain` says."""
    page = generated.rules()
    for rule in RULES.values():
        section = page.split(f"\n## {rule.id}\n")[1].split("\n## ")[0]
        texts = [rule.title[1:], *explained(rule)]
        assert [generated.cell(text) in section for text in texts] == [True] * len(texts)


def test_every_package_is_there(generated: ModuleType) -> None:
    """Each package that a user may import has a page; the rest is named here, with its reason."""
    paged = {name.removeprefix("regsim.") for name, _ in generated.PACKAGES}
    single = set(generated.SINGLE)
    # The backend, the commands, data; what is asked of the machine.
    private = {"accel", "cli", "cores", "display", "fleet", "schemas"}
    found = {i.name for i in pkgutil.iter_modules(regsim.__path__) if not i.name.startswith("_")}
    assert found - paged - single - private == set()


def test_nothing_is_written_twice(generated: ModuleType, tmp_path: Path) -> None:
    """A page that is as it should be keeps its time, so that a second build is quick."""
    generated.write(tmp_path / "out")
    before = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "out").iterdir()}
    (tmp_path / "out" / "old.md").write_text("gone")
    generated.write(tmp_path / "out")
    assert {p.name: p.stat().st_mtime_ns for p in (tmp_path / "out").iterdir()} == before


def test_the_exercises_are_asked_as_the_course_asks_them(generated: ModuleType) -> None:
    """Every scene, question and objective is on the page, what explains them folded away."""
    page = generated.exercises()
    for name in course.names():
        exercise = course.exercise(name)
        assert exercise.scene().rstrip() in page
        for question in exercise.questions:
            assert f"| `{question.name}` | {generated.cell(question.text)} |" in page
    assert all(generated.cell(objective) in page for objective in course.OBJECTIVES.values())
    shown = re.sub(r"<details>.*?</details>", "", page, flags=re.DOTALL)
    for name in course.names():
        assert generated.cell(course.exercise(name).explanation) in page
        assert generated.cell(course.exercise(name).explanation) not in shown

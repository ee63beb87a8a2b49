"""What regsim promises: each promise names tests, and they are there."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "promises.md"
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")

pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="no pages here")


def missing(text: str) -> list[str]:
    """Return the tests that *text* names and that are not there."""
    lost = []
    for file, name in TEST.findall(text):
        path = ROOT / file
        tree = ast.parse(path.read_text(encoding="utf-8")) if path.is_file() else ast.parse("")
        if not any(isinstance(each, ast.FunctionDef) and each.name == name for each in tree.body):
            lost.append(f"{file}::{name}")
    return lost


def test_each_test_that_is_named_is_there() -> None:
    """On any page; a test that is not is found."""
    for page in ROOT.glob("docs/**/*.md"):
        assert missing(page.read_text(encoding="utf-8")) == [], page
    assert missing("`tests/docs/test_promises.py::test_no` `tests/no.py::test_x`") != []


def test_each_promise_names_a_test() -> None:
    """Each item of a list, and the paragraph on threads."""
    text = PAGE.read_text(encoding="utf-8")
    items = re.findall(r"^- .*?(?=^- |^#|\Z)", text, re.MULTILINE | re.DOTALL)

    assert len(items) > 10
    assert [item for item in items if not TEST.search(item)] == []


def test_each_decision_says_what_it_cost() -> None:
    """What was decided, why, instead of what, and at which price; most are held by a test."""
    records = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    index = (ROOT / "docs" / "decisions" / "index.md").read_text(encoding="utf-8")

    assert len(records) >= 10
    for number, record in enumerate(records, 1):
        text = record.read_text(encoding="utf-8")
        title, *_ = text.splitlines()
        assert title.startswith(f"# {number}. ")
        assert f"{number}. [{title.partition('. ')[2]}]({record.name})" in index
        for part in ("Decided", "Because", "Instead of", "The price"):
            assert f"\n**{part}" in text, record.name
        assert number == 1 or TEST.search(text), record.name


def test_every_extra_is_told() -> None:
    """The page on installing names each, and no other."""
    text = (ROOT / "docs" / "how-to" / "install.md").read_text(encoding="utf-8")
    table = text.split("| extra | brings |\n")[1].split("\n\n")[0]
    told = {
        name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert told - {"---"} == set(project["optional-dependencies"])


def test_what_can_be_set_is_told() -> None:
    """Every variable of the environment that the sources read is on a page."""
    read = set()
    for path in (ROOT / "regsim").rglob("*.py"):
        read |= set(re.findall(r'"(REGSIM_[A-Z_]+)"', path.read_text(encoding="utf-8")))
    pages = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("docs/**/*.md"))

    assert read
    assert {name for name in read if name not in pages} == set()

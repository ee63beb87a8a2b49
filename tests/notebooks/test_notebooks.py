"""The course's notebooks: they run, the pairs are in sync, and nothing of a run is kept in them."""

from __future__ import annotations

import contextlib
import io
import json
import re
import runpy
import shutil
from pathlib import Path

import pytest

from regsim import course

FOLDER = Path(__file__).parents[2] / "notebooks"
SCRIPTS = sorted(FOLDER.glob("[0-9]*.py"))

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="no notebooks here: not a checkout")


def cells_of_script(path: Path) -> list[tuple[str, str]]:
    """Return the cells of a percent script: kind and text."""
    cells = []
    for part in re.split(r"^# %%", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        head, _, body = part.partition("\n")
        body = body.strip("\n")
        if "[markdown]" in head:
            lines = [line.removeprefix("#").removeprefix(" ") for line in body.splitlines()]
            cells.append(("markdown", "\n".join(lines)))
        else:
            cells.append(("code", body))
    return cells


def cells_of_notebook(path: Path) -> list[dict]:
    """Return the cells of an ``.ipynb``."""
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def test_the_course_is_complete() -> None:
    """Eight notebooks in order, each a pair."""
    assert [path.name[:2] for path in SCRIPTS] == [f"0{n}" for n in range(1, 9)]
    assert [p.with_suffix("") for p in sorted(FOLDER.glob("*.ipynb"))] == [
        p.with_suffix("") for p in SCRIPTS
    ]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_the_script_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy, far from the checkout and its files, from top to bottom and without Jupyter."""
    monkeypatch.chdir(tmp_path)
    with contextlib.redirect_stdout(io.StringIO()):
        runpy.run_path(str(shutil.copy(path, tmp_path)))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_the_pair_is_in_sync(path: Path) -> None:
    """Same cells, same text; `python notebooks/pair.py` makes it so."""
    cells = cells_of_notebook(path.with_suffix(".ipynb"))
    assert [(c["cell_type"], "".join(c["source"])) for c in cells] == cells_of_script(path)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_nothing_of_a_run_is_kept(path: Path) -> None:
    """No outputs, no counts."""
    for cell in cells_of_notebook(path.with_suffix(".ipynb")):
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_it_asks_before_it_shows(path: Path) -> None:
    """A question stands in the text above the first cell that shows something."""
    kinds = cells_of_script(path)
    texts = [text for kind, text in kinds[:6] if kind == "markdown"]
    assert any("?" in text for text in texts)


def test_every_exercise_is_asked_once() -> None:
    """Each has its place in one notebook, which asks by its data and repeats none of its words."""
    text = "".join(path.read_text(encoding="utf-8") for path in SCRIPTS)
    prose = " ".join(text.replace("\n# ", " ").split())
    for name in course.names():
        exercise = course.exercise(name)
        assert text.count(f'course.exercise("{name}").stepper()') == 1
        assert exercise.explanation not in prose
        assert not [q.name for q in exercise.questions if q.text in prose]
    assert "from regsim import course" in text

"""The experiments: what each folder holds agrees with its result, and a change is seen."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2] / "experiments"
sys.path.insert(0, str(HERE))

import experiment  # noqa: E402 - it stands beside the experiments
import run_all  # noqa: E402

FOLDERS = experiment.folders()
QUICK = ["001-which-fixes-hold", "004-how-many-retries"]


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def folder(request: pytest.FixtureRequest) -> Path:
    """Each experiment's folder."""
    return request.param


def test_there_is_one_for_each_question() -> None:
    """Six questions, numbered without a gap."""
    assert [folder.name[:3] for folder in FOLDERS] == [f"{n:03}" for n in range(1, 7)]


def test_the_page_says_what_the_result_says(folder: Path) -> None:
    """The finding is made from the numbers that are kept."""
    found = experiment.load(folder)
    result = experiment.stored(folder)

    assert result is not None
    assert (folder / "README.md").read_text() == experiment.page(folder, found, result)


def test_the_figure_is_drawn_alike_each_time(folder: Path) -> None:
    """Twice the same bytes, which are those that are kept for this version of matplotlib."""
    pytest.importorskip("matplotlib")
    found = experiment.load(folder)
    result = experiment.stored(folder)

    assert experiment.svg(found.draw(result)) == experiment.svg(found.draw(result))
    assert (folder / "figure.svg").read_text().startswith("<?xml")


def test_the_index_names_them_all() -> None:
    """A question and the first sentence of its finding each."""
    index = run_all.index()

    assert (HERE / "README.md").read_text() == index
    assert all(f"({folder.name}/README.md)" in index for folder in FOLDERS)


@pytest.mark.parametrize("name", QUICK)
def test_a_quick_one_finds_the_same_again(name: str) -> None:
    """Nothing in it is left to chance."""
    found = experiment.load(HERE / name)
    again = json.loads(json.dumps(found.measure()))

    assert list(experiment.changes(experiment.stored(HERE / name), again)) == []


def test_a_change_is_told_by_its_place_and_what_was_timed_is_not() -> None:
    """Added, changed and removed numbers each have a line."""
    old = {"a": {"b": [1, 2]}, "gone": 1, "timed": {"s": 1}}
    new = {"a": {"b": [1, 3]}, "new": 2, "timed": {"s": 2}}

    assert list(experiment.changes(old, new)) == [
        "a.b[1]: 2 -> 3",
        "gone: 1 -> None",
        "new: None -> 2",
    ]


@pytest.mark.parametrize(
    ("successes", "low", "high"), [(0, 0.0, 0.037), (50, 0.404, 0.596), (100, 0.963, 1.0)]
)
def test_the_interval_is_wilsons(successes: int, low: float, high: float) -> None:
    """Values of a published table, of 100 trials."""
    assert experiment.interval(successes, 100) == pytest.approx((low, high), abs=5e-4)


def test_running_writes_everything_and_says_what_changed(tmp_path, monkeypatch) -> None:
    """The second run finds nothing different."""
    pytest.importorskip("matplotlib")
    source = HERE / "001-which-fixes-hold" / "run.py"
    folder = tmp_path / "001-which-fixes-hold"
    folder.mkdir()
    (folder / "run.py").write_text(source.read_text())
    spec = importlib.util.find_spec("figures")
    assert spec is not None
    monkeypatch.setattr(experiment, "HERE", tmp_path)

    assert experiment.run(folder) == ["run for the first time"]
    assert sorted(path.name for path in folder.iterdir() if path.is_file()) == [
        "README.md",
        "figure.svg",
        "result.json",
        "run.py",
    ]
    assert experiment.run(folder) == []

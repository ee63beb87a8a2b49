"""What was measured is shown as it was: what is missed, what could not be measured, and on what."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
pytestmark = pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="no benchmarks here")


@pytest.fixture(scope="module")
def showing() -> Iterator[ModuleType]:
    """The program that makes the tables and pictures."""
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module("showing")
    sys.path.remove(str(BENCHMARKS))


def a_row(showing: ModuleType, ours: float, *goals: tuple[str, float], cpu: float = 1.0) -> object:
    """Return a row in which polars takes 2 to 4 s, and one way of it 3 to 5."""
    clock = {"regsim": [ours], "polars, a": [2.0, 4.0, 3.0], "polars, b": [3.0, 4.0, 5.0]}
    return showing.Row(
        "csv7", "CSV", clock, {"regsim": [cpu], "polars, a": [1.0]},
        tuple(showing.Goal(*goal) for goal in goals), machine="here", versions=(), load=1.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ours", "goal", "words"),
    [
        (2.0, ("polars", 1.5), "| polars, a | 3.00 s [2.00 .. 4.00] | 1.50 | at least 1.5 times |"),
        (2.01, ("polars", 1.5), "| 1.49 | at least 1.5 times | **missed** |"),
        (3.6, ("polars", 1 / 1.2), "| 0.83 | at most 1.20 of its time | met |"),
        (3.7, ("polars", 1 / 1.2), "| at most 1.20 of its time | **missed** |"),
        (3.0, ("", 3.0), "| - | - | - | at most 3 s | met |"),
        (3.1, ("", 3.0), "| at most 3 s | **missed** |"),
        (1.0, ("duckdb", 3.0), "| duckdb | not measured | - | at least 3 times | - |"),
    ],
)
def test_a_goal_is_met_or_missed(showing, ours: float, goal: tuple[str, float], words: str) -> None:
    """By the median, against the fastest way of a peer; one that is not there decides nothing."""
    text = showing.table.markdown([a_row(showing, ours, goal)])

    assert words in text


def test_processor_time_is_a_goal_of_its_own(showing: ModuleType) -> None:
    """What is faster by the clock may take more of the processors, and is told to."""
    text = showing.table.markdown([a_row(showing, 1.0, ("polars", 1.0, True), cpu=1.1)])

    assert "| 1.10 core s [1.10 .. 1.10] | polars, a | 1.00 core s" in text
    assert "| 0.91 | at least 1 times | **missed** |" in text


def test_the_picture_tells_what_is_missed_in_words(showing: ModuleType) -> None:
    """Beside the mark, not by its colour alone; what was not measured is not drawn."""
    rows = [a_row(showing, 2.0, ("polars", 1.5), ("polars", 9.0), ("duckdb", 1.0))]
    picture = showing.ratios_svg(rows)

    assert "1 of 2 goals are met" in picture
    assert picture.count(" missed</text>") == 1
    assert "duckdb" not in picture


@pytest.mark.parametrize(("power", "found"), [(1, "1.00"), (2, "2.00")])
def test_a_straight_line_is_told_by_its_slope(showing, power: int, found: str) -> None:
    """1 where twice as much takes twice as long, 2 where it takes four times as long."""
    points = [{"size": n, "seconds": [n**power * 1e-6]} for n in (100, 1_000, 50_000)]
    line = {"what": "rows", "points": points, "skipped": ["all need more disk"]}
    text = showing.growth.markdown([line])

    assert f"| {found} | {found} |" in text
    assert "Left out: rows: all need more disk." in text


def test_the_tables_are_those_of_what_was_measured(showing: ModuleType) -> None:
    """README.md says what results.json keeps; `python benchmarks/showing.py` writes it."""
    text = (BENCHMARKS / "README.md").read_text(encoding="utf-8")

    assert showing.with_tables(text) == text
    assert text.count("\n| ") > 25


def test_what_is_kept_anew_takes_the_place_of_the_old(showing: ModuleType, tmp_path: Path) -> None:
    """Line by line and in the order of the table, so that each may be measured alone."""
    path = tmp_path / "results.json"
    keep = showing.table.keep
    keep(path, "rows", [{"name": "b: one", "n": 1}, {"name": "b: two", "n": 1}], ["a", "b"])
    keep(path, "rows", [{"name": "a", "n": 2}, {"name": "b: one", "n": 2}], ["a", "b"])
    kept = showing.json.loads(path.read_text(encoding="utf-8"))

    assert [(one["name"], one["n"]) for one in kept["rows"]] == [
        ("a", 2),
        ("b: one", 2),
        ("b: two", 1),
    ]

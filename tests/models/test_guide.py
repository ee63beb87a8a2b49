"""The guide's own service is a model as it stands there, of twenty lines, and its claim is true."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from regsim.models import explored, source

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "models.md"


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The guide's example as a file."""
    text = GUIDE.read_text("utf-8")
    path = tmp_path / "my_service.py"
    path.write_text(text.split("```python\n")[1].split("```")[0], "utf-8")
    return path


@pytest.mark.parametrize("os", ["nt4-sp6a", "w2k", "win11"])
def test_example_finds_the_hidden_root(example: Path, explore: Callable, os: str) -> None:
    """The service closes its key and leaves the root: logon, four steps of its own, logoff."""
    found = source(str(example)).build({"os": os})

    assert found.plain
    assert explore(found).lengths == {"released": 6, "logoff": 2}


def test_example_is_short(example: Path) -> None:
    """What makes a service a model takes at most twenty lines."""
    lines = example.read_text("utf-8").partition("def Model")[2].splitlines()

    assert len([line for line in lines if line.strip()]) <= 20


def test_guide_lists_every_model() -> None:
    """The guide's table has a row for each model."""
    rows = [line.split("`")[1] for line in GUIDE.read_text("utf-8").splitlines() if "| `" in line]

    assert sorted(rows) == sorted(explored())

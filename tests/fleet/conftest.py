"""A small fleet on disk, and running the command on it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from made import Made, files

from regsim import cli
from regsim.trace.extras import need


def write(root: Path, made: list[Made]) -> None:
    """Write the files below *root*."""
    for one in made:
        path = root / one.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(one.data)


@pytest.fixture(scope="session")
def made() -> list[Made]:
    """Forty-eight files of eight kinds on twelve hosts."""
    return list(files(48, 12))


@pytest.fixture
def fleet(made: list[Made], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files in a folder called ``fleet`` of the current folder."""
    write(tmp_path / "fleet", made)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "fleet"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run ``regsim fleet`` and return its exit code and what it printed."""

    def go(*args: object) -> tuple[int, str, str]:
        code = cli.main(["fleet", *map(str, args)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return go


def rows(out: Path, name: str = "findings") -> list[dict[str, Any]]:
    """Return the rows of a table of a result."""
    found: list[dict[str, Any]] = (
        need("pyarrow.parquet", "tables").read_table(out / f"{name}.parquet").to_pylist()
    )
    return found


@pytest.fixture
def table() -> Callable[..., list[dict[str, Any]]]:
    """Read a table of a result."""
    return rows

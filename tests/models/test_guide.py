"""The guide's own services are models as they stand there, and what it says of them is true."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from regsim.models import explored, source

from regsim.check.verify import check
from regsim.explore.service import QUESTIONS, model

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "models.md"


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The guide's example as a file."""
    path = tmp_path / "my_service.py"
    path.write_text(_blocks()[-1], "utf-8")
    return path


def _blocks() -> list[str]:
    """Return the guide's pieces of Python."""
    return [part.split("```")[0] for part in GUIDE.read_text("utf-8").split("```python\n")[1:]]


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """The guide's service in plain code as a file, with the claim of its own."""
    path = tmp_path / "my_service.py"
    path.write_text("\n".join(_blocks()[:2]), "utf-8")
    return path


def test_plain_service_is_short() -> None:
    """A service in plain code, and the model of it, take at most ten lines."""
    assert len([line for line in _blocks()[0].splitlines() if line.strip()]) <= 10


@pytest.mark.parametrize("os", ["nt4-sp6a", "w2k", "win11"])
def test_plain_service_leaves_the_root(plain: Path, os: str) -> None:
    """The first service of the guide leaves the hidden root, by a path of seven steps."""
    found = check(plain, os=os)

    assert found["released"].verdict.value == "violated"
    assert len(found["released"].path.steps) == 7
    breaks = "violated" if os == "win11" else "holds"  # where Windows takes the hive by force
    assert found["no-call-breaks"].verdict.value == breaks
    assert found["saved-means-free"].verdict.value == "holds"
    assert found["right-users-data"].verdict.value == "holds"


@pytest.mark.parametrize("os", ["w2k", "win11"])
def test_the_fix_that_the_guide_names_holds(os: str) -> None:
    """A service that opens and closes a root of its own leaves nothing, whoever else acts."""

    def service(win: Any) -> None:
        while win.wait("request"):
            with win.impersonating("user"):
                try:
                    root = win.RegOpenCurrentUser()
                except OSError:
                    continue
                try:
                    win.RegCloseKey(win.RegOpenKeyEx(root, r"Software\Vendor"))
                except OSError:
                    win.work("says so")
                win.RegCloseKey(root)

    found = model(os=os).service(service, threads=2).user_logs_on_and_off().check()

    assert found["released"].verdict.value == "holds"
    assert found["no-thread-fails"].verdict.value == "holds"


def test_the_guide_names_every_claim_and_question(plain: Path) -> None:
    """What can be claimed and what can be asked of a state stands in the guide, and no more."""
    text = GUIDE.read_text("utf-8")
    names = [each.name for each in source(str(plain)).build({}).properties]

    assert all(f"`{name}`" in text for name in names if name != "saved-means-free")
    assert all(f"`{name}`" in text for name in QUESTIONS)


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
    text = GUIDE.read_text("utf-8").partition("## The models of incidents")[2]
    rows = [line.split("`")[1] for line in text.splitlines() if "| `" in line]

    assert sorted(rows) == sorted(explored())

"""Where the judge's own modules are found, and the live side of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = str(Path(__file__).parent)
if HERE not in sys.path:
    sys.path.append(HERE)

from differences import VERSION  # noqa: E402
from live import MISSING, Wine, build, make_prefix, version  # noqa: E402


@pytest.fixture(scope="session")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh prefix of Wine for this run."""
    if MISSING:
        pytest.skip(f"judge Wine is not installed: no {' and no '.join(MISSING)}")
    return make_prefix(tmp_path_factory.mktemp("wine"))


@pytest.fixture(scope="session")
def start(prefix: Path) -> Callable[[], Wine]:
    """Starts a driver in the prefix of this run."""
    program = build(prefix.parent)
    return lambda: Wine(prefix, program)


@pytest.fixture(scope="session")
def known_version(prefix: Path) -> None:  # noqa: ARG001 - it skips where there is none
    """Skips where the Wine that is installed is not the one that the dialect is of."""
    if version() != VERSION:
        pytest.skip(f"the dialect is of Wine {VERSION}, and judge Wine here is {version()}")

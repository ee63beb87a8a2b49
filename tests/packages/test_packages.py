"""Other people's packages, run on the simulated registry: what comes out is what the table says.

``REGSIM_PACKAGES`` says which: ``ci`` for the small ones, ``all``, or names with commas between.
They are installed from PyPI, without a word of them in this project. ``REGSIM_REPOSITORIES`` may
name a folder with clones of the repositories that some tests are in alone.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
TABLE: dict[str, dict[str, Any]] = tomllib.loads((HERE / "table.toml").read_text("utf-8"))
WANTED = os.environ.get("REGSIM_PACKAGES", "")


def _wanted(name: str) -> bool:
    return WANTED == "all" or (WANTED == "ci" and "ci" in TABLE[name]) or name in WANTED.split(",")


def _pip(*words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", *words, "--quiet", "--no-deps"],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    if done.returncode:
        pytest.skip(f"pip cannot get it: {done.stderr.strip().splitlines()[-1:]}")


def _source(name: str, row: dict[str, Any], folder: Path) -> Path:
    """Return a folder with the package's tests, or those of ours on it."""
    if row["source"] == "program":
        shutil.copy(HERE / "programs" / f"test_{name}.py", folder)
        _pip("install", "--target", str(folder / "site"), f"{name}=={row['version']}")
        return folder
    if row["source"] == "sdist":
        _pip("download", "--no-binary", name, "--dest", str(folder), f"{name}=={row['version']}")
        (file,) = folder.glob("*.tar.gz")
        assert hashlib.sha256(file.read_bytes()).hexdigest() == row["sha256"]
        with tarfile.open(file) as archive:
            archive.extractall(folder, filter="data")
        return next(path for path in folder.iterdir() if path.is_dir())
    given = Path(os.environ.get("REGSIM_REPOSITORIES", "/none")) / name
    clone = folder / name
    done = subprocess.run(
        ["git", "clone", "-q", str(given) if given.is_dir() else row["source"], str(clone)],
        check=False,
        capture_output=True,
        timeout=120,
        env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
    )
    if done.returncode:
        pytest.skip(
            f"git cannot get {row['source']}; name a folder of clones by REGSIM_REPOSITORIES"
        )
    subprocess.run(["git", "-C", str(clone), "checkout", "-q", row["commit"]], check=True)
    return clone


def _outcomes(report: Path) -> tuple[int, set[str]]:
    """Return how many tests passed, and the names of those that did not."""
    passed, failed = 0, set()
    for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314 - pytest's
        if case.find("failure") is not None or case.find("error") is not None:
            failed.add(str(case.get("name")))
    for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314
        passed += case.find("skipped") is None and case.get("name") not in failed
    return passed, failed


@pytest.mark.parametrize("name", sorted(TABLE))
def test_package(name: str, tmp_path: Path) -> None:
    """As many tests pass as the table says, and those fail that it gives a reason for."""
    if not _wanted(name):
        pytest.skip("REGSIM_PACKAGES does not ask for it")
    row = TABLE[name]
    source = _source(name, row, tmp_path)
    if row.get("needs"):
        _pip("install", "--target", str(tmp_path / "site"), *row["needs"])
    overlay = HERE / "overlays" / row.get("overlay", name)
    if overlay.is_dir():
        shutil.copytree(overlay, source, dirs_exist_ok=True)
    path = [*(str(source / each) for each in row.get("where", ())), str(HERE / "shims")]
    path += [str(source), str(tmp_path / "site")]
    report = tmp_path / "report.xml"
    words = ["-q", "-p", "no:cacheprovider", "-o", "addopts=", f"--junitxml={report}"]
    tests = row.get("paths", [f"test_{name}.py"])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, *row.get("options", ()), *tests],
        cwd=source,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path), **row.get("env", {})},
    )
    assert report.exists(), done.stdout + done.stderr

    passed, failed = _outcomes(report)
    assert failed == set(row.get("failed", ())), done.stdout[-4000:]
    assert passed == row["passed"]


def test_every_row_gives_its_reasons() -> None:
    """A row says what is run and why each test that fails does; three small ones are for CI."""
    for name, row in TABLE.items():
        assert row["source"] in ("sdist", "program") or row["commit"], name
        assert all(row.get("failed", {"": "-"}).values()), name
        assert row["source"] != "program" or (HERE / "programs" / f"test_{name}.py").is_file()
    assert len([name for name in TABLE if "ci" in TABLE[name]]) == 3

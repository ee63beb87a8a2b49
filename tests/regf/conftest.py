"""Hives to test on, and the judges: other readers, each in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import lzma
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from regsim.regf import HiveFile, open_hive, parse_hive

if TYPE_CHECKING:
    from types import ModuleType

HERE = Path(__file__).resolve().parent
REPO = HERE.parents[1]
SHARED = Path(os.environ.get("REGSIM_SHARED") or REPO.parent / "shared")
HIVES = SHARED / "data" / "hives"

Items = list[list[Any]]


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def make() -> ModuleType:
    """The program that makes the project's own hives."""
    return _load("make_hives")


@pytest.fixture(scope="session")
def fuzz() -> ModuleType:
    """The fuzz target, importable without Atheris."""
    return _load("fuzz_hive")


def items_of(hive: HiveFile) -> Items:
    """Return every key and value of *hive* in the form the judges print."""
    found: Items = []
    for path, key in hive.walk():
        found.append(["k", path, key.last_written])
        found += [["v", path, v.name, v.type, v.data.hex()] for v in key.values()]
    return found


@pytest.fixture(scope="session")
def items() -> Any:
    """A function from a hive, its bytes or its path to all its keys and values."""

    def read(source: HiveFile | bytes | Path) -> Items:
        if isinstance(source, bytes):
            return items_of(parse_hive(source))
        if isinstance(source, Path):
            with open_hive(source) as hive:
                return items_of(hive)
        return items_of(source)

    return read


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A function from a name in ../shared/data/hives to an unpacked file of our own."""
    if not (HIVES / "MANIFEST.tsv").exists():
        pytest.skip(f"no captured hives at {HIVES} (set REGSIM_SHARED)")
    target = tmp_path_factory.mktemp("hives")

    def fetch(name: str) -> Path:
        copy = target / name
        if not copy.exists():
            packed = HIVES / f"{name}.xz"
            if packed.exists():
                copy.write_bytes(lzma.decompress(packed.read_bytes()))
            else:
                copy.write_bytes((HIVES / name).read_bytes())
        return copy

    return fetch


JUDGES = {"hivex": "hivex", "libregf": "pyregf", "dissect": "dissect.regf"}
PACKAGES = {
    "hivex": "apt-get install python3-hivex",
    "libregf": "pip install libregf-python, or set REGSIM_JUDGE_PYTHON",
    "dissect": "pip install dissect.regf, or set REGSIM_JUDGE_PYTHON",
}
_PYTHONS = (
    os.environ.get("REGSIM_JUDGE_PYTHON"),
    sys.executable,
    "/usr/bin/python3",
)


def _python_with(module: str) -> str | None:
    """Return an interpreter that can import *module*, looking in the usual places."""
    for python in _PYTHONS:
        if python and shutil.which(python):
            done = subprocess.run(
                [python, "-c", f"import {module}"], check=False, capture_output=True
            )
            if done.returncode == 0:
                return python
    return None


class Judge:
    """Another reader, run as a separate process."""

    def __init__(self, name: str, python: str) -> None:
        self.name, self.python = name, python

    def read(self, hive: bytes | Path, scratch: Path) -> Items | str:
        """Return what the judge reads, or its complaint."""
        path = hive if isinstance(hive, Path) else scratch / "judged.hiv"
        if isinstance(hive, bytes):
            path.write_bytes(hive)
        script = HERE / "judges" / f"{self.name}_dump.py"
        done = subprocess.run(
            [self.python, str(script), str(path)], check=False, capture_output=True, timeout=120
        )
        if done.returncode:
            return done.stderr.decode(errors="replace").strip() or f"exit {done.returncode}"
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="session")
def judge_named() -> Any:
    """A function from a judge's name to the judge; skips when it is not installed."""
    known: dict[str, Judge | None] = {}

    def get(name: str) -> Judge:
        if name not in known:
            python = _python_with(JUDGES[name])
            known[name] = Judge(name, python) if python else None
        judge = known[name]
        if judge is None:
            pytest.skip(f"judge {name} is not installed ({PACKAGES[name]})")
        return judge

    return get


@pytest.fixture(params=sorted(JUDGES))
def judge(request: pytest.FixtureRequest, judge_named: Any) -> Judge:
    """Each judge in turn; skips when it is not installed."""
    found: Judge = judge_named(request.param)
    return found


@pytest.fixture(scope="session")
def agree() -> Any:
    """A function that asserts that a judge read what we did.

    libregf is excused where it is known to be wrong, as hivex, dissect and the format's
    specification agree: it takes inline data of one to three bytes from the wrong end of the
    field, ends names at a NUL, and ends the data of strings at their first NUL.
    """

    def same(judge: Judge, theirs: Items | str, ours: Items) -> None:
        assert not isinstance(theirs, str), theirs
        assert len(theirs) == len(ours)
        for mine, other in zip(ours, theirs, strict=True):
            if mine != other:
                assert judge.name == "libregf", (mine, other)
                assert _as_libregf(mine) == _blank_inline(other), (mine, other)

    return same


def _as_libregf(item: list[Any]) -> list[Any]:
    """Return a key or value as libregf's three known defects show it."""
    kind, path, *rest = item
    path = "\\".join(part.partition("\0")[0] for part in path.split("\\"))
    if kind == "k":
        return [kind, path, *rest]
    name, number, data = rest
    raw = bytes.fromhex(data)
    if number in {1, 2, 6} and len(raw) > 4:
        ends = [at for at in range(0, len(raw), 2) if raw[at : at + 2] == b"\0\0"]
        data = raw[: ends[0] + 2].hex() if ends else data
    return _blank_inline([kind, path, name.partition("\0")[0], number, data])


def _blank_inline(item: list[Any]) -> list[Any]:
    """Return a value with inline data of one to three bytes made incomparable."""
    if item[0] == "v" and len(item[4]) in {2, 4, 6}:
        return [*item[:4], "inline"]
    return item

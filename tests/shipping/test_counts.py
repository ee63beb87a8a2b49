"""The guard over the kernels' instructions: what it lets pass, and what it does not."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
GUARD = ROOT / "benchmarks" / "guard" / "counts.py"
pytestmark = pytest.mark.skipif(not GUARD.is_file(), reason="no benchmarks here")
RECORD = {"toolchain": "cc 1, x86_64", "counts": {"csv": 1_000_000, "walk": 2_000_000}}


@pytest.fixture(scope="module")
def guard() -> ModuleType:
    """The program that counts, without a run of it."""
    spec = importlib.util.spec_from_file_location("counts", GUARD)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("scans", "code"), [(900_000, 0), (1_100_000, 0), (1_100_001, 1)])
def test_a_slower_kernel_is_noticed(guard: ModuleType, scans: int, code: int) -> None:
    """From a tenth more on, by its name; a faster one and a little more pass."""
    counts = {"csv": scans, "walk": 2_000_000}
    found, lines = guard.verdict(counts, RECORD["toolchain"], RECORD)

    assert found == code
    assert any(line.startswith("csv: 1,100,001 instructions, 1.10 times") for line in lines) == code
    assert not any(line.startswith("walk:") for line in lines)


@pytest.mark.parametrize("counts", [{"csv": 1}, {"csv": 1, "walk": 1, "replay": 1}])
def test_a_kernel_on_one_side_only_is_noticed(guard: ModuleType, counts: dict[str, int]) -> None:
    """One that is no longer counted guards nothing, nor does one that was never recorded."""
    code, lines = guard.verdict(counts, RECORD["toolchain"], RECORD)

    assert code == 1
    assert lines[-1].startswith("walk: not counted" if len(counts) == 1 else "replay: not in the")


def test_another_compiler_is_not_judged(guard: ModuleType) -> None:
    """Its counts are others whoever is slower; that they are not judged is said, with both."""
    code, lines = guard.verdict({"csv": 9_000_000, "walk": 1}, "cc 2, aarch64", RECORD)

    assert code == 0
    assert lines[-1] == "not judged: the record is of cc 1, x86_64; this is cc 2, aarch64"


def test_the_record_is_of_the_kernels(guard: ModuleType) -> None:
    """Each has a program and functions that the cores declare, and a count that is not small."""
    record = json.loads(guard.RECORD.read_text(encoding="utf-8"))
    declared = "".join(path.read_text(encoding="utf-8") for path in guard.NATIVE.glob("core_*.h"))

    assert record["counts"].keys() == guard.KERNELS.keys()
    assert min(record["counts"].values()) > 1_000_000
    for name, functions in guard.KERNELS.items():
        assert (GUARD.parent / f"{name}.c").is_file()
        assert all(re.search(rf"^\w.*\b{each}\(", declared, re.MULTILINE) for each in functions)

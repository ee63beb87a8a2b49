"""What ``import regsim`` offers, and what it does not cost."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import regsim

HEAVY = ("numpy", "matplotlib", "networkx", "hypothesis", "click", "rich", "attr")


def fresh(code: str) -> str:
    """Run *code* in an interpreter of its own and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=os.environ
    )
    return done.stdout.strip()


def test_the_public_names_are_few_and_sorted() -> None:
    """At most twenty nouns, each once, in order."""
    names = [name.lower() for name in regsim.__all__]
    assert len(regsim.__all__) <= 20
    assert regsim.__all__ == sorted(regsim.__all__)
    assert len(set(names)) == len(names) - 1  # Run, the record, and run, which makes it


@pytest.mark.parametrize("name", regsim.__all__)
def test_each_public_name_is_there_and_documented(name: str) -> None:
    """It resolves to the same object each time, and says what it is."""
    found = getattr(regsim, name)
    assert found is getattr(regsim, name)
    assert found.__doc__
    assert name in dir(regsim)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """As for any module."""
    with pytest.raises(AttributeError, match="no attribute 'Registry'"):
        _ = regsim.Registry
    assert not hasattr(regsim, "Registry")


def test_import_loads_nothing_else() -> None:
    """Neither third parties nor regsim's own modules."""
    loaded = fresh("import sys, regsim; print(*sys.modules)").split()
    assert not set(HEAVY) & set(loaded)
    assert [name for name in loaded if name.startswith("regsim")] == ["regsim"]


def test_a_star_import_brings_the_public_names_and_no_plotting() -> None:
    """All public names together still load neither numpy nor its kin."""
    loaded = fresh(
        "from regsim import *; import sys; print(Machine.__name__, *sys.modules)"
    ).split()
    assert loaded[0] == "Machine"
    assert not {"numpy", "matplotlib", "networkx", "hypothesis", "click", "rich"} & set(loaded)


def test_import_is_quick() -> None:
    """Under 60 ms of processor time; the best of five."""
    code = (
        "import time; start = time.perf_counter(); import regsim;print(time.perf_counter() - start)"
    )
    best = min(float(fresh(code)) for _ in range(5))
    assert best < 0.060


def test_the_version_is_the_installed_one() -> None:
    """The literal in the package is where the distribution's version comes from."""
    assert fresh("import regsim; print(regsim.__version__)") == regsim.__version__
    assert regsim.__version__.count(".") == 2

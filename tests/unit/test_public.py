"""What ``import regsim`` offers, and what it does not cost."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import regsim
from regsim.regf import new_hive

HEAVY = ("numpy", "matplotlib", "networkx", "hypothesis", "click", "rich", "attr")


def fresh(code: str) -> str:
    """Run *code* in an interpreter of its own and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=os.environ
    )
    return done.stdout.strip()


def test_the_public_names_are_few_and_sorted() -> None:
    """There are at most 24 public names, each once, in order of spelling."""
    names = [name.lower() for name in regsim.__all__]
    assert len(regsim.__all__) <= 24
    assert regsim.__all__ == sorted(regsim.__all__)
    assert len(set(names)) == len(names) - 1  # Run, the record, and run, which makes it


def test_the_public_names_are_the_documented_ones() -> None:
    """The package's own text lists each public name once, and no other."""
    listed = [line for line in regsim.__doc__.splitlines() if line.startswith(("- ", "  "))]
    said = re.findall(r"`(\w+)`", "\n".join(listed))
    assert sorted(said) == regsim.__all__


@pytest.mark.parametrize("name", regsim.__all__)
def test_each_public_name_is_there_and_documented(name: str) -> None:
    """Each public name gives the same object each time, and that has a docstring."""
    found = getattr(regsim, name)
    assert found is getattr(regsim, name)
    assert found.__doc__
    assert name in dir(regsim)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """Asking the package for a name that it does not have raises AttributeError, as any module."""
    with pytest.raises(AttributeError, match="no attribute 'Registry'"):
        _ = regsim.Registry
    assert not hasattr(regsim, "Registry")


def test_import_loads_nothing_else() -> None:
    """``import regsim`` loads neither third parties nor any other module of regsim."""
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


def test_the_version_is_the_installed_one() -> None:
    """``regsim.__version__`` is the version in the package, of three parts."""
    assert fresh("import regsim; print(regsim.__version__)") == regsim.__version__
    assert regsim.__version__.count(".") == 2


@pytest.mark.parametrize("name", ["win10", "nt4-sp6a"])
def test_a_machine_is_made_by_its_generations_name(name: str) -> None:
    """A dialect's name gives the machine that the dialect itself gives."""
    assert regsim.Machine(name).dialect is regsim.dialects.get(name)
    assert regsim.Machine(regsim.dialects.get(name)).dialect is regsim.dialects.get(name)


def test_a_machine_of_an_unknown_generation_is_refused() -> None:
    """A name that no dialect has is an error that lists those there are."""
    with pytest.raises(regsim.RegsimError, match=r"unknown OS 'win12'.* win11"):
        regsim.Machine("win12")


def test_the_kernel_finds_a_generation_by_itself() -> None:
    """The name is looked up when it is given, whatever was imported before."""
    code = "from regsim.kernel.machine import Machine; print(Machine('win10').dialect.title)"
    assert fresh(code) == "Windows 10"


def test_check_is_called_and_imported() -> None:
    """``regsim.check`` can be called and is the package of that name all the same."""
    for first in ("import regsim", "import regsim.check", "from regsim.check import always"):
        code = f"{first}; import regsim, regsim.check as package; "
        code += "found = regsim.check('q241572', 'err', variant='naive', services=0); "
        code += "print(found.verdict.value, package is regsim.check, package.always.__name__)"
        assert fresh(code) == "violated True always"


def test_check_without_a_property_answers_all() -> None:
    """Each property has its answer by name, and the worst of them is the verdict of all."""
    naive = regsim.check("q241572", variant="naive", services=0, workers="2")
    counted = regsim.check("q241572", variant="refcounted", services=0, engine="python")

    assert naive["leak"].verdict is regsim.Verdict.HOLDS
    assert naive["err"].verdict is naive.verdict is regsim.Verdict.VIOLATED
    assert counted.verdict is regsim.Verdict.HOLDS
    assert {answer.engine for answer in counted} == {"python"}
    assert "q241572: err is violated" in repr(naive)
    with pytest.raises(regsim.RegsimError, match=r"unknown property 'leek'.*leak"):
        _ = naive["leek"]


def test_a_limit_makes_the_verdict_of_all_inconclusive() -> None:
    """Where nothing is violated and something is not sure, all together are not sure."""
    found = regsim.check("q241572", variant="refcounted", services=0, max_states=10)
    assert found.verdict is regsim.Verdict.INCONCLUSIVE


@pytest.mark.parametrize("kind", [str, Path])
def test_check_takes_a_file(tmp_path: Path, kind: type) -> None:
    """A user's own model is named by its file, as text or as a path."""
    file = tmp_path / "mine.py"
    file.write_text("from regsim import models\nmodel = models.model('q241572', services=0)\n")
    assert regsim.check(kind(file), "leak").verdict is regsim.Verdict.VIOLATED


def test_a_parameter_that_no_model_has_is_refused() -> None:
    """A misspelt parameter or option is an error that names it."""
    with pytest.raises(regsim.RegsimError, match="varient"):
        regsim.check("q241572", varient="naive")


@pytest.mark.parametrize("kind", [str, Path])
def test_a_hive_is_opened_by_its_path(tmp_path: Path, kind: type) -> None:
    """`open_hive` takes the path as text or as a path."""
    file = tmp_path / "a.dat"
    file.write_bytes(new_hive().to_bytes())
    with regsim.open_hive(kind(file)) as hive:
        assert isinstance(hive.root, regsim.Key)

"""Who sees the fake, who does not, and that everything is as before when it goes."""

from __future__ import annotations

import builtins
import importlib
import mimetypes
import sys
import urllib.request
from pathlib import Path
from types import ModuleType

import pytest

from regsim.errors import UsageError
from regsim.testing import fake_winreg
from regsim.testing.patching import Patch

pytest_plugins = ["pytester"]

WINDOWS = sys.platform == "win32"
SOURCES = {
    "unguarded": "import winreg\nFOUND = winreg.HKEY_CURRENT_USER\n",
    "names": "from winreg import OpenKey, HKEY_CURRENT_USER\n",
    "guarded": "try:\n    import winreg\nexcept ImportError:\n    winreg = None\n",
    "old": "try:\n    import _winreg as winreg\n    long\nexcept ImportError:\n    import winreg\n",
    "lazily": "def get():\n    import winreg\n    return winreg\n",
    "renamed": "try:\n    import winreg as reg\nexcept ImportError:\n    reg = None\n",
    "bystander": "def get():\n    import winreg\n    return winreg\n",
    "by_name": "import importlib\ndef get():\n    return importlib.import_module('winreg')\n",
    "by_finder": "from importlib import import_module as find\ndef get(): return find('winreg')\n",
    "by_builtin": "def get():\n    return __import__('winreg')\n",
    "idle": "import json\nTEXT = 'winreg'\ndef winreg_word():\n    return TEXT\n",
    "user": "import patched_lazily\ndef get():\n    return patched_lazily.get()\n",
    "broken": "import winreg\nimport no_such_module_at_all\n",
}


@pytest.fixture(autouse=True)
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small programs that look for ``winreg`` in every way there is, and a package."""
    for name, source in SOURCES.items():
        (tmp_path / f"patched_{name}.py").write_text(source)
    package = tmp_path / "patched_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    for name, source in (("inner", "unguarded"), ("guarded", "guarded"), ("names", "names")):
        (package / f"{name}.py").write_text(SOURCES[source])
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield
    for name in [name for name in sys.modules if name.startswith("patched_")]:
        del sys.modules[name]


@pytest.fixture
def fake() -> ModuleType:
    """What is put in place."""
    made = ModuleType("winreg")
    made.OpenKey, made.HKEY_CURRENT_USER = object(), 1
    return made


@pytest.mark.parametrize("name", ["unguarded", "guarded", "old"])
def test_a_named_module_sees_it_at_its_top(fake: ModuleType, name: str) -> None:
    """Be the import guarded or not; Python 2's name of it fails, as on Windows."""
    with Patch(fake, [f"patched_{name}"]):
        assert importlib.import_module(f"patched_{name}").winreg is fake


def test_names_imported_from_it_come_from_the_fake(fake: ModuleType) -> None:
    """``from winreg import OpenKey`` gives the fake's."""
    with Patch(fake, ["patched_names"]):
        assert importlib.import_module("patched_names").OpenKey is fake.OpenKey


def test_an_import_in_a_function_sees_it(fake: ModuleType) -> None:
    """And only while the patch lasts."""
    module = importlib.import_module("patched_lazily")
    with Patch(fake, ["patched_lazily"]):
        assert module.get() is fake
    if not WINDOWS:
        with pytest.raises(ImportError):
            module.get()


def test_a_module_imported_before_is_patched_and_restored(fake: ModuleType) -> None:
    """The module object stays the same; its name is as it was."""
    module = importlib.import_module("patched_guarded")
    before = module.winreg
    with Patch(fake, ["patched_guarded"]):
        assert module.winreg is fake
    assert module.winreg is before
    assert sys.modules["patched_guarded"] is module


def test_a_module_imported_meanwhile_is_forgotten(fake: ModuleType) -> None:
    """It has seen the fake, so the next import starts afresh; its package stays."""
    package = importlib.import_module("patched_package")
    with Patch(fake, ["patched_package.inner"]):
        assert package.inner.winreg is fake
    assert "patched_package.inner" not in sys.modules
    assert not hasattr(package, "inner")
    assert sys.modules["patched_package"] is package


def test_a_package_means_all_its_modules(fake: ModuleType) -> None:
    """Naming the package is enough."""
    with Patch(fake, ["patched_package"]):
        assert importlib.import_module("patched_package.inner").winreg is fake


def test_a_package_means_those_imported_before_too(fake: ModuleType) -> None:
    """Their names are swapped and restored, as those of a module that is named itself."""
    inner = importlib.import_module("patched_package.guarded")
    before = inner.winreg
    with Patch(fake, ["patched_package"]):
        assert inner.winreg is fake
    assert inner.winreg is before
    assert sys.modules["patched_package.guarded"] is inner


@pytest.mark.parametrize("everywhere", [False, True])
def test_what_the_block_imports_is_forgotten_at_its_end(fake: ModuleType, everywhere: bool) -> None:
    """Else its ``from winreg import OpenKey`` would keep the fake of a test that is over."""
    importlib.import_module("patched_package")
    names = "patched_package.names"
    other = ModuleType("winreg")
    other.OpenKey, other.HKEY_CURRENT_USER = object(), 1
    for patched in (fake, other):
        with Patch(patched, () if everywhere else ["patched_package"], everywhere=everywhere):
            assert importlib.import_module(names).OpenKey is patched.OpenKey
        assert names not in sys.modules


def test_what_never_saw_the_fake_is_kept(fake: ModuleType) -> None:
    """A module that the block imports, and that has no use for the registry, stays imported."""
    sys.modules.pop("patched_lazily", None)
    with Patch(fake, everywhere=True):
        module = importlib.import_module("patched_lazily")
    assert sys.modules["patched_lazily"] is module


def test_a_hook_that_outlives_its_block_serves_nobody(fake: ModuleType, monkeypatch) -> None:
    """Blocks that end in the order they began leave the earlier hook below the later one."""
    monkeypatch.setattr(builtins, "__import__", builtins.__import__)
    module = importlib.import_module("patched_lazily")
    first, second = Patch(fake, ["patched_lazily"]), Patch(fake)
    first.__enter__()
    second.__enter__()
    first.__exit__()
    if not WINDOWS:
        with pytest.raises(ImportError):
            module.get()
    second.__exit__()
    if not WINDOWS:
        with pytest.raises(ImportError):
            module.get()


def test_a_name_of_ones_own_can_be_given(fake: ModuleType) -> None:
    """``module:name`` swaps it; without, nobody could know that it is meant."""
    module = importlib.import_module("patched_renamed")
    with Patch(fake, ["patched_renamed:reg"]):
        assert module.reg is fake
    assert module.reg is not fake


def test_others_do_not_see_it(fake: ModuleType) -> None:
    """A module that is not named finds what it found before."""
    module = importlib.import_module("patched_bystander")
    with Patch(fake, ["patched_lazily"]):
        if WINDOWS:
            assert module.get() is not fake
        else:
            with pytest.raises(ImportError):
                module.get()
            assert "winreg" not in sys.modules


def test_everywhere_means_everyone_but_the_standard_library(fake: ModuleType) -> None:
    """mimetypes, urllib and platform take ``winreg`` for Windows, and are left alone."""
    proxies, kinds = urllib.request.getproxies(), mimetypes.guess_type("a.txt")
    with Patch(fake, everywhere=True):
        assert importlib.import_module("patched_bystander").get() is fake
        assert sys.modules["winreg"] is fake
        fresh = importlib.reload(mimetypes)
        assert getattr(fresh, "_winreg", None) is not fake
        fresh.init()
        assert fresh.guess_type("a.txt") == kinds
        assert urllib.request.getproxies() == proxies
        assert importlib.import_module("platform").platform()
    assert sys.modules.get("winreg") is not fake


@pytest.mark.parametrize("everywhere", [True, False])
def test_an_exception_inside_restores_everything(fake: ModuleType, everywhere: bool) -> None:
    """Whatever happens in the block."""
    module = importlib.import_module("patched_guarded")
    before = (builtins.__import__, module.winreg, sys.modules.get("winreg"))
    with (
        pytest.raises(ZeroDivisionError),
        Patch(fake, ["patched_guarded"], everywhere=everywhere),
    ):
        raise ZeroDivisionError
    assert (builtins.__import__, module.winreg, sys.modules.get("winreg")) == before


def test_a_module_that_fails_to_import_leaves_nothing_patched(fake: ModuleType) -> None:
    """The patch is taken back before the error gets out."""
    before = builtins.__import__
    with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all") as raised:
        Patch(fake, ["patched_guarded", "patched_broken"]).__enter__()
    assert "looks_like_windows=True has it" in raised.value.__notes__[0]
    assert builtins.__import__ is before
    assert "patched_guarded" not in sys.modules


def test_what_no_fake_can_reach_is_refused(fake: ModuleType, tmp_path: Path) -> None:
    """A module that only calls one that imports winreg, and a package in which none does."""
    empty = tmp_path / "patched_empty"
    empty.mkdir()
    (empty / "__init__.py").write_text("from .winreg import OpenKey\n")
    (empty / "winreg.py").write_text("OpenKey = None\n")
    importlib.import_module("patched_lazily")

    for name in ("patched_idle", "patched_user", "patched_empty", "json"):
        with pytest.raises(UsageError, match=f"nothing to patch in '{name}'"):
            Patch(fake, [name]).__enter__()
    assert "patched_idle" not in sys.modules


def test_a_package_is_searched_to_its_end(fake: ModuleType, tmp_path: Path) -> None:
    """One that imports winreg in a function of a module that nobody has imported yet is meant."""
    inner = tmp_path / "patched_deep" / "one" / "two"
    inner.mkdir(parents=True)
    for folder in (inner, inner.parent, inner.parent.parent):
        (folder / "__init__.py").write_text("")
    (inner / "three.py").write_text(SOURCES["lazily"])

    with Patch(fake, ["patched_deep"]):
        assert importlib.import_module("patched_deep.one.two.three").get() is fake


@pytest.mark.parametrize("name", ["lazily", "by_name", "by_finder", "by_builtin"])
@pytest.mark.parametrize("before", [True, False])
def test_every_way_of_importing_is_served(fake: ModuleType, name: str, before: bool) -> None:
    """The statement, and the functions that take a name; in a module imported before or not."""
    if before:
        importlib.import_module(f"patched_{name}")
    find = importlib.import_module
    with Patch(fake, [f"patched_{name}"]):
        module = importlib.import_module(f"patched_{name}")
        assert module.get() is fake
    assert importlib.import_module is find
    if not WINDOWS:
        with pytest.raises(ImportError):
            module.get()


def test_a_module_of_its_own_called_winreg_is_left_alone(fake: ModuleType, tmp_path: Path) -> None:
    """``from .winreg import …`` means the package's."""
    own = tmp_path / "patched_own"
    own.mkdir()
    (own / "__init__.py").write_text("from .winreg import MINE\nimport winreg as real\n")
    (own / "winreg.py").write_text("MINE = 7\n")
    with Patch(fake, ["patched_own"]):
        module = importlib.import_module("patched_own")
        assert (module.MINE, module.real) == (7, fake)


def test_what_cannot_be_patched_is_refused(fake: ModuleType) -> None:
    """A missing module, a missing name, and a text where a list belongs."""
    with (
        pytest.raises(UsageError, match="no module 'patched_nowhere'"),
        Patch(fake, ["patched_nowhere"]),
    ):
        pass
    with pytest.raises(UsageError, match="no name 'reg'"), Patch(fake, ["patched_guarded:reg"]):
        pass
    with pytest.raises(UsageError, match="a list of names"):
        Patch(fake, "patched_guarded")


def test_patches_nest(fake: ModuleType) -> None:
    """The inner one rules while it lasts."""
    inner = ModuleType("winreg")
    module = importlib.import_module("patched_lazily")
    with Patch(fake, ["patched_lazily"]):
        with Patch(inner, ["patched_lazily"]):
            assert module.get() is inner
        assert module.get() is fake


def test_the_with_statement_patches_and_judges() -> None:
    """`fake_winreg` gives a registry, lets the module use it, and restores it."""
    module = importlib.import_module("patched_lazily")
    with fake_winreg(os="win10", patch=["patched_lazily"]) as registry:
        winreg = module.get()
        with winreg.CreateKey(winreg.HKEY_CURRENT_USER, r"Software\Here") as key:
            winreg.SetValueEx(key, "a", 0, winreg.REG_DWORD, 7)
        assert winreg is registry.winreg
    assert registry.foresee().unloaded


# -- programs imported while tests are collected -------------------------------------------------

AT_THE_TOP = """
import os, sys, platform, mimetypes
import pytest
import subject
from subject import names

@pytest.mark.registry(patch=["subject"])
def test_patched(winreg):
    assert subject.read() == names.read() == subject.lazily() == "fake"
    assert subject.winreg is winreg

def test_not_patched():
    for call in (subject.read, names.read, subject.lazily):
        with pytest.raises(Exception, match="OpenKey: no registry here; name the module"):
            call()

def test_python_sees_the_truth():
    assert sys.platform != "win32" and os.name != "nt" and platform.system() != "Windows"
    assert mimetypes.guess_type("a.txt")[0] == "text/plain"
"""
SUBJECT = """
import winreg

def read():
    with winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software"):
        return "fake"

def lazily():
    import winreg as again
    with again.OpenKey(again.HKEY_CURRENT_USER, "Software"):
        return "fake"
"""
NAMES = """
from winreg import HKEY_CURRENT_USER, OpenKey

def read():
    with OpenKey(HKEY_CURRENT_USER, "Software"):
        return "fake"
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is a winreg here")
@pytest.mark.parametrize("installed", [True, False])
def test_a_program_can_be_imported_at_the_top(pytester, installed: bool) -> None:
    """With the option, in a conftest too; its calls are refused but where a test patches it."""
    package = pytester.mkpydir("subject")
    package.joinpath("__init__.py").write_text(SUBJECT)
    package.joinpath("names.py").write_text(NAMES)
    pytester.makeconftest("import subject")
    pytester.makepyfile(AT_THE_TOP)
    pytester.syspathinsert()

    done = pytester.runpytest_subprocess(
        "-p", "no:cacheprovider", *(["--registry-install"] if installed else [])
    )

    if installed:
        done.assert_outcomes(passed=3)
    else:
        done.stderr.fnmatch_lines(["*No module named 'winreg'*"])

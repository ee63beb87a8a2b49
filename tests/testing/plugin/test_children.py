"""A process that is started anew while a registry is simulated is told that it has none."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regsim.testing import Registry, fake_winreg
from regsim.testing._fake.binding import ElsewhereError
from regsim.testing.patching import Patch
from regsim.testing.placeholder import placeholders

PROGRAM = """
import sys
try:
    import winreg
except ImportError:
    winreg = None

def read():
    return "no Windows" if winreg is None else winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software")

def late():
    import win32api
    return win32api.RegOpenKey(-2147483647, "Software")

if __name__ == "__main__":
    print(read())
"""
WHY = "sees nothing of it; run the code in a thread or in the tests' own process"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of some name that nobody else has, which asks politely for ``winreg``."""
    name = f"program_{os.getpid()}_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(PROGRAM)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return name


def _run(*words: str) -> str:
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_a_program_that_is_started_is_told(program: str) -> None:
    """As a module, as a script and by its function, however politely it asks."""
    with fake_winreg(patch=[program]):
        for words in (
            ("-c", f"import {program} as p; p.read()"),
            ("-c", f"import {program} as p; p.late()"),
            ("-m", program),
            (f"{program}.py",),
        ):
            assert WHY in _run(*words), words
        inner = f"from regsim.testing import fake_winreg as f; import {program} as p\n"
        inner += f"with f(patch=['{program}']): print(bool(p.read()))"
        assert _run("-c", inner) == "True\n"
    assert _run(f"{program}.py") == "no Windows\n"


def test_others_are_what_they_would_be(program: str, tmp_path: Path) -> None:
    """A module that sees no registry finds no winreg in a child, nor does the standard library."""
    (tmp_path / "other.py").write_text(PROGRAM)
    with fake_winreg(patch=[program]):
        assert _run("other.py") == "no Windows\n"
        said = _run("-c", f"import {program}, mimetypes, os; print(os.name, mimetypes._winreg)")
        assert said == f"{os.name} None\n"
        assert _run("-c", "import winreg").endswith("No module named 'winreg'\n")


@pytest.mark.parametrize("begin", [fake_winreg, lambda **given: Patch(placeholders(), **given)])
def test_where_everybody_sees_it_the_import_says_why(begin: Callable[[], Any]) -> None:
    """So a library that asks politely goes on, and what needs it fails with the reason."""
    with begin(everywhere=True):
        assert WHY in _run("-c", "import winreg")
        assert WHY in _run("-c", "import win32api")
        assert _run("-c", "try: import winreg\nexcept ImportError: print(1)") == "1\n"


def test_the_tests_own_process_finds_nothing_there() -> None:
    """The folder is empty to it, and all is as before when the block is over."""
    before = (list(sys.path), os.environ.get("PYTHONPATH"), dict(os.environ))
    with fake_winreg(patch=["regsim.testing.audit"]), pytest.raises(ModuleNotFoundError):
        __import__("win32con")
    with fake_winreg(everywhere=True), fake_winreg(patch=["regsim.testing.audit"]):
        pass
    assert (list(sys.path), os.environ.get("PYTHONPATH"), dict(os.environ)) == before


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_pool_is_told(program: str, method: str) -> None:
    """A pool's processes are started anew, or by a server that was started before."""
    context = multiprocessing.get_context(method)
    with context.Pool(1) as pool:  # the server starts here
        assert pool.apply(os.getpid) != os.getpid()
    with fake_winreg(patch=[program]):
        module = __import__(program)
        expected = pytest.raises((ElsewhereError, ModuleNotFoundError), match="sees nothing of it")
        with context.Pool(1) as pool, expected:
            pool.apply(module.late)


def test_a_registry_is_not_sent() -> None:
    """Neither it nor its winreg nor a handle; a copy would be another registry."""
    registry = Registry()
    for what in (registry, registry.winreg):
        with pytest.raises(ElsewhereError, match="cannot be sent to another process"):
            pickle.dumps(what)
        with pytest.raises(ElsewhereError):
            copy.deepcopy(what)
    key = registry.winreg.OpenKey(registry.winreg.HKEY_CURRENT_USER, "Software")
    with pytest.raises(TypeError, match="cannot pickle"):
        pickle.dumps(key)
    key.Close()

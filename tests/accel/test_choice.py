"""Which twins are in use: what ``REGSIM_ACCEL`` asks for, what is there, and where that is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from regsim import accel
from regsim.errors import UsageError

HAVE = accel.importlib.util.find_spec("regsim.accel._native") is not None
MISSING = "import sys; sys.modules['regsim.accel._native'] = None; "


def python(code: str, choice: str | None) -> subprocess.CompletedProcess[str]:
    """Run *code* in a fresh interpreter with ``REGSIM_ACCEL`` set to *choice*."""
    environ = {name: text for name, text in os.environ.items() if name != "REGSIM_ACCEL"}
    if choice is not None:
        environ["REGSIM_ACCEL"] = choice
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


SHOW = "from regsim import accel; print(accel.BACKEND, type(accel.new_handle_table()).__name__)"


@pytest.mark.parametrize("choice", [None, "", "auto", "require"])
@pytest.mark.skipif(not HAVE, reason="this installation has no C library")
def test_library_is_taken_where_it_is(choice: str | None) -> None:
    """Without a wish, with ``auto`` and with ``require`` the C table is handed out."""
    assert python(SHOW, choice).stdout.split() == ["c", "CHandleTable"]


@pytest.mark.parametrize("code", [SHOW, MISSING + SHOW])
def test_off_means_off(code: str) -> None:
    """``off`` takes the pure table, whether there is a library or not."""
    assert python(code, "off").stdout.split() == ["python", "PyHandleTable"]


def test_auto_does_without() -> None:
    """``auto`` takes the pure table where there is no library."""
    assert python(MISSING + SHOW, "auto").stdout.split() == ["python", "PyHandleTable"]


def test_require_does_not_do_without() -> None:
    """``require`` fails with a `UsageError` that says so where there is no library."""
    done = python(MISSING + SHOW, "require")

    assert done.returncode == 1
    assert "UsageError: REGSIM_ACCEL=require, but this regsim has no C library" in done.stderr


def test_another_word_is_refused() -> None:
    """A wish that is none of the three is refused with a list of them."""
    done = python(SHOW, "on")

    assert "unknown REGSIM_ACCEL 'on'; known: auto, require, off" in done.stderr


def test_library_of_another_build_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library with another interface number is not used, and the reason names the file."""
    old = SimpleNamespace(INTERFACE=accel.INTERFACE - 1, __file__="old.so")
    monkeypatch.setattr(accel.importlib, "import_module", lambda _: old)

    assert accel._load("auto") == (None, "old.so is of another build; install regsim again")
    with pytest.raises(UsageError, match="is of another build"):
        accel._load("require")


def test_backend_is_that_of_the_library() -> None:
    """The name of the backend and the library that is in use agree."""
    assert {"python": True, "c": False}[accel.BACKEND] is (accel.NATIVE is None)
    assert os.environ.get("REGSIM_ACCEL") != "require" or accel.BACKEND == "c"


def test_doctor_says_which_and_why() -> None:
    """``regsim doctor`` names the backend and the reason, as text and as JSON."""
    run = "from regsim.cli import main; import sys; sys.exit(main(['doctor'%s]))"

    assert "(REGSIM_ACCEL=off)" in python(run % "", "off").stdout
    said = json.loads(python(run % ", '--json'", "off").stdout)
    assert (said["backend"], said["backend_reason"]) == ("python", "REGSIM_ACCEL=off")


def test_doctor_fails_plainly_without_what_is_required() -> None:
    """Where a required library is missing the command line says so in one line, exit code 2."""
    run = MISSING + "from regsim.cli import main; sys.exit(main(['doctor']))"
    done = python(run, "require")

    assert done.returncode == 2
    assert done.stderr.startswith("regsim: error: REGSIM_ACCEL=require, but this regsim has no C")
    assert len(done.stderr.splitlines()) == 1

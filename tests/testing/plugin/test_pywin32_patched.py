"""pywin32's modules where a program imports them: in the modules that a registry patches."""

from __future__ import annotations

import importlib

import pytest

from regsim.testing import fake_winreg

pytest_plugins = ["pytester"]

PROGRAM = """
import pywintypes
import win32api
from win32con import HKEY_CURRENT_USER
from win32api import RegOpenKey

try:
    import win32security
except ImportError:
    win32security = None

def read():
    import win32api as late
    key = RegOpenKey(HKEY_CURRENT_USER, "Software")
    try:
        return late.RegQueryInfoKey(key)[0]
    finally:
        win32api.RegCloseKey(key)

def keep():
    return RegOpenKey(HKEY_CURRENT_USER, "Software")

def missing():
    try:
        RegOpenKey(HKEY_CURRENT_USER, "nowhere")
    except pywintypes.error as error:
        return error.winerror, win32security is not None
"""

TESTS = """
import pytest
from regsim.testing import fake_winreg
{top}

KEPT = []

@pytest.mark.registry(patch=["program"])
def test_marker(registry):
    import program
    assert program.read() > 0
    assert program.missing() == (2, True)

@fake_winreg(patch=["program"])
def test_decorator():
    import program
    assert program.read() > 0

def test_context():
    with fake_winreg(patch=["program"]):
        import program
        assert program.read() > 0

@pytest.mark.registry(patch=["program"])
def test_keeps():
    import program
    KEPT.append(program.keep())
"""


@pytest.mark.parametrize("installed", [True, False])
def test_each_way_of_patching_gives_pywin32(pytester: pytest.Pytester, installed: bool) -> None:
    """By marker, decorator and context, imported before or meanwhile; leaks are found."""
    pytester.makepyfile(program=PROGRAM)
    pytester.makepyfile(TESTS.format(top="import program" if installed else ""))
    pytester.syspathinsert()
    options = ["--registry-install"] if installed else []
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", *options)

    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["*program.py:*asked for*", "*FAILED*test_keeps*"])


def test_everywhere() -> None:
    """Every module sees them then, but no longer than the block lasts."""
    with fake_winreg(everywhere=True):
        win32api = importlib.import_module("win32api")
        assert win32api.RegQueryInfoKey(-2147483647)[0] > 0
    with pytest.raises(ImportError):
        importlib.import_module("win32api")


def test_a_module_without_registry_is_refused(pytester: pytest.Pytester) -> None:
    """One that imports other modules of pywin32 alone has nothing to patch."""
    pytester.makepyfile(program="try:\n    import win32gui\nexcept ImportError:\n    pass\n")
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.registry(patch=["program"])
        def test_it():
            pass
        """
    )
    pytester.syspathinsert()
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["nothing to patch in 'program'*"])


def test_the_placeholder_says_what_to_do(pytester: pytest.Pytester) -> None:
    """A call of pywin32's outside of any registry is told of the two ways to one."""
    pytester.makepyfile(program=PROGRAM)
    pytester.makepyfile("import program\n\ndef test_it():\n    program.read()\n")
    pytester.syspathinsert()
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--registry-install")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *win32api.RegOpenKey: no registry here; name the module*"])

"""What modules see that are to believe they run on Windows, and that nobody else does."""

from __future__ import annotations

import builtins
import importlib
import ntpath
import os
import platform
import sys
from collections.abc import Callable

import pytest

from regsim.errors import UsageError
from regsim.testing import fake_winreg
from regsim.testing.windows.standin import StandIn

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="here everybody sees Windows")

ASKS = """
    import os, platform, sys
    from os import environ, getenv, name
    from platform import system as kind
    from sys import platform as where

    def answers():
        return (sys.platform, os.name, platform.system(), where, name, kind())

    def version():
        return tuple(sys.getwindowsversion())

    def folder():
        return environ["APPDATA"], getenv("appdata"), os.path.join(os.environ["LocalAppData"], "x")
"""
TRUTH = (sys.platform, os.name, platform.system(), sys.platform, os.name, platform.system())
THERE = ("win32", "nt", "Windows") * 2


@pytest.mark.parametrize("before", [True, False])
def test_the_patched_module_sees_windows_and_nobody_else(
    program: Callable[..., str], before: bool
) -> None:
    """By modules and by names imported from them, be it imported before or in the block."""
    name = program(ASKS)
    if before:
        assert importlib.import_module(name).answers() == TRUTH
    with fake_winreg(patch=[name], windows=True):
        assert importlib.import_module(name).answers() == THERE
        assert (sys.platform, os.name, platform.system()) == TRUTH[:3]
        assert not hasattr(builtins, "WindowsError")
        assert not hasattr(sys, "getwindowsversion")
        assert sys.modules["sys"] is sys
        assert "winreg" not in sys.modules
    assert importlib.import_module(name).answers() == TRUTH


@pytest.mark.parametrize(
    ("generation", "version", "release"),
    [
        ("win11", (10, 0, 22631, 2, ""), "10.0.22631"),
        ("win7", (6, 1, 7601, 2, "Service Pack 1"), "6.1.7601"),
        ("xp", (5, 1, 2600, 2, "Service Pack 3"), "5.1.2600"),
        ("nt4-sp6a", (4, 0, 1381, 2, "Service Pack 6"), "4.0.1381"),
        ("win95", (4, 0, 950, 1, ""), "4.0.950"),
    ],
)
def test_everything_is_of_the_machine_s_generation(
    program: Callable[..., str], generation: str, version: tuple[object, ...], release: str
) -> None:
    """``sys.getwindowsversion``, ``platform`` and the registry name the same system."""
    name = program(ASKS)
    with fake_winreg(os=generation, patch=[name], windows=True):
        module = importlib.import_module(name)
        assert module.version() == version
        assert module.platform.version() == release
        assert module.platform.win32_ver()[1] == release
        assert module.platform.uname().system == "Windows"


def test_the_environment_is_the_real_one_and_what_windows_adds(
    program: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In any case of names; what a test sets counts; of the real one nothing is lost or changed."""
    monkeypatch.setenv("REGSIM_OWN", "mine")
    name = program(ASKS)
    with fake_winreg(patch=[name], windows=True):
        module = importlib.import_module(name)
        data = r"C:\Users\user\AppData\Roaming"
        assert module.folder() == (data, data, r"C:\Users\user\AppData\Local\x")
        assert module.environ["regsim_own"] == "mine"
        monkeypatch.setenv("APPDATA", r"D:\Data")
        assert module.getenv("AppData") == r"D:\Data"
        assert module.getenv("nowhere", "else") == "else"
        monkeypatch.delenv("APPDATA")
        del module.environ["APPDATA"]
        assert "APPDATA" not in module.environ
        assert set(os.environ) <= set(module.environ)
        folders = os.environ["PATH"].split(os.pathsep)
        assert set(folders) - {""} <= set(module.environ["Path"].split(";"))
        assert r"C:\Windows\system32" in module.environ["Path"].split(";")
    assert "APPDATA" not in os.environ


def test_everything_can_be_imported_from_a_stand_in(program: Callable[..., str]) -> None:
    """Of what is not there nothing is listed."""
    name = program(
        "from os import *\nfrom os.path import *\n"
        "from ctypes import *\nfrom ctypes.wintypes import *\n"
    )
    with fake_winreg(patch=[name], windows=True):
        module = importlib.import_module(name)
        assert module.name == "nt"
        assert module.environ["OS"] == "Windows_NT"
        assert module.environ | {"OS": "x"} == {**module.environ, "OS": "x"}
        assert not hasattr(module, "getuid")
        key = module.HKEY()
        open_key = module.windll.advapi32.RegOpenKeyExW
        assert open_key(0x80000001, "Nowhere", 0, 0x20019, module.byref(key)) == 2


def test_the_registry_s_own_variables_are_expanded() -> None:
    """By ``ExpandEnvironmentStrings``, with or without modules that see Windows."""
    with fake_winreg() as registry:
        expand = registry.winreg.ExpandEnvironmentStrings
        assert expand(r"%UserProfile%\AppData %nowhere%") == r"C:\Users\user\AppData %nowhere%"


def test_paths_are_windows_but_for_those_of_this_computer(
    program: Callable[..., str], tmp_path: os.PathLike[str]
) -> None:
    """Its files go on being found; what is no path of it is joined and taken apart as there."""
    name = program("import os\n")
    with fake_winreg(patch=[name], windows=True):
        there = importlib.import_module(name).os
        path = there.path
        assert path.join("Software", "Mine") == r"Software\Mine"
        assert path.join(r"C:\x", "..", "y") == ntpath.join(r"C:\x", "..", "y")
        assert path.basename(r"C:\x\y.txt") == "y.txt"
        assert path.splitdrive(r"C:\x") == ("C:", r"\x")
        assert path.expanduser("~") == r"C:\Users\user"
        assert path.expandvars(r"%SystemRoot%\x") == r"C:\Windows\x"
        assert path.join(str(tmp_path), "y") == os.path.join(str(tmp_path), "y")  # noqa: PTH118
        assert path.exists(tmp_path)
        assert path.abspath("y") == os.path.abspath("y")  # noqa: PTH100
        assert (there.sep, there.pathsep, there.linesep) == ("\\", ";", "\r\n")
        assert there.getcwd() == os.getcwd()  # noqa: PTH109
        for gone in ("getuid", "fork", "uname"):
            assert not hasattr(there, gone)
        assert "getuid" not in dir(there)
        assert "getcwd" in dir(there)


def test_an_error_of_windows_has_its_name_there(program: Callable[..., str]) -> None:
    """In a function and at its top, of a module imported before, and of one imported meanwhile."""
    source = """
        try:
            CAUGHT = WindowsError
        except NameError:
            CAUGHT = None

        def caught():
            import winreg
            try:
                winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Nowhere")
            except WindowsError as error:
                return error.winerror
    """
    names = [program(source, "before"), program(source, "after")]
    module = importlib.import_module(names[0])
    with fake_winreg(patch=names, windows=True):
        modules = [importlib.import_module(name) for name in names]
        assert [each.caught() for each in modules] == [2, 2]
        assert [each.CAUGHT for each in modules] == [OSError, OSError]
    assert not hasattr(module, "WindowsError")


DECIDES = """
    import sys
    from .base import WINDOWS, Error

    class Program:
        kind = "any"

        def run(self):
            return work()

    if WINDOWS:
        import winreg

        def work():
            with winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software"):
                raise Error("there")
    else:
        def work():
            raise Error("here")

    class Special(Program):
        def run(self):
            return super().run()

    ONE = Special()
"""
BASE = """
    import sys

    def on_windows():
        return sys.platform == "win32"

    WINDOWS = on_windows()

    class Error(Exception):
        pass
"""


def test_a_module_that_decided_at_its_import_decides_again(program: Callable[..., str]) -> None:
    """And one that imported what another decided; functions and classes stay the same objects."""
    program(BASE, "package.base")
    user = importlib.import_module(
        program("from .base import WINDOWS\nVALUE = WINDOWS\n", "package.user")
    )
    module = importlib.import_module(program(DECIDES, "package.decides"))
    error, work, special, one = module.Error, module.work, module.Special, module.ONE
    for generation in ("win11", "nt4-sp6a"):
        with fake_winreg(os=generation, patch=["winprog_package"], windows=True):
            with pytest.raises(error, match="there"):
                work()
            with pytest.raises(module.Error, match="there"):
                module.ONE.run()
            with pytest.raises(error, match="there"):
                special().run()
            assert isinstance(module.ONE, special)
            assert user.VALUE is True
            assert module is sys.modules["winprog_package.decides"]
        with pytest.raises(error, match="here"):
            work()
        assert module.ONE is one
        assert user.VALUE is False
        assert not hasattr(module, "winreg")


def test_decorated_functions_decide_again_too(program: Callable[..., str]) -> None:
    """Those that a wrapper closes over, in functions and methods; what cannot be kept is new."""
    source = """
        import functools, sys

        def doubled(function):
            @functools.wraps(function)
            def wrapper(*args):
                return 2 * function(*args)
            return wrapper

        def times(number):
            def work():
                return number
            return work

        def counting():
            def down(count):
                return sys.platform if not count else down(count - 1)
            return down

        down = counting()

        if sys.platform == "win32":
            @doubled
            def where():
                return "there "
        else:
            @doubled
            def where():
                return "here "

        class Program:
            __slots__ = ("kept",)

            @doubled
            def run(self):
                return self.here

            @property
            def here(self):
                return "win " if WINDOWS else "none "

            @staticmethod
            @doubled
            def fixed():
                return "w" if WINDOWS else "n"

        WINDOWS = sys.platform == "win32"
        number = times(7 if WINDOWS else 1)
    """
    name = program(source)
    module = importlib.import_module(name)
    where, kind = module.where, module.Program
    with fake_winreg(patch=[name], windows=True):
        assert module.where() == where() == "there there "
        assert kind().run() == module.Program().run() == "win win "
        assert kind.fixed() == "ww"
        assert module.number() == 7
        assert module.down(2) == "win32"
    assert module.where() == where() == "here here "
    assert (kind().run(), kind.fixed(), module.number()) == ("none none ", "nn", 1)


def test_a_module_that_decides_nothing_is_not_run_again(program: Callable[..., str]) -> None:
    """What it asks in a function, or as a program, is answered there; its state stays."""
    source = """
        import sys
        STATE = []

        def main():
            return sys.platform

        if __name__ == "__main__":
            main()
    """
    name = program(source)
    module = importlib.import_module(name)
    state = module.STATE
    with fake_winreg(patch=[name], windows=True):
        assert module.STATE is state
        assert module.main() == "win32"


def test_a_module_that_cannot_be_had_there_leaves_nothing_changed(
    program: Callable[..., str],
) -> None:
    """It is imported here, and on Windows it needs what is not there: the error is the import's."""
    source = """
        import sys
        VALUE = 1
        if sys.platform == "win32":
            VALUE = 2
            import no_such_module_for_windows
    """
    name = program(source)
    module = importlib.import_module(name)
    meta, before = list(sys.meta_path), builtins.__import__
    with pytest.raises(ModuleNotFoundError, match="no_such_module_for_windows"):
        fake_winreg(patch=[name], windows=True).__enter__()
    assert module.VALUE == 1
    assert sys.modules[name] is module
    assert (sys.meta_path, builtins.__import__) == (meta, before)


def test_blocks_of_two_generations_nest(program: Callable[..., str]) -> None:
    """The inner one's system is seen while it lasts, then the outer one's again."""
    name = program(ASKS)
    with fake_winreg(os="win11", patch=[name], windows=True):
        module = importlib.import_module(name)
        with fake_winreg(os="xp", patch=[name], windows=True):
            assert module.version()[:2] == (5, 1)
        assert module.version()[:2] == (10, 0)


@pytest.mark.parametrize("arguments", [{}, {"patch": ["json"], "everywhere": True}])
def test_it_is_for_modules_that_are_named(arguments: dict[str, object]) -> None:
    """Nobody would see it without, and with everywhere pytest would."""
    for name in ("windows", "looks_like_windows"):
        with pytest.raises(UsageError, match="for the modules that patch"):
            fake_winreg(**arguments, **{name: True}).__enter__()


def test_what_is_assigned_to_a_stand_in_goes_where_it_belongs() -> None:
    """To the real module, but for the names that differ, which are its own."""
    real = type(sys)("real")
    real.kept, real.changed_here = 1, 2
    made = StandIn(real, {"changed_here": 3, "new": 4}, ("kept",))
    assert (made.changed_here, made.new) == (3, 4)
    assert (made.added, made.changed) == ({"new"}, {"changed_here", "new", "kept"})
    with pytest.raises(AttributeError, match="module 'real' has no attribute 'kept'"):
        _ = made.kept
    made.changed_here, made.other = 5, 6
    assert (real.changed_here, real.other, made.other) == (2, 6, 6)
    del made.other, made.new
    assert not hasattr(real, "other")
    assert not hasattr(made, "new")


TESTS = """
import os, sys
import pytest
import subject
from subject import product
from regsim.testing import fake_winreg

@pytest.mark.registry(patch=["subject"], looks_like_windows=True)
def test_marker():
    assert subject.product() == product() == "Windows 10 Pro"
    assert sys.platform != "win32" and os.name != "nt"

@fake_winreg(patch=["subject"], windows=True, os="win7")
def test_decorator():
    assert subject.product() == product() == "Windows 7 Professional"

@fake_winreg(patch=["subject"], looks_like_windows=True, os="win8.1")
class TestClass:
    def test_method(self):
        assert subject.product() == "Windows 8.1 Pro"

@pytest.mark.registry(patch=["subject"], windows=True, bare=True)
def test_bare():
    with pytest.raises(FileNotFoundError):
        product()

def test_without():
    with pytest.raises(RuntimeError):
        product()
"""
SUBJECT = r"""
import sys

if sys.platform == "win32":
    import winreg

    def product():
        where = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, where) as key:
            return winreg.QueryValueEx(key, "ProductName")[0]
else:
    def product():
        raise RuntimeError("not on Windows")
"""


def test_every_way_in(pytester: pytest.Pytester) -> None:
    """Marker, decorator of functions and classes, both names, in a test that imports at its top."""
    pytester.makepyfile(TESTS, subject=SUBJECT)
    pytester.syspathinsert()

    done = pytester.runpytest_subprocess("-p", "no:cacheprovider")

    done.assert_outcomes(passed=5)


def test_a_program_that_cannot_be_imported_here(pytester: pytest.Pytester) -> None:
    """A line in conftest.py has it imported as on Windows; each test then has its own registry."""
    pytester.makepyfile(subject="from ctypes import windll\n" + SUBJECT)
    pytester.makeconftest(
        "from regsim.testing import fake_winreg\n"
        "fake_winreg(patch=['subject'], windows=True).__enter__()\n"
    )
    pytester.makepyfile(
        """
        import pytest, sys
        from subject import product

        @pytest.mark.parametrize("again", [1, 2])
        @pytest.mark.registry(patch=["subject"], looks_like_windows=True, os="win7")
        def test_it(again, registry):
            assert product() == "Windows 7 Professional"
            registry.seed(SEED)
            assert product() == "Mine"

        SEED = r'''Windows Registry Editor Version 5.00

        [HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion]
        "ProductName"="Mine"
        '''.replace("        ", "")
        """
    )
    pytester.syspathinsert()

    done = pytester.runpytest_subprocess("-p", "no:cacheprovider")

    done.assert_outcomes(passed=2)

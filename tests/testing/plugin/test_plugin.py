"""The pytest plugin, run on small test files: what passes, what fails, and what it says."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

KEEPS = r"""
    kept = []

    def test_keeps(winreg):
        kept.append(winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software"))
"""
SERVICE = r"""
    import pytest

    def touch(winreg):
        with winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software"):
            pass

    @pytest.mark.registry(process="service")
    def test_service(registry, winreg):
        with registry.acting_as_user():
            touch(winreg)
"""


@pytest.fixture(autouse=True)
def not_in_a_workflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """These runs tell GitHub nothing, wherever they run, unless a test says so."""
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


def run(pytester: pytest.Pytester, source: str, *options: str) -> pytest.RunResult:
    """Run *source* as a test file under the installed plugin."""
    pytester.makepyfile(source)
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", *options)


# -- what fails a test -----------------------------------------------------------------------


def test_what_is_closed_passes(pytester: pytest.Pytester) -> None:
    """A key closed by hand, by ``with``, or on destruction leaves nothing to complain of."""
    result = run(
        pytester,
        r"""
        def test_closes(winreg):
            root = winreg.HKEY_CURRENT_USER
            with winreg.CreateKey(root, r"Software\Mine") as key:
                winreg.SetValueEx(key, "a", 0, winreg.REG_SZ, "b")
            winreg.CloseKey(winreg.OpenKey(root, "Software"))
            winreg.OpenKey(root, "Software")
        """,
    )
    result.assert_outcomes(passed=1)


def test_a_kept_handle_fails_with_the_line_that_opened_it(pytester: pytest.Pytester) -> None:
    """The table names key, handle, holder, the test's line, and what a logoff would do."""
    result = run(pytester, KEEPS)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "1 handle left open on the user's profile",
            "*HKU?S-1-5-21-*?Software*0x8*test_a_kept_handle*.py:4*asked for, ends with the *",
            "at logoff on Windows 11: the hive unloads at once*, for its processes end first",
        ]
    )


def test_an_implicit_root_in_a_service_fails(pytester: pytest.Pytester) -> None:
    """The bug of Q241572: all was closed, and the root that nobody asked for stays open."""
    result = run(pytester, SERVICE)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*nobody asked for it, outlives the session"])


def test_the_same_in_the_users_process_passes(pytester: pytest.Pytester) -> None:
    """Its root ends with the session, so it blocks nothing."""
    run(pytester, SERVICE.replace("service", "user")).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("os", "ending"),
    [
        ("nt4-sp6a", "*stays loaded after 1 try and the profile is lost (event 1000)"),
        ("w2k", "*stays loaded after 60 tries and the profile is lost (event 1000)"),
        ("xp", "*saved late, or from a copy while the hive stays loaded (event 1517)"),
        ("win11", "*unloaded by force (event 1530); 1 handle answers 1018 from then on"),
    ],
)
def test_the_table_says_how_this_windows_would_end(pytester, os: str, ending: str) -> None:
    """The same leak ends differently on each generation."""
    result = run(pytester, SERVICE, f"--registry-os={os}")

    result.stdout.fnmatch_lines([ending])


def test_a_failed_test_is_not_blamed_for_what_it_held(pytester: pytest.Pytester) -> None:
    """Its frames keep its handles open: that says nothing of the code under test."""
    result = run(pytester, KEEPS + "        assert kept == []\n")

    result.assert_outcomes(failed=1)


EXPECTED = """
    import pytest
    kept = []

    @pytest.mark.xfail
    @pytest.mark.parametrize("fails", [True, False])
    @pytest.mark.parametrize("keeps", [True, False])
    def test_marked(winreg, keeps, fails):
        key = winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software")
        if keeps:
            kept.append(key)
        assert not fails

    @pytest.mark.xfail(raises=pytest.fail.Exception)
    def test_of_a_leak(winreg):
        kept.append(winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software"))
"""


def test_an_expected_failure_hides_no_leak(pytester: pytest.Pytester) -> None:
    """What such a test keeps is a failure, unless a leak is what it expects."""
    result = run(pytester, EXPECTED, "-rf")

    result.stdout.fnmatch_lines_random(
        ["FAILED *test_marked?True-True?*", "FAILED *test_marked?True-False?*"]
    )
    result.assert_outcomes(failed=2, xfailed=1 + 1, xpassed=1)
    alone = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-k", "True-True")
    assert alone.ret == pytest.ExitCode.TESTS_FAILED


def test_a_handle_in_a_cycle_is_closed_by_the_collector(pytester: pytest.Pytester) -> None:
    """What only the garbage collector finds is no leak of the code under test."""
    result = run(
        pytester,
        """
        import gc

        def test_cycle(winreg):
            gc.disable()
            cycle = [winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software")]
            cycle.append(cycle)
            del cycle
            gc.enable()
        """,
    )
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("level", "failed", "warned"), [("error", 1, False), ("warn", 0, True), ("off", 0, False)]
)
def test_the_option_says_how_strict_to_be(pytester, level: str, failed: int, warned: bool) -> None:
    """A failure, a warning, or nothing."""
    result = run(pytester, KEEPS, f"--registry-leaks={level}", "-Wdefault")

    result.assert_outcomes(passed=1 - failed, failed=failed)
    assert ("RegistryLeakWarning" in result.stdout.str()) is warned


def test_the_marker_overrules_the_option(pytester: pytest.Pytester) -> None:
    """One test may be allowed what the suite is not."""
    source = "    import pytest\n" + KEEPS.replace(
        "    def test", "    @pytest.mark.registry(leaks='off')\n    def test"
    )
    run(pytester, source).assert_outcomes(passed=1)


def test_elsewhere_handles_may_be_kept(pytester: pytest.Pytester) -> None:
    """Only the user's profile must unload; HKEY_LOCAL_MACHINE never does."""
    run(pytester, KEEPS.replace("CURRENT_USER", "LOCAL_MACHINE")).assert_outcomes(passed=1)


def test_the_users_classes_are_part_of_the_profile(pytester: pytest.Pytester) -> None:
    """UsrClass.dat is a hive of its own that must unload too."""
    source = KEEPS.replace('"Software"', r'r"Software\Classes\CLSID"')
    run(pytester, source).assert_outcomes(failed=1)


# -- fixtures and marker ---------------------------------------------------------------------


def test_the_marker_alone_gives_a_registry(pytester: pytest.Pytester) -> None:
    """Modules that it names see the fake at their top, in functions, and in names they imported."""
    pytester.makepyfile(
        settings="""
        import winreg
        from winreg import QueryValueEx

        def read():
            import winreg as again
            with winreg.OpenKey(again.HKEY_CURRENT_USER, r"Software\\Seeded") as key:
                return QueryValueEx(key, "a")[0]
        """
    )
    pytester.path.joinpath("fixture.reg").write_text(
        'REGEDIT4\n\n[HKEY_CURRENT_USER\\Software\\Seeded]\n"a"="from the seed"\n'
    )
    result = run(
        pytester,
        """
        import sys
        import pytest

        @pytest.mark.registry(patch=["settings"], os="win10", seed="fixture.reg")
        def test_seeded():
            import settings
            assert settings.read() == "from the seed"

        def test_after():
            assert "settings" not in sys.modules
            assert "winreg" not in sys.modules or sys.platform == "win32"
        """,
    )
    result.assert_outcomes(passed=2)


def test_unittest_classes_work(pytester: pytest.Pytester) -> None:
    """A marked TestCase gets the registry, and its leaks fail it."""
    result = run(
        pytester,
        """
        import unittest
        import pytest

        @pytest.mark.registry(everywhere=True)
        class TestThing(unittest.TestCase):
            def test_closes(self):
                import winreg
                winreg.CloseKey(winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software"))

            def test_keeps(self):
                import winreg
                type(self).kept = winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software")
        """,
        "--registry-os=win10,xp",
    )
    result.assert_outcomes(passed=1, failed=1)


def test_async_tests_work(pytester: pytest.Pytester) -> None:
    """A coroutine, and the threads it hands work to, call as threads of the same process."""
    pytester.makeconftest(
        """
        import asyncio
        import inspect

        def pytest_pyfunc_call(pyfuncitem):
            if inspect.iscoroutinefunction(pyfuncitem.obj):
                asyncio.run(pyfuncitem.obj(pyfuncitem.funcargs["winreg"]))
                return True
        """
    )
    result = run(
        pytester,
        """
        import asyncio

        async def test_async(winreg):
            key = await asyncio.to_thread(winreg.OpenKey, winreg.HKEY_CURRENT_USER, "Software")
            winreg.CloseKey(key)
        """,
    )
    result.assert_outcomes(passed=1)


def test_a_profile_session_saves_the_profile(pytester: pytest.Pytester) -> None:
    """The user logs off at the end; a service that holds the hive fails the test, once."""
    result = run(
        pytester,
        """
        def use(session, release):
            service = session.registry.service("TapiSrv")
            with session.registry.acting_as_user(service):
                service.CloseKey(service.OpenKey(service.HKEY_CURRENT_USER, "Software"))
                if release:
                    service.CloseKey(service.HKEY_CURRENT_USER)

        def test_releases(profile_session):
            use(profile_session, True)

        def test_holds(profile_session):
            use(profile_session, False)
        """,
        "--registry-os=nt4-sp6a",
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*TapiSrv*nobody asked for it*", "*profile is lost*"])


def test_a_suite_runs_on_several_generations(pytester: pytest.Pytester) -> None:
    """Each test with a registry runs once on each; one that names its own runs there alone."""
    result = run(
        pytester,
        """
        import pytest

        def test_any(registry):
            assert registry.os in ("w2k", "win11")

        @pytest.mark.registry(os="xp")
        def test_own(registry):
            assert registry.os == "xp"

        def test_none():
            pass
        """,
        "--registry-os=w2k,win11",
        "-v",
    )
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["*test_any[[]w2k]*", "*test_any[[]win11]*"])


# -- wrong use -------------------------------------------------------------------------------


def test_an_unknown_generation_is_refused_before_any_test(pytester: pytest.Pytester) -> None:
    """The message lists those there are."""
    result = run(pytester, KEEPS, "--registry-os=win12")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*unknown * 'win12' (did you mean 'win11'?); known: *win11*"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("color='red'", "*has no 'color'; it has: patch,*"),
        ("'win11'", "*takes arguments by name alone; it has: patch,*"),
        ("leaks='maybe'", "*one of error, warn, off*"),
        ("process='robot'", "*it can be 'user' or 'service'*"),
        ("patch='settings'", "*are a list of names*"),
        ("patch=[5]", "*are a list of names*"),
        ("patch=5", "*are a list of names*"),
        ("os='win12'", "unknown OS 'win12' (did you mean 'win1*'?); known: *"),
        ("os=['win11', 'xp']", "os is [[]'win11', 'xp'[]]; it is the name of one system*"),
        ("seed=''", "the seed is an empty text; None begins without one"),
        ("seed='nowhere.reg'", "cannot read the seed nowhere.reg: No such file or directory"),
        (
            "seed=5",
            "a seed is a .reg file, a hive or JSON by its path, * not 5",
        ),
        ("patch=['no_such_module']", "*no module 'no_such_module' to patch*"),
        ("patch=['json:nothing']", "*has no name 'nothing' to patch*"),
    ],
)
def test_a_marker_that_cannot_be_meant_is_refused(pytester, arguments: str, message: str) -> None:
    """Each wrong argument says what would be right."""
    result = run(
        pytester,
        f"""
        import pytest

        @pytest.mark.registry({arguments})
        def test_it():
            pass
        """,
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])
    assert "Traceback" not in result.stdout.str()
    assert "regsim/testing" not in result.stdout.str()


# -- unused ----------------------------------------------------------------------------------


def test_it_can_be_disabled(pytester: pytest.Pytester) -> None:
    """Under -p no:regsim there is no fixture and no option."""
    result = run(pytester, KEEPS, "-p", "no:regsim")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'winreg' not found*"])


def test_an_unused_plugin_loads_no_simulator(pytester: pytest.Pytester) -> None:
    """Start-up costs the standard library alone: attrs, hypothesis and the kernel stay out."""
    pytester.makepyfile(
        """
        import sys

        def test_light():
            heavy = ("attrs", "attr", "regsim.kernel", "regsim.testing.registry", "rich", "click")
            assert [name for name in heavy if name in sys.modules] == []
        """
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:hypothesispytest", "-p", "no:anyio"],
        cwd=pytester.path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout

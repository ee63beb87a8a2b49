"""What a run says beside pass and fail: JUnit, GitHub, shared registries, and plain wrong use."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from regsim.testing.github import annotation

pytest_plugins = ["pytester"]

KEEPS = r"""
    kept = []

    def test_keeps(winreg):
        kept.append(winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software"))
"""
HOLDS = r"""
    def test_holds(profile_session):
        service = profile_session.registry.service("TapiSrv")
        with profile_session.registry.acting_as_user(service):
            service.CloseKey(service.OpenKey(service.HKEY_CURRENT_USER, "Software"))
"""


@pytest.fixture(autouse=True)
def not_in_a_workflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """These runs tell GitHub nothing, wherever they run, unless a test says so."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)


def run(pytester: pytest.Pytester, source: str, *options: str) -> pytest.RunResult:
    """Run *source* as a test file under the installed plugin."""
    pytester.makepyfile(source)
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", *options)


# -- JUnit and GitHub ------------------------------------------------------------------------


def test_leaks_stand_in_the_junit_file(pytester: pytest.Pytester) -> None:
    """Each as a property of its test."""
    run(pytester, KEEPS, "--junitxml=out.xml")

    found = ET.parse(pytester.path / "out.xml").getroot().iter("property")  # noqa: S314 - our own
    values = [entry.get("value") for entry in found if entry.get("name") == "registry_leak"]
    assert len(values) == 1
    assert "handle 0x8; asked for; opened at" in str(values[0])


def test_github_is_told_once(pytester, monkeypatch) -> None:
    """An annotation at the line that opened the handle, and a table."""
    summary = pytester.path / "summary.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))

    result = run(pytester, KEEPS)

    told = [line for line in result.outlines if line.startswith("::error ")]
    assert len(told) == 1
    assert "line=4::" in told[0]
    assert summary.read_text().count("test_keeps") == 1


def test_elsewhere_nobody_is_told(pytester: pytest.Pytester) -> None:
    """Without a workflow there are no annotations."""
    assert "::error" not in run(pytester, KEEPS).stdout.str()


@pytest.mark.parametrize("os", ["nt4-sp6a", "win11"])
def test_a_lost_profile_stands_there_once(pytester, monkeypatch, os: str) -> None:
    """A profile session that fails is told as a leak is, and its table is printed once."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.delenv("CI", raising=False)  # there pytest's own summary has the table again

    result = run(pytester, HOLDS, "--junitxml=out.xml", f"--registry-os={os}")

    assert sum(line.startswith("at logoff on ") for line in result.outlines) == 1
    assert sum(line.startswith("::error ") for line in result.outlines) == 1
    assert (pytester.path / "out.xml").read_text().count('name="registry_leak"') == 1


def test_what_only_warns_is_told_as_a_warning(pytester: pytest.Pytester, monkeypatch) -> None:
    """GitHub shows no error for a test that passes."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")

    result = run(pytester, KEEPS, "--registry-leaks=warn", "-Wdefault")

    told = [line for line in result.outlines if line.startswith("::")]
    assert [line.partition(" ")[0] for line in told] == ["::warning"]


def test_an_annotation_stands_in_the_workspace(tmp_path: Path, monkeypatch) -> None:
    """GitHub counts from the checkout, wherever the tests were started."""
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    folder = tmp_path / "sub"
    folder.mkdir()
    monkeypatch.chdir(folder)
    place = folder / "a,b.py"

    told = annotation("error", "t.py::test_x[1]", f"K; handle 0x8; opened at {place}:7")

    assert told == (
        "::error file=sub/a%2Cb.py,line=7::"
        "t.py::test_x[1] leaves a registry handle open: K; handle 0x8"
    )


def test_an_annotation_of_an_installed_package_names_the_place(tmp_path, monkeypatch) -> None:
    """What is not in the checkout has no line that GitHub could show."""
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path / "work"))

    told = annotation("error", "t", f"100%; opened at {tmp_path / 'lib.py'}:7")

    assert told.startswith("::error::t leaves a registry handle open: 100%25; opened at ")
    assert told.endswith("lib.py:7")


def test_an_annotation_without_a_place_has_no_line(tmp_path: Path, monkeypatch) -> None:
    """Nor has what C code opened."""
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))

    assert annotation("error", "t", "K; opened at ?").startswith("::error::t ")


# -- seeds -----------------------------------------------------------------------------------


def test_a_seed_is_found_beside_the_test(pytester: pytest.Pytester) -> None:
    """Before one of the same name at the root, and wherever pytest was started."""
    for folder, value in ((pytester.path, "root"), (pytester.mkdir("tests"), "beside")):
        text = f'REGEDIT4\n\n[HKEY_CURRENT_USER\\Seeded]\n"a"="{value}"\n'
        folder.joinpath("fixture.reg").write_text(text)
    source = """
import pytest

@pytest.mark.registry(seed="fixture.reg")
def test_seeded(winreg):
    with winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Seeded") as key:
        assert winreg.QueryValueEx(key, "a")[0] == "{}"
"""
    (pytester.path / "tests" / "test_a.py").write_text(source.format("beside"))
    (pytester.path / "test_b.py").write_text(source.format("root"))

    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=2)


def test_the_closest_marker_wins(pytester: pytest.Pytester) -> None:
    """A test's own argument overrules its class's, which holds for the rest."""
    result = run(
        pytester,
        """
        import pytest

        @pytest.mark.registry(os="xp", process="service")
        class TestIt:
            @pytest.mark.registry(os="w2k")
            def test_own(self, registry):
                assert (registry.os, registry.computer.process.user) == ("w2k", False)

            def test_of_the_class(self, registry):
                assert registry.os == "xp"
        """,
    )
    result.assert_outcomes(passed=2)


# -- several generations, wider scopes, doctests -----------------------------------------------


def test_the_header_says_what_runs_on_one_alone(pytester: pytest.Pytester) -> None:
    """The methods of unittest and doctests cannot be run more than once."""
    twice = run(pytester, KEEPS, "--registry-os=w2k,win11,w2k", "--registry-leaks=off")
    once = run(pytester, KEEPS, "--registry-os=w2k", "--registry-leaks=off")

    twice.assert_outcomes(passed=2)
    twice.stdout.fnmatch_lines(["registry: w2k, win11; unittest*doctests on w2k alone"])
    assert "registry:" not in once.stdout.str()


def test_generations_times_parameters(pytester: pytest.Pytester) -> None:
    """Each parameter on each system, from xdist's workers too."""
    pytest.importorskip("xdist")
    source = """
        import pytest

        @pytest.mark.parametrize("number", [1, 2])
        def test_it(registry, number):
            assert registry.os in ("w2k", "win11")
        """
    run(pytester, source, "--registry-os=w2k,win11", "-n2").assert_outcomes(passed=4)


SHARED = """
    import pytest
    from regsim.testing import fake_winreg

    @pytest.fixture(scope="{scope}")
    def shared():
        with fake_winreg(os="win10") as registry:
            yield registry

    def test_writes(shared):
        with shared.winreg.CreateKey(shared.winreg.HKEY_CURRENT_USER, "Mine"):
            pass

    def test_reads(shared):
        key = shared.winreg.OpenKey(shared.winreg.HKEY_CURRENT_USER, "Mine")
        shared.kept = key if {keeps} else None
"""


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("scope", ["module", "session"])
def test_a_fixture_of_wider_scope_shares_a_registry(pytester, scope: str, keeps: bool) -> None:
    """One with-block serves many tests, and what they leave fails them."""
    result = run(pytester, SHARED.format(scope=scope, keeps=keeps))

    result.assert_outcomes(passed=2 - keeps, failed=int(keeps))


def test_a_wider_fixture_cannot_take_a_tests_registry(pytester: pytest.Pytester) -> None:
    """The error says so, and names both."""
    result = run(
        pytester,
        """
        import pytest

        @pytest.fixture(scope="module")
        def shared(registry):
            return registry

        def test_it(shared):
            pass
        """,
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["ScopeMismatch: *function scoped fixture registry*"])


def test_doctests_may_ask_for_the_fixtures(pytester: pytest.Pytester) -> None:
    """By pytest's own getfixture."""
    pytester.makepyfile(
        example='''
        """
        >>> winreg = getfixture("winreg")
        >>> with winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software") as key:
        ...     bool(key)
        True
        """
        '''
    )
    pytester.runpytest_inprocess("--doctest-modules").assert_outcomes(passed=1)


# -- fixtures that open keys -------------------------------------------------------------------

FIXTURES = """
    import pytest

    @pytest.fixture
    def closes(winreg):
        key = winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software")
        yield key
        winreg.CloseKey(key)

    @pytest.fixture
    def keeps(winreg):
        yield winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software")

    @pytest.fixture
    def breaks(winreg):
        key = winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software")
        assert not key

    def test_it({name}):
        pass
"""


@pytest.mark.parametrize(
    ("name", "outcomes", "leaks"),
    [
        ("closes", {"passed": 1}, False),
        ("keeps", {"failed": 1}, True),
        ("breaks", {"errors": 1}, False),
    ],
)
def test_fixtures_open_keys(pytester, name: str, outcomes: dict[str, int], leaks: bool) -> None:
    """They end before the registry is searched; one that failed is not blamed besides."""
    result = run(pytester, FIXTURES.format(name=name))

    result.assert_outcomes(**outcomes)
    assert ("left open on the user's profile" in result.stdout.str()) is leaks

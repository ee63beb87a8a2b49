"""The pytest plugin: a registry for tests, and a test that fails when it leaves a handle open.

At start-up it imports nothing but the standard library; the simulator comes with the first test
that asks for it. Disable it with ``-p no:regsim``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from regsim.testing.profile import ProfileSession
    from regsim.testing.registry import Registry
    from regsim.testing.winreg import BoundWinreg

MARKER = (
    "registry(patch=[], everywhere=False, os='win11', process='user', seed=None, leaks=None): "
    "run the test with a simulated registry; see regsim's documentation"
)
ARGUMENTS = ("patch", "everywhere", "os", "process", "seed", "leaks")
LEVELS = ("error", "warn", "off")
PROPERTY = "registry_leak"
_failed: pytest.StashKey[bool] = pytest.StashKey()


class RegistryLeakWarning(UserWarning):
    """Handles on the user's profile were left open, under ``--registry-leaks=warn``."""


# -- options -----------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that say how strict to be and on which Windows to run."""
    group = parser.getgroup("regsim", "simulated registry")
    group.addoption(
        "--registry-leaks",
        choices=LEVELS,
        default="error",
        help="what handles left open on the user's profile do to a test (default: error)",
    )
    group.addoption(
        "--registry-os",
        default="",
        metavar="NAME[,NAME]",
        help="run tests with a registry on these Windows generations (default: win11)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and refuse an unknown generation before any test runs."""
    config.addinivalue_line("markers", MARKER)
    if config.getoption("--registry-os"):
        from regsim import dialects  # noqa: PLC0415 - only when asked for
        from regsim.errors import UnknownNameError  # noqa: PLC0415 - only when asked for

        try:
            for name in _systems(config):
                dialects.get(name)
        except UnknownNameError as error:
            raise pytest.UsageError(f"--registry-os: {error}") from error


def _systems(config: pytest.Config) -> list[str]:
    return [name.strip() for name in config.getoption("--registry-os").split(",") if name.strip()]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that has a registry once per generation, where several were asked for."""
    systems = _systems(metafunc.config)
    marker = metafunc.definition.get_closest_marker("registry")
    wants = marker is not None or {"registry", "winreg", "profile_session"}.intersection(
        metafunc.fixturenames
    )
    if len(systems) < 2 or not wants or (marker is not None and "os" in marker.kwargs):
        return
    if metafunc.cls is not None and hasattr(metafunc.cls, "assertEqual"):
        return  # unittest's methods cannot be parametrized: they run on the first
    if "_registry_os" not in metafunc.fixturenames:
        metafunc.fixturenames.append("_registry_os")
    metafunc.parametrize("_registry_os", systems, indirect=True)


# -- fixtures ----------------------------------------------------------------------------------


@pytest.fixture
def _registry_os(request: pytest.FixtureRequest) -> str:
    """The generation to run on, before a marker has its say."""
    systems = _systems(request.config) or ["win11"]
    return str(getattr(request, "param", systems[0]))


@pytest.fixture(autouse=True)
def _registry_marker(request: pytest.FixtureRequest) -> None:
    """Give a marked test its registry although it names no fixture."""
    if request.node.get_closest_marker("registry") is not None:
        request.getfixturevalue("winreg")


@pytest.fixture
def registry(request: pytest.FixtureRequest, _registry_os: str) -> Iterator[Registry]:
    """A simulated computer with a logged-on roaming user; handles left on their hive fail the test.

    See `regsim.testing.registry.Registry` for what it offers.
    """
    from regsim.testing.registry import Registry  # noqa: PLC0415 - only when asked for

    given = _arguments(request.node)
    made = Registry(
        given.get("os", _registry_os),
        process=given.get("process", "user"),
        seed=given.get("seed"),
    )
    yield made
    if not request.node.stash.get(_failed, False):
        level = given.get("leaks") or request.config.getoption("--registry-leaks")
        _judge(request.node, made, level)


@pytest.fixture
def winreg(request: pytest.FixtureRequest, registry: Registry) -> Iterator[BoundWinreg]:
    """Python's ``winreg`` on the simulated computer, seen by the modules that the marker names."""
    from regsim.testing.patching import Patch  # noqa: PLC0415 - only when asked for

    given = _arguments(request.node)
    patch, everywhere = given.get("patch", ()), given.get("everywhere", False)
    with Patch(registry.winreg, patch, everywhere=everywhere):
        yield registry.winreg


@pytest.fixture
def profile_session(request: pytest.FixtureRequest, registry: Registry) -> Iterator[ProfileSession]:
    """A session that is logged off at the end of the test; it fails unless the profile is saved."""
    from regsim.testing.profile import ProfileSession  # noqa: PLC0415 - only when asked for

    session = ProfileSession(registry)
    yield session
    if not request.node.stash.get(_failed, False):
        try:
            session.finish()
        except AssertionError as error:
            request.node.stash[_failed] = True
            pytest.fail(str(error), pytrace=False)


def _arguments(node: pytest.Item) -> dict[str, Any]:
    """Return what the test's markers say, the closest last; refuse what they cannot say."""
    given: dict[str, Any] = {}
    for marker in reversed(list(node.iter_markers("registry"))):
        unknown = [name for name in marker.kwargs if name not in ARGUMENTS]
        if marker.args or unknown:
            what = f"{unknown[0]!r}" if unknown else "an argument without a name"
            _refuse(f"@pytest.mark.registry has no {what}; it has: {', '.join(ARGUMENTS)}")
        given |= marker.kwargs
    if given.get("leaks") not in (None, *LEVELS):
        _refuse(f"@pytest.mark.registry(leaks={given['leaks']!r}): one of {', '.join(LEVELS)}")
    return given


def _refuse(message: str) -> NoReturn:
    raise pytest.UsageError(message)


# -- the verdict -------------------------------------------------------------------------------


def _judge(node: pytest.Item, registry: Registry, level: str) -> None:
    """Fail the test, or warn, where *registry* has handles left open on the user's profile."""
    from regsim.testing.registry import table  # noqa: PLC0415 - loaded by now

    leaks = registry.leaks() if level != "off" else []
    if not leaks:
        return
    text = table(registry, leaks)
    for leak in leaks:
        handle = leak.handle
        how = "implicit" if handle.implicit else "asked for"
        value = f"{handle.key}; handle {handle.handle:#x}; {how}; opened at {handle.source}"
        node.user_properties.append((PROPERTY, value))
    if level == "warn":
        node.warn(RegistryLeakWarning(text))
    else:
        pytest.fail(text, pytrace=False)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Note whether the test itself failed: what it left open then says nothing."""
    outcome: Any = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        item.stash[_failed] = True


# -- continuous integration --------------------------------------------------------------------


class _Annotations:
    """Collects leaks from the reports of all workers and tells them to GitHub at the end."""

    def __init__(self) -> None:
        self.leaks: list[tuple[str, str]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect what a test left, once, at its teardown."""
        if report.when == "teardown":
            found = [str(value) for name, value in report.user_properties if name == PROPERTY]
            self.leaks += [(report.nodeid, value) for value in found]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write an annotation per leak, and a table into the step's summary."""
        if not self.leaks:
            return
        for test, value in self.leaks:
            *_, source = value.split("; opened at ")
            file, _, line = source.rpartition(":")
            place = f"file={_relative(file)},line={line}" if line.isdigit() else ""
            message = f"{test} leaves a registry handle open: {value.split('; opened at ')[0]}"
            terminalreporter.write_line(f"::error {place}::{_escaped(message)}")
        summary = os.environ.get("GITHUB_STEP_SUMMARY")
        if summary:
            with open(summary, "a", encoding="utf-8") as stream:  # noqa: PTH123 - stdlib, light
                stream.write(_markdown(self.leaks))


def _relative(file: str) -> str:
    try:
        return os.path.relpath(file)
    except ValueError:  # another drive
        return file


def _escaped(text: str) -> str:
    """Return *text* as the data of a workflow command (GitHub's documentation)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _markdown(leaks: list[tuple[str, str]]) -> str:
    lines = ["### Registry handles left open", "", "| test | handle |", "|---|---|"]
    lines += [f"| `{_cell(test)}` | `{_cell(value)}` |" for test, value in leaks]
    return "\n".join(lines) + "\n\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("`", "'").replace("\n", " ")


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Tell GitHub of leaks, where the run is one of its workflows, from the controlling process."""
    if os.environ.get("GITHUB_ACTIONS") == "true" and not hasattr(session.config, "workerinput"):
        session.config.pluginmanager.register(_Annotations(), "regsim-annotations")

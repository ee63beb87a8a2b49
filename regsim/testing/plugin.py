"""The pytest plugin: a registry for tests, and a test that fails when it leaves a handle open.

At start-up it imports nothing but pytest and the standard library; the simulator comes with the
first test that asks for it. Disable it with ``-p no:regsim``.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from regsim.testing.profile import ProfileSession
    from regsim.testing.registry import Leak, Registry
    from regsim.testing.winreg import BoundWinreg

MARKER = (
    "registry(patch=[], everywhere=False, os='win11', process='user', seed=None, leaks=None): "
    "run the test with a simulated registry, which the modules of patch see as winreg; "
    "regsim.testing.fake_winreg says what each argument is"
)
ARGUMENTS = ("patch", "everywhere", "os", "process", "seed", "leaks")
LEVELS = ("error", "warn", "off")
_failed: pytest.StashKey[bool] = pytest.StashKey()
_refused: pytest.StashKey[bool] = pytest.StashKey()


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
    names = [name.strip() for name in config.getoption("--registry-os").split(",")]
    return [name for name in dict.fromkeys(names) if name]


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what runs where, when several generations were asked for."""
    systems = _systems(config)
    if len(systems) < 2:
        return []
    first = systems[0]
    return [f"registry: {', '.join(systems)}; unittest's classes and doctests on {first} alone"]


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

    Each test has its own; for one that tests share, write a fixture of wider scope with
    `regsim.testing.fake_winreg`. See `regsim.testing.registry.Registry` for what it offers.
    """
    from regsim.testing.registry import Registry  # noqa: PLC0415 - only when asked for

    given = _arguments(request.node)
    with _plainly():
        made = Registry(
            given.get("os", _registry_os),
            process=given.get("process", "user"),
            seed=_found(request.node, given.get("seed")),
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
    with ExitStack() as stack:
        with _plainly():
            stack.enter_context(Patch(registry.winreg, patch, everywhere=everywhere))
        yield registry.winreg


@pytest.fixture
def profile_session(request: pytest.FixtureRequest, registry: Registry) -> Iterator[ProfileSession]:
    """A session that is logged off at the end of the test; it fails unless the profile is saved.

    It does so whatever ``--registry-leaks`` says.
    """
    from regsim.testing.profile import ProfileSession  # noqa: PLC0415 - only when asked for

    session = ProfileSession(registry)
    yield session
    if not request.node.stash.get(_failed, False):
        leaks = registry.leaks()
        try:
            session.finish()
        except AssertionError as error:
            request.node.stash[_failed] = request.node.stash[_refused] = True
            _record(request.node, leaks)
            _refuse(str(error))


def _arguments(node: pytest.Item) -> dict[str, Any]:
    """Return what the test's markers say, the closest last; refuse what they cannot say."""
    given: dict[str, Any] = {}
    for marker in reversed(list(node.iter_markers("registry"))):
        unknown = [name for name in marker.kwargs if name not in ARGUMENTS]
        if marker.args or unknown:
            wrong = f"has no {unknown[0]!r}" if unknown else "takes arguments by name alone"
            _refuse(f"@pytest.mark.registry {wrong}; it has: {', '.join(ARGUMENTS)}")
        given |= marker.kwargs
    if given.get("leaks") not in (None, *LEVELS):
        _refuse(f"@pytest.mark.registry(leaks={given['leaks']!r}): one of {', '.join(LEVELS)}")
    return given


def _found(node: pytest.Item, seed: object) -> Any:  # noqa: ANN401 - the registry checks it
    """Return *seed*, where it is a relative path, below the test's directory or the root."""
    if not isinstance(seed, str | Path) or "\n" in str(seed):
        return seed
    places = [folder / seed for folder in (node.path.parent, node.config.rootpath)]
    return next((place for place in places if place.is_file()), seed)


@contextmanager
def _plainly() -> Iterator[None]:
    """Tell wrong use in one line, without a traceback through this plugin."""
    from regsim.errors import RegsimError  # noqa: PLC0415 - only when asked for

    try:
        yield
    except RegsimError as error:
        _refuse(str(error))


def _refuse(message: str) -> NoReturn:
    """Fail the test with *message* and nothing else."""
    raise pytest.fail.Exception(message, pytrace=False) from None


# -- the verdict -------------------------------------------------------------------------------


def _judge(node: pytest.Item, registry: Registry, level: str) -> None:
    """Fail the test, or warn, where *registry* has handles left open on the user's profile."""
    from regsim.testing.registry import table  # noqa: PLC0415 - loaded by now

    leaks = registry.leaks() if level != "off" else []
    if not leaks:
        return
    text = table(registry, leaks)
    _record(node, leaks)
    if level == "warn":
        node.warn(RegistryLeakWarning(text))
    else:
        node.stash[_refused] = True
        _refuse(text)


def _record(node: pytest.Item, leaks: list[Leak]) -> None:
    """Make each of *leaks* a JUnit property of the test; GitHub reads it there."""
    for leak in leaks:
        handle = leak.handle
        how = "implicit" if handle.implicit else "asked for"
        value = f"{handle.key}; handle {handle.handle:#x}; {how}; opened at {handle.source}"
        node.user_properties.append(("registry_leak", value))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Note whether the test itself failed: what it left open then says nothing.

    A failure that is expected hides no leak: its mark is about the test, not about what is left,
    unless its ``raises`` names the exception of a leak too.
    """
    outcome: Any = yield
    report = outcome.get_result()
    if report.when in ("setup", "call") and report.failed:
        item.stash[_failed] = True
    elif report.when == "call" and call.excinfo is not None:
        _let_go(call.excinfo.value)
    raises = any(mark.kwargs.get("raises") for mark in item.iter_markers("xfail"))
    hidden = report.when == "teardown" and hasattr(report, "wasxfail") and not raises
    if hidden and item.stash.get(_refused, False):
        report.outcome = "failed"
        del report.wasxfail


def _let_go(error: BaseException | None) -> None:
    """Forget the local variables that an expected failure's traceback keeps.

    Handles in them are closed as soon as the program is out of the exception.
    """
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        for frame, _ in traceback.walk_tb(error.__traceback__):
            frame.f_locals  # noqa: B018 - before Python 3.13 a copy, which is brought up to date
        error = error.__cause__ or error.__context__


# -- continuous integration --------------------------------------------------------------------


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Tell GitHub of leaks, where the run is one of its workflows, from the controlling process."""
    if os.environ.get("GITHUB_ACTIONS") == "true" and not hasattr(session.config, "workerinput"):
        from regsim.testing.github import Annotations  # noqa: PLC0415 - only in a workflow

        session.config.pluginmanager.register(Annotations(), "regsim-annotations")

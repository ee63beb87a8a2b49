"""The pytest plugin: a registry for tests, and a test that fails when it leaves a handle open.

At start-up it imports nothing but pytest and the standard library; the simulator comes with the
first test that asks for it. Disable it with ``-p no:regsim``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from regsim.testing import blame
from regsim.testing.blame import LEVELS, Openers, RegistryLeakWarning
from regsim.testing.outcomes import Outcomes, properties

if TYPE_CHECKING:
    from regsim.testing.patching import Patch
    from regsim.testing.profile import ProfileSession
    from regsim.testing.registry import Leak, Registry
    from regsim.testing.snapshots import RegistrySnapshot
    from regsim.testing.winreg import BoundWinreg

MARKER = (
    "registry(patch=[], everywhere=False, os='win11', process='user', seed=None, bare=False, "
    "looks_like_windows=False, leaks=None): run the test with a simulated registry, which the "
    "modules of patch see as winreg; regsim.testing.fake_winreg says what each argument is"
)
ORDERS = (
    "registry_orders(schedules=1000, seed=0, os='win11', process='user', patch=[], replay=''): run "
    "the test in every order of the steps of the threads that it starts; regsim.testing.explore "
    "says what each argument is"
)
WINDOWS = ("windows", "looks_like_windows")
ARGUMENTS = ("patch", "everywhere", "os", "process", "seed", "bare", *WINDOWS, "leaks")
_openers: pytest.StashKey[Openers] = pytest.StashKey()
_again: pytest.StashKey[Callable[[], Registry]] = pytest.StashKey()


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
    group.addoption(
        "--registry-snapshot-update",
        action="store_true",
        help="keep what `registry.export() == registry_snapshot` compares, instead of comparing it",
    )
    group.addoption(
        "--registry-install",
        action="store_true",
        help="have `import winreg` work while tests are collected, where there is none: a program "
        "that is to be tested can then be imported at the top of a test file; for one that needs "
        "more of Windows, see looks_like_windows in the documentation",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Put a ``winreg`` in place before anything of the user's is imported, if it is asked for."""
    if early_config.known_args_namespace.registry_install and sys.platform != "win32":
        from regsim.testing.patching import Patch  # noqa: PLC0415 - only when asked for
        from regsim.testing.placeholder import placeholders  # noqa: PLC0415 - as above

        patch = Patch(placeholders(), everywhere=True)
        patch.__enter__()
        early_config.add_cleanup(patch.__exit__)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and refuse an unknown generation before any test runs."""
    config.addinivalue_line("markers", MARKER)
    config.addinivalue_line("markers", ORDERS)
    openers = config.stash[_openers] = Openers(config.getoption("--registry-leaks"))
    blame.start(openers)
    config.add_cleanup(lambda: blame.stop(openers))
    config.pluginmanager.register(Outcomes(openers), "regsim-outcomes")
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
    seed = _found(request.node, given.get("seed"))
    system, process = given.get("os", _registry_os), given.get("process", "user")
    bare = bool(given.get("bare", False))
    make = partial(Registry, system, process=process, seed=seed, bare=bare)
    request.node.stash[_again] = make
    with _plainly():
        made = make()
    yield made
    if not _has_failed(request.node):
        _judge(request.node, made)


@pytest.fixture
def winreg(request: pytest.FixtureRequest, registry: Registry) -> Iterator[BoundWinreg]:
    """Python's ``winreg`` on the simulated computer, seen by the modules that the marker names."""
    with ExitStack() as stack:
        with _plainly():
            stack.enter_context(_patch(request.node, registry))
        yield registry.winreg


def _patch(node: pytest.Item, registry: Registry) -> Patch:
    """Return what puts *registry* before the modules that the markers of *node* name."""
    from regsim.testing.sight import patched  # noqa: PLC0415 - only when asked for

    given = _arguments(node)
    patch, everywhere = given.get("patch", ()), given.get("everywhere", False)
    windows = any(given.get(name) for name in WINDOWS)
    return patched(registry, patch, everywhere=everywhere, windows=windows)


@pytest.fixture
def profile_session(request: pytest.FixtureRequest, registry: Registry) -> Iterator[ProfileSession]:
    """A session that is logged off at the end of the test; it fails unless the profile is saved.

    It does so whatever ``--registry-leaks`` says.
    """
    from regsim.testing.profile import ProfileSession  # noqa: PLC0415 - only when asked for

    session = ProfileSession(registry)
    yield session
    if not _has_failed(request.node):
        leaks = registry.leaks()
        try:
            session.finish()
        except AssertionError as error:
            request.config.stash[_openers].failed.add(request.node.nodeid)
            _blame(request.node, str(error), leaks)


@pytest.fixture
def registry_snapshot(request: pytest.FixtureRequest) -> RegistrySnapshot:
    """What ``registry.export()`` gave when ``--registry-snapshot-update`` was given, to compare.

    It is kept as a ``.reg`` file in ``__registry__`` beside the test. See
    `regsim.testing.snapshots.RegistrySnapshot`.
    """
    from regsim.testing.snapshots import RegistrySnapshot  # noqa: PLC0415 - only when asked for

    path, update = request.node.path, request.config.getoption("--registry-snapshot-update")
    test = request.node.nodeid.partition("::")[2].replace("::", ".")
    return RegistrySnapshot(path.parent, path.stem, test, update=update)


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Say how a registry differs from the snapshot of it."""
    for side in (left, right):
        if op == "==" and type(side).__name__ == "RegistrySnapshot":
            return list(getattr(side, "told", ()))
    return None


def _has_failed(node: pytest.Item) -> bool:
    """Return whether the test itself failed: what it left open then says nothing."""
    return node.nodeid in node.config.stash[_openers].failed


def _arguments(node: pytest.Item) -> dict[str, Any]:
    """Return what the test's markers say, the closest last; refuse what they cannot say."""
    given: dict[str, Any] = {}
    for marker in reversed(list(node.iter_markers("registry"))):
        unknown = [name for name in marker.kwargs if name not in ARGUMENTS]
        if marker.args or unknown:
            wrong = f"has no {unknown[0]!r}" if unknown else "takes arguments by name alone"
            _refuse(f"@pytest.mark.registry {wrong}; it has: {', '.join(ARGUMENTS)}")
        given |= marker.kwargs
    with _plainly():
        given["leaks"] = blame.level_of(given.get("leaks"))
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


def _judge(node: pytest.Item, registry: Registry) -> None:
    """Fail the test, or warn, where *registry* has handles left open on the user's profile."""
    from regsim.testing.registry import table  # noqa: PLC0415 - loaded by now

    level = _arguments(node)["leaks"] or blame.level()
    leaks = registry.leaks() if level != "off" else []
    if not leaks:
        return
    text = table(registry, leaks)
    if level == "warn":
        node.user_properties += properties(node.nodeid, leaks)
        node.warn(RegistryLeakWarning(text))
    else:
        _blame(node, text, leaks)


def _blame(node: pytest.Item, text: str, leaks: list[Leak]) -> None:
    """Fail the test for *leaks*: its call, where that can still be, and else its teardown."""
    if not node.config.stash[_openers].blame(node.nodeid, text, leaks):
        node.user_properties += properties(node.nodeid, leaks)
        _refuse(text)


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Give each example of hypothesis a registry of its own, where the test has one."""
    make = item.stash.get(_again, None)
    given = getattr(getattr(item, "obj", None), "hypothesis", None)
    if make is None or not hasattr(given, "inner_test"):
        yield
        return
    from regsim.testing.examples import each_afresh  # noqa: PLC0415 - only when asked for

    @contextmanager
    def block() -> Iterator[Registry]:
        made = make()
        with _patch(item, made):
            yield made
        _judge(item, made)

    with each_afresh(item, block):
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that asks for it in every order of its threads' steps."""
    marker = pyfuncitem.get_closest_marker("registry_orders")
    if marker is None:
        return None
    from regsim.testing.orders import explore_test  # noqa: PLC0415 - only when asked for

    names = pyfuncitem._fixtureinfo.argnames  # noqa: SLF001 - as pytest's own hook does
    given = {name: pyfuncitem.funcargs[name] for name in names}
    if marker.args:
        _refuse("@pytest.mark.registry_orders takes arguments by name alone")
    with _plainly():
        unknown = explore_test(pyfuncitem.obj, given, dict(marker.kwargs))
    if unknown:
        pyfuncitem.warn(pytest.PytestWarning(unknown))
    return True


# -- continuous integration --------------------------------------------------------------------


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Tell GitHub of leaks, where the run is one of its workflows, from the controlling process."""
    if os.environ.get("GITHUB_ACTIONS") == "true" and not hasattr(session.config, "workerinput"):
        from regsim.testing.github import Annotations  # noqa: PLC0415 - only in a workflow

        session.config.pluginmanager.register(Annotations(), "regsim-annotations")

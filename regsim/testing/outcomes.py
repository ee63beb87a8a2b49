"""A leak as the failure of the test that left it, although it is found when that test is over.

pytest tells how a test went before its fixtures end, and only then can what it left be judged. So
the outcome of a test that uses a registry is told when they have ended; where the registry is one
that tests share, and the test seems to have left something, when that has ended too. Where another
plugin runs the tests (as one that repeats failures), a leak is an error at the teardown.
"""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.runner import runtestprotocol  # what plugins that run tests themselves call

from regsim.testing.github import AT, BY, PROPERTY

if TYPE_CHECKING:
    from regsim.testing.blame import Openers
    from regsim.testing.registry import Leak

FIXTURES = frozenset({"registry", "winreg", "profile_session"})
"""The fixtures by which a test has a registry of its own."""


def properties(test: str, leaks: list[Leak]) -> list[tuple[str, str]]:
    """Return *leaks* as JUnit properties of *test*; GitHub is told from them."""
    told = []
    for leak in leaks:
        handle = leak.handle
        how = "implicit" if handle.implicit else "asked for"
        by = f"{BY}{leak.owner}" if leak.owner not in ("", test) else ""
        value = f"{handle.key}; handle {handle.handle:#x}; {how}{by}{AT}{handle.source}"
        told.append((PROPERTY, value))
    return told


class Outcomes:
    """The hooks that tell *openers* who runs, and pytest what was left."""

    def __init__(self, openers: Openers) -> None:
        self.openers = openers
        self._held: dict[str, tuple[pytest.Item, list[pytest.TestReport]]] = {}
        self._made: dict[str, pytest.TestReport] = {}
        self._mine: pytest.Item | None = None

    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> Any:  # noqa: ANN401 - True or None
        """Run a test that may use a registry, and tell how it went when that can be known."""
        if not _concerns(item) or _somebody_elses(item):
            return None
        place = {"nodeid": item.nodeid, "location": item.location}
        item.ihook.pytest_runtest_logstart(**place)
        self._made = {}
        self.openers.failed.discard(item.nodeid)
        self._mine = item
        before = self.openers.turn(item.nodeid)
        try:
            runtestprotocol(item, log=False, nextitem=nextitem)
        finally:  # also when the run is interrupted: what is known by then is told
            self.openers.turn(before)
            self._held[item.nodeid] = (item, list(self._made.values()))
            self._tell()
        item.ihook.pytest_runtest_logfinish(**place)
        return True

    def _tell(self, *, all_of_them: bool = False) -> None:
        """Tell how the tests went that nothing can be found against any more."""
        for test, (item, reports) in list(self._held.items()):
            if self.openers.suspects(test) and not all_of_them:
                continue
            del self._held[test]
            self.openers.waiting.discard(test)
            found = self.openers.left.pop(test, [])
            texts = [text for text, _ in found if text]
            if texts:
                _fail(item, reports, "\n".join(texts))
            leaks = [leak for _, some in found for leak in some]
            for report in reports:
                report.user_properties += properties(test, leaks)
                with _as_current(item):
                    item.ihook.pytest_runtest_logreport(report=report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Refuse a test whose body nobody would run, which then would pass."""
        function = getattr(item, "obj", None)
        if _has_registry(item) or hasattr(function, "_fake_winreg"):
            _expect_to_run(function, getattr(item, "cls", None))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Tell what is left to tell, where the run ended early."""
        self._tell(all_of_them=True)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:  # noqa: ANN401 - pytest's
        """Have what a fixture of wider scope opens be its own, not that of the first test."""
        if fixturedef.scope == "function":
            yield
            return
        name = fixturedef.argname
        scope = f"the set-up of the {fixturedef.scope}"
        before = self.openers.turn(scope if name.startswith("_") else f"the fixture {name}")
        yield
        self.openers.turn(before)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Iterator[None]:
        """What is opened from here on may be a wider fixture's; nobody can tell."""
        self.openers.turn("")
        if item is self._mine:
            self.openers.waiting.add(item.nodeid)
        yield

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Iterator[None]:
        """Note what failed: what such a test left open says nothing; what was expected to fail may.

        A leak that a block found within the test, or of a fixture, is noted for JUnit.
        """
        outcome: Any = yield
        report = outcome.get_result()
        self._made[report.when] = report
        if report.failed and report.when in ("setup", "call"):
            self.openers.failed.add(item.nodeid)
        elif report.when == "call" and call.excinfo is not None:
            _let_go(call.excinfo.value)
        leaks = _leaks_in(call.excinfo.value) if report.failed and call.excinfo else []
        own = [leak for leak in leaks if leak.owner in ("", item.nodeid)]
        if (
            report.when == "teardown"
            and own
            and own == leaks
            and item.nodeid in self.openers.failed
        ):
            report.outcome, report.longrepr = "passed", None  # of a block that unittest ends then
            return
        told = properties(item.nodeid, leaks)
        item.user_properties += told
        report.user_properties += told


def _has_registry(item: pytest.Item) -> bool:
    """Return whether *item* has a registry of its own: by a fixture, or by its marker."""
    mine = not FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))
    return mine or item.get_closest_marker("registry") is not None


def _concerns(item: pytest.Item) -> bool:
    """Return whether *item* may use a registry: its own, or that of a block."""
    return _has_registry(item) or "regsim.testing.fake" in sys.modules


def _expect_to_run(function: Any, case: type | None) -> None:  # noqa: ANN401 - what pytest collects
    """Raise TypeError for a generator, and for a coroutine that its unittest case never awaits.

    A case that runs its tests by itself, as those of Django and Twisted do, may await it.
    """
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"the test {function.__qualname__} is a generator: nobody runs its body")
    unittest = sys.modules.get("unittest")
    if not inspect.iscoroutinefunction(function) or case is None or unittest is None:
        return
    if not issubclass(case, unittest.TestCase):
        return
    ways = ("__call__", "run", "_callTestMethod")  # the last is what awaits, where one does
    if all(getattr(case, way, None) is getattr(unittest.TestCase, way, None) for way in ways):
        raise TypeError(
            f"nobody awaits the test {function.__qualname__}: its class is a unittest.TestCase; "
            "make it an IsolatedAsyncioTestCase"
        )


def _somebody_elses(item: pytest.Item) -> bool:
    """Return whether another plugin than pytest itself runs tests."""
    hooks = item.config.hook.pytest_runtest_protocol.get_hookimpls()
    runs = [hook for hook in hooks if not (hook.hookwrapper or getattr(hook, "wrapper", False))]
    names = {getattr(hook.plugin, "__name__", type(hook.plugin).__name__) for hook in runs}
    return not names <= {"_pytest.runner", Outcomes.__name__}


def _fail(item: pytest.Item, reports: list[pytest.TestReport], text: str) -> None:
    """Make *text* the failure of the test: of its call, or where it had none of its teardown.

    An expected failure hides it not, for its mark is about the test; unless the mark's ``raises``
    names the exception of a leak, which then is what was expected.
    """
    report = next((each for each in reports if each.when == "call"), reports[-1])
    with pytest.raises(pytest.fail.Exception) as caught:
        pytest.fail(text, pytrace=False)
    report.longrepr = item.repr_failure(caught)
    raises = [mark.kwargs.get("raises") for mark in item.iter_markers("xfail")]
    classes = [each for each in raises if isinstance(each, type | tuple)]
    if hasattr(report, "wasxfail") and any(isinstance(caught.value, each) for each in classes):
        report.outcome = "skipped"
        return
    report.outcome = "failed"
    report.__dict__.pop("wasxfail", None)


@contextmanager
def _as_current(item: pytest.Item) -> Iterator[None]:
    """Have a worker of pytest-xdist take a report of *item* although another test runs by now."""
    plugins = item.config.pluginmanager.get_plugins() if hasattr(item.config, "workerinput") else ()
    worker: Any = next((each for each in plugins if hasattr(each, "item_index")), None)
    if worker is None:
        yield
        return
    before, worker.item_index = worker.item_index, item.session.items.index(item)
    yield
    worker.item_index = before


def _leaks_in(error: BaseException) -> list[Leak]:
    """Return the leaks that *error* tells of, or that those in it do."""
    if isinstance(error, BaseExceptionGroup):
        return [leak for each in error.exceptions for leak in _leaks_in(each)]
    registry = sys.modules.get("regsim.testing.registry")
    told = registry is not None and isinstance(error, registry.RegistryLeakError)
    return error.leaks if told else []  # type: ignore[attr-defined]


def _let_go(error: BaseException | None) -> None:
    """Forget the local variables that an expected failure's traceback keeps.

    Handles in them are closed as soon as the program is out of the exception.
    """
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        for frame, _ in traceback.walk_tb(error.__traceback__):
            frame.f_locals  # noqa: B018 - before Python 3.13 a copy, which is brought up to date
        error = error.__cause__ or error.__context__

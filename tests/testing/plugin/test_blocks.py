"""`fake_winreg` as a block and a decorator: every body runs, and each leak is its own test's."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial, wraps

import pytest
from plugin_runs import run, told

from regsim.testing import RegistryLeakError, fake_winreg

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.usefixtures("not_in_a_workflow")


# -- whose leak it is -------------------------------------------------------------------------

SHARED = """
@pytest.fixture(scope="{scope}")
def shared():
    with fake_winreg() as registry:
        yield registry

class TestIt:
    def test_before(self, shared):
        use(shared.winreg, keep=False)

    def test_keeps(self, shared):
        use(shared.winreg, keep=True)

    def test_after(self, shared):
        use(shared.winreg, keep=False)

    def test_other(self):
        pass
"""

UNITTEST = """
class TestIt(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.registry = cls.enterClassContext(fake_winreg())

    def test_a_before(self):
        use(self.registry.winreg, keep=False)

    def test_keeps(self):
        use(self.registry.winreg, keep=True)

    def test_z_after(self):
        use(self.registry.winreg, keep=False)
"""


@pytest.mark.parametrize(
    ("source", "workers"),
    [(SHARED.format(scope="module"), ()), (UNITTEST, ()), (UNITTEST, ("-n1",))],
)
def test_a_leak_in_a_shared_registry_is_the_tests_that_left_it(
    pytester, monkeypatch, source: str, workers: tuple[str, ...]
) -> None:
    """It fails, in JUnit's file and for GitHub too, and no other test does, nor the last."""
    if workers:
        pytest.importorskip("xdist")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")

    result = run(pytester, source, "--junitxml=out.xml", *workers)

    assert {name: found for name, found in told(pytester).items() if found != (0, 0)} == {
        "test_keeps": (1, 1)
    }
    result.stdout.fnmatch_lines(["::error file=*TestIt::test_keeps leaves a registry handle open*"])
    assert sum(line.startswith("::") for line in result.outlines) == 1


@pytest.mark.parametrize("scope", ["class", "module", "package", "session"])
def test_every_scope_blames_alike(pytester, scope: str) -> None:
    """One failure, and everything else passes."""
    run(pytester, SHARED.format(scope=scope)).assert_outcomes(passed=3, failed=1)


LAZY = """
class Service:
    def __init__(self, winreg):
        self.winreg, self.key = winreg, None

    def read(self):
        self.key = self.key or self.winreg.OpenKey(self.winreg.HKEY_CURRENT_USER, "Software")

@pytest.fixture(scope="module")
def service():
    with fake_winreg() as registry:
        service = Service(registry.winreg)
        yield service
        if {closes}:
            service.key.Close()

def test_first(service):
    service.read()

def test_second(service):
    service.read()
"""


@pytest.mark.parametrize("closes", [True, False])
def test_what_a_wider_fixture_closes_is_no_leak(pytester, closes: bool) -> None:
    """A test is judged when its registry's block ends: a key may be closed by then."""
    result = run(pytester, LAZY.format(closes=closes), "-rA")

    result.assert_outcomes(passed=2 if closes else 1, failed=0 if closes else 1)
    result.stdout.fnmatch_lines(["PASSED *test_second"])


def test_what_a_fixture_left_is_said_of_the_fixture(pytester, monkeypatch) -> None:
    """No test is blamed for it: pytest shows it as an error at the end, which names the fixture."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    source = SHARED.format(scope="module").replace(
        "yield registry", "use(registry.winreg, keep=True); yield registry"
    )

    result = run(
        pytester, source.replace("self, shared):\n        use", "self, shared):\n        0 and use")
    )

    result.assert_outcomes(passed=4, errors=1)
    result.stdout.fnmatch_lines(["::error *::the fixture shared, at the end of *test_*, leaves *"])


def test_what_a_fixture_opens_at_its_end_is_not_the_last_tests(pytester) -> None:
    """It is an error there, and of no test."""
    source = SHARED.format(scope="module").replace(
        "yield registry", "yield registry; use(registry.winreg, keep=True)"
    )
    result = run(pytester, source.replace("shared.winreg, keep=True", "shared.winreg, keep=False"))

    result.assert_outcomes(passed=4, errors=1)


def test_a_test_that_failed_is_not_blamed_for_what_it_shared(pytester) -> None:
    """Its frames keep its handles, as those of a test with a registry of its own."""
    source = SHARED.format(scope="module").replace(
        "use(shared.winreg, keep=True)", "use(shared.winreg, keep=True); assert 0, 'by itself'"
    )
    result = run(pytester, source, "--junitxml=out.xml")

    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["*AssertionError: by itself*"])
    assert told(pytester)["test_keeps"] == (0, 1)


def test_a_case_that_failed_is_not_blamed_by_its_cleanups(pytester) -> None:
    """Its block ends after the failure, which unittest does not tell it."""
    source = """
class TestCase(unittest.TestCase):
    def test_it(self):
        registry = self.enterContext(fake_winreg())
        use(registry.winreg, keep=True)
        self.assertEqual(1, {number})
"""
    run(pytester, source.format(number=2), "--junitxml=out.xml").assert_outcomes(failed=1)
    assert told(pytester) == {"test_it": (0, 1)}
    run(pytester, source.format(number=1)).assert_outcomes(failed=1)


def test_a_block_within_a_test_is_told_as_well(pytester) -> None:
    """A leak that it raises stands in JUnit's file, one that the test expects does not."""
    source = """
def test_raises():
    with fake_winreg() as registry:
        use(registry.winreg, keep=True)

def test_expects():
    with pytest.raises(AssertionError, match="1 handle"), fake_winreg() as registry:
        use(registry.winreg, keep=True)

class TestCase(unittest.TestCase):
    def test_cleans_up(self):
        registry = self.enterContext(fake_winreg())
        use(registry.winreg, keep=True)
"""
    run(pytester, source, "--junitxml=out.xml").assert_outcomes(passed=1, failed=2)

    assert told(pytester) == {
        "test_raises": (1, 1),
        "test_expects": (0, 0),
        "test_cleans_up": (1, 1),
    }


def test_a_function_scoped_block_fails_its_test(pytester) -> None:
    """Not an error beside a test that passed."""
    source = SHARED.format(scope="function")
    result = run(pytester, source, "--junitxml=out.xml")

    result.assert_outcomes(passed=3, failed=1)
    assert told(pytester)["test_keeps"] == (1, 1)


def test_a_run_that_stops_early_tells_all_it_knows(pytester) -> None:
    """A leak in a registry whose block ends with the run counts, whatever stopped it."""
    source = SHARED.format(scope="session").replace(
        "def test_after(self, shared):", "def test_after(self, shared):\n        assert 0"
    )
    run(pytester, source, "-x").assert_outcomes(passed=1, failed=2)


REPEATS = """
import pytest
from _pytest.runner import runtestprotocol

class Again:
    def pytest_runtest_protocol(self, item, nextitem):
        runtestprotocol(item, nextitem=nextitem)
        return True

def pytest_configure(config):
    config.pluginmanager.register(Again())
"""


def test_where_another_plugin_runs_the_tests_a_leak_is_an_error(pytester) -> None:
    """As one that repeats failures does: nothing is lost."""
    pytester.makeconftest(REPEATS)
    source = SHARED.format(scope="module")

    run(pytester, source).assert_outcomes(passed=4, errors=1)


# -- coroutines -------------------------------------------------------------------------------

CASES = {
    "decorated case": """
class TestCase(unittest.IsolatedAsyncioTestCase):
    @fake_winreg(everywhere=True)
    async def test_it(self):
        BODY
""",
    "decorated class of cases": """
@fake_winreg(everywhere=True)
class TestCase(unittest.IsolatedAsyncioTestCase):
    async def test_it(self):
        BODY
""",
    "marked case": """
@pytest.mark.registry(everywhere=True)
class TestCase(unittest.IsolatedAsyncioTestCase):
    async def test_it(self):
        BODY
""",
    "case with a block": """
class TestCase(unittest.IsolatedAsyncioTestCase):
    async def test_it(self):
        with fake_winreg(everywhere=True):
            BODY
""",
    "asyncio, decorated": """
@pytest.mark.asyncio
@fake_winreg(everywhere=True)
async def test_it():
    BODY
""",
    "asyncio, marked": """
@pytest.mark.asyncio
@pytest.mark.registry(everywhere=True)
async def test_it():
    BODY
""",
    "asyncio, a block": """
@pytest.mark.asyncio
async def test_it():
    with fake_winreg(everywhere=True):
        BODY
""",
    "anyio, decorated": """
@pytest.mark.anyio
@fake_winreg(everywhere=True)
async def test_it(anyio_backend_name):
    BODY
""",
    "anyio, marked": """
@pytest.mark.anyio
@pytest.mark.registry(everywhere=True)
async def test_it():
    BODY
""",
    "anyio, a decorated class": """
@pytest.mark.anyio
@fake_winreg(everywhere=True)
class TestIt:
    async def test_it(self):
        BODY
""",
}
BODIES = {
    "PASSED": "",
    "FAILED": "assert False, 'reached'",
    "KEPT": "import winreg; use(winreg, keep=True)",
}


def test_a_coroutine_runs_and_is_judged(pytester: pytest.Pytester) -> None:
    """Whoever runs it and however it has its registry: it can pass, fail and leave a handle."""
    pytest.importorskip("pytest_asyncio")
    pytest.importorskip("anyio")
    pytester.makeconftest("import pytest\n@pytest.fixture\ndef anyio_backend(): return 'asyncio'\n")
    source, expected = "", {}
    for number, (case, text) in enumerate(CASES.items()):
        for name, body in BODIES.items():
            test = f"test_{number}_{name}"
            made = text.replace("test_it", test).replace(
                "class TestCase", f"class TestCase{number}{name}"
            )
            source += made.replace("class TestIt", f"class TestIt{number}{name}").replace(
                "BODY", f"await asyncio.sleep(0); {body}"
            )
            expected[test] = (case, "PASSED" if name == "PASSED" else "FAILED")

    result = run(pytester, source, "-rA")

    ran = [line.split() for line in result.outlines if line[:7] in ("PASSED ", "FAILED ")]
    outcomes = {words[1].rpartition("::")[2]: words[0] for words in ran}
    assert {test: (expected[test][0], how) for test, how in outcomes.items()} == expected


NEVER_RUN = """
@pytest.mark.registry(everywhere=True)
class TestMarked(unittest.TestCase):
    async def test_never_awaited(self):
        assert False

class TestDecorated(unittest.TestCase):
    @fake_winreg()
    async def test_never_awaited(self):
        assert False

@pytest.mark.registry(everywhere=True)
class TestIsolated(unittest.IsolatedAsyncioTestCase):
    async def test_asynchronous_generator(self):
        assert False
        yield

class AwaitsItself(unittest.TestCase):
    def run(self, result=None):
        method = getattr(type(self), self._testMethodName)
        setattr(self, self._testMethodName, lambda: asyncio.run(method(self)))
        return super().run(result)

@pytest.mark.registry(everywhere=True)
class TestByItself(AwaitsItself):
    async def test_awaited(self):
        await asyncio.sleep(0)

    async def test_awaited_too(self):
        self.fail("reached")
"""


def test_a_body_that_nobody_would_run_is_an_error(pytester: pytest.Pytester) -> None:
    """Unittest passes such a test with a warning; a case that awaits its tests is left alone."""
    result = run(pytester, NEVER_RUN)

    result.assert_outcomes(errors=3, passed=1, failed=1)
    result.stdout.fnmatch_lines_random(
        ["*nobody awaits the test TestMarked.*", "*nobody awaits the test TestDecorated.*"]
    )
    result.stdout.fnmatch_lines(["*test_asynchronous_generator is a generator: nobody runs*"])


# -- what it decorates ------------------------------------------------------------------------


def test_a_decorated_coroutine_has_the_block_around_its_body() -> None:
    """Two calls have two machines, at the same time too."""
    seen = []

    @fake_winreg(everywhere=True)
    async def body(name: str) -> str:
        import winreg  # noqa: PLC0415 - what the block gives

        await asyncio.sleep(0)
        seen.append(winreg)
        return name

    assert asyncio.run(body("a")) == "a"
    assert asyncio.run(body("b")) == "b"
    assert len({id(each) for each in seen}) == 2


def test_what_would_run_after_the_block_is_refused() -> None:
    """Generators when they are decorated, and what turns out to be one when it is called."""

    def generator():
        yield

    async def asynchronous():
        yield

    async def coroutine() -> None:
        pass

    managers = contextlib.contextmanager(generator), contextlib.asynccontextmanager(asynchronous)
    for each in (generator, asynchronous):
        with pytest.raises(TypeError, match=r"cannot decorate the generator .*with fake_winreg"):
            fake_winreg()(each)
    for each, kind in (
        (generator, "generator"),
        (asynchronous, "async_generator"),
        (coroutine, "coroutine"),
        (managers[0], "_GeneratorContextManager"),
        (managers[1], "_AsyncGeneratorContextManager"),
    ):

        @fake_winreg()
        @wraps(len)
        def hidden(each=each):
            return each()

        with pytest.raises(TypeError, match=rf"returned a {kind}, .* below the other decorators"):
            hidden()
    for each in (5, "text", property(len)):
        with pytest.raises(TypeError, match="decorates functions and classes"):
            fake_winreg()(each)


def test_functions_of_every_kind_are_decorated() -> None:
    """Static and class methods, partial functions, coroutines behind a partial."""

    async def coroutine(number: int) -> int:
        return number

    class Holder:
        @fake_winreg()
        @staticmethod
        def plain(number: int) -> int:
            return number

        @fake_winreg()
        @classmethod
        def of_the_class(cls, number: int) -> tuple[str, int]:
            return cls.__name__, number

    assert Holder().plain(1) == Holder.plain(1) == 1
    assert Holder().of_the_class(2) == ("Holder", 2)
    assert fake_winreg()(partial(pow, 2))(3) == 8
    assert asyncio.run(fake_winreg()(partial(coroutine, 4))()) == 4


CLASSES = """
from regsim.testing import fake

MADE = []

class Counted(fake.Registry):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        MADE.append(self)

fake.Registry = Counted

def teardown_module():
    fake.Registry = Counted.__bases__[0]

@pytest.fixture(autouse=True)
def none_made():
    MADE.clear()

def check(system):
    import winreg
    assert winreg.binding.machine.dialect.name == system
    assert [registry.os for registry in MADE] == [system]
    with pytest.raises(FileNotFoundError):
        winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Mine")
    use(winreg, keep=False)

class Base:
    system = "win11"

    def test_inherited(self):
        check(self.system)

@fake_winreg(everywhere=True)
class TestIt(Base):
    @pytest.mark.parametrize("number", [1, 2])
    def test_own(self, number, tmp_path):
        assert tmp_path.is_dir() and number in (1, 2)
        check(self.system)

    @staticmethod
    def test_static():
        import winreg
        use(winreg, keep=False)

    @fake_winreg(everywhere=True, os="w2k")
    def test_block(self):
        check("w2k")

    def helper(self):
        raise AssertionError

    class TestWithin:
        def test_inner(self):
            check("win11")

class TestDerived(TestIt):
    pass

@fake_winreg(everywhere=True, os="xp")
class TestAgain(TestIt):
    system = "xp"

    def test_new(self):
        check("xp")

    async def not_a_test(self):
        pass
"""


def test_a_decorated_class_keeps_its_tests(pytester: pytest.Pytester) -> None:
    """Inherited ones once, as the nearest class says; parametrized ones, those of a class within.

    Each has one machine, a fresh one, and a block of its own goes before its class's.
    """
    result = run(pytester, CLASSES)

    result.assert_outcomes(passed=6 + 6 + 7)


def test_a_class_without_tests_is_refused() -> None:
    """Nothing in it would see the registry."""
    with pytest.raises(TypeError, match="has none"):

        @fake_winreg()
        class Empty:
            def check(self) -> None:
                pass


def test_a_leak_of_a_decorated_function_is_raised() -> None:
    """At the end of the call."""
    kept = []

    @fake_winreg(everywhere=True)
    def keeps(keep: bool) -> None:
        import winreg  # noqa: PLC0415 - what the block gives

        key = winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software")
        if keep:
            kept.append(key)

    keeps(keep=False)
    with pytest.raises(RegistryLeakError):
        keeps(keep=True)


# -- hypothesis ----------------------------------------------------------------------------------

EXAMPLES = """
from hypothesis import given, settings, strategies as st

SEEN = []
few = settings(max_examples=5, database=None, deadline=None)

@few
@given(number=st.integers(0, 3))
def test_fresh(registry, winreg, number):
    assert registry.winreg is winreg
    SEEN.append(registry)
    with pytest.raises(FileNotFoundError):
        winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Mine")
    use(winreg, keep=False)

@pytest.mark.registry(everywhere=True, os="xp")
class TestMarked:
    @few
    @given(number=st.integers(0, 3))
    def test_marked(self, number):
        import winreg
        assert winreg.binding.machine.dialect.name == "xp"
        with pytest.raises(FileNotFoundError):
            winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Mine")
        use(winreg, keep=False)

@few
@given(number=st.integers(0, 3))
def test_keeps(winreg, number):
    use(winreg, keep=number == 2)

@few
@given(number=st.integers(0, 3))
def test_session(profile_session, number):
    service = profile_session.registry.service()
    with profile_session.registry.acting_as_user(service):
        service.CloseKey(service.OpenKey(service.HKEY_CURRENT_USER, "Software"))

@few
@given(number=st.integers(0, 3))
def test_other_fixture(winreg, tmp_path, number):
    pass

@pytest.fixture
def built(winreg):
    return winreg

@few
@pytest.mark.usefixtures("built")
@given(number=st.integers(0, 3))
def test_built_on_it(winreg, number):
    pass

def test_each_had_its_own():
    assert len({id(registry) for registry in SEEN}) == len(SEEN) > 1
"""


def test_examples_of_a_method_run_on_each_system(pytester: pytest.Pytester) -> None:
    """Each system has an instance of the class, which hypothesis is not to take for a fault."""
    source = """
from hypothesis import given, settings, strategies as st

class TestMethods:
    @settings(max_examples=5, database=None, deadline=None)
    @given(number=st.integers(0, 3))
    def test_each(self, winreg, number):
        use(winreg, keep=number == 2 and winreg.binding.machine.dialect.name == "xp")
"""
    result = run(pytester, source, "-rA", "--registry-os", "win11,w2k,xp")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["1 handle left open on the user's profile"])


def test_each_example_has_a_fresh_machine(pytester: pytest.Pytester) -> None:
    """By fixture and by marker, and is judged; what is not renewed, hypothesis refuses as ever."""
    result = run(pytester, EXAMPLES, "-rA", "-p", "no:randomly")

    ran = [line.split() for line in result.outlines if line[:7] in ("PASSED ", "FAILED ")]
    assert {words[1].rpartition("::")[2]: words[0] for words in ran} == {
        "test_fresh": "PASSED",
        "test_marked": "PASSED",
        "test_keeps": "FAILED",
        "test_session": "FAILED",
        "test_other_fixture": "FAILED",
        "test_built_on_it": "FAILED",
        "test_each_had_its_own": "PASSED",
    }
    result.stdout.fnmatch_lines_random(
        [
            "1 handle left open on the user's profile",
            "*unction-scoped fixture 'winreg'*",
        ]
    )

"""Hypothesis profiles, the small computer that tests of the registry calls share, a browser."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, settings

from regsim import dialects, keypath
from regsim.kernel.hive import Hive
from regsim.kernel.machine import Machine
from regsim.kernel.process import SYSTEM_TOKEN, Process, Token
from regsim.kernel.tree import Node, grow
from regsim.policy import Dialect
from regsim.types import Handle, Sid, Value
from regsim.win32.api import Api

# Texts are as wide as a terminal that is named here; the workers of pytest-xdist name theirs.
os.environ.pop("COLUMNS", None)

_QUIET = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
_profile = partial(settings.register_profile, deadline=None, suppress_health_check=_QUIET)
_profile("quick", max_examples=15, stateful_step_count=30)
_profile("ci", max_examples=150, stateful_step_count=50, derandomize=True)
_profile("nightly", max_examples=5_000, stateful_step_count=100)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

CHROMIUM = os.environ.get("REGSIM_CHROMIUM") or shutil.which("chromium") or ""

USER = Sid("S-1-5-21-1")
OTHER = Sid("S-1-5-21-2")


def tree(*paths: str) -> Node:
    """Return a tree that holds a key at each of *paths*."""
    root = Node("root")
    for path in paths:
        grow(root, keypath.split(path))
    return root


@attrs.frozen
class World:
    """A computer with a user's hive, and a LocalSystem service on it that calls the registry."""

    machine: Machine
    service: Process
    api: Api

    @property
    def user(self) -> Hive:
        """The user's hive, which must be loaded."""
        hive = self.machine.hive_at(keypath.user_root(USER))
        assert hive is not None
        return hive

    def start(self, role: str, token: Token = SYSTEM_TOKEN, parent: Process | None = None) -> Api:
        """Start one more process and return its calls."""
        process = self.machine.start_process(role, token=token, parent=parent)
        return Api(self.machine, self.machine.start_thread(process))

    def thread(self, role: str) -> Api:
        """Start one more thread of the service and return its calls."""
        return Api(self.machine, self.machine.start_thread(self.service, role))

    def where(self, handle: Handle, api: Api | None = None) -> str:
        """Return the full path of the key behind *handle*."""
        caller = api or self.api
        found = self.machine.lookup(self.machine.process_of(caller.tid), handle)
        assert found is not None
        return self.machine.key_name(found[0].kcb)

    def open_handles(self) -> int:
        """Return how many handles the service has open."""
        return len(self.service.table)


def build_world(os_name: str | Dialect = "nt4-sp6a") -> World:
    """Return a fresh computer under a dialect, given by name or as it is."""
    dialect = dialects.get(os_name) if isinstance(os_name, str) else os_name
    machine = Machine(dialect)
    _machine_hives(machine)
    for sid in (USER, OTHER):
        root = tree(r"Software\App", r"Software\Other", "Console")
        root.find(("SOFTWARE",)).values["WHO"] = Value.sz("who", sid)  # type: ignore[union-attr]
        _mount(machine, keypath.user_root(sid), root, rf"C:\Profiles\{sid}\NTUSER.DAT")
    if dialect.classes_hive:
        root = tree("CLSID", ".mine")
        _mount(machine, keypath.user_root(USER) + "_Classes", root, r"C:\UsrClass.dat")
    service = machine.start_process("service", services=("TapiSrv",))
    return World(machine, service, Api(machine, machine.start_thread(service)))


def pytest_collection_finish() -> None:
    """Have the garbage collector look no more at what is there before the first test."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def _forgotten() -> Iterator[None]:
    """After each file have it look no more at what stays, such as all reports of pytest's.

    A registry that is left with handles is judged after a whole collection, and there are hundreds.
    """
    yield
    gc.collect()
    gc.freeze()


def _mount(machine: Machine, path: str, root: Node, file: str) -> None:
    machine.files.write(file, root)
    machine.mount_hive(path, root, file=file)


def _machine_hives(machine: Machine) -> None:
    software = tree(r"Classes\CLSID", r"Classes\.txt", "Vendor")
    _mount(machine, r"\REGISTRY\MACHINE\Software", software, r"C:\config\software")
    system = tree(r"CurrentControlSet\Hardware Profiles\Current", r"CurrentControlSet\Services")
    _mount(machine, r"\REGISTRY\MACHINE\System", system, r"C:\config\system")
    default = tree("Software", "Console")
    default.find(("SOFTWARE",)).values["WHO"] = Value.sz("who", ".DEFAULT")  # type: ignore[union-attr]
    _mount(machine, r"\REGISTRY\USER\.DEFAULT", default, r"C:\config\default")
    machine.files.write(r"C:\new.dat", tree("FromFile"))


@pytest.fixture(scope="session")
def build() -> Callable[..., World]:
    """The function that builds a fresh computer."""
    return build_world


@pytest.fixture
def world() -> World:
    """A fresh computer under NT 4.0 SP6a."""
    return build_world()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A running Chromium: Debian's, driven by Playwright, without a network.

    Its loop runs until it is closed: beside it no coroutines of other files could be tested.
    """
    api = pytest.importorskip("playwright.sync_api", reason="no browser here: playwright is absent")
    if not CHROMIUM:
        pytest.skip("no browser here: there is no chromium")
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield running
        running.close()


class Visit:
    """One page in a fresh window, with all that it asked for and complained about."""

    def __init__(self, browser: Any, **options: Any) -> None:
        options.setdefault("viewport", {"width": 1280, "height": 900})
        self.context = browser.new_context(offline=True, **options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(5_000)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))

    def open(self, path: Path, fragment: str = "") -> Any:
        """Open the file at *path* and return the page."""
        self.page.goto(path.as_uri() + fragment)
        return self.page


@pytest.fixture
def visit(browser) -> Iterator[Callable[..., Visit]]:
    """Open windows that are closed after the test, and hold them to silence and no requests."""
    visits: list[Visit] = []

    def start(**options: Any) -> Visit:
        visits.append(Visit(browser, **options))
        return visits[-1]

    yield start
    for one in visits:
        one.context.close()
        assert one.complaints == []
        assert [url for url in one.requests if not url.startswith(("file:", "data:"))] == []
        assert len({url for url in one.requests if url.startswith("file:")}) <= 1


# WCAG 2.2 AA and what axe-core calls good practice, of whole pages; a part of one has no landmarks.
_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")

# A document's own list leaves out what moves in its shadow trees.
_ARRIVE = """
for (const root of [document, ...document.querySelectorAll("*")].map(n => n.shadowRoot || n))
  for (const moving of root.getAnimations()) moving.finish();
"""


@pytest.fixture
def faults() -> Callable[..., list[tuple[str, str]]]:
    """What axe-core finds wrong with a page, each with the first element that it holds for.

    Nothing moves, and nothing begins to: in the midst of fading in, or of turning from light to
    dark, a text has hardly any contrast.
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe here")

    def find(page: Any, *, whole: bool = True) -> list[tuple[str, str]]:
        page.emulate_media(reduced_motion="reduce")
        page.evaluate(_ARRIVE)
        rules = [*_RULES, "best-practice"] if whole else list(_RULES)
        found = axe.Axe().run(page, options={"runOnly": rules}).response
        assert len(found["passes"]) > 5, "axe-core has looked at nothing"
        return [(fault["id"], fault["nodes"][0]["html"]) for fault in found["violations"]]

    return find

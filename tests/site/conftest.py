"""The playground over http, in a browser that reaches nothing but this computer."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from regsim import cli
from regsim.site.serving import Handler

PYODIDE = os.environ.get("REGSIM_PYODIDE")
WAIT = 240_000


@pytest.fixture(scope="session")
def playground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder as the command writes it."""
    if not PYODIDE:
        pytest.skip("no Pyodide here: REGSIM_PYODIDE names no folder")
    out = tmp_path_factory.mktemp("site") / "site"
    assert cli.main(["site", "-o", str(out), "--pyodide", PYODIDE]) == 0
    return out


@pytest.fixture(scope="session")
def address(playground: Path) -> Iterator[str]:
    """Where the folder is served."""
    handler = partial(Handler, directory=str(playground))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class Desk:
    """One window on the playground, with all that it asked for and complained about."""

    def __init__(self, browser: Any, address: str, **options: Any) -> None:
        options.setdefault("viewport", {"width": 1280, "height": 720})
        self.context = browser.new_context(**options)
        self.address = address
        self.sent: list[str] = []
        self.refused: list[tuple[str, str]] = []
        self.complaints: list[str] = []
        self.context.route(lambda url: not url.startswith(address), self._caught)

    def _caught(self, route: Any) -> None:
        """Keep from the network what was sent to any other place."""
        self.sent.append(route.request.url)
        route.abort()

    def open(self, fragment: str = "", before: str = "") -> Any:
        """Return a new page of the playground, which begins to start the simulator."""
        page = self.context.new_page()
        page.set_default_timeout(WAIT)
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("requestfailed", lambda it: self.refused.append((it.url, it.failure)))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        if before:
            page.add_init_script(before)
        page.goto(self.address + fragment)
        return page

    def told(self) -> list[str]:
        """Return what was complained about, and sent elsewhere, since the last time."""
        found = [*self.complaints, *self.sent]
        self.complaints.clear()
        self.sent.clear()
        return found


@pytest.fixture(scope="module")
def windows(browser: Any, address: str) -> Iterator[Callable[..., Desk]]:
    """Open windows that are closed at the end."""
    opened: list[Desk] = []

    def start(**options: Any) -> Desk:
        opened.append(Desk(browser, address, **options))
        return opened[-1]

    yield start
    for each in opened:
        each.context.close()


@pytest.fixture(scope="module")
def started(windows: Callable[..., Desk]) -> tuple[Desk, Any]:
    """A window whose simulator runs: it takes seconds to start, so the tests share it."""
    desk = windows()
    page = desk.open()
    page.locator("body[data-ready]").wait_for()
    return desk, page


@pytest.fixture
def desk(started: tuple[Desk, Any]) -> Iterator[Desk]:
    """The window that the tests share, held to silence and to its own address."""
    yield started[0]
    assert started[0].told() == []


@pytest.fixture
def bench(desk: Desk, started: tuple[Desk, Any]) -> Callable[[str], Any]:  # noqa: ARG001
    """Return what turns the running page to a challenge, or to the reader's own service."""
    page = started[1]

    def turn(work: str = "") -> Any:
        page.set_viewport_size({"width": 1280, "height": 720})
        page.locator("#work").select_option(work)
        if page.locator("#again").is_visible():
            page.locator("#again").click()
        return page

    return turn

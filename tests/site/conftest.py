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
WAIT = 120_000


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


@pytest.fixture
def bench(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Open the page in a fresh window, and hold it to silence and to its own address."""
    opened: list[tuple[Any, list[str], list[str]]] = []

    def start(fragment: str = "", *, ready: bool = True, **options: Any) -> Any:
        options.setdefault("viewport", {"width": 1280, "height": 720})
        context = browser.new_context(**options)
        page = context.new_page()
        page.set_default_timeout(WAIT)
        complaints: list[str] = []
        requests: list[str] = []
        opened.append((context, complaints, requests))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.told = complaints
        context.route(
            lambda url: not url.startswith((address, "blob:", "data:")),
            lambda route: route.abort(),
        )
        page.goto(address + fragment)
        if ready:
            page.locator("body[data-ready]").wait_for(timeout=WAIT)
        return page

    yield start
    for context, complaints, requests in opened:
        context.close()
        assert complaints == []
        assert [
            u for u in requests if not u.startswith((address, f"blob:{address}", "data:"))
        ] == []

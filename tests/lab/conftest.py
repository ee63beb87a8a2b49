"""A browser for the page's tests: Debian's Chromium, driven by Playwright, without a network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from regsim.cli.lab import build
from regsim.report.lab.page import lab_html
from regsim.report.lab.stories import Lab

CHROMIUM = os.environ.get("REGSIM_CHROMIUM") or shutil.which("chromium") or ""


@pytest.fixture(scope="session")
def lab() -> Lab:
    """The page's content for the case: every system with every fix."""
    return build("q241572")


@pytest.fixture(scope="session")
def page_file(lab, tmp_path_factory) -> Path:
    """The page of the case, as a file."""
    path = tmp_path_factory.mktemp("lab") / "lab.html"
    path.write_text(lab_html(lab), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A running Chromium."""
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
        assert len([url for url in one.requests if url.startswith("file:")]) <= 1

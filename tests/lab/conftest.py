"""The page of the case, for the tests of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from regsim.cli.lab import build
from regsim.report.lab.page import lab_html
from regsim.report.lab.stories import Lab


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

"""What runs of test files under the plugin share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def not_in_a_workflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """These runs tell GitHub nothing, wherever they run, unless a test says so."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)

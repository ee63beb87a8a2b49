"""Programs for Windows, written to files of a test's own and imported by name."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

PREFIX = "winprog_"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """A function that writes a module, or one of a package, and returns its name."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(source: str, name: str = "one") -> str:
        full = PREFIX + name
        place = tmp_path.joinpath(*full.split("."))
        for package in list(place.relative_to(tmp_path).parents)[:-1]:
            (tmp_path / package).mkdir(exist_ok=True)
            (tmp_path / package / "__init__.py").touch()
        place.with_suffix(".py").write_text(dedent(source))
        importlib.invalidate_caches()
        return full

    yield write
    for name in [name for name in sys.modules if name.startswith(PREFIX)]:
        del sys.modules[name]

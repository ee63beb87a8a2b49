"""The built pages: their links are looked at, and their versions know of each other."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[2] / "docs"
pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="no pages here")


def program(name: str) -> ModuleType:
    """Return the program called *name* in docs."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("html", "fault"),
    [
        ('<a href="other.html#there">', ""),
        ('<a href="#here"><b id="here">', ""),
        ('<a class="x" href="sub/">', ""),
        ('<a href="https://example.org/none">', ""),
        ('<link rel="icon" href="data:,">', ""),
        ('<iframe src="labs/a.html#os=xp&amp;fix=none">', ""),
        ('<a href="labs/none.html#os=xp">', "there is no such file"),
        ('<a href="none.html">', "there is no such file"),
        ('<img alt="" src="none.svg">', "there is no such file"),
        ('<a href="other.html#none">', "the page has no such part"),
        ('<a href="#none">', "the page has no such part"),
        ('<script src="https://example.org/x.js">', "is loaded from elsewhere"),
    ],
)
def test_a_broken_link_is_found(html: str, fault: str, tmp_path: Path) -> None:
    """A file or a part that is not there, and what a browser would load from another site."""
    for name, text in {
        "page.html": html,
        "other.html": '<p id="there">',
        "sub/index.html": "",
        "labs/a.html": '<a href="not looked at">',
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    links = program("links")
    found = list(links.broken(tmp_path))

    assert [line.rpartition(": ")[2] for line in found] == [fault][: bool(fault)]
    assert links.main(tmp_path) == len(found)


def test_versions_know_of_each_other(tmp_path: Path) -> None:
    """Newest first by number, main last; the site leads to the newest. Twice is as once."""
    for name in ("main", "v0.9.0", "v0.10.0"):
        (tmp_path / name / "_static").mkdir(parents=True)
        text = (DOCS / "_static" / "versions.js").read_text(encoding="utf-8")
        (tmp_path / name / "_static" / "versions.js").write_text(text, encoding="utf-8")
    versions = program("versions")

    assert versions.connect(tmp_path) == ["v0.10.0", "v0.9.0", "main"]
    listed = [path.read_text(encoding="utf-8") for path in tmp_path.glob("*/_static/versions.js")]
    wanted = f"const VERSIONS = {json.dumps(['v0.10.0', 'v0.9.0', 'main'])};\n"
    assert [wanted in text for text in listed] == [True] * 3
    assert 'url=v0.10.0/index.html"' in (tmp_path / "index.html").read_text(encoding="utf-8")
    versions.connect(tmp_path)
    assert [p.read_text(encoding="utf-8") for p in tmp_path.glob("*/_static/*.js")] == listed
    (tmp_path / "none").mkdir()
    assert versions.connect(tmp_path / "none") == []

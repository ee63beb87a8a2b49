"""Check the built pages: ``python docs/links.py SITE``; exit code 1 if a link of theirs is broken.

Each link and picture that is not another site's must name a file below SITE, and a part of a page
that the page has. Nothing may be loaded from elsewhere: the pages work offline. A lab reads what
stands behind the ``#`` itself, so there it is another test's.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cache
from html import unescape
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

TARGET = re.compile(r'<(\w+)\b[^>]*?\s(href|src)="([^"]*)"')
NAME = re.compile(r'\sid="([^"]+)"')
LOADED = {"img", "script", "iframe", "link"}
"""Elements whose target a browser loads by itself."""


@cache
def names(page: Path) -> frozenset[str]:
    """Return the parts of *page* that a link can lead to."""
    return frozenset(map(unescape, NAME.findall(page.read_text(encoding="utf-8"))))


def broken(site: Path) -> Iterator[str]:
    """Yield a line for each link below *site* that leads nowhere, or loads from elsewhere."""
    for page in sorted(site.rglob("*.html")):
        if page.parent.name == "labs":
            continue
        for element, _, text in set(TARGET.findall(page.read_text(encoding="utf-8"))):
            fault = _fault(page, element, urlsplit(unescape(text)))
            if fault:
                yield f"{page.relative_to(site)}: {text}: {fault}"


def _fault(page: Path, element: str, target: SplitResult) -> str:
    scheme, place, path, _, part = target
    if scheme or place:
        return "is loaded from elsewhere" if element in LOADED and scheme != "data" else ""
    file = page.parent / unquote(path) if path else page
    if file.is_dir():
        file /= "index.html"
    if not file.is_file():
        return "there is no such file"
    if part and file.suffix == ".html" and file.parent.name != "labs":
        return "" if unquote(part) in names(file) else "the page has no such part"
    return ""


def main(site: Path) -> int:
    """Print what is broken below *site*; return the exit code."""
    found = list(broken(site))
    sys.stdout.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

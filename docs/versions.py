"""Let built pages know of each other: ``python docs/versions.py SITE``.

SITE holds a folder for each version: ``main``, and the tags of the releases. Each of them gets the
list for its switch, newest first and ``main`` last, and SITE leads to the newest.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

LIST = re.compile(r"^const VERSIONS = .*$", re.MULTILINE)
FIRST = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>regsim</title>'
    '<meta http-equiv="refresh" content="0; url={0}/index.html">'
    '<a href="{0}/index.html">regsim</a></html>\n'
)


def age(name: str) -> list[int]:
    """Return what sorts a tag, such as v0.10.0, by its numbers; the pages of main come first."""
    return [int(number) for number in re.findall(r"\d+", name)]


def connect(site: Path) -> list[str]:
    """Write the list into every version below *site*, and the page that leads on; return it."""
    lists = sorted(site.glob("*/_static/versions.js"))
    versions = sorted((path.parents[1].name for path in lists), key=age, reverse=True)
    for path in lists:
        text = path.read_text(encoding="utf-8")
        line = f"const VERSIONS = {json.dumps(versions)};"
        path.write_text(LIST.sub(line, text), encoding="utf-8")
    if versions:
        (site / "index.html").write_text(FIRST.format(versions[0]), encoding="utf-8")
    return versions


if __name__ == "__main__":
    connect(Path(sys.argv[1]))

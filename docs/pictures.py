"""Make the pictures of the README and the pages: ``python docs/pictures.py``; same bytes always."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import showing

from regsim import models
from regsim.report.pictures.colours import adapting
from regsim.report.pictures.moving import moving_svg
from regsim.report.pictures.runs import matrix_svg, openings_svg

FOLDER = Path(__file__).parent / "_static"


def pictures() -> dict[str, str]:
    """Return each picture by the name of its file."""
    stock, fixed = (models.run("q241572", os="nt4-sp6a", fix=fix) for fix in ("none", "hotfix"))
    outcomes = models.incident("q241572").outcomes()
    made = showing.pictures() | {
        "case.svg": moving_svg((stock, fixed)),
        "matrix.svg": matrix_svg(outcomes),
        "open-handles.svg": openings_svg(stock, fixed),
    }
    return {name: adapting(text) for name, text in made.items()}


def main() -> None:
    """Write the pictures."""
    for name, text in pictures().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

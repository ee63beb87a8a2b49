"""How long ``regsim lab`` takes for the incident with the most handles: 65,536 in each of 42 runs.

The command runs as a user's does, in a process of its own; ``python benchmarks/all.py lab``.
"""

from __future__ import annotations

import subprocess
import sys

from measuring import OURS, Asked, Goal, Row, measured


def lab(at: Asked) -> list[Row]:
    """Measure the whole command."""
    page = at.folder / "lab.html"
    command = [sys.executable, "-m", "regsim", "lab", "q179827", "-o", page]

    def made() -> None:
        subprocess.run(command, check=True, capture_output=True)

    what = "`regsim lab q179827`: a page of 42 runs that leak 65,536 handles each"
    return [measured("lab", what, {OURS: made}, at, Goal("", 3.0))]

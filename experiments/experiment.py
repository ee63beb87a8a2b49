"""What every experiment shares: its question, its result on disk, and the comparison of two.

An experiment is a folder ``NNN-question`` with a ``run.py`` that defines ``QUESTION``, ``METHOD``,
``measure()`` (a JSON object), ``finding(result)`` (sentences made from the result) and
``draw(result)`` (a matplotlib figure). This module writes ``result.json``, ``figure.svg`` and
``README.md`` from them. What was timed stands under the key ``"timed"`` and is not compared.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).parent
Result = dict[str, Any]


def folders() -> list[Path]:
    """Return the experiments' folders in order."""
    return sorted(path.parent for path in HERE.glob("[0-9][0-9][0-9]-*/run.py"))


def load(folder: Path) -> ModuleType:
    """Return the experiment in *folder* as a module."""
    name = "experiment_" + folder.name.replace("-", "_")
    spec = importlib.util.spec_from_file_location(name, folder / "run.py")
    assert spec is not None  # noqa: S101 - the file is there
    assert spec.loader is not None  # noqa: S101 - it is a Python file
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stored(folder: Path) -> Result | None:
    """Return the result that *folder* keeps, or None before its first run."""
    path = folder / "result.json"
    return json.loads(path.read_text()) if path.exists() else None


def changes(old: object, new: object, path: str = "") -> Iterator[str]:
    """Yield a line for each place where two results differ; what was timed is passed over."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            if key != "timed":
                yield from changes(old.get(key), new.get(key), f"{path}.{key}" if path else key)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (left, right) in enumerate(zip(old, new, strict=True)):
            yield from changes(left, right, f"{path}[{number}]")
    elif old != new:
        yield f"{path}: {old!r} -> {new!r}"


def write(path: Path, text: str) -> None:
    """Write *text* to *path*, whole or not at all."""
    part = path.with_suffix(path.suffix + ".part")
    part.write_text(text)
    part.replace(path)


def run(folder: Path) -> list[str]:
    """Run the experiment in *folder*, write what it leaves, and return what changed."""
    experiment = load(folder)
    before = stored(folder)
    result = json.loads(json.dumps(experiment.measure()))
    changed = list(changes(before, result)) if before is not None else ["run for the first time"]
    write(folder / "result.json", json.dumps(result, indent=1) + "\n")
    write(folder / "figure.svg", svg(experiment.draw(result)))
    write(folder / "README.md", page(folder, experiment, result))
    return changed


def page(folder: Path, experiment: ModuleType, result: Result) -> str:
    """Return the experiment's README: question, method, finding, figure."""
    alt = experiment.finding(result).split("\n")[0]
    return (
        f"# {experiment.QUESTION}\n\n## Method\n\n{experiment.METHOD}\n\n"
        f"## Finding\n\n{experiment.finding(result)}\n\n![{alt}](figure.svg)\n\n"
        f"`python experiments/{folder.name}/run.py` measures again; `result.json` holds the "
        "numbers.\n"
    )


def svg(figure: Any) -> str:  # noqa: ANN401 - matplotlib is optional
    """Return *figure* as SVG text that two runs write alike."""
    import io  # noqa: PLC0415 - with matplotlib, only when a figure is drawn

    import matplotlib  # noqa: ICN001, PLC0415 - its settings, not its plots

    stream = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "regsim", "svg.fonttype": "none"}):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def interval(successes: int, trials: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a proportion.

    >>> [round(end, 3) for end in interval(5, 10)]
    [0.237, 0.763]
    """
    z, share = 1.96, successes / trials
    middle = share + z * z / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    low, high = (end / (1 + z * z / trials) for end in (middle - spread, middle + spread))
    return max(0.0, low), min(1.0, high)


def main(file: str) -> None:
    """Run the experiment whose ``run.py`` is *file*, and say what changed."""
    for line in run(Path(file).parent) or ["nothing changed"]:
        print(line)


def machine() -> str:
    """Return the machine that times were taken on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} cores, Python {sys.version_info.major}.{sys.version_info.minor}"

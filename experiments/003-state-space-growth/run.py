"""How does the state space grow with workers and services, with each reduction?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import figures
from experiment import Result, main

QUESTION = "How does the state space grow with workers and services, with each reduction?"
METHOD = (
    "The model `q241572`, refcounted, two requests may wait, is explored to its end with as many "
    "services as workers: in full, with symmetric workers and services sorted, with partial order "
    "reduction, and with both."
)
REDUCTIONS = ("none", "symmetry", "partial-order", "all")
SIZES = (1, 2, 3, 4)


def measure() -> Result:
    """Return states and transitions by reduction and size."""
    from regsim.models import model  # noqa: PLC0415

    from regsim.check.learn import Learner  # noqa: PLC0415 - the figure alone needs no explorer
    from regsim.check.space import Options  # noqa: PLC0415
    from regsim.check.verify import Reduce, search  # noqa: PLC0415

    rows: dict[str, dict[str, Any]] = {}
    for reduction in map(Reduce, REDUCTIONS):
        rows[reduction.value] = {}
        for size in SIZES:
            case = model("q241572", workers=size, services=size, variant="refcounted")
            space = search(
                Learner(case),
                Options(symmetry=reduction.symmetry, partial_order=reduction.partial_order),
            )
            counts = {"states": space.states, "transitions": space.transitions}
            rows[reduction.value][str(size)] = counts
    return {"rows": rows}


def finding(result: Result) -> str:
    """Say what each reduction saves at the largest size."""
    rows = result["rows"]
    most = str(max(SIZES))
    full = rows["none"][most]["states"]
    saved = ", ".join(
        f"{name} {count:,} ({full / count:.0f} times fewer)"
        for name in REDUCTIONS[1:]
        for count in (rows[name][most]["states"],)
    )
    step = rows["none"][most]["states"] / rows["none"][str(max(SIZES) - 1)]["states"]
    return (
        f"With {most} workers and {most} services the full space has {full:,} states; {saved}.\n\n"
        f"One worker and one service more multiply the full space by {step:.0f}."
    )


def draw(result: Result) -> Any:  # noqa: ANN401 - matplotlib is optional
    """Return states by size, a line per reduction."""
    series = {
        name: [
            (int(size), cell["states"], cell["states"], cell["states"])
            for size, cell in row.items()
        ]
        for name, row in result["rows"].items()
    }
    return figures.lines(
        series,
        title="Sorting identical processes tames the growth",
        x="workers, and as many services",
        y="states",
        log_y=True,
    )


if __name__ == "__main__":
    main(__file__)

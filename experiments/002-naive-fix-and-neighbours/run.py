"""Does the naive fix break neighbours, and how likely is it in random schedules?"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import figures
from experiment import Result, interval, main

QUESTION = "Does the naive fix break neighbours, and how likely is it in random schedules?"
METHOD = (
    "The naive fix closes the process-wide root after every request. The model `q241572` is "
    "walked at random, each step by an enabled process chosen with equal chance, for 4,000 "
    "requests per number of workers (one other service, two requests may wait; seed 15). A "
    "request fails when its worker finds the root closed under it. The explorer gives the "
    "shortest failing schedule."
)
WORKERS = (1, 2, 3, 4, 6, 8)
REQUESTS = 4_000


def walk(workers: int, variant: str) -> tuple[int, int]:
    """Return how many requests were served in a random walk, and how many of them failed."""
    from regsim.models import model  # noqa: PLC0415

    from regsim.check.learn import Learner  # noqa: PLC0415 - the figure alone needs no explorer

    learner = Learner(model("q241572", workers=workers, services=1, variant=variant))
    chance = random.Random(15)  # noqa: S311 - a simulation
    state = learner.initial()[0]
    came: dict[Any, Any] = {state: None}
    served = failed = 0
    while served < REQUESTS:
        moves: dict[int, list[Any]] = {}
        for taken in learner.successors(state, came.get):
            moves.setdefault(taken.process, []).append(taken)
        step = chance.choice(chance.choice(list(moves.values())))
        came.setdefault(step.state, state)
        state = step.state
        served += step.step.name == "dequeue"
        failed += step.step.name == "fail"
    return served, failed


def shortest() -> int:
    """Return the length of the shortest schedule that breaks a neighbour."""
    from regsim.models import model  # noqa: PLC0415

    from regsim.check.learn import Learner  # noqa: PLC0415
    from regsim.check.search import Search  # noqa: PLC0415
    from regsim.check.space import Options  # noqa: PLC0415

    naive = model("q241572", workers=2, services=0, variant="naive")
    err = next(prop for prop in naive.properties if prop.name == "err")
    targets = {"err": ~err.goal}
    found = Search(Learner(naive), Options(targets=targets, to_the_end=False)).run()
    return len(found.layers) - 1


def measure() -> Result:
    """Return failed requests by variant and workers, and the shortest failing schedule."""
    rows: dict[str, dict[str, Any]] = {}
    for variant in ("naive", "refcounted"):
        rows[variant] = {}
        for workers in WORKERS:
            served, failed = walk(workers, variant)
            rows[variant][str(workers)] = {
                "served": served,
                "failed": failed,
                "interval": interval(failed, served),
            }
    return {"rows": rows, "shortest": shortest()}


def finding(result: Result) -> str:
    """Say how often a neighbour breaks, and that counting users never does it."""
    naive = {w: c["failed"] / c["served"] for w, c in result["rows"]["naive"].items()}
    counted = sum(c["failed"] for c in result["rows"]["refcounted"].values())
    return (
        f"Closing the root after every call fails {naive['2']:.1%} of the requests with two "
        f"workers and {naive['8']:.1%} with eight, and none with one: the shortest failing "
        f"schedule has {result['shortest']} steps and needs two.\n\n"
        f"Counting the root's users failed {counted} requests. A test with one thread cannot tell "
        "the two fixes apart."
    )


def draw(result: Result) -> Any:  # noqa: ANN401 - matplotlib is optional
    """Return the failed share by number of workers, a line per variant."""
    names = {"naive": "root closed after each call", "refcounted": "root closed by its last user"}
    series = {
        names[variant]: [
            (int(w), cell["failed"] / cell["served"], *cell["interval"]) for w, cell in row.items()
        ]
        for variant, row in result["rows"].items()
    }
    return figures.lines(
        series,
        title="Closing the root after every call breaks concurrent calls",
        x="workers in the service",
        y="requests that fail",
        share=True,
    )


if __name__ == "__main__":
    main(__file__)

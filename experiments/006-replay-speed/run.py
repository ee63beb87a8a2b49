"""How fast is the replay, by the size of the trace?"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "replay"))

import figures
from experiment import Result, machine, main

QUESTION = "How fast is the replay, by the size of the trace?"
METHOD = (
    "Traces of 100 processes in the proportions of a real capture (`benchmarks/replay/traces.py`) "
    "are replayed by the C library and by its pure twin, taking turns, three times each; given is "
    "the processor time of the thread per event, median and range. The pure twin is not given more "
    "than 300,000 events."
)
SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
MOST_PURE = 300_000
ROUNDS = 3


def measure() -> Result:
    """Return the verdicts found, and nanoseconds per event by engine and size."""
    from traces import make  # noqa: PLC0415

    from regsim.accel.creplay import CReplay  # noqa: PLC0415 - the figure alone needs no library
    from regsim.accel.replay import PyReplay  # noqa: PLC0415

    verdicts: dict[str, int] = {}
    times: dict[str, dict[str, list[float]]] = {"C": {}, "pure": {}}
    for size in SIZES:
        trace = make(size, 100)
        engines: list[tuple[str, Any]] = [("C", CReplay)]
        engines += [("pure", PyReplay)] if size <= MOST_PURE else []
        for _ in range(ROUNDS):
            for name, engine in engines:
                begun = time.thread_time()
                replay = engine(trace.policy)
                replay.feed(trace.columns, trace.hive_of_key, trace.root_of_hive)
                answer = replay.answer()
                taken = (time.thread_time() - begun) / size * 1e9
                times[name].setdefault(str(size), []).append(taken)
                verdicts[str(size)] = len(answer.unloads)
    return {"unloads": verdicts, "timed": {"machine": machine(), "ns": times}}


def finding(result: Result) -> str:
    """Say what an event costs at the largest size of each."""
    ns = {name: _median(row[max(row, key=int)]) for name, row in result["timed"]["ns"].items()}
    return (
        f"The C library takes {ns['C']:.0f} ns an event at ten million events, which is "
        f"{1e3 / ns['C']:.0f} million events a second; its pure twin takes {ns['pure']:.0f} ns.\n\n"
        f"Measured on {result['timed']['machine']}, a shared machine. From a hundred thousand "
        "events on, size hardly matters: what an event costs is finding its handle, one place in "
        "an array. Below, setting up the replay is most of it."
    )


def _seconds(result: Result) -> float:
    row = result["timed"]["ns"]["C"]
    size = max(row, key=int)
    return _median(row[size]) * int(size) / 1e9


def _median(values: list[float]) -> float:
    return statistics.median(values)


def draw(result: Result) -> Any:  # noqa: ANN401 - matplotlib is optional
    """Return nanoseconds per event by size, a line per engine."""
    names = {"C": "C library", "pure": "pure Python twin"}
    series = {
        names[name]: [
            (int(size), _median(values), min(values), max(values)) for size, values in row.items()
        ]
        for name, row in result["timed"]["ns"].items()
    }
    return figures.lines(
        series,
        title=f"Ten million events are replayed in {_seconds(result):.2f} s",
        x="events in the trace",
        y="ns an event",
        log_x=True,
        log_y=True,
    )


if __name__ == "__main__":
    main(__file__)

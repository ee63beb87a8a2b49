"""What opening and closing one handle costs: in C, in Python, and in a dictionary.

Medians of interleaved rounds in nanoseconds for a pair, in processor time of the thread.
"""

from __future__ import annotations

import statistics
import sys
import timeit
from time import thread_time

from regsim import accel
from regsim.accel import PyHandleTable

ROUNDS, CALLS = 31, 100_000


def timers(filled: int) -> dict[str, timeit.Timer]:
    """Return the three pairs, on a table or dictionary that holds *filled* items already."""
    assert accel.NATIVE is not None, "build the library first: REGSIM_EXT=require"
    found = {}
    for name, make in (("C", accel.NATIVE.CHandleTable), ("pure", PyHandleTable)):
        table = make()
        for _ in range(filled):
            table.open(70_001, 3, 0x20019)
        pair = "t.close(t.open(70_002, 3, 0x20019))"
        found[name] = timeit.Timer(pair, timer=thread_time, globals={"t": table})
    filler = {4 * n + 4: (70_001, 3, 0x20019) for n in range(filled)}
    names = {"d": filler, "k": 4 * filled + 4, "v": (70_002, 3, 0x20019)}
    found["dict"] = timeit.Timer("d[k] = v; del d[k]", timer=thread_time, globals=names)
    return found


def main() -> None:
    """Print the table."""
    for filled in (10, 1_000, 100_000):
        parts = timers(filled)
        taken: dict[str, list[float]] = {name: [] for name in parts}
        for _ in range(ROUNDS):
            for name, timer in parts.items():
                taken[name].append(timer.timeit(CALLS) / CALLS * 1e9)
        middle = {name: statistics.median(values) for name, values in taken.items()}
        words = ", ".join(f"{name} {value:.0f} ns" for name, value in middle.items())
        gain, cost = middle["pure"] / middle["C"], middle["C"] / middle["dict"]
        print(f"{filled:>7} open: {words}; pure / C {gain:.1f}, C / dict {cost:.2f}")
    table = accel.NATIVE.CHandleTable() if accel.NATIVE else PyHandleTable()
    empty = sys.getsizeof(table)
    for _ in range(1_000_000):
        table.open(7, 1, 1)
    print(f"bytes an open handle, a million open: {(sys.getsizeof(table) - empty) / 1e6:.2f}")


if __name__ == "__main__":
    main()

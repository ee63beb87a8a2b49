"""Texts of event 1530 a second, in one process: the front door beside three patterns.

``python benchmarks/door/texts.py [ROUNDS]``. The front door tells what a text is, undoes its
wrapping, finds the events in it and judges; the yardstick only looks for the lines that name a
holder, as they stand in an unbroken text. The two take turns; given are processor times of this
thread, the median and the quartiles over the rounds, and their ratio.
"""

from __future__ import annotations

import re
import statistics
import sys
import time
from collections.abc import Callable

import regsim

TEXTS = 400
SID = "S-1-5-21-1000000000-2000000000-3000000000-{}"
LINE = re.compile(r"Process (\d+) \((\\Device\\[^)]+)\) has opened key (\\REGISTRY\\.*)")
HEAD = re.compile(r"(\d+) user registry handles leaked from (\S+):")
NUMBER = re.compile(r"Event ID:\s+(\d+)")


def text(number: int) -> str:
    """Return an event as the Event Viewer copies it, another for each *number*."""
    sid = SID.format(1_000 + number)
    image = rf"\Device\HarddiskVolume3\Windows\System32\svc{number}.exe"
    return (
        "Log Name:      Application\nSource:        Microsoft-Windows-User Profiles Service\n"
        f"Date:          11/3/2025 5:{number % 60:02}:31 PM\nEvent ID:      1530\n"
        "Level:         Warning\nComputer:      TS01\nDescription:\nWindows detected your registry "
        "file is still in use by other applications or services.\n\n DETAIL - \n"
        f" 2 user registry handles leaked from \\Registry\\User\\{sid}:\n"
        f"Process {number + 4} ({image}) has opened key \\REGISTRY\\USER\\{sid}\n"
        f"Process {number + 4} ({image}) has opened key \\REGISTRY\\USER\\{sid}\\Software\n"
    )


def front_door(texts: list[str]) -> int:
    """Return how many holders the front door names."""
    return sum(len(regsim.who(one).blockers) for one in texts)


def patterns(texts: list[str]) -> int:
    """Return how many lines the yardstick finds."""
    found = 0
    for one in texts:
        assert NUMBER.search(one)
        assert HEAD.search(one)
        found += len(LINE.findall(one))
    return found


def per_text(work: Callable[[list[str]], int], texts: list[str]) -> float:
    """Return the microseconds of processor time for one text."""
    begin = time.thread_time_ns()
    assert work(texts) == 2 * len(texts)
    return (time.thread_time_ns() - begin) / len(texts) / 1_000


def main() -> None:
    """Measure in turns and print a table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    texts = [text(number) for number in range(TEXTS)]
    measured: dict[str, list[float]] = {"the front door": [], "three patterns": []}
    for _ in range(rounds):
        for name, work in zip(measured, (front_door, patterns), strict=True):
            measured[name].append(per_text(work, texts))
    for name, times in measured.items():
        low, middle, high = statistics.quantiles(times, n=4)
        rate = 1_000_000 / middle
        print(
            f"{name:<16} {middle:8.1f} us [{low:.1f} .. {high:.1f}]  {rate:10,.0f} texts a second"
        )
    door, yard = (statistics.median(times) for times in measured.values())
    print(f"ratio: {door / yard:.0f}")


if __name__ == "__main__":
    main()

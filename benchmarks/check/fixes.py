"""Search the fixes of the incidents that have a service in plain code; print CPU seconds.

    python benchmarks/check/fixes.py [ROUNDS]

Each round runs each search once, in a process of its own, from nothing; imports are not counted.
Asked: 60 seconds each.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

NAMES = ("q241572", "shared-host", "two-users", "managed-handles")


def search(name: str) -> None:
    """Search once, in this process, and print what it took as JSON."""
    from regsim import models  # noqa: PLC0415 - the process that starts the rounds does without

    service = models.source(name).service({})
    cpu = time.process_time()
    found = service.fix()
    took = {"cpu": time.process_time() - cpu, "candidates": len(found.candidates) - 1}
    print(json.dumps({**took, "holding": len(found.holding), "edits": found.size}))


def main() -> None:
    """Run the rounds and print a table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    took: dict[str, list[float]] = {name: [] for name in NAMES}
    for _ in range(rounds):
        for name in NAMES:
            command = [sys.executable, __file__, "--one", name]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found = json.loads(done.stdout)
            took[name].append(found["cpu"])
            print(name, found, file=sys.stderr)
    for name, seconds in took.items():
        middle, least, most = statistics.median(seconds), min(seconds), max(seconds)
        print(f"| {name} | {middle:.1f} | {least:.1f} - {most:.1f} |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        search(sys.argv[2])
    else:
        main()

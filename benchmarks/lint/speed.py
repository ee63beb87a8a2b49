"""A thousand made files through `regsim lint`, beside merely parsing them.

``python benchmarks/lint/speed.py [FILES [ROUNDS]]``. Each round runs the command as a user would,
in a process of its own, and parses the same files with the same grammars in this one; given are
processor seconds, the clock, and the ratio of the two in a round, the median of the rounds.
What is found must be what the maker put in.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from made import FILES, write

from regsim.lint import grammars


def linted(folder: Path) -> tuple[float, float, dict[str, str]]:
    """Return the processor seconds and the clock's of one command, and the rule found by file."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "regsim", "lint", str(folder), "--json"],
        check=False,
        capture_output=True,
    )
    wall = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    record = json.loads(done.stdout)
    assert not record["partial"]
    return used, wall, {Path(f["path"]).name: f["rule"] for f in record["findings"]}


def parsed(folder: Path) -> float:
    """Return the processor seconds of reading and parsing each file, and nothing else."""
    begin = time.process_time()
    for path in sorted(folder.iterdir()):
        language = grammars.language_of(path.name)
        assert language is not None
        assert not grammars.parse(language, path.read_bytes()).root_node.has_error
    return time.process_time() - begin


def main() -> None:
    """Measure in turns and print a line."""
    given = [int(word) for word in sys.argv[1:]]
    files, rounds = (*given, *(FILES, 5)[len(given) :])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        planted = write(folder, files)
        sizes = [path.stat().st_size for path in folder.iterdir()]
        runs = []
        for _ in range(rounds):
            used, wall, found = linted(folder)
            assert found == planted, found.items() ^ planted.items()
            runs.append((used, wall, parsed(folder)))
    used, wall, peer = (statistics.median(column) for column in zip(*runs, strict=True))
    ratio = statistics.median(run[0] / run[2] for run in runs)
    print(f"{files} files, median {statistics.median(sizes):,.0f} bytes, {len(planted)} faults")
    print(f"regsim lint {used:.1f} s of the processor, {wall:.1f} s by the clock")
    print(f"parsing {peer:.1f} s; ratio {ratio:.1f}")


if __name__ == "__main__":
    main()

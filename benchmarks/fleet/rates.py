"""A made fleet: texts a second in one process, and captures with one and two Dask workers.

``python benchmarks/fleet/rates.py [FILES [ROUNDS]]`` makes FILES (20,000) files of eight kinds on a
tenth as many hosts and reads them in one process, and 24 captures of 4 MB with one and with two
workers of one thread each, in turns. Given are seconds of the whole command, the median and the
quartiles.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "fleet"))

from made import files

ROWS = 40_000
CAPTURES = 24


def write_texts(root: Path, count: int) -> int:
    """Write the texts and return how many events and rows they hold."""
    held = 0
    for one in files(count, max(count // 10, 1)):
        path = root / one.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(one.data)
        held += len(one.held)
    return held


def write_captures(root: Path) -> None:
    """Write captures in Process Monitor's form."""
    head = '"Time of Day","Process Name","PID","Operation","Path","Result","Detail"\r\n'
    for number in range(CAPTURES):
        lines = [head]
        for row in range(ROWS // 2):
            who = f'"10:00:00.{row:07}","svc{row % 40}.exe","{4 * (row % 40) + 8}"'
            key = f"HKU\\S-1-5-21-7-{number}\\Software\\K{row % 500}"
            lines.append(f'{who},"RegOpenKey","{key}","SUCCESS","Desired Access: Read"\r\n')
            if row % 1_000:
                lines.append(f'{who},"RegCloseKey","{key}","SUCCESS",""\r\n')
        root.mkdir(parents=True, exist_ok=True)
        (root / f"PC{number:03}.csv").write_text("".join(lines))


def seconds(place: Path, out: Path, *more: str) -> float:
    """Return how long a run into a fresh folder takes."""
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "regsim", "fleet", str(place), "-o", str(out), *more]
    begin = time.perf_counter()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode in (0, 1, 3), done.stderr
    return time.perf_counter() - begin


def main() -> None:
    """Measure in turns and print a table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        held = write_texts(root / "texts", count)
        write_captures(root / "captures")
        ways = {
            f"{count:,} texts, one process": ("texts", ()),
            f"{CAPTURES} captures, one process": ("captures", ()),
            f"{CAPTURES} captures, one worker": ("captures", ("--scheduler", "local:1")),
            f"{CAPTURES} captures, two workers": ("captures", ("--scheduler", "local:2")),
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, (place, more) in ways.items():
                times[name].append(seconds(root / place, root / "out", *more))
    for name, each in times.items():
        low, middle, high = statistics.quantiles(each, n=4) if len(each) > 1 else each * 3
        print(f"{name:<28} {middle:8.2f} s [{low:.2f} .. {high:.2f}]")
    texts, _, one, two = (statistics.median(each) for each in times.values())
    print(f"texts a second: {count / texts:,.0f} files, {held / texts:,.0f} events and handles")
    print(f"two workers: {one / two:.2f} times one")


if __name__ == "__main__":
    main()

"""How fast a trace becomes a verdict, file by file: medians of several runs, end to end.

``python benchmarks/ingest/ingest_speed.py [--events N] [--runs N]`` needs ../shared/data (or
REGSIM_SHARED) for real captures and falls back to rows in their likeness. ``--procmon-parser``
also measures that package, in full detail, in the same run, on the same file.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

from captures import repeat_csv, repeat_pml, synthetic_csv

from regsim import dialects
from regsim.trace.asking import replay

REPO = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("REGSIM_SHARED") or REPO.parent / "shared")
NAME = "CompressedLogfileTests32bitUTC"


Rates = tuple[float, float, float]


def median_rate(run: Callable[[], int], runs: int) -> Rates:
    """Return events a second, median and best of *runs*, and a core's microseconds an event.

    The last counts the processor time of all processes, and so tells the work where other jobs
    share the machine.
    """
    rates, costs = [], []
    for _ in range(runs):
        before, began = sum(os.times()[:4]), time.perf_counter()
        events = run()
        rates.append(events / (time.perf_counter() - began))
        costs.append((sum(os.times()[:4]) - before) / events * 1e6)
    return statistics.median(rates), max(rates), statistics.median(costs)


def show(what: str, size: int, rates: Rates) -> None:
    """Print one line of the table."""
    median, best, cost = rates
    print(f"{what:<48}{size / 1e6:>8,.0f}{median:>14,.0f}{best:>12,.0f}{cost:>10.2f}", flush=True)


def verdict(path: Path, workers: int) -> Callable[[], int]:
    """Return a function that reads the trace to its verdict and returns its events."""
    return lambda: replay(path, dialect_of=dialects.get, workers=workers).events


def full_detail(path: Path) -> Callable[[], int]:
    """Return a function that has procmon-parser decode every field and stack of every event."""
    from procmon_parser import ProcmonLogsReader  # noqa: PLC0415 - measured only when asked for

    def run() -> int:
        count = 0
        with path.open("rb") as file:
            reader = ProcmonLogsReader(file, should_get_stacktrace=True, should_get_details=True)
            for event in reader:
                count += event is not None
        return count

    return run


def unpacked(name: str, folder: Path) -> Path | None:
    """Return a real capture, unpacked, None if there is none."""
    packed = SHARED / "data" / "procmon" / f"{name}.zlib"
    if not packed.exists():
        return None
    path = folder / name
    path.write_bytes(zlib.decompress(packed.read_bytes()))
    return path


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--procmon-parser", action="store_true")
    asked = parser.parse_args()
    print(f"{'':<48}{'MB':>8}{'median ev/s':>14}{'best ev/s':>12}{'CPU us/ev':>10}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        csv, pml = unpacked(f"{NAME}.CSV", folder), unpacked(f"{NAME}.PML", folder)
        if pml is not None and asked.procmon_parser:
            rates = median_rate(full_detail(pml), asked.runs)
            show("procmon-parser, full detail", pml.stat().st_size, rates)
        if pml is not None:
            big = folder / "big.PML"
            repeat_pml(pml, big, asked.events)
            show("PML to the verdict", big.stat().st_size, median_rate(verdict(big, 1), asked.runs))
            big.unlink()
        if csv is not None:
            big = folder / "big.CSV"
            repeat_csv(csv, big, asked.events)
            for workers in sorted({1, asked.workers}):
                rates = median_rate(verdict(big, workers), asked.runs)
                what = f"CSV, 27 columns, to the verdict, {workers} process(es)"
                show(what, big.stat().st_size, rates)
            big.unlink()
        narrow = folder / "narrow.CSV"
        synthetic_csv(narrow, asked.events)
        for workers in sorted({1, asked.workers}):
            rates = median_rate(verdict(narrow, workers), asked.runs)
            what = f"CSV, 7 columns, to the verdict, {workers} process(es)"
            show(what, narrow.stat().st_size, rates)


if __name__ == "__main__":
    main()

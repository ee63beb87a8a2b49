"""From a file to the verdict, beside what a user would pick instead: medians, interleaved.

``python benchmarks/ingest/ingest_speed.py [--events N] [--runs N]`` needs ../shared/data (or
REGSIM_SHARED) for real captures, and does without what is missing. Each run has every peer once, on
the same file, after one to warm up. ``--procmon-parser`` also measures that package, in full
detail.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

from captures import repeat_csv, repeat_pml, synthetic_csv

from regsim import accel, dialects
from regsim.trace.asking import replay

REPO = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("REGSIM_SHARED") or REPO.parent / "shared")
NAME = "CompressedLogfileTests32bitUTC"

Peers = dict[str, Callable[[Path], object]]


def verdict(workers: int) -> Callable[[Path], object]:
    """Return what reads a trace to its verdict with so many threads."""
    return lambda path: replay(path, dialect_of=dialects.get, workers=workers)


def by_polars(path: Path) -> object:
    """Scan, filter, fold the case and balance opens and closes by process and key."""
    import polars as pl  # noqa: PLC0415 - a peer that may be missing

    operation = pl.col("Operation")
    return (
        pl.scan_csv(path, infer_schema=False)
        .select("PID", "Operation", "Path", "Result")
        .filter(
            operation.is_in(["RegOpenKey", "RegCreateKey", "RegCloseKey"])
            & (pl.col("Result") == "SUCCESS")
        )
        .with_columns(
            pl.col("Path").str.to_uppercase().alias("Key"),
            pl.when(operation == "RegCloseKey").then(-1).otherwise(1).alias("one"),
        )
        .group_by("PID", "Key")
        .agg(pl.col("one").sum())
        .filter(pl.col("one") > 0)
        .collect(engine="streaming")
    )


def by_procmon_reader(path: Path) -> object:
    """Ask procmon-reader (C++) for what a verdict needs of each event."""
    from procmon_reader import ProcmonReader  # noqa: PLC0415 - a peer that may be missing

    reader = ProcmonReader(str(path))
    fields = ["pid", "operation", "path", "result", "date_and_time"]
    reader.apply_filters(filters=None, select_fields=fields)
    return sum(1 for _ in reader)


def by_procmon_parser(path: Path) -> object:
    """Have procmon-parser decode every field and stack of every event."""
    from procmon_parser import ProcmonLogsReader  # noqa: PLC0415 - measured only when asked for

    with path.open("rb") as file:
        reader = ProcmonLogsReader(file, should_get_stacktrace=True, should_get_details=True)
        return sum(1 for _ in reader)


def compare(what: str, path: Path, peers: Peers, runs: int) -> None:
    """Print a table: each peer's median, spread and processor seconds, and ratios to the first."""
    print(f"\n{what}, {path.stat().st_size / 1e6:,.0f} MB", flush=True)
    clocks: dict[str, list[float]] = {}
    cores: dict[str, list[float]] = {}
    for run in range(runs + 1):
        for name, read in peers.items():
            before, began = sum(os.times()[:4]), time.perf_counter()
            try:
                read(path)
            except ImportError as error:
                if not run:
                    print(f"  {name} is missing: {error}")
                continue
            if run:
                clocks.setdefault(name, []).append(time.perf_counter() - began)
                cores.setdefault(name, []).append(sum(os.times()[:4]) - before)
    first = next(iter(clocks))
    ours, own = statistics.median(clocks[first]), statistics.median(cores[first])
    print(f"  {'':<28}{'seconds':>9}{'spread':>18}{'times':>7}{'core s':>9}{'times':>7}")
    for name, clock in clocks.items():
        median, core = statistics.median(clock), statistics.median(cores[name])
        print(
            f"  {name:<28}{median:>9.3f}{f'[{min(clock):.3f} .. {max(clock):.3f}]':>18}"
            f"{median / ours:>7.2f}{core:>9.2f}{core / own:>7.2f}",
            flush=True,
        )


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
    parser.add_argument("--procmon-parser", action="store_true")
    asked = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {accel.BACKEND}")
    print(f"load {os.getloadavg()[0]:.1f}; 'times' is how many times regsim's first line it takes")
    text: Peers = {"regsim": verdict(2), "regsim, one thread": verdict(1), "polars": by_polars}
    binary: Peers = {
        "regsim": verdict(1),
        "read()": lambda path: len(path.read_bytes()),
        "procmon-reader": by_procmon_reader,
    }
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        csv, pml = unpacked(f"{NAME}.CSV", folder), unpacked(f"{NAME}.PML", folder)
        big = folder / "big"
        if pml is not None:
            if asked.procmon_parser:
                both: Peers = {"regsim": verdict(1), "procmon-parser": by_procmon_parser}
                compare("PML, as captured", pml, both, asked.runs)
            events = repeat_pml(pml, big, asked.events)
            compare(f"PML, {events:,} events", big, binary, asked.runs)
        if csv is not None:
            events = repeat_csv(csv, big, asked.events)
            compare(f"CSV, 27 columns, {events:,} rows", big, text, asked.runs)
        events = synthetic_csv(big, asked.events)
        compare(f"CSV, 7 columns, {events:,} rows", big, text, asked.runs)


if __name__ == "__main__":
    main()

"""From a file to the verdict, beside what a user would pick instead: CSV, PML, EVTX.

The files repeat the events of a real capture, or, where ../shared/data (or REGSIM_SHARED) is not,
have rows in their likeness. ``python benchmarks/all.py csv27 csv7 pml evtx`` measures.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ingest.captures import repeat_csv, repeat_evtx, repeat_pml, synthetic_csv, synthetic_pml
from measuring import OURS, Asked, Goal, MissingPeerError, Row, measured, peer, shared, there

from regsim import dialects
from regsim.trace.asking import replay

NAME = "CompressedLogfileTests32bitUTC"
EVENTS = 1_000_000


def verdict(path: Path, workers: int = 2) -> object:
    """Read a trace to its verdict, in one process, with so many threads."""
    return replay(path, dialect_of=dialects.get, workers=workers)


def by_polars(path: Path, engine: str) -> object:
    """Scan, filter, fold the case and balance opens and closes by process and key."""
    pl = peer("polars", "polars")
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
        .collect(engine=engine)
    )


def by_procmon_reader(path: Path) -> object:
    """Ask procmon-reader (C++) for what a verdict needs of each event."""
    reader = peer("procmon_reader", "procmon-reader").ProcmonReader(str(path))
    fields = ["pid", "operation", "path", "result", "date_and_time"]
    reader.apply_filters(filters=None, select_fields=fields)
    return sum(1 for _ in reader)


def captured(ending: str, repeat: Callable[..., int], make: Callable[..., int], at: Asked) -> int:
    """Write a large file called `big`, of a real capture if there is one; return its events."""
    events, target = at.of(EVENTS), at.folder / "big"
    try:
        packed = shared("procmon", f"{NAME}.{ending}.zlib")
    except MissingPeerError:
        return make(target, events)
    source = at.folder / "source"
    source.write_bytes(zlib.decompress(packed.read_bytes()))
    return repeat(source, target, events)


def _csv(name: str, columns: int, events: int, at: Asked) -> list[Row]:
    path = at.folder / "big"
    polars = partial(peer, "polars", "polars")
    found, missing = there(
        {
            f"polars, {engine}": (polars, partial(by_polars, path, engine))
            for engine in ("streaming", "in-memory")
        }
    )
    ours = {OURS: partial(verdict, path), "regsim, one thread": partial(verdict, path, 1)}
    size = path.stat().st_size / 1e6
    what = f"CSV, {columns} columns, {events:,} rows, {size:,.0f} MB, to findings"
    goals = (Goal("polars", 1.5), Goal("polars", 1.0, cpu=True))
    return [measured(name, what, ours | found, at, *goals, missing=missing)]


def csv27(at: Asked) -> list[Row]:
    """Measure the CSV that repeats a capture: 27 columns, or seven where there is none."""
    events = captured("CSV", repeat_csv, synthetic_csv, at)
    with (at.folder / "big").open("rb") as file:
        return _csv("csv27", file.readline().count(b",") + 1, events, at)


def csv7(at: Asked) -> list[Row]:
    """Measure the CSV of seven columns, as Process Monitor saves it unasked."""
    return _csv("csv7", 7, synthetic_csv(at.folder / "big", at.of(EVENTS)), at)


def pml(at: Asked) -> list[Row]:
    """Measure PML beside one read() of the file, and procmon-reader."""
    events, path = captured("PML", repeat_pml, synthetic_pml, at), at.folder / "big"
    found, missing = there(
        {
            "procmon-reader": (
                partial(peer, "procmon_reader", "procmon-reader"),
                partial(by_procmon_reader, path),
            )
        }
    )
    contenders = {OURS: partial(verdict, path), "read()": path.read_bytes} | found
    what = f"PML, {events:,} events, {path.stat().st_size / 1e6:,.0f} MB, to findings"
    goals = (Goal("read()", 1 / 1.2), Goal("procmon-reader", 2.0))
    return [measured("pml", what, contenders, at, *goals, missing=missing)]


def evtx(at: Asked) -> list[Row]:
    """Measure a large System log beside merely iterating its records in the library that reads it.

    Raises:
        MissingPeerError: the log to be repeated is not here.
    """
    path = at.folder / "big"
    log = gzip.decompress(shared("events", "log2timeline_System.evtx.gz").read_bytes())
    records = repeat_evtx(log, path, at.of(100_000))

    def iterated() -> int:
        parser = peer("evtx", "evtx").PyEvtxParser(str(path))
        return sum(1 for _ in parser.records_json())

    found, missing = there({"evtx": (partial(peer, "evtx", "evtx"), iterated)})
    contenders = {OURS: partial(verdict, path)} | found
    what = f"EVTX, {records:,} records, {path.stat().st_size / 1e6:,.0f} MB, to findings"
    return [measured("evtx", what, contenders, at, Goal("evtx", 1 / 1.15), missing=missing)]

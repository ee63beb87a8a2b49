"""From a Parquet file to all unload verdicts: regsim, and the fastest queries that give the same.

A verdict is a row (unload, pid, key, opened, implicit). The queries are given what they cannot
know: which keys lie in which hive. They pair opens and closes by window, cut at the process's exit,
and keep the opens whose interval holds an unload of their hive. They leave out early what lies in
no hive of interest, which is right only where every close names the key that was opened. The cached
root of HKEY_CURRENT_USER is the first call on it in each life of a process.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regsim.accel.columns import FIRST_PREDEFINED, TYPECODES, EventKind
from regsim.accel.records import columns
from regsim.accel.replaying import new_replay
from regsim.trace.asking import replay
from regsim.trace.readers._parquet import ParquetTable, ahead

if TYPE_CHECKING:
    from replay.traces import Trace

Verdicts = set[tuple[int, int, int, int, bool]]
HKCU = FIRST_PREDEFINED + 1
ROWS = 1 << 18
"""Rows that are decoded at a time."""
NAMES = [name for name in TYPECODES if name != "time"]


def by_regsim(path: Path, trace: Trace) -> Verdicts:
    """Read some rows at a time, each while those before them are replayed.

    An Arrow file is mapped and has nothing to be decoded, so that the second thread replays too.
    """
    run = new_replay(trace.policy, shards=1 if path.suffix == ".parquet" else 2)
    for batch in ahead(_batches(path)):
        data = {name: batch.column(name).to_numpy() for name in NAMES}
        run.feed(columns(**data), trace.hive_of_key, trace.root_of_hive)
    return {
        (unload.row, pid, key, row, implicit)
        for unload in run.answer().unloads
        for row, implicit, pid, key, _ in unload.blockers
    }


def through_the_door(path: Path, trace: Trace) -> set[tuple[int, int, int]]:
    """What a user calls: the finding, its blockers as unload, pid and key."""
    numbers = {name: number for number, name in enumerate(trace.names)}
    return {
        (attempt.event - 1, held.pid, numbers[held.key])
        for attempt in replay(path).attempts
        for held in attempt.blockers
    }


def _batches(path: Path) -> Iterator[Any]:
    """Yield the columns in batches, of either kind of file."""
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if path.suffix == ".parquet":
        yield from ParquetTable(data).batches(NAMES, ROWS)
        return
    import pyarrow as pa  # noqa: PLC0415

    reader = pa.ipc.open_file(pa.py_buffer(data))
    yield from (reader.get_batch(at) for at in range(reader.num_record_batches))


def by_polars(path: Path, trace: Trace, *, implicit: bool = True, engine: str = "") -> Verdicts:
    """The lazy engine; joins as of the next exit and the next unload, no inequality join.

    *engine* "streaming" has polars stream the part that reads the file. Keys that are texts get
    their numbers in what is left of it.
    """
    import polars as pl  # noqa: PLC0415

    names = pl.LazyFrame({"key": trace.names, "number": range(len(trace.names))})
    names = names.with_columns(pl.col("key").cast(pl.Categorical), pl.col("number").cast(pl.UInt32))
    hive = pl.lit(pl.Series(trace.hive_of_key)).gather(pl.col("key"))
    root = pl.lit(pl.Series(trace.root_of_hive)).gather(pl.col("hive"))
    op = pl.col("op")
    did = (pl.col("status") == 0) & op.is_in([EventKind.OPEN.value, EventKind.CLOSE.value])
    called = (op == EventKind.OPEN.value) & (pl.col("parent") == HKCU)
    scan = pl.scan_ipc if path.suffix == ".arrow" else pl.scan_parquet
    rows = (
        scan(path, row_index_name="row")
        .select("row", *NAMES)
        .filter(did | called | op.is_in([EventKind.EXIT.value, EventKind.UNLOAD.value]))
    )
    if trace.names:
        rows = rows.join(names, on="key", how="left", maintain_order="left")
        rows = rows.drop("key").rename({"number": "key"})
    mine = (
        rows.with_columns(hive.alias("hive"))
        .filter((pl.col("hive") > 0) | (op == EventKind.EXIT.value))
        .collect(engine=engine or "auto")
    )
    exits = (
        mine.lazy().filter(op == EventKind.EXIT.value).select("pid", pl.col("row").alias("exit"))
    )
    unloads = (
        mine.lazy()
        .filter(op == EventKind.UNLOAD.value)
        .select("hive", pl.col("row").alias("unload"))
    )
    mine = mine.filter(op <= EventKind.CLOSE.value)
    pairs = mine.lazy().filter(pl.col("status") == 0)
    opens = (
        pairs.with_columns(pl.col("row").shift(-1).over("pid", "handle").alias("next"))
        .filter(op == EventKind.OPEN.value)
        .select("row", "pid", "key", "hive", "next", pl.lit(value=False).alias("implicit"))
        .join_asof(exits, left_on="row", right_on="exit", by="pid", strategy="forward")
    )
    held = [opens]
    if implicit:
        roots = (
            mine.lazy()
            .filter(pl.col("parent") == HKCU)
            .select("row", "pid", "hive")
            .join_asof(exits, left_on="row", right_on="exit", by="pid", strategy="forward")
            .group_by("pid", "exit")
            .agg(pl.col("row").min(), pl.col("hive").sort_by("row").first())
            .with_columns(root.alias("key"), pl.lit(value=True).alias("implicit"))
            .with_columns(pl.lit(None, pl.UInt32).alias("next"))
            .select("row", "pid", "key", "hive", "next", "implicit", "exit")
        )
        held.append(roots)
    last = pl.min_horizontal("next", "exit").fill_null(2**32 - 1)
    found = (
        pl.concat(held)
        .sort("row")
        .join_asof(
            unloads.rename({"unload": "first"}),
            left_on="row",
            right_on="first",
            by="hive",
            strategy="forward",
        )
        .filter(pl.col("first") < last)
        .join(unloads, on="hive")
        .filter((pl.col("unload") > pl.col("row")) & (pl.col("unload") < last))
        .select("unload", "pid", "key", "row", "implicit")
        .collect()
    )
    return set(found.rows())


SQL = """
with rows as (
    select file_row_number as row, op, pid, handle, parent, status, key, hives[key + 1] as hive
    from read_parquet('{path}', file_row_number = true), (select $hives as hives)
    where op in (1, 2, 5, 7) and (status = 0 or op = 7 or (op = 1 and parent = {hkcu}))
),
exits as (select pid, row as exit from rows where op = 5),
unloads as (select hive, row as unload from rows where op = 7),
pairs as (
    select row, pid, key, hive, op,
           lead(row) over (partition by pid, handle order by row) as next
    from rows where op in (1, 2) and status = 0 and hive > 0
),
firsts as (
    select min(r.row) as row, r.pid, arg_min(r.hive, r.row) as hive, e.exit
    from rows r asof left join exits e on r.pid = e.pid and r.row <= e.exit
    where r.op = 1 and r.parent = {hkcu} and r.hive > 0
    group by r.pid, e.exit
),
held as (
    select p.row, p.pid, p.key, p.hive, least(p.next, e.exit) as last, false as implicit
    from pairs p asof left join exits e on p.pid = e.pid and p.row <= e.exit
    where p.op = 1
    {implicit}
)
select u.unload, h.pid, h.key, h.row, h.implicit
from held h join unloads u
on u.hive = h.hive and u.unload > h.row and u.unload < coalesce(h.last, 4294967295)
"""

ROOTS = """union all
    select row, pid, roots[hive + 1], hive, exit, true from firsts, (select $roots as roots)"""


def by_duckdb(path: Path, trace: Trace, *, implicit: bool = True) -> Verdicts:
    """One statement; the hive of a key is looked up in a list."""
    import duckdb  # noqa: PLC0415

    text = SQL.format(path=path, hkcu=HKCU, implicit=ROOTS if implicit else "")
    given = {"hives": trace.hive_of_key.tolist()}
    if implicit:
        given["roots"] = trace.root_of_hive.tolist()
    return set(duckdb.connect().execute(text, given).fetchall())

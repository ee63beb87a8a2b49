"""Generate traces in the proportions of real captures, as numpy columns.

Of a Windows 7 capture's registry rows (facts: 14 s, 27,099 rows) 46 % are queries and writes, 23 %
failed opens, 15 % opens and 16 % closes. A process here has some handles that live long and many
that live for a few rows; it ends and starts again a few times; a few dozen times somebody tries
to unload a user's hive. One open in four is a call on a predefined key where *implicit* is set.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np

from regsim.accel.columns import EventKind
from regsim.accel.records import NEVER, OF_HIVE, Columns, Policy, columns
from regsim.trace.converting import ROWS, parquet_writer

NOT_FOUND = 0xC000_0034
CANNOT_DELETE = 0xC000_0121
HKCU, HKLM = 0x8000_0001, 0x8000_0002
KEYS = 20_000
NAMES = ("op", "pid", "handle", "parent", "key", "status", "time")
LIVES = 4
"""How often each process runs."""
SLOTS = 96
ROWS_PER_UNLOAD = 250_000
SHARE_OTHER, SHARE_FAILED = 0.46, 0.23


class Trace(NamedTuple):
    """The columns by name, the arrays of keys, the policy that fits them, and the keys' names.

    Without *names* keys are numbers in a file too.
    """

    data: dict[str, np.ndarray]
    hive_of_key: np.ndarray
    root_of_hive: np.ndarray
    policy: Policy
    names: tuple[str, ...] = ()

    @property
    def columns(self) -> Columns:
        """The columns as the replay takes them."""
        return columns(**self.data)


def make(rows: int, processes: int, *, implicit: bool = True, seed: int = 1) -> Trace:
    """Return a trace of *rows* rows by *processes* processes."""
    rng = np.random.default_rng(seed)
    users = max(1, processes // 50)
    hive_of_key = np.zeros(KEYS, np.uint32)
    shared = KEYS // 2
    hive_of_key[shared:] = 1 + np.arange(KEYS - shared) % users
    root_of_hive = np.concatenate([[0], shared + np.arange(users)]).astype(np.uint32)
    process = rng.integers(0, processes, rows, dtype=np.uint32)
    data = {
        "op": np.zeros(rows, np.uint8),
        "pid": 4 * (process + 25),
        "handle": np.zeros(rows, np.uint64),
        "parent": np.zeros(rows, np.uint64),
        "key": _keys(rng, process, users, shared),
        "status": np.zeros(rows, np.uint32),
        "time": np.arange(rows, dtype=np.int64) * 1_000,
    }
    kind = rng.random(rows)
    failed = (kind >= SHARE_OTHER) & (kind < SHARE_OTHER + SHARE_FAILED)
    data["op"][failed], data["status"][failed] = EventKind.OPEN, NOT_FOUND
    special = _specials(rng, data, processes, users, shared)
    _handles(rng, data, np.flatnonzero((kind >= SHARE_OTHER + SHARE_FAILED) & ~special), processes)
    if implicit:
        opens = data["op"] == EventKind.OPEN
        asked = opens & (rng.random(rows) < 0.25)
        user = hive_of_key[data["key"]] > 0
        data["parent"][asked & user], data["parent"][asked & ~user] = HKCU, HKLM
    roots = [NEVER, OF_HIVE, 0, *[NEVER] * 5]
    return Trace(data, hive_of_key, root_of_hive, Policy(roots=tuple(roots)))


def _keys(rng: np.random.Generator, process: np.ndarray, users: int, shared: int) -> np.ndarray:
    """Return a key for each row: the machine's, or its process's user's; some far more often."""
    rows = len(process)
    rank = (rng.random(rows) ** 3 * shared).astype(np.uint32)
    mine = shared + rank // users * users + process % users
    keys = np.where(rng.random(rows) < 0.4, np.minimum(mine, KEYS - users + process % users), rank)
    return keys.astype(np.uint32)


def _specials(
    rng: np.random.Generator, data: dict[str, np.ndarray], processes: int, users: int, shared: int
) -> np.ndarray:
    """Write the starts, exits and attempts to unload, and return where they are."""
    rows = len(data["op"])
    ends = np.linspace(0, rows, LIVES + 1)[1:-1].astype(np.int64)
    offsets = (np.arange(processes) * 2 * (rows // LIVES // 4 // processes)).astype(np.int64)
    exits = (ends[:, None] + offsets[None, :]).ravel()
    who = np.tile(np.arange(processes, dtype=np.uint32), LIVES - 1)
    special = np.zeros(rows, bool)
    for place, op in ((exits, EventKind.EXIT), (exits + 1, EventKind.START)):
        data["op"][place], data["pid"][place], data["status"][place] = op, 4 * (who + 25), 0
        special[place] = True
    free = np.flatnonzero(~special)
    unloads = np.sort(rng.choice(free, rows // ROWS_PER_UNLOAD, replace=False))
    data["op"][unloads], data["status"][unloads] = EventKind.UNLOAD, CANNOT_DELETE
    data["key"][unloads] = shared + np.arange(len(unloads)) % users
    special[unloads] = True
    return special


def _handles(
    rng: np.random.Generator, data: dict[str, np.ndarray], acting: np.ndarray, processes: int
) -> None:
    """Make the rows *acting* opens and closes: each slot of each life is opened, closed, opened."""
    slot = np.minimum(rng.geometric(0.06, len(acting)) - 1, SLOTS - 1)
    process = (data["pid"][acting] // 4 - 25).astype(np.int64)
    life = np.zeros(len(acting), np.int64)
    rows = len(data["op"])
    ends = np.linspace(0, rows, LIVES + 1)[1:-1].astype(np.int64)
    for end in ends:
        life += acting > end + process * 2 * (rows // LIVES // 4 // processes)
    group = (process * LIVES + life) * SLOTS + slot
    order = np.argsort(group, kind="stable")
    first = np.r_[True, group[order][1:] != group[order][:-1]]
    begin = np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
    closes = (np.arange(len(order)) - begin) % 2 == 1
    places = acting[order]
    data["op"][places] = np.where(closes, EventKind.CLOSE, EventKind.OPEN)
    data["handle"][places] = 4 * (slot[order] + 1)
    data["key"][places[closes]] = data["key"][places[np.flatnonzero(closes) - 1]]


def named(trace: Trace) -> Trace:
    """Return the trace with a name for each key, below HKEY_LOCAL_MACHINE or HKEY_USERS."""
    roots = dict(zip(trace.root_of_hive.tolist(), range(len(trace.root_of_hive)), strict=True))
    names = []
    for key, hive in enumerate(trace.hive_of_key.tolist()):
        root = f"HKU\\S-1-5-21-1004336348-1177238915-682003330-{1000 + hive}" if hive else "HKLM"
        below = "" if hive and roots.get(key) == hive else f"\\Software\\Vendor {key % 97}\\{key}"
        names.append(root + below)
    return trace._replace(names=tuple(names))


def write(trace: Trace, path: Path, *, ours: bool = True) -> None:
    """Write the columns to an Arrow or a Parquet file, by its suffix.

    *Ours* is laid out as `regsim convert` lays a capture out. Otherwise pyarrow's defaults.
    """
    import pyarrow as pa  # noqa: PLC0415 - only to write
    import pyarrow.parquet as pq  # noqa: PLC0415

    table = pa.table(trace.data)
    if trace.names:
        keys = pa.DictionaryArray.from_arrays(trace.data["key"].astype(np.int32), [*trace.names])
        table = table.set_column(table.schema.get_field_index("key"), "key", keys)
    if path.suffix == ".arrow":
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
    elif not ours:
        pq.write_table(table, path)
    else:
        schema = pa.schema([field.with_nullable(False) for field in table.schema])
        with parquet_writer(path, schema) as writer:
            writer.write_table(table.cast(schema), row_group_size=ROWS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int)
    parser.add_argument("processes", type=int)
    parser.add_argument("path", type=Path)
    parser.add_argument("--explicit", action="store_true", help="no calls on predefined keys")
    asked = parser.parse_args()
    write(make(asked.rows, asked.processes, implicit=not asked.explicit), asked.path)

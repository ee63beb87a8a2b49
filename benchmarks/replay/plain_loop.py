"""The loop that one writes first: a dictionary of attrs records, one `if` an op.

It knows what the pure twin knows of traces with handle values, cached roots among it, and leaves
out the rest: emulated values, pairing without values, disabled caches, snapshots. The pure twin may
be no slower than this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from regsim.accel.columns import FIRST_PREDEFINED, EventKind
from regsim.accel.records import NEVER, OF_HIVE

if TYPE_CHECKING:
    from replay.traces import Trace


@attrs.define
class Event:
    """One row."""

    row: int
    op: int
    pid: int
    handle: int
    parent: int
    key: int
    status: int


@attrs.define
class Handle:
    """One open handle."""

    handle: int
    key: int
    row: int
    implicit: bool


@attrs.define
class Process:
    """The handles of one process, and the roots it has cached."""

    handles: dict[int, Handle] = attrs.field(factory=dict)
    roots: dict[int, Handle] = attrs.field(factory=dict)


def replay(trace: Trace, rows: int) -> list[tuple[int, int, int]]:
    """Return the verdicts of the first *rows* rows: row, hive, and how many handles hold it."""
    names = ("op", "pid", "handle", "parent", "key", "status")
    columns = [memoryview(trace.data[name])[:rows] for name in names]
    hive_of_key, root_of_hive = trace.hive_of_key.tolist(), trace.root_of_hive.tolist()
    roots = trace.policy.roots
    processes: dict[int, Process] = {}
    counts = [0] * len(root_of_hive)
    verdicts = []
    for row, values in enumerate(zip(*columns, strict=True)):
        event = Event(row, *values)
        if event.op == EventKind.OTHER:
            continue
        process = processes.get(event.pid)
        if process is None:
            process = processes[event.pid] = Process()
        if event.op == EventKind.OPEN:
            index = event.parent - FIRST_PREDEFINED
            if 0 <= index < 8 and roots[index] != NEVER and index not in process.roots:
                hive = hive_of_key[event.key]
                root = root_of_hive[hive] if roots[index] == OF_HIVE else roots[index]
                process.roots[index] = Handle(0, root, row, True)
                counts[hive_of_key[root]] += 1
            if event.status:
                continue
            old = process.handles.get(event.handle)
            if old is not None:
                counts[hive_of_key[old.key]] -= 1
            process.handles[event.handle] = Handle(event.handle, event.key, row, False)
            counts[hive_of_key[event.key]] += 1
        elif event.op == EventKind.CLOSE:
            old = None if event.status else process.handles.pop(event.handle, None)
            if old is not None:
                counts[hive_of_key[old.key]] -= 1
        elif event.op in (EventKind.EXIT, EventKind.START):
            for one in (*process.handles.values(), *process.roots.values()):
                counts[hive_of_key[one.key]] -= 1
            processes[event.pid] = Process()
        elif event.op == EventKind.UNLOAD:
            hive = hive_of_key[event.key]
            blockers = [
                one
                for process in (processes.values() if counts[hive] else ())
                for one in (*process.handles.values(), *process.roots.values())
                if hive_of_key[one.key] == hive
            ]
            verdicts.append((row, hive, len(blockers)))
    return verdicts

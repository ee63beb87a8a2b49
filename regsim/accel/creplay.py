"""The C twin of the replay, and its shards: the library's tuples as the records of `records`."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from regsim.accel import NATIVE
from regsim.accel.records import (
    MAX_ROWS,
    Buffer,
    Columns,
    Counters,
    HandleValues,
    Holder,
    Policy,
    Replayed,
    Unload,
    checked_keys,
    view,
)
from regsim.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

CHUNK = 1 << 21
"""Rows that several shards take at a time: about 20 MB of events each."""

_TOTALS = ("opens", "failed", "duplicates", "closes")


class CReplay:
    """A replay under way in C; see `records.Replay`.

    With more than one shard each replays its own processes in a thread of its own, without the GIL.
    What they find is put together: a hive's count is the sum over the shards.

    Raises `UsageError` without the library. Memory that runs out raises `MemoryError`, and then
    only a new replay can go on. One thread at a time may call it: another gets a `UsageError`, and
    the replay is as if that had not called.
    """

    def __init__(
        self, policy: Policy, values: HandleValues = HandleValues.GIVEN, shards: int = 1
    ) -> None:
        if NATIVE is None:
            raise UsageError("this regsim runs without its C library; see `regsim doctor`")
        if not 1 <= shards <= 64:
            raise UsageError(f"shards must be 1 to 64, not {shards}")
        flags = (policy.close_root, policy.refresh_root, policy.disable_closes)
        more = (policy.per_call_leaks, policy.root_blocks, policy.subkeys_block)
        self._library = NATIVE
        self._lock = threading.Lock()
        self._shards = [NATIVE.CReplay(policy.roots, *flags, *more, values) for _ in range(shards)]
        self._policy = policy
        self._known = (0, 0)
        self._rows = 0
        self._totals = [0] * len(_TOTALS)

    def feed(
        self,
        rows: Columns,
        hive_of_key: Buffer,
        root_of_hive: Buffer,
        stops: Sequence[int] = (),
        *,
        own: bool = False,
    ) -> None:
        """Take more rows; see `records.Replay.feed`."""
        with self._alone():
            self._check(rows, hive_of_key, root_of_hive)
            begin = self._rows
            for stop in stops:
                if self._rows <= stop < begin + len(rows):
                    self._run(rows, begin, stop)
                    of = (rows.pid[stop - begin],) if own else ()
                    for shard in self._shards:
                        shard.note(stop, *of)
            self._run(rows, begin, begin + len(rows))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        # The library refuses two calls at once of one object, but a feed is many calls of several:
        # what another thread does between them would leave the shards at different rows.
        if not self._lock.acquire(blocking=False):
            raise UsageError("this replay is at work in another thread; give each thread its own")
        try:
            yield
        finally:
            self._lock.release()

    def _check(self, rows: Columns, hive_of_key: Buffer, root_of_hive: Buffer) -> None:
        hives, roots = (
            view("hive_of_key", hive_of_key, "I"),
            view("root_of_hive", root_of_hive, "I"),
        )
        try:
            for shard in self._shards:
                shard.keys(hives, roots)
            self._shards[0].check(rows.op, rows.key)
            good = self._rows + len(rows) <= MAX_ROWS
        except ValueError:
            good = False
        if not good:
            checked_keys(rows, hives, roots, self._policy, self._rows, self._known)
        self._known = len(hives), len(roots)

    def _run(self, rows: Columns, begin: int, end: int) -> None:
        """Take the rows up to number *end* of those that begin with number *begin*."""
        buffers = (rows.op, rows.pid, rows.handle, rows.parent, rows.key, rows.status)
        first, self._rows = self._rows, end
        if len(self._shards) == 1:
            self._shards[0].feed(*buffers, first - begin, end - first)
            return
        with ThreadPoolExecutor(len(self._shards)) as pool:
            for start in range(first, end, CHUNK):
                self._run_chunk(pool, buffers, begin, (start, min(end, start + CHUNK)))

    def _run_chunk(
        self,
        pool: ThreadPoolExecutor,
        buffers: tuple[memoryview, ...],
        begin: int,
        span: tuple[int, int],
    ) -> None:
        """Gather the events of the rows in *span*, each thread a part, and apply them by shard."""
        count, (start, end) = len(self._shards), span
        cuts = [start + (end - start) * part // count for part in range(count + 1)]

        def gather(part: int) -> Any:  # noqa: ANN401 - of the library
            low, high = cuts[part], cuts[part + 1]
            return self._library.CEvents(count, low, *buffers, low - begin, high - low)

        def apply(shard: int) -> None:
            for events in parts:
                self._shards[shard].apply(events, shard, end)

        parts = list(pool.map(gather, range(count)))
        for events in parts:
            self._totals = [a + b for a, b in zip(self._totals, events.totals(), strict=True)]
        list(pool.map(apply, range(count)))

    def answer(self) -> Replayed:
        """Return what was found so far."""
        with self._alone():
            results = [shard.result(Holder) for shard in self._shards]
        unloads, counts, now, snapshots, counters = zip(*results, strict=True)
        return Replayed(
            tuple(Unload(*_merged(same)) for same in zip(*unloads, strict=True)),
            tuple(map(sum, zip(*counts, strict=True))),
            _merged(now)[3],
            tuple(_merged(same)[::3] for same in zip(*snapshots, strict=True)),
            self._counters(counters),
        )

    def _counters(self, shards: tuple[tuple[int, ...], ...]) -> Counters:
        found = Counters(*map(sum, zip(*shards, strict=True)))
        found.rows = self._rows
        found.unmatched_end, found.replaced_end = map(
            max, *(shard[-2:] for shard in shards), (0, 0)
        )
        for name, total in zip(_TOTALS, self._totals, strict=True):
            setattr(found, name, getattr(found, name) + total)
        return found


def _merged(findings: tuple[tuple[Any, ...], ...]) -> tuple[Any, ...]:
    """Return one row's finding from those of all shards: row, hive, count, holders in order."""
    row, hive = findings[0][:2]
    holders = heapq.merge(*(f[3] for f in findings)) if len(findings) > 1 else findings[0][3]
    return row, hive, sum(f[2] for f in findings), tuple(holders)

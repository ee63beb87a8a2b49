"""Evidence with handle values: the replay of `regsim.accel`, told in the terms of a ledger."""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from regsim.accel.columns import EventKind
from regsim.accel.records import NEVER, OF_HIVE, ROOTS, Columns, Holder, Policy, columns
from regsim.accel.replaying import new_replay
from regsim.accel.watching import RowWatch
from regsim.kernel.holding import blocks
from regsim.policy import (
    Dialect,
    DisabledRoot,
    PerCallRoot,
    PredefClose,
    PredefEmpty,
)
from regsim.trace.calls import GONE
from regsim.trace.columns import EXIT, LOAD, START, Batch
from regsim.trace.evidence import Capture
from regsim.trace.extras import have, need
from regsim.trace.ledger import LOADS, Attempt, Held, HeldColumns, Ledger, Opened
from regsim.trace.spelling import UNPLACED
from regsim.trace.texts import new_texts

_HKCU: Final = 1
_GROUP: Final = struct.Struct("=II")
_MOST_OPENINGS: Final = 1_000_000
_FEW: Final = 30
"""Rows whose columns are read sooner one by one than together."""


def policy_of(dialect: Dialect | None) -> Policy:
    """Return the dialect's rules of predefined keys and of unloading as the replay takes them.

    Only HKEY_CURRENT_USER is followed: no other predefined key's root is in a user's hive.
    Without a dialect, what all of them have in common: the root opens at the first use, and stays.
    """
    rules: dict[str, Any] = {
        "roots": tuple(OF_HIVE if index == _HKCU else NEVER for index in range(ROOTS))
    }
    if dialect is not None:
        rules |= {
            "close_root": dialect.close_predefined is PredefClose.CLOSES_ROOT,
            "refresh_root": dialect.open_predefined_empty is PredefEmpty.REFRESH,
            "disable_closes": dialect.disabled_root is DisabledRoot.CLOSED,
            "per_call_leaks": dialect.per_call_root is PerCallRoot.LEAKED,
            "root_blocks": blocks(dialect.unload_blockers, is_root=True),
            "subkeys_block": blocks(dialect.unload_blockers, is_root=False),
        }
    return Policy(**rules)


class HandleLedger(Ledger):
    """The balances of rows that have handle values.

    The replay knows handles by value, duplicates, and the roots that a call on a predefined key
    opens unasked; so a close is matched with its very open.
    """

    def __init__(self, capture: Capture, dialect: Dialect | None = None) -> None:
        super().__init__(capture)
        self._replay = new_replay(policy_of(dialect))
        self._hives = array("I")
        self._roots = array("I", [0, 0])
        self._openings, self._most = _Openings(), _MOST_OPENINGS
        self._exits: dict[int, tuple[int, int, int]] = {}
        self._begun: dict[int, int] = {}
        self._unloads: dict[int, tuple[Opened, int, int]] = {}
        self._anchor_ends: dict[int, int] = {}
        self._ends = 0, 0
        self._rows = 0
        self._holders: tuple[Holder, ...] = ()

    def feed(self, batch: Batch) -> None:
        """Take the rows of *batch* into account, up to the asked-for moment."""
        end = len(batch)
        if self.until is not None:
            end = bisect_right(batch.time, self.until)
        if self.until_number is not None:
            end = min(end, bisect_right(batch.number, self.until_number))
        self.stopped = end < len(batch)
        self._learn_keys()
        self._check_order(batch)
        rows = columns(**_columns(batch, end))
        stops = self._note(batch, rows)
        self._replay.feed(rows, self._hives, self._roots, stops, own=True)
        self._rows += end
        if len(self._openings) > self._most:
            self._forget()

    def _learn_keys(self) -> None:
        """Bring the arrays that the replay needs up to the capture's tables."""
        keys = self.capture.keys
        while len(self._roots) < len(keys.hive_names):
            self._roots.append(keys.root_of(len(self._roots)))
        self._hives.extend(keys.hives[len(self._hives) :])

    def _note(self, batch: Batch, rows: Columns) -> list[int]:
        """Keep what the replay does not: when rows happened; return before which to look."""
        first, stops, opens, at = self._rows, [], array("I"), 0
        watch = RowWatch(rows, self._hives, len(self._roots))
        while True:
            found = watch.run(at, self.gone, self.ended)
            opens.extend(found.opens)
            self.touched.update(found.touched)
            for odd in found.odd:
                self._check_opened(batch, odd)
            if found.stop == len(rows):
                break
            op = rows.op[found.stop]
            self._see(op, first + found.stop, batch, rows, found.stop)
            if op in (EXIT, START):
                stops.append(first + found.stop)
            at = found.stop + 1
        self._openings.extend(first, opens, batch)
        return stops

    def _check_opened(self, batch: Batch, at: int) -> None:
        """Note an open that nobody can have made: of a hive that is gone, by who has ended."""
        opened = Opened(int(batch.time[at]), int(batch.number[at]), int(batch.access[at]))
        status = int(batch.status[at])
        if status:
            if status in GONE:
                self._gone(self._hives[int(batch.key[at])], opened, status)
            return
        hive, process = self._hives[int(batch.key[at])], int(batch.process[at])
        if process in self.exited:
            self.revived.add(opened.number)
        if int(batch.op[at]) == EventKind.DUPLICATE:
            self._copied(hive, opened.number)
        elif int(batch.op[at]) == EventKind.OPEN:
            self.touched.add(hive)
            if hive in self.unloaded:
                self._opened_after_unload(hive, opened)

    def _see(self, op: int, row: int, batch: Batch, rows: Columns, at: int) -> None:
        process, key, time, status = rows.pid[at], rows.key[at], rows.time[at], rows.status[at]
        hive = self._hives[key]
        if op in LOADS and hive > UNPLACED and not self.capture.keys.is_root(key):
            self._below_root(int(batch.number[at]))
            rows.op[at] = EventKind.OTHER
        elif op == START:
            self._begun[row] = int(batch.number[at])
            self._start_seen(process, time, int(batch.number[at]))
            if self.exited.pop(process, None) is not None:
                self.ended[process] = 0
        elif op == EXIT:
            self._exit_seen(process, time, int(batch.number[at]))
            self._exits[row] = (process, time, int(batch.number[at]))
        elif op == LOAD and hive > UNPLACED and status == 0:
            self._load_seen(hive, time, int(batch.number[at]))
            self._anchor_ends[hive] = row + 1
        elif op != LOAD and hive > UNPLACED:
            self._unloads[row] = (Opened(time, int(batch.number[at]), 0), key, status)
            if op == EventKind.FORCE:
                self.forced.add(hive)
            if status == 0:
                self._unload_seen(hive, time, int(batch.number[at]))
                self._anchor_ends[hive] = row + 1

    def _forget(self) -> None:
        """Drop the openings of handles that are closed and were noted nowhere."""
        answer = self._replay.answer()
        kept = {holder.row for holder in answer.holders}
        kept.update(holder.row for _, holders in answer.snapshots for holder in holders)
        kept.update(holder.row for unload in answer.unloads for holder in unload.blockers)
        self._openings.keep(kept)
        self._most = max(_MOST_OPENINGS, 2 * len(self._openings))

    def finish(self) -> None:
        """Take the replay's answer over."""
        self._learn_keys()
        answer = self._replay.answer()
        counters = answer.counters
        self.opens, self.closes, self.unmatched = (
            counters.opens,
            counters.closes,
            counters.unmatched,
        )
        self.replaced = counters.replaced
        self._ends = counters.unmatched_end, counters.replaced_end
        self._holders = answer.holders
        for row, holders in answer.snapshots:
            if row in self._begun:
                if holders:  # who has handles before its start is another
                    self.unended.add(self._begun[row])
                continue
            process, time, number = self._exits[row]
            for holder, opened in zip(holders, self._opened(holders), strict=True):
                life = Held(process, holder.key, (opened,), time)
                if self._hives[holder.key] > UNPLACED:
                    self.lives.append(life)
                self.orphans.append((life, number))
        for unload in answer.unloads:
            if unload.row not in self._unloads:
                continue
            at, key, status = self._unloads[unload.row]
            if unload.count and not status:
                self.left[self._hives[key]] = at.number
            held = self._held_columns(unload.blockers)
            self.attempts.append(Attempt(at.time, at.number, key, status, held))

    def _opened(self, holders: Sequence[Holder]) -> list[Opened]:
        """Return when *holders*, which come in the order of their rows, opened."""
        times, numbers, access = self._openings.of([holder.row for holder in holders])
        return [
            Opened(times[at], numbers[at], 0 if implicit else access[at], handle, implicit)
            for at, (_, implicit, _, _, handle) in enumerate(holders)
        ]

    def _held_columns(self, holders: Sequence[Holder]) -> HeldColumns:
        """Return *holders* by process and key, in the order in which each was first opened."""
        places = [pid << 32 | key for _, _, pid, key, _ in holders]
        count = Counter(places)
        first = dict(zip(reversed(places), reversed(holders), strict=True))
        rows, implicit, processes, keys, handles = (
            map(list, zip(*[first[place] for place in count], strict=True))
            if holders
            else ([], [], [], [], [])
        )
        times, numbers, access = self._openings.of(rows)
        return HeldColumns(
            process=processes,
            key=keys,
            time=times,
            number=numbers,
            access=[0 if root else asked for root, asked in zip(implicit, access, strict=True)],
            handle=handles,
            implicit=implicit,
            count=list(count.values()),
            closed=[None] * len(count),
        )

    def _held(self, holders: tuple[Holder, ...]) -> Iterator[Held]:
        groups, first, last = new_texts(), array("I"), array("I")
        following = array("I", bytes(4 * len(holders)))  # by holder: the next of its group, from 1
        for at, holder in enumerate(holders):
            group = groups.number(_GROUP.pack(holder.pid, holder.key))
            if group < len(last):
                following[last[group]] = at + 1
                last[group] = at
            else:
                first.append(at)
                last.append(at)
        for at in first:
            same = [holders[at]]
            while following[at]:
                at = following[at] - 1  # noqa: PLW2901 - along the group
                same.append(holders[at])
            yield Held(same[0].pid, same[0].key, tuple(self._opened(same)))

    def held(self) -> Iterator[Held]:
        """Yield what living processes have open on users' hives, the oldest first."""
        for held in self._held(self._holders):
            since = self._since(list(held.openings), held.key)
            if since:
                yield Held(held.process, held.key, since)

    def unmatched_on(self, hive: int) -> int:
        """Return how many closes had no open, on any key, if one of them follows the anchor."""
        return self.unmatched if self._ends[0] > self._anchor_ends.get(hive, 0) else 0

    def replaced_on(self, hive: int) -> int:
        """Return how many handles were given anew, on any key, if one of them follows it."""
        return self.replaced if self._ends[1] > self._anchor_ends.get(hive, 0) else 0


class _Openings:
    """When the handles of users' hives were opened, by row: rows are added in order."""

    def __init__(self) -> None:
        self._rows, self._access = array("I"), array("I")
        self._times, self._numbers = array("q"), array("Q")

    def __len__(self) -> int:
        return len(self._rows)

    def extend(self, first: int, rows: array[int], batch: Batch) -> None:
        """Add *rows* of *batch*, whose first has the number *first*."""
        kept = (self._access, self._times, self._numbers)
        columns = (batch.access, batch.time, batch.number)
        if len(rows) >= _FEW and have("numpy"):
            np = need("numpy", "large traces")
            places = np.asarray(rows).astype(np.intp)
            self._rows.frombytes((places + first).astype(np.uint32).tobytes())
            for mine, column in zip(kept, columns, strict=True):
                found = np.asarray(column)[places]
                mine.frombytes(found.astype(mine.typecode, copy=False).tobytes())
            return
        self._rows.extend(first + at for at in rows)
        for mine, column in zip(kept, columns, strict=True):
            mine.extend(int(column[at]) for at in rows)

    def of(self, rows: list[int]) -> tuple[list[int], list[int], list[int]]:
        """Return times, numbers and access of *rows*, zeros of what was not added."""
        mine, columns = self._rows, (self._times, self._numbers, self._access)
        if len(rows) >= _FEW and mine and have("numpy"):
            np = need("numpy", "large traces")
            wanted = np.array(rows, np.uint32)
            places = np.searchsorted(mine, wanted)
            places[places == len(mine)] = 0
            known = np.asarray(mine)[places] == wanted
            times, numbers, access = (
                np.where(known, np.asarray(column)[places], 0).tolist() for column in columns
            )
            return times, numbers, access
        found = [bisect_left(mine, row) for row in rows]
        known = [at < len(mine) and mine[at] == row for at, row in zip(found, rows, strict=True)]
        times, numbers, access = (
            [column[at] if is_known else 0 for at, is_known in zip(found, known, strict=True)]
            for column in columns
        )
        return times, numbers, access

    def keep(self, rows: set[int]) -> None:
        """Forget all but what was added for *rows*."""
        places = ((row, bisect_left(self._rows, row)) for row in sorted(rows))
        kept = [at for row, at in places if at < len(self._rows) and self._rows[at] == row]
        for name in ("_rows", "_access", "_times", "_numbers"):
            column = getattr(self, name)
            setattr(self, name, array(column.typecode, [column[at] for at in kept]))


def _columns(batch: Batch, end: int) -> dict[str, Any]:
    """Return the batch's first rows as the replay's columns."""
    none = bytes(8 * end) if batch.handle is None or batch.parent is None else b""
    return {
        "op": batch.op[:end],
        "pid": batch.process[:end],
        "handle": none if batch.handle is None else batch.handle[:end],
        "parent": none if batch.parent is None else batch.parent[:end],
        "key": batch.key[:end],
        "status": batch.status[:end],
        "time": batch.time[:end],
    }

"""Balances by process and key, for evidence that has no handle values.

Handles of one process on one key cannot be told apart by such evidence and need not be: how many
are open decides whether the hive unloads. Of several that coexist, a close is taken to end the
latest that was not opened with Maximum Allowed, the mark of a root that Windows caches.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from regsim.accel.columns import EventKind
from regsim.trace.calls import GONE
from regsim.trace.columns import (
    CLOSE,
    DUPLICATE,
    EXIT,
    LOAD,
    MAXIMUM_ALLOWED,
    OPEN,
    START,
    UNLOAD,
    Batch,
)
from regsim.trace.evidence import Capture
from regsim.trace.ledger import LOADS, Attempt, Held, Ledger, Opened
from regsim.trace.spelling import UNPLACED

_KEY_BITS: Final = 0xFFFFFFFF
_MOST_LIVES: Final = 10_000
_FORCE: Final = int(EventKind.FORCE)


class PathLedger(Ledger):
    """The balances by process and key; ``_open`` packs the two into one number, for speed."""

    def __init__(self, capture: Capture) -> None:
        super().__init__(capture)
        self._open: dict[int, list[Opened]] = {}
        self._unmatched: dict[int, int] = {}
        self._nameless: list[int] = []
        self._stale: dict[int, int] = {}
        self._unsure: dict[int, int] = {}

    def feed(self, batch: Batch) -> None:  # noqa: C901, PLR0912 - one branch a row, for speed
        """Take the rows of *batch* into account, up to the asked-for moment."""
        held_by, exited, unloaded = self._open, self.exited, self.unloaded
        hives = self.capture.keys.hives
        self._check_order(batch)
        columns = (batch.op, batch.process, batch.key, batch.time)
        more = (batch.access, batch.number, batch.status)
        rows = zip(*(column.tolist() for column in (*columns, *more)), strict=True)
        until, until_number = self.until, self.until_number
        for op, process, key, time, access, number, status in rows:
            if (until is not None and time > until) or (
                until_number is not None and number > until_number
            ):
                self.stopped = True
                return
            if op == CLOSE:
                place = process << 32 | key
                self.closes += 1
                if self._stale and place in self._stale:
                    self._close_stale(place, number)
                held = held_by.get(place)
                if not held or not key:  # one without a name may be of any key
                    self._close_unseen(process, key, number)
                elif len(held) > 1 or process in exited:
                    self._close(process, key, held, time)
                else:
                    held.pop()
            elif op == OPEN and not status:  # one that failed holds nothing
                self.opens += 1
                if process in exited:
                    self.revived.add(number)
                    self._begin_anew(process)
                if unloaded and hives[key] in unloaded:
                    self._opened_after_unload(hives[key], Opened(time, number, access))
                place = process << 32 | key
                opening = Opened(time, number, access)
                if place in held_by:
                    held_by[place].append(opening)
                else:
                    held_by[place] = [opening]
            elif op != OPEN:
                self._other(op, process, key, Opened(time, number, access), status)
            elif status in GONE:
                self._gone(hives[key], Opened(time, number, access), status)

    def _close_stale(self, place: int, number: int) -> None:
        """Take a close for that of a handle which a forced unload left, if no other is open."""
        if self._open.get(place):
            self._unsure[place] = number
            return
        self._stale[place] -= 1
        if not self._stale[place]:
            del self._stale[place]
            self._unsure.pop(place, None)  # as many closes as handles: none is left
        self._open[place] = [Opened(0, 0, 0)]

    def _close_unseen(self, process: int, key: int, number: int) -> None:
        self.unmatched += 1
        place = process << 32 | key
        if self.capture.keys.hives[key] == UNPLACED:
            self._nameless.append(number)
            return
        self._unmatched[place] = self._unmatched.get(place, 0) + 1

    def _close(self, process: int, key: int, held: list[Opened], time: int) -> None:
        """Close one of several handles, or one that is left of a process that has ended."""
        at = len(held) - 1
        while at > 0 and held[at].access & MAXIMUM_ALLOWED:
            at -= 1
        opening = held.pop(at if not held[at].access & MAXIMUM_ALLOWED else len(held) - 1)
        if process in self.exited:
            self._ended(Held(process, key, (opening,), time))

    def _ended(self, life: Held) -> None:
        if self.capture.keys.hives[life.key] and len(self.lives) < _MOST_LIVES:
            self.lives.append(life)

    def _other(self, op: int, process: int, key: int, at: Opened, status: int) -> None:
        hives = self.capture.keys.hives
        hive = hives[key]
        if op in LOADS and hive > UNPLACED and not self.capture.keys.roots[key]:
            self._below_root(at.number)
        elif op == START:
            self._start_seen(process, at.time, at.number)
        elif op == EXIT:
            self._exit_seen(process, at.time, at.number)
        elif op == LOAD and status == 0 and hive > UNPLACED:
            gone = hive in self.unloaded
            if not gone and any(hives[place & _KEY_BITS] == hive for place in self._open):
                self.touched.add(hive)
            self._load(hive)
            self._load_seen(hive, at.time, at.number)
        elif op in (UNLOAD, _FORCE) and hive > UNPLACED:
            held = tuple(h for h in self.held() if self.capture.keys.hives[h.key] == hive)
            self.attempts.append(Attempt(at.time, at.number, key, status, held))
            if op == _FORCE:
                self.forced.add(hive)
            if status == 0:
                self._unload(hive, at.number)
                self._unload_seen(hive, at.time, at.number)
        elif op == DUPLICATE:
            self._open.setdefault(process << 32 | key, []).append(at)
            self._copied(hive, at.number)

    def _load(self, hive: int) -> None:
        """Begin anew with a hive: whatever was open on it before is not open on this one."""
        hives = self.capture.keys.hives
        for place in [place for place in self._unmatched if hives[place & _KEY_BITS] == hive]:
            del self._unmatched[place]

    def _unload(self, hive: int, number: int) -> None:
        """Forget the hive's handles: it is gone, and they hold it no more, open or not."""
        self._load(hive)
        hives = self.capture.keys.hives
        for place in [place for place in self._open if hives[place & _KEY_BITS] == hive]:
            held = self._open.pop(place)
            if held:
                self._stale[place] = self._stale.get(place, 0) + len(held)
                self.left[hive] = number

    def finish(self) -> None:
        """End what the processes that have ended still held: no rundown was logged for it."""
        for place, number in self._unsure.items():
            hive = self.capture.keys.hives[place & _KEY_BITS]
            self.confused[hive] = max(number, self.confused.get(hive, 0))
        for place, held in self._open.items():
            if place >> 32 in self.exited:
                self._end_with_process(place, held)

    def _end_with_process(self, place: int, held: list[Opened]) -> None:
        process = place >> 32
        for opening in held:
            life = _held(place, [opening], self.exited[process])
            self._ended(life)
            if len(self.orphans) < _MOST_LIVES:
                self.orphans.append((life, self._exit_rows.get(process, 0)))
        held.clear()

    def _begin_anew(self, process: int) -> None:
        """Take an open by a process that ended for that of another, whose start was not seen."""
        for place, held in self._open.items():
            if place >> 32 == process:
                self._end_with_process(place, held)
        del self.exited[process]
        self.started.discard(process)

    def held(self) -> Iterator[Held]:
        """Yield what living processes have open, in the order of the first opening of the key."""
        for place, openings in self._open.items():
            if openings and place >> 32 not in self.exited:
                since = self._since(openings, place & _KEY_BITS)
                if since:
                    yield Held(place >> 32, place & _KEY_BITS, since)

    def unmatched_on(self, hive: int) -> int:
        """Return how many closes on a hive, or on keys without a name, had no open since then."""
        hives, anchor = self.capture.keys.hives, self.anchors.get(hive, 0)
        return sum(
            count for place, count in self._unmatched.items() if hives[place & _KEY_BITS] == hive
        ) + sum(number > anchor for number in self._nameless)


def _held(place: int, openings: list[Opened], closed: int | None = None) -> Held:
    return Held(place >> 32, place & _KEY_BITS, tuple(openings), closed)

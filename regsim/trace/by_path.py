"""Balances by process and key, for evidence that has no handle values.

Handles of one process on one key cannot be told apart by such evidence and need not be: how many
are open decides whether the hive unloads. Of several that coexist, a close is taken to end the
latest that was not opened with Maximum Allowed, the mark of a root that Windows caches.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

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
from regsim.trace.ledger import Attempt, Held, Ledger, Opened

_KEY_BITS: Final = 0xFFFFFFFF
_MOST_LIVES: Final = 10_000


class PathLedger(Ledger):
    """The balances by process and key; ``_open`` packs the two into one number, for speed."""

    def __init__(self, capture: Capture) -> None:
        super().__init__(capture)
        self._open: dict[int, list[Opened]] = {}
        self._unmatched: dict[int, int] = {}
        self._by_pid: dict[int, int] = {}

    def feed(self, batch: Batch) -> None:
        """Take the rows of *batch* into account, up to the asked-for moment."""
        held_by, exited = self._open, self.exited
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
                held = held_by.get(process << 32 | key)
                self.closes += 1
                if not held:
                    self._close_unseen(process, key)
                elif len(held) > 1 or process in exited:
                    self._close(process, key, held, time)
                else:
                    held.pop()
            elif op == OPEN:
                self.opens += 1
                if process in exited:
                    self._begin_anew(process)
                place = process << 32 | key
                opening = Opened(time, number, access)
                if place in held_by:
                    held_by[place].append(opening)
                else:
                    held_by[place] = [opening]
            else:
                self._other(op, process, key, Opened(time, number, access), status)

    def _close_unseen(self, process: int, key: int) -> None:
        self.unmatched += 1
        place = process << 32 | key
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
        hive = self.capture.keys.hives[key]
        if op == START:
            self._start(process, at.time)
        elif op == EXIT:
            self.exited[process] = at.time
        elif op == LOAD and status == 0 and hive:
            self._load(hive, at.time)
        elif op == UNLOAD and hive:
            held = tuple(h for h in self.held() if self.capture.keys.hives[h.key] == hive)
            self.attempts.append(Attempt(at.time, at.number, key, status, held))
            if status == 0:
                self._unload(hive, at.time)
        elif op == DUPLICATE:
            self._other(OPEN, process, key, at, status)

    def _start(self, process: int, time: int) -> None:
        """Note the start; an earlier process of the same number has ended."""
        self.started.add(process)
        pid = self.capture.processes[process].pid
        earlier = self._by_pid.get(pid)
        if earlier is not None and earlier != process:
            self.exited.setdefault(earlier, time)
        self._by_pid[pid] = process

    def _load(self, hive: int, time: int) -> None:
        """Begin anew with a hive: whatever was open on it before is not open on this one."""
        self.loaded[hive] = time
        self.unloaded.pop(hive, None)
        hives = self.capture.keys.hives
        for place in [place for place in self._unmatched if hives[place & _KEY_BITS] == hive]:
            del self._unmatched[place]

    def _unload(self, hive: int, time: int) -> None:
        """Forget the hive's handles: it is gone, and they hold it no more."""
        self.unloaded[hive] = time
        for place, held in self._open.items():
            if self.capture.keys.hives[place & _KEY_BITS] == hive:
                held.clear()

    def finish(self) -> None:
        """End what the processes that have ended still held: no rundown was logged for it."""
        for place, held in self._open.items():
            if place >> 32 in self.exited:
                self._end_with_process(place, held)

    def _end_with_process(self, place: int, held: list[Opened]) -> None:
        for opening in held:
            self._ended(_held(place, [opening], self.exited[place >> 32]))
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
                yield _held(place, openings)

    def unmatched_on(self, hive: int) -> int:
        """Return how many closes on a hive had no open, since it was loaded."""
        hives = self.capture.keys.hives
        return sum(
            count for place, count in self._unmatched.items() if hives[place & _KEY_BITS] == hive
        )


def _held(place: int, openings: list[Opened], closed: int | None = None) -> Held:
    return Held(place >> 32, place & _KEY_BITS, tuple(openings), closed)

"""Balances by process and key, for evidence that has no handle values.

Handles of one process on one key cannot be told apart by such evidence and need not be: how many
are open decides whether the hive unloads. Of several that coexist, a close is taken to end the
latest that was not opened with Maximum Allowed, the mark of a root that Windows caches.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Final

from regsim.accel.columns import EventKind
from regsim.trace.calls import GONE
from regsim.trace.columns import (
    CLOSE,
    DUPLICATE,
    EXIT,
    LOAD,
    OPEN,
    START,
    UNLOAD,
    Batch,
)
from regsim.trace.evidence import Capture
from regsim.trace.ledger import LOADS, Attempt, Held, Ledger, Opened
from regsim.trace.piles import KEY_BITS, Piles
from regsim.trace.spelling import UNPLACED

_MOST_LIVES: Final = 10_000
_FORCE: Final = int(EventKind.FORCE)


class PathLedger(Ledger):
    """The balances by process and key."""

    def __init__(self, capture: Capture) -> None:
        super().__init__(capture)
        self._open = Piles()
        self._unmatched = array("I")  # by the number of a place
        self._nameless: list[int] = []
        self._stale: dict[int, int] = {}
        self._unsure: dict[int, int] = {}

    def feed(self, batch: Batch) -> None:  # noqa: C901 - one branch a row, for speed
        """Take the rows of *batch* into account, up to the asked-for moment."""
        piles, exited, unloaded = self._open, self.exited, self.unloaded
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
                at = piles.number(place)
                if not piles.is_open(at) or not key:  # one without a name may be of any
                    self._close_unseen(at, key, number)
                    continue
                opening = piles.close(at)
                if process in exited:
                    self._ended(Held(process, key, (opening,), time))
            elif op == OPEN and not status:  # one that failed holds nothing
                self.opens += 1
                if process in exited:
                    self.revived.add(number)
                    self._begin_anew(process)
                if unloaded and hives[key] in unloaded:
                    self._opened_after_unload(hives[key], Opened(time, number, access))
                piles.push(piles.number(process << 32 | key), time, number, access)
            elif op != OPEN:
                self._other(op, process, key, Opened(time, number, access), status)
            elif status in GONE:
                self._gone(hives[key], Opened(time, number, access), status)

    def _close_stale(self, place: int, number: int) -> None:
        """Take a close for that of a handle which a forced unload left, if no other is open."""
        at = self._open.number(place)
        if self._open.is_open(at):
            self._unsure[place] = number
            return
        self._stale[place] -= 1
        if not self._stale[place]:
            del self._stale[place]
            self._unsure.pop(place, None)  # as many closes as handles: none is left
        self._open.push(at, 0, 0, 0)

    def _close_unseen(self, at: int, key: int, number: int) -> None:
        self.unmatched += 1
        if self.capture.keys.hives[key] == UNPLACED:
            self._nameless.append(number)
            return
        self._unmatched.extend([0] * (at + 1 - len(self._unmatched)))
        self._unmatched[at] += 1

    def _ended(self, life: Held) -> None:
        if self.capture.keys.hives[life.key] and len(self.lives) < _MOST_LIVES:
            self.lives.append(life)

    def _other(self, op: int, process: int, key: int, at: Opened, status: int) -> None:
        hives = self.capture.keys.hives
        hive = hives[key]
        if op in LOADS and hive > UNPLACED and not self.capture.keys.is_root(key):
            self._below_root(at.number)
        elif op == START:
            self._start_seen(process, at.time, at.number)
        elif op == EXIT:
            self._exit_seen(process, at.time, at.number)
        elif op == LOAD and status == 0 and hive > UNPLACED:
            gone = hive in self.unloaded
            if not gone and any(hives[place & KEY_BITS] == hive for _, place in self._open.begun()):
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
            place = self._open.number(process << 32 | key)
            self._open.push(place, at.time, at.number, at.access)
            self._copied(hive, at.number)

    def _load(self, hive: int) -> None:
        """Begin anew with a hive: whatever was open on it before is not open on this one."""
        hives = self.capture.keys.hives
        for at, place in enumerate(self._open.places()[: len(self._unmatched)]):
            if hives[place & KEY_BITS] == hive:
                self._unmatched[at] = 0

    def _unload(self, hive: int, number: int) -> None:
        """Forget the hive's handles: it is gone, and they hold it no more, open or not."""
        self._load(hive)
        hives = self.capture.keys.hives
        for at, place in self._open.begun():
            held = self._open.drop(at) if hives[place & KEY_BITS] == hive else ()
            if held:
                self._stale[place] = self._stale.get(place, 0) + len(held)
                self.left[hive] = number

    def finish(self) -> None:
        """End what the processes that have ended still held: no rundown was logged for it."""
        for place, number in self._unsure.items():
            hive = self.capture.keys.hives[place & KEY_BITS]
            self.confused[hive] = max(number, self.confused.get(hive, 0))
        for at, place in self._open.begun():
            if place >> 32 in self.exited:
                self._end_with_process(place, self._open.empty(at))

    def _end_with_process(self, place: int, held: list[Opened]) -> None:
        process = place >> 32
        for opening in held:
            life = _held(place, [opening], self.exited[process])
            self._ended(life)
            if len(self.orphans) < _MOST_LIVES:
                self.orphans.append((life, self._exit_rows.get(process, 0)))

    def _begin_anew(self, process: int) -> None:
        """Take an open by a process that ended for that of another, whose start was not seen."""
        for at, place in self._open.begun():
            if place >> 32 == process:
                self._end_with_process(place, self._open.empty(at))
        del self.exited[process]
        self.started.discard(process)

    def held(self) -> Iterator[Held]:
        """Yield what living processes have open, in the order of the first opening of the key."""
        for at, place in self._open.begun():
            if self._open.is_open(at) and place >> 32 not in self.exited:
                since = self._since(self._open.openings(at), place & KEY_BITS)
                if since:
                    yield Held(place >> 32, place & KEY_BITS, since)

    def unmatched_on(self, hive: int) -> int:
        """Return how many closes on a hive, or on keys without a name, had no open since then."""
        hives, anchor = self.capture.keys.hives, self.anchors.get(hive, 0)
        return sum(
            count
            for place, count in zip(self._open.places(), self._unmatched, strict=False)
            if count and hives[place & KEY_BITS] == hive
        ) + sum(number > anchor for number in self._nameless)


def _held(place: int, openings: list[Opened], closed: int | None = None) -> Held:
    return Held(place >> 32, place & KEY_BITS, tuple(openings), closed)

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
from regsim.trace.ledger import LOADS, Attempt, Held, HeldColumns, Ledger, Opened
from regsim.trace.piles import KEY_BITS, new_piles
from regsim.trace.spelling import UNPLACED

_MOST_LIVES: Final = 10_000
_NEVER: Final = (1 << 63) - 1
_FORCE: Final = int(EventKind.FORCE)


class PathLedger(Ledger):
    """The balances by process and key."""

    def __init__(self, capture: Capture) -> None:
        super().__init__(capture)
        self._open = new_piles()
        self._nameless: list[int] = []
        self._stale: dict[int, int] = {}
        self._unsure: dict[int, int] = {}

    def feed(self, batch: Batch) -> None:
        """Take the rows of *batch* into account, up to the asked-for moment."""
        self._check_order(batch)
        until = _NEVER if self.until is None else self.until
        until_number = _NEVER if self.until_number is None else self.until_number
        op, process, key, status, time, access, number = batch.arrays()
        at, hives = 0, self.capture.keys.hives
        while True:
            at, opens, closes, unmatched = self._open.feed(
                *(at, until, until_number),
                *(op, process, key, status, time, access, number),
                *(hives, self.ended, self.gone),
            )
            self.opens += opens
            self.closes += closes
            self.unmatched += unmatched
            if at == len(batch):
                return
            if time[at] > until or number[at] > until_number:
                self.stopped = True
                return
            row = Opened(time[at], number[at], access[at])
            self._row(op[at], process[at], key[at], status[at], row)
            at += 1

    def _row(self, op: int, process: int, key: int, status: int, at: Opened) -> None:
        """Take in a row that is no plain open or close."""
        piles, hive = self._open, self.capture.keys.hives[key]
        if op == CLOSE:
            place = process << 32 | key
            self.closes += 1
            if place in self._stale:
                self._close_stale(place, at.number)
            pile = piles.number(place)
            if not piles.is_open(pile) or not key:  # one without a name may be of any
                self._close_unseen(pile, key, at.number)
                return
            opening = Opened(*piles.close(pile))
            if process in self.exited:
                self._ended(Held(process, key, (opening,), at.time))
        elif op == OPEN and not status:  # one that failed holds nothing
            self.opens += 1
            if process in self.exited:
                self.revived.add(at.number)
                self._begin_anew(process)
            if hive in self.unloaded:
                self._opened_after_unload(hive, at)
            piles.push(piles.number(process << 32 | key), at.time, at.number, at.access)
        elif op != OPEN:
            self._other(op, process, key, at, status)
        elif status in GONE:
            self._gone(hive, at, status)

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
        else:
            self._open.miss(at)

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
            if not gone and any(hives[place & KEY_BITS] == hive for _, place in self._begun()):
                self.touched.add(hive)
            self._load(hive)
            self._load_seen(hive, at.time, at.number)
        elif op in (UNLOAD, _FORCE) and hive > UNPLACED:
            held = HeldColumns.of(one for one in self.held() if hives[one.key] == hive)
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
        self._open.forgive(self.capture.keys.hives, hive)

    def _begun(self) -> list[tuple[int, int]]:
        """Return number and place of each pile, in the order in which they were begun."""
        places, ranks = array("Q", self._open.places()), array("I", self._open.ranks())
        order = [at for at, rank in enumerate(ranks) if rank]
        order.sort(key=ranks.__getitem__)
        return [(at, places[at]) for at in order]

    def _unload(self, hive: int, number: int) -> None:
        """Forget the hive's handles: it is gone, and they hold it no more, open or not."""
        self._load(hive)
        hives = self.capture.keys.hives
        for at, place in self._begun():
            held = self._open.drop(at) if hives[place & KEY_BITS] == hive else ()
            if held:
                self._stale[place] = self._stale.get(place, 0) + len(held)
                self.left[hive] = number

    def finish(self) -> None:
        """End what the processes that have ended still held: no rundown was logged for it."""
        for place, number in self._unsure.items():
            hive = self.capture.keys.hives[place & KEY_BITS]
            self.confused[hive] = max(number, self.confused.get(hive, 0))
        for _, place, at in sorted(self._open.standing()):
            if place >> 32 in self.exited:
                self._end_with_process(place, self._emptied(at))

    def _emptied(self, at: int) -> list[Opened]:
        """Take all openings of a pile away, and return them."""
        return [Opened(*opening) for opening in self._open.empty(at)]

    def _end_with_process(self, place: int, held: list[Opened]) -> None:
        process = place >> 32
        for opening in held:
            life = _held(place, [opening], self.exited[process])
            self._ended(life)
            if len(self.orphans) < _MOST_LIVES:
                self.orphans.append((life, self._exit_rows.get(process, 0)))

    def _begin_anew(self, process: int) -> None:
        """Take an open by a process that ended for that of another, whose start was not seen."""
        for _, place, at in sorted(self._open.standing(process)):
            self._end_with_process(place, self._emptied(at))
        del self.exited[process]
        self.ended[process] = 0
        self.started.discard(process)

    def held(self) -> Iterator[Held]:
        """Yield what living processes have open, in the order of the first opening of the key."""
        for _, place, at in sorted(self._open.standing()):
            if place >> 32 not in self.exited:
                openings = [Opened(*opening) for opening in self._open.openings(at)]
                since = self._since(openings, place & KEY_BITS)
                if since:
                    yield Held(place >> 32, place & KEY_BITS, since)

    def unmatched_on(self, hive: int) -> int:
        """Return how many closes on a hive, or on keys without a name, had no open since then."""
        seen, anchor = self._open.missed(self.capture.keys.hives, hive), self.anchors.get(hive, 0)
        return seen + sum(number > anchor for number in self._nameless)


def _held(place: int, openings: list[Opened], closed: int | None = None) -> Held:
    return Held(place >> 32, place & KEY_BITS, tuple(openings), closed)

"""The openings of each process and key, the latest on top, in some fifty bytes each.

`Piles` is the twin of what ``accel/native/core_piles.c`` does; `new_piles` chooses.
"""

from __future__ import annotations

import struct
from array import array
from typing import TYPE_CHECKING, Final

from regsim.accel import NATIVE
from regsim.trace.columns import CLOSE, MAXIMUM_ALLOWED, OPEN
from regsim.trace.spelling import UNPLACED
from regsim.trace.texts import Texts

if TYPE_CHECKING:
    from regsim.accel._native import CPiles

Opening = tuple[int, int, int]
"""When a key was opened, by which event of the file, and the access asked for."""

KEY_BITS: Final = 0xFFFFFFFF
"""The bits of a place that are its key's number; those above are its process's."""

_PLACE: Final = struct.Struct("=Q")
_MOST_RECENT: Final = 4_096
_FLAGGED: Final = b"\1"


class Piles:
    """A pile of openings for each place, which packs a process and a key into one number.

    Places are numbered in the order of their coming; a pile is *begun* by its first opening and
    stays so, empty or not, until it is dropped.
    """

    def __init__(self) -> None:
        self._places = Texts()
        self._recent: dict[int, int] = {}
        self._begun = array("I")  # by place: the how manieth pile to be begun; 0: none
        self._tops = array("I")  # by place: its latest opening, from 1; 0: the pile is empty
        self._unseen = array("I")  # by place: its closes without an open
        self._count = 0
        # By opening: the one below it, from 1. Those that were closed make a pile of their own.
        self._below, self._closed = array("I"), 0
        self._times, self._numbers, self._access = array("q"), array("Q"), array("I")

    def number(self, place: int) -> int:
        """Return the number of *place*, a new one for a new place."""
        at = self._recent.get(place)
        if at is None:
            at = self._places.number(_PLACE.pack(place))
            if at == len(self._tops):
                self._tops.append(0)
                self._begun.append(0)
                self._unseen.append(0)
            if len(self._recent) >= _MOST_RECENT:
                self._recent.clear()
            self._recent[place] = at
        return at

    def push(self, at: int, time: int, number: int, access: int) -> None:
        """Lay an opening on the pile of place number *at*."""
        if not self._begun[at]:
            self._count += 1
            self._begun[at] = self._count
        slot, below = self._closed, self._tops[at]
        if slot:
            self._closed = self._below[slot - 1]
            self._below[slot - 1] = below
            self._times[slot - 1], self._numbers[slot - 1] = time, number
            self._access[slot - 1] = access
        else:
            self._below.append(below)
            self._times.append(time)
            self._numbers.append(number)
            self._access.append(access)
            slot = len(self._below)
        self._tops[at] = slot

    def is_open(self, at: int) -> bool:
        """Return whether the pile has an opening."""
        return bool(self._tops[at])

    def close(self, at: int) -> Opening:
        """Take the latest opening without Maximum Allowed away, if none is without it the latest.

        There must be one.
        """
        slot, above = self._tops[at], 0
        while slot and self._access[slot - 1] & MAXIMUM_ALLOWED:
            slot, above = self._below[slot - 1], slot
        if not slot:
            slot, above = self._tops[at], 0
        below = self._below[slot - 1]
        if above:
            self._below[above - 1] = below
        else:
            self._tops[at] = below
        self._below[slot - 1], self._closed = self._closed, slot
        return self._opened(slot)

    def _opened(self, slot: int) -> Opening:
        return (self._times[slot - 1], self._numbers[slot - 1], self._access[slot - 1])

    def openings(self, at: int) -> list[Opening]:
        """Return the openings of a pile, oldest first."""
        found: list[Opening] = []
        slot = self._tops[at]
        while slot:
            found.append(self._opened(slot))
            slot = self._below[slot - 1]
        return found[::-1]

    def empty(self, at: int) -> list[Opening]:
        """Take all openings of a pile away, and return them."""
        found = self.openings(at)
        slot = self._tops[at]
        while slot:
            below = self._below[slot - 1]
            self._below[slot - 1], self._closed = self._closed, slot
            slot = below
        self._tops[at] = 0
        return found

    def drop(self, at: int) -> list[Opening]:
        """End a pile, and return the openings that it had."""
        self._begun[at] = 0
        return self.empty(at)

    def miss(self, at: int) -> None:
        """Count a close without an open."""
        self._unseen[at] += 1

    def missed(self, hives: array[int], hive: int) -> int:
        """Return how many closes without an open there were on a hive, by *hives* of the keys."""
        places = zip(array("Q", self.places()), self._unseen, strict=True)
        return sum(count for place, count in places if count and hives[place & KEY_BITS] == hive)

    def forgive(self, hives: array[int], hive: int) -> None:
        """Forget the closes without an open on a hive."""
        for at, place in enumerate(array("Q", self.places())):
            if hives[place & KEY_BITS] == hive:
                self._unseen[at] = 0

    def places(self) -> bytes:
        """Return all places by number, whether or not they have a pile, in 64 bits each."""
        return self._places.joined()

    def ranks(self) -> bytes:
        """Return by place the how manieth pile it is, 0 for none, in 32 bits each."""
        return self._begun.tobytes()

    def standing(self, process: int | None = None) -> list[tuple[int, int, int]]:
        """Return rank, place and number of each pile with an opening, in any order.

        Those of one *process* alone, if it is given.
        """
        return [
            (self._begun[at], place, at)
            for at, place in enumerate(array("Q", self.places()))
            if self._tops[at] and process in (None, place >> 32)
        ]

    def feed(
        self,
        first: int,
        last_time: int,
        last_number: int,
        op: array[int],
        process: array[int],
        key: array[int],
        status: array[int],
        time: array[int],
        access: array[int],
        number: array[int],
        hives: array[int],
        ended: bytearray,
        gone: bytearray,
    ) -> tuple[int, int, int, int]:
        """Take plain opens and closes in from row *first* on, up to one that is neither.

        Not plain is what is of a process in *ended* or of a hive in *gone*, flags by number, a
        close without an open that may be of any key, and what follows a last time or number.
        Returned are the row that is not plain, how many opens and closes there were, and how many
        of these had no open.
        """
        opens = closes = unmatched = 0
        for row in range(first, len(op)):
            what, who, which = op[row], process[row], key[row]
            hive = hives[which]
            if time[row] > last_time or number[row] > last_number:
                return row, opens, closes, unmatched
            if not what:
                continue
            if (
                what not in (OPEN, CLOSE)
                or (what == CLOSE and not which)
                or _FLAGGED in (gone[hive : hive + 1], ended[who : who + 1])
            ):
                return row, opens, closes, unmatched
            if what == OPEN and status[row]:  # one that failed holds nothing
                continue
            at = self.number(who << 32 | which)
            if what == OPEN:
                opens += 1
                self.push(at, time[row], number[row], access[row])
            elif self._tops[at]:
                closes += 1
                self.close(at)
            elif hive == UNPLACED:
                return row, opens, closes, unmatched
            else:
                closes += 1
                unmatched += 1
                self._unseen[at] += 1
        return len(op), opens, closes, unmatched


def new_piles() -> Piles | CPiles:
    """Return piles without an opening, of the backend in use."""
    return NATIVE.CPiles() if NATIVE is not None else Piles()

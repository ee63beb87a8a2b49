"""The openings of each process and key, the latest on top, in some fifty bytes each."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Iterator
from typing import Final

from regsim.trace.columns import MAXIMUM_ALLOWED
from regsim.trace.ledger import Opened
from regsim.trace.texts import Texts

KEY_BITS: Final = 0xFFFFFFFF
"""The bits of a place that are its key's number; those above are its process's."""

_PLACE: Final = struct.Struct("=Q")
_MOST_RECENT: Final = 4_096


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
        self._count, self._latest, self._in_order = 0, 0, True
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
            if len(self._recent) >= _MOST_RECENT:
                self._recent.clear()
            self._recent[place] = at
        return at

    def push(self, at: int, time: int, number: int, access: int) -> None:
        """Lay an opening on the pile of place number *at*."""
        if not self._begun[at]:
            self._count += 1
            self._begun[at] = self._count
            self._in_order &= at >= self._latest
            self._latest = at
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

    def close(self, at: int) -> Opened:
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

    def _opened(self, slot: int) -> Opened:
        return Opened(self._times[slot - 1], self._numbers[slot - 1], self._access[slot - 1])

    def openings(self, at: int) -> list[Opened]:
        """Return the openings of a pile, oldest first."""
        found: list[Opened] = []
        slot = self._tops[at]
        while slot:
            found.append(self._opened(slot))
            slot = self._below[slot - 1]
        return found[::-1]

    def empty(self, at: int) -> list[Opened]:
        """Take all openings of a pile away, and return them."""
        found = self.openings(at)
        slot = self._tops[at]
        while slot:
            below = self._below[slot - 1]
            self._below[slot - 1], self._closed = self._closed, slot
            slot = below
        self._tops[at] = 0
        return found

    def drop(self, at: int) -> list[Opened]:
        """End a pile, and return the openings that it had."""
        self._begun[at] = 0
        return self.empty(at)

    def places(self) -> array[int]:
        """Return all places by number, whether or not they have a pile."""
        return array("Q", self._places.joined())

    def begun(self) -> Iterator[tuple[int, int]]:
        """Yield number and place of each pile, in the order in which they were begun."""
        places = self.places()
        order: Iterable[int] = range(len(places))
        if not self._in_order:
            order = sorted(order, key=self._begun.__getitem__)
        for at in order:
            if self._begun[at]:
                yield at, places[at]

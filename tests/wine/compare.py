"""Programs on both sides of the judge: where they differ first, and the shortest that does so."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import attrs
from differences import explained
from simulated import Simulated

if TYPE_CHECKING:
    from live import Wine

_RUNS = itertools.count()
_LIFE = 1_000
"""Programs that one driver and one server run."""


@attrs.frozen
class Difference:
    """The first call of a program that the two sides answer differently."""

    program: tuple[str, ...]
    at: int
    wine: str
    regsim: str

    @property
    def signature(self) -> tuple[str, str, str]:
        """What makes two differences the same fault: the call, and the kind of the answers."""
        return (self.program[self.at].split("|")[0], _kind(self.wine), _kind(self.regsim))

    def __str__(self) -> str:
        last = f"Wine {self.wine!r}, regsim {self.regsim!r}"
        return "\n".join((*self.program[: self.at + 1], last))


def _kind(answer: str) -> str:
    """Return *answer* without what differs from program to program."""
    words = answer.split("\t")
    return " ".join(word if len(word) < 10 and not word.startswith("=") else "~" for word in words)


def difference(wine: Wine, program: list[str]) -> Difference | None:
    """Return the first difference between the two sides, expected ones passed over; None for none.

    After an expected difference in the state that programs see, the rest is not compared.
    """
    tag = f"r{os.getpid():x}x{next(_RUNS):x}z"
    theirs = wine.run(program, tag)
    ours = Simulated("wine").run(program, tag)
    for at, (one, other) in enumerate(zip(theirs, ours, strict=True)):
        if one == other or (one.upper() == other.upper() and program[at].startswith("ntname")):
            continue  # Wine writes `\\Registry\\User`, where Windows writes capitals
        found = Difference(tuple(program), at, one, other)
        reason = explained(found.program[: at + 1], one, other)
        if reason is None:
            return found
        if reason.ends:
            return None
    return None


def shrunk(wine: Wine, found: Difference) -> Difference:
    """Return a shorter program with a difference of the same signature, as short as can be had."""
    best, size = found, max(1, found.at // 2)
    while size:
        at = best.at - size
        while at >= 0:
            lines = [*best.program[:at], *best.program[at + size : best.at + 1]]
            again = _again(wine, lines)
            if again is not None and again.signature == best.signature:
                best = again
                at = min(at, best.at)
            at -= size
        size //= 2
    return best


def _again(wine: Wine, lines: list[str]) -> Difference | None:
    try:
        return difference(wine, lines)
    except EOFError:
        return None


def compare(
    start: Callable[[], Wine], programs: Iterable[list[str]], *, most: int = 20
) -> tuple[list[Difference], int]:
    """Return what differs, shrunk, one a signature, and how many programs ran.

    A program that kills the driver is run by no other; *most* signatures end the search.
    """
    found: dict[tuple[str, str, str], Difference] = {}
    ran = 0
    wine = start()
    try:
        for number, program in enumerate(programs, 1):
            try:
                if number % _LIFE == 0:
                    wine.end()
                    wine = start()
                one = difference(wine, program)
                ran += 1
                if one is not None and one.signature not in found:
                    found[one.signature] = shrunk(wine, one)
            except EOFError:
                wine.__exit__(None, None, None)
                wine = start()
            if len(found) >= most:
                break
    finally:
        wine.__exit__(None, None, None)
    return list(found.values()), ran

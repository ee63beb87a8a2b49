"""The piles of openings in C against their twin, call by call and by whole batches."""

from __future__ import annotations

import random
from array import array

import pytest

from regsim import accel
from regsim.accel import columns
from regsim.trace.columns import CLOSE, EXIT, MAXIMUM_ALLOWED, OPEN, Batch, batch_of
from regsim.trace.piles import Piles, new_piles

pytestmark = pytest.mark.skipif(accel.NATIVE is None, reason="the C library is not in use")
NEVER = (1 << 63) - 1
HIVES = array("I", [1, 0, 2, 3, 1, 2])


def rows(rng: random.Random, count: int) -> Batch:
    """Return opens, closes and others, of few processes and keys."""
    return batch_of(
        (
            rng.choice([OPEN, OPEN, CLOSE, CLOSE, CLOSE, 0, EXIT]),
            rng.randrange(4),
            rng.randrange(len(HIVES)),
            rng.choice([0, 0, 0, 0xC0000034]),
            rng.randrange(1 << 40),
            rng.choice([0, 0x20019, MAXIMUM_ALLOWED]),
            number,
        )
        for number in range(1, count + 1)
    )


@pytest.mark.parametrize("seed", range(20))
def test_twins_take_a_batch_alike(seed: int) -> None:
    """The same rows are taken in by both, the same are left, and the same is open afterwards."""
    rng = random.Random(seed)
    batch, piles, twin = rows(rng, 400), new_piles(), Piles()
    last = rng.choice([NEVER, 300]), rng.choice([1 << 39, NEVER])
    flags = bytearray([0, 0, rng.randrange(2)]), bytearray([0, 0, 0, rng.randrange(2)])
    at = left = 0
    while at < len(batch):
        asked = (at, last[1], last[0], *batch.arrays(), HIVES, *flags)
        found = piles.feed(*asked)
        assert found == twin.feed(*asked)
        left += found[0] < len(batch)
        at = found[0] + 1
    assert 0 < left < len(batch)
    assert (piles.places(), piles.ranks()) == (twin.places(), twin.ranks())
    assert [piles.missed(HIVES, hive) for hive in range(4)] == [
        twin.missed(HIVES, hive) for hive in range(4)
    ]
    for pile in range(len(piles.places()) // 8):
        assert piles.openings(pile) == twin.openings(pile)


@pytest.mark.parametrize("seed", range(10))
def test_twins_answer_each_call_alike(seed: int) -> None:
    """Opens and closes one by one, piles emptied and dropped, in any order."""
    rng = random.Random(seed)
    piles, twin = new_piles(), Piles()
    hives = array("I", [key % 3 for key in range(30)])
    for number in range(600):
        place = rng.randrange(3) << 32 | rng.randrange(30)
        at = twin.number(place)
        assert piles.number(place) == at
        call = rng.choice([*["push", "miss"] * 6, *["close", "empty", "drop"] * 2, "forgive"])
        if call == "push":
            asked = (at, number, number + 1, rng.choice([0, MAXIMUM_ALLOWED]))
        else:
            asked = (hives, rng.randrange(3)) if call == "forgive" else (at,)
        assert piles.is_open(at) is twin.is_open(at)
        if call != "close" or twin.is_open(at):
            assert getattr(piles, call)(*asked) == getattr(twin, call)(*asked)
    assert piles.ranks() == twin.ranks()
    missed = [piles.missed(hives, hive) for hive in range(4)]
    assert missed == [twin.missed(hives, hive) for hive in range(4)]
    assert any(missed)
    for process in (None, 0, 1, 2, 3):
        assert sorted(piles.standing(process)) == sorted(twin.standing(process))
    assert 0 < len(piles.standing(1)) < len(piles.standing())


def test_a_pile_that_is_not_there_is_refused() -> None:
    """C takes no number on trust."""
    piles = new_piles()
    at = piles.number(7)
    for call in (piles.close, piles.openings, piles.is_open, piles.drop, piles.miss):
        with pytest.raises(IndexError):
            call(at + (call is not piles.close))


def test_columns_are_changed_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers put in the place of numbers, sums, and times that fall, by both twins."""
    told = []
    for native in (accel.NATIVE, None):
        monkeypatch.setattr(columns, "NATIVE", native)
        column, times = array("I", [2, 0, 1, 2]), array("q", [5, -9, 5, 7, 6, 1 << 62])
        columns.renumber(column, array("I", [7, 8, 9]))
        columns.shift(times, -4)
        told.append((column.tolist(), times.tolist(), columns.fallen(times, 2)))
        assert columns.fallen(array("q"), 3) == (3, 0, 0, 0)
    assert told[0] == told[1]
    assert told[0] == ([9, 7, 8, 9], [1, -13, 1, 3, 2, (1 << 62) - 4], ((1 << 62) - 4, 4, 0, 4))

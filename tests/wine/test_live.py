"""The facts and random programs, on live Wine: it judges the table, and then the simulator."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from call_programs import program
from compare import compare
from differences import EXPECTED
from lines import facts
from live import Wine  # noqa: TC002 - a fixture gives it

from regsim.upcase import CAPITALS

FACTS = list(facts(Path(__file__).parent / "facts"))
SEED = int(os.environ.get("REGSIM_WINE_SEED", "0"))
PROGRAMS = int(os.environ.get("REGSIM_WINE_PROGRAMS", "1700"))
PAIRS = int(os.environ.get("REGSIM_WINE_PAIRS", "400"))
"""How many programs of one process and of two are run, and from which seed on."""

pytestmark = pytest.mark.usefixtures("known_version")


def test_facts_on_wine(start: Callable[[], Wine]) -> None:
    """Each fact is what Wine answers, or is marked with what it answers instead."""
    wrong = []
    for_good = [any(asked.call == "discache" for asked in fact.calls) for fact in FACTS]
    last = [fact for fact, lasts in zip(FACTS, for_good, strict=True) if lasts]
    with start() as wine:
        for number, fact in enumerate([one for one in FACTS if one not in last] + last):
            answers = wine.run([asked.call for asked in fact.calls], f"f{number}z")
            wrong += [
                f"{fact.name}: {asked.call} gives {answer!r}"
                for asked, answer in zip(fact.calls, answers, strict=True)
                if answer != "CRASH" and not asked.allows(answer, wine=True)
            ]

    assert wrong == []


def test_capitals_on_wine(start: Callable[[], Wine]) -> None:
    """RtlUpcaseUnicodeChar gives the capital of the table for each of the 65,536 units."""
    with start() as wine:
        (units,) = wine.send(["upcase"])

    theirs = {unit: int(units[4 * unit : 4 * unit + 4], 16) for unit in range(0x10000)}
    assert {unit: up for unit, up in theirs.items() if unit != up} == CAPITALS


@pytest.mark.parametrize(("processes", "count"), [(1, PROGRAMS), (2, PAIRS)])
def test_random_programs(start: Callable[[], Wine], processes: int, count: int) -> None:
    """Wine and the ``wine`` dialect answer every call of random programs alike, or as expected."""
    seeds = range(SEED, SEED + count)

    found, ran = compare(start, (program(seed, processes=processes) for seed in seeds))

    assert [str(one) for one in found] == []
    assert ran >= 0.99 * count


def test_a_fault_is_seen(start: Callable[[], Wine]) -> None:
    """Taken from the table, an expected difference is found again by random programs, and short."""
    expected = [reason for reason in EXPECTED if reason.call != "save"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("differences.EXPECTED", tuple(expected))
        found, _ = compare(start, (program(seed) for seed in range(400)), most=1)

    assert [one.signature for one in found] == [("save", "6", "1314")]
    assert len(found[0].program) <= 6

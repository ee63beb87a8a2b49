"""What Wine's tests assert of Windows, call by call, on every system that it holds for."""

from __future__ import annotations

from pathlib import Path

import pytest
from lines import Fact, facts
from simulated import Simulated

FACTS = list(facts(Path(__file__).parent / "facts"))


@pytest.mark.parametrize(
    ("fact", "system"),
    [
        pytest.param(fact, system, id=f"{fact.name}-{system}")
        for fact in FACTS
        for system in (*fact.systems, "wine")
    ],
)
def test_fact(fact: Fact, system: str) -> None:
    """Each call answers as Windows does, and the Wine dialect as Wine."""
    answers = Simulated(system).run([asked.call for asked in fact.calls], "fact")

    wrong = [
        f"{asked.call} gives {answer!r}"
        for asked, answer in zip(fact.calls, answers, strict=True)
        if not asked.allows(answer, wine=system == "wine")
    ]
    assert wrong == []

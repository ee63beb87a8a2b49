"""What Wine's tests assert of Windows, call by call, on every system that it holds for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lines import Fact, facts
from simulated import Simulated

from regsim import dialects
from regsim.win32.api import Api
from regsim.win32.plans import NtReply, Reply

FACTS = list(facts(Path(__file__).parent / "facts"))
WITHOUT = {"LoadUserProfile", "UnloadUserProfile", "RegOpenKeyExA"} | {
    name for name in dialects.get("wine").absent if hasattr(Api, name)
}
"""The calls of which no test of Wine's asserts both, and that its 8.0 lacks or makes nothing of."""
ONE_END = {"RegDisablePredefinedCache"}
"""Those that are never refused."""


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


def test_calls_have_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call of the interface has facts of its success and of its refusal, or says why not."""
    names = {name for name in vars(Api) if name.startswith(("Reg", "Nt", "Load", "Unload"))}
    seen: dict[str, set[bool]] = {name: set() for name in names}
    for name in names:
        monkeypatch.setattr(Api, name, _noted(vars(Api)[name], seen[name]))

    for fact in FACTS:
        Simulated(fact.systems[-1]).run([asked.call for asked in fact.calls], "fact")

    lacking = {name for name, ends in seen.items() if len(ends) < 2}
    assert lacking - ONE_END == WITHOUT


def _noted(call: Callable[..., Reply | NtReply], ends: set[bool]) -> Callable[..., Any]:
    """Return *call* that notes in *ends* whether it succeeded."""

    def noting(*args: Any, **options: Any) -> Reply | NtReply:
        reply = call(*args, **options)
        ends.add(int(reply[0]) == 0)
        return reply

    return noting

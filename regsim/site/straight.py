"""One run of a model: services act first, then the user asks again, then Winlogon goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from regsim.check.factored import Factored
from regsim.check.paths import Walk
from regsim.check.property import PropertyKind, Verdict

MOST_STEPS: Final = 400
"""Where a run that never comes to rest is left."""
REQUESTS: Final = 2
"""How often the user asks for something: a second time shows what the first has left behind."""


def straight(model: Factored) -> tuple[Walk, dict[str, int]]:
    """Return the run of *model*, and after how many steps it broke each claim that it breaks.

    It ends where nobody can act, where all is as it was before, or after `MOST_STEPS`.
    """
    walk = Walk(model)
    broken: dict[str, int] = {}
    requests = steps = 0
    seen = {(walk.state, requests)}
    while steps < MOST_STEPS and (options := walk.options()):
        choice = min(range(len(options)), key=lambda n: _turn(options[n][0], requests))
        requests += options[choice][0] == "user"
        walk.choose(choice)
        steps += 1
        for claim in model.properties:
            if claim.kind is PropertyKind.ALWAYS and walk.verdict(claim) is Verdict.VIOLATED:
                broken.setdefault(claim.name, steps)
        if (walk.state, requests) in seen:
            break
        seen.add((walk.state, requests))
    return walk, broken


def _turn(actor: str, requests: int) -> int:
    if actor == "winlogon":
        return 2
    return 0 if actor != "user" else 1 if requests < REQUESTS else 3


def calls_that_succeed(model: Factored) -> Iterator[str]:
    """Yield the calls that are made, and succeed, in the run of *model*."""
    for step in straight(model)[0].path.steps:
        if step.call and step.answer is not None and step.answer.ok:
            yield step.call

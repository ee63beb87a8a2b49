"""One run of a model: services act first, then the user asks again, then Winlogon goes on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from regsim.actors.stage import USER
from regsim.check.factored import Factored
from regsim.check.paths import Walk
from regsim.check.property import PropertyKind, Verdict
from regsim.explore.service import DEFAULT
from regsim.explore.system import thread_of
from regsim.kernel.canonical import ThreadPart, handle_place
from regsim.keypath import Parts, fold, split, user_root

MOST_STEPS: Final = 400
"""Where a run that never comes to rest is left."""
REQUESTS: Final = 2
"""How often the user asks for something: a second time shows what the first has left behind."""
_Done = tuple[bool, Parts, str | None]
"""Whether as the user, where, and the value that was read."""
_READ: Final = re.compile(r'\w*Query\w*\((?P<key>[^,"]+), "(?P<value>[^"]*)"')
"""A call that reads a value, as it is written."""


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


@attrs.frozen
class StillDone:
    """What a service must still do: open a key of the user's hive, or read a value in it.

    Attributes:
        path: the key, below the root of the hive.
        value: the value that is read in it; None where opening it is all.
        own: whether the service does it as itself, once; else as the user, at every request.
    """

    path: str
    value: str | None = None
    own: bool = False

    def __str__(self) -> str:
        what = f"opens {self.path}" if self.value is None else f"reads {self.value} of {self.path}"
        return f"{what} as itself" if self.own else f"{what} as the user at every request"

    @property
    def done(self) -> _Done:
        """What is done where it is done."""
        root = split(DEFAULT if self.own else user_root(USER))
        return not self.own, fold((*root, *split(self.path))), self.value


def undone(model: Factored, needs: Sequence[StillDone]) -> list[StillDone]:
    """Return which of *needs* the services do not do, with success, in the run of *model*."""
    rounds: list[set[_Done]] = [set()]
    places = {each.name: each.own for each in model.processes}
    path = straight(model)[0].path
    values = path.values
    for step in path.steps:
        if step.step == "request" and step.actor == "user":
            rounds.append(set())
        if step.call and step.answer is not None and step.answer.ok:
            at = places[step.actor]
            rounds[-1].update(_done(step.call, thread_of(values[at]), thread_of(step.values[at])))
        values = step.values
    served = rounds[1 : REQUESTS + 1]
    return [each for each in needs if not _among(each, rounds if each.own else served)]


def _among(need: StillDone, rounds: Sequence[set[_Done]]) -> bool:
    found = [need.done in each for each in rounds]
    return any(found) if need.own else len(found) == REQUESTS and all(found)


def _done(call: str, before: ThreadPart, after: ThreadPart) -> Iterator[_Done]:
    """Yield what *call*, which succeeded, did: the keys it opened, the value it read."""
    user = before.token is not None and before.token[0] == USER
    held = dict(before.handles)
    for name, handle in after.handles:
        place = handle_place(handle)
        if place is not None and held.get(name) != handle:
            yield user, fold(place), None
    read = _READ.match(call)
    place = handle_place(held[read["key"]]) if read and read["key"] in held else None
    if read and place is not None:
        yield user, fold(place), read["value"]

"""A claim written as a function of what can be seen of a state, as a formula.

The function is run once for each way in which its questions can be answered, so that whatever
Python it is written in, an engine is given Boolean questions and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import attrs

from regsim.check.formula import Formula, every, some
from regsim.errors import UnknownNameError, UsageError

MOST: Final = 12
"""How many questions a claim may ask on one way."""


class _UnansweredError(BaseException):
    """The claim asks what it was not told yet."""


@attrs.frozen
class View:
    """What a claim can ask of a state: each name is true or false there.

    Attributes:
        questions: the formula behind each name.
        told: the answers that this view gives.
    """

    questions: Mapping[str, Formula]
    told: Mapping[str, bool] = attrs.field(factory=dict)

    def __getattr__(self, name: str) -> bool:
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in self.questions:
            raise UnknownNameError("question about a state", name, self.questions)
        if name not in self.told:
            raise _UnansweredError(name)
        return self.told[name]


def formula_of(claim: Callable[[View], object], view: View) -> Formula:
    """Return the formula that *claim* is true of a state seen through *view*.

    Raises:
        UsageError: the claim asks more than a few questions.
        UnknownNameError: it asks what nobody can tell; the text lists what can be asked.
    """
    ways: list[dict[str, bool]] = [{}]
    true: list[Formula] = []
    while ways:
        told = ways.pop()
        if len(told) > MOST:
            raise UsageError(f"the claim {claim.__name__} asks more than {MOST} questions at once")
        try:
            holds = claim(attrs.evolve(view, told=told))
        except _UnansweredError as asked:
            ways += [{**told, str(asked): True}, {**told, str(asked): False}]
            continue
        if holds:
            true.append(every(_answered(view, told)))
    return some(true)


def _answered(view: View, told: Mapping[str, bool]) -> list[Formula]:
    return [view.questions[name] if yes else ~view.questions[name] for name, yes in told.items()]

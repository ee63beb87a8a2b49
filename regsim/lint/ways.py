"""What a function may have open at one place: one record for each way that leads there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Final

import attrs

ZERO: Final = "zero"
OTHER: Final = "other"
INVALID: Final = "invalid"
UNKNOWN: Final = ""
"""What is known of a value that is no handle: it is 0, it is not 0, it is INVALID_HANDLE_VALUE, or
nothing."""

OPEN: Final = "open"
CLOSED: Final = "closed"
GONE: Final = "gone"
"""What became of what was opened; gone is what somebody else owns, or nothing is known of."""


@attrs.frozen
class Acquired:
    """The value of a variable that got what was opened at *site* (its offset in the text)."""

    site: int
    older: bool = False


@attrs.frozen
class Unopened:
    """The value of a variable whose opening failed at *site*: whatever it was before."""

    site: int


@attrs.frozen
class FromCaller:
    """The value that a parameter was called with."""

    name: str


@attrs.frozen
class Predefined:
    """A predefined key."""

    name: str


Worth = str | Acquired | Unopened | FromCaller | Predefined
_WORD: Final = re.compile(r"[A-Za-z_]\w*")


@attrs.frozen(slots=False, eq=False)
class OneWay:
    """What holds on one way to a place: values of variables, what is open, what was found true.

    A parameter of this type is called *world*.

    Attributes:
        values: by variable, for those of which something is known.
        state: by what was opened.
        below: by what was opened, the key and the name it was opened below.
        facts: by the text of a condition, whether it was met.
        acting: whether the thread acts for somebody else.
        ended: the parameters that were closed, each with the place.
    """

    values: Mapping[str, Worth] = attrs.field(factory=dict)
    state: Mapping[Acquired, str] = attrs.field(factory=dict)
    below: Mapping[Acquired, tuple[Worth, str]] = attrs.field(factory=dict)
    facts: Mapping[str, bool] = attrs.field(factory=dict)
    acting: bool = False
    ended: Mapping[str, int] = attrs.field(factory=dict)

    @cached_property
    def key(self) -> tuple[object, ...]:
        """What two equal worlds have alike."""
        parts = (self.values, self.state, self.below, self.facts, self.ended)
        return (*(frozenset(part.items()) for part in parts), self.acting)

    def put(self, name: str, value: Worth) -> OneWay:
        """Return the world after *name* got *value*: what was found true with it is forgotten."""
        facts = self.facts
        if facts:
            facts = {t: v for t, v in facts.items() if name not in _WORD.findall(t)}
        return attrs.evolve(self, values={**self.values, name: value}, facts=facts)

    def turn(self, opened: Acquired, state: str) -> OneWay:
        """Return the world after *opened* became *state*."""
        return attrs.evolve(self, state={**self.state, opened: state})

    def lose(self, names: Iterable[str]) -> OneWay:
        """Return the world after what the variables *names* hold became somebody else's."""
        found = [self.values.get(name) for name in names]
        mine = {v: GONE for v in found if isinstance(v, Acquired) and self.state.get(v) == OPEN}
        return attrs.evolve(self, state={**self.state, **mine}) if mine else self

    def give(self, value: Worth) -> OneWay:
        """Return the world after *value* became somebody else's, if it is a key that is open."""
        if isinstance(value, Acquired) and self.state.get(value) == OPEN:
            return self.turn(value, GONE)
        return self

    def fade(self, names: frozenset[str]) -> OneWay:
        """Return the world without what is known of *names*, of which none is asked any more."""
        values = {n: v for n, v in self.values.items() if n not in names or not isinstance(v, str)}
        facts = {t: v for t, v in self.facts.items() if t[0] == "#" or not _dead(t, names)}
        if len(values) == len(self.values) and len(facts) == len(self.facts):
            return self
        return attrs.evolve(self, values=values, facts=facts)

    def holders(self, opened: Acquired) -> list[str]:
        """Return the variables that hold *opened*."""
        return [name for name, value in self.values.items() if value == opened]


def _dead(text: str, names: frozenset[str]) -> bool:
    return names.issuperset(_WORD.findall(text))


def distinct(worlds: Iterable[OneWay]) -> list[OneWay]:
    """Return *worlds*, each once, in order."""
    return list({world.key: world for world in worlds}.values())


Worlds = list[OneWay]
Ways = list[tuple[Worth, OneWay]]
"""What an expression is worth, and the world after it, for each way that it can go."""
Truths = list[tuple[bool, OneWay]]
"""Whether a condition is met, and the world in which it is or is not."""

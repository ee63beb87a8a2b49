"""What a model is asked to satisfy, and the answers."""

from __future__ import annotations

import enum

import attrs

from regsim.check.formula import TRUE, Formula


class PropertyKind(enum.Enum):
    """How a property quantifies over states and runs."""

    ALWAYS = "always"
    SOMETIMES = "sometimes"
    LEADS_TO = "leads-to"


class Fairness(enum.Enum):
    """What is assumed of every process instance on an endless run.

    WEAK: one that stays able to step for ever does step (SPIN's ``-f``). STRONG: one that is able
    again and again does step again and again.
    """

    NONE = "none"
    WEAK = "weak"
    STRONG = "strong"


@attrs.frozen
class Property:
    """A named claim. Make one with `always`, `sometimes`, `leads_to` or `eventually`.

    Attributes:
        name: what a person asks for it by.
        kind: how it quantifies.
        goal: the formula that always holds, is reached, or is led to.
        trigger: of a leads-to, the formula after which *goal* must come.
        assuming: pairs (p, q): only runs count where p infinitely often implies q infinitely often.
        fairness: what a leads-to assumes of the processes unless the caller says otherwise.
        about: one sentence for the reader.
    """

    name: str
    kind: PropertyKind
    goal: Formula
    trigger: Formula = TRUE
    assuming: tuple[tuple[Formula, Formula], ...] = ()
    fairness: Fairness = Fairness.WEAK
    about: str = ""


def always(name: str, goal: Formula, about: str = "") -> Property:
    """Return the claim that *goal* holds in every reachable state."""
    return Property(name, PropertyKind.ALWAYS, goal, about=about)


def sometimes(name: str, goal: Formula, about: str = "") -> Property:
    """Return the claim that a state where *goal* holds can be reached."""
    return Property(name, PropertyKind.SOMETIMES, goal, about=about)


def leads_to(
    name: str,
    trigger: Formula,
    goal: Formula,
    *,
    assuming: tuple[tuple[Formula, Formula], ...] = (),
    fairness: Fairness = Fairness.WEAK,
    about: str = "",
) -> Property:
    """Return the claim that on every fair run *trigger* is followed, then or later, by *goal*.

    A run that ends in a deadlock goes on by stuttering there.
    """
    return Property(name, PropertyKind.LEADS_TO, goal, trigger, assuming, fairness, about)


def eventually(name: str, goal: Formula, *, fairness: Fairness = Fairness.WEAK) -> Property:
    """Return the claim that every fair run comes to *goal*, from wherever it stands."""
    return leads_to(name, TRUE, goal, fairness=fairness)


class Verdict(enum.Enum):
    """The three answers. A limit never reads as HOLDS."""

    HOLDS = "holds"
    VIOLATED = "violated"
    INCONCLUSIVE = "inconclusive"

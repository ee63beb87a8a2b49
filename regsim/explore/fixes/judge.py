"""Whether an edited service keeps every claim: the shortest way to break one, or the proof."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, Self

import attrs

from regsim.check.families import ANY
from regsim.check.formula import Atom, Formula, Zero, every
from regsim.check.paths import Path, follow
from regsim.check.property import (
    Fairness,
    Property,
    PropertyKind,
    Verdict,
    always,
    leads_to,
    sometimes,
)
from regsim.check.verify import Result, Unbounded, check_all
from regsim.errors import NotApplicableError, UsageError
from regsim.explore.asking import EndlessCodeError, PlainCodeError
from regsim.explore.learned import PlainProgram
from regsim.explore.system import System, thread_of

DEEP: Final = 200
"""After how many steps a service that has come to ever new states is taken to have no end."""
LOOKED_AT: Final = 1_000
"""How many states are looked at first: what leaks at each request has ever more, ever deeper.

So it is not looked at further, unless the caller says how far.
"""
ELSE: Final = 400
"""How many states of a service that is refuted are looked at for what else it breaks."""
CALLS_END: Final = "calls-end"
"""What is asked of an edit besides the claims: that nobody waits for ever in the midst of work."""
USES_HIVE: Final = "hive-used"
"""What else is asked of it: that it still uses the user's hive."""
ALSO: Final = frozenset({USES_HIVE, CALLS_END})


class Fixable(Protocol):
    """A model of services in plain code, such as `regsim.model` makes."""

    @property
    def os(self) -> str:
        """The generation."""

    @property
    def name(self) -> str:
        """What it is called; "" for as its first service."""

    @property
    def services(self) -> tuple[Any, ...]:
        """The services: the code, threads, name and process of each."""

    @property
    def times(self) -> int | None:
        """How often the user logs on and off; None for again and again."""

    @property
    def stopped(self) -> tuple[str, ...]:
        """The services that are stopped before logoff."""

    def system(self) -> System:
        """Return it as the engines take it."""

    def rewritten(self, codes: Sequence[Any], os: str) -> Self:
        """Return it with other code for its services, on a system."""

    @property
    def numbers(self) -> Mapping[str, int | str]:
        """How many threads each service has, by name."""

    def numbered(self, numbers: Mapping[str, int | str]) -> Self:
        """Return it with other numbers of threads."""

    def asked(self) -> System | Unbounded:
        """Return it as the engines take it, be it of any number of threads."""

    def stopped_before_logoff(self, *names: str) -> Self:
        """Return it with services stopped before logoff."""


@attrs.frozen(kw_only=True)
class Trial:
    """What became of a service on one system.

    Attributes:
        os: the system.
        holds: whether every claim does; None where that is not known.
        violated: the claims about states that are violated, as far as a look at `ELSE` states
            shows, or else the others that are.
        first: those of them that `path` violates.
        path: the shortest way to violate one; None without.
        states: how many states there are, or were explored.
        why: why it is not known, or why such code is refused.
    """

    os: str
    holds: bool | None
    violated: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    path: Path | None = None
    states: int = 0
    why: str = ""


def judged(
    model: Fixable, *, most_states: int | None = None, also: Collection[str] = ALSO
) -> Trial:
    """Return whether *model* keeps every claim, and what is *also* asked of an edit."""
    try:
        system = model.system()
        options: dict[str, Any] = {"max_states": most_states}
        broken = _safe(system, model.os, options)
        return broken or _whole(system, model.os, options, also)
    except EndlessCodeError as error:
        return Trial(os=model.os, holds=None, why=str(error))
    except (PlainCodeError, NotApplicableError) as error:
        return Trial(os=model.os, holds=False, why=str(error))


def judged_any(model: Fixable) -> Trial:
    """Return whether *model*'s claims about every state hold for any number of threads.

    It holds up to a bound already. Where no proof is found, that is not known.
    """
    many = model.numbered(dict.fromkeys(model.numbers, ANY))
    try:
        asked = many.asked()
        answers = check_all(asked)
    except (PlainCodeError, UsageError) as error:
        return Trial(os=model.os, holds=None, why=str(error))
    broken = [each for each in answers if each.verdict is Verdict.VIOLATED]
    open_ = [each for each in answers if each.verdict is Verdict.INCONCLUSIVE]
    states = max(each.states for each in answers)
    if broken:
        names = tuple(each.property.name for each in broken)
        path = min((e.path for e in broken if e.path), key=lambda p: len(p.steps), default=None)
        return Trial(
            os=model.os, holds=False, violated=names, first=names, path=path, states=states
        )
    if open_:
        return Trial(os=model.os, holds=None, states=states, why=_why(open_))
    return Trial(os=model.os, holds=True, states=states)


def _safe(system: System, os: str, options: Mapping[str, Any]) -> Trial | None:
    """Return the shortest way to a state that breaks a claim; None where there is none."""
    claims = [each for each in system.properties if each.kind is PropertyKind.ALWAYS]
    whole = always("every claim", every(each.goal for each in claims))
    most = options["max_states"]
    few = LOOKED_AT if most is None else min(LOOKED_AT, most)
    (found,) = check_all(system, [whole], max_states=few)
    endless = most is None and found.depth > DEEP
    if found.verdict is Verdict.INCONCLUSIVE and few != most and not endless:
        (found,) = check_all(system, [whole], **options)
    if found.path is None:
        if found.verdict is Verdict.HOLDS:
            return None
        more = "; it comes to ever new states, and `--max-states` says at how many to look"
        return Trial(os=os, holds=None, states=found.states, why=_why([found]) + more * endless)
    walk = follow(system, found.path.code)
    first = tuple(each.name for each in claims if walk.verdict(each) is Verdict.VIOLATED)
    # What leaks has states without end: so many are enough to say what else is broken.
    answers = check_all(system, claims, max_states=ELSE)
    others = {each.property.name for each in answers if each.verdict is Verdict.VIOLATED}
    return Trial(
        os=os,
        holds=False,
        violated=tuple(each.name for each in claims if each.name in {*first, *others}),
        first=first,
        path=found.path,
        states=found.states,
    )


def _why(answers: Sequence[Result]) -> str:
    return "; ".join(dict.fromkeys(reason for each in answers for reason in each.reasons))


def _whole(system: System, os: str, options: Mapping[str, Any], also: Collection[str]) -> Trial:
    """Return the answer where no state breaks a claim: are the others kept too?"""
    asked = [each for each in system.properties if each.kind is not PropertyKind.ALWAYS]
    more = (uses_hive(system), *calls_end(system))
    known = {each.name for each in asked}
    asked += [e for e in more if e.name.partition(" of ")[0] in also and e.name not in known]
    answers = check_all(system, asked, **options)
    broken = [each for each in answers if each.verdict is Verdict.VIOLATED]
    open_ = [each for each in answers if each.verdict is Verdict.INCONCLUSIVE]
    states = max(each.states for each in answers)
    if broken:
        names = tuple(dict.fromkeys(_plain(each) for each in broken))
        path = next((each.path for each in broken if each.path is not None), None)
        return Trial(os=os, holds=False, violated=names, first=names, path=path, states=states)
    if open_:
        return Trial(os=os, holds=None, states=states, why=_why(open_))
    return Trial(os=os, holds=True, states=states)


def _plain(answer: Result) -> str:
    return answer.property.name.partition(" of ")[0]


def uses_hive(system: System) -> Property:
    """Return the claim that a handle on the user's hive is open sometimes.

    What never opens one leaves none open, and mends nothing.
    """
    about = "A key of the user's hive is open at some time."
    return sometimes(USES_HIVE, ~Zero(system.counters[0]), about)


def calls_end(system: System) -> Iterator[Property]:
    """Yield the claims that no thread stays in the midst of its work for ever.

    Each is about one thread of each service; the others of it are interchangeable.
    """
    seen: set[int] = set()
    for player in system.players:
        code = player.program
        if isinstance(code, PlainProgram) and id(code) not in seen:
            seen.add(id(code))
            rests = _rests(player.component, player.name, code)
            name = f"{CALLS_END} of {player.name}"
            about = "Whoever has begun to work comes to an end."
            yield leads_to(name, ~rests, rests, fairness=Fairness.STRONG, about=about)


def _rests(component: str, name: str, code: PlainProgram) -> Formula:
    def test(value: object) -> bool:
        state = code.state(thread_of(value).pc)
        # Whoever waits for an event may do so for ever: no edit makes or sets one.
        return state is None or state.resting or state.request.kind == "await"

    return Atom(component, test, f"{name} rests")

"""A broken system to mend, the goal that the simulator judges, and the hints on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import attrs

from regsim import dialects, models
from regsim.check.factored import Factored
from regsim.check.property import Verdict
from regsim.check.space import SearchProgress
from regsim.check.verify import Result, Results, check_all, factored
from regsim.errors import UsageError
from regsim.explore.claims import View
from regsim.explore.service import ServiceModel, model
from regsim.explore.sources import ModelSource
from regsim.site.straight import StillDone, undone

Progress = Callable[[SearchProgress], None] | None
SOON: Final = 1_000
"""How many states are explored before it is asked whether anything is violated."""
MEANT: Final = ("served", "logoff")
"""What must be reachable, so that no goal is reached by doing nothing."""


def goes_on(view: View) -> bool:
    """No thread of the service ends, by an error or otherwise."""
    return not view.thread_ended


def explored(
    model: Factored, claims: Sequence[str] | None, progress: Progress = None
) -> list[Result]:
    """Return the answers to *claims* of *model*, to all of them for None.

    A service that leaks at every request has states without end: what is violated is found among
    the first `SOON`, and only where nothing is found there the exploration goes on.
    """
    found = check_all(model, claims, max_states=SOON, progress=progress)
    if Results(tuple(found)).verdict is Verdict.INCONCLUSIVE:
        return check_all(model, claims, progress=progress)
    return found


@attrs.frozen
class AskedOn:
    """What was asked of one system: where, the answers, and the claims that the goal asks for."""

    where: str
    results: tuple[Result, ...]
    claims: tuple[str, ...]

    @property
    def asked(self) -> list[Result]:
        """The answers to the claims of the goal."""
        return [result for result in self.results if result.property.name in self.claims]

    def told(self, verdict: Verdict) -> str:
        """Return which claims of the goal came out as *verdict*, and where; "" for none."""
        found = [r.property.name for r in self.asked if r.verdict is verdict]
        return f"{', '.join(found)} {verdict.value} ({self.where})" if found else ""

    @property
    def missing(self) -> list[str]:
        """The claims of the goal that do not hold here."""
        held = {r.property.name for r in self.asked if r.verdict is Verdict.HOLDS}
        return [name for name in self.claims if name not in held]


@attrs.frozen
class Judged:
    """Whether a text reaches a goal, the sentence on it, and what was asked on each system."""

    solved: bool
    says: str
    asked: tuple[AskedOn, ...]


@attrs.frozen(kw_only=True)
class Plainly:
    """How a service in plain code is judged, whatever model the text itself makes.

    Attributes:
        systems: the generations on which the goal must be reached.
        claims: what must hold there.
        needs: what the service must still do, with success.
        threads: how many threads run the service.
    """

    systems: tuple[str, ...]
    claims: tuple[str, ...]
    needs: tuple[StillDone, ...]
    threads: int = 1

    def asked(self, source: ModelSource, progress: Progress) -> Iterator[AskedOn]:
        """Yield what each system answers to the service that *source* has.

        Raises:
            UsageError: it has no service, or more than one; or it no longer does its work.
        """
        for os in self.systems:
            made = factored(self._model(source, os).system())
            title, claims = dialects.get(os).title, (*self.claims, "goes-on", *MEANT)
            asked = AskedOn(title, tuple(explored(made, claims, progress)), claims)
            left = [] if asked.missing else undone(made, self.needs)
            if left:
                raise UsageError(
                    f"on {title} the service no longer {left[0]}: mend it, and let it do its work"
                )
            yield asked

    def _model(self, source: ModelSource, os: str) -> ServiceModel:
        found = source.make(os=os) if "os" in {p.name for p in source.parameters} else None
        if not isinstance(found, ServiceModel) or len(found.services) != 1:
            raise UsageError("the text must end in a model with one service, as it began")
        mine = model(os=os).service(found.services[0].code, threads=self.threads)
        return mine.user_logs_on_and_off().claim(goes_on)


@attrs.frozen(kw_only=True)
class BySettings:
    """How the settings of an incident's model are judged.

    Attributes:
        incident: whose model it is.
        claims: what must hold.
        allowed: by the name of a setting, the values that can be chosen.
    """

    incident: str
    claims: tuple[str, ...]
    allowed: Mapping[str, tuple[object, ...]] = attrs.field(hash=False)

    def asked(self, source: ModelSource, progress: Progress) -> Iterator[AskedOn]:
        """Yield what the incident's model answers, set as the text's function sets it.

        Raises:
            UsageError: a setting is not one that can be chosen, or the text makes another model.
        """
        chosen = {parameter.name: parameter.default for parameter in source.parameters}
        for name, value in chosen.items():
            if value not in self.allowed.get(name, ()):
                known = "; ".join(f"{n}: {_listed(v)}" for n, v in self.allowed.items())
                raise UsageError(f"{name}={value!r} cannot be chosen here ({known})")
        made = factored(models.model(self.incident, **chosen))
        results = explored(made, None, progress)
        if _outcome(results) != _outcome(explored(factored(source.build({})), None, progress)):
            raise UsageError(
                "the text makes another model than the line with def says: change the values in "
                "that line alone"
            )
        where = ", ".join(f"{name} {value}" for name, value in chosen.items())
        yield AskedOn(where, tuple(results), self.claims)


def _outcome(results: Sequence[Result]) -> list[tuple[str, Verdict, int]]:
    return [(each.property.name, each.verdict, each.states) for each in results]


def _listed(values: tuple[object, ...]) -> str:
    return ", ".join(map(repr, values))


@attrs.frozen(kw_only=True)
class Challenge:
    """One broken system.

    Attributes:
        name: the incident that it is made after.
        title: what is broken, in a line.
        story: what happened, for the reader.
        goal: what the simulator is to find.
        broken: the text to begin with.
        hints: on request, one after the other.
        solution: a text that reaches the goal, which a test holds it to.
        tempting: a text that looks like one and does not reach it, or "".
        judge: how a text is judged.
    """

    name: str
    title: str
    story: str
    goal: str
    broken: str
    hints: tuple[str, ...]
    solution: str
    tempting: str = ""
    judge: Plainly | BySettings

    def judged(self, source: ModelSource, progress: Progress = None) -> Judged:
        """Return whether the text behind *source* reaches the goal, on every system asked.

        Raises:
            UsageError: it is no answer to this challenge; the text says why.
            PlainCodeError: it cannot be explored; the text names the line.
        """
        with source.blamed():
            asked = tuple(self.judge.asked(source, progress))
        if not any(each.missing for each in asked):
            return Judged(True, f"Solved: {self.goal}", asked)
        broken = [text for each in asked if (text := each.told(Verdict.VIOLATED))]
        if broken:
            return Judged(False, f"Not solved yet: {'; '.join(broken)}", asked)
        open_ = [text for each in asked if (text := each.told(Verdict.INCONCLUSIVE))]
        return Judged(False, f"Not decided: {'; '.join(open_)}", asked)

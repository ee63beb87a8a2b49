"""Checking a model's properties: which verdict, on which evidence.

`check` answers one property, `check_all` several with as few explorations as will do. A search
that hits a limit before it is sure answers `Verdict.INCONCLUSIVE`, never that a property holds.
"""

from __future__ import annotations

import enum
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol, cast, overload, runtime_checkable

import attrs

from regsim.check.factored import Factored
from regsim.check.formula import Formula
from regsim.check.graph import Graph, OutOfTimeError, WholeSpace, graph_of
from regsim.check.learn import Learner
from regsim.check.liveness import find_lasso
from regsim.check.memory import budget
from regsim.check.partial_order import Alone, NotAloneError
from regsim.check.paths import Path, path_along, path_to
from regsim.check.plain import Model, Plain
from regsim.check.property import Fairness, Property, PropertyKind, Verdict
from regsim.check.search import Search
from regsim.check.space import Limits, Options, SearchProgress, Space
from regsim.check.symmetry import tells_apart
from regsim.display import Stepped
from regsim.errors import RegsimError, UnknownNameError, UsageError

ENGINES = ("auto", "python", "c")
_MODELS = "regsim.models"
"""Where names are looked up: above this layer, and not before somebody gives one."""
_EDGE, _NODE = 6, 200
"""About how many bytes a graph takes for a transition and for a state."""
_TOO_LARGE = "there is no memory for the graph of all states"


class Reduce(enum.Enum):
    """What an exploration may leave out without changing a verdict."""

    NONE = "none"
    SYMMETRY = "symmetry"
    PARTIAL_ORDER = "partial-order"
    ALL = "all"

    @property
    def symmetry(self) -> bool:
        """Whether one state stands for all that differ by a swap of like processes."""
        return self in (Reduce.SYMMETRY, Reduce.ALL)

    @property
    def partial_order(self) -> bool:
        """Whether interleavings that a property cannot tell apart are left out."""
        return self in (Reduce.PARTIAL_ORDER, Reduce.ALL)


@attrs.frozen(kw_only=True, repr=False)
class Result(Stepped):
    """The answer to one property.

    Attributes:
        model: the model's name.
        property: what was asked.
        verdict: the answer.
        states: distinct states found.
        transitions: steps taken out of them; equal targets count twice.
        depth: breadth-first layers, the initial one counted.
        path: the counterexample, or the witness of a `sometimes`; None where there is none.
        engine: ``python`` or ``c``.
        reduce: what was left out.
        complete: whether the counts are those of the whole space (under *reduce*).
        seconds: how long it took, the tabulation among it.
        bytes: the memory that held the states, as the engine counts it.
        reasons: what a reader must know beside the verdict, each a sentence.
        numbers: the parameters that stand for any number; the counts are abstract ones then.
        concrete: by parameter, the number of processes that ``path`` is a run of, where any number
            was asked about.
        proof: what a `regsim.check.certificate` can be made of; None without one.
    """

    model: str
    property: Property
    verdict: Verdict
    states: int
    transitions: int
    depth: int
    path: Path | None
    engine: str
    reduce: Reduce
    complete: bool
    seconds: float
    bytes: int
    reasons: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    concrete: Mapping[str, int] | None = attrs.field(default=None, hash=False)
    proof: object = attrs.field(default=None, eq=False)


@attrs.frozen(repr=False)
class Results(Stepped):
    """The answers to all properties of a model, in order."""

    answers: tuple[Result, ...]

    @property
    def verdict(self) -> Verdict:
        """Violated if anything is, else inconclusive if anything is, else holds."""
        given = {answer.verdict for answer in self.answers}
        worst = (Verdict.VIOLATED, Verdict.INCONCLUSIVE, Verdict.HOLDS)
        return next(verdict for verdict in worst if verdict in given)

    def __iter__(self) -> Iterator[Result]:
        return iter(self.answers)

    def __getitem__(self, name: str) -> Result:
        """Return the answer to the property called *name*; raise `UnknownNameError` for none."""
        known = {answer.property.name: answer for answer in self.answers}
        if name not in known:
            raise UnknownNameError("property", name, known)
        return known[name]


@attrs.frozen(kw_only=True)
class Inquiry:
    """How a model is asked: the options of `check_all`, read."""

    engine: str
    reduce: Reduce
    fairness: Fairness | None
    all_states: bool
    limits: Limits
    progress: Callable[[SearchProgress], None] | None


@attrs.frozen(kw_only=True)
class _Inquiry(Inquiry):
    """What is asked of one model."""

    model: Factored


@runtime_checkable
class Unbounded(Protocol):
    """A model of any number of processes: it answers by itself (`regsim.check.anynumber`)."""

    def answers(self, wanted: Iterable[Property | str] | None, question: Inquiry) -> list[Result]:
        """Return the answers to what is *wanted*, by default all that can be asked, in order."""

    def left_out(self) -> Mapping[str, str]:
        """Return the claims that cannot be asked of any number, each with the reason."""


Checkable = Factored | Model[Any, Any] | Unbounded | str | os.PathLike[str]
"""What can be asked about: a model, or the name of one or of its file."""


@attrs.frozen
class _Explored:
    """One exploration, and what it was."""

    learner: Learner
    space: Space
    reduce: Reduce


@overload
def check(model: Checkable, property: Property | str, **options: Any) -> Result: ...  # noqa: ANN401
@overload
def check(model: Checkable, property: None = None, **options: Any) -> Results: ...  # noqa: ANN401
def check(
    model: Checkable,
    property: Property | str | None = None,  # noqa: A002 - it is the word
    **options: Any,
) -> Result | Results:
    """Return the answer to one *property* of *model*, given itself or by name, or to every one.

    Takes the options of `check_all`. The model may be the name of an incident, or of a file such as
    ``./my_service.py``: what else is given then are its parameters.

    >>> found = check("q241572", "leak", workers=1, services=0)
    >>> found.verdict.value, len(found.path.steps), found.path.steps[-1].counters
    ('violated', 9, (1,))
    """
    if not isinstance(model, str | os.PathLike):
        return _asked(model, property, options)
    source = import_module(_MODELS).source(os.fspath(model))
    parameters = {name: options.pop(name) for name in list(options) if name not in _OPTIONS}
    with source.blamed():
        return _asked(source.build(parameters), property, options)


def _asked(
    model: Factored | Model[Any, Any] | Unbounded,
    claim: Property | str | None,
    options: dict[str, Any],
) -> Result | Results:
    if claim is None:
        return Results(tuple(check_all(model, **options)))
    return check_all(model, [claim], **options)[0]


def check_all(
    model: Factored | Model[Any, Any] | Unbounded,
    properties: Iterable[Property | str] | None = None,
    *,
    engine: str = "auto",
    reduce: Reduce | str = Reduce.NONE,
    fairness: Fairness | str | None = None,
    all_states: bool = False,
    max_states: int | None = None,
    max_seconds: float | None = None,
    max_memory: int | None = None,
    progress: Callable[[SearchProgress], None] | None = None,
) -> list[Result]:
    """Return the answers to *properties* of *model*, all of them by default, in order.

    Args:
        model: a `Factored` or a plain `Model`.
        properties: themselves or their names.
        engine: ``python``, ``c``, or ``auto``: the C engine where it can be used.
        reduce: what may be left out; a leads-to is always explored in full.
        fairness: what a leads-to assumes, instead of what it says itself.
        all_states: go on to the end when every answer is known, so that the counts are complete.
        max_states: the most states to keep; by default the model's own ``most_states``, if it has
            such a bound.
        max_seconds: the longest each exploration may take, in seconds.
        max_memory: the most memory to hold states in, in bytes; by default what the system has to
            give. Past it the answer is inconclusive, as past any limit.
        progress: told now and then how far an exploration is.

    Raises:
        UnknownNameError: no property, engine or reduction of that name; the text lists them.
        UsageError: the C engine is asked for and cannot be used here.
    """
    most = max_states if max_states is not None else getattr(model, "most_states", None)
    how = Inquiry(
        engine=_known("engine", engine, ENGINES),
        reduce=Reduce(_known("reduction", reduce, [r.value for r in Reduce])),
        fairness=None if fairness is None else _fairness(fairness),
        all_states=all_states,
        limits=Limits(states=most, seconds=max_seconds, bytes=max_memory),
        progress=progress,
    )
    if isinstance(model, Unbounded):
        return model.answers(properties, how)
    question = _Inquiry(model=factored(model), **attrs.asdict(how, recurse=False))
    wanted = _properties(question.model, properties)
    answers: dict[str, Result] = {}
    eventual = [claim for claim in wanted if claim.kind is PropertyKind.LEADS_TO]
    safety = [claim for claim in wanted if claim.kind is not PropertyKind.LEADS_TO]
    if eventual and question.reduce is Reduce.NONE:
        _in_full(question, wanted, answers)
        return [answers[claim.name] for claim in wanted]
    if safety:
        _answer_safety(question, safety, answers)
    if eventual:
        note = "a leads-to is explored in full: reductions do not keep who steps how often"
        _in_full(attrs.evolve(question, reduce=Reduce.NONE), eventual, answers, note)
    return [answers[claim.name] for claim in wanted]


_OPTIONS = frozenset(check_all.__kwdefaults__ or ())


def factored(model: Factored | Model[Any, Any]) -> Factored:
    """Return *model* as the engines want it; a plain one as a single component."""
    if hasattr(model, "components"):
        return cast("Factored", model)
    if hasattr(model, "next_state"):
        return Plain(model)
    if isinstance(model, Unbounded):
        raise UsageError("this is asked of a model of given numbers: give one for any")
    raise UsageError(f"{model!r} is no model: it has neither components nor next_state")


def _known(kind: str, name: Any, known: Sequence[str]) -> str:  # noqa: ANN401 - checked here
    text = str(name.value if isinstance(name, enum.Enum) else name)
    if text not in known:
        raise UnknownNameError(kind, text, known)
    return text


def _fairness(name: Fairness | str) -> Fairness:
    return Fairness(_known("fairness", name, [each.value for each in Fairness]))


def _properties(model: Factored, wanted: Iterable[Property | str] | None) -> list[Property]:
    known = {claim.name: claim for claim in model.properties}
    found = []
    for claim in known.values() if wanted is None else wanted:
        if isinstance(claim, str):
            if claim not in known:
                raise UnknownNameError(f"property of {model.name}", claim, known)
            found.append(known[claim])
        else:
            found.append(claim)
    if not found:
        raise UsageError(f"{model.name} has no property to check")
    names = [claim.name for claim in found]
    if len(set(names)) < len(names):
        raise UsageError(f"two properties have one name among {', '.join(names)}")
    return found


# -- safety ------------------------------------------------------------------------------------


def target(claim: Property) -> Formula:
    """Return the formula a state of which decides *claim*: its violation, or its witness."""
    return ~claim.goal if claim.kind is PropertyKind.ALWAYS else claim.goal


def _answer_safety(
    question: _Inquiry, claims: Sequence[Property], answers: dict[str, Result]
) -> None:
    """Answer *claims* in one exploration, and those that it cannot decide in another."""
    found = _explore(question, claims)
    apart = []
    for claim in claims:
        if found.reduce.symmetry and tells_apart(found.learner, target(claim)):
            apart.append(claim)
        else:
            answers[claim.name] = _safety(claim, found)
    if apart:
        less = Reduce.PARTIAL_ORDER if question.reduce.partial_order else Reduce.NONE
        found = _explore(attrs.evolve(question, reduce=less), apart)
        note = "it tells like processes apart, so symmetry was not used"
        for claim in apart:
            answers[claim.name] = _safety(claim, found, note)


def _explore(question: _Inquiry, claims: Sequence[Property], *, whole: bool = False) -> _Explored:
    """Explore until the safety properties among *claims* are decided, or to the end."""
    learner = Learner(question.model)
    safety = [claim for claim in claims if claim.kind is not PropertyKind.LEADS_TO]
    options = Options(
        targets={claim.name: target(claim) for claim in safety},
        to_the_end=whole or question.all_states,
        symmetry=question.reduce.symmetry,
        partial_order=question.reduce.partial_order,
        limits=question.limits,
        progress=question.progress,
    )
    return _Explored(learner, search(learner, options, question.engine), question.reduce)


def search(learner: Learner, options: Options, engine: str = "auto") -> Space:
    """Return what the engine called *engine* finds; ``auto`` is the C engine where it can be used.

    Raises:
        UsageError: the C engine is asked for and cannot be used here.
    """
    if engine != "python":
        try:
            return _in_c(learner, options)
        except (ImportError, ValueError) as error:
            if isinstance(error, RegsimError):  # of the model: no other engine can do better
                raise
            if engine == "c":
                raise UsageError(f"the C engine cannot be used here: {error}") from None
    return Search(learner, options).run()


def _in_c(learner: Learner, options: Options) -> Space:
    """Return what the C engine finds; ImportError where it is not, ValueError if it cannot."""
    native = import_module("regsim.check.native")
    alone = Alone(learner, options.targets.values())

    def ample(process: int, own: int) -> bool:
        alone.meet(process, own)
        return alone.may(process, own)

    while True:
        try:
            found: Space = native.NativeSearch(
                learner, options, ample if options.partial_order else None
            ).run()
        except NotAloneError:
            continue
        return found


def _safety(claim: Property, found: _Explored, *notes: str) -> Result:
    space = found.space
    hit = space.hits.get(claim.name)
    if hit is not None:
        verdict = Verdict.VIOLATED if claim.kind is PropertyKind.ALWAYS else Verdict.HOLDS
    elif not space.complete:
        verdict = Verdict.INCONCLUSIVE
    else:
        verdict = Verdict.HOLDS if claim.kind is PropertyKind.ALWAYS else Verdict.VIOLATED
    path = None if hit is None else path_to(found.learner, space, hit)
    return _result(claim, found, verdict, path, notes)


def _result(
    claim: Property,
    found: _Explored,
    verdict: Verdict,
    path: Path | None,
    notes: Sequence[str],
    seconds: float = 0.0,
) -> Result:
    space = found.space
    stopped = (space.stopped,) if space.stopped else ()
    return Result(
        model=found.learner.model.name,
        property=claim,
        verdict=verdict,
        states=space.states,
        transitions=space.transitions,
        depth=len(space.layers),
        path=path,
        engine=space.engine,
        reduce=found.reduce,
        complete=space.complete,
        seconds=space.seconds + seconds,
        bytes=space.bytes,
        reasons=(*stopped, *notes),
    )


# -- liveness ----------------------------------------------------------------------------------


def _in_full(
    question: _Inquiry,
    claims: Sequence[Property],
    answers: dict[str, Result],
    *notes: str,
) -> None:
    """Answer *claims*, some of them leads-to, on the graph of the whole space."""
    found = _explore(question, claims, whole=True)
    started = time.perf_counter()
    graph = _graph(found, question.limits)
    prepared = time.perf_counter() - started
    for claim in claims:
        if claim.kind is PropertyKind.LEADS_TO:
            result = _leads_to(claim, found, graph, question, notes)
            answers[claim.name] = attrs.evolve(result, seconds=result.seconds + prepared)
        else:
            answers[claim.name] = _safety(claim, found)


def _graph(found: _Explored, limits: Limits) -> Graph | str:
    """Return the graph of what was *found*, or why there is none."""
    space = found.space
    if not space.complete:
        return space.stopped or "not every state was expanded"
    size = space.transitions * _EDGE + space.states * _NODE
    if limits.bytes is not None and space.bytes + size > limits.bytes:
        return f"the limit of {limits.bytes:,} bytes is too low for the graph"
    free = budget() if limits.bytes is None else None
    if free is not None and size > free:
        return _TOO_LARGE
    until = None if limits.seconds is None else time.perf_counter() + limits.seconds - space.seconds
    try:
        return graph_of(cast("WholeSpace", space), until)
    except MemoryError:
        return _TOO_LARGE


def _leads_to(
    claim: Property,
    found: _Explored,
    graph: Graph | str,
    question: _Inquiry,
    notes: Sequence[str],
) -> Result:
    """Return the answer to *claim*, a leads-to, on *graph*; without one it is inconclusive."""
    started = time.perf_counter()
    if isinstance(graph, str):
        why = () if found.space.stopped else (graph,)
        return _result(claim, found, Verdict.INCONCLUSIVE, None, (*why, *notes))
    try:
        lasso = find_lasso(graph, claim, question.fairness or claim.fairness)
    except OutOfTimeError:
        why = (f"the limit of {question.limits.seconds:g} seconds was reached",)
        return _result(claim, found, Verdict.INCONCLUSIVE, None, (*why, *notes))
    except MemoryError:
        return _result(claim, found, Verdict.INCONCLUSIVE, None, (_TOO_LARGE, *notes))
    path = None
    if lasso is not None:
        chain = graph.states(lasso.nodes)
        path = path_along(found.learner, found.space, chain, lasso.actors, lasso.loop)
    verdict = Verdict.HOLDS if lasso is None else Verdict.VIOLATED
    seconds = time.perf_counter() - started
    return _result(claim, found, verdict, path, notes, seconds)

"""Paths: what a check answers, step by step, and their short codes.

A code names, for each step of a path, its place among the steps that could be taken there. It can
be replayed without a search. A run without end is a stem, a colon, and the steps that repeat; one
that ends in a deadlock has nothing after the colon.
"""

from __future__ import annotations

import string
from collections.abc import Hashable, Iterator, Sequence
from itertools import pairwise

import attrs

from regsim.check.factored import Answering, Factored, StepAnswer, StepSpec
from regsim.check.formula import Formula, holds
from regsim.check.learn import Learner, State, Taken
from regsim.check.property import Property, PropertyKind, Verdict
from regsim.check.space import Space
from regsim.display import Stepped
from regsim.errors import InvariantError, UnknownNameError, UsageError

DIGITS = string.digits + string.ascii_letters
"""The characters that a path's code writes choices with, where there are not more."""


@attrs.frozen
class PathStep:
    """One step of a path.

    Attributes:
        actor: the process that takes it.
        step: what it does.
        choice: its place among the steps that could be taken.
        counters: what each counter stands at afterwards.
        changed: the components that it changes.
        touched: the components that it reads, changes or counts.
        values: the value of every component afterwards.
        answer: what it was told; None for local work, and of a model that does not say.
        call: the call it belongs to, as a developer would write it; "" where the step says all.
    """

    actor: str
    step: str
    choice: int
    counters: tuple[int, ...]
    changed: tuple[int, ...]
    touched: tuple[int, ...]
    values: tuple[Hashable, ...] = attrs.field(repr=False)
    answer: StepAnswer | None = None
    call: str = ""


@attrs.frozen(kw_only=True, repr=False)
class Path(Stepped):
    """A run of a model from an initial state.

    Attributes:
        model: the model's name.
        actors: the names of all its processes.
        components: the names of its components.
        counters: the names of its counters.
        initial: the place of the initial state among the model's.
        initials: how many initial states the model has.
        start: what each counter stands at in the beginning.
        values: the value of every component in the beginning.
        steps: the steps, in order.
        loop: the number of steps after which the rest repeats for ever; None for a run that is
            not followed further. Where it is the number of all steps, the run ends in a deadlock.
        of: the model whose run it is, to take the same steps again; None where that is not known.
    """

    model: str
    actors: tuple[str, ...]
    components: tuple[str, ...]
    counters: tuple[str, ...]
    initial: int
    initials: int
    start: tuple[int, ...]
    values: tuple[Hashable, ...] = attrs.field(repr=False)
    steps: tuple[PathStep, ...]
    loop: int | None = None
    of: Factored | None = attrs.field(default=None, eq=False, repr=False)

    @property
    def deadlock(self) -> bool:
        """Whether the run ends where no process can step."""
        return self.loop == len(self.steps)

    @property
    def code(self) -> str:
        """The path's short code; `Walk.follow` replays it."""
        choices = [step.choice for step in self.steps]
        head = f"{self.initial}/" if self.initials > 1 else ""
        if self.loop is None:
            return head + _encode(choices)
        return f"{head}{_encode(choices[: self.loop])}:{_encode(choices[self.loop :])}"


def _encode(choices: Sequence[int]) -> str:
    if any(choice >= len(DIGITS) for choice in choices):
        return "".join(f"{choice}-" for choice in choices)
    return "".join(DIGITS[choice] for choice in choices)


def _decode(code: str, whole: str) -> list[int]:
    if "-" in code:
        parts = code.removesuffix("-").split("-")
        if all(part.isdecimal() for part in parts):
            return [int(part) for part in parts]
    elif all(c in DIGITS for c in code):
        return [DIGITS.index(c) for c in code]
    raise UsageError(f"no path code: {whole!r}; give one as `regsim check` prints it")


class Walk:
    """A run of a model, taken step by step without a search.

    >>> from regsim import models
    >>> walk = Walk(models.model("q241572", workers=1, services=0))
    >>> walk.options()
    [('winlogon', 'logon')]
    >>> walk.take("winlogon", "logon").options()
    [('winlogon', 'logoff'), ('icw', 'icw-start')]
    """

    def __init__(self, model: Factored, initial: int = 0) -> None:
        self.learner = Learner(model)
        initials = self.learner.initial()
        if not 0 <= initial < len(initials):
            raise UsageError(f"{model.name} has no initial state {initial}; it has {len(initials)}")
        self.state = initials[initial]
        self._before: dict[State, State | None] = dict.fromkeys(initials)
        self._trail = Trail(self.learner, self.state, initial, len(initials))
        self._loop: int | None = None

    def _successors(self) -> Iterator[Taken]:
        return self.learner.successors(self.state, self._before.__getitem__)

    def options(self) -> list[tuple[str, str]]:
        """Return the steps that can be taken, as (actor, step), in order."""
        processes = self.learner.model.processes
        return [(processes[t.process].name, t.step.name) for t in self._successors()]

    def take(self, actor: str, step: str) -> Walk:
        """Take *step* of *actor* and return this walk; raise listing the options if it cannot."""
        options = self.options()
        if (actor, step) not in options:
            known = [f"{a}: {s}" for a, s in options] or ["none, the run is in a deadlock"]
            raise UnknownNameError("step here", f"{actor}: {step}", known)
        return self.choose(options.index((actor, step)))

    def choose(self, choice: int) -> Walk:
        """Take the step at place *choice* of `options` and return this walk."""
        found = list(self._successors())
        if not 0 <= choice < len(found):
            number = self._trail.length + 1
            raise UsageError(f"step {number} of the path asks for choice {choice} of {len(found)}")
        taken = found[choice]
        self._before.setdefault(taken.state, self.state)
        self._trail.add(choice, taken)
        self.state = taken.state
        return self

    def repeat_from(self, step: int) -> Walk:
        """Declare that what follows after *step* steps repeats for ever; return this walk.

        Raises `UsageError` unless the run is back where it was then, or is in a deadlock.
        """
        ended = step == self._trail.length and not self.options()
        if not ended and (step >= self._trail.length or self._trail.states[step] != self.state):
            raise UsageError(f"the run is not back where it stood after {step} steps")
        self._loop = step
        return self

    def holds(self, formula: Formula) -> bool:
        """Return whether *formula* holds now."""
        return holds_in(self.learner, formula, self.state)

    def verdict(self, claim: Property) -> Verdict:
        """Return what this one run says of *claim*: enough to break it or to witness it, or not.

        A leads-to is broken by a run that repeats for ever without the answer; whether the run is
        fair is not asked here.
        """
        if claim.kind is PropertyKind.ALWAYS:
            return Verdict.INCONCLUSIVE if self.holds(claim.goal) else Verdict.VIOLATED
        if claim.kind is PropertyKind.SOMETIMES:
            return Verdict.HOLDS if self.holds(claim.goal) else Verdict.INCONCLUSIVE
        owing = False
        for state in self.states:
            asked = holds_in(self.learner, claim.trigger, state)
            owing = (owing or asked) and not holds_in(self.learner, claim.goal, state)
        rest = self.states if self._loop is None else self.states[self._loop :]
        answered = any(holds_in(self.learner, claim.goal, state) for state in rest)
        broken = owing and self._loop is not None and not answered
        return Verdict.VIOLATED if broken else Verdict.INCONCLUSIVE

    def count(self, counter: str) -> int:
        """Return what *counter* stands at now."""
        return self.learner.count(list(self.learner.model.counters).index(counter), self.state)

    @property
    def states(self) -> tuple[State, ...]:
        """Every state so far, the initial one first."""
        return tuple(self._trail.states)

    @property
    def path(self) -> Path:
        """The run so far."""
        return self._trail.path(self._loop)


def follow(model: Factored, code: str) -> Walk:
    """Return the walk that *code* describes; raise `UsageError` where *model* has no such run."""
    head, slash, rest = code.rpartition("/")
    if slash and not head.isdecimal():
        raise UsageError(f"no path code: {code!r}; give one as `regsim check` prints it")
    walk = Walk(model, int(head) if slash else 0)
    stem, colon, cycle = rest.partition(":")
    for choice in _decode(stem, code):
        walk.choose(choice)
    if colon:
        back = len(walk.states) - 1
        for choice in _decode(cycle, code):
            walk.choose(choice)
        walk.repeat_from(back)
    return walk


def holds_in(learner: Learner, formula: Formula, state: State) -> bool:
    """Return whether *formula* holds in *state*."""
    model = learner.model
    names = {component.name: i for i, component in enumerate(model.components)}
    counters = {name: i for i, name in enumerate(model.counters)}
    return holds(
        formula,
        lambda name: learner.value(names[name], state[names[name]]),
        lambda name: learner.count(counters[name], state),
    )


class Trail:
    """A path as it grows."""

    def __init__(self, learner: Learner, start: State, initial: int, initials: int) -> None:
        self._learner = learner
        self._initial, self._initials = initial, initials
        self._steps: list[PathStep] = []
        self._concrete = learner.first(start)
        self.states = [start]

    @property
    def length(self) -> int:
        """How many steps there are so far."""
        return len(self._steps)

    def add(self, choice: int, taken: Taken) -> None:
        """Go on by *taken*, the step at place *choice* of those that could be taken."""
        before, after = self.states[-1], taken.state
        changed = tuple(i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b)
        self._steps.append(
            PathStep(
                self._learner.model.processes[taken.process].name,
                taken.step.name,
                choice,
                self._counts(after),
                changed,
                self._touched(taken.step, before),
                self._learner.decode(after),
                self._answer(taken),
                taken.step.call,
            )
        )
        self.states.append(after)

    def _answer(self, taken: Taken) -> StepAnswer | None:
        """Return what the step *taken* is told; only a model that says so is run again for it."""
        model, before = self._learner.model, self._concrete
        if not isinstance(model, Answering):
            return None
        self._concrete = model.take(before, taken.process, taken.step)
        return model.answer(before, taken.process, taken.step)

    def _touched(self, step: StepSpec, before: State) -> tuple[int, ...]:
        """Return the components that *step* depends on; those that a counter counts among them."""
        counted = (
            i
            for zero in step.zeros
            for i, number in enumerate(before)
            if self._learner.weight(zero, i, number)
        )
        return tuple(sorted({*step.reads, *step.maps, *counted}))

    def _counts(self, state: State) -> tuple[int, ...]:
        counters = range(len(self._learner.model.counters))
        return tuple(self._learner.count(counter, state) for counter in counters)

    def path(self, loop: int | None = None) -> Path:
        """Return the path so far."""
        model = self._learner.model
        return Path(
            model=model.name,
            actors=tuple(process.name for process in model.processes),
            components=tuple(component.name for component in model.components),
            counters=tuple(model.counters),
            initial=self._initial,
            initials=self._initials,
            start=self._counts(self.states[0]),
            values=self._learner.decode(self.states[0]),
            steps=tuple(self._steps),
            loop=loop,
            of=model,
        )


def path_to(learner: Learner, space: Space, goal: State) -> Path:
    """Return the path by which *space* first reached *goal*, which it holds."""
    chain = [goal]
    while (before := space.before(chain[-1])) is not None:
        chain.append(before)
    chain.reverse()
    return path_along(learner, space, chain)


def path_along(
    learner: Learner,
    space: Space,
    chain: Sequence[State],
    processes: Sequence[int | None] = (),
    loop: int | None = None,
) -> Path:
    """Return the path through *chain*, states of *space* each of which leads to the next.

    Where *processes* says which process takes a step, it is that one.
    """
    initials = learner.initial()
    state = learner.shown(chain[0])
    trail = Trail(learner, state, initials.index(chain[0]), len(initials))
    for number, (_, goal) in enumerate(pairwise(chain)):
        wanted = processes[number] if processes else None
        for choice, taken in enumerate(learner.successors(state, space.before)):
            right = wanted is None or taken.process == wanted
            if right and learner.fold(taken.state) == goal:
                trail.add(choice, taken)
                state = taken.state
                break
        else:
            raise InvariantError(f"{learner.model.name}: no step leads from {state} to {goal}")
    return trail.path(loop)

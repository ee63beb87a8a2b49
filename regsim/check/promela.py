"""A model as Promela, the language of SPIN, from the tables that exploring it learned.

Every component is a variable that holds the number of its value, every process instance a process
of one state, every learned situation of a step one atomic option. So SPIN's states are ours, and
its transitions ours and one more, for the initial state. Count them with ::

    spin -a model.pml && gcc -O2 -DBFS -DNOREDUCE -DSAFETY -o pan pan.c && ./pan -E -m1000000

A property NAME is there with ``-DCHECK_NAME``, as a formula of linear time: check it by building
with ``-DNOREDUCE`` alone and running ``./pan -a -E``, with ``-f`` for weak fairness.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from regsim.check.factored import Factored
from regsim.check.formula import All, Atom, Formula, Not, Some, Zero
from regsim.check.learn import Effect, Learner, LocalStep, Situation
from regsim.check.property import Property, PropertyKind
from regsim.check.search import Search
from regsim.check.space import NO_LIMITS, Limits, Options
from regsim.errors import UsageError


def promela(model: Factored, limits: Limits = NO_LIMITS) -> str:
    """Return *model* as Promela; it is explored first, so that every table is full.

    Raises:
        UsageError: a limit was hit before all was explored, or the model has not one initial state.
    """
    learner = Learner(model)
    space = Search(learner, Options(limits=limits)).run()
    if not space.complete:
        raise UsageError(f"{model.name} cannot be exported: {space.stopped}")
    return "".join(f"{line}\n" for line in _Writer(learner).lines())


def macro(name: str) -> str:
    """Return what has SPIN check the property *name* when it is defined: ``CHECK_`` and the name.

    >>> macro("idle-unload")
    'CHECK_IDLE_UNLOAD'
    """
    return f"CHECK_{_word(name).upper()}"


def _word(name: str) -> str:
    return re.sub(r"\W", "_", name, flags=re.ASCII)


class _Writer:
    """Writes one model."""

    def __init__(self, learner: Learner) -> None:
        self.learner, self.model = learner, learner.model
        self.index = {component.name: i for i, component in enumerate(self.model.components)}

    def lines(self) -> Iterator[str]:
        """Yield the lines of the whole program."""
        initials = self.learner.initial()
        if len(initials) != 1:
            raise UsageError(f"{self.model.name} cannot be exported: it begins in several states")
        yield f"/* {_comment(self.model.name)}: one option per step in one local situation */"
        for number, component in enumerate(self.model.components):
            about = _comment(component.name)
            yield f"{self._type(number)} c{number} = {initials[0][number]}; /* {about} */"
        for number, counter in enumerate(self.model.counters):
            yield f"/* {_comment(counter)}: whether it stands at zero */"
            yield f"#define Z{number} ({self._zero(number)})"
        for number in range(len(self.model.processes)):
            yield ""
            yield from self._process(number)
        for claim in self.model.properties:
            yield ""
            yield from self._claim(claim)

    def _type(self, component: int) -> str:
        known = self.learner.known(component)
        return "byte" if known <= 1 << 8 else "short" if known <= 1 << 15 else "int"

    def _zero(self, counter: int) -> str:
        """Return the expression that *counter* stands at zero: nothing adds to it."""
        parts = [
            f"c{i} != {number}"
            for i in range(len(self.model.components))
            for number in range(self.learner.known(i))
            if self.learner.weight(counter, i, number)
        ]
        return " && ".join(parts) or "true"

    # -- steps ------------------------------------------------------------------------------

    def _process(self, process: int) -> Iterator[str]:
        instance = self.model.processes[process]
        yield f"active proctype P{process}_{_word(instance.name)}() {{"
        yield "end: do"
        for own in range(self.learner.known(instance.own)):
            for step in self.learner.steps(process, own):
                yield f"  /* {_comment(step.spec.name)} */"
                for key, effect in step.table.items():
                    if effect is not None:
                        yield f"  :: d_step {{ {self._option(step, key, effect)} }}"
        yield "  :: false"
        yield "  od"
        yield "}"

    def _option(self, step: LocalStep, key: Situation, effect: Effect) -> str:
        spec = step.spec
        numbers, zeros = key[: len(spec.reads)], key[len(spec.reads) :]
        guard = [f"c{i} == {n}" for i, n in zip(spec.reads, numbers, strict=True)]
        guard += [f"{'' if z else '!'}Z{i}" for i, z in zip(spec.zeros, zeros, strict=True)]
        updates = [f"c{i} = {new}" for i, new in self._changes(step, numbers, effect)]
        updates += [text for i in spec.maps if (text := self._map(i, effect))]
        return f"{' && '.join(guard)} -> {'; '.join(updates) or 'skip'}"

    def _changes(
        self, step: LocalStep, numbers: Situation, effect: Effect
    ) -> Iterator[tuple[int, int]]:
        for i, old, new in zip(step.spec.reads, numbers, effect.new, strict=True):
            if old != new:
                yield i, new

    def _map(self, component: int, effect: Effect) -> str:
        """Return the statement that maps *component*; nothing where it changes nothing."""
        images = effect.images.get(self.model.components[component].kind, {})
        options = [
            f":: c{component} == {old} -> c{component} = {new}"
            for old, new in images.items()
            if old != new
        ]
        return f"if {' '.join(options)} :: else -> skip fi" if options else ""

    # -- properties -------------------------------------------------------------------------

    def _claim(self, claim: Property) -> Iterator[str]:
        """Yield *claim* as a formula that is violated where SPIN finds an error.

        A `sometimes` stands there as the claim that its state is never reached.
        """
        yield f"#ifdef {macro(claim.name)}"
        goal = self._formula(claim.goal)
        if claim.kind is PropertyKind.ALWAYS:
            text = f"[] {goal}"
        elif claim.kind is PropertyKind.SOMETIMES:
            text = f"[] !{goal}"
        else:
            text = f"[] ({self._formula(claim.trigger)} -> <> {goal})"
            for asked, answered in claim.assuming:
                pair = f"[]<> {self._formula(asked)} -> []<> {self._formula(answered)}"
                text = f"({pair}) -> ({text})"
        yield f"ltl {_word(claim.name)} {{ {text} }}"
        yield "#endif"

    def _formula(self, formula: Formula) -> str:
        """Return *formula* as an expression in brackets."""
        if isinstance(formula, Zero):
            return f"(Z{list(self.model.counters).index(formula.counter)})"
        if isinstance(formula, Not):
            return f"(!{self._formula(formula.part)})"
        if isinstance(formula, All | Some):
            parts = [self._formula(part) for part in formula.parts]
            joined, empty = ("&&", "true") if isinstance(formula, All) else ("||", "false")
            return f"({f' {joined} '.join(parts) or empty})"
        if isinstance(formula, Atom):
            component = self.index[formula.component]
            numbers = range(self.learner.known(component))
            true = [n for n in numbers if formula.test(self.learner.value(component, n))]
            return f"({' || '.join(f'c{component} == {n}' for n in true) or 'false'})"
        raise TypeError(f"no formula: {formula!r}")


def _comment(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode("ascii").replace("*/", "* /")

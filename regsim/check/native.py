"""Breadth-first search in C, over the same tables as `regsim.check.search.Search`.

The C engine asks for what it does not know: which steps a process has at a value of its own
component, and what they do in a local situation. The answers are the `Learner`'s. States, their
order, parents, counts and hits are those of the engine in Python.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterable, Sequence

from regsim.accel.search import CSearch
from regsim.check.formula import Atom, Formula, Zero, disjuncts
from regsim.check.learn import Effect, Learner, LocalStep, State
from regsim.check.memory import budget, out_of_memory
from regsim.check.pack import folding, unfolded
from regsim.check.space import Options, SearchProgress
from regsim.cores import cores

PERIOD = 1 << 14
"""How many states are expanded between two looks at the limits."""
MOST_THREADS = 8
"""How many threads expand states at most; one of them keeps what all have found, and so more of
them would mostly wait."""
_NONE = 0xFFFF_FFFF
_NO_LIMIT = (1 << 64) - 1
Ample = Callable[[int, int], bool]
"""Answers whether a process's steps, at a number of its own component, may stand for all steps."""


def _numbers(values: Iterable[int]) -> array[int]:
    return array("I", values)


class _Tests:
    """The questions about single components that the C engine has answers to, kept up to date."""

    def __init__(self, learner: Learner, core: CSearch) -> None:
        self._learner, self._core = learner, core
        self._index = {c.name: i for i, c in enumerate(learner.model.components)}
        self._known = [0] * len(self._index)
        self._atoms: dict[Atom, int] = {}
        self._of: list[list[tuple[Atom, int]]] = [[] for _ in self._index]

    def atom(self, atom: Atom) -> int:
        """Return the number of the test that asks *atom*."""
        if atom not in self._atoms:
            component = self._index[atom.component]
            test = self._atoms[atom] = self._core.test(component)
            self._of[component].append((atom, test))
            for number in range(self._known[component]):
                self._answer(component, atom, test, number)
        return self._atoms[atom]

    def refresh(self) -> None:
        """Answer every test for the values that the model has shown since the last time."""
        for component, known in enumerate(self._known):
            self._known[component] = self._learner.known(component)
            for number in range(known, self._known[component]):
                self._weigh(component, number)
                for atom, test in self._of[component]:
                    self._answer(component, atom, test, number)

    def _answer(self, component: int, atom: Atom, test: int, number: int) -> None:
        value = self._learner.value(component, number)
        self._core.answer(test, number, bool(atom.test(value)))

    def _weigh(self, component: int, number: int) -> None:
        count = len(self._known)
        for counter in range(len(self._learner.model.counters)):
            if self._learner.weight(counter, component, number):
                self._core.answer(counter * count + component, number, True)


class NativeSearch:
    """One search in C; a `Space` once `run` is done.

    Args:
        learner: the model's tables.
        options: how to search.
        ample: which processes' steps may stand for all steps of a state, as long as one of them
            leads to a state yet to be expanded; by default none may.
        threads: how many expand states where there are many, by default one a core; nothing that
            is found depends on it.

    Raises:
        ValueError: the model is too large for the C engine: more than 64 words a state, or a
            process that asks for more than 32 counters at once.
    """

    engine = "c"

    def __init__(
        self,
        learner: Learner,
        options: Options,
        ample: Ample | None = None,
        threads: int | None = None,
    ) -> None:
        self.learner, self.options, self._ample = learner, options, ample
        self._threads = min(cores(), MOST_THREADS) if threads is None else threads
        most = options.limits.bytes
        free = budget() if most is None else most
        self._most = _NO_LIMIT if free is None else free
        model = learner.model
        self.layers: list[int] = []
        self.hits: dict[str, State] = {}
        self.stopped: str | None = None
        self.complete = False
        self.seconds = 0.0
        self._started = time.perf_counter()
        owns = _numbers(process.own for process in model.processes)
        self._core = CSearch(len(model.components), owns, len(model.counters))
        self._tests = _Tests(learner, self._core)
        self._targets = 0
        self._widths = [0] * len(model.components)
        self._rows: set[tuple[int, int]] = set()
        learner.fold = folding(model.symmetry) if options.symmetry else unfolded
        for group in model.symmetry if options.symmetry else ():
            places = [component for member in group for component in member]
            self._core.group(_numbers(places), len(group[0]))
        self._sought = {name: self._target(f) for name, f in options.targets.items()}

    # -- telling ------------------------------------------------------------------------------

    def _target(self, formula: Formula) -> int:
        """Tell the engine *formula* and return the number of the target."""
        literals: list[int] = []
        lengths: list[int] = []
        for conjunction in disjuncts(formula):
            lengths.append(len(conjunction))
            for literal in sorted(conjunction, key=lambda literal: isinstance(literal.base, Zero)):
                if isinstance(literal.base, Zero):
                    number = list(self.learner.model.counters).index(literal.base.counter)
                    literals += (1, number, literal.positive)
                else:
                    literals += (0, self._tests.atom(literal.base), literal.positive)
        self._core.target(_numbers(literals), _numbers(lengths))
        self._targets += 1
        return self._targets - 1

    def _refresh(self) -> None:
        """Tell the engine of the values that are new: how tests answer, how wide fields must be."""
        self._tests.refresh()
        known = map(self.learner.known, range(len(self._widths)))
        widths = [max(1, (count - 1).bit_length()) for count in known]
        if widths != self._widths:
            self._core.layout(_numbers(widths))
            self._widths = widths

    def _tell(self) -> None:
        """Tell the engine what it found missing."""
        learner = self.learner
        for index, process in self._core.misses():
            state = self._core.numbers(index)
            own = state[learner.model.processes[process].own]
            steps = learner.steps(process, own)
            code: list[int] = []
            for step in steps:
                effect = learner.effect(step, learner.key(step, state), state, self.before)
                if effect is not None:
                    code += self._outcome(step, effect)
                    learner.apply(step, effect, state)  # fails where an image is not known
            self._refresh()
            if (process, own) not in self._rows:
                self._row(process, own, steps)
            self._core.entry(index, process, _numbers(code))

    def _row(self, process: int, own: int, steps: Sequence[LocalStep]) -> None:
        self._rows.add((process, own))
        reads = {component for step in steps for component in step.spec.reads}
        zeros = sorted({zero for step in steps for zero in step.spec.zeros})
        ample = self._ample is not None and self._ample(process, own)
        self._core.row(process, own, _numbers(reads), _numbers(zeros), ample)

    def _outcome(self, step: LocalStep, effect: Effect) -> list[int]:
        """Return what *effect* of *step* does as the engine wants to be told."""
        reads, components = step.spec.reads, self.learner.model.components
        code = [len(reads)]
        for change in zip(reads, effect.new, strict=True):
            code += change
        maps = sorted(set(step.spec.maps) - set(reads))
        code.append(len(maps))
        for component in maps:
            images = effect.images.get(components[component].kind, {})
            known = range(max(images, default=-1) + 1)
            code += (component, len(known), *(images.get(number, _NONE) for number in known))
        return code

    # -- searching ----------------------------------------------------------------------------

    def run(self) -> NativeSearch:
        """Search until there is nothing new, every target is found, or a limit is hit.

        Memory that runs out is such a limit: what was found until then stands.
        """
        try:
            self._search()
            self.complete = self._expanded == self.states
        except MemoryError:
            states, _, _, _, wanted = self._core.stats()
            limit = self.options.limits.hit(states, self._started, wanted)
            self.stopped = limit or out_of_memory(states)
            if states > sum(self.layers):
                self.layers.append(states - sum(self.layers))
        self._note_hits()
        self.seconds = time.perf_counter() - self._started
        return self

    def _search(self) -> None:
        initial = self.learner.initial()
        self._refresh()
        for state in initial:
            self._core.begin(_numbers(state))
        at = 0
        while at < self.states:
            end = self.states
            self.layers.append(end - at)
            self.stopped = self._limit()
            if self.stopped or (self._found_all() and not self.options.to_the_end):
                break
            self._expand(at, end)
            at = end

    def _expand(self, at: int, end: int) -> None:
        """Expand the layer of the states from *at* to before *end*, or until a limit is hit."""
        while at < end and not self.stopped:
            at = min(at + PERIOD, end)
            while not self._core.run(at, self._threads, self._most):
                self._tell()
            if self.options.progress is not None:
                self.options.progress(self._progress())
            self.stopped = self._limit()

    def _found_all(self) -> bool:
        sought = self._sought.values()
        return bool(sought) and all(self._core.hit(target) is not None for target in sought)

    def _note_hits(self) -> None:
        for name, target in self._sought.items():
            hit = self._core.hit(target)
            if hit is not None:
                self.hits[name] = self._core.numbers(hit)

    def _limit(self) -> str | None:
        return self.options.limits.hit(self.states, self._started, self.bytes)

    def _progress(self) -> SearchProgress:
        seconds = time.perf_counter() - self._started
        states, transitions, expanded, _, _ = self._core.stats()
        return SearchProgress(states, transitions, len(self.layers), states - expanded, seconds)

    # -- what was found -------------------------------------------------------------------------

    @property
    def states(self) -> int:
        """How many distinct states were found."""
        return self._core.stats()[0]

    @property
    def transitions(self) -> int:
        """How many steps were taken out of the states that were expanded."""
        return self._core.stats()[1]

    @property
    def _expanded(self) -> int:
        return self._core.stats()[2]

    @property
    def bytes(self) -> int:
        """All that the C engine has allocated, in bytes."""
        return self._core.stats()[3]

    def before(self, state: State) -> State | None:
        """Return the state from which *state* was first reached; None for an initial one."""
        index = self._core.find(_numbers(state))
        if index is None:
            raise KeyError(state)
        parent = self._core.parent(index)
        return None if parent is None else self._core.numbers(parent)

    def all_states(self) -> list[State]:
        """Return every state, in the order found."""
        return [self._core.numbers(index) for index in range(self.states)]

    def where(self, formula: Formula) -> bytearray:
        """Return, by state in the order found, 1 where *formula* holds and 0 elsewhere."""
        return bytearray(self._core.marks(self._target(formula)))

    def edges(self) -> tuple[array[int], array[int], array[int]]:
        """Return the edges out of every state, which must all be expanded.

        Returns:
            By state, the place of its first edge, and at the end how many there are; by edge, the
            number of the state that it leads to; by edge, the process that takes the step.
        """
        states, transitions, _, _, _ = self._core.stats()
        offsets = array("Q", bytes(8 * (states + 1)))
        targets, actors = array("I", bytes(4 * transitions)), array("H", bytes(2 * transitions))
        ends, at = memoryview(offsets)[1:], 0
        while at < states:
            at = self._core.edges(at, states, ends, targets, actors)
            if at < states:
                self._tell()
        return offsets, targets, actors

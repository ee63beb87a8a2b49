"""Breadth-first search in Python: the reference of the C engine, and quick enough by itself.

A state is one integer. For each process, the bits of what it reads select a row; the row is the
differences that its enabled steps add. So a successor costs one "and", one dictionary lookup and
one addition. Rows are filled from the `Learner` when first asked for.
"""

from __future__ import annotations

import sys
import time
from array import array
from collections.abc import Mapping, Sequence
from itertools import chain

from regsim.check.formula import Conjunction, Formula, Literal, Zero, disjuncts
from regsim.check.learn import History, Learner, LocalStep, State
from regsim.check.memory import budget, out_of_memory
from regsim.check.pack import BitLayout, first_layout, folding, unfolded
from regsim.check.partial_order import Alone, NotAloneError
from regsim.check.space import Options, SearchProgress

_Row = tuple[int, ...]
_GROWTH = 4
"""A dictionary that grows has, for a moment, two tables, and what is new in it is in a list too."""
PERIOD = 1 << 14
"""How many states are expanded between two looks at the limits."""


class _Wider(Exception):  # noqa: N818 - it is control flow, not an error
    """A number does not fit its field; the layout must change."""

    def __init__(self, component: int) -> None:
        self.component = component


class _Rows(dict[int, _Row]):
    """The differences of one process at one value of its own component, by what it reads."""

    def __init__(self, tables: _Tables, steps: Sequence[LocalStep]) -> None:
        self.tables, self.steps = tables, steps
        self.alone: bool | None = None
        """Whether these steps may be taken alone; None until it was asked."""
        reads = chain.from_iterable((*s.spec.reads, *s.spec.maps) for s in steps)
        self.mask = tables.layout.mask(reads)

    def __missing__(self, bits: int) -> _Row:
        row = self[bits] = tuple(self.tables.differences(self.steps, self.tables.current))
        return row


class _Computed(_Rows):
    """Rows that also depend on counters: looked up by the state's bits and the counters' zeros."""

    def __init__(self, tables: _Tables, steps: Sequence[LocalStep]) -> None:
        super().__init__(tables, steps)
        self.inner = self.mask
        self.mask = -1
        self.zeros = sorted({zero for step in steps for zero in step.spec.zeros})
        self.rows: dict[tuple[int, ...], _Row] = {}

    def __missing__(self, state: int) -> _Row:
        nought = self.tables.nought
        key = (state & self.inner, *(nought(zero, state) for zero in self.zeros))
        if key not in self.rows:
            self.rows[key] = tuple(self.tables.differences(self.steps, state))
        return self.rows[key]


class _Mapped(_Computed):
    """Rows of steps that map other components: worked out anew for each state."""

    def __missing__(self, state: int) -> _Row:
        return tuple(self.tables.differences(self.steps, state))


class _Own(dict[int, tuple[int, _Rows]]):
    """By a process's own bits, the mask of what it reads there and its rows."""

    def __init__(self, tables: _Tables, process: int) -> None:
        self.tables, self.process = tables, process

    def __missing__(self, bits: int) -> tuple[int, _Rows]:
        own = self.tables.learner.model.processes[self.process].own
        number = bits >> self.tables.layout.shifts[own]
        if self.tables.alone is not None:
            self.tables.alone.meet(self.process, number)
        steps = self.tables.learner.steps(self.process, number)
        mapped = any(step.spec.maps for step in steps)
        asks = any(step.spec.zeros for step in steps)
        rows = (_Mapped if mapped else _Computed if asks else _Rows)(self.tables, steps)
        self[bits] = (rows.mask, rows)
        return self[bits]


class _Tables:
    """A learner's tables in the form of one layout."""

    def __init__(
        self, learner: Learner, layout: BitLayout, before: History, alone: Alone | None
    ) -> None:
        self.learner, self.layout, self.before = learner, layout, before
        self.alone = alone
        self.current = 0
        model = learner.model
        self.processes = [
            (layout.mask((process.own,)), _Own(self, number))
            for number, process in enumerate(model.processes)
        ]
        count = range(len(model.components))
        self._weights = [
            [(layout.mask((i,)), _Weights(learner, layout, counter, i)) for i in count]
            for counter in range(len(model.counters))
        ]

    def nought(self, counter: int, state: int) -> bool:
        """Return whether *counter* stands at zero in *state*."""
        return not any(weights[state & mask] for mask, weights in self._weights[counter])

    def differences(self, steps: Sequence[LocalStep], packed: int) -> list[int]:
        """Return what each enabled step of *steps* adds to *packed*."""
        learner, layout = self.learner, self.layout
        state = layout.unpack(packed)
        found = []
        for step in steps:
            effect = learner.effect(step, learner.key(step, state), state, self.before)
            if effect is not None:
                found.append(self.pack(learner.apply(step, effect, state)) - packed)
        return found

    def pack(self, state: State) -> int:
        """Return *state* packed; raise `_Wider` where it does not fit."""
        for component, number in enumerate(state):
            if not self.layout.fits(component, number):
                raise _Wider(component)
        return self.layout.pack(state)

    def test(self, literal: Literal) -> tuple[int, Mapping[int, bool]]:
        """Return *literal* as a mask and a table of the bits under it."""
        model = self.learner.model
        if isinstance(literal.base, Zero):
            return -1, _Noughts(self, list(model.counters).index(literal.base.counter), literal)
        names = [component.name for component in model.components]
        component = names.index(literal.base.component)
        return self.layout.mask((component,)), _Answers(self, component, literal)


class _Weights(dict[int, int]):
    """What a component's bits add to a counter."""

    def __init__(self, learner: Learner, layout: BitLayout, counter: int, component: int) -> None:
        self.learner, self.shift = learner, layout.shifts[component]
        self.counter, self.component = counter, component

    def __missing__(self, bits: int) -> int:
        weight = self.learner.weight(self.counter, self.component, bits >> self.shift)
        self[bits] = weight
        return weight


class _Answers(dict[int, bool]):
    """Whether a literal about a component holds, by the component's bits."""

    def __init__(self, tables: _Tables, component: int, literal: Literal) -> None:
        self.tables, self.component, self.literal = tables, component, literal

    def __missing__(self, bits: int) -> bool:
        number = bits >> self.tables.layout.shifts[self.component]
        value = self.tables.learner.value(self.component, number)
        assert not isinstance(self.literal.base, Zero)  # noqa: S101 - see `_Tables.test`
        self[bits] = bool(self.literal.base.test(value)) is self.literal.positive
        return self[bits]


class _Noughts(dict[int, bool]):
    """Whether a literal about a counter holds; nothing is kept."""

    def __init__(self, tables: _Tables, counter: int, literal: Literal) -> None:
        self.tables, self.counter, self.literal = tables, counter, literal

    def __missing__(self, state: int) -> bool:
        return self.tables.nought(self.counter, state) is self.literal.positive


class _Sorted(dict[int, int]):
    """A symmetric group's bits, with its members' fields in ascending order."""

    def __init__(self, shifts: Sequence[int], width: int) -> None:
        self.shifts, self.ones = tuple(shifts), (1 << width) - 1

    def __missing__(self, bits: int) -> int:
        fields = sorted((bits >> shift) & self.ones for shift in self.shifts)
        self[bits] = sum(f << shift for f, shift in zip(fields, self.shifts, strict=True))
        return self[bits]


class Search:
    """One search in Python; a `Space` once `run` is done."""

    engine = "python"

    def __init__(self, learner: Learner, options: Options) -> None:
        self.learner, self.options = learner, options
        model = learner.model
        self.layout = first_layout(len(model.components), model.symmetry)
        self.seen: dict[int, int] = {}
        self.layers: list[int] = []
        self.transitions = 0
        self.hits: dict[str, State] = {}
        self.stopped: str | None = None
        self.complete = False
        self.seconds = 0.0
        free = budget() if options.limits.bytes is None else None
        self._most = None if free is None else free // _GROWTH
        self._left = 0
        self._started = time.perf_counter()
        self._sought = {n: disjuncts(f) for n, f in options.targets.items()}
        self._folds: list[tuple[int, _Sorted]] = []
        targets = options.targets.values()
        self._expanded: set[int] = set()
        self._alone = Alone(learner, targets) if options.partial_order else None
        learner.fold = folding(model.symmetry) if options.symmetry else unfolded
        self._use(self.layout)

    # -- the layout -------------------------------------------------------------------------

    def _use(self, layout: BitLayout) -> None:
        self.layout = layout
        self._tables = _Tables(self.learner, layout, self.before, self._alone)
        self._folds = []
        if self.options.symmetry:
            for group in self.learner.model.symmetry:
                width = sum(layout.widths[i] for i in group[0])
                shifts = [min(layout.shifts[i] for i in member) for member in group]
                mask = layout.mask(i for member in group for i in member)
                self._folds.append((mask, _Sorted(shifts, width)))

    def _widen(self, layer: list[int], following: list[int], component: int) -> None:
        """Move every state to a layout in which *component*'s kind has more room."""
        old, layout = self.layout, self.layout
        kind = self.learner.model.components[component].kind
        for i, other in enumerate(self.learner.model.components):
            if other.kind == kind:
                layout = layout.widened(i)
        moved = {packed: layout.pack(old.unpack(packed)) for packed in self.seen}
        moved[-1] = -1
        self.seen = {moved[packed]: moved[before] for packed, before in self.seen.items()}
        layer[:] = [moved[packed] for packed in layer]
        following[:] = [moved[packed] for packed in following]
        self._expanded = {moved[packed] for packed in self._expanded}
        self._use(layout)

    # -- searching --------------------------------------------------------------------------

    def run(self) -> Search:
        """Search until there is nothing new, every target is found, or a limit is hit.

        Memory that runs out is such a limit: what was found until then stands.
        """
        while True:
            try:
                layer = self._through(self._begin())
            except NotAloneError:
                self.layers, self.hits, self.transitions = [], {}, 0
                self._use(self.layout)
            except MemoryError:
                self.stopped = out_of_memory(len(self.seen))
                break
            else:
                self.complete = not layer and not self._left
                break
        self.seconds = time.perf_counter() - self._started
        return self

    def _through(self, layer: list[int]) -> list[int]:
        """Search from *layer* on; return the layer that is left when there is a reason to stop."""
        while layer:
            self.layers.append(len(layer))
            self._look(layer)
            self.stopped = self._limit()
            found_all = bool(self._sought) and len(self.hits) == len(self._sought)
            if self.stopped or (found_all and not self.options.to_the_end):
                break
            layer = self._next(layer)
        return layer

    def _begin(self) -> list[int]:
        while True:
            try:
                layer = [self._tables.pack(state) for state in self.learner.initial()]
            except _Wider as wider:
                self._widen([], [], wider.component)
            else:
                self.seen = dict.fromkeys(layer, -1)
                self._expanded = set()
                return list(self.seen)

    def _next(self, layer: list[int]) -> list[int]:
        """Return the states first met in the layer after *layer*."""
        following: list[int] = []
        at = 0
        while at < len(layer) and not self.stopped:
            stop = min(at + PERIOD, len(layer))
            at = self._expand(layer, at, stop, following)
            if self.options.progress is not None:
                self.options.progress(self._progress(len(layer) - at + len(following)))
            self.stopped = self._limit()
        self._left = len(layer) - at
        return following

    def _expand(self, layer: list[int], at: int, stop: int, following: list[int]) -> int:
        """Expand *layer* from *at* to *stop*, or until a field is too narrow; return where."""
        tables, seen, folds = self._tables, self.seen, self._folds
        processes, transitions = tables.processes, 0
        for position in range(at, stop):
            state = tables.current = layer[position]
            try:
                rows = []
                for own, tops in processes:
                    mask, table = tops[state & own]
                    rows.append(table[state & mask])
                if self._alone is not None:
                    self._expanded.add(state)
                    rows = self._ample(state, rows)
            except _Wider as wider:
                self.transitions += transitions
                self._widen(layer, following, wider.component)
                return position
            for row in rows:
                transitions += len(row)
                for difference in row:
                    after = state + difference
                    for mask, ordered in folds:
                        after += ordered[after & mask] - (after & mask)
                    if after not in seen:
                        seen[after] = state
                        following.append(after)
        self.transitions += transitions
        return stop

    def _ample(self, state: int, rows: list[_Row]) -> list[_Row]:
        """Return the first of *rows* that may be taken alone in *state*; all where none may."""
        assert self._alone is not None  # noqa: S101 - asked only then
        for process, row in enumerate(rows):
            if row and self._goes_alone(process, state) and self._leads_on(state, row):
                return [row]
        return rows

    def _leads_on(self, state: int, row: _Row) -> bool:
        """Return whether a step of *row* leads to a state that is yet to be expanded."""
        return any(self._folded(state + step) not in self._expanded for step in row)

    def _goes_alone(self, process: int, state: int) -> bool:
        assert self._alone is not None  # noqa: S101 - asked only then
        own, tops = self._tables.processes[process]
        table = tops[state & own][1]
        if table.alone is None:
            component = self.learner.model.processes[process].own
            table.alone = self._alone.may(process, self.layout.get(state, component))
        return table.alone

    def _folded(self, state: int) -> int:
        for mask, ordered in self._folds:
            state += ordered[state & mask] - (state & mask)
        return state

    # -- what was found ----------------------------------------------------------------------

    def _look(self, layer: list[int]) -> None:
        """Note the first state of *layer* where each target not yet found holds."""
        for name, conjunctions in self._sought.items():
            if name not in self.hits:
                found = (self._first(layer, conjunction) for conjunction in conjunctions)
                places = [place for place in found if place is not None]
                if places:
                    self.hits[name] = self.layout.unpack(layer[min(places)])

    def _first(self, layer: list[int], conjunction: Conjunction) -> int | None:
        """Return the place of the first state of *layer* where *conjunction* holds."""
        literals = sorted(conjunction, key=lambda literal: isinstance(literal.base, Zero))
        tests = [self._tables.test(literal) for literal in literals]
        for place, state in enumerate(layer):
            for mask, table in tests:
                if not table[state & mask]:
                    break
            else:
                return place
        return None

    def _limit(self) -> str | None:
        size = self.bytes
        if self._most is not None and size >= self._most:
            return out_of_memory(len(self.seen))
        return self.options.limits.hit(len(self.seen), self._started, size)

    def _progress(self, waiting: int) -> SearchProgress:
        seconds = time.perf_counter() - self._started
        return SearchProgress(len(self.seen), self.transitions, len(self.layers), waiting, seconds)

    @property
    def states(self) -> int:
        """How many distinct states were found."""
        return len(self.seen)

    @property
    def bytes(self) -> int:
        """The dictionary of states and the integers in it, in bytes."""
        return sys.getsizeof(self.seen) + len(self.seen) * sys.getsizeof(1 << self.layout.bits)

    def before(self, state: State) -> State | None:
        """Return the state from which *state* was first reached; None for an initial one."""
        packed = self.seen[self.layout.pack(state)]
        return None if packed == -1 else self.layout.unpack(packed)

    def edges(self) -> tuple[array[int], array[int], array[int]]:
        """Return the edges out of every state; all of them must be expanded, none left out.

        Returns:
            By state, the place of its first edge, and at the end how many there are; by edge, the
            number of the state that it leads to; by edge, the process that takes the step.
        """
        number = {packed: n for n, packed in enumerate(self.seen)}
        offsets, targets, actors = array("Q", [0]), array("I"), array("H")
        tables = self._tables
        for packed in self.seen:
            tables.current = packed
            for process, (own, tops) in enumerate(tables.processes):
                mask, table = tops[packed & own]
                for difference in table[packed & mask]:
                    targets.append(number[packed + difference])
                    actors.append(process)
            offsets.append(len(targets))
        return offsets, targets, actors

    def where(self, formula: Formula) -> bytearray:
        """Return, for every state in the order found, 1 where *formula* holds, else 0."""
        sought = [
            [self._tables.test(literal) for literal in conjunction]
            for conjunction in disjuncts(formula)
        ]
        return bytearray(
            any(all(table[state & mask] for mask, table in tests) for tests in sought)
            for state in self.seen
        )

    def all_states(self) -> list[State]:
        """Return every state, in the order found."""
        return [self.layout.unpack(packed) for packed in self.seen]

"""Partial order: which steps of a process may be taken alone, leaving the others for later.

Steps at one value of a process's own component may be taken alone (they are an ample set; Clarke,
Grumberg and Peled, Model Checking, chapter 10) where

- each reads and changes that component alone, and asks no counter;
- no other process, at any value of its own component that a search meets, touches it;
- none changes what an atom of the properties answers, or what a counter counts;

provided that one of them leads to a state that is yet to be expanded; else all processes are: what
is put off again and again would be left out for ever (Bosnacki, Leue and Lluch Lafuente, 2006,
"Partial-Order Reduction for General State Exploring Algorithms"). A search that meets a value
later, at which some process does touch the component, begins again: what it had left out might
have mattered. That happens at most once per process.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from regsim.check.factored import StepSpec
from regsim.check.formula import All, Atom, Formula, Not, Some
from regsim.check.learn import Learner


class NotAloneError(Exception):
    """Steps were taken alone that another process has now turned out to touch."""


class Alone:
    """Which steps may be taken alone, for an engine that asks.

    An engine calls `meet` for every value of every process's own component that it comes by, and
    `may` for a row that it has learned. Where `meet` raises, it forgets its states and begins
    again with the same object.
    """

    def __init__(self, learner: Learner, targets: Iterable[Formula]) -> None:
        self._learner = learner
        model = learner.model
        names = {component.name: i for i, component in enumerate(model.components)}
        self._atoms: dict[int, list[Atom]] = {}
        for atom in (a for target in targets for a in _atoms(target)):
            self._atoms.setdefault(names[atom.component], []).append(atom)
        self._owners: dict[int, list[int]] = {}
        for number, process in enumerate(model.processes):
            self._owners.setdefault(process.own, []).append(number)
        self._touched: set[int] = set()
        self._used: set[int] = set()

    def meet(self, process: int, own: int) -> None:
        """Take note of what *process* touches where its own component has number *own*.

        Raises:
            NotAloneError: it touches the component of a process that `may` has said yes to.
        """
        for step in self._learner.steps(process, own):
            for component in (*step.spec.reads, *step.spec.maps):
                others = {i for i in self._owners.get(component, ()) if i != process}
                self._touched |= others
                if others & self._used:
                    self._used -= others
                    raise NotAloneError

    def may(self, process: int, own: int) -> bool:
        """Return whether the steps of *process* at *own*, all of them learned, may go alone."""
        if process in self._touched:
            return False
        steps = self._learner.steps(process, own)
        component = self._learner.model.processes[process].own
        if not all(_local(step.spec, component) for step in steps):
            return False
        effects = (step.table.get((own,)) for step in steps)
        after = [effect.new[0] for effect in effects if effect is not None]
        if not all(self._unseen(component, own, number) for number in after):
            return False
        self._used.add(process)
        return True

    def _unseen(self, component: int, before: int, after: int) -> bool:
        """Return whether no property and no counter can tell *before* from *after*."""
        learner = self._learner
        old, new = learner.value(component, before), learner.value(component, after)
        for atom in self._atoms.get(component, ()):
            if bool(atom.test(old)) is not bool(atom.test(new)):
                return False
        return all(
            learner.weight(counter, component, before) == learner.weight(counter, component, after)
            for counter in range(len(learner.model.counters))
        )


def _local(spec: StepSpec, component: int) -> bool:
    return spec.reads == (component,) and not spec.zeros and not spec.maps


def _atoms(formula: Formula) -> Iterator[Atom]:
    if isinstance(formula, Atom):
        yield formula
    elif isinstance(formula, Not):
        yield from _atoms(formula.part)
    elif isinstance(formula, All | Some):
        for part in formula.parts:
            yield from _atoms(part)

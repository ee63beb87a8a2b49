"""The whole graph of a space: who leads where, as arrays."""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Protocol

import attrs

from regsim.check.formula import Formula
from regsim.check.learn import State

_PERIOD = 1 << 12
"""How many nodes are met between two looks at the clock."""


class OutOfTimeError(Exception):
    """The time that a graph may be looked at is over."""


class WholeSpace(Protocol):
    """A space that can tell its whole graph, whichever engine made it."""

    @property
    def layers(self) -> Sequence[int]:
        """The number of states in each breadth-first layer."""

    def all_states(self) -> Sequence[State]:
        """Return every state, in the order found."""

    def where(self, formula: Formula) -> bytearray:
        """Return, for every state in that order, 1 where *formula* holds, else 0."""

    def edges(self) -> tuple[array[int], array[int], array[int]]:
        """Return the place of each state's first edge, and by edge its target and its process."""


@attrs.frozen(eq=False)
class Graph:
    """Nodes are numbered in the order found; the edges out of one lie side by side.

    Attributes:
        source: where the states are.
        offsets: by node, the place of its first edge; one entry more than nodes.
        targets: by edge, the node that it leads to.
        actors: by edge, the process that takes the step.
        enabled: by node, one bit for each process that can step there.
        initial: how many of the first nodes are initial.
        until: when to give up, by `time.perf_counter`.
    """

    source: WholeSpace
    offsets: array[int]
    targets: array[int]
    actors: array[int]
    enabled: Sequence[int]
    initial: int
    until: float | None = None

    def __len__(self) -> int:
        """Return the number of nodes."""
        return len(self.enabled)

    def edges(self, node: int) -> range:
        """Return the edges out of *node*."""
        return range(self.offsets[node], self.offsets[node + 1])

    def in_time(self, met: int) -> None:
        """Raise `OutOfTimeError` when the time is over; it looks at the clock now and then."""
        late = self.until is not None and met % _PERIOD == 1 and time.perf_counter() > self.until
        if late:
            raise OutOfTimeError

    def where(self, formula: Formula) -> bytearray:
        """Return, by node, 1 where *formula* holds and 0 elsewhere."""
        return self.source.where(formula)

    def states(self, nodes: Sequence[int]) -> list[State]:
        """Return the states that *nodes* stand for."""
        states = self.source.all_states()
        return [states[node] for node in nodes]


def graph_of(source: WholeSpace, until: float | None = None) -> Graph:
    """Return the graph of *source*, a search that ran to its end without a reduction.

    Looking at its components raises `OutOfTimeError` after *until*, by `time.perf_counter`.
    """
    offsets, targets, actors = source.edges()
    enabled = []
    for first, end in pairwise(offsets):
        able = 0
        for actor in actors[first:end]:
            able |= 1 << actor
        enabled.append(able)
    return Graph(source, offsets, targets, actors, enabled, source.layers[0], until)


def components(
    graph: Graph, nodes: Sequence[int], region: array[int], label: int
) -> Iterator[list[int]]:
    """Yield the strongly connected components of the part of *graph* labelled *label*.

    Args:
        graph: the graph.
        nodes: the part's nodes.
        region: by node, the label of the part that it belongs to.
        label: which part to look at; edges out of it do not count.

    Yields:
        Each component as a list of nodes; one without an edge is a component too (Tarjan 1972).
    """
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    done: set[int] = set()
    for root in nodes:
        if root in order:
            continue
        work = [(root, iter(graph.edges(root)))]
        order[root] = low[root] = len(order)
        stack.append(root)
        while work:
            graph.in_time(len(order))
            node, edges = work[-1]
            for edge in edges:
                target = graph.targets[edge]
                if region[target] != label:
                    continue
                if target not in order:
                    order[target] = low[target] = len(order)
                    stack.append(target)
                    work.append((target, iter(graph.edges(target))))
                    break
                if target not in done:
                    low[node] = min(low[node], order[target])
            else:
                work.pop()
                if work:
                    parent = work[-1][0]
                    low[parent] = min(low[parent], low[node])
                if low[node] == order[node]:
                    yield _unstack(stack, node, done)


def _unstack(stack: list[int], node: int, done: set[int]) -> list[int]:
    at = len(stack) - 1
    while stack[at] != node:
        at -= 1
    found = stack[at:]
    del stack[at:]
    done.update(found)
    return found

"""Liveness: is there a fair run on which a trigger is never answered?

Such a run ends in a strongly connected component of the states without an answer that it can
circle in fairly. What fairness asks are Streett pairs: what happens for ever must be answered for
ever. A component where one is not loses the states that ask, and what is left is looked at anew
(Emerson and Lei 1987). A deadlock is a component by itself: the run stutters there.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from functools import partial

import attrs

from regsim.check.graph import Graph, components
from regsim.check.property import Fairness, Property
from regsim.errors import InvariantError


@attrs.frozen
class Lasso:
    """A run without end: a stem, then a cycle; no cycle is a deadlock.

    Attributes:
        nodes: the nodes in order, from an initial one; with a cycle the last is where it began.
        actors: the process that takes each step between them.
        loop: the steps before the cycle.
    """

    nodes: tuple[int, ...]
    actors: tuple[int, ...]
    loop: int


def find_lasso(graph: Graph, claim: Property, fairness: Fairness) -> Lasso | None:
    """Return a fair run on which *claim*, a leads-to, is broken; None where there is none.

    The stem is as short as can be; the cycle shows that it is fair.
    """
    return _Hunt(graph, claim, fairness).lasso()


@attrs.frozen
class _Pair:
    """What must be answered infinitely often if it is asked infinitely often."""

    asked: bytearray
    answered: bytearray


class _Hunt:
    """The search for one lasso."""

    def __init__(self, graph: Graph, claim: Property, fairness: Fairness) -> None:
        self.graph, self.fairness = graph, fairness
        self.goal = graph.where(claim.goal)
        self.trigger = graph.where(claim.trigger)
        self.pairs = [_Pair(graph.where(p), graph.where(q)) for p, q in claim.assuming]
        self.region = array("q", bytes(8 * len(graph)))

    def _begins(self, node: int) -> bool:
        """Return whether the trigger comes at *node*, without its answer."""
        return bool(self.trigger[node]) and not self.goal[node]

    def lasso(self) -> Lasso | None:
        """Return the lasso with the shortest stem, or None."""
        home: dict[int, list[int]] = {}
        for component in self._fair(self._owing()):
            home.update(dict.fromkeys(component, component))
        if not home:
            return None
        start, stem = self._stem(home)
        targets, actors = self.graph.targets, self.graph.actors
        entry = targets[stem[-1]] if stem else start
        edges = [*stem, *_Round(self.graph, home[entry], self._duties(home[entry])).edges(entry)]
        nodes = (start, *(targets[edge] for edge in edges))
        return Lasso(nodes, tuple(actors[edge] for edge in edges), len(stem))

    # -- where a run can go on for ever ----------------------------------------------------------

    def _owing(self) -> list[int]:
        """Return the nodes that a trigger leads to without an answer, the trigger's among them."""
        found = [node for node in range(len(self.graph)) if self._begins(node)]
        seen = bytearray(len(self.graph))
        for node in found:
            seen[node] = 1
        for node in found:
            for edge in self.graph.edges(node):
                target = self.graph.targets[edge]
                if not seen[target] and not self.goal[target]:
                    seen[target] = 1
                    found.append(target)
        return found

    def _fair(self, nodes: list[int]) -> Iterator[list[int]]:
        """Yield the components of *nodes* that a fair run can stay in, seeing all of each."""
        work, label = [nodes], 0
        while work:
            part = work.pop()
            label += 1
            for node in part:
                self.region[node] = label
            for component in list(components(self.graph, part, self.region, label)):
                if not self._circles(component):
                    continue
                left = self._without_breaches(component)
                if len(left) == len(component):
                    yield component
                elif left:
                    work.append(left)

    def _circles(self, component: Sequence[int]) -> bool:
        """Return whether a run can stay in *component*: it circles, or stutters in a deadlock."""
        node = component[0]
        if len(component) > 1 or not self.graph.enabled[node]:
            return True
        return any(self.graph.targets[edge] == node for edge in self.graph.edges(node))

    def _without_breaches(self, component: list[int]) -> list[int]:
        """Return *component* without the nodes that ask for what it does not answer."""
        inside = set(component)
        stepping = self._stepping(component, inside)
        enabled = self.graph.enabled
        if self.fairness is Fairness.WEAK:
            always = -1
            for node in component:
                always &= enabled[node]
            if always & ~stepping:
                return []
        elif self.fairness is Fairness.STRONG:
            inside = {node for node in inside if not enabled[node] & ~stepping}
        for pair in self.pairs:
            if not any(pair.answered[node] for node in component):
                inside = {node for node in inside if not pair.asked[node]}
        return [node for node in component if node in inside]

    def _stepping(self, component: Iterable[int], inside: set[int]) -> int:
        """Return one bit for each process that takes a step inside."""
        graph, found = self.graph, 0
        for node in component:
            for edge in graph.edges(node):
                if graph.targets[edge] in inside:
                    found |= 1 << graph.actors[edge]
        return found

    # -- showing it ------------------------------------------------------------------------------

    def _stem(self, home: Container[int]) -> tuple[int, list[int]]:
        """Return an initial node and the fewest edges from it, by way of the trigger, to *home*."""
        # A place is a node and whether the trigger has come: 2 * node + owing. `came` says how it
        # was first reached: from which place, along which edge.
        came: dict[int, tuple[int, int]] = {}
        queue: deque[int] = deque()

        def reach(node: int, owing: int, how: tuple[int, int]) -> None:
            for place in (2 * node + owing, 2 * node + (owing or self._begins(node))):
                if place not in came:
                    came[place] = how
                    queue.append(place)

        for node in range(self.graph.initial):
            reach(node, 0, (-1, -1))
        while queue:
            place = queue.popleft()
            node, owing = place >> 1, place & 1
            if owing and node in home:
                start, edges = _trace(came, place)
                return start >> 1, edges
            for edge in self.graph.edges(node):
                target = self.graph.targets[edge]
                if not owing or not self.goal[target]:
                    reach(target, owing, (place, edge))
        raise InvariantError("no path leads to a component that was reached")

    def _duties(self, component: Sequence[int]) -> list[_Duty]:
        """Return what a cycle in *component* must do to be fair."""
        asked = (p for p in self.pairs if any(p.asked[node] for node in component))
        duties = [_Duty(pair.answered, -1, -1) for pair in asked]
        if self.fairness is Fairness.NONE:
            return duties
        able = 0
        for node in component:
            able |= self.graph.enabled[node]
        weak = self.fairness is Fairness.WEAK
        processes = (i for i in range(able.bit_length()) if able >> i & 1)
        return duties + [_Duty(None, i, i if weak else -1) for i in processes]


@attrs.frozen(eq=False)
class _Duty:
    """Something that a cycle must come by: a state, or a process that steps or is disabled.

    Attributes:
        states: by node, 1 where it is done; None where no state does it.
        actor: the process whose step does it, or -1.
        idle: the process that does it by being disabled, or -1.
    """

    states: bytearray | None
    actor: int
    idle: int

    def done_at(self, graph: Graph, node: int) -> bool:
        """Return whether being at *node* does it."""
        if self.states is not None:
            return bool(self.states[node])
        return self.idle >= 0 and not graph.enabled[node] >> self.idle & 1

    def done_by(self, graph: Graph, edge: int) -> bool:
        """Return whether going along *edge* does it."""
        return graph.actors[edge] == self.actor


class _Round:
    """A cycle through a component that does all its duties, each by the shortest way on."""

    def __init__(self, graph: Graph, component: Iterable[int], duties: list[_Duty]) -> None:
        self.graph, self.inside, self.duties = graph, set(component), duties

    def edges(self, entry: int) -> list[int]:
        """Return the edges of the cycle from *entry* back to it; none in a deadlock."""
        if not self.graph.enabled[entry]:
            return []
        left = [duty for duty in self.duties if not duty.done_at(self.graph, entry)]
        found: list[int] = []
        node = entry
        while left:
            found += self._way(node, partial(self._does, left))
            node = self.graph.targets[found[-1]]
            left = [duty for duty in left if not any(self._does([duty], edge) for edge in found)]
        if node != entry or not found:
            found += self._way(node, lambda edge: self.graph.targets[edge] == entry)
        return found

    def _does(self, duties: Iterable[_Duty], edge: int) -> bool:
        """Return whether going along *edge* does one of *duties*."""
        graph = self.graph
        target = graph.targets[edge]
        return any(duty.done_by(graph, edge) or duty.done_at(graph, target) for duty in duties)

    def _way(self, start: int, wanted: Callable[[int], bool]) -> list[int]:
        """Return the fewest edges from *start*, at least one, the last of which is *wanted*."""
        came: dict[int, tuple[int, int]] = {start: (-1, -1)}
        queue = deque([start])
        while queue:
            node = queue.popleft()
            for edge in self.graph.edges(node):
                target = self.graph.targets[edge]
                if target not in self.inside:
                    continue
                if wanted(edge):
                    return [*_trace(came, node)[1], edge]
                if target not in came:
                    came[target] = (node, edge)
                    queue.append(target)
        raise InvariantError("a component is not strongly connected")


def _trace(came: dict[int, tuple[int, int]], place: int) -> tuple[int, list[int]]:
    """Return where the way to *place* began, and its edges."""
    edges = []
    while came[place][0] >= 0:
        place, edge = came[place]
        edges.append(edge)
    return place, edges[::-1]

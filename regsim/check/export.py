"""The whole graph of a small model as data: for pictures, DOT, JSON, networkx."""

from __future__ import annotations

import json
from typing import Any

import attrs

from regsim.check.factored import Factored
from regsim.check.formula import Formula
from regsim.check.learn import Learner, State
from regsim.check.search import Search
from regsim.check.space import Limits, Options
from regsim.errors import UsageError

MOST = 5_000
"""The most states that a graph is exported with unless the caller says otherwise."""


@attrs.frozen
class Edge:
    """One transition: from one state to another, by a step of an actor."""

    source: int
    target: int
    actor: str
    step: str


@attrs.frozen(kw_only=True)
class StateGraph:
    """Every state and every transition of a model; states are numbered layer by layer.

    Attributes:
        model: the model's name.
        components: the names of its components.
        counters: the names of its counters.
        layers: the number of states first met in each breadth-first layer.
        values: by state, the number of each component's value.
        legend: by component, what its numbers stand for, as Python writes it.
        counts: by state, what each counter stands at.
        edges: the transitions, in the order found.
        route: the states on the way to the nearest one that was sought; empty without one.
    """

    model: str
    components: tuple[str, ...]
    counters: tuple[str, ...]
    layers: tuple[int, ...]
    values: tuple[State, ...]
    legend: tuple[tuple[str, ...], ...]
    counts: tuple[tuple[int, ...], ...]
    edges: tuple[Edge, ...]
    route: tuple[int, ...]

    @property
    def layer(self) -> list[int]:
        """The layer of each state."""
        return [layer for layer, size in enumerate(self.layers) for _ in range(size)]


def state_graph(model: Factored, sought: Formula | None = None, most: int = MOST) -> StateGraph:
    """Return the graph of *model*, and the way to the nearest state where *sought* holds.

    Raises:
        UsageError: there are more than *most* states.
    """
    learner = Learner(model)
    targets = {} if sought is None else {"sought": sought}
    space = Search(learner, Options(targets=targets, limits=Limits(states=most + 1))).run()
    if not space.complete:
        raise UsageError(f"{model.name} has more than {most:,} states; a graph shows a small model")
    states = space.all_states()
    number = {state: n for n, state in enumerate(states)}
    edges = tuple(
        Edge(number[state], number[t.state], model.processes[t.process].name, t.step.name)
        for state in states
        for t in learner.successors(state, space.before)
    )
    counters = range(len(model.counters))
    return StateGraph(
        model=model.name,
        components=tuple(component.name for component in model.components),
        counters=tuple(model.counters),
        layers=tuple(space.layers),
        values=tuple(states),
        legend=tuple(_legend(learner, i) for i in range(len(model.components))),
        counts=tuple(tuple(learner.count(c, state) for c in counters) for state in states),
        edges=edges,
        route=tuple(number[state] for state in _route(space)),
    )


def _legend(learner: Learner, component: int) -> tuple[str, ...]:
    return tuple(repr(learner.value(component, n)) for n in range(learner.known(component)))


def _route(space: Search) -> list[State]:
    chain: list[State] = []
    state = space.hits.get("sought")
    while state is not None:
        chain.append(state)
        state = space.before(state)
    return chain[::-1]


def to_json(graph: StateGraph) -> str:
    """Return *graph* as one JSON object."""
    nodes = [
        {
            "id": n,
            "layer": layer,
            "values": dict(zip(graph.components, values, strict=True)),
            "counters": dict(zip(graph.counters, counts, strict=True)),
        }
        for n, (layer, values, counts) in enumerate(
            zip(graph.layer, graph.values, graph.counts, strict=True)
        )
    ]
    body = {
        "schema_version": 1,
        "model": graph.model,
        "layers": list(graph.layers),
        "legend": dict(zip(graph.components, map(list, graph.legend), strict=True)),
        "nodes": nodes,
        "edges": [attrs.asdict(edge) for edge in graph.edges],
        "route": list(graph.route),
    }
    return json.dumps(body) + "\n"


def to_dot(graph: StateGraph) -> str:
    """Return *graph* for Graphviz: a state shows its counters, and a lone component its value."""
    route = set(graph.route)
    steps = set(zip(graph.route, graph.route[1:], strict=False))
    lines = [f"digraph {_quoted(graph.model)} {{", "  node [shape=box];"]
    for node in range(len(graph.values)):
        more = ", style=bold" if node in route else ""
        lines.append(f"  n{node} [label={_quoted(_label(graph, node))}{more}];")
    for edge in graph.edges:
        more = ", style=bold" if (edge.source, edge.target) in steps else ""
        label = _quoted(f"{edge.actor}: {edge.step}")
        lines.append(f"  n{edge.source} -> n{edge.target} [label={label}{more}];")
    return "\n".join([*lines, "}"]) + "\n"


def _label(graph: StateGraph, node: int) -> str:
    if len(graph.components) == 1:
        return graph.legend[0][graph.values[node][0]]
    counted = zip(graph.counters, graph.counts[node], strict=True)
    return "; ".join([str(node), *(f"{name}: {count}" for name, count in counted)])


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def to_networkx(graph: StateGraph) -> Any:  # noqa: ANN401 - networkx is an extra
    """Return *graph* as a `networkx.MultiDiGraph`: nodes by number, edges with actor and step.

    Raises:
        UsageError: networkx is not installed.
    """
    try:
        import networkx  # noqa: PLC0415, ICN001 - an extra
    except ImportError:
        raise UsageError("graphs need networkx: pip install 'regsim[plot]'") from None
    found = networkx.MultiDiGraph(model=graph.model)
    for node, layer in enumerate(graph.layer):
        counts = dict(zip(graph.counters, graph.counts[node], strict=True))
        found.add_node(node, layer=layer, counters=counts, route=node in graph.route)
    for edge in graph.edges:
        found.add_edge(edge.source, edge.target, actor=edge.actor, step=edge.step)
    return found

"""The graph of a small model as data."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import assume, given
from random_models import models as drawn
from random_models import truth
from toys import Counter, Philosophers

from regsim import models
from regsim.check.export import state_graph, to_dot, to_json, to_networkx
from regsim.check.factored import Factored
from regsim.check.verify import check, factored, target
from regsim.errors import UsageError
from regsim.report.pictures.statespace import finding, state_space


@given(model=drawn())
def test_the_graph_is_all_of_it(model: Factored) -> None:
    """The graph has every state with its layer, and every step with its actor."""
    known = truth(model)
    assume(known is not None)
    assert known is not None
    graph = state_graph(model)

    assert len(graph.values) == len(known.depth)
    assert sorted(graph.layer) == sorted(known.depth.values())
    assert len(graph.edges) == known.transitions


def test_json() -> None:
    """The JSON has nodes, edges, and the names of what the numbers mean."""
    graph = json.loads(to_json(state_graph(factored(Counter(2)))))

    assert graph["layers"] == [1, 1, 1]
    assert graph["legend"] == {"state": ["0", "1", "2"]}
    assert graph["edges"][-1] == {"source": 2, "target": 0, "actor": "reset", "step": "reset"}


def test_dot() -> None:
    """The DOT text has a line for each node and edge; the way to what was sought is bold."""
    model = Philosophers(2)
    stuck = target(model.properties[0])
    graph = state_graph(model, stuck)
    dot = to_dot(graph)

    assert len(re.findall(r"^  n\d+ \[", dot, re.MULTILINE)) == len(graph.values)
    assert len(re.findall(r"^  n\d+ -> n\d+", dot, re.MULTILINE)) == len(graph.edges)
    assert dot.count("style=bold") == 3 + 2


def test_networkx() -> None:
    """The networkx graph has nodes with layer and counters, and edges with actor and step."""
    networkx = pytest.importorskip("networkx", reason="networkx is an extra")
    graph = to_networkx(state_graph(Philosophers(3)))

    assert networkx.is_strongly_connected(graph) is False
    assert graph.nodes[0] == {"layer": 0, "counters": {"forks in hand": 0}, "route": False}
    assert graph[0][1][0] == {"actor": "p0", "step": "take-first"}


def test_a_large_model_is_refused() -> None:
    """A model with too many states to draw is refused with how many a graph may have."""
    with pytest.raises(UsageError, match="more than 50 states"):
        state_graph(factored(Counter(50)), most=50)
    assert len(state_graph(factored(Counter(49)), most=50).values) == 50


def test_the_picture_of_the_leak() -> None:
    """The picture of the leak tells verdict, steps, states and layers, and its last step."""
    model = models.model("q241572", workers=1, services=0, queue=1)
    claim = next(p for p in model.properties if p.name == "leak")
    found = check(model, claim, all_states=True)
    space = state_space(found, state_graph(model, target(claim)))

    assert finding(space) == "leak is violated after 9 steps: 63 states in 18 layers"
    assert space.path[-1] == "worker-1: close-subkey"

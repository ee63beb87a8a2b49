"""From what a check found to the picture of a state space."""

from __future__ import annotations

from regsim.check.export import StateGraph
from regsim.check.property import Verdict
from regsim.check.verify import Result
from regsim.report.pictures.statespace import StateSpace


def state_space(result: Result, graph: StateGraph) -> StateSpace:
    """Return what the picture of a state space shows: *graph*, and the path of *result* in it."""
    path = result.path.steps if result.path is not None and result.path.loop is None else ()
    shown = result.verdict is Verdict.VIOLATED and len(graph.route) == len(path) + 1
    return StateSpace(
        model=graph.model,
        claim=result.property.name,
        verdict=result.verdict.value,
        layers=graph.layers,
        path=tuple(f"{step.actor}: {step.step}" for step in path) if shown else (),
        edges=tuple((edge.source, edge.target) for edge in graph.edges),
        route=graph.route if shown else (),
    )

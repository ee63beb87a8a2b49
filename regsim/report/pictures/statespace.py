"""The states that a search has seen: layer by layer, with the way to the bug.

Up to `DRAWN` states are drawn one by one, in the layers of the breadth-first search; of more, how
many there are in each layer, above the steps of the way. Nothing is placed at random.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs

from regsim.check.export import StateGraph
from regsim.check.property import Verdict
from regsim.check.verify import Result
from regsim.errors import UsageError
from regsim.report.pictures.canvas import Point
from regsim.report.pictures.colours import (
    BLUE,
    FAINT,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALE,
    RED,
    RED_INK,
    WHITE,
)
from regsim.report.pictures.figures import Drawing, extra, finish, new_figure, styled
from regsim.report.words.writing import counted, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DRAWN: Final = 300
"""How many states are drawn one by one at most."""


@attrs.frozen(kw_only=True)
class StateSpace:
    """What a search saw, as plain numbers and words.

    Attributes:
        model: what was explored, with its parameters.
        claim: the property that was asked for; ``verdict`` is ``holds``, ``violated`` or
            ``inconclusive``.
        layers: the number of states in each layer, the initial state's first.
        path: the steps from the initial state to the violation; empty without one.
        edges: the transitions, each from one state to another; states are numbered layer by layer,
            the initial one is 0. Empty if only the counts are known.
        route: the states on the path, one more than it has steps; needed with ``edges``.
    """

    model: str
    claim: str
    verdict: str
    layers: tuple[int, ...]
    path: tuple[str, ...] = ()
    edges: tuple[tuple[int, int], ...] = ()
    route: tuple[int, ...] = ()

    def __attrs_post_init__(self) -> None:
        """Raise `UsageError` where the numbers do not fit together."""
        if self.verdict not in ("holds", "violated", "inconclusive"):
            raise UsageError(f"a verdict is holds, violated or inconclusive, not {self.verdict!r}")
        if not self.layers or min(self.layers) < 1:
            raise UsageError("a state space has at least the initial state, and no empty layer")
        if len(self.path) >= len(self.layers):
            raise UsageError(f"{len(self.path)} steps need {len(self.path) + 1} layers at least")
        known = range(self.states)
        if not all(a in known and b in known for a, b in self.edges):
            raise UsageError(f"an edge leads to a state that is none of the {self.states}")
        if self.edges and self.path and len(self.route) != len(self.path) + 1:
            raise UsageError("a path with edges needs its route: one state more than steps")

    @property
    def states(self) -> int:
        """How many states there are."""
        return sum(self.layers)


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


def finding(space: StateSpace) -> str:
    """Return in one sentence what the search found."""
    size, deep = counted(space.states, "state"), counted(len(space.layers), "layer")
    if space.verdict == "holds":
        return f"{space.claim} holds in all {size}, in {deep}"
    if space.verdict == "inconclusive":
        return f"{space.claim} is undecided: {size} in {deep}, then a limit was hit"
    return f"{space.claim} is violated after {counted(len(space.path), 'step')}: {size} in {deep}"


def state_space_figure(space: StateSpace) -> Drawing:
    """Return *space* as a figure: its graph where it is small, else its depth and the path."""
    with styled():
        figure = finish((_graph if _small(space) else _profile)(space))
    return Drawing(figure, finding(space), _described(space))


def _small(space: StateSpace) -> bool:
    return bool(space.edges) and space.states <= DRAWN


def _described(space: StateSpace) -> str:
    sizes = ", ".join(f"{size:,}" for size in space.layers)
    way = f" The way to the violation: {', '.join(space.path)}." if space.path else ""
    return f"{space.model}: {finding(space)}. States in each layer: {sizes}.{way}"


# -- the small graph ----------------------------------------------------------------------------


def state_graph(space: StateSpace) -> Any:  # noqa: ANN401 - networkx is an extra
    """Return *space* as a `networkx.DiGraph`.

    Each node has its ``layer`` and whether it is ``initial``, ``violating`` and on the ``path``.
    Raises `UsageError` where networkx is not installed.
    """
    networkx = extra("networkx", "graphs")
    graph = networkx.DiGraph(model=space.model, claim=space.claim, verdict=space.verdict)
    for state, layer in enumerate(layer_of(space)):
        bad = space.verdict == "violated" and state == (space.route or (None,))[-1]
        graph.add_node(
            state, layer=layer, initial=not state, violating=bad, path=state in space.route
        )
    graph.add_edges_from(space.edges)
    return graph


def layer_of(space: StateSpace) -> list[int]:
    """Return the layer of each state."""
    return [layer for layer, size in enumerate(space.layers) for _ in range(size)]


def places(space: StateSpace) -> dict[int, Point]:
    """Return where each state is drawn: its layer, and its height among its like.

    Within a layer a state stands near the states that lead to it and that it leads to (the
    barycentre rule of layered drawings), so that few edges cross. The path is kept level.
    """
    graph = state_graph(space)
    levels: list[list[int]] = [[] for _ in space.layers]
    for state, layer in enumerate(layer_of(space)):
        levels[layer].append(state)
    height = {state: float(at) for level in levels for at, state in enumerate(level)}
    for sweep in range(8):
        for level in levels if sweep % 2 == 0 else reversed(levels):
            beside = graph.predecessors if sweep % 2 == 0 else graph.successors
            level.sort(key=lambda state: (_mean(height, list(beside(state)), state), state))
            height.update(_spread(level, space.route))
    return {s: (float(layer), height[s]) for layer, level in enumerate(levels) for s in level}


def _mean(height: Mapping[int, float], beside: Sequence[int], state: int) -> float:
    known = [height[other] for other in beside if other != state]
    return sum(known) / len(known) if known else height[state]


def _spread(level: Sequence[int], route: Sequence[int]) -> dict[int, float]:
    """Return heights one apart in the order of *level*, with the state on the route at 0."""
    middle = next((at for at, state in enumerate(level) if state in route), (len(level) - 1) / 2)
    return {state: at - middle for at, state in enumerate(level)}


def _graph(space: StateSpace) -> Figure:
    at = places(space)
    tall = max(y for _, y in at.values()) - min(y for _, y in at.values())
    wide = min(14.0, 2 + 0.75 * len(space.layers))
    figure = new_figure(finding(space), wide, min(11.0, 2.6 + 0.34 * tall))
    axis = figure.subplots()
    _edges(axis, space, at)
    _nodes(axis, space, at)
    _steps(axis, space)
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)
    axis.margins(0.06, 0.1)
    return figure


def _edges(axis: Axes, space: StateSpace, at: Mapping[int, Point]) -> None:
    from matplotlib.collections import LineCollection  # noqa: PLC0415 - an extra

    forward = [(at[a], at[b]) for a, b in space.edges if at[b][0] > at[a][0]]
    back = [(at[a], at[b]) for a, b in space.edges if at[b][0] <= at[a][0] and a != b]
    axis.add_collection(LineCollection(back, colors=PALE, linewidths=0.7, zorder=1))
    axis.add_collection(LineCollection(forward, colors=FAINT, linewidths=0.9, zorder=2))
    _way(axis, [at[state] for state in space.route])


def _way(axis: Axes, places: Sequence[Point]) -> None:
    axis.plot([x for x, _ in places], [y for _, y in places], color=RED, linewidth=4.5, zorder=3)


def _dots(
    axis: Axes, places: Sequence[Point], size: float, edge: str, wide: float, zorder: int
) -> None:
    x, y = [x for x, _ in places], [y for _, y in places]
    axis.scatter(x, y, s=size, c=WHITE, edgecolors=edge, linewidths=wide, zorder=zorder)


def _over(axis: Axes, place: Point, said: str, up: float = 4, **look: Any) -> None:  # noqa: ANN401
    """Write *said* in the middle above *place*, by *up* points."""
    look = {"color": INK, "ha": "center", "textcoords": "offset points", **look}
    axis.annotate(visible(said), place, (0, up), **look)


def _nodes(axis: Axes, space: StateSpace, at: Mapping[int, Point]) -> None:
    size = 46 if space.states > 120 else 80
    _dots(axis, [at[s] for s in at if s not in space.route], size, GREY, 1.0, 4)
    _dots(axis, [at[s] for s in sorted(set(space.route))], size, RED_INK, 2, 5)
    _initial(axis, at[0], size)
    if space.verdict == "violated" and space.route:
        _violation(axis, at[space.route[-1]], f"{space.claim} violated", size)


def _initial(axis: Axes, place: Point, size: float) -> None:
    """Draw a ring around the initial state, by a larger dot behind it."""
    _dots(axis, [place], size * 2.6, INK, 1.6, 6)
    _dots(axis, [place], size, INK, 1.6, 7)
    _over(axis, place, "initial", 14, zorder=8)


def _violation(axis: Axes, place: Point, said: str, size: float) -> None:
    look: dict[str, Any] = {"c": ORANGE, "marker": "8", "edgecolors": RED, "linewidths": 2.5}
    axis.scatter([place[0]], [place[1]], s=size * 4, zorder=8, **look)
    plate = {"facecolor": WHITE, "edgecolor": "none", "pad": 1.0, "alpha": 0.85}
    _over(axis, place, said, 16, color=RED_INK, weight="bold", zorder=9, bbox=plate)


def _steps(axis: Axes, space: StateSpace) -> None:
    """Name below each layer the step of the path that leads into it; else number the layers."""
    last = len(space.layers)
    labels = [str(layer) for layer in range(last)]
    for layer, step in enumerate(space.path, 1):
        labels[layer] = f"{visible(step)}  {layer}"
    look: dict[str, Any] = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
    axis.set_xticks(range(last), labels, color=INK, **(look if space.path else {}))
    axis.set_xlim(-0.7, last - 0.3)
    axis.set_xlabel(
        "layer of the search, and the step of the path into it" if space.path else "layer"
    )


# -- the large space ----------------------------------------------------------------------------


def _profile(space: StateSpace) -> Figure:
    wide = min(14.0, max(8.0, 2 + 0.34 * len(space.layers)))
    rows = [3, 0.5] if space.path else [3]
    figure = new_figure(finding(space), wide, 4.6 if space.path else 3.6)
    axes = figure.subplots(len(rows), 1, sharex=True, squeeze=False, height_ratios=rows)
    _histogram(axes[0][0], space)
    if space.path:
        _strip(axes[1][0], space)
    else:
        axes[0][0].set_xlabel("layer of the search")
    return figure


def _histogram(axis: Axes, space: StateSpace) -> None:
    colour = {"holds": GREEN, "violated": FAINT, "inconclusive": BLUE}[space.verdict]
    most, last = max(space.layers), space.layers[-1]
    bars = axis.bar(range(len(space.layers)), space.layers, color=colour, edgecolor=WHITE)
    if space.path:
        found = bars[len(space.path)]
        found.set(facecolor=ORANGE, edgecolor=RED, linewidth=2, hatch="///")
    if space.verdict == "inconclusive":
        bars[-1].set(hatch="...", edgecolor=INK)
        _over(axis, (len(space.layers) - 1, last), f"{last:,}, then a limit")
    if space.verdict != "inconclusive" or most != last:
        _over(axis, (space.layers.index(most), most), f"{most:,}")
    axis.set_ylabel("states in the layer")
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axis.margins(y=0.18)


def _strip(axis: Axes, space: StateSpace) -> None:
    """Draw the path as a line of states, each below the layer that it lies in."""
    way: list[Point] = [(at, 0) for at in range(len(space.path) + 1)]
    _way(axis, way)
    _dots(axis, way, 60, RED_INK, 2, 5)
    _initial(axis, way[0], 60)
    _violation(axis, way[-1], f"{space.claim} violated", 60)
    _steps(axis, space)
    axis.set_ylim(-1, 2.2)
    axis.set_yticks([])
    for side in ("left", "bottom"):
        axis.spines[side].set_visible(False)

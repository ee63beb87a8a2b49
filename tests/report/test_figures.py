"""The figures: findings as titles, words for those who do not see them, and stable bytes."""

from __future__ import annotations

import re
import subprocess
import sys
from xml.etree import ElementTree as ET

import attrs
import oracle_space
import pytest

from regsim.errors import UsageError
from regsim.report.pictures import figures, statespace
from regsim.report.pictures.figures import Series, benchmark_figure, openings_figure
from regsim.report.pictures.statespace import StateSpace, state_space_figure
from regsim.report.words import runs as words
from regsim.scenario.result import Outcome

NS = "{http://www.w3.org/2000/svg}"
HOSTILE = "</svg><script>$x_1$</script>\x07"
plotting = pytest.mark.skipif(
    not all(map(__import__("importlib.util").util.find_spec, ("matplotlib", "networkx"))),
    reason="no figures here: the extra `plot` is absent",
)


@pytest.fixture(scope="module")
def small() -> StateSpace:
    """The space of the smallest case, state by state."""
    layers, edges, path, route = oracle_space.explored()
    return StateSpace(
        model="q241572 N=1 K=0 Q=1",
        claim="LEAK",
        verdict="violated",
        layers=layers,
        path=tuple(path),
        edges=edges,
        route=tuple(route),
    )


@pytest.fixture(scope="module")
def large() -> StateSpace:
    """A space too large to draw state by state."""
    layers = tuple(40 * n * (20 - n) + 1 for n in range(20))
    return StateSpace(model="m", claim="LEAK", verdict="violated", layers=layers, path=("a", "b"))


def series(name, factor):
    """Return measurements that grow with the size, thrice each."""
    samples = [(10.0**n, tuple(factor * 10**n * k for k in (1, 1.2, 0.9))) for n in range(2, 5)]
    return Series(name, tuple(samples))


SERIES = (series("python", 1e-6), series("C", 1e-7))


def texts(svg):
    """Return the written texts of a picture."""
    return [(node.text or "").strip() for node in ET.fromstring(svg).iter(f"{NS}text")]  # noqa: S314


def test_the_small_space_is_the_oracles(small):
    """The space that the tests draw has the oracle's counts, and its shortest path."""
    assert (small.states, len(small.edges), len(small.layers)) == (63, 141, 18)
    assert small.path == (
        *("logon", "icw-start", "icw-call", "dequeue", "open-root", "open-subkey", "work"),
        *("close-subkey", "logoff"),
    )


def drawings(small, large, stock, fixed):
    """Return one drawing of each kind."""
    return {
        "small": state_space_figure(small),
        "large": state_space_figure(large),
        "openings": openings_figure([stock, fixed]),
        "benchmark": benchmark_figure(SERIES, across="events", what="events"),
    }


@plotting
def test_every_figure_is_stable_and_told(small, large, stock, fixed):
    """Made twice, a figure has the same bytes, its finding as title, and its data in words."""
    once, again = (drawings(small, large, stock, fixed) for _ in range(2))
    for kind, drawing in once.items():
        svg = drawing.svg()
        root = ET.fromstring(svg)  # noqa: S314

        assert svg == again[kind].svg() == drawing.svg(), kind
        assert root.get("role") == "img"
        assert root[0].text == drawing.title
        assert root[1].text == drawing.desc
        assert len(drawing.desc) > len(drawing.title)
        assert not re.search(r"<dc:date>|Matplotlib v", svg)
        assert drawing.title in " ".join(texts(svg)), kind


@plotting
def test_the_small_space_shows_every_state(small):
    """Each state is drawn; the first is a double circle, the bug an octagon, the way is thick."""
    svg = state_space_figure(small).svg()
    said = texts(svg)

    assert "LEAK violated" in said
    assert "initial" in said
    assert "close-subkey  8" in said
    assert "stroke-width: 4.5" in svg
    axes = state_space_figure(small).figure.axes[0]
    sizes = [len(c.get_offsets()) for c in axes.collections if hasattr(c, "get_sizes")]
    assert sum(sizes) == 63 + 2 + 1  # the initial state twice more, the violating once
    eight = [c.get_paths()[0] for c in axes.collections if len(c.get_paths()) == 1]
    assert any(len(path.vertices) == 9 for path in eight)


@plotting
def test_states_stand_in_their_layers_apart(small):
    """A state's place is its layer; no two share a place; the way to the bug is level."""
    places = statespace.places(small)

    assert [x for x, _ in places.values()] == sorted(map(float, statespace.layer_of(small)))
    assert len(set(places.values())) == 63
    assert {places[state][1] for state in small.route} == {0.0}
    assert places == statespace.places(small)


@plotting
def test_the_graph_has_its_marks(small):
    """The graph for networkx knows the layer, the initial state, the violation and the path."""
    graph = statespace.state_graph(small)

    assert (len(graph), [n for n, d in graph.nodes(data=True) if d["initial"]]) == (63, [0])
    assert [n for n, d in graph.nodes(data=True) if d["violating"]] == [small.route[-1]]
    assert [n for n, d in graph.nodes(data=True) if d["path"]] == sorted(small.route)
    for a, b in graph.edges:
        assert graph.nodes[b]["layer"] <= graph.nodes[a]["layer"] + 1


@plotting
def test_a_large_space_is_a_profile(large, small):
    """Beyond 300 states each layer is a bar; up to 300 each state is drawn."""
    bars = state_space_figure(large).figure.axes[0].patches
    edge = attrs.evolve(small, layers=(1, statespace.DRAWN - 1), edges=((0, 1),), path=(), route=())
    over = attrs.evolve(edge, layers=(1, statespace.DRAWN))

    assert [bar.get_height() for bar in bars] == list(large.layers)
    assert [bool(bar.get_hatch()) for bar in bars].index(True) == len(large.path)
    assert not state_space_figure(edge).figure.axes[0].patches
    assert state_space_figure(over).figure.axes[0].patches


@plotting
@pytest.mark.parametrize("verdict", ["holds", "inconclusive"])
def test_a_space_without_a_bug_has_no_path(large, verdict):
    """What holds, or is undecided, has a profile alone; a limit is marked as such."""
    drawing = state_space_figure(attrs.evolve(large, verdict=verdict, path=()))

    assert len(drawing.figure.axes) == 1
    assert any("then a limit" in text for text in texts(drawing.svg())) is (
        verdict == "inconclusive"
    )


def test_findings_of_searches(large):
    """A title says what holds or not, in how many states; a limit never reads as a proof."""
    one = attrs.evolve(large, layers=(1,), path=(), verdict="holds")

    assert statespace.finding(large) == "LEAK is violated after 2 steps: 53,220 states in 20 layers"
    assert statespace.finding(one) == "LEAK holds in all 1 state, in 1 layer"
    undecided = statespace.finding(attrs.evolve(large, verdict="inconclusive", path=()))
    assert "undecided" in undecided
    assert "holds" not in undecided


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"verdict": "maybe"}, "not 'maybe'"),
        ({"layers": ()}, "at least the initial state"),
        ({"layers": (1, 0, 2)}, "no empty layer"),
        ({"path": tuple("abcdefghijklmnopqrst")}, "need 21 layers"),
        ({"edges": ((0, 60_000),)}, "none of the 53220"),
        ({"edges": ((0, 1),), "route": (0,)}, "one state more than steps"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(large, change, said):
    """A space whose numbers contradict each other is refused with the reason."""
    with pytest.raises(UsageError, match=re.escape(said)):
        attrs.evolve(large, **change)


@plotting
def test_the_openings_are_panels_on_equal_axes(stock, fixed):
    """Each run has its panel; the stock one ends in a cross, the fixed one in a diamond."""
    drawing = openings_figure([stock, fixed])
    first, second = drawing.figure.axes

    assert drawing.title == "With stock 1 handle stays open; with close-root the hive unloads"
    assert first.get_xlim() == second.get_xlim()
    assert first.get_ylim() == second.get_ylim()
    assert [axis.lines[-1].get_marker() for axis in (first, second)] == ["X", "D"]
    assert "0, 1, 2, 1, 1" in drawing.desc


@plotting
def test_openings_of_empty_runs_are_drawn(stock):
    """Runs without calls, and no runs at all, give figures and not errors."""
    for runs in ([], [attrs.evolve(stock, calls=())]):
        assert openings_figure(runs).svg().startswith("<?xml")


def test_how_runs_end_in_words(stock, fixed):
    """Few runs are named by their fix, many counted; a forced unload is called one."""
    forced = attrs.evolve(stock, unloaded=True, outcome=Outcome.HOLDER_BROKEN, fix="none")

    assert words.openings_finding([forced]) == "With no fix the hive is taken away by force"
    assert words.openings_finding([stock, fixed] * 2) == "2 of 4 runs leave the hive loaded"
    assert words.openings_finding([]) == "No run"


def test_the_finding_of_a_benchmark_is_a_ratio():
    """The title says how many times faster, at which size; alone, how long the largest took."""
    assert figures.benchmark_finding(SERIES, "events") == (
        "C is 10 times as fast as python on 10,000 events"
    )
    assert figures.benchmark_finding(SERIES[:1], "events") == "python: 0.01 s for 10,000 events"
    assert figures.benchmark_finding([], "events") == "No events were measured"


@plotting
def test_a_benchmark_shows_its_spread():
    """Every median is a dot with its lowest and highest sample; both scales are logarithmic."""
    axis = benchmark_figure(SERIES, across="events").figure.axes[0]

    assert (axis.get_xscale(), axis.get_yscale()) == ("log", "log")
    spread = axis.containers[0][2][0].get_segments()
    assert [segment[0][1] < segment[1][1] for segment in spread] == [True] * 3
    assert {line.get_marker() for line in axis.lines} >= {"o", "s"}


@pytest.mark.parametrize(
    "points", [(), ((1.0, ()),), ((0.0, (1.0,)),), ((1.0, (0.0,)),), ((1.0, (1.0, -1.0)),)]
)
def test_what_a_log_scale_cannot_show_is_refused(points):
    """No sizes, no samples, zero or less: refused; one sample above zero is enough."""
    with pytest.raises(UsageError):
        Series("x", points)

    assert Series("x", ((1.0, (1.0,)),)).middle() == {1.0: 1.0}


@plotting
def test_hostile_names_stay_text(stock, large):
    """Names with markup, formulas and control characters are written as they are."""
    run = attrs.evolve(stock, os_title=HOSTILE, fix=HOSTILE)
    space = attrs.evolve(large, claim=HOSTILE, model=HOSTILE, path=(HOSTILE,))
    for drawing in (
        openings_figure([run]),
        state_space_figure(space),
        benchmark_figure([Series(HOSTILE, ((1.0, (1.0,)),))], across="x"),
    ):
        svg = drawing.svg()

        assert "<script" not in svg
        assert "\x07" not in svg
        assert "$x_1$" in " ".join(texts(svg))


@plotting
def test_files_are_written_by_their_suffix(tmp_path, stock):
    """A figure is saved as SVG or as an image, as its name says."""
    drawing = openings_figure([stock])
    drawing.save(tmp_path / "a.svg")
    drawing.save(tmp_path / "a.png")

    assert (tmp_path / "a.svg").read_text("utf-8") == drawing.svg() == drawing._repr_svg_()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@plotting
def test_nothing_global_is_touched():
    """Drawing imports no pyplot and leaves matplotlib's settings as they were."""
    code = (
        "import sys, matplotlib; before = matplotlib.rcParams.copy()\n"
        "from regsim.report.pictures.figures import Series, benchmark_figure\n"
        "benchmark_figure([Series('x', ((1.0, (1.0,)),))], across='n').svg()\n"
        "print('matplotlib.pyplot' in sys.modules, matplotlib.rcParams.copy() == before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "True"]


def test_without_the_extra_it_says_what_to_install(monkeypatch, large):
    """Where matplotlib or networkx is absent, the error names the extra."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "networkx", None)

    with pytest.raises(UsageError, match=r"pip install 'regsim\[plot\]'"):
        state_space_figure(large)
    with pytest.raises(UsageError, match=r"pip install 'regsim\[plot\]'"):
        statespace.state_graph(large)

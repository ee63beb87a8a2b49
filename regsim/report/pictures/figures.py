"""Figures by matplotlib: made without pyplot, so nothing global is touched, and byte-stable.

Each is a `Drawing`: the figure with its finding as title and its alt text, both made from the
data. The colours mean what they mean in the other pictures: orange is open, red is refused or lost,
blue is closed or fixed, green is saved. What colour tells, a shape, a hatch or a word tells too.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import attrs

from regsim.errors import UsageError
from regsim.report.pictures.canvas import Point, fold
from regsim.report.pictures.colours import (
    BLUE,
    DIM,
    GREY,
    INK,
    ORANGE,
    PALE,
    PURPLE,
    RED,
    RED_INK,
    WHITE,
    YELLOW,
)
from regsim.report.words import runs as words
from regsim.report.words.writing import markup, visible
from regsim.scenario.result import Run
from regsim.writing import write_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STYLE: Final[Any] = {
    # The ids of a figure's parts are random but for the salt. Texts stay texts, so that they can be
    # read and searched; a dollar sign in a registry's name is no formula.
    "svg.hashsalt": "regsim",
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": ["DejaVu Sans"],
    "font.size": 10.0,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.color": GREY,
    "ytick.color": GREY,
    "grid.color": PALE,
    "hatch.linewidth": 0.8,
}


def extra(package: str, what: str) -> Any:  # noqa: ANN401 - a module
    """Return the optional *package* that *what* need.

    Raises `UsageError` where it is not installed.
    """
    try:
        return import_module(package)
    except ImportError:
        raise UsageError(f"{what} need {package}: pip install 'regsim[plot]'") from None


@contextmanager
def styled() -> Iterator[None]:
    """Have figures that are made or written inside look alike, and their bytes be stable.

    Raises `UsageError` where matplotlib is not installed.
    """
    with extra("matplotlib", "figures").rc_context(_STYLE):
        yield


@attrs.frozen(eq=False)
class Drawing:
    """A figure, the finding that is its title, and its content in words."""

    figure: Figure = attrs.field(repr=False)
    title: str
    desc: str

    def svg(self) -> str:
        """Return the figure as SVG, the same bytes each time, with title and description."""
        out = io.StringIO()
        # What names a day, or the version of matplotlib, would make the bytes differ.
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        with styled():
            self.figure.savefig(out, format="svg", metadata=nothing)
        head, rest = out.getvalue().split("<svg ", 1)
        size, body = rest.split(">", 1)
        told = f"<title>{markup(self.title)}</title>\n<desc>{markup(self.desc)}</desc>"
        return f'{head}<svg role="img" {size}>\n{told}{body}'

    def save(self, path: Path) -> None:
        """Write the figure to *path*: SVG, or what its suffix says, such as ``.png``."""
        if path.suffix == ".svg":
            write_file(path, self.svg().encode())
            return
        out = io.BytesIO()
        with styled():
            self.figure.savefig(out, dpi=200, format=path.suffix[1:] or "png")
        write_file(path, out.getvalue())

    def _repr_svg_(self) -> str:
        return self.svg()


def finish(figure: Figure) -> Figure:
    """Return *figure* with its layout done once and for all, so that each writing is alike."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def new_figure(title: str, wide: float, tall: float) -> Figure:
    """Return a figure of *wide* by *tall* inches with *title* above its axes, folded to fit."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    figure = Figure(figsize=(wide, tall), layout="constrained", facecolor="white")
    lines = "\n".join(fold(title, wide * 72 - 24, 12, bold=True))
    figure.suptitle(lines, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return figure


# -- open references over time ------------------------------------------------------------------


def openings_figure(runs: Sequence[Run]) -> Drawing:
    """Return how many handles each of *runs* has open on the hive, call by call.

    One panel a run, all on the same axes, so that they can be compared.
    """
    title = words.openings_finding(runs)
    last = max((record.number for run in runs for record in run.calls), default=1)
    most = max([r.open_handles or 0 for run in runs for r in run.calls] + [1])
    with styled():
        figure = new_figure(title, 9, 1.1 + 1.35 * max(len(runs), 1))
        axes = figure.subplots(max(len(runs), 1), 1, sharex=True, sharey=True, squeeze=False)
        for run, (axis,) in zip(runs, axes, strict=False):
            _opening(axis, run, last, most)
        axes[-1][0].set_xlabel("number of the call")
        figure.supylabel("handles open on the user's hive", fontsize=10)
        finish(figure)
    return Drawing(figure, title, " ".join(_opening_described(run) for run in runs))


def _opening(axis: Axes, run: Run, last: int, most: int) -> None:
    bad = not run.unloaded or not run.outcome.good
    colour, ink = (ORANGE, RED_INK) if bad else (BLUE, BLUE)
    axis.set_title(visible(f"{run.os_title}, fix: {run.fix}"))
    axis.set_xlim(0.5, last * 1.42 + 1)
    axis.set_ylim(-0.25, most + 0.5)
    axis.locator_params(axis="y", integer=True, nbins=4)
    axis.locator_params(axis="x", integer=True)
    axis.grid(axis="y")
    axis.set_axisbelow(True)
    numbers = [r.number for r in run.calls]
    counts = [float("nan") if r.open_handles is None else r.open_handles for r in run.calls]
    axis.step(numbers, counts, where="post", color=colour, linewidth=2.5)
    logoff = next((r.number for r in run.calls if words.is_logoff(r)), None)
    if logoff is not None:
        axis.axvline(logoff, color=GREY, linewidth=1, linestyle=(0, (4, 3)))
        axis.annotate("logoff ", (logoff, most + 0.45), ha="right", va="top", color=GREY, size=9)
    place = _decision(run)
    if place is not None:
        look: dict[str, Any] = {"markerfacecolor": RED if bad else WHITE, "markeredgecolor": ink}
        marker, size = ("X", 9) if bad else ("D", 7)
        axis.plot(*([at] for at in place), linestyle="none", marker=marker, markersize=size, **look)
        _beside(axis, words.ends_with(run), place, ink)


def _beside(axis: Axes, text: str, place: Point, colour: str = INK) -> None:
    look: dict[str, Any] = {"textcoords": "offset points", "va": "center", "weight": "bold"}
    axis.annotate(visible(text), place, (10, 0), color=colour, **look)


def _decision(run: Run) -> tuple[int, int] | None:
    """Return the call and the count where the hive goes; where it stays, those of the end."""
    before: int | None = None
    for record in run.calls:
        if record.open_handles is None and before is not None and run.unloaded:
            return record.number, before
        before = record.open_handles if record.open_handles is not None else before
    return None if before is None else (run.calls[-1].number, before)


def _opening_described(run: Run) -> str:
    counts = ["-" if r.open_handles is None else str(r.open_handles) for r in run.calls]
    return (
        f"{run.os_title}, fix {run.fix}: handles open after each call: {', '.join(counts)}; "
        f"{words.ends_with(run)}."
    )


# -- benchmarks ---------------------------------------------------------------------------------


@attrs.frozen
class Series:
    """One thing that was measured: its name, and the samples (seconds) at each size."""

    name: str
    points: tuple[tuple[float, tuple[float, ...]], ...] = attrs.field()

    @points.validator
    def _check(self, _: object, points: tuple[tuple[float, tuple[float, ...]], ...]) -> None:
        if not points or not all(samples for _, samples in points):
            raise UsageError(f"{self.name}: a size without a sample cannot be drawn")
        if min(min(size, *samples) for size, samples in points) <= 0:
            raise UsageError(f"{self.name}: sizes and samples must be above 0 on a log scale")

    def middle(self) -> dict[float, float]:
        """Return the median of the samples at each size."""
        return {size: median(samples) for size, samples in self.points}


_LOOKS: Final = ((INK, "o"), (PURPLE, "s"), (DIM, "^"), (YELLOW, "D"))
"""Colours that mean nothing elsewhere; the shapes tell the series apart too."""


def benchmark_figure(
    series: Sequence[Series], *, across: str, up: str = "seconds", what: str = "runs"
) -> Drawing:
    """Return *series* on log scales: each median as a dot, the spread of its samples as a bar.

    *across* and *up* name the axes, *what* names in the title what is measured.
    """
    title = benchmark_finding(series, what)
    with styled():
        figure = new_figure(title, 8, 5)
        axis = figure.subplots()
        axis.set(xscale="log", yscale="log", xlabel=visible(across), ylabel=visible(up))
        axis.grid(which="major")
        axis.set_axisbelow(True)
        for number, one in enumerate(series):
            _measured(axis, one, *_LOOKS[number % len(_LOOKS)])
        axis.margins(x=0.22)
        for side in (axis.xaxis, axis.yaxis):
            side.set_major_formatter(
                lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}"
            )
        finish(figure)
    return Drawing(figure, title, " ".join(_measured_described(one, across, up) for one in series))


def _measured(axis: Axes, one: Series, colour: str, marker: str) -> None:
    sizes = [size for size, _ in one.points]
    middle = [median(samples) for _, samples in one.points]
    below = [m - min(samples) for m, (_, samples) in zip(middle, one.points, strict=True)]
    above = [max(samples) - m for m, (_, samples) in zip(middle, one.points, strict=True)]
    look: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 7, "linewidth": 1.2}
    axis.errorbar(sizes, middle, yerr=[below, above], capsize=4, markeredgecolor=INK, **look)
    _beside(axis, one.name, (sizes[-1], middle[-1]))


def benchmark_finding(series: Sequence[Series], what: str) -> str:
    """Return in one sentence how far apart *series* are at the largest size they share."""
    if not series:
        return f"No {what} were measured"
    shared = set.intersection(*(set(one.middle()) for one in series))
    if len(series) == 1 or not shared:
        size, best = max(series[0].middle().items())
        return f"{series[0].name}: {_quantity(best)} s for {_quantity(size)} {what}"
    size = max(shared)
    order = sorted(series, key=lambda one: one.middle()[size])
    ratio = order[-1].middle()[size] / order[0].middle()[size]
    than = f"as fast as {order[-1].name} on {_quantity(size)} {what}"
    return f"{order[0].name} is {ratio:.2g} times {than}"


def _quantity(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _measured_described(one: Series, across: str, up: str) -> str:
    said = [
        f"{_quantity(median(samples))} ({_quantity(min(samples))} to {_quantity(max(samples))}) "
        f"at {_quantity(size)}"
        for size, samples in one.points
    ]
    return f"{one.name}, {up} by {across}: {'; '.join(said)}."

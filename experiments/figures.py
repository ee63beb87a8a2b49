"""The experiments' figures: points with their spread, a line per series, the finding as title.

Colours are those of regsim's other pictures; every line also has a marker of its own and its name
written at its end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from regsim.report.pictures.colours import BLUE, GREY, INK, ORANGE, PALE, RED, RED_INK, SKY

Point = tuple[float, float, float, float]
"""x, y, and the lower and upper end of y's interval."""

COLOURS = (BLUE, RED, GREY, ORANGE, SKY, INK)
DARK = {ORANGE: INK, SKY: INK, RED: RED_INK}
"""What names a line whose own colour is too light for text."""
MARKERS = "osD^vP"


def lines(
    series: Mapping[str, Sequence[Point]],
    *,
    title: str,
    x: str,
    y: str,
    log_x: bool = False,
    log_y: bool = False,
    share: bool = False,
) -> Any:  # noqa: ANN401 - matplotlib is optional
    """Return a figure of *series*; *share* writes y as percentages, from 0 to what is reached."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - only when a figure is drawn
    from matplotlib.ticker import (  # noqa: PLC0415
        NullLocator,
        PercentFormatter,
        StrMethodFormatter,
    )

    figure = Figure(figsize=(7.6, 4.4), layout="constrained")
    axes = figure.subplots()
    for points, colour, marker in zip(series.values(), COLOURS, MARKERS, strict=False):
        xs, ys, low, high = zip(*points, strict=True)
        errors = [
            [max(0, y - a) for y, a in zip(ys, low, strict=True)],
            [max(0, b - y) for y, b in zip(ys, high, strict=True)],
        ]
        axes.errorbar(xs, ys, yerr=errors, color=colour, marker=marker, capsize=3, linewidth=1.6)
    if log_x:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(sorted({point[0] for points in series.values() for point in points}))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    if log_y:
        axes.set_yscale("log")
    if share:
        most = max(point[3] for points in series.values() for point in points)
        top = 1.0 if most > 0.5 else most
        axes.set_ylim(-0.03 * top, 1.05 * top)
        axes.yaxis.set_major_formatter(PercentFormatter(1))
    _name(axes, series)
    axes.set_title(title, loc="left", fontsize=12, color=INK)
    axes.set_xlabel(x, color=INK)
    axes.set_ylabel(y, color=INK)
    axes.grid(color=PALE)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _name(axes: Any, series: Mapping[str, Sequence[Point]]) -> None:  # noqa: ANN401
    """Write each line's name at its last point, apart from the others' where they are close."""
    ends = sorted(
        ((points[-1][1], points[-1][0], name) for name, points in series.items()), reverse=True
    )
    colour = dict(zip(series, COLOURS, strict=False))
    top, bottom = axes.get_ylim()[1], axes.get_ylim()[0]
    convert = axes.transData.transform
    floor = None
    for y, x, name in ends:
        at = convert((x, max(min(y, top), bottom)))[1]
        shift = 0.0 if floor is None else min(0.0, floor - 14 - at)
        floor = at + shift
        axes.annotate(
            name,
            (x, y),
            xytext=(8, shift),
            textcoords="offset points",
            color=DARK.get(colour[name], colour[name]),
            va="center",
            fontsize=9,
        )


def table(rows: Mapping[str, Mapping[str, str]], *, title: str) -> Any:  # noqa: ANN401
    """Return a table of words, a colour for each word that recurs."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - only when a figure is drawn

    shades = {
        "saved": "#cfe8dd",
        "late": "#f5e6c4",
        "lost": "#f3d0b8",
        "holder-broken": "#e5d3e8",
        "not-applicable": "#ffffff",
    }
    columns = list(next(iter(rows.values())))
    figure = Figure(figsize=(1.15 * (len(columns) + 1), 0.27 * (len(rows) + 3)))
    axes = figure.add_axes((0, 0, 1, 0.93))
    axes.set_axis_off()
    cells = [
        ["" if row[c] == "not-applicable" else row[c] for c in columns] for row in rows.values()
    ]
    drawn = axes.table(
        cellText=cells,
        rowLabels=list(rows),
        colLabels=[column.replace("-", "-\n", 1) for column in columns],
        cellColours=[[shades[row[c]] for c in columns] for row in rows.values()],
        cellLoc="center",
        bbox=(0.11, 0, 0.885, 1),
    )
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(8)
    for cell in drawn.get_celld().values():
        cell.set_edgecolor(PALE)
    for column in range(len(columns)):
        drawn[0, column].set_height(1.7 * drawn[1, column].get_height())
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, color=INK)
    return figure

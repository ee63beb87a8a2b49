"""A small SVG canvas: shapes in order, text measured so that nothing overlaps, stable bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from regsim.report.pictures.colours import DIM, GREY, INK, PALE, RED, WHITE
from regsim.report.words.writing import markup, visible

SMALL: Final = 12
"""The size of all texts but titles and names."""

Point = tuple[float, float]
"""A place on a picture, from its upper left corner."""

# Which fonts a reader has is unknown, so widths are guessed from above: a text may stand in too
# much room, but never on another. The figures are the widest of the fonts that `svg` names.
_NARROW = set("iIjlftr.,:;'|!()[]/\\- ")
_WIDE = set("mwMW@%")


def measure(text: str, size: float = 13, *, bold: bool = False) -> float:
    """Return a width that *text* does not exceed in any of the fonts that the pictures name."""
    ems = 0.0
    for c in visible(text):
        if c in _NARROW:
            ems += 0.42
        elif c in _WIDE:
            ems += 1.0
        elif c.isascii():
            ems += 0.79 if c.isupper() else 0.66
        else:
            ems += 1.1
    return ems * size * (1.12 if bold else 1.0)


def fold(text: str, room: float, size: float = 13, *, bold: bool = False) -> list[str]:
    """Return *text* in lines no wider than *room*; words that are too long are cut."""
    lines: list[str] = []
    line = ""
    for word in visible(text).split(" "):
        tried = f"{line} {word}" if line else word
        if measure(tried, size, bold=bold) <= room:
            line = tried
            continue
        if line:
            lines.append(line)
        line = word
        while measure(line, size, bold=bold) > room and len(line) > 1:
            cut = len(line) - 1
            while cut > 1 and measure(line[:cut], size, bold=bold) > room:
                cut -= 1
            slash = line.rfind("\\", 0, cut)
            cut = slash + 1 if slash > cut // 2 else cut
            lines.append(line[:cut])
            line = line[cut:]
    return [*lines, line]


def shorten(text: str, room: float, size: float = 13) -> str:
    """Return *text*, with its middle left out if it is wider than *room*."""
    text = visible(text)
    if measure(text, size) <= room:
        return text
    keep = len(text) // 2
    while keep > 1 and measure(f"{text[:keep]}...{text[-keep:]}", size) > room:
        keep -= 1
    return f"{text[:keep]}...{text[-keep:]}"


def half_head(name: str) -> float:
    """Return half the width of a lane's head."""
    return measure(name, bold=True) / 2 + 10


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _rect(x: float, y: float, w: float, h: float, fill: str, stroke: str) -> str:
    place = f'x="{_n(x)}" y="{_n(y)}" width="{_n(w)}" height="{_n(h)}"'
    return f'<rect {place} fill="{fill}" stroke="{stroke}"/>'


class Canvas:
    """Shapes in the order they are drawn; the picture grows to hold them all."""

    def __init__(self, *, margin: float = 20) -> None:
        self.margin = margin
        self.width = self.height = 0.0
        self.parts: list[str] = []
        self.written: list[str] = []

    def _reach(self, x: float, y: float) -> None:
        self.width, self.height = max(self.width, x), max(self.height, y)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 13,
        bold: bool = False,
        fill: str = INK,
        anchor: str = "start",
        plate: bool = False,
    ) -> None:
        """Write *text* with its baseline at *y*, above all shapes; *plate* puts white behind."""
        wide = measure(text, size, bold=bold)
        left = x - {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
        self._reach(left + wide, y + size * 0.3)
        if plate:
            self.written.append(_rect(left - 2, y - size, wide + 4, size * 1.3, WHITE, "none"))
        weight = ' font-weight="bold"' if bold else ""
        held = "" if anchor == "start" else f' text-anchor="{anchor}"'
        self.written.append(
            f'<text x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}" fill="{fill}"{held}{weight}>'
            f"{markup(text)}</text>"
        )

    def heading(self, title: str, room: float, subtitle: str = "") -> float:
        """Write *title* and below it *subtitle*, no wider than *room*; return what follows."""
        y = 34.0
        for line in fold(title, room, 16, bold=True):
            self.text(20, y, line, size=16, bold=True)
            y += 21.6
        for line in fold(subtitle, room, SMALL) if subtitle else ():
            self.text(20, y, line, size=SMALL, fill=GREY)
            y += 16
        return y

    def lane(self, x: float, name: str, top: float, bottom: float) -> None:
        """Draw the head of a lane with its *name*, and its line down to *bottom*."""
        half = half_head(name)
        self.path([(x, top + 28), (x, bottom)], stroke=DIM, wide=1, dash="2 4")
        self.rect(x - half, top, half * 2, 28, fill=PALE, stroke=GREY)
        self.text(x, top + 19, name, bold=True, anchor="middle")

    def axis(
        self, left: float, right: float, y: float, ticks: Iterable[tuple[float, str]], what: str
    ) -> None:
        """Draw an axis from *left* to *right* with *ticks*, and below it *what* they count."""
        self.path([(left, y), (right, y)], stroke=GREY, wide=1)
        for x, label in ticks:
            self.path([(x, y), (x, y + 4)], stroke=GREY, wide=1)
            self.text(x, y + 18, label, size=SMALL, fill=GREY, anchor="middle")
        self.text(left, y + 38, what, size=SMALL, fill=GREY)

    def rect(
        self, x: float, y: float, w: float, h: float, *, fill: str, stroke: str = "none"
    ) -> None:
        """Draw a rectangle."""
        self._reach(x + w, y + h)
        self.parts.append(_rect(x, y, w, h, fill, stroke))

    def path(
        self,
        points: Sequence[Point],
        *,
        stroke: str = INK,
        wide: float = 1.5,
        dash: str = "",
        fill: str = "none",
    ) -> None:
        """Draw a line through *points*; with *fill*, an area."""
        for x, y in points:
            self._reach(x, y)
        way = " ".join(f"{'L' if i else 'M'}{_n(x)} {_n(y)}" for i, (x, y) in enumerate(points))
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        closed = " Z" if fill != "none" else ""
        self.parts.append(
            f'<path d="{way}{closed}" fill="{fill}" stroke="{stroke}" '
            f'stroke-width="{_n(wide)}"{dashed}/>'
        )

    def arrow(
        self, x: float, y: float, to: float, *, stroke: str = INK, wide: float = 1.5, dash: str = ""
    ) -> None:
        """Draw a level arrow from *x* to *to*."""
        back = -9 if to > x else 9
        self.path([(x, y), (to + back, y)], stroke=stroke, wide=wide, dash=dash)
        self.path([(to, y), (to + back, y - 4.5), (to + back, y + 4.5)], stroke=stroke, fill=stroke)

    def cross(self, x: float, y: float, *, stroke: str = RED, arm: float = 6) -> None:
        """Draw an X around a point."""
        self.path([(x - arm, y - arm), (x + arm, y + arm)], stroke=stroke, wide=3)
        self.path([(x - arm, y + arm), (x + arm, y - arm)], stroke=stroke, wide=3)

    def diamond(
        self, x: float, y: float, arm: float = 6, *, wide: float = 1.5, stroke: str = INK
    ) -> None:
        """Draw a white diamond around a point."""
        corners = [(x, y - arm), (x + arm, y), (x, y + arm), (x - arm, y)]
        self.path(corners, stroke=stroke, wide=wide, fill=WHITE)

    def hatch(self, x: float, y: float, w: float, h: float, *, stroke: str = INK) -> None:
        """Draw slanted strokes that stay inside a rectangle."""
        at = x
        while at + h <= x + w:
            self.path([(at, y + h), (at + h, y)], stroke=stroke, wide=1)
            at += 8

    def svg(self, title: str, desc: str) -> str:
        """Return the picture on white, with its name and description for those who cannot see."""
        w, h = self.width + self.margin, self.height + self.margin
        font = "DejaVu Sans, Segoe UI, Helvetica, Arial, sans-serif"
        size = f'width="{_n(w)}" height="{_n(h)}"'
        box = f'viewBox="0 0 {_n(w)} {_n(h)}" font-family="{font}"'
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size} {box}>',
            f"<title>{markup(title)}</title>",
            f"<desc>{markup(desc)}</desc>",
            f'<rect {size} fill="{WHITE}"/>',
            *self.parts,
            *self.written,
            "</svg>",
        ]
        return "\n".join(lines) + "\n"

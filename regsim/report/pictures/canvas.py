"""A small SVG canvas: shapes in order, text measured so that nothing overlaps, stable bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

import attrs

from regsim.report.words import runs as words
from regsim.scenario.result import CallRecord

# Okabe and Ito's colours for shapes; the darker ones carry text on white at 4.5:1 or better.
INK, GREY, PALE = "#1a1a1a", "#595959", "#e6e6e6"
BLUE, SKY, GREEN, ORANGE, RED = "#0072b2", "#56b4e9", "#009e73", "#e69f00", "#d55e00"
RED_INK = "#9c3f00"
WHITE = "#ffffff"

_NARROW = set("iIjlftr.,:;'|!()[]/\\- ")
_WIDE = set("mwMW@%")


def measure(text: str, size: float = 13, *, bold: bool = False) -> float:
    """Return a width that *text* does not exceed in any of the fonts that the pictures name."""
    ems = 0.0
    for c in words.visible(text):
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
    for word in words.visible(text).split(" "):
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
    text = words.visible(text)
    if measure(text, size) <= room:
        return text
    keep = len(text) // 2
    while keep > 1 and measure(f"{text[:keep]}...{text[-keep:]}", size) > room:
        keep -= 1
    return f"{text[:keep]}...{text[-keep:]}"


def grouped(calls: Iterable[CallRecord]) -> Iterator[tuple[CallRecord, int]]:
    """Yield each record with how often it stands there in a row, as retries do."""
    held: CallRecord | None = None
    times = 0
    for record in calls:
        if held is not None and _same(held) == _same(record):
            times += 1
            continue
        if held is not None:
            yield held, times
        held, times = record, 1
    if held is not None:
        yield held, times


def _same(record: CallRecord) -> CallRecord:
    return attrs.evolve(record, number=0, time=0, note="")


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
            f"{escape(words.visible(text))}</text>"
        )

    def lines(self, x: float, y: float, texts: Sequence[str], *, size: float = 13) -> float:
        """Write *texts* in bold under each other; return the baseline that follows."""
        for text in texts:
            self.text(x, y, text, size=size, bold=True)
            y += size * 1.35
        return y

    def rect(
        self, x: float, y: float, w: float, h: float, *, fill: str, stroke: str = "none"
    ) -> None:
        """Draw a rectangle."""
        self._reach(x + w, y + h)
        self.parts.append(_rect(x, y, w, h, fill, stroke))

    def path(
        self,
        points: Sequence[tuple[float, float]],
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
            f"<title>{escape(words.visible(title))}</title>",
            f"<desc>{escape(words.visible(desc))}</desc>",
            f'<rect {size} fill="{WHITE}"/>',
            *self.parts,
            *self.written,
            "</svg>",
        ]
        return "\n".join(lines) + "\n"

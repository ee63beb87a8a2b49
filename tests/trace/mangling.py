"""What mails, forums, consoles and people do to the text of an event on its way to a reader."""

from __future__ import annotations

import html
import json
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Final

Mangle = Callable[[str], str]

WIDTHS: Final = (20, 33, 40, 60, 65, 72, 76, 78, 80, 99, 100, 119, 120, 132, 160, 200)
_WORDS: Final = (
    ("Log Name:", "Protokollname:"),
    ("Source:", "Quelle:"),
    ("Date:", "Datum:"),
    ("Event ID:", "Ereignis-ID:"),
    ("Process name", "Prozessname"),
    ("Process ", "Der Prozess "),
    ("has opened key", "hat ge\u00f6ffnet den Schl\u00fcssel"),
    ("user registry handles leaked from", "Handles wurden nicht geschlossen von"),
)


def translated(text: str) -> str:
    """Return *text* with its labels in another language; images, numbers and keys stay."""
    for english, other in _WORDS:
        text = text.replace(english, other)
    return text


def cut_at(width: int, *, trimmed: bool) -> Mangle:
    """Return what a console does: a break after each *width* columns, in words or not."""

    def mangle(text: str) -> str:
        lines = [line[at : at + width] for line in text.split("\n") for at in _starts(line, width)]
        return "\n".join(line.rstrip() if trimmed else line for line in lines)

    return mangle


def _starts(line: str, width: int) -> range:
    return range(0, max(len(line), 1), width)


def filled(width: int, *, long_words: bool, hyphens: bool = False) -> Mangle:
    """Return what a mail program does: breaks at spaces, and in long words if it must."""

    def mangle(text: str) -> str:
        wrap = textwrap.TextWrapper(
            width, break_long_words=long_words, break_on_hyphens=hyphens and long_words
        )
        return "\n".join("\n".join(wrap.wrap(line) or [""]) for line in text.split("\n"))

    return mangle


def listed(width: int) -> Mangle:
    """Return what Format-List does: an indent, breaks after spaces that it keeps."""

    def mangle(text: str) -> str:
        pieces: list[str] = []
        for line in text.split("\n"):
            pieces += _filled(line, width - 14)
        return "Message     : " + ("\n" + " " * 14).join(pieces)

    return mangle


def _filled(line: str, room: int) -> Iterator[str]:
    current = ""
    for word in re.findall(r"\S+\s*|\s+", line):
        rest = word
        while len(rest) > room:
            if current:
                yield current
                current = ""
            yield rest[:room]
            rest = rest[room:]
        if len(current) + len(rest) > room:
            yield current
            current = rest
        else:
            current += rest
    yield current


MANGLES: Final[dict[str, Mangle]] = {
    "flattened": lambda text: " ".join(text.split()),
    "indented": lambda text: textwrap.indent(text, "    "),
    "quoted": lambda text: textwrap.indent(text, "> ", lambda _: True),
    "quoted twice": lambda text: textwrap.indent(text, "> > ", lambda _: True),
    "html": lambda text: "<p>" + html.escape(text).replace("\n", "<br>\n") + "</p>",
    "html entities": html.escape,
    "markdown": lambda text: re.sub(r"([\\_*\[\]#])", r"\\\1", text),
    "json": json.dumps,
    "crlf": lambda text: text.replace("\n", "\r\n"),
    "code block": lambda text: f"```\n{text}\n```",
    "double spaced": lambda text: text.replace("\n", "\n\n"),
    "translated": translated,
    **{f"cut at {w}": cut_at(w, trimmed=False) for w in WIDTHS},
    **{f"cut at {w}, trimmed": cut_at(w, trimmed=True) for w in WIDTHS},
    **{f"filled to {w}": filled(w, long_words=False) for w in WIDTHS},
    **{f"filled to {w}, long words broken": filled(w, long_words=True) for w in WIDTHS},
    **{f"filled to {w}, at hyphens": filled(w, long_words=True, hyphens=True) for w in WIDTHS},
    **{f"listed at {w}": listed(w) for w in WIDTHS if w >= 40},
}
"""Each way to mangle a text that leaves all that it says in it."""

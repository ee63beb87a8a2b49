"""How names, numbers and records are written, so that no name drives what shows it."""

from __future__ import annotations

from html import escape
from typing import Any


def visible(text: str, keep: str = "") -> str:
    r"""Return *text* with control characters, surrogates and the like as escapes, but for *keep*.

    >>> visible("a\x1b[31m\n", keep="\n")
    'a\\x1b[31m\n'
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text
    )


def ascii_only(text: str) -> str:
    r"""Return *text* with every character that a console may not show as an escape.

    >>> ascii_only("a\x1b[31m \u00e9")
    'a\\x1b[31m \\xe9'
    """
    return visible(text).encode("ascii", "backslashreplace").decode()


def markup(text: str) -> str:
    """Return *text* for a place between the tags of HTML or SVG, or in a quoted attribute."""
    return escape(visible(text))


def capital(text: str) -> str:
    """Return *text* as a sentence begins, the rest as it is."""
    return text[:1].upper() + text[1:]


def counted(number: int, noun: str) -> str:
    """Return *number* with its *noun*, which takes an s unless there is exactly one.

    >>> counted(1, "handle"), counted(1200, "handle")
    ('1 handle', '1,200 handles')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def fields(record: object, names: str) -> dict[str, Any]:
    """Return the fields of *record* called *names*, which spaces part, in that order."""
    return {name: getattr(record, name) for name in names.split()}

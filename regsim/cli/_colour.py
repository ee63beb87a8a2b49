"""Colour and weight for the words that carry a verdict; each says by itself what it says."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from typing import Final

import click

WHENS: Final = ("auto", "always", "never")
"""When words are coloured."""

_STYLES: Final = {
    "bold red": r"BLOCKED|LOST|HOLDER-BROKEN|\blost\b|\bholder-broken\b|\bviolated\b",
    "bold green": r"CLEAR|SAVED|\bsaved\b(?= *$|  )|\bholds\b(?=\n)",
    "bold yellow": r"INCONCLUSIVE|LATE|\blate\b(?= *$|  )",
    "bold": (
        r"^(?:What follows|What to do|Collect next|How often|Limits|Why|Evidence|Verdict|Events):"
    ),
    "dim": r"\bn/a\b",
}
_chosen: list[str] = ["auto"]


def taken_from(args: Sequence[str]) -> list[str]:
    """Return *args* without ``--color WHEN``, which may stand anywhere and is noted here.

    Raises:
        click.UsageError: WHEN is none of `WHENS`.
    """
    _chosen[0] = "auto"
    kept: list[str] = []
    rest = list(args)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if name != "--color":
            kept.append(word)
            if word == "--":
                return kept + rest
            continue
        when = value if equals else rest.pop(0) if rest else ""
        if when not in WHENS:
            raise click.UsageError(f"--color takes {', '.join(WHENS)}, not {when!r}")
        _chosen[0] = when
    return kept


def wanted() -> bool:
    """Return whether words are coloured on standard output."""
    if _chosen[0] != "auto":
        return _chosen[0] == "always"
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return sys.stdout.isatty()


def echo(text: str) -> None:
    """Print *text*, the words of a verdict in colour where that is wanted."""
    if not wanted():
        click.echo(text)
        return
    # Imported here: it takes longer than most answers.
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    shown = Text(text)
    for style, words in _STYLES.items():
        shown.highlight_regex(re.compile(words, re.MULTILINE), style)
    Console(force_terminal=True, color_system="standard", no_color=False).print(
        shown, soft_wrap=True, highlight=False
    )

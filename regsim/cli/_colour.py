"""Colour and weight for the words that carry a verdict; each says by itself what it says."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Final

import click

WHENS: Final = ("auto", "always", "never")
"""When words are coloured."""

Styles = Mapping[str, str]
"""Regular expressions of the words to set off, by the style that rich gives them."""

EVIDENCE: Final[Styles] = {
    "bold red": r"^BLOCKED\b",
    "bold green": r"^CLEAR\b",
    "bold yellow": r"^INCONCLUSIVE\b",
    "bold": (r"^(?:What follows|What to do|Collect next|How often|Limits|Why|Evidence|Events):"),
}
OUTCOMES: Final[Styles] = {
    "bold red": r"(?<=^Verdict: )(?:lost|holder-broken)|^(?:LOST|HOLDER-BROKEN)\b|"
    r"(?<=  )(?:lost|holder-broken)(?=  | *$)",
    "bold green": r"(?<=^Verdict: )saved|\bSAVED(?=:)|(?<=  )saved(?=  | *$)",
    "bold yellow": r"(?<=^Verdict: )late|\bLATE(?=:)|(?<=  )late(?=  | *$)",
    "bold": r"^(?:Verdict|Events):",
    "dim": r"(?<=  )n/a(?=  | *$)",
}
CHECKS: Final[Styles] = {
    "bold red": r"(?<=[):] )violated$|(?<=properties )violated(?=:)|(?<= )violated(?=  )",
    "bold green": r"(?<=[):] )holds$|(?<=properties )hold$|(?<= )holds(?=  )",
    "bold yellow": r"(?<=[):] )inconclusive$|(?<=properties )undecided(?=:)|"
    r"(?<= )inconclusive(?=  )",
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


def echo(text: str, styles: Styles) -> None:
    """Print *text*, with the words of *styles* in colour and weight where that is wanted."""
    text = text.rstrip("\n")
    if not wanted():
        click.echo(text)
        return
    # Imported here: it takes longer than most answers.
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    shown = Text(text)
    for style, words in styles.items():
        shown.highlight_regex(re.compile(words, re.MULTILINE), style)
    Console(force_terminal=True, color_system="standard", no_color=False).print(
        shown, soft_wrap=True, highlight=False
    )

"""What ``regsim replay`` and ``regsim who`` share: how they print, and which code they return."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Final

from regsim import dialects
from regsim.cli._hive_output import say
from regsim.policy import Dialect
from regsim.report.text.evidence import as_json, as_text
from regsim.trace.finding import Conclusion, Finding

EXIT: Final = {Conclusion.CLEAR: 0, Conclusion.BLOCKED: 1, Conclusion.INCONCLUSIVE: 3}
_QUIET: Final = 1.0
_PAUSE: Final = 0.2


class ProgressLine:
    """How far the reading is, on stderr, if that is a terminal and it takes over a second."""

    def __init__(self) -> None:
        self.began = self.shown = time.monotonic()
        self.on = sys.stderr.isatty()
        self.written = False

    def __call__(self, done: int, total: int, events: int) -> None:
        """Show the share of the file and the rate, at most five times a second."""
        now = time.monotonic()
        if not self.on or now - self.began < _QUIET or now - self.shown < _PAUSE:
            return
        self.shown, self.written = now, True
        share = f"{min(done / total, 1):.0%}" if total else f"{done >> 20} MiB"
        rate = events / (now - self.began)
        sys.stderr.write(f"\r{share}, {events:,} events, {rate:,.0f} a second ")
        sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self.written:
            sys.stderr.write("\r" + " " * 60 + "\r")
            sys.stderr.flush()


def dialect_named(name: str | None) -> Dialect | None:
    """Return the rules of the system called *name*, or None for no name."""
    return None if name is None else dialects.get(name)


def show(finding: Finding, *, as_object: bool, say: Callable[[str], None] = say) -> int:
    """Print the finding by *say*, and return the exit code."""
    known = finding.os if finding.os in dialects.ALL else None
    say(
        json.dumps(as_json(finding), indent=2)
        if as_object
        else as_text(finding, dialect_named(known))
    )
    return EXIT[finding.conclusion]

"""How completely a file was read: each row is taken, harmless, or counted under a reason.

Every reader fills one `Completeness`; `regsim.trace.judge` asks it about the rows that follow the
last moment at which a hive is known to be let go. What is not in it, a finding does not believe.
"""

from __future__ import annotations

from typing import Final

import attrs

NO_HIVE: Final = "the hive has no name"
NO_PROCESS: Final = "a process starts or ends, and it does not say which"
NOTHING: Final = "a key is closed, and it does not say which"
UNASKED: Final = "a call on HKCU, whose root Windows opens unasked and without a row"
BELOW: Final = "what it loads or unloads is not the root of a hive"

_MOST_REASONS: Final = 1_000
_OTHERS: Final = "others"


@attrs.define
class Skips:
    """How many rows one reason concerns, and the first and the last of them, counted from 1."""

    count: int = 0
    first: int = 0
    last: int = 0

    def add(self, number: int, count: int = 1, last: int = 0) -> None:
        """Count *count* rows more, the first of them *number* and the last *last*."""
        self.first = number if not self.count else min(self.first, number)
        self.last = max(self.last, number, last)
        self.count += count

    def concerns(self, after: int, until: int | None = None) -> bool:
        """Return whether one of the rows follows row *after*, and none only row *until*."""
        return self.last > after and (until is None or self.first <= until)


Reasons = dict[str, Skips]
"""Rows by the reason for which they are counted."""


def note(reasons: Reasons, reason: str, number: int, count: int = 1, last: int = 0) -> None:
    """Count a row under *reason*; after a thousand reasons, the rest are one."""
    reason = reason[:80]
    if reason not in reasons and len(reasons) >= _MOST_REASONS:
        reason = _OTHERS
    reasons.setdefault(reason, Skips()).add(number, count, last)


@attrs.define(kw_only=True)
class Completeness:
    """What was read of a file, and what was not.

    ``rows`` are all rows of the file, ``taken`` those handed on, ``harmless`` those known to touch
    no handle; each of the others is counted once: as ``malformed`` (what is wrong with the row),
    in ``calls`` (names not understood) or ``statuses`` (of calls that may have opened something).
    ``gaps`` counts numbers that a driver gave to events that are not in the file, ``disordered``
    rows whose number is below that of a row before, ``untimed`` rows whose time cannot be read.
    ``untold`` has what a recorder says that it could not record, by what that is. ``damage`` says
    where the file ends too early. ``shows_filters`` says whether a file of the format shows that
    rows were filtered out; ``inherits`` whether it shows what a process inherits.
    """

    shows_filters: bool
    inherits: bool = False
    rows: int = 0
    taken: int = 0
    harmless: int = 0
    malformed: Reasons = attrs.field(factory=dict)
    calls: Reasons = attrs.field(factory=dict)
    statuses: Reasons = attrs.field(factory=dict)
    untold: Reasons = attrs.field(factory=dict)
    gaps: Skips = attrs.field(factory=Skips)
    disordered: Skips = attrs.field(factory=Skips)
    untimed: Skips = attrs.field(factory=Skips)
    damage: list[str] = attrs.field(factory=list)

    def add(self, part: Completeness, offset: int) -> None:
        """Take over what was counted in a part of the file that begins after row *offset*."""
        self.rows += part.rows
        self.taken += part.taken
        self.harmless += part.harmless
        if part.untimed.count:
            untimed = part.untimed
            self.untimed.add(untimed.first + offset, untimed.count, untimed.last + offset)
        for name in ("malformed", "calls", "statuses", "untold"):
            mine, other = getattr(self, name), getattr(part, name)
            for reason, skips in other.items():
                note(mine, reason, skips.first + offset, skips.count, skips.last + offset)

    @property
    def skipped(self) -> Reasons:
        """All reasons for which rows were skipped."""
        calls = {f"call {name!r} is not understood": skips for name, skips in self.calls.items()}
        statuses = {f"status {text!r} is unknown": skips for text, skips in self.statuses.items()}
        return {**self.malformed, **calls, **statuses, **self.untold}

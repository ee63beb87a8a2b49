"""What salvage mode found wrong with a file, each with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from regsim.errors import HiveFormatError

MAX_PROBLEMS: Final = 10_000
"""Problems kept for one hive; later ones are only counted, so that noise cannot fill memory."""


@attrs.frozen(kw_only=True)
class Problem:
    """One violation: what breaks the format, where, and what stands there instead."""

    what: str
    offset: int
    """Bytes from the start of the file."""
    expected: str
    actual: str

    @classmethod
    def of(cls, error: HiveFormatError) -> Problem:
        """Return the record of an error that strict mode would have raised."""
        return cls(
            what=error.what,
            offset=error.offset,
            expected=_text(error.expected),
            actual=_text(error.actual),
        )

    def as_dict(self) -> dict[str, object]:
        """Return the fields as JSON wants them."""
        return attrs.asdict(self)

    def __str__(self) -> str:
        return f"{self.what} at {self.offset:#010x} should be {self.expected}, but is {self.actual}"


class ProblemLog:
    """The problems of one hive, each once, in the order they were met."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, str], Problem] = {}
        self.dropped = 0

    def add(self, error: HiveFormatError) -> None:
        """Keep *error* unless the same place and field is known, or the log is full."""
        key = (error.offset, error.what)
        if key in self._seen:
            return
        if len(self._seen) >= MAX_PROBLEMS:
            self.dropped += 1
            return
        self._seen[key] = Problem.of(error)

    def all(self) -> list[Problem]:
        """Return the problems in the order they were met."""
        return list(self._seen.values())


def _text(value: object) -> str:
    return value if isinstance(value, str) else repr(value)

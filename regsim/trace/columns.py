"""The columns that every reader of evidence yields, and the tables beside them.

One row is one event that opens or closes something; what only asks or fails is counted by the
reader and left out. ``process`` and ``key`` index the tables of the `Capture` that yields the
columns. The codes of ``op`` are those of `regsim.accel.columns`.
"""

from __future__ import annotations

import enum
from array import array
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

import attrs

from regsim.accel.columns import EventKind
from regsim.trace.paths import KeyTable

OPEN: Final = int(EventKind.OPEN)
CLOSE: Final = int(EventKind.CLOSE)
DUPLICATE: Final = int(EventKind.DUPLICATE)
START: Final = int(EventKind.START)
EXIT: Final = int(EventKind.EXIT)
LOAD: Final = int(EventKind.LOAD)
UNLOAD: Final = int(EventKind.UNLOAD)

MAXIMUM_ALLOWED: Final = 0x02000000
"""The access with which Windows opens a predefined root that it then caches (observed)."""

Progress = Callable[[int, int, int], None]
"""Called now and then with the bytes done, the bytes in all (0: unknown) and the events so far."""


class Fidelity(enum.Enum):
    """What a kind of evidence can tell; a verdict never claims more."""

    HANDLES = "A"  # opens, closes and duplicates, each with its handle value
    OBJECTS = "B"  # opens and closes with the address of the key, but no handle
    PATHS = "C"  # opens and closes by path alone
    SNAPSHOT = "D"  # what was open at one moment

    @property
    def meaning(self) -> str:
        """What the tier holds, in a phrase."""
        return _MEANINGS[self]


_MEANINGS: Final = {
    Fidelity.HANDLES: "opens and closes with their handle values",
    Fidelity.OBJECTS: "opens and closes by key object, without handle values",
    Fidelity.PATHS: "opens and closes by path, without handle values",
    Fidelity.SNAPSHOT: "what was open at one moment",
}


@attrs.define(kw_only=True)
class ProcessInfo:
    """One process of the evidence; what the evidence does not tell is None or empty."""

    pid: int
    image: str
    user: str = ""
    session: int | None = None
    command_line: str = ""
    services: str = ""
    started: int | None = None  # ticks; None: before the capture, or unknown
    ended: int | None = None


@attrs.define
class Batch:
    """Rows in columns of equal length.

    ``handle`` and ``parent`` are None where the evidence has no handle values. ``time`` counts
    100 ns ticks, ``number`` the events of the file from 1, ``access`` is the access asked for (0:
    unknown), ``status`` the NTSTATUS.
    """

    op: array[int] = attrs.field(factory=lambda: array("B"))
    process: array[int] = attrs.field(factory=lambda: array("I"))
    key: array[int] = attrs.field(factory=lambda: array("I"))
    status: array[int] = attrs.field(factory=lambda: array("I"))
    time: array[int] = attrs.field(factory=lambda: array("q"))
    access: array[int] = attrs.field(factory=lambda: array("I"))
    number: array[int] = attrs.field(factory=lambda: array("Q"))
    handle: array[int] | None = None
    parent: array[int] | None = None

    def __len__(self) -> int:
        return len(self.op)


Row = tuple[int, int, int, int, int, int, int]
"""One row of a `Batch` without handles, in the order of its columns."""


def batch_of(rows: Iterable[Row]) -> Batch:
    """Return *rows* as columns."""
    columns = list(zip(*rows, strict=True))
    if not columns:
        return Batch()
    return Batch(*(array(code, column) for code, column in zip("BIIIqIQ", columns, strict=True)))


HandleRow = tuple[int, int, int, int, int, int, int, int, int]
"""One row of a `Batch` with handles, in the order of its columns."""


def batch_with_handles(rows: Iterable[HandleRow]) -> Batch:
    """Return *rows* as columns, handles and parents among them."""
    columns = list(zip(*rows, strict=True)) or [()] * 9
    return Batch(*(array(code, column) for code, column in zip("BIIIqIQQQ", columns, strict=True)))


@attrs.define(kw_only=True)
class CaptureFacts:
    """What a reader learns about the capture as a whole; complete once all batches are read.

    ``events`` counts every event of the file, of interest or not. ``missing`` counts the numbers
    that the driver gave to events that are not in the file (None: the format has no numbers).
    ``closes`` is False for a format that never shows closes. ``problems`` says in sentences where
    the file is damaged or cut short.
    """

    format: str
    fidelity: Fidelity
    clock: str = ""  # "utc", "local" or "" (no times)
    os: str | None = None
    os_title: str = ""
    host: str = ""
    events: int = 0
    registry_events: int = 0
    missing: int | None = None
    closes: bool = True
    first_time: int | None = None
    last_time: int | None = None
    problems: list[str] = attrs.field(factory=list)


class Capture(Protocol):
    """An opened piece of evidence: tables that fill while `batches` is read, once."""

    facts: CaptureFacts
    processes: list[ProcessInfo]
    keys: KeyTable

    def batches(self, progress: Progress | None = None) -> Iterator[Batch]:
        """Yield the rows in the order of the file."""
        ...  # pragma: no cover

    def when(self, ticks: int) -> str:
        """Return a time of a row as people read it."""
        ...  # pragma: no cover

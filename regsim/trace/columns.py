"""The columns that every reader of traces yields.

One row is one event that opens or closes something; what only asks or fails is counted by the
reader and left out. ``process`` and ``key`` index the tables of the `Capture` that yields the
columns. The codes of ``op`` are those of `regsim.accel.columns`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Final

import attrs

from regsim.accel.columns import EventKind

OPEN: Final = int(EventKind.OPEN)
CLOSE: Final = int(EventKind.CLOSE)
DUPLICATE: Final = int(EventKind.DUPLICATE)
START: Final = int(EventKind.START)
EXIT: Final = int(EventKind.EXIT)
LOAD: Final = int(EventKind.LOAD)
UNLOAD: Final = int(EventKind.UNLOAD)
DELETE: Final = int(EventKind.DELETE)

MAXIMUM_ALLOWED: Final = 0x02000000
"""The access with which Windows opens a predefined root that it then caches (observed)."""

UNKNOWN_FAILURE: Final = 0xC0000001
"""The status of a call that failed for a reason without a number of its own."""


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

    def arrays(self) -> list[array[int]]:
        """Return op, process, key, status, time, access and number, of numpy too, as arrays."""
        columns = (self.op, self.process, self.key, self.status, self.time, self.access)
        return [
            column if isinstance(column, array) else array(code, column.tobytes())
            for code, column in zip("BIIIqIQ", (*columns, self.number), strict=True)
        ]


_TYPECODES: Final = "BIIIqIQQQ"

BatchRow = tuple[int, ...]
"""One row of a `Batch`, in the order of its columns; without handles the last two are left out."""


def batch_of(rows: Iterable[BatchRow]) -> Batch:
    """Return *rows*, all with handles or all without, as columns."""
    columns = zip(*rows, strict=True)
    return Batch(*(array(code, column) for code, column in zip(_TYPECODES, columns, strict=False)))

"""What a trace's rows have to be told of beside their replay: which open what, and what is odd."""

from __future__ import annotations

from array import array
from typing import Final, NamedTuple

from regsim.accel import NATIVE
from regsim.accel.columns import FIRST_PREDEFINED, LAST_PREDEFINED, EventKind
from regsim.accel.records import Buffer, Columns

_OPENERS: Final = frozenset({EventKind.OPEN, EventKind.DUPLICATE, EventKind.USE_ROOT})
_LIMITS: Final = frozenset(
    {EventKind.START, EventKind.EXIT, EventKind.LOAD, EventKind.UNLOAD, EventKind.FORCE}
)


class WatchedRows(NamedTuple):
    """What was found in some rows.

    ``stop`` is the row that begins or ends something, or the end. From the rows ``opens`` handles
    in hives of interest may be open, unasked ones of calls that failed among them; ``touched`` are
    hives in which a key was opened. ``odd`` are the opens in such hives that copy a handle, are of
    a hive that was ever gone, or succeeded by who has ended.
    """

    stop: int
    opens: array[int]
    odd: array[int]
    touched: list[int]


class RowWatch:
    """Watches *rows*; each key's hive is in *hives*, 0 for one of no interest."""

    def __init__(self, rows: Columns, hives: Buffer, count: int) -> None:
        self._rows, self._hives = rows, hives
        room = 4 * len(rows) if NATIVE is not None else 0
        self._opens, self._odd = array("I", bytes(room)), array("I", bytes(room))
        self._touched = bytearray(count)

    def run(self, first: int, gone: bytearray, ended: bytearray) -> WatchedRows:
        """Watch the rows from *first* on, up to one that begins or ends something.

        *gone* flags the hives that were ever gone, *ended* the processes that have ended; those
        beyond their ends are not flagged.
        """
        if NATIVE is None:
            return self._run(first, gone, ended)
        rows, touched = self._rows, self._touched
        columns = (rows.op, rows.pid, rows.handle, rows.parent, rows.key, rows.status)
        flags = (self._hives, gone, ended, touched)
        left = len(rows) - first
        stop, opens, odd = NATIVE.watch(*columns, first, left, *flags, self._opens, self._odd)
        # There may be many hives and many ends of processes: no loop of Python's goes over both.
        hives, hive = [], touched.find(1)
        while hive >= 0:
            hives.append(hive)
            touched[hive] = 0
            hive = touched.find(1, hive + 1)
        return WatchedRows(stop, self._opens[:opens], self._odd[:odd], hives)

    def _run(self, first: int, gone: bytearray, ended: bytearray) -> WatchedRows:
        rows, opens, odd, touched = self._rows, array("I"), array("I"), set[int]()
        for row in range(first, len(rows)):
            op, hive = rows.op[row], self._hives[rows.key[row]]
            if op in _LIMITS:
                return WatchedRows(row, opens, odd, sorted(touched))
            if op not in _OPENERS or not hive:
                continue
            done = not rows.status[row]
            late = op == EventKind.DUPLICATE or any(ended[rows.pid[row] : rows.pid[row] + 1])
            if done or FIRST_PREDEFINED <= rows.parent[row] <= LAST_PREDEFINED:
                opens.append(row)
            if (done and late) or any(gone[hive : hive + 1]):
                odd.append(row)
            if done and op == EventKind.OPEN:
                touched.add(hive)
        return WatchedRows(len(rows), opens, odd, sorted(touched))

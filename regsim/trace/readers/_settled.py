"""What the rows of a file of columns did: ops and statuses as they are replayed, and what is odd.

The C library settles what most rows come to, one by one; the rows that it leaves over, or all
without it, are settled here, whole columns at once: either way the answer is the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from regsim.accel import NATIVE
from regsim.accel.columns import EventKind
from regsim.trace.calls import GONE, WIN32_ERRORS, Family, call_of, success
from regsim.trace.columns import CLOSE, DELETE, DUPLICATE, EXIT, LOAD, OPEN, START, UNLOAD
from regsim.trace.completeness import NO_HIVE, NO_PROCESS, NOTHING, UNASKED, Reasons, note
from regsim.trace.evidence import Facts, Fidelity
from regsim.trace.extras import need
from regsim.trace.readers._parquet import Table
from regsim.trace.spelling import HKCU, UNPLACED, KeyTable

_UNKNOWN: Final = 1 << 16
_UNLOADS: Final = (UNLOAD, int(EventKind.FORCE))
_USE_ROOT: Final = int(EventKind.USE_ROOT)


class Coded(NamedTuple):
    """A column by places in a dictionary: ``table[place]`` is what stands in a row.

    The last item of the table is that of a row in which nothing stands, whose place is -1.
    """

    places: Table
    table: Table

    def at(self, rows: Table) -> Table:
        """Return what stands in *rows*."""
        return self.table[self.places[rows]]


class Unsettled(NamedTuple):
    """The columns that say what rows did, as the file has them.

    ``handle`` and ``parent`` name predefined keys without a sign, ``unnamed`` flags the rows
    without a process, if there is one; ``first`` is how many rows of the file come before.
    """

    call: Coded
    key: Coded
    status: Table
    handle: Table
    parent: Table
    unnamed: Table | None
    first: int


class Settled(NamedTuple):
    """What the rows did, as columns of the replay."""

    op: Table
    key: Table
    status: Table


class Settler:
    """Settles the rows of one file, and notes in its *facts* what is not understood."""

    def __init__(self, facts: Facts, keys: KeyTable) -> None:
        self._np = need("numpy", "Parquet files")
        self._facts, self._keys = facts, keys
        self._names: list[str] = []
        known = self._np.zeros(max(WIN32_ERRORS) + 1, self._np.uint8)
        known[list(WIN32_ERRORS)] = 1
        self._fixed = (known, self._np.array(sorted(GONE), self._np.uint32))

    def code(self, text: str | None) -> int:
        """Return the code of a call's name: its op, its family, or a number of its own."""
        call = call_of(text or "")
        if call is not None:
            return call.op + (call.family.value << 8)
        self._names.append(text or "")
        return _UNKNOWN + len(self._names) - 1

    def settle(self, rows: Unsettled) -> Settled:
        """Return what *rows* did; what is not understood is counted and op 0."""
        np, count = self._np, len(rows.status)
        out = Settled(*(np.empty(count, kind) for kind in (np.uint8, np.uint32, np.uint32)))
        if NATIVE is None:
            left = np.arange(count)
            out.key[:] = rows.key.at(left)
        else:
            left = self._by_library(NATIVE.settle, rows, out)
        if len(left):
            self._settle(rows, left, out)
        return out

    def _by_library(self, settle: Any, rows: Unsettled, out: Settled) -> Table:  # noqa: ANN401 - of C
        """Settle what the library can, and return the other rows."""
        np, record = self._np, self._facts.record
        left = np.empty(len(rows.status), np.uint32)
        columns = (*rows.call, *rows.key, rows.status, rows.handle, rows.parent, *self._fixed)
        by_path = self._facts.fidelity is Fidelity.PATHS
        item = rows.call.places.itemsize
        found, harmless, taken = settle(*columns, *out, left, item, by_path)
        record.harmless += harmless
        record.taken += taken
        return left[:found].astype(np.int64)

    def _settle(self, rows: Unsettled, at: Table, out: Settled) -> None:
        """Settle the rows *at*."""
        coded, keys = rows.call.at(at), out.key[at]
        ops, statuses = self._understood(coded, keys, rows.status[at], at + rows.first)
        self._ask(rows, at, coded, ops, keys)
        out.op[at], out.key[at], out.status[at] = ops, keys, statuses

    def _understood(
        self, coded: Table, keys: Table, statuses: Table, numbers: Table
    ) -> tuple[Table, Table]:
        """Return the ops and statuses of rows, which have *numbers* in the file from 0 on."""
        np, record = self._np, self._facts.record
        ops = coded.astype(np.uint8)
        unknown = coded >= _UNKNOWN
        for code in np.unique(coded[unknown]).tolist():
            self._note(record.calls, self._names[code - _UNKNOWN], numbers[coded == code])
        ops[unknown] = 0
        self._judge_statuses(coded, ops, statuses, numbers)
        # Any call that finds its key gone is told as an open that failed so.
        failed = (coded == 0) | ((ops == CLOSE) & (statuses != 0))
        gone = np.zeros(len(ops), bool)
        for status in GONE:
            gone |= statuses == status
        gone &= failed
        record.harmless += int((failed & ~gone).sum())
        ops[failed] = 0
        ops[gone] = OPEN
        # A delete has the handles on its key hold nothing any more; here it is not known on which.
        placed = np.flatnonzero(_among(np, ops, (DELETE, LOAD, *_UNLOADS)))
        lost = placed[np.asarray(self._keys.hives)[keys[placed]] == UNPLACED]
        void = ops[lost] == DELETE
        record.harmless += int(void.sum())
        self._note(record.malformed, NO_HIVE, numbers[lost[~void]])
        ops[lost] = 0
        record.taken += int(np.count_nonzero(ops))
        return ops, statuses

    def _judge_statuses(self, coded: Table, ops: Table, statuses: Table, numbers: Table) -> None:
        """Make the statuses of calls that did what they were asked to 0, and unknown ones op 0."""
        np = self._np
        failed = np.flatnonzero(statuses)
        given, families = statuses[failed], (coded[failed] >> 8) & 0xFF
        opening = _among(np, ops[failed], (OPEN, CLOSE, DUPLICATE, LOAD, *_UNLOADS))
        for status in np.unique(given).tolist():
            for family in Family:
                rows = (given == status) & (families == family.value)
                done = success(status, family)
                if done is None:
                    lost = failed[rows & opening]
                    self._note(self._facts.record.statuses, f"{status:#x}", numbers[lost])
                    ops[lost] = 0
                elif done:
                    statuses[failed[rows]] = 0

    def _ask(self, rows: Unsettled, at: Table, coded: Table, ops: Table, keys: Table) -> None:
        """Take rows out that do not say what they are about, and calls on HKCU in."""
        np, record = self._np, self._facts.record
        handles, parents = rows.handle[at], rows.parent[at]
        root = (parents == HKCU) | (handles == HKCU)
        used = np.flatnonzero(root & (coded == 0) & (ops == 0))
        nothing = np.flatnonzero((ops == CLOSE) & (handles == 0) & (keys == 0))
        unnamed = unasked = nothing[:0]
        if rows.unnamed is not None:
            unnamed = np.flatnonzero(rows.unnamed[at] & _among(np, ops, (START, EXIT)))
        if len(used):
            ops[used], keys[used] = _USE_ROOT, self._keys.number("HKCU")
        record.harmless -= len(used)
        record.taken += len(used)
        if self._facts.fidelity is Fidelity.PATHS:
            unasked = np.flatnonzero((parents == HKCU) & _among(np, ops, (OPEN, _USE_ROOT)))
        for reason, lost in ((NO_PROCESS, unnamed), (NOTHING, nothing), (UNASKED, unasked)):
            self._note(record.malformed, reason, at[lost] + rows.first)
            record.taken -= len(lost)
            ops[lost] = 0

    def _note(self, reasons: Reasons, reason: str, numbers: Table) -> None:
        if len(numbers):
            low, high = int(numbers[0]), int(numbers[-1])
            note(reasons, reason, low + 1, len(numbers), high + 1)


def _among(np: Any, ops: Table, wanted: Iterable[int]) -> Table:  # noqa: ANN401 - numpy
    """Return by item of *ops* whether it is one of those *wanted*."""
    table = np.zeros(256, bool)
    table[list(wanted)] = True
    return table[ops]

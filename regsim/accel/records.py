"""What a replay is asked and what it answers: policies as ints, holders, unloads, counters."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

import attrs

from regsim.accel.columns import FIRST_PREDEFINED, LAST_PREDEFINED, TYPECODES, EventKind, Typecode
from regsim.errors import DataError, UsageError

Buffer: TypeAlias = Any
"""Anything that exports a buffer; `collections.abc.Buffer` is younger than Python 3.11."""

NEVER: Final = -1
"""As a root: a call on this predefined key opens nothing that stays."""
OF_HIVE: Final = -2
"""As a root: what opens is the root of the hive that the called-for key lies in."""
ROOTS: Final = LAST_PREDEFINED - FIRST_PREDEFINED + 1
MAX_ROWS: Final = 2**32 - 2


class HandleValues(enum.IntEnum):
    """Where handle values come from."""

    GIVEN = 0
    """The trace has them; a 0 pairs an open with a close by process and key instead."""
    EMULATED = 1
    """Opens have none and get those that the kernel's table would give; closes name them."""
    VERIFIED = 2
    """As EMULATED, and an open whose own value differs is counted: the trace has a gap."""


def _as_tuple(roots: Iterable[int]) -> tuple[int, ...]:
    return tuple(roots)


@attrs.frozen(kw_only=True)
class Policy:
    """What a dialect says of predefined keys and of unloading, in ints and flags.

    Attributes:
        roots: for each predefined key from HKEY_CLASSES_ROOT on, the key that the first call on it
            opens and keeps: `NEVER`, `OF_HIVE`, or an index into the dictionary of keys.
        close_root: whether RegCloseKey of a predefined key closes its cached root.
        refresh_root: whether RegOpenKeyEx of one with NULL or ``""`` does.
        disable_closes: whether disabling the cache closes the roots that are cached.
        per_call_leaks: whether a call with the cache disabled leaves its own root open.
        root_blocks: whether an open root of a hive refuses its normal unload.
        subkeys_block: whether an open key below the root does.
    """

    roots: tuple[int, ...] = attrs.field(default=(NEVER,) * ROOTS, converter=_as_tuple)
    close_root: bool = True
    refresh_root: bool = True
    disable_closes: bool = False
    per_call_leaks: bool = False
    root_blocks: bool = True
    subkeys_block: bool = True

    def __attrs_post_init__(self) -> None:
        """Refuse roots that are not one a predefined key."""
        if len(self.roots) != ROOTS or any(root < OF_HIVE for root in self.roots):
            raise UsageError(f"roots must be {ROOTS} keys, NEVER or OF_HIVE, not {self.roots!r}")


class Holder(NamedTuple):
    """One open handle: since which row, whether nobody asked for it, whose, and on which key.

    ``handle`` is 0 where the trace has no value for it. Holders sort by the row that opened them.
    """

    row: int
    implicit: bool
    pid: int
    key: int
    handle: int


@attrs.frozen
class Unload:
    """The answer to one UNLOAD or FORCE row.

    ``count`` is how many handles were open in the hive; ``blockers`` are those that refuse a normal
    unload, in the order in which they were opened.
    """

    row: int
    hive: int
    count: int
    blockers: tuple[Holder, ...]


@attrs.define
class Counters:
    """What a replay saw.

    Attributes:
        rows: all rows.
        opens: opens and creates that succeeded.
        failed: opens and creates that did not.
        duplicates: duplicated and inherited handles.
        closes: closes that succeeded on the captured system.
        unmatched: closes of what was not open, such as a handle older than the capture.
        rundown: closes of what was not open any more since the process had ended.
        replaced: opens that gave a value still open: its close is missing.
        implicit: roots opened that nobody asked for, those of single calls included.
        mismatched: opens whose value is not the one emulated.
        unmatched_end: the number of the row behind the last that was unmatched, 0 without one.
        replaced_end: the same of those replaced.
    """

    rows: int = 0
    opens: int = 0
    failed: int = 0
    duplicates: int = 0
    closes: int = 0
    unmatched: int = 0
    rundown: int = 0
    replaced: int = 0
    implicit: int = 0
    mismatched: int = 0
    unmatched_end: int = 0
    replaced_end: int = 0


@attrs.frozen
class Replayed:
    """What a replay found.

    Attributes:
        unloads: the answer to each UNLOAD and FORCE row, in order.
        counts: how many handles are open at the end, by hive; of no use for hive 0.
        holders: the handles open at the end in hives of interest, the oldest first.
        snapshots: the same at each row that was asked for, before it happened.
        counters: what was seen.
    """

    unloads: tuple[Unload, ...]
    counts: tuple[int, ...]
    holders: tuple[Holder, ...]
    snapshots: tuple[tuple[int, tuple[Holder, ...]], ...]
    counters: Counters


@attrs.frozen
class Columns:
    """The columns of some rows, as `memoryview` of the types in `columns.TYPECODES`.

    Make one with `columns`; ``time`` may be empty where no time is asked for.
    """

    op: memoryview
    pid: memoryview
    handle: memoryview
    parent: memoryview
    key: memoryview
    status: memoryview
    time: memoryview

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.op)


def columns(**buffers: Buffer) -> Columns:
    """Return the columns in *buffers*, one keyword for each name in `columns.TYPECODES`.

    Nothing is copied. A buffer of bytes is read as its column's type. Raises `DataError` for one
    whose items have another size, that is not contiguous, or that has another length than ``op``.
    """
    buffers.setdefault("time", b"")
    if buffers.keys() != TYPECODES.keys():
        raise UsageError(f"columns are {', '.join(TYPECODES)}, not {', '.join(buffers)}")
    views = {name: view(name, buffers[name], code) for name, code in TYPECODES.items()}
    rows = len(views["op"])
    for name, found in views.items():
        if len(found) != rows and (found or name != "time"):
            raise DataError(f"column {name} has {len(found)} rows, but op has {rows}")
    return Columns(**views)


def view(name: str, buffer: Buffer, code: Typecode) -> memoryview:
    """Return *buffer* as a memoryview of ints of type *code*, or raise `DataError`."""
    try:
        raw = memoryview(buffer)
        size = memoryview(b"").cast(code).itemsize
        if raw.itemsize not in (1, size):
            raise DataError(f"column {name} has items of {raw.itemsize} bytes, not of {size}")
        return raw.cast("B").cast(code)
    except TypeError as error:
        raise DataError(f"column {name}: {error}") from error


class Replay(Protocol):
    """A replay under way: rows go in, in order; the answer covers all that went in so far."""

    def feed(
        self,
        rows: Columns,
        hive_of_key: Buffer,
        root_of_hive: Buffer,
        stops: Sequence[int] = (),
        *,
        own: bool = False,
    ) -> None:
        """Take more rows.

        Args:
            rows: the rows, which count on from those fed before.
            hive_of_key: each key's hive, 0 for one of no interest. It may be longer than at the
                last call and must otherwise be the same.
            root_of_hive: the key that is each hive's root; item 0 is not looked at.
            stops: row numbers, ascending, before which the holders are noted.
            own: of these, only those of the row's own process.

        Raises `DataError` for a row with an unknown op or a key beyond *hive_of_key*; then no row
        of this call has been taken.
        """

    def answer(self) -> Replayed:
        """Return what was found so far."""


def checked_keys(
    rows: Columns,
    hive_of_key: Buffer,
    root_of_hive: Buffer,
    policy: Policy,
    begin: int,
    known: tuple[int, int],
) -> tuple[memoryview, memoryview]:
    """Return the two arrays as views, after holding *rows*, numbered from *begin*, against them.

    *known* are their lengths so far. Raises `DataError` for the first op or key that does not
    exist, and beyond `MAX_ROWS` rows.
    """
    hives, roots = view("hive_of_key", hive_of_key, "I"), view("root_of_hive", root_of_hive, "I")
    if len(hives) < known[0] or len(roots) < known[1]:
        raise DataError(f"there were {known} keys and hives, now {len(hives)} and {len(roots)}")
    if hives and max(hives) >= len(roots):
        raise DataError(f"hive_of_key names hive {max(hives)}, but root_of_hive has {len(roots)}")
    highest = max((*roots[1:], *policy.roots))
    if highest >= len(hives):
        raise DataError(f"key {highest} is a root, but hive_of_key has {len(hives)} keys")
    for name, column, limit in (("op", rows.op, len(EventKind)), ("key", rows.key, len(hives))):
        if column and max(column) >= limit:
            row = next(row for row, value in enumerate(column) if value >= limit)
            raise DataError(f"row {begin + row}: {name} {column[row]}, but there are {limit}")
    if begin + len(rows) > MAX_ROWS:
        raise DataError(f"a replay ends after {MAX_ROWS} rows; begin another")
    return hives, roots

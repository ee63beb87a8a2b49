"""The scan of Process Monitor's CSV in C, and by its twin what C leaves to it."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final

from regsim.accel import NATIVE
from regsim.trace.access import access_of
from regsim.trace.columns import batch_of_bytes
from regsim.trace.completeness import Completeness, note
from regsim.trace.readers._procmon import understood
from regsim.trace.readers._procmon_rows import PLACES, Chunk, CsvShape, process_of, scan

if TYPE_CHECKING:
    from regsim.accel._native import CCsvScan

DONE, VERDICT, ACCESS, REFUSED = range(4)
"""Why a scan in C stops: ``enum csv_outcome``."""

HARMLESS, TAKEN, SKIPPED = 1, 2, 3
"""What becomes of rows: ``enum csv_kind``."""

MOST_COLUMNS: Final = 64
"""How many columns C takes."""

_BETWEEN: Final = b'","'
_ENOUGH: Final = 16
_MOST_NAMED: Final = 4_096
"""How many processes are known from one stretch to the next: evidence may name a million."""


class Scanner:
    """Scans one stretch of rows after the other, for one thread at a time.

    C refuses a stretch in which a row is not written by the rule, and the twin has the last word.
    """

    def __init__(self, shape: CsvShape) -> None:
        self.shape = shape
        self._refused = 0
        takes = NATIVE is not None and 1 < len(shape.columns) <= MOST_COLUMNS
        self._fast = _Fast(shape) if takes else None

    def scan(self, data: bytes | memoryview) -> Chunk:
        """Return the rows of interest in *data*, whole rows, the first after its line break."""
        if self._fast is not None:
            found = self._fast.scan(data)
            if found is not None:
                self._refused = 0
                return found
            self._refused += 1
            # A new one: what it has numbered of a stretch that it refused, nobody has adopted.
            self._fast = _Fast(self.shape) if self._refused < _ENOUGH else None
        return scan(bytes(data), self.shape)


class _Fast:
    """A scan in C with the answers that it has been given."""

    def __init__(self, shape: CsvShape) -> None:
        columns = len(shape.columns)
        places = [shape.places[name] for name in PLACES]
        places += [shape.time, shape.places.get("Detail", columns)]
        seed = hash("csv") & 0xFFFFFFFFFFFFFFFF  # another in each run of Python
        self._core: CCsvScan = NATIVE.CCsvScan(columns, tuple(places), seed)  # type: ignore[union-attr]
        self._reasons: list[tuple[str, str]] = []
        self._paths = 0
        self._named: list[tuple[str, int]] = []  # by who
        self._numbered = array("I")

    def scan(self, data: bytes | memoryview) -> Chunk | None:
        """Return what is found, None if a row is not written by the rule."""
        forget = len(self._named) > _MOST_NAMED
        if forget:
            self._named.clear()
        self._core.begin(forget)
        while outcome := self._core.run(data):
            if outcome == REFUSED:
                return None
            if outcome == VERDICT:
                self._judge(*self._core.asked_pair())
            else:
                self._core.access(access_of(_plain(self._core.asked_detail())))
        return self._chunk(data)

    def _judge(self, operation: bytes, result: bytes) -> None:
        """Say what becomes of the rows with an operation and its result."""
        record = Completeness(shows_filters=False)
        op, status = understood(_plain(operation), _plain(result), 1, record)
        kind = TAKEN if op else HARMLESS if record.harmless else SKIPPED
        self._core.verdict(kind, op, status)
        where = "calls" if record.calls else "statuses"
        self._reasons.append((where, next(iter(record.calls or record.statuses), "")))

    def _chunk(self, data: bytes | memoryview) -> Chunk:
        rows, taken, harmless = self._core.counts()
        record = Completeness(shows_filters=False, rows=rows, taken=taken, harmless=harmless)
        pairs = zip(self._core.pairs(), self._reasons, strict=True)
        skipped = sorted((first, last, n, *why) for (n, first, last), why in pairs if n)
        for first, last, count, where, reason in skipped:
            note(getattr(record, where), reason, first, count, last)
        paths = self._core.paths(self._paths)
        self._paths += len(paths)
        known, processes = len(self._named), self._core.processes()
        self._named += map(_named, self._core.who(known))
        return Chunk(
            batch=batch_of_bytes(self._core.columns()),
            rows=rows,
            record=record,
            processes=[(*self._named[who], bool(started)) for who, started, _, _ in processes],
            samples=[
                bytes(data[begin:end]) if started or who >= known else b""
                for who, started, begin, end in processes
            ],
            paths=[_bare(path) for path in paths],
            numbered=self._numbered,
        )


def _named(who: bytes) -> tuple[str, int]:
    """Return a process by its name and pid as a row has them side by side."""
    at = who.index(_BETWEEN)
    while who.count(b'"', 0, at) % 2:  # of a doubled quote the second begins no end of a field
        at = who.index(_BETWEEN, at + 1)
    return process_of(_bare(who[:at]), _bare(who[at + len(_BETWEEN) :]))


def _bare(field: bytes) -> bytes:
    """Return a field as it stood before its quotes were doubled."""
    return field.replace(b'""', b'"')


def _plain(field: bytes) -> str:
    return _bare(field).decode("utf-8", "replace")

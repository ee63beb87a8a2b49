"""Rows of Process Monitor's CSV, cut out of bytes: where they begin, and those of interest.

A regular expression over bytes finds the rows that change what is open; the others, four in five,
are only counted. A row begins at a line break that a quote and then neither a quote, a comma nor a
line break follow: inside a field, which Process Monitor always quotes, a quote is doubled, so that
line breaks in Detail cannot be mistaken.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

import attrs

from regsim.errors import DataError
from regsim.trace.access import access_of
from regsim.trace.columns import EXIT, OPEN, START, Batch, BatchRow, batch_of
from regsim.trace.completeness import Completeness, note
from regsim.trace.readers._procmon import OPERATIONS, understood
from regsim.trace.source import split_csv
from regsim.trace.times import DAY, dates_of, time_of_day

_OPS: Final = {name.encode(): op for name, op in OPERATIONS.items()}
PLACES: Final = ("Process Name", "PID", "Operation", "Path", "Result")
"""The columns that a finding needs, beside one of time."""

_JUDGED: Final = ("Operation", "Result")
_TIMES: Final = ("Time of Day", "Date & Time", "Relative Time")
_FIELD: Final = rb'[^"]*+(?:""[^"]*+)*+'
_UNESCAPED: Final = rb'[^"]*+'
_PLAIN: Final = (*_TIMES, "Process Name", "PID", "Result", "TID")  # these hold no quotes
_NEVER_EMPTY: Final = (*_PLAIN, "Operation", "Event Class")
ROW_START: Final = re.compile(rb'\n"(?=[^",\r\n])')
_ALL_OPS: Final = rb"RegCloseKey|RegOpenKey|RegCreateKey|Reg(?:Unl|L)oadKey|Process (?:Start|Exit)"
_JOINED: Final = (  # operation, path and result, where they stand side by side
    rb'(?:RegCloseKey","' + _FIELD + rb'","[^"]*+'
    rb'|Reg(?:Open|Create)Key","' + _FIELD + rb'","SUCCESS'
    rb'|(?:Reg(?:Unl|L)oadKey|Process (?:Start|Exit))","' + _FIELD + rb'","[^"]*+)'
)
# What needs no closer look, by the operation alone or by an open's known failure. A row that is
# neither that nor of interest is looked at on its own: it may be an open in another spelling.
_QUIET: Final = (
    rb"(?:(?:Create|Close|Read|Write|Lock|Unlock)File|Load Image|Thread (?:Create|Exit|Profile)"
    rb"|Process (?:Create|Profiling)|(?:TCP|UDP) [A-Za-z]+"
    rb"|(?![Rr][Ee][Gg])\w*(?:Information|Directory)\w*File)\""
)
_QUIET_REG: Final = (
    rb"|Reg(?:QueryKey|QueryValue|QueryMultipleValueKey|QueryKeySecurity|SetValue|SetInfoKey"
    rb"|SetKeySecurity|EnumKey|EnumValue|DeleteKey|DeleteValue|FlushKey)\""
)
_FAILED: Final = (
    rb'Reg(?:Open|Create)Key","' + _FIELD + rb'","(?:'
    rb"NAME NOT FOUND|ACCESS DENIED|REPARSE|PATH NOT FOUND|INVALID PARAMETER)\""
)
_NOT_GONE: Final = rb'(?!,"' + _FIELD + rb'","(?:KEY DELETED"|0x))'


@attrs.frozen
class CsvShape:
    """Which columns a CSV file has, and how to find and cut its rows.

    ``regular`` says that all fields are quoted and that the first is never empty, as Process
    Monitor writes them by default: only then can the pattern tell where rows begin.
    """

    columns: tuple[str, ...]
    places: dict[str, int]
    pattern: re.Pattern[bytes]
    time: int
    width: int
    regular: bool


def read_shape(header: bytes) -> CsvShape:
    """Return the shape that the line *header* declares.

    Raises:
        DataError: it lacks a column that a finding needs.
    """
    text = header.decode("utf-8-sig", "replace")
    columns = tuple(split_csv(text))
    missing = [name for name in PLACES if name not in columns]
    times = [name for name in _TIMES if name in columns]
    twice = next((name for name in (*PLACES, *_TIMES) if columns.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"the CSV header names {twice} twice: which of the two counts is not known")
    if missing or not times:
        lacks = ", ".join(missing or ["Time of Day"])
        raise DataError(f"the CSV header lacks {lacks}: show it in Procmon and save again")
    places = {name: at for at, name in enumerate(columns)}
    quoted = header.strip(b"\xef\xbb\xbf\r\n ").count(b'"') == 2 * len(columns)
    regular = quoted and columns[0] in _NEVER_EMPTY
    wanted = [*PLACES, times[0], *(["Detail"] if "Detail" in places else [])]
    last = max(places[name] for name in wanted)
    return CsvShape(columns, places, _pattern(columns, last), places[times[0]], last + 1, regular)


def _pattern(columns: tuple[str, ...], last: int) -> re.Pattern[bytes]:
    """Return what matches a row of interest, with its first fields as one group."""
    parts: list[bytes] = []
    at = 0
    lead = columns.index("Operation")
    before = [_UNESCAPED if name in _PLAIN else _FIELD for name in columns[:lead]]
    joined = columns[lead : lead + 3] == ("Operation", "Path", "Result")
    quiet = _QUIET + (_QUIET_REG + _NOT_GONE + b"|" + _FAILED if joined else b"")
    while at <= last:
        if columns[at : at + 3] == ("Operation", "Path", "Result"):
            parts.append(_JOINED)
            at += 3
            continue
        other = _UNESCAPED if columns[at] in _PLAIN else _FIELD
        parts.append(b"(?:" + _ALL_OPS + b")" if columns[at] == "Operation" else other)
        at += 1
    # Every row matches, so that they are counted; one of no interest with an empty group, one that
    # is not understood with the whole of its line. A class instead of the quote keeps the literal
    # that the search begins with to one byte, which makes it three times as fast.
    wanted = b'","'.join(parts) + rb'(?="(?!"))'
    harmless = b'","'.join([*before, b"(?:" + quiet + b")"])
    return re.compile(rb"""\n["'](?=[^",\r\n])(?:""" + harmless + rb"|(" + wanted + rb"|[^\n]*+))")


@attrs.define
class Chunk:
    """What was found in a stretch of whole rows; processes and paths are numbered inside it.

    ``processes`` holds name, number and whether the row that begins its life is here; ``samples``
    a whole row of each, or none of one whose name and number an earlier chunk of the same scanner
    has. ``paths`` are those that follow the ones in ``numbered``, by which whoever
    adopts a chunk notes what numbers it gave them. The times count from midnight, plus a day for
    each midnight passed.
    """

    batch: Batch = attrs.field(factory=Batch)
    rows: int = 0
    record: Completeness = attrs.field(factory=lambda: Completeness(shows_filters=False))
    processes: list[tuple[str, int, bool]] = attrs.field(factory=list)
    samples: list[bytes] = attrs.field(factory=list)
    paths: list[bytes] = attrs.field(factory=list)
    numbered: array[int] = attrs.field(factory=lambda: array("I"))


_HALF: Final = DAY // 2
_BETWEEN: Final = b'","'
_ZEROS: Final = bytes(4)
"""What a disk leaves where it lost what was written, line breaks among it; a name may hold one, not
so many, and in captures of Process Monitor not one stands in any field (observed).
"""
_LONGEST: Final = 200_000


class _Clock:
    """Times of day as ticks; fast within a second that repeats. It counts the midnights.

    The form of the first time is taken for that of all: how far from the end the seven digits of
    the fraction begin. Where that does not fit, each time is read on its own.
    """

    def __init__(self) -> None:
        self.back: int | None = None
        self.seconds: dict[tuple[bytes, bytes], int] = {}  # by what is around the digits
        self.days = 0
        self.last = 0
        self.unread = 0
        self.dates: tuple[dt.date | None, ...] = ()

    def ticks(self, text: bytes) -> int:
        """Return *text* in ticks; a time that cannot be read is that of the row before."""
        back = self.back
        if back:
            tail = text[-back:]
            digits = tail[:7]
            base = self.seconds.get((text[:-back], tail[7:]))
            if base is not None and digits.isdigit():
                now = base + int(digits)
                if now + _HALF >= self.last:
                    self.last = now
                    return now
        return self._read(text)

    def _read(self, text: bytes) -> int:
        now = time_of_day(text)
        if now < 0:
            self.unread += 1
            return self.last
        if self.back is None:
            found = _FRACTION.search(text)
            self.back = len(text) - found.start() if found else 0
        now += self.days * DAY
        dates = dates_of(text) if self.back == 0 else ()
        both = [(new, old) for new, old in zip(dates, self.dates, strict=False) if new and old]
        if both and all(new < old for new, old in both):
            return self.last - DAY  # for whoever looks at the order
        self.dates = dates
        if now + _HALF < self.last:
            self.days += 1
            self.seconds.clear()
            now += DAY
        tail = text[-self.back :] if self.back else b""
        digits = tail[:7]
        if digits.isdigit() and len(self.seconds) < _MOST_SECONDS:
            self.seconds[text[: -self.back], tail[7:]] = now - int(digits)
        self.last = now
        return now


_FRACTION: Final = re.compile(rb"(?<=[.,])\d{7}(?!\d)")
_MOST_SECONDS: Final = 100_000


def fields_of(row: bytes) -> list[bytes]:
    """Return the fields of one row, or of its beginning, quoted throughout."""
    if b'""' not in row:
        return row.strip(b'"\r\n').split(b'","') if row.startswith(b'"') else row.split(b'","')
    quoted = row if row.startswith(b'"') else b'"' + row + b'"'
    text = quoted.decode("utf-8", "surrogateescape")
    return [field.encode("utf-8", "surrogateescape") for field in split_csv(text)]


def _well_formed(row: bytes) -> list[bytes]:
    """Return the fields of one row, none if its quotes are not as they must be."""
    text = row.decode("utf-8", "surrogateescape")
    try:
        (fields,) = csv.reader(io.StringIO(text, newline=""), strict=True)
    except (csv.Error, ValueError):
        return []
    return [field.encode("utf-8", "surrogateescape") for field in fields]


def process_of(name: bytes, pid: bytes) -> tuple[str, int]:
    """Return name and number of a process as a `Chunk` has them; a pid that is no number is 0."""
    digits = int(pid) if pid.isdigit() and len(pid) < 10 else 0
    return name.decode("utf-8", "replace"), digits


def spelled(rows: Iterable[Sequence[str]]) -> bytes:
    """Return rows as Process Monitor writes them, the line break before the first one first."""
    lines = [b""]
    for row in rows:
        text = '","'.join(field.replace('"', '""') for field in row)
        lines.append(f'"{text}"'.encode("utf-8", "surrogateescape"))
    return b"\r\n".join(lines)


def scan(data: bytes, shape: CsvShape) -> Chunk:
    """Return the rows of interest in *data*, whole rows, the first after its line break."""
    return _Scan(data, shape).run()


class _Scan:
    """One pass over a stretch of rows."""

    def __init__(self, data: bytes, shape: CsvShape) -> None:
        self.data, self.shape = data, shape
        self.chunk = Chunk(paths=[b""])
        self.known: dict[tuple[bytes, bytes], int] = {}
        self.paths: dict[bytes, int] = {b"": 0}
        self.access: dict[bytes, int] = {}
        self.odd: set[int] = set()

    def run(self) -> Chunk:
        """Return what is found."""
        self.chunk.batch = batch_of(self._rows())
        self.chunk.record.rows = self.chunk.rows
        self._look_between()
        return self.chunk

    def _look_between(self) -> None:
        """Count the rows that hold more than one row, or bytes that no row has."""
        data, between = self.data, len(self.shape.columns) - 1
        breaks = data.count(b"\n") - data.endswith(b"\n")
        even = data.count(_BETWEEN) == between * self.chunk.rows
        if breaks <= self.chunk.rows and _ZEROS not in data and even:
            return
        extra, counted = 0, frozenset(self.odd)
        starts = [*(found.start() for found in ROW_START.finditer(data)), len(data)]
        for number, (start, end) in enumerate(pairwise(starts), 1):
            row = data[start + 1 : end].rstrip(b"\r\n")
            odd = b"\n" in row or _ZEROS in row or row.count(_BETWEEN) != between
            if odd and number not in counted:
                # What it holds besides itself comes after it, and is one row more.
                extra += self._parsed(row, number + 1) is None
        self.chunk.record.rows += extra

    def _parsed(self, row: bytes, number: int) -> list[bytes] | None:
        """Return the fields of a whole row; None, and it is counted, if it is not well formed."""
        fields = _well_formed(row)
        if len(fields) == len(self.shape.columns) and _ZEROS not in row:
            return fields
        self.odd.add(number)
        note(self.chunk.record.malformed, "it does not have the header's columns", number)
        return None

    def _odd(self, row: bytes, number: int) -> tuple[int, int, list[bytes]] | None:
        """Return op, status and fields of a row that the pattern does not know, if it counts."""
        fields = self._parsed(row, number)
        if fields is None:
            return None
        places = self.shape.places
        name, result = (
            fields[places[each]].decode("utf-8", "replace") for each in ("Operation", "Result")
        )
        op, status = understood(name, result, number, self.chunk.record)
        return (op, status, fields) if op else None

    def _rows(self) -> Iterator[BatchRow]:
        shape = self.shape
        name_at, pid_at, op_at, path_at, result_at = (shape.places[n] for n in PLACES)
        time_at, detail_at = shape.time, shape.places.get("Detail", -1)
        known, paths, accesses, clock = self.known, self.paths, self.access, _Clock()
        ticks = clock.ticks
        wide = shape.width
        number = harmless = 0
        for number, match in enumerate(shape.pattern.finditer(self.data), 1):
            line = match[1]
            if line is None:
                harmless += 1
                continue
            if b'""' in line:
                fields = _well_formed(b'"%b"' % line)
                whole = len(fields) == wide
            else:
                fields = line.split(_BETWEEN)
                whole = len(fields) == wide and line.count(b'"') == 2 * wide - 2
            op = _OPS.get(fields[op_at], 0) if whole else 0
            status = 0
            if op and fields[result_at] == b"SUCCESS" and _ZEROS not in line:
                self.chunk.record.taken += 1
            else:
                found = self._odd(self._whole(match), number)
                if found is None:
                    continue
                op, status, fields = found
            path, access = fields[path_at], 0
            if op == OPEN and detail_at >= 0:
                detail = fields[detail_at]
                access = accesses[detail] if detail in accesses else self._access(detail)
            elif op in (START, EXIT):
                path = b""
            who = (fields[name_at], fields[pid_at])
            process = known.get(who, -1) if op != START else -1
            if process < 0:
                process = self._process(who, op, self._whole(match))
            key = paths[path] if path in paths else self._path(path)
            yield op, process, key, status, ticks(fields[time_at]), access, number
        self.chunk.rows = number
        self.chunk.record.harmless += harmless
        if clock.unread:  # which rows it were is not kept: perhaps the last
            self.chunk.record.untimed.add(1, clock.unread, number)

    def _whole(self, match: re.Match[bytes]) -> bytes:
        """Return the whole row that *match* begins."""
        start = match.start() + 1
        end = ROW_START.search(self.data, start, start + _LONGEST)
        return self.data[start : end.start() if end else start + _LONGEST].rstrip(b"\r\n")

    def _access(self, detail: bytes) -> int:
        access = access_of(detail.decode("utf-8", "replace"))
        if len(self.access) < 10_000:
            self.access[detail] = access
        return access

    def _path(self, path: bytes) -> int:
        number = self.paths[path] = len(self.chunk.paths)
        self.chunk.paths.append(path)
        return number

    def _process(self, who: tuple[bytes, bytes], op: int, row: bytes) -> int:
        """Number a process that is new here, and keep the whole row that names it."""
        number = self.known[who] = len(self.chunk.processes)
        self.chunk.processes.append((*process_of(*who), op == START))
        self.chunk.samples.append(row)
        return number


def last_row(data: bytes) -> int:
    """Return where the last row of *data* begins, at its line break; -1 if none begins in it."""
    at = len(data)
    while (at := data.rfind(b'\n"', 0, at)) > 0:
        if data[at + 2 : at + 3] not in (b'"', b",", b"\r", b"\n", b""):
            return at
    return -1

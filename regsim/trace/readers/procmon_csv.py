"""Process Monitor's CSV: 7 or 27 columns, or any choice of them in any order.

The file is read in stretches of whole rows, each scanned at once, in C or by a pattern, that look
closely only at the rows that change what is open: many times faster than a row at a time, in
bounded memory, and threads share the stretches of a file. What is found in a stretch is numbered by
the scan; the capture gives it its own numbers, in the order of the file.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import itertools
import re
from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import IO, Final

import attrs

from regsim.accel import NATIVE
from regsim.accel.columns import renumber, shift
from regsim.cores import helpers
from regsim.trace.columns import Batch
from regsim.trace.completeness import Completeness, note
from regsim.trace.evidence import Capture, Facts, Fidelity, Format, OnProgress, Reading
from regsim.trace.readers._procmon import RESULTS, described
from regsim.trace.readers._procmon_rows import (
    ROW_START,
    Chunk,
    CsvShape,
    fields_of,
    last_row,
    read_shape,
    spelled,
)
from regsim.trace.readers._procmon_scan import Scanner
from regsim.trace.source import CutShortError, Source
from regsim.trace.times import DAY, TimeForm, time_of_day

_STRETCH: Final = 1 << 20
_TAIL: Final = 1 << 20
_ROWS: Final = 20_000
_FIRST: Final = (
    *("Time of Day", "Date & Time", "Relative Time", "Process Name", "PID"),
    *("Operation", "Path", "Result", "Detail"),
)
_ROW_INSIDE: Final = re.compile(
    r"(?:\n[^\n,]{0,20})\d[:.]\d\d[:.]\d\d[^\n,]{0,20},"
    r"|\d[:.]\d\d[:.]\d\d[^\n,]{0,20},[^\n,]{1,260},\d{1,10},"
)
"""A time at the beginning of a line; or one, a name and a number, as a row begins."""
_WINDOW: Final = 1 << 13
_LONGEST_ROW: Final = 64 << 20


class _OwnFile(io.FileIO):
    """A file that is closed with its last user, which may be a thread that nobody waits for."""

    def __del__(self) -> None:
        self.close()


class _Stretches:
    """One thread's reading of stretches of the file, into memory that is used again and again."""

    def __init__(self, path: Path, shape: CsvShape) -> None:
        self._file = _OwnFile(path)
        self._scanner, self._room = Scanner(shape), bytearray()

    def scan(self, start: int, end: int) -> Chunk:
        """Return what is found between two offsets, each at the line break before a row."""
        if len(self._room) < end - start:
            self._room = bytearray(end - start)
        view, done = memoryview(self._room)[: end - start], 0
        self._file.seek(start)
        while count := self._file.readinto(view[done:]):
            done += count
        return self._scanner.scan(view[:done])


def _holds_row(fields: list[str]) -> bool:
    """Return whether a field has swallowed a row, whose quote or line break is lost."""
    return any(_ROW_INSIDE.search(field) for field in fields)


class CsvCapture(Capture):
    """Procmon's CSV as a `Capture`; times count from the midnight before the first row."""

    def __init__(self, source: Source, reading: Reading) -> None:
        facts = Facts(
            record=Completeness(shows_filters=False),
            format="procmon-csv",
            fidelity=Fidelity.PATHS,
            clock="local",
        )
        super().__init__(facts, reading.keys())
        self.source, self.workers = source, reading.workers
        self.skipped, header, self.delimiter = _header(source.head)
        self.shape = read_shape(header)
        if self.skipped or self.delimiter != ",":
            self.shape = attrs.evolve(self.shape, regular=False)

    @property
    def time_form(self) -> TimeForm:
        """As a date, where the file gives one, and the time of day."""
        return TimeForm.DAY

    def batches(self, progress: OnProgress | None = None) -> Iterator[Batch]:
        """Yield the rows in the order of the file."""
        for chunk, done in self._chunks():
            batch = self._adopt(chunk)
            if progress is not None:
                progress(done, self.source.size, self.facts.events)
            yield batch

    def _chunks(self) -> Iterator[tuple[Chunk, int]]:
        """Yield what was found in one stretch of rows after the other."""
        if not self.shape.regular:
            yield from self._respelled()
        elif not self.source.is_plain:
            scanner = Scanner(self.shape)
            yield from ((scanner.scan(data), done) for data, done in self._stretches())
        elif self.workers > 1 and self.source.size > _STRETCH and NATIVE is not None:
            yield from self._shared_out()
            self._look_at_end()
        else:
            stretches = _Stretches(self.source.path, self.shape)
            for start, end in self._ranges(_STRETCH):
                yield stretches.scan(start, end), end
            self._look_at_end()

    def _respelled(self) -> Iterator[tuple[Chunk, int]]:
        """Read a file that is CSV but not as Procmon writes it, row by row, and scan what it says.

        Spreadsheets drop the quotes, and a first column that may be empty hides where rows begin.
        """
        columns = self.shape.columns
        rank = {name: at for at, name in enumerate(_FIRST)}
        order = sorted(range(len(columns)), key=lambda at: rank.get(columns[at], len(rank)))
        header = spelled([[columns[at] for at in order]]).strip()
        self.shape = read_shape(header)
        scanner = Scanner(self.shape)
        rows = csv.reader(
            itertools.islice(self._text(), self.skipped, None), delimiter=self.delimiter
        )
        try:
            next(rows, None)
            while part := [_mended(row, columns) for row in itertools.islice(rows, _ROWS) if row]:
                full = [[row[at] for at in order] for row in part if len(row) == len(columns)]
                if len(full) < len(part):
                    count = len(part) - len(full)
                    self.facts.problems.append(f"{count:,} rows lack columns and were left out")
                    at = next(n for n, row in enumerate(part) if len(row) != len(columns))
                    number, reached = self.facts.events + 1, self.facts.events + len(full) + 1
                    reason = "its columns are not as many as the header's"
                    note(self.facts.record.malformed, reason, number + at, count, reached)
                    self.facts.record.rows += count
                inside = [n for n, row in enumerate(full, 1) if _holds_row(row)]
                for number in inside:
                    reason = "another row is in one of its fields"
                    note(self.facts.record.malformed, reason, self.facts.events + number)
                data = spelled(full)
                if self.facts.first_time is None:
                    self._note_first(data[2:4096])
                yield scanner.scan(data[1:]), 0
        except (csv.Error, CutShortError) as error:
            self.facts.cut(f"the rest was not read: {error}")

    def _text(self) -> Iterator[str]:
        """Yield the file's lines as text, with their ends."""
        decode = codecs.getincrementaldecoder("utf-8-sig")("replace").decode
        rest = ""
        for block, _ in self.source.blocks():
            lines = (rest + decode(block)).splitlines(keepends=True)
            rest = lines.pop() if lines else ""
            yield from lines
        yield rest

    def _shared_out(self) -> Iterator[tuple[Chunk, int]]:
        """Have threads scan the stretches, and yield what they find in the order of the file.

        Each thread has its own, in turn: what it has numbered in one stretch it does not tell again
        in the next, which must not be adopted before.
        """
        with contextlib.ExitStack() as stack:
            threads = [
                (
                    _Stretches(self.source.path, self.shape),
                    stack.enter_context(helpers(1)),
                )
                for _ in range(self.workers)
            ]
            ahead: deque[tuple[Future[Chunk], int]] = deque()
            turns = itertools.cycle(threads)
            for (mine, thread), (start, end) in zip(turns, self._ranges(_STRETCH), strict=False):
                ahead.append((thread.submit(mine.scan, start, end), end))
                if len(ahead) > 2 * self.workers:
                    future, done = ahead.popleft()
                    yield future.result(), done
            for future, done in ahead:
                yield future.result(), done

    def _ranges(self, size: int) -> Iterator[tuple[int, int]]:
        """Yield stretches of about *size* bytes, from the line break before a row to the next."""
        with self.source.path.open("rb") as file:
            start = self._begin(file)
            while start < self.source.size:
                end = self._cut(file, start + size)
                if end - start > size + _LONGEST_ROW:
                    self.facts.cut("a row of more than 64 MiB: the rest is not read")
                    return
                yield start, end
                start = end

    def _look_at_end(self) -> None:
        """Look at the end of a file of which all is read, unless that was given up."""
        if not self.facts.record.damage:
            with self.source.path.open("rb") as file:
                file.seek(max(self.source.size - _TAIL, 0))
                self._end(file.read())

    def _begin(self, file: IO[bytes]) -> int:
        """Return where the header's line break is, and note the time of the first row."""
        head = file.read(_STRETCH)
        start = head.find(b"\n")
        if start < 0:
            return self.source.size
        self._note_first(head[start + 1 : start + 4096])
        return start

    def _cut(self, file: IO[bytes], at: int) -> int:
        """Return the first line break from *at* on that a row follows, or the end of the file."""
        while at < self.source.size:
            file.seek(at)
            window = file.read(_WINDOW)
            found = ROW_START.search(window)
            if found is not None and found.start() < len(window) - 2:
                return at + found.start()
            at += max(len(window) - 2, 1)
        return self.source.size

    def _stretches(self) -> Iterator[tuple[bytes, int]]:
        """Yield whole rows of a file that has to be unpacked on the way."""
        rest, done, first = b"", 0, True
        try:
            for data, done in self.source.blocks(_STRETCH):
                rest += data
                if first:
                    rest, first = rest[rest.find(b"\n") :], False
                    self._note_first(rest[1:4096])
                cut = last_row(rest)
                if cut > 0:
                    yield rest[:cut], done
                    rest = rest[cut:]
                elif len(rest) > _LONGEST_ROW:
                    self.facts.cut("a row of more than 64 MiB: the rest is not read")
                    return
        except CutShortError as error:
            self.facts.cut(str(error))
        yield rest, done
        self._end(rest)

    def _note_first(self, row: bytes) -> None:
        began = self._time_of(row)
        self.facts.first_time = began if began >= 0 else None

    def _end(self, rest: bytes) -> None:
        """Look at the file's end: whether it is whole, and the time of its last row."""
        if len(rest) > 2 and not rest.rstrip(b"\r\n\0 ").endswith(b'"'):
            self.facts.cut("the file is cut short in its last row")
        # A row alone, as what is left of a file that is unpacked, has its line break before it.
        last = self._time_of(rest[last_row(rest) + 1 :].lstrip(b"\n"))
        known = self.facts.last_time
        if last >= 0 and known is not None:
            days = known - known % DAY
            self.facts.last_time = max(last + days, known)

    def _time_of(self, row: bytes) -> int:
        """Return the time of day of a row in ticks, -1 if it has none that can be read."""
        fields = fields_of(row[:4096])
        return time_of_day(fields[self.shape.time]) if len(fields) > self.shape.time else -1

    def _adopt(self, chunk: Chunk) -> Batch:
        """Return the chunk's rows with the capture's numbers for processes, keys and events."""
        batch, facts = chunk.batch, self.facts
        processes = [self._process(chunk, at) for at in range(len(chunk.processes))]
        number = self.keys.number
        chunk.numbered.extend([number(path.decode("utf-8", "replace")) for path in chunk.paths])
        renumber(batch.process, array("I", processes))
        renumber(batch.key, chunk.numbered)
        shift(batch.number, facts.events)
        shift(batch.time, self._days(batch))
        facts.record.add(chunk.record, facts.events)
        facts.events += chunk.rows
        if len(batch):
            if facts.first_time is None or facts.first_time > batch.time[0]:
                facts.first_time = batch.time[0]
            facts.last_time = batch.time[-1]
        return batch

    def _days(self, batch: Batch) -> int:
        """Return the ticks of the midnights before *batch*, whose times begin anew each day."""
        last = self.facts.last_time
        if last is None or not len(batch):
            return 0
        days = last - last % DAY
        return days + DAY if batch.time[0] + days + DAY // 2 < last else days

    def _process(self, chunk: Chunk, at: int) -> int:
        """Return the capture's number of the chunk's process; a start makes a new one."""
        name, pid, started = chunk.processes[at]
        known = self.processes.find((name, pid))
        if known is not None and not started:
            return known
        fields = [field.decode("utf-8", "replace") for field in fields_of(chunk.samples[at])]
        told = dict(zip(self.shape.columns, fields, strict=False))
        self.calendar.learn(told.get("Date & Time", ""))
        return self.processes.add((name, pid), described(told, name, pid, self.facts))


def _header(head: bytes) -> tuple[int, bytes, str]:
    """Return how many lines precede the header, the header with commas, and what parts its fields.

    Excel wants a line ``sep=;`` first, PowerShell's Export-Csv writes ``#TYPE``, and both part the
    fields by what the user's locale says.
    """
    lines = head.removeprefix(codecs.BOM_UTF8).split(b"\n", _PREAMBLE)
    at = next((n for n, line in enumerate(lines[:_PREAMBLE]) if b"Process Name" in line), 0)
    header = lines[at]
    delimiter = max((b",", b";", b"\t"), key=header.count)
    return at, header.replace(delimiter, b","), delimiter.decode()


_PREAMBLE: Final = 5


def _mended(row: list[str], columns: Sequence[str]) -> list[str]:
    """Return a row whose unquoted text held commas with those taken back into the field.

    They can only be in the path or in the detail, so the place of the result tells where.
    """
    extra = len(row) - len(columns)
    if extra <= 0 or columns[-1] != "Detail" or "Result" not in columns or extra > _MOST_EXTRA:
        return row
    at = columns.index("Result")
    for more in range(extra + 1):
        if row[at + more] in RESULTS or row[at + more].startswith("0x"):
            place = columns.index("Path")
            path = ",".join(row[place : place + more + 1])
            rest = row[place + more + 1 :]
            kept = len(columns) - place - 2
            return [*row[:place], path, *rest[:kept], ",".join(rest[kept:])]
    return row


_MOST_EXTRA: Final = 200


def _recognises(head: bytes) -> bool:
    if b"Process Name" not in head:
        return False
    header = _header(head)[1]
    return b"Process Name" in header and b"Operation" in header


FORMATS: Final = (Format("Process Monitor's CSV", _recognises, CsvCapture),)

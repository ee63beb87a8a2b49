"""A capture that Process Monitor saved as CSV, read in stretches of whole rows."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Final

from regsim.trace.columns import Batch, CaptureFacts, Fidelity, ProcessInfo, Progress
from regsim.trace.paths import KeyTable
from regsim.trace.procmon_csv import DAY, Chunk, fields_of, last_row, read_layout, scan, ticks_of
from regsim.trace.procmon_text import Calendar, os_of_version
from regsim.trace.source import CutShortError, Source

_STRETCH: Final = 8 << 20
_LONGEST_ROW: Final = 64 << 20


class CsvCapture:
    """Procmon's CSV as a `Capture`; times count from the midnight before the first row."""

    def __init__(self, source: Source, keys: KeyTable) -> None:
        self.source, self.keys = source, keys
        self.layout = read_layout(source.head.partition(b"\n")[0] + b"\n")
        self.facts = CaptureFacts(format="procmon-csv", fidelity=Fidelity.PATHS, clock="local")
        self.processes: list[ProcessInfo] = []
        self.calendar = Calendar()
        self._by_name: dict[tuple[str, int], int] = {}

    def when(self, ticks: int) -> str:
        """Return *ticks* as a date, where the file gives one, and the time of day."""
        return self.calendar.text(ticks)

    def batches(self, progress: Progress | None = None) -> Iterator[Batch]:
        """Yield the rows in the order of the file."""
        for data, done in self._stretches():
            batch = self._adopt(scan(data, self.layout))
            if progress is not None:
                progress(done, self.source.size, self.facts.events)
            yield batch

    def _stretches(self) -> Iterator[tuple[bytes, int]]:
        """Yield whole rows, each stretch with the line break before its first row."""
        rest, done, first = b"", 0, True
        try:
            for data, done in self.source.blocks(_STRETCH):
                rest += data
                if first:
                    rest, first = rest[rest.find(b"\n") :], False
                    began = self._time_of(rest[1:])
                    self.facts.first_time = began if began >= 0 else None
                cut = last_row(rest)
                if cut > 0:
                    yield rest[:cut], done
                    rest = rest[cut:]
                elif len(rest) > _LONGEST_ROW:
                    self.facts.problems.append("a row of more than 64 MiB: the rest is not read")
                    return
        except CutShortError as error:
            self.facts.problems.append(str(error))
        if not rest.rstrip(b"\r\n\0 ").endswith(b'"') and len(rest) > 2:
            self.facts.problems.append("the file is cut short in its last row")
        yield rest, done
        self._end(rest)

    def _end(self, rest: bytes) -> None:
        """Note the time of the last row, which need not be one of interest."""
        last = self._time_of(rest[last_row(rest) + 1 :])
        known = self.facts.last_time
        if last >= 0 and known is not None:
            days = known - known % DAY
            self.facts.last_time = max(last + days, known)

    def _time_of(self, row: bytes) -> int:
        """Return the time of day of a row in ticks, -1 if it has none that can be read."""
        fields = fields_of(row[:4096])
        return ticks_of(fields[self.layout.time]) if len(fields) > self.layout.time else -1

    def _adopt(self, chunk: Chunk) -> Batch:
        """Return the chunk's rows with the capture's numbers for processes, keys and events."""
        batch, facts = chunk.batch, self.facts
        processes = [self._process(chunk, at) for at in range(len(chunk.processes))]
        keys = [0, *(self.keys.number(path.decode("utf-8", "replace")) for path in chunk.paths[1:])]
        batch.process = array("I", [processes[number] for number in batch.process])
        batch.key = array("I", [keys[number] for number in batch.key])
        if facts.events:
            batch.number = array("Q", [number + facts.events for number in batch.number])
        days = self._days(batch)
        if days:
            batch.time = array("q", [time + days for time in batch.time])
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
        known = self._by_name.get((name, pid))
        if known is not None and not started:
            return known
        number = self._by_name[name, pid] = len(self.processes)
        self.processes.append(self._described(name, pid, chunk.samples[at]))
        return number

    def _described(self, name: str, pid: int, row: bytes) -> ProcessInfo:
        """Return what a whole row tells about its process, and learn date and system from it."""
        fields = [field.decode("utf-8", "replace") for field in fields_of(row)]
        told = dict(zip(self.layout.columns, fields, strict=False))
        self.calendar.learn(told.get("Date & Time", ""))
        if self.facts.os is None and told.get("Company") == "Microsoft Corporation":
            self.facts.os, self.facts.os_title = os_of_version(told.get("Version", ""))
        session = told.get("Session", "")
        return ProcessInfo(
            pid=pid,
            image=name,
            user=told.get("User", ""),
            session=int(session) if session.isdecimal() and len(session) < 10 else None,
            command_line=told.get("Command Line", ""),
        )

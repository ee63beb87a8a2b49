"""Process Monitor's XML: the processes first, with their lives, then the events."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from regsim.trace.columns import (
    OPEN,
    START,
    Batch,
    CaptureFacts,
    Fidelity,
    ProcessInfo,
    Progress,
    Row,
    batch_of,
)
from regsim.trace.paths import KeyTable
from regsim.trace.readers.procmon_csv import DAY, OPERATIONS, access_of, status_of, ticks_of
from regsim.trace.readers.procmon_text import Calendar, os_of_version
from regsim.trace.readers.xml_events import Record, XmlRecords
from regsim.trace.source import Source

_BATCH: Final = 50_000


class ProcmonXmlCapture:
    """Procmon's XML as a `Capture`; times count from the midnight before the first event."""

    def __init__(self, source: Source, keys: KeyTable) -> None:
        self.source, self.keys = source, keys
        self.facts = CaptureFacts(format="procmon-xml", fidelity=Fidelity.PATHS, clock="local")
        self.processes: list[ProcessInfo] = []
        self.calendar = Calendar()
        self._by_index: dict[str, int] = {}
        self._by_name: dict[tuple[str, str], int] = {}
        self._rows: list[Row] = []

    def when(self, ticks: int) -> str:
        """Return *ticks* as the time of day, with the date where the file gives one."""
        return self.calendar.text(ticks)

    def batches(self, progress: Progress | None = None) -> Iterator[Batch]:
        """Yield the rows in the order of the file."""
        for name, record, done in XmlRecords(
            self.source, self.facts, frozenset({"process", "event"})
        ):
            if name == "process":
                self._process(record)
                continue
            self._event(record)
            if len(self._rows) >= _BATCH:
                if progress is not None:
                    progress(done, self.source.size, self.facts.events)
                yield self._take()
        yield self._take()

    def _take(self) -> Batch:
        rows, self._rows = self._rows, []
        return batch_of(rows)

    def _process(self, record: Record) -> None:
        """Note a process of the list at the file's head."""
        if self.facts.os is None and record.get("CompanyName") == "Microsoft Corporation":
            self.facts.os, self.facts.os_title = os_of_version(record.get("Version", ""))
        self._by_index[record.get("ProcessIndex", "")] = self._new(
            record.get("ProcessName", ""), record.get("ProcessId", ""), record
        )

    def _new(self, name: str, pid: str, record: Record) -> int:
        number = len(self.processes)
        self._by_name[name, pid] = number
        self.processes.append(
            ProcessInfo(
                pid=_whole(pid),
                image=name,
                user=record.get("Owner", record.get("User", "")),
                session=_session(record),
                command_line=record.get("CommandLine", record.get("Command_Line", "")),
            )
        )
        return number

    def _event(self, record: Record) -> None:
        facts = self.facts
        facts.events += 1
        self.calendar.learn(record.get("Date___Time", record.get("Date_Time", "")))
        time = self._time(record)
        op = OPERATIONS.get(record.get("Operation", ""), 0)
        status = status_of(record.get("Result", ""))
        if not op or (op == OPEN and status):
            return
        process = self._known(record, op)
        on_process = op == START or record["Operation"].startswith("Process")
        path = "" if on_process else record.get("Path", "")
        access = access_of(record.get("Detail", "")) if op == OPEN else 0
        key = self.keys.number(path) if path else 0
        self._rows.append((op, process, key, status, time, access, facts.events))

    def _time(self, record: Record) -> int:
        facts = self.facts
        ticks = ticks_of(record.get("Time_of_Day", "").encode())
        last = facts.last_time or 0
        if ticks < 0:
            return last
        ticks += last - last % DAY
        ticks += DAY if ticks + DAY // 2 < last else 0
        facts.first_time = ticks if facts.first_time is None else facts.first_time
        facts.last_time = ticks
        return ticks

    def _known(self, record: Record, op: int) -> int:
        """Return the process of an event: by its index, else by its name and number."""
        index = self._by_index.get(record.get("ProcessIndex", ""))
        if index is not None:
            return index
        name, pid = record.get("Process_Name", ""), record.get("PID", "")
        known = self._by_name.get((name, pid))
        return self._new(name, pid, record) if known is None or op == START else known


def _whole(text: str) -> int:
    with contextlib.suppress(ValueError):
        return min(max(int(text, 0), 0), 0xFFFFFFFF)
    return 0


def _session(record: Record) -> int | None:
    text = record.get("Session", "")
    return int(text) if text.isdecimal() and len(text) < 10 else None

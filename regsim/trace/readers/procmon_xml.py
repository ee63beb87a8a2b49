"""Process Monitor's XML: the processes first, with their lives, then the events."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from regsim.trace.access import access_of
from regsim.trace.columns import EXIT, OPEN, START
from regsim.trace.completeness import Completeness
from regsim.trace.evidence import Facts, Fidelity, Format, Reading, RowCapture
from regsim.trace.readers._procmon import described, understood
from regsim.trace.readers._xml import Record, XmlRecords, is_xml
from regsim.trace.source import Source
from regsim.trace.times import DAY, TimeForm, time_of_day


class ProcmonXmlCapture(RowCapture):
    """Procmon's XML as a `Capture`; times count from the midnight before the first event."""

    def __init__(self, source: Source, reading: Reading) -> None:
        facts = Facts(
            record=Completeness(shows_filters=False),
            format="procmon-xml",
            fidelity=Fidelity.PATHS,
            clock="local",
        )
        super().__init__(source, facts, reading.keys())
        self._by_index: dict[str, int] = {}

    @property
    def time_form(self) -> TimeForm:
        """As a date, where the file gives one, and the time of day."""
        return TimeForm.DAY

    def read(self) -> Iterator[int]:
        """Take the processes in, which the file lists first, and then the events."""
        wanted = frozenset({"process", "event"})
        around = frozenset({"procmon", "processlist", "eventlist"})
        for name, record, done in XmlRecords(self.source, self.facts, wanted, around):
            if name == "event":
                self._event(record)
            else:
                number = self._new(
                    record.get("ProcessName", ""), record.get("ProcessId", ""), record
                )
                self._by_index[record.get("ProcessIndex", "")] = number
            yield done

    def _new(self, name: str, pid: str, record: Record) -> int:
        # The list of processes and the events name the same columns differently.
        told = {
            "Company": record.get("CompanyName", ""),
            "Version": record.get("Version", ""),
            "Session": record.get("Session", ""),
            "User": record.get("Owner", record.get("User", "")),
            "Command Line": record.get("CommandLine", record.get("Command_Line", "")),
        }
        return self.processes.add((name, pid), described(told, name, _whole(pid), self.facts))

    def _event(self, record: Record) -> None:
        facts = self.facts
        facts.events += 1
        self.calendar.learn(record.get("Date___Time", record.get("Date_Time", "")))
        time = self._time(record)
        name, result = record.get("Operation", ""), record.get("Result", "")
        op, status = understood(name, result, facts.events, facts.record)
        if not op:
            return
        process = self._known(record, op)
        on_process = op in (START, EXIT)
        access = access_of(record.get("Detail", "")) if op == OPEN else 0
        key = self.keys.number("" if on_process else record.get("Path", ""))
        self.rows.append((op, process, key, status, time, access, facts.events))

    def _time(self, record: Record) -> int:
        ticks = time_of_day(record.get("Time_of_Day", "").encode())
        last = self.facts.last_time or 0
        if ticks < 0:
            self.facts.record.untimed.add(self.facts.events)
            return last
        ticks += last - last % DAY
        ticks += DAY if ticks + DAY // 2 < last else 0
        self.facts.saw(ticks)
        return ticks

    def _known(self, record: Record, op: int) -> int:
        """Return the process of an event: by its index, else by its name and number."""
        index = self._by_index.get(record.get("ProcessIndex", ""))
        if index is not None:
            return index
        name, pid = record.get("Process_Name", ""), record.get("PID", "")
        known = self.processes.find((name, pid))
        return self._new(name, pid, record) if known is None or op == START else known


def _whole(text: str) -> int:
    with contextlib.suppress(ValueError):
        return min(max(int(text, 0), 0), 0xFFFFFFFF)
    return 0


def _recognises(head: bytes) -> bool:
    roots = (b"<procmon", b"<eventlist", b"<processlist")
    return is_xml(head) and any(root in head for root in roots)


FORMATS: Final = (Format("Process Monitor's XML", _recognises, ProcmonXmlCapture),)

"""What a reader makes of a file: a capture of rows over time, or a snapshot of one moment.

Both carry their `Facts`: what the file is and how much of it could be read. A format joins by a
`Format`, which tells its files by their first bytes and opens them as the one or the other.
"""

from __future__ import annotations

import enum
import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Final

import attrs

from regsim.trace.columns import Batch, BatchRow, batch_of
from regsim.trace.completeness import Completeness
from regsim.trace.processes import ProcessTable
from regsim.trace.source import CutShortError, Source
from regsim.trace.spelling import KeyTable
from regsim.trace.times import Calendar, TimeForm

OnProgress = Callable[[int, int, int], None]
"""Called now and then with the bytes done, the bytes in all (0: unknown) and the events so far."""

_ENOUGH: Final = 4_096


class Fidelity(enum.Enum):
    """What a kind of evidence can tell; a finding never claims more."""

    HANDLES = "A"  # opens, closes and duplicates, each with its handle value
    OBJECTS = "B"  # opens and closes with the address of the key, but no handle
    PATHS = "C"  # opens and closes by path alone
    SNAPSHOT = "D"  # what was open at one moment

    @property
    def meaning(self) -> str:
        """What the tier holds, in a phrase."""
        return _MEANINGS[self]


_MEANINGS: Final = {
    Fidelity.HANDLES: "opens and closes with their handle values",
    Fidelity.OBJECTS: "opens and closes by key object, without handle values",
    Fidelity.PATHS: "opens and closes by path, without handle values",
    Fidelity.SNAPSHOT: "what was open at one moment",
}


@attrs.define(kw_only=True)
class Facts:
    """What a reader learns about the file as a whole; complete once all of it is read.

    ``events`` counts every event of the file, of interest or not. ``missing`` counts the numbers
    that the driver gave to events that are not in the file (None: the format has no numbers).
    ``closes`` is False for a format that never shows closes. ``problems`` says in sentences where
    the file is damaged or cut short. ``clock`` tells what a time counts from: "utc" (a FILETIME),
    "local" (the midnight before the first event), "seconds" or "ticks" (an unknown moment), or ""
    where there are no times.
    """

    format: str
    fidelity: Fidelity
    record: Completeness
    clock: str = ""
    os: str | None = None
    os_title: str = ""
    host: str = ""
    events: int = 0
    registry_events: int = 0
    missing: int | None = None
    closes: bool = True
    first_time: int | None = None
    last_time: int | None = None
    problems: list[str] = attrs.field(factory=list)

    def cut(self, problem: str) -> None:
        """Note in a sentence why the rest of the file could not be read."""
        self.problems.append(problem)
        self.record.damage.append(problem)

    def saw(self, ticks: int) -> None:
        """Note the time of an event; events come in the order of the file."""
        if self.first_time is None:
            self.first_time = ticks
        self.last_time = ticks


class Capture(ABC):
    """An opened trace: tables that fill while `batches` is read, once.

    Of a format that *heeds_hives* the rows depend on which hives are asked about.
    """

    heeds_hives: bool = False

    def __init__(self, facts: Facts, keys: KeyTable) -> None:
        self.facts, self.keys = facts, keys
        self.processes = ProcessTable()
        self.calendar = Calendar()
        self.sources: dict[int, str] = {}  # by event: the line of a program that made the call

    @abstractmethod
    def batches(self, progress: OnProgress | None = None) -> Iterator[Batch]:
        """Yield the rows in the order of the file."""

    @property
    def time_form(self) -> TimeForm:
        """How its times are written, as far as it is read."""
        if self.facts.clock == "utc":
            return TimeForm.UTC
        return TimeForm.SECONDS if self.facts.clock else TimeForm.NONE

    def when(self, ticks: int) -> str:
        """Return the time of a row as people read it, "" where there are no times."""
        return self.time_form.text(ticks, self.calendar)


class RowCapture(Capture):
    """A capture that takes its file in record by record and gathers ``rows`` into batches."""

    def __init__(self, source: Source, facts: Facts, keys: KeyTable) -> None:
        super().__init__(facts, keys)
        self.source = source
        self.rows: list[BatchRow] = []

    @abstractmethod
    def read(self) -> Iterator[int]:
        """Take the records in, one after the other; yield after each how far the file is read."""

    def end(self) -> None:
        """Take the end of the file into account."""

    def batches(self, progress: OnProgress | None = None) -> Iterator[Batch]:
        """Yield the rows in the order of the file."""
        try:
            for done in self.read():
                if len(self.rows) >= _ENOUGH:
                    if progress is not None:
                        progress(done, self.source.size, self.facts.events)
                    yield self._taken()
        except CutShortError as error:
            self.facts.cut(str(error))
        self.end()
        self.facts.record.rows = self.facts.events
        yield self._taken()

    def _taken(self) -> Batch:
        rows, self.rows = self.rows, []
        return batch_of(rows)


@attrs.frozen(kw_only=True)
class Sighting:
    """A key that a process had open: what one line of the evidence says.

    ``key`` is "" where it is only told that the process had the hive; ``path`` is the image's
    whole path where the evidence has it, ``host`` the computer where each line names its own.
    """

    process: str
    pid: int
    key: str
    path: str = ""
    handle: int | None = None
    user: str = ""
    service: str = ""
    session: int | None = None
    seen_at: str | None = None
    event: int | None = None
    access: str = ""
    host: str = ""


@attrs.frozen(kw_only=True)
class Report:
    """An event that says that a hive was in use, whether or not it says by whom.

    ``hive`` is as the event names it, "" where it does not; ``held`` is False for an event that
    only reports on a hive, such as that it was loaded. ``note`` is a sentence on what was done.
    ``announced`` is how many handles the event counts, None where it counts none. ``moment`` is
    what Windows was doing, "logoff" or "logon", "" where that is not told. ``unread`` is a piece of
    the event that looks like a holder but could not be read.
    """

    source: str
    id: int
    hive: str = ""
    held: bool = True
    note: str = ""
    sightings: tuple[Sighting, ...] = ()
    seen_at: str | None = None
    announced: int | None = None
    moment: str = ""
    host: str = ""
    unread: str = ""


@attrs.frozen(kw_only=True)
class ContainerEvent:
    """An event on the container of a packaged app, by its number in AppModel-Runtime's log.

    ``code`` is the error that it tells, as 32 bits without a sign, None where it tells none;
    ``package`` the package's full name and ``container`` the container's number, "" where these are
    not told.
    """

    id: int
    code: int | None = None
    package: str = ""
    container: str = ""
    time: str | None = None
    host: str = ""


class Snapshot:
    """All that one file of snapshot evidence says; ``notes`` are sentences on its limits.

    ``loaded`` are keys that lie in hives of which it is only told that they are loaded,
    ``containers`` events on apps' containers, in the order of the file;
    ``incident``, ``incident_certain`` and ``next_steps`` are as in a `Finding`.
    """

    def __init__(self, form: str) -> None:
        self.facts = Facts(
            format=form, fidelity=Fidelity.SNAPSHOT, record=Completeness(shows_filters=False)
        )
        self.incident: str | None = None
        self.incident_certain = False
        self.next_steps: list[str] = []
        self.reports: list[Report] = []
        self.sightings: list[Sighting] = []
        self.loaded: list[str] = []
        self.containers: list[ContainerEvent] = []
        self.notes: list[str] = []

    def by_host(self) -> list[Snapshot]:
        """Return a snapshot for each computer that the file is about: an export has many.

        What names none is kept apart where others do. One computer's is the snapshot itself.
        """
        hosts = dict.fromkeys(one.host for one in self.reports)
        hosts.update(dict.fromkeys(one.host for one in self.sightings))
        hosts.update(dict.fromkeys(one.host for one in self.containers))
        if len(hosts) < 2:
            self.facts.host = self.facts.host or next(iter(hosts), "")
            return [self]
        return [self._of(host) for host in hosts]

    def _of(self, host: str) -> Snapshot:
        one = Snapshot(self.facts.format)
        one.facts = attrs.evolve(self.facts, host=host, problems=list(self.facts.problems))
        one.incident, one.incident_certain = self.incident, self.incident_certain
        one.next_steps, one.notes = list(self.next_steps), list(self.notes)
        one.reports = [report for report in self.reports if report.host == host]
        one.sightings = [sighting for sighting in self.sightings if sighting.host == host]
        one.containers = [event for event in self.containers if event.host == host]
        return one


@attrs.frozen(kw_only=True)
class Reading:
    """How evidence is to be read.

    ``hkcu_sid`` and ``classes`` are as in `regsim.trace.spelling.canonical`; only formats that do
    not tell by themselves whether the user's classes are a hive of their own heed ``classes``.
    ``mounts`` are keys at which hives were loaded that are asked about. Up to ``workers`` threads
    read a CSV file, or processes an EVTX file.
    """

    hkcu_sid: str | None = None
    classes: bool = True
    mounts: tuple[str, ...] = ()
    workers: int = 1
    progress: OnProgress | None = None

    def keys(self) -> KeyTable:
        """Return an empty table for keys of a capture that shows by itself what a hive is."""
        return KeyTable(self.hkcu_sid, mounts=self.mounts)


@attrs.frozen
class Format:
    """One kind of file: what it is called, how it is told, and how it is opened.

    ``recognises`` looks at the first bytes, unpacked and in UTF-8 if they are text. ``open``
    returns None for a file that on a closer look is of another format.
    """

    title: str
    recognises: Callable[[bytes], bool]
    open: Callable[[Source, Reading], Capture | Snapshot | None]


@functools.lru_cache(maxsize=1)
def _decoded(head: bytes) -> str | None:
    """Return the text that each of the formats looks at in turn, None if it is none."""
    return None if b"\0" in head[:4096] else head.decode("utf-8-sig", "replace")


def text_format(
    title: str, recognises: Callable[[str], bool], read: Callable[[str], Snapshot | None]
) -> Format:
    """Return the format of a snapshot in text, told by its beginning and then read as a whole."""

    def open_text(source: Source, _: Reading) -> Snapshot | None:
        text, problem = source.text()
        found = read(text)
        if found is not None and problem:
            found.facts.problems.append(problem)
        return found

    def is_text(head: bytes) -> bool:
        text = _decoded(head)
        return text is not None and recognises(text)

    return Format(title, is_text, open_text)

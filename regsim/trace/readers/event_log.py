"""Event logs: EVTX files, and events that were exported as XML.

Of the readers on PyPI, ``evtx`` (Rust) reads 160 to 360 thousand records a second and python-evtx
about a hundred; the first is the ``trace`` extra's. It stops at a damaged chunk, so what stands
before the damage is reported, and that there was damage. It runs in a process of its own, which a
hostile file may end (see `evtx_apart`); a large log is read by several, each a part of it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import IO, Final, Self

from regsim.cores import cores
from regsim.errors import DataError
from regsim.trace.evidence import Format, OnProgress, Reading, Snapshot
from regsim.trace.extras import need
from regsim.trace.readers import evtx_apart
from regsim.trace.readers._container_events import is_container_log
from regsim.trace.readers._log_fields import logged_event, take_event
from regsim.trace.readers._profile_events import is_known
from regsim.trace.readers._rows import plain_column
from regsim.trace.readers._xml import XmlRecords, is_xml
from regsim.trace.source import Source, most_unpacked

EVTX: Final = b"ElfFile\0"
EVT: Final = b"LfLe"
_SOURCES: Final = frozenset(
    {
        *("microsoft-windows-user profiles service", "profsvc", "userenv", "uphclean"),
        "microsoft-windows-appmodel-runtime",
    }
)
_NAMES: Final = ("profile", "profsvc", "userenv", "uphclean", "appmodelruntime")
"""One of them is in the name of each of those who write such events, without spaces and hyphens."""
_FEWEST: Final = 32
"""Chunks that are worth a process of their own, which starts while as many are read."""
_WHOLE: Final = range(0)
_LOOK_EVERY: Final = 0.5


def _read_evtx(source: Source, reading: Reading) -> Snapshot:
    """Return what the events on users' hives in an EVTX file say."""
    need("evtx", "EVTX files")
    with source.unpacked() as file:
        size = os.fstat(file.fileno()).st_size
        allowed = most_unpacked(size)
        parts = _parts(source.head, size, reading.workers)
        found = _read_in_parts(file, allowed, parts, reading.progress) if parts else None
        return found or _read_in_one(file, allowed, reading.progress)


def _read_in_one(file: IO[bytes], allowed: int, progress: OnProgress | None) -> Snapshot:
    with _Apart(file, allowed) as apart:
        for events in apart.told():
            if progress is not None:
                progress(0, 0, events)
    if apart.text is None:
        apart.problems.append(
            f"the library that reads EVTX files failed after {apart.events:,} records, "
            "as it does on files made to exhaust it"
        )
    return apart.snapshot


def _parts(head: bytes, size: int, workers: int) -> list[range]:
    """Return the chunks for each of several processes to read; none where one will do.

    Every chunk is a log by itself: no record goes on in the next one, or names a text there.
    """
    chunks = (size - evtx_apart.HEADER) // evtx_apart.CHUNK
    count = min(workers, cores(), chunks // _FEWEST)
    # The library counts chunks from where the header says that it ends, and looks where all end.
    odd = int.from_bytes(head[0x28:0x2A], "little") != evtx_apart.HEADER
    # On Windows those who read one file that was handed down share the place where they are.
    if count < 2 or odd or sys.platform == "win32":
        return []
    bounds = [chunks * part // count for part in range(count + 1)]
    return [range(first, last) for first, last in itertools.pairwise(bounds)]


def _read_in_parts(
    file: IO[bytes], allowed: int, parts: list[range], progress: OnProgress | None
) -> Snapshot | None:
    """Return what the *parts* say, one after the other; None where anything is wrong with one.

    What is to be said of damage, and where too much is unpacked, depends on all that came before.
    """
    with ThreadPoolExecutor(len(parts)) as pool, contextlib.ExitStack() as stack:
        aparts = [stack.enter_context(_Apart(file, allowed, part, len(parts))) for part in parts]
        waiting = {pool.submit(apart.is_sound) for apart in aparts}
        while waiting:
            done, waiting = wait(waiting, _LOOK_EVERY, FIRST_COMPLETED)
            if not all(one.result() for one in done):
                return None
            if progress is not None:
                progress(0, 0, sum(apart.events for apart in aparts))
    if sum(apart.text or 0 for apart in aparts) > allowed:
        return None
    whole, *more = (apart.snapshot for apart in aparts)
    for part in more:
        whole.facts.events += part.facts.events
        whole.facts.host = whole.facts.host or part.facts.host
        whole.reports += part.reports
        whole.containers += part.containers
    return whole


class _Apart:
    """A process that reads a log, or a part of its chunks, and what it has told so far.

    ``text`` is how much it unpacked, None where it was ended before its last word.
    """

    def __init__(self, file: IO[bytes], allowed: int, part: range = _WHOLE, share: int = 1) -> None:
        self.snapshot = Snapshot("evtx")
        self.problems = self.snapshot.facts.problems
        self.text: int | None = None
        # Without `site`, whose work the paths below are, it starts in half the time.
        program = [sys.executable, "-S", "-P", evtx_apart.__file__]
        bounds = (evtx_apart.MOST_MEMORY // share, allowed, part.start, part.stop)
        self._child = subprocess.Popen(  # noqa: S603 - ourselves
            [*program, *map(str, bounds), ",".join(_NAMES), *_SOURCES],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            },
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.kill()
        self._child.wait()

    @property
    def events(self) -> int:
        """How many records it has read."""
        return self.snapshot.facts.events

    def told(self) -> Iterator[int]:
        """Take in all that it tells, and yield the number of records read where it is no record."""
        assert self._child.stdout is not None  # noqa: S101 - as it is a pipe
        with self._child.stdout as lines:
            for line in lines:
                if not line.endswith(b"\n"):  # it was ended in the middle of a word
                    break
                told = json.loads(line)
                self.snapshot.facts.events = told["events"]
                self.text = told.get("text")
                if "problem" in told:
                    self.problems.append(told["problem"])
                if "data" in told:
                    _take(self.snapshot, told["data"])
                else:
                    yield self.events

    def is_sound(self) -> bool:
        """Take in what it tells up to the first problem, and return whether there was none."""
        for _ in self.told():
            if self.problems:
                break
        return self.text is not None and not self.problems


def _refuse_evt(source: Source, _: Reading) -> None:
    raise DataError(
        f"{source.name} is an event log of Windows XP or older; export it as text, or as EVTX "
        "with `wevtutil epl`"
    )


def _take(snapshot: Snapshot, text: str) -> None:
    """Look at one record, given as JSON."""
    try:
        system = json.loads(text)["Event"]
        head = system["System"]
        fields = {
            "providername": str(head["Provider"]["#attributes"].get("Name", "")),
            "eventid": _number(head["EventID"]),
            "systemtime": str(head["TimeCreated"]["#attributes"]["SystemTime"]),
            "computer": str(head.get("Computer") or ""),
            **dict(_named(system.get("EventData") or system.get("UserData"))),
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        snapshot.facts.problems.append("a record of the profile service cannot be read")
        return
    _look_at(snapshot, fields)


def _number(node: object) -> str:
    return str(node["#text"] if isinstance(node, dict) else node)


def _named(node: object, name: str = "data") -> Iterator[tuple[str, str]]:
    """Yield the texts in an event's data by plain name, those without one joined."""
    if isinstance(node, list):
        yield plain_column(name), "\n".join(text for one in node for _, text in _named(one, name))
    elif isinstance(node, dict):
        for key, value in node.items():
            if key != "#attributes":
                yield from _named(value, name if key == "#text" else key)
    elif node is not None:
        yield plain_column(name), str(node)


def _look_at(snapshot: Snapshot, fields: Mapping[str, str]) -> None:
    """Take in an event, if it is one of those who write of users' hives or apps' containers."""
    provider = fields.get("providername", "")
    if is_known(provider) or is_container_log(provider):
        event = logged_event(fields)
        if event is not None:
            take_event(snapshot, event)


def _read_xml(source: Source, _: Reading) -> Snapshot:
    """Return what events exported as XML say, from the Event Viewer or ``wevtutil``."""
    snapshot = Snapshot("event-xml")
    wanted, around = frozenset({"Event"}), frozenset({"Events"})
    for _name, record, _done in XmlRecords(source, snapshot.facts, wanted, around):
        snapshot.facts.events += 1
        fields = {plain_column(name.replace(".", "")): text for name, text in record.items()}
        fields["systemtime"] = record.get("TimeCreated.SystemTime", "")
        _look_at(snapshot, fields)
    return snapshot


FORMATS: Final = (
    Format("EVTX", lambda head: head.startswith(EVTX), _read_evtx),
    Format("EVT once it is exported", lambda head: head[4:8] == EVT, _refuse_evt),
    Format("event XML", lambda head: is_xml(head) and b"<Event" in head, _read_xml),
)

"""What builds up while a capture is read: who has which keys open, and how well that is known."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

import attrs

from regsim.trace.columns import Batch
from regsim.trace.evidence import Capture


class Opened(NamedTuple):
    """One open that succeeded: when, which event of the file, and the access asked for."""

    time: int
    number: int
    access: int
    handle: int = 0
    implicit: bool = False


@attrs.frozen
class Held:
    """The handles that a process has on one key: those seen, oldest first.

    ``closed`` is None while they are open; otherwise they were kept until then, when the process
    ended or, of one that had ended before, the close followed.
    """

    process: int
    key: int
    openings: tuple[Opened, ...]
    closed: int | None = None


@attrs.frozen
class Attempt:
    """A hive's unload that the evidence shows: its answer, and who held the hive just before."""

    time: int
    number: int
    key: int
    status: int
    held: tuple[Held, ...]


class Ledger(ABC):
    """The state that the events of *capture* build up, up to the moment asked about.

    ``lives`` are the handles on users' hives that processes kept until they ended, ``attempts`` the
    unloads. ``loaded`` and ``unloaded`` map a hive to the last time that it was, ``exited`` a
    process. ``until`` and ``until_number`` are the last time and event to be taken in.
    """

    def __init__(self, capture: Capture) -> None:
        self.capture = capture
        self.until: int | None = None
        self.until_number: int | None = None
        self.stopped = False
        self.opens = self.closes = self.unmatched = 0
        self.started: set[int] = set()
        self.exited: dict[int, int] = {}
        self.loaded: dict[int, int] = {}
        self.unloaded: dict[int, int] = {}
        self.lives: list[Held] = []
        self.attempts: list[Attempt] = []

    @abstractmethod
    def feed(self, batch: Batch) -> None:
        """Take the rows of *batch* into account, up to the asked-for moment."""

    @abstractmethod
    def finish(self) -> None:
        """Take the end of the capture into account; nothing is fed afterwards."""

    @abstractmethod
    def held(self) -> Iterator[Held]:
        """Yield what living processes have open, in the order of the first opening of the key."""

    @abstractmethod
    def unmatched_on(self, hive: int) -> int:
        """Return how many closes that may have been on *hive* had no open, since it was loaded."""

    def is_whole(self, process: int) -> bool:
        """Return whether the evidence covers the process from its start."""
        if process in self.started:
            return True
        started, first = self.capture.processes[process].started, self.capture.facts.first_time
        return started is not None and first is not None and started >= first

"""What builds up while a capture is read: who has which keys open, and how well that is known."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import attrs

from regsim.accel.columns import EventKind, fallen
from regsim.trace.columns import LOAD, UNLOAD, Batch
from regsim.trace.completeness import BELOW, Skips, note
from regsim.trace.evidence import Capture

LOADS: Final = frozenset({LOAD, UNLOAD, int(EventKind.FORCE)})
"""What loads or unloads a hive."""

_MOST_AGAINST: Final = 100
_MOST_COPIES: Final = 1_000_000


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


@attrs.frozen(kw_only=True)
class HeldColumns:
    """Many of `Held` in columns: when the first handle was opened, and how many there are."""

    process: list[int]
    key: list[int]
    time: list[int]
    number: list[int]
    access: list[int]
    handle: list[int]
    implicit: list[bool]
    count: list[int]
    closed: list[int | None]

    def __len__(self) -> int:
        return len(self.process)

    @classmethod
    def of(cls, held: Iterable[Held]) -> HeldColumns:
        """Return *held* in columns."""
        held = tuple(held)
        first = [one.openings[0] for one in held]
        return cls(
            process=[one.process for one in held],
            key=[one.key for one in held],
            time=[one.time for one in first],
            number=[one.number for one in first],
            access=[one.access for one in first],
            handle=[one.handle for one in first],
            implicit=[one.implicit for one in first],
            count=[len(one.openings) for one in held],
            closed=[one.closed for one in held],
        )


@attrs.frozen
class Attempt:
    """A hive's unload that the evidence shows: its answer, and who held the hive just before."""

    time: int
    number: int
    key: int
    status: int
    held: HeldColumns


class Ledger(ABC):
    """The state that the events of *capture* build up, up to the moment asked about.

    ``lives`` are the handles on users' hives that processes kept until they ended, ``attempts`` the
    unloads. ``loaded`` and ``unloaded`` map a hive to the last time that it was, ``exited`` a
    process, ``loads`` counts what was loaded. ``ended`` flags, by number, the processes
    in ``exited``, and ``gone`` the hives that were ever in ``unloaded``; none is beyond their ends.
    ``anchors`` has the row of a hive's last load or unload, after which it is known to be let go.
    ``touched`` are hives with a key opened since their last unload, ``forced`` those unloaded by
    force, as the evidence says, ``ghosts`` what shows that an unload left a handle, ``left`` the
    last that is seen to have left one, ``copies`` duplicates by hive and row. ``replaced`` counts
    handles given anew before their close. ``orphans`` are handles kept until an exit that shows no
    close of them, with its row; ``starts`` the rows of starts; ``revived`` opens by a process that
    had ended; ``unended`` starts under the number of a process whose end is not shown;
    ``backwards`` rows before their time. ``confused`` has the last close on a hive that may have
    been of an older handle, ``against`` sentences on what contradicts the balance or the order.
    ``until`` and ``until_number`` are the last time and event to be taken in.
    """

    def __init__(self, capture: Capture) -> None:
        self.capture = capture
        self.until: int | None = None
        self.until_number: int | None = None
        self.stopped = False
        self.opens = self.closes = self.unmatched = self.replaced = 0
        self.started: set[int] = set()
        self.exited: dict[int, int] = {}
        self.ended, self.gone = bytearray(), bytearray()
        self.loaded: dict[int, int] = {}
        self.unloaded: dict[int, int] = {}
        self.anchors: dict[int, int] = {}
        self.loads = 0
        self.starts: list[int] = []
        self.orphans: list[tuple[Held, int]] = []
        self.revived = Skips()
        self.unended = Skips()
        self.touched: set[int] = set()
        self.forced: set[int] = set()
        self.ghosts: dict[int, str] = {}
        self.copies: set[tuple[int, int]] = set()
        self.left: dict[int, int] = {}
        self._exit_rows: dict[int, int] = {}
        self._of_pid: dict[int, list[int]] = {}
        self._known = 0
        self.backwards = Skips()
        self.confused: dict[int, int] = {}
        self.against: dict[int, list[str]] = {}
        self._latest: int | None = None
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
        """Return how many closes that may have been on *hive* had no open, since its anchor."""

    def replaced_on(self, hive: int) -> int:  # noqa: ARG002 - by path no handle is known
        """Return how many handles were given anew before their close, since the hive's anchor."""
        return 0

    def _load_seen(self, hive: int, time: int, number: int) -> None:
        """Note that a hive was loaded."""
        if hive in self.touched or (hive in self.loaded and hive not in self.unloaded):
            self._contradicts(hive, "it was loaded again, but its unload is not shown")
        self.loads += 1
        self.loaded[hive] = time
        self.unloaded.pop(hive, None)
        self.ghosts.pop(hive, None)
        self.anchors[hive] = number

    def _below_root(self, number: int) -> None:
        """Note the load or unload of a key that is the root of no hive: it is not what it says."""
        note(self.capture.facts.record.malformed, BELOW, number)
        self.capture.facts.record.taken -= 1

    def _unload_seen(self, hive: int, time: int, number: int) -> None:
        """Note that a hive was unloaded."""
        self.touched.discard(hive)
        self.unloaded[hive] = time
        _flag(self.gone, hive)
        self.anchors[hive] = number

    def _exit_seen(self, process: int, time: int, number: int) -> None:
        """Note that a process ended."""
        self.exited[process] = time
        _flag(self.ended, process)
        self._exit_rows[process] = number

    def _start_seen(self, process: int, time: int, number: int) -> None:
        """Note that a process was started; an earlier one of its number must have ended."""
        self.started.add(process)
        self.starts.append(number)
        table = self.capture.processes
        for at in range(self._known, len(table)):
            self._of_pid.setdefault(table.pid(at), []).append(at)
        self._known = len(table)
        for earlier in self._of_pid[table.pid(process)]:
            # A reader that has to end it by itself does so in the row of the start.
            if earlier == process or self._exit_rows.get(earlier, number) < number:
                continue
            began = table.started(earlier)
            if earlier < process if began is None else began <= time:
                self.unended.add(number)
                self.exited.setdefault(earlier, time)
                _flag(self.ended, earlier)

    def _copied(self, hive: int, number: int) -> None:
        """Note a duplicate of a key, which may be of a handle that an unload left behind."""
        if len(self.copies) < _MOST_COPIES:
            self.copies.add((hive, number))

    def are_certain(self, held: HeldColumns) -> list[bool]:
        """Return of each whether its handles are of the hive as it is mounted now."""
        if not 0 < len(self.copies) < _MOST_COPIES:
            return [not self.copies] * len(held)
        hives, stale = self.capture.keys.hives, self.left.keys() | self.unloaded.keys()
        places = ((hives[key], number) for key, number in zip(held.key, held.number, strict=True))
        return [place not in self.copies or place[0] not in stale for place in places]

    def _since(self, openings: list[Opened], key: int) -> tuple[Opened, ...]:
        """Return those of *openings* that follow the hive's last load or unload.

        While it is not loaded again, what is copied are handles that its unload left.
        """
        hive = self.capture.keys.hives[key]
        anchor = self.anchors.get(hive, 0)
        if not anchor:
            return tuple(openings)
        gone = hive in self.unloaded and self.left.get(hive) == anchor
        return tuple(
            opening
            for opening in openings
            if opening.number > anchor and not (gone and (hive, opening.number) in self.copies)
        )

    def _contradicts(self, hive: int, text: str) -> None:
        found = self.against.setdefault(hive, [])
        if len(found) < _MOST_AGAINST:
            found.append(text)

    def _opened_after_unload(self, hive: int, at: Opened) -> None:
        when = self.capture.when(at.time) or f"row {at.number:,}"
        self._contradicts(hive, f"a key in it was opened at {when}, after its unload")

    def _gone(self, hive: int, at: Opened, status: int) -> None:
        """Note a call that found its key gone: after a normal unload nobody has such a handle."""
        if hive in self.unloaded and hive not in self.forced:
            unloaded = self.capture.when(self.unloaded[hive]) or f"row {self.anchors[hive]:,}"
            when = self.capture.when(at.time) or f"row {at.number:,}"
            self.ghosts[hive] = (
                f"it was unloaded at {unloaded}, yet at {when} a call on a key in it failed with "
                f"{status:#x}: somebody kept a handle"
            )

    def _check_order(self, batch: Batch) -> None:
        """Note the rows whose time is before an earlier one; real captures have none (observed).

        Those after the moment asked about count too: they may be of a time before it.
        """
        if not self.capture.facts.clock or not len(batch):
            return
        latest = int(batch.time[0]) if self._latest is None else self._latest
        self._latest, count, first, last = fallen(batch.time, latest)
        if count:
            self.backwards.add(int(batch.number[first]), count, int(batch.number[last]))

    def is_whole(self, process: int) -> bool:
        """Return whether the evidence covers the process from its start."""
        if process in self.started:
            return True
        started, first = self.capture.processes.started(process), self.capture.facts.first_time
        return started is not None and first is not None and started >= first


def _flag(flags: bytearray, number: int) -> None:
    if number >= len(flags):
        flags.extend(bytes(number + 1 - len(flags)))
    flags[number] = 1

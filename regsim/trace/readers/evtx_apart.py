"""The library that reads EVTX files, in a process of its own: this file is run as a program.

The library is written in Rust, and a file can be made that ends its process: templates that name
one value thousands of times, and one another, make terabytes of 64 KiB (observed: evtx 0.14 aborts
when the memory is full). Here nothing ends but this. The log is on standard input; each line
printed is a JSON object with ``events``, the records read so far: ``data`` is a record of one of
the sources asked for, ``problem`` says what is wrong, and ``text``, how much all have unpacked to,
stands in the last.

Time and text are limited everywhere, memory where the system knows limits (Windows does not).
Nothing of regsim is imported, so that this starts fast.
"""

from __future__ import annotations

import faulthandler
import io
import json
import os
import sys
import time

TYPE_CHECKING = False  # not that of `typing`, which takes a tenth of the time to start
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import IO, Any, Final

MOST_MEMORY: Final = 1 << 30
"""Bytes of address space that the library may take."""
MOST_SECONDS: Final = 30
"""Seconds that a record may take; an honest one takes some millionths."""
HEADER: Final = 4_096
CHUNK: Final = 65_536
_AT_ONCE: Final = 16
_HEAD: Final = (
    '{"Event":{"#attributes":{"xmlns":"http://schemas.microsoft.com/win/2004/08/events/event"},'
    '"System":{"Provider":{"#attributes":{"Name":"'
)
_ENOUGH: Final = len(_HEAD) + 50
_MOST_FAILURES: Final = 10_000
_MOST_KNOWN: Final = 4_096
_TELL_EVERY: Final = 0.5
_FAILURES: Final = (RuntimeError, OSError, ValueError)


def main() -> None:
    """Read the log, or a part of it, as the arguments say.

    They are: how many bytes of memory the library may take, and how many the log may unpack to; the
    first chunk to be read and the one to stop before, two zeros for all there is; names, parted by
    commas, of which one is in the name of whoever writes a record asked for; and sources.
    """
    memory, allowed, first, stop = map(int, sys.argv[1:5])
    _limit_memory(memory)
    reader = _Reader(allowed, sys.argv[5].split(","), sys.argv[6:])
    for log in _pieces(range(first, stop)) if stop else [sys.stdin.buffer]:
        reader.read(log)
        if reader.text > allowed:
            break
    _tell(reader.events, text=reader.text)


class _Reader:
    """Tells of the records of one log after the other, ``events`` that unpacked to ``text``."""

    def __init__(self, allowed: int, names: list[str], sources: list[str]) -> None:
        self.events = self.text = 0
        self._allowed, self._matters, self._sources = allowed, _Matters(names), sources
        self._damaged = False
        self._nowhere = os.open(os.devnull, os.O_WRONLY)
        self._due = self._watch()

    def read(self, log: IO[bytes]) -> None:
        """Tell of the records asked for, of the first damage, and of too much."""
        from evtx import PyEvtxParser  # noqa: PLC0415 - below the limits

        try:
            records = iter(PyEvtxParser(log, number_of_threads=1).records_json())
        except _FAILURES as error:
            self._note(error)
            return
        for _ in range(_MOST_FAILURES):
            try:
                self._take(records)
            except _FAILURES as error:
                self._note(error)
            else:
                return

    def _take(self, records: Iterable[dict[str, Any] | None]) -> None:
        # What is done for each of a hundred thousand records is done with what is at hand.
        events, text, allowed = self.events, self.text, self._allowed
        matters, enough, now = self._matters, slice(_ENOUGH), time.monotonic
        due = self._due
        try:
            for record in records:
                if record is None:
                    continue
                data = record["data"]
                events += 1
                text += len(data)
                if text > allowed:
                    _tell(events, problem=f"record {events:,} unpacks to more than any log does")
                    return
                if matters[data[enough]]:
                    lower = data.lower()
                    if any(source in lower for source in self._sources):
                        _tell(events, data=data)
                if now() > due:
                    due = self._watch()
                    _tell(events)
        finally:
            self.events, self.text, self._due = events, text, due

    def _note(self, error: Exception) -> None:
        if not self._damaged:
            line = " ".join(str(error).split())[:200]
            _tell(self.events, problem=f"a record after {self.events:,} is damaged: {line}")
        self._damaged = True

    def _watch(self) -> float:
        """Have the process ended if a record takes too long; return when to do so anew.

        It is ended from outside Python, which waits while the library is at work.
        """
        faulthandler.dump_traceback_later(MOST_SECONDS, exit=True, file=self._nowhere)
        return time.monotonic() + _TELL_EVERY


class _Matters(dict[str, bool]):
    """By its beginning, whether a record may be of one who has one of *names* in its own.

    It may where the name does not stand where it always does; a second ``System``, which no record
    has, the library calls by another name.

    >>> known = _Matters(["profsvc"])
    >>> [known[_HEAD + who] for who in ('Disk"', 'ProfSvc"', "A name without end")]
    [False, True, True]
    """

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, head: str) -> bool:
        if len(self) >= _MOST_KNOWN:
            self.clear()
        end = head.find('"', len(_HEAD))
        name = head[len(_HEAD) : end]
        if not head.startswith(_HEAD) or end < 0 or "\\" in name:
            found = True
        else:
            plain = name.lower().replace(" ", "").replace("-", "")
            found = any(one in plain for one in self._names)
        self[head] = found
        return found


def _limit_memory(allowed: int) -> None:
    try:
        import resource  # noqa: PLC0415 - Windows has none
    except ImportError:
        return
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = allowed if most == resource.RLIM_INFINITY else min(most, allowed)
    resource.setrlimit(resource.RLIMIT_AS, (limit, most))


def _pieces(chunks: range) -> Iterator[IO[bytes]]:
    """Yield logs of some of the *chunks* each.

    The place in the file is not moved, as others who read other chunks share it.

    Raises:
        EOFError: the file has been cut short; the last word is then missing.
    """
    head = os.pread(0, HEADER, 0)
    for first in chunks[::_AT_ONCE]:
        size = CHUNK * min(_AT_ONCE, chunks.stop - first)
        data = os.pread(0, size, HEADER + CHUNK * first)
        if len(data) < size:
            raise EOFError
        yield io.BytesIO(head + data)


def _tell(events: int, **more: Any) -> None:  # noqa: ANN401
    sys.stdout.write(json.dumps({"events": events, **more}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

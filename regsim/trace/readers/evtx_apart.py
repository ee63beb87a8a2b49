"""The library that reads EVTX files, in a process of its own: this file is run as a program.

The library is written in Rust, and a file can be made that ends its process: templates that name
one value thousands of times, and one another, make terabytes of 64 KiB (observed: evtx 0.14 aborts
when the memory is full). Here nothing ends but this. The log is on standard input; each line
printed is a JSON object with ``events``, the records read so far: ``data`` is a record of one of
the sources asked for, ``problem`` says what is wrong, and ``done`` stands in the last.

Time and text are limited everywhere, memory where the system knows limits (Windows does not).
Nothing of regsim is imported, so that this starts fast.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

MOST_MEMORY: Final = 1 << 30
"""Bytes of address space that the library may take."""
MOST_SECONDS: Final = 30
"""Seconds that a record may take; an honest one takes some millionths."""
_MOST_FAILURES: Final = 10_000
_TELL_EVERY: Final = 0.5


def main() -> None:
    """Read the log; the arguments are how many bytes it may unpack to, and the sources."""
    _limit_memory()
    # Ends the process from outside Python, which waits while the library is at work.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    faulthandler.dump_traceback_later(MOST_SECONDS, exit=True, file=nowhere)
    allowed, sources = int(sys.argv[1]), sys.argv[2:]
    told, events, text, damaged = time.monotonic(), 0, 0, False
    for data, problem in _records():
        if problem:
            if not damaged:
                _tell(events, problem=f"a record after {events:,} is damaged: {problem}")
            damaged = True
            continue
        events, text = events + 1, text + len(data)
        if text > allowed:
            _tell(events, problem=f"record {events:,} unpacks to more than any log does")
            break
        lower = data.lower()
        if any(source in lower for source in sources):
            _tell(events, data=data)
        if time.monotonic() > told + _TELL_EVERY:
            told = time.monotonic()
            faulthandler.dump_traceback_later(MOST_SECONDS, exit=True, file=nowhere)
            _tell(events)
    _tell(events, done=True)


def _limit_memory() -> None:
    try:
        import resource  # noqa: PLC0415 - Windows has none
    except ImportError:
        return
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = MOST_MEMORY if most == resource.RLIM_INFINITY else min(most, MOST_MEMORY)
    resource.setrlimit(resource.RLIMIT_AS, (limit, most))


def _records() -> Iterator[tuple[str, str]]:
    """Yield each record as JSON, or what is wrong with it."""
    from evtx import PyEvtxParser  # noqa: PLC0415 - below the limits

    try:
        records = iter(PyEvtxParser(sys.stdin.buffer, number_of_threads=1).records_json())
    except (RuntimeError, OSError, ValueError) as error:
        yield "", _line(error)
        return
    for _ in range(_MOST_FAILURES):
        try:
            for record in records:
                if record is not None:
                    yield record["data"], ""
        except (RuntimeError, OSError, ValueError) as error:
            yield "", _line(error)
        else:
            return


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _tell(events: int, **more: Any) -> None:  # noqa: ANN401
    sys.stdout.write(json.dumps({"events": events, **more}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

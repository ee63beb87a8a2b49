"""How many cores there are for what is done here, and threads for those who read ahead."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


def cores() -> int:
    """Return how many cores this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def helpers(count: int) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool of so many threads; at the end nobody waits for what they are still at.

    A generator that is given up may be closed by the garbage collector, in the midst of whatever a
    thread does: to join another there can mean to wait for a lock that this one holds (observed: in
    CPython 3.11 a thread that starts holds the lock that joining takes).
    """
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)

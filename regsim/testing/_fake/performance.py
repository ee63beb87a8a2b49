"""HKEY_PERFORMANCE_DATA: no key of the registry, but counters that answer queries.

A machine here counts nothing, so every query gets a block that names no object. Its layout is
PERF_DATA_BLOCK (MSDN, winperf.h; documented).
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta

from regsim.status import Win32Error
from regsim.types import SECOND, Value, ValueType
from regsim.win32.plans import Reply

NAMES = ("Global", "Costly")
"""The queries that are listed as values (inferred: nobody documents the list)."""

_SYSTEM = "REGSIM".encode("utf-16-le") + b"\0\0"
_LAYOUT = struct.Struct("<8sIIIIIi8Hqqqq II".replace(" ", "") + "4x")
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


def query(name: str, clock: int) -> Reply:
    """Return the block for query *name*, whatever it asks for, at *clock*, a FILETIME."""
    return Reply(Win32Error.SUCCESS, Value(name or NAMES[0], ValueType.BINARY, block(clock)))


def enumerate_(index: int, clock: int) -> Reply:
    """Return the query number *index* with its block; 259 after the last."""
    if not 0 <= index < len(NAMES):
        return Reply(Win32Error.NO_MORE_ITEMS)
    return query(NAMES[index], clock)


def block(clock: int) -> bytes:
    """Return a PERF_DATA_BLOCK without objects that was taken at *clock*, a FILETIME."""
    now = _EPOCH + timedelta(microseconds=clock // 10)
    date = (now.year, now.month, now.isoweekday() % 7, now.day)
    time = (now.hour, now.minute, now.second, now.microsecond // 1000)
    size = _LAYOUT.size + len(_SYSTEM) + -len(_SYSTEM) % 8
    signature = "PERF".encode("utf-16-le")
    head = _LAYOUT.pack(
        *(signature, 1, 1, 1, size, size, -1),
        *(*date, *time, clock, SECOND, clock, clock),
        *(len(_SYSTEM), _LAYOUT.size),
    )
    return (head + _SYSTEM).ljust(size, b"\0")

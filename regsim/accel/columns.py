"""The columns of a trace: what each event did to which process's handles, as ints in buffers.

One row an event, in the order in which they happened. Every column is any object that exports a
buffer of its type (`array.array`, numpy, `memoryview`, pyarrow's buffers), all of one length.
Paths are not here: a key is an index into a dictionary kept outside, and two arrays say what the
replay must know: ``hive_of_key`` (0: a hive of no interest) and ``root_of_hive`` (the key that is
the hive's root).
"""

from __future__ import annotations

import enum
from array import array
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from regsim.accel import NATIVE


class EventKind(enum.IntEnum):
    """What an event is. The numbers are part of the format and do not change.

    What has a ``status`` other than 0 did not happen, with two exceptions: a failed call on a
    predefined key has still opened its root, and an UNLOAD is answered whatever came of it.
    """

    OTHER = 0
    """Holds nothing and closes nothing: a query or a write through a handle."""
    OPEN = 1
    """A key was opened or created: one more handle. ``parent`` is what it was relative to."""
    CLOSE = 2
    """A handle was closed."""
    DUPLICATE = 3
    """``pid`` got one more handle to ``key``, by DuplicateHandle or by inheritance."""
    START = 4
    """The process ``pid`` started; what an earlier one of that number left open is gone."""
    EXIT = 5
    """The process ``pid`` ended: every handle of it closes."""
    LOAD = 6
    """The hive whose root is ``key`` was loaded. Changes nothing; for the reader's sake."""
    UNLOAD = 7
    """A normal unload of ``key``'s hive was asked for: answered with who holds it.

    With status 0 the hive went: handles that were left stay open and hold it no more.
    """
    FORCE = 8
    """``key``'s hive was unloaded by force: answered as UNLOAD is."""
    CLOSE_ROOT = 9
    """RegCloseKey of the predefined key ``parent``: the cached root is closed."""
    REFRESH_ROOT = 10
    """RegOpenKeyEx of the predefined key ``parent`` with NULL or ``""``: closed, where it does."""
    DISABLE_CACHE = 11
    """RegDisablePredefinedCache (``parent`` HKEY_CURRENT_USER) or ...CacheEx (``parent`` 0)."""
    USE_ROOT = 12
    """Another call on the predefined key ``parent``, such as RegQueryValueEx(HKCU, ...)."""
    DELETE = 13
    """``key`` was deleted: handles to it stay open and hold the hive no more."""


Typecode: TypeAlias = Literal["B", "I", "Q", "q"]

TYPECODES: Final[Mapping[str, Typecode]] = {
    "op": "B",
    "pid": "I",
    "handle": "Q",
    "parent": "Q",
    "key": "I",
    "status": "I",
    "time": "q",
}
"""Each column's type as `array` and `struct` write it, in the order of the columns.

``op``
    an `EventKind`.
``pid``
    the process whose handles change.
``handle``
    the handle that was given or closed; 0 where the evidence has none: such opens and closes are
    paired by process and key, the last opened first.
``parent``
    what an OPEN was relative to: a handle, 0, or a predefined key as Windows numbers it
    (0x80000001 is HKEY_CURRENT_USER), which makes it a call of the API that may open a root
    nobody asked for.
``key``
    which key, as an index into the dictionary outside.
``status``
    the NTSTATUS.
``time``
    when, in any unit that ascends; only asked-for times are compared with it.
"""

FIRST_PREDEFINED: Final = 0x8000_0000
LAST_PREDEFINED: Final = 0x8000_0007
"""The predefined keys: HKEY_CLASSES_ROOT to HKEY_CURRENT_USER_LOCAL_SETTINGS (winreg.h)."""


def renumber(column: array[int], table: array[int]) -> None:
    """Put ``table[n]`` in the place of each n of *column*; both hold 32 bits."""
    if NATIVE is not None:
        NATIVE.renumber(column, table)
    else:
        column[:] = array(column.typecode, [table[number] for number in column])


def shift(column: array[int], by: int) -> None:
    """Add *by* to each number of *column*, which holds 64 bits."""
    if NATIVE is not None:
        NATIVE.shift(column, by)
    else:
        column[:] = array(column.typecode, [number + by for number in column])


def fallen(times: array[int], latest: int) -> tuple[int, int, int, int]:
    """Return the latest of *times* and *latest*; how many are before an earlier one, and which.

    Those are told by the first and the last of them, as indices; 0 where there is none.
    """
    if NATIVE is not None:
        latest, count, first, last = NATIVE.fallen(times, latest)
        return latest, count, first, last
    found = []
    for at, time in enumerate(times):
        if time < latest:
            found.append(at)
        else:
            latest = time
    return latest, len(found), found[0] if found else 0, found[-1] if found else 0

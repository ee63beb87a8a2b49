"""Every Windows generation, Wine and ReactOS, as data: what differs, and on whose word."""

from __future__ import annotations

from typing import Final

from regsim.dialects import nt, others, windows
from regsim.naming import resolve
from regsim.policy import Dialect

__all__ = ["ALL", "CONTESTED", "get", "names"]

ALL: Final[dict[str, Dialect]] = {
    d.name: d for d in (*nt.DIALECTS, others.WIN95, *windows.DIALECTS, others.WINE, others.REACTOS)
}
"""The dialects by name, in order of age; the name says what is installed."""

CONTESTED: Final = {
    "logoff.grace": "how long Vista and later wait before they force: 30 s, with low confidence",
    "logoff.attempts": "whether ProfileUnloadTimeout N means N or N+1 tries: N is taken",
    "disabled_root": "what RegDisablePredefinedCache does to a root already cached: kept",
    "deferred_status": "what NtUnloadKeyEx answers while it waits: PENDING",
    "refcount_bits": "the counter's width from NT 4.0 SP4 to Server 2003: 32",
    "unloaded_status": "what a handle answers after a forced unload on Vista: KEY_DELETED",
    "unmounts.silo": "what keeps a container's hives: its last process; a handle to its job "
    "(issues 88429, 89676) and nothing that was found (issue 53247) are reported too",
    "logoff": "how NT 3.1 and 3.51 retry: once, like NT 4.0",
}
"""What is unknown or contested, with the default taken; change it with `Dialect.with_`."""


def names() -> list[str]:
    """Return the names of all dialects, in order of age."""
    return list(ALL)


def get(name: str) -> Dialect:
    """Return the dialect that *name*, or a title, means; `UnknownNameError` lists them otherwise.

    Case, spaces and dashes do not count; see `regsim.naming.resolve`.

    >>> get("nt4-sp6a").title, get("Windows 10").name
    ('Windows NT 4.0 SP6a', 'win10')
    """
    return ALL[resolve("OS", name, ALL, {d.title: d.name for d in ALL.values()})]

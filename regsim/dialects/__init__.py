"""Every Windows generation, Wine and ReactOS, as data: what differs, and on whose word."""

from __future__ import annotations

from typing import Final

from regsim.dialects import nt, others, windows
from regsim.errors import UnknownNameError
from regsim.policy import Dialect

__all__ = ["ALL", "CONTESTED", "get", "names"]

_ORDER: Final = (
    *("nt31", "nt351", "nt4-rtm", "nt4-sp1", "nt4-sp2", "nt4-sp3", "nt4-sp4", "nt4-sp5"),
    *("nt4-sp6", "nt4-sp6a", "nt4-tse-rtm", "nt4-tse-sp4", "nt4-tse-sp5", "win95", "w2k", "xp"),
    *("2003", "vista", "win7", "win8.1", "win10", "win11", "wine", "reactos"),
)
_FOUND: Final = {d.name: d for d in (*nt.DIALECTS, *windows.DIALECTS, *others.DIALECTS)}

ALL: Final[dict[str, Dialect]] = {name: _FOUND[name] for name in _ORDER}
"""The dialects by name, in order of age; the name says what is installed."""

CONTESTED: Final = {
    "logoff.grace": "how long Vista and later wait before they force: 30 s, with low confidence",
    "logoff.attempts": "whether ProfileUnloadTimeout N means N or N+1 tries: N is taken",
    "disabled_root": "what RegDisablePredefinedCache does to a root already cached: kept",
    "deferred_status": "what NtUnloadKeyEx answers while it waits: PENDING",
    "refcount_bits": "the counter's width from NT 4.0 SP4 to Server 2003: 32",
    "unloaded_status": "what a handle answers after a forced unload on Vista: KEY_DELETED",
    "logoff": "how NT 3.1 and 3.51 retry: once, like NT 4.0",
}
"""What is unknown or contested, with the default taken; change it with `Dialect.with_`."""


def names() -> list[str]:
    """Return the names of all dialects, in order of age."""
    return list(ALL)


def get(name: str) -> Dialect:
    """Return the dialect called *name*; raise `UnknownNameError`, which lists them, otherwise.

    >>> get("nt4-sp6a").title
    'Windows NT 4.0 SP6a'
    """
    try:
        return ALL[name]
    except KeyError:
        raise UnknownNameError("OS", name, ALL) from None

r"""The events that Windows writes about users' hives: how each is known and what it says.

An event is known by who wrote it and by its number. Sentences are looked at only where an event
names no holder, and then in the English of the message files (winevt-kb lists them by version).
What each means is Microsoft's documentation where it says so, else the text itself.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Iterator
from typing import Final

import attrs

PROFSVC: Final = "User Profile Service"
USERENV: Final = "Userenv"
UPHCLEAN: Final = "UPHClean"
STARTED: Final = 1531
"""The event by which the profile service says that it was started, as at each start of Windows."""


class Moment(enum.Enum):
    """What Windows was doing when it wrote an event."""

    LOGOFF = "logoff"
    LOGON = "logon"
    OTHER = ""


@attrs.frozen(kw_only=True)
class Meaning:
    """What an event says by its number alone.

    ``held`` says whether it tells that a hive was in use, ``note`` what else follows from it, and
    ``words`` are the beginning of the English text, or a stretch of it, that no other event has.
    """

    source: str
    id: int
    held: bool
    moment: Moment
    note: str = ""
    words: str = ""


_TEMPORARY: Final = (
    "the user was given a temporary profile, whose changes are lost at logoff: a consequence; look "
    "for 1552, 1545 or 1508 just before it, and change nothing in ProfileList before that is clear"
)
MEANINGS: Final = (
    Meaning(
        source=PROFSVC,
        id=1530,
        held=True,
        moment=Moment.LOGOFF,
        words="registry file is still in use by other applications or services",
    ),
    Meaning(
        source=PROFSVC,
        id=1552,
        held=True,
        moment=Moment.LOGON,
        note="a process had the hive loaded or a key of it open when the user logged on",
        words="User hive is loaded by another process (Registry Lock)",
    ),
    Meaning(
        source=PROFSVC,
        id=1545,
        held=True,
        moment=Moment.LOGON,
        note="a process had the hive's file open or loaded when the user logged on",
        words="User hive is loaded by another process",
    ),
    Meaning(
        source=USERENV,
        id=1517,
        held=True,
        moment=Moment.LOGOFF,
        note="the profile was saved from a copy, and the hive stays loaded until it is let go",
        words="registry while an application or service was still using the registry",
    ),
    Meaning(
        source=USERENV,
        id=1516,
        held=False,
        moment=Moment.LOGOFF,
        note="a hive that had been in use at logoff was let go and unloaded: that one is over",
        words="registry when it received a notification that no other applications",
    ),
    Meaning(
        source=USERENV,
        id=1524,
        held=True,
        moment=Moment.LOGOFF,
        note="it is about the user's classes, which unload when they are let go",
        words="cannot unload your classes registry file",
    ),
    Meaning(
        source=PROFSVC,
        id=1512,
        held=True,
        moment=Moment.LOGOFF,
        note="the hive stayed loaded",
        words="cannot unload your registry file. The memory used by the registry",
    ),
    Meaning(
        source=USERENV,
        id=1500,
        held=False,
        moment=Moment.LOGON,
        note="the user could not log on, since the profile was not loaded",
        words="cannot log you on because your profile cannot be loaded",
    ),
    Meaning(
        source=PROFSVC,
        id=1508,
        held=False,
        moment=Moment.LOGON,
        note="a hive was not loaded; before it is taken for damaged, look for 1552 or 1545 nearby",
        words="was unable to load the registry",
    ),
    Meaning(
        source=PROFSVC,
        id=1511,
        held=False,
        moment=Moment.LOGON,
        note=_TEMPORARY,
        words="cannot find the local profile and is logging you on with a temporary profile",
    ),
    Meaning(
        source=PROFSVC,
        id=1515,
        held=False,
        moment=Moment.LOGON,
        note="the profile was set aside (.bak in ProfileList) and is tried again at the next logon",
        words="has backed up this user profile",
    ),
    Meaning(
        source=PROFSVC,
        id=1534,
        held=False,
        moment=Moment.OTHER,
        note="a component did not take a profile's notification; no hive is in use by that alone",
        words="Profile notification of event",
    ),
    Meaning(
        source=PROFSVC,
        id=STARTED,
        held=False,
        moment=Moment.OTHER,
        words="The User Profile Service has started successfully",
    ),
    Meaning(
        source=PROFSVC,
        id=1542,
        held=False,
        moment=Moment.LOGON,
        note="the user's classes were not loaded",
        words="cannot load classes registry file",
    ),
    Meaning(
        source=USERENV,
        id=1000,
        held=True,
        moment=Moment.LOGOFF,
        words="cannot unload your registry file",
    ),
    Meaning(
        source=USERENV,
        id=1000,
        held=True,
        moment=Moment.LOGOFF,
        words="cannot unload your registry class file",
    ),
    Meaning(
        source=USERENV,
        id=1000,
        held=True,
        moment=Moment.LOGOFF,
        note="Windows NT 4.0 says of an unload that failed that the profile was not loaded",
        words="operating system was unable to load your profile",
    ),
    Meaning(
        source=UPHCLEAN,
        id=1511,
        held=False,
        moment=Moment.OTHER,
        note="the hive is loaded although its user is not logged on",
        words="is loaded even though user is not logged on",
    ),
    Meaning(
        source=UPHCLEAN,
        id=1111,
        held=True,
        moment=Moment.LOGOFF,
        words="The unload will be retried",
    ),
)
_CLEANED: Final = {
    1201: "UPHClean closed these handles; their holder may fail on its next call",
    1211: "UPHClean could not close them",
    1401: "UPHClean remapped these handles to HKU\\.DEFAULT",
    1501: "UPHClean only reported them",
}
CLEANED: Final = {
    "have been closed": (1201, _CLEANED[1201]),
    "could not be closed": (1211, _CLEANED[1211]),
    "have been remapped": (1401, _CLEANED[1401]),
    "are preventing": (1501, _CLEANED[1501]),
}
"""UPHClean's words on what it did, with the number of its event and what it means."""

ANY: Final = Meaning(
    source=USERENV,
    id=1000,
    held=False,
    moment=Moment.OTHER,
    note="this number stands for any message of Userenv, and which it is only its text tells, "
    "which is known in English alone",
)
"""What Userenv's event 1000 says whose text is not known."""

# Userenv's event 1000 carries any message of Windows NT and 2000: only its text says which.
_BY_ID: Final = {(one.source, one.id): one for one in reversed(MEANINGS) if one.id != 1000}
_SOURCES: Final = frozenset({PROFSVC, USERENV})
IDS: Final = frozenset({1000, 1500, *(one.id for one in MEANINGS), *_CLEANED})
"""The numbers that an event on a user's hive can have."""

_SHARED: Final = frozenset(one.id for one in MEANINGS if one.source in _SOURCES) - {1000}


_SYSTEMS: Final = (
    "Windows NT 4.0",
    "Windows 2000",
    "Windows XP or Server 2003",
    "Windows Vista",
    "Windows 10 version 1803",
    "Windows 10 version 1809 or Server 2019",
)
_WRITTEN_BY: Final = {
    # The message files of each version, as libyal's winevt-kb lists them; UPHClean's readme.
    **{(UPHCLEAN, event): (0, 2) for event in _CLEANED},
    (USERENV, 1000): (0, 1),
    **{(USERENV, event): (2, 2) for event in (1516, 1517, 1524)},
    (PROFSVC, 1530): (3, 5),
    (PROFSVC, 1545): (4, 5),
    (PROFSVC, 1552): (5, 5),
}


def systems(events: Iterable[tuple[str, int]]) -> str:
    """Return which systems write all of *events*, by source and number; "" where that is not known.

    >>> systems([(PROFSVC, 1530)]), systems([(USERENV, 1517)]), systems([(PROFSVC, 1511)])
    ('Windows Vista or later', 'Windows XP or Server 2003', '')
    """
    ranges = [found for event in events if (found := _WRITTEN_BY.get(event)) is not None]
    first = max((low for low, _ in ranges), default=0)
    last = min((high for _, high in ranges), default=-1)
    if first > last:
        return ""
    if last == len(_SYSTEMS) - 1:
        return f"{_SYSTEMS[first]} or later"
    return _SYSTEMS[first] if first == last else f"{_SYSTEMS[first]} to {_SYSTEMS[last]}"


def sentences(text: str) -> Iterator[tuple[int, Meaning]]:
    """Yield where the English text of an event stands, however its lines are broken, and which."""
    glued = "".join(text.lower().split())
    taken: set[int] = set()
    for one, (words, pattern) in _SENTENCES.items():
        if words not in glued:
            continue
        for found in pattern.finditer(text):
            # Of two that begin alike the longer stands first in the table.
            if found.start() not in taken:
                taken.add(found.start())
                yield found.start(), one


_SENTENCES: Final = {
    one: (
        "".join(one.words.lower().split()),
        re.compile(r"\s*".join(map(re.escape, one.words.split())), re.IGNORECASE),
    )
    for one in MEANINGS
}


def by_id(source: str, event: int) -> Meaning | None:
    """Return what the event means; the service and its forerunner share their numbers.

    >>> by_id(PROFSVC, 1530).held, by_id("MSSQLSERVER", 1530), by_id(PROFSVC, 1517).source
    (True, None, 'Userenv')
    """
    found = _BY_ID.get((source, event))
    if found is None and source in _SOURCES and event in _SHARED:
        found = next(one for one in MEANINGS if one.id == event and one.source in _SOURCES)
    return found


def source_of(name: str) -> str:
    """Return the name by which texts call whoever wrote an event; *name* itself if unknown.

    >>> source_of("Microsoft-Windows-User Profiles Service"), source_of("USERENV")
    ('User Profile Service', 'Userenv')
    """
    low = name.lower().replace(" ", "").replace("-", "")
    if low == "profsvc" or low.removeprefix("microsoftwindows") in (
        "userprofilesservice",
        "userprofileservice",
    ):
        return PROFSVC
    return {"userenv": USERENV, "uphclean": UPHCLEAN}.get(low, name)


def is_known(name: str) -> bool:
    """Return whether *name* is one of those who write of users' hives."""
    return source_of(name) in (PROFSVC, USERENV, UPHCLEAN)

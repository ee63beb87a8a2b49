"""What Process Monitor's exports write in words: dates, versions of Windows, sessions."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

import attrs

_DAY: Final = 864_000_000_000
_SECOND: Final = 10_000_000
_DATE: Final = re.compile(r"(\d{1,4})\s?[./-]\s?(\d{1,2})\s?[./-]\s?(\d{1,4})")
_VERSION: Final = re.compile(r"(\d+)\.(\d+)\.(\d{4,5})\.\d+")
_FILETIME_EPOCH: Final = dt.datetime(1601, 1, 1)  # noqa: DTZ001 - the clock is told beside it

WINDOWS: Final = {
    (5, 0): ("w2k", "Windows 2000"),
    (5, 1): ("xp", "Windows XP"),
    (5, 2): ("2003", "Windows Server 2003"),
    (6, 0): ("vista", "Windows Vista"),
    (6, 1): ("win7", "Windows 7"),
    (6, 2): ("win8.1", "Windows 8"),
    (6, 3): ("win8.1", "Windows 8.1"),
    (10, 0): ("win10", "Windows 10"),
}
_FIRST_WIN11: Final = 22_000


def os_of(major: int, minor: int, build: int) -> tuple[str | None, str]:
    """Return the name of the dialect of that version of Windows, None if unknown, and a title.

    >>> os_of(10, 0, 22631)
    ('win11', 'Windows 11, build 22631')
    """
    name, title = WINDOWS.get((major, minor), (None, f"Windows {major}.{minor}"))
    if (major, minor) == (10, 0) and build >= _FIRST_WIN11:
        name, title = "win11", "Windows 11"
    return name, f"{title}, build {build}"


def os_of_version(text: str) -> tuple[str | None, str]:
    """Return the same from the version of a file that came with Windows; (None, "") if unclear."""
    found = _VERSION.match(text)
    if found is None:
        return None, ""
    major, minor, build = (int(number) for number in found.groups())
    return os_of(major, minor, build) if (major, minor) in WINDOWS else (None, "")


def filetime_text(ticks: int) -> str:
    """Return a FILETIME as a date and time of day, to 100 ns.

    >>> filetime_text(132389587943062614)
    '2020-07-11 16:33:14.3062614'
    """
    seconds, fraction = divmod(ticks, _SECOND)
    try:
        moment = _FILETIME_EPOCH + dt.timedelta(seconds=seconds)
    except OverflowError:
        return f"tick {ticks}"
    return f"{moment:%Y-%m-%d %H:%M:%S}.{fraction:07}"


@attrs.define
class Calendar:
    """The day that times of day count from, where the evidence names it."""

    day: dt.date | None = None

    def learn(self, text: str) -> None:
        """Take the day of a ``Date & Time`` field, if it is the first and can be read."""
        if self.day is None:
            self.day = date_of(text)

    def text(self, ticks: int) -> str:
        """Return ticks since midnight of the first day as a date, if known, and a time."""
        days, rest = divmod(ticks, _DAY)
        seconds, fraction = divmod(rest, _SECOND)
        clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:07}"
        if self.day is None:
            return clock if not days else f"{clock} (day {days + 1})"
        return f"{self.day + dt.timedelta(days=days)} {clock}"


def date_of(text: str) -> dt.date | None:
    """Return the date in *text*; with slashes and AM or PM the month stands first, else the day.

    >>> date_of("7/11/2020 4:33:14 PM"), date_of("11.07.2020 16:33:14")
    (datetime.date(2020, 7, 11), datetime.date(2020, 7, 11))
    """
    found = _DATE.search(text)
    if found is None:
        return None
    a, b, c = (int(number) for number in found.groups())
    american = "/" in found[0] and text.rstrip().upper().endswith(("AM", "PM"))
    year, month, day = (a, b, c) if len(found[1]) == 4 else (c, *((a, b) if american else (b, a)))
    if month > 12:
        month, day = day, month
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None

"""Times of evidence: ticks of 100 ns in, whatever the source calls them, and readable text out."""

from __future__ import annotations

import contextlib
import datetime as dt
import enum
import re
from typing import Final

import attrs

SECOND: Final = 10_000_000
"""A second in ticks of 100 ns."""

DAY: Final = 86_400 * SECOND
"""A day in ticks of 100 ns."""

_LATEST: Final = 1 << 61
_FILETIME_EPOCH: Final = dt.datetime(1601, 1, 1, tzinfo=dt.UTC)
_DATE: Final = re.compile(r"(\d{1,4})\s?[./-]\s?(\d{1,2})\s?[./-]\s?(\d{1,4})")
_DATE_BEFORE: Final = re.compile(
    rb"^\d{1,4}\s?[./-]\s?\d{1,2}\s?[./-]\s?\d{1,4}\.? +|.*  ", re.DOTALL
)
_TIME: Final = re.compile(
    rb"^(?:(?P<before>[^\d:]*) )?(?P<h>\d{1,2})[:.](?P<m>\d{2})[:.](?P<s>\d{2})"
    rb"(?:[.,\xd9\xab]+(?P<f>\d{1,7}))?(?: (?P<after>.*))?$"
)
_AFTERNOON: Final = frozenset(
    word.encode()
    for word in (
        "pm",
        "p.m.",
        "p. m.",
        "\uc624\ud6c4",
        "\u4e0b\u5348",
        "\u5348\u5f8c",
        "\u03bc\u03bc",
    )
)


def time_of_day(text: bytes) -> int:
    """Return the 100 ns ticks since midnight of a time of day as any locale writes it; -1: none.

    >>> time_of_day(b"4:33:14.3062614 PM") == time_of_day(b"16:33:14,3062614")
    True
    """
    found = _TIME.match(_DATE_BEFORE.sub(b"", text))
    if found is None:
        return -1
    hour, minute, second = int(found["h"]), int(found["m"]), int(found["s"])
    half = (found["before"] or found["after"] or b"").strip().lower()
    if half in _AFTERNOON and hour < 12:
        hour += 12
    elif half and half not in _AFTERNOON and hour == 12:
        hour = 0
    fraction = int((found["f"] or b"").ljust(7, b"0"))
    return ((hour * 60 + minute) * 60 + second) * SECOND + fraction


def ticks_of(value: object) -> int:
    """Return seconds or an ISO time as ticks, an ISO time as FILETIME; 0 for None.

    Raises ValueError for what is no time, or one that no 64 bits hold.
    """
    if value is None:
        return 0
    if isinstance(value, str):
        moment = dt.datetime.fromisoformat(value)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
        return (moment - _FILETIME_EPOCH) // dt.timedelta(microseconds=1) * 10
    if isinstance(value, (int, float)) and abs(value) < _LATEST / SECOND:
        return round(value * SECOND)
    raise ValueError(f"{value!r} is no time")


def iso_ticks(text: str) -> int:
    """Return the FILETIME of an ISO 8601 time with up to nine digits of a fraction; 0 for none."""
    # A tick is the seventh digit of a fraction, of which Python reads six.
    head, dot, tail = text.partition(".")
    zone = tail.lstrip("0123456789")
    digits = tail[: len(tail) - len(zone)]
    if dot:
        head += zone if zone.startswith(("Z", "+", "-")) else "Z"
    try:
        whole = ticks_of(head)
    except (ValueError, OverflowError):
        return 0
    return whole + int(digits[:7].ljust(7, "0")) if digits else whole


def filetime_text(ticks: int) -> str:
    """Return a FILETIME as a date and time of day, to 100 ns.

    >>> filetime_text(132389587943062614)
    '2020-07-11 16:33:14.3062614'
    """
    seconds, fraction = divmod(ticks, SECOND)
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
        days, rest = divmod(ticks, DAY)
        seconds, fraction = divmod(rest, SECOND)
        clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:07}"
        with contextlib.suppress(OverflowError):  # a day that no calendar has is told by its number
            if self.day is not None:
                return f"{self.day + dt.timedelta(days=days)} {clock}"
        return clock if not days else f"{clock} (day {days + 1})"


class TimeForm(enum.Enum):
    """How the times of a capture are written for people."""

    NONE = ""
    UTC = "utc"  # a FILETIME, as a date and time
    DAY = "day"  # the time of a day, with the date where it is known
    SECONDS = "seconds"  # to 100 ns
    MILLISECONDS = "milliseconds"
    LINE = "line"  # which line of a log it was

    def text(self, ticks: int, calendar: Calendar) -> str:
        """Return *ticks* so written, "" where there are no times."""
        if self is TimeForm.UTC:
            return filetime_text(ticks)
        if self is TimeForm.DAY:
            return calendar.text(ticks)
        if self is TimeForm.LINE:
            return f"line {ticks}"
        digits = {TimeForm.SECONDS: 7, TimeForm.MILLISECONDS: 3}.get(self)
        return f"{ticks / SECOND:.{digits}f} s" if digits else ""


def dates_of(text: bytes) -> tuple[dt.date | None, ...]:
    """Return what the date in *text* may be, the month before the day and after it; () for none.

    One that there is not is None.

    >>> dates_of(b"2/1/2020 4:33:14")
    (datetime.date(2020, 2, 1), datetime.date(2020, 1, 2))
    """
    found = _DATE.search(text.decode("ascii", "replace"))
    if found is None:
        return ()
    a, b, c = (int(number) for number in found.groups())
    year, one, two = (a, b, c) if len(found[1]) == 4 else (c, a, b)
    dates: list[dt.date | None] = [None, None]
    for at, (month, day) in enumerate(((one, two), (two, one))):
        with contextlib.suppress(ValueError):
            dates[at] = dt.date(year, month, day)
    return tuple(dates)


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


def sortable(text: str) -> tuple[str, int]:
    """Return the day and the ticks of a date and time as text, to order such texts of one file.

    What is no date comes before all.

    >>> sortable("11/3/2025 5:12:31 PM") < sortable("2025-11-03T18:12:00") > sortable("none")
    True
    """
    day = date_of(text)
    if day is None:
        return "", 0
    clock = _CLOCK.search(text)
    ticks = time_of_day(clock[0].strip().upper().encode()) if clock is not None else 0
    return day.isoformat(), ticks


def moment_of(text: str) -> dt.datetime | None:
    """Return the date and time in *text*, None for none or for a time of day alone.

    It is in UTC where the text says from when it counts, else by the clock of its writer; the order
    of day and month is as in `date_of`.

    >>> moment_of("2025-11-03T19:12:31+02:00"), moment_of("11/3/2025 5:12:31 PM")
    (datetime.datetime(2025, 11, 3, 17, 12, 31), datetime.datetime(2025, 11, 3, 17, 12, 31))
    """
    ticks = iso_ticks(text.strip())
    if not ticks:
        day, rest = sortable(text)
        if not day:
            return None
        return dt.datetime.fromisoformat(day) + dt.timedelta(microseconds=rest // 10)
    try:
        moment = _FILETIME_EPOCH + dt.timedelta(microseconds=ticks // 10)
    except OverflowError:
        return None
    return moment.replace(tzinfo=None)


_CLOCK: Final = re.compile(
    r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,7})?)?(?: ?[ap]\.?m\b)?", re.IGNORECASE
)

"""Time zones as the registry of an installed system has them: a choice of those there are."""

from __future__ import annotations

import struct
from typing import Final

import attrs

from regsim.policy import Evidence, Grade

SOURCE: Final = Evidence(
    Grade.DOCUMENTED,
    "MSDN, TIME_ZONE_INFORMATION and DYNAMIC_TIME_ZONE_INFORMATION; the zones as Wine 8.0 has them "
    "in a fresh prefix",
)

Rule = tuple[int, int, int, int]
"""When a change is due: month, day of the week (0 is Sunday), which one (5: the last), hour."""

UTC: Final = "UTC"
_NEVER: Final[Rule] = (0, 0, 0, 0)
_EUROPE: Final = ((10, 0, 5, 1), (3, 0, 5, 1))
_AMERICA: Final = ((11, 0, 1, 2), (3, 0, 2, 2))


@attrs.frozen
class Zone:
    """A time zone.

    Attributes:
        name: its name without "Standard Time".
        display: how it is shown.
        bias: minutes that are to be added to the local time to have UTC.
        standard: when standard time begins, in local time.
        daylight: when daylight saving time begins.
    """

    name: str
    display: str
    bias: int
    standard: Rule = _NEVER
    daylight: Rule = _NEVER

    @property
    def key(self) -> str:
        """The name of the zone's key."""
        return UTC if self.name == UTC else f"{self.name} Standard Time"

    @property
    def titles(self) -> tuple[str, str]:
        """The names of its standard and its daylight saving time."""
        if self.name == UTC:
            return ("Coordinated Universal Time",) * 2
        return f"{self.name} Standard Time", f"{self.name} Daylight Time"

    def tzi(self) -> bytes:
        """Return the value TZI: bias, bias of either time, and two SYSTEMTIMEs."""
        biases = struct.pack("<iii", self.bias, 0, 0 if self.name == UTC else -60)
        return biases + b"".join(
            struct.pack("<8H", 0, month, day, which, hour, 0, 0, 0)
            for month, day, which, hour in (self.standard, self.daylight)
        )


def _europe(name: str, display: str, hours: int) -> Zone:
    standard, daylight = (
        (month, day, which, hour + hours + late)
        for (month, day, which, hour), late in zip(_EUROPE, (1, 0), strict=True)
    )
    return Zone(name, f"(UTC+{hours:02}:00) {display}", -60 * hours, standard, daylight)


def _america(name: str, display: str, hours: int) -> Zone:
    return Zone(name, f"(UTC-{hours:02}:00) {display}", 60 * hours, *_AMERICA)


ZONES: Final = (
    Zone(UTC, "(UTC) Coordinated Universal Time", 0),
    _europe("GMT", "Dublin, Edinburgh, Lisbon, London", 0),
    Zone("Greenwich", "(UTC+00:00) Monrovia, Reykjavik", 0),
    _europe("W. Europe", "Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", 1),
    _europe("Central Europe", "Belgrade, Bratislava, Budapest, Ljubljana, Prague", 1),
    _europe("Romance", "Brussels, Copenhagen, Madrid, Paris", 1),
    Zone("Russian", "(UTC+03:00) Moscow, St. Petersburg", -180),
    Zone("India", "(UTC+05:30) Chennai, Kolkata, Mumbai, New Delhi", -330),
    Zone("China", "(UTC+08:00) Beijing, Chongqing, Hong Kong, Urumqi", -480),
    Zone("Tokyo", "(UTC+09:00) Osaka, Sapporo, Tokyo", -540),
    Zone(
        "AUS Eastern", "(UTC+10:00) Canberra, Melbourne, Sydney", -600, (4, 0, 1, 3), (10, 0, 1, 2)
    ),
    _america("Eastern", "Eastern Time (US & Canada)", 5),
    _america("Central", "Central Time (US & Canada)", 6),
    _america("Mountain", "Mountain Time (US & Canada)", 7),
    _america("Pacific", "Pacific Time (US & Canada)", 8),
)
"""By what people live in; the computer keeps the first, or *Greenwich* before that was a zone."""

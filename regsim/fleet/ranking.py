"""Who holds users' hives in a fleet: on how many hosts, since when, on which Windows."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from regsim.fleet.columns import UNREAD
from regsim.fleet.reading import FileEntry

if TYPE_CHECKING:
    import pyarrow as pa

NOT_TOLD: Final = "(not told)"
"""What stands for a holder, a host, a week or a system that the evidence does not tell."""
_MOST_FACTS: Final = 200_000
_MOST_UNREAD: Final = 1_000

HolderName = tuple[str, str]
"""A process by its image name, and its service or "": what is counted as one over all hosts."""
Occurrence = tuple[HolderName, str, str, str]
"""A holder, a host, a week and a system."""


@attrs.define
class Tally:
    """What is counted of one holder, or of one host.

    ``times`` are the first and the last time that it is seen, ``certain`` how many of its rows are
    proven, ``unsure`` how many are not.
    """

    others: set[str] = attrs.field(factory=set)
    hives: set[tuple[str, str]] = attrs.field(factory=set)
    first: dt.datetime | None = None
    last: dt.datetime | None = None
    certain: int = 0
    unsure: int = 0
    incidents: set[str] = attrs.field(factory=set)

    @property
    def known(self) -> int:
        """How many of the others are named: the hosts of a holder."""
        return len(self.others - {NOT_TOLD})

    def saw(self, first: dt.datetime | None, last: dt.datetime | None) -> None:
        """Take the times of some rows into account."""
        if first is not None and last is not None:
            self.first = first if self.first is None else min(self.first, first)
            self.last = last if self.last is None else max(self.last, last)


@attrs.define
class Ranking:
    """What is known of the fleet once every row and file was counted.

    ``spelt`` has the spelling by which a name is counted that was seen in several.
    """

    holders: dict[HolderName, Tally] = attrs.field(factory=dict)
    hosts: dict[str, Tally] = attrs.field(factory=dict)
    facts: Counter[Occurrence] = attrs.field(factory=Counter)
    statuses: Counter[str] = attrs.field(factory=Counter)
    verdicts: Counter[str] = attrs.field(factory=Counter)
    incidents: dict[str, set[str]] = attrs.field(factory=dict)
    unread: list[tuple[str, str, str]] = attrs.field(factory=list)
    seen: set[str] = attrs.field(factory=set)
    spelt: dict[str, str] = attrs.field(factory=dict)
    rows: int = 0
    too_many: bool = False

    def count_file(self, entry: FileEntry) -> None:
        """Count a file; the first that were not read are kept with the reason."""
        self.statuses[entry.status] += 1
        if entry.status in UNREAD and len(self.unread) < _MOST_UNREAD:
            self.unread.append((entry.path, entry.status, entry.error or ""))

    @property
    def not_read(self) -> int:
        """How many files were not read, or not to their end."""
        return sum(self.statuses[status] for status in UNREAD)

    @property
    def exit_code(self) -> int:
        """1: some hive is blocked; 3: none is, but that is not sure; 0: none is."""
        if self.verdicts["blocked"]:
            return 1
        sure = not self.not_read and not self.verdicts["inconclusive"] and self.verdicts["clear"]
        return 0 if sure else 3

    def count_rows(self, table: pa.Table, systems: Mapping[str, str]) -> None:
        """Count rows of the findings; *systems* has the Windows of each source, where it is told.

        Rows that are alike but for their time are counted at once.
        """
        self.rows += table.num_rows
        for row in _grouped(table):
            self.verdicts[row["verdict"]] += row["rows"]
            host = self._spelling(row["host"])
            self.seen.add(host)
            if row["incident"]:
                self.incidents.setdefault(row["incident"], set()).add(host)
            if row["bystander"] or row["verdict"] == "clear":
                continue
            service = self._spelling(row["service"]) if row["service"] else ""
            holder = (self._spelling(row["process"]), service)
            hive = (host, self._spelling(row["hive"]))
            if row["process"] is None and row["verdict"] != "blocked":
                continue
            for tally, other in (
                (self.holders.setdefault(holder, Tally()), host),
                (self.hosts.setdefault(host, Tally()), " ".join(filter(None, holder))),
            ):
                tally.others.add(other)
                tally.hives.add(hive)
                tally.saw(row["first"], row["last"])
                tally.certain += row["rows"] if row["certain"] is not False else 0
                tally.unsure += row["rows"] if row["certain"] is False else 0
                if row["incident"]:
                    tally.incidents.add(row["incident"])
            self._fact((holder, host, row["week"], systems.get(row["source"]) or NOT_TOLD), row)

    def _spelling(self, name: str | None) -> str:
        """Return the first spelling of a name: Windows does not tell case apart in these."""
        return self.spelt.setdefault(name.casefold(), name) if name else NOT_TOLD

    def _fact(self, fact: Occurrence, row: Mapping[str, Any]) -> None:
        if fact in self.facts or len(self.facts) < _MOST_FACTS:
            self.facts[fact] += row["rows"]
        else:
            self.too_many = True

    def ranked(self) -> list[tuple[HolderName, Tally]]:
        """Return the holders, those on most hosts first."""
        return sorted(
            self.holders.items(),
            key=lambda one: (-one[1].known, -len(one[1].hives), one[0]),
        )

    def to_look_at(self) -> list[tuple[str, Tally]]:
        """Return the hosts, those with most hives held first."""
        return sorted(
            self.hosts.items(), key=lambda one: (-len(one[1].hives), -len(one[1].others), one[0])
        )


_KEYS: Final = (
    *("host", "hive", "process", "service", "certain", "bystander", "incident", "verdict"),
    "source",
)


def _grouped(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield the rows that are alike as one, with their number, times and week."""
    times = table.column("time").to_pylist()
    weeks = [week_of(when) for when in times]
    columns = [table.column(name).to_pylist() for name in _KEYS]
    groups: dict[tuple[Any, ...], list[Any]] = {}
    for when, week, *values in zip(times, weeks, *columns, strict=True):
        group = groups.setdefault((week, *values), [0, when, when])
        group[0] += 1
        if when is not None:
            group[1], group[2] = min(group[1], when), max(group[2], when)
    for (week, *values), (rows, first, last) in groups.items():
        told = dict(zip(_KEYS, values, strict=True))
        yield {**told, "week": week, "rows": rows, "first": first, "last": last}


def week_of(when: dt.datetime | None) -> str:
    """Return the week of a time as ISO 8601 names it.

    >>> week_of(dt.datetime(2025, 11, 3))
    '2025-W45'
    """
    if when is None:
        return NOT_TOLD
    year, week, _ = when.isocalendar()
    return f"{year}-W{week:02}"

"""Snapshots, hive by hive: what is seen to be open on each, and what says that it was in use."""

from __future__ import annotations

from typing import Final

import attrs

from regsim.trace.evidence import Report, Sighting, Snapshot
from regsim.trace.finding import HeldKey
from regsim.trace.spelling import canonical, check_sid, hive_of, is_root

_UNNAMED: Final = "(a user's hive that the event does not name)"

_Place = tuple[str, int, str]
"""A process by its folded name and its number, and a key that it has open, folded too."""


@attrs.define
class SeenHive:
    """What a snapshot says of one hive.

    ``blockers`` are the keys that are open in it, ``in_use`` the reports that it was in use.
    """

    name: str
    blockers: dict[_Place, HeldKey] = attrs.field(factory=dict)
    in_use: list[str] = attrs.field(factory=list)
    handles: dict[_Place, set[int]] = attrs.field(factory=dict)

    def add(self, sighting: Sighting, folded: str, *, is_root: bool) -> None:
        """Count a key that is open; the same handle seen twice is one."""
        place = (sighting.process.lower(), sighting.pid, folded)
        handles = self.handles.setdefault(place, set())
        known = self.blockers.get(place)
        if sighting.handle in handles:
            return
        if sighting.handle is not None:
            handles.add(sighting.handle)
        count = 1 if known is None or sighting.handle is None else known.balance[0] + 1
        self.blockers[place] = HeldKey(
            process=sighting.process,
            pid=sighting.pid,
            key=sighting.key,
            hive=self.name,
            handle=known.handle if known is not None else sighting.handle,
            event=sighting.event,
            seen_at=sighting.seen_at,
            access=sighting.access,
            implicit=is_root,
            inferred=True,
            balance=(count, None),
            user=sighting.user,
        )


def seen_hives(snapshot: Snapshot, hkcu_sid: str | None = None) -> list[SeenHive]:
    """Return the users' hives that *snapshot* says are in use, in the order of the file.

    *hkcu_sid* says whose hive the tool that made the snapshot calls HKCU.
    """
    hives = _Hives(check_sid(hkcu_sid) if hkcu_sid else None)
    for report in snapshot.reports:
        if report.held:
            hives.report(report)
    for sighting in snapshot.sightings:
        hives.sight(sighting, "")
    return list(hives.by_name.values())


class _Hives:
    """The hives by their folded names, as reports and sightings are taken in."""

    def __init__(self, hkcu_sid: str | None) -> None:
        self.sid = hkcu_sid
        self.by_name: dict[str, SeenHive] = {}

    def _hive(self, name: str) -> SeenHive:
        return self.by_name.setdefault(name.upper(), SeenHive(name))

    def report(self, report: Report) -> None:
        """Take in an event that says that a hive was in use, with the keys that it lists."""
        name = _shown(hive_of(canonical(report.hive, self.sid)), report.hive)
        for sighting in report.sightings:
            self.sight(sighting, name)
        listed = len(report.sightings)
        if not name and listed:
            return
        label = f"{report.source} event {report.id}" if report.id else report.source
        when = f" at {report.seen_at}" if report.seen_at else ""
        text = f"{label}{when} says that the hive was in use"
        if not listed:
            text += "; it does not say by whom"
        elif report.announced is not None and report.announced != listed:
            text += f"; it counts {report.announced} handles and lists {listed}"
        self._hive(name or _UNNAMED).in_use.append(f"{text}. {report.note}".rstrip(". "))

    def sight(self, sighting: Sighting, reported: str) -> None:
        """Count a key that is open, in the hive that the event is about or else in its own."""
        parts = canonical(sighting.key, self.sid)
        own = hive_of(parts)
        if own is None and not reported:
            return
        shown = _shown(own, sighting.key)
        hive = self._hive(reported or shown)
        if own is not None and reported and _user_of(own) != _user_of(reported):
            hive.in_use.append(f"the event is about {reported}, its line about {shown}")
        hive.add(sighting, "\\".join(parts), is_root=is_root(parts))


def _user_of(hive: str) -> str:
    """Return whose hive it is; a user has two, the second for the classes."""
    return hive.upper().removesuffix("_CLASSES")


def _shown(folded: str | None, spelled: str) -> str:
    """Return a hive's name with its SID as the evidence spells it."""
    if folded is None:
        return ""
    name = folded.removeprefix("HKU\\")
    for part in spelled.split("\\"):
        if part.upper() == name:
            return folded.removesuffix(name) + part
    return folded

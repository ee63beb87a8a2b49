"""Snapshots, hive by hive: what is seen to be open on each, and what says that it was in use."""

from __future__ import annotations

from bisect import bisect_right, insort
from typing import Final

import attrs

from regsim.trace.evidence import Report, Sighting, Snapshot
from regsim.trace.finding import HeldKey, Occasion
from regsim.trace.holders import ends_with_session
from regsim.trace.readers._profile_events import PROFSVC, STARTED
from regsim.trace.spelling import canonical, check_sid, hive_of, is_root, is_users
from regsim.trace.times import sortable

UNNAMED: Final = "(a user's hive that the event does not name)"
"""What stands for the name of a hive where the evidence gives none."""

ENDS: Final = "it is a part of the user's session and ends at logoff, before the hive is unloaded"
"""Why a process of the session is no culprit."""

_Place = tuple[str, int, str, int]
"""A process by its folded name and its number, a key that it has open, and which event says so."""


@attrs.define
class SeenHive:
    """What a snapshot says of one hive.

    ``blockers`` are the keys that are open in it, ``in_use`` the reports that it was in use;
    ``loaded`` says that it is told to be loaded.
    """

    name: str
    blockers: dict[_Place, HeldKey] = attrs.field(factory=dict)
    in_use: list[str] = attrs.field(factory=list)
    handles: dict[_Place, set[int]] = attrs.field(factory=dict)
    loaded: bool = False

    def add(self, sighting: Sighting, folded: str, event: int, *, is_root: bool) -> HeldKey | None:
        """Count a key that is open, None if it is known; the same handle seen twice is one."""
        place = (sighting.process.lower(), sighting.pid, folded, event)
        handles = self.handles.setdefault(place, set())
        known = self.blockers.get(place)
        if sighting.handle in handles:
            return None
        if sighting.handle is not None:
            handles.add(sighting.handle)
        count = 1 if known is None else known.balance[0] + 1
        listed = not event and ends_with_session(sighting.process, sighting.session)
        found = self.blockers[place] = HeldKey(
            process=sighting.process,
            pid=sighting.pid,
            key=sighting.key,
            path=sighting.path,
            hive=self.name,
            handle=known.handle if known is not None else sighting.handle,
            event=event or sighting.event,
            seen_event=bool(event),
            seen_at=sighting.seen_at,
            access=sighting.access,
            implicit=is_root and is_users(self.name) and not self.name.upper().endswith("_CLASSES"),
            inferred=True,
            balance=(count, None),
            user=sighting.user,
            service=sighting.service,
            session=sighting.session,
            why=ENDS if listed else "",
        )
        return found


@attrs.frozen
class Seen:
    """What a snapshot says: of each hive, in the order of the file, and event by event."""

    hives: list[SeenHive]
    occasions: tuple[Occasion, ...]


def seen_hives(
    snapshot: Snapshot, hkcu_sid: str | None = None, mounts: tuple[str, ...] = ()
) -> Seen:
    """Return what *snapshot* says of the hives that are in use.

    *hkcu_sid* says whose hive the tool that made the snapshot calls HKCU; *mounts* are keys at
    which other hives were loaded.
    """
    hives = _Hives(check_sid(hkcu_sid) if hkcu_sid else None, mounts)
    for report in snapshot.reports:
        if report.source == PROFSVC and report.id == STARTED and report.seen_at:
            insort(hives.starts.setdefault(report.host, []), sortable(report.seen_at))
    for number, report in enumerate(_once(snapshot.reports), 1):
        hives.report(report, number)
    for sighting in snapshot.sightings:
        hives.sight(sighting, "", 0)
    for key in snapshot.loaded:
        hives.note(key)
    newest = hives.occasions
    if len(newest) > 1:
        newest.sort(key=lambda one: sortable(one.at or ""), reverse=True)
    return Seen(list(hives.by_name.values()), tuple(newest))


def _once(reports: list[Report]) -> list[Report]:
    """Return the reports without those that a paste holds twice, as the text and as its XML."""
    kept: dict[object, Report] = {}
    for number, report in enumerate(reports):
        same = (report.id, report.hive, report.sightings, report.seen_at)
        kept.setdefault(same if report.seen_at else number, report)
    return list(kept.values())


class _Hives:
    """The hives by their folded names, as reports and sightings are taken in."""

    def __init__(self, hkcu_sid: str | None, mounts: tuple[str, ...]) -> None:
        self.sid, self.mounts = hkcu_sid, mounts
        self.by_name: dict[str, SeenHive] = {}
        self.occasions: list[Occasion] = []
        self.starts: dict[str, list[tuple[str, int]]] = {}  # by host, in the order of time

    def _hive(self, name: str) -> SeenHive:
        return self.by_name.setdefault(name.upper(), SeenHive(name))

    def _of(self, key: str) -> str:
        """Return the name of the hive that a key lies in, "" if it is none that matters."""
        return shown_hive(hive_of(canonical(key, self.sid), self.mounts), key)

    def note(self, key: str) -> None:
        """Take note of a hive of which it is only told that it is loaded."""
        name = self._of(key)
        if name:
            self._hive(name).loaded = True

    def report(self, report: Report, number: int) -> None:
        """Take in an event, with the keys that it lists."""
        name = self._of(report.hive)
        held = [
            found
            for sighting in report.sightings
            if (found := self.sight(sighting, name or UNNAMED, number)) is not None
        ]
        # What is about another hive than the event is a blocker of that one, or of this.
        last = {(one.process.lower(), one.pid, one.key.lower()): one for one in held}
        hives = list(dict.fromkeys(one.hive for one in last.values()))
        hive = name or (hives[0] if hives else "")
        if not report.held and not report.note:
            return
        self.occasions.append(
            Occasion(
                source=report.source,
                id=report.id,
                hive=hive or UNNAMED,
                said=_said(report),
                held=report.held,
                moment=report.moment,
                at=report.seen_at,
                boot=self._boot(report),
                blockers=tuple(last.values()),
            )
        )
        if report.held:
            self._hive(hive or UNNAMED).in_use.append(_statement(report))

    def _boot(self, report: Report) -> int | None:
        """Return how many starts of its host's profile service lie before an event."""
        starts = self.starts.get(report.host)
        if starts is None or report.seen_at is None:
            return None
        return bisect_right(starts, sortable(report.seen_at))

    def sight(self, sighting: Sighting, reported: str, event: int) -> HeldKey | None:
        """Count a key that is open, in the hive that the event is about or else in its own."""
        parts = canonical(sighting.key, self.sid)
        own = hive_of(parts, self.mounts)
        shown = shown_hive(own, sighting.key)
        if own is None and not reported:
            return None
        named = reported not in ("", UNNAMED)
        hive = self._hive(reported if named else shown or UNNAMED)
        if own is not None and named and _user_of(own) != _user_of(reported):
            text = f"the event is about {reported}, its line about {shown}"
            if text not in hive.in_use:
                hive.in_use.append(text)
        return hive.add(sighting, "\\".join(parts), event, is_root=is_root(parts, self.mounts))


def _said(report: Report) -> str:
    """Return in a sentence what an event states."""
    listed = len(report.sightings)
    said = _what(report)
    if report.unread:
        said += f"; it could not be read to the end, near {report.unread[:100]!r}"
    elif report.held and not listed:
        said += "; it does not say by whom"
    if report.announced is not None and report.announced != listed:
        handles = "handle" if report.announced == 1 else "handles"
        said += f"; it counts {report.announced} {handles} and lists {listed}"
    return f"{said}; {report.note}" if report.note else said


def _what(report: Report) -> str:
    if not report.held:
        return "does not say that the hive was in use"
    if report.moment == "logon":
        return "says that the hive was loaded by another process"
    return "says that the hive was in use"


def _statement(report: Report) -> str:
    label = f"{report.source} event {report.id}" if report.id else report.source
    when = f" at {report.seen_at}" if report.seen_at else ""
    return f"{label}{when} {_said(report)}"


def _user_of(hive: str) -> str:
    """Return whose hive it is; a user has two, the second for the classes."""
    return hive.upper().removesuffix("_CLASSES")


def shown_hive(folded: str | None, spelled: str) -> str:
    """Return a hive's name with its last part as the evidence spells it; "" for none."""
    if folded is None:
        return ""
    name = folded.rpartition("\\")[2]
    for part in spelled.split("\\"):
        if part.upper() == name:
            return folded.removesuffix(name) + part
    return folded

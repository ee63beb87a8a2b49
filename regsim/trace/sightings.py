"""Snapshots: who had which key open at one moment, and the verdict that follows from it."""

from __future__ import annotations

from typing import Final

import attrs

from regsim.policy import Dialect
from regsim.trace.columns import Fidelity
from regsim.trace.judge import Answer, Blocker, HiveAnswer, Verdict
from regsim.trace.paths import canonical, check_sid, hive_of, is_root


@attrs.frozen(kw_only=True)
class Sighting:
    """A key that a process had open: what one line of the evidence says."""

    process: str
    pid: int
    key: str
    handle: int | None = None
    user: str = ""
    seen_at: str | None = None
    event: int | None = None
    access: str = ""


@attrs.frozen(kw_only=True)
class Report:
    """An event that says that a hive was in use, whether or not it says by whom.

    ``hive`` is as the event names it, "" where it does not; ``held`` is False for an event that
    only reports on a hive, such as that it was loaded. ``note`` is a sentence on what was done.
    """

    source: str
    id: int
    hive: str = ""
    held: bool = True
    note: str = ""
    sightings: tuple[Sighting, ...] = ()
    seen_at: str | None = None
    announced: int | None = None


@attrs.define(kw_only=True)
class Snapshot:
    """All that one file of snapshot evidence says."""

    format: str
    os: str | None = None
    os_title: str = ""
    host: str = ""
    reports: list[Report] = attrs.field(factory=list)
    sightings: list[Sighting] = attrs.field(factory=list)
    events: int = 0
    problems: list[str] = attrs.field(factory=list)
    notes: list[str] = attrs.field(factory=list)


_UNNAMED: Final = "(a user's hive that the event does not name)"


def judge_snapshot(
    snapshot: Snapshot, dialect: Dialect | None = None, hkcu_sid: str | None = None
) -> Verdict:
    """Return the verdict: blocked by what is seen, and never clear, since much is not seen."""
    sid = check_sid(hkcu_sid) if hkcu_sid else None
    hives: dict[str, _Hive] = {}
    for report in snapshot.reports:
        if report.held:
            _take_report(hives, report, sid)
    for sighting in snapshot.sightings:
        _take_sighting(hives, sighting, sid, "")
    answers = [hive.answer() for hive in hives.values()]
    blocked = any(answer.answer is Answer.BLOCKED for answer in answers)
    reasons = list(dict.fromkeys([*snapshot.problems, *snapshot.notes]))
    if not blocked:
        reasons.append(_nothing(snapshot))
    return Verdict(
        answer=Answer.BLOCKED if blocked else Answer.INCONCLUSIVE,
        format=snapshot.format,
        fidelity=Fidelity.SNAPSHOT,
        os=dialect.name if dialect else snapshot.os,
        os_title=dialect.title if dialect else snapshot.os_title,
        host=snapshot.host,
        hives=tuple(answers),
        events=snapshot.events,
        opens=sum(len(hive.blockers) for hive in hives.values()),
        reasons=tuple(reasons),
    )


def _nothing(snapshot: Snapshot) -> str:
    if snapshot.reports or snapshot.format.startswith("ev"):
        return "no event in it says that a user's hive was in use"
    return (
        "no key of a user's hive is in it; a listing cannot prove that none is open: it shows only "
        "the processes that its user may look into"
    )


@attrs.define
class _Hive:
    """What is known of one hive."""

    name: str
    blockers: dict[tuple[str, int, str], Blocker] = attrs.field(factory=dict)
    handles: dict[tuple[str, int, str], set[int]] = attrs.field(factory=dict)
    reasons: list[str] = attrs.field(factory=list)
    reported: bool = False

    def answer(self) -> HiveAnswer:
        """Return the answer on this hive."""
        blocked = bool(self.blockers) or self.reported
        return HiveAnswer(
            hive=self.name,
            answer=Answer.BLOCKED if blocked else Answer.INCONCLUSIVE,
            blockers=tuple(self.blockers.values()),
            reasons=tuple(dict.fromkeys(self.reasons)),
        )


def _hive(hives: dict[str, _Hive], name: str) -> _Hive:
    folded = name.upper()
    if folded not in hives:
        hives[folded] = _Hive(name)
    return hives[folded]


def _take_report(hives: dict[str, _Hive], report: Report, sid: str | None) -> None:
    parts = canonical(report.hive, sid) if report.hive else ()
    name = _shown(hive_of(parts), report.hive) if parts and hive_of(parts) else ""
    label = f"{report.source} event {report.id}" if report.id else report.source
    when = f" at {report.seen_at}" if report.seen_at else ""
    for sighting in report.sightings:
        _take_sighting(hives, sighting, sid, name)
    if not name and report.sightings:
        return
    hive = _hive(hives, name or _UNNAMED)
    hive.reported = True
    listed = len(report.sightings)
    text = f"{label}{when} says that the hive was in use"
    if not listed:
        text += "; it does not say by whom"
    elif report.announced is not None and report.announced != listed:
        text += f"; it counts {report.announced} handles and lists {listed}"
    hive.reasons.append(f"{text}. {report.note}".rstrip(". "))


def _take_sighting(
    hives: dict[str, _Hive], sighting: Sighting, sid: str | None, reported: str
) -> None:
    """Count a key that is open, in the hive that the event is about or else in its own."""
    parts = canonical(sighting.key, sid)
    own = hive_of(parts)
    if own is None and not reported:
        return
    name = reported or _shown(own, sighting.key)
    hive = _hive(hives, name)
    if own is not None and reported and _user_of(own) != _user_of(reported):
        hive.reasons.append(
            f"the event is about {reported}, its line about {_shown(own, sighting.key)}"
        )
    place = (sighting.process.lower(), sighting.pid, "\\".join(parts))
    handles = hive.handles.setdefault(place, set())
    known = hive.blockers.get(place)
    if sighting.handle is not None and sighting.handle in handles:
        return
    if sighting.handle is not None:
        handles.add(sighting.handle)
    count = 1 if known is None or sighting.handle is None else known.balance[0] + 1
    hive.blockers[place] = Blocker(
        process=sighting.process,
        pid=sighting.pid,
        key=sighting.key,
        handle=known.handle if known is not None else sighting.handle,
        event=sighting.event,
        seen_at=sighting.seen_at,
        access=sighting.access,
        implicit=is_root(parts),
        inferred=True,
        balance=(count, None),
        user=sighting.user,
    )


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

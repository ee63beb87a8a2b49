"""From balances and sightings to the finding: what blocks each user's hive, and how surely.

A finding is about one moment, the end of the evidence or the asked-for time: would a normal unload
of the hive be refused then? It is ``blocked`` where at least one handle is certain to be open,
``clear`` where the evidence covers the hive from its loading and nothing is open, and otherwise
``inconclusive``, with the reasons. A limit of the evidence never reads as ``clear``. All that is
decided is decided by `conclude` and `overall`, whatever the evidence is.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Iterable, Sequence
from typing import Any, Final

import attrs

from regsim.kernel.holding import blocks
from regsim.policy import Dialect, UnloadBlockers
from regsim.trace.access import access_text
from regsim.trace.columns import MAXIMUM_ALLOWED
from regsim.trace.conditions import Asked, doubts, filtered
from regsim.trace.containers import take_containers
from regsim.trace.evidence import Facts, Fidelity, Reading, Snapshot
from regsim.trace.finding import (
    Conclusion,
    Extent,
    Finding,
    HeldKey,
    HiveFinding,
    Skipped,
    UnloadAttempt,
    held_keys,
)
from regsim.trace.holders import ends_with_session
from regsim.trace.ledger import Held, HeldColumns, Ledger
from regsim.trace.readers._profile_events import systems
from regsim.trace.sightings import ENDS, seen_hives
from regsim.trace.signs import take_reports
from regsim.trace.spelling import UNPLACED, canonical, is_root, is_users


def judge(
    evidence: Ledger | Snapshot,
    dialect: Dialect | None = None,
    asked_at: str | None = None,
    reading: Reading | None = None,
) -> Finding:
    """Return what *evidence* says under the rules of *dialect*.

    Without a dialect any open key of a hive refuses its unload, as on every Windows. *asked_at* is
    the moment up to which a ledger was fed, and *reading* how the evidence was read.
    """
    if isinstance(evidence, Ledger):
        return _LedgerJudge(evidence, dialect).finding(asked_at)
    return _judge_snapshot(evidence, dialect, reading or Reading())


def conclude(
    hive: str,
    held: Iterable[HeldKey],
    unsure: Iterable[str],
    *,
    in_use: Iterable[str] = (),
) -> HiveFinding:
    """Return the finding on one hive: the only place that says blocked, clear or inconclusive.

    Of the keys *held*, those that say why they are bystanders are told apart. *unsure* says why
    nothing seen to be open does not mean that nothing is; *in_use* are reports that the hive was in
    use, which block it whether or not they name a holder.
    """
    held, reasons = tuple(held), tuple(dict.fromkeys(in_use))
    if reasons or any(one.certain and one.blocks for one in held):
        conclusion = Conclusion.BLOCKED
    else:
        reasons = tuple(unsure)
        inconclusive = reasons or any(one.blocks for one in held)
        conclusion = Conclusion.INCONCLUSIVE if inconclusive else Conclusion.CLEAR
    return HiveFinding(
        hive=hive,
        conclusion=conclusion,
        blockers=tuple(one for one in held if not one.why),
        bystanders=tuple(one for one in held if one.why),
        reasons=reasons,
    )


def overall(hives: Iterable[HiveFinding], *, doubted: bool) -> Conclusion:
    """Return the conclusion on all hives together; it is clear if each is, and nothing *doubted*.

    Evidence without any hive is inconclusive.
    """
    found = {hive.conclusion for hive in hives}
    if Conclusion.BLOCKED in found:
        return Conclusion.BLOCKED
    clear = found == {Conclusion.CLEAR} and not doubted
    return Conclusion.CLEAR if clear else Conclusion.INCONCLUSIVE


def _finding(
    facts: Facts,
    dialect: Dialect | None,
    hives: Sequence[HiveFinding],
    limits: Iterable[str],
    *,
    doubted: bool,
) -> Finding:
    """Return the finding with what every kind of evidence tells; *limits* become its reasons."""
    return Finding(
        conclusion=overall(hives, doubted=doubted),
        format=facts.format,
        fidelity=facts.fidelity,
        os=dialect.name if dialect else facts.os,
        os_title=dialect.title if dialect else facts.os_title,
        host=facts.host,
        hives=tuple(hives),
        events=facts.events,
        completeness=_extent(facts),
        reasons=tuple(dict.fromkeys(limits)),
        clock=facts.clock,
    )


def _extent(facts: Facts) -> Extent:
    """Return how much of the file was read, as its reader counted."""
    record = facts.record
    skipped = (Skipped(why, one.count, one.first, one.last) for why, one in record.skipped.items())
    return Extent(
        rows=record.rows or facts.events,
        skipped=tuple(skipped),
        calls_not_understood=sum(one.count for one in record.calls.values()),
        statuses_not_known=sum(one.count for one in record.statuses.values()),
        gaps=record.gaps.count,
        untimed=record.untimed.count,
        shows_filters=record.shows_filters,
        shows_duplicates=facts.fidelity is Fidelity.HANDLES,
        damage=tuple(record.damage),
    )


def _judge_snapshot(snapshot: Snapshot, dialect: Dialect | None, reading: Reading) -> Finding:
    """Return the finding: blocked by what is seen, and never clear, since much is not seen."""
    facts = snapshot.facts
    take_containers(snapshot)
    take_reports(snapshot)
    seen = seen_hives(snapshot, reading.hkcu_sid, reading.mounts)
    hives = []
    for one in seen.hives:
        held = [_ruled(key, dialect, event=bool(one.in_use)) for key in one.blockers.values()]
        hives.append(
            conclude(one.name, held, [_LOADED if one.loaded else _UNSEEN], in_use=one.in_use)
        )
    written = systems((one.source, one.id) for one in snapshot.reports)
    if written and not facts.os_title and len({one.host for one in snapshot.reports} - {""}) < 2:
        facts.os_title = f"{written} by its events"
    limits = list(dict.fromkeys([*facts.problems, *snapshot.notes]))
    if not hives and snapshot.incident is None:
        events = snapshot.reports or facts.format.startswith("ev")
        limits.append(_NO_EVENT if events else _UNSEEN)
    return attrs.evolve(
        _finding(facts, dialect, hives, limits, doubted=True),
        opens=sum(len(hive.held) for hive in hives),
        occasions=seen.occasions,
        incident=snapshot.incident,
        incident_certain=snapshot.incident_certain,
        next_steps=tuple(snapshot.next_steps),
    )


def _ruled(held: HeldKey, dialect: Dialect | None, *, event: bool) -> HeldKey:
    """Return a key that a listing shows with whether it blocks on the system asked about."""
    if (
        dialect is None
        or event
        or blocks(dialect.unload_blockers, is_root=is_root(canonical(held.key)))
    ):
        return held
    return attrs.evolve(held, why=_harmless(dialect), blocks=False)


def _harmless(dialect: Dialect) -> str:
    which = dialect.unload_blockers.value
    return f"on {dialect.title} {which} keeps a hive loaded, and this is none"


_NO_EVENT: Final = "no event in it says that a user's hive was in use"
_LOADED: Final = "it is loaded; who keeps it so a list of hives does not say"
_UNSEEN: Final = (
    "no key of a user's hive is in it; a listing cannot prove that none is open: it shows only "
    "the processes that its user may look into"
)


class _LedgerJudge:
    """One capture, read to its end, under the rules of one Windows."""

    def __init__(self, ledger: Ledger, dialect: Dialect | None) -> None:
        self.ledger, self.dialect = ledger, dialect
        self.capture = ledger.capture
        self.keys = ledger.capture.keys
        # A million handles are of few keys and processes: their names are made once, and shared.
        self._about_key = functools.lru_cache(maxsize=_NAMES)(self._name_key)
        self._about_process = functools.lru_cache(maxsize=_NAMES)(self._name_process)
        self.filtered = filtered(ledger)
        self.rule = dialect.unload_blockers if dialect else UnloadBlockers.ANY
        self.doubtful: tuple[Held, ...] = ()
        self.sessions: set[int] = set()
        self.roots: dict[tuple[int, int], Held] = {}

    def finding(self, asked_at: str | None) -> Finding:
        """Return the finding on the hives of the capture as they are at *asked_at*."""
        ledger, facts = self.ledger, self.capture.facts
        names = self.keys.hive_names
        held: dict[int, list[HeldKey]] = {at: [] for at in range(UNPLACED + 1, len(names))}
        known = self.capture.processes
        self.sessions = {known[at].session or 0 for at in range(len(known))} - {0}
        for life in ledger.lives:
            self._keep_root(life)
        doubtful: list[Held] = []
        now = ledger.held()
        while some := list(itertools.islice(now, _AT_ONCE)):
            for one, found in zip(some, self._held_keys(HeldColumns.of(some)), strict=True):
                hive = self.keys.hives[one.key]
                if hive > UNPLACED:
                    held[hive].append(self._ruled(one.key, found))
                if hive == UNPLACED or names[hive].startswith("HKCU"):
                    doubtful.append(one)
                self._keep_root(one)
        self.doubtful = tuple(doubtful)
        hives = [
            conclude(names[hive], found, self._doubts(hive))
            for hive, found in held.items()
            if self._matters(hive)
        ]
        limits = [*self.filtered, *self._limits(bool(hives))]
        if any(hive.conclusion is Conclusion.CLEAR for hive in hives):
            limits += _unseen(facts)
        last = ledger.until or facts.last_time
        return attrs.evolve(
            _finding(facts, self.dialect, hives, limits, doubted=bool(self.filtered)),
            asked_at=asked_at,
            roots=()
            if self.filtered
            else tuple(self._held_keys(HeldColumns.of(self.roots.values()))),
            attempts=tuple(self._attempts()),
            opens=ledger.opens,
            closes=ledger.closes,
            unmatched_closes=ledger.unmatched,
            completeness=self._extent(),
            span=None if facts.first_time is None or last is None else (facts.first_time, last),
        )

    def _matters(self, hive: int) -> bool:
        """Return whether the hive is a user's, or the evidence shows it loaded or asks about it.

        A name below HKEY_LOCAL_MACHINE alone does not make a hive of it in a capture.
        """
        name, ledger = self.keys.hive_names[hive], self.ledger
        return (
            is_users(name)
            or not name.upper().startswith("HKLM")
            or bool(self.keys.mounts)
            or hive in ledger.anchors
            or any(self.keys.hives[attempt.key] == hive for attempt in ledger.attempts)
        )

    def _ruled(self, key: int, found: HeldKey) -> HeldKey:
        """Return what is open on *key* with why it is a bystander, if it is one."""
        if not blocks(self.rule, is_root=self.keys.is_root(key)) and self.dialect is not None:
            return attrs.evolve(found, why=_harmless(self.dialect), blocks=False)
        # With several sessions the capture does not tell whose hive a process of one has open.
        if is_users(found.hive) and ends_with_session(found.process, found.session):
            if found.session is None:
                return attrs.evolve(found, why=ENDS)
            if len(self.sessions) == 1:
                return attrs.evolve(found, why=f"it runs in session {found.session} and {_ENDS}")
        return found

    def _extent(self) -> Extent:
        """Return what of the capture the finding rests on."""
        ledger, facts, whole = self.ledger, self.capture.facts, self.ledger.is_whole
        last = ledger.until or facts.last_time
        every = range(len(self.capture.processes))
        times = (None if at is None else self.capture.when(at) for at in (facts.first_time, last))
        begins, ends = (text or None for text in times)
        return attrs.evolve(
            _extent(facts),
            keys_not_resolved=sum(
                len(one.openings) for one in self.doubtful if self.keys.hives[one.key] == UNPLACED
            ),
            out_of_order=facts.record.disordered.count + ledger.backwards.count,
            begins=begins,
            ends=ends,
            processes=len(every),
            processes_without_start=sum(not whole(at) for at in every),
            processes_without_exit=sum(at not in ledger.exited for at in every),
            duplicates=len(ledger.copies),
            loads=ledger.loads,
            unloads=sum(not one.status for one in ledger.attempts),
            refused_unloads=sum(one.status > 0 for one in ledger.attempts),
        )

    def _doubts(self, hive: int) -> list[str]:
        """Return why nothing seen to be open does not mean that nothing is."""
        ledger, name = self.ledger, self.keys.hive_names[hive]
        return doubts(Asked(ledger, hive, name, ledger.anchors.get(hive, 0), self.doubtful))

    def _held_keys(self, held: HeldColumns) -> list[HeldKey]:
        """Return in words what processes have open on keys, or had until they ended.

        There may be a million, so that all is made column by column, names from few to many.
        """
        capture, count = self.capture, len(held)
        keys = {key: self._about_key(key) for key in set(held.key)}
        name, hive, loaded, root = _columns([keys[key] for key in held.key], 4)
        processes = {at: self._about_process(at) for at in set(held.process)}
        image, pid, user, session, service, whole = _columns(
            [processes[at] for at in held.process], 6
        )
        accesses = {access: access_text(access) for access in set(held.access)}
        certain = [False] * count if self.filtered else self.ledger.are_certain(held)
        covered = map(operator.or_, whole, loaded)
        return held_keys(
            count,
            process=image,
            pid=pid,
            key=name,
            hive=hive,
            handle=[handle or None for handle in held.handle],
            opened_at=[at or None for at in map(capture.when, held.time)],
            closed_at=[None if at is None else capture.when(at) for at in held.closed],
            event=held.number,
            access=[accesses[access] for access in held.access],
            implicit=[
                implicit or (is_root and bool(access & MAXIMUM_ALLOWED))
                for implicit, is_root, access in zip(held.implicit, root, held.access, strict=True)
            ],
            inferred=[not implicit for implicit in held.implicit],
            certain=certain,
            balance=[
                _balance(least, least if all_seen else None) if sure else (0, None)
                for least, all_seen, sure in zip(held.count, covered, certain, strict=True)
            ],
            user=user,
            session=session,
            service=service,
            ticks=held.time,
            closed=held.closed,
            source=[capture.sources.get(number, "") for number in held.number],
        )

    def _name_key(self, key: int) -> tuple[str, str, bool, bool]:
        """Return a key's name and its hive's, whether that was loaded, and whether it is a root."""
        hive = self.keys.hives[key]
        loaded = hive in self.ledger.loaded
        return self.keys.name(key), self.keys.hive_names[hive], loaded, self.keys.is_root(key)

    def _name_process(self, at: int) -> tuple[str, int, str, int | None, str, bool]:
        """Return what a finding tells of a process, and whether it was seen from its start on."""
        one = self.capture.processes[at]
        whole = self.ledger.is_whole(at)
        return one.image, one.pid, one.user, one.session, one.service, whole

    def _keep_root(self, held: Held) -> None:
        """Keep a handle if it is a cached root: a process has one for a hive, the first it kept."""
        for opening in held.openings:
            asked_for_all = opening.access & MAXIMUM_ALLOWED and self.keys.is_root(held.key)
            if not (opening.implicit or asked_for_all):
                continue
            slot = (held.process, self.keys.hives[held.key])
            first = self.roots.get(slot)
            if first is None or opening.number < first.openings[0].number:
                self.roots[slot] = Held(held.process, held.key, (opening,), held.closed)

    def _attempts(self) -> Iterable[UnloadAttempt]:
        for attempt in self.ledger.attempts:
            yield UnloadAttempt(
                hive=self.keys.hive_names[self.keys.hives[attempt.key]],
                at=self.capture.when(attempt.time),
                event=attempt.number,
                status=attempt.status,
                blockers=tuple(self._held_keys(attempt.held)),
                ticks=attempt.time,
            )

    def _limits(self, any_hive: bool) -> Iterable[str]:
        """Yield what limits the evidence, whatever the answer."""
        ledger, facts = self.ledger, self.capture.facts
        yield from facts.problems
        if not any_hive and not self.filtered:
            yield "no key of a user's hive occurs in the evidence"
        running = sum(1 for at in range(len(self.capture.processes)) if not ledger.is_whole(at))
        if running and any_hive:
            were = "process was" if running == 1 else "processes were"
            yield (
                f"{running} {were} running before the capture began: "
                "what was open by then is not in it"
            )
        if ledger.unmatched:
            share = ledger.unmatched / max(ledger.closes, 1)
            counts = f"{ledger.unmatched:,} of {ledger.closes:,} closes ({share:.1%})"
            yield f"{counts} have no open in it"
        if facts.missing:
            yield (
                f"the driver's counter skips {facts.missing:,} numbers: "
                "events were filtered out or lost"
            )


_NAMES: Final = 1 << 14
_AT_ONCE: Final = 1 << 12
_ENDS: Final = "ends when that session logs off, before the hive is unloaded"


@functools.lru_cache(maxsize=64)
def _balance(least: int, most: int | None) -> tuple[int, int | None]:
    """Return the two as one: a million blockers share a few balances."""
    return least, most


def _columns(rows: list[tuple[Any, ...]], count: int) -> list[list[Any]]:
    """Return *rows* of *count* items each as columns."""
    return list(map(list, zip(*rows, strict=True))) if rows else [[] for _ in range(count)]


def _unseen(facts: Facts) -> list[str]:
    """Return what no file of the format shows, for a verdict that rests on what is shown."""
    hidden = [] if facts.record.shows_filters else ["which filters it was saved with"]
    if facts.fidelity is not Fidelity.HANDLES:
        hidden.append("which handles were duplicated or inherited")
    text = f"a {facts.format} file does not say {' nor '.join(hidden)}"
    return [f"{text}: this holds for what it shows"] if hidden else []

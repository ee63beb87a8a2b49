"""From balances to the verdict: what blocks each user's hive, and how sure the evidence makes us.

A verdict is about one moment, the end of the evidence or the asked-for time: would a normal unload
of the hive be refused then? It is ``blocked`` where at least one handle is certain to be open,
``clear`` where the evidence covers the hive from its loading and nothing is open, and otherwise
``inconclusive``, with the reasons. A limit of the evidence never reads as ``clear``.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Final

import attrs

from regsim.kernel.holding import blocks
from regsim.policy import Dialect, UnloadBlockers
from regsim.trace.columns import MAXIMUM_ALLOWED, Capture, Fidelity, ProcessInfo
from regsim.trace.handles import HandleLedger
from regsim.trace.ledger import Held, Ledger, Opening


class Answer(enum.Enum):
    """What the evidence says about unloading."""

    BLOCKED = "blocked"
    CLEAR = "clear"
    INCONCLUSIVE = "inconclusive"


@attrs.frozen(kw_only=True)
class Blocker:
    """A key of the hive that a process has open.

    ``balance`` is how many handles are open at least, and at most where the evidence tells.
    ``implicit`` says that Windows opened it unasked, as the cached root of a predefined key;
    ``inferred`` that this is a guess, from a root that is held (and was opened with Maximum
    Allowed, where the evidence tells). ``seen_at`` is the time of a snapshot.
    """

    process: str
    pid: int
    key: str
    handle: int | None = None
    opened_at: str | None = None
    event: int | None = None
    access: str = ""
    seen_at: str | None = None
    implicit: bool = False
    inferred: bool = False
    certain: bool = True
    balance: tuple[int, int | None] = (1, None)
    user: str = ""
    session: int | None = None
    service: str = ""
    ticks: int | None = None


@attrs.frozen(kw_only=True)
class HiveAnswer:
    """What holds one user's hive at the asked-for moment."""

    hive: str
    answer: Answer
    blockers: tuple[Blocker, ...]
    reasons: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class HeldRoot:
    """A root of a user's hive that a process kept, probably as the cached predefined key.

    ``closed_at`` is None while it is open; otherwise the process ended then, and Windows closed it.
    """

    process: str
    pid: int
    hive: str
    key: str
    opened_at: str
    event: int
    closed_at: str | None
    ticks: tuple[int, int | None]


@attrs.frozen(kw_only=True)
class UnloadAttempt:
    """An unload that the evidence shows, with what held the hive just before."""

    hive: str
    at: str
    event: int
    status: int
    blockers: tuple[Blocker, ...]
    ticks: int | None = None


@attrs.frozen(kw_only=True)
class Verdict:
    """The whole answer to "what keeps the hive loaded?"."""

    answer: Answer
    format: str
    fidelity: Fidelity
    os: str | None = None
    os_title: str = ""
    host: str = ""
    asked_at: str | None = None
    hives: tuple[HiveAnswer, ...] = ()
    roots: tuple[HeldRoot, ...] = ()
    attempts: tuple[UnloadAttempt, ...] = ()
    events: int = 0
    opens: int = 0
    closes: int = 0
    unmatched_closes: int = 0
    reasons: tuple[str, ...] = ()
    span: tuple[int, int] | None = None
    clock: str = ""

    @property
    def blockers(self) -> tuple[Blocker, ...]:
        """All blockers of all hives, those that are certain first."""
        found = [blocker for hive in self.hives for blocker in hive.blockers]
        return tuple(sorted(found, key=lambda blocker: not blocker.certain))


class _Judge:
    """One capture, read to its end, under the rules of one Windows."""

    def __init__(self, ledger: Ledger | HandleLedger, dialect: Dialect | None) -> None:
        self.ledger, self.dialect = ledger, dialect
        self.capture: Capture = ledger.capture
        self.keys = ledger.capture.keys
        self.filtered = _filtered(ledger)

    def verdict(self, asked_at: str | None) -> Verdict:
        ledger, facts = self.ledger, self.capture.facts
        held: dict[int, list[Held]] = {at: [] for at in range(1, len(self.keys.hive_names))}
        for one in ledger.held():
            hive = self.keys.hives[one.key]
            if hive:
                held[hive].append(one)
        hives = [self._hive(hive, found) for hive, found in held.items()]
        reasons = [*self.filtered, *self._reasons(bool(hives))]
        return Verdict(
            answer=_overall(hives, self.filtered),
            format=facts.format,
            fidelity=facts.fidelity,
            os=self.dialect.name if self.dialect else facts.os,
            os_title=self.dialect.title if self.dialect else facts.os_title,
            host=facts.host,
            asked_at=asked_at,
            hives=tuple(hives),
            roots=tuple(self._roots()),
            attempts=tuple(self._attempts()),
            events=facts.events,
            opens=ledger.opens,
            closes=ledger.closes,
            unmatched_closes=ledger.unmatched,
            reasons=tuple(dict.fromkeys(reasons)),
            span=_span(facts.first_time, ledger.until or facts.last_time),
            clock=facts.clock,
        )

    def _hive(self, hive: int, held: Iterable[Held]) -> HiveAnswer:
        blockers = tuple(self._blocker(one) for one in held if self._blocks(one.key))
        name = self.keys.hive_names[hive]
        if any(blocker.certain for blocker in blockers):
            return HiveAnswer(hive=name, answer=Answer.BLOCKED, blockers=blockers)
        reasons = self._doubts(hive)
        answer = Answer.INCONCLUSIVE if reasons or blockers else Answer.CLEAR
        return HiveAnswer(hive=name, answer=answer, blockers=blockers, reasons=tuple(reasons))

    def _blocks(self, key: int) -> bool:
        """Return whether an open handle on *key* refuses an unload under the dialect's rule."""
        rule = self.dialect.unload_blockers if self.dialect else UnloadBlockers.ANY
        return blocks(rule, is_root=self.keys.roots[key])

    def _doubts(self, hive: int) -> list[str]:
        """Return why nothing seen to be open does not mean that nothing is."""
        if self.filtered:
            return list(self.filtered)
        ledger, name = self.ledger, self.keys.hive_names[hive]
        if hive in ledger.unloaded:
            return []
        doubts = []
        if hive not in ledger.loaded:
            doubts.append(
                f"{name} was loaded before the capture began: a handle opened earlier and kept "
                "since leaves no trace in it"
            )
        elif ledger.unmatched_on(hive):
            doubts.append(f"closes on {name} have no open: some events are missing")
        if ledger.capture.facts.problems:
            doubts.append("the capture is damaged or cut short")
        return doubts

    def _blocker(self, held: Held, *, sure: bool = True) -> Blocker:
        process = self.capture.processes[held.process]
        first = held.openings[0]
        whole = (
            self.ledger.is_whole(held.process) or self.keys.hives[held.key] in self.ledger.loaded
        )
        certain = sure and not self.filtered
        count = len(held.openings)
        return Blocker(
            process=process.image,
            pid=process.pid,
            key=self.keys.names[held.key],
            handle=first.handle or None,
            opened_at=self.capture.when(first.time) or None,
            event=first.number,
            access=access_text(first.access),
            implicit=self._cached(held.key, first),
            inferred=not first.implicit,
            certain=certain,
            balance=(count if certain else 0, count if whole and certain else None),
            user=process.user,
            session=process.session,
            service=process.services or service_of(process),
            ticks=first.time,
        )

    def _cached(self, key: int, opening: Opening) -> bool:
        """Return whether the handle is, or looks like, a root that Windows caches unasked."""
        asked_for_all = bool(opening.access & MAXIMUM_ALLOWED)
        return opening.implicit or (self.keys.roots[key] and asked_for_all)

    def _roots(self) -> Iterable[HeldRoot]:
        """Yield the cached roots: a process has one for a hive, the first that it kept."""
        kept: dict[tuple[int, int], tuple[int, Opening, int | None]] = {}
        found: list[tuple[int, int, Opening, int | None]] = [
            (life.process, life.key, life.opening, life.closed) for life in self.ledger.lives
        ]
        for held in self.ledger.held():
            found += [(held.process, held.key, opening, None) for opening in held.openings]
        for process, key, opening, closed in found:
            slot = (process, self.keys.hives[key])
            first = kept.get(slot)
            if self._cached(key, opening) and (first is None or opening.number < first[1].number):
                kept[slot] = (key, opening, closed)
        if not self.filtered:
            for (process, _), (key, opening, closed) in kept.items():
                yield self._root(process, key, opening, closed)

    def _root(self, process: int, key: int, opening: Opening, closed: int | None) -> HeldRoot:
        info = self.capture.processes[process]
        return HeldRoot(
            process=info.image,
            pid=info.pid,
            hive=self.keys.hive_names[self.keys.hives[key]],
            key=self.keys.names[key],
            opened_at=self.capture.when(opening.time),
            event=opening.number,
            closed_at=None if closed is None else self.capture.when(closed),
            ticks=(opening.time, closed),
        )

    def _attempts(self) -> Iterable[UnloadAttempt]:
        for attempt in self.ledger.attempts:
            yield UnloadAttempt(
                hive=self.keys.hive_names[self.keys.hives[attempt.key]],
                at=self.capture.when(attempt.time),
                event=attempt.number,
                status=attempt.status,
                blockers=tuple(self._blocker(held) for held in attempt.held),
                ticks=attempt.time,
            )

    def _reasons(self, any_hive: bool) -> Iterable[str]:
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


def _filtered(ledger: Ledger | HandleLedger) -> list[str]:
    """Return why the capture cannot show balances at all, if it cannot.

    Where closes are seen by their handle, a trace without any may be that of a program that leaks.
    """
    facts = ledger.capture.facts
    unclosed = ledger.opens and not ledger.closes
    if unclosed and not facts.closes:
        return [f"a {facts.format} shows no closes: what is still open cannot be told"]
    if unclosed and facts.fidelity is not Fidelity.HANDLES:
        text = f"not one key is closed in it against {ledger.opens:,} opened"
        return [f"{text}: it was saved with a filter, and what is still open cannot be told"]
    if ledger.closes and not ledger.opens:
        return ["keys are closed in it but none is opened: it was saved with a filter"]
    return []


def _overall(hives: list[HiveAnswer], filtered: list[str]) -> Answer:
    answers = {hive.answer for hive in hives}
    if Answer.BLOCKED in answers:
        return Answer.BLOCKED
    if answers == {Answer.CLEAR} and not filtered:
        return Answer.CLEAR
    return Answer.INCONCLUSIVE


def _span(first: int | None, last: int | None) -> tuple[int, int] | None:
    return None if first is None or last is None else (first, last)


def judge(
    ledger: Ledger | HandleLedger, dialect: Dialect | None = None, asked_at: str | None = None
) -> Verdict:
    """Return the verdict on what *ledger* has taken in, under the rules of *dialect*.

    Without a dialect any open key of a hive refuses its unload, as on every Windows.
    """
    return _Judge(ledger, dialect).verdict(asked_at)


_WORDS: Final = {
    MAXIMUM_ALLOWED: "Maximum Allowed",
    0xF003F: "All Access",
    0x20019: "Read",
    0x20006: "Write",
    0x2001F: "Read/Write",
    0x1: "Query Value",
}


def access_text(access: int) -> str:
    """Return an access mask in Procmon's words; "" for 0, which stands for unknown.

    >>> access_text(0x02000000)
    'Maximum Allowed'
    """
    return "" if not access else _WORDS.get(access, f"{access:#x}")


def service_of(process: ProcessInfo) -> str:
    """Return the group or service that an svchost's command line names, or "".

    >>> service_of(ProcessInfo(pid=1, image="svchost.exe", command_line="x -k netsvcs"))
    'netsvcs'
    """
    if process.image.lower() != "svchost.exe":
        return ""
    words = process.command_line.split()
    for flag in ("-s", "-k"):
        if flag in words[:-1]:
            return words[words.index(flag) + 1]
    return ""

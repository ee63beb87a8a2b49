"""A verdict on a trace as a story to step through: what was opened and kept, and what followed.

Only what matters to a hive is a step: handles that stayed open, roots that were kept until their
process ended, and unloads that were tried. Everything that was opened and closed again in time is
counted, not shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

import attrs

from regsim.kernel.holding import Holding
from regsim.policy import Dialect
from regsim.report.lab.stories import Change, Story, StoryFrame, StoryQuestion, changes
from regsim.report.text.evidence import as_text, paragraphs
from regsim.report.words.writing import counted
from regsim.trace.finding import Conclusion, Finding, HeldKey, UnloadAttempt

MOST = 400
"""The most steps that a story has; of more the first are shown, and the rest counted."""
_SECOND = 10_000_000
_MARKS = {Conclusion.BLOCKED: "bad", Conclusion.CLEAR: "good"}


@attrs.frozen(kw_only=True)
class _Event:
    """One step: at which event of the trace (None: at none), and what it opens, ends or tries."""

    number: int | None
    ticks: int | None
    actor: str
    call: str
    opens: Holding | None = None
    ends: Holding | None = None
    tried: UnloadAttempt | None = None


def story_of_finding(finding: Finding, dialect: Dialect | None = None) -> Story | str:
    """Return what *finding* rests on as a story; the reason why there is none as a text."""
    events = sorted(_events(finding), key=_order)
    if not events:
        return as_text(finding, dialect)
    frames = tuple(_frames(events[:MOST], finding))
    said = paragraphs(finding, dialect)
    return Story(
        frames=frames,
        questions=tuple(_questions(finding, frames)),
        finding=f"{finding.conclusion.value}: {_counts(finding, events)}",
        verdict=tuple(f"{first}{text}".strip() for first, _, text in said if text),
        word=finding.conclusion.value,
        mark=_MARKS.get(finding.conclusion, "neither"),
    )


def _counts(finding: Finding, events: Sequence[_Event]) -> str:
    kept = sum(event.opens is not None for event in events)
    folded = max(0, finding.opens - kept)
    left = f"; the first {MOST} steps are shown" if len(events) > MOST else ""
    opens = f"{counted(kept, 'handle')} {'was' if kept == 1 else 'were'} kept"
    return f"{opens}, {folded:,} more were opened and closed again and are not shown{left}"


def _order(event: _Event) -> tuple[int, int]:
    return (event.ticks or 0, event.number or 0)


def _events(finding: Finding) -> Iterator[_Event]:
    seen = {(root.pid, root.event) for root in finding.roots}
    unknown = count(-1, -1)
    for root in finding.roots:
        at = f" at {root.opened_at}" if root.opened_at else ""
        row = _row(root, root.handle or next(unknown), f"event {root.event:,}{at}")
        yield _Event(
            number=root.event,
            ticks=root.ticks,
            actor=root.process,
            call="opens a root that it keeps",
            opens=row,
        )
        if root.closed is not None:
            yield _Event(
                number=None,
                ticks=root.closed,
                actor=root.process,
                call="ends, and Windows closes what it held",
                ends=row,
            )
    for number, blocker in enumerate(finding.held):
        if (blocker.pid, blocker.event) not in seen:
            seen_at = blocker.opened_at or blocker.seen_at or "an unknown time"
            yield _Event(
                number=blocker.event if blocker.event is not None else number,
                ticks=blocker.ticks,
                actor=blocker.process,
                call="opens a key that it keeps",
                opens=_row(blocker, blocker.handle or next(unknown), f"seen at {seen_at}"),
            )
    for attempt in finding.attempts:
        yield _Event(
            number=attempt.event,
            ticks=attempt.ticks,
            actor="",
            call=f"NtUnloadKey({attempt.hive})",
            tried=attempt,
        )


def _row(held: HeldKey, handle: int, opened_by: str) -> Holding:
    """Return a line of the lab's table; an unknown *handle* is one below zero, each its own."""
    return Holding(
        process=held.process,
        service=held.service or None,
        pid=held.pid,
        handle=handle,
        key=held.key,
        hive=held.hive,
        opened_by=opened_by,
        implicit=held.implicit,
        blocks=held.certain,
    )


def _frames(events: Sequence[_Event], finding: Finding) -> Iterator[StoryFrame]:
    start = next((event.ticks for event in events if event.ticks is not None), None)
    first = finding.span[0] if finding.span else start
    table: dict[tuple[int, int, str], Holding] = {}
    before: StoryFrame | None = None
    for event in events:
        for row in filter(None, (event.opens, event.ends)):
            table.pop((row.pid, row.handle, row.key), None)
        if event.opens is not None:
            table[event.opens.pid, event.opens.handle, event.opens.key] = event.opens
        frame = _frame(event, tuple(table.values()), first)
        found = [c for c in changes(before, frame) if c.kind not in ("loaded", "unloaded")]
        if event.ends is not None:
            found = [Change(kind="closed", text=f"{event.actor} ended; its root is closed.")]
        before = attrs.evolve(frame, changes=tuple(found))
        yield before


def _frame(event: _Event, table: tuple[Holding, ...], first: int | None) -> StoryFrame:
    known = event.ticks is not None and first is not None
    status = event.tried.status if event.tried else 0
    return StoryFrame(
        time=(event.ticks - first) // _SECOND if known else None,  # type: ignore[operator]
        actor=event.actor,
        call=event.call,
        step="its end" if event.number is None else f"event {event.number:,}",
        operation="NtUnloadKey" if event.tried else "",
        answer=f"{status:#010x}" if event.tried else "",
        ok=status == 0,
        implicit=bool(event.opens and event.opens.implicit),
        open_handles=len(table),
        table=table,
    )


def _questions(finding: Finding, frames: Sequence[StoryFrame]) -> Iterator[StoryQuestion]:
    """Ask who holds the hive in the end."""
    named = [blocker.holder for blocker in finding.certain]
    actors = dict.fromkeys(f"{row.process} ({row.pid})" for frame in frames for row in frame.table)
    options = (*list(actors)[:6], "nobody")
    right = tuple(n for n, option in enumerate(options) if option in named)
    yield StoryQuestion(
        at=len(frames),
        ask="Who keeps a user's hive loaded at the end of the trace?",
        options=options,
        right=right or (len(options) - 1,),
        why=f"{', '.join(dict.fromkeys(named)) or 'Nobody is certain to'}"
        f"{' does' if named else ' hold it'}.",
    )

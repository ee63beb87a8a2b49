"""A verdict on a trace as a story to step through: what was opened and kept, and what followed.

Only what matters to a hive is a step: handles that stayed open, roots that were kept until their
process ended, and unloads that were tried. Everything that was opened and closed again in time is
counted, not shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from regsim.kernel.holding import Holding
from regsim.policy import Dialect
from regsim.report.lab.frames import Change, Frame, Question, Story, changes
from regsim.report.words.evidence import as_text
from regsim.scenario.result import CallRecord
from regsim.status import NtStatus
from regsim.trace.judge import Answer, Blocker, HeldRoot, UnloadAttempt, Verdict

MOST = 400
"""The most steps that a story has; of more the first are shown, and the rest counted."""
_SECOND = 10_000_000
_MARKS = {Answer.BLOCKED: "bad", Answer.CLEAR: "good"}


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


def story_of_verdict(verdict: Verdict, dialect: Dialect | None = None) -> Story | str:
    """Return what *verdict* rests on as a story; the reason why there is none as a text."""
    events = sorted(_events(verdict), key=_order)
    if not events:
        return as_text(verdict, dialect)
    frames = tuple(_frames(events[:MOST], verdict))
    return Story(
        frames=frames,
        questions=tuple(_questions(verdict, frames)),
        finding=f"{verdict.answer.value}: {_counts(verdict, events)}",
        verdict=tuple(_paragraphs(as_text(verdict, dialect))),
        word=verdict.answer.value,
        mark=_MARKS.get(verdict.answer, "neither"),
    )


def _paragraphs(text: str) -> Iterator[str]:
    """Yield the sentences of a verdict's text, each unfolded into one line."""
    head, _, rest = text.partition("\n\n")
    yield " ".join(head.split())
    found: list[str] = []
    for line in filter(str.strip, rest.splitlines()):
        if line.startswith("   ") and found:
            found[-1] += f" {line.strip()}"
        else:
            found.append(line.strip())
    yield from found


def _counts(verdict: Verdict, events: Sequence[_Event]) -> str:
    kept = sum(event.opens is not None for event in events)
    folded = max(0, verdict.opens - kept)
    left = f"; the first {MOST} steps are shown" if len(events) > MOST else ""
    opens = "1 handle was kept" if kept == 1 else f"{kept:,} handles were kept"
    return f"{opens}, {folded:,} more were opened and closed again and are not shown{left}"


def _order(event: _Event) -> tuple[int, int]:
    return (event.ticks or 0, event.number or 0)


def _events(verdict: Verdict) -> Iterator[_Event]:
    seen: set[tuple[int, int]] = set()
    for root in verdict.roots:
        seen.add((root.pid, root.event))
        row = _row_of_root(root)
        yield _Event(
            number=root.event,
            ticks=root.ticks[0],
            actor=root.process,
            call="opens a root that it keeps",
            opens=row,
        )
        if root.closed_at is not None and root.ticks[1] is not None:
            yield _Event(
                number=None,
                ticks=root.ticks[1],
                actor=root.process,
                call="ends, and Windows closes what it held",
                ends=row,
            )
    for number, blocker in enumerate(verdict.blockers):
        if (blocker.pid, blocker.event or -1) not in seen:
            yield _Event(
                number=blocker.event if blocker.event is not None else number,
                ticks=blocker.ticks,
                actor=blocker.process,
                call="opens a key that it keeps",
                opens=_row_of(blocker, number),
            )
    for attempt in verdict.attempts:
        yield _Event(
            number=attempt.event,
            ticks=attempt.ticks,
            actor="unload",
            call=f"unload {attempt.hive}",
            tried=attempt,
        )


def _row_of_root(root: HeldRoot) -> Holding:
    return Holding(
        process=root.process,
        service=None,
        pid=root.pid,
        handle=0,
        key=root.key,
        hive=root.hive,
        opened_by=f"event {root.event:,} at {root.opened_at}",
        implicit=True,
        blocks=True,
    )


def _row_of(blocker: Blocker, number: int) -> Holding:
    return Holding(
        process=blocker.process,
        service=blocker.service or None,
        pid=blocker.pid,
        handle=blocker.handle or -1 - number,
        key=blocker.key,
        hive="\\".join(
            blocker.key.split("\\")[: 2 if blocker.key.upper().startswith("HKU") else 1]
        ),
        opened_by=f"seen at {blocker.opened_at or blocker.seen_at or 'an unknown time'}",
        implicit=blocker.implicit,
        blocks=blocker.certain,
    )


def _frames(events: Sequence[_Event], verdict: Verdict) -> Iterator[Frame]:
    start = next((event.ticks for event in events if event.ticks is not None), None)
    first = verdict.span[0] if verdict.span else start
    table: dict[tuple[int, int, str], Holding] = {}
    before: CallRecord | None = None
    for number, event in enumerate(events, 1):
        for row, into in ((event.opens, True), (event.ends, False)):
            if row is not None:
                slot = (row.pid, row.handle, row.key)
                table.pop(slot, None)
                if into:
                    table[slot] = row
        record = _record(number, event, tuple(table.values()))
        yield _frame(event, before, record, first)
        before = record


def _record(number: int, event: _Event, table: tuple[Holding, ...]) -> CallRecord:
    return CallRecord(
        number=number,
        time=0,
        actor=event.actor,
        process=event.actor,
        call=event.call,
        step="its end" if event.number is None else f"event {event.number:,}",
        operation="NtUnloadKey" if event.tried else "",
        status=NtStatus.SUCCESS,
        open_handles=len(table),
        table=table,
    )


def _frame(
    event: _Event, before: CallRecord | None, record: CallRecord, first: int | None
) -> Frame:
    known = event.ticks is not None and first is not None
    status = event.tried.status if event.tried else 0
    found = [c for c in changes(before, record) if c.kind not in ("loaded", "unloaded")]
    if event.ends is not None:
        found = [Change(kind="closed", text=f"{event.actor} ended; its root is closed.")]
    return Frame(
        time=(event.ticks - first) // _SECOND if known else None,  # type: ignore[operator]
        actor=record.actor,
        process=record.process,
        call=record.call,
        step=record.step,
        operation=record.operation,
        answer=f"{status:#010x}" if event.tried else "",
        ok=status == 0,
        implicit=bool(event.opens and event.opens.implicit),
        open_handles=record.open_handles,
        table=record.table,
        changes=tuple(found),
    )


def _questions(verdict: Verdict, frames: Sequence[Frame]) -> Iterator[Question]:
    """Ask who holds the hive in the end."""
    named = [f"{b.process} ({b.pid})" for b in verdict.blockers if b.certain]
    actors = dict.fromkeys(f"{row.process} ({row.pid})" for frame in frames for row in frame.table)
    options = (*list(actors)[:6], "nobody")
    right = tuple(n for n, option in enumerate(options) if option in named)
    yield Question(
        at=len(frames),
        ask="Who keeps a user's hive loaded at the end of the trace?",
        options=options,
        right=right or (len(options) - 1,),
        why=f"{', '.join(dict.fromkeys(named)) or 'Nobody is certain to'}"
        f"{' does' if named else ' hold it'}.",
    )

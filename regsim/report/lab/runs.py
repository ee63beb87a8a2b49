"""A run of a scenario as a story to step through, with what a reader can be asked about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import attrs

from regsim.report.lab.stories import Story, StoryFrame, StoryQuestion, changes
from regsim.report.words import runs as words
from regsim.report.words.places import place_of
from regsim.report.words.writing import counted
from regsim.scenario.result import CallRecord, Outcome, Run


def story_of_run(run: Run) -> Story:
    """Return *run* as a story; attempts that repeat themselves become one frame."""
    frames = tuple(frames_of_calls(run.calls))
    good, bad = run.outcome.good, run.outcome.value in ("lost", "holder-broken")
    return Story(
        frames=frames,
        questions=tuple(questions(run, frames)),
        finding=words.finding(run),
        verdict=tuple(words.verdict(run)),
        word=words.WORDS[run.outcome],
        mark="good" if good else "bad" if bad else "neither",
        events=tuple(f"{event.source} {event.id}: {event.message}" for event in run.events),
    )


def frames_of_calls(calls: Iterable[CallRecord]) -> Iterator[StoryFrame]:
    """Yield the frames of *calls*, each with what it changed."""
    before: CallRecord | None = None
    for _, alike in groupby(calls, lambda one: (attrs.evolve(one, number=0, time=0), one.table)):
        first, *more = alike
        record = more[-1] if more else first
        yield StoryFrame(
            time=first.time,
            actor=record.actor,
            call=record.call,
            step=record.step,
            operation=record.operation,
            answer=record.status.name if record.operation else "",
            ok=record.status.ok,
            handle=record.handle,
            implicit=words.is_unasked(record),
            open_handles=record.open_handles,
            table=record.table,
            unlisted=record.unlisted,
            changes=tuple(changes(before, record)),
            times=1 + len(more),
            note=record.note,
        )
        before = record


def questions(run: Run, frames: Sequence[StoryFrame]) -> Iterator[StoryQuestion]:
    """Yield what a reader can be asked about *run*, in the order of its frames."""
    unload = next((n for n, frame in enumerate(frames) if words.is_unload(frame)), len(frames))
    yield from _count_question(frames[:unload])
    if unload < len(frames):
        yield _unload_question(frames, unload, run.about.hive)
        yield _holder_question(frames, unload, run.about.hive)
    yield _end_question(run, len(frames))


def _count_question(frames: Sequence[StoryFrame]) -> Iterator[StoryQuestion]:
    """Ask how many handles the last call that opened one opens; the caller sees just one."""
    opening = [n for n, frame in enumerate(frames) if frame.handle is not None and _opened(frame)]
    if not opening:
        return
    first = last = opening[-1]
    while first - 1 in opening and frames[first - 1].call == frames[last].call:
        first -= 1
    count = last - first + 1
    unasked = sum(frame.implicit for frame in frames[first : last + 1])
    why = "One: no root is opened behind the caller's back here."
    if unasked:
        why = f"{_NUMBERS[count]}: one of them is on the root, and nobody asked for it."
    yield StoryQuestion(
        at=first,
        ask=f"{frames[last].actor} now calls {frames[last].call}. "
        "How many handles will this one call open?",
        options=_NUMBERS,
        right=(min(count, len(_NUMBERS) - 1),),
        why=why,
    )


_NUMBERS = ("None", "One", "Two", "Three or more")


def _opened(frame: StoryFrame) -> bool:
    return any(change.kind in ("opened", "unasked") for change in frame.changes)


def _unload_question(frames: Sequence[StoryFrame], at: int, hive: str) -> StoryQuestion:
    frame = frames[at]
    open_now = frames[at - 1].open_handles if at else 0
    many = "No handle is"
    if open_now:
        many = f"{counted(open_now, 'handle')} {'is' if open_now == 1 else 'are'}"
    return StoryQuestion(
        at=at,
        ask=f"{frame.actor} is about to unload {hive}. Will it succeed?",
        options=("Yes, the hive unloads", "No, it is refused"),
        right=(0 if frame.ok else 1,),
        why=f"{many} open on the hive at this moment; the answer is {frame.answer}.",
    )


def _holder_question(frames: Sequence[StoryFrame], at: int, hive: str) -> StoryQuestion:
    seen: dict[str, None] = {}
    for frame in frames[: at + 1]:
        seen.update(dict.fromkeys(words.holder_name(row) for row in frame.table))
    names = list(seen)[:6]
    blocking = dict.fromkeys(words.holder_name(row) for row in frames[at - 1].table if row.blocks)
    right = [n for n, name in enumerate(names) if name in blocking]
    rows = [row for row in frames[at - 1].table if row.blocks]
    why = "Nobody: every handle on it is closed."
    if rows:
        said = [
            f"{words.holder_name(row)} with {row.handle:#x} on {place_of(row)}" for row in rows[:3]
        ]
        why = f"{'; '.join(said)}. Opened by {rows[0].opened_by}."
    return StoryQuestion(
        at=at,
        ask=f"Who holds {hive} at this moment?",
        options=(*names, "nobody"),
        right=tuple(right) or (len(names),),
        why=why,
    )


def _end_question(run: Run, at: int) -> StoryQuestion:
    about = run.about
    ends = {
        Outcome.SAVED: f"It is {about.done} at once",
        Outcome.LATE: f"It is {about.done}, but late",
        Outcome.LOST: f"It is {about.else_}",
        Outcome.HOLDER_BROKEN: f"It is {about.done} by force, and the holder breaks",
    }
    return StoryQuestion(
        at=at,
        ask=f"What becomes of {about.what}?",
        options=tuple(ends.values()),
        right=(list(ends).index(run.outcome),),
        why=f"{words.finding(run)}.",
    )

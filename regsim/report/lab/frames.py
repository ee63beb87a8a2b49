"""What the lab steps through: frames, stories made of them, and the choices between stories.

Nothing here knows where a story comes from: a run of a scenario gives one (`story_of_run`), and so
can any other list of calls with the handles that were open after each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs

from regsim.kernel.holding import Holding
from regsim.report.words import runs as words
from regsim.report.words.places import place_of
from regsim.scenario.result import CallRecord, Run


@attrs.frozen(kw_only=True)
class Change:
    """One thing that a call changed.

    ``kind`` is ``opened``, ``unasked``, ``closed``, ``moved``, ``stale``, ``loaded`` or
    ``unloaded``.
    """

    kind: str
    text: str


@attrs.frozen(kw_only=True)
class Frame:
    """One call, or several that are alike, and how things stood after it.

    Attributes:
        time: seconds since the story began, None where no time is known.
        answer: what the kernel answered, empty for local work; ``ok`` whether that is success.
        handle: the handle that the call opened or closed, with the ``key`` it is open on.
        implicit: whether that is a handle nobody asked for.
        open_handles: handles open on the hive that is watched; None while it is not loaded.
        table: the handles open afterwards; ``unlisted`` counts those that it leaves out.
        changes: what is different from the frame before.
        times: how many calls in a row the frame stands for.
        note: a sentence for the reader, or empty.
    """

    time: int | None = None
    actor: str
    process: str
    call: str
    step: str
    operation: str = ""
    answer: str = ""
    ok: bool = True
    handle: int | None = None
    key: str = ""
    implicit: bool = False
    open_handles: int | None = None
    table: tuple[Holding, ...] = ()
    unlisted: int = 0
    changes: tuple[Change, ...] = ()
    times: int = 1
    note: str = ""


@attrs.frozen(kw_only=True)
class Question:
    """What is asked before frame number ``at`` (from 0; after the last: before the verdict).

    ``right`` are the indices of the options that are right, ``why`` the explanation.
    """

    at: int
    ask: str
    options: tuple[str, ...]
    right: tuple[int, ...]
    why: str


@attrs.frozen(kw_only=True)
class Story:
    """Frames in order, the questions between them, and how it ends.

    ``mark`` says whether the end is ``good``, ``bad`` or ``neither``; ``word`` names it.
    """

    frames: tuple[Frame, ...]
    questions: tuple[Question, ...]
    finding: str
    verdict: tuple[str, ...]
    word: str
    mark: str
    events: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Axis:
    """One choice of the reader: its ``name`` in links, its ``label``, the options it offers.

    An option is a name, a title, and a sentence (or nothing) on what it means.
    """

    name: str
    label: str
    options: tuple[tuple[str, str, str], ...]


@attrs.frozen(kw_only=True)
class Lab:
    """All that one page holds.

    ``stories`` has for each combination of options a story, or the reason why there is none;
    without axes its only key is the empty tuple. ``start`` is the combination shown first.
    """

    title: str
    intro: str
    axes: tuple[Axis, ...] = ()
    stories: Mapping[tuple[str, ...], Story | str]
    start: tuple[str, ...] = ()


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


def frames_of_calls(calls: Iterable[CallRecord]) -> Iterator[Frame]:
    """Yield the frames of *calls*, each with what it changed."""
    before: CallRecord | None = None
    for group in _alike(calls):
        record = group[-1]
        yield Frame(
            time=group[0].time,
            actor=record.actor,
            process=record.process,
            call=record.call,
            step=record.step,
            operation=record.operation,
            answer=record.status.name if record.operation else "",
            ok=record.status.ok,
            handle=record.handle,
            key=record.key,
            implicit=record.implicit and not record.step.startswith("close"),
            open_handles=record.open_handles,
            table=record.table,
            unlisted=record.unlisted,
            changes=tuple(changes(before, record)),
            times=len(group),
            note=record.note,
        )
        before = record


def _alike(calls: Iterable[CallRecord]) -> Iterator[list[CallRecord]]:
    group: list[CallRecord] = []
    for record in calls:
        if group and not (_gist(group[-1]) == _gist(record) and group[-1].table == record.table):
            yield group
            group = []
        group.append(record)
    if group:
        yield group


def _gist(record: CallRecord) -> CallRecord:
    return attrs.evolve(record, number=0, time=0)


SHOWN = 6
"""How many changes of one kind a frame names before it counts the rest."""


def changes(before: CallRecord | None, after: CallRecord) -> Iterator[Change]:
    """Yield what *after* left different from *before* (None: from a machine without handles)."""
    yield from _mounting(before, after)
    old = {(row.pid, row.handle): row for row in (before.table if before else ())}
    new = {(row.pid, row.handle): row for row in after.table}
    found: dict[str, list[str]] = {}
    for slot, row in new.items():
        kind = _kind(old.get(slot), row)
        if kind:
            found.setdefault(kind, []).append(_told(kind, row))
    for slot, row in old.items():
        if slot not in new:
            found.setdefault("closed", []).append(_told("closed", row))
    for kind, texts in found.items():
        yield from (Change(kind=kind, text=text) for text in texts[:SHOWN])
        if len(texts) > SHOWN:
            yield Change(kind=kind, text=f"{len(texts) - SHOWN:,} more like that.")


def _mounting(before: CallRecord | None, after: CallRecord) -> Iterator[Change]:
    was = before is not None and before.open_handles is not None
    now = after.open_handles is not None
    if now and not was:
        yield Change(kind="loaded", text="The user's hive is loaded.")
    elif was and not now:
        yield Change(kind="unloaded", text="The user's hive is unloaded.")


def _kind(old: Holding | None, new: Holding) -> str:
    if old is None:
        return "unasked" if new.implicit else "opened"
    if old.live and not new.live:
        return "stale"
    return "moved" if old.key != new.key else ""


def _told(kind: str, row: Holding) -> str:
    who, place = words.holder_name(row), place_of(row)
    return {
        "opened": f"{who} opened {row.handle:#x} on {place}.",
        "unasked": f"{who} got {row.handle:#x} on {place}; {words.UNASKED}.",
        "closed": f"{row.handle:#x} of {who}, on {place}, is closed.",
        "stale": f"{row.handle:#x} of {who} stands for nothing now: its key was taken away.",
        "moved": f"{row.handle:#x} of {who} now stands for {place}.",
    }[kind]


def questions(run: Run, frames: Sequence[Frame]) -> Iterator[Question]:
    """Yield what a reader can be asked about *run*, in the order of its frames."""
    unload = next((n for n, frame in enumerate(frames) if words.is_unload(frame)), len(frames))
    yield from _count_question(frames[:unload])
    if unload < len(frames):
        yield _unload_question(frames, unload)
        yield _holder_question(frames, unload)
    yield _end_question(run, len(frames))


def _count_question(frames: Sequence[Frame]) -> Iterator[Question]:
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
    yield Question(
        at=first,
        ask=f"{frames[last].actor} now calls {frames[last].call}. "
        "How many handles will this one call open?",
        options=_NUMBERS,
        right=(min(count, len(_NUMBERS) - 1),),
        why=why,
    )


_NUMBERS = ("None", "One", "Two", "Three or more")


def _opened(frame: Frame) -> bool:
    return any(change.kind in ("opened", "unasked") for change in frame.changes)


def _unload_question(frames: Sequence[Frame], at: int) -> Question:
    frame = frames[at]
    open_now = frames[at - 1].open_handles if at else 0
    many = "No handle is" if not open_now else "1 handle is" if open_now == 1 else ""
    return Question(
        at=at,
        ask=f"{frame.actor} is about to unload the user's hive. Will it succeed?",
        options=("Yes, the hive unloads", "No, it is refused"),
        right=(0 if frame.ok else 1,),
        why=f"{many or f'{open_now:,} handles are'} open on the hive at this moment; "
        f"the answer is {frame.answer}.",
    )


def _holder_question(frames: Sequence[Frame], at: int) -> Question:
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
    return Question(
        at=at,
        ask="Who holds the user's hive at this moment?",
        options=(*names, "nobody"),
        right=tuple(right) or (len(names),),
        why=why,
    )


_ENDS = {
    "saved": "It is saved at once",
    "late": "It is saved, but late",
    "lost": "It is lost: the server keeps the old copy",
    "holder-broken": "It is saved by force, and the holder breaks",
}


def _end_question(run: Run, at: int) -> Question:
    return Question(
        at=at,
        ask="What becomes of the user's profile?",
        options=tuple(_ENDS.values()),
        right=(list(_ENDS).index(run.outcome.value),),
        why=f"{words.finding(run)}.",
    )

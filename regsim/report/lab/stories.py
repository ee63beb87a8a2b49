"""What the lab steps through: frames, stories made of them, and the choices between stories.

Nothing here knows where a story comes from: a run of a scenario gives one, so do a check and the
evidence on a trace, and so can any other list of calls with the handles open after each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

import attrs

from regsim.kernel.holding import Holding
from regsim.report.words import runs as words
from regsim.report.words.places import place_of


@attrs.frozen(kw_only=True)
class Change:
    """One thing that a call changed.

    ``kind`` is ``opened``, ``unasked``, ``closed``, ``moved``, ``stale``, ``loaded`` or
    ``unloaded``.
    """

    kind: str
    text: str


@attrs.frozen(kw_only=True)
class StoryFrame:
    """One call, or several that are alike, and how things stood after it.

    Attributes:
        time: seconds since the story began, None where no time is known.
        answer: what the kernel answered, empty for local work; ``ok`` whether that is success.
        handle: the handle that the call opened or closed.
        implicit: whether that is a handle nobody asked for.
        open_handles: handles open on the hive that is watched; None while it is not loaded.
        table: the handles open afterwards; ``unlisted`` counts those that it leaves out. A value
            below zero stands for one that the evidence does not tell.
        changes: what is different from the frame before.
        times: how many calls in a row the frame stands for.
        note: a sentence for the reader, or empty.
    """

    time: int | None = None
    actor: str
    call: str
    step: str
    operation: str = ""
    answer: str = ""
    ok: bool = True
    handle: int | None = None
    implicit: bool = False
    open_handles: int | None = None
    table: tuple[Holding, ...] = ()
    unlisted: int = 0
    changes: tuple[Change, ...] = ()
    times: int = 1
    note: str = ""


@attrs.frozen(kw_only=True)
class StoryQuestion:
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

    frames: tuple[StoryFrame, ...]
    questions: tuple[StoryQuestion, ...]
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


SHOWN = 6
"""How many changes of one kind a frame names before it counts the rest."""


class _Stands(Protocol):
    """How things stand: after a call, or in a frame."""

    @property
    def open_handles(self) -> int | None: ...
    @property
    def table(self) -> tuple[Holding, ...]: ...


def changes(before: _Stands | None, after: _Stands) -> Iterator[Change]:
    """Yield what *after* left different from *before* (None: from a machine without handles)."""
    yield from _mounting(before, after)
    old = {(row.pid, row.handle): row for row in (before.table if before else ())}
    new = {(row.pid, row.handle): row for row in after.table}
    found: dict[str, list[str]] = {}
    for slot, row in new.items():
        kind = _kind(old.get(slot), row)
        if kind:
            found.setdefault(kind, []).append(_sentence(kind, row))
    for slot, row in old.items():
        if slot not in new:
            found.setdefault("closed", []).append(_sentence("closed", row))
    for kind, texts in found.items():
        yield from (Change(kind=kind, text=text) for text in texts[:SHOWN])
        if len(texts) > SHOWN:
            yield Change(kind=kind, text=f"{len(texts) - SHOWN:,} more like that.")


def _mounting(before: _Stands | None, after: _Stands) -> Iterator[Change]:
    was = before is not None and before.open_handles is not None
    now = after.open_handles is not None
    if now and not was:
        yield Change(kind="loaded", text="The hive is loaded.")
    elif was and not now:
        yield Change(kind="unloaded", text="The hive is unloaded.")


def _kind(old: Holding | None, new: Holding) -> str:
    if old is None:
        return "unasked" if new.implicit else "opened"
    if old.live and not new.live:
        return "stale"
    return "moved" if old.key != new.key else ""


def _sentence(kind: str, row: Holding) -> str:
    who, place = words.holder_name(row), place_of(row)
    handle = f"{row.handle:#x}" if row.handle >= 0 else "a handle"
    text = {
        "opened": f"{who} opened {handle} on {place}.",
        "unasked": f"{who} got {handle} on {place}; {words.UNASKED}.",
        "closed": f"{handle} of {who}, on {place}, is closed.",
        "stale": f"{handle} of {who} stands for nothing now: its key was taken away.",
        "moved": f"{handle} of {who} now stands for {place}.",
    }[kind]
    return text[0].upper() + text[1:] if text.startswith("a ") else text

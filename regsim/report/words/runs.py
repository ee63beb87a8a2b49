"""The words that the texts and the pictures share, and what both read out of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final, Protocol

import attrs

from regsim.check.factored import StepAnswer
from regsim.check.paths import PathStep
from regsim.kernel.holding import Holding
from regsim.kernel.operations import unload_by
from regsim.report.words.writing import capital, counted
from regsim.scenario.result import CallRecord, Outcome, Run
from regsim.status import to_win32

WORDS: Final = {
    Outcome.SAVED: "saved",
    Outcome.LATE: "late",
    Outcome.LOST: "lost",
    Outcome.HOLDER_BROKEN: "holder-broken",
    Outcome.NOT_APPLICABLE: "n/a",
}
"""One word for each outcome, short enough for a table's cell."""

UNASKED: Final = "nobody asked for this handle"

_USERS: Final = "\\registry\\user\\"


class _Operates(Protocol):
    """What names a kernel operation: a record of a call, or a frame of the lab."""

    @property
    def operation(self) -> str: ...


def is_unload(record: _Operates) -> bool:
    """Return whether *record* is an attempt to unload a hive."""
    return unload_by(record.operation) is not None


def is_close(record: CallRecord) -> bool:
    """Return whether *record* closed the handle that it names."""
    return record.step.startswith("close") and record.handle is not None and record.status.ok


def is_logoff(record: CallRecord) -> bool:
    """Return whether the logoff begins with *record*."""
    return "logoff" in record.step.lower() or "logoff" in record.call.lower()


def on_user_hive(key: str) -> bool:
    """Return whether *key* lies in the hive of a user, not in that of the default user."""
    low = key.lower()
    if not low.startswith(_USERS):
        return False
    name = low[len(_USERS) :].split("\\")[0]
    return bool(name) and name != ".default" and not name.endswith("_classes")


def hive_root(key: str) -> str:
    """Return the root of the user's hive in which *key* lies."""
    return "\\".join(key.split("\\")[:4])


def is_unasked(record: CallRecord | PathStep) -> bool:
    """Return whether a step gave a handle that nobody asked for."""
    told = record if isinstance(record, CallRecord) else record.answer
    return told is not None and told.implicit and not record.step.startswith("close")


def answered(record: CallRecord) -> str:
    """Return what *record* did, what the kernel answered, and the handle it gave."""
    return _told(record.step, record.status.name if record.operation else "", record.handle, ": ")


def happened(record: CallRecord | PathStep) -> str:
    """Return as `answered` what a step did, and whether nobody asked for its handle, in a line."""
    if isinstance(record, CallRecord):
        answer = record.status.name if record.operation else ""
        return _told(record.step, answer, record.handle, unasked=is_unasked(record))
    told = record.answer or StepAnswer("")
    return _told(record.step, told.text, told.handle, unasked=is_unasked(record))


def _told(
    step: str, answer: str, handle: int | None, sign: str = " -> ", *, unasked: bool = False
) -> str:
    said = f"{step}{sign}{answer}" if answer else step
    given = "" if handle is None else f", handle {handle:#x}"
    return f"{said}{given}{f'  <- {UNASKED}' if unasked else ''}"


def grouped(calls: Iterable[CallRecord]) -> Iterator[tuple[CallRecord, int]]:
    """Yield each record with how often it stands there in a row, as retries do."""
    for _, alike in groupby(calls, lambda one: attrs.evolve(one, number=0, time=0, note="")):
        first, *more = alike
        yield first, 1 + len(more)


def run_subtitle(run: Run) -> str:
    """Return what was played, where and with which fix."""
    return f"{run.title}. {run.os_title}, fix: {run.fix}."


def holder_name(holder: Holding) -> str:
    """Return the process of *holder*, with its services in brackets."""
    return f"{holder.process} ({holder.service})" if holder.service else holder.process


def finding(run: Run) -> str:
    """Return in one sentence what *run* shows; the title of its pictures."""
    if run.outcome is Outcome.NOT_APPLICABLE:
        return f"{run.fix} does not apply to {run.os_title}"
    if run.blockers:
        return _blocked(run)
    if run.outcome is Outcome.HOLDER_BROKEN:
        hive = capital(run.about.hive)
        return f"{hive} unloads under open handles: whoever holds them is broken"
    if run.unloaded and run.profile_saved:
        end = run.about.ends("is", well=True)
        return f"No handle is left open: {run.about.hive} unloads and {end}"
    return f"{_unload_sentence(run)[:-1]}; {_saved_sentence(run)[:-1].lower()}"


def _blocked(run: Run) -> str:
    first = run.blockers[0]
    more = len(run.blockers) - 1
    holder = f"Handle {first.handle:#x} in {holder_name(first)}"
    if more:
        holder += f" and {more} more"
    done = f"held up {run.about.hive}" if run.unloaded else f"{run.about.hive} loaded"
    keep = "" if run.unloaded else "keep " if more else "keeps "
    unasked = ", and nobody asked for it" if first.implicit and not more else ""
    end = {
        Outcome.LATE: f"{run.about.ends('is', well=True)} late",
        Outcome.HOLDER_BROKEN: "it is taken away by force",
    }.get(run.outcome, run.about.ends("is", well=run.profile_saved))
    return f"{holder} {keep}{done}{unasked}: {end}"


SHOWN = 5
"""How many blockers a verdict names before it counts the rest."""


def verdict(run: Run) -> list[str]:
    """Return the verdict on *run*, sentence by sentence."""
    if run.outcome is Outcome.NOT_APPLICABLE:
        return [f"{run.fix} does not apply to {run.os_title}.", *([run.note] if run.note else [])]
    sentences = [_unload_sentence(run), _saved_sentence(run)]
    for holder in run.blockers[:SHOWN]:
        sentences.append(
            f"{holder_name(holder)}, process {holder.pid}, {'held' if run.unloaded else 'holds'} "
            f"handle {holder.handle:#x} on {holder.key}."
        )
        opened = f"{holder.opened_by} opened it"
        sentences.append(f"{opened}; {UNASKED}." if holder.implicit else f"{opened}.")
    if len(run.blockers) > SHOWN:
        sentences.append(f"{len(run.blockers) - SHOWN:,} more handles are open on the hive.")
    if run.outcome is Outcome.HOLDER_BROKEN:
        sentences.append("The hive was taken away under open handles: their holder is broken.")
    return [*sentences, run.note] if run.note else sentences


def _unload_sentence(run: Run) -> str:
    answer = f"{run.status.name} (Win32 error {int(to_win32(run.status))})"
    hive = capital(run.about.hive)
    if not run.unloaded:
        if run.status.ok:
            return f"{hive} stayed loaded; no unload of it was tried."
        return f"{hive} did not unload: the last attempt answered {answer}."
    if run.status.ok:
        return f"{hive} unloaded."
    return f"{hive} unloaded, but only after a normal attempt had answered {answer}."


def _saved_sentence(run: Run) -> str:
    if not run.profile_saved:
        return f"{capital(run.about.ends('was', well=False))}."
    well = capital(run.about.ends("was", well=True))
    return f"{well}, but late." if run.outcome is Outcome.LATE else f"{well}."


def ends_with(run: Run) -> str:
    """Return whether the hive unloads in *run*, and how many handles stay open if not."""
    counts = [r.open_handles for r in run.calls if r.open_handles is not None]
    if run.outcome is Outcome.HOLDER_BROKEN and run.unloaded:
        return "the hive is taken away by force"
    if run.unloaded or not counts:
        return f"the hive {'unloads' if run.unloaded else 'stays loaded'}"
    return f"{counted(counts[-1], 'handle')} {'stays' if counts[-1] == 1 else 'stay'} open"


def openings_finding(runs: Sequence[Run]) -> str:
    """Return in one sentence how *runs* end, by their fixes; many of them are counted."""
    if len(runs) > 3:
        stay = sum(not run.unloaded for run in runs)
        return f"{stay} of {len(runs)} runs leave the hive loaded"
    named = [("no fix" if run.fix == "none" else run.fix, run) for run in runs]
    said = "; with ".join(f"{fix} {ends_with(run)}" for fix, run in named)
    return f"With {said}" if runs else "No run"


def matrix_finding(rows: Mapping[str, Mapping[str, Outcome]]) -> str:
    """Return in one sentence which fix loses the profile most often, and which least."""
    lost: dict[str, tuple[int, int]] = {}
    for fix in fixes(rows):
        cells = [row[fix] for row in rows.values() if fix in row]
        applied = [c for c in cells if c is not Outcome.NOT_APPLICABLE]
        if applied:
            lost[fix] = (sum(not c.good for c in applied), len(applied))
    if not lost:
        return "No fix applies to any system"
    worst = max(lost, key=lambda fix: lost[fix][0])
    best = min(lost, key=lambda fix: lost[fix][0])
    named = "Without a fix" if worst == "none" else f"With {worst}"
    said = f"{named} the profile is lost or a holder broken on {_of(lost[worst])} systems"
    return said if worst == best else f"{said}; with {best} on {_of(lost[best])}"


def _of(pair: tuple[int, int]) -> str:
    return f"{pair[0] or 'none'} of {pair[1]}"


def fixes(rows: Mapping[str, Mapping[str, Outcome]]) -> list[str]:
    """Return the fixes that *rows* speak of, in the order in which they first occur."""
    return list(dict.fromkeys(fix for row in rows.values() for fix in row))


@attrs.define(kw_only=True)
class Lifetime:
    """One handle on the user's hive, from the call that opened it to the one that ended it.

    ``closed`` is None if it is open at the end; ``end`` says how it ended: ``closed``, ``taken
    away`` by a forced unload, or ``moved`` onto a key elsewhere.
    """

    process: str
    pid: int
    handle: int
    key: str
    implicit: bool
    opened: int
    closed: int | None = None
    end: str = ""


def lives(run: Run) -> list[Lifetime]:
    """Return the handles that were open on the user's hive, in the order of their opening.

    Read off the table of handles after each call, so that whatever ended one is seen.
    """
    found: list[Lifetime] = []
    alive: dict[tuple[int, int], Lifetime] = {}
    for record in run.calls:
        now = {(row.pid, row.handle): row for row in record.table}
        for slot in [slot for slot in alive if not _on_hive(now.get(slot))]:
            life = alive.pop(slot)
            life.closed, life.end = record.number, _ended(now.get(slot))
        for slot, row in now.items():
            if slot not in alive and _on_hive(row):
                alive[slot] = _begun(row, record.number)
                found.append(alive[slot])
    return found


def _on_hive(row: Holding | None) -> bool:
    return row is not None and row.live and on_user_hive(row.key)


def _ended(row: Holding | None) -> str:
    return "closed" if row is None else "moved" if row.live else "taken away"


def _begun(row: Holding, number: int) -> Lifetime:
    return Lifetime(
        process=holder_name(row),
        pid=row.pid,
        handle=row.handle,
        key=row.key,
        implicit=row.implicit,
        opened=number,
    )

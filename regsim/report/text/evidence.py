"""The verdict on evidence, as an expert would put it in writing, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import attrs

from regsim.policy import Dialect
from regsim.report.text.console import PROSE, prose_width, wrap
from regsim.report.words import evidence as words
from regsim.report.words.writing import counted, fields
from regsim.trace.evidence import Fidelity
from regsim.trace.finding import (
    Conclusion,
    Extent,
    Finding,
    HeldKey,
    HiveFinding,
    Occasion,
    UnloadAttempt,
)
from regsim.trace.holders import STOPPABLE, nature_of
from regsim.trace.spelling import canonical

SCHEMA_VERSION: Final = 1
_SHOWN: Final = 8
_ALL: Final = 1_000_000


def as_json(finding: Finding) -> dict[str, Any]:
    """Return what ``regsim replay --json`` and ``regsim who --json`` print."""
    return {
        "schema_version": SCHEMA_VERSION,
        "verdict": finding.conclusion.value,
        "format": finding.format,
        "fidelity": finding.fidelity.value,
        "os": finding.os,
        "host": finding.host or None,
        "at": finding.asked_at,
        "hives": [_hive(hive) for hive in finding.hives],
        "occasions": [_occasion(one) for one in finding.occasions],
        "roots": [_root(root) for root in finding.roots],
        "attempts": [_attempt(attempt) for attempt in finding.attempts],
        **fields(finding, "events opens closes unmatched_closes"),
        "reasons": list(finding.reasons),
        "incident": finding.incident,
        "incident_certain": finding.incident_certain,
        "next_steps": list(finding.next_steps),
        "completeness": _completeness(finding.completeness),
    }


def _occasion(one: Occasion) -> dict[str, Any]:
    found = fields(one, "source id hive moment at boot held said")
    blockers = [
        {"process": held.process, "pid": held.pid, "key": held.key} for held in one.blockers
    ]
    return {**found, "moment": one.moment or None, "blockers": blockers}


def _completeness(extent: Extent) -> dict[str, Any]:
    found = attrs.asdict(extent)
    return {**found, "skipped": list(found["skipped"]), "damage": list(extent.damage)}


def _hive(hive: HiveFinding) -> dict[str, Any]:
    return {
        "hive": hive.hive,
        "verdict": hive.conclusion.value,
        "blockers": [_blocker(blocker) for blocker in hive.blockers],
        "bystanders": [{**_blocker(one), "why": one.why} for one in hive.bystanders],
        "reasons": list(hive.reasons),
    }


def _blocker(blocker: HeldKey) -> dict[str, Any]:
    names = "process pid service user session key handle opened_at event source seen_at access"
    found = fields(blocker, f"{names} implicit certain balance")
    empty = ("service", "user", "access", "source")
    return {**found, **{name: found[name] or None for name in empty}}


def _root(root: HeldKey) -> dict[str, Any]:
    # Of a trace without times these two are empty texts: only null says that a root is still open.
    times = {"opened_at": root.opened_at or "", "closed_at": root.closed_at}
    return {**fields(root, "process pid hive key opened_at event closed_at"), **times}


def _attempt(attempt: UnloadAttempt) -> dict[str, Any]:
    blockers = [_blocker(blocker) for blocker in attempt.blockers]
    return {**fields(attempt, "hive at event status"), "blockers": blockers}


def as_text(
    finding: Finding,
    dialect: Dialect | None = None,
    *,
    width: int | None = None,
    verbose: bool = False,
) -> str:
    """Return the verdict in words; *dialect* says what Windows does when the unload is refused.

    Lines have at most *width* columns, by default the terminal's, but no more than can be read
    well. *verbose* leaves no key and no event out.
    """
    columns = min(PROSE, width) if width else prose_width()
    lines: list[str] = []
    for first, rest, text in paragraphs(finding, dialect, verbose=verbose):
        labelled = len(rest) == _LABEL and columns < _ROOM
        begin = (f"{first.rstrip()} ", "  ") if labelled else (first, rest)
        if text or lines[-1]:
            lines += wrap(text, columns, *begin) or [""]
    return "\n".join(lines)


Paragraph = tuple[str, str, str]
"""What its first line begins with, what the others do, and its text; without one, an empty line."""
_PLAIN: Final = ("", "")
_POINT: Final = ("  ", "    ")
_LABEL: Final = 14
_ROOM: Final = 72
"""Columns below which the labels have no column of their own."""


def _label(said: str) -> tuple[str, str]:
    return f"{said + ':':<{_LABEL}}", " " * _LABEL


def paragraphs(
    finding: Finding, dialect: Dialect | None = None, *, verbose: bool = False
) -> Iterator[Paragraph]:
    """Yield the verdict in words, for whoever wraps them: a console, or a page that does it."""
    most = _ALL if verbose else _SHOWN
    yield *_PLAIN, words.headline(finding)
    yield *_PLAIN, ""
    yield from _occasions(finding, most)
    for hive in finding.hives:
        listed = [one for one in hive.held if not one.seen_event]
        told = hive.conclusion is Conclusion.BLOCKED or finding.fidelity is Fidelity.SNAPSHOT
        if listed or (told and not finding.occasions):
            yield from _about(hive, listed, most)
    yield from _held_roots(finding, most)
    for attempt in finding.attempts[:most]:
        yield *_PLAIN, _tried(attempt)
    if finding.conclusion is Conclusion.BLOCKED:
        yield from _to_do(finding, dialect)
    yield from _ending(finding)


def _to_do(finding: Finding, dialect: Dialect | None) -> Iterator[Paragraph]:
    yield *_PLAIN, ""
    for said in words.consequences(finding, dialect):
        yield *_label("What follows"), said
    for said in words.advice(finding):
        yield *_label("What to do"), said


def _ending(finding: Finding) -> Iterator[Paragraph]:
    yield *_PLAIN, ""
    for reason in _reasons(finding):
        yield *_label("Why" if finding.conclusion is Conclusion.INCONCLUSIVE else "Limits"), reason
    for said in words.collect(finding):
        yield *_label("Collect next"), said
    yield *_label("Evidence"), _evidence(finding)


def _occasions(finding: Finding, most: int) -> Iterator[Paragraph]:
    """Yield the events, the newest first, each with its holders."""
    if not finding.occasions:
        return
    for shown, one in enumerate(finding.occasions[:most]):
        if shown:
            yield *_PLAIN, ""
            if one.boot != finding.occasions[shown - 1].boot:
                yield *_PLAIN, _RESTARTED
                yield *_PLAIN, ""
        when = f"{one.at}: " if one.at else ""
        number = f"event {one.id}, " if one.id else ""
        about = "" if one.hive.startswith("(") else f", about {one.hive}"
        yield *_PLAIN, f"{when}{number}{one.source}, {one.said}{about}."
        for holder, held in _by_holder(one.blockers).items():
            yield from _of_holder(holder, held, most)
    if len(finding.occasions) > most:
        yield *_PLAIN, f"and {len(finding.occasions) - most} earlier events (-v lists them all)"
    often = list(words.offenders(finding.occasions))
    if often:
        yield *_PLAIN, ""
        yield *_label("How often"), "; ".join(often[:most]) + "."


_RESTARTED: Final = (
    "(Here the profile service was started, as at each start of Windows: below, a process number "
    "may mean another process than above.)"
)


def _by_holder(blockers: Sequence[HeldKey]) -> dict[str, list[HeldKey]]:
    found: dict[str, list[HeldKey]] = {}
    for one in blockers:
        found.setdefault(one.holder, []).append(one)
    return found


def _of_holder(holder: str, held: Sequence[HeldKey], most: int) -> Iterator[Paragraph]:
    """Yield what one process had open according to an event."""
    keys = [one for one in held if one.key]
    if not keys:
        return (yield *_POINT, f"{holder} had it.")
    total = sum(one.balance[0] for one in keys)
    yield *_POINT, f"{holder} had {counted(total, 'handle')} open:"
    for one in keys[:most]:
        many = f" ({one.balance[0]} handles)" if one.balance[0] > 1 else ""
        handle = f" by handle {one.handle:#x}" if one.handle is not None else ""
        yield "    ", "      ", f"{_below(one)}{handle}{many}{_root_said(one)}"
    if len(keys) > most:
        yield "    ", "      ", f"and {len(keys) - most} more keys (-v lists them all)"


def _below(held: HeldKey) -> str:
    """Return a key as it lies below the hive that the event is about, which is named above it."""
    hive, parts = canonical(held.hive), canonical(held.key)
    if parts[: len(hive)] != hive:
        return held.key
    below = [part for part in held.key.split("\\") if part][len(hive) - len(parts) or None :]
    return "\\".join(below) if len(parts) > len(hive) else "the root of the hive"


def _root_said(held: HeldKey) -> str:
    """Return what is to be said of a root, "" of any other key."""
    if held.implicit:
        return ": probably cached at the first use of HKEY_CURRENT_USER, unasked"
    below = held.key.upper().rpartition("\\")[2]
    if below.startswith("S-1-") and below.endswith("_CLASSES"):
        return ", which is that of the user's classes"
    return ""


def _about(hive: HiveFinding, listed: Sequence[HeldKey], most: int) -> Iterator[Paragraph]:
    yield *_PLAIN, f"{hive.hive}: {hive.conclusion.value}"
    if hive.conclusion is Conclusion.BLOCKED:
        for reason in hive.reasons:
            yield *_POINT, f"{reason}."
    ordered = sorted(listed, key=lambda one: (bool(one.why), not one.certain, _rank(one)))
    for blocker in ordered[:most]:
        yield *_POINT, _sentence(blocker)
    if len(ordered) > most:
        rest = ordered[most:]
        aside = sum(bool(one.why) for one in rest)
        said = f"and {len(rest)} more keys"
        said += f", {aside} of them of bystanders" if 0 < aside < len(rest) else ""
        yield *_POINT, f"{said} (-v lists them all)"


def _rank(held: HeldKey) -> int:
    """Return a number that puts those who may be to blame before the parts of Windows."""
    return 0 if nature_of(held.process) in STOPPABLE else 1


def _sentence(blocker: HeldKey) -> str:
    service = f", service {blocker.service}" if blocker.service else ""
    who = f"{blocker.process} (process {blocker.pid}{service})"
    if blocker.process == f"process {blocker.pid}" and not service:
        who = blocker.process
    if blocker.process[:1] == "(" and not blocker.pid:
        who = "a process that the listing does not name"
    least, most = blocker.balance
    if not blocker.certain:
        verb = "opened"
    elif least == 1:
        verb = "holds"
    else:
        verb = f"holds {least} handles on"
    handle = f" by handle {blocker.handle:#x}" if blocker.handle is not None else ""
    since = f", since {blocker.opened_at}" if blocker.opened_at else ""
    event = f" (event {blocker.event:,})" if blocker.event else ""
    source = f", opened at {blocker.source}" if blocker.source else ""
    text = f"{who} {verb} {blocker.key}{handle}{since}{event}{source}."
    if blocker.access and blocker.certain:
        text += f" It was opened with {blocker.access}."
    if blocker.implicit:
        least_sure = "probably " if blocker.inferred else ""
        text += (
            f" Nobody asked for it: it is {least_sure}the root that Windows opens and caches at "
            "the first use of a predefined key such as HKEY_CURRENT_USER."
        )
    elif _root_said(blocker):
        text += " It is the root of the user's classes."
    if most is None and blocker.certain and blocker.opened_at:
        text += " There may be more handles on it, from before the evidence began."
    return text + _aside(blocker)


def _aside(held: HeldKey) -> str:
    """Return what is to be said of the process that has a key open."""
    if not held.certain:
        return " Whether it is still open cannot be told."
    if not held.blocks:
        return f" It does not block: {held.why}."
    if held.session:
        return f" It runs in session {held.session} and ends when that session logs off."
    if held.why:
        return f" No culprit: {held.why}."
    if held.session == 0:
        return " It runs in session 0 and outlives the user's logoff."
    return ""


def _held_roots(finding: Finding, most: int) -> Iterator[Paragraph]:
    ended = [root for root in finding.roots if root.closed_at is not None]
    if not ended:
        return
    yield (
        *_PLAIN,
        "Roots that processes kept until they ended (probably cached, asked for by nobody):",
    )
    for root in ended[:most]:
        yield *_POINT, f"{root.holder}: {root.key}, from {root.opened_at or ''} to {root.closed_at}"
    if len(ended) > most:
        yield *_POINT, f"and {len(ended) - most} more (-v lists them all)"


def _tried(attempt: UnloadAttempt) -> str:
    answer = (
        "succeeded" if attempt.status == 0 else f"was refused with status {attempt.status:#010x}"
    )
    text = f"The unload of {attempt.hive} at {attempt.at} (event {attempt.event:,}) {answer}."
    who = list(dict.fromkeys(held.holder for held in attempt.blockers if held.certain))
    if not who:
        return text
    more = f" and {len(who) - _SHOWN} more" if len(who) > _SHOWN else ""
    return f"{text} Just before it the hive was held by {', '.join(who[:_SHOWN])}{more}."


def _reasons(finding: Finding) -> Iterator[str]:
    found = [*finding.reasons]
    for hive in finding.hives:
        if hive.conclusion is Conclusion.INCONCLUSIVE:
            found += hive.reasons
    yield from (f"{reason}." for reason in dict.fromkeys(found))


_COUNTED: Final = {
    **dict.fromkeys(("event-text", "event-csv", "event-xml", "evtx"), "event"),
    **dict.fromkeys(("handle.exe", "handle.exe-csv", "handle-table"), "handle"),
    "script-log": "line",
}


def _evidence(finding: Finding) -> str:
    system = f", {finding.os_title}" if finding.os_title else ""
    counts = ""
    if finding.events and finding.fidelity is Fidelity.SNAPSHOT:
        counts = f"; {counted(finding.events, _COUNTED.get(finding.format, 'record'))} read"
    elif finding.events:
        counts = (
            f"; {counted(finding.events, 'event')}, {counted(finding.opens, 'open')}, "
            f"{counted(finding.closes, 'close')}, {finding.unmatched_closes:,} closes without an "
            "open"
        )
    tier = f"{finding.fidelity.meaning} (tier {finding.fidelity.value})"
    if finding.incident is not None or finding.format == "script-log":
        tier = "what a program wrote of its own doing"
    return f"{finding.format}, {tier}{system}{counts}."

"""The verdict on evidence, as an expert would put it in writing, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import attrs

from regsim.policy import Dialect, UnloadFailure
from regsim.report.text.console import PROSE, wrap
from regsim.report.words.writing import fields
from regsim.trace.finding import Conclusion, Extent, Finding, HeldKey, HiveFinding, UnloadAttempt

SCHEMA_VERSION: Final = 1
_SHOWN: Final = 8


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
        "roots": [_root(root) for root in finding.roots],
        "attempts": [_attempt(attempt) for attempt in finding.attempts],
        **fields(finding, "events opens closes unmatched_closes"),
        "reasons": list(finding.reasons),
        "completeness": _completeness(finding.completeness),
    }


def _completeness(extent: Extent) -> dict[str, Any]:
    found = attrs.asdict(extent)
    return {**found, "skipped": list(found["skipped"]), "damage": list(extent.damage)}


def _hive(hive: HiveFinding) -> dict[str, Any]:
    return {
        "hive": hive.hive,
        "verdict": hive.conclusion.value,
        "blockers": [_blocker(blocker) for blocker in hive.blockers],
        "reasons": list(hive.reasons),
    }


def _blocker(blocker: HeldKey) -> dict[str, Any]:
    names = "process pid service user session key handle opened_at event seen_at access"
    found = fields(blocker, f"{names} implicit certain balance")
    return {**found, **{name: found[name] or None for name in ("service", "user", "access")}}


def _root(root: HeldKey) -> dict[str, Any]:
    # Of a trace without times these two are empty texts: only null says that a root is still open.
    times = {"opened_at": root.opened_at or "", "closed_at": root.closed_at}
    return {**fields(root, "process pid hive key opened_at event closed_at"), **times}


def _attempt(attempt: UnloadAttempt) -> dict[str, Any]:
    blockers = [_blocker(blocker) for blocker in attempt.blockers]
    return {**fields(attempt, "hive at event status"), "blockers": blockers}


def as_text(finding: Finding, dialect: Dialect | None = None) -> str:
    """Return the verdict in words; *dialect* says what Windows does when the unload is refused."""
    lines: list[str] = []
    for first, rest, text in paragraphs(finding, dialect):
        lines += wrap(text, PROSE, first, rest) or [""]
    return "\n".join(lines)


Paragraph = tuple[str, str, str]
"""What its first line begins with, what the others do, and its text; without one, an empty line."""
_PLAIN: Final = ("", "")
_POINT: Final = ("  ", "    ")


def _label(said: str) -> tuple[str, str]:
    return f"{said + ':':<14}", " " * 14


def paragraphs(finding: Finding, dialect: Dialect | None = None) -> Iterator[Paragraph]:
    """Yield the verdict in words, for whoever wraps them: a console, or a page that does it."""
    yield *_PLAIN, _headline(finding)
    yield *_PLAIN, ""
    for hive in finding.hives:
        if hive.blockers or (hive.conclusion is Conclusion.BLOCKED):
            yield from _about(hive)
    yield from _held_roots(finding)
    for attempt in finding.attempts[:_SHOWN]:
        yield *_PLAIN, _tried(attempt)
    if finding.certain:
        yield *_PLAIN, ""
        yield *_label("What follows"), _consequence(finding, dialect)
        for advice in _advice(finding):
            yield *_label("What to do"), advice
    yield *_PLAIN, ""
    for reason in _reasons(finding):
        yield *_label("Why" if finding.conclusion is Conclusion.INCONCLUSIVE else "Limits"), reason
    yield *_label("Evidence"), _evidence(finding)


def _headline(finding: Finding) -> str:
    when = f"at {finding.asked_at}" if finding.asked_at else _moment(finding)
    if finding.conclusion is Conclusion.BLOCKED:
        sure = finding.certain
        if not sure:
            return f"BLOCKED: {when} a user's hive was in use; it is not told by whom."
        who, one = holders(sure)
        what = f"{'holds' if one else 'hold'} {'a key' if len(sure) == 1 else f'{len(sure)} keys'}"
        return f"BLOCKED: {when} {who} {what} open in a user's hive, which keeps it loaded."
    if finding.conclusion is Conclusion.CLEAR:
        return f"CLEAR: {when} no handle keeps {hives_shown(finding)} loaded."
    return f"INCONCLUSIVE: {when} it cannot be told whether a handle keeps a user's hive loaded."


def holders(blockers: Sequence[HeldKey]) -> tuple[str, bool]:
    """Return the process that has all *blockers*, or how many have; and whether it is only one."""
    named = {blocker.holder for blocker in blockers}
    one = len(named) == 1
    return named.pop() if one else f"{len(named)} processes", one


def hives_shown(finding: Finding) -> str:
    """Return the users' hives that a clear verdict is about: of one not shown nothing is known."""
    names = [hive.hive for hive in finding.hives]
    return names[0] if len(names) == 1 else f"any of the {len(names)} users' hives it shows"


def _moment(finding: Finding) -> str:
    return "at the end of the trace" if finding.fidelity.value != "D" else "in this evidence"


def _about(hive: HiveFinding) -> Iterator[Paragraph]:
    yield *_PLAIN, f"{hive.hive}: {hive.conclusion.value}"
    if hive.conclusion is Conclusion.BLOCKED:
        for reason in hive.reasons:
            yield *_POINT, f"{reason}."
    for blocker in sorted(hive.blockers, key=lambda one: not one.certain)[:_SHOWN]:
        yield *_POINT, _sentence(blocker)
    if len(hive.blockers) > _SHOWN:
        yield *_POINT, f"and {len(hive.blockers) - _SHOWN} more keys (--json lists them all)"


def _sentence(blocker: HeldKey) -> str:
    service = f", service {blocker.service}" if blocker.service else ""
    who = f"{blocker.process} (process {blocker.pid}{service})"
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
    text = f"{who} {verb} {blocker.key}{handle}{since}{event}."
    if blocker.access and blocker.certain:
        text += f" It was opened with {blocker.access}."
    if blocker.implicit:
        least_sure = "probably " if blocker.inferred else ""
        text += (
            f" Nobody asked for it: it is {least_sure}the root that Windows opens and caches at "
            "the first use of a predefined key such as HKEY_CURRENT_USER."
        )
    if most is None and blocker.certain and blocker.opened_at:
        text += " There may be more handles on it, from before the evidence began."
    if blocker.session is not None and blocker.certain:
        text += (
            " It runs in session 0 and outlives the user's logoff."
            if blocker.session == 0
            else f" It runs in session {blocker.session} and ends when that session logs off."
        )
    if not blocker.certain:
        text += " Whether it is still open cannot be told."
    return text


def _held_roots(finding: Finding) -> Iterator[Paragraph]:
    ended = [root for root in finding.roots if root.closed_at is not None]
    if not ended:
        return
    yield (
        *_PLAIN,
        "Roots that processes kept until they ended (probably cached, asked for by nobody):",
    )
    for root in ended[:_SHOWN]:
        yield *_POINT, f"{root.holder}: {root.key}, from {root.opened_at or ''} to {root.closed_at}"
    if len(ended) > _SHOWN:
        yield *_POINT, f"and {len(ended) - _SHOWN} more (--json lists them all)"


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


_CONSEQUENCES: Final = {
    UnloadFailure.GIVE_UP: "an unload that is refused leaves the profile unsaved: changes to a "
    "roaming profile do not reach the server, and the hive stays loaded.",
    UnloadFailure.SAVE_COPY: "the profile is saved from a copy and the hive stays loaded until the "
    "last handle is closed (events 1517 and 1524).",
    UnloadFailure.FORCE: "the hive is unloaded by force after a while and event 1530 names the "
    "holder, whose next call on the key fails with error 1018 (ERROR_KEY_DELETED).",
    UnloadFailure.WAIT: "the logoff waits until the handles are closed.",
}


def _consequence(finding: Finding, dialect: Dialect | None) -> str:
    if dialect is None:
        return "name the system with --os to hear what it does when an unload is refused."
    text = f"on {dialect.title} {_CONSEQUENCES[dialect.logoff.on_failure]}"
    if all(blocker.session for blocker in finding.certain):
        return (
            "all holders run in the user's own session and end at logoff, before the unload; they "
            f"refuse only one that is tried earlier. If one survived: {text}"
        )
    return text


def _advice(finding: Finding) -> Iterator[str]:
    sure = finding.certain
    if all(blocker.session for blocker in sure):
        yield (
            "nothing yet: a program of the user's own session may hold keys while it runs. To find "
            "what outlives it, let the trace run through the logoff and judge its end."
        )
        return
    lasting = [blocker for blocker in sure if not blocker.session]
    if any(blocker.implicit for blocker in lasting):
        yield (
            "a process that acts for users must not use HKEY_CURRENT_USER: it should open the "
            "user's key with RegOpenCurrentUser and close it, or call RegDisablePredefinedCache "
            "first. Until it is corrected, stop or restart it before the user logs off."
        )
    if any(not blocker.implicit for blocker in lasting):
        yield (
            "find the call that opened the key (in Process Monitor: the event's stack) and give it "
            "the missing RegCloseKey; until then stop or restart the process before the logoff."
        )


def _reasons(finding: Finding) -> Iterator[str]:
    found = [*finding.reasons]
    for hive in finding.hives:
        if hive.conclusion is Conclusion.INCONCLUSIVE:
            found += hive.reasons
    yield from (f"{reason}." for reason in dict.fromkeys(found))


def _evidence(finding: Finding) -> str:
    system = f", {finding.os_title}" if finding.os_title else ""
    counts = ""
    if finding.events:
        counts = (
            f"; {finding.events:,} events, {finding.opens:,} opens, {finding.closes:,} closes, "
            f"{finding.unmatched_closes:,} closes without an open"
        )
    tier = f"{finding.fidelity.meaning} (tier {finding.fidelity.value})"
    return f"{finding.format}, {tier}{system}{counts}."

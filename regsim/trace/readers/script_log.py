"""Logs of scripts and installers: what failed with a hive, by the table of `regsim.trace.signs`.

A console, CMTrace, PSADT, ansible: whatever wraps the lines, the signs are words. Nobody is named
as a holder, since no log says who it was.
"""

from __future__ import annotations

import re
from typing import Final

from regsim.trace.evidence import Snapshot, text_format
from regsim.trace.readers._unwrap import plain
from regsim.trace.signs import COLLECTED, HINTS, SIGNS, SUCCESS

_HIVE: Final = re.compile(
    r"unload[^\n]{0,200}?\b((?:HK(?:LM|U|CU)|HKEY_(?:LOCAL_MACHINE|USERS)|Registry::HK\w+):?"
    r"\\[^\s\"'\]);,]{1,200})",
    re.IGNORECASE,
)
_AT: Final = re.compile(
    r"registry hive at ([\w\\:.-]{1,200})|from hive ([\w\\:.-]{1,200})", re.IGNORECASE
)


def read_script_log(text: str, form: str = "script-log") -> Snapshot | None:
    """Return which incident a log resembles, None where it shows no sign of any."""
    text = plain(text)
    low = text.lower()
    if not any(word in low for word in HINTS):
        return None
    found = [sign for sign in SIGNS if sign.found_in(text)]
    ended = SUCCESS.search(text)
    if not found and ended is None:
        return None
    snapshot = Snapshot(form)
    snapshot.facts.events = len(text.splitlines())
    if not found:
        snapshot.notes.append("the log says that the unload succeeded; it shows no failure")
        return snapshot
    best = found[0]
    last = max(match.end() for match in best.words.finditer(text))
    snapshot.incident = best.incident
    collected = COLLECTED.search(text)
    late = ended is not None and SUCCESS.search(text, last) is not None
    if best.incident == "reg-load" and collected is not None and late:
        snapshot.incident_certain = True
    snapshot.notes.append(f"{_of(text)}{best.says}")
    if best.incident == "reg-load" and collected is not None:
        snapshot.notes.append(_after(late=late))
    snapshot.notes += [f"besides, {sign.says}" for sign in found[1:]]
    steps = (step for sign in found for step in sign.collect)
    snapshot.next_steps += dict.fromkeys(steps)
    return snapshot


def _of(text: str) -> str:
    """Return which hive a log says it was about, as the beginning of a sentence."""
    found = _HIVE.search(text)
    if found is not None:
        return f"{found[1]}: "
    named = _AT.search(text)
    return f"{named[1] or named[2]}: " if named is not None else ""


def _after(*, late: bool) -> str:
    if late:
        return (
            "the script had the collector run, and the unload then succeeded: it was handles of "
            "the script's own process that waited for their finalizers"
        )
    return (
        "the script had the collector run and tried again; whether that succeeded the log does not "
        "show"
    )


FORMATS: Final = (
    text_format(
        "logs of scripts on a hive that could not be unloaded", lambda _: True, read_script_log
    ),
)

"""What ``regsim who --live --save`` writes: the open keys of a running system at one moment.

One JSON object: ``regsim`` is "live"; ``os`` and ``host`` name the system; ``handles`` has an
object for each open key (``process``, ``pid``, ``path``, ``service``, ``session``, ``handle``,
``access``, ``key``); ``loaded`` the hives below HKEY_USERS; ``notes`` what could not be looked at.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from regsim.trace.access import access_text
from regsim.trace.evidence import Sighting, Snapshot, text_format

_IS_LIVE: Final = re.compile(r'\s*\{\s*"regsim"\s*:\s*"live"')


def _is_live(text: str) -> bool:
    return _IS_LIVE.match(text) is not None


def _read_live(text: str) -> Snapshot:
    """Return the open keys; what is damaged in the file is said, and the rest is taken."""
    snapshot = Snapshot("live")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        snapshot.facts.cut(f"the file is damaged: {error}")
        return snapshot
    snapshot.facts.host = str(found.get("host") or "")
    system = found.get("os")
    snapshot.facts.os = system if isinstance(system, str) else None
    rows = [_sighting(row) for row in _list(found, "handles")]
    snapshot.facts.events = len(rows)
    snapshot.sightings += [row for row in rows if row is not None]
    snapshot.loaded += [name for name in _list(found, "loaded") if isinstance(name, str)]
    snapshot.notes += [note for note in _list(found, "notes") if isinstance(note, str)]
    bad = len(rows) - len(snapshot.sightings)
    if bad:
        snapshot.facts.problems.append(f"{bad:,} of its handles could not be read")
    return snapshot


def _list(found: dict[str, Any], name: str) -> list[Any]:
    """Return the list under *name*, an empty one if it is none."""
    value = found.get(name)
    return value if isinstance(value, list) else []


def _sighting(row: object) -> Sighting | None:
    """Return the open key of one object, None if it tells none."""
    if not isinstance(row, dict) or not isinstance(row.get("key"), str):
        return None
    try:
        session = row.get("session")
        return Sighting(
            process=str(row["process"]),
            pid=int(row["pid"]),
            key=row["key"],
            path=str(row.get("path") or ""),
            handle=int(str(row["handle"]), 16),
            service=str(row.get("service") or ""),
            session=session if type(session) is int and session >= 0 else None,
            access=access_text(int(str(row.get("access") or "0"), 16) & 0xFFFFFFFF),
        )
    except (KeyError, ValueError):
        return None


FORMATS: Final = (text_format("regsim's own listing of open keys", _is_live, _read_live),)

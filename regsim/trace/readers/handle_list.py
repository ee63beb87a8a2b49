"""Lists in a tool's own text: handle.exe's, Process Explorer's, the registry's hivelist.

Tables with columns, whatever tool wrote them, are read by `records`.
"""

from __future__ import annotations

import re
from typing import Final

from regsim.trace.evidence import Sighting, Snapshot, text_format
from regsim.trace.readers._rows import HIVE_FILE, NO_PROCESS, key_of, take_file

# Lines are given without the space at their end: `\s*$` behind a lazy group would be quadratic.
_PROCESS: Final = re.compile(r"^(\S.*?) pid: (\d{1,10})(?:\s++(\S.*))?$")
_EXPLORED: Final = re.compile(r"^Process: (\S.*?) Pid: (\d{1,10})$", re.IGNORECASE)
_OPEN: Final = re.compile(r"^\s*+([0-9A-Fa-f]{1,16}): (\w++)\s++(?:\([RWD-]{3}\)\s++)?(\S.*)$")
_TYPED: Final = re.compile(r"^(Key|File)\t+(\S.*)$", re.IGNORECASE)
_FOUND: Final = re.compile(
    r"^(\S.*?)(?<=\S)\s++pid: (\d{1,10})\s++type: (\w++)\s++"
    r"(?:(\S.{0,256}?\\\S{0,256}?)\s++)?([0-9A-Fa-f]{1,16}): (\S.*)$"
)
_KINDS: Final = frozenset({"key", "file"})


def _is_handle_text(text: str) -> bool:
    """Return whether *text* is a listing of handle.exe or Process Explorer."""
    low = text.lower()
    if not any(word in low for word in ("pid: ", ": key", ": file")):
        return False
    lines = [line.rstrip() for line in text.splitlines()[:4_000]]
    named = [line for line in lines if "pid: " in line.lower()]
    if any(_FOUND.match(line) or _EXPLORED.match(line) for line in named):
        return True
    entries = [found for line in lines if ": " in line[:20] and (found := _OPEN.match(line))]
    if entries and any(_PROCESS.match(line) for line in named):
        return True
    return any(entry[2].lower() in _KINDS and "\\" in entry[3] for entry in entries)


def _read_handle_text(text: str) -> Snapshot | None:
    """Return the keys in a listing: grouped by process, or one line for each match of a search."""
    snapshot = Snapshot("handle.exe")
    process, pid, user = NO_PROCESS, 0, ""
    for line in map(str.rstrip, text.splitlines()):
        found = _FOUND.match(line)
        if found is not None:
            _note(snapshot, (found[1], int(found[2]), found[4] or ""), found[3], found[5], found[6])
            continue
        header = _PROCESS.match(line) or _EXPLORED.match(line)
        if header is not None:
            explored = header.re is _EXPLORED
            process, pid = header[1], int(header[2])
            user = "" if explored else header[3] or ""
            snapshot.facts.format = "process-explorer" if explored else "handle.exe"
            continue
        entry, typed = _OPEN.match(line), _TYPED.match(line)
        if entry is not None:
            _note(snapshot, (process, pid, user), entry[2], entry[1], entry[3])
        elif typed is not None:
            _note(snapshot, (process, pid, user), typed[1], "", typed[2])
    if any(one.process == NO_PROCESS for one in snapshot.sightings):
        snapshot.notes.append(
            "the lines that name the process are not in the listing (findstr drops them): run "
            "handle.exe again as administrator with -a and without a filter, and look at type Key"
        )
    return snapshot if snapshot.facts.events or not text.strip() else None


def _note(
    snapshot: Snapshot, owner: tuple[str, int, str], kind: str, handle: str, name: str
) -> None:
    snapshot.facts.events += 1
    process, pid, user = owner
    key = key_of(name)
    if kind.lower() == "key" and key:
        value = int(handle, 16) if handle else None
        snapshot.sightings.append(
            Sighting(process=process, pid=pid, key=key, handle=value or None, user=user)
        )
    elif kind.lower() == "file" and HIVE_FILE.search(name):
        take_file(snapshot, process, pid, name)


_LISTED: Final = re.compile(
    r"^[ \t]*+\"?(\\{1,2}REGISTRY\\{1,2}(?:USER|MACHINE|WC|A)\\[^\"=\t]{1,300}?)"
    r"(?:\"=|\s+REG_SZ|\s+:|\s*$)",
    re.IGNORECASE | re.MULTILINE,
)


_SILO: Final = re.compile(r"\\REGISTRY\\WC\\Silo(\{?[0-9a-f-]{32,36})", re.IGNORECASE)


def _is_hivelist(text: str) -> bool:
    return "hivelist" in text[:20_000].lower() and bool(_LISTED.search(text[:60_000]))


def _read_hivelist(text: str) -> Snapshot:
    """Return which hives are loaded, by the registry's own list; it names no holder."""
    snapshot = Snapshot("hivelist")
    names = [name.replace("\\\\", "\\").strip() for name in _LISTED.findall(text)]
    snapshot.facts.events = len(names)
    snapshot.loaded += list(dict.fromkeys(names))
    silos = {found[1].lower() for name in names if (found := _SILO.match(name))}
    if silos:
        snapshot.notes.append(
            f"containers of apps that have hives mounted, each with up to four: {len(silos)}. So "
            "it is while those apps run, and no sign of a failure by itself: see which files they "
            "are of, and whether AppModel-Runtime writes 215 and 208 with 0x80070020"
        )
    return snapshot


FORMATS: Final = (
    text_format("handle.exe's and Process Explorer's text", _is_handle_text, _read_handle_text),
    text_format("the registry's hivelist", _is_hivelist, _read_hivelist),
)

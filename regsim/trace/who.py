"""``regsim who`` as a function: a snapshot of open handles or an event in, the holders out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from regsim.errors import DataError
from regsim.policy import Dialect
from regsim.trace.columns import Progress
from regsim.trace.judge import Verdict
from regsim.trace.readers.event_log import EVT, EVTX, read_event_xml, read_evtx
from regsim.trace.readers.event_text import read_event_texts
from regsim.trace.readers.handle_list import (
    is_handle_csv,
    is_handle_text,
    is_windbg,
    read_handle_csv,
    read_handle_text,
    read_windbg,
)
from regsim.trace.sightings import Snapshot, judge_snapshot
from regsim.trace.source import CutShortError, Source, open_source

KNOWN: Final = (
    "EVTX, event XML, the texts of events 1530, 1517, 1524, 1000 and UPHClean's, handle.exe's text "
    "and CSV, and the debugger's !handle"
)
_LARGEST_TEXT: Final = 32 << 20


def who(
    path: Path,
    *,
    dialect: Dialect | None = None,
    hkcu_sid: str | None = None,
    progress: Progress | None = None,
) -> Verdict:
    """Return who held users' hives according to the snapshot at *path*.

    Args:
        path: the file; its content tells the format.
        dialect: the system whose rules are named in the answer.
        hkcu_sid: whose hive the tool that made the listing calls HKCU.
        progress: told how far the reading is.

    Raises:
        DataError: the file is of no known format.
        MissingExtraError: the format needs a package that is not installed.
    """
    return judge_snapshot(read_snapshot(path, progress), dialect, hkcu_sid)


def read_snapshot(path: Path, progress: Progress | None = None) -> Snapshot:
    """Return what the file at *path* says, gzip and zlib unpacked on the way."""
    source = open_source(path)
    head = source.head
    if head.startswith(EVTX):
        return read_evtx(source, progress)
    if head[4:8] == EVT:
        raise DataError(
            f"{source.name} is an event log of Windows XP or older; export it as text, or as EVTX "
            "with `wevtutil epl`"
        )
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and b"<Event" in head:
        return read_event_xml(source)
    return _read_text(source)


def _read_text(source: Source) -> Snapshot:
    if b"\0" in source.head[:4096]:
        raise DataError(f"{source.name} is no text and of no format that regsim knows: {KNOWN}")
    text, problem = _text(source)
    found = _parsed(text)
    if found is None:
        raise DataError(f"{source.name} is no snapshot that regsim knows; it reads {KNOWN}")
    if problem:
        found.problems.append(problem)
    return found


def _parsed(text: str) -> Snapshot | None:
    if is_handle_csv(text):
        return read_handle_csv(text)
    if is_handle_text(text):
        return read_handle_text(text)
    if is_windbg(text):
        return read_windbg(text)
    return _json(text) or read_event_texts(text)


def _json(text: str) -> Snapshot | None:
    """Return the events in a JSON list of objects with ``text``, as logs are passed around."""
    if not text.lstrip("\ufeff \t\r\n").startswith(("[", "{")):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    items = found if isinstance(found, list) else [found]
    texts = [item.get("text") or item.get("Message") for item in items if isinstance(item, dict)]
    return read_event_texts(*(text for text in texts if isinstance(text, str)))


def _text(source: Source) -> tuple[str, str]:
    """Return the file's text, whatever Unicode it is in, and what is wrong with it."""
    pieces: list[bytes] = []
    size, problem = 0, ""
    try:
        for block, _ in source.blocks():
            pieces.append(block)
            size += len(block)
            if size > _LARGEST_TEXT:
                problem = f"only the first {_LARGEST_TEXT >> 20} MiB were read"
                break
    except CutShortError as error:
        problem = str(error)
    raw = b"".join(pieces)
    return raw.decode("utf-8-sig", "replace"), problem

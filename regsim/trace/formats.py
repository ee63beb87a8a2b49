"""Which format a file of evidence has, told by its content and never by its name.

A new format is one file in ``readers`` and its place in `FORMATS`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from regsim.errors import DataError
from regsim.trace.evidence import Capture, Format, Kind, Reading, Snapshot
from regsim.trace.readers import (
    arrow,
    etw,
    event_log,
    event_text,
    handle_list,
    jsonl,
    pml,
    procmon_csv,
    procmon_xml,
    wine,
)
from regsim.trace.source import open_source

FORMATS: Final[tuple[Format, ...]] = (
    # A file is read by the first that recognises it: those that a few bytes tell for certain come
    # first, and the text of an event, which anything may stand around, comes last.
    *pml.FORMATS,
    *procmon_csv.FORMATS,
    *procmon_xml.FORMATS,
    *etw.FORMATS,
    *jsonl.FORMATS,
    *arrow.FORMATS,
    *wine.FORMATS,
    *event_log.FORMATS,
    *handle_list.FORMATS,
    *event_text.FORMATS,
)


def open_evidence(
    path: str | Path, reading: Reading | None = None, *, kind: Kind | None = None
) -> Capture | Snapshot:
    """Return what the file at *path* is, gzip and zlib unpacked on the way.

    Where *kind* is given, only formats of that kind are thought of.

    Raises:
        DataError: the file is of no such format, or damaged where the reading begins.
        MissingExtraError: the format needs a package that is not installed.
    """
    source = open_source(path)
    formats = [one for one in FORMATS if kind in (None, one.kind)]
    for one in formats:
        if one.recognises(source.head):
            found = one.open(source, reading or Reading())
            if found is not None:
                return found
    wanted = kind.value if kind else "evidence"
    known = ", ".join(one.title for one in formats)
    raise DataError(f"{source.name} is no {wanted} that regsim knows; it reads {known}")

"""Which format a file of evidence has, told by its content and never by its name.

A new format is one file in ``readers`` and its place in `FORMATS`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from regsim.errors import UnreadableError
from regsim.trace.evidence import Capture, Format, Reading, Snapshot
from regsim.trace.readers import (
    arrow,
    converted,
    debugger,
    etw,
    event_log,
    event_text,
    handle_list,
    jsonl,
    live,
    pml,
    procmon_csv,
    procmon_xml,
    records,
    script_log,
    wine,
)
from regsim.trace.source import EVIDENCE, Source, open_source

FORMATS: Final[tuple[Format, ...]] = (
    # A file is read by the first that recognises it: those that a few bytes tell for certain come
    # first, and the text of an event, which anything may stand around, comes last.
    *pml.FORMATS,
    *procmon_csv.FORMATS,
    *procmon_xml.FORMATS,
    *etw.FORMATS,
    *live.FORMATS,
    *jsonl.FORMATS,
    *converted.FORMATS,
    *arrow.FORMATS,
    *wine.FORMATS,
    *event_log.FORMATS,
    *handle_list.FORMATS,
    *debugger.FORMATS,
    *records.FORMATS,
    *event_text.FORMATS,
    *script_log.FORMATS,
)


def open_evidence(
    evidence: str | Path | Source, reading: Reading | None = None
) -> Capture | Snapshot:
    """Return what *evidence* is, a file or what was pasted; gzip and zlib unpacked on the way.

    Raises:
        UnreadableError: it is of no such format.
        DataError: it is damaged where the reading begins.
        MissingExtraError: the format needs a package that is not installed.
    """
    source = evidence if isinstance(evidence, Source) else open_source(evidence)
    for one in FORMATS:
        if one.recognises(source.head):
            found = one.open(source, reading or Reading())
            if found is not None:
                return found
    raise UnreadableError(source.name, "is no evidence that regsim knows", EVIDENCE)

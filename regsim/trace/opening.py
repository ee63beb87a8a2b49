"""Which reader a file of evidence needs, told by its content and never by its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from regsim.errors import DataError
from regsim.trace.columns import Capture
from regsim.trace.paths import KeyTable
from regsim.trace.readers.arrow import ARROW_FILE, PARQUET, ArrowCapture
from regsim.trace.readers.csv_capture import CsvCapture
from regsim.trace.readers.etw import EtwCsvCapture, EtwXmlCapture
from regsim.trace.readers.jsonl import JsonlCapture
from regsim.trace.readers.pml import MAGIC, PmlCapture
from regsim.trace.readers.procmon_xml import ProcmonXmlCapture
from regsim.trace.readers.wine import CLIENT_LINE, SERVER_LINE, WineClientCapture, WineServerCapture
from regsim.trace.source import Source, open_source

KNOWN: Final = (
    "Process Monitor's PML, CSV and XML, tracerpt's CSV and XML, wineserver -d1 and WINEDEBUG=+reg "
    "logs, JSON lines, Parquet and Arrow"
)
_FIRST_LINES: Final = 50

Reader = Callable[[Source, KeyTable], Capture]


def open_capture(
    path: Path, hkcu_sid: str | None = None, *, classes: bool = True, workers: int = 1
) -> Capture:
    """Return the capture in the file at *path*, gzip and zlib unpacked on the way.

    *hkcu_sid* and *classes* are as in `regsim.trace.paths.canonical`; only formats that do not tell
    by themselves whether the user's classes are a hive of their own heed *classes*. Up to
    *workers* processes read a large CSV file.

    Raises:
        DataError: the file is of no known format, or damaged where the reading begins.
        MissingExtraError: the format needs a package that is not installed.
    """
    source = open_source(path)
    reader = _reader(source.head)
    if reader is None:
        raise DataError(f"{source.name} is no trace that regsim knows; it reads {KNOWN}")
    keys = KeyTable(hkcu_sid, classes=classes or reader not in (JsonlCapture, ArrowCapture))
    return CsvCapture(source, keys, workers) if reader is CsvCapture else reader(source, keys)


def _reader(head: bytes) -> Reader | None:
    """Return what reads a file that begins with *head*."""
    if head.startswith(MAGIC):
        return PmlCapture
    if head.startswith((PARQUET, ARROW_FILE)):
        return ArrowCapture
    lines = head.split(b"\n")[:_FIRST_LINES]
    if b"Process Name" in lines[0] and b"Operation" in lines[0]:
        return CsvCapture
    if lines[0].lower().startswith(b"event name,"):
        return EtwCsvCapture
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return _xml_reader(head)
    if lines[0].lstrip(b"\xef\xbb\xbf \t").startswith(b"{") and b'"op"' in head:
        return JsonlCapture
    if any(SERVER_LINE.match(line) for line in lines):
        return WineServerCapture
    if any(CLIENT_LINE.match(line) for line in lines):
        return WineClientCapture
    return None


def _xml_reader(head: bytes) -> Reader | None:
    if b"<procmon" in head or b"<eventlist" in head or b"<processlist" in head:
        return ProcmonXmlCapture
    return EtwXmlCapture if b"<Events" in head or b"<Event " in head or b"<Event>" in head else None

"""Which reader a file of evidence needs, told by its content and never by its name."""

from __future__ import annotations

from pathlib import Path

from regsim.errors import DataError
from regsim.trace.columns import Capture
from regsim.trace.csv_capture import CsvCapture
from regsim.trace.paths import KeyTable
from regsim.trace.pml import MAGIC, PmlCapture
from regsim.trace.source import Source, open_source

KNOWN = "Process Monitor PML and CSV"


def open_capture(path: Path, hkcu_sid: str | None = None) -> Capture:
    """Return the capture in the file at *path*, gzip and zlib unpacked on the way.

    Raises:
        DataError: the file is of no known format, or damaged where the reading begins.
        MissingExtraError: the format needs a package that is not installed.
    """
    source = open_source(path)
    keys = KeyTable(hkcu_sid)
    if source.head.startswith(MAGIC):
        return PmlCapture(source, keys)
    if _is_procmon_csv(source):
        return CsvCapture(source, keys)
    raise DataError(f"{source.name} is no trace that regsim knows; it reads {KNOWN}")


def _is_procmon_csv(source: Source) -> bool:
    first = source.head.partition(b"\n")[0]
    return b"Process Name" in first and b"Operation" in first

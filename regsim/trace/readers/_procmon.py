"""What Process Monitor's forms have in common: its words for operations, results and processes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from regsim.trace.calls import GONE, success
from regsim.trace.columns import CLOSE, EXIT, LOAD, OPEN, START, UNKNOWN_FAILURE, UNLOAD
from regsim.trace.completeness import Completeness, note
from regsim.trace.evidence import Facts
from regsim.trace.processes import ProcessInfo

OPERATIONS: Final = {
    "RegOpenKey": OPEN,
    "RegCreateKey": OPEN,
    "RegCloseKey": CLOSE,
    "RegLoadKey": LOAD,
    "RegUnloadKey": UNLOAD,
    "Process Start": START,
    "Process Exit": EXIT,
}
"""Procmon's names of the operations that open or close, with their codes."""

RESULTS: Final = {
    "SUCCESS": 0,
    "REPARSE": 0x104,
    "NAME NOT FOUND": 0xC0000034,
    "ACCESS DENIED": 0xC0000022,
    "CANNOT DELETE": 0xC0000121,
    "SHARING VIOLATION": 0xC0000043,
    "PRIVILEGE NOT HELD": 0xC0000061,
    "KEY DELETED": 0xC000017C,
    "INVALID PARAMETER": 0xC000000D,
    "INVALID HANDLE": 0xC0000008,
}
"""Procmon's words for an NTSTATUS; others are written as hexadecimal numbers."""


def status_of(result: str) -> int:
    """Return the NTSTATUS that Procmon's *result* stands for; an unknown word is a failure."""
    known = RESULTS.get(result)
    if known is not None:
        return known
    try:
        return int(result, 16) & 0xFFFFFFFF if result.startswith("0x") else UNKNOWN_FAILURE
    except ValueError:
        return UNKNOWN_FAILURE


_FAILURES: Final = frozenset(
    {
        *RESULTS,
        *("NO MORE ENTRIES", "NO MORE FILES", "NO SUCH FILE", "BUFFER OVERFLOW", "NAME COLLISION"),
        *("BUFFER TOO SMALL", "PATH NOT FOUND", "NAME INVALID", "INVALID", "NOT IMPLEMENTED"),
        *("NOT SUPPORTED", "DELETE PENDING", "OBJECT TYPE MISMATCH", "CANCELLED", "TIMEOUT"),
        *("CHILD MUST BE VOLATILE", "INSUFFICIENT RESOURCES", "NOT A DIRECTORY", "IO ERROR"),
    }
) - {"SUCCESS"}
_HARMLESS: Final = re.compile(
    r"reg(?:query(?:key|value|multiplevaluekey|keysecurity)|setvalue|enum(?:key|value)|"
    r"setinfokey|delete(?:key|value)|flushkey|renamekey|setkeysecurity|"
    r"(?:save|restore|replace|lock)(?!\w*(?:open|create|load))\w*)|"
    r"process (?:create|defined|profiling|statistics)|(?:tcp|udp) [a-z ]+|"
    r"thread (?:create|exit|profile|profiling)|load image|system statistics|(?:debug|profiling|"
    r"output debug) [a-z ]*|(?!reg).*file.*|"
    r"(?!reg).*(?:directory|volume|ea|quota|security|pipe|mailslot|oplock|information|bylinks?|"
    r"irp|shutdown|power|device|control|section\w*|mdl\w*|lock\w*|mountable|checkifpossible|pagingio|compressed|cache\w*|prepare\w*|complete\w*)|"
    r"fastio_\w+|irp_mj_\w+|<unknown>",
)
_BY_NAME: Final = {name.lower(): op for name, op in OPERATIONS.items()}


def understood(operation: str, result: str, number: int, record: Completeness) -> tuple[int, int]:
    """Return the op and the status of row *number*; the op is 0 where it touches no handle.

    A row that is not understood is counted in *record*, and touches no handle either. Any call that
    finds its key gone is told as an open that failed so.
    """
    folded = operation.strip().lower()
    op = _BY_NAME.get(folded, 0)
    if not op:
        if not _HARMLESS.fullmatch(folded):
            note(record.calls, operation, number)
            return 0, 0
        if folded.startswith("reg") and status_of(result) in GONE:
            record.taken += 1
            return OPEN, status_of(result)
        record.harmless += 1
        return 0, 0
    status = status_of(result)
    if result.startswith("0x") and status != UNKNOWN_FAILURE:
        status = 0 if success(status, reparse=True) else status
    elif result not in _FAILURES and status:
        if op in (OPEN, CLOSE, LOAD, UNLOAD):
            note(record.statuses, result, number)
            return 0, 0
        status = 0
    if status and op in (OPEN, CLOSE) and status not in GONE:
        record.harmless += 1
        return 0, 0
    op = OPEN if op == CLOSE and status else op
    record.taken += 1
    return op, status


_VERSION: Final = re.compile(r"(\d+)\.(\d+)\.(\d{4,5})\.\d+")
WINDOWS: Final = {
    (5, 0): ("w2k", "Windows 2000"),
    (5, 1): ("xp", "Windows XP"),
    (5, 2): ("2003", "Windows Server 2003"),
    (6, 0): ("vista", "Windows Vista"),
    (6, 1): ("win7", "Windows 7"),
    (6, 2): ("win8.1", "Windows 8"),
    (6, 3): ("win8.1", "Windows 8.1"),
    (10, 0): ("win10", "Windows 10"),
}
_FIRST_WIN11: Final = 22_000


def os_of(major: int, minor: int, build: int) -> tuple[str | None, str]:
    """Return the name of the dialect of that version of Windows, None if unknown, and a title.

    >>> os_of(10, 0, 22631)
    ('win11', 'Windows 11, build 22631')
    """
    name, title = WINDOWS.get((major, minor), (None, f"Windows {major}.{minor}"))
    if (major, minor) == (10, 0) and build >= _FIRST_WIN11:
        name, title = "win11", "Windows 11"
    return name, f"{title}, build {build}"


def os_of_version(text: str) -> tuple[str | None, str]:
    """Return the same from the version of a file that came with Windows; (None, "") if unclear."""
    found = _VERSION.match(text)
    if found is None:
        return None, ""
    major, minor, build = (int(number) for number in found.groups())
    return os_of(major, minor, build) if (major, minor) in WINDOWS else (None, "")


def described(told: Mapping[str, str], name: str, pid: int, facts: Facts) -> ProcessInfo:
    """Return the process whom the columns *told* describe; *facts* learn the system from it.

    A file of Microsoft's that came with Windows has the version of Windows.
    """
    if facts.os is None and told.get("Company") == "Microsoft Corporation":
        facts.os, facts.os_title = os_of_version(told.get("Version", ""))
    session = told.get("Session", "")
    return ProcessInfo(
        pid=pid,
        image=name,
        user=told.get("User", ""),
        session=int(session) if session.isdecimal() and len(session) < 10 else None,
        command_line=told.get("Command Line", ""),
    )

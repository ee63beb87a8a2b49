r"""Rows of tables, whatever tool wrote them: a handle that is open, or an event of a log.

Each tool names its columns differently (``PID``, ``ProcPid``, ``process_id``); here is what means
what. A field that is known by its form is believed before its column: Handle 5.0 writes its rows in
another order than its header says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from regsim.trace.evidence import Sighting, Snapshot

Row = Mapping[str, str]
"""The fields of a row by the plain names of their columns: small letters and digits alone."""

NO_PROCESS: Final = "(process not named)"
"""What stands for the process where a listing does not say which it is."""

_PROCESS: Final = (
    *("processname", "procname", "process", "imagename", "exename", "processfilename", "image"),
    *("comm", "ownername"),
)
_PATH: Final = ("processpath", "exe", "imagepath", "processimage", "executable")
_PID: Final = ("pid", "procpid", "processid", "procid", "uniqueprocessid", "uniqueprocess")
_NAME: Final = ("handlename", "objectname", "keyname", "details", "description", "name", "fullpath")
_KIND: Final = ("handletype", "objecttype", "typename", "type")
_HANDLE: Final = ("handlevalue", "handle", "handleid", "hvalue")
_ACCESS: Final = ("grantedaccess", "handleaccess", "accessmask", "access")
_USER: Final = ("username", "user", "account", "owner")
_SERVICE: Final = ("servicename", "services", "service")
HOST: Final = (
    *("computer", "computername", "machinename", "hostname", "host", "agentname", "fqdn"),
    *("devicename", "hostidentifier", "clientname", "pscomputername"),
)
"""How a column is called that names the computer which a row of an export is from."""

_KEY: Final = re.compile(
    r"(?:HK(?:LM|CU|U|CR|CC)|HKEY_[A-Z_]+|\\?REGISTRY\\(?:USER|MACHINE|WC|A)|USER|MACHINE)(?:\\|$)",
    re.IGNORECASE,
)
_INSIDE: Final = re.compile(r"\\REGISTRY\\(?:USER|MACHINE|WC|A)(?:\\|$)", re.IGNORECASE)
HIVE_FILE: Final = re.compile(r"(?:ntuser|usrclass)\.dat$", re.IGNORECASE)
"""How the name of a file ends that holds a user's hive."""

_LONGEST: Final = 2_000
_HEX: Final = re.compile(r"(?:0x)?[0-9A-Fa-f]{1,16}")
_NUMBERED: Final = re.compile(r"^(.{1,200}?) ?\((?:pid:? ?)?(\d{1,10})\)$", re.IGNORECASE)
SYSTEM_FILE: Final = (
    "the System process has the file of a user's hive open: that shows that the hive is loaded, "
    "not who keeps it so"
)


def plain_column(name: str) -> str:
    """Return what counts in a column's name.

    >>> plain_column("Offset(V)"), plain_column("process_id")
    ('offsetv', 'processid')
    """
    return re.sub(r"[^a-z0-9]", "", name.lower())


def first_of(row: Row, names: Sequence[str]) -> str:
    """Return the first field that has one of *names* and is not empty; "" for none."""
    return next((row[name].strip() for name in names if row.get(name, "").strip()), "")


def is_handle_header(columns: Sequence[str]) -> bool:
    """Return whether plain names of columns are those of a listing of handles."""
    found = set(columns)
    named = found.intersection((*_NAME, "filename"))
    return bool(named) and (
        (bool(found.intersection(_PID)) and bool(found.intersection((*_HANDLE, *_KIND))))
        or bool(found.intersection(_HANDLE) and found.intersection(_KIND))
    )


def number(text: str) -> int | None:
    """Return a number in decimal, or in hexadecimal after ``0x``; None for what is neither."""
    text = text.strip()
    if text.isascii() and text.isdecimal() and len(text) < 20:
        return int(text)
    if text[:2].lower() == "0x" and _HEX.fullmatch(text):
        return int(text, 16)
    return None


def key_of(text: str) -> str:
    r"""Return the key that a field names, in a spelling of ours; "" for none.

    >>> key_of("USER\\S-1-5-21-7"), key_of("[88a0] \\REGISTRY\\USER\\S-1-5-21-7")
    ('\\REGISTRY\\USER\\S-1-5-21-7', '\\REGISTRY\\USER\\S-1-5-21-7')
    """
    text = text.strip()
    if _KEY.match(text):
        upper = text[:9].upper()
        if upper.startswith(("USER\\", "MACHINE\\")):
            return f"\\REGISTRY\\{text}"
        return f"\\{text}" if upper.startswith("REGISTRY\\") else text
    if "\n" in text or len(text) > _LONGEST:
        return ""
    found = _INSIDE.search(text)
    return text[found.start() :] if found is not None else ""


def take_row(snapshot: Snapshot, row: Row) -> bool:
    """Take one row of a listing into *snapshot*; return whether it is of a handle at all."""
    key = _key(row)
    file = next((text for text in row.values() if HIVE_FILE.search(text.strip())), "")
    pid = number(first_of(row, _PID))
    process, path = first_of(row, _PROCESS), first_of(row, _PATH)
    numbered = _NUMBERED.match(process)
    if numbered is not None:
        process, pid = numbered[1], int(numbered[2]) if pid is None else pid
    if not key and not file:
        return pid is not None
    if not process and row.get("name", "").strip().lower().endswith(".exe"):
        process = row["name"].strip()  # osquery calls a process by its name alone
    if not process:
        process = path.rpartition("\\")[2] or (f"process {pid}" if pid else NO_PROCESS)
    kind = first_of(row, _KIND).lower()
    if file and not key:
        take_file(snapshot, process, pid or 0, file)
    elif "key" in kind or not kind or _is_key(row):
        snapshot.sightings.append(
            Sighting(
                process=process.rpartition("\\")[2],
                path=path,
                pid=pid or 0,
                key=key,
                handle=_handle(row),
                user=_user(row),
                service=first_of(row, _SERVICE),
                session=number(row.get("session", "")),
                access=first_of(row, _ACCESS) if number(first_of(row, _ACCESS)) else "",
                host=first_of(row, HOST),
            )
        )
    return True


def take_file(snapshot: Snapshot, process: str, pid: int, file: str) -> None:
    """Note that a process has the file of a hive open, which is no open key."""
    if process.lower() == "system" or pid == 4:
        snapshot.notes.append(SYSTEM_FILE)
    elif process == NO_PROCESS:
        snapshot.notes.append(
            f"the file {file} is open: that shows that the hive is loaded or read, not who keeps "
            "it so; the lines that name the process are not in the listing (findstr drops them)"
        )
    else:
        snapshot.notes.append(
            f"{process} ({pid}) has the file {file} open: as long as it has, the hive cannot be "
            "loaded or replaced; that is no open key in it"
        )


def _key(row: Row) -> str:
    named = key_of(first_of(row, _NAME))
    return named or next((key for text in row.values() if (key := key_of(text))), "")


def _is_key(row: Row) -> bool:
    return any(text.strip().lower() == "key" for text in row.values())


def _handle(row: Row) -> int | None:
    told = first_of(row, _HANDLE)
    if not _HEX.fullmatch(told) or key_of(told):
        told = next((text for text in row.values() if re.fullmatch(r"0x[0-9A-Fa-f]+", text)), "")
    if not told:
        return None
    value = number(told)
    if value is None and _HEX.fullmatch(told):
        value = int(told, 16)
    return value or None


def _user(row: Row) -> str:
    """Return the account that a field names: a domain and a name, and no path."""
    told = first_of(row, _USER)
    fields = [told, *row.values()]
    return next(
        (text for text in fields if re.fullmatch(r"[^\\:]+\\[^\\:]+", text) and not key_of(text)),
        "" if key_of(told) or told.lower() == "key" else told,
    )

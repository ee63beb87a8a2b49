"""Lists of open handles: handle.exe's text and CSV, and the debugger's ``!handle``."""

from __future__ import annotations

import csv
import io
import re
from typing import Final

from regsim.trace.evidence import Sighting, Snapshot, text_format
from regsim.trace.readers.event_text import image_of

# Lines are given without the space at their end: `\s*$` behind a lazy group would be quadratic.
_PROCESS: Final = re.compile(r"^(\S.*?) pid: (\d{1,10})(?:\s++(\S.*))?$")
_OPEN: Final = re.compile(r"^\s*+([0-9A-Fa-f]{1,16}): (\w++)\s++(?:\([RWD-]{3}\)\s++)?(\S.*)$")
_FOUND: Final = re.compile(
    r"^(\S.*?)(?<=\S)\s++pid: (\d{1,10})\s++type: (\w++)\s++"
    r"(?:(\S.{0,256}?\\\S{0,256}?)\s++)?([0-9A-Fa-f]{1,16}): (\S.*)$"
)
_HANDLE: Final = re.compile(r"0x[0-9A-Fa-f]{1,16}")
_KEY: Final = re.compile(r"^(?:HK[A-Z]+|HKEY_[A-Z_]+|\\REGISTRY)(?:\\|$)", re.IGNORECASE)
_HIVE_FILE: Final = re.compile(r"(?:ntuser|usrclass)\.dat$", re.IGNORECASE)
_SYSTEM: Final = (
    "the System process has the file of a user's hive open: that shows that the hive is loaded, "
    "not who keeps it so"
)


def is_handle_text(text: str) -> bool:
    """Return whether *text* is a listing of handle.exe."""
    lines = [line.rstrip() for line in text.splitlines()[:400]]
    return any(_FOUND.match(line) for line in lines) or (
        any(_PROCESS.match(line) for line in lines) and any(_OPEN.match(line) for line in lines)
    )


def read_handle_text(text: str) -> Snapshot:
    """Return the keys in a listing: grouped by process, or one line for each match of a search."""
    snapshot = Snapshot("handle.exe")
    process, pid, user = "", 0, ""
    for line in map(str.rstrip, text.splitlines()):
        found = _FOUND.match(line)
        if found is not None:
            _note(snapshot, found[1], found[2], found[3], found[5], found[6], found[4] or "")
            continue
        header = _PROCESS.match(line)
        if header is not None:
            process, pid, user = header[1], int(header[2]), header[3] or ""
            continue
        entry = _OPEN.match(line)
        if entry is not None and process:
            _note(snapshot, process, str(pid), entry[2], entry[1], entry[3], user)
    return snapshot


def _note(
    snapshot: Snapshot, process: str, pid: str, kind: str, handle: str, name: str, user: str
) -> None:
    snapshot.facts.events += 1
    if kind.lower() == "key" and _KEY.match(name):
        snapshot.sightings.append(
            Sighting(
                process=process, pid=int(pid), key=name, handle=int(handle, 16) or None, user=user
            )
        )
    elif kind.lower() == "file" and _HIVE_FILE.search(name) and process.lower() == "system":
        snapshot.notes.append(_SYSTEM)


def is_handle_csv(text: str) -> bool:
    """Return whether *text* is handle.exe's CSV (``-v``) or TSV (``-vt``)."""
    first = text.partition("\n")[0].strip().lstrip("\ufeff").lower().replace("\t", ",")
    columns = [name.strip().strip('"') for name in first.split(",")]
    return columns[:2] == ["process", "pid"] and "handle" in columns and "name" in columns


def read_handle_csv(text: str) -> Snapshot:
    """Return the keys in handle.exe's CSV.

    Handle 5.0 writes its rows in another order than its header says, so each field is known by its
    form: a number in hexadecimal, the word Key, a registry path, and what is left with a backslash.
    """
    snapshot = Snapshot("handle.exe-csv")
    delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        for number, row in enumerate(rows):
            if number and len(row) >= 4 and row[1].strip().isdecimal() and len(row[1]) < 12:
                _row(snapshot, [field.strip() for field in row])
    except csv.Error as error:
        snapshot.facts.problems.append(f"the CSV is damaged: {error}")
    return snapshot


def _row(snapshot: Snapshot, row: list[str]) -> None:
    rest = row[2:]
    handle = next((field for field in rest if _HANDLE.fullmatch(field)), "0")
    kinds = {field.lower() for field in rest}
    key = next((field for field in rest if _KEY.match(field)), "")
    name = key or next((field for field in rest if _HIVE_FILE.search(field)), "")
    users = [field for field in rest if "\\" in field and field not in (name, handle)]
    kind = "key" if "key" in kinds else "file" if "file" in kinds else ""
    _note(snapshot, row[0], row[1], kind, handle, name, users[0] if users else "")


_BLOCK: Final = re.compile(r"^\s*(?:Handle (?:0x)?([0-9a-fA-F`]+)|([0-9a-fA-F]{4,16}): Object:)")
_FIELD: Final = re.compile(r"^\s*(Type|GrantedAccess|Name|Object Name)[ \t:]++(\S.*)$")
_KERNEL_TYPE: Final = re.compile(r"\bType: \([0-9a-f`]+\) (\w+)", re.IGNORECASE)
_KERNEL_NAME: Final = re.compile(r"\bName: (\\REGISTRY\S.*)$", re.IGNORECASE)
_ATTACHED: Final = re.compile(r"\bid: ([0-9a-f]++)\s.{0,299}?name: (\S.*)$", re.IGNORECASE)
_CID: Final = re.compile(r"\bCid: ([0-9a-f]+)\b", re.IGNORECASE)
_IMAGE: Final = re.compile(r"^\s*+Image: (\S.*)$")


def is_windbg(text: str) -> bool:
    """Return whether *text* is the output of the debugger's ``!handle``."""
    lines = [line.rstrip() for line in text.splitlines()[:2000]]
    starts = sum(1 for line in lines if _BLOCK.match(line))
    return starts > 0 and any(_FIELD.match(line) or _KERNEL_TYPE.search(line) for line in lines)


def read_windbg(text: str) -> Snapshot:
    """Return the keys in the output of ``!handle 0 f Key``, or of a kernel debugger's."""
    snapshot = Snapshot("windbg-handle")
    process, pid = "(process not named)", 0
    handle: int | None = None
    fields: dict[str, str] = {}
    for line in [*map(str.rstrip, text.splitlines()), "Handle 0"]:
        block = _BLOCK.match(line)
        if block is not None:
            _block(snapshot, process, pid, handle, fields)
            handle = int((block[1] or block[2]).replace("`", "") or "0", 16)
            fields = {}
        attached, cid, image = _ATTACHED.search(line), _CID.search(line), _IMAGE.match(line)
        if attached is not None:
            process, pid = image_of(attached[2]), int(attached[1], 16)
        if cid is not None:
            pid = int(cid[1], 16)
        process = image[1] if image is not None else process
        fields.update(_fields(line))
    if not pid:
        snapshot.notes.append(
            "the listing does not say of which process it is: add the output of the command |"
        )
    return snapshot


def _fields(line: str) -> dict[str, str]:
    """Return what a line says of a handle, in the form of a user's or of a kernel debugger."""
    field = _FIELD.match(line)
    found = {field[1]: field[2]} if field is not None else {}
    for name, pattern in (("Type", _KERNEL_TYPE), ("Name", _KERNEL_NAME)):
        kernel = pattern.search(line)
        if kernel is not None:
            found[name] = kernel[1]
    return found


def _block(
    snapshot: Snapshot, process: str, pid: int, handle: int | None, fields: dict[str, str]
) -> None:
    if handle is None or not fields:
        return
    snapshot.facts.events += 1
    name = fields.get("Object Name") or fields.get("Name", "")
    if fields.get("Type", "").lower() == "key" and _KEY.match(name):
        access = fields.get("GrantedAccess", "").rstrip(":")
        snapshot.sightings.append(
            Sighting(process=process, pid=pid, key=name, handle=handle or None, access=access)
        )


FORMATS: Final = (
    text_format("handle.exe's CSV", is_handle_csv, read_handle_csv),
    text_format("handle.exe's text", is_handle_text, read_handle_text),
    text_format("the debugger's !handle", is_windbg, read_windbg),
)

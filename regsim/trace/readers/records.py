"""Tables and records of any tool: JSON, JSON lines, CSV, CLIXML, aligned columns, lists of fields.

One reader serves them all: each turns into records of fields by name, and what a record tells -
an event on a hive, an open handle - is looked for by `_log_fields` and `_rows`.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from regsim.trace.evidence import Snapshot, text_format
from regsim.trace.readers._log_fields import logged_event, take_event
from regsim.trace.readers._rows import is_handle_header, plain_column, take_row
from regsim.trace.readers._unwrap import plain
from regsim.trace.readers.script_log import read_script_log

_DEEPEST: Final = 40
_MOST: Final = 2_000_000
_HEADER_WITHIN: Final = 40
_LONGEST_HEADER: Final = 600
_XML_DATA: Final = re.compile(
    r"<Data\s+Name=[\"']([\w.]{1,100})[\"']\s*>([^<]{0,65536})</Data>", re.IGNORECASE
)
_CLIXML_OBJECT: Final = re.compile(r"<Obj\b[^>]*>")
_CLIXML_FIELD: Final = re.compile(
    r"<(S|I16|I32|I64|U16|U32|U64|By|DT|SBK)\s+N=\"([^\"]{1,100})\"\s*>([^<]*)</\1>"
)
_CLIXML_ESCAPE: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")


_RECORD: Final = re.compile(r"\n[ \t\r]*+(?=[{\[])")
_MOST_FAILURES: Final = 1_000


def _is_json(text: str) -> bool:
    return text.lstrip("\ufeff \t\r\n")[:1] in ("{", "[")


def _read_json(text: str) -> Snapshot | None:
    """Return what the records in JSON or in JSON lines say, None if they say nothing."""
    snapshot = Snapshot("json")
    nodes, problem = _nodes(text)
    if not nodes:
        return None
    if problem:
        snapshot.facts.cut(problem)
    for node in nodes:
        _walk(node, snapshot, 0)
    return _told(snapshot) or read_script_log(_strings(nodes), "json")


def _nodes(text: str) -> tuple[list[Any], str]:
    """Return the values that *text* is made of, and what could not be read of it."""
    text = text.lstrip("\ufeff \t\r\n")
    decoder = json.JSONDecoder(strict=False)
    found: list[Any] = []
    at, bad, failures = 0, 0, 0
    while at < len(text):
        try:
            node, at = decoder.raw_decode(text, at)
            found.append(node)
        except (ValueError, RecursionError):
            # An error counts the lines before it, so there must not be one for each line.
            failures += 1
            begin = _RECORD.search(text, at) if failures < _MOST_FAILURES else None
            bad += max(text.count("\n", at, begin.end() if begin else len(text)), 1)
            if begin is None:
                break
            at = begin.end()
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
    return found, f"{bad:,} lines are no JSON: they could not be read" if bad else ""


def _walk(node: object, snapshot: Snapshot, depth: int) -> None:
    """Take in each record in *node*: the outermost that is an event, or a row of a listing."""
    if depth > _DEEPEST:
        return
    if isinstance(node, list):
        for item in node[:_MOST]:
            _walk(item, snapshot, depth + 1)
    elif isinstance(node, dict):
        fields = dict(_flat(node, 0))
        event = logged_event(fields) if fields else None
        if event is not None:
            snapshot.facts.events += 1
            take_event(snapshot, event)
            return
        if take_row(snapshot, fields):
            snapshot.facts.events += 1
            return
        for value in node.values():
            if isinstance(value, (dict, list)):
                _walk(value, snapshot, depth + 1)


def _flat(node: Mapping[str, Any], depth: int, within: str = "") -> Iterator[tuple[str, str]]:
    """Yield the fields of a record by plain name, those nested in it too, outer ones last.

    *within* is the field that the record is the value of.

    A list of records is no part of it. Lists of texts, as .NET's properties, count as one text.
    """
    for name, value in node.items():
        if isinstance(value, dict) and depth < _DEEPEST:
            yield from _flat(value, depth + 1, name)
        elif isinstance(value, list) and value and not isinstance(value[0], (dict, list)):
            yield _plain_path(name, within), "\n".join(map(str, value))
        elif isinstance(value, list) and value and _is_pairs(value):
            yield from ((plain_column(one["Name"]), str(one["Value"])) for one in value)
    for name, value in node.items():
        if isinstance(value, str):
            yield _plain_path(name, within), value
            if "<Data" in value:
                yield from ((_plain_path(n), plain(v)) for n, v in _XML_DATA.findall(value))
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield _plain_path(name, within), str(value)


def _plain_path(name: str, within: str = "") -> str:
    """Return the plain name of a field by the last part of its path.

    What ``name`` is of a ``host`` or an ``agent`` is a computer's; those have a name of their own.

    >>> _plain_path("winlog.computer_name"), _plain_path("host.name"), _plain_path("name", "agent")
    ('computername', 'hostname', 'agentname')
    """
    before, _, last = name.rpartition(".")
    plain = plain_column(last or name)
    owner = plain_column((before or within).rpartition(".")[2])
    return owner + plain if plain == "name" and owner in ("host", "agent") else plain


def _is_pairs(value: list[Any]) -> bool:
    return all(isinstance(one, dict) and {"Name", "Value"} <= set(one) for one in value)


def _strings(node: object) -> str:
    """Return all texts in a JSON value, one to a line."""
    if isinstance(node, str):
        return node
    if isinstance(node, dict):
        return "\n".join(filter(None, map(_strings, node.values())))
    if isinstance(node, list):
        return "\n".join(filter(None, map(_strings, node)))
    return ""


def _told(snapshot: Snapshot) -> Snapshot | None:
    """Return the snapshot if any record in it was one of an event or of a handle."""
    return snapshot if snapshot.facts.events else None


def _is_clixml(text: str) -> bool:
    return "<Objs " in text[:400]


def _read_clixml(text: str) -> Snapshot | None:
    """Return what PowerShell's Export-Clixml holds of events."""
    snapshot = Snapshot("clixml")
    parts = _CLIXML_OBJECT.split(text)
    fields: dict[str, str] = {}
    for part in parts:
        found = {
            plain_column(name): _decoded(value) for _, name, value in _CLIXML_FIELD.findall(part)
        }
        if "message" in found or "id" in found:
            _take_fields(snapshot, fields)
            fields = {}
        fields.update({name: value for name, value in found.items() if name not in fields})
    _take_fields(snapshot, fields)
    if not text.rstrip().endswith("</Objs>"):
        snapshot.facts.cut("the file is cut short: it could not be read to the end")
    return _told(snapshot)


def _decoded(value: str) -> str:
    return plain(_CLIXML_ESCAPE.sub(lambda found: chr(int(found[1], 16)), value))


def _take_fields(snapshot: Snapshot, fields: Mapping[str, str]) -> None:
    event = logged_event(fields) if fields else None
    if event is not None:
        snapshot.facts.events += 1
        take_event(snapshot, event)


def _is_table(text: str) -> bool:
    return _header_of(text) is not None


def _header_of(text: str) -> tuple[int, list[str], str] | None:
    """Return the line of a table's header, its plain names and what parts them; None for none."""
    for at, line in enumerate(text.splitlines()[:_HEADER_WITHIN]):
        if len(line) > _LONGEST_HEADER or "\\" in line:
            continue
        low = line.lower()
        if "pid" not in low and "handle" not in low and "process" not in low:
            continue
        for delimiter in (",", "\t", ";", "|", ""):
            if delimiter and delimiter not in line:
                continue
            names = [plain_column(name) for name in _cells(line, delimiter)]
            if len(names) > 2 and is_handle_header(names):
                return at, names, delimiter
    return None


def _cells(line: str, delimiter: str) -> list[str]:
    if delimiter in ("", "|"):
        cells = line.strip().strip("|").split(delimiter or None)
        return [cell.strip() for cell in cells]
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        return []


def _read_table(text: str) -> Snapshot | None:
    """Return the handles in a table: of handle.exe, of a memory image, of an agent."""
    header = _header_of(text)
    if header is None:
        return None
    at, names, delimiter = header
    handle_exe = names[:2] == ["process", "pid"]
    snapshot = Snapshot("handle.exe-csv" if handle_exe else "handle-table")
    bad = 0
    for line in text.splitlines()[at + 1 :]:
        if not line.strip() or not line.strip("-+=| \t"):
            continue
        cells = _cells(line, delimiter) if delimiter else line.split(None, len(names) - 1)
        if len(cells) < min(len(names), 3):
            bad += 1
            continue
        rest = cells[len(names) :]
        row = dict(zip(names, cells, strict=False)) | {f"more{n}": c for n, c in enumerate(rest)}
        if take_row(snapshot, row):
            snapshot.facts.events += 1
        else:
            bad += 1
    if bad:
        snapshot.notes.append(f"{bad:,} lines of the table are no handles, or could not be read")
    return snapshot


def _is_event_csv(text: str) -> bool:
    first = text.lstrip("\ufeff").split("\n", 3)[:3]
    return any(line.count(",") > 2 or line.count(";") > 2 or line.count("\t") > 2 for line in first)


def _read_event_csv(text: str) -> Snapshot | None:
    """Return what the events in a CSV say: the Event Viewer's, PowerShell's, a log store's."""
    text = text.lstrip("\ufeff")
    lines = text.split("\n", 3)
    skip = 1 if lines[0].startswith(("#TYPE", "sep=")) else 0
    delimiter = max(",;\t", key=lines[min(skip, len(lines) - 1)].count)
    rows = csv.reader(io.StringIO("\n".join(text.split("\n")[skip:])), delimiter=delimiter)
    snapshot = Snapshot("event-csv")
    try:
        names = [_plain_path(name) for name in next(rows, [])]
        for row in rows:
            fields = {
                (names[n] if n < len(names) else "") or f"more{n}": c for n, c in enumerate(row)
            }
            _take_fields(snapshot, fields)
    except csv.Error as error:
        snapshot.facts.cut(f"the CSV is damaged, and could not be read to the end: {error}")
    if text.count('"') % 2:
        snapshot.facts.cut("the last field has no end: the CSV could not be read to the end")
    return _told(snapshot)


def _is_list(text: str) -> bool:
    return bool(_PID_LINE.search("\n" + text[:4_000]))


_PID_LINE: Final = re.compile(r"\n\s{0,8}(?:pid|process ?id)\s{0,24}[:=]\s", re.IGNORECASE)
_PAIR: Final = re.compile(r"^\s{0,8}([A-Za-z][\w ]{1,30}?)\s{0,24}[:=]\s(.*)$", re.MULTILINE)


def _read_list(text: str) -> Snapshot | None:
    """Return the handles in blocks of lines ``Name : value``, as PowerShell's Format-List."""
    snapshot = Snapshot("handle-list")
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        fields = {plain_column(name): value.strip() for name, value in _PAIR.findall(block)}
        if is_handle_header(list(fields)) and take_row(snapshot, fields):
            snapshot.facts.events += 1
    return _told(snapshot)


FORMATS: Final = (
    text_format("JSON of events or handles", _is_json, _read_json),
    text_format("PowerShell's CLIXML", _is_clixml, _read_clixml),
    text_format("tables of handles (CSV, columns)", _is_table, _read_table),
    text_format("CSV of events", _is_event_csv, _read_event_csv),
    text_format("lists of handles", _is_list, _read_list),
)

"""The events of a program in each format that regsim reads, as the tool of that format writes them.

What a format cannot show is left out by its writer: Process Monitor and ETW show no handle values,
no duplicates and nothing inherited; ETW shows no loading. `SHOWS` says what each one shows.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from programs import Event

START: Final = 132389587943062614
"""When a program begins, as FILETIME: 2020-07-11 16:33:14.3062614, UTC."""
TICK: Final = 1_000_000
"""The time between two events: a tenth of a second in ticks of 100 ns."""
_FAILURE: Final = {0xC0000034: "NAME NOT FOUND", 0xC0000121: "CANNOT DELETE"}


def spelled(path: str) -> str:
    """Return a kernel's path as Process Monitor writes it."""
    upper = path.upper()
    for kernel, short in (("\\REGISTRY\\USER", "HKU"), ("\\REGISTRY\\MACHINE", "HKLM")):
        if upper.startswith(kernel):
            return short + path[len(kernel) :]
    return path


# -- Process Monitor --------------------------------------------------------------------------

Row = dict[str, Any]
_OPERATIONS: Final = {
    "start": "Process Start",
    "exit": "Process Exit",
    "open": "RegOpenKey",
    "close": "RegCloseKey",
    "load": "RegLoadKey",
    "unload": "RegUnloadKey",
    "query": "RegQueryValue",
}


def procmon_rows(events: Sequence[Event]) -> list[Row]:
    """Return the rows that Process Monitor has of *events*, with their place in the list."""
    rows = []
    for at, event in enumerate(events):
        if event.kind not in _OPERATIONS:
            continue
        detail = {
            "start": f"Parent PID: {event.parent}, Command line: {event.image}",
            "exit": "Exit Status: 0",
            "open": "Desired Access: " + ("Maximum Allowed" if event.access >> 25 else "Read"),
        }.get(event.kind, "")
        status = event.status
        rows.append(
            {
                "at": at,
                "time": START + at * TICK,
                "image": event.image,
                "pid": event.pid,
                "operation": _OPERATIONS[event.kind],
                "path": spelled(event.key),
                "result": _FAILURE.get(status, "SUCCESS" if not status else f"0x{status:08X}"),
                "status": status,
                "detail": detail,
                "access": event.access,
                "parent": event.parent,
            }
        )
    return rows


def _clock(ticks: int) -> str:
    ticks -= START - 595_943_062_614  # 16:33:14.3062614 after midnight
    seconds, fraction = divmod(ticks, 10_000_000)
    return f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:07}"


def csv(rows: Sequence[Row]) -> bytes:
    """Return a CSV file as Process Monitor saves it."""
    lines = [["Time of Day", "Process Name", "PID", "Operation", "Path", "Result", "Detail"]]
    for row in rows:
        fields = (row[name] for name in ("image", "pid", "operation", "path", "result", "detail"))
        lines.append([_clock(row["time"]), *map(str, fields)])
    text = "\r\n".join(
        ",".join('"' + field.replace('"', '""') + '"' for field in line) for line in lines
    )
    return (text + "\r\n").encode("utf-8-sig")


def xml(rows: Sequence[Row]) -> bytes:
    """Return an XML file as Process Monitor saves it."""
    people = {(row["image"], row["pid"]): number for number, row in enumerate(reversed(rows), 1)}
    parts = ['<?xml version="1.0" encoding="UTF-8"?>\n<procmon><processlist>']
    parts += [
        f"<process><ProcessIndex>{number}</ProcessIndex><ProcessId>{pid}</ProcessId>"
        f"<ProcessName>{escape(image)}</ProcessName></process>"
        for (image, pid), number in people.items()
    ]
    parts.append("</processlist><eventlist>")
    parts += [
        f"<event><ProcessIndex>{people[row['image'], row['pid']]}</ProcessIndex>"
        f"<Time_of_Day>{_clock(row['time'])}</Time_of_Day>"
        f"<Process_Name>{escape(row['image'])}</Process_Name><PID>{row['pid']}</PID>"
        f"<Operation>{row['operation']}</Operation><Path>{escape(row['path'])}</Path>"
        f"<Result>{row['result']}</Result><Detail>{escape(row['detail'])}</Detail></event>\n"
        for row in rows
    ]
    return "".join([*parts, "</eventlist></procmon>"]).encode()


_PML: Final = {
    "RegOpenKey": (2, 0),
    "RegCloseKey": (2, 2),
    "RegQueryValue": (2, 5),
    "RegLoadKey": (2, 12),
    "RegUnloadKey": (2, 13),
    "Process Start": (1, 7),
    "Process Exit": (1, 2),
}
_HEADER: Final = 0x3A8


def _detail(row: Row) -> bytes:
    raw = row["path"].encode("latin-1", "replace")
    info = struct.pack("<H", len(raw) | 0x8000)
    operation = row["operation"]
    if operation == "RegOpenKey":
        return info + b"\0\0" + struct.pack("<I", row["access"]) + raw
    if operation in ("RegCloseKey", "RegUnloadKey"):
        return info + raw
    if operation == "RegLoadKey":
        return info + struct.pack("<H", 0x8000) + raw
    if operation == "RegQueryValue":
        return info + b"\0\0" + struct.pack("<2I", 0, 0) + raw
    if operation == "Process Start":
        return struct.pack("<IHHI", row["parent"], 0, 0, 0)
    return struct.pack("<I2Q", 0, 0, 0) + bytes(40)


def pml(rows: Sequence[Row]) -> bytes:
    """Return a file in Process Monitor's own format, its counters as the driver gives them.

    A row's ``counter`` is its own where it has one. The layout is eronnen/procmon-parser's "PML
    Format.md".
    """
    people: dict[tuple[Any, ...], int] = {}
    lives: dict[int, int] = {}
    events, offsets = bytearray(), []
    counter = 99
    for row in rows:
        pid = row["pid"]
        if row["operation"] == "Process Start":
            lives[pid] = lives.get(pid, 0) + 1
        index = people.setdefault((row["image"], pid, lives.get(pid, 0)), len(people) + 1)
        kind, number = _PML[row["operation"]]
        detail = _detail(row)
        if kind == 2:
            counter = row.get("counter", counter + 1)
        offsets.append(_HEADER + len(events))
        head = (index, 1, kind, number, 0, counter, 0, row["time"], row["status"], 0, 0)
        events += struct.pack("<3I2HIQqI2H2I", *head, len(detail), 0) + detail
    strings = [""]
    records = []
    for (image, pid, _), index in people.items():
        strings.append(image)
        texts = (0, len(strings) - 1, 0, 0)
        records.append(
            struct.pack("<4IQ2I2q", index, pid, 4, 0, 0, 1, 0, 0, 0)
            + struct.pack("<3I", 0, 0, 0)
            + struct.pack("<4I", *texts)
            + struct.pack("<3I", 0, 0, 0)
        )
    table_at = _HEADER + len(events)
    place = 4 + 8 * len(records)
    table = struct.pack("<I", len(records)) + b"".join(
        struct.pack("<I", index) for index in people.values()
    )
    for record in records:
        table += struct.pack("<I", place)
        place += len(record)
    table += b"".join(records)
    strings_at = table_at + len(table)
    raw = [text.encode("utf-16-le") for text in strings]
    place = 4 + 4 * len(raw)
    text_table = struct.pack("<I", len(raw))
    for text in raw:
        text_table += struct.pack("<I", place)
        place += 4 + len(text)
    text_table += b"".join(struct.pack("<I", len(text)) + text for text in raw)
    offsets_at = strings_at + len(text_table)
    header = bytearray(_HEADER)
    header[:4] = b"PML_"
    struct.pack_into("<2I", header, 4, 9, 1)
    header[0xC : 0xC + 8] = "TEST".encode("utf-16-le")
    struct.pack_into("<I", header, 0x234, len(rows))
    struct.pack_into("<4Q", header, 0x240, _HEADER, offsets_at, table_at, strings_at)
    struct.pack_into("<3I", header, 0x274, 10, 0, 19045)
    tail = b"".join(struct.pack("<I", offset) + b"\0" for offset in offsets)
    return bytes(header) + bytes(events) + table + text_table + tail


# -- our own formats --------------------------------------------------------------------------


def records(events: Sequence[Event], *, handles: bool = True) -> list[Row]:
    """Return *events* as the records of JSON lines; without *handles* as a tool by path has them.

    A handle that a child inherits is a duplicate of its parent's.
    """
    found = []
    for at, event in enumerate(events):
        if event.kind == "duplicate" and not handles:
            continue
        op = "force" if event.forced else event.kind
        row: Row = {"at": at, "op": op, "pid": event.pid, "process": event.image}
        row |= {"time": at * 0.1, "key": event.key} if event.key else {"time": at * 0.1}
        if event.status:
            row["status"] = event.status
        if event.kind == "start":
            row["ppid"] = event.parent
        if event.kind == "open":
            row["access"] = event.access
        if handles and event.handle:
            row["handle"] = event.handle
        found.append(row)
    return found


def jsonl(rows: Sequence[Row]) -> bytes:
    """Return records as JSON lines."""
    plain = ({name: value for name, value in row.items() if name != "at"} for row in rows)
    return b"".join(json.dumps(row).encode() + b"\n" for row in plain)


def parquet(rows: Sequence[Row]) -> bytes:
    """Return records as a Parquet file."""
    import pyarrow as pa  # noqa: PLC0415 - an extra
    import pyarrow.parquet as pq  # noqa: PLC0415 - an extra

    columns = ("op", "pid", "key", "handle", "status", "access", "process")
    table = [
        {
            name: row.get(name, "" if name in ("op", "key", "process") else 0)
            for name in columns
            if name != "handle" or any("handle" in other for other in rows)
        }
        | {"time": START + round(row["time"] * 10_000_000)}
        for row in rows
    ]
    for row in table:
        row["key"] = row["key"] or None
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(table), file)
    return file.getvalue()


# -- ETW --------------------------------------------------------------------------------------


def etw_rows(events: Sequence[Event]) -> list[Row]:
    """Return the events of Microsoft-Windows-Kernel-Registry, each open with its key object."""
    rows, objects = [], {}
    for at, event in enumerate(events):
        if event.kind == "open":
            if not event.status:
                objects[event.pid, event.handle] = 0xFFFF0000 + at * 16
            address = objects.get((event.pid, event.handle), 0) if not event.status else 0
            rows.append({"at": at, "id": 2, "event": event, "object": address})
        elif event.kind == "close":
            address = objects.pop((event.pid, event.handle), 0)
            rows.append({"at": at, "id": 13, "event": event, "object": address})
    return rows


def etw_xml(rows: Sequence[Row]) -> bytes:
    """Return those events as ``tracerpt -of XML`` writes them."""
    parts = ["<Events>"]
    for row in rows:
        event: Event = row["event"]
        data = {"KeyObject": f"0x{row['object']:X}", "Status": f"0x{event.status:X}"}
        if row["id"] == 2:
            data |= {"BaseObject": "0x0", "BaseName": "", "RelativeName": event.key}
        fields = "".join(f'<Data Name="{n}">{escape(v)}</Data>' for n, v in data.items())
        parts.append(
            '<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System>'
            f'<Provider Name="Microsoft-Windows-Kernel-Registry"/><EventID>{row["id"]}</EventID>'
            f'<TimeCreated SystemTime="2020-07-11T16:33:14.{row["at"]:09}Z"/>'
            f'<Execution ProcessID="{event.pid}" ThreadID="1"/></System>'
            f"<EventData>{fields}</EventData></Event>\n"
        )
    return "".join([*parts, "</Events>"]).encode()


_ETW_HEADER: Final = (
    "Event Name, Type, Event ID, Version, Channel, Level, Opcode, Task, Keyword, PID, TID, "
    "Processor Number, Instance ID, Parent Instance ID, Activity ID, Related Activity ID, "
    "Clock-Time, Kernel(ms), User(ms), User Data\n"
)


def etw_csv(rows: Sequence[Row]) -> bytes:
    """Return the kernel logger's events of the same opens and closes, in tracerpt's CSV."""
    lines = [_ETW_HEADER]
    for row in rows:
        event: Event = row["event"]
        block = f"0x{0xA000 + (hash_of(event.key) % 4096) * 16:X}"
        time = START + row["at"] * TICK
        about = f"0, 2, 0, 0, 11, 0, 0x0, 0x{event.pid:X}, 0x1, 0, , , , , {time}, 0, 0, 1"
        if row["id"] == 2:
            lines.append(f'Registry, KCBCreate, {about}, 0x0, 0, {block}, "{event.key}"\n')
            status = f"0x{event.status:X}"
            lines.append(f'Registry, Open, {about}, {status}, 0, 0x0, "{event.key}"\n')
        else:
            lines.append(f'Registry, Close, {about}, 0x0, 0, {block}, ""\n')
    return "".join(lines).encode()


def hash_of(text: str) -> int:
    """Return a number for *text* that is the same in every run."""
    found = 0
    for letter in text.upper():
        found = (found * 31 + ord(letter)) & 0xFFFFFF
    return found


# -- Wine -------------------------------------------------------------------------------------


def wine(events: Sequence[Event]) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines of ``wineserver -d1`` for each event, with its place in the list."""
    tids: dict[int, int] = {}
    process_handles: dict[tuple[int, int], int] = {}
    for at, event in enumerate(events):
        tid = tids.setdefault(event.pid, event.pid + 0x1000)
        yield at, list(_wine_lines(event, tid, tids, process_handles))


def _wine_lines(
    event: Event, tid: int, tids: dict[int, int], handles: dict[tuple[int, int], int]
) -> Iterator[str]:
    name = event.key.replace("\\", "\\\\")
    status = {0: "0", 0xC0000034: "OBJECT_NAME_NOT_FOUND"}.get(event.status, "ACCESS_DENIED")
    if event.kind == "start":
        parent = tids.get(event.parent)
        if parent is not None:
            value = 0x8000 + event.pid
            handles[event.parent, event.pid] = value
            flags = 4  # PROCESS_CREATE_FLAGS_INHERIT_HANDLES
            yield (
                f"{parent:04x}: new_process( token=0000, parent_process=0000, flags={flags:08x}, "
                f'handles={{}}, info={{imagepath=L"C:\\\\{event.image}"}} )'
            )
            yield f"{parent:04x}: new_process() = 0 {{ pid={event.pid:04x}, handle={value:04x} }}"
        yield f"{tid:04x}: init_first_thread( unix_pid=1, unix_tid=1 )"
        yield f"{tid:04x}: init_first_thread() = 0 {{ pid={event.pid:04x}, tid={tid:04x} }}"
    elif event.kind == "exit":
        yield f"{event.pid:04x}: *process killed*"
    elif event.kind == "open":
        given = f"{{ hkey={event.handle:04x} }}" if not event.status else ""
        attributes = 0x42 if event.inherit else 0x40
        yield (
            f"{tid:04x}: open_key( parent=0000, access={event.access:08x}, "
            f'attributes={attributes:08x}, name=L"{name}" )'
        )
        yield f"{tid:04x}: open_key() = {status} {given}".rstrip()
    elif event.kind == "close" and not event.rundown:
        yield f"{tid:04x}: close_handle( handle={event.handle:04x} )"
        yield f"{tid:04x}: close_handle() = 0"
    elif event.kind == "duplicate" and not event.inherited:
        yield from _wine_duplicate(event, tids, handles)
    elif event.kind in ("load", "unload"):
        call = "load_registry" if event.kind == "load" else "unload_registry"
        yield f'{tid:04x}: {call}( objattr={{rootdir=0000,attributes=00000040,name=L"{name}"}} )'
        yield f"{tid:04x}: {call}() = {status}"


def _wine_duplicate(
    event: Event, tids: dict[int, int], handles: dict[tuple[int, int], int]
) -> Iterator[str]:
    source, handle = event.source
    caller = tids.setdefault(source, source + 0x1000)
    target = 0xFFFFFFFF
    if event.pid != source:
        target = handles.setdefault((source, event.pid), 0x8000 + event.pid)
        yield f"{caller:04x}: open_process( pid={event.pid:04x}, access=00000040, attributes=0 )"
        yield f"{caller:04x}: open_process() = 0 {{ handle={target:04x} }}"
    yield (
        f"{caller:04x}: dup_handle( src_process=ffffffff, src_handle={handle:04x}, "
        f"dst_process={target:08x}, access=00000000, attributes=00000000, options=00000002 )"
    )
    yield f"{caller:04x}: dup_handle() = 0 {{ handle={event.handle:04x} }}"


def wine_log(blocks: Sequence[tuple[int, list[str]]], *, ended: bool = True) -> bytes:
    """Return the log; with *ended* the server says at its end that it goes."""
    lines = [line for _, block in blocks for line in block]
    return "\n".join([*lines, "wineserver: exiting"] if ended else lines).encode() + b"\n"


FORMATS: Final[dict[str, tuple[Callable[[Any], Any], Callable[[Any], bytes]]]] = {
    "csv": (procmon_rows, csv),
    "xml": (procmon_rows, xml),
    "pml": (procmon_rows, pml),
    "jsonl": (records, jsonl),
    "jsonl-paths": (lambda events: records(events, handles=False), jsonl),
    "parquet": (records, parquet),
    "etw-xml": (etw_rows, etw_xml),
    "etw-csv": (etw_rows, etw_csv),
    "wine": (lambda events: list(wine(events)), wine_log),
}
"""Each format: from events to rows that can be degraded one by one, and from rows to a file."""

SHOWS_DUPLICATES: Final = frozenset({"jsonl", "parquet", "wine"})
SHOWS_LOADS: Final = frozenset(FORMATS) - {"etw-xml", "etw-csv"}

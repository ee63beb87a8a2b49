"""What happens to evidence in life: each operation takes from a capture what a verdict could need.

An operation changes events, rows, or the bytes of the file, and returns None where it does not
apply. It may say how many events are left of the program: the truth is then that of the last.
"""

from __future__ import annotations

import gzip
import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs
from programs import USERS, Event

if TYPE_CHECKING:
    from writers import Row

Events = Sequence[Event]
OnEvents = Callable[[random.Random, Events], "tuple[list[Event], int] | None"]
OnRows = Callable[[random.Random, list[Any], "frozenset[int]"], "list[Any] | None"]
OnBytes = Callable[[random.Random, bytes], "bytes | None"]

PROCMON: Final = frozenset({"csv", "xml", "pml"})
RECORDS: Final = frozenset({"jsonl", "jsonl-paths", "parquet"})
LINES: Final = frozenset({"jsonl", "jsonl-paths"})


def holders(events: Events) -> frozenset[int]:
    """Return the places of the openings that are still open at the end, duplicates among them."""
    live: dict[tuple[int, int], int] = {}
    for at, event in enumerate(events):
        if event.kind in ("open", "duplicate") and not event.status:
            live[event.pid, event.handle] = at
        elif event.kind == "close":
            live.pop((event.pid, event.handle), None)
    return frozenset(live.values())


def openings(events: Events) -> frozenset[int]:
    """Return the places of what opens, passes on or inherits keys of hives that stay held.

    That such a row is lost nothing in a file tells, unless its rows are numbered.
    """
    held = events[-1].held
    return frozenset(
        at
        for at, event in enumerate(events)
        if event.kind == "start"
        or (event.kind in ("open", "duplicate") and any(sid in event.key for sid in held))
    )


def orphaned(events: Events, changed: Events) -> frozenset[str]:
    """Return the users of whose hives *changed* leaves out a close that an exit made.

    Only closes of handles that were opened since the hive was last loaded or unloaded count.
    """
    kept = {id(event) for event in changed}
    opened: dict[tuple[int, int], int] = {}
    anchors: dict[str, int] = {}
    lost: list[tuple[str, int]] = []
    for at, event in enumerate(events):
        if event.kind in ("load", "unload") and not event.status:
            anchors[event.key[-len(USERS[0]) :]] = at
        elif event.kind == "open" and not event.status:
            opened[event.pid, event.handle] = at
        elif event.rundown and id(event) not in kept:
            lost.append((event.key, opened.get((event.pid, event.handle), -1)))
    return frozenset(
        sid for sid in USERS for key, at in lost if sid in key and at > anchors.get(sid, 0)
    )


@attrs.frozen
class Degrade:
    """One operation: its name, the formats that it applies to, and what it does there.

    ``weight`` says how often it is drawn: what seldom applies is drawn more often.
    """

    name: str
    formats: frozenset[str]
    events: OnEvents | None = None
    rows: OnRows | None = None
    data: OnBytes | None = None
    of: Callable[[Events], frozenset[int]] = holders
    weight: int = 1


# -- of events --------------------------------------------------------------------------------


def late(rng: random.Random, events: Events) -> tuple[list[Event], int] | None:
    """Begin the capture in the midst of the program."""
    cut = rng.randrange(1, len(events))
    return list(events[cut:]), len(events)


def early(rng: random.Random, events: Events) -> tuple[list[Event], int] | None:
    """End the capture in the midst of the program, between two rows: the truth is that moment's."""
    cut = rng.randrange(1, len(events))
    return list(events[:cut]), cut


def no_rundown(rng: random.Random, events: Events) -> tuple[list[Event], int] | None:
    """Leave out what one process closed as it ended."""
    pids = sorted({event.pid for event in events if event.rundown})
    if not pids:
        return None
    passed_on = {events[at].source[0] for at in holders(events)}
    heirs = [pid for pid in pids if pid in passed_on]
    if not heirs and rng.random() < 0.7:
        return None
    pid = rng.choice(heirs or pids)
    return [event for event in events if not (event.rundown and event.pid == pid)], len(events)


def pid_reused(rng: random.Random, events: Events) -> tuple[list[Event], int] | None:
    """Give a later process the number of one that has ended; perhaps its start was not seen."""
    ended = {event.pid: at for at, event in enumerate(events) if event.kind == "exit"}
    starts = {event.pid: at for at, event in enumerate(events) if event.kind == "start"}
    pairs = [(old, new) for old, at in ended.items() for new, at2 in starts.items() if at2 > at]
    if not pairs:
        return None
    old, new = rng.choice(sorted(pairs))
    unseen = rng.random() < 0.5
    changed = []
    for event in events:
        if event.pid == new:
            if event.kind == "start" and unseen:
                continue
            event = attrs.evolve(event, pid=old)  # noqa: PLW2901 - the same event, renumbered
        if event.source[0] == new:
            event = attrs.evolve(event, source=(old, event.source[1]))  # noqa: PLW2901
        changed.append(event)
    return changed, len(events)


def pid_taken(rng: random.Random, events: Events) -> tuple[list[Event], int] | None:
    """Give a process the number of one that still runs, as in captures of two systems put together.

    The one that runs has handles and is heard of no more.
    """
    last = {event.pid: at for at, event in enumerate(events)}
    starts = {event.pid: at for at, event in enumerate(events) if event.kind == "start"}
    keepers = {events[at].pid for at in holders(events)}
    pairs = [(old, new) for old in keepers for new, at in starts.items() if at > last[old]]
    if not pairs:
        return None
    old, new = rng.choice(sorted(pairs))
    changed = [
        attrs.evolve(
            event,
            pid=old if event.pid == new else event.pid,
            source=(old, event.source[1]) if event.source[0] == new else event.source,
        )
        for event in events
    ]
    return changed, len(events)


def handed_over(rng: random.Random, events: Events) -> tuple[list[Event], int] | None:
    """End a process whose handles another has by then: no row closes them."""
    keepers = sorted({(events[at].pid, events[at].image) for at in holders(events)})
    if not keepers:
        return None
    pid, image = rng.choice(keepers)
    return [*events, Event(kind="exit", pid=pid, image=image)], len(events)


def refused(_: random.Random, events: Events) -> tuple[list[Event], int] | None:
    """Lose what is held without a trace, but for the answer to an unload at the end."""
    held, lost = events[-1].held, holders(events)
    loads = {sid: e for sid in held for e in events if e.kind == "load" and sid in e.key}
    if not loads:
        return None
    answers = [attrs.evolve(loads[sid], kind="unload", status=0xC0000121) for sid in sorted(loads)]
    return [*(e for at, e in enumerate(events) if at not in lost), *answers], len(events)


def stretch_lost(rng: random.Random, events: Events) -> tuple[list[Event], int] | None:
    """Lose a stretch in which keys of each held hive were opened; a close that follows tells of it.

    Without such a close nothing in a file without numbers could tell.
    """
    opened: dict[tuple[int, int], int] = {}
    pairs = []
    for at, event in enumerate(events):
        if event.kind == "open" and not event.status:
            opened[event.pid, event.handle] = at
        elif event.kind == "close" and (event.pid, event.handle) in opened:
            pairs.append((opened.pop((event.pid, event.handle)), at, event.key))
    # By path, a close of one of several handles on a key may be of any of them.
    places = Counter((e.pid, e.key.upper()) for e in events if e.kind in ("open", "duplicate"))
    pairs = [one for one in pairs if places[events[one[1]].pid, one[2].upper()] == 1]
    held = events[-1].held
    spans = [
        (first, end)
        for first, close, _ in pairs
        for end in (close - 1, close)
        if all(
            any(
                first <= a < end <= b and sid in key and after_anchor(events, sid, a)
                for a, b, key in pairs
            )
            for sid in held
        )
        and all(event.kind in ("open", "close", "query") for event in events[first:end])
    ]
    if not held or not spans:
        return None
    last = holders(events)
    hiding = [(a, b) for a, b in spans if all(a <= at < b for at in last if events[at].key)]
    first, end = rng.choice(hiding or spans)
    return [*events[:first], *events[end:]], len(events)


def after_anchor(events: Events, sid: str, at: int) -> bool:
    """Return whether the user's hive is neither loaded nor unloaded after the event *at*."""
    return not any(e.kind in ("load", "unload") and sid in e.key for e in events[at:])


# -- of rows ----------------------------------------------------------------------------------


def _victims(
    rng: random.Random, rows: list[Row], of: frozenset[int], kinds: tuple[str, ...]
) -> list[int]:
    """Return the rows to change: those whose handles stay open, if there are any, else a few."""

    def kind(row: Row) -> str:
        return str(row.get("operation", row.get("op", "")))

    fit = [n for n, row in enumerate(rows) if kind(row) in kinds]
    mine = [n for n in fit if rows[n]["at"] in of]
    if mine and rng.random() < 0.8:
        return mine
    return rng.sample(fit, min(len(fit), rng.randrange(1, 4))) if fit else []


_OPENERS: Final = ("open", "RegOpenKey", "duplicate")
_NAMES: Final = ("path", "key")


def _changed(rows: list[Row], which: list[int], **values: object) -> list[Row]:
    return [{**row, **values} if n in which else row for n, row in enumerate(rows)]


def respelled(rng: random.Random, rows: list[Row], of: frozenset[int]) -> list[Row] | None:
    """Write keys as other tools do, or not so that anybody could tell which they are."""
    which = _victims(rng, rows, of, _OPENERS)
    if not which:
        return None
    style = rng.choice(_STYLES)
    field = "path" if "path" in rows[0] else "key"
    return [
        {**row, field: style(str(row.get(field, "")))} if n in which else row
        for n, row in enumerate(rows)
    ]


def _long(path: str) -> str:
    short = re.sub(r"^\\REGISTRY\\USER", "HKU", path, flags=re.IGNORECASE)
    short = re.sub(r"^\\REGISTRY\\MACHINE", "HKLM", short, flags=re.IGNORECASE)
    return re.sub("^HKU", "HKEY_USERS", re.sub("^HKLM", "HKEY_LOCAL_MACHINE", short))


_STYLES: Final[tuple[Callable[[str], str], ...]] = (
    lambda path: "Registry::" + _long(path),
    lambda path: "Microsoft.PowerShell.Core\\Registry::" + _long(path),
    lambda path: "Computer\\" + _long(path),
    lambda path: "\\\\PC7\\" + _long(path),
    lambda path: _long(path).replace("\\", "/"),
    lambda path: _long(path).lower(),
    lambda path: "HKU:" + _long(path).removeprefix("HKEY_USERS"),
    lambda path: _long(path).replace("HKEY_USERS\\", "HKEY_USERS\\\\"),
    lambda path: "\\" + _long(path),
    lambda path: path.rpartition("\\")[2],
    lambda _: "",
    lambda _: "?",
)


def as_own(rng: random.Random, rows: list[Row], of: frozenset[int]) -> list[Row] | None:
    """Write keys below HKCU, as tools do that run as the user whose they are."""
    which = _victims(rng, rows, of, _OPENERS)
    field = "path" if which and "path" in rows[0] else "key"
    named = {
        n: re.sub(r"^HKEY_USERS\\S-[-0-9]+", "HKCU", _long(rows[n].get(field, ""))) for n in which
    }
    if not any(name.startswith("HKCU") for name in named.values()):
        return None
    return [{**row, field: named[n]} if n in named else row for n, row in enumerate(rows)]


def relative(rng: random.Random, rows: list[Row], of: frozenset[int]) -> list[Row] | None:
    """Name keys below a handle that the capture has not shown being opened."""
    which = _victims(rng, rows, of, _OPENERS)
    if not which or rows[0].get("op") is None:
        return None
    return [
        {**row, "key": row["key"].rpartition("\\")[2], "parent": 0x4440} if n in which else row
        for n, row in enumerate(rows)
    ]


def informational(rng: random.Random, rows: list[Row], of: frozenset[int]) -> list[Row] | None:
    """Give successful opens another status that is a success as well, or one that nobody knows."""
    which = _victims(rng, rows, of, _OPENERS)
    if not which:
        return None
    status = rng.choice((0x40000016, 0x40000000, 0x4000002A))
    word = rng.choice((f"0x{status:08X}", f"0x{status:x}", "ERFOLGREICH", "SOMETHING NEW", ""))
    which = [n for n in which if not rows[n].get("status")]
    if "result" in rows[0]:
        return _changed(rows, which, result=word, status=status)
    return _changed(rows, which, status=status)


def other_calls(rng: random.Random, rows: list[Row], of: frozenset[int]) -> list[Row] | None:
    """Call what opens a key by another of its names, or by one that nobody knows."""
    which = _victims(rng, rows, of, ("open",))
    if not which:
        return None
    name = rng.choice(
        (
            *("RegOpenKeyExW", "RegOpenKeyTransactedW", "RegCreateKeyTransactedA", "ZwOpenKey"),
            *("NtOpenKeyTransactedEx", "ZwCreateKey", "RegOpenUserClassesRoot", "RegLoadAppKeyW"),
            *("REGOPENKEYEX", "Reg_Open_Key", "OpenRegistryKey", "CmOpenKey", "", "openkey"),
        )
    )
    return _changed(rows, which, op=name)


def other_operation(rng: random.Random, rows: list[Row], of: frozenset[int]) -> list[Row] | None:
    """Write Process Monitor's operation in another way."""
    which = _victims(rng, rows, of, ("RegOpenKey",))
    if not which:
        return None
    name = rng.choice(("regopenkey", "REGOPENKEY", "RegOpenKeyEx", "RegOpenK", "Reg Open Key", ""))
    return _changed(rows, which, operation=name)


def counter_gap(rng: random.Random, rows: list[Row], of: frozenset[int]) -> list[Row] | None:
    """Lose rows of which only the driver's counter still tells: a row that follows shows it."""
    which = _victims(rng, rows, of, ("RegOpenKey", "RegCloseKey", "RegUnloadKey"))
    if not which:
        return None
    counter, kept = 99, []
    for n, row in enumerate(rows):
        if row["operation"].startswith("Reg"):
            counter += 1
        if n not in which:
            kept.append({**row, "counter": counter})
    query = {"operation": "RegQueryValue", "path": "HKLM", "result": "SUCCESS", "status": 0}
    return [*kept, {**rows[-1], **query, "counter": counter + 1}]


def reversed_rows(_: random.Random, rows: list[Any], __: frozenset[int]) -> list[Any] | None:
    """Sort the rows from the last to the first."""
    return list(reversed(rows))


def overtaken(rng: random.Random, rows: list[Row], of: frozenset[int]) -> list[Row] | None:
    """Write what is held before the hive's last unload, as buffers that are saved in turn do."""
    for sid in rng.sample(USERS, len(USERS)):
        names = [str(row.get("path", row.get("key", ""))) for row in rows]
        kinds = [str(row.get("operation", row.get("op", ""))) for row in rows]
        ends = [
            n
            for n, kind in enumerate(kinds)
            if kind in ("unload", "force", "RegUnloadKey")
            and names[n].endswith(sid)
            and not rows[n].get("status")
        ]
        mine = [
            n
            for n, row in enumerate(rows)
            if row["at"] in of and sid in names[n] and ends and n > ends[-1]
        ]
        if mine:
            rest = [n for n in range(len(rows)) if n not in mine]
            place = rest.index(ends[-1])
            return [rows[n] for n in (*rest[:place], *mine, *rest[place:])]
    return None


def dropped(rng: random.Random, rows: list[Any], of: frozenset[int]) -> list[Any] | None:
    """Lose rows without a trace, but none of *of*."""
    kept = []
    for row in rows:
        at = row["at"] if isinstance(row, dict) else row[0]
        if at in of or rng.random() < 0.9:
            kept.append(row)
    return kept if 0 < len(kept) < len(rows) else None


def clock_back(rng: random.Random, rows: list[Row], _: frozenset[int]) -> list[Row] | None:
    """Step the clock back while the capture runs, and sort the rows by time as a table would be."""
    if len(rows) < 3 or "time" not in rows[0]:
        return None
    cut = rng.randrange(1, len(rows) - 1)
    back = (rows[-1]["time"] - rows[0]["time"]) * 2
    moved = [{**row, "time": row["time"] - back * (n >= cut)} for n, row in enumerate(rows)]
    return moved if rng.random() < 0.5 else [*moved[cut:], *moved[:cut]]


# -- of bytes ---------------------------------------------------------------------------------


def cut_tail(rng: random.Random, data: bytes) -> bytes | None:
    """Cut the file off anywhere."""
    return data[: rng.randrange(len(data) // 3, len(data) - 3)]


def _at_line(rng: random.Random, data: bytes, change: Callable[[bytes], bytes]) -> bytes | None:
    lines = data.split(b"\n")
    fit = [n for n, line in enumerate(lines) if n and b"pen" in line]
    if not fit:
        return None
    for n in fit[-3:] if rng.random() < 0.7 else rng.sample(fit, 1):
        lines[n] = change(lines[n])
    return b"\n".join(lines)


def torn_quote(rng: random.Random, data: bytes) -> bytes | None:
    """Lose one quote of the last rows that open a key, or double it."""

    def change(line: bytes) -> bytes:
        at = [n for n, byte in enumerate(line) if byte == 0x22]
        if not at:
            return line
        one = rng.choice(at)
        return line[:one] + rng.choice((b"", b'""', b"'")) + line[one + 1 :]

    return _at_line(rng, data, change)


def column_lost(rng: random.Random, data: bytes) -> bytes | None:
    """Lose a column of the last rows that open a key, or gain one."""

    def change(line: bytes) -> bytes:
        fields = line.split(b'","')
        if rng.random() < 0.7:
            del fields[rng.randrange(len(fields))]
        else:
            fields.insert(rng.randrange(len(fields)), b"x")
        return b'","'.join(fields)

    return _at_line(rng, data, change)


def overwritten(rng: random.Random, data: bytes) -> bytes | None:
    """Overwrite a stretch with zeros, as a disk that failed leaves it."""
    size = min(len(data) // 4, rng.choice((16, 120, 700)))
    at = rng.randrange(len(data) // 4, len(data) - size)
    return data[:at] + bytes(size) + data[at + size :]


def line_lost(rng: random.Random, data: bytes) -> bytes | None:
    """Put something else in the place of rows that open a key."""
    other = rng.choice((b"{", b"-- 8< --", b'"x"', b"[]", b"null", b"\xff\xfe\x00"))
    return _at_line(rng, data, lambda _: other)


def joined(rng: random.Random, data: bytes) -> bytes | None:
    """Lose the line break before rows that open a key."""
    lines = data.split(b"\n")
    fit = [n for n, line in enumerate(lines) if n > 1 and b"pen" in line]
    lost = set(fit[-3:] if rng.random() < 0.7 else rng.sample(fit, min(len(fit), 1)))
    if not lost:
        return None
    end = b"\r" if rng.random() < 0.5 else b""
    return b"".join(
        line.removesuffix(end) if n + 1 in lost else line + b"\n" for n, line in enumerate(lines)
    )


def packed_and_cut(rng: random.Random, data: bytes) -> bytes | None:
    """Pack the file in two parts, one after the other, and perhaps lose the end."""
    at = rng.randrange(len(data))
    packed = gzip.compress(data[:at], mtime=0) + gzip.compress(data[at:], mtime=0)
    return packed if rng.random() < 0.5 else packed[: -rng.randrange(1, 12)]


ALL: Final = frozenset(
    {"csv", "xml", "pml", "jsonl", "jsonl-paths", "parquet", "etw-xml", "etw-csv", "wine"}
)
TEXT: Final = ALL - {"pml", "parquet"}

OPERATIONS: Final = (
    Degrade("begun late", ALL, events=late, weight=2),
    Degrade("ended early", ALL, events=early),
    Degrade("no rundown", ALL, events=no_rundown, weight=6),
    Degrade("pid reused", ALL, events=pid_reused),
    Degrade("pid taken", frozenset({"jsonl", "parquet"}), events=pid_taken, weight=12),
    Degrade("handed over", PROCMON | {"jsonl-paths"}, events=handed_over, weight=3),
    Degrade("refused", PROCMON | RECORDS, events=refused),
    Degrade("stretch lost", PROCMON | RECORDS, events=stretch_lost, weight=6),
    Degrade("respelled", PROCMON | RECORDS, rows=respelled),
    Degrade("below HKCU", PROCMON | RECORDS, rows=as_own),
    Degrade("relative", RECORDS, rows=relative),
    Degrade("informational", PROCMON | RECORDS, rows=informational, weight=3),
    Degrade("other calls", RECORDS, rows=other_calls),
    Degrade("other operation", frozenset({"csv", "xml"}), rows=other_operation),
    Degrade("rows dropped", ALL, rows=dropped, of=openings),
    Degrade("counter gap", frozenset({"pml"}), rows=counter_gap, weight=3),
    Degrade("reversed", ALL - {"wine"}, rows=reversed_rows),
    Degrade("overtaken", PROCMON | RECORDS, rows=overtaken, weight=6),
    Degrade("clock back", PROCMON | RECORDS, rows=clock_back),
    Degrade("cut", ALL, data=cut_tail),
    Degrade("torn quote", TEXT, data=torn_quote),
    Degrade("column lost", frozenset({"csv"}), data=column_lost),
    Degrade("overwritten", ALL, data=overwritten, weight=2),
    Degrade("line lost", TEXT, data=line_lost),
    Degrade("lines joined", TEXT - {"etw-xml"}, data=joined),
    Degrade("packed", ALL, data=packed_and_cut),
)

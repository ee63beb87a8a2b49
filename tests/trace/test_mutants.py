"""Damaged and hostile inputs: one clear error or a partial result, never a crash or a hang.

Each reader gets mutants of a small valid file: 50 in the quick run, 1,000 with
``HYPOTHESIS_PROFILE=ci`` (of event logs, each of which takes a process, and of the many texts
that people paste, at night only). A mutant is
cut, overwritten, repeated, has numbers made huge, or made to point at one another.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import evtx_files
import logs
import pieces
import pytest

from regsim.errors import RegsimError
from regsim.report.pictures.evidence import evidence_svg
from regsim.report.text.evidence import as_json, as_text
from regsim.trace.asking import replay, who
from regsim.trace.readers import event_log, evtx_apart
from regsim.trace.readers._container_events import is_container_log
from regsim.trace.readers._profile_events import is_known
from regsim.trace.redact import redacted

resource = pytest.importorskip("resource")  # Windows has none

MUTANTS = 1_000 if os.environ.get("HYPOTHESIS_PROFILE") in ("ci", "nightly") else 50
EVTX_MUTANTS = MUTANTS if os.environ.get("HYPOTHESIS_PROFILE") != "ci" else 100
TEXT_MUTANTS = 1_000 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 8
SLOWEST = 10.0
MOST_MEMORY = 1 << 30

Mutate = Callable[[random.Random, bytes], bytes]


def cut(rng: random.Random, data: bytes) -> bytes:
    """End early."""
    return data[: rng.randrange(len(data) + 1)]


def flip(rng: random.Random, data: bytes) -> bytes:
    """Change some bytes."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 20)):
        if changed:
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def splice(rng: random.Random, data: bytes) -> bytes:
    """Take a stretch out, or put it somewhere else again."""
    a, b, c = (rng.randrange(len(data) + 1) for _ in range(3))
    a, b = min(a, b), max(a, b)
    return data[:a] + data[b:] if rng.random() < 0.5 else data[:c] + data[a:b] + data[c:]


def blow_up(rng: random.Random, data: bytes) -> bytes:
    """Write the largest numbers over four bytes that lie where numbers lie, or into the text."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(max(len(changed) - 8, 1)) & ~3
        changed[at : at + 4] = rng.choice([b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"9999"])
    return bytes(changed)


def early(rng: random.Random, data: bytes) -> bytes:
    """Change bytes near the start, where the structure is."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        if changed:
            changed[rng.randrange(min(len(changed), 1200))] = rng.randrange(256)
    return bytes(changed)


def point(rng: random.Random, data: bytes) -> bytes:
    """Write places in the file, that of the place itself among them, or small numbers, anywhere."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(max(len(changed) - 8, 1))
        place = rng.choice([at, at - 4096, rng.randrange(65_536), rng.randrange(20)])
        changed[at : at + 4] = max(place, 0).to_bytes(4, "little")
    return bytes(changed)


MUTATIONS: tuple[Mutate, ...] = (cut, flip, splice, blow_up, early, point)


def small_csv() -> bytes:
    """A capture in Process Monitor's CSV with every operation that matters."""
    rows = [("Time of Day", "Process Name", "PID", "Operation", "Path", "Result", "Detail")]
    ops = ["RegOpenKey", "RegCreateKey", "RegCloseKey", "RegLoadKey", "RegUnloadKey"]
    for number in range(120):
        op = [*ops, "Process Start", "Process Exit", "RegQueryKey"][number % 8]
        path = ["HKCU", "HKCU\\A", "HKU\\S-1-5-21-7\\B", 'HKLM\\"x"\n'][number % 4]
        row = (
            f"10:00:00.{number:07}",
            "a.exe",
            str(number % 5),
            op,
            path,
            "SUCCESS",
            "Desired Access: Read",
        )
        rows.append(row)
    lines = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    return "\r\n".join(lines).encode("utf-8-sig") + b"\r\n"


def small_xml() -> bytes:
    """The same sort of capture as XML."""
    event = (
        "<event><ProcessIndex>1</ProcessIndex><Time_of_Day>10:00:00.0000001</Time_of_Day>"
        "<Process_Name>a.exe</Process_Name><PID>5</PID><Operation>RegOpenKey</Operation>"
        "<Path>HKCU\\A&amp;B</Path><Result>SUCCESS</Result><Detail>Desired Access: Read</Detail>"
        "</event>"
    )
    head = "<procmon><processlist><process><ProcessIndex>1</ProcessIndex><ProcessId>5</ProcessId>"
    tail = "<ProcessName>a.exe</ProcessName></process></processlist><eventlist>"
    return f"{head}{tail}{event * 30}</eventlist></procmon>".encode()


def small_etw_xml() -> bytes:
    """A trace in tracerpt's XML."""
    event = (
        '<Event><System><Provider Name="Microsoft-Windows-Kernel-Registry"/><EventID>2</EventID>'
        '<TimeCreated SystemTime="2020-07-11T16:33:14.306261400Z"/>'
        '<Execution ProcessID="4"/></System>'
        '<EventData><Data Name="KeyObject">0xA</Data><Data Name="Status">0</Data>'
        '<Data Name="RelativeName">\\REGISTRY\\USER\\S-1-5-21-7</Data></EventData></Event>'
    )
    return f"<Events>{event * 30}</Events>".encode()


def small_etw_csv() -> bytes:
    """A trace in tracerpt's CSV."""
    head = b"Event Name, Type, Event ID, Version, Channel, Level, Opcode, Task, Keyword, PID, TID, "
    head += b"Processor Number, Instance ID, Parent Instance ID, Activity ID, Related Activity ID, "
    head += b"Clock-Time, Kernel(ms), User(ms), User Data\n"
    row = b"Registry, %s, 0, 2, 0, 0, 11, 0, 0x0, 0x28, 0x1, 0, , , , , 132389587943062614, 0, 0, "
    row += b'1, 0x0, 0, 0xA0, "\\REGISTRY\\USER\\S-1-5-21-7"\n'
    return head + b"".join(row % kind for kind in (b"KCBCreate", b"Open", b"Close") * 20)


def small_wine() -> bytes:
    """A log of wineserver."""
    lines = [
        "0024: init_first_thread( unix_pid=1 )",
        "0024: init_first_thread() = 0 { pid=0020, tid=0024 }",
    ]
    for number in range(40):
        name = r"\\Registry\\User\\S-1-5-21-7\\x" + str(number)
        lines.append(f'0024: open_key( parent=0000, access=00020019, name=L"{name}" )')
        lines.append(f"0024: open_key() = 0 {{ hkey={number * 4 + 4:04x} }}")
        lines.append(f"0024: close_handle( handle={number * 4 + 4:04x} )")
        lines.append("0024: close_handle() = 0")
    return "\n".join([*lines, "0020: *process killed*", "wineserver: exiting"]).encode()


def small_client_log() -> bytes:
    """A log of Wine's client side."""
    call = "1.5:0020:0024:trace:reg:NtOpenKeyEx"
    asked = call + r' ((nil),L"\\Registry\\User\\S-1-5-21-7",20019,0x7f)'
    return f"{asked}\n{call} <- 0x4\n".encode() * 40


def small_jsonl() -> bytes:
    """A trace in JSON lines."""
    records: list[dict[str, Any]] = [{"op": "start", "pid": 1, "process": "a.exe", "time": 0.5}]
    for number in range(60):
        records.append({"op": "open", "pid": 1, "parent": "HKCU", "key": "A", "handle": number * 4})
        records.append({"op": "close", "pid": 1, "handle": number * 4, "time": number})
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def small_parquet(tmp_path: Path) -> bytes:
    """The same as Parquet."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rows = [
        {
            "op": ["open", "close"][n % 2],
            "pid": 1,
            "key": f"HKCU\\{n // 2}",
            "handle": n // 2 * 4 + 4,
        }
        for n in range(200)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "whole")
    return (tmp_path / "whole").read_bytes()


EVENT = rb"""Event ID: 1530
2 user registry handles leaked from \Registry\User\S-1-5-21-7:
Process 812 (\Device\HarddiskVolume3\P (x86)\s.exe) has opened key \REGISTRY\USER\S-1-5-21-7
The following handles in user profile hive D\u1 (S-1-5-21-7) have been closed:

profleak.exe (1444)
  HKCU (0x144)
"""
LISTING = rb"""svchost.exe pid: 1234 NT AUTHORITY\SYSTEM
 135C: Key           HKU\S-1-5-21-7\Software
app.exe            pid: 77     type: Key           DOM\bob   10: HKU\S-1-5-21-7
"""
HANDLE_CSV = b"Process,PID,Type,Handle,Name\r\n" + b"a.exe,7,Key,0x9C,HKU\\S-1-5-21-7\r\n" * 20
WINDBG = (
    b"Handle 44\n  Type \tKey\n  GrantedAccess\t0x9:\n  Name  \t\\REGISTRY\\USER\\S-1-5-21-7\n" * 9
)

LEAK = (
    "1 user registry handles leaked from \\Registry\\User\\S-1-5-21-7:\n"
    "Process 812 (\\Device\\HarddiskVolume3\\s.exe) has opened key \\REGISTRY\\USER\\S-1-5-21-7"
)

READERS: dict[str, tuple[Callable[[Path], Any], Callable[..., bytes] | bytes]] = {
    "csv": (replay, small_csv),
    "csv-gzip": (replay, lambda: gzip.compress(small_csv())),
    "xml": (replay, small_xml),
    "etw-xml": (replay, small_etw_xml),
    "etw-csv": (replay, small_etw_csv),
    "wine-server": (replay, small_wine),
    "wine-client": (replay, small_client_log),
    "jsonl": (replay, small_jsonl),
    "event-text": (who, EVENT),
    "handle-text": (who, LISTING),
    "handle-csv": (who, HANDLE_CSV),
    "windbg": (who, WINDBG),
}


def mutants(data: bytes, seed: str, count: int) -> Iterator[bytes]:
    """Yield *count* mutants of *data*, the same each time."""
    rng = random.Random(seed)
    for number in range(count):
        mutant = data
        for _ in range(rng.randint(1, 2)):
            mutant = MUTATIONS[number % len(MUTATIONS)](rng, mutant)
        yield mutant


def survive(
    read: Callable[[Path], Any], data: bytes, path: Path, seed: str, count: int = MUTANTS
) -> tuple[int, int]:
    """Read every mutant and report on it; return how many were read and how many refused."""
    read_well = refused = 0
    for mutant in mutants(data, seed, count):
        path.write_bytes(mutant)
        began = time.monotonic()
        try:
            verdict = read(path)
        except RegsimError as error:
            refused += 1
            assert str(error).strip()
            assert "\n" not in str(error)
        else:
            read_well += 1
            assert json.loads(json.dumps(as_json(redacted(verdict))))
            assert as_text(verdict)
            assert evidence_svg(verdict)
        assert time.monotonic() - began < SLOWEST
    return read_well, refused


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    """Hold the memory that a test takes against a bound."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < MOST_MEMORY


@pytest.mark.parametrize("name", READERS)
def test_mutants(name: str, tmp_path: Path) -> None:
    """Each reader survives its mutants, and reads the whole file that they are made of."""
    read, made = READERS[name]
    data = made if isinstance(made, bytes) else made()
    path = tmp_path / "mutant"
    path.write_bytes(data)
    assert read(path).events
    read_well, refused = survive(read, data, path, name)
    assert read_well + refused == MUTANTS
    assert read_well


TEXTS: dict[str, str] = {
    **{name: piece.text for name, piece in pieces.EVENTS.items()},
    **{name: piece.text for name, piece in pieces.LISTINGS.items()},
    **{name: text for name, (text, _) in logs.LOGS.items()},
}


@pytest.mark.parametrize("name", TEXTS)
def test_mutants_of_what_is_pasted(name: str, tmp_path: Path) -> None:
    """So do the readers of events, listings and logs, whatever the text is wrapped in."""
    path = tmp_path / "mutant"
    path.write_bytes(data := TEXTS[name].encode())
    assert who(path).events

    assert sum(survive(who, data, path, name, TEXT_MUTANTS)) == TEXT_MUTANTS


def test_parquet_mutants(tmp_path: Path) -> None:
    """So does the reader of Parquet."""
    data = small_parquet(tmp_path)
    read_well, refused = survive(replay, data, tmp_path / "mutant", "parquet")
    assert read_well + refused == MUTANTS
    assert refused


@pytest.mark.shared_data
def test_pml_mutants(captured: Callable[[str], Path], tmp_path: Path) -> None:
    """So does the reader of PML, on the head of a real file with its tables moved up."""
    pytest.importorskip("numpy")
    data = shortened_pml(captured("procmon/CompressedLogfileTests32bitUTC.PML").read_bytes(), 400)
    path = tmp_path / "mutant"
    path.write_bytes(data)
    whole = replay(path)
    assert (whole.events, whole.reasons[:0]) == (400, ())
    assert whole.opens
    read_well, refused = survive(replay, data, path, "pml")
    assert read_well + refused == MUTANTS
    assert read_well
    assert refused


def shortened_pml(data: bytes, events: int) -> bytes:
    """Return a PML file with the first *events* events and all tables."""
    offsets, table, strings, icons = (
        int.from_bytes(data[at : at + 8], "little") for at in (0x248, 0x250, 0x258, 0x260)
    )
    kept = data[offsets : offsets + 5 * events]
    end = int.from_bytes(data[offsets + 5 * events : offsets + 5 * events + 4], "little")
    head = bytearray(data[:end])
    parts, places = [kept, data[table:strings], data[strings:icons]], []
    for part in parts:
        places.append(len(head))
        head += part
    head[0x234:0x238] = events.to_bytes(4, "little")
    for at, place in zip((0x248, 0x250, 0x258), places, strict=True):
        head[at : at + 8] = place.to_bytes(8, "little")
    return bytes(head)


def small_evtx() -> bytes:
    """An event log with leaks, other events, and templates."""
    chunk = evtx_files.Chunk()
    for number in range(9):
        chunk.event("Microsoft-Windows-User Profiles Service", 1530, [LEAK])
        chunk.event("Other", number, ["text"])
        chunk.laughs(3, "ha", 2)
    return evtx_files.evtx_file(chunk, chunk)


def test_evtx_mutants(tmp_path: Path) -> None:
    """So does the reader of event logs, wherever the mutant makes the library lose its way."""
    pytest.importorskip("evtx")
    path = tmp_path / "mutant"
    path.write_bytes(data := small_evtx())
    assert who(path).events == 54
    read_well, refused = survive(who, data, path, "evtx", EVTX_MUTANTS)
    assert read_well + refused == EVTX_MUTANTS
    assert read_well


@pytest.mark.shared_data
def test_real_evtx_mutants(captured: Callable[[str], Path], tmp_path: Path) -> None:
    """And on a real log."""
    pytest.importorskip("evtx")
    data = captured("events/omerbenamram_Application_no_crc32.evtx").read_bytes()
    read_well, refused = survive(who, data, tmp_path / "mutant", "evtx", EVTX_MUTANTS)
    assert read_well + refused == EVTX_MUTANTS
    assert read_well


@pytest.mark.parametrize(
    ("times", "text", "levels", "said"),
    [
        (7_000, "x" * 15_000, 1, "record 2 unpacks to more than any log does"),
        (1_500, "x" * 5_000, 4, "the library that reads EVTX files failed after 1 records"),
    ],
    ids=["a long one", "nested ones"],
)
def test_templates_that_multiply_are_bounded(
    times: int, text: str, levels: int, said: str, tmp_path: Path
) -> None:
    """A chunk of 64 KiB that unpacks to gigabytes ends neither regsim nor the reading before it."""
    pytest.importorskip("evtx")
    first, second = evtx_files.Chunk(), evtx_files.Chunk()
    first.event("Microsoft-Windows-User Profiles Service", 1530, [LEAK])
    second.laughs(times, text, levels)
    path = tmp_path / "log"
    path.write_bytes(evtx_files.evtx_file(first, second))

    found = who(path)

    assert [blocker.pid for blocker in found.blockers] == [812]
    assert any(said in reason for reason in found.reasons)


@pytest.mark.parametrize(
    "source",
    ["Microsoft-Windows-User Profiles Service", "User Profile Service", "PROFSVC", "Userenv"],
)
def test_evtx_is_looked_at_by_the_name_of_who_wrote(source: str, tmp_path: Path) -> None:
    """However the service's name is written its event is told, and all others are counted.

    Another's event with the same text is not told.
    """
    pytest.importorskip("evtx")
    chunk = evtx_files.Chunk()
    chunk.event("Disk", 7, [LEAK])
    chunk.event(source, 1530, [f"profsvc {LEAK}"])
    chunk.event('Dis"k', 7, ["userenv"])
    path = tmp_path / "log"
    path.write_bytes(evtx_files.evtx_file(chunk))

    found = who(path)

    assert found.events == 3
    assert [blocker.pid for blocker in found.blockers] == [812]
    assert not any("cannot be read" in reason for reason in found.reasons)


def test_whose_events_matter_is_asked_before_their_text() -> None:
    """Each name under which an event is taken in has one of the parts that are looked for first."""
    names = ("Microsoft-Windows-User Profiles Service", "user profile service", "ProfSvc")
    more = ("USERENV", "UPHClean", "Microsoft-Windows-AppModel-Runtime/Admin", "App Model Runtime")
    asked = evtx_apart._Matters(list(event_log._NAMES))

    for name in (*names, *more):
        assert is_known(name) or is_container_log(name)
        assert asked[f'{evtx_apart._HEAD}{name}"']
    assert not asked[f'{evtx_apart._HEAD}Service Control Manager"']


@pytest.mark.parametrize("seconds", [1, 60])
def test_a_library_that_hangs_is_ended(
    seconds: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that takes too long over a record is ended; one that takes its time is waited for."""
    package = tmp_path / "evtx.py"
    package.write_text(
        "import time\nclass PyEvtxParser:\n    def __init__(self, file, **_): pass\n"
        "    def records_json(self):\n        time.sleep(3)\n        yield {'data': '{}'}\n"
    )
    program = Path(evtx_apart.__file__).read_text(encoding="utf-8")
    slow = tmp_path / "apart.py"
    slow.write_text(program.replace("MOST_SECONDS: Final = 30", f"MOST_SECONDS: Final = {seconds}"))
    monkeypatch.setattr(evtx_apart, "__file__", str(slow))
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "log"
    path.write_bytes(evtx_files.evtx_file(evtx_files.Chunk()))

    found = who(path)

    assert found.events == (seconds > 3)
    assert any("failed after 0 records" in reason for reason in found.reasons) == (seconds < 3)


def test_endless_row_is_partial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row without an end does not fill the memory."""
    monkeypatch.setattr("regsim.trace.readers.procmon_csv._LONGEST_ROW", 1 << 16)
    monkeypatch.setattr("regsim.trace.readers.procmon_csv._STRETCH", 1 << 14)
    path = tmp_path / "row"
    path.write_bytes(small_csv() + b'"' + b"x" * (1 << 19))
    assert any("a row of more than" in reason for reason in replay(path).reasons)


def test_bomb_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What unpacks to more than the limit is refused, and the limit can be raised."""
    path = tmp_path / "bomb"
    path.write_bytes(gzip.compress(small_csv() + b'"' + bytes(1 << 23)))
    monkeypatch.setenv("REGSIM_UNPACK_GIB", "0.004")
    with pytest.raises(RegsimError, match="unpacks to over"):
        replay(path)
    monkeypatch.setenv("REGSIM_UNPACK_GIB", "1")
    assert replay(path).reasons
    monkeypatch.setenv("REGSIM_UNPACK_GIB", "much")
    with pytest.raises(RegsimError, match="takes a number"):
        replay(path)


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_what_unpacks_a_thousandfold_is_refused(
    pack: Callable[[bytes], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ratio that no log reaches by itself ends the reading, unless it is allowed for."""
    monkeypatch.setattr("regsim.trace.source._HARMLESS", 1 << 20)
    path = tmp_path / "bomb"
    path.write_bytes(pack(small_csv() + b'"' + bytes(1 << 23)))
    with pytest.raises(RegsimError, match="over 200 times its size"):
        replay(path)
    monkeypatch.setenv("REGSIM_UNPACK_RATIO", "2000")
    assert replay(path).reasons

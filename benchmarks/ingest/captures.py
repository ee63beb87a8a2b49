"""Large captures to measure with: the rows of a real one repeated, or rows in its likeness.

``python benchmarks/ingest/captures.py CSV|PML SOURCE TARGET EVENTS`` writes one. Repeating the
events of a real capture keeps its mix of operations, failures, paths and row lengths; its times
repeat too.
"""

from __future__ import annotations

import struct
import sys
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "trace"))

import pml_files

HEADER = '"Time of Day","Process Name","PID","Operation","Path","Result","Detail"\r\n'


def repeat_csv(source: Path, target: Path, events: int) -> int:
    """Write the rows of *source* again and again; return how many there are."""
    data = source.read_bytes()
    head, _, body = data.partition(b"\n")
    rows = body.count(b'"\r\n"') + 1
    times = max(events // rows, 1)
    with target.open("wb") as file:
        file.write(head + b"\n")
        for _ in range(times):
            file.write(body)
    return rows * times


def repeat_pml(source: Path, target: Path, events: int) -> int:
    """Write the events of a PML file again and again, with its tables; return their number."""
    data = source.read_bytes()
    count = struct.unpack_from("<I", data, 0x234)[0]
    first, offsets, table, strings = struct.unpack_from("<4Q", data, 0x240)
    places = [struct.unpack_from("<I", data, offsets + 5 * at)[0] for at in range(count)]
    body, times = data[first:offsets], max(events // count, 1)
    with target.open("wb") as file:
        file.write(data[:first])
        for _ in range(times):
            file.write(body)
        moved = file.tell()
        for turn in range(times):
            shift = turn * len(body)
            packed = [(place + shift).to_bytes(5, "little") for place in places]
            file.write(b"".join(packed))
        tables = file.tell()
        file.write(data[table:])
        file.seek(0x234)
        file.write(struct.pack("<I", count * times))
        file.seek(0x248)
        file.write(struct.pack("<3Q", moved, tables, tables + strings - table))
        for place in (0x260, 0x3A0):  # icons, hosts and ports
            file.seek(place)
            file.write(struct.pack("<Q", struct.unpack_from("<Q", data, place)[0] + tables - table))
    return count * times


def repeat_evtx(log: bytes, target: Path, records: int) -> int:
    """Write the chunks of an event log again and again; return how many records there are."""
    begin, count = struct.unpack_from("<2H", log, 0x28)
    size = 1 << 16
    chunks = [log[at : at + size] for at in range(begin, begin + count * size, size)]
    chunks = [one for one in chunks if one.startswith(b"ElfChnk\0") and len(one) == size]
    spans = [struct.unpack_from("<2Q", one, 8) for one in chunks]
    each = sum(last - first + 1 for first, last in spans)
    times = -(-records // each)
    head = bytearray(log[:begin])
    struct.pack_into("<Q", head, 0x10, len(chunks) * times - 1)
    struct.pack_into("<H", head, 0x2A, len(chunks) * times)
    struct.pack_into("<I", head, 0x7C, zlib.crc32(head[:0x78]))
    target.write_bytes(head + b"".join(chunks) * times)
    return each * times


def synthetic_csv(target: Path, events: int) -> int:
    """Write rows of seven columns: queries, opens of which six in ten fail, and their closes."""
    kinds = ["RegQueryValue", "RegOpenKey", "RegOpenKey", "RegQueryKey", "RegCloseKey"]
    with target.open("w", encoding="utf-8-sig", newline="") as file:
        file.write(HEADER)
        for at in range(events):
            kind = kinds[at % 5]
            failed = kind == "RegOpenKey" and at % 10 in {1, 2, 6}
            result = "NAME NOT FOUND" if failed else "SUCCESS"
            detail = "Desired Access: Read" if kind == "RegOpenKey" else ""
            path = f"HKCU\\Software\\Vendor {at // 5 % 997}\\Settings"
            clock = f"{at // 3_600_000_0 % 12 + 1}:{at // 600_000 % 60:02}:{at // 10_000 % 60:02}"
            who = f'"app{at // 5 % 40}.exe","{at // 5 % 40 * 4}"'
            file.write(
                f'"{clock}.{at % 10_000:07} AM",{who},"{kind}","{path}","{result}","{detail}"\r\n'
            )
    return events


def synthetic_pml(target: Path, events: int) -> int:
    """Write events of PML in the same proportions, by three processes."""
    kinds = (5, 0, 0, 3, 2)  # a query, opens, another query, a close
    body, places = bytearray(pml_files.HEADER), []
    for at in range(events):
        kind = kinds[at % 5]
        path = f"HKCU\\Software\\Vendor {at // 5 % 997}\\Settings".encode("latin-1")
        failed = kind == 0 and at % 10 in {1, 2, 6}
        info = len(path) | 0x8000  # eight bits a character
        details = struct.pack("<HHI", info, 0, 0x20019) if kind == 0 else struct.pack("<H", info)
        details = details.ljust({5: 10, 3: 10}.get(kind, 0), b"\0") + path
        who = at // 5 % 3 + 1
        result = 0xC0000034 if failed else 0
        places.append(len(body))
        body += struct.pack("<IIIHHIQq", who, 0, 2, kind, 0, at, 0, 1 << 56 | at * 1_000)
        body += struct.pack("<IHHII", result, 4, 0, len(details), 0) + bytes(32) + details
    offsets = len(body)
    body += b"".join(place.to_bytes(5, "little") for place in places)
    pml_files.finish(body, offsets, events, is64=True)
    target.write_bytes(body)
    return events


if __name__ == "__main__":
    form, origin, out, number = sys.argv[1:5]
    write = {"CSV": repeat_csv, "PML": repeat_pml}[form]
    print(write(Path(origin), Path(out), int(number)))

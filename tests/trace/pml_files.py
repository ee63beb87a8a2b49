"""PML files made here: random events of Process Monitor's own format, with their tables."""

from __future__ import annotations

import random
import struct

HEADER = 0x3A8
PATHS = ("HKCU\\A", "HKCU\\a", "HKLM\\X", "HKU\\S-1-5-21-1\\K\u4e00", "", "HKCU\\\0")
RESULTS = (0, 0, 0, 0, 0xC0000034, 0x104, 0x368, 0xC000017C, 0xC0000425, 1018, 0x80000005)


def event(rng: random.Random, number: int, *, is64: bool) -> bytes:
    """Return one event, whose fields are likely ones or not."""
    kind = rng.choice([2, 2, 2, 2, 2, 1, 3, 5, rng.randrange(9)])
    op = rng.choice([0, 1, 2, 2, 12, 13, 7, rng.randrange(40), rng.randrange(1 << 16)])
    path, depth = rng.choice(PATHS), rng.randrange(5)
    wide = not path.isascii() or rng.random() < 0.3
    raw = path.encode("utf-16-le" if wide else "latin-1")
    info = len(path) | (0 if wide else 0x8000)
    head = {0: 8, 1: 8, 2: 2, 12: 4, 13: 2}.get(op, 8)
    said = struct.pack("<HHI", info, 0, rng.choice([0x20019, 0x02000000]))[: max(head, 2)]
    details = said[:head].ljust(head, b"\0") + raw + bytes(rng.choice([0, 4, 9]))
    size = len(details) if rng.random() < 0.95 else rng.randrange(60)
    stack = bytes(depth * (8 if is64 else 4))
    counter = number if rng.random() < 0.97 else rng.randrange(2 * number + 1)
    fixed = struct.pack(
        *("<IIIHHIQqIHHII", rng.choice([1, 2, 3, 99]), 0, kind, op, 0, counter, 0),
        *(1 << 56 | number, rng.choice(RESULTS), depth, 0, size, 0),
    )
    return fixed + stack + details


def pml_file(rng: random.Random, events: int) -> bytes:
    """Return a file of so many events, in order, with three processes."""
    is64 = rng.random() < 0.5
    body, places = bytearray(HEADER), []
    for number in range(events):
        places.append(len(body))
        body += event(rng, number, is64=is64)
    if rng.random() < 0.1:
        rng.shuffle(places)
    offsets = len(body)
    for place in places:
        body += place.to_bytes(4, "little") + bytes([rng.choice([0, 0, 0, 5])])
    finish(body, offsets, events, is64=is64)
    if rng.random() < 0.3:  # an event at the end of the file, perhaps not whole
        at = offsets + 5 * rng.randrange(events)
        body[at : at + 4] = len(body).to_bytes(4, "little")
        last = event(rng, events, is64=is64)
        body += last[: len(last) - rng.choice([0, 0, 1, 5, 20])]
    return bytes(body)


def finish(body: bytearray, offsets: int, events: int, *, is64: bool) -> None:
    """Write the tables behind the list of *events* events at *offsets*, and the header."""
    table, pids = len(body), (1, 2, 3)
    records = [
        struct.pack("<4IQ2I2q10I", n, 4 * n, 0, 0, 0, 1, 0, 0, 0, *[n % 2] * 10) for n in pids
    ]
    body += struct.pack("<I3I", len(pids), *pids)
    first = 4 + 8 * len(pids)
    body += struct.pack("<3I", *(first + len(records[0]) * at for at in range(len(pids))))
    body += b"".join(records)
    strings = len(body)
    texts = [text.encode("utf-16-le") for text in ("a.exe\0", "b.exe\0")]
    body += struct.pack("<3I", len(texts), 12, 16 + len(texts[0]))
    body += b"".join(struct.pack("<I", len(text)) + text for text in texts)
    body[:12] = b"PML_" + struct.pack("<II", 9, is64)
    body[0x234:0x238] = struct.pack("<I", events)
    body[0x240:0x260] = struct.pack("<4Q", HEADER, offsets, table, strings)
    body[0x274:0x280] = struct.pack("<3I", 6, 1, 7601)

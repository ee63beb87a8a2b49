"""Broken on purpose, over and over: one kind of error, no hang, and nothing silently wrong."""

from __future__ import annotations

import contextlib
import os
import random
import struct
import time
from typing import Any

import pytest

from regsim.errors import HiveFormatError
from regsim.regf import Mode, bigdata, new_hive, parse_hive, vk
from regsim.regf import bins as bins_module
from regsim.regf.layout import INLINE

COUNT = 2000 if os.environ.get("REGSIM_NIGHTLY") else 400
LIMIT = 2.0
HEADS = {b"nk": 76, b"vk": 20, b"sk": 20, b"lf": 84, b"lh": 84, b"li": 84, b"ri": 84, b"db": 8}


def reading(data: bytes, mode: Mode) -> tuple[Any, list[str]]:
    """Return all that a hive shows and what its check finds; raises only in strict mode."""
    hive = parse_hive(data, mode=mode)
    found: list[Any] = []
    for path, key in hive.walk():
        found.append((path, key.last_written, int(key.flags), key.class_name, key.security))
        found += [(path, value.name, value.type, value.data) for value in key.values()]
    hive.check()
    return found, [problem.what for problem in [*hive.problems, *hive.notes]]


def structural_cells(data: bytes) -> list[tuple[int, int]]:
    """Return (position, length) of the headers of all cells with a signature."""
    hive = parse_hive(data)
    header = hive.image.cell_header
    found = []
    for start, size in bins_module.bins(hive.image):
        for offset, signed in bins_module.cells(hive.image, start, size):
            at = offset + 4096 + header
            length = HEADS.get(data[at : at + 2], 0)
            if signed < 0 and length:
                found.append((offset + 4096, min(length + header, -signed)))
    return found


def mutants(data: bytes, seed: int, count: int) -> Any:
    """Yield (position or -1, mutant): a third each random bytes, structural bytes, truncations."""
    rng = random.Random(seed)
    cells = structural_cells(data)
    for number in range(count):
        broken = bytearray(data)
        if number % 10 == 0:
            yield -1, bytes(broken[: rng.randrange(len(data))])
            continue
        if number % 2:
            at = rng.randrange(len(data))
        else:
            start, length = rng.choice(cells)
            at = start + rng.randrange(length)
        broken[at] ^= rng.randrange(1, 256)
        yield at, bytes(broken)


def free_of_redundancy(data: bytes) -> set[int]:
    """Return the positions whose bytes nothing else in the file says again.

    Changing one of them gives another, equally valid hive: the time, flags, class and name of a
    key (its length too where no list holds a hash of the name), a value's name, type, size within
    its cell and data, a descriptor.
    """
    hive = parse_hive(data)
    free: set[int] = set()

    data_at = 4096 + hive.image.cell_header
    hashed = hive.image.base.minor >= 5

    def cell(offset: int, start: int, end: int) -> None:
        free.update(range(offset + data_at + start, offset + data_at + end))

    for _, key in hive.walk():
        fields = key.cell
        cell(key.offset, 2, 12)
        cell(key.offset, 74 if hashed else 72, 76 + fields.name_length)
        if fields.class_length:
            cell(fields.class_name, 0, fields.class_length)
        position, length = hive.image.cell(fields.security, "security")
        free.update(range(position + 16, position + length))
        for value in key.values():
            cell(value.offset, 2, 20 + len(value.name) * 2)
            where = vk.parse(hive.image, value.offset)[0]
            if not where.data_size & INLINE and value.size:
                _, length = hive.image.cell(where.data, "data")
                cell(where.data, 0, length)
                _add_segments(hive.image, where, free)
    return free


def _add_segments(image: Any, value: vk.ValueCell, free: set[int]) -> None:
    if vk.is_big(image, value.data_size):
        for segment in bigdata.segments(image, value.data, value.data_size)[1]:
            position, length = image.cell(segment, "segment")
            free.update(range(position, position + length))


def judge_mutants(data: bytes, seed: int, count: int = COUNT) -> dict[str, int]:
    """Read *count* mutants in both modes and return how they fared."""
    whole = reading(data, Mode.STRICT)
    free = free_of_redundancy(data)
    tally = dict.fromkeys(("refused", "same", "explained"), 0)
    for at, mutant in mutants(data, seed, count):
        began = time.process_time()
        try:
            result = reading(mutant, Mode.STRICT)
        except HiveFormatError:
            tally["refused"] += 1
        else:
            if result[0] == whole[0]:
                tally["same"] += 1
            else:
                assert at in free or set(result[1]) - set(whole[1]), f"silent change at {at:#x}"
                tally["explained"] += 1
        with contextlib.suppress(HiveFormatError):
            reading(mutant, Mode.SALVAGE)
        assert time.process_time() - began < LIMIT
    return tally


@pytest.mark.parametrize("minor", [1, 3, 5])
def test_mutants_of_our_own_hives(make: Any, minor: int) -> None:
    """Mutants of a hive with every structure: refused, unharmed or explained."""
    hive = make.rich(minor)
    if minor == 5:
        hive.root.set_value("big", 3, bytes(range(256)) * 130)
    tally = judge_mutants(hive.to_bytes(), minor)

    assert sum(tally.values()) == COUNT
    assert tally["refused"] > COUNT * 3 // 20
    assert tally["explained"] > COUNT // 100


@pytest.mark.shared_data
@pytest.mark.parametrize(
    "name",
    [
        "regipy__BCD",
        "plaso__test_data__regf__100_sub_keys.hiv",
        "yarp__NewDirtyHive1__RecoveredHive_Windows10",
    ],
)
def test_mutants_of_real_hives(shared: Any, name: str) -> None:
    """Mutants of a captured hive: refused, unharmed or explained."""
    data = shared(name).read_bytes()
    size = struct.unpack_from("<I", data, 40)[0]
    tally = judge_mutants(data[: 4096 + size], 1, COUNT // 4)

    assert sum(tally.values()) == COUNT // 4
    assert tally["refused"] > COUNT * 3 // 80


def test_hostile_repetition_does_not_blow_up(make: Any) -> None:
    """A subkey list that names one child 500 times, in a chain of levels, is stopped at once."""
    data = bytearray(make.rich(5).to_bytes())
    hive = parse_hive(bytes(data))
    software = hive.find("Software")
    assert software is not None
    position, _ = hive.image.cell(software.cell.subkey_list, "list")
    first = data[position + 4 : position + 12]
    for index in range(12):
        data[position + 4 + index * 8 : position + 12 + index * 8] = first

    with pytest.raises(HiveFormatError, match="each key once"):
        reading(bytes(data), Mode.STRICT)
    found, problems = reading(bytes(data), Mode.SALVAGE)
    assert sum(1 for item in found if item[0].startswith("Software\\")) == 2
    assert "subkey list" in problems


def test_the_fuzzers_corpus_replays(fuzz: Any, make: Any) -> None:
    """Every seed of the nightly fuzzer, and 20 mutants of each, bring out no foreign exception."""
    rng = random.Random(2)
    for seed in make.seeds():
        fuzz.one_input(seed)
        for _ in range(20):
            broken = bytearray(seed)
            for _ in range(rng.randrange(1, 4)):
                broken[rng.randrange(1, len(broken))] = rng.choice([0, 1, 0x7F, 0x80, 0xFF])
            fuzz.one_input(bytes(broken))


@pytest.mark.parametrize("action", range(8))
def test_the_fuzz_target_accepts_its_seeds(fuzz: Any, make: Any, action: int) -> None:
    """Every action of the fuzzer runs on a good hive, a truncated one and noise."""
    data = make.rich(3).to_bytes()
    noise = random.Random(action).randbytes(9000)
    for each in (data, data[:5000], noise, b"REGEDIT4\n[k]\n"):
        fuzz.one_input(bytes([action]) + each)


def crowded() -> bytes:
    """Return a hive in which every key names one shared list of all keys, and one of all values.

    An honest reader would visit 1,500 lists of 1,500 keys and 1,500 lists of 2,000 values.
    """
    hive = new_hive(5)
    hub = hive.root.create_subkey("hub")
    for number in range(2000):
        hub.set_value(f"v{number}", 4, bytes(4))
    keys = [hive.root.create_subkey(f"k{number}") for number in range(1500)]
    data = bytearray(hive.to_bytes())
    root, values = hive.root.cell, hub.cell
    for key in keys:
        at = 4100 + key.offset
        struct.pack_into("<I", data, at + 20, root.subkeys)
        struct.pack_into("<I", data, at + 28, root.subkey_list)
        struct.pack_into("<II", data, at + 36, values.values, values.value_list)
    return bytes(data)


def test_shared_lists_do_not_make_a_walk_endless() -> None:
    """Salvage reads each key once, stops at the room the hive has, and lists why; no hang."""
    began = time.process_time()
    hive = parse_hive(crowded(), mode=Mode.SALVAGE)
    keys = values = 0
    for _, key in hive.walk():
        keys += 1
        values += sum(1 for _ in key.values())
    hive.check()

    assert keys == 1502
    assert values <= hive.image.data_size // 4
    found = {problem.what for problem in hive.problems}
    assert {"list elements", "cell of value list", "cell of subkey list"} <= found
    assert time.process_time() - began < 3 * LIMIT


def test_overlapping_leaves_do_not_fill_memory() -> None:
    """An index root over lists that lie in each other is stopped by the room for keys."""
    hive = new_hive(5)
    for number in range(600):
        hive.root.create_subkey(f"k{number}")
    header = struct.pack("<i", -8 * 2000) + b"lf" + struct.pack("<H", 1900)
    nest = hive.editor().allocator.allocate(header * 2100)
    first = (nest + 4 + 7) // 8 * 8
    shift = (first - nest - 4) % 8
    assert shift == 4
    hive.editor().allocator.write_data(nest, header * 2000, at=shift)
    count = 150
    offsets = struct.pack(f"<{count}I", *range(first, first + 8 * count, 8))
    root = hive.editor().allocator.allocate(b"ri" + struct.pack("<H", count) + offsets)
    hive.editor().allocator.put_u32(hive.root.offset, 28, root)
    data = hive.to_bytes()

    with pytest.raises(HiveFormatError, match="room for"):
        parse_hive(data).root.subkey("k1")
    salvaged = parse_hive(data, mode=Mode.SALVAGE)
    assert list(salvaged.root.subkeys()) == []
    assert "number of subkeys" in [problem.what for problem in salvaged.problems]

"""Salvage reads all there is, whatever the base block says of size and version."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from regsim.errors import HiveFormatError
from regsim.regf import Mode, parse_hive
from regsim.regf.baseblock import checksum


def items(data: bytes) -> list[str]:
    """Return the path of every key and the name and size of every value that salvage reads."""
    hive = parse_hive(data, mode=Mode.SALVAGE)
    return [
        line
        for path, key in hive.walk()
        for line in (path, *(f"{path}:{v.name}:{len(v.data)}" for v in key.values()))
    ]


def torn(data: bytes, offset: int, number: int, *, sealed: bool) -> bytes:
    """Return *data* with a number of its base block replaced, with the right checksum or not."""
    changed = bytearray(data)
    struct.pack_into("<I", changed, offset, number)
    if sealed:
        struct.pack_into("<I", changed, 508, checksum(changed[:512]))
    return bytes(changed)


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("size", [0, 4096, 8192, 12345, 0x7FFFF000])
def test_a_wrong_size_hides_no_key(size: int, sealed: bool, make: Any) -> None:
    """Bins that something refers to are read, and the size is a problem that is told."""
    good = make.big(5).to_bytes()
    bad = torn(good, 40, size, sealed=sealed)

    assert items(bad) == items(good)
    assert any(p.what == "bins data size" for p in parse_salvaged(bad))
    with pytest.raises(HiveFormatError):
        parse_hive(bad).check()


def parse_salvaged(data: bytes) -> list[Any]:
    """Return the problems met while all of *data* is read."""
    hive = parse_hive(data, mode=Mode.SALVAGE)
    return hive.check()


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("claimed", [0, 1, 2, 3, 5, 77])
@pytest.mark.parametrize("minor", [1, 3, 5])
def test_a_torn_version_is_not_believed(minor: int, claimed: int, sealed: bool, make: Any) -> None:
    """Cells are read as they are laid out; where that is not as claimed, it is a problem."""
    good = make.rich(minor).to_bytes()
    bad = torn(good, 24, claimed, sealed=sealed)

    assert items(bad) == items(good)
    if (claimed == 1) != (minor == 1) or claimed in {0, 77}:
        assert any(p.what == "minor version" for p in parse_salvaged(bad))


def test_bins_that_nothing_refers_to_are_left_alone(make: Any) -> None:
    """What lies behind the hive's end, from when it was longer, is no part of it and no problem."""
    good = make.rich(3).to_bytes()
    size = len(good) - 4096
    left = good + struct.pack("<4sIIQQI", b"hbin", size, 4096, 0, 0, 0) + bytes(4096 - 32)

    assert items(left) == items(good)
    assert parse_salvaged(left) == []


def test_a_key_without_security_is_a_problem(make: Any) -> None:
    """Windows gives every key one; a hive whose key has none is not without fault."""
    data = bytearray(make.rich(3).to_bytes())
    struct.pack_into("<I", data, 4096 + parse_hive(bytes(data)).root.offset + 4 + 44, 0xFFFFFFFF)

    assert any(p.what == "security of a key" for p in parse_salvaged(bytes(data)))


def _damaged(data: bytes) -> Iterator[bytes]:
    """Yield *data* with wrong sizes, versions, numbers and pieces, the checksum right or not."""
    size = int.from_bytes(data[40:44], "little")
    sizes = (0, 4096, size // 8192 * 4096, size * 2, size - 123, 0xFFFFF000)
    fields = [(40, wrong) for wrong in sizes] + [(24, minor) for minor in (0, 3, 5, 6, 99)]
    fields += [(20, 2), (4, 77), (36, 0x7FFFFFFF), (4096 + 8, 0x7FFFFFFF)]
    for at, number in fields:
        yield from (torn(data, at, number, sealed=sealed) for sealed in (True, False))
    yield bytes(512) + data[512:]
    yield data[: len(data) // 8192 * 4096]
    at = len(data) // 1024 * 512
    yield data[:at] + bytes(512) + data[at + 512 :]


@pytest.mark.shared_data
@pytest.mark.parametrize(
    "name", ["plaso__test_data__regf__100_sub_keys.hiv", "yarp__UnicodeHive", "regipy__BCD"]
)
def test_no_fewer_keys_than_another_reader(
    shared: Any, judge_named: Any, name: str, tmp_path: Path
) -> None:
    """Of a hive that is damaged, salvage finds at least as many keys as dissect."""
    judge = judge_named("dissect")
    script = Path(__file__).parent / "judges" / "dissect_count.py"
    damaged = list(_damaged(shared(name).read_bytes()))
    paths = [tmp_path / str(number) for number in range(len(damaged))]
    for path, data in zip(paths, damaged, strict=True):
        path.write_bytes(data)

    told = subprocess.check_output([judge.python, str(script), *map(str, paths)], text=True)
    theirs = [int(line) for line in told.split()]
    ours = [_keys(data) for data in damaged]

    assert len(theirs) == len(ours)
    assert [(n, o, t) for n, (o, t) in enumerate(zip(ours, theirs, strict=True)) if o < t] == []
    assert max(theirs) > 1


def _keys(data: bytes) -> int:
    try:
        with parse_hive(data, mode=Mode.SALVAGE) as hive:
            return sum(1 for _ in hive.walk())
    except HiveFormatError:
        return 0

"""Both sides of every validation: the good hive passes, one broken field is named."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest

from regsim.errors import HiveFormatError
from regsim.regf import HiveFile, Mode, open_hive, parse_hive
from regsim.regf.baseblock import BaseBlock, checksum

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BASE = 4096


class Surgeon:
    """A hive's bytes with the places of its structures, to break one field at a time."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)
        self.hive = parse_hive(data)

    def key(self, path: str) -> int:
        """Return the cell offset of a key."""
        key = self.hive.find(path)
        assert key is not None
        return key.offset

    def value(self, path: str, name: str) -> int:
        """Return the cell offset of a value."""
        key = self.hive.find(path)
        assert key is not None
        value = key.value(name)
        assert value is not None
        return value.offset

    def field(self, cell: int, at: int, form: str = "<I") -> int:
        """Return a number in a cell's data."""
        return int(struct.unpack_from(form, self.data, BASE + cell + 4 + at)[0])

    def put(self, cell: int, at: int, number: int, form: str = "<I") -> int:
        """Set a number in a cell's data and return the cell."""
        struct.pack_into(form, self.data, BASE + cell + 4 + at, number)
        return cell

    def head(self, at: int, number: int, form: str = "<I", *, seal: bool = True) -> None:
        """Set a field of the base block, with a right checksum unless *seal* is false."""
        struct.pack_into(form, self.data, at, number)
        if seal:
            struct.pack_into("<I", self.data, 508, checksum(self.data))


def _software_list(s: Surgeon) -> int:
    return s.field(s.key("Software"), 28)


def _kinds_values(s: Surgeon) -> int:
    return s.field(s.key("Kinds"), 40)


def _big(s: Surgeon) -> int:
    return s.field(s.value("", "big"), 8)


def _free_cell(s: Surgeon) -> int:
    at = BASE + 32
    while (size := struct.unpack_from("<i", s.data, at)[0]) < 0:
        at += -size
    return at - BASE


# name of the fault: how to commit it
LAZY: dict[str, Callable[[Surgeon], Any]] = {
    "base block signature": lambda s: s.head(0, 0x12345678),
    "major version": lambda s: s.head(20, 2),
    "minor version": lambda s: s.head(24, 7),
    "file type": lambda s: s.head(28, 6),
    "file format": lambda s: s.head(32, 0),
    "root cell offset": lambda s: s.head(36, 0x21),
    "bins data size": lambda s: s.head(40, 0x7FFFF000),
    "checksum": lambda s: s.head(112, 1, seal=False),
    "key signature": lambda s: s.put(s.key("Kinds"), 0, 0x6B76, "<H"),
    "offset of key": lambda s: s.put(_software_list(s), 4, 0x7FFFFFF8),
    "cell of key": lambda s: s.put(_software_list(s), 4, _free_cell(s)),
    "cell size of key": lambda s: s.put(s.key("Kinds"), -4, -44, "<i"),
    "key name length": lambda s: s.put(s.key("Kinds"), 72, 0x7FFF, "<H"),
    "parent of key": lambda s: s.put(s.key("Kinds"), 16, 0x20 + 8),
    "class name length": lambda s: s.put(s.key("Kinds"), 74, 0x7FFE, "<H"),
    "offset of class name": lambda s: s.put(s.key("Kinds"), 48, 0xFFFFFFFF),
    "offset of subkey list": lambda s: s.put(s.key("Software"), 28, 0xFFFFFFFF),
    "subkey list signature": lambda s: s.put(_software_list(s), 0, 0x7878, "<H"),
    "number of list elements": lambda s: s.put(_software_list(s), 2, 0xFFFF, "<H"),
    "number of subkeys": lambda s: s.put(s.key("Software"), 20, 11),
    "subkey list": lambda s: s.put(_software_list(s), 4, s.field(_software_list(s), 12)),
    "key": lambda s: (
        s.put(s.key(""), 16, s.key("Software")),
        s.put(_software_list(s), 4, s.key("")),
    ),
    "offset of value list": lambda s: s.put(s.key("Kinds"), 40, 0xFFFFFFFF),
    "number of values": lambda s: s.put(s.key("Kinds"), 36, 0xFFFF),
    "value list": lambda s: s.put(_kinds_values(s), 0, s.field(_kinds_values(s), 4)),
    "value signature": lambda s: s.put(s.value("Kinds", ""), 0, 0x6B6E, "<H"),
    "value name length": lambda s: s.put(s.value("Kinds", "multi"), 2, 0x7FFF, "<H"),
    "inline data size": lambda s: s.put(s.value("Kinds", "size 3"), 4, 0x80000005),
    "value data size": lambda s: s.put(s.value("Kinds", "size 100"), 4, 16000),
    "offset of value data": lambda s: s.put(s.value("Kinds", "size 100"), 8, 4),
    "security signature": lambda s: s.put(s.field(s.key("Kinds"), 44), 0, 0, "<H"),
    "security descriptor size": lambda s: s.put(s.field(s.key("Kinds"), 44), 16, 0x7FFFFFFF),
    "big data signature": lambda s: s.put(_big(s), 0, 0, "<H"),
    "number of data segments": lambda s: s.put(_big(s), 2, 2, "<H"),
    "segment list": lambda s: s.put(s.field(_big(s), 4), 0, s.field(s.field(_big(s), 4), 4)),
    "data segment size": lambda s: s.put(s.field(s.field(_big(s), 4), 0), -4, -16, "<i"),
}

DEEP: dict[str, Callable[[Surgeon], Any]] = {
    "bin signature": lambda s: s.put(4096 - 4, 0, 0),
    "bin offset": lambda s: s.put(4096 - 4, 4, 0),
    "bin size": lambda s: s.put(4096 - 4, 8, 4095),
    "cell size": lambda s: s.put(_free_cell(s), -4, 12, "<i"),
    "name hash": lambda s: s.put(_software_list(s), 8, 1),
    "order of subkeys": lambda s: (
        s.put(s.key(r"Software\Key00"), 76 + 3, ord("9"), "<B"),
        s.put(_software_list(s), 8, _hash("Key90")),
    ),
    "security count": lambda s: s.put(s.field(s.key("Kinds"), 44), 12, 99),
    "next security cell": lambda s: s.put(
        s.field(s.key("Secured"), 44), 4, s.field(s.key("Secured"), 44)
    ),
    "previous security cell": lambda s: s.put(s.field(s.key("Secured"), 44), 8, 0x20),
    "cell of value data": lambda s: s.put(
        s.value("Kinds", "size 8"), 8, s.field(s.value("Kinds", "size 5"), 8)
    ),
    "key name": lambda s: (
        s.put(s.key("Kinds"), 76 + 4, ord("\\"), "<B"),
        s.put(s.field(s.key(""), 28), 8, _hash("Kind\\")),
    ),
    "largest subkey name": lambda s: s.put(s.key("Software"), 52, 9),
    "largest subkey class": lambda s: s.put(s.key(""), 56, 1),
    "largest value name": lambda s: s.put(s.key("Kinds"), 60, 1),
    "largest value data": lambda s: s.put(s.key("Kinds"), 64, 99),
    "key flags": lambda s: s.put(s.key("Kinds"), 2, 0x21, "<H"),
}


def _hash(name: str) -> int:
    from regsim.regf.hash import name_hash  # noqa: PLC0415 - one use

    return name_hash(name)


@pytest.fixture(scope="module")
def good(make: Any) -> bytes:
    """A hive with everything in it that strict mode judges."""
    hive = make.rich(5)
    hive.root.set_value("big", 3, bytes(range(256)) * 130)
    for number in range(600):
        hive.find("Link").create_subkey(f"below {number}")
    return hive.to_bytes()


def read_all(hive: HiveFile) -> None:
    """Touch all that lazy reading decodes."""
    for _, key in hive.walk():
        _ = key.class_name, key.security
        for value in key.values():
            _ = value.data


def test_the_good_hive_passes(good: bytes) -> None:
    """The hive that all cases break is itself without fault, in both modes."""
    strict, salvaged = parse_hive(good), parse_hive(good, mode=Mode.SALVAGE)
    read_all(strict)

    assert strict.check() == []
    assert strict.notes == []
    assert salvaged.check() == []


@pytest.mark.parametrize("fault", LAZY)
def test_reading_meets_the_fault(good: bytes, fault: str) -> None:
    """Reading strictly raises at the broken field, with offset, expected and actual."""
    surgeon = Surgeon(good)
    LAZY[fault](surgeon)

    with pytest.raises(HiveFormatError) as caught:
        read_all(parse_hive(bytes(surgeon.data)))

    assert caught.value.what == fault
    assert caught.value.expected != caught.value.actual
    assert f"{caught.value.offset:#010x}" in str(caught.value)


@pytest.mark.parametrize("fault", DEEP)
def test_checking_meets_the_fault(good: bytes, fault: str) -> None:
    """What lazy reading cannot see, the check of the whole file does."""
    surgeon = Surgeon(good)
    DEEP[fault](surgeon)
    hive = parse_hive(bytes(surgeon.data))
    read_all(hive)

    with pytest.raises(HiveFormatError) as caught:
        hive.check()

    assert caught.value.what == fault


NO_HIVE_AT_ALL = {"base block signature", "file type"}


@pytest.mark.parametrize("fault", [f for f in (*LAZY, *DEEP) if f not in NO_HIVE_AT_ALL])
def test_salvage_lists_the_fault_and_reads_on(good: bytes, fault: str, items: Any) -> None:
    """Salvage names the same fault, and still reads what it does not touch."""
    surgeon = Surgeon(good)
    (LAZY.get(fault) or DEEP[fault])(surgeon)
    hive = parse_hive(bytes(surgeon.data), mode=Mode.SALVAGE)
    if fault == "root cell offset":
        with pytest.raises(HiveFormatError):
            _ = hive.root
        assert fault in [problem.what for problem in hive.problems]
        return

    read_all(hive)
    hive.check()
    found = items(hive)

    assert fault in [problem.what for problem in hive.problems]
    assert len(found) > 600
    assert any(item[1] == "Secured" for item in found)


@pytest.mark.parametrize("size", [0, 1, 511, 512, 4096, 8191])
def test_a_short_file_is_refused(good: bytes, size: int, tmp_path: Path) -> None:
    """Fewer bytes than a base block and a bin are one clear error, from memory and from disk."""
    path = tmp_path / "short"
    path.write_bytes(good[:size])

    with pytest.raises(HiveFormatError, match="file size"):
        parse_hive(good[:size])
    with pytest.raises(HiveFormatError, match=r"short: file size at 0x0"):
        open_hive(path)


@pytest.mark.parametrize("fault", sorted(NO_HIVE_AT_ALL))
def test_what_is_no_hive_is_refused_in_salvage_too(good: bytes, fault: str) -> None:
    """Another signature, or a transaction log, has nothing to salvage."""
    surgeon = Surgeon(good)
    LAZY[fault](surgeon)

    with pytest.raises(HiveFormatError, match=fault):
        parse_hive(bytes(surgeon.data), mode=Mode.SALVAGE)


def test_a_lost_cell_is_a_note_not_a_violation(good: bytes) -> None:
    """A cell nobody names is space lost, which Windows leaves too; strict mode accepts it."""
    surgeon = Surgeon(good)
    surgeon.put(surgeon.key("Kinds"), 74, 0, "<H")  # forget the class name
    hive = parse_hive(bytes(surgeon.data))

    assert hive.check() == []
    assert [note.what for note in hive.notes] == ["allocated cell"]


def test_depth_is_bounded() -> None:
    """A key below level 512 is refused; level 511 is read."""
    from regsim.regf import new_hive  # noqa: PLC0415 - one use

    hive = new_hive(5)
    key = hive.root
    for _ in range(511):
        key = key.create_subkey("d")

    assert sum(1 for _ in hive.walk()) == 512
    key.create_subkey("too deep")
    with pytest.raises(HiveFormatError, match="depth of key"):
        list(hive.walk())


def test_checksum_avoids_the_two_reserved_values() -> None:
    """0 becomes 1 and 0xFFFFFFFF becomes 0xFFFFFFFE, as the format asks."""
    assert checksum(bytes(512)) == 1
    assert checksum(b"\xff" * 4 + bytes(508)) == 0xFFFFFFFE


def test_base_block_round_trips() -> None:
    """Packing and parsing a base block gives its fields back, the name cut to 31 units."""
    base = BaseBlock(
        primary_seq=7, secondary_seq=6, last_written=5, minor=3, root=32, data_size=4096,
        name="x" * 40 + "NTUSER.DAT",
    )  # fmt: skip

    parsed = BaseBlock.parse(base.pack())

    assert parsed.name == ("x" * 40 + "NTUSER.DAT")[-31:]
    assert parsed.checksum_ok
    assert not parsed.clean
    assert (parsed.primary_seq, parsed.secondary_seq, parsed.data_size) == (7, 6, 4096)


def test_many_values_naming_one_cell_cannot_fill_memory(good: bytes) -> None:
    """A hive that claims more data than it holds is stopped, in both modes."""
    from regsim.regf.walk import DataBudget  # noqa: PLC0415 - one use

    hive = parse_hive(good)
    value = hive.root.value("big")
    assert value is not None
    budget = DataBudget(hive.image)

    fits = hive.image.data_size // value.size
    for _ in range(fits):
        budget.take(value)

    with pytest.raises(HiveFormatError, match="value data"):
        [budget.take(value) for _ in range(fits)]

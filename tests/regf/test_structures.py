"""Structures one by one: lists, big data, security rings, names, cells of NT 3.1, file heads."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regsim.errors import HiveFormatError, UsageError
from regsim.regf import HiveFile, Mode, new_hive, parse_hive
from regsim.regf import bins as bins_module
from regsim.regf import sk as sk_module
from regsim.regf.alloc import Allocator
from regsim.regf.image import Image
from regsim.regf.key import Key
from regsim.regf.layout import NONE, FileType
from regsim.regf.logs import Page, pack_old, parse_log
from regsim.regf.problems import MAX_PROBLEMS, ProblemLog
from regsim.regf.subkeys import CAPACITY, leaf_offsets, leaves, read_leaf

BASE = 4096


def broken(hive: HiveFile, cell: int, at: int, data: bytes) -> bytes:
    """Return the hive's bytes with *data* put *at* bytes into a cell's data."""
    found = bytearray(hive.to_bytes())
    where = BASE + cell + hive.image.cell_header + at
    found[where : where + len(data)] = data
    return bytes(found)


def many(minor: int, count: int) -> HiveFile:
    """Return a hive whose root has *count* subkeys."""
    hive = new_hive(minor)
    for number in range(count):
        hive.root.create_subkey(f"key {number:05}")
    return hive


# -- subkey lists ---------------------------------------------------------------------------


@pytest.mark.parametrize(("minor", "kind"), [(2, b"li"), (3, b"lf"), (5, b"lh")])
def test_a_leaf_is_split_when_it_is_full(minor: int, kind: bytes) -> None:
    """Up to its capacity a key has one leaf; one more makes an index root with two."""
    full = many(minor, CAPACITY[kind])
    split = many(minor, CAPACITY[kind] + 1)

    assert leaf_offsets(full.image, full.root.cell.subkey_list) is None
    below = leaf_offsets(split.image, split.root.cell.subkey_list)
    assert below is not None
    assert len(below) == 2
    found = [leaf.kind for leaf in leaves(split.image, split.root.cell.subkey_list)]
    assert found == [kind, kind]
    assert split.check() == []


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_any_order_of_inserts_and_removals_keeps_the_list_sorted(data: Any) -> None:
    """Lists equal the sorted set of what was put in and not taken out, whatever the order."""
    hive = new_hive(data.draw(st.sampled_from([2, 3, 5])))
    present: set[str] = set()
    numbers = data.draw(st.lists(st.integers(0, 400), min_size=50, max_size=400))
    for number in numbers:
        name = f"{number:x}"
        if name in present:
            found = hive.root.subkey(name)
            assert found is not None
            found.delete()
            present.remove(name)
        else:
            hive.root.create_subkey(name)
            present.add(name)

    assert [key.name for key in hive.root.subkeys()] == sorted(present, key=str.upper)
    assert all(hive.root.subkey(name) is not None for name in present)
    assert hive.check() == []


def test_removing_from_an_index_root_ends_at_no_list() -> None:
    """Leaves that become empty leave the root, and the last one takes it along."""
    hive = many(5, 1200)
    for key in list(hive.root.subkeys())[:-1]:
        key.delete()

    below = leaf_offsets(hive.image, hive.root.cell.subkey_list)
    assert below is not None
    assert len(below) == 1
    next(hive.root.subkeys()).delete()
    assert hive.root.cell.subkey_list == NONE
    assert hive.check() == []
    assert hive.notes == []


def test_an_index_root_below_an_index_root_is_refused() -> None:
    """The format has two levels; a third is an error, in salvage mode a problem."""
    hive = many(5, 600)
    root = hive.root.cell.subkey_list
    data = broken(hive, root, 4, struct.pack("<I", root))

    with pytest.raises(HiveFormatError, match="should be li, lf or lh"):
        list(parse_hive(data).root.subkeys())
    salvaged = parse_hive(data, mode=Mode.SALVAGE)
    assert 0 < len(list(salvaged.root.subkeys())) < 600
    assert "subkey list signature" in [problem.what for problem in salvaged.problems]


def test_a_leaf_named_twice_is_refused() -> None:
    """Salvage reads it once."""
    hive = many(5, 600)
    root = hive.root.cell.subkey_list
    below = leaf_offsets(hive.image, root)
    assert below is not None
    data = broken(hive, root, 4, struct.pack("<II", below[1], below[1]))
    salvaged = parse_hive(data, mode=Mode.SALVAGE)

    with pytest.raises(HiveFormatError, match="each leaf once"):
        parse_hive(data).check()
    assert len(list(salvaged.root.subkeys())) == len(read_leaf(hive.image, below[1]).keys)


def test_a_key_that_is_not_in_its_parents_list_cannot_be_deleted() -> None:
    """Deleting through a wrong parent field finds nothing to take out, and says so."""
    hive = new_hive(5)
    one, other = hive.root.create_subkey("one"), hive.root.create_subkey("other")
    one.create_subkey("below")
    other.create_subkey("elsewhere")
    stray = hive.find("one\\below")
    assert stray is not None
    data = broken(hive, stray.offset, 16, struct.pack("<I", other.offset))
    edited = parse_hive(data)
    key = Key(edited, stray.offset)
    key.parent = edited.root

    with pytest.raises(HiveFormatError, match="to hold"):
        key.delete()


def test_names_beyond_ascii_are_found_without_case() -> None:
    """Lookup compares by the registry's upper case, in every kind of list."""
    for minor in (1, 2, 3, 5):
        hive = new_hive(minor)
        for name in ("\u00e4pfel", "\u0416uk", "plain", "\u65e5\u672c", "\U0001f600"):
            hive.root.create_subkey(name)

        assert hive.root.subkey("\u00c4PFEL") is not None
        assert hive.root.subkey("\u0436UK") is not None
        assert hive.root.subkey("PLAIN") is not None
        assert hive.root.subkey("\U0001f600") is not None
        assert hive.root.subkey("\u00df") is None
        assert hive.root.subkey("plainer") is None
        assert hive.check() == []


# -- values ---------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [0, 3, 5, 100, 5000, 16345, 50000])
@pytest.mark.parametrize("second", [0, 4, 8, 90, 4999, 16344, 16346, 49999, 70000])
def test_a_value_may_change_between_all_kinds_of_storage(first: int, second: int) -> None:
    """Inline, one cell, segments: any to any, nothing lost, nothing leaked."""
    hive = new_hive(5)
    key = hive.root.create_subkey("k")
    key.set_value("before", 3, b"b" * 10)
    key.set_value("v", 3, b"1" * first)
    key.set_value("after", 3, b"a" * 10)
    key.set_value("V", 7, b"2" * second)
    again = parse_hive(hive.to_bytes())
    found = again.find("k")
    assert found is not None

    assert [(v.name, v.type, v.data) for v in found.values()] == [
        ("before", 3, b"b" * 10),
        ("v", 7, b"2" * second),
        ("after", 3, b"a" * 10),
    ]
    assert again.check() == []
    assert again.notes == []


def test_the_last_of_many_values_frees_the_list() -> None:
    """Deleting values one by one keeps the others and at the end leaves no list."""
    hive = new_hive(3)
    for number in range(40):
        hive.root.set_value(f"v{number}", 4, bytes(4))
    for number in range(0, 40, 2):
        assert hive.root.delete_value(f"V{number}")

    assert [v.name for v in hive.root.values()] == [f"v{n}" for n in range(1, 40, 2)]
    for number in range(1, 40, 2):
        assert hive.root.delete_value(f"v{number}")
    assert hive.root.cell.value_list == NONE
    assert not hive.root.delete_value("v1")
    assert hive.check() == []
    assert hive.notes == []


def test_a_predefined_handle_key_has_no_values() -> None:
    """Its value count is a handle, so it is neither read nor written as a count."""
    hive = new_hive(3)
    key = hive.root.create_subkey("handle", flags=0x40)
    data = broken(hive, key.offset, 36, struct.pack("<I", 0x80000002))
    again = parse_hive(data)
    found = again.find("handle")
    assert found is not None

    assert found.value_count == 0
    assert list(found.values()) == []
    assert again.check() == []
    with pytest.raises(UsageError, match="predefined"):
        found.set_value("x", 1, b"")
    found.delete()
    assert again.check() == []


@pytest.mark.parametrize(
    ("at", "data", "what"),
    [
        (0, b"xx", "big data signature"),
        (2, struct.pack("<H", 9), "number of data segments"),
        (4, struct.pack("<I", NONE), "offset of segment list"),
    ],
)
def test_broken_big_data_is_refused_and_salvaged(at: int, data: bytes, what: str) -> None:
    """Each field of a db cell is judged; salvage returns what is left."""
    hive = new_hive(5)
    hive.root.set_value("big", 3, b"x" * 40000)
    value = hive.root.value("big")
    assert value is not None
    bytes_ = broken(hive, value._where, at, data)

    strict = parse_hive(bytes_).root.value("big")
    assert strict is not None
    with pytest.raises(HiveFormatError) as caught:
        _ = strict.data
    assert caught.value.what == what
    salvaged = parse_hive(bytes_, mode=Mode.SALVAGE)
    found = salvaged.root.value("big")
    assert found is not None
    assert found.data in {b"", b"x" * 40000}
    assert what in [problem.what for problem in salvaged.problems]


def test_a_plain_cell_where_big_data_belongs_is_salvaged() -> None:
    """Strict refuses a large value stored as hivex stores it; salvage reads it."""
    hive = new_hive(3)
    data = bytes(range(256)) * 80
    hive.root.set_value("big", 3, data)
    as_hivex = bytearray(hive.to_bytes())
    base = parse_hive(bytes(as_hivex)).image.base
    import attrs  # noqa: PLC0415 - one use

    attrs.evolve(base, minor=5).pack_into(as_hivex)
    strict = parse_hive(bytes(as_hivex)).root.value("big")
    salvaged = parse_hive(bytes(as_hivex), mode=Mode.SALVAGE).root.value("big")
    assert strict is not None
    assert salvaged is not None

    with pytest.raises(HiveFormatError, match="big data signature"):
        _ = strict.data
    assert salvaged.data == data


# -- security -------------------------------------------------------------------------------


def test_the_default_descriptor_is_well_formed() -> None:
    """Self-relative, with owner, group and a list of two entries inside its bounds."""
    descriptor = sk_module.default_descriptor()
    revision, _, control, owner, group, sacl, dacl = struct.unpack_from("<BBHIIII", descriptor)
    acl_revision, _, size, entries, _ = struct.unpack_from("<BBHHH", descriptor, dacl)

    assert (revision, control, sacl) == (1, 0x8004, 0)
    assert (acl_revision, entries) == (2, 2)
    assert dacl + size == owner
    assert descriptor[owner : owner + 2] == b"\1\2"
    assert descriptor[group:] == bytes.fromhex("010100000000000512000000")


def test_new_descriptors_join_the_ring_in_both_directions() -> None:
    """Walking by next and by previous visits the same cells."""
    hive = new_hive(3)
    for number in range(5):
        hive.root.create_subkey(f"k{number}").set_security(bytes([number]) * 24)
    start = hive.root.cell.security
    ring = [(offset, cell) for offset, cell, _ in sk_module.ring(hive.image, start)]

    assert len(ring) == 6
    for index, (offset, cell) in enumerate(ring):
        assert ring[(index + 1) % 6][0] == cell.next
        assert ring[index - 1][0] == cell.previous
        assert parse_hive(hive.to_bytes()).image.cell(offset, "sk")


def test_a_ring_that_runs_into_itself_is_refused() -> None:
    """A chain that does not lead back to its start is an error, not a loop."""
    hive = new_hive(3)
    keys = [hive.root.create_subkey(f"k{n}") for n in range(3)]
    for number, key in enumerate(keys):
        key.set_security(bytes([number]) * 24)
    one = keys[0].cell.security
    data = broken(hive, one, 4, struct.pack("<I", one))

    with pytest.raises(HiveFormatError, match="lead back"):
        list(sk_module.ring(parse_hive(data).image, hive.root.cell.security))


def test_a_hive_without_security_can_be_edited() -> None:
    """Some tools write no security cells; keys then share the absence until one is set."""
    hive = new_hive(3)
    root = hive.root
    guard = root.cell.security
    hive.editor().allocator.put_u32(root.offset, 44, NONE)
    hive.editor().allocator.release(guard)
    hive.changed()
    key = root.create_subkey("bare")

    assert key.cell.security == NONE
    key.set_security(bytes(24))
    assert key.security == bytes(24)
    key.delete()
    found = parse_hive(hive.to_bytes(), mode=Mode.SALVAGE).check()
    assert [problem.what for problem in found] == ["security of a key"]


# -- names ----------------------------------------------------------------------------------


def test_utf16_names_of_odd_length_are_refused_and_salvaged() -> None:
    """Half a letter is dropped in salvage mode, for keys and for values."""
    hive = new_hive(5)
    key = hive.root.create_subkey("\u65e5\u672c")
    key.set_value("\u65e5\u672c", 1, b"")
    value = next(key.values())
    for data in (
        broken(hive, key.offset, 72, struct.pack("<H", 3)),
        broken(hive, value.offset, 2, struct.pack("<H", 3)),
    ):
        salvaged = parse_hive(data, mode=Mode.SALVAGE)
        names = [k.name for _, k in salvaged.walk()]
        names += [v.name for _, k in salvaged.walk() for v in k.values()]

        assert "\u65e5" in names
        with pytest.raises(HiveFormatError, match="even number"):
            [list(k.values()) for _, k in parse_hive(data).walk()]


@given(st.text(st.characters(exclude_characters="\\"), min_size=1, max_size=30))
def test_any_name_comes_back(name: str) -> None:
    """Letters of any plane, controls, and the empty class name."""
    hive = new_hive(5)
    key = hive.root.create_subkey(name, class_name=name)
    key.set_value(name, 3, b"x")
    again = next(parse_hive(hive.to_bytes()).root.subkeys())

    assert (again.name, again.class_name) == (name, name)
    assert next(again.values()).name == name


def test_unpaired_surrogates_survive() -> None:
    """Windows allows half a pair in a name, so it must go in and out unharmed."""
    hive = new_hive(5)
    hive.root.create_subkey("a\ud800b").set_value("\udc00", 1, b"")
    again = parse_hive(hive.to_bytes()).find("A\ud800B")
    assert again is not None

    assert again.value("\udc00") is not None


# -- cells and bins -------------------------------------------------------------------------


def test_cells_of_nt_3_1_note_their_predecessor() -> None:
    """After allocating, splitting, freeing and merging, every note is right, or it is named."""
    hive = new_hive(1)
    keys = [hive.root.create_subkey(f"key {n}") for n in range(60)]
    for number, key in enumerate(keys):
        key.set_value("v", 3, bytes(number * 7))
    for key in keys[::3]:
        key.delete()

    assert hive.check() == []
    data = broken(hive, keys[1].offset, -4, struct.pack("<I", 8))
    with pytest.raises(HiveFormatError, match="previous cell"):
        parse_hive(data).check()


@settings(max_examples=60, deadline=None)
@given(
    minor=st.sampled_from([1, 3]),
    moves=st.lists(st.tuples(st.booleans(), st.integers(0, 9000)), max_size=60),
)
def test_the_allocator_keeps_its_books(minor: int, moves: list[tuple[bool, int]]) -> None:
    """Any sequence of allocations and releases: cells hold their data, free ones are merged."""
    image = Image(bytearray(new_hive(minor).to_bytes()))
    cells = Allocator(image)
    held: dict[int, bytes] = {}
    for take, number in moves:
        if take or not held:
            data = bytes([number % 251]) * (number + 1)
            held[cells.allocate(data)] = data
        else:
            victim = sorted(held)[number % len(held)]
            cells.release(victim)
            del held[victim]
        cells.check()
    for offset, data in held.items():
        position, length = image.cell(offset, "cell")
        assert image.buffer[position : position + len(data)] == data
        assert length - len(data) < image.align


def test_the_smallest_free_cell_that_fits_is_taken() -> None:
    """A small request leaves the large hole whole; equal holes are filled from the front."""
    cells = Allocator(Image(bytearray(new_hive(3).to_bytes())))
    spots = [cells.allocate(bytes(size)) for size in (28, 4, 60, 4, 28, 4)]
    for spot in (spots[0], spots[2], spots[4]):
        cells.release(spot)

    assert cells.allocate(bytes(28)) == spots[0]
    assert cells.allocate(bytes(20)) == spots[4]
    assert cells.allocate(bytes(52)) == spots[2]


def test_the_rest_of_a_hole_is_a_free_cell_down_to_the_smallest() -> None:
    """A hole eight bytes larger than needed is split; one that fits is taken whole."""
    cells = Allocator(Image(bytearray(new_hive(3).to_bytes())))
    hole, _ = cells.allocate(bytes(36)), cells.allocate(bytes(4))
    cells.release(hole)

    assert cells.allocate(bytes(28)) == hole
    assert cells.capacity(hole) == 28
    cells.check()
    assert cells.allocate(bytes(4)) == hole + 32


def test_a_hive_does_not_grow_past_2_gib(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is an error before any byte is written."""
    from regsim.regf import alloc  # noqa: PLC0415 - one use

    hive = new_hive(3)
    monkeypatch.setattr(alloc, "MAX_DATA_SIZE", 8192)
    hive.root.set_value("fits", 3, bytes(3000))
    with pytest.raises(UsageError, match="the limit is"):
        hive.root.set_value("too large", 3, bytes(9000))


def test_bins_are_found_again_behind_damage() -> None:
    """Salvage skips what is no bin by pages and reads the bins behind it."""
    hive = new_hive(3)
    hive.root.set_value("large", 3, bytes(9000))
    hive.root.set_value("another", 3, bytes(5000))
    data = bytearray(hive.to_bytes())
    data[8192:8196] = b"xxxx"
    image = Image(bytes(data), mode=Mode.SALVAGE)
    found = [offset for offset, _ in bins_module.bins(image)]

    assert found[0] == 0
    assert len(found) >= 2
    assert {problem.what for problem in image.problems.all()} == {"bin signature"}


def test_a_root_offset_into_a_bin_header_is_refused() -> None:
    """No cell lives in the 32 bytes that head a bin."""
    image = Image(new_hive(3).to_bytes())

    with pytest.raises(HiveFormatError, match="offset of thing"):
        image.cell(24, "thing")
    with pytest.raises(HiveFormatError, match="offset of thing"):
        image.cell(NONE, "thing")


# -- problems and logs ----------------------------------------------------------------------


def test_problems_are_listed_once_and_not_without_end() -> None:
    """The same place counts once; beyond the limit they are only counted."""
    log = ProblemLog()
    for number in range(MAX_PROBLEMS + 5):
        for _ in range(2):
            log.add(HiveFormatError("x", offset=number, expected=b"a", actual=1))

    assert len(log.all()) == MAX_PROBLEMS
    assert log.dropped == 10
    assert str(log.all()[16]) == "x at 0x00000010 should be b'a', but is 1"
    assert log.all()[0].as_dict() == {"what": "x", "offset": 0, "expected": "b'a'", "actual": "1"}


@given(st.sets(st.integers(0, 99), min_size=1, max_size=40))
def test_the_dirty_vector_brings_every_page_to_its_place(numbers: set[int]) -> None:
    """Packing pages into an old-format log and reading it gives the same pages back."""
    import attrs  # noqa: PLC0415 - one use

    size = 100 * 4096
    pages = [Page(offset=n * 4096, data=bytes([n]) * 4096) for n in sorted(numbers)]
    base = attrs.evolve(
        parse_hive(new_hive(3).to_bytes()).image.base, data_size=size, file_type=FileType.LOG_XP
    )
    log = parse_log(bytes(base.pack()[:512]) + pack_old(size, pages), "log")
    found = {}
    for page in log.entries[0].pages:
        for at in range(0, len(page.data), 4096):
            found[(page.offset + at) // 4096] = page.data[at : at + 4096]

    assert found == {n: bytes([n]) * 4096 for n in numbers}


def test_many_values_of_one_key_stay_quick() -> None:
    """5,000 values set in a row cost no search each; all are there, replaced ones too."""
    hive = new_hive(3)
    key = hive.root.create_subkey("k")
    for number in range(5000):
        key.set_value(f"v{number}", 4, bytes(4))
    same = hive.find("k")
    assert same is not None
    same.set_value("V17", 4, b"\1\1\1\1")
    same.delete_value("v18")
    same.set_value("v18", 4, b"\2\2\2\2")
    found = {value.name: value.data for value in key.values()}

    assert len(found) == 5000
    assert found["v17"] == b"\1\1\1\1"
    assert found["v18"] == b"\2\2\2\2"
    assert hive.check() == []


def test_a_name_may_fill_its_cell_but_not_leave_it() -> None:
    """To the byte: the longest name that fits is read, one byte more is refused."""
    hive = new_hive(5)
    key = hive.root.create_subkey("k" * 10)
    key.set_value("v" * 10, 4, bytes(4))
    value = next(key.values())
    for offset, at, head in ((key.offset, 72, 76), (value.offset, 2, 20)):
        room = hive.image.cell(offset, "cell")[1] - head
        fits = parse_hive(broken(hive, offset, at, struct.pack("<H", room)))
        over = parse_hive(broken(hive, offset, at, struct.pack("<H", room + 1)))

        assert [len(v.name) for k in fits.root.subkeys() for v in k.values()]
        with pytest.raises(HiveFormatError, match="name length"):
            [list(k.values()) for k in over.root.subkeys()]


def test_every_segment_has_a_full_cell() -> None:
    """As Windows does it; hivex loses a last segment whose cell is short."""
    from regsim.regf import bigdata  # noqa: PLC0415 - one use

    hive = new_hive(5)
    hive.root.set_value("big", 3, bytes(16345))
    value = hive.root.value("big")
    assert value is not None
    found = bigdata.segments(hive.image, value._where, value.size)[1]

    assert [hive.image.cell(each, "segment")[1] for each in found] == [16348, 16348]

"""Edits: what they do to the tree, and how few bytes they touch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from regsim.errors import HiveFormatError, UsageError
from regsim.regf import HiveFile, KeyFlag, Mode, new_hive, parse_hive
from regsim.regf.layout import NONE
from regsim.regf.nk import parse as parse_key
from regsim.regf.sk import ring

if TYPE_CHECKING:
    from collections.abc import Iterator

MINORS = (1, 2, 3, 4, 5, 6)


def audit(hive: HiveFile) -> None:
    """Assert that allocator, file and counts agree, and that no cell is lost."""
    hive.editor().allocator.check()
    again = parse_hive(hive.to_bytes())

    assert again.check() == []
    assert again.notes == []


def changed_cells(before: bytes, after: bytes) -> set[int]:
    """Return the offsets of the cells of *before* whose bytes differ in *after*."""
    found = set()
    at = 4096
    while at < len(before):
        end = at + int.from_bytes(before[at + 8 : at + 12], "little")
        cell = at + 32
        while cell < end:
            size = abs(int.from_bytes(before[cell : cell + 4], "little", signed=True))
            if before[cell : cell + size] != after[cell : cell + size]:
                found.add(cell - 4096)
            cell += size
        at = end
    return found


@pytest.mark.parametrize("minor", MINORS)
def test_an_empty_hive_is_valid(minor: int) -> None:
    """A new hive of each version has a root, its security, and passes the whole check."""
    hive = new_hive(minor, root_name="ROOT", last_written=42, file_name=r"C:\x\NTUSER.DAT")

    assert hive.version == f"1.{minor}"
    assert hive.clean
    assert hive.root.name == "ROOT"
    assert hive.root.flags & KeyFlag.HIVE_ENTRY
    assert hive.root.last_written == 42
    assert len(hive.to_bytes()) == 8192
    assert hive.check() == []
    assert hive.notes == []


def test_a_hive_of_an_unknown_version_is_refused() -> None:
    """Only 1.1 to 1.6 exist."""
    with pytest.raises(UsageError, match=r"1\.1 to 1\.6"):
        new_hive(7)


@pytest.mark.parametrize("minor", MINORS)
def test_the_rich_hive_reads_back(minor: int, make: Any) -> None:
    """Names, types, data, class, link and security survive in every version."""
    hive = parse_hive(make.rich(minor).to_bytes())
    kinds = hive.find("kinds")
    assert kinds is not None

    assert hive.check() == []
    assert kinds.class_name == "a class"
    assert [value.size for value in kinds.values()][:7] == [0, 1, 3, 4, 5, 8, 100]
    assert [value.data for value in kinds.values()][6] == bytes(range(100))
    link = hive.find("Link")
    assert link is not None
    assert link.is_symlink
    japanese = hive.find("\u65e5\u672c")
    assert japanese is not None
    assert japanese.value("\u30ad\u30fc") is not None
    secured = hive.find("Secured")
    assert secured is not None
    assert secured.security != hive.root.security


@pytest.mark.parametrize("minor", MINORS)
@pytest.mark.parametrize("size", [16343, 16344, 16345, 32688, 32689, 100_000])
def test_big_values_are_stored_as_the_version_asks(minor: int, size: int) -> None:
    """From 16,345 bytes on, version 1.4 and later use db; earlier ones one plain cell."""
    hive = new_hive(minor)
    data = (bytes(range(256)) * 400)[:size]
    hive.root.set_value("big", 3, data)
    again = parse_hive(hive.to_bytes())
    value = again.root.value("big")
    assert value is not None
    where = value._where + 4096 + again.image.cell_header
    is_db = again.image.buffer[where : where + 2] == b"db"

    assert value.data == data
    assert is_db == (minor >= 4 and size > 16344)
    audit(hive)


def test_changing_one_value_touches_only_its_cells(make: Any) -> None:
    """Overwriting data of the same size changes the data, the key's time and nothing else."""
    before = make.rich(5).to_bytes()
    hive = parse_hive(before)
    kinds = hive.find("Kinds")
    assert kinds is not None
    value = kinds.value("size 100")
    assert value is not None
    kinds.set_value("size 100", 3, b"\xaa" * 100, last_written=kinds.last_written + 1)
    after = hive.to_bytes()

    assert len(after) == len(before)
    assert changed_cells(before, after) == {value._where, kinds.offset}
    assert before[512:4096] == after[512:4096]


def test_growing_one_value_leaves_all_other_cells_alone(make: Any) -> None:
    """Data that outgrows its cell moves; only it, its value, its key and free space change."""
    before = make.rich(5).to_bytes()
    hive = parse_hive(before)
    kinds = hive.find("Kinds")
    assert kinds is not None
    value = kinds.value("size 100")
    assert value is not None
    touched = {value._where, value.offset, kinds.offset}
    kinds.set_value("size 100", 3, b"\xaa" * 300, last_written=kinds.last_written + 1)

    changed = changed_cells(before, hive.to_bytes())

    assert touched <= changed
    free = changed - touched
    old = parse_hive(before, mode=Mode.SALVAGE)
    for offset in free:
        with pytest.raises(HiveFormatError, match="allocated"):
            old.image.cell(offset, "cell")


def test_an_unchanged_hive_is_byte_for_byte_the_file(make: Any) -> None:
    """Loading and giving back without an edit changes nothing, padding included."""
    data = make.big(5).to_bytes() + b"padding behind the last bin".ljust(4096, b"\0")
    hive = parse_hive(data)
    for _, key in hive.walk():
        list(key.values())

    assert hive.to_bytes() == data


@pytest.mark.parametrize("minor", MINORS)
def test_adding_and_deleting_300_times_does_not_grow(minor: int) -> None:
    """The cells of a deleted key are found again, so the file is as long as after the first."""
    hive = new_hive(minor)
    sizes = set()
    for _ in range(300):
        key = hive.root.create_subkey("Temporary", class_name="c")
        key.set_value("some value", 3, b"x" * 1000)
        key.delete()
        sizes.add(len(hive.to_bytes()))

    assert sizes == {8192}
    audit(hive)


@pytest.mark.parametrize("minor", [2, 3, 5])
def test_3000_flat_subkeys_stay_sorted_and_small(minor: int) -> None:
    """Leaves are split below an index root; the file grows with the keys, not their square."""
    hive = new_hive(minor)
    for number in range(3000):
        hive.root.create_subkey(f"key {number * 7919 % 3000:04}")
    names = [key.name for key in hive.root.subkeys()]

    assert names == sorted(names)
    assert len(names) == 3000
    assert len(hive.to_bytes()) < 400_000
    audit(hive)


@pytest.mark.parametrize("minor", [2, 3, 5])
def test_deleting_all_subkeys_gives_the_space_back(minor: int) -> None:
    """An emptied key has no list, and a second filling does not grow the file."""
    hive = new_hive(minor)
    for _ in range(2):
        for number in range(1200):
            hive.root.create_subkey(f"key {number}")
        full = len(hive.to_bytes())
        for key in list(hive.root.subkeys()):
            key.delete()

        assert hive.root.cell.subkey_list == NONE
        assert len(hive.to_bytes()) == full
    audit(hive)


def test_the_leaf_kind_follows_the_version() -> None:
    """Li up to 1.2, lf for 1.3 and 1.4, lh from 1.5."""
    kinds = {}
    for minor in MINORS:
        hive = new_hive(minor)
        hive.root.create_subkey("x")
        position, _ = hive.image.cell(hive.root.cell.subkey_list, "list")
        kinds[minor] = bytes(hive.image.buffer[position : position + 2])

    assert kinds == {1: b"li", 2: b"li", 3: b"lf", 4: b"lf", 5: b"lh", 6: b"lh"}


def test_security_is_shared_and_counted() -> None:
    """Equal descriptors share one cell; an unused cell is freed and leaves the ring."""
    hive = new_hive(3)
    own = bytes(range(40))
    keys = [hive.root.create_subkey(f"k{n}") for n in range(4)]
    for key in keys:
        key.set_security(own)
    offsets = {key.cell.security for key in keys}

    assert len(offsets) == 1
    assert all(key.security == own for key in keys)
    audit(hive)
    for key in keys:
        key.delete()
    hive.editor().allocator.check()
    assert len(list(ring(hive.image, hive.root.cell.security))) == 1
    position, _ = hive.image.cell(hive.root.cell.security, "sk")
    assert int.from_bytes(hive.image.buffer[position + 12 : position + 16], "little") == 1
    audit(hive)


def test_rename_keeps_the_subtree_and_sorts_anew() -> None:
    """A longer name moves the cell; children, values and order follow."""
    hive = new_hive(5)
    key = hive.root.create_subkey("a")
    hive.root.create_subkey("m")
    below = key.create_subkey("below")
    below.set_value("v", 1, b"12345678")
    key.rename("zzz " + "long" * 20)

    assert [each.name for each in hive.root.subkeys()] == ["m", key.name]
    found = hive.find(key.name + "\\below")
    assert found is not None
    assert found.value("v") is not None
    audit(hive)


def test_rename_may_change_only_the_case() -> None:
    """A name does not collide with itself."""
    hive = new_hive(5)
    hive.root.create_subkey("name").rename("NAME")

    assert [each.name for each in hive.root.subkeys()] == ["NAME"]
    audit(hive)


def test_a_deleted_key_is_gone_for_every_object() -> None:
    """Using a key object after its key was deleted is an error, even if the cell is reused."""
    hive = new_hive(5)
    key = hive.root.create_subkey("gone")
    same = hive.find("gone")
    assert same is not None
    same.delete()
    hive.root.create_subkey("here")

    uses = [
        lambda dead: dead.name,
        lambda dead: list(dead.subkeys()),
        lambda dead: dead.set_value("x", 1, b""),
        lambda dead: dead.set_security(bytes(24)),
        lambda dead: dead.set_class_name("c"),
        lambda dead: dead.set_last_written(1),
        lambda dead: dead.set_flags(0),
        lambda dead: dead.create_subkey("x"),
        lambda dead: dead.rename("x"),
        lambda dead: dead.delete(),
    ]
    for dead in (key, same):
        for use in uses:
            with pytest.raises(UsageError, match="gone"):
                use(dead)
    audit(hive)


def refusals(hive: HiveFile) -> Iterator[tuple[str, Any]]:
    """Yield edits that cannot be, each with a part of its message."""
    root = hive.root
    key = root.create_subkey("key")
    key.create_subkey("below")
    yield "already has", lambda: root.create_subkey("KEY")
    yield "no backslash", lambda: root.create_subkey("a\\b")
    yield "1 to 255", lambda: root.create_subkey("")
    yield "1 to 255", lambda: root.create_subkey("x" * 256)
    yield "1 to 255", lambda: key.rename("x" * 256)
    yield "already has", lambda: root.create_subkey("other").rename("Key")
    yield "root of a hive", root.delete
    yield "root of a hive", lambda: root.rename("x")
    yield "delete recursively", key.delete
    yield "16383 characters", lambda: key.set_value("n" * 16384, 1, b"")
    yield "32 bits", lambda: key.set_value("n", -1, b"")
    yield "64 bits", lambda: key.set_last_written(-1)
    yield "16 bits", lambda: key.set_flags(KeyFlag.VOLATILE)
    yield "at least 20", lambda: key.set_security(b"short")
    yield "32767", lambda: key.set_class_name("c" * 32768)


def test_impossible_edits_say_why_and_change_nothing_else() -> None:
    """Each refusal is a UsageError that names the rule, and the hive stays sound."""
    hive = new_hive(5)
    for message, act in refusals(hive):
        with pytest.raises(UsageError, match=message):
            act()
    audit(hive)


def test_dirty_and_salvaged_hives_cannot_be_edited(make: Any) -> None:
    """Editing needs a hive that is whole: recovery or a strict opening comes first."""
    data = bytearray(make.rich(3).to_bytes())
    salvaged = parse_hive(bytes(data), mode=Mode.SALVAGE)
    base = parse_hive(bytes(data)).image.base
    import attrs  # noqa: PLC0415 - one use

    attrs.evolve(base, primary_seq=base.primary_seq + 1).pack_into(data)
    dirty = parse_hive(bytes(data))

    with pytest.raises(UsageError, match="salvage"):
        salvaged.root.set_value("x", 1, b"")
    with pytest.raises(UsageError, match="dirty"):
        dirty.root.set_value("x", 1, b"")


def test_freeing_a_cell_twice_is_a_format_error(make: Any) -> None:
    """A hive in which two values share a data cell is found out before the books are wrong."""
    data = bytearray(make.rich(5).to_bytes())
    hive = parse_hive(bytes(data))
    kinds = hive.find("Kinds")
    assert kinds is not None
    one, two = kinds.value("size 5"), kinds.value("size 8")
    assert one is not None
    assert two is not None
    at = 4096 + one.offset + 4 + 8
    data[at : at + 4] = two._where.to_bytes(4, "little")
    shared = parse_hive(bytes(data))
    target = shared.find("Kinds")
    assert target is not None

    with pytest.raises(HiveFormatError):
        target.delete()


def test_a_count_at_its_limit_is_a_format_error(make: Any) -> None:
    """A key that claims 2**32 - 1 subkeys cannot get one more (found by fuzzing)."""
    hive = make.rich(3)
    hive.editor().allocator.put_u32(hive.root.offset, 20, 0xFFFFFFFF)
    hive.changed()
    broken = parse_hive(hive.to_bytes())

    with pytest.raises(HiveFormatError, match="count at 20"):
        broken.root.create_subkey("fuzz key")


def test_times_come_from_the_caller_or_the_clock() -> None:
    """Nothing reads the wall clock: the default is the hive's own time."""
    ticks = iter(range(100, 200))
    hive = new_hive(3, last_written=7, clock=lambda: next(ticks))
    quiet = new_hive(3, last_written=7)

    assert hive.root.create_subkey("a").last_written == 100
    assert hive.root.create_subkey("b", last_written=5).last_written == 5
    assert quiet.root.create_subkey("a").last_written == 7


def test_largest_name_and_data_fields_follow() -> None:
    """The key's bookkeeping of largest names and data grows with what is added."""
    hive = new_hive(5)
    key = hive.root.create_subkey("four", class_name="cls")
    key.set_value("five5", 3, b"x" * 77)
    root, cell = parse_key(hive.image, hive.root.offset)[0], key.cell

    assert (root.max_name, root.max_class) == (8, 6)
    assert (cell.max_value_name, cell.max_value_data) == (10, 77)


def test_the_upper_half_of_the_largest_name_field_is_kept() -> None:
    """Virtualisation flags share the field since Vista; adding a subkey must not lose them."""
    hive = new_hive(5)
    hive.editor().allocator.put_u32(hive.root.offset, 52, 0x00A00000)
    hive.changed()
    hive.root.create_subkey("name")

    assert hive.root.cell.max_name == 0x00A00008


def test_ensure_makes_what_is_missing() -> None:
    """A path is made once and found again without case."""
    hive = new_hive(5)
    first = hive.root.ensure(r"Software\Vendor\App")

    assert hive.root.ensure(r"software\VENDOR\app").offset == first.offset
    assert first.path == r"Software\Vendor\App"

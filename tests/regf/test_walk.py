"""The walk through a hive: C goes ahead, and nothing tells it from going key by key."""

from __future__ import annotations

import contextlib
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from regsim import accel
from regsim.errors import HiveFormatError
from regsim.regf import HiveFile, Mode, new_hive, nk, parse_hive
from regsim.regf.key import Key
from regsim.regf.walk import by_key, walk

MUTANTS = 250
Way = Callable[[Key], Iterator[tuple[str, Key]]]


def one_by_one(start: Key) -> Iterator[tuple[str, Key]]:
    """Walk as it is specified."""
    start.credit = [start.hive.image.extent // 4]
    return by_key(start)


def told(data: bytes, mode: Mode, way: Way, *, reads: int = 1, below: str = "") -> Any:
    """All that a walk tells, up to the error that ends it, and the problems it has listed.

    The values of each *reads*-th key are read.
    """
    found: list[object] = []
    hive = None
    try:
        hive = parse_hive(data, mode=mode)
        for number, (path, key) in enumerate(way(hive.find(below) or hive.root)):
            found.append((path, key.path, key.name, key.offset, key.hive is hive))
            if number % reads == 0:
                found += [(v.name, v.type, v.size, v.offset, v.data) for v in key.values()]
    except HiveFormatError as error:
        found.append(str(error))
    return found, [] if hive is None else [str(one) for one in hive.problems]


def compare(data: bytes, **options: Any) -> None:
    """Both ways tell the same, in both modes."""
    for mode in Mode:
        assert told(data, mode, walk, **options) == told(data, mode, one_by_one, **options)


def broken(data: bytes, seed: int, count: int = MUTANTS) -> Iterator[bytes]:
    """Yield *count* mutants: one to three bytes are others, most of them in or near a structure."""
    rng = random.Random(seed)
    places = [one.start() for one in re.finditer(rb"nk|vk|l[fhi]|ri|db", data)]
    for _ in range(count):
        mutant = bytearray(data)
        for _ in range(rng.randrange(1, 4)):
            near = rng.choice(places) + rng.randrange(-4, 84)
            at = near if rng.random() < 0.9 and near < len(data) else rng.randrange(len(data))
            mutant[at] = rng.choice((0, 1, 0xFF, rng.randrange(256), data[at] ^ 8))
        yield bytes(mutant)


def spread(keys: int) -> HiveFile:
    """Return a hive with more keys than one call into C gives, some with many values."""
    hive = new_hive(5)
    for number in range(keys):
        key = hive.root.ensure(rf"all\{number % 7}\k{number}")
        if number % 3 == 0:
            key.set_value(f"v{number}", 4, number.to_bytes(4, "little"))
    return hive


@pytest.fixture
def ahead(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How each call into C ended: 0 there is more, 1 that was all, 2 it is left to Python."""
    if accel.NATIVE is None:
        pytest.skip("this regsim has no C library")
    ends: list[int] = []

    class Watched:
        def __init__(self, *args: Any) -> None:
            self.walk = accel.NATIVE.CHiveWalk(*args)

        def take(self, data: bytes) -> Any:
            taken = self.walk.take(data)
            ends.append(taken[0])
            return taken

    library = type("Library", (), {"CHiveWalk": Watched})
    monkeypatch.setattr("regsim.regf.walk.accel", type("accel", (), {"NATIVE": library}))
    return ends


@pytest.mark.parametrize("minor", [1, 3, 5])
def test_own_hives(make: Any, minor: int) -> None:
    """A hive with every structure, of each layout, reads the same, from any key on."""
    data = make.rich(minor).to_bytes()
    compare(data)
    compare(data, reads=3)
    for path, _ in parse_hive(data).walk():
        compare(data, below=path)


def test_c_goes_all_the_way(ahead: list[int]) -> None:
    """A hive that is as it should be is walked in C alone, in as many calls as it takes."""
    data = spread(600).to_bytes()

    assert told(data, Mode.STRICT, walk) == told(data, Mode.STRICT, one_by_one)
    assert ahead == [0, 0, 1]


def test_c_leaves_what_is_odd(ahead: list[int]) -> None:
    """From the first thing on that is not as it should be, the rest is not C's."""
    data = bytearray(spread(600).to_bytes())
    data[data.rindex(b"nk")] = 0

    compare(bytes(data))
    assert ahead == [0, 2] * 2


@pytest.mark.parametrize("minor", [3, 5])
def test_mutants(make: Any, minor: int) -> None:
    """Whatever is wrong, both tell the same keys, values and problems, or the same error."""
    hive = make.rich(minor)
    hive.root.set_value("big", 3, bytes(range(256)) * 130)
    whole = hive.to_bytes()
    for number, mutant in enumerate(broken(whole, minor)):
        compare(mutant, reads=1 + number % 3)


def test_mutants_of_index_roots(make: Any) -> None:
    """So they do where the lists of subkeys are lists of lists."""
    whole = make.big().to_bytes()
    for mutant in broken(whole, 7, 7):
        compare(mutant, reads=5)


def test_real_hives(shared: Any) -> None:
    """Hives of Windows, sound and damaged, read the same both ways."""
    for name in (
        "regipy__NTUSER.DAT",
        "regipy__corrupted_system_hive",
        "plaso__test_data__regf__corrupt_sub_key_list.hiv",
        "yarp__UnicodeHive",
        "yarp__BigDataHive",
    ):
        compare(shared(name).read_bytes())


def test_names_that_are_no_text() -> None:
    """Names in UTF-16 come out whole, unpaired surrogates too."""
    hive = new_hive(5)
    for name in ("Ключ", "\ud800half", "ä", "😀"):
        hive.root.create_subkey(name).set_value(name + "v", 1, b"x")

    compare(hive.to_bytes())
    assert {path for path, _ in hive.walk()} == {"", "Ключ", "\ud800half", "ä", "😀"}


def test_very_many_values_of_one_key() -> None:
    """A key with more values than C lists at once has them all the same."""
    hive = new_hive(5)
    key = hive.root.create_subkey("many")
    for number in range(4_200):
        key.set_value(f"v{number}", 4, b"1234")

    compare(hive.to_bytes())
    assert sum(1 for _, key in hive.walk() for _ in key.values()) == 4_200


@pytest.mark.parametrize("levels", [511, 512])
def test_depth(levels: int) -> None:
    """The deepest level is read, and the one below it refused, by both."""
    hive = new_hive(5)
    hive.root.ensure("\\".join("k" * levels))
    compare(hive.to_bytes())


@pytest.mark.parametrize("at", [3, 300])
def test_editing_while_walking(at: int) -> None:
    """After an edit every key that was not met yet is, as it is now, and none twice."""
    hive = spread(600)
    met = []
    for number, (path, key) in enumerate(hive.walk()):
        met.append(path)
        if number == at:
            last = hive.find(r"all\6\k594")
            assert last is not None
            last.set_value("late", 1, b"new")
            hive.root.create_subkey("zz")
        if path == r"all\6\k594":
            assert [value.name for value in key.values()] == ["v594", "late"]

    assert sorted(met) == sorted({path for path, _ in hive.walk()})


def test_what_was_met_before_an_edit_follows_it() -> None:
    """A key that the walk gave shows its values, and its end, as an edit left them."""
    hive = spread(9)
    keys = {path: key for path, key in hive.walk() if path.count("\\") == 2}
    one = keys[r"all\0\k0"]
    one.set_value("new", 1, b"x")
    assert [value.name for value in one.values()] == ["v0", "new"]
    assert one.last_written == one.cell.last_written

    keys[r"all\1\k1"].delete()
    with pytest.raises(Exception, match="is gone"):
        list(keys[r"all\1\k1"].values())


def test_name_alone(make: Any) -> None:
    """A key's name can be had without the rest of it, and is refused where that would be."""

    def answer(read: Callable[[], str]) -> str:
        try:
            return read()
        except HiveFormatError as error:
            return f"error: {error}"

    for minor in (1, 3, 5):
        whole = make.rich(minor).to_bytes()
        offsets = [key.offset for _, key in parse_hive(whole).walk()]
        for data in (whole, *broken(whole, minor, 30)):
            with contextlib.suppress(HiveFormatError):
                image = parse_hive(data).image
                for at in offsets:
                    alone = answer(lambda image=image, at=at: nk.name_at(image, at))
                    assert alone == answer(lambda image=image, at=at: nk.parse(image, at)[1])

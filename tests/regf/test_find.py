"""Finding a key or a value by name: C looks first, and nothing tells it from going by level."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from regsim import accel, reading
from regsim.errors import HiveFormatError, UsageError
from regsim.regf import HiveFile, Mode, new_hive, open_hive, parse_hive
from regsim.regf.key import Key, among, by_level

MUTANTS = 50


def outcome(ask: Callable[[], Any]) -> Any:
    """What *ask* gives, or the error that it raises."""
    try:
        return ask()
    except (HiveFormatError, UsageError) as error:
        return str(error)


def seen(key: Key | None) -> Any:
    """All that tells one key from another, and each that it lies below."""
    line = []
    while key is not None:
        line.append((key.offset, key.name, key.path, outcome(lambda key=key: key.cell)))
        key = key.parent
    return line


def value_in(key: Key | None, name: str, way: Callable[[Key, str], Any]) -> Any:
    """The value that *way* finds, with its data."""
    found = None if key is None else way(key, name)
    return found and (found.offset, found.name, found.type, found.size, outcome(lambda: found.data))


def told(data: bytes, mode: Mode, asked: list[tuple[str, str]], *, plain: bool) -> Any:
    """All that the search for paths and values tells: by *plain* Python, or as it is."""
    found: list[object] = []
    hive = outcome(lambda: parse_hive(data, mode=mode))
    if not isinstance(hive, HiveFile):
        return hive
    find = (lambda path: by_level(hive.root, path)) if plain else hive.find
    value = among if plain else Key.value
    for path, name in asked:
        found.append(outcome(lambda path=path: seen(find(path))))
        at = outcome(lambda path=path: by_level(hive.root, path))
        key = at if isinstance(at, Key) else None
        found.append(outcome(lambda key=key, name=name: value_in(key, name, value)))
    return found, [str(one) for one in hive.problems]


def compare(data: bytes, asked: list[tuple[str, str]]) -> None:
    """Both ways tell the same, in both modes."""
    for mode in Mode:
        assert told(data, mode, asked, plain=False) == told(data, mode, asked, plain=True)


def all_of(hive: HiveFile, *more: tuple[str, str]) -> list[tuple[str, str]]:
    """Every path with a value of it, in other letters, and some that are not there."""
    found = []
    for path, key in hive.walk():
        names = [value.name for value in key.values()] or ["none"]
        found += [(path.swapcase(), names[-1].swapcase()), (path + "\\no", names[0])]
    return [*found, *more, ("\\\\" + found[-2][0] + "\\", "x"), ("", ""), ("\\", "")]


def broken(data: bytes, seed: int, count: int) -> Iterator[bytes]:
    """Yield *count* mutants: one to three bytes in or near a structure are others."""
    rng = random.Random(seed)
    places = [one.start() for one in re.finditer(rb"nk|vk|l[fhi]|ri", data)]
    for _ in range(count):
        mutant = bytearray(data)
        for _ in range(rng.randrange(1, 4)):
            at = rng.choice(places) + rng.randrange(-4, 84)
            if at < len(data):
                mutant[at] = rng.choice((0, 1, 0xFF, rng.randrange(256), data[at] ^ 8, 0x62))
        yield bytes(mutant)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What each call into C has answered: False where it is left to Python."""
    if accel.NATIVE is None:
        pytest.skip("this regsim has no C library")
    answers: list[object] = []

    def watched(name: str) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            answers.append(getattr(accel.NATIVE, name)(*args))
            return answers[-1]

        return staticmethod(call)

    names = ("find_key", "find_value")
    both = type("Library", (), {name: watched(name) for name in names})
    monkeypatch.setattr("regsim.regf.key.NATIVE", both)
    return answers


@pytest.mark.parametrize("minor", [1, 3, 5])
def test_own_hives(make: Any, minor: int) -> None:
    """In a hive with every structure, of each layout, both ways find the same by every name."""
    hive = make.rich(minor)
    compare(hive.to_bytes(), all_of(hive, ("日本", "キー"), ("sOFTWARE", "\0")))


@pytest.mark.parametrize("minor", [1, 3, 5])
def test_mutants(make: Any, minor: int) -> None:
    """Whatever is wrong, they find the same, or tell the same problems or error."""
    hive = make.rich(minor)
    asked = all_of(hive)
    for mutant in broken(hive.to_bytes(), minor, MUTANTS):
        compare(mutant, asked)


def test_mutants_of_index_roots(make: Any) -> None:
    """So they do where the lists of subkeys are lists of lists."""
    whole = make.big().to_bytes()
    for mutant in (whole, *broken(whole, 7, 6)):
        compare(mutant, [(rf"many\N{n:04}", "") for n in (0, 1, 506, 507, 508, 1013, 1099, 1100)])


def test_real_hives(shared: Any) -> None:
    """In hives of Windows, sound and damaged, they find the same."""
    for name in (
        "regipy__corrupted_system_hive",
        "plaso__test_data__regf__corrupt_sub_key_list.hiv",
        "yarp__UnicodeHive",
        "yarp__BigDataHive",
    ):
        data = shared(name).read_bytes()
        with parse_hive(data, mode=Mode.SALVAGE) as hive:
            compare(data, all_of(hive)[:200])


def test_c_finds(make: Any, library: list[object]) -> None:
    """What is as it should be C finds, and that a name is not there it knows."""
    hive = make.big()
    key = hive.find(r"MANY\n0777")
    assert key is not None
    assert (key.path, hive.find(r"Many\n")) == (r"Many\n0777", None)
    kinds = hive.find("kinds")
    assert kinds is not None
    assert (kinds.value("SIZE 5").data, kinds.value("size")) == (bytes(range(5)), None)
    assert False not in library
    assert len(library) == 5


@pytest.mark.parametrize("name", ["Ключ", "日本", "é", "zz\u0100"])
def test_names_beyond_ascii(library: list[object], name: str) -> None:
    """Beside names whose order no release is sure of, C finds, and leaves it to Python not to."""
    hive = new_hive(5)
    for each in (name, "alpha", "omega"):
        hive.root.create_subkey(each).set_value(name, 1, b"x")
    omega = hive.find("OMEGA")
    assert omega is not None
    assert omega.value("omega") is None
    assert False not in library
    assert hive.find("zzz") is None
    assert library[-1] is False
    compare(hive.to_bytes(), [*all_of(hive), ("zzz", "v"), (name, name)])


def test_a_name_out_of_order() -> None:
    """A key that lies where nobody looks for it is not found, as Windows would not."""
    hive = new_hive(5)
    for each in "abcdefgh":
        hive.root.create_subkey(each)
    data = bytearray(hive.to_bytes())
    data[hive.find("b").offset + 4096 + 80] = ord("z")  # type: ignore[union-attr]
    with parse_hive(bytes(data)) as moved:
        assert moved.find("z") is None
        assert "z" in {path for path, _ in moved.walk()}
    compare(bytes(data), [("z", ""), ("b", ""), ("h", "")])


def test_names_in_utf_16() -> None:
    """Names that are stored two bytes a letter, though one would do, are found alike."""
    hive = new_hive(5)
    hive.root.create_subkey("ab").set_value("cd", 4, b"1234")
    data = bytearray(hive.to_bytes())
    key = hive.find("ab")
    assert key is not None
    for at, flags, length in ((key.offset, 2, 72), (key.value("cd").offset, 16, 2)):  # type: ignore[union-attr]
        cell = at + 4100
        data[cell + flags] &= 0xDE
        name = 76 if flags == 2 else 20
        data[cell + name : cell + name + 4] = (
            data[cell + name : cell + name + 2].decode().encode("utf-16-le")
        )
        data[cell + length] = 4
    compare(bytes(data), [("AB", "CD"), ("ab", "c"), ("abc", "cde"), ("a", "cd")])
    with parse_hive(bytes(data)) as wide:
        assert wide.find("AB").value("CD").data == b"1234"  # type: ignore[union-attr]


def test_edits_are_seen() -> None:
    """What was found follows edits: a new value is found, and a deleted key is gone."""
    hive = new_hive(5)
    hive.root.ensure(r"a\b").set_value("v", 1, b"1")
    key = hive.find(r"a\b")
    assert key is not None
    assert (key.value("w"), key.value_count) == (None, 1)
    key.set_value("w", 1, b"2")
    assert (key.value("W").data, key.value_count) == (b"2", 2)  # type: ignore[union-attr]
    hive.find(r"a\b").delete()  # type: ignore[union-attr]
    assert hive.find(r"a\b") is None
    assert key.find("") is key
    for ask in (lambda: key.value("v"), lambda: key.find("c"), lambda: key.cell):
        with pytest.raises(UsageError, match="gone"):
            ask()


def test_a_walk_counts_what_is_found_below_it(make: Any) -> None:
    """A key that `find` gave has nothing counted against a walk from it yet."""
    hive = make.rich()
    found, made = hive.find("software"), by_level(hive.root, "software")
    assert [path for path, _ in hive.walk(found)] == [path for path, _ in hive.walk(made)]
    assert found.credit == made.credit


def test_what_was_found_outlives_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other keys of a large hive that is closed may have to say that it is."""
    hive = new_hive()
    hive.root.ensure("Software\\Example", last_written=7)
    hive.save(tmp_path / "hive")
    told = set()
    for most in (1 << 20, 0):
        monkeypatch.setattr(reading, "WHOLE", most)
        with open_hive(tmp_path / "hive") as opened:
            found = opened.find("Software\\Example")
            met = [key for _, key in opened.walk()][-1]
        assert found is not None
        assert found.last_written == 7
        told.add(outcome(lambda key=met: key.last_written))

    closed = {"the hive of the key 'Example' is closed; ask the key before that"}
    assert told == {7} | (closed if accel.NATIVE is not None else set())

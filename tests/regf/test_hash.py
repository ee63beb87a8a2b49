"""Upper case, hints and hashes against known answers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from regsim.regf import hash as hashing


def test_name_hash_is_the_documented_recurrence() -> None:
    """H = 37 H + unit over the upper case, cut to 32 bits."""
    expected = 0
    for char in "SOFTWARE":
        expected = (expected * 37 + ord(char)) % 2**32

    assert expected == hashing.name_hash("Software")


def test_name_hash_works_on_utf16_units() -> None:
    """A letter beyond the basic plane counts as its two surrogates."""
    high, low = 0xD83D, 0xDE00

    assert (high * 37 + low) % 2**32 == hashing.name_hash("\U0001f600")


def test_name_hint_is_the_first_four_letters() -> None:
    """The hint keeps case and is padded with NULs."""
    assert hashing.name_hint("Software") == b"Soft"
    assert hashing.name_hint("Ab") == b"Ab\0\0"


def test_name_hint_beyond_latin_1_is_zero() -> None:
    """A letter that has no single byte makes the hint useless, so it is blank."""
    assert hashing.name_hint("ab\u65e5") == bytes(4)
    assert hashing.name_hint("abcd\u65e5") == b"abcd"


def test_upcase_never_changes_the_length() -> None:
    """Letters whose upper case is two letters, or another letter's, stay as they are."""
    kept = "\u00df\u0131\u00b5\u017f\u0149"

    assert hashing.upcase(kept) == kept
    assert hashing.upcase("\u00e4\u03b1\u0436") == "\u00c4\u0391\u0416"


@given(st.text(max_size=20))
def test_upcase_is_idempotent(name: str) -> None:
    """Upper case of upper case is itself, unit for unit."""
    once = hashing.upcase(name)

    assert hashing.upcase(once) == once
    assert len(hashing.units(once)) == len(hashing.units(name))


def test_sort_key_orders_by_unit_not_by_code_point() -> None:
    """U+FFFF sorts behind a surrogate pair, as 16-bit comparison has it."""
    assert hashing.sort_key("\U0001f600") < hashing.sort_key("\uffff")


def test_marvin32_equals_the_published_vectors() -> None:
    """Known answers with the seed that SymCrypt's self-test uses."""
    seed = 0x004FB61A001BDBCC
    vectors = {
        b"": 0x30ED35C100CD3C7D,
        b"\xaf": 0x48E73FC77D75DDC1,
        b"\xe7\x0f": 0xB5F6E1FC485DBFF8,
    }

    for data, expected in vectors.items():
        assert hashing.marvin32(data, seed) == expected

r"""Key paths: splitting, folding case, and the ``\REGISTRY`` names behind ``HKEY_*``."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsim import keypath

NAMES = st.text(st.characters(exclude_characters="\\", exclude_categories=["Cs"]), min_size=1)


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("", ()),
        ("\\", ()),
        ("a", ("a",)),
        ("\\a\\b", ("a", "b")),
        ("a\\b\\", ("a", "b")),
        ("a\\\\b", ("a", "b")),
        ("\\REGISTRY\\USER\\.DEFAULT", ("REGISTRY", "USER", ".DEFAULT")),
        ("a/b", ("a/b",)),
        (" a ", (" a ",)),
    ],
)
def test_split(path: str, parts: keypath.Parts) -> None:
    """Separators at the ends and doubled ones count for nothing; a slash is part of a name."""
    assert keypath.split(path) == parts


@pytest.mark.parametrize(
    ("parts", "path"), [((), "\\"), (("a",), "\\a"), (("REGISTRY", "USER"), "\\REGISTRY\\USER")]
)
def test_join(parts: keypath.Parts, path: str) -> None:
    """A joined path is absolute."""
    assert keypath.join(parts) == path


@given(st.lists(NAMES).map(tuple))
def test_split_undoes_join(parts: keypath.Parts) -> None:
    """Splitting what was joined gives the same names."""
    assert keypath.split(keypath.join(parts)) == parts


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("", ""),
        ("Software", "SOFTWARE"),
        ("S-1-5-21-7_Classes", "S-1-5-21-7_CLASSES"),
        (
            "\N{LATIN SMALL LETTER U WITH DIAERESIS}ber",
            "\N{LATIN CAPITAL LETTER U WITH DIAERESIS}BER",
        ),
        ("stra\N{LATIN SMALL LETTER SHARP S}e", "STRA\N{LATIN SMALL LETTER SHARP S}E"),
        ("\N{LATIN SMALL LIGATURE FI}x", "\N{LATIN SMALL LIGATURE FI}X"),
        ("\N{GREEK SMALL LETTER ALPHA}", "\N{GREEK CAPITAL LETTER ALPHA}"),
    ],
)
def test_fold_name(name: str, folded: str) -> None:
    """Each character is upcased on its own; one whose capital is longer stays (MS-UCODEREF)."""
    assert keypath.fold_name(name) == folded


@given(NAMES)
def test_folding_keeps_the_length(name: str) -> None:
    """Folding changes neither the length of a name nor, twice over, its result."""
    folded = keypath.fold_name(name)

    assert len(folded) == len(name)
    assert keypath.fold_name(folded) == folded


@given(st.lists(NAMES).map(tuple))
def test_fold_works_name_by_name(parts: keypath.Parts) -> None:
    """A folded path is the path of its folded names."""
    assert keypath.fold(parts) == tuple(keypath.fold_name(name) for name in parts)


def test_roots_are_folded() -> None:
    """The roots are in the form that folded paths are compared with."""
    assert keypath.MACHINE == ("REGISTRY", "MACHINE")
    assert keypath.USER == ("REGISTRY", "USER")
    assert keypath.APP == ("REGISTRY", "A")
    for root in (keypath.MACHINE, keypath.USER, keypath.APP):
        assert keypath.fold(root) == root


def test_user_root() -> None:
    """A user's hive is mounted below USER under the SID."""
    assert keypath.user_root("S-1-5-21-7") == "\\REGISTRY\\USER\\S-1-5-21-7"


@pytest.mark.parametrize(
    ("path", "short"),
    [
        ("\\REGISTRY\\USER\\S-1-5-21-7\\Software", "HKU\\S-1-5-21-7\\Software"),
        ("\\Registry\\Machine\\System", "HKLM\\System"),
        ("\\REGISTRY\\USER", "HKU"),
        ("\\REGISTRY\\MACHINE", "HKLM"),
        ("\\REGISTRY\\A\\{app}", "\\REGISTRY\\A\\{app}"),
        ("\\REGISTRY", "\\REGISTRY"),
        ("\\REGISTRY\\USERS", "\\REGISTRY\\USERS"),
        ("HKLM\\System", "HKLM\\System"),
    ],
)
def test_short(path: str, short: str) -> None:
    """What lies below MACHINE and USER is written as people do; any other path stays."""
    assert keypath.short(path) == short

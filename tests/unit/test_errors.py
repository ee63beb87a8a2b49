"""What regsim raises: the family tree, and texts that say what, where and what to do."""

from __future__ import annotations

import inspect

import pytest

from regsim import errors
from regsim.errors import (
    DataError,
    HiveFormatError,
    InvariantError,
    NotApplicableError,
    RegsimError,
    UnknownNameError,
    UsageError,
)

ALL = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if kind.__module__ == errors.__name__
]


@pytest.mark.parametrize("kind", ALL)
def test_every_error_has_the_one_root(kind: type[Exception]) -> None:
    """Whatever regsim raises on purpose is caught as RegsimError, and says in one line why."""
    assert issubclass(kind, RegsimError)
    assert kind.__doc__


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (UsageError, ValueError),
        (UnknownNameError, LookupError),
        (UnknownNameError, UsageError),
        (NotApplicableError, UsageError),
        (InvariantError, AssertionError),
        (DataError, ValueError),
        (HiveFormatError, DataError),
    ],
)
def test_error_is_also_what_a_caller_would_catch(kind: type, builtin: type) -> None:
    """An error derives from the builtin that a caller would already catch."""
    assert issubclass(kind, builtin)


@pytest.mark.parametrize("kind", [DataError, InvariantError])
def test_bad_data_is_no_wrong_use(kind: type) -> None:
    """Bad bytes and regsim's own defects are not mistakes of the caller."""
    assert not issubclass(kind, UsageError)


def test_root_is_not_a_value_error() -> None:
    """The root itself is a plain Exception, so that catching ValueError does not catch all."""
    assert not issubclass(RegsimError, ValueError)


def test_unknown_name_lists_what_exists() -> None:
    """An unknown name is told with its kind and every name there is, in the order given."""
    error = UnknownNameError("OS", "nt5", iter(["nt4-rtm", "w2k"]))

    assert str(error) == "unknown OS 'nt5'; known: nt4-rtm, w2k"
    assert (error.kind, error.name, error.known) == ("OS", "nt5", ("nt4-rtm", "w2k"))


@pytest.mark.parametrize(
    ("given", "meant"),
    [("nt4-rtn", "nt4-rtm"), ("NT4 RTN", "nt4-rtm"), ("W2L", "w2k"), ("beos", None), ("", None)],
)
def test_unknown_name_says_which_was_probably_meant(given: str, meant: str | None) -> None:
    """The one that is spelled most alike is offered, and none where nothing is alike."""
    text = str(UnknownNameError("OS", given, ["nt4-rtm", "w2k"]))

    offered = "" if meant is None else f" (did you mean {meant!r}?)"
    assert text == f"unknown OS {given!r}{offered}; known: nt4-rtm, w2k"


def test_unknown_name_prints_as_text() -> None:
    """Although a LookupError, it prints its text and not its arguments' repr as KeyError does."""
    assert str(UnknownNameError("OS", "x", [])) == "unknown OS 'x'; known: "


def test_hive_error_names_file_offset_expected_and_actual() -> None:
    """A format error gives file, offset in hex, what should be there, and what is."""
    error = HiveFormatError(
        "cell size", offset=0x1020, expected="a multiple of 8", actual=21, file="NTUSER.DAT"
    )

    assert str(error) == (
        "NTUSER.DAT: cell size at 0x00001020 should be a multiple of 8, but is 21"
    )
    assert (error.what, error.offset, error.file) == ("cell size", 0x1020, "NTUSER.DAT")
    assert (error.expected, error.actual) == ("a multiple of 8", 21)


def test_hive_error_without_a_file() -> None:
    """Where the file is not known the text begins with the field."""
    error = HiveFormatError("signature", offset=0, expected=b"regf", actual=b"MZ\0\0")

    assert str(error) == r"signature at 0x00000000 should be b'regf', but is b'MZ\x00\x00'"
    assert error.file is None

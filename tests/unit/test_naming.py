"""Names that people type: what is forgiven, and what is not."""

from __future__ import annotations

import pytest

from regsim.errors import UnknownNameError
from regsim.naming import resolve

NAMES = ("none", "stop-service", "win8.1", "win81-x")
ALIASES = {"Windows Eight": "win8.1", "halt": "stop-service"}


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("none", "none"),
        ("NONE", "none"),
        ("Stop Service", "stop-service"),
        ("stop_service", "stop-service"),
        ("StopService", "stop-service"),
        ("Windows 8.1", "win8.1"),
        ("win 81", "win8.1"),
        ("WIN EIGHT", "win8.1"),
        ("Halt", "stop-service"),
    ],
)
def test_case_and_spelling_do_not_count(given: str, name: str) -> None:
    """Whatever has the letters and digits of a name, or of an alias, means it."""
    assert resolve("thing", given, NAMES, ALIASES) == name


@pytest.mark.parametrize("given", ["stop", "services", "win8", "", "-"])
def test_a_part_of_a_name_is_none(given: str) -> None:
    """Nothing is guessed: a name that is not whole is unknown, and all are listed."""
    with pytest.raises(UnknownNameError, match=r"known: none, stop-service, win8\.1, win81-x"):
        resolve("thing", given, NAMES, ALIASES)


def test_a_name_wins_over_an_alias() -> None:
    """An alias that is spelled like a name does not hide it."""
    assert resolve("thing", "None", NAMES, {"none": "stop-service"}) == "none"


def test_the_given_spelling_is_told() -> None:
    """The error has the word as it was typed, and the name that is most like it."""
    with pytest.raises(UnknownNameError, match=r"'Stop Servise' \(did you mean 'stop-service'\?\)"):
        resolve("fix", "Stop Servise", NAMES)

"""What tells its owner when nobody has it any more: the same on both twins."""

from __future__ import annotations

import gc
import sys
from typing import Any

import pytest

from regsim import accel

TWINS = [accel.PyOwned, *([accel.NATIVE.COwned] if accel.NATIVE else [])]


class Owner:
    """Keeps what it is told, and may have something wrong with it."""

    def __init__(self, wrong: str = "") -> None:
        self.told: list[int] = []
        self.wrong = wrong
        self.mine: Any = None

    def let_go(self, handle: int) -> None:
        """Take *handle* back."""
        self.told.append(handle)
        if self.wrong:
            raise OSError(self.wrong)


@pytest.fixture(params=TWINS)
def kind(request: pytest.FixtureRequest) -> type[Any]:
    """A class made of one of the twins."""
    return type("Mine", (request.param,), {"__slots__": ()})


def made(kind: type[Any], owner: Owner, handle: int) -> Any:
    """Return an object of *owner*'s that stands for *handle*."""
    one = kind()
    one._handle, one._owner = handle, owner
    return one


def test_owner_is_told_of_what_goes(kind: type[Any]) -> None:
    """Once, of the number that it has then; not of what was given back."""
    owner = Owner()
    one = made(kind, owner, 8)
    assert one.__enter__() is one
    one._handle = 12
    assert owner.told == []
    del one
    made(kind, owner, 0)
    assert owner.told == [12]


def test_what_goes_wrong_at_the_end_stops_nobody(
    kind: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it hide the exception that the object goes by."""
    seen: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda found: seen.append(found.exc_value))
    owner = Owner("no")
    with pytest.raises(KeyError, match="mine"):
        _ = made(kind, owner, 8), {}["mine"]
    made(kind, owner, 12)

    assert owner.told == [8, 12]
    assert [str(each) for each in seen] == ["no", "no"]


def test_a_circle_with_its_owner_goes(kind: type[Any]) -> None:
    """Who is owner and owned at once is found by the garbage collector."""
    told = []
    for handle in (8, 0):
        owner = Owner()
        owner.told = told
        owner.mine = made(kind, owner, handle)
        del owner
        gc.collect()
    assert told == [8]
    assert not [each for each in gc.get_objects() if type(each) is kind]

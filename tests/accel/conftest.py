"""The twins of the replay, each under the id that says which it is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from regsim import accel
from regsim.accel.creplay import CReplay
from regsim.accel.records import HandleValues, Policy, Replay
from regsim.accel.replay import PyReplay

sys.path.append(str(Path(__file__).parent))  # for ``recording``, which one test uses

Make = Callable[[Policy, HandleValues], Replay]

REPLAYS: dict[str, Make] = {"py": PyReplay}
if accel.NATIVE:
    REPLAYS |= {"c": CReplay, "c-sharded": partial(CReplay, shards=3)}


@pytest.fixture(params=list(REPLAYS))
def make(request: pytest.FixtureRequest) -> Make:
    """What makes a replay of each backend, which is the one that the test's id names."""
    name = type(REPLAYS[request.param](Policy(), HandleValues.GIVEN)).__name__

    assert name == {"py": "PyReplay", "c": "CReplay"}[request.param.partition("-")[0]]
    return REPLAYS[request.param]


@pytest.fixture(scope="session")
def replays() -> dict[str, Make]:
    """All that make a replay, by id; the C ones are among them wherever the library is in use."""
    assert ("c" in REPLAYS) is (accel.NATIVE is not None)
    return REPLAYS

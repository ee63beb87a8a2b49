"""Dialects that only the tests of the calls need."""

from __future__ import annotations

import pytest

from regsim import dialects
from regsim.policy import Dialect


@pytest.fixture
def four_bits() -> Dialect:
    """NT 4.0 without a service pack, whose counters of opens wrap at 16 instead of 65,536."""
    return dialects.get("nt4-rtm").with_(refcount_bits=4)

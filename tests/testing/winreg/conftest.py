"""A computer with a user logged on, and the winreg of their process."""

from __future__ import annotations

import pytest

from regsim.testing._fake.computer import Computer, logged_on
from regsim.testing.winreg import BoundWinreg, HKEYType, bind


@pytest.fixture
def computer() -> Computer:
    """A Windows 11 with a user logged on."""
    return logged_on()


@pytest.fixture
def winreg(computer: Computer) -> BoundWinreg:
    """The calls of the user's process."""
    return bind(computer.machine, computer.process, accounts=computer.accounts)


@pytest.fixture
def key(winreg: BoundWinreg) -> HKEYType:
    """A key of the user, open for everything."""
    return winreg.CreateKey(winreg.HKEY_CURRENT_USER, r"Software\Example")

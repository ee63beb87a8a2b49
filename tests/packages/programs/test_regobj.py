"""regobj: a Key object keeps its handle, and those of the keys above it, as long as it is kept."""

from __future__ import annotations

import pytest

from regsim.testing import RegistryLeakError, fake_winreg


def _use() -> object:
    from regobj import HKCU, Key  # noqa: PLC0415 - seen on Windows alone

    HKCU.Software.Mine = Key
    mine = HKCU.Software.Mine
    mine["colour"] = "blue"
    return mine


def test_what_it_leaves_open_is_found() -> None:
    """A key that is kept keeps its parent open as well."""
    kept = []
    with (
        pytest.raises(RegistryLeakError, match="2 handles left open") as caught,
        fake_winreg(patch=["regobj"], windows=True),
    ):
        kept.append(_use())
    assert {leak.handle.function for leak in caught.value.leaks} == {"Key._get_hkey"}


def test_dropped_it_leaves_nothing() -> None:
    """Keys that nobody keeps are closed."""
    with fake_winreg(patch=["regobj"], windows=True):
        _use()

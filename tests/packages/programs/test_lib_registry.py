"""lib_registry: it keeps the handles it opens until its registry object is closed or gone."""

from __future__ import annotations

import pytest

from regsim.testing import RegistryLeakError, fake_winreg


def _use(*, close: bool) -> list[object]:
    from lib_registry import Registry  # noqa: PLC0415 - seen on Windows alone

    registry = Registry()
    registry.create_key(r"HKCU\Software\Mine")
    registry.set_value(r"HKCU\Software\Mine", "colour", "blue")
    if close:
        registry.__exit__(None, None, None)
    return [registry]


def test_what_it_leaves_open_is_found() -> None:
    """A registry object that is kept keeps the key and its parent open."""
    kept = []
    with (
        pytest.raises(RegistryLeakError, match="2 handles left open") as caught,
        fake_winreg(patch=["lib_registry"], windows=True),
    ):
        kept += _use(close=False)
    assert {leak.handle.function for leak in caught.value.leaks} == {
        "Registry._open_key",
        "Registry.create_key",
    }
    assert kept


def test_closed_it_leaves_nothing() -> None:
    """The end of its block closes what it has opened."""
    with fake_winreg(patch=["lib_registry"], windows=True):
        _use(close=True)

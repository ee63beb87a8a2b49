"""tzlocal: the time zone that the registry names."""

from __future__ import annotations

import pytest

from regsim.testing import Registry

KEY = r"SYSTEM\CurrentControlSet\Control\TimeZoneInformation"


@pytest.mark.registry(patch=["tzlocal"], looks_like_windows=True)
def test_zone(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh system has UTC, and another one when the registry says so."""
    monkeypatch.delenv("TZ", raising=False)
    import tzlocal  # noqa: PLC0415 - seen on Windows alone

    assert tzlocal.get_localzone_name() == "Etc/UTC"
    registry.seed({rf"HKLM\{KEY}": {"TimeZoneKeyName": "W. Europe Standard Time"}})
    with pytest.warns(UserWarning, match="offset"):  # this computer's clock has another
        assert str(tzlocal.reload_localzone()) == "Europe/Berlin"

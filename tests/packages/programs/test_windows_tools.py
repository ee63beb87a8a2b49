"""windows_tools: what is installed, by both views of the registry."""

from __future__ import annotations

import pytest

from regsim.testing import Registry

UNINSTALL = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall"


@pytest.mark.registry(patch=["windows_tools"], looks_like_windows=True)
def test_installed_software(registry: Registry) -> None:
    """It knows the system and finds a program that is installed."""
    from windows_tools.installed_software import get_installed_software  # noqa: PLC0415 - seen on Windows alone
    from windows_tools.registry import HKEY_LOCAL_MACHINE, get_value  # noqa: PLC0415

    version = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
    assert get_value(HKEY_LOCAL_MACHINE, version, "ProductName").startswith("Windows 1")
    registry.seed({rf"{UNINSTALL}\Mine": {"DisplayName": "My program", "DisplayVersion": "1"}})
    assert "My program" in {each["name"] for each in get_installed_software()}

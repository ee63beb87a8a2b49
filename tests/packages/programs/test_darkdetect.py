"""darkdetect: theme and listener, by ctypes and winreg; its listener leaves a key open."""

from __future__ import annotations

import threading
import time

import pytest

from regsim.testing import RegistryLeakError, fake_winreg

KEY = r"Software\Microsoft\Windows\CurrentVersion\Themes\Personalize"


def _listen(registry) -> list[str]:
    import darkdetect  # noqa: PLC0415 - seen on Windows alone

    seen: list[str] = []
    threading.Thread(target=darkdetect.listener, args=(seen.append,), daemon=True).start()
    time.sleep(0.2)
    winreg = registry.winreg
    access = winreg.KEY_SET_VALUE
    with winreg.OpenKey(winreg.HKEY_CURRENT_USER, KEY, 0, access) as key:
        winreg.SetValueEx(key, "AppsUseLightTheme", 0, winreg.REG_DWORD, 0)
    for _ in range(100):
        if seen:
            break
        time.sleep(0.02)
    return seen


@pytest.mark.registry(patch=["darkdetect"], looks_like_windows=True)
def test_theme() -> None:
    """A fresh system is light."""
    import darkdetect  # noqa: PLC0415 - seen on Windows alone

    assert darkdetect.theme() == "Light"
    assert darkdetect.isLight()


def test_the_listener_hears_and_leaves_its_key_open() -> None:
    """It hears of a change; the key that it listens on stays open."""
    with (
        pytest.raises(RegistryLeakError, match="Personalize"),
        fake_winreg(patch=["darkdetect"], windows=True) as registry,
    ):
        assert _listen(registry) == ["Dark"]

"""A user's test file, as a type checker sees it: the names and types of the simulated winreg."""

from __future__ import annotations

from typing import Any, assert_type

from regsim.testing import Registry, fake_winreg
from regsim.testing.pywin32 import win32api_of
from regsim.testing.winreg import BoundWinreg, HKEYType


def read(winreg: BoundWinreg) -> None:
    """Open, read and write."""
    with winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software", access=winreg.KEY_READ) as key:
        assert_type(key, HKEYType)
        assert_type(winreg.QueryInfoKey(key), tuple[int, int, int])
        assert_type(winreg.QueryValueEx(key, "name"), tuple[Any, int])
        assert_type(winreg.EnumKey(key, 0), str)
    assert_type(winreg.REG_SZ, int)
    winreg.SetValueEx(key, None, 0, winreg.REG_DWORD, 5)
    winreg.OpenKey(winreg.HKEY_CURRENT_USER, 5)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    winreg.NoSuchName  # type: ignore[attr-defined] # noqa: B018 # pyright: ignore[reportAttributeAccessIssue, reportUnusedExpression]


def begin() -> None:
    """Begin with each kind of seed, and use pywin32's face."""
    with fake_winreg(seed={r"HKCU\Mine": {"a": 1}}, leaks="warn") as registry:
        assert_type(registry, Registry)
        assert_type(registry.winreg, BoundWinreg)
        assert_type(registry.export(), str)
        key, how = win32api_of(registry.winreg).RegCreateKeyEx(-1, "x", 0)
        assert_type(how, int)
        key.Close()

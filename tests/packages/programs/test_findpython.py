"""findpython: the Pythons that installers note in the registry (PEP 514)."""

from __future__ import annotations

from pathlib import Path

import pytest

from regsim.testing import Registry

KEY = r"HKCU\Software\Python\PythonCore\3.12"


@pytest.mark.registry(patch=["findpython"], looks_like_windows=True)
def test_pythons(registry: Registry, tmp_path: Path) -> None:
    """One that is there is found."""
    from findpython.providers.winreg import WinregProvider  # noqa: PLC0415 - seen on Windows alone

    program = tmp_path / "python.exe"
    program.write_bytes(b"")
    about = {"SysVersion": "3.12", "Version": "3.12.1", "SysArchitecture": "64bit"}
    place = {"": str(tmp_path), "ExecutablePath": str(program)}
    registry.seed({KEY: about, rf"{KEY}\InstallPath": place})
    provider = WinregProvider.create()

    assert provider is not None
    assert [str(found.executable) for found in provider.find_pythons()] == [str(program)]

"""setuptools' search for Visual C++."""

from __future__ import annotations

from pathlib import Path

import pytest

from regsim.testing import Registry

KEY = r"HKLM\SOFTWARE\Wow6432Node\Microsoft\VisualStudio\SxS\VC7"


@pytest.mark.registry(patch=["setuptools"], looks_like_windows=True)
def test_visual_c(registry: Registry, tmp_path: Path) -> None:
    """It is found where the registry says, in the view of 32 bits."""
    from setuptools import msvc  # noqa: PLC0415 - seen on Windows alone
    from setuptools._distutils.compilers.C.msvc import _find_vc2015  # noqa: PLC0415

    folder = tmp_path / "VC"
    folder.mkdir()
    registry.seed({KEY: {"14.0": str(folder)}})
    found = msvc.RegistryInfo(msvc.PlatformInfo("x64"))

    assert msvc.PlatformInfo("x64").current_cpu == "amd64"
    assert found.lookup(found.vc, "14.0") == str(folder)
    assert _find_vc2015() == (14, str(folder))

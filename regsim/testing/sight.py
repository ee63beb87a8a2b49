"""Which modules see a registry, and what else they see."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import cast

from regsim.errors import UsageError
from regsim.testing import pywin32
from regsim.testing.patching import MODULE, Patch
from regsim.testing.registry import Registry
from regsim.testing.windows.modules import NAMES, modules_of


def patched(
    registry: Registry, modules: Iterable[str], *, everywhere: bool = False, windows: bool = False
) -> Patch:
    """Return what puts *registry* before *modules*, and with *windows* its whole system.

    Raises `UsageError` where nobody would see Windows, or modules would that must not.
    """
    if windows and (everywhere or not modules):
        raise UsageError(
            "looks_like_windows is for the modules that patch=[…] names: pytest, other libraries "
            "and Python itself go on seeing this system"
        )
    fakes = (
        modules_of(registry.winreg) if windows else {MODULE: cast("ModuleType", registry.winreg)}
    )
    fakes = {**fakes, **pywin32.modules_of(registry.winreg)}
    return Patch(fakes, modules, everywhere=everywhere, names=NAMES if windows else None)

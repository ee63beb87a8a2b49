"""Which modules see a registry, and what else they see."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import cast

from regsim.errors import UsageError
from regsim.testing import pywin32
from regsim.testing.patching import MODULE, Patch
from regsim.testing.registry import Registry


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
    fakes = {MODULE: cast("ModuleType", registry.winreg), **pywin32.modules_of(registry.winreg)}
    if not windows:
        return Patch(fakes, modules, everywhere=everywhere)
    from regsim.testing.windows.modules import NAMES, modules_of  # noqa: PLC0415 - of few tests

    return Patch({**modules_of(registry.winreg), **fakes}, modules, names=NAMES)

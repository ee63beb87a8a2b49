"""A plugin of pytest: tests are collected and run on a simulated Windows with a registry.

``REGSIM_ON_WINDOWS`` names the modules that see Windows; all see its registry, one for the whole
run. ``REGSIM_FAILING`` names functions of Windows that are not simulated, such as
``advapi32.OpenProcessToken``, and that fail here when they are called: the package looks for them
as it is imported.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest

from regsim.testing import Registry, pywin32
from regsim.testing.patching import Patch
from regsim.testing.windows.modules import NAMES, modules_of

SEEN = os.environ.get("REGSIM_ON_WINDOWS", "").split(",")


def _begin(modules: list[str]) -> ExitStack:
    registry, stack = Registry(os="win10"), ExitStack()
    fakes = {"winreg": registry.winreg, **pywin32.modules_of(registry.winreg)}
    stack.enter_context(Patch(fakes, everywhere=True))
    if modules:
        windows = modules_of(registry.winreg)
        for failing in filter(None, os.environ.get("REGSIM_FAILING", "").split(",")):
            library, _, name = failing.partition(".")
            _fail(windows["ctypes"], library, name)
        stack.enter_context(Patch(windows, modules, names=NAMES))
    return stack


def _fail(ctypes: Any, library: str, name: str) -> None:
    """Have function *name* of *library* fail, by each of the ways to it."""
    try:
        loaded = getattr(ctypes.windll, library)
    except OSError:
        loaded = SimpleNamespace()
    setattr(loaded, name, lambda *_: 0)
    setattr(ctypes.windll, library, loaded)
    load = ctypes.WinDLL
    ctypes.WinDLL = lambda wanted, *rest, **named: (
        loaded if wanted.partition(".")[0] == library else load(wanted, *rest, **named)
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Begin, before anything of the package is imported."""
    early_config.add_cleanup(_begin([name for name in SEEN if name]).close)

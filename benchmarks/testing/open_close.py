"""Opening and closing a key: regsim's fake ``winreg`` beside fake_winreg, in one run.

The two take turns, some thousand pairs each, in nanoseconds for one pair of ``OpenKey`` and
``CloseKey``. regsim keeps the handle table, the key objects and control blocks of the kernel
meanwhile, and says which line opened what; fake_winreg's ``CloseKey`` does nothing.
``python benchmarks/all.py winreg`` measures.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import ModuleType

from measuring import OURS, Asked, Goal, MissingPeerError, Row, Taken, measured, peer

from regsim.testing._fake.computer import logged_on
from regsim.testing.winreg import bind

PAIRS = 20_000
SUBKEY = r"Software\Example\Settings"


def pairs(winreg: ModuleType, key: object, sub_key: str, count: int) -> Callable[[], Taken]:
    """Return what opens and closes, and tells the nanoseconds for one pair."""
    open_key, close_key = winreg.OpenKey, winreg.CloseKey

    def measure() -> Taken:
        begin = time.perf_counter_ns()
        for _ in range(count):
            close_key(open_key(key, sub_key))
        return Taken((time.perf_counter_ns() - begin) / count)

    return measure


def winreg(at: Asked) -> list[Row]:
    """Measure each path."""
    computer, missing = logged_on(), []
    registries = {OURS: bind(computer.machine, computer.process)}
    try:
        theirs = peer("fake_winreg", "fake-winreg==1.10.3")
    except MissingPeerError as error:
        missing = [str(error)]
    else:
        theirs.load_fake_registry(theirs.fake_reg_tools.get_minimal_windows_testregistry())
        registries["fake_winreg"] = theirs
    paths: dict[str, dict[str, Callable[[], Taken]]] = {}
    for name, each in registries.items():
        each.CreateKey(each.HKEY_CURRENT_USER, SUBKEY)
        parent = each.OpenKey(each.HKEY_CURRENT_USER, "Software")
        for path, key, below in (
            ("below HKEY_CURRENT_USER", each.HKEY_CURRENT_USER, SUBKEY),
            ("below a handle", parent, r"Example\Settings"),
        ):
            paths.setdefault(path, {})[name] = pairs(each, key, below, at.of(PAIRS))
    goal = Goal("fake_winreg", 1.0)
    return [
        measured(f"winreg: {path}", f"winreg: open and close {path}", todo, at, goal, unit="ns",
            missing=missing)
        for path, todo in paths.items()
    ]  # fmt: skip

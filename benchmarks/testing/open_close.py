"""Opening and closing a key: regsim's fake ``winreg`` beside fake_winreg 1.10, in one run.

``pip install fake-winreg==1.10.3``, then ``python benchmarks/testing/open_close.py [ROUNDS]``.
The two take turns, some thousand pairs each; the median and the quartiles over the rounds are
given in nanoseconds for one pair of ``OpenKey`` and ``CloseKey``. regsim keeps the handle table,
the key objects and control blocks of the kernel meanwhile, and says which line opened what;
fake_winreg's ``CloseKey`` does nothing. Set-up is a fresh machine with a user logged on.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from types import ModuleType

import fake_winreg

from regsim.testing._fake.computer import logged_on
from regsim.testing.winreg import bind

PAIRS = 4_000
SUBKEY = r"Software\Example\Settings"


def pairs(winreg: ModuleType, key: object, sub_key: str) -> Callable[[], float]:
    """Return a function that opens and closes, and tells the nanoseconds for one pair."""
    open_key, close_key = winreg.OpenKey, winreg.CloseKey

    def measure() -> float:
        begin = time.perf_counter_ns()
        for _ in range(PAIRS):
            close_key(open_key(key, sub_key))
        return (time.perf_counter_ns() - begin) / PAIRS

    return measure


def setting_up() -> float:
    """Return the nanoseconds that a fresh machine with its winreg takes."""
    begin = time.perf_counter_ns()
    for _ in range(20):
        computer = logged_on()
        winreg = bind(computer.machine, computer.process)
        winreg.QueryInfoKey(winreg.HKEY_CURRENT_USER)
    return (time.perf_counter_ns() - begin) / 20


def cases() -> dict[str, Callable[[], float]]:
    """Return what is measured, by name."""
    fake_winreg.load_fake_registry(fake_winreg.fake_reg_tools.get_minimal_windows_testregistry())
    computer = logged_on()
    found: dict[str, Callable[[], float]] = {}
    ours = bind(computer.machine, computer.process)
    for name, winreg in (("regsim", ours), ("fake_winreg", fake_winreg)):
        user = winreg.HKEY_CURRENT_USER
        winreg.CreateKey(user, SUBKEY)
        parent = winreg.OpenKey(user, "Software")
        found[f"{name}: below HKEY_CURRENT_USER"] = pairs(winreg, user, SUBKEY)
        found[f"{name}: below a handle"] = pairs(winreg, parent, r"Example\Settings")
    found["regsim: set-up"] = setting_up
    return found


def main() -> None:
    """Measure in turns and print a table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    measured: dict[str, list[float]] = {name: [] for name in cases()}
    todo = cases()
    for _ in range(rounds):
        for name, measure in todo.items():
            measured[name].append(measure())
    for name, times in measured.items():
        low, middle, high = statistics.quantiles(times, n=4)
        print(f"{name:38} median {middle:9,.0f} ns   quartiles {low:9,.0f} {high:9,.0f}")
    for where in ("below HKEY_CURRENT_USER", "below a handle"):
        mine, theirs = (statistics.median(measured[f"{n}: {where}"]) for n in _NAMES)
        print(f"{where}: regsim is {theirs / mine:.2f} times as fast as fake_winreg")


_NAMES = ("regsim", "fake_winreg")

if __name__ == "__main__":
    main()

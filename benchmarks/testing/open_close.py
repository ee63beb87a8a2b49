"""Opening and closing a key: regsim's fake ``winreg`` beside fake_winreg 1.10, in one run.

``pip install fake-winreg==1.10.3``, then ``python benchmarks/testing/open_close.py [ROUNDS]``.
The two take turns, some thousand pairs each; the best turn and the median of each are given, in
nanoseconds of processor time for one pair of a call that opens and one that closes. regsim keeps
the handle table, the key objects and control blocks of the kernel meanwhile, and says which line
opened what; fake_winreg's ``CloseKey`` does nothing. Set-up is a fresh machine with a user logged
on.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import fake_winreg

from regsim.testing._fake.computer import logged_on
from regsim.testing.winreg import bind

PAIRS = 2_000
SUBKEY = r"Software\Example\Settings"

Pairs = Callable[[], None]


def cases(winreg: ModuleType) -> Iterator[tuple[str, Pairs]]:
    """Yield each way to open and close that both packages offer, and a function that goes it."""
    user = winreg.HKEY_CURRENT_USER
    winreg.SetValueEx(winreg.CreateKey(user, SUBKEY), "Colour", 0, winreg.REG_SZ, "blue")
    parent, below = winreg.OpenKey(user, "Software"), r"Example\Settings"
    every = winreg.KEY_READ | winreg.KEY_WOW64_64KEY
    open_key, close_key, query = winreg.OpenKey, winreg.CloseKey, winreg.QueryValueEx

    def calls(opens: Callable[..., Any], *arguments: object) -> Pairs:
        def run() -> None:
            for _ in range(PAIRS):
                close_key(opens(*arguments))

        return run

    yield "OpenKey below HKEY_CURRENT_USER", calls(open_key, user, SUBKEY)
    yield "OpenKey below a handle", calls(open_key, parent, below)
    yield "OpenKey with an access", calls(open_key, user, SUBKEY, 0, every)
    yield "OpenKeyEx", calls(winreg.OpenKeyEx, user, SUBKEY)
    yield "CreateKey of one that is there", calls(winreg.CreateKey, user, SUBKEY)
    yield "CreateKey below a handle", calls(winreg.CreateKey, parent, below)
    yield (
        "CreateKeyEx with an access",
        calls(winreg.CreateKeyEx, user, SUBKEY, 0, winreg.KEY_WRITE),
    )

    def block() -> None:
        for _ in range(PAIRS):
            with open_key(user, SUBKEY):
                pass

    def method() -> None:
        for _ in range(PAIRS):
            open_key(user, SUBKEY).Close()

    def dropped() -> None:
        for _ in range(PAIRS):
            open_key(user, SUBKEY)

    def reading() -> None:
        for _ in range(PAIRS):
            with open_key(user, SUBKEY) as key:
                query(key, "Colour")

    yield "with OpenKey", block
    yield "OpenKey(...).Close()", method
    yield "OpenKey, dropped", dropped
    yield "with OpenKey, and QueryValueEx", reading


def timed(run: Pairs) -> float:
    """Return the nanoseconds of processor time that one of the pairs takes."""
    begin = time.process_time_ns()
    run()
    return (time.process_time_ns() - begin) / PAIRS


def setting_up() -> float:
    """Return the nanoseconds that a fresh machine with its winreg takes."""
    begin = time.process_time_ns()
    for _ in range(20):
        computer = logged_on()
        winreg = bind(computer.machine, computer.process)
        winreg.QueryInfoKey(winreg.HKEY_CURRENT_USER)
    return (time.process_time_ns() - begin) / 20


def main() -> None:
    """Measure in turns and print a table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    fake_winreg.load_fake_registry(fake_winreg.fake_reg_tools.get_minimal_windows_testregistry())
    computer = logged_on()
    ours = dict(cases(bind(computer.machine, computer.process)))
    theirs = dict(cases(fake_winreg))
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ours}
    for _ in range(rounds):
        for name, measured in times.items():
            measured.append((timed(ours[name]), timed(theirs[name])))
    print(f"{'ns a pair: best (median)':34} {'regsim':>16} {'fake_winreg':>16}")
    for name, measured in times.items():
        shown, best = "", []
        for column in zip(*measured, strict=True):
            best.append(min(column))
            shown += f" {min(column):7,.0f} ({statistics.median(column):6,.0f})"
        print(f"{name:34} {shown}   {best[1] / best[0]:.2f} times as fast")
    print(f"{'set-up':34}  {min(setting_up() for _ in range(5)):7,.0f}")


if __name__ == "__main__":
    main()

"""Opening and closing a key: regsim's fake ``winreg`` beside fake_winreg, in one run.

The two take turns, some thousand pairs each, in nanoseconds of processor time for one call that
opens and one that closes. regsim keeps the handle table, the key objects and control blocks of the
kernel meanwhile, and says which line opened what; fake_winreg's ``CloseKey`` does nothing.
``python benchmarks/all.py winreg`` measures.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from measuring import OURS, Asked, Goal, MissingPeerError, Row, Taken, measured, peer

from regsim.testing._fake.computer import logged_on
from regsim.testing.winreg import bind

PAIRS = 2_000
SUBKEY = r"Software\Example\Settings"

Pairs = Callable[[int], None]
"""Opens and closes as often as it is told."""


def ways(winreg: ModuleType) -> Iterator[tuple[str, Pairs]]:
    """Yield each way to open and close that both packages offer, and a function that goes it."""
    user = winreg.HKEY_CURRENT_USER
    winreg.SetValueEx(winreg.CreateKey(user, SUBKEY), "Colour", 0, winreg.REG_SZ, "blue")
    parent, below = winreg.OpenKey(user, "Software"), r"Example\Settings"
    every = winreg.KEY_READ | winreg.KEY_WOW64_64KEY
    open_key, close_key, query = winreg.OpenKey, winreg.CloseKey, winreg.QueryValueEx

    def calls(opens: Callable[..., Any], *arguments: object) -> Pairs:
        def run(pairs: int) -> None:
            for _ in range(pairs):
                close_key(opens(*arguments))

        return run

    yield "OpenKey below HKEY_CURRENT_USER", calls(open_key, user, SUBKEY)
    yield "OpenKey below a handle", calls(open_key, parent, below)
    yield "OpenKey with an access", calls(open_key, user, SUBKEY, 0, every)
    yield "OpenKeyEx", calls(winreg.OpenKeyEx, user, SUBKEY)
    yield "CreateKey of one that is there", calls(winreg.CreateKey, user, SUBKEY)
    yield "CreateKey below a handle", calls(winreg.CreateKey, parent, below)
    writing = winreg.KEY_WRITE
    yield "CreateKeyEx with an access", calls(winreg.CreateKeyEx, user, SUBKEY, 0, writing)

    def block(pairs: int) -> None:
        for _ in range(pairs):
            with open_key(user, SUBKEY):
                pass

    def method(pairs: int) -> None:
        for _ in range(pairs):
            open_key(user, SUBKEY).Close()

    def dropped(pairs: int) -> None:
        for _ in range(pairs):
            open_key(user, SUBKEY)

    def reading(pairs: int) -> None:
        for _ in range(pairs):
            with open_key(user, SUBKEY) as key:
                query(key, "Colour")

    yield "with OpenKey", block
    yield "OpenKey(...).Close()", method
    yield "OpenKey, dropped", dropped
    yield "with OpenKey, and QueryValueEx", reading


def timed(run: Pairs, pairs: int) -> Callable[[], Taken]:
    """Return what goes a way, and tells the nanoseconds of processor time for one pair."""

    def measure() -> Taken:
        begin = time.process_time_ns()
        run(pairs)
        return Taken((time.process_time_ns() - begin) / pairs)

    return measure


def winreg(at: Asked) -> list[Row]:
    """Measure each way."""
    computer, missing = logged_on(), []
    registries = {OURS: bind(computer.machine, computer.process)}
    try:
        theirs = peer("fake_winreg", "fake-winreg==1.10.3")
    except MissingPeerError as error:
        missing = [str(error)]
    else:
        theirs.load_fake_registry(theirs.fake_reg_tools.get_minimal_windows_testregistry())
        registries["fake_winreg"] = theirs
    todo: dict[str, dict[str, Callable[[], Taken]]] = {}
    for name, each in registries.items():
        for way, run in ways(each):
            todo.setdefault(way, {})[name] = timed(run, at.of(PAIRS))
    goal = Goal("fake_winreg", 1.0)
    return [
        measured(f"winreg: {way}", f"winreg: {way}", both, at, goal, unit="ns", missing=missing)
        for way, both in todo.items()
    ]

"""Services that cannot be explored, one fault each; ``# <-`` is on the line to blame."""

# ruff: noqa: D103, PLW0603
from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator
from typing import Any

KEPT: list[int] = []
COUNT = 0
NEXT = itertools.count()


def closes_twice(win: Any) -> None:
    while win.wait("request"):
        key = win.RegOpenCurrentUser()
        win.RegCloseKey(key)
        win.RegCloseKey(key)  # <- closed already


def goes_through_a_set(win: Any) -> None:
    while win.wait("request"):
        for name in {"a", "b"}:  # noqa: PLC0208
            win.work(name)  # <- sorted


def throws_dice(win: Any) -> None:
    while win.wait("request"):
        win.work(str(random.random()))  # <- time, chance


def keeps_count_elsewhere(win: Any) -> None:
    win.wait("request")
    if next(NEXT) % 2:
        win.work("x")  # <- do the same


def reads_the_clock(win: Any) -> None:
    while win.wait("request"):
        win.work(str(time.perf_counter_ns()))  # <- time, chance


def has_a_global(win: Any) -> None:
    global COUNT
    while win.wait("request"):
        COUNT += 1  # <- win.shared.COUNT


def keeps_a_list(win: Any) -> None:
    while win.wait("request"):
        KEPT.append(1)
        win.work("x")  # <- KEPT


def catches_everything(win: Any) -> None:
    while True:
        try:
            win.wait("request")
        except:  # noqa: E722 <- name the errors
            return


def counts_for_ever(win: Any) -> None:
    number = 0
    while win.wait("request"):  # <- ever more ways
        number += 1


def runs_for_ever(win: Any) -> None:
    win.wait("request")
    while True:  # <- comes to no call
        pass


def misspells(win: Any) -> None:
    win.RegOpenKeyX(win.HKEY_CURRENT_USER)  # <- did you mean 'RegOpenKeyEx'


def forgets_an_argument(win: Any) -> None:
    win.RegOpenKeyEx()  # <- 'key'


def is_a_generator(win: Any) -> Iterator[None]:  # <- generator
    yield win.wait("request")


def waits_for_what_never_comes(win: Any) -> None:
    win.wait("rekuest")  # <- did you mean 'request'


def acts_as_a_stranger(win: Any) -> None:
    with win.impersonating("bob"):  # <- known: user
        pass


def shares_a_list(win: Any) -> None:
    win.shared.names = []  # <- a number or a text


def holds_an_iterator(win: Any) -> None:
    numbers = iter([1, 2])
    while win.wait("request"):  # <- cannot be compared
        win.work(str(next(numbers)))


def takes_nothing() -> None:  # <- takes 0 positional
    pass


def breaks(win: Any) -> None:
    win.wait("request")
    raise ValueError("of its own")  # <- ValueError: of its own


def leaves_what_it_never_entered(win: Any) -> None:
    win.LeaveCriticalSection("root")  # <- not in it


def watches(win: Any) -> None:
    key = win.RegOpenCurrentUser()
    win.RegNotifyChangeKeyValue(key, "changed")  # <- step program


def takes_a_value_for_its_text(win: Any) -> None:
    win.wait("request")
    with win.impersonating("user"):
        key = win.RegOpenKeyEx(win.HKEY_CURRENT_USER, "Software")
        if win.RegQueryValueEx(key, "Colour") == "1":  # <- compared with '1'
            return
        win.RegCloseKey(key)


def makes_up_a_name(win: Any) -> None:
    win.event("a" + str(1)).wait()  # <- not written as a text


WRONG = [value for value in list(vars().values()) if getattr(value, "__module__", 0) == __name__]

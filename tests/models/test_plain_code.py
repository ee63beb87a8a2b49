"""A service in plain Python against the step program that it stands for, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from regsim.models.q241572 import VARIANTS

from regsim.actors import bystanders, winlogon
from regsim.actors.stage import SUBKEY
from regsim.explore.learned import program
from regsim.explore.asking import PlainCodeError
from regsim.explore.scene import Scene
from regsim.explore.service import model


def telephony(win: Any, *, closes_root: bool = False) -> None:
    """Serve requests as the stock service of the article does."""
    while win.wait("request"):
        with win.impersonating("user"):
            try:
                key = win.RegOpenKeyEx(win.HKEY_CURRENT_USER, SUBKEY)
            except FileNotFoundError:
                continue
            except OSError:
                key = None
            if key is None:
                win.work("gives the error back")
                continue
            win.work("reads the user information")
            win.RegCloseKey(key)
            if closes_root:
                win.RegCloseKey(win.HKEY_CURRENT_USER)


def naive(win: Any) -> None:
    """Serve requests and close the root after each."""
    telephony(win, closes_root=True)


ROWS = [
    (telephony, "buggy", 1, 0, 1, (63, 141, 18), 63),
    (telephony, "forced", 1, 0, 1, (132, 310, 20), 132),
    (naive, "naive", 2, 1, 2, (2_400, 10_036, 34), 1_314),
]


@pytest.mark.parametrize(
    ("code", "variant", "workers", "services", "queue", "counts", "symmetric"), ROWS
)
def test_plain_code_has_the_counts_of_its_step_program(
    explore: Callable,
    code: Callable,
    variant: str,
    workers: int,
    services: int,
    queue: int,
    counts: tuple[int, int, int],
    symmetric: int,
) -> None:
    """The published counts of KB Q241572 come out of the service written in plain Python."""
    scene = Scene(VARIANTS[variant].os)
    scene.add("winlogon", winlogon.patient(force=VARIANTS[variant].force))
    scene.add("icw", bystanders.wizard(queue), process="session")
    learned = program("tapisrv", code, scene.dialect)
    scene.add("worker", learned, count=workers, process="tapisrv")
    scene.add("service", bystanders.service(), count=services)
    found = scene.system("plain")

    assert explore(found).counts == counts
    assert explore(found, symmetry=True).states == symmetric


def closes_twice(win: Any) -> None:
    """Close a key twice."""
    while win.wait("request"):
        with win.impersonating("user"):
            key = win.RegOpenCurrentUser()
            win.RegCloseKey(key)
            win.RegCloseKey(key)


def goes_through_a_set(win: Any) -> None:
    """Depend on the order of a set."""
    while win.wait("request"):
        for name in {"a", "b"}:  # noqa: PLC0208 - what is to be refused
            win.work(name)


@pytest.mark.parametrize(
    ("code", "line", "why"), [(closes_twice, 7, "closed already"), (goes_through_a_set, 5, "set")]
)
def test_code_that_cannot_be_explored_is_refused_with_its_line(
    code: Callable, line: int, why: str
) -> None:
    """What cannot be run again, or means nothing, is one error that names the line."""
    expected = code.__code__.co_firstlineno + line - 1
    with pytest.raises(PlainCodeError, match=f"line {expected}: .*{why}"):
        model(os="win11").service(code).user_logs_on_and_off().check("released")

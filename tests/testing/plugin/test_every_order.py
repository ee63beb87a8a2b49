"""The marker that runs a test in every order of its threads' steps."""

from __future__ import annotations

import pytest
from plugin_runs import run

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.usefixtures("not_in_a_workflow")

SERVICE = """
import threading

def serve(winreg):
    with winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software"):
        pass
    if CLOSES_ROOT:
        winreg.CloseKey(winreg.HKEY_CURRENT_USER)

@pytest.mark.registry_orders({options})
def test_two_at_once(winreg):
    threads = [threading.Thread(target=serve, args=(winreg,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


def _run(pytester: pytest.Pytester, *, closes: bool, options: str = "") -> pytest.RunResult:
    source = SERVICE.replace("CLOSES_ROOT", str(closes)).replace("{options}", options)
    return run(pytester, source, "-W", "default")


def test_a_marked_test_fails_by_a_table_of_its_lines(pytester: pytest.Pytester) -> None:
    """A race in some order is the test's failure, with the lines of both threads and the replay."""
    found = _run(pytester, closes=True)

    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(["*OSError ends thread serve*", "*INVALID_HANDLE*", "*replay='*"])


def test_a_marked_test_passes_where_every_order_does(pytester: pytest.Pytester) -> None:
    """A test that goes well in each order passes; at a bound it passes with a warning."""
    _run(pytester, closes=False, options="schedules=5000").assert_outcomes(passed=1)
    bound = _run(pytester, closes=False, options="schedules=3")

    bound.assert_outcomes(passed=1, warnings=1)
    bound.stdout.fnmatch_lines(["*there are more: raise schedules=*"])


def test_a_marker_that_cannot_be_meant_is_refused(pytester: pytest.Pytester) -> None:
    """An unknown argument fails the test in one line that lists those there are."""
    found = _run(pytester, closes=False, options="shedules=3")

    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(["*unknown argument of registry_orders 'shedules'*'schedules'*"])

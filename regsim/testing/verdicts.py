"""Assertions for tests."""

from __future__ import annotations

from regsim.scenario.result import Outcome
from regsim.testing.logoff import Ending
from regsim.testing.registry import Registry, table


def assert_unloads(registry: Registry) -> Ending:
    """Return how a logoff would end now; it must unload the hive at once and harm nobody.

    The registry stays as it is. Raises AssertionError naming every holder otherwise.
    """
    ending = registry.foresee()
    if ending.outcome is not Outcome.SAVED:
        leaks = registry.leaks()
        raise AssertionError(table(registry, leaks) if leaks else ending.says())
    return ending

"""A fresh machine for each example of hypothesis, in tests that use the plugin's fixtures.

``@given`` calls a test many times between one set-up of its fixtures and their end. What one
example wrote, the next would find.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings

from regsim.testing.outcomes import FIXTURES
from regsim.testing.profile import ProfileSession
from regsim.testing.registry import Registry

if TYPE_CHECKING:
    import pytest


@contextmanager
def each_afresh(
    item: pytest.Item, block: Callable[[], AbstractContextManager[Registry]]
) -> Iterator[None]:
    """Have each example that *item*, a test of hypothesis, runs have a *block* of its own.

    Left alone is one with a fixture that is built on the plugin's: hypothesis itself says of it
    that it is not renewed.
    """
    function: Any = getattr(item, "obj", None)
    handle = function.hypothesis
    inner, bare = handle.inner_test, getattr(function, "__func__", function)
    before = getattr(bare, "_hypothesis_internal_use_settings", None)
    quiet = set()
    if "_registry_os" in getattr(getattr(item, "callspec", None), "params", ()):
        # as its own plugin does for pytest.mark.parametrize, which the systems are not given by
        quiet.add(HealthCheck.differing_executors)
    if not _built_on(item):
        handle.inner_test = _within(inner, block)
        if not _other_fixtures(item):
            quiet.add(HealthCheck.function_scoped_fixture)
    if before is not None and quiet:
        quiet.update(before.suppress_health_check)
        bare._hypothesis_internal_use_settings = settings(before, suppress_health_check=quiet)  # noqa: SLF001 - as its own plugin does
    try:
        yield
    finally:
        handle.inner_test = inner
        if before is not None:
            bare._hypothesis_internal_use_settings = before  # noqa: SLF001


def _within(
    inner: Callable[..., Any], block: Callable[[], AbstractContextManager[Registry]]
) -> Callable[..., Any]:
    @functools.wraps(inner)
    def example(*args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - whatever the test takes
        with block() as registry:
            session = ProfileSession(registry) if "profile_session" in kwargs else None
            ours = {"registry": registry, "winreg": registry.winreg, "profile_session": session}
            inner(*args, **(kwargs | {name: ours[name] for name in FIXTURES & kwargs.keys()}))
            if session is not None:
                session.finish()

    return example


def _definitions(item: pytest.Item) -> list[Any]:
    """Return the fixtures that *item* uses, but the plugin's own."""
    found = getattr(item, "_fixtureinfo", None)
    every = found.name2fixturedefs.values() if found is not None else ()
    home = "regsim.testing.plugin"
    return [each for some in every for each in some if each.func.__module__ != home]


def _built_on(item: pytest.Item) -> bool:
    return any(not FIXTURES.isdisjoint(each.argnames) for each in _definitions(item))


def _other_fixtures(item: pytest.Item) -> bool:
    """Return whether hypothesis has a function's own fixtures to complain of besides."""
    names = getattr(item, "_fixtureinfo").argnames  # noqa: B009 - it is a function
    return any(each.scope == "function" and each.argname in names for each in _definitions(item))

"""Which test left which handle, while pytest runs; also where tests share a registry.

A registry that outlives a test is searched when its block ends, since until then whatever the test
opened may be closed. By then the test is over: `Openers` knows who opened what, and keeps what the
block's end finds for the plugin, which has not told that test's outcome yet.

Nothing but the standard library is imported here: the plugin loads this with pytest.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from regsim.testing.registry import Leak, Registry

LEVELS: Final = ("error", "warn", "off")
"""What handles that are left do to a test: fail it, warn, nothing. The first is the default."""


Leaks = bool | str | None
"""How somebody names a level; True and False are the first and the last, None the run's."""


class RegistryLeakWarning(UserWarning):
    """Handles on the user's profile were left open, where that is to warn and not to fail."""


_runs: list[Openers] = []
"""Those of the runs of pytest in this process, the innermost last: one may run within a test."""


class Openers:
    """Who opens what during one run of pytest.

    Args:
        level: what handles that are left do, of `LEVELS`, where a test does not say it.

    Attributes:
        live: the registries whose blocks are not over.
        owner: the test or fixture that runs now, or nothing where that cannot be told.
        waiting: the tests whose call is over and whose outcome is not told yet.
        failed: the tests that failed by themselves: what they left says nothing.
        left: by test, what was found of it after it was over: a table, and the leaks in it; no
            table for what only warns.
    """

    def __init__(self, level: str = LEVELS[0]) -> None:
        self.level = level
        self.live: list[Registry] = []
        self.owner = ""
        self.waiting: set[str] = set()
        self.failed: set[str] = set()
        self.left: dict[str, list[tuple[str, list[Leak]]]] = {}

    def turn(self, owner: str) -> str:
        """Have *owner* be who opens from now on; return who did so far."""
        self.note()
        before, self.owner = self.owner, owner
        return before

    def note(self) -> None:
        """Put down whose are the handles that were opened since the last time."""
        for registry in self.live:
            registry.note(self.owner)

    def suspects(self, test: str) -> bool:
        """Return whether a registry in use has handles that *test* left, as it seems so far."""
        return any(leak.owner == test for registry in self.live for leak in registry.leaks())

    def blame(self, test: str, text: str, leaks: list[Leak]) -> bool:
        """Keep *leaks*, told by *text*, for the outcome of *test*; False where it is too late."""
        if test in self.waiting:
            self.left.setdefault(test, []).append((text, leaks))
        return test in self.waiting


def current() -> Openers | None:
    """Return the openers of the innermost run of pytest, or None outside of any."""
    return _runs[-1] if _runs else None


def start(openers: Openers) -> None:
    """Have *openers* be told of what begins and ends from now on."""
    _runs.append(openers)


def stop(openers: Openers) -> None:
    """Tell *openers* nothing more."""
    if openers in _runs:
        _runs.remove(openers)


def begin(registry: Registry) -> None:
    """Tell the run of pytest, if any, that the block of *registry* has begun."""
    openers = current()
    if openers is not None:
        openers.live.append(registry)


def level_of(leaks: Leaks) -> str | None:
    """Return the level that *leaks* means, or None where it leaves that to the run.

    Raises `UsageError` for what means none.
    """
    level = (LEVELS[0] if leaks else LEVELS[-1]) if isinstance(leaks, bool) else leaks
    if level is not None and level not in LEVELS:
        from regsim.errors import UsageError  # noqa: PLC0415 - only when asked for

        raise UsageError(f"leaks is {leaks!r}; it can be one of {', '.join(LEVELS)}")
    return level


def level() -> str:
    """Return what handles that are left do where nobody says it: what the run of pytest says."""
    openers = current()
    return LEVELS[0] if openers is None else openers.level


def end(registry: Registry, level: str) -> list[Leak]:
    """Tell that the block of *registry* has ended; return the leaks that it must raise itself.

    With the *level* "off" nothing is searched, with "warn" a leak warns. The others are of tests
    that are over, or nearly so: each is blamed for its own, and one that failed by itself for
    nothing.
    """
    from regsim.testing.registry import table  # noqa: PLC0415 - loaded by now

    openers = current()
    if openers is None or registry not in openers.live:
        by_owner = {"": registry.leaks() if level != "off" else []}
        openers = None
    else:
        openers.note()
        openers.live.remove(registry)
        by_owner = {}
        for leak in registry.leaks() if level != "off" else []:
            by_owner.setdefault(leak.owner, []).append(leak)
    rest = []
    for owner, leaks in by_owner.items():
        if not leaks or (openers is not None and owner in openers.failed):
            continue
        text = table(registry, leaks)
        if level == "warn":
            warnings.warn(RegistryLeakWarning(text), stacklevel=3)
            if openers is not None:
                openers.left.setdefault(owner, []).append(("", leaks))
        elif openers is None or not openers.blame(owner, text, leaks):
            rest += leaks
    return rest

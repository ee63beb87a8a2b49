"""Which test left which handle, while pytest runs; also where tests share a registry.

A registry that outlives a test is searched when its block ends, since until then whatever the test
opened may be closed. By then the test is over: `Openers` knows who opened what, and keeps what the
block's end finds for the plugin, which has not told that test's outcome yet.

Nothing but the standard library is imported here: the plugin loads this with pytest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regsim.testing.registry import Leak, Registry

_runs: list[Openers] = []
"""Those of the runs of pytest in this process, the innermost last: one may run within a test."""


class Openers:
    """Who opens what during one run of pytest.

    Attributes:
        live: the registries whose blocks are not over.
        owner: the test or fixture that runs now, or nothing where that cannot be told.
        waiting: the tests whose call is over and whose outcome is not told yet.
        failed: the tests that failed by themselves: what they left says nothing.
        left: by test, what was found of it after it was over: a table, and the leaks in it.
    """

    def __init__(self) -> None:
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


def end(registry: Registry, *, searched: bool) -> list[Leak]:
    """Tell that the block of *registry* has ended; return the leaks that it must raise itself.

    None where it is not *searched*. The others are of tests that are over, or nearly so: each is
    blamed for its own, and one that failed by itself for nothing.
    """
    openers = current()
    if openers is None or registry not in openers.live:
        return registry.leaks() if searched else []
    from regsim.testing.registry import table  # noqa: PLC0415 - loaded by now

    openers.note()
    openers.live.remove(registry)
    by_owner: dict[str, list[Leak]] = {}
    for leak in registry.leaks() if searched else []:
        by_owner.setdefault(leak.owner, []).append(leak)
    rest = []
    for owner, leaks in by_owner.items():
        if owner not in openers.failed and not openers.blame(owner, table(registry, leaks), leaks):
            rest += leaks
    return rest

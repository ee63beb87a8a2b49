"""A session from logon to logoff whose profile must be saved."""

from __future__ import annotations

from regsim.cases.logoff import Ending
from regsim.scenario.result import Outcome
from regsim.testing.registry import Registry, table
from regsim.testing.winreg import BoundWinreg


class ProfileSession:
    """A logged-on user with a roaming profile; `finish` logs off and wants it saved.

    Attributes:
        registry: the computer, with `service`, `program`, `acting_as_user` and the rest.
        winreg: the calls of the code under test.
        ending: how the logoff ended, once it was.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.winreg: BoundWinreg = registry.winreg
        self.ending: Ending | None = None

    def finish(self) -> Ending:
        """Log the user off, once, and return how it ended.

        Raises:
            AssertionError: the profile is lost, or saved by breaking who held the hive.
        """
        if self.ending is None:
            leaks = self.registry.leaks()
            held = table(self.registry, leaks) if leaks else ""
            self.ending = self.registry.log_off()
            if self.ending.outcome not in (Outcome.SAVED, Outcome.LATE):
                raise AssertionError(held or f"after the logoff: {self.ending.says()}")
        return self.ending

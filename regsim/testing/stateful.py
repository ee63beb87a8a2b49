"""A hypothesis state machine to subclass: your calls in any order, and the hive must unload.

Write your program's calls as rules over ``self.session``; when a run ends, the user logs off, and
the run fails if something still holds the hive.
"""

from __future__ import annotations

from typing import ClassVar

from hypothesis.stateful import RuleBasedStateMachine

from regsim.testing.session import Session, log_on


class UserHiveMachine(RuleBasedStateMachine):
    """The base: a logged-on user before the first rule, the end of the session after the last.

    Attributes:
        os: the generation to run on; override it in a subclass.
        session: the machine, the user, and the calls of a service and of the user's process.
    """

    os: ClassVar[str] = "win11"
    session: Session

    def __init__(self) -> None:
        super().__init__()
        self.session = log_on(self.os)

    def finish(self) -> None:
        """End the program under test before the user logs off; by default nothing is to do."""

    def teardown(self) -> None:
        """End the session; fail naming every holder if the hive does not unload."""
        self.finish()
        unloaded = self.session.unload()
        self.session.machine.check()
        if not unloaded:
            raise AssertionError(describe(self.session))


def describe(session: Session) -> str:
    """Return who holds the user's hive, a line each."""
    lines = [
        f"  {holder.process} (pid {holder.pid}) holds {holder.key} by handle {holder.handle:#x}, "
        f"opened by {holder.opened_by}" + (", which nobody asked for" if holder.implicit else "")
        for holder in session.holders()
    ]
    return "\n".join((f"the hive {session.path} does not unload:", *lines))

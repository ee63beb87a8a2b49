"""What becomes of a user's hive when they log off, by the rules of the machine's dialect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from regsim.actors.stage import ICW, PENDING, USER, USER_ON, USER_PATH
from regsim.actors.winlogon import winlogon
from regsim.errors import UsageError
from regsim.kernel.machine import Event, Machine
from regsim.scenario import Outcome, Scenario
from regsim.status import NtStatus
from regsim.types import ObjectId

HORIZON: Final = 3600
"""How many seconds a logoff that waits for ever is watched."""
BROKEN: Final = (NtStatus.KEY_DELETED, NtStatus.HIVE_UNLOADED)
"""What a handle answers that a forced unload took away: Win32 error 1018."""


@attrs.frozen(kw_only=True)
class Ending:
    """How a logoff ended.

    Attributes:
        outcome: saved, late, lost, or holder-broken.
        unloaded: whether the hive is gone.
        attempts: how many normal unloads were tried.
        seconds: how long the logoff took.
        events: what was written to the event log.
        broken: handles of surviving processes that answer 1018 from now on.
    """

    outcome: Outcome
    unloaded: bool
    attempts: int
    seconds: int
    events: tuple[Event, ...]
    broken: int

    def says(self) -> str:
        """Return the ending as a sentence."""
        logged = "".join(f" (event {event.id})" for event in self.events[-1:])
        if self.outcome is Outcome.SAVED:
            return "the hive unloads at once and the profile is saved"
        if self.outcome is Outcome.HOLDER_BROKEN:
            what = "handle answers" if self.broken == 1 else "handles answer"
            return f"the hive is unloaded by force{logged}; {self.broken} {what} 1018 from then on"
        if self.outcome is Outcome.LATE:
            return f"the profile is saved late, or from a copy while the hive stays loaded{logged}"
        tried = "1 try" if self.attempts == 1 else f"{self.attempts} tries"
        return f"the hive stays loaded after {tried} and the profile is lost{logged}"


class Unloader:
    """Who logs the user on and off on *stage*: Winlogon, or what the dialect has in its place.

    Args:
        stage: where it plays; its records are the stage's.
        at: where its program stands to begin with; ``off`` while nobody is logged on.
    """

    def __init__(self, stage: Scenario, *, at: str = "off") -> None:
        machine, policy = stage.machine, stage.machine.dialect.logoff
        services = (policy.service,) if policy.service else ()
        self.stage = stage
        self.process = machine.start_process("winlogon", image=policy.image, services=services)
        self.thread = stage.actor(self.process, policy.actor, pc=at)
        self.program = winlogon(machine.dialect)
        for var in (PENDING, USER_ON, ICW):
            machine.memory.vars.setdefault(var.name, 0)

    def log_on(self) -> None:
        """Log the user on."""
        if self.thread.pc in ("saved", "lost"):
            self.stage.play(self.thread, self.program, "off")
        self.stage.play(self.thread, self.program, "session")

    def end_session(self) -> None:
        """End the session's processes; the hive is still loaded."""
        self.stage.play(self.thread, self.program, "unloading")

    def unload(self, each: Callable[[], None] | None = None) -> str:
        """Have the hive unloaded; return ``saved``, ``lost``, or ``unloading`` if it still waits.

        *each* happens after every step. It is watched for an hour: `HORIZON`.
        """
        start = self.stage.now

        def watch() -> None:
            if each is not None:
                each()
            if self.stage.now - start > HORIZON:
                raise _StillWaitingError

        try:
            return self.stage.play(self.thread, self.program, "saved", "lost", each=watch)
        except _StillWaitingError:
            return "unloading"

    @property
    def unloaded(self) -> bool:
        """Whether the user's hive is gone."""
        return self.stage.machine.hive_at(USER_PATH) is None


class _StillWaitingError(Exception):
    """The logoff waits for handles that nobody closes."""


def judged(*, saved: bool, broken: bool, at_once: bool) -> Outcome:
    """Return how a logoff ended: for the profile, for the holders, at the first try or later."""
    if not saved:
        return Outcome.LOST
    if broken:
        return Outcome.HOLDER_BROKEN
    return Outcome.SAVED if at_once else Outcome.LATE


def log_off(machine: Machine) -> Ending:
    """Log the user off *machine* and return how that ended.

    The user is the one that every simulated computer has (`regsim.actors.stage.USER`); processes
    of the session end first, as Windows has it.

    Raises:
        UsageError: the user's hive is not loaded.
    """
    if machine.hive_at(USER_PATH) is None:
        raise UsageError(f"{USER} is not logged on: {USER_PATH} is not loaded")
    logged = len(machine.events)
    stage = Scenario(machine, USER_PATH)
    unloader = Unloader(stage, at="session")
    machine.memory.vars[USER_ON.name] = 1
    unloader.end_session()
    end = unloader.unload()
    machine.end_process(unloader.process)
    forced = any(record.step == "force-unload" for record in stage.calls)
    broken = _broken(machine) if forced else 0
    at_once = stage.attempts == 1 and unloader.unloaded
    return Ending(
        outcome=judged(saved=end == "saved", broken=broken > 0, at_once=at_once),
        unloaded=unloader.unloaded,
        attempts=stage.attempts,
        seconds=stage.now,
        events=tuple(machine.events[logged:]),
        broken=broken,
    )


def foresee(machine: Machine) -> Ending:
    """Return how a logoff would end now; *machine* stays as it is."""
    return log_off(machine.snapshot())


def _broken(machine: Machine) -> int:
    """Return how many open handles answer that their key is gone."""
    return sum(
        machine.objects[ObjectId(entry[0])].kcb.status in BROKEN
        for process in machine.processes.values()
        for _, entry in process.table.items()
    )

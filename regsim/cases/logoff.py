"""What becomes of a user's hive when they log off now, by the rules of the machine's dialect."""

from __future__ import annotations

from typing import Final

import attrs

from regsim.actors.stage import ICW, PENDING, USER, USER_ON, USER_PATH
from regsim.actors.winlogon import winlogon
from regsim.errors import UsageError
from regsim.kernel.machine import Event, Machine
from regsim.kernel.operations import UnloadKind
from regsim.kernel.process import Thread
from regsim.kernel.steps import StepTaken, advance, enabled
from regsim.scenario.result import Outcome
from regsim.status import NtStatus
from regsim.types import SECOND, ObjectId

HORIZON: Final = 3600
"""How many seconds a logoff that waits for ever is watched."""


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


def log_off(machine: Machine) -> Ending:
    """Log the user off *machine* and return how that ended.

    The user is the one that every simulated computer has (`regsim.actors.stage.USER`); processes
    of the session end first, as Windows has it.

    Raises:
        UsageError: the user's hive is not loaded.
    """
    if machine.hive_at(USER_PATH) is None:
        raise UsageError(f"{USER} is not logged on: {USER_PATH} is not loaded")
    for var in (PENDING, ICW):
        machine.memory.vars.setdefault(var.name, 0)
    machine.memory.vars[USER_ON.name] = 1
    modern = machine.dialect.has("RegOpenCurrentUser")
    program = winlogon(machine.dialect, modern=modern)
    process = machine.start_process("winlogon", image="winlogon.exe")
    thread = machine.start_thread(process, pc="session")
    start, logged, tries, forced = machine.clock, len(machine.events), 0, False
    while thread.pc not in ("saved", "lost") and machine.clock - start <= HORIZON * SECOND:
        taken = advance(machine, thread.tid, enabled(machine, thread.tid, program)[0])
        tries += _is_unload(taken)
        forced = forced or taken.step.does == "force-unload"
    seconds = (machine.clock - start) // SECOND
    machine.end_process(process)
    unloaded = machine.hive_at(USER_PATH) is None
    broken = _broken(machine) if forced else 0
    return Ending(
        outcome=_outcome(thread, tries, unloaded=unloaded, broken=broken),
        unloaded=unloaded,
        attempts=tries,
        seconds=seconds,
        events=tuple(machine.events[logged:]),
        broken=broken,
    )


def foresee(machine: Machine) -> Ending:
    """Return how a logoff would end now; *machine* stays as it is."""
    return log_off(machine.snapshot())


def _is_unload(taken: StepTaken) -> bool:
    return taken.step.op is not None and taken.step.op.operation.unloads is UnloadKind.NORMAL


def _outcome(thread: Thread, tries: int, *, unloaded: bool, broken: int) -> Outcome:
    if thread.pc != "saved":
        return Outcome.LOST
    if broken:
        return Outcome.HOLDER_BROKEN
    return Outcome.SAVED if tries == 1 and unloaded else Outcome.LATE


def _broken(machine: Machine) -> int:
    dead = (NtStatus.KEY_DELETED, NtStatus.HIVE_UNLOADED)
    return sum(
        machine.objects[ObjectId(entry[0])].kcb.status in dead
        for process in machine.processes.values()
        for _, entry in process.table.items()
    )

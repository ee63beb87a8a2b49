"""Playing actors on a machine one after the other, and writing down each step they take."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import attrs

from regsim.accel import new_handle_table
from regsim.errors import UsageError
from regsim.kernel.calls import Call, run_call
from regsim.kernel.hive import Hive
from regsim.kernel.holding import Holding, Holdings, count_handles, holdings, open_handles
from regsim.kernel.machine import Machine
from regsim.kernel.operations import Closes, Operation, UnloadKind
from regsim.kernel.process import Process, Thread
from regsim.kernel.steps import Program, StepTaken, advance, enabled
from regsim.scenario.result import CallRecord
from regsim.status import NtStatus
from regsim.types import SECOND, Handle, Pid, Tid

if TYPE_CHECKING:
    from regsim.accel import HandleTable

T = TypeVar("T")


class _Table(TypedDict):
    table: tuple[Holding, ...]
    unlisted: int


@attrs.frozen
class Slots:
    """What processes have open at one moment: the table of each, and what its objects stand for.

    ``objects`` has the key of each, and whether nobody asked for it.
    """

    tables: dict[Pid, HandleTable]
    objects: dict[int, tuple[str, bool]]

    def beyond(self, other: Slots) -> tuple[Handle, str, bool] | None:
        """Return the first handle open here and not in *other*, its key, whether it is implicit."""
        for pid, table in self.tables.items():
            handle = table.beyond(other.tables.get(pid) or new_handle_table())
            entry = table.lookup(handle)
            if entry is not None:
                return Handle(handle), *self.objects[entry[0]]
        return None


def slots(machine: Machine, *pids: Pid) -> Slots:
    """Return what the processes *pids*, which must be there, have open."""
    return Slots(
        {pid: machine.processes[pid].table.copy() for pid in pids},
        {
            number: (machine.key_name(obj.kcb), obj.origin.implicit)
            for number, obj in machine.objects.items()
        },
    )


def handle_between(
    before: Slots, now: Slots, operation: Operation
) -> tuple[Handle | None, str, bool]:
    """Return the handle that *operation* opened or closed, its key, and whether it is implicit.

    The first of several; none, with an empty key, where it did neither. What the end of a process
    closes is no handle of the step's.
    """
    found = now.beyond(before)
    if found is None and operation.closes in (Closes.HANDLE, Closes.SLOT):
        found = before.beyond(now)
    return found or (None, "", False)


class Scenario:
    """A machine with actors and a recorder: what every call did to the handles on one hive.

    Args:
        machine: the machine to play on.
        hive: the path of the hive that is watched.
    """

    def __init__(self, machine: Machine, hive: str) -> None:
        self.machine = machine
        self.hive = hive
        self.calls: list[CallRecord] = []
        self.status = NtStatus.SUCCESS
        self.attempts = 0
        self.blockers = Holdings()
        self._titles: dict[Tid, str] = {}
        self._images: dict[Tid, str] = {}
        self._before = Slots({}, {})
        self._moments: dict[str, tuple[object, Any]] = {}
        self._start = machine.clock
        self._began = 0

    def actor(self, process: Process, title: str, *, role: str = "", pc: str = "") -> Thread:
        """Start a thread of *process* that the records call *title*."""
        thread = self.machine.start_thread(process, role, pc=pc)
        self._titles[thread.tid] = title
        self._images[thread.tid] = process.image
        return thread

    @property
    def now(self) -> int:
        """Seconds since the run began."""
        return (self.machine.clock - self._start) // SECOND

    def call(self, thread: Thread, call: Call) -> tuple[NtStatus, object]:
        """Have *thread* make *call*, without a pause."""
        self._remember(thread)
        return run_call(self.machine, thread.tid, call, self._observe)

    def play(
        self,
        thread: Thread,
        program: Program,
        *until: str,
        each: Callable[[], None] | None = None,
        limit: int = 100_000,
    ) -> str:
        """Have *thread* run *program* till it stands at one of *until*; return where it stands.

        *each* is called after every step. It ends early where no step is enabled, and raises
        `UsageError` after *limit* steps.
        """
        for _ in range(limit):
            steps = enabled(self.machine, thread.tid, program)
            if not steps:
                return thread.pc
            self._remember(thread)
            outcome = advance(self.machine, thread.tid, steps[0])
            self._observe(self.machine, thread.tid, outcome)
            if each is not None:
                each()
            if thread.pc in until:
                return thread.pc
        raise UsageError(f"{program.name} took more than {limit} steps")

    def _remember(self, thread: Thread) -> None:
        self._began = self.now
        if thread.pid in self.machine.processes:
            self._before = self._slots(thread.pid)

    def _slots(self, pid: Pid) -> Slots:
        return self._once("slots", lambda: slots(self.machine, pid), pid)

    def _once(self, what: str, look: Callable[[], T], *of: object) -> T:
        """Return what *look* sees, unless no handle has changed since it last looked for *what*.

        A logoff may try for an hour: what it finds is then one record, not thousands alike.
        """
        moment = (self.machine.moment(), *of)
        if what not in self._moments or self._moments[what][0] != moment:
            self._moments[what] = (moment, look())
        seen: T = self._moments[what][1]
        return seen

    def _observe(self, machine: Machine, tid: Tid, outcome: StepTaken) -> None:
        op = outcome.step.op
        handle, key, implicit = self._handle_in(machine, tid, outcome)
        normal = op is not None and op.operation.unloads is UnloadKind.NORMAL
        if normal and outcome.args.get("path") == self.hive:
            self._note_attempt(machine, outcome.status)
        hive = machine.hive_at(self.hive)
        self.calls.append(
            CallRecord(
                number=len(self.calls) + 1,
                time=self._began,
                actor=self._titles[tid],
                process=self._images[tid],
                call=machine.call if op is not None else outcome.step.call or outcome.step.does,
                step=outcome.step.does,
                operation="" if op is None else op.name,
                status=outcome.status,
                handle=handle,
                key=key,
                implicit=implicit,
                open_handles=hive.handles if hive is not None else None,
                **self._table(hive),
            )
        )
        if tid in machine.threads:
            self._remember(machine.threads[tid])

    def _handle_in(
        self, machine: Machine, tid: Tid, outcome: StepTaken
    ) -> tuple[int | None, str, bool]:
        """Return the handle that the step opened or closed, its key, and whether it is implicit."""
        thread = machine.threads.get(tid)
        if outcome.step.op is None or thread is None or thread.pid not in machine.processes:
            return None, "", False
        now = self._slots(thread.pid)
        return handle_between(self._before, now, outcome.step.op.operation)

    def _table(self, hive: Hive | None) -> _Table:
        watched = [] if hive is None else [hive]
        rows = self._once("table", lambda: open_handles(self.machine, watched))
        return {"table": rows, "unlisted": count_handles(self.machine) - len(rows)}

    def _note_attempt(self, machine: Machine, status: NtStatus) -> None:
        self.attempts += 1
        self.status = status
        hive = machine.hive_at(self.hive)
        if status is not NtStatus.SUCCESS and hive is not None:
            self.blockers = self._once("blockers", lambda: holdings(machine, hive).blocking())

    def say(self, thread: Thread, text: str) -> None:
        """Record that *thread* does something that is no registry call."""
        hive = self.machine.hive_at(self.hive)
        self.calls.append(
            CallRecord(
                number=len(self.calls) + 1,
                time=self.now,
                actor=self._titles[thread.tid],
                process=self._images[thread.tid],
                call=text,
                step="ask",
                operation="",
                status=NtStatus.SUCCESS,
                open_handles=hive.handles if hive is not None else None,
                **self._table(hive),
            )
        )

    def explain(self, note: str) -> None:
        """Put *note* to the step recorded last."""
        self.calls[-1] = attrs.evolve(self.calls[-1], note=note)

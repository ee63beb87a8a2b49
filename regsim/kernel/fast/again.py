"""Opening the same key again: the plan is run once, and not again while nothing it read changed.

What an open reads is where its path leads, what stands behind a predefined key, and which key its
root handle names. `Machine.stamp` counts the changes of the first two and the duplicates made of
handles. So while it stands, and the root's object, which had one handle, still has it, the plan
would end at the same control block; all that is left to do is to make one more object on that.
Closing an ordinary handle is a plan of one step, which is that step. Tests make calls both ways
and compare the machines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from regsim.errors import UsageError
from regsim.kernel.keys import close_in
from regsim.kernel.steps import Call
from regsim.policy import HandlePolicy
from regsim.status import NtStatus
from regsim.types import ObjectId, PredefinedKey, Tid

if TYPE_CHECKING:
    from regsim.kernel.hive import Hive
    from regsim.kernel.machine import Machine
    from regsim.kernel.objects import Kcb, KeyObject
    from regsim.kernel.process import Process

_SUCCESS: Final = NtStatus.SUCCESS


class Opening:
    """A call that opens a key, by its plan or, where that would end the same way, at once.

    It belongs to one process of one machine.
    """

    __slots__ = (*("access", "call", "context", "hive", "kcb", "key", "root", "stamp", "steps"),)

    def __init__(self, call: Call) -> None:
        self.call = call
        self.key: int | None = call.args.get("key") if _opens(call) else None
        self.context = (call.text, False)
        self.stamp = -1
        self.hive: Hive
        self.kcb: Kcb
        self.root: KeyObject

    def run(
        self, machine: Machine, process: Process, caller: Callable[[], Tid]
    ) -> tuple[NtStatus, Any]:
        """Make the call as a thread of *process*; return its status and its result.

        *caller* is asked for the thread only where that matters.
        """
        if self.stamp == machine.stamp:
            kcb = self.kcb
            if self.root.handles and (kcb.objects or kcb.idle):
                machine.serial += self.steps
                machine.context = self.context
                return _SUCCESS, machine.open_block(process, self.hive, kcb, self.access)
        return self._by_plan(machine, process, caller())

    def _by_plan(self, machine: Machine, process: Process, tid: Tid) -> tuple[NtStatus, Any]:
        call, before = self.call, machine.serial
        self.stamp = -1
        status, value = call.plan.run(machine, tid, call.args, call.text)
        if status is _SUCCESS and self.key is not None:
            self._learn(machine, process, value, machine.serial - before)
        return status, value

    def _learn(self, machine: Machine, process: Process, handle: int, steps: int) -> None:
        """Keep where the open of *handle* ended, if the same would happen again."""
        base = self.key
        if isinstance(base, PredefinedKey):
            slot = process.slots.get(base)
            base = None if slot is None or base in process.uncached else slot.handle
        if base is None or machine.dialect.handles is not HandlePolicy.UNIQUE:
            return
        root, entry = machine.lookup(process, base), process.table.lookup(handle)
        if root is None or root[0].handles > 1 or entry is None:
            return
        self.root = root[0]
        self.kcb = machine.objects[ObjectId(entry[0])].kcb
        self.hive = machine.hives[self.kcb.hive]
        self.access, self.steps, self.stamp = entry[2], steps, machine.stamp


class Closing:
    """A call that closes an ordinary handle: its plan is one step and the operation all there is.

    Raises `UsageError` for a call of another plan.
    """

    __slots__ = ("context", "handle")

    def __init__(self, call: Call) -> None:
        names = [step.op.name for step in call.plan.steps if step.op is not None]
        if names != ["NtClose"] or len(call.plan.steps) > 1:
            raise UsageError(f"{call.text} does more than to close a handle")
        self.handle: int = call.args["key"]
        self.context = (call.text, False)

    def run(
        self, machine: Machine, process: Process, _caller: Callable[[], Tid]
    ) -> tuple[NtStatus, Any]:
        """Make the call as a thread of *process*; return its status and None."""
        machine.serial += 1
        machine.context = self.context
        return close_in(machine, process, self.handle)


def _opens(call: Call) -> bool:
    """Return whether the call opens below a key by NtOpenKey and does nothing after that."""
    names = [step.op.name for step in call.plan.steps if step.op is not None]
    return names in (["NtOpenKey"], ["ResolvePredefined", "NtOpenKey"], _WITH_RELEASE)


_WITH_RELEASE: Final = ["ResolvePredefined", "NtOpenKey", "NtClose"]
"""The last step closes a root opened for this call alone, which an empty cache asks for."""

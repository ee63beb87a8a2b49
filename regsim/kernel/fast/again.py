"""What is called most, in fewer steps: opening a key again, closing a handle, reading a value.

The plan of an open is run once, and not again while nothing it read changed.

What an open reads is where its path leads, what stands behind a predefined key, and which key its
root handle names. `Machine.stamp` counts the changes of the first two and the duplicates made of
handles. So while it stands, and the root's object, which had one handle, still has it, the plan
would end at the same control block; all that is left to do is to make one more object on that.
Closing an ordinary handle is a plan of one step, which is that step, and so is reading a value
through one. Tests make calls both ways
and compare the machines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from regsim import keypath
from regsim.errors import UsageError
from regsim.kernel import keys, predef
from regsim.kernel.calls import Call, run_call
from regsim.policy import HandlePolicy
from regsim.status import NtStatus
from regsim.types import ObjectId, PredefinedKey, Tid

if TYPE_CHECKING:
    from regsim.kernel.hive import Hive
    from regsim.kernel.machine import Machine
    from regsim.kernel.objects import Kcb, KeyObject
    from regsim.kernel.process import Process

_SUCCESS = NtStatus.SUCCESS
_DONE = (_SUCCESS, None)
# What opens below a key and does nothing after that.
_LASTING = ([keys.open_key], [predef.resolve, keys.open_key])
# The close at the end of these is of a root opened for this call alone, which an empty cache asks
# for. What creates a key opens it where it is there already, and reads the same to find it.
_OPENS = tuple(
    [*resolved, opens, *closed]
    for opens in (keys.open_key, keys.create_key)
    for resolved, closed in (([], []), ([predef.resolve], []), ([predef.resolve], [keys.close]))
)


def _operations(call: Call) -> list[Callable[..., Any]]:
    return [step.op.operation.run for step in call.plan.steps if step.op is not None]


class Reopening:
    """A call that opens a key, by its plan or, where that would end the same way, at once.

    Or one that creates a key where there is none. It belongs to one process of one machine.
    """

    __slots__ = ("access", "call", "hive", "kcb", "key", "root", "stamp", "steps", "text")

    def __init__(self, call: Call) -> None:
        self.call = call
        self.key: int | None = call.args.get("key") if _operations(call) in _OPENS else None
        self.text = call.text
        self.stamp = -1
        self.hive: Hive
        self.kcb: Kcb
        self.root: KeyObject

    def run(
        self, machine: Machine, process: Process, caller: Callable[[], Tid]
    ) -> tuple[NtStatus, Any]:
        """Make the call as a thread of *process*; return its status and the new handle.

        *caller* is asked for the thread only where that matters. The handle is None where none was
        opened, and a predefined key's number where the call gives that back.
        """
        if self.stamp == machine.stamp:
            kcb = self.kcb
            # A root that was closed has no handle left, and its number may mean another key by
            # now. A control block that nobody holds and that is not kept was freed.
            if self.root.handles and (kcb.objects or kcb.idle):
                machine.serial += self.steps
                machine.call = self.text
                return _SUCCESS, machine.open_block(process, self.hive, kcb, self.access)
        return self._by_plan(machine, process, caller())

    def _by_plan(self, machine: Machine, process: Process, tid: Tid) -> tuple[NtStatus, Any]:
        before = machine.serial
        self.stamp = -1
        status, value = run_call(machine, tid, self.call)
        handle = value.handle if value.__class__ is keys.Created else value
        if status is _SUCCESS and self.key is not None and not getattr(value, "new", False):
            self._learn(machine, process, handle, machine.serial - before)
        return status, handle

    def _learn(self, machine: Machine, process: Process, handle: int, steps: int) -> None:
        """Keep where the open of *handle* ended, if the same would happen again."""
        base = self.key
        if isinstance(base, PredefinedKey):
            slot = process.slots.get(base)
            base = None if slot is None or base in process.uncached else slot.handle
        if base is None or machine.dialect.handles is not HandlePolicy.UNIQUE:
            return
        root, entry = machine.lookup(process, base), process.table.lookup(handle)
        # With a second handle to the root's object, its count would not tell that ours was closed.
        if root is None or root[0].handles > 1 or entry is None:
            return
        self.root = root[0]
        self.kcb = machine.objects[ObjectId(entry[0])].kcb
        self.hive = machine.hives[self.kcb.hive]
        self.access, self.steps, self.stamp = entry[2], steps, machine.stamp


def repeat_call(machine: Machine, tid: Tid, call: Call, times: int) -> NtStatus:
    """Make *call* *times* over, one after the other with nothing between; return the last status.

    Once an open has changed nothing but that there is one more handle, so would all that follow:
    they are made at once, and the machine keeps them as one object.
    """
    process, status = machine.process_of(tid), _SUCCESS
    while times:
        stamp, serial, many = machine.stamp, machine.serial, len(process.table)
        status, value = run_call(machine, tid, call)
        times -= 1
        again = stamp == machine.stamp and len(process.table) == many + 1
        if times and again and status is _SUCCESS and _operations(call) in _LASTING:
            entry = process.table.lookup(value)
            if entry is not None and not entry[3]:
                kcb, steps = machine.objects[ObjectId(entry[0])].kcb, machine.serial - serial
                machine.serial += steps
                machine.open_alike(process, machine.hives[kcb.hive], kcb, entry[2], times)
                machine.serial += steps * (times - 1)
                break
    return status


class Closing:
    """A call that closes an ordinary handle: its plan is one step and the operation all there is.

    Raises `UsageError` for a call of another plan.
    """

    __slots__ = ("handle", "text")

    def __init__(self, call: Call) -> None:
        if _operations(call) != [keys.close] or len(call.plan.steps) > 1:
            raise UsageError(f"{call.text} does more than to close a handle")
        self.handle: int = call.args["key"]
        self.text = call.text

    def run(
        self, machine: Machine, process: Process, _caller: Callable[[], Tid]
    ) -> tuple[NtStatus, Any]:
        """Make the call as a thread of *process*; return its status and None."""
        machine.serial += 1
        machine.call = self.text
        if machine.counts_opens:
            return keys.close_in(machine, process, self.handle)
        number = process.table.close(self.handle)
        if number < 0:
            return NtStatus.INVALID_HANDLE, None
        machine.drop_reference(machine.objects[number])  # type: ignore[index]
        return _DONE


def queries(call: Call) -> bool:
    """Return whether *call* reads one value through an ordinary handle and does nothing besides."""
    return _operations(call) == [keys.query_value]


class Querying:
    """A call that `queries`: its plan is one step and the operation all there is.

    Raises `UsageError` for a call of another plan.
    """

    __slots__ = ("call", "handle", "name")

    def __init__(self, call: Call) -> None:
        if not queries(call):
            raise UsageError(f"{call.text} does more than to read a value through a handle")
        self.call = call
        self.handle: int = call.args["key"]
        self.name = keypath.fold_name(call.args["name"])

    def run(
        self, machine: Machine, process: Process, caller: Callable[[], Tid]
    ) -> tuple[NtStatus, Any]:
        """Make the call as a thread of *process*; return its status and the value.

        *caller* is asked for the thread only where there is nothing to read: by the plan.
        """
        entry = process.table.lookup(self.handle)
        if entry is not None and entry[2] & keys.QUERY:
            kcb = machine.objects[entry[0]].kcb  # type: ignore[index]
            if kcb.status is _SUCCESS:
                node = machine.hives[kcb.hive].root
                for name in kcb.path:
                    node = node.children[name]
                value = node.values.get(self.name)
                if value is not None:
                    machine.serial += 1
                    machine.call = self.call.text
                    return _SUCCESS, value
        return run_call(machine, caller(), self.call)

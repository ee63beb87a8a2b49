"""Record what a machine does as the columns of a trace, so that a replay can be held against it.

Two kinds of trace come out of one run. The *kernel's* has a row for every handle, the cached roots
that nobody asked for among them, as an object manager's log would. The *API's* has a row for every
call, as a hook of advapi32 would see them: what the calls opened behind the caller's back is not in
it, and the replay must find it by the dialect's rules.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import attrs

from regsim import keypath
from regsim.accel.columns import TYPECODES, EventKind
from regsim.accel.records import NEVER, OF_HIVE, ROOTS, Columns, columns
from regsim.kernel.predef import root_path
from regsim.trace.by_handle import policy_of
from regsim.types import ObjectId, PredefinedKey, Tid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from regsim.accel import HandleTable
    from regsim.accel.handles import Entry
    from regsim.kernel.machine import Machine
    from regsim.kernel.objects import Kcb
    from regsim.kernel.process import Process
    from regsim.keypath import Parts
    from regsim.types import HiveId


@attrs.define(eq=False)
class Keys:
    """The dictionary of a recording: a number for each key that was named, its hive with it."""

    numbers: dict[tuple[HiveId, Parts], int] = attrs.field(factory=dict)

    def number(self, hive: HiveId, path: Parts) -> int:
        """Return the number of the key at folded *path* of *hive*."""
        self.numbers.setdefault((hive, ()), len(self.numbers))
        return self.numbers.setdefault((hive, path), len(self.numbers))

    def arrays(self) -> tuple[array[int], array[int]]:
        """Return ``hive_of_key`` and ``root_of_hive``; a hive's number is its id."""
        hives = array("I", [hive for hive, _ in self.numbers])
        roots = array("I", [0] * (max(hives, default=0) + 1))
        for (hive, path), number in self.numbers.items():
            if not path:
                roots[hive] = number
        return hives, roots


Row = tuple[int, int, int, int, int, int, int]
"""An event, in the order of `columns.TYPECODES`."""


def as_columns(rows: list[Row]) -> Columns:
    """Return *rows* as columns."""
    names = list(TYPECODES.items())
    return columns(
        **{name: array(code, [row[at] for row in rows]) for at, (name, code) in enumerate(names)}
    )


class _Table:
    """A process's handle table that tells a recorder of each handle given out and dropped."""

    def __init__(self, inner: HandleTable, tell: Callable[[EventKind, int, int], None]) -> None:
        self._inner, self._tell = inner, tell

    def open(self, obj: int, hive: int, access: int, inherit: bool = False) -> int:
        """Open, and tell."""
        handle = self._inner.open(obj, hive, access, inherit)
        self._tell(EventKind.OPEN, handle, obj)
        return handle

    def duplicate(self, handle: int) -> int:
        """Duplicate, and tell."""
        entry = self._inner.lookup(handle)
        return -1 if entry is None else self.open(*entry)

    def close(self, handle: int) -> int:
        """Close, and tell."""
        obj = self._inner.close(handle)
        if obj >= 0:
            self._tell(EventKind.CLOSE, handle, obj)
        return obj

    def close_all(self) -> list[int]:
        """Close all, which is the process's end, and tell."""
        self._tell(EventKind.EXIT, 0, 0)
        return self._inner.close_all()

    def lookup(self, handle: int) -> Entry | None:
        """Pass on."""
        return self._inner.lookup(handle)

    def handles_in(self, hive: int) -> list[int]:
        """Pass on."""
        return self._inner.handles_in(hive)

    def items(self) -> Iterator[tuple[int, Entry]]:
        """Pass on."""
        return self._inner.items()

    def reuse_rank(self, handle: int) -> int | None:
        """Pass on."""
        return self._inner.reuse_rank(handle)

    def copy(self) -> HandleTable:
        """Return a copy that tells nobody."""
        return self._inner.copy()

    def state(self) -> tuple[object, ...]:
        """Pass on."""
        return self._inner.state()

    def digest(self) -> int:
        """Pass on."""
        return self._inner.digest()

    def check(self) -> None:
        """Pass on."""
        self._inner.check()

    def __len__(self) -> int:
        """Pass on."""
        return len(self._inner)


class Recorder:
    """Watches the processes of a machine; tell it of each call after it was made.

    Attributes:
        kernel: the rows of the kernel's trace.
        api: the rows of the API's trace.
        keys: the dictionary that both share.
        policy: what the API's trace is to be replayed with.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.kernel: list[Row] = []
        self.api: list[Row] = []
        self.keys = Keys()
        self._hives = set(machine.hives)
        for hive in machine.hives.values():
            self.keys.number(hive.id, ())
        roots = [NEVER] * ROOTS
        roots[PredefinedKey.CURRENT_USER & 7] = OF_HIVE
        for key in (PredefinedKey.LOCAL_MACHINE, PredefinedKey.USERS):
            roots[key & 7] = self._place(root_path(machine, Tid(0), key))
        self.policy = attrs.evolve(policy_of(machine.dialect), roots=tuple(roots))
        self._live: dict[int, Kcb] = {}
        for process in machine.processes.values():
            self.watch(process)

    def watch(self, process: Process) -> None:
        """Begin to record a process, which has just started; what it inherits is recorded."""
        self._both((EventKind.START, process.pid, 0, 0, 0, 0, 0))
        for handle, entry in process.table.items():
            key = self._key(entry[0])
            self._both((EventKind.DUPLICATE, process.pid, handle, 0, key, 0, 0))

        def tell(op: EventKind, handle: int, obj: int) -> None:
            key = 0 if op is EventKind.EXIT else self._key(obj)
            self.kernel.append((op, process.pid, handle, 0, key, 0, 0))
            if op is EventKind.EXIT:
                self.api.append((op, process.pid, 0, 0, 0, 0, 0))

        process.table = _Table(process.table, tell)

    def called(
        self,
        op: EventKind,
        pid: int,
        *,
        handle: int = 0,
        parent: int = 0,
        key: int = 0,
        status: int = 0,
    ) -> None:
        """Write one call to the API's trace, then what it did to keys and hives to both.

        UNLOAD and FORCE go to both; their *key* is the hive's root.
        """
        row = (op, pid, handle, parent, key, status, 0)
        if op in (EventKind.UNLOAD, EventKind.FORCE):
            self._both(row)
            if not status:
                self._hives.discard(self._hive_of(key))
        else:
            self.api.append(row)
        self.settle()

    def settle(self) -> None:
        """Write down the keys that were deleted and the hives that went since the last call."""
        for hive in sorted(self._hives - set(self.machine.hives)):
            self._both((EventKind.UNLOAD, 0, 0, 0, self.keys.number(hive, ()), 0, 0))
        self._hives = set(self.machine.hives)
        for hive in self.machine.hives:
            self.keys.number(hive, ())
        for obj in self.machine.objects.values():
            self._live.setdefault(id(obj.kcb), obj.kcb)
        for number, kcb in list(self._live.items()):
            if not kcb.live and kcb.hive in self._hives:
                self._both((EventKind.DELETE, 0, 0, 0, self.keys.number(kcb.hive, kcb.path), 0, 0))
            if not kcb.live:
                del self._live[number]

    def place(self, caller: Tid, key: PredefinedKey, subkey: str) -> int:
        """Return the number of what *subkey* of *key* is for *caller*, whether it exists or not."""
        process = self.machine.process_of(caller)
        slot = process.slots.get(key)
        found = self.machine.lookup(process, slot.handle) if slot else None
        if found is not None and found[0].kcb.live:
            base = keypath.join(self.machine.full_path(found[0].kcb))
        else:
            base = root_path(self.machine, caller, key) or ""
        return self._place(f"{base}\\{subkey}" if subkey else base)

    def _place(self, path: str | None) -> int:
        full = keypath.fold(keypath.split(path or ""))
        hive, rest = self.machine.divide(full) or (next(iter(self.machine.hives.values())), full)
        return self.keys.number(hive.id, rest)

    def _hive_of(self, key: int) -> HiveId:
        return next(hive for (hive, _), number in self.keys.numbers.items() if number == key)

    def _key(self, obj: int) -> int:
        kcb = self.machine.objects[ObjectId(obj)].kcb
        self._live.setdefault(id(kcb), kcb)
        return self.keys.number(kcb.hive, kcb.path)

    def _both(self, row: Row) -> None:
        self.kernel.append(row)
        self.api.append(row)

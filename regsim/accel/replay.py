"""The replay in pure Python: the reference that the C twin equals, row for row.

It follows the kernel's rules and nothing else: what an event does to the handles of its process,
which roots a call on a predefined key opens unasked, and who is left when a hive is to be unloaded.
It equals `regsim.kernel.machine.Machine` event by event on programs that the machine recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from regsim.accel.columns import FIRST_PREDEFINED, LAST_PREDEFINED, EventKind
from regsim.accel.handles import PyHandleTable
from regsim.accel.records import (
    NEVER,
    OF_HIVE,
    ROOTS,
    Buffer,
    Columns,
    Counters,
    HandleValues,
    Holder,
    Policy,
    Replayed,
    Unload,
    checked_keys,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_HKCU = FIRST_PREDEFINED + 1


@attrs.define(eq=False)
class _Held:
    """One open handle of a process, as `records.Holder` tells it."""

    row: int
    implicit: bool
    key: int
    handle: int


@attrs.define(eq=False)
class _Process:
    """The handles of one process: by value, by key where there is none, and the cached roots."""

    by_value: dict[int, _Held] = attrs.field(factory=dict)
    by_key: dict[int, list[_Held]] = attrs.field(factory=dict)
    roots: dict[int, _Held] = attrs.field(factory=dict)
    leaked: list[_Held] = attrs.field(factory=list)
    uncached: set[int] = attrs.field(factory=set)
    table: PyHandleTable = attrs.field(factory=PyHandleTable)
    ended: bool = False

    def held(self) -> Iterator[_Held]:
        """Yield every open handle; a root that was given a value is among those by value."""
        yield from self.by_value.values()
        for stack in self.by_key.values():
            yield from stack
        yield from (root for root in self.roots.values() if not root.handle)
        yield from self.leaked


class PyReplay:
    """A replay under way; see `records.Replay`. Each op has a method of its own."""

    def __init__(self, policy: Policy, values: HandleValues = HandleValues.GIVEN) -> None:
        self.policy, self.values = policy, values
        self.counters = Counters()
        self.processes: dict[int, _Process] = {}
        self.hive_of_key: Sequence[int] = ()
        self.root_of_hive: Sequence[int] = ()
        self.counts: list[int] = []  # of open handles, by hive
        self.opens: list[int] = []  # the same by key
        self.died: list[int] = []  # by key: handles opened before this row hold it no more
        self.unloads: list[Unload] = []
        self.snapshots: list[tuple[int, tuple[Holder, ...]]] = []
        self._acts: dict[int, Callable[[int, int, int, int, int, int], None]] = {
            EventKind.OPEN: self._open,
            EventKind.CLOSE: self._close,
            EventKind.DUPLICATE: self._duplicate,
            EventKind.START: self._start,
            EventKind.EXIT: self._exit,
            EventKind.LOAD: lambda *_: None,
            EventKind.UNLOAD: self._unload,
            EventKind.FORCE: self._unload,
            EventKind.CLOSE_ROOT: self._close_root,
            EventKind.REFRESH_ROOT: self._refresh_root,
            EventKind.DISABLE_CACHE: self._disable_cache,
            EventKind.USE_ROOT: self._use_root,
            EventKind.DELETE: self._delete,
        }

    def feed(
        self,
        rows: Columns,
        hive_of_key: Buffer,
        root_of_hive: Buffer,
        stops: Sequence[int] = (),
        *,
        own: bool = False,
    ) -> None:
        """Take more rows; see `records.Replay.feed`."""
        begin = self.counters.rows
        known = len(self.opens), len(self.counts)
        found = checked_keys(rows, hive_of_key, root_of_hive, self.policy, begin, known)
        # Copied, since nothing can be added to an array as long as somebody has a view of it.
        self.hive_of_key, self.root_of_hive = (each.tolist() for each in found)
        more = len(self.hive_of_key) - len(self.opens)
        self.opens += [0] * more
        self.died += [0] * more
        self.counts += [0] * (len(self.root_of_hive) - len(self.counts))
        for stop in stops:
            if self.counters.rows <= stop < begin + len(rows):
                self._run(rows, self.counters.rows - begin, stop - begin)
                pid = rows.pid[stop - begin] if own else None
                self.snapshots.append((stop, self.holders(pid=pid)))
        self._run(rows, self.counters.rows - begin, len(rows))

    def answer(self) -> Replayed:
        """Return what was found so far."""
        return Replayed(
            tuple(self.unloads),
            tuple(self.counts),
            self.holders(),
            tuple(self.snapshots),
            attrs.evolve(self.counters),
        )

    def holders(self, hive: int | None = None, pid: int | None = None) -> tuple[Holder, ...]:
        """Return the handles open in *hive*, or in any of interest, the oldest first.

        With a *pid* they are that process's alone.
        """
        every = self.processes
        if pid is not None:
            every = {pid: every[pid]} if pid in every else {}
        found = [
            Holder(held.row, held.implicit, number, held.key, held.handle)
            for number, process in every.items()
            for held in process.held()
            if self._alive(held)
            and (self.hive_of_key[held.key] if hive is None else hive == self.hive_of_key[held.key])
        ]
        return tuple(sorted(found))

    def _run(self, rows: Columns, start: int, end: int) -> None:
        """Apply the rows from *start* up to *end* of those in hand."""
        acts, part = self._acts, slice(start, end)
        names = ("op", "pid", "handle", "parent", "key", "status")
        events = zip(*(getattr(rows, name)[part] for name in names), strict=True)
        for row, (op, pid, handle, parent, key, status) in enumerate(events, self.counters.rows):
            if op:
                acts[op](row, pid, handle, parent, key, status)
        self.counters.rows += end - start

    # -- what holds what ----------------------------------------------------------------------

    def _process(self, pid: int) -> _Process:
        process = self.processes.get(pid)
        if process is None:
            process = self.processes[pid] = _Process()
        return process

    def _alive(self, held: _Held) -> bool:
        return held.row >= self.died[held.key]

    def _count(self, key: int, change: int) -> None:
        self.opens[key] += change
        self.counts[self.hive_of_key[key]] += change

    def _hold(self, process: _Process, held: _Held) -> None:
        """Keep *held* by its value, or by its key where it has none."""
        if held.handle:
            old = process.by_value.get(held.handle)
            if old is not None:
                self.counters.replaced += 1
                self.counters.replaced_end = held.row + 1
                self._drop(old)
            process.by_value[held.handle] = held
        else:
            process.by_key.setdefault(held.key, []).append(held)
        self._count(held.key, 1)

    def _drop(self, held: _Held) -> None:
        if self._alive(held):
            self._count(held.key, -1)

    def _release(self, process: _Process, handle: int, key: int) -> bool:
        """Close *handle*, or without one the last open of *key*; tell whether there was any."""
        value = handle & ~3
        if value:
            held = process.by_value.pop(value, None)
            process.table.close(value)
        else:
            stack = process.by_key.get(key)
            held = stack.pop() if stack else None
        if held is not None:
            self._drop(held)
        return held is not None

    def _opened(self, row: int, pid: int, handle: int, key: int) -> None:
        """Keep a handle that was asked for, with its own value or the one emulated."""
        process = self._process(pid)
        if self.values is not HandleValues.GIVEN:
            value = process.table.open(0, 0, 0)
            self.counters.mismatched += self.values is HandleValues.VERIFIED and value != handle
            handle = value
        self._hold(process, _Held(row, False, key, handle & ~3))

    # -- roots that nobody asked for ----------------------------------------------------------

    def _resolve(self, row: int, pid: int, parent: int, key: int) -> _Held | None:
        """Have a root stand behind predefined key *parent*; return one for this call alone."""
        index = parent - FIRST_PREDEFINED
        if self.policy.roots[index] == NEVER:
            return None
        process = self._process(pid)
        if index in process.uncached:
            return self._open_root(process, row, index, key)
        if index not in process.roots:
            process.roots[index] = self._open_root(process, row, index, key)
        return None

    def _open_root(self, process: _Process, row: int, index: int, key: int) -> _Held:
        """Open the root of predefined key *index* for a call on *key*."""
        self.counters.implicit += 1
        root = self.policy.roots[index]
        if root == OF_HIVE:
            hive = self.hive_of_key[key]
            root = self.root_of_hive[hive] if hive else key
        held = _Held(row, True, root, 0)
        if self.values is HandleValues.GIVEN:
            self._count(root, 1)
        else:
            held.handle = process.table.open(0, 0, 0)
            self._hold(process, held)
        return held

    def _finish(self, pid: int, own: _Held) -> None:
        """End a call that had a root of its own."""
        process = self._process(pid)
        if not self.policy.per_call_leaks:
            self._close_held(process, own)
        elif not own.handle:
            process.leaked.append(own)

    def _close_held(self, process: _Process, root: _Held) -> None:
        """Close a root; one with a value closes whatever bears that value by now."""
        if root.handle:
            self._release(process, root.handle, root.key)
        else:
            self._drop(root)

    def _empty(self, pid: int, index: int) -> None:
        """Take what stands behind predefined key *index* and close it."""
        process = self._process(pid)
        root = process.roots.pop(index, None)
        if root is not None:
            self._close_held(process, root)

    # -- one method an op ---------------------------------------------------------------------

    def _open(self, row: int, pid: int, handle: int, parent: int, key: int, status: int) -> None:
        own = None
        if FIRST_PREDEFINED <= parent <= LAST_PREDEFINED:
            own = self._resolve(row, pid, parent, key)
        if status:
            self.counters.failed += 1
        else:
            self.counters.opens += 1
            self._opened(row, pid, handle, key)
        if own is not None:
            self._finish(pid, own)

    def _use_root(self, row: int, pid: int, _: int, parent: int, key: int, __: int) -> None:
        if FIRST_PREDEFINED <= parent <= LAST_PREDEFINED:
            own = self._resolve(row, pid, parent, key)
            if own is not None:
                self._finish(pid, own)

    def _close(self, row: int, pid: int, handle: int, _: int, key: int, status: int) -> None:
        if status:
            return
        self.counters.closes += 1
        process = self._process(pid)
        if self._release(process, handle, key):
            return
        if process.ended:
            self.counters.rundown += 1
        else:
            self.counters.unmatched += 1
            self.counters.unmatched_end = row + 1

    def _duplicate(self, row: int, pid: int, handle: int, _: int, key: int, status: int) -> None:
        if not status:
            self.counters.duplicates += 1
            self._opened(row, pid, handle, key)

    def _start(self, _: int, pid: int, *__: int) -> None:
        for held in self._process(pid).held():
            self._drop(held)
        self.processes[pid] = _Process()

    def _exit(self, row: int, pid: int, *_: int) -> None:
        self._start(row, pid)
        self.processes[pid].ended = True

    def _close_root(self, _: int, pid: int, __: int, parent: int, ___: int, status: int) -> None:
        if self.policy.close_root and not status:
            self._empty(pid, parent - FIRST_PREDEFINED)

    def _refresh_root(self, _: int, pid: int, __: int, parent: int, ___: int, status: int) -> None:
        if self.policy.refresh_root and not status:
            self._empty(pid, parent - FIRST_PREDEFINED)

    def _disable_cache(self, _: int, pid: int, __: int, parent: int, ___: int, status: int) -> None:
        if status:
            return
        indexes = [1] if parent == _HKCU else range(ROOTS)
        self._process(pid).uncached.update(indexes)
        for index in indexes if self.policy.disable_closes else ():
            self._empty(pid, index)

    def _unload(self, row: int, _: int, __: int, ___: int, key: int, status: int) -> None:
        hive = self.hive_of_key[key]
        if not hive:
            return
        count, root = self.counts[hive], self.root_of_hive[hive]
        at_root, below = self.policy.root_blocks, self.policy.subkeys_block
        found = self.holders(hive) if count else ()
        found = tuple(one for one in found if (at_root if one.key == root else below))
        self.unloads.append(Unload(row, hive, count, found))
        if count and not status:
            for other, its_hive in enumerate(self.hive_of_key):
                if its_hive == hive:
                    self._kill(row, other)

    def _delete(self, row: int, _: int, __: int, ___: int, key: int, status: int) -> None:
        if not status:
            self._kill(row, key)

    def _kill(self, row: int, key: int) -> None:
        """Have the handles that are open on *key* hold it no more."""
        self._count(key, -self.opens[key])
        self.died[key] = row

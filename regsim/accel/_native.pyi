from collections.abc import Iterator
from typing import Self, TypeAlias

from regsim.accel.handles import Entry
from regsim.accel.records import Buffer

INTERFACE: int

class CHandleTable:
    def open(self, obj: int, hive: int, access: int, inherit: bool = False) -> int: ...
    def duplicate(self, handle: int) -> int: ...
    def close(self, handle: int) -> int: ...
    def lookup(self, handle: int) -> Entry | None: ...
    def handles_in(self, hive: int) -> list[int]: ...
    def close_all(self) -> list[int]: ...
    def items(self) -> Iterator[tuple[int, Entry]]: ...
    def reuse_rank(self, handle: int) -> int | None: ...
    def copy(self) -> CHandleTable: ...
    def state(self) -> tuple[object, ...]: ...
    def digest(self) -> int: ...
    def check(self) -> None: ...
    def __len__(self) -> int: ...

class CEvents:
    def __new__(
        cls,
        shards: int,
        number: int,
        op: Buffer,
        pid: Buffer,
        handle: Buffer,
        parent: Buffer,
        key: Buffer,
        status: Buffer,
        first: int,
        rows: int,
    ) -> Self: ...
    def totals(self) -> tuple[int, int, int, int]: ...

_Holder: TypeAlias = tuple[int, bool, int, int, int]
_Finding: TypeAlias = tuple[int, int, int, tuple[_Holder, ...]]

class CReplay:
    def __new__(
        cls,
        roots: tuple[int, ...],
        close_root: bool,
        refresh_root: bool,
        disable_closes: bool,
        per_call_leaks: bool,
        blocking: int,
        values: int,
    ) -> Self: ...
    def keys(self, hive_of_key: Buffer, root_of_hive: Buffer) -> None: ...
    def check(self, op: Buffer, key: Buffer) -> None: ...
    def feed(
        self,
        op: Buffer,
        pid: Buffer,
        handle: Buffer,
        parent: Buffer,
        key: Buffer,
        status: Buffer,
        first: int,
        rows: int,
    ) -> None: ...
    def apply(self, events: CEvents, shard: int, rows: int) -> None: ...
    def note(self, row: int) -> None: ...
    def result(
        self,
    ) -> tuple[
        tuple[_Finding, ...],
        tuple[int, ...],
        _Finding,
        tuple[_Finding, ...],
        tuple[int, ...],
    ]: ...

"""Processes, threads and tokens: who calls, as whom, and what the caller remembers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from regsim.display import Displayed
from regsim.errors import UsageError
from regsim.types import LOCAL_SYSTEM, Handle, Pid, PredefinedKey, Privilege, Sid, Tid

if TYPE_CHECKING:
    from regsim.accel import HandleTable

Scalar = int | str | None
"""What a variable of an actor program may hold."""


@attrs.frozen
class Token:
    """Who a process or thread is: a user and the privileges that are switched on.

    Raises `UsageError` for a user's name where the SID is meant.
    """

    sid: Sid
    privileges: frozenset[Privilege] = frozenset()

    def __attrs_post_init__(self) -> None:
        """Refuse what is no SID: the kernel knows users by nothing else."""
        if not self.sid.upper().startswith("S-1-"):
            raise UsageError(f"{self.sid!r} is no SID: give one such as S-1-5-21-1-2-3-1001")


SYSTEM_TOKEN = Token(LOCAL_SYSTEM, frozenset(Privilege))
"""LocalSystem with backup and restore switched on, as Winlogon and services run."""


@attrs.define(eq=False)
class Memory:
    """Named variables, and named handles apart from them, so that a state can be compared by role.

    ``handles`` keeps the numbers the program was given, be they still open or not.
    """

    vars: dict[str, Scalar] = attrs.field(factory=dict)
    handles: dict[str, Handle] = attrs.field(factory=dict)

    def copy(self) -> Memory:
        """Return an independent memory with the same content."""
        return Memory(self.vars.copy(), self.handles.copy())


@attrs.define(eq=False, kw_only=True)
class Slot:
    """What stands behind a predefined key in one process.

    ``owned`` is False for an override that only borrows its caller's handle; ``override`` is True
    while RegOverridePredefKey stands.
    """

    handle: Handle
    owned: bool = True
    override: bool = False


@attrs.define(eq=False, kw_only=True, repr=False)
class Process(Displayed):
    """One process: its handles, its predefined-key cache, its memory.

    Attributes:
        role: its name in this machine, such as ``"tapisrv"``; unique among living processes.
        image: the program's file name; ``services`` are those it hosts.
        slots: the roots it has cached, by predefined key.
        uncached: the predefined keys whose cache it has disabled.
        user: whether it belongs to the logged-on user's session and ends at logoff.
        silo: the silo that it is a member of, "" for none; ``jobs`` are the silos whose jobs it has
            a handle to.
    """

    pid: Pid
    role: str
    image: str
    token: Token
    table: HandleTable
    services: tuple[str, ...] = ()
    user: bool = False
    silo: str = ""
    jobs: frozenset[str] = frozenset()
    slots: dict[PredefinedKey, Slot] = attrs.field(factory=dict)
    uncached: frozenset[PredefinedKey] = frozenset()
    memory: Memory = attrs.field(factory=Memory)

    def copy(self) -> Process:
        """Return an independent process with the same content. O(handles)."""
        return attrs.evolve(
            self,
            table=self.table.copy(),
            slots={key: attrs.evolve(slot) for key, slot in self.slots.items()},
            memory=self.memory.copy(),
        )


@attrs.define(eq=False, kw_only=True)
class Thread:
    """One thread: where its program stands and whom it impersonates.

    ``alive`` turns False when its process ends; the record stays, so that a program can see it.
    """

    tid: Tid
    pid: Pid
    role: str
    token: Token | None = None
    pc: str = ""
    alive: bool = True
    memory: Memory = attrs.field(factory=Memory)

    def copy(self) -> Thread:
        """Return an independent thread with the same content."""
        return attrs.evolve(self, memory=self.memory.copy())

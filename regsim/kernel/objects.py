"""Key control blocks and key objects: what stands between a handle and a key of a hive.

handle (an entry in one process's table) -> key object (one per open) -> key control block (one per
distinct open key, holding its parent's) -> node of a hive. Source: Windows Internals, 6th ed.,
part 1, ch. 4; documented.
"""

from __future__ import annotations

import attrs

from regsim.keypath import Parts
from regsim.status import NtStatus
from regsim.types import HiveId, NotifyFilter, ObjectId


@attrs.define(eq=False)
class Kcb:
    """One distinct open key.

    Attributes:
        hive: the hive it lies in.
        path: its folded path below the hive's root.
        parent: the control block of the key above, across a mount too; None at the very top.
        opens: the counter of opens *as it reads*, modulo the dialect's width.
        objects: the key objects that are open on it: the truth behind ``opens``.
        children: how many control blocks hold this one as their parent.
        status: what an operation through it answers: SUCCESS while the key lives.
        name: the key's full path as written, kept for reports once it is dead.
        freed: the counter wrapped and the block was freed under open handles (KB Q179827).
        idle: whether it stands in the machine's list of blocks that are kept for a next open.
    """

    hive: HiveId
    path: Parts
    parent: Kcb | None
    opens: int = 0
    objects: set[ObjectId] = attrs.field(factory=set)
    children: int = 0
    status: NtStatus = NtStatus.SUCCESS
    name: str = ""
    freed: bool = False
    idle: bool = False

    @property
    def live(self) -> bool:
        """Whether the key is still there."""
        return self.status is NtStatus.SUCCESS


@attrs.frozen
class Origin:
    """Who opened a key object, for reports: it never changes behaviour.

    ``call`` is the call as written, ``actor`` the role of its thread, ``implicit`` whether the
    caller never asked for this handle, ``at`` the number of the kernel operation, ``site`` what
    `Machine.site` was.
    """

    call: str
    actor: str
    implicit: bool
    at: int
    site: object = attrs.field(default=None, eq=False)


@attrs.frozen(kw_only=True)
class Watch:
    """Which changes a key object waits for, and whether those of the keys below too."""

    subtree: bool
    filter: NotifyFilter


@attrs.define(eq=False)
class KeyObject:
    """One open of a key; each handle to it, in whatever process, is one of ``handles``.

    Or ``opens`` alike ones, made by `Machine.open_alike`, each with one handle of its own: nothing
    but these tells them apart, and `Machine.apart` takes one out before anything else would.
    ``shared`` counts the opens that gave out the same handle (dialects that share them), else 1.
    ``watch`` is what the first notification asked for through it waits for, and so all later ones
    do (MSDN RegNotifyChangeKeyValue; documented); ``events`` are those to be signalled.
    ``made`` is what `origin` is made of: most objects are never asked, so none is made until then.
    """

    id: ObjectId
    kcb: Kcb
    made: tuple[str, str, bool, int, object]
    handles: int = 0
    shared: int = 1
    watch: Watch | None = None
    events: tuple[str, ...] = ()
    opens: int = 1

    @property
    def origin(self) -> Origin:
        """Who opened it; of alike opens, the first."""
        return Origin(*self.made)

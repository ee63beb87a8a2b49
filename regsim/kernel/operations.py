"""The kernel's operations, one record each, and the small acts that change a thread or the log.

A step of a program names an operation; it is one NT call, or "resolve a predefined key", "take the
slot and close it", "start a process", "end a process".
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from regsim.kernel import classes, foreign, keys, loading, predef, trees
from regsim.kernel.keys import Answered
from regsim.kernel.process import Token
from regsim.kernel.spots import NOTHING, Actor, Footprint, Place, UndeclaredError, literal, reads
from regsim.kernel.tree import durable
from regsim.policy import Dialect, UnloadBlockers
from regsim.status import NtStatus
from regsim.types import SECOND, Access, PredefinedKey, Sid, Tid

if TYPE_CHECKING:
    from regsim.kernel.machine import Machine


def start_process(
    machine: Machine,
    caller: Tid,
    *,
    role: str,
    image: str,
    sid: str,
    opens_root: bool = False,
    silo: str = "",
) -> Answered:
    """Start a user's process; with *opens_root* it has used HKEY_CURRENT_USER before it is seen.

    It is a member of *silo*, else of the caller's, as a child is.
    """
    silo = silo or machine.process_of(caller).silo
    process = machine.start_process(role, image=image, token=Token(Sid(sid)), user=True, silo=silo)
    thread = machine.start_thread(process)
    if opens_root:
        return predef.resolve(machine, thread.tid, key=PredefinedKey.CURRENT_USER)
    return NtStatus.SUCCESS, None


def end_process(machine: Machine, _caller: Tid, *, role: str) -> Answered:
    """End the process *role*, closing all it holds at once; SUCCESS also when it does not run."""
    process = machine.process_named(role)
    if process is not None:
        machine.end_process(process)
    return NtStatus.SUCCESS, None


def end_session(machine: Machine, _caller: Tid) -> Answered:
    """End every process of the user's session, closing all they hold at once."""
    for process in [p for p in machine.processes.values() if p.user]:
        machine.end_process(process)
    return NtStatus.SUCCESS, None


def open_user_classes(
    machine: Machine, caller: Tid, *, access: int = Access.MAXIMUM_ALLOWED
) -> Answered:
    """Open the user's own classes alone, without the machine's behind them."""
    path = classes.user_classes(machine, caller)
    return keys.open_key(machine, caller, root=None, path=path, access=access)


# -- what they touch --------------------------------------------------------------------------
#
# Beside its arguments and where its result goes. A key object that only one handle names is that
# handle's, so opening and closing is a matter of the one process that holds it, not of all that
# have the key open: this is what lets workers be explored apart. It does not hold where opens are
# shared, counters wrap or a close unloads a hive; `footprint.plain` keeps those models out.

Args = Mapping[str, Any]
Touches = Footprint | Callable[[Args, Dialect], Footprint]
"""A footprint, or what gives it for an operation's arguments under a dialect."""

# A key is reached by a handle (an argument, counted there) or a path, through mounts and links.
_KEYS: Final = reads(Place.NAMESPACE)
_AS_USER: Final = reads(Place.IDENTITY, Place.NAMESPACE)
_SLOT: Final = reads(Place.PROCESS)
_ROOT: Final = reads(Place.PROCESS, Place.NAMESPACE)  # an empty slot asks whose hive is mounted
# Every handle to what goes, whoever holds it, becomes a dead one: each by itself, so that no other
# process's part need be read.
_KILL: Final = Footprint(maps=frozenset({Place.HOLDERS}))
_SESSION: Final = Footprint(frozenset({Place.SESSION}), maps=frozenset({Place.SESSION}))


def _unload(args: Args, dialect: Dialect) -> Footprint:
    """Of the open keys it matters only whether any blocks; those that do not become dead ones.

    Where any open key blocks, none is left open when the unload succeeds.
    """
    if args.get("root") is not None:
        raise UndeclaredError
    kills = NOTHING if dialect.unload_blockers is UnloadBlockers.ANY else _KILL
    return _AS_USER | kills | Footprint(blockers=frozenset({literal(args["path"])}))


def _start(args: Args, _dialect: Dialect) -> Footprint:
    """It must not run yet; with a root of its own, the user's hive is opened."""
    started = reads(Actor(literal(args["role"])))
    return started | _KEYS if args.get("opens_root") else started


def _end(args: Args, _dialect: Dialect) -> Footprint:
    """It goes with all it holds, and each thread of it becomes an ended one."""
    actor = frozenset({Actor(literal(args["role"]))})
    return Footprint(actor, maps=actor)


def _remap(args: Args, _dialect: Dialect) -> Footprint:
    """Every handle on the hive names another key, under the same number.

    Merely closing them leaves stale numbers behind, whose later meaning is not declared here.
    """
    if args.get("onto") is None:
        raise UndeclaredError
    return _KEYS | _KILL


# -- the operations ---------------------------------------------------------------------------


class Gives(enum.Enum):
    """What an operation gives that its caller must close."""

    NOTHING = "nothing: a status, or data"
    HANDLE = "a handle"
    CREATED = "a handle, and whether the key is new (`keys.Created`)"


class Closes(enum.Enum):
    """What an operation closes."""

    HANDLE = "its argument ``handle``"
    SLOT = "what stands behind its argument ``key``, a predefined key"
    OTHERS = "handles of any process, whose numbers then mean nothing unless ``onto`` is given"


class UnloadKind(enum.Enum):
    """How an operation unloads a hive."""

    NORMAL = "if no open key blocks it"
    FORCED = "whatever is open"
    LATER = "if no open key blocks it, else when the last one is closed"


@attrs.frozen
class Operation:
    """All there is to know of one kernel operation.

    Attributes:
        name: how a step names it.
        run: what it does, given the machine, the calling thread and keyword arguments.
        does: its short name in paths, where a call has no better one.
        touches: its footprint; None where it may touch everything.
        gives: what its caller must close.
        closes: what it closes; None for nothing.
        unloads: how it unloads a hive; None where it does not.
        starts: whether it starts the process that its argument ``role`` names.
    """

    name: str
    run: Callable[..., Answered]
    does: str
    touches: Touches | None = None
    gives: Gives = Gives.NOTHING
    closes: Closes | None = None
    unloads: UnloadKind | None = None
    starts: bool = False

    def footprint(self, args: Args, dialect: Dialect) -> Footprint:
        """Return what it touches when it is given *args*, literals or expressions.

        Raises `UndeclaredError` where it may touch everything.
        """
        if self.touches is None:
            raise UndeclaredError
        return self.touches(args, dialect) if callable(self.touches) else self.touches


_HANDLE, _CREATED = Gives.HANDLE, Gives.CREATED
_ALL: Final = (
    Operation("NtOpenKey", keys.open_key, "open-subkey", _KEYS, gives=_HANDLE),
    Operation("NtCreateKey", keys.create_key, "create-subkey", _KEYS, gives=_CREATED),
    Operation("NtClose", keys.close, "close-key", NOTHING, closes=Closes.HANDLE),
    Operation("NtQueryValueKey", keys.query_value, "query-value", _KEYS),
    Operation("NtSetValueKey", keys.set_value, "set-value", _KEYS),
    Operation("NtDeleteValueKey", keys.delete_value, "delete-value", _KEYS),
    Operation("NtDeleteKey", keys.delete_key, "delete-key", _KEYS | _KILL),
    Operation("NtEnumerateKey", keys.enumerate_key, "enumerate-key", _KEYS),
    Operation("NtEnumerateValueKey", keys.enumerate_value, "enumerate-value", _KEYS),
    Operation("NtQueryKey", keys.query_key, "query-key", _KEYS),
    Operation("NtFlushKey", keys.flush_key, "flush-key", _KEYS),
    Operation("NtLoadKey", loading.load_key, "load-hive", _AS_USER),
    Operation("NtUnloadKey", loading.unload_key, "unload-hive", _unload, unloads=UnloadKind.NORMAL),
    Operation(
        "NtUnloadKey2",
        loading.force_unload_key,
        "force-unload",
        _AS_USER | _KILL,
        unloads=UnloadKind.FORCED,
    ),
    Operation("NtSaveKey", loading.save_key, "save-key", _AS_USER),
    Operation("ResolvePredefined", predef.resolve, "open-root", _ROOT),
    Operation("ClosePredefined", predef.close_root, "close-root", _SLOT, closes=Closes.SLOT),
    Operation("DisableCache", predef.disable_cache, "disable-cache", _SLOT),
    Operation("OpenCurrentUser", predef.open_current_user, "open-root", _AS_USER, gives=_HANDLE),
    Operation("StartProcess", start_process, "start-process", _start, starts=True),
    Operation("EndProcess", end_process, "end-process", _end),
    Operation("EndSession", end_session, "end-session", _SESSION),
    Operation(
        "ReleaseHandles", foreign.release_handles, "release-handles", _remap, closes=Closes.OTHERS
    ),
    # Nothing is declared where it is of no use to explore apart,
    Operation("QueryKeyName", keys.query_key_name, "query-key"),
    # where several handles share one open,
    Operation("NtDuplicateObject", keys.duplicate, "duplicate-handle", gives=_HANDLE),
    Operation("OverridePredefined", predef.override, "override-root"),
    Operation("ReferenceHandle", keys.reference, "count-open", gives=_HANDLE),
    # where something waits for what others do,
    Operation("NtNotifyChangeKey", keys.notify_change, "notify-change"),
    Operation("NtUnloadKeyEx", loading.unload_key_later, "unload-later", unloads=UnloadKind.LATER),
    Operation("NtLoadAppKey", loading.load_app_key, "load-hive", gives=_HANDLE),
    Operation("LoadSiloHive", loading.load_silo_hive, "load-silo-hive"),
    Operation("OpenJob", loading.open_job, "open-job"),
    Operation("CloseJob", loading.close_job, "close-job"),
    # where a handle is tagged,
    Operation("OpenUserClasses", open_user_classes, "open-classes", gives=_HANDLE),
    Operation("OpenClassesView", classes.open_view, "open-classes", gives=_HANDLE),
    Operation("CreateClassesView", classes.create_view, "create-subkey", gives=_CREATED),
    Operation("DeleteClassesView", classes.delete_view, "delete-key"),
    *(Operation(viewed.name, viewed.run, viewed.does) for viewed in classes.VIEWED.values()),
    # and where a tree is replaced.
    Operation("DeleteTree", trees.delete_tree, "delete-tree"),
    Operation("CopyTree", trees.copy_tree, "copy-tree"),
    Operation("NtRenameKey", trees.rename_key, "rename-key"),
    Operation("NtRestoreKey", loading.restore_key, "restore-key"),
    Operation("NtReplaceKey", loading.replace_key, "replace-key"),
)

OPERATIONS: Final[Mapping[str, Operation]] = {operation.name: operation for operation in _ALL}


def unload_by(name: str) -> UnloadKind | None:
    """Return how the operation *name* unloads a hive; None where it does not, or for no name."""
    known = OPERATIONS.get(name)
    return None if known is None else known.unloads


# -- acts -------------------------------------------------------------------------------------


def impersonate(machine: Machine, caller: Tid, sid: str) -> None:
    """Have the thread act as *sid* until it reverts."""
    machine.threads[caller].token = Token(Sid(sid))


def revert(machine: Machine, caller: Tid) -> None:
    """Have the thread act as its process again. What a predefined key stands for stays (P3)."""
    machine.threads[caller].token = None


def sleep(machine: Machine, _caller: Tid, seconds: int) -> None:
    """Let *seconds* pass."""
    machine.clock += seconds * SECOND


def log(machine: Machine, _caller: Tid, source: str, number: int, message: str) -> None:
    """Write an entry to the event log."""
    machine.log(source, number, message)


def signal(machine: Machine, _caller: Tid, event: str) -> None:
    """Set *event*, as SetEvent does."""
    machine.signalled.add(event)


def unsignal(machine: Machine, _caller: Tid, event: str) -> None:
    """Have *event* be no longer set, as ResetEvent does."""
    machine.signalled.discard(event)


def upload(machine: Machine, _caller: Tid, file: str, path: str) -> None:
    """Copy the local hive *file* to the file server as *path*: the roaming profile is saved."""
    tree = machine.files.read(file)
    if tree is not None:
        machine.server.write(path, durable(tree))


def write_back(machine: Machine, _caller: Tid, path: str) -> None:
    """Write the hive at *path* over its file, as saving it there would; for who unloads it next."""
    hive = machine.hive_at(path)
    if hive is not None and hive.file is not None:
        machine.files.write(hive.file, hive.image())


ACTS: Final[Mapping[str, Callable[..., None]]] = {
    "impersonate": impersonate,
    "revert": revert,
    "sleep": sleep,
    "log": log,
    "signal": signal,
    "unsignal": unsignal,
    "upload": upload,
    "write-back": write_back,
}
"""What a step may do besides its one operation: none of these touches a handle."""

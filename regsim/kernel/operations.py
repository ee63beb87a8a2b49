"""The kernel's operations by name, and the small acts that change a thread or the log.

A step of a program names an operation; it is one NT call, or "resolve a predefined key", "take the
slot and close it", "start a process", "end a process".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from regsim.kernel import classes, foreign, keys, loading, predef
from regsim.kernel.keys import Result
from regsim.kernel.process import Token
from regsim.kernel.tree import durable
from regsim.status import NtStatus
from regsim.types import SECOND, Access, PredefinedKey, Sid, Tid

if TYPE_CHECKING:
    from regsim.kernel.machine import Machine


def start_process(
    machine: Machine, _caller: Tid, *, role: str, image: str, sid: str, opens_root: bool = False
) -> Result:
    """Start a user's process; with *opens_root* it has used HKEY_CURRENT_USER before it is seen."""
    process = machine.start_process(role, image=image, token=Token(Sid(sid)), user=True)
    thread = machine.start_thread(process)
    if opens_root:
        return predef.resolve(machine, thread.tid, key=PredefinedKey.CURRENT_USER)
    return NtStatus.SUCCESS, None


def end_process(machine: Machine, _caller: Tid, *, role: str) -> Result:
    """End the process *role*, closing all it holds at once; well also when it is not running."""
    process = machine.process_named(role)
    if process is not None:
        machine.end_process(process)
    return NtStatus.SUCCESS, None


def end_session(machine: Machine, _caller: Tid) -> Result:
    """End every process of the user's session, closing all they hold at once."""
    for process in [p for p in machine.processes.values() if p.user]:
        machine.end_process(process)
    return NtStatus.SUCCESS, None


def open_user_classes(
    machine: Machine, caller: Tid, *, access: int = Access.MAXIMUM_ALLOWED
) -> Result:
    """Open the user's own classes alone, without the machine's behind them."""
    path = classes.user_classes(machine, caller)
    return keys.open_key(machine, caller, root=None, path=path, access=access)


OPERATIONS: Final[Mapping[str, Callable[..., Result]]] = {
    "NtOpenKey": keys.open_key,
    "NtCreateKey": keys.create_key,
    "NtClose": keys.close,
    "NtDuplicateObject": keys.duplicate,
    "NtQueryValueKey": keys.query_value,
    "NtSetValueKey": keys.set_value,
    "NtDeleteValueKey": keys.delete_value,
    "NtDeleteKey": keys.delete_key,
    "NtEnumerateKey": keys.enumerate_key,
    "NtEnumerateValueKey": keys.enumerate_value,
    "NtQueryKey": keys.query_key,
    "NtFlushKey": keys.flush_key,
    "NtNotifyChangeKey": keys.notify_change,
    "NtLoadKey": loading.load_key,
    "NtUnloadKey": loading.unload_key,
    "NtUnloadKey2": loading.force_unload_key,
    "NtUnloadKeyEx": loading.unload_key_later,
    "NtSaveKey": loading.save_key,
    "NtRestoreKey": loading.restore_key,
    "NtReplaceKey": loading.replace_key,
    "NtLoadAppKey": loading.load_app_key,
    "ReferenceHandle": keys.reference,
    "ResolvePredefined": predef.resolve,
    "ClosePredefined": predef.close_root,
    "DisableCache": predef.disable_cache,
    "OverridePredefined": predef.override,
    "OpenCurrentUser": predef.open_current_user,
    "OpenUserClasses": open_user_classes,
    "OpenClassesView": classes.open_view,
    "QueryClassesView": classes.query_view,
    "EnumerateClassesView": classes.enumerate_view,
    "StartProcess": start_process,
    "ReleaseHandles": foreign.release_handles,
    "EndProcess": end_process,
    "EndSession": end_session,
}


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


def upload(machine: Machine, _caller: Tid, file: str, path: str) -> None:
    """Copy the local hive *file* to the file server as *path*: the roaming profile is saved."""
    tree = machine.files.read(file)
    if tree is not None:
        machine.server.write(path, durable(tree))


ACTS: Final[Mapping[str, Callable[..., None]]] = {
    "impersonate": impersonate,
    "revert": revert,
    "sleep": sleep,
    "log": log,
    "upload": upload,
}
"""What a step may do besides its one operation: none of these touches a handle."""

"""Calling the Win32 and NT functions on a machine, as a thread of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec

from regsim.errors import UsageError
from regsim.kernel.calls import Call, run_call
from regsim.kernel.machine import Machine
from regsim.kernel.process import Thread, Token
from regsim.kernel.steps import Observer
from regsim.policy import Dialect
from regsim.status import NtStatus, Win32Error, to_win32
from regsim.types import NO_HANDLE, Privilege, Sid, Tid
from regsim.win32 import advapi, advapi_data, advapi_hive, ntdll, userenv
from regsim.win32.plans import Known, NtReply, Planned, Reply

P = ParamSpec("P")
_NULL_ON_FAILURE = frozenset(
    ("RegOpenKey", "RegOpenKeyEx", "RegCreateKeyEx", "RegOpenCurrentUser", "RegLoadAppKey")
)


def _win32(
    function: Callable[Concatenate[Dialect, P], Planned],
) -> Callable[Concatenate[Api, P], Reply]:
    def call(self: Api, /, *args: P.args, **kwargs: P.kwargs) -> Reply:
        planned = function(self.machine.dialect, *args, **kwargs)
        return planned.reply if isinstance(planned, Known) else self.run(planned)

    call.__name__, call.__doc__ = function.__name__, function.__doc__
    return call


def _nt(
    function: Callable[Concatenate[Dialect, P], Call],
) -> Callable[Concatenate[Api, P], NtReply]:
    def call(self: Api, /, *args: P.args, **kwargs: P.kwargs) -> NtReply:
        planned = function(self.machine.dialect, *args, **kwargs)
        return NtReply(*run_call(self.machine, self.tid, planned, self.observer))

    call.__name__, call.__doc__ = function.__name__, function.__doc__
    return call


class Api:
    r"""The registry functions as one thread of one machine calls them.

    A Win32 function gives ``Reply(code, value)``, an NT function ``NtReply(status, value)``.

    >>> from regsim import dialects
    >>> from regsim.types import PredefinedKey
    >>> machine = Machine(dialects.get("nt4-sp6a"))
    >>> hive = machine.mount_hive(r"\REGISTRY\USER\S-1-5-21-7")
    >>> process = machine.start_process("explorer", token=Token(Sid("S-1-5-21-7")))
    >>> api = Api(machine, machine.start_thread(process))
    >>> code, handle = api.RegCreateKeyEx(PredefinedKey.CURRENT_USER, "Software")
    >>> int(code), hive.handles
    (0, 2)
    """

    def __init__(
        self, machine: Machine, thread: Thread | Tid, *, observer: Observer | None = None
    ) -> None:
        self.machine = machine
        self.tid: Tid = thread.tid if isinstance(thread, Thread) else thread
        self.observer = observer
        if self.tid not in machine.threads:
            raise UsageError(f"the machine has no thread {self.tid}")

    def run(self, call: Call) -> Reply:
        """Run a planned Win32 call without a pause and give its reply."""
        status, value = run_call(self.machine, self.tid, call, self.observer)
        if status is NtStatus.PENDING:
            return Reply(Win32Error.SUCCESS, value)
        if not status.ok and call.plan.name in _NULL_ON_FAILURE:
            value = NO_HANDLE
        return Reply(to_win32(status), value)

    def impersonate(self, sid: str, *privileges: Privilege) -> None:
        """Have the thread act as *sid*, as ImpersonateLoggedOnUser does."""
        self.machine.threads[self.tid].token = Token(Sid(sid), frozenset(privileges))

    def revert(self) -> None:
        """Have the thread act as its process again, as RevertToSelf does."""
        self.machine.threads[self.tid].token = None

    RegOpenKey = _win32(advapi.RegOpenKey)
    RegOpenKeyEx = _win32(advapi.RegOpenKeyEx)
    RegOpenKeyExA = _win32(advapi.RegOpenKeyExA)
    RegCreateKeyEx = _win32(advapi.RegCreateKeyEx)
    RegCloseKey = _win32(advapi.RegCloseKey)
    RegConnectRegistry = _win32(advapi.RegConnectRegistry)
    RegOpenCurrentUser = _win32(advapi.RegOpenCurrentUser)
    RegOpenUserClassesRoot = _win32(advapi.RegOpenUserClassesRoot)
    RegDisablePredefinedCache = _win32(advapi.RegDisablePredefinedCache)
    RegDisablePredefinedCacheEx = _win32(advapi.RegDisablePredefinedCacheEx)
    RegOverridePredefKey = _win32(advapi.RegOverridePredefKey)
    RegQueryValueEx = _win32(advapi_data.RegQueryValueEx)
    RegSetValueEx = _win32(advapi_data.RegSetValueEx)
    RegDeleteKey = _win32(advapi_data.RegDeleteKey)
    RegDeleteValue = _win32(advapi_data.RegDeleteValue)
    RegEnumKeyEx = _win32(advapi_data.RegEnumKeyEx)
    RegEnumValue = _win32(advapi_data.RegEnumValue)
    RegQueryInfoKey = _win32(advapi_data.RegQueryInfoKey)
    RegFlushKey = _win32(advapi_data.RegFlushKey)
    RegNotifyChangeKeyValue = _win32(advapi_data.RegNotifyChangeKeyValue)
    RegLoadKey = _win32(advapi_hive.RegLoadKey)
    RegUnLoadKey = _win32(advapi_hive.RegUnLoadKey)
    RegSaveKey = _win32(advapi_hive.RegSaveKey)
    RegRestoreKey = _win32(advapi_hive.RegRestoreKey)
    RegReplaceKey = _win32(advapi_hive.RegReplaceKey)
    RegLoadAppKey = _win32(advapi_hive.RegLoadAppKey)
    LoadUserProfile = _win32(userenv.LoadUserProfile)
    UnloadUserProfile = _win32(userenv.UnloadUserProfile)

    NtOpenKey = _nt(ntdll.NtOpenKey)
    NtClose = _nt(ntdll.NtClose)
    NtDuplicateObject = _nt(ntdll.NtDuplicateObject)
    NtLoadKey = _nt(ntdll.NtLoadKey)
    NtUnloadKey = _nt(ntdll.NtUnloadKey)
    NtUnloadKey2 = _nt(ntdll.NtUnloadKey2)
    NtUnloadKeyEx = _nt(ntdll.NtUnloadKeyEx)

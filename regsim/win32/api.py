"""Calling the Win32 and NT functions on a machine, as a thread of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Concatenate, ParamSpec

from regsim.errors import UsageError
from regsim.kernel.calls import Call, run_call
from regsim.kernel.expr import Expr
from regsim.kernel.machine import Machine
from regsim.kernel.process import Thread, Token
from regsim.kernel.steps import Observer
from regsim.policy import Dialect
from regsim.status import NtStatus, Win32Error, to_win32
from regsim.types import NO_HANDLE, Privilege, Sid, Tid
from regsim.win32 import advapi, advapi_data, advapi_hive, advapi_trees, ntdll, userenv
from regsim.win32.plans import Known, NtReply, Planned, Reply
from regsim.win32.reading import RRF_RT_ANY, fitted, got, refused

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


_query = _win32(advapi_data.RegQueryValueEx)
_enum_value = _win32(advapi_data.RegEnumValue)
_enum_key = _win32(advapi_data.RegEnumKeyEx)
_get = _win32(advapi_data.RegGetValue)


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

    # Calls that fill a buffer of the caller: *size* is what it holds; None, whatever there is.

    def RegQueryValueEx(
        self, key: Expr, name: str | None = None, *, size: int | None = None
    ) -> Reply:
        """Read one value, the default one for NULL; the value is a `Value`. 2 when it is not there.

        234 and a `Needed` where its data has more than *size* bytes.
        """
        return fitted(_query(self, key, name), size)

    def RegEnumValue(
        self, key: Expr, index: int, *, name_size: int | None = None, size: int | None = None
    ) -> Reply:
        """Return value number *index* as a `Value`; 259 after the last.

        234 and a `Needed` where its data has more than *size* bytes, or its name with a NUL more
        than *name_size* characters.
        """
        return fitted(_enum_value(self, key, index), size, name_size)

    def RegEnumKeyEx(self, key: Expr, index: int, *, size: int | None = None) -> Reply:
        """Return the name of subkey number *index*; 259 after the last.

        234 where the name with a NUL has more than *size* characters.
        """
        reply = _enum_key(self, key, index)
        short = size is not None and not reply.code and size <= len(reply.value)
        return Reply(Win32Error.MORE_DATA) if short else reply

    def RegGetValue(
        self,
        key: Expr,
        subkey: str | None = None,
        name: str | None = None,
        *,
        flags: int = RRF_RT_ANY,
        size: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Reply:
        """Read one value of *key*, or of the key below it, as `regsim.win32.reading.got` says."""
        error = refused(self.machine.dialect, flags)
        return (
            Reply(error) if error else got(_get(self, key, subkey, name), flags, size, environment)
        )

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
    RegSetValueEx = _win32(advapi_data.RegSetValueEx)
    RegSetKeyValue = _win32(advapi_data.RegSetKeyValue)
    RegDeleteKey = _win32(advapi_data.RegDeleteKey)
    RegDeleteKeyEx = _win32(advapi_data.RegDeleteKeyEx)
    RegDeleteValue = _win32(advapi_data.RegDeleteValue)
    RegDeleteTree = _win32(advapi_trees.RegDeleteTree)
    RegCopyTree = _win32(advapi_trees.RegCopyTree)
    RegRenameKey = _win32(advapi_trees.RegRenameKey)
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
    NtCreateKey = _nt(ntdll.NtCreateKey)
    NtDeleteKey = _nt(ntdll.NtDeleteKey)
    NtQueryKey = _nt(ntdll.NtQueryKey)
    NtClose = _nt(ntdll.NtClose)
    NtDuplicateObject = _nt(ntdll.NtDuplicateObject)
    NtLoadKey = _nt(ntdll.NtLoadKey)
    NtUnloadKey = _nt(ntdll.NtUnloadKey)
    NtUnloadKey2 = _nt(ntdll.NtUnloadKey2)
    NtUnloadKeyEx = _nt(ntdll.NtUnloadKeyEx)

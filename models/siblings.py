"""The incidents of the same family: other holders of a user's hive, other ways to hold it.

KB Q272239 (the service holds the root for a time), Q325086 (Print Job Monitor holds it until CSRSS
exits), Q179827 (leaked opens wrap a 16-bit counter), 2287297 (a forced unload breaks a COM+
application), and today's scripts whose ``reg unload`` fails until a finalizer has run
(PSAppDeployToolkit issue 30). Grade: documented, apart from the times, which are parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from regsim.models.q241572 import reason_not

from regsim.actors.stage import PROFILE, USER, USER_PATH
from regsim.cases import fixes
from regsim.cases.case import WIZARD_KEY, Case
from regsim.errors import NotApplicableError
from regsim.kernel.calls import run_call
from regsim.kernel.process import Thread, Token
from regsim.kernel.tree import Node
from regsim.scenario import Run
from regsim.status import NtStatus
from regsim.types import SECOND, Handle, PredefinedKey
from regsim.win32 import advapi, advapi_data, ntdll
from regsim.win32.plans import Known

HKCU: Final = PredefinedKey.CURRENT_USER
LEAKS: Final = 65_536
"""How many leaked opens make a 16-bit counter read 0."""


def _case(name: str, os: str, fix: str, known: tuple[str, ...], profile: Node | None) -> Case:
    chosen = fixes.get(fix)
    if fix not in known:
        raise NotApplicableError(f"{name} has no fix {fix!r}; it has: {', '.join(known)}")
    case = Case(os, chosen, profile=profile)
    reason = reason_not(os)
    if reason is not None:
        raise NotApplicableError(f"{name} cannot be played on {os}: {reason}")
    fixes.require(chosen, os)
    return case


def _use_root(case: Case, thread: Thread) -> None:
    """Open and close a key below HKEY_CURRENT_USER, which leaves the root open."""
    _, handle = case.call(thread, advapi.RegOpenKeyEx(case.dialect, HKCU, WIZARD_KEY))
    case.call(thread, advapi_data.RegQueryValueEx(case.dialect, handle, "Completed"))
    case.call(thread, advapi.RegCloseKey(case.dialect, handle))


def _impersonate(case: Case, thread: Thread, *, on: bool = True) -> None:
    case.machine.threads[thread.tid].token = Token(USER) if on else None


def _release_at(case: Case, seconds: int, release: Callable[[], None]) -> Callable[[], None]:
    """Return what to do after each step so that *release* happens once, *seconds* from now."""
    due = case.stage.now + seconds
    done: list[bool] = []

    def watch() -> None:
        if not done and case.stage.now >= due:
            done.append(True)
            release()

    return watch


def timed_hold(
    os: str = "nt4-sp6a", fix: str = "none", *, hold: int = 45, profile: Node | None = None
) -> Run:
    """Play KB Q272239: the service keeps the root for *hold* seconds after the program has quit."""
    case = _case("q272239", os, fix, ("none", "hotfix", "stop-service"), profile)
    process = case.service("TapiSrv", "tapisrv")
    thread = case.stage.actor(process, "Telephony service")
    case.logon()
    case.change_settings()
    _impersonate(case, thread)
    _use_root(case, thread)
    _impersonate(case, thread, on=False)

    def release() -> None:
        case.call(thread, advapi.RegCloseKey(case.dialect, HKCU))

    if fix == "stop-service":
        case.stop_service("tapisrv", "net stop TapiSrv")
    elif fix == "hotfix":
        release()
    watch = _release_at(case, hold, release) if fix == "none" else None
    case.logoff(each=watch)
    return case.finish(
        "q272239",
        "The Telephony service holds the hive for a time (KB Q272239)",
        f"The hold of {hold} s is a parameter: the article gives no figure.",
    )


def print_monitor(os: str = "nt4-sp6a", fix: str = "none", *, profile: Node | None = None) -> Run:
    """Play KB Q325086: Print Job Monitor keeps HKEY_CURRENT_USER open until CSRSS exits."""
    case = _case("q325086", os, fix, ("none", "hotfix"), profile)
    process = case.machine.start_process("csrss", image="csrss.exe")
    thread = case.stage.actor(process, "Print Job Monitor in CSRSS")
    case.logon()
    case.change_settings()
    _impersonate(case, thread)
    _use_root(case, thread)
    if fix == "hotfix":
        case.call(thread, advapi.RegCloseKey(case.dialect, HKCU))
    _impersonate(case, thread, on=False)
    case.logoff()
    note = "The fix is Winspool.drv 4.0.1381.7177 of 9 July 2002."
    return case.finish("q325086", "Print Job Monitor keeps the hive open (KB Q325086)", note)


def counter_wrap(os: str = "nt4-sp3", fix: str = "none", *, profile: Node | None = None) -> Run:
    """Play KB Q179827: so many leaked opens of one key that a 16-bit counter reads 0."""
    case = _case("q179827", os, fix, ("none", "stop-service"), profile)
    process = case.machine.start_process("extra", image="extra.exe")
    thread = case.stage.actor(process, "Leaking service")
    case.logon()
    case.change_settings()
    path = f"{USER_PATH}\\{WIZARD_KEY}"
    call = ntdll.NtOpenKey(case.dialect, path)
    for _ in range(LEAKS - 1):
        run_call(case.machine, thread.tid, call)
    case.stage.call(thread, call)
    case.stage.explain(f"the last of {LEAKS:,} opens that are never closed")
    if fix == "stop-service":
        case.stop_service("extra", "the leaking process ends")
    case.logoff()
    note = ""
    if case.machine.corruption:
        case.broken = True
        note = (
            "The counter reads 0, so the hive unloads under open handles: pool corruption and, "
            f"sooner or later, a STOP. {case.machine.corruption}."
        )
    return case.finish("q179827", "Leaked opens wrap the counter (KB Q179827)", note)


def broken_holder(
    os: str = "win7", fix: str = "none", *, idle: int = 180, profile: Node | None = None
) -> Run:
    """Play KB 2287297: a COM+ application under the user's identity outlives the session.

    It ends *idle* seconds after its last call (COM+'s default of three minutes).
    """
    case = _case("q2287297", os, fix, ("none", "disable-force-unload"), profile)
    process = case.machine.start_process("dllhost", image="dllhost.exe", token=Token(USER))
    thread = case.stage.actor(process, "COM+ application")
    case.logon()
    case.change_settings()
    _use_root(case, thread)

    def leave() -> None:
        case.machine.end_process(process)

    case.logoff(each=_release_at(case, idle, leave))
    note = ""
    if thread.alive and case.unloaded_at_logoff:
        call = advapi.RegOpenKeyEx(case.dialect, HKCU, WIZARD_KEY)
        status = NtStatus.SUCCESS
        if not isinstance(call, Known):
            status, _ = case.stage.call(thread, call)
        case.broken = status in (NtStatus.KEY_DELETED, NtStatus.HIVE_UNLOADED)
        note = (
            f"The application's next call fails with 1018 ({status.name})." if case.broken else ""
        )
    return case.finish("q2287297", "A forced unload breaks its holder (KB 2287297)", note)


def managed_handles(os: str = "win11", fix: str = "none", *, profile: Node | None = None) -> Run:
    """Play a script's ``reg unload`` that fails until a finalizer has closed a forgotten handle."""
    case = _case("managed-handles", os, fix, ("none",), profile)
    process = case.machine.start_process("powershell", image="powershell.exe")
    thread = case.stage.actor(process, "Script")
    case.stage.call(thread, ntdll.NtLoadKey(case.dialect, USER_PATH, PROFILE))
    before = case.machine.files.content()
    created = advapi.RegCreateKeyEx(case.dialect, PredefinedKey.USERS, f"{USER}\\Software\\Script")
    _, made = case.call(thread, created)
    handle = Handle(getattr(made, "handle", 0))
    case.stage.explain("the script drops the object and never closes it")
    unload = ntdll.NtUnloadKey(case.dialect, USER_PATH)
    case.stage.call(thread, unload)
    case.stage.explain("reg unload: Access is denied")
    case.machine.clock += 5 * SECOND
    case.call(thread, advapi.RegCloseKey(case.dialect, handle))
    case.stage.explain("the garbage collector runs the finalizer")
    case.stage.call(thread, unload)
    case.unloaded_at_logoff = case.machine.hive_at(USER_PATH) is None
    return case.finish(
        "managed-handles",
        "reg unload fails until a finalizer runs (PSAppDeployToolkit issue 30)",
        "Close the handle; waiting for the garbage collector is not a fix.",
        saved=case.machine.files.content() != before,
    )


PLAYS: Final[dict[str, Callable[..., Run]]] = {
    "q272239": timed_hold,
    "q325086": print_monitor,
    "q179827": counter_wrap,
    "q2287297": broken_holder,
    "managed-handles": managed_handles,
}
"""The incidents of this page by name."""

"""KB Q241572: Roaming Profile May Not Be Saved to the Server.

The Internet Connection Wizard asks the Telephony service for user information. The service opens a
key below HKEY_CURRENT_USER and closes it; but the call also opened the root, which stays open, and
at logoff Winlogon cannot unload the hive. Source: the article, 08-MAY-2002; documented.
"""

from __future__ import annotations

from regsim.models import fixes
from regsim.models.case import Case

from regsim.actors.stage import PENDING
from regsim.actors.telephony import Strategy, worker
from regsim.errors import NotApplicableError, UnknownNameError
from regsim.kernel.process import Thread
from regsim.kernel.steps import Program
from regsim.kernel.tree import Node
from regsim.scenario import Run
from regsim.status import NtStatus
from regsim.win32 import advapi

NAME = "q241572"
TITLE = "Roaming profile may not be saved to the server (KB Q241572)"
_BROKEN = (NtStatus.KEY_DELETED, NtStatus.HIVE_UNLOADED)
_EXCLUDED = {
    "nt31": "Windows NT 3.1 has no roaming profiles and no Telephony service",
    "nt351": "Windows NT 3.51 has no Telephony service of this kind",
    "win95": "Windows 95 has no NT kernel: no hive is unloaded by counting handles",
}
CALLS_SERVICE = "new-connection"
OPTIONS = (CALLS_SERVICE, "existing-connection", "manual")
"""The wizard's options; the article names the first as the trigger."""
HOTFIXES = (Strategy.REFCOUNTED, Strategy.CLOSE_ROOT, Strategy.REFRESH_ROOT, Strategy.EXPLICIT_HKU)
"""What the undocumented hotfix may have done on NT 4.0."""


def reason_not(os: str) -> str | None:
    """Return why the case cannot be played on *os*, or None when it can."""
    return _EXCLUDED.get(os)


def run(
    os: str = "nt4-sp6a",
    fix: str = "none",
    *,
    hotfix: Strategy = Strategy.REFCOUNTED,
    profile: Node | None = None,
    option: str = CALLS_SERVICE,
) -> Run:
    """Play the case on *os* with *fix* and return what it leaves.

    Args:
        os: a dialect's name.
        fix: a fix's name; `NotApplicableError` where it does not exist.
        hotfix: what the hotfix is assumed to do.
        profile: the user's hive; a made one by default.
        option: the wizard's option; only the one to set up a new connection calls the service.
    """
    if option not in OPTIONS:
        raise UnknownNameError("option of the wizard", option, OPTIONS)
    case, thread, program = _set_up(os, fixes.get(fix), hotfix, profile)
    case.logon()
    wizard = case.change_settings()
    if option == CALLS_SERVICE:
        case.stage.say(wizard, "asks the Telephony service for user information")
        _request(case, thread, program)
    if fix == "stop-service":
        case.stop_service("tapisrv", "net stop TapiSrv")
    end = case.logoff(before_unload=case.clean_up if fix == "uphclean" else None)
    note = _afterwards(case, thread, program) if end == "saved" else _unsaved(end)
    return case.finish(NAME, TITLE, note)


def _set_up(
    os: str, fix: fixes.Fix, hotfix: Strategy, profile: Node | None
) -> tuple[Case, Thread, Program]:
    case = Case(os, fix, profile=profile)
    reason = reason_not(os)
    if reason is not None:
        raise NotApplicableError(f"{NAME} cannot be played on {os}: {reason}")
    fixes.require(fix, os)
    strategy = hotfix if fix.name == "hotfix" else fix.strategy
    if os == "nt4-tse-sp5" and strategy is Strategy.STOCK:
        strategy = Strategy.REFCOUNTED  # the service pack carries the fix (KB Q241572)
    process = case.service("TapiSrv", "tapisrv")
    process.memory.vars["nuse"] = 0
    thread = case.stage.actor(process, "Telephony service", role="worker", pc="idle")
    if strategy is Strategy.DISABLE_CACHE:
        case.call(thread, advapi.RegDisablePredefinedCache(case.dialect))
    return case, thread, worker(case.dialect, strategy)


def _request(case: Case, thread: Thread, program: Program) -> None:
    """Have the wizard ask the service for user information, and the service serve it."""
    case.machine.memory.vars[PENDING.name] = 1
    case.stage.play(thread, program, "idle")


def _afterwards(case: Case, thread: Thread, program: Program) -> str:
    """Have the service serve one request more, in the next session; return what is to be said.

    The calls of that session are part of the run only when one of them fails.
    """
    if thread.alive:
        first = len(case.stage.calls)
        case.logon()
        _request(case, thread, program)
        failed = [record for record in case.stage.calls[first:] if record.status in _BROKEN]
        if not failed:
            del case.stage.calls[first:]
        else:
            case.broken = True
            return (
                f"The service's next call, {failed[0].call}, fails with 1018 "
                f"({failed[0].status.name}): taking its handle away broke the holder."
            )
    if case.fix.strategy in fixes.NAIVE:
        return "This fix breaks a concurrent call, see `regsim check`."
    if case.fix.name == "hotfix":
        return "What the hotfix changed is undocumented; this strategy is assumed."
    return ""


def _unsaved(end: str) -> str:
    if end == "unloading":
        return "The logoff still waits for the handle after an hour; the profile is not saved."
    return "The server keeps the old copy of the profile."

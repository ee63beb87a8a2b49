"""E3 and E5: whole logoffs, with the service stopped at some moment, and on every generation."""

from __future__ import annotations

from regsim import dialects
from regsim.cases import fixes
from regsim.cases.case import WIZARD_KEY, Case
from regsim.cases.logoff import BROKEN
from regsim.course.questions import YES_NO, Exercise, Question, Truth, found
from regsim.kernel.operations import unload_by
from regsim.kernel.process import Thread
from regsim.scenario import CallRecord, Outcome, Run
from regsim.status import to_win32
from regsim.types import SECOND, PredefinedKey
from regsim.win32 import advapi

ENDS = tuple(outcome.value for outcome in Outcome if outcome is not Outcome.NOT_APPLICABLE)


def told(record: CallRecord) -> str:
    """Return what call *record* answered, and when."""
    return f"call {record.number} at {record.time} s, {record.call}, answered {record.status.name}"


def last_unload(run: Run) -> CallRecord:
    """Return the last attempt to unload that *run* made."""
    return [record for record in run.calls if unload_by(record.operation)][-1]


# -- E3 ---------------------------------------------------------------------------------------

MOMENTS: dict[str, tuple[str, str, int | None]] = {
    "nt4-before": ("nt4-sp6a", "NT 4.0: before the user logs off", None),
    "nt4-between": ("nt4-sp6a", "NT 4.0: the user's programs have ended, no unload was tried", 0),
    "nt4-late": ("nt4-sp6a", "NT 4.0: one second after the first try to unload", 1),
    "w2k-20": ("w2k", "Windows 2000: 20 seconds after the first try", 20),
    "w2k-70": ("w2k", "Windows 2000: 70 seconds after the first try", 70),
}
"""When the Telephony service is stopped in E3: the system, the moment, and the seconds."""


def _leak(case: Case) -> Thread:
    """Log the user on and have the Telephony service act for him; the root stays open."""
    thread = case.stage.actor(case.service("TapiSrv", "tapisrv"), "Telephony service")
    case.logon()
    case.change_settings()
    _serve(case, thread)
    return thread


def _serve(case: Case, thread: Thread) -> CallRecord:
    """Have the service open a key as the user, and close it; return the last step of the open."""
    case.impersonate(thread)
    opening = advapi.RegOpenKeyEx(case.dialect, PredefinedKey.CURRENT_USER, WIZARD_KEY)
    status, handle = case.call(thread, opening)
    opened = case.stage.calls[-1]
    if status.ok:
        case.call(thread, advapi.RegCloseKey(case.dialect, handle))
    case.impersonate(thread, on=False)
    return opened


def stopped(os: str, seconds: int | None) -> Run:
    """Return the logoff on *os* with the service stopped *seconds* after the first try to unload.

    None stops it before the logoff, 0 between the end of the session's programs and the first try.
    What comes due after the logoff has ended comes too late, and is part of the run all the same.
    """
    case = Case(os, fixes.get("none"))
    _leak(case)
    done: list[bool] = []

    def stop() -> None:
        if not done:
            done.append(True)
            case.stop_service("tapisrv", "net stop TapiSrv")

    tries: list[int] = []

    def watch() -> None:
        if case.stage.attempts > len(tries):
            tries.append(case.stage.calls[-1].time)
        if seconds and tries and case.stage.now >= tries[0] + seconds:
            stop()

    if seconds is None:
        stop()
    case.logoff(before_unload=stop if seconds == 0 else None, each=watch)
    if not done and seconds:
        case.machine.clock += max(0, tries[0] + seconds - case.stage.now) * SECOND
        stop()
    return case.finish("stopped", "The Telephony service is stopped")


def _timing_scene() -> str:
    rows = "\n".join(f"  {name:<12} {text}" for name, (_, text, _) in MOMENTS.items())
    return (
        "The Telephony service holds the root of the user's hive, as in KB Q241572. You stop the\n"
        "service (`net stop TapiSrv`) at one of these moments; what becomes of the profile?\n\n"
        f"{rows}\n\n"
        "saved: at the first try; late: saved, but only after waiting; lost: not saved."
    )


def _timing_work() -> dict[str, Truth]:
    findings = {}
    for name, (os, _, seconds) in MOMENTS.items():
        run = stopped(os, seconds)
        tries = [record for record in run.calls if unload_by(record.operation)]
        stop = next(record for record in run.calls if record.step == "stop-service")
        most = dialects.get(os).logoff.attempts
        because = (
            f"The service stopped at call {stop.number} ({stop.time} s); {told(tries[-1])}, "
            f"try {len(tries)} of {'1' if most == 1 else f'up to {most}'}: "
            f"{run.outcome.value}."
        )
        findings[name] = found(run.outcome.value, because)
    return findings


E3 = Exercise(
    name="e3",
    title="The workaround has a time",
    scene=_timing_scene,
    questions=tuple(Question(name, f"{text}?", 5, ENDS) for name, (_, text, _) in MOMENTS.items()),
    work=_timing_work,
    explanation=(
        "Ending the process closes the hidden root with all its other handles, so the workaround "
        "always frees the hive. Whether the profile is saved depends on who is still trying: "
        "NT 4.0 tries once, Windows 2000 once a second for 60 seconds. Stopping the wizard, the "
        "client, would do nothing: it ends with the session anyway; the service is what holds."
    ),
)

# -- E5 ---------------------------------------------------------------------------------------

GENERATIONS = {
    name: dialects.get(name).title for name in ("nt4-sp6a", "w2k", "xp", "vista", "win11")
}
"""The systems of E5 by name."""
_COLUMNS: dict[str, str] = {
    "saved": "is the roaming profile saved?",
    "loaded": "is the hive still loaded when the logoff has ended?",
    "broken": "does the service's next use of HKEY_CURRENT_USER fail?",
}


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _found(os: str) -> dict[str, Truth]:
    """Return what one logoff on *os* leaves, and what the service's next call answers."""
    case = Case(os, fixes.get("none"))
    thread = _leak(case)
    case.logoff()
    run = case.finish("generation", "One leak")
    following = _serve(case, thread)
    last = _capital(told(last_unload(run)))
    kept = "the server's copy is new" if run.profile_saved else "the server keeps the old copy"
    state = "the hive is unloaded" if run.unloaded else "the hive is still loaded"
    code = int(to_win32(following.status))
    after = f"Afterwards {told(following)} (Win32 error {code})."
    return {
        "saved": found(run.profile_saved, f"{last}; {kept}."),
        "loaded": found(not run.unloaded, f"{last}; {state}."),
        "broken": found(following.status in BROKEN, after),
    }


def _machine_scene() -> str:
    rows = "\n".join(f"  {name:<10} {title}" for name, title in GENERATIONS.items())
    return (
        "The same service, the same leaked root, the same logoff; only the system differs:\n\n"
        f"{rows}\n\nNobody stops the service."
    )


def _machine_work() -> dict[str, Truth]:
    return {
        f"{os}.{column}": finding for os in GENERATIONS for column, finding in _found(os).items()
    }


E5 = Exercise(
    name="e5",
    title="Time machine: one leak, five systems",
    scene=_machine_scene,
    questions=tuple(
        Question(f"{os}.{column}", f"{title}: {text}", 6, YES_NO)
        for os, title in GENERATIONS.items()
        for column, text in _COLUMNS.items()
    ),
    work=_machine_work,
    explanation=(
        "NT 4.0 gives up at once and Windows 2000 after 60 tries: the profile is lost. XP saves "
        "from a copy and leaves the hive loaded: nothing lost, memory kept. Vista and later take "
        "the hive away by force: the profile is saved, and the holder pays with error 1018."
    ),
)

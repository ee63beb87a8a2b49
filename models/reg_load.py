"""A script that edits every user's hive: `reg unload` fails until a finalizer has run.

For one user after the other the script loads the hive, opens a key through a managed runtime, and
drops the object without closing it. The handle stays open until the garbage collector runs the
object's finalizer, at a time of its own or never; until then the unload fails with "Access is
denied" (exit code 1), and the next user's hive cannot be loaded at the same place. Sources:
PSAppDeployToolkit issues 30, 66 and 862 (the leak, a collection that was not enough, one that was);
ansible issue 38711 (cured by waiting for finalizers); PowerShell's registry provider (what a cmdlet
emits is not closed by it); documented. That collection may come between any two steps, or never, is
inferred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from regsim.actors.stage import PROFILE, USER, USER_PATH
from regsim.cases.case import Case, fresh_profile
from regsim.check.property import Property, always, leads_to, sometimes
from regsim.explore.incident import HIVE, Incident
from regsim.explore.parameters import choice, number
from regsim.explore.scene import Scene
from regsim.kernel.expr import HandleVar, Scope, Var
from regsim.kernel.steps import Forget, Program, Set, Step, go, ok, op
from regsim.types import SECOND, Handle, PredefinedKey
from regsim.win32 import advapi, ntdll

if TYPE_CHECKING:
    from regsim.explore.service import ServiceModel
    from regsim.explore.system import System

KEY: Final = HandleVar("key", Scope.PROCESS)
"""The handle inside the runtime's object."""
GARBAGE: Final = Var("garbage", Scope.PROCESS)
"""1 while the object is unreachable and its finalizer has not run."""
TRIES: Final = Var("tries")
FIXES: Final = ("none", "close", "collect")
NEXT: Final = r"C:\Profiles\next\NTUSER.DAT"
"""The file of the user whose turn is next."""


def run(case: Case) -> str:
    """Play a script whose unload fails until a finalizer has run; return what to note."""
    thread = case.stage.actor(case.machine.start_process("powershell"), "Script")
    case.stage.call(thread, ntdll.NtLoadKey(case.dialect, USER_PATH, PROFILE))
    before = case.machine.files.content()
    created = advapi.RegCreateKeyEx(case.dialect, PredefinedKey.USERS, f"{USER}\\Software\\Script")
    _, made = case.call(thread, created)
    closing = advapi.RegCloseKey(case.dialect, Handle(getattr(made, "handle", 0)))
    unload = ntdll.NtUnloadKey(case.dialect, USER_PATH)
    if case.fix.name == "close-objects":
        case.call(thread, closing)
        note = "The key object is closed, so nothing waits for the garbage collector."
    elif case.fix.name == "collect":
        case.call(thread, closing)
        case.stage.explain("the script drops the object and waits for its finalizer")
        note = "It holds only if no variable refers to the object any more."
    else:
        case.stage.explain("the script drops the object and never closes it")
        status, _ = case.stage.call(thread, unload)
        case.stage.explain("reg unload: Access is denied" if not status.ok else "reg unload")
        case.machine.clock += 5 * SECOND
        case.call(thread, closing)
        case.stage.explain("the garbage collector runs the finalizer")
        note = "Close the handle; waiting for the garbage collector is not a fix."
    case.stage.call(thread, unload)
    case.unloaded_at_logoff = case.unloader.unloaded
    case.saved = case.machine.files.content() != before
    return note


def model(*, fix: str = "none", attempts: int = 1) -> System:
    """Return the model: does the script's unload depend on when the collector runs?

    ``fails`` claims that the script never gives up: it holds with ``close`` (the object is closed)
    and with ``collect`` (the script waits for pending finalizers), and for no number of attempts
    with ``none``. ``next`` claims that the next user's hive can be loaded. ``held`` claims what all
    that rests on: no handle is open when the unload is tried. ``ends`` claims that every use ends
    in an unload, even if the collector, once there is something to collect, only runs in the end
    (weak fairness): in the end is too late.

    Bounds: one key a hive, one script, two users whose turns come again and again, neither of them
    logged on.
    """
    scene = Scene("win11")
    scene.machine.files.write(NEXT, fresh_profile())
    scene.add("script", _script(fix, attempts), process="powershell")
    scene.add("finalizer", _finalizer(), process="powershell")
    return scene.system(INCIDENT.name, *_claims(scene))


def _script(fix: str, attempts: int) -> Program:
    load = op("NtLoadKey", path=USER_PATH, file=PROFILE)
    load_next = op("NtLoadKey", path=USER_PATH, file=NEXT)
    opening = op("NtOpenKey", KEY, root=None, path=f"{USER_PATH}\\Software")
    steps = (
        Step(at="start", does="load", op=load, then=(go("open"),), call="reg load"),
        Step(at="open", does="open", op=opening, then=(go("use"),), call="OpenSubKey()"),
        Step(at="use", does="use", then=(go("drop"),), call="GetValue()"),
        *_dropping(fix),
        *_unloading(attempts),
        Step(at="unloaded", does="again", then=(go("start"),), call="(goes on to the next user)"),
        Step(at="failed", does="go-on", then=(go("next"),), call="(goes on to the next user)"),
        Step(
            at="next",
            does="load-next",
            op=load_next,
            then=(ok("open"), go("refused")),
            call="reg load",
        ),
        Step(at="refused", does="rest", when=False, then=(go("refused"),)),
    )
    return Program(f"script-{fix}", steps, "start")


def _dropping(fix: str) -> tuple[Step, ...]:
    """Return what becomes of the object: it is closed, or left to the collector."""
    if fix == "close":
        close = op("NtClose", handle=KEY)
        closed = go("unload", Forget(KEY))
        return (Step(at="drop", does="close", op=close, then=(closed,), call="Close()"),)
    after = "collect" if fix == "collect" else "unload"
    drop = Step(at="drop", does="drop", then=(go(after, Set(GARBAGE, 1)),), call="$key = $null")
    text = "WaitForPendingFinalizers()"
    wait = Step(at="collect", does="wait", when=GARBAGE.is_(0), then=(go("unload"),), call=text)
    return (drop, wait) if fix == "collect" else (drop,)


def _unloading(attempts: int) -> tuple[Step, ...]:
    retry = go("unload", Set(TRIES, TRIES.plus(1)), when=TRIES.less(attempts - 1))
    branches = (ok("unloaded", Set(TRIES, 0)), retry, go("failed", Set(TRIES, 0)))
    unload = op("NtUnloadKey", path=USER_PATH)
    return (Step(at="unload", does="unload", op=unload, then=branches, call="reg unload"),)


def _finalizer() -> Program:
    """Return the runtime's finalizer thread: it closes what is garbage, some time."""
    close = op("NtClose", handle=KEY)
    done = go("waiting", Forget(KEY), Set(GARBAGE, 0))
    step = Step(
        at="waiting",
        does="finalize",
        when=GARBAGE.is_(1),
        op=close,
        then=(done,),
        call="RegCloseKey(key)",
    )
    return Program("finalizer", (step,), "waiting")


def _claims(scene: Scene) -> list[Property]:
    unloaded = scene.at("script", "unloaded")
    held = scene.at("script", "unload") & ~scene.clear
    return [
        always("fails", ~scene.at("script", "failed"), "The script's unload never fails for good."),
        always(
            "next",
            ~scene.at("script", "refused"),
            "The next user's hive is never refused because the last one is still loaded.",
        ),
        always(
            "held",
            ~held,
            "When the script comes to unload, no handle of its own is open on the hive.",
        ),
        leads_to("ends", scene.at("script", "use"), unloaded, about="Every use ends in an unload."),
        sometimes("unloaded", unloaded, "The hive is unloaded, so ends and next say something."),
        sometimes("ready", scene.at("script", "unload"), "The script comes to unload."),
    ]


def script(win: Any) -> None:  # noqa: ANN401 - what `regsim.model` gives it
    """Edit the user's hive and unload it again; the key object is dropped, and not closed."""
    while True:
        win.RegLoadKey(win.HKEY_USERS, win.sid("user"), PROFILE)
        key = win.RegOpenKeyEx(win.HKEY_USERS, win.sid("user") + r"\Software")
        win.RegQueryValueEx(key, "Colour")
        win.RegUnLoadKey(win.HKEY_USERS, win.sid("user"))
        win.work("goes on to the next user")


def plain() -> ServiceModel:
    """Return the script in plain code, which `regsim fix` edits.

    The collector never comes, which is the worst that it can do. Bounds: one script, one user.
    """
    from regsim.explore import service  # noqa: PLC0415 - nothing else needs the learner

    begun = service.model(os=INCIDENT.os, name=INCIDENT.name)
    return begun.service(script, process="powershell").nobody_logs_on()


INCIDENT: Final = Incident(
    name="reg-load",
    aliases=("managed-handles",),
    title="reg unload fails until a finalizer runs (PSAppDeployToolkit issue 30)",
    source="PSAppDeployToolkit issues 30, 66 and 862, ansible issue 38711; documented",
    place=90,
    os="win11",
    run=run,
    options=(HIVE,),
    fixes=("none", "close-objects", "collect"),
    model=model,
    parameters=(
        choice("fix", "none", FIXES, "what the script does about the object before it unloads"),
        number("attempts", 1, 1, 100, "unloads that the script tries"),
    ),
    plain=plain,
)

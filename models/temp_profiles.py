r"""An agent leaves users' hives loaded, and each logon makes one more temporary profile.

An agent (of a management system, a sandbox, a build) loads a user's ``NTUSER.DAT`` at a place of
its own to look into it, and leaves it there, or has it there just when the user logs on. The file
is then in use: the profile service cannot load it, sets the profile aside (event 1515, a ``.bak``
key in ``ProfileList``) and logs the user on with a temporary profile (1511), whose changes are lost
at logoff. Sources: the texts of events 1511 and 1515; documented. netxms issue 3240 (an agent that
loads users' hives at logon; corrected by skipping users whose hive is mounted); openai/codex issues
21455 and 33073, Win32-OpenSSH issue 781 (temporary profiles and ``.bak`` keys by the dozen);
observed. That it is the agent's load which the logon collides with is inferred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from regsim.actors.stage import PROFILE, USER_PATH
from regsim.cases.case import Case
from regsim.check.property import Property, always, sometimes
from regsim.explore.incident import ROAMING, Incident
from regsim.explore.parameters import choice
from regsim.explore.scene import Scene
from regsim.kernel.expr import Ask, HandleVar, negate
from regsim.kernel.steps import Forget, Op, Program, Step, go, ok, op
from regsim.policy import MountedBy
from regsim.scenario import About
from regsim.win32 import ntdll

if TYPE_CHECKING:
    from regsim.explore.system import System

PLACE: Final = r"\REGISTRY\USER\Agent"
"""Where the agent loads a user's hive."""
KEY: Final = HandleVar("key")
AGENTS: Final = ("leaks", "unloads", "skips", "offline")
"""What the agent does: leaves the hive loaded; unloads it after its work; that, and leaves alone a
user whose hive is mounted; reads a copy of the file and mounts nothing."""
_LOG: Final = "Microsoft-Windows-User Profiles Service"
EVENT_1511: Final = (
    "Windows cannot find the local profile and is logging you on with a temporary profile. Changes "
    "you make to this profile will be lost when you log off."
)
EVENT_1515: Final = (
    "Windows has backed up this user profile. Windows will automatically try to use the backup "
    "profile the next time this user logs on."
)


def run(case: Case) -> str:
    """Play an agent that looks into a user's hive before a logon; return what to note."""
    thread = case.stage.actor(case.machine.start_process("agent"), "Agent")
    if case.fix.name == "offline-copy":
        case.stage.say(thread, f"reads a copy of {PROFILE}")
    else:
        case.stage.call(thread, ntdll.NtLoadKey(case.dialect, PLACE, PROFILE))
        case.stage.explain("the agent looks into the user's hive")
    if case.fix.name == "unload-after":
        case.stage.call(thread, ntdll.NtUnloadKey(case.dialect, PLACE))
    case.logon()
    if case.machine.hive_at(USER_PATH) is not None:
        case.change_settings()
        case.logoff()
        if case.fix.name == "unload-after":
            return "A logon while the agent is at work still fails: see `regsim check`."
        return ""
    case.stage.explain("the hive's file is in use: the profile cannot be loaded")
    case.stage.hive = PLACE
    case.about = About(
        what="the user's own profile", done="used", else_="set aside: a temporary one is used"
    )
    if case.dialect.logoff.service:
        case.machine.log(_LOG, 1515, EVENT_1515)
        case.machine.log(_LOG, 1511, EVENT_1511)
    case.saved = False
    return (
        "So it is at each logon until the hive is unloaded, which the end of the agent does not do."
    )


def model(*, agent: str = "leaks") -> System:
    """Return the model: does a logon of the user get a temporary profile?

    ``temporary`` claims that none does. It holds only where the agent mounts nothing
    (``offline``): one that unloads after its work, or looks first whether the user is on, still has
    the hive loaded when the user logs on a moment later. ``left`` claims that an agent at rest has
    nothing loaded: violated by ``leaks`` alone, with which every later logon fails.

    Bounds: one user, one agent, one hive; a temporary profile is a session without the hive.
    """
    scene = Scene("win11")
    scene.add("logon", _logons())
    scene.add("agent", _agent(agent))
    return scene.system(INCIDENT.name, *_claims(scene, agent))


def _logons() -> Program:
    """Return a user's logons and logoffs, with the own profile or a temporary one."""
    load = op("NtLoadKey", path=USER_PATH, file=PROFILE, by=MountedBy.PROFILE_SERVICE)
    steps = (
        Step(
            at="off",
            does="logon",
            op=load,
            then=(ok("session"), go("temporary")),
            call="LoadUserProfile()",
        ),
        _step("session", "logoff", "off", op("NtUnloadKey", path=USER_PATH), "UnloadUserProfile()"),
        _step("temporary", "logoff", "off", None, "(the temporary profile is deleted)"),
    )
    return Program("logon", steps, "off")


def _agent(kind: str) -> Program:
    """Return the agent: it looks into the user's hive now and then."""
    if kind == "offline":
        work = _step("idle", "read-copy", "work", None, "(reads a copy of the file)")
        return Program("agent", (work, _step("work", "done", "idle", None, "(is done)")), "idle")
    mounted = Ask("mounted", (USER_PATH,))
    load = op("NtLoadKey", path=PLACE, file=PROFILE)
    after = "idle" if kind == "leaks" else "unload"
    steps = (
        # That it is mounted and that it is loaded are two things: a logon may come between.
        Step(
            at="idle",
            does="look",
            when=negate(mounted) if kind == "skips" else True,
            then=(go("load"),),
            call="(looks whether the user is logged on)" if kind == "skips" else "(has work)",
        ),
        Step(at="load", does="load", op=load, then=(ok("open"), go("idle")), call="RegLoadKey()"),
        Step(
            at="open",
            does="open",
            op=op("NtOpenKey", KEY, root=None, path=PLACE),
            then=(ok("work"),),
            call="RegOpenKeyEx()",
        ),
        Step(
            at="work",
            does="close",
            op=op("NtClose", handle=KEY),
            then=(go(after, Forget(KEY)),),
            call="RegCloseKey()",
        ),
        *([_step("unload", "unload", "idle", _UNLOAD, "RegUnLoadKey()")] * (kind != "leaks")),
    )
    return Program(f"agent-{kind}", steps, "idle")


_UNLOAD: Final = op("NtUnloadKey", path=PLACE)


def _step(at: str, does: str, to: str, operation: Op | None, call: str) -> Step:
    return Step(at=at, does=does, op=operation, then=(go(to),), call=call)


def _claims(scene: Scene, agent: str) -> list[Property]:
    temporary, rest = scene.at("logon", "temporary"), scene.at("agent", "idle")
    left = scene.mounted(PLACE)
    found = [
        always("temporary", ~temporary, "No logon gets a temporary profile."),
        always("left", ~(rest & left), "An agent at rest has no hive loaded."),
        sometimes("session", scene.at("logon", "session"), "A user logs on with the own profile."),
        sometimes("work", scene.at("agent", "work"), "The agent works."),
    ]
    if agent != "offline":
        found.append(sometimes("loaded", left, "The agent has the hive loaded."))
    return found


INCIDENT: Final = Incident(
    name="temp-profiles",
    title="An agent keeps users' hives, and logons get temporary profiles (events 1511, 1515)",
    source="the texts of events 1511 and 1515, documented; netxms issue 3240, observed",
    place=105,
    os="win11",
    run=run,
    options=ROAMING,
    fixes=("none", "unload-after", "offline-copy"),
    model=model,
    parameters=(choice("agent", "leaks", AGENTS, "what the agent does with the user's hive"),),
)

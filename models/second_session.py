"""A server unloads a user's profile under another session of the same user.

The hive of a user is the computer's: each session of that user works on the one that is mounted. A
server of sessions (SSH) that loads the profile for the first session, and unloads it when that one
ends, takes it from under the second: its next use of a key fails with error 1018, or finds no hive
at all. Sources: wolfSSH PR 1243 (a session without a load of its own loses the hive when another
ends; corrected so that each loads and unloads its own); MSDN LoadUserProfile and UnloadUserProfile
(a load is paired with an unload); Win32-OpenSSH issues 1694 and 2407 (a load without an unload: the
user's files stay in use until a restart); documented. That loads are counted, and that the last
unload takes the hive away, is inferred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from regsim.actors.stage import PROFILE, SUBKEY, USER, USER_PATH
from regsim.cases.case import Case
from regsim.cases.logoff import BROKEN
from regsim.check.formula import every, some
from regsim.check.property import Property, always, sometimes
from regsim.explore.incident import ROAMING, Incident
from regsim.explore.parameters import choice, number
from regsim.explore.scene import Scene
from regsim.kernel.expr import HandleVar, Scope, Var
from regsim.kernel.process import Thread
from regsim.kernel.steps import Forget, Program, Set, Step, go, ok, op
from regsim.policy import MountedBy
from regsim.types import PredefinedKey
from regsim.win32 import advapi, advapi_data

if TYPE_CHECKING:
    from regsim.explore.system import System

LOADS: Final = Var("loads", Scope.MACHINE)
"""How often the profile is loaded and not unloaded yet."""
MINE: Final = Var("mine")
"""1 in a session that is to unload the profile as it ends."""
KEY: Final = HandleVar("key")
"""What a session has open of the user's hive."""

SERVERS: Final = ("first-loads", "own-load", "never-unload")
"""What the server does: the first session loads, and unloads as it ends; each session loads and
unloads its own; each loads, and none unloads."""


def run(case: Case) -> str:
    """Play two sessions of one user, the first of which ends first; return what to note."""
    server = case.machine.start_process("session-2", image="sshd.exe")
    second = case.stage.actor(server, "Second session")
    case.logon()
    case.stage.explain("the first session loads the profile")
    key = _begin(case, second)
    if case.fix.name == "none":
        case.logoff()
        return _next_use(case, second, key)
    if case.fix.name == "never-unload":
        case.stage.say(second, "ends, as the first has, and nobody unloads the profile")
        case.machine.end_process(server)
        return "The hive stays loaded and its files in use until Windows is started again."
    case.stage.say(second, "has loaded the profile too: the first ends, and one load is left")
    case.call(second, advapi.RegCloseKey(case.dialect, key))
    case.machine.end_process(server)
    case.logoff()
    return "Each load is paired with an unload, so the last session to end takes the hive away."


def _begin(case: Case, thread: Thread) -> int:
    """Have a session change the user's settings; return the handle that it keeps."""
    path = f"{USER}\\{SUBKEY}"
    _, made = case.call(thread, advapi.RegCreateKeyEx(case.dialect, PredefinedKey.USERS, path))
    key: int = getattr(made, "handle", 0)
    done = (1).to_bytes(4, "little")
    case.call(thread, advapi_data.RegSetValueEx(case.dialect, key, "Completed", 4, done))
    return key


def _next_use(case: Case, thread: Thread, key: int) -> str:
    """Have the session that goes on use its key; return what to note."""
    status, _ = case.call(thread, advapi_data.RegQueryValueEx(case.dialect, key, "Completed"))
    case.broken = case.unloaded_at_logoff and status in BROKEN
    if case.broken:
        return f"The second session's next call fails with 1018 ({status.name})."
    return "The second session goes on: its open key has kept the hive from being unloaded."


def model(*, sessions: int = 2, server: str = "first-loads") -> System:
    """Return the model: does a session keep the user's hive as long as it lasts?

    ``kept`` claims that no session loses the hive: violated with ``first-loads``, where one session
    unloads for all. ``left`` claims that once no session is left the hive is gone: violated with
    ``never-unload``. Both hold with ``own-load``, where loads are counted.

    Bounds: one user, *sessions* at once, who come and go again and again; each opens one key at a
    time; an unload that is refused is forced at once, as Windows does after a while since Vista.
    """
    scene = Scene("win11")
    threads = scene.add("session", _session(server), count=sessions)
    return scene.system(INCIDENT.name, *_claims(scene, threads, server))


def _session(server: str) -> Program:
    """Return a session: it begins, uses a key of the user's now and then, and ends."""
    opening = op("NtOpenKey", KEY, root=None, path=f"{USER_PATH}\\Software")
    steps = (
        *_beginning(server),
        Step(at="on", does="open", op=opening, then=(ok("use"), go("lost")), call="RegOpenKeyEx()"),
        Step(
            at="use",
            does="use",
            op=op("NtQueryKey", handle=KEY),
            then=(ok("close"), go("broken")),
            call="RegQueryInfoKey()",
        ),
        *(
            Step(
                at=at,
                does="close",
                op=op("NtClose", handle=KEY),
                then=(go(to, Forget(KEY)),),
                call="RegCloseKey()",
            )
            for at, to in (("close", "on"), ("broken", "lost"))
        ),
        *_ending(),
        Step(at="lost", does="rest", when=False, then=(go("lost"),)),
    )
    return Program(f"session-{server}", steps, "off")


def _beginning(server: str) -> tuple[Step, ...]:
    load = op("NtLoadKey", path=USER_PATH, file=PROFILE, by=MountedBy.PROFILE_SERVICE)
    mine = Set(MINE, 0 if server == "never-unload" else 1)
    joins = (Set(LOADS, LOADS.plus(1)), mine) if server == "own-load" else ()
    return (
        Step(
            at="off",
            does="load",
            when=LOADS.is_(0),
            op=load,
            then=(go("on", Set(LOADS, 1), mine),),
            call="LoadUserProfile()",
        ),
        Step(
            at="off",
            does="join",
            when=LOADS.more(0),
            then=(go("on", *joins),),
            call="LoadUserProfile()" if joins else "(the profile is loaded already)",
        ),
    )


def _ending() -> tuple[Step, ...]:
    """Return how a session ends: what is its own to unload goes, if it is the last load of it."""
    unload, force = op("NtUnloadKey", path=USER_PATH), op("NtUnloadKey2", path=USER_PATH)
    over = (Set(LOADS, 0), Set(MINE, 0))
    call = "UnloadUserProfile()"
    last = LOADS.is_(1)
    ending = Step(at="on", does="end", when=MINE.is_(1), then=(go("ending"),), call="(ends)")
    return (
        Step(at="on", does="leave", when=MINE.is_(0), then=(go("off"),), call="(ends)"),
        ending,
        Step(
            at="ending",
            does="unload",
            when=last,
            op=unload,
            then=(ok("off", *over), go("forced")),
            call=call,
        ),
        Step(
            at="ending",
            does="count",
            when=LOADS.more(1),
            then=(go("off", Set(LOADS, LOADS.plus(-1)), Set(MINE, 0)),),
            call=call,
        ),
        Step(at="forced", does="force-unload", op=force, then=(go("off", *over),), call=call),
    )


def _claims(scene: Scene, threads: tuple[str, ...], server: str) -> list[Property]:
    lost = some(scene.at(each, "lost", "broken") for each in threads)
    rest = every(scene.at(each, "off") for each in threads)
    mounted = scene.mounted(USER_PATH)
    found = [
        always("kept", ~lost, "No session loses the user's hive while it lasts."),
        always("left", ~(rest & mounted), "Once every session has ended the hive is unloaded."),
        sometimes("used", some(scene.at(each, "close") for each in threads), "A key is used."),
    ]
    if server != "never-unload":
        ends = some(scene.at(each, "ending") for each in threads)
        found.append(sometimes("ends", ends, "A session ends whose load is its own."))
    if len(threads) > 1:
        both = scene.at(threads[0], "use") & scene.at(threads[1], "use")
        found.append(sometimes("together", both & ~scene.variable(LOADS, 0), "Two use it at once."))
    return found


INCIDENT: Final = Incident(
    name="second-session",
    title="A server unloads the profile under a second session of the user (wolfSSH PR 1243)",
    source="wolfSSH PR 1243; Win32-OpenSSH issues 1694 and 2407; documented",
    place=100,
    os="win11",
    run=run,
    options=ROAMING,
    fixes=("none", "own-load", "never-unload"),
    model=model,
    parameters=(
        number("sessions", 2, 1, 4, "sessions of the user that there may be at once"),
        choice("server", "first-loads", SERVERS, "who loads the profile, and who unloads it"),
    ),
)

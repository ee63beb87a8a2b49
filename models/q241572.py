"""KB Q241572: Roaming Profile May Not Be Saved to the Server.

The Internet Connection Wizard asks the Telephony service for user information. The service opens a
key below HKEY_CURRENT_USER and closes it; but the call also opened the root, which stays open, and
at logoff Winlogon cannot unload the hive. Source: the article, 08-MAY-2002; documented.

`run` plays the case once; `model` is every order in which its actors can take their steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from regsim.actors import bystanders, winlogon
from regsim.actors.stage import PENDING, SUBKEY
from regsim.actors.telephony import Strategy, worker
from regsim.cases import fixes
from regsim.cases.case import Case
from regsim.cases.logoff import BROKEN
from regsim.check.formula import Formula, every, some
from regsim.check.property import Property, always, leads_to, sometimes
from regsim.errors import UnknownNameError
from regsim.explore.incident import ROAMING, Incident
from regsim.explore.parameters import choice, count, flag, number
from regsim.explore.scene import Scene
from regsim.kernel.process import Thread
from regsim.kernel.steps import Program
from regsim.win32 import advapi

if TYPE_CHECKING:
    from regsim.explore.service import ServiceModel
    from regsim.explore.system import System

CALLS_SERVICE: Final = "new-connection"
CHOICES: Final = (CALLS_SERVICE, "existing-connection", "manual")
"""The wizard's options; the article names the first as the trigger."""
HOTFIXES: Final = (
    *(Strategy.REFCOUNTED, Strategy.CLOSE_ROOT, Strategy.REFRESH_ROOT, Strategy.EXPLICIT_HKU),
)
"""What the undocumented hotfix may have done on NT 4.0."""


def run(
    case: Case,
    *,
    hotfix_strategy: Strategy | str = Strategy.REFCOUNTED,
    option: str = CALLS_SERVICE,
) -> str:
    """Play the case and return what there is to note.

    Args:
        case: the computer.
        hotfix_strategy: what the hotfix is assumed to do.
        option: the wizard's option; only the one to set up a new connection calls the service.
    """
    if option not in CHOICES:
        raise UnknownNameError("option of the wizard", option, CHOICES)
    fix = case.fix.name
    thread, program = _service(case, Strategy(hotfix_strategy))
    case.logon()
    wizard = case.change_settings()
    if option == CALLS_SERVICE:
        case.stage.say(wizard, "asks the Telephony service for user information")
        _request(case, thread, program)
    if fix == "stop-service":
        case.stop_service("tapisrv", "net stop TapiSrv")
    end = case.logoff(before_unload=case.clean_up if fix == "uphclean" else None)
    return _afterwards(case, thread, program) if end == "saved" else _unsaved(end)


def _service(case: Case, hotfix: Strategy) -> tuple[Thread, Program]:
    """Start the Telephony service as the fix, or the system itself, has it."""
    strategy = hotfix if case.fix.name == "hotfix" else case.fix.strategy
    if strategy is Strategy.STOCK and INCIDENT.name in case.dialect.corrected:
        strategy = Strategy.REFCOUNTED
    process = case.service("TapiSrv", "tapisrv")
    process.memory.vars["nuse"] = 0
    thread = case.stage.actor(process, "Telephony service", role="worker", pc="idle")
    if strategy is Strategy.DISABLE_CACHE:
        case.call(thread, advapi.RegDisablePredefinedCache(case.dialect))
    return thread, worker(case.dialect, strategy)


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
        failed = [record for record in case.stage.calls[first:] if record.status in BROKEN]
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


# -- every interleaving -----------------------------------------------------------------------


@attrs.frozen
class Variant:
    """What the service does with its root, and the generation that does so."""

    strategy: Strategy
    os: str
    force: bool = False


VARIANTS: Final = {
    "buggy": Variant(Strategy.STOCK, "nt4-sp6a"),
    "refcounted": Variant(Strategy.REFCOUNTED, "nt4-sp6a"),
    "uncached": Variant(Strategy.UNCACHED, "w2k"),
    "forced": Variant(Strategy.STOCK, "win11", force=True),
    "naive": Variant(Strategy.CLOSE_ROOT, "nt4-sp6a"),
}
"""The variants by name: the stock service; its root closed with its last user; no cached root; the
stock service under a logoff that forces the unload; the root closed after every call."""


def model(
    *,
    workers: int = 2,
    services: int = 1,
    queue: int = 2,
    variant: str = "buggy",
    attempts: int = 0,
    stop: int = 0,
    noisy: int = 0,
) -> System:
    """Return the case as a model: sessions of one user, as many as there may be.

    The wizard asks the Telephony service on the user's behalf; its *workers* serve the requests;
    other *services* use the hive and close it; Winlogon logs the user on and off. No ``.DEFAULT``
    hive is mounted, so a root of a user whose hive is not loaded is not found.

    Bounds: one user, one wizard, *queue* waiting requests. `INCIDENT` says what each parameter
    means. With *variant* ``forced`` Winlogon never waits, whatever *attempts* says.
    """
    chosen = VARIANTS[variant]
    scene = Scene(chosen.os)
    unload = winlogon.patient(attempts=attempts, force=chosen.force)
    scene.add("winlogon", unload)
    scene.add("icw", bystanders.wizard(queue), process="session")
    program = worker(scene.dialect, chosen.strategy)
    threads = scene.add("worker", program, count=workers, process="tapisrv")
    others = scene.add("service", bystanders.service(noisy=bool(noisy)), count=services)
    if stop:
        scene.add("scm", bystanders.administrator(), process="services")
    return scene.system(
        INCIDENT.name, *_claims(scene, threads, others), *_witnesses(scene, threads, stop)
    )


def _quiet(scene: Scene, threads: tuple[str, ...], others: tuple[str, ...]) -> Formula:
    """Return the formula that every call has returned and none waits, while Winlogon unloads."""
    calls = every(scene.at(w, "idle") | scene.ended(w) for w in threads)
    return (
        scene.at("winlogon", "unloading")
        & scene.variable(PENDING, 0)
        & calls
        & every(scene.at(s, "idle") for s in others)
    )


def _claims(scene: Scene, threads: tuple[str, ...], others: tuple[str, ...]) -> list[Property]:
    unloading, saved = scene.at("winlogon", "unloading"), scene.at("winlogon", "saved")
    stopped = unloading & every(scene.ended(w) for w in threads)
    fair = ((unloading & scene.clear, ~unloading),)
    return [
        always(
            "leak",
            ~(_quiet(scene, threads, others) & ~scene.clear),
            "Once every call has returned, no handle on the hive is left to block its unload.",
        ),
        always(
            "err",
            ~some(scene.at(w, "error") for w in threads),
            "No request to the service fails because its root was closed or invalidated under it.",
        ),
        always("lost", ~scene.at("winlogon", "lost"), "Winlogon never gives a profile up."),
        leads_to("live", unloading, saved, about="Every logoff ends in a saved profile."),
        leads_to(
            "livew",
            stopped,
            saved,
            about="With the service stopped, every logoff ends in a saved profile.",
        ),
        leads_to(
            "livesf",
            unloading,
            saved,
            assuming=fair,
            about="As live, if Winlogon cannot miss for ever that the hive is free.",
        ),
    ]


def _witnesses(scene: Scene, threads: tuple[str, ...], stop: int) -> list[Property]:
    """Return what must be reachable for the claims to mean anything."""
    unloading = scene.at("winlogon", "unloading")
    found = [
        sometimes(
            "idle-unload",
            _quiet(scene, threads, ()),
            "Winlogon unloads while the service is at rest, so leak says something.",
        ),
        sometimes(
            "served",
            some(scene.at(w, "work") for w in threads),
            "A request is served, so err says something.",
        ),
        sometimes(
            "saved", scene.at("winlogon", "saved"), "A profile is saved, so lost says something."
        ),
        sometimes("logoff", unloading, "A user logs off, so live and livesf say something."),
        sometimes("blocked", unloading & ~scene.clear, "A logoff finds the hive in use."),
    ]
    if stop:
        found.append(
            sometimes(
                "stopped",
                unloading & every(scene.ended(w) for w in threads),
                "A user logs off after the service has stopped, so livew says something.",
            )
        )
    return found


# -- in plain code ------------------------------------------------------------------------------


def telephony(win: Any) -> None:  # noqa: ANN401 - what `regsim.model` gives it
    """Serve requests as the stock service does: the key is closed, its root is not."""
    while win.wait("request"):
        with win.impersonating("user"):
            try:
                key = win.RegOpenKeyEx(win.HKEY_CURRENT_USER, SUBKEY)
            except FileNotFoundError:
                continue
            except OSError:
                key = None
            if key is None:
                win.work("gives the error back")
                continue
            win.work("reads the user information")
            win.RegCloseKey(key)


def plain() -> ServiceModel:
    """Return the case with its service in plain code, which `regsim fix` edits.

    The user asks the service by themselves; the wizard, which takes two steps more to do so, and
    the other services are left out. Bounds: two threads, one logon, one waiting request.
    """
    from regsim.explore import service  # noqa: PLC0415 - nothing else needs the learner

    begun = service.model(os=INCIDENT.os, name=INCIDENT.name)
    return begun.service(telephony, threads=2, name="tapisrv").user_logs_on_and_off()


INCIDENT: Final = Incident(
    name="q241572",
    aliases=("kb241572", "kbq241572"),
    title="Roaming profile may not be saved to the server (KB Q241572)",
    source="KB Q241572, 08-MAY-2002; documented",
    place=10,
    run=run,
    options=(
        *ROAMING,
        choice(
            "hotfix-strategy",
            "refcounted",
            tuple(strategy.value for strategy in HOTFIXES),
            "what the hotfix is assumed to do",
        ),
        choice("option", CALLS_SERVICE, CHOICES, "what the user chooses in the wizard"),
    ),
    model=model,
    parameters=(
        count("workers", 2, 1, 16, "threads of the Telephony service"),
        count("services", 1, 0, 16, "other services that open the hive and close it again"),
        number("queue", 2, 1, 16, "requests that can wait for the Telephony service"),
        choice("variant", "buggy", tuple(VARIANTS), "what the service does with its cached root"),
        number("attempts", 0, 0, 100, "unloads that Winlogon tries; 0 waits for ever"),
        flag("stop", "whether the administrator may stop the Telephony service"),
        flag("noisy", "whether the other services use the hive after the user has logged off"),
    ),
    plain=plain,
)

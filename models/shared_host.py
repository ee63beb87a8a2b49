"""Two services in one process share one cached root of HKEY_CURRENT_USER.

The root is cached per process, not per service. In a process that hosts several (services.exe,
svchost.exe) the fix of one service does not fix the process: its neighbour's first use opens a root
that the fixed service does not know of, a root closed by one is closed under the other, and
stopping a service no longer ends the process that holds the handle. Sources: KB Q241572 (the
workaround works because the process ends; documented); MSDN RegOpenCurrentUser (one cache for all
threads of a process; documented); that services in one host therefore share it is inferred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs
from regsim.models.q241572 import telephony

from regsim.actors import bystanders, winlogon
from regsim.actors.stage import PENDING, SUBKEY, USER, USER_ON
from regsim.actors.telephony import Strategy, worker
from regsim.check.formula import Formula
from regsim.check.property import Property, always, sometimes
from regsim.explore.incident import Incident
from regsim.explore.parameters import choice, flag, number
from regsim.explore.scene import Scene
from regsim.kernel.expr import Scope, Var
from regsim.kernel.steps import Act, Program, Set, Step, go
from regsim.policy import Dialect

if TYPE_CHECKING:
    from regsim.explore.service import ServiceModel
    from regsim.explore.system import System

STOPPED: Final = Var("stopped", Scope.MACHINE)
"""1 once the administrator has told the Telephony service to stop."""
_KNOWN: Final = Var("neighbour.nuse", Scope.PROCESS)
"""The users of the root that the neighbour knows of; the two services share no variables."""

STRATEGIES: Final = {
    "stock": Strategy.STOCK,
    "refcounted": Strategy.REFCOUNTED,
    "closed": Strategy.CLOSE_ROOT,
    "uncached": Strategy.UNCACHED,
}
"""What a service does with the root that stands behind HKEY_CURRENT_USER."""


def model(
    *, telephony: str = "refcounted", neighbour: str = "stock", queue: int = 1, stop: int = 0
) -> System:
    """Return the model: is it enough to fix one of two services that share a process?

    ``leak`` claims that no handle is left once every call has returned: it holds only if both
    services are fixed. ``err`` claims that no call of the neighbour fails: it fails where one
    service closes the root that the other is using. With *stop*, the service stops and its process
    lives on: the workaround of KB Q241572 does not work here.

    Bounds: one thread per service, one user, *queue* waiting requests.
    """
    scene = Scene("w2k")
    scene.add("winlogon", winlogon.patient())
    scene.add("icw", bystanders.wizard(queue), process="session")
    scene.add("telephony", _stoppable(worker(scene.dialect, STRATEGIES[telephony])), process="host")
    scene.add("neighbour", _unasked(scene.dialect, STRATEGIES[neighbour]), process="host")
    if stop:
        scene.add("scm", _administrator(), process="services")
    return scene.system(INCIDENT.name, *_claims(scene, stop))


def _stoppable(program: Program) -> Program:
    """Return *program*, whose thread ends at rest once the service is told to stop."""
    text = "(stops, as it is asked to)"
    end = Step(at="idle", does="stop", when=STOPPED.is_(1), then=(go("stopped"),), call=text)
    rest = Step(at="stopped", does="rest", when=False, then=(go("stopped"),))
    return attrs.evolve(program, steps=(*program.steps, end, rest))


def _unasked(dialect: Dialect, strategy: Strategy) -> Program:
    """Return a service that looks at the user's keys of its own accord during the session."""
    program = worker(dialect, strategy, users=_KNOWN)
    begin = Step(
        at="idle",
        does="begin",
        call="(acts as the user)",
        when=USER_ON.is_(1),
        then=(go("open", Act("impersonate", (USER,))),),
    )
    steps = tuple(begin if step.does == "dequeue" else step for step in program.steps)
    return Program(f"neighbour-{strategy.value}", steps, "idle")


def _administrator() -> Program:
    done = Step(at="done", does="rest", when=False, then=(go("done"),))
    asks = go("done", Set(STOPPED, 1))
    stop = Step(at="decide", does="stop-service", then=(asks,), call="net stop TapiSrv")
    return Program("scm", (stop, done), "decide")


def _claims(scene: Scene, stop: int) -> list[Property]:
    unloading = scene.at("winlogon", "unloading")
    quiet = (
        unloading
        & scene.at("neighbour", "idle")
        & (scene.at("telephony", "stopped") | scene.at("telephony", "idle") & _none_waits(scene))
    )
    found = [
        always(
            "leak",
            ~(quiet & ~scene.clear),
            "Once every call of both services has returned, no handle on the hive is left.",
        ),
        always(
            "err",
            ~(scene.at("telephony", "error") | scene.at("neighbour", "error")),
            "No call of either service fails because its root was closed under it.",
        ),
        sometimes("quiet", quiet, "Winlogon unloads while both services are at rest."),
        sometimes(
            "both-work",
            scene.at("telephony", "work") & scene.at("neighbour", "work"),
            "Both services use the user's keys at the same time.",
        ),
        sometimes("saved", scene.at("winlogon", "saved"), "A profile is saved."),
    ]
    if stop:
        stopped = scene.at("telephony", "stopped")
        found.append(
            always(
                "workaround",
                ~(quiet & stopped & ~scene.clear),
                "With the Telephony service stopped before, no handle is left.",
            )
        )
        found.append(sometimes("stopped", quiet & stopped, "A logoff finds the service stopped."))
    return found


def _none_waits(scene: Scene) -> Formula:
    return scene.variable(PENDING, 0)


def neighbour(win: Any) -> None:  # noqa: ANN401 - what `regsim.model` gives it
    """Look at the user's keys during the session, of its own accord, as a stock service does."""
    while win.wait("session"):
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
    """Return both services, stock, in plain code, which `regsim fix` edits.

    Bounds: one thread of each, one logon, one waiting request.
    """
    from regsim.explore import service  # noqa: PLC0415 - nothing else needs the learner

    both = service.model(os="w2k", name=INCIDENT.name).service(telephony, process="host")
    return both.service(neighbour, process="host").user_logs_on_and_off()


INCIDENT: Final = Incident(
    name="shared-host",
    title="Two services in one process share one cached root",
    source="KB Q241572; MSDN, RegOpenCurrentUser; documented",
    place=80,
    why_not="what matters is the order of the two services' steps, and one run is one order",
    model=model,
    parameters=(
        choice("telephony", "refcounted", tuple(STRATEGIES), "what the Telephony service does"),
        choice(
            "neighbour", "stock", tuple(STRATEGIES), "what the other service in its process does"
        ),
        number("queue", 1, 1, 4, "requests that can wait for the Telephony service"),
        flag("stop", "whether the administrator may stop the Telephony service, not its process"),
    ),
    plain=plain,
)

"""UPHClean against Winlogon: the clean-up may come too late.

The User Profile Hive Cleanup service watches users who have logged off while their hive is loaded,
and puts the handles that are left onto a harmless key, so that the system can unload the hive. Up
to version 1.6 nothing made Winlogon wait for it: Winlogon could stop trying before UPHClean had
finished. From version 2.0 Winlogon waits. Source: the UPHClean readme and its author's blog;
documented. Which steps the clean-up takes is inferred.

The handles it is for are those of KB Q241572: the Telephony service as it was, its cached root
never closed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from regsim import keypath
from regsim.actors import bystanders, winlogon
from regsim.actors.stage import PENDING, SUBKEY, USER_ON, USER_PATH
from regsim.actors.telephony import Strategy, worker
from regsim.actors.winlogon import MOUNTED, UNLOADABLE
from regsim.check.formula import every
from regsim.check.property import Property, always, leads_to, sometimes
from regsim.explore.incident import Incident
from regsim.explore.parameters import choice, count, number
from regsim.explore.scene import Scene
from regsim.kernel.expr import Scope, Var, both, either, negate
from regsim.kernel.predef import DEFAULT_USER
from regsim.kernel.steps import Program, Set, Step, go, op
from regsim.kernel.tree import Node, grow

if TYPE_CHECKING:
    from regsim.explore.system import System

CLEANED: Final = Var("cleaned", Scope.MACHINE)
"""1 while UPHClean has finished with this logoff, or with this attempt to unload."""
IN_TIME: Final = Var("in time", Scope.MACHINE)
"""While a profile is lost: 1 if UPHClean had finished when Winlogon gave up."""
VERSIONS: Final = ("1.6", "2.0")


def model(*, version: str = "1.6", attempts: int = 1, workers: int = 1, queue: int = 1) -> System:
    """Return the model: is a profile lost although UPHClean was about to free its hive?

    ``raced`` claims that Winlogon never gives up before UPHClean has finished: it holds for version
    2.0 and not for 1.6. ``lost`` claims that no profile is lost at all: with a single attempt even
    2.0 loses one, since a call that was waiting at logoff may open the hive anew between the
    clean-up and the unload; two attempts are enough. ``live`` claims that each logoff is followed,
    perhaps only in a later session, by a saved profile: with 1.6 that holds only with
    ``attempts=0``.

    Bounds: one user, *queue* waiting requests; Windows 2000 itself tries 60 times.
    """
    scene = Scene("w2k")
    default = Node("default")
    grow(default, keypath.split(SUBKEY))
    scene.machine.mount_hive(DEFAULT_USER, default, file=r"C:\Config\default")
    unload = winlogon.patient(attempts=attempts)
    scene.add("winlogon", _told(unload, waits=version == "2.0"))
    scene.add("icw", bystanders.wizard(queue), process="session")
    program = worker(scene.dialect, Strategy.STOCK)
    threads = scene.add("worker", program, count=workers, process="tapisrv")
    scene.add("uphclean", _uphclean())
    return scene.system(INCIDENT.name, *_claims(scene, threads))


def _told(program: Program, *, waits: bool) -> Program:
    """Return *program*, which forgets at logoff, and at each retry, that UPHClean had finished.

    With *waits* it unloads only once UPHClean has. It notes whether it gives up in time.
    """
    return attrs.evolve(program, steps=tuple(_noting(step, waits=waits) for step in program.steps))


def _noting(step: Step, *, waits: bool) -> Step:
    notes = {"unloading": (Set(CLEANED, 0),), "lost": (Set(IN_TIME, CLEANED),)}
    if step.at == "lost":
        notes = {"off": (Set(IN_TIME, 0),)}
    branches = tuple(
        attrs.evolve(branch, set=(*branch.set, *notes.get(branch.goto, ()))) for branch in step.then
    )
    guard = both(step.when, CLEANED.is_(1)) if waits and step.at == "unloading" else step.when
    return attrs.evolve(step, then=branches, when=guard)


def _uphclean() -> Program:
    """Return UPHClean's program: see that a user is off and the hive loaded, then free it."""
    free = op("ReleaseHandles", path=USER_PATH, onto=DEFAULT_USER)
    off = both(USER_ON.is_(0), MOUNTED)
    due = both(off, either(CLEANED.is_(0), negate(UNLOADABLE)))
    steps = (
        Step(
            at="watch",
            does="list-handles",
            when=due,
            then=(go("found", Set(CLEANED, 0)),),
            call="(lists the handles on the hive)",
        ),
        Step(
            at="found",
            does="release-handles",
            when=USER_ON.is_(0),
            op=free,
            then=(go("watch", Set(CLEANED, 1)),),
            call="UPHClean releases HKU\\<SID>",
        ),
        Step(
            at="found",
            does="leave",
            when=USER_ON.is_(1),
            then=(go("watch"),),
            call="(leaves them: the user is logged on)",
        ),
    )
    return Program("uphclean", steps, "watch")


def _claims(scene: Scene, threads: tuple[str, ...]) -> list[Property]:
    unloading, lost = scene.at("winlogon", "unloading"), scene.at("winlogon", "lost")
    saved = scene.at("winlogon", "saved")
    finished = scene.variable(CLEANED, 1)
    late = lost & scene.variable(IN_TIME, 0)
    rest = every(scene.at(w, "idle") for w in threads) & scene.variable(PENDING, 0)
    return [
        always("raced", ~late, "Winlogon never gives up before UPHClean is done."),
        always("lost", ~lost, "No profile is lost."),
        leads_to(
            "live",
            unloading,
            saved,
            about="Every logoff is followed, then or in a later session, by a saved profile.",
        ),
        sometimes("saved", saved, "A profile is saved."),
        sometimes(
            "needed",
            unloading & rest & ~scene.clear,
            "A logoff finds only handles that were leaked: UPHClean has something to do.",
        ),
        sometimes("freed", unloading & finished & scene.clear, "UPHClean frees the hive in time."),
    ]


INCIDENT: Final = Incident(
    name="uphclean-race",
    title="UPHClean may come too late for Winlogon",
    source="the UPHClean readme and its author's blog; documented",
    place=60,
    why_not="it is a race, and one run is one order of the steps",
    model=model,
    parameters=(
        choice(
            "version", "1.6", VERSIONS, "the version of UPHClean; from 2.0 on Winlogon waits for it"
        ),
        number("attempts", 1, 0, 60, "unloads that Winlogon tries; 0 waits for ever"),
        count("workers", 1, 1, 8, "threads of the Telephony service"),
        number("queue", 1, 1, 8, "requests that can wait for the Telephony service"),
    ),
)

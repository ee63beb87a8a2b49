"""Two users, one service: a cached root shows one user's settings to the other.

A service that opens HKEY_CURRENT_USER while it impersonates a user does not read that user's keys;
it reads those of whoever was impersonated when the process used HKEY_CURRENT_USER first, since the
root is cached for all threads of the process. That is wrong data, not only a handle that stays.
Sources: MSDN RegOpenCurrentUser ("cached for all threads in a process"); Raymond Chen, 2025-01-02;
documented. The setting is inferred.

Two users are logged on all the time, as on a Terminal Server. Each asks the service now and then;
its workers impersonate who asked, open a key below HKEY_CURRENT_USER, read it and close it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from regsim import keypath
from regsim.actors.stage import SECOND_USER, SUBKEY, USER, asked_by
from regsim.actors.telephony import Request, Strategy, worker
from regsim.check.families import several
from regsim.check.formula import Atom, Formula, every, some
from regsim.check.property import Property, always, sometimes
from regsim.explore.incident import Incident
from regsim.explore.parameters import choice, count, number
from regsim.explore.scene import Scene
from regsim.explore.system import thread_of
from regsim.kernel.canonical import handle_place
from regsim.kernel.expr import Var
from regsim.kernel.steps import Program, Set, Step, go
from regsim.kernel.tree import Node, grow
from regsim.types import Sid

if TYPE_CHECKING:
    from regsim.explore.service import ServiceModel
    from regsim.explore.system import System

ALICE: Final = USER
BOB: Final = SECOND_USER
USERS: Final = {"alice": ALICE, "bob": BOB}
"""The users by name."""

STRATEGIES: Final = {
    "cached": (Strategy.STOCK, "nt4-tse-rtm"),
    "refcounted": (Strategy.REFCOUNTED, "nt4-tse-rtm"),
    "closed": (Strategy.CLOSE_ROOT, "nt4-tse-rtm"),
    "refreshed": (Strategy.REFRESH_ROOT, "nt4-tse-rtm"),
    "uncached": (Strategy.UNCACHED, "w2k"),
    "cache-disabled": (Strategy.DISABLE_CACHE, "w2k"),
}
"""What the service does with its root, and the generation it does so on."""


def model(*, workers: int = 2, queue: int = 1, strategy: str = "cached") -> System:
    """Return the model: whose keys does a worker see?

    ``mixed`` is the claim that a worker only ever reads the keys of the user it impersonates. It
    holds for ``uncached`` and ``cache-disabled``. With ``cached`` the first user's keys are shown
    to the other. Closing the root after each call (``closed``, ``refreshed``), or with its last
    user (``refcounted``), is enough for one worker and not for two: a call for one user keeps the
    root that a call for the other then finds.

    Bounds: two users who stay logged on, *queue* waiting requests each.
    """
    chosen, os = STRATEGIES[strategy]
    scene = Scene(os, hives={f"HKU\\<{name}>": keypath.user_root(s) for name, s in USERS.items()})
    for sid in USERS.values():
        scene.machine.mount_hive(keypath.user_root(sid), _profile())
    waiting = {name: asked_by(name) for name in USERS}
    for name in USERS:
        scene.add(name, _user(waiting[name], queue))
    requests = tuple(Request(waiting[name], USERS[name], f"serve-{name}") for name in USERS)
    program = worker(scene.dialect, chosen, requests=requests)
    threads = scene.add("worker", program, count=workers, process="service")
    if chosen is Strategy.DISABLE_CACHE:
        scene.disable_cache("service")
    return scene.system(INCIDENT.name, *_claims(scene, threads))


def _profile() -> Node:
    root = Node("NTUSER.DAT")
    grow(root, keypath.split(SUBKEY))
    return root


def _user(waiting: Var, queue: int) -> Program:
    asks = go("session", Set(waiting, waiting.plus(1)))
    text = "(asks the service for information)"
    step = Step(at="session", does="ask", when=waiting.less(queue), then=(asks,), call=text)
    return Program("user", (step,), "session")


def _claims(scene: Scene, threads: tuple[str, ...]) -> list[Property]:
    right = [_reads(scene, w, own=True) for w in threads]
    wrong = [_reads(scene, w, own=False) for w in threads]
    failed = [scene.at(w, "error") for w in threads]
    together = [some(_serves(scene, w, sid) for w in threads) for sid in USERS.values()]
    found = [
        always(
            "mixed",
            ~some(wrong),
            "No worker reads the keys of a user other than the one it impersonates.",
        ),
        always("err", ~some(failed), "No request fails."),
        sometimes("right", some(right), "A worker reads the keys of the user it impersonates."),
    ]
    if several(threads):
        found.append(
            sometimes("together", every(together), "Both users are served at the same time.")
        )
    return found


def _reads(scene: Scene, thread: str, *, own: bool) -> Formula:
    """Return the formula that *thread* reads its user's *own* keys, or else another's."""

    def test(value: object) -> bool:
        part = thread_of(value)
        place = handle_place(dict(part.handles).get("sub", ("none",)))
        if part.pc != "work" or place is None or part.token is None:
            return False
        mine = keypath.fold(keypath.split(keypath.user_root(str(part.token[0]))))
        return (place[: len(mine)] == mine) is own

    whose = "its user's" if own else "another user's"
    return Atom(scene.component(thread), test, f"{thread} reads {whose} keys")


def _serves(scene: Scene, thread: str, sid: Sid) -> Formula:
    """Return the formula that *thread* works for the user *sid*."""

    def test(value: object) -> bool:
        part = thread_of(value)
        return part.pc == "work" and part.token is not None and part.token[0] == sid

    return Atom(scene.component(thread), test, f"{thread} works for {sid}")


def read(win: Any) -> None:  # noqa: ANN401 - what `regsim.model` gives it
    """Read what the user whom the thread acts as has set."""
    try:
        key = win.RegOpenKeyEx(win.HKEY_CURRENT_USER, SUBKEY)
    except OSError:
        win.work("gives the error back")
        return
    win.work("reads the settings")
    win.RegCloseKey(key)


def for_alice(win: Any) -> None:  # noqa: ANN401 - as above
    """Serve one user."""
    while win.wait("request of alice"):
        with win.impersonating("alice"):
            read(win)


def for_bob(win: Any) -> None:  # noqa: ANN401 - as above
    """Serve the other."""
    while win.wait("request of bob"):
        with win.impersonating("bob"):
            read(win)


def plain() -> ServiceModel:
    """Return the service in plain code, which `regsim fix` edits: a thread for each user.

    Bounds: two users who stay logged on, one waiting request each.
    """
    from regsim.explore import service  # noqa: PLC0415 - nothing else needs the learner

    begun = service.model(os="w2k", name=INCIDENT.name).service(for_alice, process="service")
    return begun.service(for_bob, process="service").two_users_stay_logged_on()


INCIDENT: Final = Incident(
    name="two-users",
    title="A cached root shows one user's settings to the other",
    source="MSDN, RegOpenCurrentUser; Raymond Chen, 2025-01-02; documented",
    place=70,
    why_not="whose keys are read depends on the order of the steps, and one run is one order",
    model=model,
    parameters=(
        count("workers", 2, 1, 8, "threads of the service"),
        number("queue", 1, 1, 4, "requests of each user that can wait"),
        choice(
            "strategy", "cached", tuple(STRATEGIES), "what the service does with its cached root"
        ),
    ),
    plain=plain,
)

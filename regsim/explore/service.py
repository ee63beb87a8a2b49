"""A service in plain Python as a model: who runs it, who uses it, and what is claimed.

>>> def service(win):
...     while win.wait("request"):
...         with win.impersonating("user"):
...             key = win.RegOpenKeyEx(win.HKEY_CURRENT_USER, "Software")
...             win.RegCloseKey(key)
>>> found = model(os="win11").service(service, threads=2).user_logs_on_and_off().check()
>>> found["released"].verdict.value
'violated'
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from regsim import dialects
from regsim.actors import winlogon
from regsim.actors.stage import PENDING, PROFILE, USER, USER_ON
from regsim.cases.case import fresh_profile
from regsim.check.formula import Atom, Formula, every, some
from regsim.check.property import Property, always, leads_to, sometimes
from regsim.check.verify import Result, Results, check
from regsim.errors import UsageError
from regsim.explore.claims import View, formula_of
from regsim.explore.learned import Automaton, PlainProgram, State, program
from regsim.explore.rerun import PlainCodeError, Told
from regsim.explore.scene import Scene
from regsim.explore.system import System, thread_of
from regsim.kernel.calls import Call
from regsim.kernel.expr import HandleVar, Var, both
from regsim.kernel.steps import Program, Set, Step, go
from regsim.kernel.tree import grow
from regsim.keypath import split
from regsim.policy import Dialect, UnloadFailure
from regsim.types import PredefinedKey

Code = Callable[[Any], object]
"""A service: a function that is given ``win``."""
_SESSIONS: Final = Var("sessions")
_TRIED: Final = 40
"""How many local states are looked through for the keys that the code opens."""


@attrs.frozen
class Served:
    """One service of a model: its code, its threads, its name."""

    code: Code
    threads: int
    name: str


@attrs.frozen
class ServiceModel:
    """Services in plain code on one computer, and the user whose hive they use.

    Made with `model`; each call returns a new one.

    Attributes:
        os: the generation.
        name: what the model is called; by default as its first service.
        services: the services.
        times: how often the user logs on and off; 0 for never, None for again and again.
        claims: the functions that say what must hold, beside what is always asked.
    """

    os: str
    name: str = ""
    services: tuple[Served, ...] = ()
    times: int | None = 0
    claims: tuple[Callable[[View], object], ...] = ()

    @property
    def about(self) -> str:
        """What the first service's code says of itself, in one line."""
        text = inspect.getdoc(self.services[0].code) if self.services else None
        return (text or "").partition("\n")[0]

    def service(self, code: Code, *, threads: int = 1, name: str | None = None) -> ServiceModel:
        """Return the model with a service that runs *code* in *threads* interchangeable threads.

        Raises:
            UsageError: there are no threads, or there is a service of that *name* already.
        """
        if not isinstance(threads, int) or isinstance(threads, bool) or threads < 1:
            raise UsageError(f"a service has a number of threads from 1 on, not {threads!r}")
        if not callable(code):
            raise UsageError(f"{code!r} is no function: give the one that the service runs")
        called = name or getattr(code, "__name__", "service").replace("_", "-").strip("<>")
        if called in {*(each.name for each in self.services), "winlogon", "user"}:
            raise UsageError(f"there is an actor {called!r} already; give this one a name=")
        return attrs.evolve(self, services=(*self.services, Served(code, threads, called)))

    def user_logs_on_and_off(self, times: int | None = 1) -> ServiceModel:
        """Return the model with a user who logs on and off *times* times; None: for ever.

        While logged on, the user may make a request; one can wait at a time.
        """
        if times is not None and times < 1:
            raise UsageError(f"a user logs on once or more often, not {times} times")
        return attrs.evolve(self, times=times)

    def claim(self, function: Callable[[View], object]) -> ServiceModel:
        """Return the model with a claim: *function* of a `View` is true in every state."""
        return attrs.evolve(self, claims=(*self.claims, function))

    def check(self, property: str | None = None, **options: Any) -> Result | Results:  # noqa: A002, ANN401
        """Return the answers to every claim, or to the one called *property*.

        Takes the options of `regsim.check.verify.check_all`.

        Raises:
            PlainCodeError: the code cannot be run again and again; the text names the line.
        """
        return check(self.system(), property, **options)

    def system(self) -> System:
        """Return the model as the engines take it.

        Raises:
            UsageError: it has no service, or no user.
            PlainCodeError: the code cannot be run again and again; the text names the line.
        """
        if not self.services:
            raise UsageError("the model has no service: add one with .service(function)")
        if self.times == 0:
            raise UsageError("nobody uses the service: add .user_logs_on_and_off()")
        dialect = dialects.get(self.os)
        scene = Scene(dialect)
        scene.machine.files.write(PROFILE, _profile(self.services, dialect))
        scene.add("winlogon", _winlogon(dialect, self.times), process="winlogon")
        scene.add("user", _user())
        programs = {}
        for each in self.services:
            code = program(each.name, each.code, dialect)
            many = each.threads if each.threads > 1 else None
            threads = scene.add(each.name, code, count=many, process=each.name)
            programs.update(dict.fromkeys(threads, code))
            for thread in scene.machine.threads.values():
                if thread.role in threads:
                    code.automaton.begin(scene.machine, thread.tid)
        properties = _properties(scene, programs, self.claims)
        return scene.system(self.name or self.services[0].name, *properties)


def model(*, os: str = "win11", name: str = "") -> ServiceModel:
    """Return a model of a computer that runs *os*, without services yet.

    Raises:
        UnknownNameError: there is no such generation; the text lists them.
    """
    dialects.get(os)
    return ServiceModel(os, name)


# -- who uses it -------------------------------------------------------------------------------


def _winlogon(dialect: Dialect, times: int | None) -> Program:
    """Return Winlogon as the generation's logoff ends: by force, or waiting for ever."""
    found = winlogon.patient(force=dialect.logoff.on_failure is UnloadFailure.FORCE)
    if times is None:
        return found
    more = (go("off", Set(_SESSIONS, _SESSIONS.plus(1))),)
    steps = tuple(
        attrs.evolve(step, when=_SESSIONS.less(times - 1), then=more)
        if step.does == "again"
        else step
        for step in found.steps
    )
    return attrs.evolve(found, steps=steps)


def _user() -> Program:
    ask = Step(
        at="user",
        does="request",
        when=both(USER_ON.is_(1), PENDING.less(1)),
        then=(go("user", Set(PENDING, PENDING.plus(1))),),
        call="(asks the service for something)",
    )
    return Program("user", (ask,), "user")


def _profile(services: tuple[Served, ...], dialect: Dialect) -> Any:  # noqa: ANN401 - a tree
    """Return the user's hive: that of a first logon, and the keys that the services open."""
    root = fresh_profile()
    for each in services:
        for path in _opened(each, dialect):
            grow(root, split(path))
    return root


def _opened(served: Served, dialect: Dialect) -> Iterator[str]:
    """Yield the keys of the user that the code opens when nothing fails but reads of values."""
    try:
        learned = Automaton(served.name, served.code, dialect)
    except PlainCodeError:
        return
    paths: dict[str, str] = {}
    left, seen = [learned.start], {learned.start.label}
    while left and len(seen) < _TRIED:
        state = left.pop()
        request = state.request
        if request.kind == "end":
            continue
        path = _path_of(state, paths)
        if path is not None:
            paths[request.gives] = path
            yield path
        told = Told(handle=True) if request.gives_handle else Told(value=True)
        if request.kind == "call" and not request.gives_handle and not request.closes:
            told = Told(error=2)
        try:
            after, _ = learned.next(state, told, {})
        except PlainCodeError:
            return
        if after.label not in seen:
            seen.add(after.label)
            left.append(after)


def _path_of(state: State, paths: dict[str, str]) -> str | None:
    """Return the user's key that *state*'s call opens, below the root of their hive."""
    planned = state.request.planned
    if not isinstance(planned, Call) or not state.request.gives_handle:
        return None
    if planned.plan.name == "RegOpenCurrentUser":
        return ""
    key, path = planned.args.get("key"), str(planned.args.get("path", ""))
    if key == PredefinedKey.CURRENT_USER:
        return path
    if key == PredefinedKey.USERS and path.upper().startswith(USER.upper() + "\\"):
        return path[len(USER) + 1 :]
    if isinstance(key, HandleVar) and key.name in paths:
        return f"{paths[key.name]}\\{path}".strip("\\")
    return None


# -- what is claimed -----------------------------------------------------------------------------


def _properties(
    scene: Scene, programs: dict[str, PlainProgram], claims: tuple[Callable[[View], object], ...]
) -> Iterator[Property]:
    unloading, saved = scene.at("winlogon", "unloading"), scene.at("winlogon", "saved")
    resting = every(_says(scene, name, code, "rests", _rests) for name, code in programs.items())
    working = some(_says(scene, name, code, "works", _works) for name, code in programs.items())
    broken = some(_says(scene, name, code, "broken", _breaks) for name, code in programs.items())
    quiet = unloading & scene.variable(PENDING, 0) & resting
    yield always(
        "released",
        ~(quiet & ~scene.clear),
        "Once every call has returned, no handle on the user's hive is left to block its unload.",
    )
    yield always(
        "no-call-breaks",
        ~broken,
        "No call fails because its key was closed or taken away under it.",
    )
    yield leads_to("logoff-ends", unloading, saved, about="Every logoff ends in a saved profile.")
    yield sometimes("logoff", quiet, "Winlogon unloads while the service rests.")
    yield sometimes("served", working, "The service does something.")
    ended = some(_says(scene, name, code, "ended", _ends) for name, code in programs.items())
    view = View(
        questions={
            "logged_on": scene.at("winlogon", "session"),
            "logging_off": unloading,
            "saved": saved,
            "hive_in_use": ~scene.clear,
            "request_waits": ~scene.variable(PENDING, 0),
            "resting": resting,
            "call_broke": broken,
            "thread_ended": ended,
        }
    )
    for claim in claims:
        name = claim.__name__.replace("_", "-").strip("<>")
        text = (claim.__doc__ or "").strip().partition("\n")[0]
        yield always(name, formula_of(claim, view), text)


def _says(
    scene: Scene, name: str, code: PlainProgram, word: str, test: Callable[[State | None], bool]
) -> Formula:
    """Return the formula that *test* holds of the local state in which thread *name* stands."""
    return Atom(
        scene.component(name), lambda value: test(code.state(thread_of(value).pc)), f"{name} {word}"
    )


def _rests(state: State | None) -> bool:
    return state is None or state.resting


def _works(state: State | None) -> bool:
    return not _rests(state)


def _breaks(state: State | None) -> bool:
    return state is not None and state.broken


def _ends(state: State | None) -> bool:
    return state is not None and state.request.kind == "end"

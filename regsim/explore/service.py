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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

import attrs

from regsim import dialects
from regsim.actors import winlogon
from regsim.actors.stage import PENDING, PROFILE, SECOND_USER, USER, USER_ON, asked_by
from regsim.cases.case import fresh_profile
from regsim.check.anynumber import AnyNumber
from regsim.check.families import ANY, Opaque
from regsim.check.formula import FALSE, Atom, Formula, every, some
from regsim.check.property import Property, always, leads_to, sometimes
from regsim.check.verify import Result, Results, check
from regsim.errors import UnknownNameError, UsageError
from regsim.explore.asking import EndlessCodeError, PlainCodeError, Told, written_out
from regsim.explore.claims import View, formula_of
from regsim.explore.fixes.search import Fixes, find
from regsim.explore.learned import WAITS, Automaton, LocalState, PlainProgram, program, same_code
from regsim.explore.offered import USERS
from regsim.explore.scene import Scene
from regsim.explore.system import SIGNALS, System, thread_of
from regsim.kernel.calls import Call
from regsim.kernel.canonical import handle_place
from regsim.kernel.expr import Expr, HandleVar, Scope, Var, both
from regsim.kernel.steps import Program, Set, Step, go, op
from regsim.kernel.tree import Node, grow
from regsim.keypath import Parts, fold, split, user_root
from regsim.policy import Dialect, UnloadFailure
from regsim.types import PredefinedKey, Sid, Value

ServiceCode = Callable[[Any], object]
"""A service: a function that is given ``win``."""
_SESSIONS: Final = Var("sessions")
_STOPPED: Final = Var("stopped services", Scope.MACHINE)
QUESTIONS: Final = (
    *("logged_on", "logging_off", "saved", "hive_in_use", "request_waits"),
    *("resting", "call_broke", "wrong_data", "thread_ended"),
)
"""What a claim of one's own can ask of a state."""
MOST_STATES: Final = 20_000
"""How many states are explored by default: a service that leaks at each request has no end."""
ENOUGH_STATES: Final = 5_000
"""How many of a few threads by default, where any number is asked about: that is done often."""
_OF_A_SESSION: Final = ("released", "logoff-ends", "logoff", "served")
"""What is asked only where a user logs on and off."""
_TWO: Final = {"alice": USER, "bob": SECOND_USER}
"""The two users who may be logged on at once."""
DEFAULT: Final = r"\REGISTRY\USER\.DEFAULT"
"""Where the hive is that HKEY_CURRENT_USER stands for in a service that acts as itself."""
_VALUE: Final = Value.sz("", "1")
"""What every value that the code reads holds: a text that is a number too."""


@attrs.frozen
class Served:
    """One service: its code, how many threads run it (a number or `ANY`), its name, its process."""

    code: ServiceCode
    threads: int | str
    name: str
    process: str

    def program(
        self,
        dialect: Dialect,
        learned: dict[str, PlainProgram],
        people: Mapping[str, Sid],
        waits: Mapping[str, Var],
    ) -> PlainProgram:
        """Return the code as a program on *dialect*: the one among those *learned* if it is that.

        It may act as *people*, and wait for what is in *waits*.

        So models that differ in numbers alone run the same programs. It is kept there.

        Raises:
            PlainCodeError: the code cannot be run again and again; the text names the line.
        """
        known = learned.get(self.name)
        if known is None or not same_code(known.automaton, self.code, dialect):
            known = learned[self.name] = program(self.name, self.code, dialect, people, waits)
        return known


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
        stopped: the services that are stopped, and not started again, before the user logs off.
        unattended: whether nobody logs on or asks: what runs is a script.
        staying: the users who are logged on all the time, if there are several.
    """

    os: str
    name: str = ""
    services: tuple[Served, ...] = ()
    times: int | None = 0
    claims: tuple[Callable[[View], object], ...] = ()
    stopped: tuple[str, ...] = ()
    unattended: bool = False
    staying: tuple[str, ...] = ()

    @property
    def about(self) -> str:
        """What the first service's code says of itself, in one line."""
        text = inspect.getdoc(self.services[0].code) if self.services else None
        return (text or "").partition("\n")[0]

    @property
    def numbers(self) -> dict[str, int | str]:
        """How many threads each service has, by what that is called where it is asked for.

        It is ``threads`` of a lone service, and ``NAME-threads`` where there are several.
        """
        lone = len(self.services) == 1
        return {"threads" if lone else f"{s.name}-threads": s.threads for s in self.services}

    def numbered(self, numbers: Mapping[str, int | str]) -> ServiceModel:
        """Return the model with other *numbers* of threads, by name as in `numbers`."""
        given = zip(self.numbers, self.services, strict=True)
        services = [attrs.evolve(s, threads=numbers.get(name, s.threads)) for name, s in given]
        return attrs.evolve(self, services=tuple(services))

    def service(
        self,
        code: ServiceCode,
        *,
        threads: int | str = 1,
        name: str | None = None,
        process: str | None = None,
    ) -> ServiceModel:
        """Return the model with a service that runs *code* in *threads* interchangeable threads.

        It has a process of its own; services that name one *process* share it, with its root of
        HKEY_CURRENT_USER, its shared variables and its critical sections.

        With `regsim.ANY` the claims of every state are decided for every number of them at once.

        Raises:
            UsageError: there are no threads, or there is a service of that *name* already.
        """
        if not _is_number(threads):
            why = f"from 1 on, or {ANY!r}, not {threads!r}"
            raise UsageError(f"a service has a number of threads {why}")
        if not callable(code):
            raise UsageError(
                f"{written_out(code)} is no function: give the one that the service runs"
            )
        called = name or getattr(code, "__name__", "service").replace("_", "-").strip("<>")
        if called in {*(each.name for each in self.services), "winlogon", "user"}:
            raise UsageError(f"there is an actor {called!r} already; give this one a name=")
        served = Served(code, threads, called, process or called)
        return attrs.evolve(self, services=(*self.services, served))

    def user_logs_on_and_off(self, times: int | None = 1) -> ServiceModel:
        """Return the model with a user who logs on and off *times* times; None: for ever.

        While logged on, the user may make a request; one can wait at a time.
        """
        if times is not None and times < 1:
            raise UsageError(f"a user logs on once or more often, not {times} times")
        return attrs.evolve(self, times=times)

    def two_users_stay_logged_on(self) -> ServiceModel:
        """Return the model of a computer on which ``alice`` and ``bob`` are logged on all the time.

        Each may make a request, one at a time, which a service waits for by ``win.wait("request of
        alice")``. Of what is always asked, the claims about a logoff are left out.
        """
        return attrs.evolve(self, times=0, unattended=True, staying=tuple(_TWO))

    @property
    def people(self) -> Mapping[str, Sid]:
        """Who can be impersonated, by name."""
        return {name: _TWO[name] for name in self.staying} if self.staying else USERS

    @property
    def waits(self) -> Mapping[str, Var]:
        """What the code can wait for, and the variable that tells of it."""
        if self.unattended:
            return {f"request of {name}": asked_by(name) for name in self.staying}
        return WAITS

    def nobody_logs_on(self) -> ServiceModel:
        """Return the model of a computer where nobody logs on and nothing is asked for.

        The code is a script then, such as one that loads the user's hive and unloads it again. Of
        what is always asked, the claims about a logoff and about requests are left out.
        """
        return attrs.evolve(self, times=0, unattended=True)

    def stopped_before_logoff(self, *names: str) -> ServiceModel:
        """Return the model with the services *names*, by default all, stopped before each logoff.

        Their processes end, at some time of the session; they are not started again.

        Raises:
            UnknownNameError: there is no such service; the text lists those there are.
            UsageError: its process runs another service too, and so does not end.
        """
        known = [each.name for each in self.services]
        for name in names:
            if name not in known:
                raise UnknownNameError("service", name, known)
        chosen = names or tuple(known)
        homes = {each.process for each in self.services if each.name in chosen}
        for each in self.services:
            if each.process in homes and each.name not in chosen:
                raise UsageError(f"process {each.process} lives on: {each.name} runs in it too")
        return attrs.evolve(self, stopped=chosen)

    def claim(self, function: Callable[[View], object]) -> ServiceModel:
        """Return the model with a claim: *function* of a `View` is true in every state."""
        return attrs.evolve(self, claims=(*self.claims, function))

    def rewritten(self, codes: Sequence[ServiceCode], os: str) -> ServiceModel:
        """Return the model with *codes* for its services, in their order, on system *os*."""
        pairs = zip(self.services, codes, strict=True)
        services = tuple(attrs.evolve(each, code=code) for each, code in pairs)
        return attrs.evolve(self, services=services, os=os)

    def check(self, property: str | None = None, **options: Any) -> Result | Results:  # noqa: A002, ANN401
        """Return the answers to every claim, or to the one called *property*.

        Takes the options of `regsim.check.verify.check_all`.

        Raises:
            PlainCodeError: the code cannot be run again and again; the text names the line.
        """
        return check(self.asked(), property, **options)

    def fix(self, os: str | Sequence[str] | None = None, **options: Any) -> Fixes:  # noqa: ANN401
        """Return the smallest edits of the services' source that make every claim hold.

        On each system of *os*, that is; by default on the model's own. Takes the options of
        `regsim.explore.fixes.search.find`.

        Raises:
            UsageError: the source of a service cannot be found.
            PlainCodeError: the code cannot be run again and again; the text names the line.
        """
        return find(self, os, **options)

    def asked(self) -> System | AnyNumber:
        """Return what `check` takes: the `system`, or what makes it with any number of threads."""
        least = {name: 1 for name, number in self.numbers.items() if number == ANY}
        if not least:
            return self.system()
        learned: dict[str, PlainProgram] = {}
        made = AnyNumber("", lambda sizes: self.numbered(sizes).system(learned), least)
        return attrs.evolve(made, name=made.small().name)

    def system(self, learned: dict[str, PlainProgram] | None = None) -> System:
        """Return the model of given numbers of threads as the engines take it.

        What it learns of the code is kept in *learned*, and taken from there.

        Raises:
            UsageError: it has no service, or no user, or no given number of threads.
            PlainCodeError: the code cannot be run again and again; the text names the line.
        """
        if not self.services:
            raise UsageError("the model has no service: add one with .service(function)")
        if self.times == 0 and not self.unattended:
            raise UsageError("nobody uses the service: add .user_logs_on_and_off()")
        dialect = dialects.get(self.os)
        scene = Scene(dialect)
        opened = [
            each
            for served in self.services
            for each in _opened(served, dialect, self.people, self.waits)
        ]
        scene.machine.files.write(PROFILE, _grown(fresh_profile(), opened))
        scene.machine.mount_hive(DEFAULT, _grown(fresh_profile(), opened))
        homes = tuple({s.process: None for s in self.services if s.name in self.stopped})
        if not self.unattended:
            scene.add("winlogon", _winlogon(dialect, self.times, len(homes)), process="winlogon")
            scene.add("user", _asking("user", PENDING, (USER_ON.is_(1),)))
        for name in self.staying:
            scene.machine.mount_hive(user_root(self.people[name]), _grown(fresh_profile(), opened))
            scene.add(name, _asking(name, asked_by(name), ()))
        programs: dict[str, PlainProgram] = {}
        for each in self.services:
            kept = {} if learned is None else learned
            code = each.program(dialect, kept, self.people, self.waits)
            threads = scene.add(each.name, code, count=_count(each), process=each.process)
            programs.update(dict.fromkeys(threads, code))
            for thread in scene.machine.threads.values():
                if programs.get(thread.role) is code:
                    code.automaton.begin(scene.machine, thread.tid)
        for home in homes:
            scene.add(f"stops {home}", _administrator(home), process="services")
        view = _view(scene, programs, self.people, attended=not self.unattended)
        properties = list(_properties(scene, programs, self.claims, view))
        if self.unattended:
            gone = _OF_A_SESSION if self.staying else (*_OF_A_SESSION, "right-users-data")
            properties = [each for each in properties if each.name not in gone]
            used = view.questions["hive_in_use"]
            properties.append(sometimes("hive-used", used, "The user's hive is used."))
        called = self.name or self.services[0].name
        most = MOST_STATES if learned is None else ENOUGH_STATES
        return scene.system(called, *properties, most_states=most)


def model(*, os: str = "win11", name: str = "") -> ServiceModel:
    """Return a model of a computer that runs *os*, without services yet.

    Raises:
        UnknownNameError: there is no such generation; the text lists them.
    """
    dialects.get(os)
    return ServiceModel(os, name)


def _is_number(threads: object) -> bool:
    """Return whether it is a number of threads: one from 1 on, or any."""
    if isinstance(threads, Opaque | bool):
        return isinstance(threads, Opaque)
    return threads == ANY or (isinstance(threads, int) and threads >= 1)


def _count(served: Served) -> int | None:
    """Return how many interchangeable threads run it; None for one that is alone."""
    number = served.threads
    if isinstance(number, str):
        raise UsageError(f"{served.name} has {number} number of threads: give one for this")
    return number if isinstance(number, Opaque) or number > 1 else None


# -- who uses it -------------------------------------------------------------------------------


def _winlogon(dialect: Dialect, times: int | None, stopped: int) -> Program:
    """Return Winlogon as the generation's logoff ends: by force, or waiting for ever.

    The user logs off once *stopped* processes have been.
    """
    found = winlogon.patient(force=dialect.logoff.on_failure is UnloadFailure.FORCE)
    if stopped:
        steps = tuple(
            attrs.evolve(step, when=both(step.when, _STOPPED.more(stopped - 1)))
            if step.does == "logoff"
            else step
            for step in found.steps
        )
        found = attrs.evolve(found, steps=steps)
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


def _administrator(home: str) -> Program:
    """Return who ends process *home* once, while the user is logged on."""
    stop = Step(
        at="decide",
        does="stop-service",
        when=USER_ON.is_(1),
        op=op("EndProcess", role=home),
        then=(go("done", Set(_STOPPED, _STOPPED.plus(1))),),
        call=f"net stop {home}",
    )
    rest = Step(at="done", does="rest", when=False, then=(go("done"),))
    return Program(f"stops {home}", (stop, rest), "decide")


def _asking(name: str, requests: Var, when: tuple[Expr, ...]) -> Program:
    """Return a user who makes a request while *when* holds and none of theirs waits."""
    ask = Step(
        at="user",
        does="request",
        when=both(*when, requests.less(1)),
        then=(go("user", Set(requests, requests.plus(1))),),
        call="(asks the service for something)",
    )
    return Program(name, (ask,), "user")


def _grown(root: Node, opened: Iterable[_Wanted]) -> Node:
    """Return the hive *root* with the keys and values that services open and read in it."""
    for wanted in opened:
        node = grow(root, split(wanted.path))
        if wanted.value is not None:
            found = attrs.evolve(_VALUE, name=wanted.value)
            node.values.setdefault(wanted.value.upper(), found)
    return root


@attrs.frozen
class _Wanted:
    """What of the user's hive the code opens or reads: a key below its root, perhaps a value."""

    path: str
    value: str | None = None


def _opened(
    served: Served, dialect: Dialect, people: Mapping[str, Sid], waits: Mapping[str, Var]
) -> Iterator[_Wanted]:
    """Yield the keys of the user that the code opens, and the values it reads, if nothing fails."""
    try:
        learned = Automaton(served.name, served.code, dialect, people, waits)
    except PlainCodeError:
        return
    paths: dict[str, str] = {}
    left, seen = [learned.start], {learned.start.label}
    while left:
        state = left.pop()
        if state.request.kind == "end":
            continue
        wanted = _path_of(state, paths)
        if wanted is not None:
            yield wanted
            if state.request.gives:
                paths[state.request.gives] = wanted.path
        try:
            after, _ = learned.next(state, _best(state))
        except EndlessCodeError:
            raise
        except PlainCodeError:  # it may be told what it would never be
            return
        if after.label not in seen:
            seen.add(after.label)
            left.append(after)


def _best(state: LocalState) -> Told:
    """Return what the call of *state* answers where everything is there."""
    if state.request.gives_handle:
        return Told(handle=True)
    read = isinstance(state.request.planned, Call) and "Value" in state.request.planned.plan.name
    return Told(value=_VALUE if read else 0 if state.request.kind == "read" else True)


def _path_of(state: LocalState, paths: dict[str, str]) -> _Wanted | None:
    """Return what of the user's hive *state*'s call opens or reads."""
    planned = state.request.planned
    if not isinstance(planned, Call):
        return None
    reads = planned.plan.name in ("RegQueryValueEx", "RegGetValue")
    if not state.request.gives_handle and not reads:
        return None
    if planned.plan.name == "RegOpenCurrentUser":
        return _Wanted("")
    key, path = planned.args.get("key"), str(planned.args.get("path", ""))
    value = str(planned.args.get("name", "")) if reads else None
    if key == PredefinedKey.CURRENT_USER:
        return _Wanted(path, value)
    sid, _, below = path.partition("\\")
    if key == PredefinedKey.USERS and sid.upper() in (USER.upper(), SECOND_USER.upper()):
        return _Wanted(below, value)
    if isinstance(key, HandleVar) and key.name in paths:
        return _Wanted(f"{paths[key.name]}\\{path}".strip("\\"), value)
    return None


# -- what is claimed -----------------------------------------------------------------------------


def _properties(
    scene: Scene,
    programs: dict[str, PlainProgram],
    claims: tuple[Callable[[View], object], ...],
    view: View,
) -> Iterator[Property]:
    """Yield what is always asked of services, and the *claims* of one's own."""
    seen = view.questions
    working, failed = _any(scene, programs, "works", _works), _any(scene, programs, "fails", _fails)
    quiet = seen["logging_off"] & ~seen["request_waits"] & seen["resting"]
    yield always(
        "released",
        ~(quiet & seen["hive_in_use"]),
        "Once every call has returned, no handle on the user's hive is left to block its unload.",
    )
    yield always(
        "no-call-breaks",
        ~seen["call_broke"],
        "No call fails because its key was closed or taken away under it.",
    )
    yield always(
        "right-users-data",
        ~seen["wrong_data"],
        "While the user's hive is loaded, a key that was opened by HKEY_CURRENT_USER acting as the "
        "user is the user's; one that was opened as the service itself never is.",
    )
    yield leads_to(
        "logoff-ends",
        seen["logging_off"],
        seen["saved"],
        about="Every logoff ends in a saved profile.",
    )
    yield sometimes("logoff", quiet, "Winlogon unloads while the service rests.")
    yield always(
        "no-thread-fails", ~failed, "No thread ends by an error that the code does not handle."
    )
    yield sometimes("served", working, "The service works at a request.")
    for claim in claims:
        text = (claim.__doc__ or "").strip().partition("\n")[0]
        yield always(_name(claim), formula_of(claim, view), text)


def _name(claim: Callable[[View], object]) -> str:
    return claim.__name__.replace("_", "-").strip("<>")


def _view(
    scene: Scene, programs: dict[str, PlainProgram], people: Mapping[str, Sid], *, attended: bool
) -> View:
    """Return what can be asked of a state, in the order of `QUESTIONS`.

    Where nobody logs on, all that is of a session is false.
    """
    places = ("session", "unloading", "saved")
    answers = (
        *(scene.at("winlogon", place) if attended else FALSE for place in places),
        ~scene.clear,
        ~scene.variable(PENDING, 0) if attended else FALSE,
        every(_resting(scene, name, code) for name, code in programs.items()),
        _any(scene, programs, "broke", _breaks),
        some(_wrong(scene, name, code, people) for name, code in programs.items()),
        _any(scene, programs, "ended", _ends),
    )
    return View(questions=dict(zip(QUESTIONS, answers, strict=True)))


def _any(
    scene: Scene,
    programs: dict[str, PlainProgram],
    word: str,
    test: Callable[[LocalState | None], bool],
) -> Formula:
    """Return the formula that *test* holds of the local state in which some thread stands."""
    return some(_says(scene, name, code, word, test) for name, code in programs.items())


def _says(
    scene: Scene,
    name: str,
    code: PlainProgram,
    word: str,
    test: Callable[[LocalState | None], bool],
) -> Formula:
    """Return the formula that *test* holds of the local state in which thread *name* stands."""
    return Atom(
        scene.component(name), lambda value: test(code.state(thread_of(value).pc)), f"{name} {word}"
    )


def _resting(scene: Scene, name: str, code: PlainProgram) -> Formula:
    """Return the formula that thread *name* has nothing to do: it waits for what is not there."""
    waits = (
        _says(scene, name, code, f"waits for {event}", _waiting(event))
        & ~Atom(SIGNALS, _contains(event), f"{event} is set")
        for event in code.automaton.events
    )
    return some([_says(scene, name, code, "rests", _rests), *waits])


def _waiting(event: str) -> Callable[[LocalState | None], bool]:
    return lambda state: (
        state is not None and (state.request.kind, state.request.name) == ("await", event)
    )


def _contains(event: str) -> Callable[[Any], bool]:
    return lambda signalled: event in signalled


def _wrong(scene: Scene, name: str, code: PlainProgram, people: Mapping[str, Sid]) -> Formula:
    """Return the formula that thread *name* has a key open that is of another user than it thinks.

    It is looked at before the code's next call, when it stands at one.
    """
    roots = {sid: fold(split(user_root(sid))) for sid in people.values()}

    def test(value: object, *, meant: Sid | None) -> bool:
        part = thread_of(value)
        state = code.state(part.pc)
        places = {each: handle_place(handle) for each, handle in part.handles}
        users = state.request.users if state is not None and state.label == part.pc else ()
        found = (places.get(each) for each, whose in users if whose == meant)
        return any(at is not None and _is_of(at, roots) != meant for at in found)

    others = (
        Atom(scene.component(name), partial(test, meant=sid), f"{name} has another's key open")
        & scene.mounted(user_root(sid))
        for sid in roots
    )
    text = f"{name} has the user's key open"
    return some([*others, Atom(scene.component(name), partial(test, meant=None), text)])


def _is_of(place: Parts, roots: Mapping[Sid, Parts]) -> Sid | None:
    """Return whose of *roots* the key at *place* is below; None for nobody's."""
    return next((sid for sid, root in roots.items() if place[: len(root)] == root), None)


def _rests(state: LocalState | None) -> bool:
    return state is None or state.resting


def _works(state: LocalState | None) -> bool:
    """Return whether *state* is one of work that somebody has asked for."""
    return state is not None and not state.resting and state.asked_for


def _breaks(state: LocalState | None) -> bool:
    return state is not None and state.broken


def _ends(state: LocalState | None) -> bool:
    return state is not None and state.request.kind == "end"


def _fails(state: LocalState | None) -> bool:
    return _ends(state) and state is not None and state.request.name.startswith("ends by")

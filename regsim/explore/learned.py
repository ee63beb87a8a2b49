"""Plain code as a program: learned, call by call, from what its runs do with the answers.

A local state is where the code stands and what its locals hold (`standing`); equal ones are one, so
that loops end. Where Python hides something, the last state and the answer there stand for it.
"""

from __future__ import annotations

import ast
import dis
import inspect
from collections.abc import Callable, Hashable, Iterator, Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

import attrs

from regsim.actors.stage import PENDING, USER_ON, asked_by
from regsim.errors import UnknownNameError
from regsim.explore.asking import (
    EndlessCodeError,
    Enquiry,
    LogLine,
    PlainCodeError,
    Reached,
    Told,
    written_out,
)
from regsim.explore.offered import USERS
from regsim.explore.rerun import Rerun, section
from regsim.explore.standing import Freezer, UncomparableError
from regsim.kernel.calls import Call, inline
from regsim.kernel.expr import Ask, HandleVar, Scope, Var, negate
from regsim.kernel.footprint import plain
from regsim.kernel.machine import Machine
from regsim.kernel.operations import Closes
from regsim.kernel.steps import (
    ANY,
    Act,
    Branch,
    Forget,
    Program,
    Step,
    StepTaken,
    Update,
    advance,
    go,
)
from regsim.kernel.steps import Set as Assign
from regsim.policy import Dialect, HandlePolicy
from regsim.status import to_win32
from regsim.types import Sid, Tid
from regsim.win32.plans import Known

MOST: Final = 256
"""How many local states a program may have before it is given up."""
DEAD: Final = "dead"
BROKEN: Final = (6, 1018)
"""The errors of a call whose key was closed or taken away under it."""
SESSION: Final = "session"
"""What can be waited for and is not taken: that the user is logged on."""
WAITS: Final[Mapping[str, Var]] = {"request": PENDING, SESSION: USER_ON}
"""What can be waited for where one user logs on, and the variable that tells of it."""
_WORDS: Final = {
    "wait": "(waits for a {})",
    "work": "(works: {})",
    "enter": "(enters {})",
    "read": "(reads shared.{})",
    "write": "(shared.{} = {!r})",
    "set": "(sets the event {})",
    "reset": "(resets the event {})",
    "await": "(waits for the event {})",
    "look": "(looks at the event {})",
}
"""How a path writes what is no registry call, by its kind."""
_DROPPED: Final = Forget(HandleVar("dropped"))
"""Says that a step may leave a handle to its process: what the code does next decides."""
_DIE: Final = Step(at=ANY, does="die", after_end=True, then=(go(DEAD),), call="(has ended)")


@attrs.frozen(eq=False)
class LocalState:
    """A local state.

    Attributes:
        label: what it is called.
        request: what the code asks for in it.
        log: what a run must be told to come to it.
        broken: whether the call before failed since its key was closed or taken away.
    """

    label: str
    request: Enquiry
    log: tuple[LogLine, ...]
    broken: bool

    @property
    def done(self) -> str:
        """Where a thread stands between the last step of the call and what comes of it."""
        return f"{self.label}: answered"

    @property
    def resting(self) -> bool:
        """Whether the code waits for a request, or is over."""
        return self.request.kind in ("wait", "end")

    @property
    def asked_for(self) -> bool:
        """Whether the code has waited for anything before it came here."""
        return any(line.told.value is True and line.kind in ("wait", "await") for line in self.log)


@attrs.frozen(eq=False, slots=False)
class PlainProgram(Program):
    """The program that plain code is; its steps are learned as they are asked for."""

    automaton: Automaton = attrs.field(kw_only=True)

    __eq__, __hash__ = object.__eq__, object.__hash__  # what it does is not in its attributes

    @property
    def by_label(self) -> Mapping[str, tuple[Step, ...]]:
        """The steps that may be taken at each label, learned by now."""
        return self.automaton

    def settle(self, machine: Machine, tid: Tid, taken: StepTaken) -> None:
        """Have thread *tid* stand where the code goes on after the answer that *taken* got."""
        self.automaton.settle(machine, tid, taken)

    def state(self, label: str) -> LocalState | None:
        """Return the local state of a thread that stands at *label*; None for one that is dead."""
        return self.automaton.state_at(label)


class Automaton(dict[str, tuple[Step, ...]]):
    """What is known of the code: the steps of each label.

    Args:
        name: what the code is called.
        function: the code.
        dialect: the generation it runs on.
        people: who can be impersonated, by name.
        waits: what can be waited for, and the variable that tells of it; by default the requests
            of *people*, and the session.
    """

    def __init__(
        self,
        name: str,
        function: Callable[..., object],
        dialect: Dialect,
        people: Mapping[str, Sid] = USERS,
        waits: Mapping[str, Var] | None = None,
    ) -> None:
        super().__init__({DEAD: (_DIE,)})
        several = {f"request of {user}": asked_by(user) for user in people} | {SESSION: USER_ON}
        self.people = people
        self.waits = waits if waits is not None else WAITS if people is USERS else several
        self.name, self.function, self.dialect = name, _plain_function(function), dialect
        self.events = _events(self.function)
        lacking = _lacking(dialect)
        if lacking:
            raise self._refused(
                0,
                f"plain code cannot be explored on {dialect.title}: {lacking}; ask about another "
                "system, or use a step program",
            )
        self._states: dict[Hashable, LocalState] = {}
        self._named: dict[str, LocalState] = {}
        self._edges: dict[Hashable, tuple[LocalState, tuple[Update, ...]]] = {}
        self.start, self.first = self._come_to((), None)

    def __missing__(self, label: str) -> tuple[Step, ...]:
        raise KeyError(label)

    def state_at(self, label: str) -> LocalState | None:
        """Return the local state whose step stands at *label*; None for none."""
        return self._named.get(label)

    @property
    def states(self) -> tuple[LocalState, ...]:
        """The local states known by now."""
        return tuple(self._states.values())

    # -- learning ------------------------------------------------------------------------------

    def next(self, state: LocalState, told: Told) -> tuple[LocalState, tuple[Update, ...]]:
        """Return where the code goes from *state* on the answer *told*, and what it does."""
        key = (state.label, _frozen(told))
        if key not in self._edges:
            request = state.request
            gives = request.gives if told.handle else ""
            line = LogLine(request.kind, request.name, request.asked, told, gives)
            self._edges[key] = self._come_to((*state.log, line), (state, told))
        return self._edges[key]

    def _come_to(
        self, log: tuple[LogLine, ...], before: tuple[LocalState, Told] | None
    ) -> tuple[LocalState, tuple[Update, ...]]:
        outside = _outside(self.function)
        reached = Rerun(self.function, self.dialect, log, self.people).go()
        again = Rerun(self.function, self.dialect, log, self.people).go()
        place = reached.request.place
        for name, value in _outside(self.function).items():
            if outside.get(name) != value:
                raise self._refused(
                    place.line,
                    f"the code changes {name!r}, which is not its own: keep numbers and texts in "
                    f"win.shared.{name}, all else in variables of the function",
                )
        if _essence(reached) != _essence(again):
            raise self._refused(
                place.line or again.request.place.line,
                "it does not do the same when it is told the same: plain code must not depend on "
                "time, chance, or what it keeps outside its own variables and win.shared",
            )
        broken = before is not None and before[1].error in BROKEN
        history: Hashable = None
        if not place.clean and before is not None:
            history = (before[0].label, _frozen(before[1]))
        key = (place.key, reached.request.kind, broken, history)
        if key not in self._states:
            self._states[key] = self._new(reached, broken=broken)
        return self._states[key], reached.updates

    def _new(self, reached: Reached, *, broken: bool) -> LocalState:
        request = reached.request
        place = request.place
        if len(self._states) >= MOST:
            why = f", since {place.why}" if place.why else ""
            raise EndlessCodeError(
                self._refused(
                    place.line,
                    f"the code comes to stand here in ever more ways{why}; let it come back to "
                    f"where it was with the same values (it may stand in {MOST:,} ways)",
                )
            )
        base = f"{request.name} at line {place.line}" if request.kind != "end" else request.name
        label, number = base, 1
        while label in self:
            number += 1
            label = f"{base} ({number})"
        state = LocalState(label, request, reached.log, broken)
        steps = tuple(self._steps(state))
        if not plain((Program(self.name, (*steps, *_anchors(steps)), label),), self.dialect):
            raise self._refused(
                place.line, f"{request.name} cannot be explored in plain code; use a step program"
            )
        self[label] = (_DIE,)
        self._named[label] = state
        for step in steps:
            self[step.at] = (step, _DIE)
            self._named[step.at] = state
        return state

    def _refused(self, line: int, why: str) -> PlainCodeError:
        return _at(self.function.__code__, line, why)

    # -- steps ---------------------------------------------------------------------------------

    def _steps(self, state: LocalState) -> Iterator[Step]:
        request, label, done = state.request, state.label, go(state.done, _DROPPED)
        words = _WORDS.get(request.kind, "").format(request.name, request.value)
        text = f"{words or request.name} (line {request.place.line})"
        if isinstance(request.planned, Call):
            into = HandleVar(request.gives) if request.gives_handle else None
            call = attrs.evolve(request.planned, text=_written(request))
            yield from map(
                _forgetting, inline(call, at=label, returns=done, fails=(done,), into=into)
            )
        elif request.kind == "call":
            yield Step(at=label, does=request.name, then=(done,), call=text)
        elif request.kind != "end":
            when, updates = self._act(request)
            then: tuple[Branch, ...] = (Branch(state.done, set=(*updates, _DROPPED)),)
            if request.kind == "look":
                then = (attrs.evolve(then[0], when=_set(request.name)), *then)
            yield Step(at=label, does=request.kind, when=when, then=then, call=text)

    def _act(self, request: Enquiry) -> tuple[Any, tuple[Update, ...]]:
        """Return when what is no registry call can happen, and what it does."""
        name, shared = request.name, Var(request.name, Scope.PROCESS)
        if request.kind == "wait":
            if name not in self.waits:
                text = str(UnknownNameError("thing to wait for", name, self.waits))
                if not self.waits:
                    text = f"unknown thing to wait for {name!r}: here nobody logs on or asks"
                raise self._refused(request.place.line, text)
            if name == SESSION:
                return USER_ON.is_(1), ()
            pending = self.waits[name]
            return pending.more(0), (Assign(pending, pending.plus(-1)),)
        if request.kind == "enter":
            return negate(section(name).is_(1)), (Assign(section(name), 1),)
        if request.kind == "write":
            # A variable that is 0 again is as if it had never been given a value.
            kept = None if request.value == 0 else request.value
            return True, (Assign(shared, kept),)
        if request.kind == "await":
            if name not in self.events:
                why = f"the name of the event {name!r} is not written as a text in the code"
                raise self._refused(request.place.line, why)
            return _set(name), ()
        acts = {"set": ("signal",), "reset": ("unsignal",)}.get(request.kind, ())
        return True, tuple(Act(act, (name,)) for act in acts)

    def begin(self, machine: Machine, tid: Tid) -> None:
        """Have thread *tid* do what the code does before its first call."""
        step = Step(at="", does="", then=(go(self.start.label, *self.first),))
        advance(machine, tid, step)

    def settle(self, machine: Machine, tid: Tid, taken: StepTaken) -> None:
        """Have thread *tid* stand where the code goes on after the answer that *taken* got."""
        thread = machine.threads[tid]
        state = self._named.get(taken.step.at)
        if state is None or thread.pc != state.done:
            return
        told = self._told(state, machine, tid, taken)
        after, updates = self.next(state, told)
        advance(
            machine,
            tid,
            Step(at=state.done, does="", then=(go(after.label, *updates),), call=taken.step.call),
        )

    def _told(self, state: LocalState, machine: Machine, tid: Tid, taken: StepTaken) -> Told:
        request = state.request
        if request.kind == "read":
            value = machine.process_of(tid).memory.vars.get(request.name)
            return Told(value=0 if value is None else value)
        if request.kind == "look":
            return Told(value=request.name in machine.signalled)
        if request.kind != "call":
            return Told(value=request.kind in ("wait", "await"))
        if isinstance(request.planned, Known):
            code, value = request.planned.reply
            return Told(int(code), value if not code else None)
        value = machine.threads[tid].memory.vars.pop(f"{state.label}.result", None)
        if not (taken.status.ok or not to_win32(taken.status)):
            return Told(int(to_win32(taken.status)))
        return Told(handle=True) if request.gives_handle else Told(value=value)


def _lacking(dialect: Dialect) -> str:
    """Return why no plain code can be explored on *dialect*; "" where it can."""
    if plain((), dialect):
        return ""
    if dialect.handles is HandlePolicy.SHARED:
        return "every open of a key gives the same handle there"
    return f"its counter of a key's opens has {dialect.refcount_bits} bits, and wraps"


def _set(event: str) -> Ask:
    return Ask("signalled", (event,))


def _written(request: Enquiry) -> str:
    """Return the call of *request* as it is written, with the line that makes it."""
    planned = request.planned
    text = planned.text or planned.plan.name if isinstance(planned, Call) else request.name
    return f"{text} (line {request.place.line})"


def _forgetting(step: Step) -> Step:
    """Return *step* with the name of a handle that it closes forgotten."""
    if step.op is None or step.op.operation.closes is not Closes.HANDLE:
        return step
    closed = Forget(dict(step.op.args)["handle"])
    then = tuple(
        branch if closed in branch.set else attrs.evolve(branch, set=(closed, *branch.set))
        for branch in step.then
    )
    return attrs.evolve(step, then=then)


def _anchors(steps: tuple[Step, ...]) -> Iterator[Step]:
    """Yield a step at each label that is only led to, so that a program is whole."""
    here = {step.at for step in steps}
    for label in dict.fromkeys(b.goto for s in steps for b in s.then if b.goto not in here):
        yield Step(at=label, does="", when=False, then=(go(label),))


def _frozen(told: Told) -> Hashable:
    try:
        return (told.error, told.handle, Freezer().freeze(told.value))
    except UncomparableError:
        return (told.error, told.handle, repr(told.value))


def _essence(reached: Reached) -> Hashable:
    """Return what two runs that were told the same must agree on."""
    place = reached.request.place
    return (place.key, place.line, reached.request.asked, reached.updates, len(reached.log))


# -- what cannot be run again ------------------------------------------------------------------


def _plain_function(function: Callable[..., object]) -> FunctionType:
    """Return *function* itself; refuse code that cannot be run again and again.

    That is code that would catch what stops it, or keeps what it knows outside its variables.

    Raises:
        PlainCodeError: naming the line and what to do instead.
    """
    if not isinstance(function, FunctionType):
        raise PlainCodeError(
            f"{written_out(function)} is no plain function: give one made with def"
        )
    if function.__code__.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE):
        raise _at(function.__code__, 0, "a generator or coroutine is no plain function")
    for code in _codes(function):
        for each in dis.get_instructions(code):
            if each.opname in ("STORE_GLOBAL", "DELETE_GLOBAL"):
                line = each.positions.lineno if each.positions else 0
                raise _at(
                    code,
                    line or 0,
                    f"{each.argval!r} is a variable of the module: threads share variables "
                    f"through win.shared.{each.argval}",
                )
        for line in _catching_all(code):
            raise _at(code, line, "`except:` would catch what stops the run: name the errors")
    return function


def _at(code: CodeType, line: int, why: str) -> PlainCodeError:
    return PlainCodeError(f"{code.co_filename}, line {line or code.co_firstlineno}: {why}")


def _codes(function: FunctionType) -> Iterator[CodeType]:
    """Yield the code of *function*, and of what it may call in its own file."""
    seen: dict[CodeType, None] = {}
    left: list[Any] = [function.__code__]
    while left:
        code = left.pop()
        if code in seen or code.co_filename != function.__code__.co_filename:
            continue
        seen[code] = None
        left += [each for each in code.co_consts if isinstance(each, CodeType)]
        named = (function.__globals__.get(name) for name in code.co_names)
        left += [each.__code__ for each in named if isinstance(each, FunctionType)]
    yield from seen


def _events(function: FunctionType) -> tuple[str, ...]:
    """Return the texts in the code that may be names of events."""
    codes = [code for code in _codes(function) if "event" in code.co_names]
    texts = (each for code in codes for each in code.co_consts if isinstance(each, str))
    return tuple(dict.fromkeys(texts))


def _outside(function: FunctionType) -> dict[str, Hashable]:
    """Return what the code can see of its module and could change, as far as it is comparable."""
    names = {name for code in _codes(function) for name in code.co_names}
    found: dict[str, Hashable] = {}
    for name in sorted(names & function.__globals__.keys()):
        value = function.__globals__[name]
        if not isinstance(value, FunctionType | type | ModuleType):
            try:
                found[name] = Freezer().freeze(value)
            except UncomparableError:
                continue
    return found


def _catching_all(code: CodeType) -> Iterator[int]:
    """Yield the lines of handlers in *code* that catch everything and do not raise it again."""
    try:
        lines, first = inspect.getsourcelines(code)
        tree = ast.parse(inspect.cleandoc("\n" + "".join(lines)))
    except (OSError, SyntaxError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            named = node.type is not None and "BaseException" not in ast.dump(node.type)
            if not named and not isinstance(node.body[-1], ast.Raise):
                yield first + node.lineno - 1


def program(
    name: str,
    function: Callable[..., object],
    dialect: Dialect,
    people: Mapping[str, Sid] = USERS,
    waits: Mapping[str, Var] | None = None,
) -> PlainProgram:
    """Return *function* as a program called *name* on *dialect*, which may act as *people*.

    It may wait for what `Automaton` lets it.

    Raises:
        PlainCodeError: it cannot be run again and again; the text names the line.
    """
    automaton = Automaton(name, function, dialect, people, waits)
    return PlainProgram(name, (), automaton.start.label, automaton=automaton)


def same_code(known: Automaton, function: Callable[..., object], dialect: Dialect) -> bool:
    """Return whether *known* is what *function* does on *dialect*: it, or it once more defined.

    One that is defined within another function sees its variables, so it may do something else.
    """
    before = known.function
    again = getattr(function, "__code__", None) is before.__code__ and before.__closure__ is None
    defaults = before.__defaults__ is None and before.__kwdefaults__ is None
    return known.dialect is dialect and (function is before or (again and defaults))

"""Running plain code again and again with recorded answers, up to the call that has none yet.

No greenlets and no threads: where the code comes to a call that nobody has answered, it is looked
at as it stands and then abandoned; once there is an answer it is run again from its start. What it
does between two calls concerns itself alone: it happens at once, with the last step of the first.
"""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import CodeType, FrameType, FunctionType, TracebackType
from typing import Any, Final

import attrs

from regsim.errors import UnknownNameError
from regsim.explore import offered
from regsim.explore.asking import Enquiry, LogLine, PlainCodeError, Reached, SuspendedError, Told
from regsim.explore.offered import CALLS, KEYED, OPENERS, USERS, WINREG, OpenedKey, Win
from regsim.explore.standing import Freezer, Standing, UncomparableError, UnorderedError, stand
from regsim.kernel.calls import Call
from regsim.kernel.expr import HandleVar, Scope, Var
from regsim.kernel.steps import Act, Forget, Set, Update
from regsim.policy import Dialect
from regsim.status import Win32Error
from regsim.types import PredefinedKey, Sid, Value, ValueType
from regsim.win32.plans import Planned

MOST_STEPS: Final = 200_000
"""How many instructions one run may take before it is taken never to come to the next call."""
_ERRNO: Final = {2: 2, 3: 2, 5: 13, 183: 17}
"""The numbers of errors of which Python has a class of its own: not found, denied, exists."""
_OURS: Final = (__file__, offered.__file__)
"""Whose frames are not the user's."""


def section(name: str) -> Var:
    """Return the variable of the process that is 1 while a thread is in critical section *name*."""
    return Var(f"lock {name}", Scope.PROCESS)


class Rerun:
    """One run of the code: what it is told, and what it has come to.

    Args:
        function: the plain code.
        dialect: the generation it runs on.
        log: what it was told until the last time.
        people: who can be impersonated, by name.
    """

    def __init__(
        self,
        function: FunctionType,
        dialect: Dialect,
        log: Sequence[LogLine],
        people: Mapping[str, Sid] = USERS,
    ) -> None:
        self.function, self.dialect, self.log = function, dialect, list(log)
        self.people = people
        self._at = 0
        self._acting: Sid | None = None
        self._inside: dict[str, int] = {}
        self._users: dict[str, Sid | None] = {}
        self._newest = ""
        self._updates: list[Update] = []
        self._keys: weakref.WeakValueDictionary[str, OpenedKey] = weakref.WeakValueDictionary()
        self._open: dict[str, bool] = {}
        self._leaving: list[tuple[str, int]] = []
        self._left = 0
        self._reached: Enquiry | None = None
        self._error: PlainCodeError | None = None
        self._base: FrameType | None = None
        self._over = False

    # -- the whole of it -----------------------------------------------------------------------

    def go(self) -> Reached:
        """Run the code up to the first request without an answer and return it.

        Raises:
            PlainCodeError: it cannot be explored; the text names the line.
        """
        self._base = sys._getframe()  # noqa: SLF001 - the one way to look at the code's frames
        line, how = 0, "returns"
        with _undisturbed(self):
            try:
                self.function(Win(self))
            except SuspendedError:
                how = ""
            except PlainCodeError:
                raise
            except OSError as error:
                line, how = self._line_of(error), f"ends by {type(error).__name__}"
                error.__traceback__ = None
            except Exception as error:
                raise self._failed(error) from error
            if self._error is not None:
                raise self._error
            if self._reached is None:
                self._leave(line, how)
        self._over = True
        if self._reached is None:
            raise self.refused("it catches what stops it: let `except` name the errors it is for")
        return Reached(self._reached, tuple(self._updates), tuple(self.log))

    def _leave(self, line: int, how: str) -> None:
        """Close what Python closes at the end of the function, and be over."""
        try:
            self._close_dropped()
        except SuspendedError:
            return
        for name in [name for name in self._open if not self._open[name]]:
            if name != self._newest:
                self._forget(name)
        self.update(Act("revert"))
        users = tuple(sorted(self._users.items()))
        place = Standing(("over", how, line, users, self._beside()), True, line)
        self._reached = Enquiry("end", how, place, users=users)

    def _failed(self, error: Exception) -> PlainCodeError:
        """Return what to say of *error*, which is of the code itself, not of a call."""
        line = self._line_of(error) or self.function.__code__.co_firstlineno
        why = f"fails: {type(error).__name__}: {error}"
        return self._error or PlainCodeError(f"{self._file}, line {line}: {why}")

    def _line_of(self, error: BaseException) -> int:
        lines = [
            frame.tb_lineno
            for frame in _frames(error.__traceback__)
            if frame.tb_frame.f_code.co_filename == self._file
        ]
        return lines[-1] if lines else 0

    @property
    def _file(self) -> str:
        return self.function.__code__.co_filename

    # -- what the code asks --------------------------------------------------------------------

    def call(
        self, name: str, arguments: tuple[Any, ...], named: dict[str, Any], leaf: CodeType
    ) -> Any:  # noqa: ANN401 - whatever the call gives
        """Answer a call, or stop where there is no answer yet."""
        with _untraced():
            self._awake()
            self._close_dropped()
            told = self._answered(self._request(name, arguments, named), (self._standing(), leaf))
            if told.error:
                raise _error(told.error, name)
            return _as_given(self, name, told.value)

    def _awake(self) -> None:
        if self._reached is not None or self._error is not None:
            raise SuspendedError

    def _close_dropped(self) -> None:
        """Close the keys whose last references are gone, one after the other."""
        while self._leaving:
            name, line = self._leaving[0]
            planned = self._plan("RegCloseKey", (HandleVar(name),), {})
            place = Standing(("dropped", tuple(self._leaving)), False, line, "a key was dropped")
            self._answered(Enquiry("call", "RegCloseKey", place, planned, closes=name), None)
            self._leaving.pop(0)

    def ask(self, kind: str, name: str, leaf: CodeType, value: object = None) -> Any:  # noqa: ANN401
        """Answer what is no registry call, or stop where there is no answer yet."""
        with _untraced():
            self._awake()
            self._close_dropped()
            asked = Enquiry(kind, name, Standing((), True, 0), value=value)
            return self._answered(asked, (self._standing(), leaf)).value

    def enter(self, name: str, leaf: CodeType) -> None:
        """Enter critical section *name*: a step only where this thread is not inside already."""
        self._awake()
        if not self._inside.get(name):
            self.ask("enter", name, leaf)
        self._inside[name] = self._inside.get(name, 0) + 1

    def leave(self, name: str) -> None:
        """Leave critical section *name*, which nobody can tell from leaving a moment later."""
        self._awake()
        if not self._inside.get(name):
            raise self.refused(f"it leaves critical section {name!r} and is not in it")
        self._inside[name] -= 1
        if not self._inside[name]:
            del self._inside[name]
            self.update(Set(section(name), None))

    def person(self, user: str) -> Sid:
        """Return the SID of *user*, who can be impersonated."""
        if user not in self.people:
            raise self.refused(str(UnknownNameError("user", user, self.people)))
        return self.people[user]

    def act_as(self, user: Sid | None) -> None:
        """Act as *user*, or as the process again."""
        self._acting = user
        self.update(Act("revert") if user is None else Act("impersonate", (user,)))

    def _request(self, name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Enquiry:
        real, auto = WINREG.get(name, name), name in OPENERS
        if auto:
            arguments, named = _as_winreg(arguments, named)
        keys = [each for each in (*arguments, *named.values()) if isinstance(each, OpenedKey)]
        for key in keys:
            if key.closed:
                raise self.refused(f"{name} uses a key that the code has closed already")
        values = tuple(_as_argument(each) for each in arguments)
        others = {other: _as_argument(each) for other, each in named.items()}
        planned = self._plan(real, values, others)
        closes = keys[0].name if real in ("RegCloseKey", "NtClose") and keys else ""
        uses = tuple(key.name for key in keys)
        place = Standing((), True, 0)
        return Enquiry("call", name, place, planned, closes=closes, uses=uses, auto=auto)

    def _plan(self, name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Planned:
        if arguments[:1] == (None,) and KEYED[name]:
            raise self.refused(f"{name} is given None, which is no key")
        try:
            return CALLS[name](self.dialect, *arguments, **named)
        except (TypeError, ValueError) as error:
            raise self.refused(f"{name}: {error}") from None

    def _answered(self, request: Enquiry, where: Any) -> Told:  # noqa: ANN401 - frames and a code
        """Return what *request* was told; stop where nobody has told it anything."""
        frames = where[0] if where is not None else ()
        asked = (
            request.kind,
            request.name,
            request.closes,
            self._frozen(request.value),
            tuple((frame.f_code.co_name, frame.f_lasti) for frame in frames),
        )
        if self._at == len(self.log):
            try:
                place = request.place if where is None else stand(*where)
            except UnorderedError as error:
                raise self.refused(str(error)) from None
            if place.unknown:
                raise self.refused(place.unknown)
            self._reached = self._look(request, place, asked)
            raise SuspendedError
        entry = self.log[self._at]
        self._expect(entry.asked == asked and entry.name == request.name)
        self._at += 1
        told, self._newest = entry.told, ""
        if request.closes:
            key = self._keys.get(request.closes)
            if key is not None:
                key.closed = True
            self._open.pop(request.closes, None)
            self._users.pop(request.closes, None)
        if entry.gives and told.handle:
            key = OpenedKey(self, entry.gives, auto=request.auto)
            self._keys[entry.gives], self._newest = key, entry.gives
            self._open[entry.gives] = request.auto
            self._of_whom(request, entry.gives)
            return attrs.evolve(told, value=key)
        return told

    def _frozen(self, value: object) -> Hashable:
        try:
            return Freezer().freeze(value)
        except UncomparableError as error:
            raise self.refused(f"it gives {error}, which cannot be compared") from None

    def _of_whom(self, request: Enquiry, name: str) -> None:
        """Note whose the key *name* is to be, where it was reached by HKEY_CURRENT_USER."""
        self._users.pop(name, None)
        if not isinstance(request.planned, Call):
            return
        base = request.planned.args.get("key")
        own = request.planned.plan.name == "RegOpenCurrentUser"
        if own or base == PredefinedKey.CURRENT_USER:
            self._users[name] = self._acting
        elif isinstance(base, HandleVar) and base.name in self._users:
            self._users[name] = self._users[base.name]

    def _look(self, request: Enquiry, place: Standing, asked: tuple[Hashable, ...]) -> Enquiry:
        """Return *request* as it is made here, where the code stands at *place*."""
        # What was opened last can be asked about once more, if the code dropped it at once.
        kept = {*_names_in(place.key), *request.uses, self._newest}
        held = []
        for name, auto in list(self._open.items()):
            if name in kept:
                continue
            # One of winreg stays open while anything refers to it. Of others it is the same where
            # nobody can see what the code goes on to use.
            if auto or (not place.clean and name in self._keys):
                held.append(name)
            else:
                self._forget(name)
        gives = ""
        if request.kind == "call":
            gives = self._fresh(f"key of line {place.line}", {*kept, *held})
        users = tuple(sorted(self._users.items()))
        beside = (tuple(held), users, self._beside())
        key = (place.key, beside, *asked[:-1], _arguments(request.planned))
        at = attrs.evolve(place, key=key)
        return attrs.evolve(request, place=at, gives=gives, asked=asked, users=users)

    def _beside(self) -> Hashable:
        """Return what a thread is besides what its code holds."""
        return (self._acting, tuple(sorted(self._inside.items())))

    def _fresh(self, name: str, taken: set[str]) -> str:
        number, found = 1, name
        while found in taken:
            number += 1
            found = f"{name} ({number})"
        return found

    def _forget(self, name: str) -> None:
        del self._open[name]
        self._users.pop(name, None)
        self.update(Forget(HandleVar(name)))

    def _standing(self) -> list[FrameType]:
        """Return the frames of the user's code, the outermost first."""
        found: list[FrameType] = []
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - as in `go`
        while frame is not None and frame is not self._base:
            if frame.f_code.co_filename not in _OURS:
                found.append(frame)
            frame = frame.f_back
        found.reverse()
        return found

    # -- what it does beside -------------------------------------------------------------------

    def update(self, change: Update) -> None:
        """Have *change* happen with the last answer, unless it belongs to an earlier one."""
        if self._reached is None and self._at == len(self.log):
            self._updates.append(change)

    def dropped(self, key: OpenedKey) -> None:
        """Take note that nothing refers to *key* any more."""
        if key.auto and not key.closed and self._reached is None and not self._over:
            line = self._line_below(sys._getframe(1))  # noqa: SLF001 - as in `go`
            self._leaving.append((key.name, line or self._left))

    def left(self, line: int) -> None:
        """Take note that a function of the code's file is left at *line*."""
        self._left = line

    def _line_below(self, frame: FrameType | None) -> int:
        """Return the line of the user's file that has come to *frame*; 0 for none."""
        while frame is not None and frame.f_code.co_filename != self._file:
            frame = frame.f_back
        return (frame.f_lineno or 0) if frame is not None else 0

    def _expect(self, same: bool) -> None:
        if not same:
            raise self.refused(
                "it does not do the same when it is told the same: plain code must not depend on "
                "time, chance, the order of a set, or what it keeps outside its own variables"
            )

    def refused(self, why: str) -> PlainCodeError:
        """Return the error that the code cannot be explored, with the line where it stands."""
        line = self._line_below(sys._getframe(1))  # noqa: SLF001 - as in `go`
        self._error = PlainCodeError(f"{self._file}, line {line or '?'}: {why}")
        return self._error


def _arguments(planned: Planned | None) -> Hashable:
    """Return what the call is given: what it was computed from may not be there any more."""
    if not isinstance(planned, Call):
        return repr(planned)
    return (planned.plan.name, planned.text, repr(sorted(planned.args.items())))


def _frames(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _names_in(key: Hashable) -> Iterator[str]:
    """Yield the names of the open keys that the frozen *key* speaks of."""
    if isinstance(key, tuple):
        if len(key) == 3 and key[0] == "key" and isinstance(key[1], str):
            yield key[1]
        for part in key:
            yield from _names_in(part)
    elif isinstance(key, frozenset):
        for part in key:
            yield from _names_in(part)


def _as_winreg(
    arguments: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of a call of Python's winreg as those of the function behind it."""
    given = dict(zip(("key", "sub_key", "reserved", "access"), arguments, strict=False)) | named
    given.pop("reserved", None)
    access = {"access": given["access"]} if "access" in given else {}
    return (given["key"], given.get("sub_key")), access


class _GivenValue(Value):
    """A value that the code was given: comparing it with what it never is, is a mistake."""

    __hash__ = Value.__hash__
    _run: Rerun

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str | int | bytes):
            raise self._run.refused(
                f"a Value is compared with {other!r}, and is never equal to it: compare its .data, "
                "which is bytes, or its .text(); win.QueryValueEx gives text and number as winreg"
            )
        return isinstance(other, Value) and attrs.astuple(self) == attrs.astuple(other)


def _as_argument(value: object) -> object:
    """Return *value*, which the code gives to a call, as the call takes it."""
    if isinstance(value, _GivenValue):
        return Value(value.name, value.type, value.data)
    return HandleVar(value.name) if isinstance(value, OpenedKey) else value


def _as_given(run: Rerun, name: str, value: Any) -> Any:  # noqa: ANN401 - whatever the call gives
    """Return *value* as the function *name* gives it: as Python does, if the name is Python's."""
    if not isinstance(value, Value):
        return value
    if name not in WINREG:
        given = _GivenValue(value.name, value.type, value.data)
        object.__setattr__(given, "_run", run)  # it is frozen
        return given
    data: object = value.data
    if value.type in (ValueType.SZ, ValueType.EXPAND_SZ):
        data = value.text()
    elif value.type == ValueType.DWORD:
        data = int.from_bytes(value.data, "little")
    return (value.name, data, value.type) if name == "EnumValue" else (data, value.type)


def _error(code: int, name: str) -> OSError:
    """Return *code* as Python's winreg raises it."""
    try:
        text = Win32Error(code).name
    except ValueError:
        text = f"error {code}"
    error = OSError(_ERRNO.get(code, 22), f"{name}: {text}")
    error.winerror = code  # type: ignore[attr-defined]
    return error


class _untraced:  # noqa: N801 - it is used as a function
    """Have no lines counted meanwhile: what runs is not the user's."""

    def __enter__(self) -> None:
        self._tracer = sys.gettrace()
        sys.settrace(None)

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._tracer)


@contextmanager
def _undisturbed(run: Rerun) -> Iterator[None]:
    """Have nothing collected while the code runs, and it stopped when it comes to no call."""
    was, tracer, steps = gc.isenabled(), sys.gettrace(), 0

    def count(frame: FrameType, event: str, _argument: object) -> Any:  # noqa: ANN401 - a tracer
        nonlocal steps
        if frame.f_code.co_filename in _OURS:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False  # a loop may be all of one line
        steps += event == "opcode"
        if event == "return" and frame.f_code.co_filename == run.function.__code__.co_filename:
            run.left(frame.f_lineno)
        if steps > MOST_STEPS:
            run.refused("it runs and runs, and comes to no call of win")
            raise SuspendedError
        return count

    gc.disable()
    sys.settrace(count)
    try:
        yield
    finally:
        sys.settrace(tracer)
        if was:
            gc.enable()

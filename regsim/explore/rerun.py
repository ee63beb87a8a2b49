"""Running plain code again and again with recorded answers, up to the call that has none yet.

No greenlets and no threads: where the code comes to a call that nobody has answered, it is looked
at as it stands and then abandoned; once there is an answer it is run again from its start. What it
does between two calls happens at once, together with the last step of the first.
"""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import CodeType, FrameType, FunctionType, TracebackType
from typing import Any, Final, Self

import attrs

from regsim.actors.stage import USER
from regsim.errors import DataError, UnknownNameError
from regsim.explore.standing import Place, UnorderedError, stand
from regsim.kernel.calls import Call
from regsim.kernel.expr import HandleVar, Scope, Var
from regsim.kernel.operations import Gives
from regsim.kernel.process import Scalar
from regsim.kernel.steps import Act, Forget, Set, Update
from regsim.policy import Dialect
from regsim.status import Win32Error
from regsim.types import Access, PredefinedKey, Value, ValueType
from regsim.win32 import advapi, advapi_data, advapi_hive, advapi_trees, ntdll, userenv
from regsim.win32.plans import Planned

MOST_STEPS: Final = 100_000
"""How many instructions one run may take before it is taken never to come to the next call."""
USERS: Final = {"user": USER}
"""Who can be impersonated, by name."""
_HOMES: Final = (advapi, advapi_data, advapi_hive, advapi_trees, ntdll, userenv)
_ERRNO: Final = {2: 2, 3: 2, 5: 13, 183: 17}
"""The numbers of errors of which Python has a class of its own: not found, denied, exists."""


class PlainCodeError(DataError):
    """Plain code that cannot be explored: where it stands, why, and what to do instead."""


class SuspendedError(BaseException):
    """Raised in the user's code where it has come to a call without an answer."""


@attrs.frozen
class Request:
    """What the code asks for where it stands.

    Attributes:
        kind: ``call``, ``wait``, ``work``, ``acquire``, or ``end`` where the function is over.
        name: the call's, or what is waited for.
        planned: the call, for ``call``.
        gives: the name of the handle that it gives; "" where it gives none.
        closes: the name of the handle that it closes; "" where it closes none.
        uses: the names of the handles that it is given.
        place: where the code stands.
        asked: what a later run recognises it by.
        auto: whether what it gives is closed with the last reference, as Python's winreg does.
    """

    kind: str
    name: str
    place: Place
    text: str = ""
    planned: Planned | None = None
    gives: str = ""
    closes: str = ""
    uses: tuple[str, ...] = ()
    auto: bool = False
    asked: Hashable = None

    @property
    def gives_handle(self) -> bool:
        """Whether it is a call that gives a handle."""
        if not isinstance(self.planned, Call):
            return False
        steps = (s.op for s in self.planned.plan.steps if s.op is not None)
        result = self.planned.plan.result
        return any(s.operation.gives is not Gives.NOTHING and s.into == result for s in steps)


@attrs.frozen
class Told:
    """What a call answered: its error, and what it stored, where that is no handle."""

    error: int = 0
    value: Any = None
    handle: bool = False


@attrs.frozen
class Entry:
    """One line of what a run is told: the request, recognised by *asked*, and the answer.

    ``asked`` is None for a shared variable, whose name is *name*.
    """

    name: str
    asked: Hashable
    told: Any
    gives: str = ""


@attrs.frozen
class Reached:
    """Where a run has come to, and what it did on the way since its last answer."""

    request: Request
    updates: tuple[Update, ...]
    log: tuple[Entry, ...]


class Key:
    """A key that the code has opened."""

    calls: CodeType

    def __init__(self, run: Run, name: str, *, auto: bool) -> None:
        self._run, self.name, self.auto, self.closed = run, name, auto, False

    def frozen(self) -> Hashable:
        """Return which of the thread's handles it is; all that are closed are alike."""
        return ("closed key",) if self.closed else ("key", self.name, self.auto)

    def Close(self) -> None:  # noqa: N802 - the name that Python's winreg has
        """Close it, as Python's winreg does; nothing where it is closed."""
        if not self.closed:
            self._run.call("RegCloseKey", (self,), {}, Key.Close.__code__)

    def __enter__(self) -> Self:
        """Return it; the end of the statement closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        if not self.closed:
            self._run.call("RegCloseKey", (self,), {}, Key.__exit__.__code__)

    def __bool__(self) -> bool:
        return not self.closed

    def __del__(self) -> None:
        self._run.dropped(self)


Key.calls = Key.Close.__code__


class Shared:
    """The variables of the process, which its threads share; each begins at 0."""

    _run: Run

    def __init__(self, run: Run) -> None:
        object.__setattr__(self, "_run", run)

    def frozen(self) -> Hashable:
        """Return that it is the one object of its kind."""
        return ("shared variables",)

    def __getattr__(self, name: str) -> Scalar:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._run.read(name)

    def __setattr__(self, name: str, value: Scalar) -> None:
        self._run.write(name, value)


class Function:
    """One of the functions that `Win` offers."""

    def __init__(self, run: Run, name: str) -> None:
        self._run, self._name = run, name

    calls: CodeType

    def frozen(self) -> Hashable:
        """Return which function it is."""
        return ("function", self._name)

    def __call__(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - those of each
        """Make the call."""
        return self._run.call(self._name, arguments, named, Function.__call__.__code__)


Function.calls = Function.__call__.__code__


class Win:
    """What plain code is given: the registry, and what else of the system it may use.

    Every registry function of `regsim.Api` is here; what it gives comes back, and an error is
    raised as Python's `winreg` does: an OSError with its number in ``winerror``.
    """

    managers: Final = ("impersonating", "lock")
    calls: CodeType = Function.__call__.__code__

    def __init__(self, run: Run) -> None:
        self._run = run
        self.shared = Shared(run)

    def frozen(self) -> Hashable:
        """Return that it is the one object of its kind."""
        return ("win",)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - functions and constants
        if name.startswith("__"):
            raise AttributeError(name)
        if name.startswith("HKEY_"):
            found = {key.hkey: key for key in PredefinedKey}
            if name in found:
                return found[name]
        elif name.startswith("KEY_") and name[4:] in Access.__members__:
            return int(Access[name[4:]])
        elif name in CALLS or name in _WINREG or name in _OTHER[:2]:
            return Function(self._run, name)
        known = (*CALLS, *_WINREG, *_OTHER[:2], *self.managers, "shared", "HKEY_CURRENT_USER")
        raise self._run.refused(str(UnknownNameError("name of win", name, known)))

    def impersonating(self, user: str) -> _Impersonating:
        """Act as *user* inside a ``with`` statement; afterwards as the process again."""
        if user not in USERS:
            raise self._run.refused(str(UnknownNameError("user", user, USERS)))
        return _Impersonating(self._run, user)

    def lock(self, name: str) -> _Locked:
        """Enter the critical section *name* of the process; leave it with the ``with`` statement.

        Entering waits until no other thread is inside; it is not to be entered twice.
        """
        self._run.call("enter", (name,), {}, Win.lock.__code__)
        return _Locked(self._run, name)


class _Locked:
    def __init__(self, run: Run, name: str) -> None:
        self._run, self._name = run, name

    def frozen(self) -> Hashable:
        """Return which one it is."""
        return ("locked", self._name)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._run.update(Set(section(self._name), None))


def section(name: str) -> Var:
    """Return the variable of the process that is 1 while a thread is in critical section *name*."""
    return Var(f"lock {name}", Scope.PROCESS)


class _Impersonating:
    def __init__(self, run: Run, user: str) -> None:
        self._run, self._user = run, user

    def frozen(self) -> Hashable:
        """Return whom it acts as."""
        return ("impersonating", self._user)

    def __enter__(self) -> None:
        self._run.update(Act("impersonate", (USERS[self._user],)))

    def __exit__(self, *_: object) -> None:
        self._run.update(Act("revert"))


def _offered() -> dict[str, Callable[..., Planned]]:
    """Return the functions that plan a registry call, by the name that `Api` has for them."""
    from regsim.win32.api import Api  # noqa: PLC0415 - only for its names

    found = {}
    for name in vars(Api):
        if name[0].isupper():
            home = next((each for each in _HOMES if hasattr(each, name)), None)
            if home is not None:
                found[name] = getattr(home, name)
    return found


CALLS: Final[Mapping[str, Callable[..., Planned]]] = _offered()
_WINREG: Final = {
    "OpenKey": "RegOpenKeyEx",
    "OpenKeyEx": "RegOpenKeyEx",
    "CreateKey": "RegCreateKeyEx",
    "CreateKeyEx": "RegCreateKeyEx",
    "CloseKey": "RegCloseKey",
    "QueryValueEx": "RegQueryValueEx",
    "SetValueEx": "RegSetValueEx",
    "DeleteKey": "RegDeleteKey",
    "DeleteValue": "RegDeleteValue",
    "EnumKey": "RegEnumKeyEx",
    "EnumValue": "RegEnumValue",
    "FlushKey": "RegFlushKey",
}
"""Python's own names, and the functions behind them."""
_OPENERS: Final = ("OpenKey", "OpenKeyEx", "CreateKey", "CreateKeyEx")
_OTHER: Final = ("wait", "work", "enter")


class Run:
    """One run of the code: what it is told, and what it has come to.

    Args:
        function: the plain code.
        dialect: the generation it runs on.
        log: what it was told until the last time.
        shared: the values of the process's variables now, for what is read from here on.
    """

    def __init__(
        self,
        function: FunctionType,
        dialect: Dialect,
        log: Sequence[Entry],
        shared: Mapping[str, Scalar],
    ) -> None:
        self.function, self.dialect = function, dialect
        self.log, self.shared = list(log), dict(shared)
        self._at = 0
        self._updates: list[Update] = []
        self._keys: weakref.WeakValueDictionary[str, Key] = weakref.WeakValueDictionary()
        self._open: dict[str, bool] = {}
        self._leaving: list[str] = []
        self._reached: Request | None = None
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
            while self._leaving:
                self._closing(line)
        except SuspendedError:
            return
        for name in [name for name in self._open if not self._open[name]]:
            self._forget(name)
        self.update(Act("revert"))
        self._reached = Request("end", how, Place(("over", how, line), True, line))

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
        self._awake()
        while self._leaving:
            self._closing(0)
        request = self._request(name, arguments, named)
        return self._point(request, leaf)

    def _awake(self) -> None:
        if self._reached is not None or self._error is not None:
            raise SuspendedError

    def _closing(self, line: int) -> None:
        """Close a key whose last reference is gone."""
        name = self._leaving[0]
        planned = self._plan("RegCloseKey", (HandleVar(name),), {})
        place = Place(("dropped", tuple(self._leaving)), False, line, "a key was dropped")
        self._answered(Request("call", "RegCloseKey", place, "", planned, closes=name), None)
        self._leaving.pop(0)

    def _request(self, name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Request:
        place = Place((), True, 0)
        if name in _OTHER:
            given = str(arguments[0]) if arguments else name
            text = {"wait": "waits for", "work": "works:", "enter": "enters"}[name]
            return Request(name, given, place, f"({text} {given})")
        real, auto = _WINREG.get(name, name), name in _OPENERS
        if auto:
            arguments, named = _as_winreg(arguments, named)
        keys = [each for each in (*arguments, *named.values()) if isinstance(each, Key)]
        for key in keys:
            if key.closed:
                raise self.refused(f"{name} uses a key that the code has closed already")
        values = tuple(HandleVar(e.name) if isinstance(e, Key) else e for e in arguments)
        others = {n: HandleVar(e.name) if isinstance(e, Key) else e for n, e in named.items()}
        planned = self._plan(real, values, others)
        closes = keys[0].name if real in ("RegCloseKey", "NtClose") and keys else ""
        uses = tuple(key.name for key in keys)
        return Request("call", name, place, "", planned, closes=closes, uses=uses, auto=auto)

    def _plan(self, name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Planned:
        try:
            return CALLS[name](self.dialect, *arguments, **named)
        except TypeError as error:
            raise self.refused(str(error)) from None

    def _point(self, request: Request, leaf: CodeType) -> Any:  # noqa: ANN401
        frames = self._standing()
        told = self._answered(request, (frames, leaf))
        if told.error:
            raise _error(told.error, request.name)
        return _as_given(request.name, told.value)

    def _answered(self, request: Request, where: Any) -> Any:  # noqa: ANN401
        """Return what *request* was told; stop where nobody has told it anything."""
        frames = where[0] if where is not None else ()
        asked = (
            request.kind,
            request.name,
            request.closes,
            request.text,
            tuple((frame.f_code.co_name, frame.f_lasti) for frame in frames),
        )
        if self._at == len(self.log):
            try:
                place = request.place if where is None else stand(*where)
            except UnorderedError as error:
                raise self.refused(str(error)) from None
            self._reached = self._look(request, place, asked)
            raise SuspendedError
        entry = self.log[self._at]
        self._expect(entry.asked == asked and entry.name == request.name)
        self._at += 1
        told = entry.told
        if request.closes:
            key = self._keys.get(request.closes)
            if key is not None:
                key.closed = True
            self._open.pop(request.closes, None)
        if entry.gives and told.handle:
            key = Key(self, entry.gives, auto=request.auto)
            self._keys[entry.gives] = key
            self._open[entry.gives] = request.auto
            return attrs.evolve(told, value=key)
        return told

    def _look(self, request: Request, place: Place, asked: tuple[Hashable, ...]) -> Request:
        """Return *request* as it is made here, where the code stands at *place*."""
        kept = {*_names_in(place.key), *request.uses}
        held = []
        for name, auto in list(self._open.items()):
            if name in kept:
                continue
            if auto:
                held.append(name)  # it stays open while anything refers to it
            else:
                self._forget(name)
        gives = ""
        if request.kind == "call":
            gives = self._fresh(f"key of line {place.line}", {*kept, *held})
        key = (place.key, tuple(held), *asked[:-1], _arguments(request.planned))
        at = attrs.evolve(place, key=key)
        return attrs.evolve(request, place=at, gives=gives, asked=asked)

    def _fresh(self, name: str, taken: set[str]) -> str:
        number, found = 1, name
        while found in taken:
            number += 1
            found = f"{name} ({number})"
        return found

    def _forget(self, name: str) -> None:
        del self._open[name]
        self.update(Forget(HandleVar(name)))

    def _standing(self) -> list[FrameType]:
        """Return the frames of the user's code, the outermost first."""
        found: list[FrameType] = []
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - as in `go`
        while frame is not None and frame is not self._base:
            if frame.f_code.co_filename != __file__:
                found.append(frame)
            frame = frame.f_back
        found.reverse()
        return found

    # -- what it does beside -------------------------------------------------------------------

    def update(self, change: Update) -> None:
        """Have *change* happen with the last answer, unless it belongs to an earlier one."""
        if self._reached is None and self._at == len(self.log):
            self._updates.append(change)

    def read(self, name: str) -> Scalar:
        """Return the shared variable *name*."""
        self._awake()
        if self._at == len(self.log):
            value = self.shared.get(name, 0)
            self.log.append(Entry(name, None, value))
        entry = self.log[self._at]
        self._expect(entry.asked is None and entry.name == name)
        self._at += 1
        value: Scalar = entry.told
        return value

    def write(self, name: str, value: Scalar) -> None:
        """Give the shared variable *name* a value."""
        self._awake()
        if not isinstance(value, int | str):
            kind = type(value).__name__
            raise self.refused(f"shared.{name} is given a {kind}; it holds a number or a text")
        if self._at == len(self.log):
            self.shared[name] = value
        # Each begins at 0, so that one that is 0 again is as if it had never been given a value.
        kept = None if value == 0 and isinstance(value, int) else value
        self.update(Set(Var(name, Scope.PROCESS), kept))

    def dropped(self, key: Key) -> None:
        """Take note that nothing refers to *key* any more."""
        if key.auto and not key.closed and self._reached is None and not self._over:
            self._leaving.append(key.name)

    def _expect(self, same: bool) -> None:
        if not same:
            raise self.refused(
                "it does not do the same when it is told the same: plain code must not depend on "
                "time, chance, the order of a set, or what it keeps outside its own variables"
            )

    def refused(self, why: str) -> PlainCodeError:
        """Return the error that the code cannot be explored, with the line where it stands."""
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
        line = 0
        while frame is not None and not line:
            if frame.f_code.co_filename == self._file:
                line = frame.f_lineno
            frame = frame.f_back
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


def _as_given(name: str, value: Any) -> Any:  # noqa: ANN401 - whatever the call gives
    """Return *value* as the function *name* gives it: as Python does, if the name is Python's."""
    if not isinstance(value, Value) or name not in _WINREG:
        return value
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


@contextmanager
def _undisturbed(run: Run) -> Iterator[None]:
    """Have nothing collected while the code runs, and it stopped when it comes to no call."""
    was, tracer, steps = gc.isenabled(), sys.gettrace(), 0

    def count(frame: FrameType, event: str, _argument: object) -> Any:  # noqa: ANN401 - a tracer
        nonlocal steps
        if frame.f_code.co_filename != run._file:  # noqa: SLF001 - the same room
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        steps += event == "opcode"
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

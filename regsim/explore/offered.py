"""What plain code is given: the registry's functions, and what else of the system it may use."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Mapping
from types import CodeType
from typing import TYPE_CHECKING, Any, Final, Self

from regsim.actors.stage import USER
from regsim.errors import UnknownNameError
from regsim.kernel.process import Scalar
from regsim.types import Access, PredefinedKey, Sid
from regsim.win32 import advapi, advapi_data, advapi_hive, advapi_trees, ntdll, userenv
from regsim.win32.plans import Planned

if TYPE_CHECKING:
    from regsim.explore.rerun import Rerun

USERS: Final[Mapping[str, Sid]] = {"user": USER}
"""Who can be impersonated, by name, where there is one user."""
_HOMES: Final = (advapi, advapi_data, advapi_hive, advapi_trees, ntdll, userenv)


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
"""The functions of Win32 and NT, and what plans each."""
KEYED: Final = {
    name: [*inspect.signature(plans).parameters][1:2] in (["key"], ["handle"])
    for name, plans in CALLS.items()
}
"""Whether the first thing that a function is given is a key."""
WINREG: Final = {
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
OPENERS: Final = ("OpenKey", "OpenKeyEx", "CreateKey", "CreateKeyEx")
"""Those of Python's names whose keys close with the last reference."""
_WAITS: Final = ("wait", "work")
_SECTIONS: Final = {"EnterCriticalSection": "enter", "LeaveCriticalSection": "leave"}


class OpenedKey:
    """A key that the code has opened."""

    calls: CodeType

    def __init__(self, run: Rerun, name: str, *, auto: bool) -> None:
        self._run, self.name, self.auto, self.closed = run, name, auto, False

    def frozen(self) -> Hashable:
        """Return which of the thread's handles it is; all that are closed are alike."""
        return ("closed key",) if self.closed else ("key", self.name, self.auto)

    def Close(self) -> None:  # noqa: N802 - the name that Python's winreg has
        """Close it, as Python's winreg does; nothing where it is closed."""
        if not self.closed:
            self._run.call("RegCloseKey", (self,), {}, OpenedKey.Close.__code__)

    def __enter__(self) -> Self:
        """Return it; the end of the statement closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        if not self.closed:
            self._run.call("RegCloseKey", (self,), {}, OpenedKey.__exit__.__code__)

    def __bool__(self) -> bool:
        return not self.closed

    def __del__(self) -> None:
        self._run.dropped(self)


OpenedKey.calls = OpenedKey.Close.__code__


class SharedVariables:
    """The variables of the process, which its threads share; each begins at 0.

    To read one and to write one are two steps, between which other threads may act.
    """

    accessors: tuple[CodeType, ...]
    _run: Rerun

    def __init__(self, run: Rerun) -> None:
        object.__setattr__(self, "_run", run)

    def frozen(self) -> Hashable:
        """Return that it is the one object of its kind."""
        return ("shared variables",)

    def __getattr__(self, name: str) -> Scalar:
        if name.startswith("__"):
            raise AttributeError(name)
        found: Scalar = self._run.ask("read", name, SharedVariables.__getattr__.__code__)
        return found

    def __setattr__(self, name: str, value: Scalar) -> None:
        if not isinstance(value, int | str):
            kind = type(value).__name__
            raise self._run.refused(f"shared.{name} is given a {kind}; it holds a number or a text")
        self._run.ask("write", name, SharedVariables.__setattr__.__code__, value)


SharedVariables.accessors = (
    SharedVariables.__getattr__.__code__,
    SharedVariables.__setattr__.__code__,
)


class SharedEvent:
    """An event of the computer, by its name: services share it; it begins not set.

    It stays set until somebody resets it.
    """

    def __init__(self, run: Rerun, name: str) -> None:
        self._run, self._name = run, name

    def frozen(self) -> Hashable:
        """Return which one it is."""
        return ("event", self._name)

    def set(self) -> None:
        """Set it: whoever waits for it goes on."""
        self._run.ask("set", self._name, SharedEvent.set.__code__)

    def reset(self) -> None:
        """Have it be no longer set."""
        self._run.ask("reset", self._name, SharedEvent.reset.__code__)

    def wait(self) -> bool:
        """Wait until it is set; without end where nobody sets it. Returns True."""
        self._run.ask("await", self._name, SharedEvent.wait.__code__)
        return True

    def is_set(self) -> bool:
        """Return whether it is set at this moment."""
        return bool(self._run.ask("look", self._name, SharedEvent.is_set.__code__))


class OfferedCall:
    """One of the functions that `Win` offers."""

    calls: CodeType

    def __init__(self, run: Rerun, name: str) -> None:
        self._run, self._name = run, name

    def frozen(self) -> Hashable:
        """Return which function it is."""
        return ("function", self._name)

    def __call__(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - those of each
        """Make the call."""
        if self._name in _WAITS:
            given = str(arguments[0]) if arguments else self._name
            return self._run.ask(self._name, given, OfferedCall.__call__.__code__)
        return self._run.call(self._name, arguments, named, OfferedCall.__call__.__code__)


OfferedCall.calls = OfferedCall.__call__.__code__


class Win:
    """What plain code is given as ``win``.

    Every registry function of `regsim.Api` is here; what it gives comes back, and an error is
    raised as Python's `winreg` does: an OSError with its number in ``winerror``. So are the names
    of `winreg`, whose keys close with their last reference.

    Attributes:
        shared: the variables that the threads of the process share.
    """

    managers: Final = ("impersonating", "lock")
    makes: Final = {"event": SharedEvent}
    calls: Final = OfferedCall.calls

    def __init__(self, run: Rerun) -> None:
        self._run = run
        self.shared = SharedVariables(run)

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
        elif name in CALLS or name in WINREG or name in _WAITS:
            return OfferedCall(self._run, name)
        known = (*CALLS, *WINREG, *_WAITS, *_SECTIONS, *self.managers, "event", "shared", "sid")
        raise self._run.refused(str(UnknownNameError("name of win", name, known)))

    def impersonating(self, user: str) -> _Impersonating:
        """Act as *user* inside a ``with`` statement; afterwards as the process again."""
        self._run.person(user)
        return _Impersonating(self._run, user)

    def sid(self, user: str) -> str:
        """Return the SID of *user*, as a text: the name of their key below HKEY_USERS."""
        return str(self._run.person(user))

    def event(self, name: str) -> SharedEvent:
        """Return the event of that *name*."""
        return SharedEvent(self._run, name)

    def lock(self, name: str) -> _Locked:
        """Be in the critical section *name* of the process inside a ``with`` statement.

        Entering waits until no other thread is inside; who is inside may enter again.
        """
        self._run.enter(name, Win.lock.__code__)
        return _Locked(self._run, name)

    def EnterCriticalSection(self, name: str) -> None:  # noqa: N802 - Win32's name
        """Enter the critical section *name*, as `lock` does, until it is left as often."""
        self._run.enter(name, Win.EnterCriticalSection.__code__)

    def LeaveCriticalSection(self, name: str) -> None:  # noqa: N802 - Win32's name
        """Leave the critical section *name*."""
        self._run.leave(name)


class _Locked:
    def __init__(self, run: Rerun, name: str) -> None:
        self._run, self._name = run, name

    def frozen(self) -> Hashable:
        """Return which one it is."""
        return ("locked", self._name)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._run.leave(self._name)


class _Impersonating:
    def __init__(self, run: Rerun, user: str) -> None:
        self._run, self._user = run, user

    def frozen(self) -> Hashable:
        """Return whom it acts as."""
        return ("impersonating", self._user)

    def __enter__(self) -> None:
        self._run.act_as(self._run.person(self._user))

    def __exit__(self, *_: object) -> None:
        self._run.act_as(None)

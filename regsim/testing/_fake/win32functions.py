"""What the modules of pywin32 have in common: a process, its handles, and how a call fails."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from types import ModuleType
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar, cast

import attrs

from regsim.errors import UsageError
from regsim.kernel.process import Token
from regsim.testing._fake.binding import Binding, site_above
from regsim.testing._fake.hkey import HKEYType
from regsim.testing._fake.pyhandle import PyHANDLE, PyHKEY, error, failed, new_handle
from regsim.win32.api import Api
from regsim.win32.plans import Reply

P = ParamSpec("P")
T = TypeVar("T")

INVALID_HANDLE = 6
INVALID_PARAMETER = 87
PAUSE = 0.001
"""How long a wait sleeps between two looks, in seconds."""
PATIENCE = 30.0
"""After how many seconds the main thread's wait without an end is given up: a test would hang."""
FIRST = 0x10000
"""Numbers of the handles that are no keys begin here, above those that a test can open."""


@attrs.define
class Signal:
    """An event: its name in the machine, and whether a wait leaves it signalled."""

    name: str
    manual: bool


class Win32Process:
    """What one process has besides its keys: handles on tokens and events, which close nothing."""

    def __init__(self, binding: Binding) -> None:
        self.binding = binding
        self.objects: dict[int, Token | Signal] = {}
        self.numbers: Iterator[int] = count(FIRST, 4)

    def give(self, what: Token | Signal) -> PyHANDLE:
        """Return a new handle on *what*."""
        number = next(self.numbers)
        self.objects[number] = what
        return new_handle(self, PyHANDLE, number)

    def event(self, *, manual: bool = False) -> Signal:
        """Return a new event, not signalled."""
        return Signal(f"{self.binding.process.pid}:{next(self.numbers)}", manual)

    def wait(self, event: Signal, seconds: float | None) -> bool:
        """Wait until *event* is signalled, for at most *seconds*; return whether it is.

        Raises `UsageError` for a wait without an end that no other thread could end, or that none
        ended for the main thread within `PATIENCE`.
        """
        signalled = self.binding.machine.signalled
        forever = seconds is None
        if forever and threading.current_thread() is threading.main_thread():
            seconds = PATIENCE
        end = None if seconds is None else time.monotonic() + seconds
        while event.name not in signalled:
            if forever and threading.active_count() < 2:
                raise UsageError("this wait would never end: no other thread runs")
            if end is not None and time.monotonic() >= end:
                if forever:
                    raise UsageError(f"no other thread ended this wait within {PATIENCE:g} seconds")
                return False
            time.sleep(PAUSE)
        if not event.manual:
            signalled.discard(event.name)
        return True

    def number(self, handle: object) -> int:
        """Return the number that *handle* means here, as 64 bits without a sign; None is 0.

        Raises TypeError for what has no number, and `UsageError` for another process's handle.
        """
        if handle is None:
            return 0
        if isinstance(handle, PyHANDLE):
            if handle._owner.binding is not self.binding:  # noqa: SLF001 - as a class of these
                raise UsageError("this handle was opened through another winreg's process")
            return int(handle) & 0xFFFFFFFFFFFFFFFF
        if isinstance(handle, HKEYType):
            return self.binding.number(handle)
        try:
            value: int = int(handle)  # type: ignore[call-overload]
        except (TypeError, ValueError):
            raise TypeError("The object is not a PyHANDLE object") from None
        if not -(1 << 63) <= value < 1 << 64:
            raise TypeError("The object is not a PyHANDLE object")
        return value & 0xFFFFFFFFFFFFFFFF

    def what(self, kind: type[T], handle: object, function: str) -> T:
        """Return what of *kind* is behind *handle*; raise `error` 6 where nothing such is."""
        found = self.objects.get(self.number(handle))
        if not isinstance(found, kind):
            raise failed(INVALID_HANDLE, function)
        return found

    def close(self, kind: type[PyHANDLE], handle: int) -> None:
        """Close the *handle* of an object of *kind*."""
        if kind is not PyHKEY:
            if self.objects.pop(handle, None) is None:
                raise failed(INVALID_HANDLE, "CloseHandle")
            return
        try:
            self.binding.call_from(None, Api.RegCloseKey, handle)
        except OSError as problem:
            raise _of(problem, "RegCloseKey") from None

    def let_go(self, kind: type[PyHANDLE], handle: int) -> None:
        """Close the *handle* of an object of *kind* that is gone."""
        if kind is PyHKEY:
            self.binding.let_go(handle)
        else:
            self.objects.pop(handle, None)


class Functions(ModuleType):
    """A module of pywin32's as one process calls it: its registry functions and what these need.

    What else the real module has comes from there, where it is installed.
    """

    error = error
    constants: ClassVar[Mapping[str, Any]] = {}
    _names: ClassVar[list[str]] = []

    def __init_subclass__(cls) -> None:
        """Give the module its constants, and have the functions be called what they are."""
        calls = [name for name in vars(cls) if name[0].isupper()]
        for name in calls:
            call = getattr(cls, name)
            if not isinstance(call, type):
                call.__qualname__ = name  # errors name it
        for name, value in cls.constants.items():
            setattr(cls, name, value)
        cls._names = sorted({*calls, *cls.constants, "error"})

    def __init__(self, name: str, process: Win32Process) -> None:
        super().__init__(name, type(self).__doc__)
        self.process, self.binding, self.__all__ = process, process.binding, self._names

    def __dir__(self) -> list[str]:
        """Return what a module with these functions in it would."""
        return sorted({*super().__dir__(), *self._names})

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the real one has
        """Return what the installed module has under *name*; there may be none."""
        real = sys.modules.get(self.__name__)
        if real is not None and not isinstance(real, Functions) and not name.startswith("__"):
            return getattr(real, name)
        raise AttributeError(
            f"the simulated {self.__name__} has no {name!r}, only what the registry needs"
        )

    def _key(self, handle: int) -> PyHKEY:
        return cast("PyHKEY", new_handle(self.process, PyHKEY, handle))

    def _call(
        self,
        function: str,
        work: Callable[Concatenate[Api, P], Reply],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Any:  # noqa: ANN401 - any result
        """Have the thread do *work*; what fails is told as *function*'s failure."""
        site = site_above(2)
        try:
            return self.binding.call_from(site, work, *args, **kwargs)
        except OSError as problem:
            raise _of(problem, function) from None


def _of(problem: OSError, function: str) -> error:
    return failed(problem.winerror, function)  # type: ignore[attr-defined,unused-ignore]


def text(value: object) -> str:
    """Return *value*, a text up to its first NUL; raise pywin32's TypeError otherwise."""
    if value is None:
        raise TypeError("None is not a valid string in this context")
    if not isinstance(value, str):
        kind = type(value).__name__
        raise TypeError(f"Objects of type '{kind}' can not be converted to Unicode.")
    return value.split("\0", 1)[0]


def text_or_none(value: object) -> str | None:
    """Return None, or *value* as `text` does."""
    return None if value is None else text(value)


def number(value: object) -> int:
    """Return *value* as 32 bits, where it fits into a C int; raise otherwise."""
    if not isinstance(value, int):
        kind = type(value).__name__
        raise TypeError(f"'{kind}' object cannot be interpreted as an integer")
    if not -(1 << 31) <= value < 1 << 31:
        raise OverflowError("Python int too large to convert to C long")
    return value & 0xFFFFFFFF


def mask(value: object) -> int:
    """Return the low 32 bits of *value*, as C takes an unsigned long that nobody checks."""
    if not isinstance(value, int):
        raise TypeError(f"an integer is required (got type {type(value).__name__})")
    return value & 0xFFFFFFFF

"""Libraries of Windows as ``ctypes`` gives them: functions are attributes."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from regsim.testing._fake.binding import Site, site_above
from regsim.testing._fake.oserror import windows_error


class Code(Protocol):
    """A function of a library; the place of the call in a program comes first."""

    parameters: int

    def __call__(self, site: Site | None, *args: Any) -> int:  # noqa: ANN401 - what is passed
        """Return the result of the call."""


class LastError(threading.local):
    """The last error of each thread: the system's, and the copy that ctypes keeps."""

    system = 0
    private = 0


class Function:
    """One function of a library, called as a foreign function of ctypes is.

    ``argtypes``, ``restype`` and ``errcheck`` can be set, and are regarded.
    """

    def __init__(self, name: str, work: Code, library: Library) -> None:
        self.__name__ = name
        self._work, self._library = work, library
        self._count = work.parameters
        self.argtypes: Sequence[Any] | None = None
        self.restype: Any = ctypes.c_int
        self.errcheck: Callable[..., Any] | None = None

    def __call__(self, *args: Any) -> Any:  # noqa: ANN401 - as its types say
        """Call it; raises `ctypes.ArgumentError` and TypeError as ctypes does for arguments."""
        site = site_above(1)
        if len(args) < max(self._count, len(self.argtypes or ())):
            wanted = max(self._count, len(self.argtypes or ()))
            raise TypeError(
                f"{self.__name__}: this function takes at least {wanted} "
                f"argument{'s' * (wanted != 1)} ({len(args)} given)"
            )
        given = self._converted(args)
        last = self._library.last
        if self._library.keeps_error:
            last.system, last.private = last.private, last.system
        code = self._work(site, *given[: self._count])
        if self._library.keeps_error:
            last.system, last.private = last.private, last.system
        result = self._result(code)
        return result if self.errcheck is None else self.errcheck(result, self, args)

    def _converted(self, args: Sequence[Any]) -> list[Any]:
        """Return the arguments, each as its type makes it; a pointer's may be what it points to."""
        given = list(args)
        for index, (kind, value) in enumerate(zip(self.argtypes or (), args, strict=False)):
            try:
                made = kind.from_param(value)
            except (TypeError, ctypes.ArgumentError) as error:
                raise ctypes.ArgumentError(f"argument {index + 1}: {error}") from None
            if not (isinstance(kind, type) and issubclass(kind, _DATA)):
                given[index] = made
            elif _holds(kind, value):
                given[index] = ctypes.byref(value)
        return given

    def _result(self, code: int) -> Any:  # noqa: ANN401 - as restype says
        kind = self.restype
        if kind is None:
            return None
        if kind is HRESULT and code & 0x80000000:
            raise windows_error(code & 0xFFFFFFFF)
        if isinstance(kind, type) and issubclass(kind, _SIMPLE):
            made = kind(code)
            return made.value if kind is HRESULT or kind.__mro__[1] is _SIMPLE else made
        return kind(ctypes.c_int(code).value)

    def __repr__(self) -> str:
        return f"<{self.__name__} of the simulated {self._library._name}>"  # noqa: SLF001


class HRESULT(ctypes.c_int32):
    """A result of COM's functions: as a function's ``restype`` it raises for failures."""


_SIMPLE: Any = ctypes.c_int.__mro__[1]
_DATA: Any = ctypes.c_int.__mro__[2]


def _holds(kind: Any, value: object) -> bool:  # noqa: ANN401 - a type of ctypes
    """Return whether *value* is what a pointer of type *kind* points to."""
    inner = getattr(kind, "_type_", None)
    return isinstance(inner, type) and isinstance(value, inner)


class Library:
    """A library by its name, with the functions that a simulated system has in it.

    Args:
        name: its name, without ``.dll``.
        functions: them, by name.
        last: the errors of the process's threads.
        keeps_error: whether calls exchange ctypes' copy of the last error.
    """

    def __init__(
        self,
        name: str,
        functions: Mapping[str, Code],
        last: LastError,
        *,
        keeps_error: bool = False,
    ) -> None:
        self._name = name
        self._functions = functions
        self._handle = 0x7FF800000000 + sum(map(ord, name)) * 0x10000
        self.last, self.keeps_error = last, keeps_error

    def __getattr__(self, name: str) -> Function:
        """Return the function, always the same one; AttributeError where there is none."""
        if name.startswith("__"):
            raise AttributeError(name)
        made = self[name]
        setattr(self, name, made)
        return made

    def __getitem__(self, name: str) -> Function:
        """Return the function, another one each time."""
        if name not in self._functions:
            raise AttributeError(f"function {name!r} not found in the simulated {self._name}.dll")
        return Function(name, self._functions[name], self)

    def __repr__(self) -> str:
        return f"<the simulated {self._name}.dll>"

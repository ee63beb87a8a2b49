"""What pywin32's functions give and raise: handles, SIDs, their error.

As pywin32 312 has them (``pywintypes``; its ``PyHANDLE.cpp``, ``PySID.cpp``; documented).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NoReturn, Protocol

from regsim.testing._fake.hkey import FIRST_HIGH
from regsim.testing._fake.oserror import error_text


class error(Exception):  # noqa: N801, N818 - the name that pywin32 has
    """A Win32 function failed: ``winerror``, ``funcname`` and ``strerror``, also in ``args``."""

    def __init__(self, *args: Any) -> None:  # noqa: ANN401 - programs raise it too, with anything
        super().__init__(*args)
        self.winerror, self.funcname, self.strerror = (*args, None, None, None)[:3]


def failed(code: int, function: str) -> error:
    """Return the exception for Win32 *code* from *function*, in the words of FormatMessage."""
    return error(int(code), function, f"{error_text(code)}.")


class HandleOwner(Protocol):
    """The functions of the process that a handle object belongs to."""

    def close(self, kind: type[PyHANDLE], handle: int) -> None:
        """Close a handle, and raise `error` where that fails."""

    def let_go(self, kind: type[PyHANDLE], handle: int) -> None:
        """Close *handle*, whose object is gone, now or as soon as that can be done."""


class PyHANDLE:
    """A handle that closes itself when Python lets go of it.

    It is true and has a number until it is closed or detached, and equals what has its number.
    Unlike that of ``winreg`` it is no context manager.
    """

    __slots__ = ("_handle", "_owner")

    _handle: int
    _owner: Any  # an HandleOwner
    _said = "PyHANDLE"

    def __new__(cls, *_args: object) -> PyHANDLE:  # noqa: PYI034 - it makes none
        """Refuse: only functions make them."""
        raise TypeError(f"cannot create '{cls.__name__}' instances")

    @property
    def handle(self) -> int:
        """The number; 0 when it is closed or detached."""
        return int(self)

    def Close(self) -> None:
        """Close the handle; a second time does nothing."""
        handle, self._handle = self._handle, 0
        if handle:
            self._owner.close(type(self), handle)

    close = Close

    def Detach(self) -> int:
        """Return the number and forget it, without closing: 0 when it is closed or detached."""
        handle, self._handle = int(self), 0
        return handle

    def __del__(self, _ending: Callable[[], bool] = sys.is_finalizing) -> None:
        """Close the handle that nobody can close any more, unless Python itself is ending."""
        if self._handle and not _ending():
            self._owner.let_go(type(self), self._handle)

    def __reduce__(self) -> NoReturn:
        """Refuse: a handle means nothing to another process."""
        raise TypeError("cannot pickle 'PyHANDLE' object")

    def __bool__(self) -> bool:
        """Return whether it still has a handle."""
        return self._handle != 0

    def __int__(self) -> int:
        """Return the number as a signed pointer; that of a predefined key is negative."""
        return self._handle - (1 << 32) if self._handle >= FIRST_HIGH else self._handle

    def __eq__(self, other: object) -> bool:
        """Return whether *other*, a handle or a number, has the same number."""
        if not isinstance(other, PyHANDLE | int):
            return NotImplemented
        return int(self) == int(other)

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<{self._said}:{int(self)}>"

    def _refuse(self, *_others: object) -> NoReturn:
        """Refuse to be calculated with, in the words of the real type."""
        raise TypeError("bad operand type")

    __add__ = __sub__ = __mul__ = __mod__ = __divmod__ = __pow__ = _refuse
    __lshift__ = __rshift__ = __and__ = __or__ = __xor__ = _refuse
    __neg__ = __pos__ = __abs__ = __invert__ = __float__ = _refuse


class PyHKEY(PyHANDLE):
    """A handle to a registry key, or the number of a predefined one; its type says less."""

    __slots__ = ()
    _said = "PyHKEY"


PyHKEY.__name__ = PyHKEY.__qualname__ = PyHANDLE.__name__


def new_handle(owner: HandleOwner, kind: type[PyHANDLE], handle: int) -> PyHANDLE:
    """Return a handle object of *kind* that is *owner*'s."""
    made = object.__new__(kind)
    made._handle = handle if handle < FIRST_HIGH else handle & 0xFFFFFFFF
    made._owner = owner
    return made


class PySID:
    """Who somebody is; equal where the SID is."""

    __slots__ = ("_sid",)

    def __init__(self, sid: str) -> None:
        self._sid = sid

    def IsValid(self) -> bool:
        """Return True."""
        return True

    def __eq__(self, other: object) -> bool:
        return other._sid == self._sid if isinstance(other, PySID) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._sid)

    def __str__(self) -> str:
        return f"PySID:{self._sid}"


def sid_text(sid: object) -> str:
    """Return *sid*, a `PySID`, as text; raise TypeError for what is none."""
    if not isinstance(sid, PySID):
        raise TypeError("The object is not a PySID object")
    return sid._sid  # noqa: SLF001 - its own module

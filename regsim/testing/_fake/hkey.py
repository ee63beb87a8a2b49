"""The handle object: a kernel handle that closes itself when Python lets go of it."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, NoReturn, Protocol

from regsim.accel import Owned
from regsim.testing._fake import arguments
from regsim.testing._fake.constants import HIGH

FIRST_HIGH = 0x80000000
"""Numbers from here on are predefined keys, not handles."""


class Owner(Protocol):
    """The process that a handle object belongs to."""

    def CloseKey(self, hkey: HKEYType | int | None, /) -> None:
        """Close a handle, and raise `OSError` where that fails."""

    def let_go(self, handle: int) -> None:
        """Close *handle*, whose object is gone, now or soon, or not where Python ends."""


class _Sealed(type):
    """A class that nobody can change, extend or call."""

    def __setattr__(cls, name: str, value: object) -> NoReturn:
        raise TypeError(f"cannot set {name!r} attribute of immutable type 'winreg.PyHKEY'")

    def __delattr__(cls, name: str) -> NoReturn:
        raise TypeError(f"cannot delete {name!r} attribute of immutable type 'winreg.PyHKEY'")

    def __call__(cls, *_args: object, **_kwargs: object) -> NoReturn:
        raise TypeError("cannot create 'winreg.PyHKEY' instances")


class HKEYType(Owned, metaclass=_Sealed):
    """A handle to a registry key, or the number of a predefined one.

    It is true and has a number until it is closed or detached, is compared and hashed by identity,
    closes in a ``with`` statement and on destruction.
    """

    __slots__ = ()

    def __init_subclass__(cls, **_kwargs: object) -> NoReturn:
        """Refuse: the type is final."""
        raise TypeError("type 'winreg.PyHKEY' is not an acceptable base type")

    @property
    def handle(self) -> int:
        """The handle as a C int: of a predefined key the low 32 bits, which reads as negative."""
        low = self._handle & 0xFFFFFFFF
        return low - (1 << 32) if low >= FIRST_HIGH else low

    def Close(self) -> None:
        """Close the handle; a second time does nothing."""
        self._owner.CloseKey(self)

    def Detach(self) -> int:
        """Return the number and forget it, without closing: 0 when it is closed or detached."""
        sys.audit("winreg.PyHKEY.Detach", signed(self._handle))
        handle, self._handle = self._handle, 0
        return handle

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        """Close the handle."""
        self._owner.CloseKey(self)

    def __reduce__(self) -> NoReturn:
        """Refuse: a handle means nothing to another process."""
        raise TypeError("cannot pickle 'PyHKEY' object")

    def __bool__(self) -> bool:
        """Return whether it still has a handle."""
        return self._handle != 0

    def __int__(self) -> int:
        """Return the handle's number; 0 when it is closed or detached."""
        return self._handle

    def __str__(self) -> str:
        return f"<PyHKEY:0x{self._handle:016X}>"

    def _refuse(self, *_others: object) -> NoReturn:
        """Refuse to be calculated with, in the words of the real type."""
        raise TypeError("bad operand type")

    __add__ = __sub__ = __mul__ = __mod__ = __divmod__ = __pow__ = _refuse
    __lshift__ = __rshift__ = __and__ = __or__ = __xor__ = _refuse
    __radd__ = __rsub__ = __rmul__ = __rmod__ = __rdivmod__ = __rpow__ = _refuse
    __rlshift__ = __rrshift__ = __rand__ = __ror__ = __rxor__ = _refuse
    __neg__ = __pos__ = __abs__ = __invert__ = _refuse


arguments.NAMES[HKEYType] = "winreg.PyHKEY"
arguments.NAMES[_Sealed] = "type"
_Sealed.__name__ = "type"
type.__setattr__(HKEYType, "__name__", "PyHKEY")
type.__setattr__(HKEYType, "__qualname__", "PyHKEY")
type.__setattr__(HKEYType, "__module__", "winreg")

_new = object.__new__


def new_hkey(owner: Owner, handle: int) -> HKEYType:
    """Return a handle object of *owner*; a predefined key's number is sign-extended."""
    made: Any = _new(HKEYType)
    made._handle = handle if handle < FIRST_HIGH else handle | HIGH  # noqa: SLF001
    made._owner = owner  # noqa: SLF001
    return made  # type: ignore[no-any-return]


def signed(handle: int) -> int:
    """Return *handle* as the Py_ssize_t that audit events carry."""
    return handle - (1 << 64) if handle >= 1 << 63 else handle


def number_of(key: object) -> int:
    """Return the handle that *key* means, as 64 bits without a sign.

    Raises:
        TypeError: it is neither a handle object nor an integer.
        OverflowError: the integer does not fit into a pointer.
    """
    if key.__class__ is HKEYType:
        return key._handle  # noqa: SLF001
    if isinstance(key, int):
        if not -(1 << 63) <= key < 1 << 64:
            raise OverflowError("int too big to convert")
        return key & 0xFFFFFFFFFFFFFFFF
    if key is None:
        raise TypeError("None is not a valid HKEY in this context")
    raise TypeError("The object is not a PyHKEY object")

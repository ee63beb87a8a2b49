"""Python values to the bytes of a registry value and back, by the rules of pywin32.

They differ from ``winreg``'s: a DWORD reads as a signed number, a text keeps the NULs in it, a list
of texts ends at the first empty one (``win32apimodule.cpp`` of pywin32 312; documented there).
"""

from __future__ import annotations

from typing import Final

from regsim.testing._fake.win32functions import text
from regsim.types import ValueType

_TEXTS: Final = (ValueType.SZ, ValueType.EXPAND_SZ)


def to_bytes(kind: int, value: object) -> bytes:
    """Return *value* as the data of a value of type *kind*; None is zero or empty.

    Raises TypeError for a value of another type than *kind* asks for, and OverflowError for a
    number that does not fit.
    """
    if kind in (ValueType.DWORD, ValueType.QWORD):
        number = 0 if value is None else value
        return _dword(number) if kind == ValueType.DWORD else _qword(number)
    if kind in _TEXTS:
        if value is not None:
            text(value)
        return _units(str(value or "")) + b"\0\0"
    if kind == ValueType.MULTI_SZ:
        if value is None:
            return b""
        if not hasattr(value, "__iter__"):
            raise TypeError(f"'{type(value).__name__}' object is not iterable")
        return b"".join(_units(text(each)) + b"\0\0" for each in value) + b"\0\0"
    if value is None:
        return b""
    try:
        return bytes(memoryview(value))  # type: ignore[arg-type]
    except TypeError:
        name = type(value).__name__
        raise TypeError(f"a bytes-like object is required, not '{name}'") from None


def _dword(value: object) -> bytes:
    if not isinstance(value, int):
        raise TypeError("an integer is required")
    try:
        return value.to_bytes(4, "little", signed=value < 0)
    except OverflowError:
        raise OverflowError("Python int too large to convert to C unsigned long") from None


def _qword(value: object) -> bytes:
    if not isinstance(value, int):
        raise TypeError("ULARGE_INTEGER must be 'int', or '(int, int)'")
    return value.to_bytes(8, "little")  # whose errors are those of the real one


def from_bytes(kind: int, data: bytes) -> object:
    """Return the Python value that *data* of type *kind* reads as."""
    if kind == ValueType.DWORD:
        return int.from_bytes(data[:4], "little", signed=True)
    if kind == ValueType.QWORD:
        return int.from_bytes(data[:8], "little")
    if kind in _TEXTS:
        return _text(data).removesuffix("\0")
    if kind == ValueType.MULTI_SZ:
        return _lines(_text(data))
    return data or None


def _lines(units: str) -> list[str]:
    """Return the texts in *units*; of one that no NUL ends the last unit is lost."""
    found: list[str] = []
    start, last = 0, len(units) - 1
    while start < last or (start == last and units[start] != "\0"):
        end = units.find("\0", start, last)
        found.append(units[start : end if end >= 0 else last])
        start = end + 1
        if end < 0 or units[start] == "\0":
            break
    return found


def _units(value: str) -> bytes:
    return value.encode("utf-16-le", "surrogatepass")


def _text(data: bytes) -> str:
    return data[: len(data) & ~1].decode("utf-16-le", "surrogatepass")

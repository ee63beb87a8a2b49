"""Python values to the bytes of a registry value and back, by ``winreg``'s rules.

Source: the documentation of Python's ``winreg``, *Value Types*; observed in CPython's behaviour.
"""

from __future__ import annotations

from codecs import utf_16_le_decode
from typing import Final

from regsim.types import ValueType

NO_FIT: Final = "Could not convert the data to the specified type."
# As plain numbers: every read asks for one, and members of an enum have a slow hash.
_SIZES: Final = {int(ValueType.DWORD): 4, int(ValueType.QWORD): 8}
_TEXTS: Final = (int(ValueType.SZ), int(ValueType.EXPAND_SZ))


def to_bytes(kind: int, value: object) -> bytes:
    """Return *value* as the data of a value of type *kind*; None is zero or empty.

    Raises:
        ValueError: *value* is of another type than *kind* asks for.
        OverflowError: a number is negative or too large.
        TypeError: it should be bytes-like and is not.
    """
    if kind in _SIZES:
        return _number(value, _SIZES[kind])
    if kind in _TEXTS:
        if value is not None and not isinstance(value, str):
            raise ValueError(NO_FIT)
        return _text(value or "")
    if kind == ValueType.MULTI_SZ:
        return _texts(value)
    if value is None:
        return b""
    try:
        return bytes(memoryview(value))  # type: ignore[arg-type]
    except TypeError:
        name = type(value).__name__
        message = f"Objects of type '{name}' can not be used as binary registry values"
        raise TypeError(message) from None


def _number(value: object, size: int) -> bytes:
    if value is None:
        value = 0
    if not isinstance(value, int):
        raise ValueError(NO_FIT)  # noqa: TRY004 - what winreg raises
    if size > 4:
        return value.to_bytes(size, "little")  # whose errors are those of winreg
    if value < 0:
        raise OverflowError("can't convert negative value to unsigned int")
    if value.bit_length() > 8 * size:
        raise OverflowError("Python int too large to convert to C unsigned long")
    return value.to_bytes(size, "little")


def _text(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass") + b"\0\0"


def _texts(value: object) -> bytes:
    lines = [] if value is None else value
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise ValueError(NO_FIT)
    return b"".join(map(_text, lines)) + b"\0\0"


def from_bytes(kind: int, data: bytes) -> object:
    """Return the Python value that *data* of type *kind* reads as.

    A text ends at its first NUL, a list of texts at its length; what has no data is 0, an empty
    text, an empty list or None.
    """
    if kind in _TEXTS:
        text = _decode(data)
        end = text.find("\0")
        return text if end < 0 else text[:end]
    if kind in _SIZES:
        return int.from_bytes(data[: _SIZES[kind]], "little")
    if kind == ValueType.MULTI_SZ:
        lines = _decode(data).removesuffix("\0")
        return lines.removesuffix("\0").split("\0") if lines else []
    return data or None


def _decode(data: bytes) -> str:
    # What bytes.decode() looks up by the name of the encoding, and calls through Python.
    return utf_16_le_decode(data[: len(data) & ~1], "surrogatepass", True)[0]

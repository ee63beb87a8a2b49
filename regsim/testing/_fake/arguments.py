"""Checking arguments as CPython does for ``winreg``'s functions, errors included."""

from __future__ import annotations


def text(function: str, position: int, value: object) -> str:
    """Return *value*, a text without NUL; raise TypeError or ValueError otherwise."""
    if not isinstance(value, str):
        raise TypeError(f"{function}() argument {position} must be str, not {_named(value)}")
    if "\0" in value:
        raise ValueError("embedded null character")
    return value


def text_or_none(function: str, position: int, value: object) -> str | None:
    """Return *value*, None or a text without NUL; raise TypeError or ValueError otherwise."""
    if value is not None and not isinstance(value, str):
        kind = _named(value)
        raise TypeError(f"{function}() argument {position} must be str or None, not {kind}")
    return None if value is None else text(function, position, value)


def number(value: object) -> int:
    """Return *value*, an integer that fits into a C int or unsigned long; raise otherwise."""
    if not isinstance(value, int):
        raise TypeError(f"'{_named(value)}' object cannot be interpreted as an integer")
    if not -(1 << 31) <= value < 1 << 32:
        raise OverflowError("Python int too large to convert to C int")
    return value & 0xFFFFFFFF


def _named(value: object) -> str:
    return "None" if value is None else type(value).__name__

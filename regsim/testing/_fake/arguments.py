"""Checking arguments as CPython does for ``winreg``'s functions, errors included.

What is said here is what CPython 3.13 for Windows says (run on Wine, see ``tests/wine``); where an
older one is known to differ the running Python's version decides.
"""

from __future__ import annotations

import sys

STRICT_TYPES = sys.version_info >= (3, 13)
"""Whether a value's type must fit into 32 bits: 3.11 takes it modulo 2**32; of 3.12, inferred."""


def text(function: str, where: int | str | None, value: object) -> str:
    """Return *value*, a text without NUL; raise TypeError or ValueError otherwise.

    *where* is the argument's number, or its name where the function knows it by name; None for
    the only one that there is.
    """
    if not isinstance(value, str):
        raise TypeError(f"{function}() {_place(where)} must be str, not {_named(value)}")
    if "\0" in value:
        raise ValueError("embedded null character")
    return value


def text_or_none(function: str, where: int | str, value: object) -> str | None:
    """Return *value*, None or a text without NUL; raise TypeError or ValueError otherwise."""
    if value is not None and not isinstance(value, str):
        kind = _named(value)
        raise TypeError(f"{function}() {_place(where)} must be str or None, not {kind}")
    return None if value is None else text(function, where, value)


def number(value: object) -> int:
    """Return *value*, an integer that fits into a C int, as 32 bits; raise otherwise."""
    if not isinstance(value, int):
        kind = type(value).__name__
        raise TypeError(f"'{kind}' object cannot be interpreted as an integer")
    if not -(1 << 31) <= value < 1 << 31:
        raise OverflowError("Python int too large to convert to C int")
    return value & 0xFFFFFFFF


def kind(value: object) -> int:
    """Return *value*, the type of a registry value, as 32 bits; raise what winreg does."""
    if not isinstance(value, int):
        raise TypeError("an integer is required")
    if STRICT_TYPES and value < 0:
        raise ValueError("value must be positive")
    if STRICT_TYPES and value >> 32:
        raise OverflowError("Python int too large to convert to C unsigned long")
    return value & 0xFFFFFFFF


def as_int(type_: int) -> int:
    """Return *type_* as the C int that winreg gives back: from 2**31 on it is negative."""
    return int(type_) - (1 << 32 if type_ >> 31 else 0)


def _place(where: int | str | None) -> str:
    if where is None:
        return "argument"
    return f"argument {where}" if isinstance(where, int) else f"argument '{where}'"


def _named(value: object) -> str:
    return "None" if value is None else NAMES.get(type(value), type(value).__name__)


NAMES: dict[type, str] = {}
"""The types that the real module calls otherwise than Python does, and how."""

"""Ints and buffers only: the handle table and the replay of traces, each a pure twin and a C one.

``REGSIM_ACCEL`` chooses when this is first imported: ``auto`` (the default) takes the C library
where it is there, ``require`` fails where it is not, ``off`` takes the pure twins.
"""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING

from regsim.accel.handles import HandleTable, PyHandleTable
from regsim.accel.owned import PyOwned
from regsim.accel.stored import PyStored
from regsim.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from types import ModuleType

__all__ = [
    "BACKEND",
    "NATIVE",
    "REASON",
    "HandleTable",
    "Owned",
    "PyHandleTable",
    "PyOwned",
    "PyStored",
    "Stored",
    "new_handle_table",
]

INTERFACE = 10
"""The number that the library must bear to fit these modules; see ``native/module.c``."""


def _load(choice: str) -> tuple[ModuleType | None, str]:
    """Return the C library, or None, and why. Raises `UsageError` when one is required in vain."""
    if choice not in ("auto", "require", "off"):
        raise UnknownNameError("REGSIM_ACCEL", choice, ("auto", "require", "off"))
    if choice == "off":
        return None, "REGSIM_ACCEL=off"
    try:
        found = importlib.import_module("regsim.accel._native")
    except ImportError as error:
        why = f"this regsim has no C library ({error})"
    else:
        if found.INTERFACE == INTERFACE:
            return found, f"REGSIM_ACCEL={choice}"
        why = f"{found.__file__} is of another build; install regsim again"
    if choice == "require":
        raise UsageError(f"REGSIM_ACCEL=require, but {why}")
    return None, why


NATIVE, REASON = _load(os.environ.get("REGSIM_ACCEL") or "auto")
"""The C library in use, or None; and why it is so."""

BACKEND = "c" if NATIVE else "python"
"""Which twins are in use: ``c`` or ``python``."""

if TYPE_CHECKING:
    Owned = PyOwned
    Stored = PyStored
else:
    Owned = NATIVE.COwned if NATIVE else PyOwned
    """What handle objects are made of."""
    Stored = NATIVE.CStored if NATIVE else PyStored
    """What the values of a hive are made of."""

_table: type[HandleTable] = NATIVE.CHandleTable if NATIVE else PyHandleTable


def new_handle_table() -> HandleTable:
    """Return an empty handle table of the backend in use."""
    return _table()

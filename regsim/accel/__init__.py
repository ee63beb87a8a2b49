"""Ints and buffers only: the handle table and, later, the replay; each a pure twin and a C one."""

from __future__ import annotations

from regsim.accel.handles import HandleTable, PyHandleTable

__all__ = ["BACKEND", "HandleTable", "PyHandleTable", "new_handle_table"]

BACKEND = "python"
"""Which twin `new_handle_table` makes."""


def new_handle_table() -> HandleTable:
    """Return an empty handle table of the backend in use."""
    return PyHandleTable()

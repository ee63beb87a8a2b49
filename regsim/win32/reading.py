"""What calls that read make of a value: buffers that are too small, types that are refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import attrs

from regsim.policy import Dialect
from regsim.status import Win32Error
from regsim.types import Value, ValueType
from regsim.win32.plans import Reply

RRF_RT_REG_EXPAND_SZ: Final = 0x04
RRF_RT_DWORD: Final = 0x18
RRF_RT_QWORD: Final = 0x48
RRF_RT_ANY: Final = 0xFFFF
RRF_NOEXPAND: Final = 0x10000000
"""Flags of RegGetValue (winreg.h; documented); the low 16 bits are types that it may return."""

_TEXTS: Final = (ValueType.SZ, ValueType.EXPAND_SZ, ValueType.MULTI_SZ)
_SIZES: Final = {RRF_RT_DWORD: 4, RRF_RT_QWORD: 8}


@attrs.frozen
class Needed:
    """What a call tells that had too little room: the type of the value, and the bytes it has."""

    type: int
    size: int


def fitted(reply: Reply, size: int | None, name_units: int | None = None) -> Reply:
    """Return *reply* as a call gets it that has room for *size* bytes of data; None: for all.

    234 and a `Needed` where that is too little, or *name_units* is for its name and the NUL after
    it (Wine ``dlls/advapi32/tests/registry.c``, test_enum_value; observed on Windows).
    """
    value = reply.value
    if reply.code or not isinstance(value, Value):
        return reply
    short = size is not None and size < len(value.data)
    if short or (name_units is not None and name_units <= len(value.name)):
        return Reply(Win32Error.MORE_DATA, Needed(int(value.type), len(value.data)))
    return reply


def refused(dialect: Dialect, flags: int) -> Win32Error:
    """Return what RegGetValue answers to *flags* whatever the value is; SUCCESS where it looks."""
    types = flags & RRF_RT_ANY
    expands = types & RRF_RT_REG_EXPAND_SZ and not flags & RRF_NOEXPAND and types != RRF_RT_ANY
    if expands and dialect.expanding_error is Win32Error.INVALID_PARAMETER:
        return Win32Error.INVALID_PARAMETER
    return Win32Error.SUCCESS


def got(
    reply: Reply, flags: int, size: int | None = None, environment: Mapping[str, str] | None = None
) -> Reply:
    """Return what RegGetValue makes of *reply*, the value as it is stored.

    Texts get the NULs they lack; a REG_EXPAND_SZ becomes a REG_SZ in which *environment*'s
    variables are replaced, unless ``RRF_NOEXPAND``. 1630 for a type that *flags* do not allow, 1629
    for a REG_BINARY of another size than ``RRF_RT_DWORD`` or ``RRF_RT_QWORD`` alone asks for; the
    value is told all the same. 234 and a `Needed` where *size* bytes are too few. Source: Wine
    ``dlls/advapi32/tests/registry.c``, test_get_value; observed on Windows.
    """
    value = reply.value
    if reply.code or not isinstance(value, Value):
        return reply
    if value.type == ValueType.EXPAND_SZ and not flags & RRF_NOEXPAND:
        value = attrs.evolve(value, type=ValueType.SZ, data=_expanded(value, environment or {}))
    elif value.type in _TEXTS:
        value = attrs.evolve(value, data=_ended(value))
    types = flags & RRF_RT_ANY
    wanted = _SIZES.get(types)
    if types != RRF_RT_ANY and not 1 << value.type & types:
        return Reply(Win32Error.UNSUPPORTED_TYPE, value)
    if value.type == ValueType.BINARY and wanted not in {None, len(value.data)}:
        return Reply(Win32Error.DATATYPE_MISMATCH, value)
    return fitted(Reply(reply.code, value), size)


def _ended(value: Value) -> bytes:
    """Return the data of a text with the NUL at its end; nothing stays nothing."""
    data = value.data + b"\0" * (len(value.data) % 2)
    ends = 2 if value.type == ValueType.MULTI_SZ else 1
    while data and data[-2 * ends :] != b"\0\0" * ends:
        data += b"\0\0"
    return data


def _expanded(value: Value, environment: Mapping[str, str]) -> bytes:
    known = {name.upper(): text for name, text in environment.items()}
    text = re.sub("%([^%]+)%", lambda name: known.get(name[1].upper(), name[0]), value.text())
    return Value.sz("", text).data if value.data else b""

"""Security descriptors of keys: kept and given back; nobody here is kept out by one."""

from __future__ import annotations

import struct
from typing import Any, Final

from regsim.kernel.keys import changed, node_of, use
from regsim.status import Win32Error, to_win32
from regsim.testing._fake.pyhandle import PySID, failed
from regsim.types import Access, NotifyFilter, as_predefined
from regsim.win32.api import Api
from regsim.win32.plans import Reply

OWNER, GROUP, DACL, SACL = 1, 2, 4, 8
"""The parts, as SECURITY_INFORMATION names them (winnt.h; documented)."""
_HEAD: Final = struct.Struct("<BBHIIII")
"""SECURITY_DESCRIPTOR_RELATIVE (MS-DTYP 2.4.6; documented); its offsets are those of `_PARTS`."""
_PARTS: Final = (OWNER, GROUP, SACL, DACL)
_PRESENT: Final = {DACL: 0x4, SACL: 0x10}
_SELF_RELATIVE: Final = 0x8000
_INVALID: Final = 1338


class PySECURITY_DESCRIPTOR:  # noqa: N801 - the name that pywin32 has
    """The security descriptor of a key, in its self-relative form.

    ``bytes`` gives what it is made of.
    """

    __slots__ = ("_data",)

    def __init__(self, data: object = b"") -> None:
        """Take the bytes of a self-relative descriptor; without any it names nobody."""
        raw: Any = data
        self._data = bytes(raw) or _HEAD.pack(1, 0, _SELF_RELATIVE, 0, 0, 0, 0)
        if len(self._data) < _HEAD.size or not self._head()[2] & _SELF_RELATIVE:
            raise failed(_INVALID, "SECURITY_DESCRIPTOR")

    def _head(self) -> tuple[int, ...]:
        return _HEAD.unpack_from(self._data)

    def IsValid(self) -> bool:
        """Return True."""
        return True

    def IsSelfRelative(self) -> bool:
        """Return True: there are no others here."""
        return True

    def GetLength(self) -> int:
        """Return the size in bytes."""
        return len(self._data)

    def GetSecurityDescriptorControl(self) -> tuple[int, int]:
        """Return the control flags and the revision."""
        return self._head()[2], self._head()[0]

    def GetSecurityDescriptorOwner(self) -> PySID | None:
        """Return the owner, or None where it names none."""
        return _sid(_parts(self._data)[OWNER])

    def GetSecurityDescriptorGroup(self) -> PySID | None:
        """Return the group, or None where it names none."""
        return _sid(_parts(self._data)[GROUP])

    def __bytes__(self) -> bytes:
        """Return the descriptor."""
        return self._data

    def __eq__(self, other: object) -> bool:
        return other._data == self._data if isinstance(other, type(self)) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._data)


def _parts(data: bytes) -> dict[int, bytes]:
    """Return the SIDs and lists in descriptor *data*, by what they are; b"" for one it lacks."""
    found = {}
    for part, offset in zip(_PARTS, _HEAD.unpack_from(data)[3:], strict=True):
        if part in _PRESENT:
            size = int.from_bytes(data[offset + 2 : offset + 4], "little")
        else:
            size = 8 + 4 * data[offset + 1] if offset else 0
        found[part] = data[offset : offset + size] if offset else b""
    return found


def _built(control: int, parts: dict[int, bytes]) -> bytes:
    offsets, body = [], b""
    for part in _PARTS:
        offsets.append(_HEAD.size + len(body) if parts[part] else 0)
        body += parts[part]
    return _HEAD.pack(1, 0, control | _SELF_RELATIVE, *offsets) + body


def _sid(data: bytes) -> PySID | None:
    if not data:
        return None
    authority = int.from_bytes(data[2:8], "big")
    parts = struct.unpack_from(f"<{data[1]}I", data, 8)
    return PySID("-".join(map(str, ("S", data[0], authority, *parts))))


_ADMINISTRATORS: Final = struct.pack("<BB6B2I", 1, 2, 0, 0, 0, 0, 0, 5, 32, 544)
_SYSTEM: Final = struct.pack("<BB6BI", 1, 1, 0, 0, 0, 0, 0, 5, 18)
UNSET: Final = _built(0, {OWNER: _ADMINISTRATORS, GROUP: _SYSTEM, SACL: b"", DACL: b""})
"""Of a key that was given none: Administrators own it, and no list keeps anybody out."""


def get_security(api: Api, key: int, wanted: int) -> Reply:
    """Return the *wanted* parts of a key's descriptor; 5 without READ_CONTROL."""
    code, obj = _behind(api, key, Access.READ_CONTROL)
    if code:
        return Reply(code)
    data = (node_of(api.machine, obj).security if obj is not None else b"") or UNSET
    return Reply(Win32Error.SUCCESS, _merged(_built(0, dict.fromkeys(_PARTS, b"")), data, wanted))


def set_security(api: Api, key: int, given: int, data: bytes) -> Reply:
    """Give the key the parts of *data* that *given* names; 5 without the rights to write them."""
    need = (Access.WRITE_OWNER if given & (OWNER | GROUP) else 0) | (
        Access.WRITE_DAC if given & DACL else 0
    )
    code, obj = _behind(api, key, need)
    if code or obj is None:
        return Reply(code or Win32Error.INVALID_HANDLE)
    hive = api.machine.hives[obj.kcb.hive]
    node = hive.edit(obj.kcb.path)
    node.security = _merged(node.security or UNSET, data, given)
    changed(api.machine, hive, obj.kcb.path, NotifyFilter.SECURITY)
    return Reply(Win32Error.SUCCESS)


def _merged(old: bytes, new: bytes, which: int) -> bytes:
    """Return *old* with the parts of *new* that *which* names."""
    parts, control = _parts(old), _HEAD.unpack_from(old)[2]
    for part, content in _parts(new).items():
        if which & part:
            parts[part] = content
            flag = _PRESENT.get(part, 0)
            control = control & ~flag | _HEAD.unpack_from(new)[2] & flag
    return _built(control, parts)


def _behind(api: Api, key: int, need: int) -> tuple[Win32Error, Any]:
    """Return the object that *key* means, or the error; a root that nobody keeps open has none."""
    machine = api.machine
    root = as_predefined(key)
    code = api.RegQueryInfoKey(key).code if root is not None else Win32Error.SUCCESS
    handle = key if root is None else machine.slot_handle(machine.process_of(api.tid), root)
    if code or (root is not None and not handle):
        return code, None
    status, obj = use(machine, api.tid, handle, need)
    return to_win32(status), obj

"""The names of calls that open, close and load keys, and which of their statuses are successes.

One table for all formats that record calls by name: `regsim.trace.readers.jsonl` and ``arrow``.
"""

from __future__ import annotations

import enum
import re
from typing import Final, NamedTuple

from regsim.accel.columns import EventKind
from regsim.trace.columns import CLOSE, DELETE, DUPLICATE, EXIT, LOAD, OPEN, START, UNLOAD


class Family(enum.Enum):
    """Whose statuses a call returns."""

    NEUTRAL = 0
    WIN32 = 1
    NT = 2


class KnownCall(NamedTuple):
    """What a call does, the family of its statuses, and whether it takes any kind of handle."""

    op: int
    family: Family = Family.NEUTRAL
    any_handle: bool = False


HARMLESS: Final = KnownCall(int(EventKind.OTHER))

_NEUTRAL: Final = {
    "open": OPEN,
    "create": OPEN,
    "close": CLOSE,
    "duplicate": DUPLICATE,
    "start": START,
    "exit": EXIT,
    "load": LOAD,
    "unload": UNLOAD,
    "force": int(EventKind.FORCE),
    "delete": DELETE,
    "use": int(EventKind.USE_ROOT),
    "close_root": int(EventKind.CLOSE_ROOT),
    "refresh_root": int(EventKind.REFRESH_ROOT),
    "disable_cache": int(EventKind.DISABLE_CACHE),
}
_NAMED: Final = {
    **dict.fromkeys(
        (
            "regopenkey",
            "regopenkeyex",
            "regopenkeytransacted",
            "regcreatekey",
            "regcreatekeyex",
            "regcreatekeytransacted",
            "regopencurrentuser",
            "regopenuserclassesroot",
            "regloadappkey",
            "regconnectregistry",
            "regconnectregistryex",
            "ntopenkey",
            "ntopenkeyex",
            "ntopenkeytransacted",
            "ntopenkeytransactedex",
            "ntcreatekey",
            "ntcreatekeytransacted",
        ),
        OPEN,
    ),
    **dict.fromkeys(("regclosekey", "ntclose", "closehandle"), CLOSE),
    **dict.fromkeys(("ntduplicateobject", "duplicatehandle"), DUPLICATE),
    **dict.fromkeys(("regloadkey", "ntloadkey", "ntloadkey2", "ntloadkey3", "ntloadkeyex"), LOAD),
    **dict.fromkeys(("regunloadkey", "ntunloadkey", "ntunloadkeyex"), UNLOAD),
    "ntdeletekey": DELETE,
    "regdisablepredefinedcache": int(EventKind.DISABLE_CACHE),
}
# NtUnloadKey2 with REG_FORCE_UNLOAD forces; without the flag it does not, and a record that calls
# it by this name does not tell: what it did is known by its status alone.
_NAMED["ntunloadkey2"] = UNLOAD
_ANY_HANDLE: Final = frozenset({"ntclose", "closehandle", "ntduplicateobject", "duplicatehandle"})
_TOUCHES_NONE: Final = re.compile(
    r"(?:other|query|set_?value|enum|flush|notify|wait|write|read|delete_?value|set|save|rename)|"
    r"(?:reg|nt)(?:query|get|set|enum|flush|notify|save|restore|replace|rename|delete|lock|"
    r"compact|compress|initialize|freeze|thaw|copytree|disablereflection|"
    r"enablereflection)(?!\w*(?:open(?!subkeys)|create|load|duplicate))\w*"
)
_MODULE: Final = re.compile(r"^\w+(?:\.dll)?[!.]")


def call_of(name: str) -> KnownCall | None:
    """Return what the call *name* does, in any spelling; None if it is not known.

    >>> call_of("ZwOpenKey") == call_of("ntdll!NtOpenKey"), call_of("CmOpenKey")
    (True, None)
    """
    folded = _MODULE.sub("", name.strip().lower())
    if folded in _NEUTRAL:
        return KnownCall(_NEUTRAL[folded])
    if folded.startswith("zw"):
        folded = "nt" + folded[2:]
    for one in (folded, folded[:-1] if folded[-1:] in ("a", "w") else folded):
        if one in _NAMED:
            family = Family.NT if one.startswith("nt") else Family.WIN32
            return KnownCall(_NAMED[one], family, one in _ANY_HANDLE)
    return HARMLESS if _TOUCHES_NONE.fullmatch(folded) else None


GONE: Final = frozenset({1018, 0xC000017C, 0xC0000425})
"""ERROR_KEY_DELETED, STATUS_KEY_DELETED and STATUS_HIVE_UNLOADED: the handle's key is no more."""

REPARSED: Final = (0x104, 0x368)
"""STATUS_REPARSE and STATUS_REPARSE_GLOBAL: an open is tried again elsewhere (observed)."""

WIN32_ERRORS: Final = (
    frozenset(
        {2, 3, 4, 5, 6, 8, 14, 32, 50, 53, 87, 120, 122, 123, 161, 183, 1009, 1010, 1011, 1012}
    )
    | frozenset(range(1013, 1024))
    | frozenset({1168, 1314, 1332, 1450, 1722, 1726, 6700})
)
"""Documented errors of Win32 that a call which opens a key may return."""


def success(status: int, family: Family = Family.NT, *, reparse: bool = False) -> bool | None:
    """Return whether a call with *status* did what it was asked to; None if that is unknown.

    By NT_SUCCESS an NTSTATUS up to 0x7FFFFFFF is a success (documented); with *reparse* one that
    says that the call is tried again elsewhere is none. A call of no family may have returned
    either: small numbers are failures if they are documented errors of Win32 that an open may
    return, and else unknown: 259 is STATUS_PENDING too.

    >>> success(0x40000016), success(5, Family.NEUTRAL), success(0x77, Family.NEUTRAL)
    (True, False, None)
    """
    if status == 0:
        return True
    if family is Family.WIN32:
        return False
    if reparse and status in REPARSED:
        return False
    if family is Family.NEUTRAL and status < 0x40000000:
        return False if status in WIN32_ERRORS else None
    return status <= 0x7FFFFFFF

"""The access that a key was opened with, between its mask and Process Monitor's words for it."""

from __future__ import annotations

import re
from typing import Final

from regsim.trace.columns import MAXIMUM_ALLOWED

_SHOWN: Final = {
    "Maximum Allowed": MAXIMUM_ALLOWED,
    "All Access": 0xF003F,
    "Read/Write": 0x2001F,
    "Read": 0x20019,
    "Write": 0x20006,
    "Query Value": 0x1,
}
_MASKS: Final = {
    **_SHOWN,
    "Set Value": 0x2,
    "Create Sub Key": 0x4,
    "Enumerate Sub Keys": 0x8,
    "Notify": 0x10,
    "Create Link": 0x20,
    "WOW64_64Key": 0x100,
    "WOW64_32Key": 0x200,
    "Delete": 0x10000,
    "Read Control": 0x20000,
    "Write DAC": 0x40000,
    "Write Owner": 0x80000,
    "Generic Read": 0x80000000,
    "Generic Write": 0x40000000,
    "Generic All": 0x10000000,
}
_WORDS: Final = {mask: word for word, mask in _SHOWN.items()}
_ASKED: Final = re.compile(r"Desired Access: (.*?)(?:, (?:Granted Access|Disposition):|$)")


def access_of(detail: str) -> int:
    """Return the access mask that Procmon's *detail* of an open spells out; 0 if it has none."""
    found = _ASKED.search(detail)
    mask = 0
    for word in found[1].split(", ") if found else ():
        mask |= _MASKS.get(word, 0)
    return mask


def access_text(access: int) -> str:
    """Return an access mask in Procmon's words; "" for 0, which stands for unknown.

    >>> access_text(0x02000000)
    'Maximum Allowed'
    """
    return "" if not access else _WORDS.get(access, f"{access:#x}")

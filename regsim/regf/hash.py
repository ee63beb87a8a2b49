"""Upper case as the registry means it, the two name hints, and the hash that guards log entries."""

from __future__ import annotations

import functools
import struct
from typing import Final

MARVIN_SEED: Final = 0x82EF4D887A4E55C5
"""The seed of both hashes of a log entry (spec; which end comes first is observed in real logs)."""
_MASK: Final = 0xFFFFFFFF
_GEORGIAN: Final = range(0x10D0, 0x1100)


@functools.lru_cache(maxsize=4096)
def _upcase_char(char: str) -> str:
    code = ord(char)
    if code < 0x80:
        return char.upper()
    if code > 0xFFFF or code in _GEORGIAN:
        return char
    for upper in (char.upper(), char.title()):
        if len(upper) == 1 and ord(upper) <= 0xFFFF and upper.lower() == char:
            return upper
    return char


def upcase(name: str) -> str:
    """Return *name* in the registry's upper case: one unit for one unit, never longer.

    Only pairs that round-trip are mapped (sharp s, dotless i, the micro sign and long s stay),
    and nothing beyond the Basic Multilingual Plane. Grade: inferred from the behaviour of
    Windows' upcase table; it grew between releases, so the order of rare letters is not treated
    as a violation.
    """
    if name.isascii():
        return name.upper()
    return "".join(map(_upcase_char, name))


def units(name: str) -> tuple[int, ...]:
    """Return the UTF-16 code units of *name*, by which the registry compares and hashes."""
    raw = name.encode("utf-16-le", "surrogatepass")
    return struct.unpack(f"<{len(raw) // 2}H", raw)


def sort_key(name: str) -> bytes:
    """Return bytes that order names as subkey lists do: by upper-case UTF-16 unit.

    >>> sorted(["b", "A", "a1"], key=sort_key)
    ['A', 'a1', 'b']
    """
    return upcase(name).encode("utf-16-be", "surrogatepass")


def name_hash(name: str) -> int:
    """Return the 32-bit hash that ``lh`` lists carry: H = 37 H + unit, over the upper case.

    >>> name_hash("a") == name_hash("A") == 65
    True
    """
    value = 0
    upper = upcase(name)
    for unit in upper.encode("ascii") if upper.isascii() else units(upper):
        value = (value * 37 + unit) & _MASK
    return value


def name_hint(name: str) -> bytes:
    """Return the four bytes that ``lf`` lists carry: the first characters, or zeros.

    A character beyond Latin-1 makes the whole hint zero (spec: the first byte is null if it
    cannot be converted).
    """
    head = name[:4]
    if any(ord(char) > 0xFF for char in head):
        return bytes(4)
    return head.encode("latin-1").ljust(4, b"\0")


def marvin32(data: bytes | memoryview, seed: int = MARVIN_SEED) -> int:
    """Return the 64-bit Marvin32 hash of *data*, as log entries carry it.

    Source: the algorithm is public in the MIT-licensed .NET runtime; the seed is from the spec.
    Checked on real logs (observed).
    """
    low, high = seed & _MASK, seed >> 32
    whole = len(data) // 4
    tail = int.from_bytes(bytes(data[whole * 4 :]) + b"\x80", "little")
    for word in (*struct.unpack_from(f"<{whole}I", data), tail, 0):
        low = (low + word) & _MASK
        high ^= low
        low = ((low << 20 | low >> 12) + high) & _MASK
        high = (high << 9 | high >> 23) & _MASK ^ low
        low = ((low << 27 | low >> 5) + high) & _MASK
        high = (high << 19 | high >> 13) & _MASK
    return high << 32 | low

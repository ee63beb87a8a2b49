"""``sk``: security descriptors, shared between keys, counted, and linked in a ring."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regsim.regf.image import Image

SIGNATURE: Final = b"sk"
STRUCT: Final = struct.Struct("<2sHIIII")
HEADER_SIZE: Final = STRUCT.size
NEXT_AT: Final = 4
PREVIOUS_AT: Final = 8
COUNT_AT: Final = 12


class SecurityCell(NamedTuple):
    """The 20 fixed bytes of a security cell."""

    signature: bytes
    reserved: int
    next: int
    previous: int
    keys: int
    """How many keys point here."""
    size: int


def parse(image: Image, offset: int) -> tuple[SecurityCell, bytes]:
    """Return the fixed fields and the self-relative security descriptor at cell *offset*.

    Raises:
        HiveFormatError: no allocated cell, no ``sk``, or the descriptor leaves its cell.
    """
    position, length = image.cell(offset, "security")
    if length < HEADER_SIZE:
        raise image.error("cell size of security", offset, f"at least {HEADER_SIZE}", length)
    cell = SecurityCell._make(STRUCT.unpack_from(image.buffer, position))
    if cell.signature != SIGNATURE:
        raise image.error("security signature", offset, SIGNATURE, cell.signature)
    size = image.clip("security descriptor size", offset, cell.size, length - HEADER_SIZE)
    at = position + HEADER_SIZE
    return cell, bytes(image.buffer[at : at + size])


def ring(image: Image, start: int) -> Iterator[tuple[int, SecurityCell, bytes]]:
    """Yield every security cell reachable from *start* by ``next``, each once.

    Raises:
        HiveFormatError: the ring runs into itself before it is back at *start*.
    """
    seen: set[int] = set()
    offset = start
    while offset not in seen:
        seen.add(offset)
        cell, descriptor = parse(image, offset)
        yield offset, cell, descriptor
        offset = cell.next
    if offset != start:
        raise image.error("next security cell", offset, f"to lead back to {start:#x}", hex(offset))


def _ace(access: int, sid: bytes) -> bytes:
    body = struct.pack("<I", access) + sid
    return struct.pack("<BBH", 0, 2, 4 + len(body)) + body  # allowed; container inherit


def _sid(*authorities: int) -> bytes:
    return struct.pack(
        f"<BB6s{len(authorities)}I", 1, len(authorities), b"\0\0\0\0\0\5", *authorities
    )


def default_descriptor() -> bytes:
    """Return a descriptor for a new hive: full control for SYSTEM and Administrators.

    Owner is Administrators, group SYSTEM. Grade: inferred; callers with a real descriptor at
    hand should give it instead.
    """
    admins, system = _sid(32, 544), _sid(18)
    aces = _ace(0xF003F, system) + _ace(0xF003F, admins)
    acl = struct.pack("<BBHHH", 2, 0, 8 + len(aces), 2, 0) + aces
    owner_at = 20 + len(acl)
    group_at = owner_at + len(admins)
    head = struct.pack("<BBHIIII", 1, 0, 0x8004, owner_at, group_at, 0, 20)
    return head + acl + admins + system

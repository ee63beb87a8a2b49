"""Names in a hive: one byte a character where all fit in Latin-1, else UTF-16LE."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regsim.regf.image import Image


def decode(image: Image, position: int, length: int, *, compressed: bool, what: str) -> str:
    """Return the name of *length* bytes at file *position*.

    Unpaired surrogates survive, so that a name always goes back to the bytes it came from.

    Raises:
        HiveFormatError: a UTF-16 name of odd length (salvage: listed, last byte dropped).
    """
    raw = image.buffer[position : position + length]
    if compressed:
        return raw.decode("latin-1")
    if length % 2:
        error = image.error(f"{what} length", position, "an even number", length, whole=True)
        image.report(error)
        raw = raw[:-1]
    return raw.decode("utf-16-le", "surrogatepass")


def encode(name: str, *, compress: bool) -> tuple[bytes, bool]:
    """Return the stored bytes of *name* and whether they are one byte a character.

    NT 3.1 hives (*compress* false) know only UTF-16.
    """
    if compress:
        try:
            return name.encode("latin-1"), True
        except UnicodeEncodeError:
            pass
    return name.encode("utf-16-le", "surrogatepass"), False


def width(name: str) -> int:
    """Return the bytes *name* takes in UTF-16, the unit of the "largest name" fields."""
    return 2 * len(name) if name.isascii() else len(name.encode("utf-16-le", "surrogatepass"))

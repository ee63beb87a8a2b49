"""What is passed to a function of a Windows library by ``ctypes``: numbers, texts and pointers.

Memory is this process's, but characters of a ``wchar_t`` array count as two bytes, which they have
on Windows, whatever they take here.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any, Final

import attrs

from regsim.testing._fake.hkey import HKEYType

ANSI: Final = "cp1252"
"""The code page of the functions whose names end in A."""
POINTER_SIZE: Final = 8
_GIVEN: Final[dict[int, object]] = {}
"""Texts that were allocated for a program, by where the pointers to them are."""

_Pointer: Any = ctypes.POINTER(ctypes.c_int).__mro__[1]
_Simple: Any = ctypes.c_int.__mro__[1]
_Reference: Any = type(ctypes.byref(ctypes.c_int()))
_TEXT_POINTERS: Final = (ctypes.c_char_p, ctypes.c_wchar_p)
_POINTERS: Final = (_Pointer, _Reference, ctypes.Array, *_TEXT_POINTERS)


def number(value: Any) -> int:  # noqa: ANN401 - whatever a program passes
    """Return the integer that *value* is passed as; a pointer is its address.

    Raises `ctypes.ArgumentError` for what ctypes cannot pass as one.
    """
    if value is None:
        return 0
    if isinstance(value, int):
        return value & 0xFFFFFFFFFFFFFFFF
    if isinstance(value, _Simple) and not isinstance(value, _TEXT_POINTERS):
        return number(value.value)
    if isinstance(value, _POINTERS):
        pointed = Pointed.of(value)
        return 0 if pointed is None else pointed.address
    given = getattr(value, "_as_parameter_", None)
    if given is None or isinstance(value, HKEYType):
        raise ctypes.ArgumentError(f"Don't know how to convert parameter of type {type(value)}")
    return number(given)


@attrs.frozen
class Pointed:
    """Memory that an argument points to.

    Attributes:
        address: where it begins.
        size: how many bytes there are, as Windows counts; None where that cannot be told.
        wide: the array of characters that it is, if it is one.
        kept: what must live as long as the memory is used.
    """

    address: int
    size: int | None = None
    wide: Any = None
    kept: Any = attrs.field(default=None, repr=False)

    @classmethod
    def of(cls, value: Any) -> Pointed | None:  # noqa: ANN401 - whatever a program passes
        """Return the memory that *value* points to; None for NULL.

        Raises `ctypes.ArgumentError` for what is no pointer.
        """
        if value is None or (isinstance(value, int) and not value):
            return None
        if isinstance(value, _Reference):
            return cls._object(value._obj)  # noqa: SLF001 - what byref was given
        if isinstance(value, ctypes.Array | ctypes.Structure | ctypes.Union):
            return cls._object(value)
        if isinstance(value, bytes | bytearray):
            buffer = ctypes.create_string_buffer(bytes(value))
            return cls(ctypes.addressof(buffer), len(buffer), kept=buffer)
        if isinstance(value, str):
            return cls._object(ctypes.create_unicode_buffer(value))
        return cls._pointer(value)

    @classmethod
    def _pointer(cls, value: Any) -> Pointed | None:  # noqa: ANN401 - a pointer
        if isinstance(value, int):
            return cls(value)
        if isinstance(value, (_Pointer, ctypes.c_void_p, *_TEXT_POINTERS)):
            address = ctypes.cast(value, ctypes.c_void_p).value
            if not address:
                return None
            for source in _sources(value):
                if isinstance(source, ctypes.Array) and ctypes.addressof(source) == address:
                    return cls._object(source)
            if isinstance(value, ctypes.c_wchar_p):
                return cls._object(ctypes.create_unicode_buffer(value.value or ""))
            return cls(address, kept=value)
        if isinstance(value, _Simple) and isinstance(value.value, int):
            if not value.value:
                return None
            raise ctypes.ArgumentError(
                f"{value!r} is passed as an address; pass byref() of it, or declare argtypes"
            )
        raise ctypes.ArgumentError(f"Don't know how to convert parameter of type {type(value)}")

    @classmethod
    def _object(cls, thing: Any) -> Pointed:  # noqa: ANN401 - an object of ctypes
        if isinstance(thing, _Pointer) and not isinstance(thing, ctypes.Array):
            return cls(ctypes.addressof(thing), POINTER_SIZE, kept=thing)
        wide = thing if is_wide(type(thing)) else None
        return cls(ctypes.addressof(thing), size_of(thing), wide, thing)

    def read(self, size: int) -> bytes:
        """Return *size* bytes, or as many as there are."""
        if self.size is not None:
            size = min(size, self.size)
        if self.wide is None:
            return ctypes.string_at(self.address, size)
        return "".join(self.wide[:]).encode("utf-16-le", "surrogatepass")[:size]

    def write(self, data: bytes) -> None:
        """Put *data* there, as much as there is room for."""
        data = data[: self.size]
        if self.wide is None:
            ctypes.memmove(self.address, data, len(data))
            return
        text = data[: len(data) & ~1].decode("utf-16-le", "surrogatepass")
        for index, character in enumerate(text):
            self.wide[index] = character

    def point_to(self, text: str) -> None:
        """Put a pointer to *text* there, which lives as long as what the pointer is in."""
        if isinstance(self.kept, ctypes.c_wchar_p):
            self.kept.value = text
            return
        buffer = ctypes.create_string_buffer(text.encode("utf-16-le", "surrogatepass") + b"\0\0")
        _GIVEN[self.address] = buffer
        self.put(ctypes.addressof(buffer), POINTER_SIZE)

    def number(self, size: int = 4) -> int:
        """Return the integer of *size* bytes there, which is not negative."""
        return int.from_bytes(self.read(size), "little")

    def put(self, value: int, size: int = 4) -> None:
        """Put an integer of *size* bytes there."""
        self.write((value & ((1 << 8 * size) - 1)).to_bytes(size, "little"))


def _sources(pointer: Any) -> Iterator[Any]:  # noqa: ANN401 - a pointer
    """Yield the objects that ctypes keeps alive for *pointer*: what it was cast from."""
    kept = pointer._objects  # noqa: SLF001 - documented: "for debugging"
    yield from kept.values() if isinstance(kept, dict) else ()


def is_wide(kind: Any) -> bool:  # noqa: ANN401 - a type of ctypes
    """Return whether *kind* is a type of an array of ``wchar_t``."""
    item = getattr(kind, "_type_", None)
    return isinstance(kind, type) and issubclass(kind, ctypes.Array) and item is ctypes.c_wchar


def size_of(thing: Any) -> int:  # noqa: ANN401 - an object or a type of ctypes
    """Return how many bytes *thing*, an object or a type, has on Windows."""
    kind = thing if isinstance(thing, type) else type(thing)
    if kind is ctypes.c_wchar:
        return 2
    if is_wide(kind):
        length: int = getattr(kind, "_length_")  # noqa: B009 - of any type of arrays
        return 2 * length
    return ctypes.sizeof(thing)


@attrs.frozen
class Text:
    """How texts are passed: as UTF-16, or in the code page of the functions that end in A."""

    wide: bool

    def read(self, value: Any) -> str | None:  # noqa: ANN401 - whatever a program passes
        """Return the text that *value* points to, up to its NUL; None for NULL.

        A text passed as the other kind is read as its bytes are, as Windows does.
        """
        if isinstance(value, _TEXT_POINTERS):
            value = value.value
        if isinstance(value, str) and self.wide:
            return value.partition("\0")[0]
        if isinstance(value, str):
            return self._until_nul(value.encode("utf-16-le", "surrogatepass") + b"\0\0")
        if isinstance(value, bytes):
            return self._until_nul(value + b"\0\0")
        place = Pointed.of(value)
        if place is None:
            return None
        if place.size is not None:
            return self._until_nul(place.read(place.size))
        return self._until_nul(b"".join(self._units(place.address)))

    def _units(self, address: int) -> Iterator[bytes]:
        unit = 2 if self.wide else 1
        while (each := ctypes.string_at(address, unit)) != bytes(unit):
            yield each
            address += unit

    def _until_nul(self, data: bytes) -> str:
        if self.wide:
            return data[: len(data) & ~1].decode("utf-16-le", "replace").partition("\0")[0]
        return data.partition(b"\0")[0].decode(ANSI, "replace")

    def encode(self, text: str) -> bytes:
        """Return *text*, without a NUL, as it lies in memory."""
        return (
            text.encode("utf-16-le", "surrogatepass") if self.wide else text.encode(ANSI, "replace")
        )

    def out(self, data: bytes) -> bytes:
        """Return text data of a value, which is stored as UTF-16, as it is given out."""
        if self.wide:
            return data
        return data[: len(data) & ~1].decode("utf-16-le", "replace").encode(ANSI, "replace")

    def stored(self, data: bytes) -> bytes:
        """Return text data that a program passes as it is stored."""
        return data if self.wide else data.decode(ANSI, "replace").encode("utf-16-le")

    @property
    def unit(self) -> int:
        """How many bytes a character takes."""
        return 2 if self.wide else 1

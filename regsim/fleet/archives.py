"""Archives of collections, read in memory: nothing in them is written to a path that they name.

A member whose name leads out of the archive, a link and a device are refused. How much all members
together may unpack to is limited as for one packed file (`regsim.trace.source.most_unpacked`),
archives within archives included.
"""

from __future__ import annotations

import bz2
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import IO, Final

import attrs

from regsim.errors import DataError
from regsim.trace.source import CutShortError, Source

_BLOCK: Final = 1 << 20
_DEEPEST: Final = 4
_MOST_MEMBERS: Final = 1_000_000
_UNPACKERS: Final[dict[bytes, Callable[[], bz2.BZ2Decompressor | lzma.LZMADecompressor]]] = {
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\x00": lzma.LZMADecompressor,
}
_DAMAGED: Final = (
    *(tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, EOFError, zlib.error),
    *(ValueError, OverflowError, struct.error),  # of the packages, for fields that cannot be
)
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")


@attrs.define
class Budget:
    """What is left of the bytes that an archive may unpack to, and of the depth it may nest."""

    left: int
    name: str
    depth: int = _DEEPEST

    def take(self, size: int) -> None:
        """Take *size* bytes from what is left; `DataError` if there are not so many."""
        self.left -= size
        if self.left < 0:
            raise TooMuchError(
                f"{self.name} unpacks to more than a collection does by itself; if it is to be "
                "trusted, REGSIM_UNPACK_RATIO and REGSIM_UNPACK_GIB raise the limits"
            )


class TooMuchError(DataError):
    """An archive that unpacks to more than is allowed; nothing more is read of it."""


@attrs.frozen
class Member:
    """One member of an archive: its name, why it is refused ("": it is not), and its content."""

    name: str
    refused: str
    blocks: Callable[[], Iterator[bytes]]


def kind_of(source: Source) -> str:
    """Return "zip", "tar" or "" for what is neither; a packed tar is a tar."""
    if source.head.startswith(_ZIP):
        return "zip"
    head = source.head
    for magic, unpacker in _UNPACKERS.items():
        if head.startswith(magic):
            try:
                head = unpacker().decompress(head, 1_024)
            except (OSError, lzma.LZMAError, EOFError):
                return ""
    return "tar" if head[257:262] == b"ustar" else ""


def members(source: Source, budget: Budget) -> Iterator[Member]:
    """Yield the members of an archive in its own order; each is read before the next is asked for.

    Raises:
        DataError: it is damaged, or unpacks to more than *budget*.
    """
    if not budget.depth:
        raise TooMuchError(f"{budget.name} has archives nested more than {_DEEPEST} deep")
    each = _zipped if kind_of(source) == "zip" else _tarred
    try:
        for number, member in enumerate(each(source, budget)):
            if number >= _MOST_MEMBERS:
                raise TooMuchError(f"{budget.name} has more than {_MOST_MEMBERS:,} members")
            yield member
    except DataError:
        raise
    except _DAMAGED as error:
        raise DataError(f"{source.name} is a damaged archive: {error}") from None


def _leads_out(name: str) -> str:
    """Return why a member's name is refused; "" for a name that stays within."""
    plain = name.replace("\\", "/")
    if plain.startswith("/") or (len(plain) > 1 and plain[1] == ":"):
        return f"the name {name!r} is absolute"
    if ".." in PurePosixPath(plain).parts:
        return f"the name {name!r} leads out of the archive"
    if not plain or "\0" in plain:
        return f"the name {name!r} is none"
    return ""


def _zipped(source: Source, budget: Budget) -> Iterator[Member]:
    with source.open() as file, zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            mode = info.external_attr >> 16 if info.create_system == 3 else 0
            kind = mode & 0o170000
            refused = _leads_out(info.filename)
            if not refused and kind not in (0, 0o100000):
                refused = "it is a symbolic link" if kind == 0o120000 else "it is a device"
            if not refused and info.flag_bits & 1:
                refused = "it is encrypted"
            yield Member(info.filename, refused, partial(_unzipped, archive, info, budget))


def _unzipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: Budget) -> Iterator[bytes]:
    try:
        with archive.open(info) as file:
            while block := file.read(_BLOCK):
                budget.take(len(block))
                yield block
    except DataError:  # what is too much is no damage, although it is an error of values too
        raise
    except (*_DAMAGED, OSError) as error:
        raise DataError(f"{info.filename} is damaged in the archive: {error}") from None
    except (NotImplementedError, RuntimeError) as error:
        raise DataError(f"{info.filename} is packed in a way that is not known: {error}") from None


def _tarred(source: Source, budget: Budget) -> Iterator[Member]:
    stream: IO[bytes] = io.BufferedReader(_Stream(_plain(source, budget)), _BLOCK)
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for info in archive:
            if info.isdir():
                continue
            refused = _leads_out(info.name)
            if not refused and not info.isfile():
                links = info.issym() or info.islnk()
                refused = "it is a link" if links else "it is a device"
            name = info.name.removeprefix("./")
            yield Member(name, refused, partial(_untarred, archive, info, budget))


def _untarred(archive: tarfile.TarFile, info: tarfile.TarInfo, budget: Budget) -> Iterator[bytes]:
    file = archive.extractfile(info)
    while file is not None and (block := file.read(_BLOCK)):
        if info.issparse():  # its holes are not in what was unpacked to get here
            budget.take(len(block))
        yield block


def _plain(source: Source, budget: Budget) -> Iterator[bytes]:
    """Yield the bytes of a tar, unpacked within the limits."""
    unpacker = next((u for magic, u in _UNPACKERS.items() if source.head.startswith(magic)), None)
    if unpacker is None:
        for block, _ in source.blocks():  # gzip is undone and limited there
            budget.take(len(block))
            yield block
        return
    unpack = unpacker()
    with source.open() as file:
        while not unpack.eof:
            data = file.read(_BLOCK) if unpack.needs_input else b""
            if unpack.needs_input and not data:
                raise CutShortError(f"{source.name} is cut short")
            block = unpack.decompress(data, _BLOCK)
            budget.take(len(block))
            yield block


class _Stream(io.RawIOBase):
    """Blocks as a file that is read once, from its beginning."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        super().__init__()
        self._blocks, self._rest = blocks, b""

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill *buffer* from the blocks; 0 at their end."""
        view = memoryview(buffer)  # type: ignore[arg-type] # as every raw reader takes it
        while not self._rest:
            following = next(self._blocks, None)
            if following is None:
                return 0
            self._rest = following
        size = min(len(view), len(self._rest))
        view[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

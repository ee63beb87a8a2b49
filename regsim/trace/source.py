"""Files of evidence: opened once, unpacked if they are compressed, as a stream or as a map."""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import itertools
import mmap
import os
import stat
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

import attrs

from regsim.errors import DataError, UnreadableError, UsageError
from regsim.reading import steady, telling

EVIDENCE: Final = "an event's text, a log, a listing of handles or a capture"
"""What a reader is asked for where a file holds nothing of the kind."""
HEAD: Final = 65_536
"""How many bytes from the start decide what a file is."""

RATIO: Final = 200
"""Times its packed size that evidence may unpack to; `REGSIM_UNPACK_RATIO` sets another figure."""
MOST_GIB: Final = 64
"""GiB that evidence may unpack to at all; `REGSIM_UNPACK_GIB` sets another figure."""
_HARMLESS: Final = 32 << 20
_LARGEST_TEXT: Final = 32 << 20
_UTF16: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_BLOCK: Final = 1 << 20


class CutShortError(DataError):
    """Compressed evidence that ends before its end; what came before it was yielded."""


def split_csv(text: str, *, spaced: bool = False) -> list[str]:
    """Return the fields of one row of CSV; none where it is no row.

    With *spaced* a field may begin after the spaces that follow its comma.
    """
    rows = csv.reader(io.StringIO(text, newline=""), skipinitialspace=spaced)
    try:
        return next(rows, [])
    except csv.Error:
        return []


@attrs.frozen
class Source:
    """One file of evidence.

    ``packing`` is "", "gzip" or "zlib", ``encoding`` the name of UTF-16's form for such a text.
    What was pasted has ``content`` instead of a file. ``called`` is its name for people, where that
    is not the path.
    """

    path: Path
    size: int
    packing: str
    head: bytes
    encoding: str = ""
    content: bytes | None = attrs.field(default=None, repr=False)
    called: str = ""

    @property
    def name(self) -> str:
        """The file's name, for messages."""
        return self.called or str(self.path)

    @property
    def is_plain(self) -> bool:
        """Whether the content can be read from any offset, as it stands in the file."""
        return not self.packing and self.encoding == "" and self.content is None

    def open(self) -> IO[bytes]:
        """Return the content as it is, not unpacked, as an open file."""
        return self.path.open("rb") if self.content is None else io.BytesIO(self.content)

    def blocks(self, size: int = _BLOCK) -> Iterator[tuple[bytes, int]]:
        """Yield the unpacked content in blocks, each with how far the file itself is read.

        Text in UTF-16, by its mark at the start, is yielded in UTF-8.
        """
        with self.open() as file:
            packed = _unpacked(file, self.packing, self.name, size) if self.packing else None
            blocks = packed or _read(file, size)
            first = next(blocks, None)
            if first is None:
                return
            name = _UTF16.get(first[0][:2])
            decode = codecs.getincrementaldecoder(name)("replace").decode if name else None
            for data, done in itertools.chain((first,), blocks):
                yield (decode(data).encode("utf-8", "replace") if decode else data), done

    def lines(self) -> Iterator[tuple[bytes, int]]:
        """Yield the lines, without their ends, each with how far the file itself is read.

        A line of more than 16 MiB is yielded in pieces, so that memory stays bounded.
        """
        rest = b""
        done = 0
        for data, done in self.blocks():
            pieces = (rest + data).split(b"\n")
            rest = pieces.pop()
            for piece in pieces:
                yield piece.removesuffix(b"\r"), done
            if len(rest) > 16 * _BLOCK:
                yield rest, done
                rest = b""
        if rest:
            yield rest.removesuffix(b"\r"), done

    def text(self) -> tuple[str, str]:
        """Return the content as text, whatever Unicode it is in, and what is wrong with it.

        Of more than 256 MiB the beginning is returned.
        """
        pieces: list[bytes] = []
        size, problem = 0, ""
        try:
            for block, _ in self.blocks():
                pieces.append(block)
                size += len(block)
                if size > _LARGEST_TEXT:
                    problem = f"only the first {_LARGEST_TEXT >> 20} MiB were read"
                    break
        except CutShortError as error:
            problem = str(error)
        return b"".join(pieces).decode("utf-8-sig", "replace"), problem

    @contextlib.contextmanager
    def unpacked(self) -> Iterator[IO[bytes]]:
        """Yield the content as an open file; a packed one is unpacked to a temporary file."""
        if not self.packing and self.content is None:
            with self.path.open("rb") as file:
                yield file
            return
        with tempfile.TemporaryFile() as spool:
            # Where the packed data is cut short, the reader finds that the content ends too early.
            with contextlib.suppress(CutShortError):
                self._unpack(spool)
            spool.seek(0)
            yield spool

    def _unpack(self, spool: IO[bytes]) -> None:
        for data, _ in self.blocks():
            spool.write(data)
        spool.flush()

    def map(self) -> mmap.mmap | bytes:
        """Return the unpacked content, in memory or as a map that nobody can cut short.

        Raises:
            CutShortError: it is packed, and damaged or cut short.
        """
        if not self.packing:
            return steady(self.path) if self.content is None else self.content
        with tempfile.TemporaryFile() as spool:
            self._unpack(spool)
            return mmap.mmap(spool.fileno(), 0, access=mmap.ACCESS_READ) if spool.tell() else b""


def open_source(path: str | Path, called: str = "") -> Source:
    """Return the file at *path*, looked into but not read; messages name it as it is *called*.

    Raises:
        DataError: it is no regular file, is empty, or its compression is damaged at its start.
    """
    path, name = Path(path), called or str(path)
    with telling(name, EVIDENCE):
        if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
            raise DataError(
                f"{name} is not a file that can be read twice; save it to a file first, or give it "
                "to `regsim -`"
            )
        with path.open("rb") as file:
            head = file.read(HEAD)
    return _looked_into(Source(path, path.stat().st_size, "", head, called=called))


def pasted(content: str | bytes, name: str = "the text") -> Source:
    """Return what was pasted, or read from a pipe, as a source of its own.

    Raises:
        DataError: it is empty, or its compression is damaged at its start.
    """
    data = content.encode("utf-8", "replace") if isinstance(content, str) else content
    return _looked_into(Source(Path(name), len(data), "", data[:HEAD], content=data))


def _looked_into(source: Source) -> Source:
    """Return *source* with its head unpacked and decoded."""
    head = source.head
    if not head.strip(b"\xef\xbb\xbf \t\r\n"):
        raise UnreadableError(source.name, "is empty", EVIDENCE)
    packing = _packing(head)
    encoding = _UTF16.get(head[:2], "")
    if packing or encoding:
        source = attrs.evolve(source, packing=packing, head=b"")
        head = next(source.blocks(HEAD), (b"", 0))[0][:HEAD]
        if not head:
            raise DataError(f"{source.name} holds nothing once it is unpacked")
        return attrs.evolve(source, head=head, encoding=encoding)
    return source


def _packing(head: bytes) -> str:
    if head[:3] == b"\x1f\x8b\x08":
        return "gzip"
    if len(head) > 2 and head[0] == 0x78 and int.from_bytes(head[:2]) % 31 == 0:
        return "zlib"
    return ""


def _read(file: IO[bytes], size: int) -> Iterator[tuple[bytes, int]]:
    while data := file.read(size):
        yield data, file.tell()


def _limit(name: str, default: float) -> float:
    """Return the limit that the environment sets under *name*, else *default*."""
    text = os.environ.get(name)
    try:
        return float(text) if text else default
    except ValueError:
        raise UsageError(f"{name} takes a number, not {text!r}") from None


def most_unpacked(size: int) -> int:
    """Return how many bytes *size* bytes of evidence may unpack to, by both limits."""
    ratio, most = _limit("REGSIM_UNPACK_RATIO", RATIO), _limit("REGSIM_UNPACK_GIB", MOST_GIB)
    return int(min(most * (1 << 30), max(_HARMLESS, ratio * size)))


def _unpacked(file: IO[bytes], packing: str, name: str, size: int) -> Iterator[tuple[bytes, int]]:
    """Yield the content in blocks of *size*; a stream cut short yields what there is of it."""
    wbits = 31 if packing == "gzip" else 15
    unpack, ahead, total = zlib.decompressobj(wbits), b"", 0
    ratio, most = _limit("REGSIM_UNPACK_RATIO", RATIO), _limit("REGSIM_UNPACK_GIB", MOST_GIB)
    try:
        while data := ahead or unpack.unconsumed_tail or file.read(size):
            ahead = b""
            block = unpack.decompress(data, size)
            total += len(block)
            if total > most * (1 << 30):
                raise DataError(f"{name} unpacks to over {most:g} GiB; REGSIM_UNPACK_GIB raises it")
            if total > max(_HARMLESS, ratio * file.tell()):
                raise DataError(
                    f"{name} unpacks to over {ratio:g} times its size, which no log does by "
                    "itself; if it is to be trusted, REGSIM_UNPACK_RATIO raises the limit"
                )
            if block:
                yield block, file.tell()
            if unpack.eof:
                ahead = _after(unpack.unused_data, file, size)
                if not ahead:
                    return
                if packing != "gzip":
                    break
                unpack = zlib.decompressobj(wbits)  # gzip joins files by their bytes (RFC 1952)
    except zlib.error as error:
        if not total:
            raise DataError(f"{name} is damaged {packing} data: {error}") from None
    raise CutShortError(f"{name}: the {packing} data is damaged or cut short after {total:,} bytes")


def _after(data: bytes, file: IO[bytes], size: int) -> bytes:
    """Return what follows the packed data, from *data* on or in the file, but for zeros; or b""."""
    while not (rest := data.lstrip(b"\0")):
        data = file.read(size)
        if not data:
            return b""
    return rest

"""Event logs made here, honest and hostile: EVTX files of one chunk, as libevtx documents them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

_CHUNK = 0x10000
_START = bytes((0x0F, 1, 1, 0))
_END, _CLOSE, _CLOSE_START, _TEXT, _TEMPLATE, _VALUE = 0, 4, 2, 5, 0x0C, 0x0D
_STRING, _XML = 1, 0x21


def _number(value: int, width: int = 4) -> bytes:
    return value.to_bytes(width, "little")


class Chunk:
    """Sixty-four KiB of records."""

    def __init__(self) -> None:
        self._data = bytearray(0x200)
        self._last = self._count = 0

    def event(self, source: str, number: int, texts: Iterable[str]) -> None:
        """Add an event as *source* logs it, with *texts* as its data."""
        at = self._begin()
        self._open("Event")
        self._open("System")
        self._open("Provider", ("Name", source))
        self._close()
        self._leaf("EventID", str(number))
        self._open("TimeCreated", ("SystemTime", "2020-01-01T00:00:00.000000Z"))
        self._close()
        self._leaf("Computer", "pc")
        self._close()
        self._open("EventData")
        for text in texts:
            self._leaf("Data", text)
        self._close()
        self._close()
        self._finish(at)

    def laughs(self, times: int, text: str, levels: int = 1) -> None:
        """Add a record of templates within templates: each names its one value so many times."""
        at = self._begin()
        self._instance(times, text, levels)
        self._finish(at)

    def _instance(self, times: int, text: str, levels: int) -> None:
        here = len(self._data)
        kind = _XML if levels > 1 else _STRING
        self._add(bytes((_TEMPLATE, 1)) + _number(levels) + _number(here + 10))
        self._add(_number(0) + _number(levels, 16))
        size = self._hole(4)
        self._add(_START)
        self._open("D", in_template=True)
        self._add((bytes((_VALUE,)) + _number(0, 2) + bytes((kind,))) * times)
        self._close()
        self._add(bytes((_END,)))
        self._fill(size, 4)
        self._add(_number(1))
        length = self._hole(2)
        self._add(bytes((kind, 0)))
        if levels > 1:
            self._add(_START)
            self._instance(times, text, levels - 1)
            self._add(bytes((_END,)))
        else:
            self._add(text.encode("utf-16-le"))
        self._fill(length, 2, less=2)

    def _begin(self) -> int:
        self._last, self._count = len(self._data), self._count + 1
        self._add(b"**\0\0" + _number(0) + _number(self._count, 8) + _number(0x1D0 << 48, 8))
        self._add(_START)
        return self._last

    def _finish(self, at: int) -> None:
        self._add(bytes((_END,)))
        size = _number(len(self._data) - at + 4)
        self._add(size)
        self._data[at + 4 : at + 8] = size

    def _open(
        self, tag: str, attribute: tuple[str, str] = (), *, in_template: bool = False
    ) -> None:
        self._add(bytes((0x41 if attribute else 1,)) + b"\xff\xff" * in_template + _number(0))
        self._name(tag)
        if attribute:
            self._add(_number(0) + b"\x06")
            self._name(attribute[0])
            self._text(attribute[1])
        self._add(bytes((_CLOSE_START,)))

    def _leaf(self, tag: str, text: str) -> None:
        self._open(tag)
        self._text(text)
        self._close()

    def _close(self) -> None:
        self._add(bytes((_CLOSE,)))

    def _name(self, text: str) -> None:
        self._add(_number(len(self._data) + 4) + _number(0) + _number(0, 2))
        self._add(_number(len(text), 2) + text.encode("utf-16-le") + b"\0\0")

    def _text(self, text: str) -> None:
        self._add(bytes((_TEXT, _STRING)) + _number(len(text), 2) + text.encode("utf-16-le"))

    def _add(self, data: bytes) -> None:
        self._data += data

    def _hole(self, width: int) -> int:
        self._add(bytes(width))
        return len(self._data) - width

    def _fill(self, hole: int, width: int, less: int = 0) -> None:
        """Write what was added since *hole* into it, as a size."""
        size = len(self._data) - hole - width - less
        self._data[hole : hole + width] = _number(size, width)

    def to_bytes(self) -> bytes:
        """Return the chunk with its header and sums."""
        data = bytearray(self._data)
        free = len(data)
        assert free <= _CHUNK
        data[:8] = b"ElfChnk\0"
        data[8:40] = (_number(1, 8) + _number(self._count, 8)) * 2
        data[40:52] = _number(128) + _number(self._last) + _number(free)
        data[52:56] = _number(zlib.crc32(data[0x200:]))
        data[0x7C:0x80] = _number(zlib.crc32(data[:0x78] + data[0x80:0x200]))
        return bytes(data).ljust(_CHUNK, b"\0")


def evtx_file(*chunks: Chunk) -> bytes:
    """Return the log that holds *chunks*."""
    count = len(chunks)
    head = b"ElfFile\0" + _number(0, 8) + _number(count - 1, 8) + _number(1000, 8) + _number(128)
    head += _number(1, 2) + _number(3, 2) + _number(4096, 2) + _number(count, 2) + bytes(76 + 4)
    head += _number(zlib.crc32(head[:120]))
    return head.ljust(4096, b"\0") + b"".join(chunk.to_bytes() for chunk in chunks)

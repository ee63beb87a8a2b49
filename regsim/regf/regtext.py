r"""Reading ``.reg`` files: versions 4 (ANSI) and 5 (UTF-16), as ``regedit`` exports them.

Source: Microsoft, "How to add, modify, or delete registry subkeys and values by using a .reg file"
(documented); what that leaves open follows Wine's regedit tests (observed there).
"""

from __future__ import annotations

import codecs
import re
import struct
from typing import Final

import attrs

from regsim.errors import DataError

HEADER_4: Final = "REGEDIT4"
HEADER_5: Final = "Windows Registry Editor Version 5.00"
REG_SZ: Final = 1
REG_BINARY: Final = 3
REG_DWORD: Final = 4
ANSI_TYPES: Final = frozenset({2, 7})
"""REG_EXPAND_SZ and REG_MULTI_SZ: version 4 writes their characters, not their UTF-16 bytes."""

_HEX: Final = re.compile(r"hex(?:\(([0-9a-fA-F]{1,8})\))?:(.*)\Z", re.IGNORECASE | re.DOTALL)
_DWORD: Final = re.compile(r"dword:\s*([0-9a-fA-F]{1,8})\Z", re.IGNORECASE)
_BYTES: Final = re.compile(r"[0-9a-fA-F]{1,2}(?:,[0-9a-fA-F]{1,2})*,?\Z")
_STRING: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPE: Final = re.compile(r'\\([\\"])')


class RegTextError(DataError):
    """A ``.reg`` file breaks its format.

    Args:
        what: the fault.
        line: where, counting from 1.
        file: the file's name where it is known.
    """

    def __init__(self, what: str, *, line: int, file: str | None = None) -> None:
        self.what, self.line, self.file = what, line, file
        super().__init__(f"{file or '.reg file'}, line {line}: {what}")


@attrs.frozen(kw_only=True)
class KeyLine:
    """``[path]``: the key is made if it is missing, or with a minus deleted with all below it."""

    line: int
    path: str
    delete: bool = False


@attrs.frozen(kw_only=True)
class ValueLine:
    """``"name"=data``: the value of the key above is set, or with a minus deleted."""

    line: int
    path: str
    name: str
    type: int = 0
    data: bytes | None = None
    """None deletes the value."""


@attrs.frozen(kw_only=True)
class RegText:
    """A whole ``.reg`` file, in the order of its lines."""

    version: int
    lines: tuple[KeyLine | ValueLine, ...]


def parse_reg(data: bytes, *, ansi: str = "cp1252", file: str | None = None) -> RegText:
    """Return what the ``.reg`` file in *data* says.

    Args:
        data: the file; UTF-16 with or without a byte order mark, UTF-8 with one, else *ansi*.
        ansi: the code page of files that are not Unicode, and of version 4's strings.
        file: its name, for messages.

    Raises:
        RegTextError: the first fault, with its line.
    """
    return _Parser(_decode(data, ansi, file), ansi, file).run()


def _decode(data: bytes, ansi: str, file: str | None) -> str:
    for mark, name in (
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF8, "utf-8"),
    ):
        if data.startswith(mark):
            return _decoded(data[len(mark) :], name, file)
    if data[1:2] == b"\0":
        return _decoded(data, "utf-16-le", file)
    return _decoded(data, ansi, file)


def _decoded(data: bytes, encoding: str, file: str | None) -> str:
    unicode = encoding.startswith("utf")
    try:
        return data.decode(encoding, "surrogatepass" if unicode else "strict")
    except UnicodeDecodeError as error:
        newline = "\n".encode(encoding)
        line = data[: error.start].count(newline) + 1
        msg = f"byte {error.start:#x} is not text in {encoding}"
        raise RegTextError(msg, line=line, file=file) from None
    except LookupError:
        msg = f"there is no code page {encoding!r}"
        raise RegTextError(msg, line=1, file=file) from None


class _Parser:
    """Goes over the lines once, remembering the key that values belong to."""

    def __init__(self, text: str, ansi: str, file: str | None) -> None:
        self.rows = text.split("\n")
        self.ansi, self.file = ansi, file
        self.at = 0
        self.version = 0
        self.path: str | None = None
        self.found: list[KeyLine | ValueLine] = []

    def fault(self, what: str) -> RegTextError:
        return RegTextError(what, line=self.at, file=self.file)

    def run(self) -> RegText:
        self.version = self.header()
        while self.at < len(self.rows):
            row = self.next()
            if not row or row.startswith(";"):
                continue
            if row.startswith("["):
                self.key(row)
            elif row.startswith(("@", '"')):
                self.value(row)
            else:
                raise self.fault('expected "[key]", "name"=data, @=data or ; comment')
        return RegText(version=self.version, lines=tuple(self.found))

    def next(self) -> str:
        row = self.rows[self.at].strip(" \t\r\0")
        self.at += 1
        return row

    def header(self) -> int:
        while self.at < len(self.rows):
            row = self.next()
            if row == HEADER_4:
                return 4
            if row == HEADER_5:
                return 5
            if row:
                break
        self.at = max(self.at, 1)
        raise self.fault(f'expected "{HEADER_5}" or "{HEADER_4}"')

    def key(self, row: str) -> None:
        end = row.rfind("]")
        rest = row[end + 1 :].strip()
        if end < 0 or (rest and not rest.startswith(";")):
            raise self.fault('a key ends with "]"')
        path = row[1:end]
        delete = path.startswith("-")
        path = path[1:] if delete else path
        if not path.strip("\\"):
            raise self.fault("the key has no name")
        self.found.append(KeyLine(line=self.at, path=path, delete=delete))
        self.path = None if delete else path

    def value(self, row: str) -> None:
        line = self.at
        if self.path is None:
            raise self.fault("a value must stand below the key it belongs to")
        if row.startswith("@"):
            name, rest = "", row[1:]
        else:
            name, rest = self.string(row)
        rest = rest.lstrip()
        if not rest.startswith("="):
            raise self.fault('expected "=" after the name')
        kind, data = self.data(rest[1:].lstrip())
        self.found.append(ValueLine(line=line, path=self.path, name=name, type=kind, data=data))

    def string(self, row: str) -> tuple[str, str]:
        """Return the quoted string at the start of *row* and what follows it."""
        match = _STRING.match(row)
        if match is None:
            raise self.fault("the string has no closing quote on its line")
        return _ESCAPE.sub(r"\1", match[1]), row[match.end() :]

    def data(self, text: str) -> tuple[int, bytes | None]:
        if text.startswith('"'):
            value, rest = self.string(text)
            if rest.strip() and not rest.lstrip().startswith(";"):
                raise self.fault("text behind the closing quote")
            return REG_SZ, (value + "\0").encode("utf-16-le", "surrogatepass")
        text = self.continued(text)
        if text == "-":
            return 0, None
        dword = _DWORD.match(text)
        if dword:
            return REG_DWORD, struct.pack("<I", int(dword[1], 16))
        match = _HEX.match(text)
        if match is None:
            raise self.fault('expected "text", dword:, hex:, hex(type): or - as data')
        kind = int(match[1], 16) if match[1] else REG_BINARY
        data = self.hex_bytes(match[2])
        if self.version == 4 and kind in ANSI_TYPES:
            data = self.widen(data)
        return kind, data

    def continued(self, text: str) -> str:
        r"""Return *text* with the lines that a ``\`` at its end joins to it, comments cut."""
        text = text.partition(";")[0].rstrip()
        pieces = []
        while text.endswith("\\"):
            if self.at >= len(self.rows):
                raise self.fault("the line goes on, but the file ends")
            pieces.append(text[:-1])
            text = self.next().partition(";")[0].rstrip()
        return "".join((*pieces, text))

    def hex_bytes(self, text: str) -> bytes:
        packed = "".join(text.split())
        if not packed:
            return b""
        if not _BYTES.match(packed):
            raise self.fault("hex data is pairs of hex digits with commas between")
        return bytes(int(each, 16) for each in packed.split(",") if each)

    def widen(self, data: bytes) -> bytes:
        try:
            return data.decode(self.ansi).encode("utf-16-le")
        except UnicodeDecodeError as error:
            msg = f"byte {error.start} of the data is not text in {self.ansi}"
            raise self.fault(msg) from None

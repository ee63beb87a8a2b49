r"""Writing ``.reg`` files, and carrying out what one says on a hive.

The format has no place for class names, security, flags and times; those are left out.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

import attrs

from regsim.errors import DataError, UsageError
from regsim.regf.hash import upcase
from regsim.regf.regtext import (
    ANSI_TYPES,
    HEADER_4,
    HEADER_5,
    REG_BINARY,
    REG_DWORD,
    REG_SZ,
    KeyLine,
    RegTextError,
)
from regsim.regf.walk import DataBudget, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regsim.regf.hive import HiveFile
    from regsim.regf.key import Key
    from regsim.regf.regtext import RegText

_WIDTH = 79
_SHORT = {
    "HKCU": "HKEY_CURRENT_USER",
    "HKLM": "HKEY_LOCAL_MACHINE",
    "HKU": "HKEY_USERS",
    "HKCR": "HKEY_CLASSES_ROOT",
    "HKCC": "HKEY_CURRENT_CONFIG",
}


# -- export ---------------------------------------------------------------------------------


def export_reg(
    start: Key, *, prefix: str, version: int = 5, ansi: str = "cp1252"
) -> Iterator[bytes]:
    r"""Yield the pieces of a ``.reg`` file of *start* and everything below.

    Version 5 is UTF-16LE with a byte order mark, version 4 is in the code page *ansi*. Lines end
    in CR LF. A key or value whose name holds a NUL or a line break, as no line can, is left out: a
    comment in its place says so, and the hive's notes do.

    Args:
        start: the first key.
        prefix: the path that stands for the hive's root, such as ``HKEY_CURRENT_USER``.
        version: 4 or 5.
        ansi: the code page of version 4.

    Raises:
        DataError: version 4 has no letter for a name or a text.
        HiveFormatError: the hive breaks its format (strict mode).
    """
    if version not in {4, 5}:
        msg = f".reg files have version 4 or 5, not {version}"
        raise UsageError(msg)
    encoding = "utf-16-le" if version == 5 else ansi
    if version == 5:
        yield codecs.BOM_UTF16_LE
    yield _encode((HEADER_5 if version == 5 else HEADER_4) + "\r\n\r\n", encoding, "the header")
    budget = DataBudget(start.hive.image)
    for path, key in walk(start):
        full = f"{prefix}\\{path}" if path else prefix
        lines = [f"[{full}]" if _is_plain(full) else _left_out(key, "key", full)]
        for value in key.values() if _is_plain(full) else ():
            if not _is_plain(value.name):
                lines.append(_left_out(key, "value", value.name))
                continue
            name = f'"{_quote(value.name)}"' if value.name else "@"
            data = budget.take(value)
            lines.append(_value_text(name, value.type, data, None if version == 5 else ansi))
        yield _encode("\r\n".join(lines) + "\r\n\r\n", encoding, full)


def _encode(text: str, encoding: str, where: str) -> bytes:
    try:
        return text.encode(encoding, "surrogatepass" if encoding == "utf-16-le" else "strict")
    except UnicodeEncodeError as error:
        letter = text[error.start]
        msg = f"{where}: {letter!a} has no place in {encoding}; export as version 5"
        raise DataError(msg) from None


def _is_plain(name: str) -> bool:
    return not any(char in name for char in "\r\n\0")


def _left_out(key: Key, what: str, name: str) -> str:
    """Return the comment in the place of what no line can hold, and note it with the hive."""
    image = key.hive.image
    about = f"name of the {what} {name!a}"
    fault = image.error(about, key.offset, "free of NUL and line breaks", "not: it is left out")
    image.notes.add(fault)
    return f"; left out, as no line can hold its name: the {what} {name!a}"


def _quote(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _value_text(name: str, kind: int, data: bytes, ansi: str | None) -> str:
    if kind == REG_DWORD and len(data) == 4:
        return f"{name}=dword:{int.from_bytes(data, 'little'):08x}"
    if kind == REG_SZ:
        text = _as_text(data, ansi)
        if text is not None:
            return f'{name}="{_quote(text)}"'
    if ansi is not None and kind in ANSI_TYPES:
        data = _narrow(data, ansi, name)
    head = "hex:" if kind == REG_BINARY else f"hex({kind:x}):"
    return _wrap(f"{name}={head}", data)


def _as_text(data: bytes, ansi: str | None) -> str | None:
    """Return the string in *data* if quoting it loses nothing, else None."""
    if len(data) % 2 or data[-2:] != b"\0\0":
        return None
    try:
        text = data[:-2].decode("utf-16-le")
        if ansi is not None:
            text.encode(ansi)
    except UnicodeError:
        return None
    return None if any(char in text for char in "\r\n\0") else text


def _narrow(data: bytes, ansi: str, name: str) -> bytes:
    try:
        narrow = data.decode("utf-16-le").encode(ansi)
        if narrow.decode(ansi).encode("utf-16-le") == data:
            return narrow
    except UnicodeError:
        pass
    msg = f"the data of {name} has no place in {ansi}; export as version 5"
    raise DataError(msg)


def _wrap(head: str, data: bytes) -> str:
    r"""Return *head* and the bytes in hex, lines cut before column 80 with a ``\``."""
    lines, line = [], head
    last = len(data) - 1
    for index, byte in enumerate(data):
        piece = f"{byte:02x}" if index == last else f"{byte:02x},"
        if len(line) + len(piece) >= _WIDTH and line.endswith(","):
            lines.append(line + "\\")
            line = "  "
        line += piece
    return "\r\n".join([*lines, line])


# -- import ---------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Imported:
    """How much an import changed."""

    keys_created: int
    keys_deleted: int
    values_set: int
    values_deleted: int


def import_reg(hive: HiveFile, text: RegText, *, prefix: str) -> Imported:
    """Carry out *text* on *hive*, in the order of its lines.

    Deleting what is not there is no fault. Nothing is saved.

    Args:
        hive: the hive to change.
        text: a parsed file.
        prefix: the path that stands for the hive's root, such as ``HKEY_CURRENT_USER``.

    Raises:
        RegTextError: a key is not below *prefix*, or a line asks for what cannot be.
    """
    counts = dict.fromkeys(("keys_created", "keys_deleted", "values_set", "values_deleted"), 0)
    key: Key | None = None
    for line in text.lines:
        try:
            if isinstance(line, KeyLine):
                key = _apply_key(hive, line, prefix, counts)
            elif key is not None and line.data is None:
                counts["values_deleted"] += key.delete_value(line.name)
            elif key is not None and line.data is not None:
                key.set_value(line.name, line.type, line.data)
                counts["values_set"] += 1
        except UsageError as error:
            raise RegTextError(str(error), line=line.line) from error
    return Imported(**counts)


def _apply_key(hive: HiveFile, line: KeyLine, prefix: str, counts: dict[str, int]) -> Key | None:
    path = _below(line.path, prefix)
    if path is None:
        msg = f"[{line.path}] is not below {prefix}; choose another prefix for the hive's root"
        raise UsageError(msg)
    if line.delete:
        doomed = hive.find(path)
        counts["keys_deleted"] += doomed is not None
        if doomed is not None:
            doomed.delete(recursive=True)
        return None
    return _made(hive.root, path, counts)


def _made(key: Key, path: str, counts: dict[str, int]) -> Key:
    for name in filter(None, path.split("\\")):
        child = key.subkey(name)
        if child is None:
            child = key.create_subkey(name)
            counts["keys_created"] += 1
        key = child
    return key


def _below(path: str, prefix: str) -> str | None:
    """Return *path* without *prefix*, or None when it is not below it; case does not count."""
    mine, wanted = _parts(path), _parts(prefix)
    head = [upcase(part) for part in mine[: len(wanted)]]
    if head != [upcase(part) for part in wanted]:
        return None
    return "\\".join(mine[len(wanted) :])


def _parts(path: str) -> list[str]:
    parts = [part for part in path.split("\\") if part]
    if parts:
        parts[0] = _SHORT.get(parts[0].upper(), parts[0])
    return parts

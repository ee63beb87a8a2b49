"""How ``regsim hive`` prints: safe on any console, JSON on request, progress on a terminal only."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from regsim.errors import UsageError
from regsim.report.words.writing import visible
from regsim.types import ValueType

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from regsim.regf import HiveFile

T = TypeVar("T")

TYPE_NAMES = {int(kind): f"REG_{kind.name}" for kind in ValueType}
_TEXTS = frozenset({1, 2, 6})
_QUIET_SECONDS = 1.0


def say(text: str) -> None:
    """Print *text* to stdout; what the console's encoding lacks is escaped, never a traceback."""
    _write(sys.stdout, text)


def tell(text: str) -> None:
    """Print *text* to stderr in the same way."""
    _write(sys.stderr, text)


def say_bytes(data: bytes) -> None:
    """Write *data* to stdout as it is."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _write(stream: TextIO, text: str) -> None:
    encoding = stream.encoding or "utf-8"
    safe = visible(text, keep="\n\t").encode(encoding, "backslashreplace").decode(encoding)
    stream.write(safe + "\n")


def say_json(record: dict[str, Any]) -> None:
    """Print one JSON object with the schema's version."""
    say(json.dumps({"schema_version": 1, **record}))


def say_json_line(record: dict[str, Any]) -> None:
    """Print one line of a JSON-lines answer, which carries no version."""
    say(json.dumps(record))


def type_name(kind: int) -> str:
    """Return Microsoft's name of a value type, or its number."""
    return TYPE_NAMES.get(kind, f"{kind:#x}")


def show_data(kind: int, data: bytes) -> str:
    """Return *data* as a person reads it: text, a number, or hex."""
    if kind in _TEXTS and len(data) % 2 == 0:
        return data.decode("utf-16-le", "surrogatepass").rstrip("\0")
    if kind == 7 and len(data) % 2 == 0:
        parts = data.decode("utf-16-le", "surrogatepass").rstrip("\0").split("\0")
        return " | ".join(parts)
    if kind in {4, 11} and len(data) in {4, 8}:
        return str(int.from_bytes(data, "little"))
    return data.hex(" ")


def with_progress(items: Iterable[T], what: str) -> Iterator[T]:
    """Yield *items*, counting them on stderr if that is a terminal and it takes over a second."""
    if not sys.stderr.isatty():
        yield from items
        return
    shown = time.monotonic() + _QUIET_SECONDS
    count = 0
    for count, item in enumerate(items, 1):
        if time.monotonic() > shown:
            sys.stderr.write(f"\r{count} {what} ...")
            sys.stderr.flush()
            shown = time.monotonic() + _QUIET_SECONDS / 4
        yield item
    sys.stderr.write("\r" + " " * 40 + "\r" if count else "")


def tell_problems(hive: HiveFile) -> None:
    """List on stderr what salvage left out."""
    for problem in hive.problems:
        tell(f"problem: {problem}")
    if hive.image.problems.dropped:
        tell(f"problem: and {hive.image.problems.dropped} more")


def parse_data(kind_name: str, text: str) -> tuple[int, bytes]:
    """Return the type number and the bytes for data given on the command line.

    Raises:
        UsageError: the type is unknown, or the text does not fit it.
    """
    kind = kind_name.lower().removeprefix("reg_").replace("_", "-")
    if kind in _TEXT_TYPES:
        return _TEXT_TYPES[kind], (text + "\0").encode("utf-16-le", "surrogatepass")
    if kind == "multi-sz":
        parts = text.split("|") if text else []
        joined = "".join(part + "\0" for part in parts) + "\0"
        return 7, joined.encode("utf-16-le", "surrogatepass")
    if kind in _NUMBER_TYPES:
        number, size = _NUMBER_TYPES[kind]
        return number, _number(text, size, "big" if number == 5 else "little")
    numbers = {"none": 0, "binary": 3}
    try:
        return numbers[kind] if kind in numbers else int(kind, 0), bytes.fromhex(text)
    except ValueError:
        known = ", ".join([*_TEXT_TYPES, "multi-sz", *_NUMBER_TYPES, *numbers])
        msg = f"type {kind_name!r} with data {text!r}: the types are {known} or a number, with hex"
        raise UsageError(msg) from None


_TEXT_TYPES = {"sz": 1, "expand-sz": 2, "link": 6}
_NUMBER_TYPES = {"dword": (4, 4), "dword-big-endian": (5, 4), "qword": (11, 8)}


def _number(text: str, size: int, order: str) -> bytes:
    try:
        return int(text, 0).to_bytes(size, "big" if order == "big" else "little")
    except (ValueError, OverflowError):
        msg = f"{text!r} is not a number of {size * 8} bits without a sign"
        raise UsageError(msg) from None

"""The files of the commands: what is said of one that cannot be read or written, and writing it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from regsim.cli._hive_output import say, say_bytes, tell
from regsim.errors import HiveFormatError, UnreadableError, UsageError
from regsim.reading import telling
from regsim.writing import write_file

HIVE: Final = "a hive file, such as NTUSER.DAT"
"""What is asked for where a file is no hive."""
STDOUT: Final = frozenset({"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})
"""What means standard output where a command asks for a file to write."""


def is_stdout(output: Path | None) -> bool:
    """Return whether *output* means standard output: ``-`` or ``/dev/stdout``."""
    return output is not None and os.fspath(output) in STDOUT


def refuse_both(output: Path | None, *, as_json: bool) -> None:
    """Raise `UsageError` if both the JSON object and the file are to go to standard output."""
    if as_json and is_stdout(output):
        raise UsageError(f"--json and {output} both want standard output: give a file")


@contextmanager
def hive_read(file: Path) -> Iterator[None]:
    """Have what keeps *file* from being read as a hive be said as for any other file.

    Raises:
        UnreadableError: it cannot be read, is empty, or begins as no hive does.
    """
    try:
        with telling(file, HIVE):
            yield
    except HiveFormatError as error:
        if error.what == "file size" and error.actual == 0:
            raise UnreadableError(file, "is empty", HIVE) from None
        if error.what == "base block signature" and error.file == str(file):
            why = f"is no hive file: it begins with {error.actual!r}, not with {error.expected!r}"
            raise UnreadableError(file, why, HIVE) from None
        raise


@contextmanager
def written(output: Path) -> Iterator[None]:
    """Have what keeps *output* from being written be said in one way.

    Raises:
        UsageError: it is a folder, lies below what is none, or cannot be written there.
    """
    try:
        yield
    except OSError as error:
        why = "it is a folder" if output.is_dir() else error.strerror or str(error)
        raise UsageError(f"{output} cannot be written: {why}; name another file") from None


def put(output: Path, data: bytes, *inputs: Path) -> Callable[[str], None]:
    """Write *data* to *output*, but never over one of *inputs*; missing folders are made.

    Returns what prints the rest of a command's answer: to stderr where stdout has the data.
    """
    if is_stdout(output):
        say_bytes(data)
        return tell
    with written(output):
        note = write_file(output, data, inputs=inputs)
    if note:
        tell(f"{output}: {note}")
    return say

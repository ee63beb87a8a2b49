"""Where the commands write: a file, by the one function that writes files, or standard output."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from regsim.cli._hive_output import say, say_bytes, tell
from regsim.errors import UsageError
from regsim.writing import write_file

STDOUT: Final = frozenset({"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})
"""What means standard output where a command asks for a file to write."""


def is_stdout(output: Path | None) -> bool:
    """Return whether *output* means standard output: ``-`` or ``/dev/stdout``."""
    return output is not None and os.fspath(output) in STDOUT


def refuse_both(output: Path | None, *, as_json: bool) -> None:
    """Raise `UsageError` if both the JSON object and the file are to go to standard output."""
    if as_json and is_stdout(output):
        raise UsageError(f"--json and {output} both want standard output: give a file")


def put(output: Path, data: bytes, *inputs: Path) -> Callable[[str], None]:
    """Write *data* to *output*, but never over one of *inputs*; see `write_file`.

    Returns what prints the rest of a command's answer: to stderr where stdout has the data.
    """
    if is_stdout(output):
        say_bytes(data)
        return tell
    note = write_file(output, data, inputs=inputs)
    if note:
        tell(f"{output}: {note}")
    return say

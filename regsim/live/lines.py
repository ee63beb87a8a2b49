"""Source lines of addresses in a program, from its debug information by binutils' addr2line."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from regsim.live.program import ProgramLog, RunProgram
from regsim.live.relay import Module

_TOOLS: Final = ("x86_64-w64-mingw32-addr2line", "addr2line", "llvm-addr2line")
_PATIENCE: Final = 120.0


class SourceLines:
    """The lines of the calls of *judged* and their children, asked for all at once."""

    def __init__(self, log: ProgramLog, judged: list[RunProgram]) -> None:
        self.log = log
        found = log.of_interest(judged)
        asked: dict[Path, dict[int, Module]] = {}
        for record in log.records:
            address = record.get("source", 0) if record["process"] in found else 0
            module = self._module(record["process"], address) if address else None
            if module is not None and module.file is not None:
                asked.setdefault(module.file, {})[_offset(module, address)] = module
        self.known = {file: lines_of(file, found) for file, found in asked.items()}

    def _module(self, process: int, address: int) -> Module | None:
        return self.log.programs[process].modules.at(address)

    def __call__(self, process: int, address: int) -> str:
        """Return the line of the call that returns to *address*; else the module and its offset."""
        module = self._module(process, address)
        if module is None:
            return hex(address)
        lines = self.known.get(module.file, {}) if module.file is not None else {}
        line = lines.get(_offset(module, address))
        return line or f"{module.name}+{address - module.base:#x}"


def _offset(module: Module, address: int) -> int:
    """Return the address of the call as the file itself numbers it."""
    return address - 1 - module.base + module.preferred


def lines_of(file: Path, addresses: Iterable[int]) -> dict[int, str]:
    """Return the source line of each of *addresses* in *file* that has one.

    It is empty where no addr2line is installed or the file has no debug information.
    """
    tool = next((found for name in _TOOLS if (found := shutil.which(name))), None)
    wanted = list(addresses)
    if tool is None or not wanted:
        return {}
    try:
        done = subprocess.run(  # noqa: S603 - the tool that the user has installed
            [tool, "-e", str(file)],
            input="".join(f"{address:#x}\n" for address in wanted),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_PATIENCE,
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    known: dict[int, str] = {}
    for address, line in zip(wanted, done.stdout.splitlines(), strict=False):
        place, _, number = line.partition(" (")[0].rpartition(":")
        if number.isdecimal() and int(number) and place != "??":
            known[address] = f"{_short(place)}:{number}"
    return known


def _short(place: str) -> str:
    """Return a file below the current directory relative to it."""
    path = Path(place)
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else place

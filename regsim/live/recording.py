"""``regsim record`` as a function: a command in, its trace and what the trace says out."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

import attrs

from regsim.errors import UsageError
from regsim.live.lines import SourceLines
from regsim.live.program import ProgramLog, trace_of
from regsim.live.run import Ran, run
from regsim.policy import Dialect
from regsim.trace.asking import replay
from regsim.trace.finding import Finding
from regsim.trace.source import open_source

_CRASHED: Final = 0xC0000000
_OWN: Final = "wine"


@attrs.frozen
class Recorded:
    """What a run under Wine gave: the trace, what it says, and how the program ended.

    ``program`` is the image of the program that is judged, ``exit`` its exit code (None: it was
    ended by the time-out), ``stderr`` what the programs wrote there.
    """

    trace: bytes
    finding: Finding
    program: str
    exit: int | None
    stderr: bytes


def record(
    command: Sequence[str],
    dialect: Dialect,
    *,
    process: str | None = None,
    timeout: float = 300.0,
    output: IO[bytes],
) -> Recorded:
    """Run *command* under Wine and judge what it leaves open by the rules of *dialect*.

    Args:
        command: what starts Wine, such as ``["wine", "app.exe"]``.
        dialect: the system whose rules decide.
        process: the image of the program to judge; by default each program of the run that no
            other one has started, Wine's own programs aside.
        timeout: after how many seconds the program is ended, and judged as it was then.
        output: where the program's standard output goes.

    Raises:
        WineMissingError: Wine is not installed.
        UsageError: the command does not run a Windows program, or none called *process*.
    """
    with tempfile.TemporaryDirectory(prefix="regsim-record-") as folder:
        ran = run(command, Path(folder), timeout=timeout, output=output)
        return judge_run(ran, read_run(ran, dialect), dialect, process)


def read_run(ran: Ran, dialect: Dialect) -> ProgramLog:
    """Return the log of *ran*, read for `judge_run`; it depends on whether *dialect* is Wine's."""
    log = ProgramLog(open_source(ran.log), prefix=ran.prefix, wine=dialect.name == _OWN)
    for _ in log.read():
        pass
    return log


def judge_run(ran: Ran, log: ProgramLog, dialect: Dialect, process: str | None = None) -> Recorded:
    """Return what the run *ran* leaves open by the rules of *dialect*; see `record`."""
    judged = log.judged(process)
    if not judged:
        raise UsageError(_none_of(log, ran.command, process))
    last = judged[-1]
    ended = all(one.ended for one in judged)
    ending = _ending(last.exit if ended else None, ran.timed_out)
    trace = trace_of(log, judged, dialect, SourceLines(log, judged), ending)
    data = "".join(json.dumps(row) + "\n" for row in trace).encode()
    kept = ran.log.with_name("trace.jsonl")
    kept.write_bytes(data)
    finding = replay(kept, dialect=dialect)
    image = log.processes[last.process].image
    return Recorded(data, finding, image, last.exit if ended else None, b"".join(log.other))


def _ending(code: int | None, timeout: float | None) -> str:
    """Return how the program ended if it did not by itself: what it would have done is unknown."""
    if code is None and timeout is not None:
        return f"the program was ended after {timeout:g} s"
    if code is None:
        return "the program's end is not in the log"
    return f"the program was ended by exception {code:#010x}" if code >= _CRASHED else ""


def _none_of(log: ProgramLog, command: Sequence[str], process: str | None) -> str:
    ran = sorted({log.processes[one].image for one in log.programs})
    said = b"".join(log.other).decode("utf-8", "replace").strip().splitlines()
    last = f"; the last that it said is: {said[-1]}" if said else ""
    if process is not None:
        return f"no program {process!r} ran; these did: {', '.join(ran) or 'none'}{last}"
    return f"{' '.join(command)} runs no Windows program but Wine's own{last}"

"""How everything here is measured: contenders take turns, medians and spread, the machine named.

A *contender* is a function. One that returns a `Taken` has measured itself, in a process of its own
or by another clock; any other is timed from outside. A *row* is one line of work with all that was
measured of it, and its goals.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import attrs

REPO = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("REGSIM_SHARED") or REPO.parent / "shared")
OURS = "regsim"
"""What the contender is called whose ratios are given."""
PACKAGES = ("numpy", "pyarrow", "polars", "duckdb", "evtx", "fake-winreg", "procmon-reader")


class MissingPeerError(Exception):
    """What a row is compared with, or measured on, is not here; the text says how to get it."""


class Taken(NamedTuple):
    """What one turn took: seconds by the clock and of all processors, and what it adds up to.

    A contender that measures something else, bytes or nanoseconds a call, gives it as `clock`.
    """

    clock: float
    cpu: float = 0.0


Contenders = Mapping[str, Callable[[], object]]


@attrs.frozen
class Goal:
    """What is asked: *peer* takes at least so many times what regsim takes.

    Without a *peer* regsim itself takes at most *least*. With *cpu* it is about processor seconds.
    A name stands for each of its ways, `name, way`: the one that takes least counts.
    """

    peer: str
    least: float
    cpu: bool = False


def _first(path: str, word: str) -> str:
    lines = Path(path).read_text(encoding="utf-8").splitlines() if Path(path).exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(word)), "")


def _machine() -> str:
    """Return what every figure depends on: processor, cores, memory, system, Python."""
    memory = _first("/proc/meminfo", "MemTotal").split()
    return ", ".join(
        (
            _first("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
            f"{os.cpu_count()} cores",
            *([f"{int(memory[0]) / 2**20:.0f} GiB"] if memory else []),
            f"{platform.system()} {platform.release().split('-')[0]}",
            f"Python {platform.python_version()}",
        )
    )


def _versions() -> tuple[str, ...]:
    """Return the packages beside regsim that are here, those that it reads with among them."""
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return tuple(found)


@attrs.frozen
class Row:
    """One line of work: its name, what it is on what, what each contender took in each turn."""

    name: str
    what: str
    clock: dict[str, list[float]]
    cpu: dict[str, list[float]] = attrs.field(factory=dict)
    goals: tuple[Goal, ...] = ()
    unit: str = "s"
    missing: tuple[str, ...] = ()
    machine: str = attrs.field(factory=_machine)
    versions: tuple[str, ...] = attrs.field(factory=_versions)
    load: float = attrs.field(factory=lambda: round(os.getloadavg()[0], 1))


@attrs.frozen
class Asked:
    """How a row is to be measured: turns, the *part* of the full size, a folder for its files."""

    turns: int
    part: float
    folder: Path

    def of(self, size: int) -> int:
        """Return the part of a size."""
        return max(int(size * self.part), 1)


def timed(work: Callable[[], object]) -> Taken:
    """Do *work* once and return what it took."""
    before, began = _processors(), time.perf_counter()
    told = work()
    clock = time.perf_counter() - began
    return told if isinstance(told, Taken) else Taken(clock, _processors() - before)


def _processors() -> float:
    """Return the processor seconds of this process's threads and of the children that ended."""
    import resource  # noqa: PLC0415 - Windows has none, and reads what was measured elsewhere

    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both)


def turns(contenders: Contenders, count: int, *, warm: int = 1) -> dict[str, list[Taken]]:
    """Let each contender work *count* times, taking turns, after *warm* turns that do not count."""
    taken: dict[str, list[Taken]] = {name: [] for name in contenders}
    for turn in range(count + warm):
        for name, work in contenders.items():
            one = timed(work)
            if turn >= warm:
                taken[name].append(one)
    return taken


def measured(
    name: str,
    what: str,
    contenders: Contenders,
    asked: Asked,
    *goals: Goal,
    unit: str = "s",
    warm: int = 1,
    missing: Sequence[str] = (),
) -> Row:
    """Measure one line of work, with regsim's own contender first."""
    taken = turns(contenders, asked.turns, warm=warm)
    clock = {each: [one.clock for one in some] for each, some in taken.items()}
    cpu = {each: [one.cpu for one in some] for each, some in taken.items()}
    kept = {each: some for each, some in cpu.items() if any(some)}
    return Row(name, what, clock, kept, goals, unit, tuple(missing))


def apart(*command: str | Path, python: str = sys.executable, **more: Any) -> Any:  # noqa: ANN401
    """Run a Python program in a process of its own, and return the JSON that it prints."""
    done = subprocess.run(
        [python, *map(str, command)], check=False, capture_output=True, text=True, **more
    )
    if done.returncode:
        sys.exit(f"{command} went wrong:\n{done.stderr}")
    return json.loads(done.stdout)


@cache
def _extra() -> str:
    """Return a folder for packages that are not installed; it goes when the program ends."""
    folder = tempfile.TemporaryDirectory()
    _kept.append(folder)
    sys.path.append(folder.name)
    return folder.name


_kept: list[tempfile.TemporaryDirectory[str]] = []


@cache
def peer(module: str, requirement: str) -> ModuleType:
    """Import a peer; one that is not installed is put into a folder of this run alone.

    Raises:
        MissingPeerError: it cannot be installed here.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        pass
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-warn-conflicts"]
    done = subprocess.run(
        [*install, "--target", _extra(), requirement], check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise MissingPeerError(f"{requirement} is missing: pip install '{requirement}'")
    importlib.invalidate_caches()
    return importlib.import_module(module)


def there(
    contenders: dict[str, tuple[Callable[[], object], Callable[[], object]]],
) -> tuple[dict[str, Callable[[], object]], list[str]]:
    """Return the contenders whose first function finds what they need, and what the others miss."""
    found, missing = {}, []
    for name, (need, work) in contenders.items():
        try:
            need()
        except MissingPeerError as error:
            missing.append(str(error))
        else:
            found[name] = work
    return found, missing


def shared(*parts: str) -> Path:
    """Return a file of the captured ones beside the project.

    Raises:
        MissingPeerError: it is not there.
    """
    path = SHARED.joinpath("data", *parts)
    if not path.exists():
        raise MissingPeerError(f"{path} is missing: REGSIM_SHARED names the folder of captures")
    return path


def median(values: Sequence[float]) -> float:
    """Return the middle one."""
    return statistics.median(values)


def best(row: Row, name: str, *, cpu: bool = False) -> str | None:
    """Return the contender called so, in whichever way takes least; None if it is missing."""
    values = row.cpu if cpu else row.clock
    named = [each for each in values if each == name or each.startswith(f"{name},")]
    return min(named, key=lambda each: median(values[each]), default=None)


def ratio(row: Row, goal: Goal) -> float | None:
    """Return how many times regsim's share *goal*'s peer takes; None where it was not measured."""
    values = row.cpu if goal.cpu else row.clock
    ours = median(values[OURS])
    if not goal.peer:
        return goal.least / ours
    other = best(row, goal.peer, cpu=goal.cpu)
    return None if other is None else median(values[other]) / ours

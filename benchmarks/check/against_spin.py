"""Explore Q241572 in full with each engine, and with SPIN; print times, ratios and memory.

    python benchmarks/check/against_spin.py [ROUNDS] [-o FILE.json]

The model has 4 workers, 4 services, a queue of 2 and the refcounted fix: 1,259,808 states and
11,162,912 transitions. SPIN runs ``hive.pml``, written by hand from the same page, breadth-first,
without reduction (``gcc -O2 -DBFS -DNOREDUCE -DSAFETY``), and once with two processes, which SPIN
has for depth-first search (``-DNCORE=2`` in place of ``-DBFS``); its compile is not counted. Ours
counts from the made model to the last state, the tabulation among it, each time from nothing, with
every core (``c``) and with one (``c-one``).

Every round runs each contender once, in a process of its own. CPU seconds are the process's for
SPIN and the search's for ours; on a shared machine they say more than the clock does, except of
what works on two cores: there the clock counts. Memory is the peak resident set of the whole
process, Python's interpreter and modules among it; a state's is that less what a search of few
states takes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from functools import cache, partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from measuring import OURS, Asked, Goal, MissingPeerError, Row, Taken, measured, shared, there

HERE = Path(__file__).resolve()
SHARED = Path(os.environ.get("REGSIM_SHARED") or HERE.parents[2].parent / "shared")
PROMELA = SHARED / "data" / "spin" / "hive.pml"
EXPECTED = {False: (1_259_808, 11_162_912), True: (22_710, 201_115)}
CONTENDERS = ("spin", "spin-two", "c", "c-one", "python", "python-symmetry", "c-symmetry")
_PAN = {
    "spin": (("-DBFS",), ("-m1000000", "-w21")),
    "spin-two": (("-DNCORE=2", "-DMEMLIM=4000", "-DVMAX=104"), ("-m2000000", "-w21")),
}
"""How SPIN's verifiers are compiled and run; the second has all states on a stack at once."""


def search(engine: str) -> None:
    """Search once, in this process, and print what it took as JSON."""
    from regsim import models  # noqa: PLC0415 - SPIN's rounds do without
    from regsim.check.learn import Learner  # noqa: PLC0415
    from regsim.check.space import Options  # noqa: PLC0415
    from regsim.check.verify import search as run  # noqa: PLC0415

    name, _, how = engine.partition("-")
    symmetry = how == "symmetry"
    if how == "one":
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    model = models.model("q241572", workers=4, services=4, queue=2, variant="refcounted")
    cpu, clock = time.process_time(), time.perf_counter()
    found = run(Learner(model), Options(symmetry=symmetry), name)
    took = {"cpu": time.process_time() - cpu, "clock": time.perf_counter() - clock}
    took["bytes"] = peak()
    assert (found.states, found.transitions) == EXPECTED[symmetry]
    assert found.engine == name
    print(json.dumps(took))


def peak() -> int:
    """Return the most memory that this process ever had, in bytes.

    Not by getrusage(): that counts what the parent had before it became this program.
    """
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise MissingPeerError("the peak of a process's memory is told by Linux's /proc alone")


def compile_spin(folder: Path) -> Path:
    """Return the first of SPIN's verifiers for the same parameters; the others lie beside it."""
    values = [f"-D{key}" for key in ("N=4", "K=4", "Q=2", "V=1", "R=0", "STOP=0", "NOISY=0")]
    subprocess.run(["spin", "-a", *values, PROMELA], cwd=folder, check=True)
    for name, (flags, _) in _PAN.items():
        command = ["gcc", "-O2", "-DNOREDUCE", "-DSAFETY", *flags, "-o", name, "pan.c"]
        subprocess.run(command, cwd=folder, check=True)
    return folder / "spin"


def measure(contender: str, pan: Path) -> dict[str, float]:
    """Run *contender* once in a process of its own; return seconds and bytes."""
    own = [sys.executable, str(HERE), "--search", contender]
    theirs = contender in _PAN
    command = [str(pan.with_name(contender)), "-E", *_PAN[contender][1]] if theirs else own
    clock = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=pan.parent) as process:
        assert process.stdout is not None
        text = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, text
    if theirs:
        states, transitions = EXPECTED[False]
        assert re.search(rf"\b{states} states, stored", text), text
        assert re.search(rf"\b{transitions + 1} transitions", text), text
        took = {"cpu": usage.ru_utime + usage.ru_stime, "clock": time.perf_counter() - clock}
    else:
        took = json.loads(text)
    return {"bytes": usage.ru_maxrss * 1024} | took


def summary(runs: list[dict[str, float]]) -> dict[str, float]:
    """Return medians, and the least and the most CPU seconds."""
    found = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    cpu = [run["cpu"] for run in runs]
    return found | {"least": min(cpu), "most": max(cpu)}


def report(found: dict[str, dict[str, float]], rounds: int) -> str:
    """Return the table as text; ratios are of seconds by the clock, memory of a few states off."""
    cpu = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    lines = [
        (
            f"{rounds} rounds, {cpu}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, "
            f"Python {platform.python_version()}"
        ),
        "",
        "| | CPU s | least - most | clock s | SPIN / it | SPIN's two / it | peak MB | B a state |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in found.items():
        ratios = [found[each]["clock"] / row["clock"] for each in _PAN]
        least = 0 if name in _PAN else found["c-symmetry"]["bytes"]
        each = (row["bytes"] - least) / EXPECTED[False][0]
        lines.append(
            f"| {name} | {row['cpu']:.2f} | {row['least']:.2f} - {row['most']:.2f} "
            f"| {row['clock']:.2f} | {ratios[0]:.2f} | {ratios[1]:.2f} | {row['bytes'] / 1e6:.0f} "
            f"| {'-' if 'symmetry' in name else format(each, '.1f')} |"
        )
    return "\n".join(lines)


def _turn(contender: str, pan: Path) -> Taken:
    took = measure(contender, pan)
    return Taken(took["clock"], took["cpu"])


def spins(folder: Path) -> Path:
    """Return SPIN's verifier, compiled.

    Raises:
        MissingPeerError: SPIN or the model that it reads is not here.
    """
    shared("spin", "hive.pml")
    if shutil.which("spin") is None:
        raise MissingPeerError("spin is missing: apt-get install spin")
    return compile_spin(folder)


def explorer(at: Asked) -> list[Row]:
    """Measure the search of the whole space beside SPIN's."""
    pan = at.folder / "spin"
    need = cache(partial(spins, at.folder))
    found, missing = there({name: (need, partial(_turn, name, pan)) for name in _PAN})
    states, transitions = EXPECTED[False]
    what = f"explorer, `q241572`, {states:,} states, {transitions:,} transitions"
    ours = {OURS: partial(_turn, "c", pan), "one core": partial(_turn, "c-one", pan)}
    goals = (Goal("spin", 12.0), Goal("spin-two", 8.0))
    return [measured("explorer", what, ours | found, at, *goals, missing=missing, warm=0)]


def memory(at: Asked) -> list[Row]:
    """Measure the bytes that a state takes: peak memory less that of a search of some states."""
    pan = at.folder / "spin"

    def ours() -> Taken:
        empty, full = (measure(each, pan)["bytes"] for each in ("c-symmetry", "c"))
        return Taken((full - empty) / (EXPECTED[False][0] - EXPECTED[True][0]))

    what = f"explorer, `q241572`: memory a state, of {EXPECTED[False][0]:,}"
    return [measured("memory", what, {OURS: ours}, at, Goal("", 20.0), unit="bytes", warm=0)]


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=5)
    parser.add_argument("-o", dest="out", type=Path)
    parser.add_argument("--search", choices=CONTENDERS)
    given = parser.parse_args()
    if given.search:
        search(given.search)
        return
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
    with tempfile.TemporaryDirectory() as folder:
        pan = compile_spin(Path(folder))
        for _ in range(given.rounds):
            for name in CONTENDERS:
                runs[name].append(measure(name, pan))
    found = {name: summary(taken) for name, taken in runs.items()}
    if given.out:
        given.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(report(found, given.rounds))


if __name__ == "__main__":
    main()

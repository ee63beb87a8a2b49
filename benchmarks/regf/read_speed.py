"""Every key, value, name and data of a hive, beside hivex; and one value that lies deep.

Each reader does the same work in a process of its own: every key's name, every value's name, type
and data. The time is the processor's, without start-up and imports, so that what else the machine
does counts little: each reader has one thread. hivex runs under Debian's Python, and so does
regsim. ``python benchmarks/all.py hive deep`` measures.
"""

from __future__ import annotations

import json
import lzma
import statistics
import subprocess
import sys
from functools import partial
from pathlib import Path

import attrs
from measuring import OURS, REPO, Asked, Goal, MissingPeerError, Row, Taken, measured, shared, there

PATHS = (REPO, Path(attrs.__file__).parents[1])  # where an interpreter without regsim finds it
SYSTEM = "/usr/bin/python3"
HIVE = "regipy__SYSTEM_WIN_10_1709"
COUNTED = [43_211, 90_307, 5_175_840]
"""Its keys, values, and bytes of data."""
DEEP_VALUE = (r"ControlSet001\Control\Session Manager", "BootExecute")

HEAD = """
import json, resource, sys, time
path = sys.argv[1]
keys = values = size = 0
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
began = time.process_time()
"""
TAIL = """
seconds = time.process_time() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([seconds, keys, values, size, peak, before]))
"""
READERS = {
    "regsim": (
        "from regsim.regf import open_hive\n",
        """
hive = open_hive(path)
for _, key in hive.walk():
    keys += 1
    key.name
    for value in key.values():
        values += 1
        value.name, value.type
        size += len(value.data)
""",
    ),
    "hivex": (
        "import hivex\n",
        """
hive = hivex.Hivex(path)
stack = [hive.root()]
while stack:
    node = stack.pop()
    keys += 1
    hive.node_name(node)
    for value in hive.node_values(node):
        values += 1
        hive.value_key(value)
        kind, data = hive.value_value(value)
        size += len(data)
    stack.extend(hive.node_children(node))
""",
    ),
}
DEEP = """
import json, sys, time
from regsim.regf import open_hive
times = []
for _ in range(30):
    began = time.process_time()
    hive = open_hive(sys.argv[1])
    opened = time.process_time()
    data = hive.find(sys.argv[2]).value(sys.argv[3]).data
    times += [opened - began, time.process_time() - opened]
    hive.close()
print(json.dumps(times))
"""


def run(python: str, code: str, *args: str) -> list[float]:
    """Run *code* in a fresh process and return the list it prints."""
    done = subprocess.run(
        [python, "-c", code, *args],
        capture_output=True, check=True, text=True, env={"PYTHONPATH": ":".join(map(str, PATHS))},
    )  # fmt: skip
    found: list[float] = json.loads(done.stdout)
    return found


def needs_hivex() -> None:
    """Look whether Debian's Python has hivex."""
    done = subprocess.run([SYSTEM, "-c", "import hivex"], capture_output=True, check=False)
    if done.returncode:
        raise MissingPeerError("hivex is missing: apt-get install python3-hivex")


def hive_file(at: Asked) -> Path:
    """Return a large hive that Windows wrote, unpacked."""
    path = at.folder / "SYSTEM"
    path.write_bytes(lzma.decompress(shared("hives", f"{HIVE}.xz").read_bytes()))
    return path


def _read(python: str, name: str, path: Path) -> Taken:
    setup, work = READERS[name]
    seconds, *counted = run(python, setup + HEAD + work + TAIL, str(path))
    assert counted[:3] == COUNTED
    return Taken(seconds)


def hive(at: Asked) -> list[Row]:
    """Measure a full walk, under hivex's Python: two builds differ by more than two readers."""
    path = hive_file(at)
    found, missing = there({"hivex": (needs_hivex, partial(_read, SYSTEM, "hivex", path))})
    ours = {OURS: partial(_read, SYSTEM if found else sys.executable, "regsim", path)}
    if found:
        ours["regsim, this Python"] = partial(_read, sys.executable, "regsim", path)
    what = (
        f"hive, {path.stat().st_size / 1e6:.0f} MB: every key, value, name and data of "
        f"{COUNTED[0]:,} keys, from one Python, processor time"
    )
    return [measured("hive", what, ours | found, at, Goal("hivex", 1.0), missing=missing, warm=0)]


def deep(at: Asked) -> list[Row]:
    """Measure one value that lies deep in a hive that is open."""
    path = str(hive_file(at))

    def one() -> Taken:
        times = run(sys.executable, DEEP, path, *DEEP_VALUE)
        return Taken(statistics.median(times[1::2]) * 1_000)

    what = f"hive, one value: {DEEP_VALUE[0]} : {DEEP_VALUE[1]}, of a hive that is open"
    return [measured("deep", what, {OURS: one}, at, Goal("", 0.1), unit="ms", warm=0)]

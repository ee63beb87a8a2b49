"""Time a full walk of one hive with regsim and its peers, interleaved, each in its own process.

    python read_speed.py HIVE [--rounds 5] [--peers-python /path/to/python]

Each reader does the same work: every key's name, every value's name, type and data. The first
interpreter runs regsim; the one given for the peers has python-registry and libregf installed;
hivex runs under /usr/bin/python3, and so does regsim once more: two builds of Python differ by more
than two readers. The time is the processor's, so that what else the machine does
counts little: each reader has one thread. Prints a Markdown table, and which peers are missing.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
from pathlib import Path

import attrs

REPO = Path(__file__).resolve().parents[2]
PATHS = (REPO, Path(attrs.__file__).parents[1])  # where an interpreter without regsim finds it
SYSTEM = "/usr/bin/python3"
SAME = "regsim, hivex's Python"

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
    "python-registry": (
        "from Registry import Registry\n",
        """
stack = [Registry.Registry(path).root()]
while stack:
    key = stack.pop()
    keys += 1
    key.name()
    for value in key.values():
        values += 1
        value.name(), value.value_type()
        size += len(value.raw_data())
    stack.extend(key.subkeys())
""",
    ),
    "libregf": (
        "import pyregf\n",
        """
file = pyregf.file()
file.open(path)
stack = [file.get_root_key()]
while stack:
    key = stack.pop()
    keys += 1
    key.name
    for value in key.values:
        values += 1
        value.name, value.type
        size += len(value.data or b"")
    stack.extend(key.sub_keys)
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
READERS[SAME] = READERS["regsim"]
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


def there(python: str, setup: str) -> bool:
    """Return whether what a reader needs is installed for that interpreter."""
    done = subprocess.run([python, "-c", setup], capture_output=True, check=False,
                          env={"PYTHONPATH": ":".join(map(str, PATHS))})  # fmt: skip
    return done.returncode == 0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("hive", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers-python", default=sys.executable)
    parser.add_argument("--deep-key", default=r"ControlSet001\Control\Session Manager")
    parser.add_argument("--deep-value", default="BootExecute")
    options = parser.parse_args()
    pythons = dict.fromkeys(READERS, options.peers_python)
    pythons |= {"regsim": sys.executable, "hivex": SYSTEM, SAME: SYSTEM}
    missing = [name for name, (setup, _) in READERS.items() if not there(pythons[name], setup)]
    results: dict[str, list[list[float]]] = {name: [] for name in READERS if name not in missing}
    for _ in range(options.rounds):
        for name, rows in results.items():
            setup, work = READERS[name]
            rows.append(run(pythons[name], setup + HEAD + work + TAIL, str(options.hive)))
    report(options.hive, options.rounds, results)
    print(f"\nMissing here: {', '.join(missing) or 'none'}.")
    deep = run(sys.executable, DEEP, str(options.hive), options.deep_key, options.deep_value)
    opening, reading = (statistics.median(deep[start::2]) * 1000 for start in (0, 1))
    print(f"\nOpening the file takes {opening:.2f} ms; then `{options.deep_key}` : "
          f"`{options.deep_value}` takes {reading:.2f} ms (medians of 30)")  # fmt: skip


def report(hive: Path, rounds: int, results: dict[str, list[list[float]]]) -> None:
    """Print the table."""
    size = hive.stat().st_size
    print(f"{hive.name}, {size} bytes; {rounds} rounds, interleaved; "
          f"{platform.machine()}, Python {platform.python_version()}\n")  # fmt: skip
    print("| reader | median s | min-max s | MB/s | keys | values | data bytes | peak RSS MiB "
          "| of it before | speed against regsim |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|")
    ours = statistics.median(each[0] for each in results["regsim"])
    for name, rows in results.items():
        seconds = [row[0] for row in rows]
        median = statistics.median(seconds)
        _, keys, values, data, peak, before = rows[-1]
        print(f"| {name} | {median:.3f} | {min(seconds):.3f}-{max(seconds):.3f} "
              f"| {size / median / 1e6:.1f} | {keys:.0f} | {values:.0f} | {data:.0f} "
              f"| {peak / 1024:.0f} | {before / 1024:.0f} | {ours / median:.2f}x |")  # fmt: skip


if __name__ == "__main__":
    main()

"""Whether a kernel of the C library takes more instructions than it did, as callgrind counts them.

    python benchmarks/guard/counts.py [--record]

Each program of this folder is built with the cores and run once on the same input; counted is what
the named functions take, and all that they call. A count is the same on a busy machine and on an
idle one, so that a loss of a tenth is one. It is another number with another compiler or C library:
then it is printed, and not judged. ``--record`` writes the counts of this machine down as what is
right from now on.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NATIVE = ROOT / "regsim" / "accel" / "native"
RECORD = HERE / "instructions.json"
CC = os.environ.get("CC", "cc").split()
FLAGS = ["-std=c11", "-O3", "-DREGSIM_FAULTS", f"-I{NATIVE}", f"-I{ROOT / 'tests' / 'accel'}"]
MOST = 1.10
"""A kernel may take so many times its recorded count."""

KERNELS = {
    "csv": ("csv_run",),
    "pml": ("pml_run",),
    "parquet": ("parquet_dictionary", "parquet_read"),
    "rows": ("rows_settle", "rows_number", "rows_watch"),
    "replay": ("replay_feed",),
    "search": ("search_run",),
    "walk": ("regf_take",),
    "find": ("regf_subkey", "regf_find_value"),
    "handles": ("handle_open", "handle_close"),
}
"""The programs, and the functions of each that are counted."""

Counts = Mapping[str, int]


def inputs(folder: Path) -> dict[str, Path]:
    """Write the file that each program reads which needs one; always the same bytes."""
    sys.path.insert(0, str(HERE.parent / "ingest"))
    from captures import synthetic_csv, synthetic_pml  # noqa: PLC0415

    from regsim.regf import new_hive  # noqa: PLC0415 - judging alone needs none of them

    made = {name: folder / f"input.{name}" for name in ("csv", "pml", "parquet", "walk")}
    made["find"] = made["walk"]
    synthetic_csv(made["csv"], 20_000)
    made["csv"].write_bytes(b"\n" + made["csv"].read_bytes().partition(b"\n")[2])
    synthetic_pml(made["pml"], 20_000)
    made["parquet"].write_bytes(column_of_texts(200_000))
    hive = new_hive()
    for number in range(4_000):
        key = hive.root.ensure(rf"a{number % 40}\k{number}")
        for name in ("one", "two", "three"):
            key.set_value(name, 3, bytes(number % 50))
    hive.save(made["walk"])
    return made


def column_of_texts(rows: int) -> bytes:
    """Return the pages of a column of a thousand texts, as Parquet has them, and 8 bytes more.

    The indices have ten bits: three times eight of them packed, then a run of sixteen alike.
    """
    texts = [b"RegOpenKey-%d" % number for number in range(1_000)]
    entries = b"".join(len(text).to_bytes(4, "little") + text for text in texts)
    pages = page(2, 7, len(texts), 0, entries)
    for first in range(0, rows, 20_000):
        body = b"\x0a"  # the bits of an index
        for at in range(first, first + 20_000, 40):
            packed = sum((7 * (at + n) % 1_000) << 10 * n for n in range(24))
            body += b"\x07" + packed.to_bytes(30, "little")
            body += b"\x20" + (at % 1_000).to_bytes(2, "little")
        pages += page(0, 5, 20_000, 8, body)
    return pages + bytes(8)


def page(kind: int, own: int, values: int, encoding: int, body: bytes) -> bytes:
    """Return a page that is not packed, with its header in Thrift's compact protocol."""

    def number(value: int) -> bytes:
        value *= 2  # as a signed number is written
        return bytes((value >> shift & 127) | 128 for shift in (0, 7, 14)) + bytes([value >> 21])

    head = b"\x15" + number(kind) + b"\x15" + number(len(body)) + b"\x15" + number(len(body))
    head += bytes([(own - 3) << 4 | 12]) + b"\x15" + number(values) + b"\x15" + number(encoding)
    if own == 5:
        head += 2 * (b"\x15" + number(3))  # how levels would be written
    return head + b"\0\0" + body


def build(folder: Path) -> None:
    """Compile the cores, and link each program with them."""
    cores = sorted(NATIVE.glob("core_*.c"))
    subprocess.run([*CC, *FLAGS, "-c", *cores], cwd=folder, check=True)
    objects = [folder / f"{source.stem}.o" for source in cores]
    for name in KERNELS:
        command = [*CC, *FLAGS, "-pthread", HERE / f"{name}.c", *objects, "-o", name]
        subprocess.run(command, cwd=folder, check=True)


def count(program: Path, functions: tuple[str, ...], *files: Path) -> int:
    """Return how many instructions *functions* take in a run of *program*."""
    counted = [f"--toggle-collect={function}" for function in functions]
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *counted]
    done = subprocess.run(
        [*command, program, *files], check=False, capture_output=True, encoding="utf-8"
    )
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or found is None or int(found[1]) == 0:
        sys.exit(f"{program.name} was not counted: {done.stderr}")
    return int(found[1])


def measured() -> dict[str, int]:
    """Build and run all; return the count of each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build(folder)
        made = inputs(folder)
        return {
            kernel: count(folder / kernel, functions, *([made[kernel]] if kernel in made else []))
            for kernel, functions in KERNELS.items()
        }


def toolchain() -> str:
    """Return what a count depends on: the compiler, the C library, the kind of processor."""
    told = subprocess.run([*CC, "--version"], check=True, capture_output=True, encoding="utf-8")
    return ", ".join((told.stdout.splitlines()[0], *platform.libc_ver(), platform.machine()))


def judged(counts: Counts, recorded: Counts) -> list[str]:
    """Return a line for each kernel that is slower than recorded, or on one side only."""
    said = [
        f"{name}: {counts[name]:,} instructions, {counts[name] / recorded[name]:.2f} times the "
        f"{recorded[name]:,} of the record; at most {MOST:.2f} are allowed"
        for name in counts
        if name in recorded and counts[name] > MOST * recorded[name]
    ]
    return said + [
        f"{name}: {'not counted' if name in recorded else 'not in the record'}; "
        "python benchmarks/guard/counts.py --record writes it anew"
        for name in counts.keys() ^ recorded.keys()
    ]


def verdict(counts: Counts, here: str, record: Mapping[str, object]) -> tuple[int, list[str]]:
    """Return an exit code, 1 where a kernel is slower, and the lines that say why."""
    recorded = record["counts"]
    assert isinstance(recorded, dict)
    lines = [
        f"{name:<8} {number:>13,}"
        + (f"  {number / recorded[name]:.3f} of the record" if name in recorded else "")
        for name, number in counts.items()
    ]
    if record["toolchain"] != here:
        lines.append(f"not judged: the record is of {record['toolchain']}; this is {here}")
        return 0, lines
    slower = judged(counts, recorded)
    return int(bool(slower)), lines + slower


def main() -> int:
    """Count, and judge or record; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="write the counts down as right")
    asked = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("valgrind is not installed: apt-get install valgrind", file=sys.stderr)
        return 2
    counts, here = measured(), toolchain()
    if asked.record:
        record = {"toolchain": here, "counts": counts}
        RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    code, lines = verdict(counts, here, json.loads(RECORD.read_text(encoding="utf-8")))
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main())

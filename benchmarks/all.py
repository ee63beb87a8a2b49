"""Every line of work that has a goal, in one table: ``python benchmarks/all.py [ROW...]``.

Peers run in the same run on the same file, and contenders take turns. Given are medians, the least
and the most; what is asked stands beside it. Without names every row is measured, which takes some
minutes and up to 4 GB of disk.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import attrs

sys.path.insert(0, str(Path(__file__).parent))

import table
from check import against_spin
from ingest import ingest_speed
from lab import making
from measuring import Asked, MissingPeerError, Row
from regf import read_speed
from replay import speed
from testing import open_close

ROWS: dict[str, Callable[[Asked], list[Row]]] = {
    "csv27": ingest_speed.csv27,
    "csv7": ingest_speed.csv7,
    "pml": ingest_speed.pml,
    "parquet": speed.parquet,
    "evtx": ingest_speed.evtx,
    "hive": read_speed.hive,
    "deep": read_speed.deep,
    "explorer": against_spin.explorer,
    "memory": against_spin.memory,
    "lab": making.lab,
    "winreg": open_close.winreg,
}


def measured(names: Iterable[str], turns: int, part: float) -> list[Row]:
    """Measure rows, each in a folder of its own, which goes; say on stderr which cannot be."""
    found: list[Row] = []
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            try:
                found += ROWS[name](Asked(turns, part, Path(folder)))
            except MissingPeerError as error:
                print(f"{name} cannot be measured: {error}", file=sys.stderr)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}")
    parser.add_argument("--turns", type=int, default=7, help="how often each works (7)")
    parser.add_argument("--part", type=float, default=1.0, help="part of the full size (1)")
    parser.add_argument("--json", action="store_true", help="print what was measured as JSON")
    parser.add_argument("-o", type=Path, metavar="FILE", help="keep it in FILE, beside the others")
    asked = parser.parse_args()
    unknown = [name for name in asked.rows if name not in ROWS]
    if unknown or asked.turns < 1 or asked.part <= 0:
        parser.error(f"no row is called {unknown[0]!r}" if unknown else "nothing to measure")
    found = measured(asked.rows or ROWS, asked.turns, asked.part)
    told = [attrs.asdict(one) for one in found]
    if asked.o:
        table.keep(asked.o, "rows", told, list(ROWS))
    print(
        json.dumps([attrs.asdict(one) for one in found], indent=1)
        if asked.json
        else table.markdown(found)
    )


if __name__ == "__main__":
    main()

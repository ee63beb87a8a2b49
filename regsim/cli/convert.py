"""``regsim convert``: a capture in, one file of columns out, of which the finding is the same."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Final

import click

from regsim.cli._evidence_output import MOST_WORKERS, ProgressLine
from regsim.cli._files import is_stdout, refuse_both, written
from regsim.cli._hive_output import say, say_bytes, tell
from regsim.cli.ask import source_named
from regsim.cores import cores
from regsim.report.text.console import prose_width, wrap
from regsim.report.words.writing import visible
from regsim.trace.converting import Conversion, convert
from regsim.trace.source import Source

_BLOCK: Final = 1 << 20


@click.command("convert")
@click.argument("capture", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; its name ends in .parquet or .arrow.",
)
@click.option(
    "--hive",
    "mounts",
    multiple=True,
    metavar="KEY",
    help="The hive at KEY will be judged too, by `regsim replay --hive`; repeat it.",
)
@click.option("--json", "as_object", is_flag=True, help="Print one JSON object.")
def command(capture: Path, *, output: Path, mounts: tuple[str, ...], as_object: bool) -> int:
    """Write a CAPTURE as one Parquet or Arrow file, which `regsim replay` reads fast.

    CAPTURE is all that `regsim replay` reads, and the answer to the file is the answer to it: what
    it tells of itself is kept beside the rows. Pandas, polars and duckdb read the columns. Exit
    code: 0 done, 2 it is no capture, or cannot be read or written.
    """
    refuse_both(output, as_json=as_object)
    source = source_named(str(capture))
    if is_stdout(output):
        _through(source, mounts)
        return 0
    done = _converted(source, output, mounts)
    if as_object:
        say(json.dumps(_object(done, output)))
    else:
        text = (
            f"{output}: {done.rows:,} rows, of {done.events:,} events in {source.name} "
            f"({done.format}); `regsim replay` answers from it as from that"
        )
        for line in wrap(visible(text), prose_width()):
            say(line)
    return 0


def _converted(source: Source, output: Path, mounts: tuple[str, ...]) -> Conversion:
    """Write the file, with the progress on the terminal meanwhile, and say what is damaged."""
    progress = ProgressLine()
    try:
        with written(output):
            done = convert(
                source,
                output,
                mounts=mounts,
                progress=progress,
                workers=min(cores(), MOST_WORKERS),
            )
    finally:
        progress.clear()
    for text in done.problems:
        tell(f"problem: {visible(text)}")
    return done


def _through(source: Source, mounts: tuple[str, ...]) -> None:
    """Write the file to standard output, once it is whole."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "capture.parquet"
        _converted(source, path, mounts)
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                say_bytes(block)


def _object(done: Conversion, output: Path) -> dict[str, object]:
    return {
        "schema_version": 1,
        "output": str(output),
        "format": done.format,
        "fidelity": done.fidelity.value,
        "events": done.events,
        "rows": done.rows,
        "processes": done.processes,
        "keys": done.keys,
        "problems": list(done.problems),
    }

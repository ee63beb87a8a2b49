"""``regsim fleet``: the evidence of many machines in, one ranking of the holders out."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from regsim import dialects
from regsim.cli._files import written
from regsim.cli._hive_output import say, tell
from regsim.cli._names import Naming
from regsim.fleet.collecting import OnTask, collect, found
from regsim.fleet.engines import engine_named
from regsim.fleet.places import HostPattern
from regsim.fleet.ranking import NOT_TOLD, Ranking
from regsim.fleet.reading import Settings
from regsim.fleet.words import headline, holder_name, proven, summary, when
from regsim.report.text.console import WIDTH, prose_width, table, terminal_width, wrap
from regsim.report.words.writing import visible

_SHOWN: Final = 20
_UNREAD_SHOWN: Final = 5


@click.command("fleet", cls=Naming, takes=("--os",))
@click.argument("places", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "-o",
    "--output",
    default="regsim-fleet",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder for the tables, the page and the manifest.",
)
@click.option("--host-from", metavar="PATTERN", help="Whose a file is, as '{host}/...' below PATH.")
@click.option("--os", "os_name", help="The system to judge by; the evidence's own by default.")
@click.option("--hkcu-sid", help="The SID of the user whose hive the evidence calls HKCU.")
@click.option(
    "--hive", "mounts", multiple=True, metavar="KEY", help="Also judge the hive loaded at KEY."
)
@click.option(
    "--scheduler",
    metavar="WHERE",
    help="Read on a Dask cluster: local, local:N workers, or a scheduler's address.",
)
@click.option("--redact", is_flag=True, help="Replace SIDs and names of users, hosts and files.")
@click.option("--json", "as_object", is_flag=True, help="Print one JSON object.")
def command(
    places: tuple[str, ...],
    output: Path,
    host_from: str | None,
    os_name: str | None,
    hkcu_sid: str | None,
    mounts: tuple[str, ...],
    scheduler: str | None,
    redact: bool,
    as_object: bool,
) -> int:
    """Read the evidence of many machines: which service keeps hives loaded, where, since when?

    PATH is a file, a folder, a glob, a zip or tar of a collection, or an address (s3://, abfs://,
    sftp://) that fsspec reads. A second run into the same folder reads only what has changed. Exit
    code: 1 some hive is blocked, 3 none but something could not be read or told, 0 none.
    """
    if os_name is not None:
        dialects.get(os_name)
    settings = Settings(
        os_name=os_name,
        hkcu_sid=hkcu_sid,
        mounts=mounts,
        host_from=HostPattern(host_from) if host_from else None,
        redact=redact,
    )
    engine, items = engine_named(scheduler), found(places, output)
    with written(output):
        output.mkdir(parents=True, exist_ok=True)
    with _progress() as progress:
        ranking = collect(
            items,
            output,
            settings,
            engine,
            note=lambda text: tell(f"regsim: {text}"),
            progress=progress,
        )
    if as_object:
        say(json.dumps(_object(ranking, output)))
    else:
        for line in _text(ranking, output):
            say(line)
    return ranking.exit_code


@contextlib.contextmanager
def _progress() -> Iterator[OnTask]:
    """Give what shows how many files are done, on stderr if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console  # noqa: PLC0415 - only where it is seen
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn  # noqa: PLC0415

    columns = ("reading", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _text(ranking: Ranking, output: Path) -> Iterator[str]:
    yield from wrap(headline(ranking), prose_width())
    yield from wrap(summary(ranking), prose_width())
    rows = [("holder", "hosts", "hives", "first seen", "last seen", "proven", "like")]
    ranked = ranking.ranked()
    for holder, tally in ranked[:_SHOWN]:
        rows.append(
            (
                visible(holder_name(holder)),
                f"{tally.known:,}",
                f"{len(tally.hives):,}",
                when(tally.first),
                when(tally.last),
                proven(tally),
                ", ".join(sorted(tally.incidents)),
            )
        )
    if len(rows) > 1:
        yield ""
        width = min(WIDTH, terminal_width(WIDTH))
        yield from table(rows, width=width, prose=(0, 3, 4, 6), right=(1, 2))
    if len(ranked) > _SHOWN:
        yield f"and {len(ranked) - _SHOWN:,} more"
    if ranking.not_read:
        yield ""
        yield "not read, or not to the end:"
        for path, status, error in ranking.unread[:_UNREAD_SHOWN]:
            yield from wrap(
                f"{visible(path)}: {status}: {visible(error)}", prose_width(), "  ", "    "
            )
        if ranking.not_read > _UNREAD_SHOWN:
            yield f"  and {ranking.not_read - _UNREAD_SHOWN:,} more, in files.parquet"
    yield ""
    yield from wrap(f"tables and page: {output}", prose_width())


def _object(ranking: Ranking, output: Path) -> dict[str, object]:
    return {
        "schema_version": 1,
        "output": str(output),
        "rows": ranking.rows,
        "hosts": len(ranking.seen - {NOT_TOLD}),
        "verdicts": dict(sorted(ranking.verdicts.items())),
        "files": dict(sorted(ranking.statuses.items())),
        "unread": [
            {"path": path, "status": status, "error": error}
            for path, status, error in ranking.unread
        ],
        "incidents": {
            name: len(where - {NOT_TOLD}) for name, where in sorted(ranking.incidents.items())
        },
        "holders": [
            {
                "process": process,
                "service": service or None,
                "hosts": tally.known,
                "hives": len(tally.hives),
                "first": tally.first.isoformat() if tally.first else None,
                "last": tally.last.isoformat() if tally.last else None,
                "proven": proven(tally),
                "incidents": sorted(tally.incidents),
            }
            for (process, service), tally in ranking.ranked()
        ],
    }

"""``regsim site``: the simulator in the browser, as a folder to serve."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click

from regsim import course, models
from regsim.cli import lab
from regsim.cli._files import written
from regsim.cli._hive_output import say
from regsim.cli._lab_sources import lab_of_model
from regsim.report.lab.page import lab_html
from regsim.site.folder import MANIFEST, StoryPage, files_of, write
from regsim.site.runtime import VERSION, runtime_in
from regsim.site.serving import serve


@click.command("site")
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=Path("regsim-site"),
    show_default=True,
    help="The folder to write.",
)
@click.option(
    "--pyodide",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help=f"Where the npm package pyodide {VERSION} is; its files go into the folder.",
)
@click.option("--serve", "served", is_flag=True, help="Then serve it, to this computer alone.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(output: Path, pyodide: Path | None, *, served: bool, as_json: bool) -> int:
    """Write the playground: pages in which the simulator itself runs, with twelve broken systems.

    In them you write what a service does, and have every order of its calls explored. The folder
    needs to be served over http, by --serve or any server of static files, and asks for nothing
    outside itself. Where a browser cannot run it, pages to step through the incidents stand in.
    """
    runtime = runtime_in(pyodide)
    exercises = [course.exercise(name).sheet() for name in course.names()]
    files = files_of(runtime, list(_stand_ins()), exercises)
    with written(output):
        write(output, files)
    about = json.loads(files[MANIFEST])
    if as_json:
        say(json.dumps({"schema_version": 1, "output": str(output), **about}))
    else:
        size = sum(map(len, files.values())) / 1e6
        say(f"{output}: {len(files)} files, {size:.1f} MB, with Pyodide {VERSION}.")
    if served:
        serve(output, lambda address: say(f"Serving {address} until interrupted."))
    elif not as_json:
        say("Serve it over http, as --serve does; from a file only the stories play.")
    return 0


def _stand_ins() -> Iterator[StoryPage]:
    """Yield the pages that play without the simulator: the case, and what each incident's has."""
    case = lab.build(models.CASE)
    yield StoryPage(models.CASE, case.title, lab_html(case))
    for name, incident in models.incidents().items():
        if name == models.CASE:
            continue
        made = lab_of_model(name, {}) if incident.model is not None else lab.build(name)
        yield StoryPage(name, incident.title, lab_html(made))

"""``regsim lab``: one page to step through an incident, which asks before it shows."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import TypeVar

import click

from regsim import dialects, models
from regsim.cases import fixes
from regsim.cli._check_options import model_files, parameters_of
from regsim.cli._files import put
from regsim.cli._lab_sources import explorer_of_model, lab_of_model, lab_of_trace
from regsim.cli._names import Naming
from regsim.errors import UsageError
from regsim.report.lab.page import lab_html
from regsim.report.lab.runs import story_of_run
from regsim.report.lab.stories import Axis, Lab, Story
from regsim.scenario import Run

_INTRO = (
    "Step through what happened, call by call. At each turn the page asks what comes next; "
    "answer, then watch the registry do it."
)
T = TypeVar("T")
Stories = dict[tuple[str, ...], Story | str]


@click.command("lab", cls=Naming, takes=("SCENARIO", "--os", "--fix", "MODEL"))
@click.argument("scenario", required=False)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("regsim-lab.html"),
    show_default=True,
    help="The file to write.",
)
@click.option("--os", "os_name", help="The system to show first.")
@click.option("--fix", help="The fix to show first.")
@click.option("--trace", type=click.Path(path_type=Path), help="Step through a trace instead.")
@click.option("--model", metavar="MODEL", help="Step through what `check` finds instead.")
@click.option("-p", "given", multiple=True, metavar="NAME=VALUE", help="A parameter of the model.")
@click.option(
    "--explore", is_flag=True, help="Have the reader choose who steps next in the --model."
)
def command(
    scenario: str | None,
    output: Path,
    os_name: str | None,
    fix: str | None,
    trace: Path | None,
    model: str | None,
    given: tuple[str, ...],
    *,
    explore: bool,
) -> int:
    """Write one HTML file to step through SCENARIO on every system with every fix.

    The runs are played now and put into the file. It opens in any browser, from a mail or an
    archive too: it needs no server and no network. With --trace the steps are those of a trace
    that keep a user's hive loaded; with --model, the shortest ways to break a model's claims; with
    --explore too, its states: whoever reads chooses who steps next, and watches the claims.
    """
    if sum(source is not None for source in (scenario, trace, model)) > 1:
        raise UsageError("a scenario, --trace and --model exclude each other: give one")
    if fix is not None and (trace is not None or model is not None):
        raise UsageError("--fix belongs to a scenario: a trace and a model have none")
    if os_name is not None and model is not None:
        raise UsageError("--os belongs to a scenario or a trace: a model brings its own system")
    if given and model is None:
        raise UsageError("-p belongs to --model: nothing else has parameters")
    if explore and model is None:
        raise UsageError("--explore belongs to --model: only a model has states to explore")
    page = _page(scenario, os_name, fix, trace, model, parameters_of(given), explore=explore)
    say = put(output, page.encode(), *([trace] if trace else model_files(model)))
    say(f"Open {output} in a browser.")
    return 0


def _page(
    scenario: str | None,
    os_name: str | None,
    fix: str | None,
    trace: Path | None,
    model: str | None,
    given: dict[str, object],
    *,
    explore: bool,
) -> str:
    """Return the page of what was asked for."""
    if trace is not None:
        return lab_html(lab_of_trace(trace, os_name))
    if model is not None:
        return explorer_of_model(model, given) if explore else lab_html(lab_of_model(model, given))
    return lab_html(build(scenario or models.CASE, os_name, fix or "none"))


def build(scenario: str, os_name: str | None = None, fix: str = "none") -> Lab:
    """Return the page's content for *scenario*, beginning with *os_name* and *fix*.

    Raises `UnknownNameError` or `NotApplicableError` where there is nothing to begin with.
    """
    incident = models.incident(scenario)
    first = incident.play(os_name or incident.os, fix)
    pairs = list(product(dialects.names(), incident.fixes))
    with progress(pairs, "Playing each system with each fix") as watched:
        stories: Stories = {pair: _story(incident.tried(*pair)) for pair in watched}
    return Lab(
        title=first.title,
        intro=_INTRO,
        axes=_axes(stories),
        stories=stories,
        start=(first.os, first.fix),
    )


@contextmanager
def progress(items: Sequence[T], label: str) -> Iterator[Iterable[T]]:
    """Give *items*, with a bar on stderr while they are used if that is a terminal."""
    if not sys.stderr.isatty():
        yield items
        return
    with click.progressbar(items, label=label, file=sys.stderr) as bar:
        yield bar


def _story(played: Run | str) -> Story | str:
    return played if isinstance(played, str) else story_of_run(played)


def _axes(stories: Stories) -> tuple[Axis, ...]:
    """Return the choices of the page: the systems and the fixes that have a story at all."""
    told = [key for key, story in stories.items() if not isinstance(story, str)]
    systems = {os: (os, dialects.get(os).title, "") for os, _ in told}
    known = {fix for _, fix in told}
    named = tuple((fix.name, fix.name, fix.says) for fix in fixes.FIXES.values())
    return (
        Axis(name="os", label="System", options=tuple(systems.values())),
        Axis(name="fix", label="Fix", options=tuple(f for f in named if f[0] in known)),
    )

"""``regsim fix``: the smallest edits of a service that make every claim hold."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import click

from regsim import models
from regsim.cli._check_options import model_files, parameters_of
from regsim.cli._files import put, refuse_both
from regsim.cli._fix_output import besides, chosen_text, fixes_text, mutants_text
from regsim.cli._hive_output import say, tell
from regsim.cli._names import Naming
from regsim.errors import UnknownNameError, UsageError
from regsim.explore.fixes.mutate import Mutant, mutants
from regsim.explore.fixes.search import Candidate, Fixes, FixSearch

_EPILOG = (
    "MODEL is one of these, or a file with a service in plain Python: ./my_service.py[:model]. A "
    "file is a program: it runs with your rights, so give none of people you do not trust. The "
    "file is not changed; `git apply` takes the patch."
)


@click.command("fix", cls=Naming, takes=("MODEL", "--os"), epilog=_EPILOG)
@click.argument("model")
@click.option("-p", "given", multiple=True, metavar="NAME=VALUE", help="A parameter of the model.")
@click.option(
    "--os",
    "systems",
    multiple=True,
    help="A system to hold on; may be given more than once.  [default: the model's own]",
)
@click.option("--any", "any_number", is_flag=True, help="Prove it for any number of threads too.")
@click.option(
    "--max-states", type=click.IntRange(min=1), help="Of each candidate, at most so many."
)
@click.option("--edit", "name", metavar="NAME", help="Show this candidate in full.")
@click.option(
    "--mutate", is_flag=True, help="Break the smallest that holds, or --edit, in every single way."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Write the patch here: of --edit, or the smallest that holds.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    model: str,
    given: tuple[str, ...],
    systems: tuple[str, ...],
    max_states: int | None,
    name: str | None,
    output: Path | None,
    *,
    any_number: bool,
    mutate: bool,
    as_json: bool,
) -> int:
    """Search the smallest edits of a service in plain code that make every claim hold.

    Each is checked in every order on each system; what does not hold is shown with the shortest
    path that breaks it. Exit code 0 when some hold, 1 when none of those searched does, 3 when a
    limit was hit before that was sure.
    """
    refuse_both(output, as_json=as_json)
    if mutate and output is not None:
        raise UsageError("--mutate has no patch to write: leave out -o")
    parameters = parameters_of(given)
    source = models.source(model)
    with source.blamed():
        service = source.service(parameters)
        search = FixSearch(
            service,
            systems or None,
            any_number=any_number,
            most_states=max_states,
            progress=_progress(),
        )
        found = search.run()
        if mutate:
            return _mutated(search, found, name, as_json=as_json)
    chosen = _chosen(found, name)
    show: Callable[[str], None] = say
    if output is not None:
        if chosen is not None and chosen.patch:
            show = put(output, chosen.data, *model_files(model))
            if chosen.stopped:
                tell(f"{output}: {besides(chosen)}")
        else:
            tell(f"{output} is not written: {_no_patch(found, chosen)}")
    if as_json:
        show(json.dumps({"schema_version": 1, **found.to_dict()}))
    elif name is not None and chosen is not None:
        show(chosen_text(chosen).removesuffix("\n"))
    else:
        show(fixes_text(found, patch=output is None).removesuffix("\n"))
    return found.exit_code


def _mutated(search: FixSearch, found: Fixes, name: str | None, *, as_json: bool) -> int:
    """Tell what becomes of each way to break the candidate called *name*, or the smallest fix."""
    chosen = _chosen(found, name)
    if chosen is None and found.present.holds:
        chosen = found.present
    if chosen is None:
        raise UsageError("there is nothing to break: no edit of the code is known to hold")
    made = next(each for each in search.made.values() if each.name == chosen.name)
    results = {os: mutants(search, made, os) for os in found.os}
    every = [each for listed in results.values() for each in listed]
    if as_json:
        listed = [{"os": os, **each.to_dict()} for os in results for each in results[os]]
        body = {"model": found.model, "os": list(found.os), "fix": chosen.name, "mutants": listed}
        say(json.dumps({"schema_version": 1, **body}))
    else:
        say(mutants_text(found.model, chosen.name, results).removesuffix("\n"))
    return _settled(every)


def _settled(every: list[Mutant]) -> int:
    """Return 0 where each is noticed or explained, 1 where one survives, else 3."""
    verdicts = {each.verdict for each in every if not each.settled}
    return 1 if "survives" in verdicts else 3 if verdicts else 0


def _chosen(found: Fixes, name: str | None) -> Candidate | None:
    """Return the candidate called *name*, or the smallest that holds and changes the code."""
    if name is None:
        return found.patching
    known = {each.name: each for each in found.candidates}
    if name not in known:
        raise UnknownNameError("candidate", name, known)
    return known[name]


def _no_patch(found: Fixes, chosen: Candidate | None) -> str:
    if chosen is None and not found.holding:
        return "none of the edits is known to hold"
    return "the code is not changed"


def _progress() -> Callable[[int], None] | None:
    """Return what shows how far the search is: on a terminal only."""
    if not sys.stderr.isatty():
        return None
    return lambda number: click.echo(f"\r{number} candidates checked\x1b[K\r", err=True, nl=False)

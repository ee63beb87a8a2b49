"""``regsim matrix``: every generation with every fix."""

from __future__ import annotations

import json
from collections.abc import Iterator

import attrs
import click

from regsim import models
from regsim.cli._colour import OUTCOMES, echo
from regsim.cli._names import Naming
from regsim.explore.incident import Cell
from regsim.report.text.console import WIDTH, terminal_width, wrap
from regsim.report.text.runs import matrix_text
from regsim.scenario.result import Outcome


@click.command("matrix", cls=Naming, takes=("SCENARIO", "--os", "--fix"))
@click.argument("scenario", default=models.CASE)
@click.option("--os", "systems", multiple=True, help="Only this system; repeat it.")
@click.option("--fix", "fixes", multiple=True, help="Only this fix; repeat it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(scenario: str, systems: tuple[str, ...], fixes: tuple[str, ...], as_json: bool) -> int:
    """Play SCENARIO on every system with every fix: saved, late, lost, holder-broken.

    Where --os or --fix leaves few cells, each that is n/a says why.
    """
    incident = models.incident(scenario)
    cells = list(incident.matrix(systems, fixes))
    if as_json:
        listed = [{**attrs.asdict(c), "outcome": c.outcome.value} for c in cells]
        body = {"schema_version": 1, "scenario": incident.name, "cells": listed}
        click.echo(json.dumps(body))
        return 0
    rows: dict[str, dict[str, Outcome]] = {}
    for cell in cells:
        rows.setdefault(cell.os, {})[cell.fix] = cell.outcome
    echo(matrix_text(rows), OUTCOMES)
    if systems or fixes:
        for line in _reasons(cells):
            click.echo(line)
    return 0


def _reasons(cells: list[Cell]) -> Iterator[str]:
    """Yield why cells are n/a: each reason of a system once, after the fixes that it is about."""
    why: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        if cell.outcome is Outcome.NOT_APPLICABLE:
            why.setdefault((cell.os, cell.reason), []).append(cell.fix)
    if why:
        yield ""
    width = min(WIDTH, terminal_width(WIDTH))
    for (system, reason), fixes in why.items():
        yield from wrap(f"{system}, {', '.join(fixes)}: {reason}", width, "", "  ")

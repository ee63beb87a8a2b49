"""``regsim matrix``: every generation with every fix."""

from __future__ import annotations

import json

import attrs
import click

from regsim import models
from regsim.cli._colour import OUTCOMES, echo
from regsim.explore.incident import Cell
from regsim.naming import resolve
from regsim.report.text.runs import matrix_text
from regsim.scenario.result import Outcome


@click.command("matrix")
@click.argument("scenario", default=models.CASE)
@click.option("--os", "systems", multiple=True, help="Only this system; repeat it.")
@click.option("--fix", "fixes", multiple=True, help="Only this fix; repeat it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(scenario: str, systems: tuple[str, ...], fixes: tuple[str, ...], as_json: bool) -> int:
    """Play SCENARIO on every system with every fix: saved, late, lost, holder-broken.

    Where --os or --fix leaves few cells, each that is n/a says why.
    """
    incident = models.incident(scenario)
    cells = _wanted(list(incident.matrix()), systems, fixes)
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
        for cell in cells:
            if cell.outcome is Outcome.NOT_APPLICABLE:
                click.echo(f"{cell.os}, {cell.fix}: {cell.reason}")
    return 0


def _wanted(cells: list[Cell], systems: tuple[str, ...], fixes: tuple[str, ...]) -> list[Cell]:
    """Return the cells of those systems and fixes, all where none is named."""
    asked = {resolve("system", name, dict.fromkeys(cell.os for cell in cells)) for name in systems}
    mended = {resolve("fix", name, dict.fromkeys(cell.fix for cell in cells)) for name in fixes}
    return [
        cell
        for cell in cells
        if (not asked or cell.os in asked) and (not mended or cell.fix in mended)
    ]

"""``regsim matrix``: every generation with every fix."""

from __future__ import annotations

import json

import click

from regsim.models.matrix import cells
from regsim.report.text.runs import matrix_text
from regsim.scenario import Outcome


@click.command("matrix")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(as_json: bool) -> int:
    """Play the case on every system with every fix: saved, late, lost, holder-broken."""
    found = list(cells())
    if as_json:
        listed = [
            {"os": c.os, "fix": c.fix, "outcome": c.outcome.value, "reason": c.reason}
            for c in found
        ]
        body = {"schema_version": 1, "scenario": "q241572", "cells": listed}
        click.echo(json.dumps(body))
        return 0
    rows: dict[str, dict[str, Outcome]] = {}
    for cell in found:
        rows.setdefault(cell.os, {})[cell.fix] = cell.outcome
    click.echo(matrix_text(rows))
    return 0

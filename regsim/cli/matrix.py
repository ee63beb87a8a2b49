"""``regsim matrix``: every generation with every fix."""

from __future__ import annotations

import json

import attrs
import click

from regsim import models
from regsim.report.text.runs import matrix_text


@click.command("matrix")
@click.argument("scenario", default=models.CASE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(scenario: str, as_json: bool) -> int:
    """Play SCENARIO on every system with every fix: saved, late, lost, holder-broken."""
    incident = models.incident(scenario)
    if as_json:
        listed = [{**attrs.asdict(c), "outcome": c.outcome.value} for c in incident.matrix()]
        body = {"schema_version": 1, "scenario": incident.name, "cells": listed}
        click.echo(json.dumps(body))
        return 0
    click.echo(matrix_text(incident.outcomes()))
    return 0

"""``regsim demo``: the case, stock against fixed, with its pictures."""

from __future__ import annotations

import json
from pathlib import Path

import click

from regsim import models
from regsim.cli._colour import OUTCOMES, echo
from regsim.cli._files import put
from regsim.report.pictures.runs import lifetimes_svg, openings_svg
from regsim.report.pictures.sequence import sequence_svg
from regsim.report.text.console import WIDE, terminal_width, wrap
from regsim.report.text.runs import side_by_side


@click.command("demo")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("regsim-demo"),
    show_default=True,
    help="The folder for the pictures.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(output: Path, as_json: bool) -> int:
    """Show KB Q241572 on NT 4.0 SP6a, stock against fixed: calls, leak, lost profile."""
    stock, fixed = (models.run(models.CASE, fix=fix) for fix in ("none", "hotfix"))
    pictures = {
        "stock-sequence.svg": sequence_svg(stock),
        "fixed-sequence.svg": sequence_svg(fixed),
        "stock-handles.svg": lifetimes_svg(stock),
        "fixed-handles.svg": lifetimes_svg(fixed),
        "open-handles.svg": openings_svg(stock, fixed),
    }
    for name, text in pictures.items():
        put(output / name, text.encode())
    if as_json:
        listed = sorted(str(output / name) for name in pictures)
        runs = {"stock": stock.as_json(), "fixed": fixed.as_json()}
        click.echo(json.dumps({"schema_version": 1, **runs, "pictures": listed}))
        return 0
    echo(side_by_side(stock, fixed), OUTCOMES)
    said = f"Pictures: {', '.join(pictures)} in {output}"
    click.echo("\n" + "\n".join(wrap(said, min(WIDE, terminal_width(WIDE)))))
    return 0

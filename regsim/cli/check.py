"""``regsim check``: every interleaving of a model."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from regsim import models
from regsim.check.paths import follow
from regsim.check.property import Fairness, Property, Verdict
from regsim.check.space import Progress
from regsim.check.verify import ENGINES, Reduce, Result, check_all, factored
from regsim.errors import UnknownNameError, UsageError
from regsim.report import paths as report

_EXIT = {Verdict.HOLDS: 0, Verdict.VIOLATED: 1, Verdict.INCONCLUSIVE: 3}
FORMATS = ("text", "json", "mermaid", "shiviz", "python")


@click.command("check", epilog="MODEL: an incident by name, or a file: ./my_service.py[:Model].")
@click.argument("model")
@click.option("-p", "given", multiple=True, metavar="NAME=VALUE", help="A parameter of the model.")
@click.option("--property", "wanted", metavar="P", help="The property to check; without, all.")
@click.option(
    "--reduce", default="none", metavar="HOW", help=f"{' | '.join(r.value for r in Reduce)}"
)
@click.option("--engine", default="auto", metavar="E", help=" | ".join(ENGINES))
@click.option("--fairness", metavar="F", help="Of a leads-to: none | weak | strong.")
@click.option("--all-states", is_flag=True, help="Count every state, whatever is found before.")
@click.option("--max-states", type=click.IntRange(min=1), help="Give up at this many states.")
@click.option("--max-seconds", type=click.FloatRange(min=0), help="Give up after this long.")
@click.option(
    "--max-memory", type=click.IntRange(min=1), metavar="MB", help="Give up at this size."
)
@click.option("--path", "code", metavar="CODE", help="Replay a path instead of exploring.")
@click.option("--format", "style", default="text", metavar="F", help=" | ".join(FORMATS))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    model: str,
    given: tuple[str, ...],
    wanted: str | None,
    code: str | None,
    style: str,
    as_json: bool,
    **options: Any,  # noqa: ANN401 - those of `check_all`
) -> int:
    """Explore every interleaving of MODEL: the proof, or the shortest counterexample.

    Exit code 0 when all that was asked holds, 1 when something is violated, 3 when a limit was hit
    before it was sure.
    """
    if style not in FORMATS:
        raise UnknownNameError("format", style, FORMATS)
    parameters = _parameters(given)
    source = models.source(model)
    made = factored(source.build(parameters))
    origin = report.Origin(model, parameters)
    if code is not None:
        return _replay(made, origin, code, wanted, "json" if as_json else style)
    memory = options.pop("max_memory")
    fairness = options["fairness"]
    results = check_all(
        made,
        None if wanted is None else [wanted],
        max_memory=None if memory is None else memory << 20,
        progress=_progress(),
        **options,
    )
    verdict = _overall(results)
    if as_json or style == "json":
        body = _json(made.name, source.settings(parameters), results, wanted, verdict, fairness)
        click.echo(json.dumps(body))
    else:
        click.echo(_shown(results, origin, style, single=wanted is not None), nl=False)
    return _EXIT[verdict]


def _parameters(given: Sequence[str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"-p takes NAME=VALUE, not {text!r}")
        found[name] = value
    return found


def _overall(results: Sequence[Result]) -> Verdict:
    """Return violated if anything is, else inconclusive if anything is, else holds."""
    verdicts = {result.verdict for result in results}
    for verdict in (Verdict.VIOLATED, Verdict.INCONCLUSIVE):
        if verdict in verdicts:
            return verdict
    return Verdict.HOLDS


def _progress() -> Callable[[Progress], None] | None:
    """Return what shows how far a search is: on a terminal only, and never among the results."""
    if not sys.stderr.isatty():
        return None

    def show(at: Progress) -> None:
        rate = at.states / at.seconds if at.seconds else 0
        click.echo(
            f"\r{at.states:,} states, {at.waiting:,} waiting, {at.transitions:,} transitions, "
            f"depth {at.depth}, {rate:,.0f} states/s\x1b[K\r",
            err=True,
            nl=False,
        )

    return show


def _shown(results: Sequence[Result], origin: report.Origin, style: str, *, single: bool) -> str:
    if style == "text":
        if single:
            return report.result_text(results[0], origin)
        return report.summary_text(results, origin)
    paths = [r for r in results if r.path is not None and (single or r.verdict is Verdict.VIOLATED)]
    if not paths:
        raise UsageError(f"there is no path to show as {style}: nothing asked for is violated")
    found = min(paths, key=lambda result: len(result.path.steps) if result.path else 0)
    assert found.path is not None  # noqa: S101 - chosen so
    return _drawn(found.path, origin, style, found.property)


def _drawn(path: Any, origin: report.Origin, style: str, claim: Property | None) -> str:  # noqa: ANN401
    if style == "mermaid":
        title = f"{claim.name}: {claim.about}" if claim is not None else path.model
        return report.path_mermaid(path, title)
    if style == "shiviz":
        return report.path_shiviz(path)
    if style == "python":
        return report.path_python(path, origin, claim)
    return report.ascii_only_lines(report.path_lines(path))


def _json(
    name: str,
    parameters: dict[str, Any],
    results: Sequence[Result],
    wanted: str | None,
    verdict: Verdict,
    fairness: str | None,
) -> dict[str, object]:
    assumed = None if fairness is None else Fairness(fairness)
    listed = [report.result_json(result, assumed) for result in results]
    head = {"schema_version": 1, "model": name, "parameters": parameters}
    if wanted is not None:
        return {**head, **listed[0]}
    most = max(results, key=lambda result: result.states)
    return {
        **head,
        "property": None,
        "verdict": verdict.value,
        "states": most.states,
        "transitions": most.transitions,
        "depth": most.depth,
        "path": next((e["path"] for e in listed if e["verdict"] == "violated"), []),
        "engine": most.engine,
        "seconds": round(sum({r.seconds for r in results}), 6),
        "properties": listed,
    }


# -- replaying a path ----------------------------------------------------------------------------


def _replay(
    model: Any,  # noqa: ANN401 - any factored model
    origin: report.Origin,
    code: str,
    wanted: str | None,
    style: str,
) -> int:
    """Show the path that *code* describes; one path can break a claim, and prove none."""
    walk = follow(model, code)
    claim = None
    if wanted is not None:
        known = {each.name: each for each in model.properties}
        if wanted not in known:
            raise UnknownNameError(f"property of {model.name}", wanted, known)
        claim = known[wanted]
    verdict = None if claim is None else walk.verdict(claim)
    if style == "json":
        body: dict[str, object] = {
            "schema_version": 1,
            "model": model.name,
            "parameters": dict(origin.parameters),
            "property": wanted,
            "verdict": None if verdict is None else verdict.value,
            "path": report.path_json(walk.path),
            "loop": walk.path.loop,
            "code": walk.path.code,
        }
        click.echo(json.dumps(body))
    else:
        click.echo(_drawn(walk.path, origin, style, claim), nl=False)
        if style == "text" and claim is not None and verdict is not None:
            click.echo(f"{claim.name} ({claim.kind.value}) on this path: {verdict.value}")
    return 0 if verdict is None else _EXIT[verdict]

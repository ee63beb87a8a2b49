"""``regsim check``: every interleaving of a model."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from regsim import models
from regsim.check.export import MOST, state_graph, to_dot, to_json
from regsim.check.factored import Factored
from regsim.check.families import ANY
from regsim.check.paths import Path as Run
from regsim.check.paths import follow
from regsim.check.promela import promela
from regsim.check.property import Fairness, Property, Verdict
from regsim.check.space import Limits, SearchProgress
from regsim.check.verify import (
    ENGINES,
    Reduce,
    Result,
    Results,
    Unbounded,
    check_all,
    factored,
)
from regsim.check.verify import target as seeks
from regsim.cli import _certificates as certificates
from regsim.cli._check_options import model_files, parameters_of
from regsim.cli._colour import CHECKS, echo
from regsim.cli._files import put, refuse_both
from regsim.cli._names import Naming
from regsim.errors import UnknownNameError, UsageError
from regsim.report.text import checks as report
from regsim.report.text.mermaid import path_mermaid

_EXIT = {Verdict.HOLDS: 0, Verdict.VIOLATED: 1, Verdict.INCONCLUSIVE: 3}
_EPILOG = (
    "MODEL is one of these, or a file: ./my_service.py[:Model], such as a service in plain Python "
    "that regsim.model(...) makes a model of. A file is a program: it runs with your rights, so "
    "check none of people you do not trust."
)
EXPORTS = ("promela", "dot", "json")
FORMATS = ("text", "json", "mermaid", "shiviz", "python")


@click.command("check", cls=Naming, takes=("MODEL",), epilog=_EPILOG)
@click.argument("model", required=False)
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
    "--max-memory",
    type=click.IntRange(min=1),
    metavar="MB",
    help="Give up at this size; by default where memory ends.",
)
@click.option("--path", "code", metavar="CODE", help="Replay a path instead of exploring.")
@click.option("--format", "style", default="text", metavar="F", help=" | ".join(FORMATS))
@click.option("--export", "target", metavar="E", help=" | ".join(EXPORTS))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where --export writes.")
@click.option(
    "--certificate-out",
    "out",
    type=click.Path(path_type=Path),
    help="Write what is proved for any number here.",
)
@click.option(
    "--certificate",
    "proof",
    type=click.Path(path_type=Path),
    help="Verify such a file instead of exploring; without MODEL, of its own.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    model: str | None,
    given: tuple[str, ...],
    wanted: str | None,
    code: str | None,
    style: str,
    target: str | None,
    output: Path | None,
    out: Path | None,
    proof: Path | None,
    as_json: bool,
    **options: Any,  # noqa: ANN401 - those of `check_all`
) -> int:
    """Explore every interleaving of MODEL: the proof, or the shortest counterexample.

    Exit code 0 when all that was asked holds, 1 when something is violated, 3 when a limit was hit
    before it was sure.
    """
    _refuse_unknown(style, target, output)
    _refuse_mixed(code, target, proof, out, style, as_json=as_json)
    refuse_both(out, as_json=as_json or style == "json")
    if math.isnan(options["max_seconds"] or 0.0):
        raise UsageError("--max-seconds takes a number of seconds, not nan")
    parameters = parameters_of(given)
    if proof is not None:
        return certificates.verify(
            proof, model, parameters, options["engine"], as_json=as_json or style == "json"
        )
    if model is None:
        raise UsageError("name a MODEL, or a --certificate to verify")
    source = models.source(model)
    settings = source.settings(parameters)
    origin = report.Recipe(
        model, {name: settings[name] for name in parameters}, source.counted(settings)
    )
    with source.blamed():
        made = source.build(parameters)
        if not isinstance(made, Unbounded):
            made = factored(made)
            if code is not None:
                return _replay(made, origin, settings, code, wanted, "json" if as_json else style)
            if target is not None:
                exported = _export(made, target, wanted, options)
                return _written(exported, output, model)
        elif code is not None or target is not None:
            raise UsageError(f"--path and --export are of so many threads: give numbers, not {ANY}")
        results, seconds = _explored(made, wanted, options)
    left = made.left_out() if isinstance(made, Unbounded) and wanted is None else {}
    if out is not None and certificates.write(out, model, settings, results):
        return _EXIT[Results(tuple(results)).verdict]
    if as_json or style == "json":
        fairness = options["fairness"]
        body = _json(made.name, settings, results, wanted, fairness, seconds)
        more = {"left_out": left} if isinstance(made, Unbounded) and wanted is None else {}
        click.echo(json.dumps({**body, **more}))
    else:
        text = _shown(results, origin, style, left, single=wanted is not None)
        echo(text, CHECKS if style == "text" else {})
    return _EXIT[Results(tuple(results)).verdict]


def _explored(
    model: Factored | Unbounded, wanted: str | None, options: dict[str, Any]
) -> tuple[list[Result], float]:
    """Return the answers to what is *wanted*, and how many seconds they took."""
    memory = options.pop("max_memory")
    started = time.perf_counter()
    try:
        results = check_all(
            model,
            None if wanted is None else [wanted],
            max_memory=None if memory is None else memory << 20,
            progress=_progress(),
            **options,
        )
    finally:
        if sys.stderr.isatty():
            click.echo("\r\x1b[K", err=True, nl=False)  # the progress is over
    return results, time.perf_counter() - started


def _refuse_unknown(style: str, target: str | None, output: Path | None) -> None:
    if style not in FORMATS:
        raise UnknownNameError("format", style, FORMATS)
    if target is not None and target not in EXPORTS:
        raise UnknownNameError("export", target, EXPORTS)
    if output is not None and target is None:
        raise UsageError("--output needs --export: what to write")


def _refuse_mixed(
    code: str | None,
    target: str | None,
    proof: Path | None,
    out: Path | None,
    style: str,
    *,
    as_json: bool,
) -> None:
    """Refuse options that mean different things to do."""
    if code is not None and target is not None:
        raise UsageError("--path and --export exclude each other: a path or the whole space")
    if (proof or out) and (code is not None or target is not None):
        raise UsageError("a certificate is of an exploration: leave out --path and --export")
    if proof is not None and out is not None:
        raise UsageError("--certificate verifies a file, --certificate-out writes one: give one")
    if as_json and style not in ("text", "json"):
        raise UsageError(f"--json and --format {style} exclude each other: give one")


def _progress() -> Callable[[SearchProgress], None] | None:
    """Return what shows how far a search is: on a terminal only, and never among the results."""
    if not sys.stderr.isatty():
        return None

    def show(at: SearchProgress) -> None:
        rate = at.states / at.seconds if at.seconds else 0
        click.echo(
            f"\r{at.states:,} states, {at.waiting:,} waiting, {at.transitions:,} transitions, "
            f"depth {at.depth}, {rate:,.0f} states/s\x1b[K\r",
            err=True,
            nl=False,
        )

    return show


def _shown(
    results: Sequence[Result],
    origin: report.Recipe,
    style: str,
    left: Mapping[str, str],
    *,
    single: bool,
) -> str:
    if style == "text":
        if single:
            return report.result_text(results[0], origin)
        return report.summary_text(results, origin, left)
    paths = [r for r in results if r.path is not None and (single or r.verdict is Verdict.VIOLATED)]
    if not paths:
        raise UsageError(f"there is no path to show as {style}: nothing asked for is violated")
    found = min(paths, key=lambda result: len(result.path.steps) if result.path else 0)
    assert found.path is not None  # noqa: S101 - chosen so
    return _drawn(found.path, origin.concrete(found.concrete), style, found.property)


def _drawn(path: Run, origin: report.Recipe, style: str, claim: Property | None) -> str:
    if style == "mermaid":
        title = f"{claim.name}: {claim.about}" if claim is not None else path.model
        return path_mermaid(path, title)
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
    fairness: str | None,
    seconds: float,
) -> dict[str, object]:
    assumed = None if fairness is None else Fairness(fairness)
    listed = [report.result_json(result, assumed) for result in results]
    head = {"schema_version": 1, "model": name, "parameters": parameters}
    if wanted is not None:
        return {**head, **listed[0]}
    most = max(results, key=lambda result: result.states)
    shown = next((e for e in listed if e["verdict"] == "violated"), {})
    return {
        **head,
        "property": None,
        "verdict": Results(tuple(results)).verdict.value,
        "states": most.states,
        "transitions": most.transitions,
        "depth": most.depth,
        "path": shown.get("path", []),
        **({"concrete": shown.get("concrete")} if most.numbers else {}),
        "engine": most.engine,
        "seconds": round(seconds, 6),
        "properties": listed,
    }


def _claim(model: Factored, wanted: str | None) -> Property | None:
    known = {claim.name: claim for claim in model.properties}
    if wanted is not None and wanted not in known:
        raise UnknownNameError(f"property of {model.name}", wanted, known)
    return None if wanted is None else known[wanted]


# -- exporting -----------------------------------------------------------------------------------


def _export(model: Factored, target: str, wanted: str | None, options: Mapping[str, Any]) -> str:
    """Return the model as *target*."""
    claim = _claim(model, wanted)
    most = options["max_states"]
    if target == "promela":
        return promela(model, Limits(states=most, seconds=options["max_seconds"]))
    sought = None if claim is None else seeks(claim)
    graph = state_graph(model, sought, MOST if most is None else most)
    return to_dot(graph) if target == "dot" else to_json(graph)


def _written(text: str, output: Path | None, model: str) -> int:
    """Write an export to *output* or to standard output, but not over the model's own file."""
    if output is None:
        click.echo(text, nl=False)
    else:
        put(output, text.encode(), *model_files(model))
    return 0


# -- replaying a path ----------------------------------------------------------------------------


def _replay(
    model: Factored,
    origin: report.Recipe,
    settings: Mapping[str, Any],
    code: str,
    wanted: str | None,
    style: str,
) -> int:
    """Show the path that *code* describes; one path can break a claim, and prove none."""
    walk = follow(model, code)
    claim = _claim(model, wanted)
    verdict = None if claim is None else walk.verdict(claim)
    if style == "json":
        body: dict[str, object] = {
            "schema_version": 1,
            "model": model.name,
            "parameters": dict(settings),
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

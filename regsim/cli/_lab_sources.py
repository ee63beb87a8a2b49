"""Where the lab's page gets its stories but from runs: a trace, and a model's exploration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from regsim import dialects, models
from regsim.check.verify import check_all, factored
from regsim.cli._evidence_output import ProgressLine, dialect_named
from regsim.explore.parameters import Parameter
from regsim.report.lab.checks import story_of_result
from regsim.report.lab.exploring import explorer_html
from regsim.report.lab.shown import claims_axis, lab_of_finding, starting
from regsim.report.lab.stories import Axis, Lab, Story
from regsim.report.text.checks import Recipe
from regsim.trace.asking import replay

MOST_STATES = 300_000
"""Where the exploration of a page's model gives up: beyond, `regsim check` is the place."""


def lab_of_trace(path: Path, os_name: str | None) -> Lab:
    """Return the page that steps through what the trace at *path* shows of users' hives.

    Raises `DataError` for a file that is no trace.
    """
    progress = ProgressLine()
    try:
        finding = replay(
            path,
            dialect=dialect_named(os_name),
            dialect_of=dialects.get,
            progress=progress,
        )
    finally:
        progress.clear()
    return lab_of_finding(finding, path.name)


def lab_of_model(name: str, given: Mapping[str, object]) -> Lab:
    """Return the page that steps through the shortest ways to break the claims of model *name*.

    Where the model has a parameter that is a choice between variants, and it is not *given*, each
    variant has its own. Raises `UnknownNameError` for a model or a parameter that does not exist.
    """
    source = models.source(name)
    parameter = next((p for p in source.parameters if p.choices and p.name not in given), None)
    variants = parameter.choices if parameter is not None else ("",)
    stories: dict[tuple[str, ...], Story | str] = {}
    claims: dict[str, str] = {}
    for variant in variants:
        chosen = {parameter.name: variant} if parameter is not None else {}
        with source.blamed():
            made = factored(source.build({**given, **chosen}))
            results = check_all(made, max_states=MOST_STATES)
        for result in results:
            claim = result.property
            claims[claim.name] = claim.about
            key = (variant, claim.name) if parameter is not None else (claim.name,)
            stories[key] = story_of_result(result)
    return Lab(
        title=f"{name}: every interleaving explored",
        intro=f"{source.about} Each claim was checked in every interleaving; step through the "
        "shortest way to break it, or to reach what it promises.",
        axes=_axes(parameter, claims),
        stories=stories,
        start=starting(stories),
    )


def explorer_of_model(name: str, given: Mapping[str, object]) -> str:
    """Return the page in which a person explores the model *name* with the parameters *given*.

    Raises `UnknownNameError` for a model or a parameter that does not exist.
    """
    source = models.source(name)
    settings = source.settings(given)
    with source.blamed():
        return explorer_html(
            factored(source.build(given)),
            title=f"{source.name}: choose who steps next",
            intro=f"{source.about} Choose whose step comes, undo it, and watch the claims and the "
            "open handles; or have the shortest way shown to where a claim is broken.".strip(),
            command=Recipe(name, {each: settings[each] for each in given}).command("--path"),
        )


def _axes(parameter: Parameter | None, claims: Mapping[str, str]) -> tuple[Axis, ...]:
    claim = claims_axis(claims)
    if parameter is None:
        return (claim,)
    options = tuple((choice, choice, "") for choice in parameter.choices)
    return (Axis(name=parameter.name, label=parameter.name.capitalize(), options=options), claim)

"""Where the lab's page gets its stories but from runs: a trace, and a model's exploration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from regsim import dialects, models
from regsim.check.verify import check_all, factored
from regsim.cli._evidence_output import ProgressLine, dialect_named
from regsim.explore.parameters import Parameter
from regsim.report.lab.checks import story_of_result
from regsim.report.lab.evidence import story_of_finding
from regsim.report.lab.stories import Axis, Lab, Story
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
    system = finding.os if finding.os in dialects.ALL else None
    story = story_of_finding(finding, dialect_named(system))
    return Lab(
        title=f"Who keeps the hive loaded? {path.name}",
        intro="Step through the handles that stayed open, in the order in which they were opened. "
        "What was opened and closed again in time is counted, not shown.",
        stories={(): story},
    )


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
            stories[key] = story_of_result(made, result)
    return Lab(
        title=f"{name}: every interleaving explored",
        intro=f"{source.about} Each claim was checked in every interleaving; step through the "
        "shortest way to break it, or to reach what it promises.",
        axes=_axes(parameter, claims),
        stories=stories,
        start=_start(stories),
    )


def _axes(parameter: Parameter | None, claims: Mapping[str, str]) -> tuple[Axis, ...]:
    claim = Axis(
        name="claim",
        label="Claim",
        options=tuple((name, name, about.rstrip(".")) for name, about in claims.items()),
    )
    if parameter is None:
        return (claim,)
    options = tuple((choice, choice, "") for choice in parameter.choices)
    return (Axis(name=parameter.name, label=parameter.name.capitalize(), options=options), claim)


def _start(stories: Mapping[tuple[str, ...], Story | str]) -> tuple[str, ...]:
    """Return the first combination that is violated, else the first that has a story, else any."""
    told = [key for key, story in stories.items() if isinstance(story, Story)]
    broken = [key for key in told if getattr(stories[key], "mark", "") == "bad"]
    return (broken or told or list(stories))[0]

"""What can be stepped through, as a lab of its own: a run, evidence, a path, what a check says."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch

from regsim import dialects
from regsim.check.paths import Path
from regsim.check.verify import Result, Results
from regsim.report.lab.checks import story_of_path, story_of_result
from regsim.report.lab.evidence import story_of_finding
from regsim.report.lab.runs import story_of_run
from regsim.report.lab.stories import Axis, Lab, Story
from regsim.scenario.result import Run
from regsim.trace.finding import Finding


@singledispatch
def lab_of(shown: object) -> Lab:
    """Return the lab that steps through *shown*.

    Raises:
        TypeError: *shown* is of a kind that has no steps.
        UsageError: it is a path that does not know its model.
    """
    raise TypeError(f"{type(shown).__name__} has no steps to go through")


@lab_of.register
def _of_run(run: Run) -> Lab:
    return Lab(
        title=run.title,
        intro=f"{run.os_title}, fix: {run.fix}. At each turn you are asked what comes next.",
        stories={(): story_of_run(run)},
    )


@lab_of.register
def lab_of_finding(finding: Finding, name: str = "") -> Lab:
    """Return the lab that steps through what *finding* rests on, which is told of *name*."""
    dialect = dialects.get(finding.os) if finding.os in dialects.ALL else None
    return Lab(
        title=f"Who keeps the hive loaded? {name}".rstrip(),
        intro="Step through the handles that stayed open, in the order in which they were opened. "
        "What was opened and closed again in time is counted, not shown.",
        stories={(): story_of_finding(finding, dialect)},
    )


@lab_of.register
def _of_path(path: Path) -> Lab:
    return Lab(
        title=f"{path.model}: one run, step by step",
        intro=f"The path {path.code!r}.",
        stories={(): story_of_path(path)},
    )


@lab_of.register
def _of_result(result: Result) -> Lab:
    return Lab(
        title=f"{result.model}: {result.property.name}",
        intro=result.property.about,
        stories={(): story_of_result(result)},
    )


@lab_of.register
def _of_results(results: Results) -> Lab:
    stories: dict[tuple[str, ...], Story | str] = {
        (answer.property.name,): story_of_result(answer) for answer in results
    }
    return Lab(
        title=f"{results.answers[0].model}: every interleaving explored",
        intro="Step through the shortest way to break a claim, or to reach what it promises.",
        axes=(claims_axis({answer.property.name: answer.property.about for answer in results}),),
        stories=stories,
        start=starting(stories),
    )


def claims_axis(claims: Mapping[str, str]) -> Axis:
    """Return the choice between *claims*, by name with what each says."""
    options = tuple((name, name, about.rstrip(".")) for name, about in claims.items())
    return Axis(name="claim", label="Claim", options=options)


def starting(stories: Mapping[tuple[str, ...], Story | str]) -> tuple[str, ...]:
    """Return the first combination that is violated, else the first that has a story, else any."""
    told = [key for key, story in stories.items() if isinstance(story, Story)]
    broken = [key for key in told if getattr(stories[key], "mark", "") == "bad"]
    return (broken or told or list(stories))[0]

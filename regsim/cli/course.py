"""``regsim course``: the exercises, in the terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable

import click

from regsim import course
from regsim.cli._names import Naming
from regsim.course import Exercise, Feedback, Question
from regsim.errors import UsageError
from regsim.report.text.console import WIDTH, terminal_width, wrap
from regsim.report.words.writing import fields

SCHEMA_VERSION = 1


@click.command("course", cls=Naming, takes=("EXERCISE",))
@click.argument("exercise", required=False)
@click.option(
    "--answer", "answers", multiple=True, metavar="NAME=VALUE", help="A prediction; repeat it."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(exercise: str | None, answers: tuple[str, ...], as_json: bool) -> int:
    """List the exercises, or go through EXERCISE: predict, run, and see which call decides.

    Without --answer each question is asked in turn; an empty line leaves one open. The simulator
    judges, and names the call that contradicts a prediction. The exit code is 0 however many
    answers are right.
    """
    if exercise is None:
        if answers:
            raise UsageError("--answer needs the name of an exercise, such as e1")
        click.echo(json.dumps(_listing()) if as_json else _contents())
        return 0
    chosen = course.exercise(exercise)
    given = _parse(chosen, answers)
    if as_json:
        click.echo(json.dumps(_record(chosen, chosen.judge(given))))
        return 0
    if not answers:
        click.echo(f"{chosen!r}\n")
        given = _ask(chosen.questions)
        click.echo()
    click.echo(repr(chosen.judge(given)))
    return 0


def _contents() -> str:
    lines: list[str] = []
    width = terminal_width(WIDTH)
    for name in course.names():
        found = course.exercise(name)
        lines.append(f"{name}  {found.title}")
        for n in found.objectives:
            lines += wrap(course.OBJECTIVES[n], width, f"      {n:>2} ", " " * 9)
    return "\n".join([*lines, "", "Begin with `regsim course e1`."])


def _parse(chosen: Exercise, answers: Iterable[str]) -> dict[str, object]:
    given: dict[str, object] = {}
    for text in answers:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--answer is NAME=VALUE, but is {text!r}")
        if name in given:
            raise UsageError(f"--answer {name} is given twice; {chosen.name} takes one")
        given[name] = value
    return given


def _ask(questions: Iterable[Question]) -> dict[str, object]:
    """Return what the user answers; an empty line or the end of the input leaves a question."""
    given: dict[str, object] = {}
    for question in questions:
        while True:
            click.echo(f"{question.text} > ", nl=False)
            line = sys.stdin.readline()
            if not line.strip():
                break
            try:
                given[question.name] = question.clean(line)
            except UsageError as error:
                click.echo(str(error))
            else:
                break
        if not line:
            click.echo()
            break
    return given


def _listing() -> dict[str, object]:
    exercises = [_described(course.exercise(name)) for name in course.names()]
    objectives = [{"number": n, "text": text} for n, text in course.OBJECTIVES.items()]
    return {"schema_version": SCHEMA_VERSION, "objectives": objectives, "exercises": exercises}


def _described(chosen: Exercise) -> dict[str, object]:
    return {
        "name": chosen.name,
        "title": chosen.title,
        "objectives": list(chosen.objectives),
        "questions": [
            fields(question, "name text objective choices number") for question in chosen.questions
        ],
    }


def _record(chosen: Exercise, feedback: Feedback) -> dict[str, object]:
    results = [
        {"name": result.question.name, **fields(result, "given right because")}
        for result in feedback.results
    ]
    return {
        "schema_version": SCHEMA_VERSION,
        "exercise": _described(chosen),
        "scene": chosen.scene(),
        "results": results,
        "right": feedback.right,
        "passed": feedback.passed,
    }

"""``regsim course``: the exercises, in the terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from shlex import quote

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
@click.option(
    "--resume", is_flag=True, help="Ask what the answers given leave open, and go on from there."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(exercise: str | None, answers: tuple[str, ...], resume: bool, as_json: bool) -> int:
    """List the exercises, or go through EXERCISE: predict, run, and see which call decides.

    Without --answer each question is asked in turn and its answer judged at once: the simulator
    names the call that decides. An empty line leaves a question open; Ctrl-C or the end of the
    input ends the asking, and the command that goes on from there is told. The exit code is 0
    however many answers are right.
    """
    if resume and as_json:
        raise UsageError("--resume asks, and --json does not: give one")
    if exercise is None:
        if answers or resume:
            raise UsageError("--answer and --resume need the name of an exercise, such as e1")
        click.echo(json.dumps(_listing()) if as_json else _contents())
        return 0
    chosen = course.exercise(exercise)
    given = _parse(chosen, answers)
    if as_json:
        click.echo(json.dumps(_record(chosen, chosen.judge(given))))
        return 0
    if answers and not resume:
        click.echo(repr(chosen.judge(given)))
        return 0
    click.echo(chosen.task)
    ended = _ask(chosen, given)
    click.echo(chosen.judge(given).score if ended else _rest(chosen, given))
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


def _ask(chosen: Exercise, given: dict[str, object]) -> bool:
    """Ask what is not in *given* yet, judge each answer at once, and add it to *given*.

    Return whether all was asked: Ctrl-C and the end of the input leave the rest.
    """
    left = [question for question in chosen.questions if question.name not in given]
    try:
        for number, question in enumerate(left, 1):
            said = _answer(question, f"{number} of {len(left)}")
            if said:
                given[question.name] = said
                click.echo(f"{chosen.mark(question.name, said)}\n")
    except (EOFError, KeyboardInterrupt):
        click.echo("\n")
        return False
    return True


def _answer(question: Question, place: str) -> str:
    """Return what the user answers to *question*, once it is an answer; "" leaves it open.

    Raises EOFError where the input ends.
    """
    while True:
        asked = f"({place}) {question.text}"
        if question.choices:
            asked += f" [{'/'.join(question.choices)}]"
        lines = wrap(f"{asked} >", terminal_width(WIDTH) - 1, "", "    ")
        click.echo("\n".join(lines) + " ", nl=False)
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        if not line.strip():
            return ""
        try:
            return question.clean(line)
        except UsageError as error:
            click.echo(str(error))


def _rest(chosen: Exercise, given: dict[str, object]) -> str:
    """Return how many answers are right so far, and the command that asks the rest."""
    right, left = chosen.judge(given).right, len(chosen.questions) - len(given)
    answers = "".join(f" --answer {quote(f'{name}={value}')}" for name, value in given.items())
    return (
        f"{chosen.name}: {right} of {len(given)} answers right, {left} questions open. "
        f"Go on with:\n  regsim course {chosen.name} --resume{answers}"
    )


def _listing() -> dict[str, object]:
    exercises = [course.exercise(name).about for name in course.names()]
    objectives = [{"number": n, "text": text} for n, text in course.OBJECTIVES.items()]
    return {"schema_version": SCHEMA_VERSION, "objectives": objectives, "exercises": exercises}


def _record(chosen: Exercise, feedback: Feedback) -> dict[str, object]:
    results = [
        {"name": result.question.name, **fields(result, "given right because")}
        for result in feedback.results
    ]
    return {
        "schema_version": SCHEMA_VERSION,
        "exercise": chosen.about,
        "scene": chosen.scene(),
        "results": results,
        "right": feedback.right,
        "passed": feedback.passed,
    }

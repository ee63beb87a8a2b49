"""What the page asks of the simulator: text of a file in, an answer as JSON out.

It runs in the page's worker, and just as well anywhere else.
"""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from regsim.check.property import Property, PropertyKind, Verdict
from regsim.check.space import SearchProgress
from regsim.check.verify import Result, Results, factored
from regsim.errors import RegsimError, UnknownNameError, UsageError
from regsim.explore.service import ServiceModel
from regsim.explore.sources import ModelSource, source_in_file
from regsim.report.lab.checks import story_of_path, story_of_result
from regsim.report.lab.page import data, lab_html
from regsim.report.lab.shown import claims_axis, lab_of, starting
from regsim.report.lab.stories import Lab, Story
from regsim.report.words.writing import counted
from regsim.site.broken import ALL
from regsim.site.challenges import BySettings, Challenge, explored
from regsim.site.straight import straight

FILE: Final = Path("my_service.py")
"""What the text in the page is called, in errors too."""
_LINE: Final = re.compile(r"\bline (\d+)")
Telling = Callable[[int], object]
"""Telling now and then how many states an exploration has found."""


def answer(request: str, told: Telling | None = None) -> str:
    """Return the answer to *request*, both JSON: what to do, the text, the system, the challenge.

    An answer has a ``title``, the ``claims`` as they came out, the ``steps`` to go through, and a
    ``page`` of them to keep; or an ``error`` in a line, with the ``line`` of the text that it is
    about, if it is about one.
    """
    asked = json.loads(request)
    do = {"run": _run, "check": _check, "fix": _fix, "judge": _judge}[asked["do"]]
    try:
        FILE.write_text(asked["text"], encoding="utf-8")
        found = do(asked, told)
    except RegsimError as error:
        text = _told(error)
        found = {"error": text, "line": _line_of(error, text)}
    except MemoryError:
        found = {"error": "The page has no memory left for so many states.", "line": None}
    except RecursionError:
        found = {"error": f"{FILE} calls itself deeper than the page can follow.", "line": None}
    return json.dumps(found)


def _told(error: RegsimError) -> str:
    """Return what *error* says, short enough for the page: all names of ``win`` would fill it."""
    cause = error.__cause__
    if isinstance(cause, SyntaxError) and Path(cause.filename or "").name == FILE.name:
        return f"{FILE.name}, line {cause.lineno}: {cause.msg}"
    text = str(error).replace(str(FILE.absolute()), FILE.name)
    return text.partition("; known: ")[0] if "unknown name of win" in text else text


def _line_of(error: RegsimError, text: str) -> int | None:
    """Return the line of the text that *error* is about: as it says, or where its cause was."""
    said = _LINE.findall(text)
    if said:
        return int(said[-1])
    passed = traceback.extract_tb(error.__cause__.__traceback__ if error.__cause__ else None)
    lines = [frame.lineno for frame in passed if Path(frame.filename).name == FILE.name]
    return lines[-1] if lines else None


def _source(asked: Mapping[str, Any]) -> tuple[ModelSource, dict[str, object]]:
    """Return the model in the file, and what to make it with: the system that was chosen."""
    source = source_in_file(str(FILE))
    takes = {parameter.name for parameter in source.parameters}
    return source, {"os": asked["os"]} if asked.get("os") and "os" in takes else {}


# -- one run -----------------------------------------------------------------------------------


def _run(asked: Mapping[str, Any], told: Telling | None) -> dict[str, object]:  # noqa: ARG001
    """Play the model once, in the order in which everybody is served before the user leaves."""
    source, given = _source(asked)
    with source.blamed():
        model = factored(source.build(given))
        walk, broken = straight(model)
        claims = [_of_run(claim, broken) for claim in model.properties]
        story = attrs.evolve(
            story_of_path(walk.path),
            finding=f"One run of {model.name}, in {counted(len(walk.path.steps), 'step')}",
            verdict=("Services acted first here. Other orders can end otherwise: Check asks all.",),
            word="one run",
        )
    lab = Lab(title=f"{model.name}: one run", intro=source.about, stories={(): story})
    return {"title": story.finding, "claims": claims, **_steps(lab)}


def _of_run(claim: Property, broken: Mapping[str, int]) -> dict[str, object]:
    at = broken.get(claim.name)
    word = f"broken at step {at}" if at is not None else "not broken here"
    if claim.kind is PropertyKind.SOMETIMES:
        word = "not asked of one run"
    return {"name": claim.name, "about": claim.about, "word": word, "bad": at is not None}


# -- every order -------------------------------------------------------------------------------


def _check(asked: Mapping[str, Any], told: Telling | None) -> dict[str, object]:
    """Explore every order, and say how each claim comes out."""
    source, given = _source(asked)
    with source.blamed():
        model = factored(source.build(given))
        results = explored(model, None, _progress(told))
        lab = lab_of(Results(tuple(results)))
    verdict = Results(tuple(results)).verdict.value
    most = max(results, key=lambda result: result.states)
    title = f"{verdict.capitalize()}: {counted(most.states, 'state')} of {model.name} explored"
    return {"title": title, "claims": list(_claims(results)), **_steps(lab)}


def _progress(told: Telling | None) -> Callable[[SearchProgress], None] | None:
    if told is None:
        return None

    def tell(at: SearchProgress) -> None:
        told(at.states)

    return tell


def _claims(results: Sequence[Result]) -> Iterator[dict[str, object]]:
    for result in results:
        steps = f" after {counted(len(result.path.steps), 'step')}" if result.path else ""
        yield {
            "name": result.property.name,
            "about": result.property.about,
            "word": result.verdict.value + steps,
            "bad": result.verdict is not Verdict.HOLDS,
        }


def _steps(lab: Lab) -> dict[str, object]:
    """Return what the page's script plays of *lab*, and the page to keep of it."""
    return {"steps": data(lab), "page": lab_html(lab)}


# -- mending -----------------------------------------------------------------------------------


def _fix(asked: Mapping[str, Any], told: Telling | None) -> dict[str, object]:  # noqa: ARG001
    """Look for the smallest edits that make every claim hold."""
    source, given = _source(asked)
    made = source.make(**source.settings(given))
    if not isinstance(made, ServiceModel):
        raise UsageError("only a service in plain code, made by regsim.model(...), can be mended")
    with source.blamed():
        found: Any = made.fix().to_dict()["fixes"]
    fixes = [
        {
            "says": "; ".join(each["edits"]),
            "proved": f"Every claim holds, {_bounds(each)}.",
            "patch": each["patch"],
        }
        for each in found
        if each["holds"]
    ]
    title = f"{counted(len(fixes), 'way')} found to make every claim hold"
    return {"title": title, "claims": [], "fixes": fixes}


def _bounds(fix: Mapping[str, Any]) -> str:
    """Return how far it is proved that *fix* holds."""
    if fix["proved"] == "any":
        return "for any number of threads"
    threads = [f"{counted(n, 'thread')} of {name}" for name, n in fix["bounds"]["threads"].items()]
    return f"as far as the text goes: {', '.join(threads)}, every order explored"


# -- challenges --------------------------------------------------------------------------------


def _judge(asked: Mapping[str, Any], told: Telling | None) -> dict[str, object]:
    """Say whether the text reaches the goal of its challenge, and what is still in its way."""
    challenge = _named(asked["challenge"])
    judged = challenge.judged(source_in_file(str(FILE)), _progress(told))
    claims: list[dict[str, object]] = []
    stories: dict[tuple[str, ...], Story | str] = {}
    abouts: dict[str, str] = {}
    for each in judged.asked:
        for result, row in zip(each.asked, _claims(each.asked), strict=True):
            name = f"{row['name']}, {each.where}"
            claims.append({**row, "name": name})
            if result.verdict is Verdict.VIOLATED:
                stories[name,] = story_of_result(result)
                abouts[name] = result.property.about
    found = {"title": judged.says, "claims": claims, "solved": judged.solved}
    if not stories:
        return found
    lab = Lab(
        title=challenge.title,
        intro="The shortest way to break each claim of the goal.",
        axes=(claims_axis(abouts),),
        stories=stories,
        start=starting(stories),
    )
    return {**found, **_steps(lab)}


def offered() -> list[dict[str, object]]:
    """Return the challenges as the page shows them, in order; the solution is the last hint."""
    shown = ("name", "title", "story", "goal", "broken", "hints", "solution")
    return [
        {name: getattr(each, name) for name in shown}
        | {"settings": isinstance(each.judge, BySettings)}
        for each in ALL
    ]


def _named(name: str) -> Challenge:
    known = {each.name: each for each in ALL}
    if name not in known:
        raise UnknownNameError("challenge", name, known)
    return known[name]

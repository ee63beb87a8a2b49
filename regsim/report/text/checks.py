"""What a check found, for a reader: a table, a summary, and a path in five notations."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs

from regsim.check.paths import Path, PathStep
from regsim.check.property import Fairness, Property, PropertyKind, Verdict
from regsim.check.verify import Result
from regsim.report.text.calls import ROOM, call_lines, rows_of
from regsim.report.text.console import WIDE, WIDTH, table, terminal_width, wrap
from regsim.report.words.writing import ascii_only, fields, visible

_REPEATS = "and so on for ever from here:"
_HANDLES = "handles on "


@attrs.frozen
class Recipe:
    """How a model was asked for, so that a reader can ask again.

    Attributes:
        name: its name, or its file.
        parameters: those that were given.
        counted: those that count interchangeable processes, given or not.
    """

    name: str
    parameters: Mapping[str, object]
    counted: Mapping[str, object] = attrs.field(factory=dict)

    def concrete(self, numbers: Mapping[str, int] | None) -> Recipe:
        """Return the recipe with *numbers* for what was any number."""
        return attrs.evolve(self, parameters={**self.parameters, **(numbers or {})})

    def command(self, *more: str) -> str:
        """Return the command line that checks it with the options *more*."""
        given = [
            part for key, value in self.parameters.items() for part in ("-p", f"{key}={value}")
        ]
        return shlex.join(["regsim", "check", self.name, *given, *more])

    def python(self) -> str:
        """Return the Python expression that makes it."""
        given = "".join(f", {key}={value!r}" for key, value in self.parameters.items())
        return f"models.model({self.name!r}{given})"


# -- text --------------------------------------------------------------------------------------


def result_text(result: Result, origin: Recipe) -> str:
    """Return the answer to one property: the verdict, what it rests on, and the path."""
    return ascii_only_lines(_result_lines(result, origin))


def _result_lines(result: Result, origin: Recipe) -> list[str]:
    claim = result.property
    lines = [f"{result.model}: {claim.name} ({claim.kind.value}): {result.verdict.value}"]
    lines += _wrapped(claim.about)
    lines += _wrapped(counts_text(result))
    lines += _wrapped(_extent(result, origin))
    for reason in result.reasons:
        lines += _wrapped(f"Note: {reason}.")
    if result.path is not None:
        recipe = origin.concrete(result.concrete)
        replay = recipe.command("--property", claim.name, "--path", result.path.code)
        lines += ["", *path_lines(result.path), "", *_typed(f"Replay: {replay}")]
    return lines


def summary_text(
    results: Sequence[Result], origin: Recipe, left: Mapping[str, str] | None = None
) -> str:
    """Return the answers to several properties as a table, and the shortest counterexample.

    *left* are the claims that were left out, each with the reason.
    """
    width = min(WIDTH, terminal_width(WIDTH))
    rows = [["property", "kind", "verdict", "path", "claim"]]
    for result in results:
        claim = result.property
        rows.append(
            [claim.name, claim.kind.value, result.verdict.value, _length(result), claim.about]
        )
    lines = [*wrap(_headline(results), width), ""]
    if width >= ROOM:
        lines += table(rows, width=width, prose=(4,), rule=False)
    else:
        named = table([row[:4] for row in rows], rule=False)
        for head, row in zip(named, rows, strict=True):
            lines += [head, *(wrap(row[4], width, "  ", "  ") if row is not rows[0] else ())]
    lines += ["", *_explorations(results)]
    extents = dict.fromkeys(_extent(result, origin) for result in results if not result.path)
    lines += [line for extent in extents for line in wrap(extent, width)]
    lines += _notes(results)
    for reason, names in _grouped(left or {}).items():
        lines += _wrapped(f"Left out, {', '.join(names)}: {reason}.")
    broken = [r for r in results if r.verdict is Verdict.VIOLATED and r.path is not None]
    if broken:
        shortest = min(broken, key=lambda result: len(result.path.steps) if result.path else 0)
        lines += ["", *_result_lines(shortest, origin)]
    return ascii_only_lines(lines)


def _grouped(left: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, reason in left.items():
        found.setdefault(reason, []).append(name)
    return found


def _extent(result: Result, origin: Recipe) -> str:
    """Return for how many processes the verdict holds, where it is of a safety claim."""
    decided = result.verdict is not Verdict.INCONCLUSIVE
    if result.numbers:
        if result.concrete is not None:
            return f"Shown with {_amounts(result.concrete)}; asked of any number."
        return f"For any number of {' and '.join(result.numbers)}." if decided else ""
    if not origin.counted or result.path is not None or not decided:
        return ""
    if result.property.kind is PropertyKind.LEADS_TO:
        return f"For up to {_amounts(origin.counted)}."
    more = " ".join(f"-p {name}=any" for name in origin.counted)
    return f"For up to {_amounts(origin.counted)}; for any number: add `{more}`."


def _amounts(numbers: Mapping[str, object]) -> str:
    """Return *numbers* in words: ``2 workers, 1 service``."""
    return ", ".join(
        f"{number} {name.removesuffix('s') if number == 1 else name}"
        for name, number in numbers.items()
    )


def _headline(results: Sequence[Result]) -> str:
    """Return in a sentence what was found of all the properties together."""
    said = []
    for verdict, word in ((Verdict.VIOLATED, "violated"), (Verdict.INCONCLUSIVE, "undecided")):
        names = [result.property.name for result in results if result.verdict is verdict]
        if names:
            said.append(f"{len(names)} of {len(results)} properties {word}: {', '.join(names)}")
    found = "; ".join(said) or f"all {len(results)} properties hold"
    numbers = " and ".join(results[0].numbers)
    return f"{results[0].model}{numbers and f', any number of {numbers}'}: {found}"


def counts_text(result: Result) -> str:
    """Return what was explored, in one line."""
    whole = "" if result.complete else " so far"
    reduced = "" if result.reduce.value == "none" else f", reduced by {result.reduce.value}"
    states = "abstract states" if result.numbers else "states"
    return (
        f"{result.states:,} {states}, {result.transitions:,} transitions, depth {result.depth}"
        f"{whole} ({result.engine} engine{reduced}, {result.seconds:.2f} s)"
    )


def ascii_only_lines(lines: Iterable[str]) -> str:
    """Return *lines* as one text that any console can show."""
    return "\n".join(ascii_only(line.rstrip()) for line in lines) + "\n"


def _explorations(results: Sequence[Result]) -> Iterator[str]:
    """Yield one line for each exploration that answered some of *results*."""
    seen: dict[tuple[object, ...], Result] = {}
    for result in results:
        seen.setdefault((result.states, result.transitions, result.reduce, result.engine), result)
    for result in seen.values():
        yield from wrap(counts_text(result), terminal_width(WIDTH))


def _notes(results: Sequence[Result]) -> Iterator[str]:
    """Yield each reason once, with the properties that it is about."""
    about: dict[str, list[str]] = {}
    for result in results:
        for reason in result.reasons:
            about.setdefault(reason, []).append(result.property.name)
    for reason, names in about.items():
        yield from _wrapped(f"Note, {', '.join(names)}: {reason}.")


def _typed(text: str) -> list[str]:
    """Return a command in lines that a POSIX shell takes as one; Windows has no one way to."""
    width = terminal_width(WIDTH)
    if sys.platform == "win32" or len(text) <= width:
        return [text]
    *lines, last = wrap(text, width - 2, "", "    ")
    return [*(f"{line} \\" for line in lines), last]


def _wrapped(text: str) -> list[str]:
    return wrap(text, min(WIDTH, terminal_width(WIDTH)), "  ", "  ")


def _length(result: Result) -> str:
    path = result.path
    if path is None:
        return "-"
    if path.loop is None:
        return f"{len(path.steps)}"
    return f"{path.loop}+{len(path.steps) - path.loop}"


def path_lines(path: Path, width: int | None = None) -> list[str]:
    """Return *path* as a numbered table, with what each counter stands at after each step.

    Where the model says so, a step is shown as the call that it belongs to, and what that is told.
    """
    shown = len(path.components) == 1
    own = [_standing(path.start, path.values if shown else ())]
    own += [_standing(step.counters, step.values if shown else ()) for step in path.steps]
    rows = rows_of(path.steps, own[1:])
    if path.loop is not None and not path.deadlock:
        rows.insert(path.loop, ("", "", "", _REPEATS, ("",) * len(own[0])))
    width = min(WIDE, width or terminal_width(WIDTH))
    begin = ("0", "(start)", "", "", own[0])
    heads = (*path.counters, *(path.components if shown else ()))
    starred = [f"{head.removeprefix(_HANDLES)}*" if _is_count(head) else head for head in heads]
    table = width >= ROOM
    lines = call_lines([begin, *rows], starred if table else heads, width)
    if table and any(map(_is_count, heads)):
        lines.append("* handles that are open on it")
    if path.deadlock:
        lines.append("Here nobody can step: the run has ended.")
    elif path.loop is not None:
        lines.append(f"and from here on again as after step {path.loop}.")
    return lines


def _is_count(head: str) -> bool:
    return head.startswith(_HANDLES)


def _standing(counters: Sequence[int], values: Sequence[object]) -> tuple[str, ...]:
    return (*map(str, counters), *map(repr, values))


# -- other notations ---------------------------------------------------------------------------


SHIVIZ_PARSER = r"(?<host>\S*) (?<clock>{.*})\n(?<event>.*)"
"""The regular expression that ShiViz wants for `path_shiviz`."""


def path_shiviz(path: Path) -> str:
    """Return *path* as a log for ShiViz; `SHIVIZ_PARSER` reads it.

    An event follows another where it touches a component that the other changed last.
    """
    own: dict[str, dict[str, int]] = {}
    last: dict[int, dict[str, int]] = {}
    lines = []
    for step in path.steps:
        host = _host(step.actor)
        clock = dict(own.get(host, {}))
        for component in {*step.touched, *step.changed}:
            for other, time in last.get(component, {}).items():
                clock[other] = max(clock.get(other, 0), time)
        clock[host] = clock.get(host, 0) + 1
        own[host] = clock
        last.update(dict.fromkeys(step.changed, clock))
        ordered = {host: clock[host], **{k: clock[k] for k in sorted(clock) if k != host}}
        counted = ", ".join(f"{c}: {n}" for c, n in zip(path.counters, step.counters, strict=True))
        lines.append(f"{host} {json.dumps(ordered)}")
        said = f"{step.step}{failure(step)}"
        lines.append(visible(f"{said} ({counted})" if counted else said))
    return "\n".join(lines) + "\n"


def failure(step: PathStep) -> str:
    """Return what *step* was answered, if it failed; naming each success would say less."""
    return f": {step.answer.text}" if step.answer is not None and not step.answer.ok else ""


def _host(actor: str) -> str:
    return "_".join(visible(actor).split()) or "_"


def path_python(path: Path, origin: Recipe, claim: Property | None = None) -> str:
    """Return *path* as a program that takes its steps one by one and shows what is claimed."""
    lines = [
        "from regsim import models",
        "from regsim.check.paths import Walk",
        "",
        f"model = {origin.python()}",
        f"walk = Walk(model{f', {path.initial}' if path.initial else ''})",
    ]
    for number, step in enumerate(path.steps):
        if number == path.loop:
            lines.append(f"# {_REPEATS}")
        counted = zip(path.counters, step.counters, strict=True)
        comment = "".join(f"  # {name}: {count}" for name, count in list(counted)[:1])
        lines.append(f"walk.take({step.actor!r}, {step.step!r}){comment}")
    if path.loop is not None:
        lines.append(f"walk.repeat_from({path.loop})")
    if claim is not None:
        lines.append(f"claim = next(p for p in model.properties if p.name == {claim.name!r})")
        lines.append(_assertion(claim, path))
    return "\n".join(lines) + "\n"


def _assertion(claim: Property, path: Path) -> str:
    if claim.kind is PropertyKind.LEADS_TO:
        return f"assert walk.path.code == {path.code!r}  # and the goal is never reached again"
    denied = "not " if claim.kind is PropertyKind.ALWAYS else ""
    return f"assert {denied}walk.holds(claim.goal)"


# -- JSON --------------------------------------------------------------------------------------


def result_json(result: Result, fairness: Fairness | None = None) -> dict[str, object]:
    """Return *result* as the fields of ``regsim check --json``."""
    claim, path = result.property, result.path
    assumed = (fairness or claim.fairness).value if claim.kind is PropertyKind.LEADS_TO else None
    return {
        "property": claim.name,
        "kind": claim.kind.value,
        "about": claim.about,
        "verdict": result.verdict.value,
        **fields(result, "states transitions depth complete"),
        "path": path_json(path) if path is not None else [],
        "loop": path.loop if path is not None else None,
        "code": path.code if path is not None else None,
        "fairness": assumed,
        "engine": result.engine,
        "reduce": result.reduce.value,
        "seconds": round(result.seconds, 6),
        "bytes": result.bytes,
        "reasons": list(result.reasons),
        **({"concrete": result.concrete} if result.numbers else {}),
    }


def path_json(path: Path) -> list[dict[str, object]]:
    """Return the steps of *path*: who does what, its answer, the counters, what it changes."""
    return [
        {
            "actor": step.actor,
            "call": step.call,
            "step": step.step,
            "answer": None if step.answer is None else step.answer.text,
            "counters": dict(zip(path.counters, step.counters, strict=True)),
            "changed": [path.components[i] for i in step.changed],
        }
        for step in path.steps
    ]

"""Runs and paths as the text of a Mermaid sequence diagram, which GitHub draws."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from regsim.check.paths import Path, PathStep
from regsim.report.text.checks import failure
from regsim.report.words import runs as words
from regsim.report.words.writing import visible
from regsim.scenario.result import Run

# What Mermaid would read as its own syntax, written as the entities that it knows.
_ENTITIES = {
    "&": "#amp;",
    "<": "#lt;",
    ">": "#gt;",
    ";": "#59;",
    "#": "#35;",
    "%": "#37;",
    "`": "#96;",
    '"': "#quot;",
}


def _safe(text: str) -> str:
    return "".join(_ENTITIES.get(c, c) for c in visible(text)) or " "


def _head(actors: Iterable[str], others: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Return the lines that declare *actors* and *others*, and the name of each actor."""
    names = {actor: f"a{number}" for number, actor in enumerate(dict.fromkeys(actors))}
    shown = {**{name: actor for actor, name in names.items()}, **others}
    lines = [f"  participant {name} as {_safe(text)}" for name, text in shown.items()]
    return ["sequenceDiagram", *lines], names


def sequence_mermaid(run: Run) -> str:
    """Return *run* as a ``sequenceDiagram``; a handle nobody asked for is a dotted arrow."""
    lines, names = _head((record.actor for record in run.calls), {"reg": "registry"})
    call = ("", "")
    for record, times in words.grouped(run.calls):
        here = names[record.actor]
        if (record.actor, record.call) != call:
            lines.append(f"  Note over {here}: {_safe(record.call)}")
            call = (record.actor, record.call)
        again = f" ({times} times)" if times > 1 else ""
        if not record.operation:
            lines.append(f"  {here}->>{here}: {_safe(record.step)}{again}")
            continue
        arrow = "-->>" if record.implicit else "->>" if record.status.ok else "-x"
        lines.append(f"  {here}{arrow}reg: {_safe(words.answered(record) + again)}")
        if words.is_unasked(record):
            lines.append(f"  Note over {here},reg: {words.UNASKED}")
    lines.append(f"  Note over reg: {_safe(words.finding(run))}")
    return "\n".join(lines) + "\n"


def path_mermaid(path: Path, title: str) -> str:
    """Return *path* as a Mermaid ``sequenceDiagram``; what changes a counter is an arrow to it."""
    counters = {f"c{i}": counter for i, counter in enumerate(path.counters)}
    lines, names = _head((step.actor for step in path.steps), counters)
    before, call = path.start, ("", "")
    for number, step in enumerate(path.steps):
        if number == path.loop:
            lines.append("  loop for ever")
        if step.call and (step.actor, step.call) != call:
            lines.append(f"  Note over {names[step.actor]}: {_safe(step.call)}")
        call = (step.actor, step.call)
        lines += [f"  {line}" for line in _arrows(number + 1, step, before, names)]
        before = step.counters
    if path.deadlock:
        lines.append("  Note over a0: nobody can step" if names else "  %% nobody can step")
    elif path.loop is not None:
        lines.append("  end")
    if names:
        lines.append(f"  Note over a0: {_safe(title)}")
    return "\n".join(lines) + "\n"


def _arrows(
    number: int, step: PathStep, before: tuple[int, ...], names: Mapping[str, str]
) -> Iterator[str]:
    here, said = names[step.actor], _safe(f"{number}. {step.step}{failure(step)}")
    moved = [i for i, (a, b) in enumerate(zip(before, step.counters, strict=True)) if a != b]
    if not moved:
        yield f"{here}->>{here}: {said}"
    for i in moved:
        yield f"{here}->>c{i}: {said} ({before[i]} to {step.counters[i]})"

"""What an exploration answers as stories to step through: one per property, and per variant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import attrs

from regsim.check.paths import Path, PathStep
from regsim.check.property import PropertyKind, Verdict
from regsim.check.verify import Result
from regsim.errors import UsageError
from regsim.kernel.hive import Hive
from regsim.kernel.holding import count_handles, open_handles
from regsim.kernel.machine import Machine
from regsim.report.lab.stories import Change, Story, StoryFrame, StoryQuestion, changes
from regsim.report.pictures.lanes import path_ending
from regsim.report.words.runs import is_unasked
from regsim.report.words.writing import counted

_USERS = ("REGISTRY", "USER")
_MARKS = {
    (PropertyKind.ALWAYS, Verdict.VIOLATED): "bad",
    (PropertyKind.LEADS_TO, Verdict.VIOLATED): "bad",
    (PropertyKind.SOMETIMES, Verdict.HOLDS): "good",
}


def story_of_result(result: Result) -> Story | str:
    """Return the path of *result* as a story; the reason why there is none as a text.

    Where the states of the model are machines, each frame has the handles that are open then; of
    any other model it has the components that changed.
    """
    claim, path = result.property, result.path
    if path is None:
        seen = f"{result.states:,} states, {result.transitions:,} transitions"
        return f"{claim.name} {result.verdict.value}: {claim.about} ({seen}; there is no path.)"
    frames = tuple(frames_of_path(path))
    return Story(
        frames=frames,
        questions=tuple(_questions(result, frames)),
        finding=f"{claim.name}: {result.verdict.value} after {len(frames)} steps",
        verdict=tuple(_verdict(result, path)),
        word=result.verdict.value,
        mark=_MARKS.get((claim.kind, result.verdict), "neither"),
    )


def story_of_path(path: Path) -> Story:
    """Return *path* as a story of which nothing is claimed."""
    count = counted(len(path.steps), "step")
    return Story(
        frames=tuple(frames_of_path(path)),
        questions=(),
        finding=f"A run of {path.model}, {count}",
        verdict=tuple(f"{end}." for end in (path_ending(path),) if end),
        word=count,
        mark="neither",
    )


def _verdict(result: Result, path: Path) -> Iterator[str]:
    claim = result.property
    yield claim.about
    if claim.kind is PropertyKind.SOMETIMES:
        yield f"It can be: this is a shortest way there, of {len(path.steps)} steps."
    elif claim.kind is PropertyKind.ALWAYS:
        yield f"It is not so: this is a shortest way to break it, of {len(path.steps)} steps."
    elif path.deadlock:
        yield "It is not so: here nobody can step any more, and it has not come."
    else:
        again = len(path.steps) - (path.loop or 0)
        yield f"It is not so: the last {again} steps repeat for ever, and it never comes."
    count = f"{result.states:,} states and {result.transitions:,} transitions"
    yield f"{count} were explored{'' if result.complete else ' before it was found'}."
    yield from result.reasons


def frames_of_path(path: Path) -> Iterator[StoryFrame]:
    """Yield the steps of *path*, each with how things stand after it."""
    model = path.of
    if model is None:
        raise UsageError(f"this path of {path.model} does not know its model: check it again")
    concrete = list(model.initial())[path.initial]
    before = StoryFrame(actor="", call="", step="", **_standing(concrete, path.start))
    names = {process.name: number for number, process in enumerate(model.processes)}
    for number, step in enumerate(path.steps, 1):
        process = names[step.actor]
        own = model.vector(concrete)[model.processes[process].own]
        spec = next(s for s in model.steps(process, own) if s.name == step.step)
        concrete = model.take(concrete, process, spec)
        again = path.loop is not None and number == path.loop + 1
        frame = StoryFrame(
            actor=step.actor,
            call=step.call or step.step,
            step=step.step,
            answer=step.answer.text if step.answer is not None else "",
            ok=step.answer is None or step.answer.ok,
            handle=step.answer.handle if step.answer is not None else None,
            implicit=is_unasked(step),
            note="From here on the steps repeat for ever." if again else "",
            **_standing(concrete, step.counters),
        )
        changed = tuple(changes(before, frame))
        if not changed and not isinstance(concrete, Machine):
            changed = tuple(_components(path, step))
        before = attrs.evolve(frame, changes=changed)
        yield before


def _components(path: Path, step: PathStep) -> Iterator[Change]:
    for component in step.changed:
        text = f"{path.components[component]} is now {step.values[component]!r}."
        yield Change(kind="moved", text=text)


def _standing(concrete: object, counters: Sequence[int]) -> dict[str, Any]:
    """Return the fields of a frame that say how things stand; of other models, a counter only."""
    if not isinstance(concrete, Machine):
        return {"open_handles": counters[0] if counters else None}
    hives = [hive for hive in concrete.hives.values() if _of_user(hive)]
    table = open_handles(concrete, hives)
    return {
        "open_handles": sum(hive.handles for hive in hives) if hives else None,
        "table": table,
        "unlisted": count_handles(concrete) - len(table),
    }


def _of_user(hive: Hive) -> bool:
    return tuple(part.upper() for part in hive.mount[:2]) == _USERS and len(hive.mount) == 3


def _questions(result: Result, frames: Sequence[StoryFrame]) -> Iterable[StoryQuestion]:
    """Ask whose step breaks the claim, before the last one is shown."""
    actors = list(dict.fromkeys(frame.actor for frame in frames))
    if result.property.kind is not PropertyKind.ALWAYS or len(actors) < 2:
        return
    last = frames[-1]
    yield StoryQuestion(
        at=len(frames) - 1,
        ask=f"The claim: {result.property.about} Whose next step breaks it?",
        options=tuple(actors),
        right=(actors.index(last.actor),),
        why=f"{last.actor} takes the step {last.step}: {last.call}.",
    )

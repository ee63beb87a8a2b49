"""The lab as an explorer: a page in which a person chooses who steps next.

The states of a model go into the page as tables, breadth first, up to a bound. What a step leads
to beyond it is not in the page, and the page says so; nothing is claimed of what lies there.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from regsim.check.factored import Answering, Factored
from regsim.check.learn import Learner, State, Taken
from regsim.check.paths import DIGITS, holds_in
from regsim.check.property import Property, PropertyKind
from regsim.check.verify import target
from regsim.report import offline
from regsim.report.lab.page import asset
from regsim.report.lab.states import PartOfState, part_of_state
from regsim.report.words.writing import markup, visible

FORMAT: Final = 1
"""The version of the data in the page; its script reads this one."""
MOST_BYTES: Final = 2_000_000
"""How much a page's tables may take."""
BEYOND: Final = -1
"""Stands for a state that is not in the tables."""
_KEPT = "The address keeps the way, so that a link leads back to it."
_ALONE = """
exploreLab(document, JSON.parse(document.getElementById("data").textContent));
"""


def explorer_html(
    model: Factored, *, title: str, intro: str, command: str, most_bytes: int = MOST_BYTES
) -> str:
    """Return one self-contained page to explore *model* in.

    Args:
        model: the model.
        title: the page's heading.
        intro: the sentence below it.
        command: the command line that a path's code is put after, to replay it.
        most_bytes: how much the tables may take; at least one state is among them.
    """
    style, script = asset("lab.css"), asset("lab.js") + asset("explore.js") + _ALONE
    body = {**tables(model, most_bytes), "command": command}
    texts = {
        "POLICY": offline.policy(style, script),
        "TITLE": markup(title),
        "INTRO": markup(intro),
        "COCKPIT": asset("explore.html"),
        "KEPT": _KEPT,
        "DATA": offline.embed(body),
        "STYLE": style,
        "SCRIPT": script,
    }
    return offline.filled(asset("lab.html"), texts)


def tables(model: Factored, most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """Return the states of *model*, breadth first, as the page's script reads them.

    States are numbered in the order in which they are found; `BEYOND` stands for those that are
    not in the tables. The steps out of a state stand in the order of `Walk.options`.

    Raises:
        UsageError: the model has no initial state.
    """
    return _Tables(model).data(most_bytes)


class _Tables:
    def __init__(self, model: Factored) -> None:
        self.model, self.learner = model, Learner(model)
        self.initial = self.learner.initial()
        self.before: dict[State, State | None] = dict.fromkeys(self.initial)
        self.claims = [p for p in model.properties if p.kind is not PropertyKind.LEADS_TO]
        self.steps: dict[tuple[object, ...], int] = {}
        self.asked: dict[tuple[object, ...], tuple[str, bool, bool]] = {}
        self.parts: list[dict[int, dict[str, Any]]] = [{} for _ in model.components]
        self.size = 0

    def data(self, most_bytes: int) -> dict[str, Any]:
        """Return the tables, of about *most_bytes*."""
        number = {state: n for n, state in enumerate(self.initial)}
        states: list[State] = []
        edges: list[list[int]] = []
        decided: list[list[int]] = []
        found = list(self.initial)
        for state in found:
            out: list[int] = []
            for taken in self.learner.successors(state, self.before.__getitem__):
                self.before.setdefault(taken.state, state)
                if taken.state not in number:
                    number[taken.state] = len(found)
                    found.append(taken.state)
                out += (self._step(state, taken), number[taken.state])
            marks = [n for n, p in enumerate(self.claims) if self._decides(p, state)]
            self.size += sum(map(_bytes, (state, out, marks)))
            self._describe(state)
            if states and self.size > most_bytes:
                break
            states.append(state)
            edges.append(out)
            decided.append(marks)
        kept = len(states)
        return {
            "format": FORMAT,
            "digits": DIGITS,
            "actors": [visible(process.name) for process in self.model.processes],
            "components": [visible(c.name) for c in self.model.components],
            "counters": [visible(name) for name in self.model.counters],
            "claims": [self._claim(claim) for claim in self.model.properties],
            "initial": min(len(self.initial), kept),
            "initials": len(self.initial),
            "steps": [list(step) for step in self.steps],
            "parts": [self._listed(n) for n in range(len(self.parts))],
            "states": [list(state) for state in states],
            "edges": [_within(out, kept) for out in edges],
            "decided": decided,
        }

    # -- steps ------------------------------------------------------------------------------

    def _step(self, state: State, taken: Taken) -> int:
        """Return the number of the step *taken* from *state*, with what it is told there."""
        spec = taken.step
        answer, ok, unasked = self._answer(state, taken)
        texts = (spec.name, spec.call or spec.name, answer)
        step = (taken.process, *map(visible, texts), ok | unasked << 1)
        if step not in self.steps:
            self.steps[step] = len(self.steps)
            self.size += _bytes(step)
        return self.steps[step]

    def _answer(self, state: State, taken: Taken) -> tuple[str, bool, bool]:
        """Return what the kernel says to the step: a function of what it reads, asked once each."""
        if not isinstance(self.model, Answering):
            return "", True, False
        spec = taken.step
        zeros = tuple(self.learner.count(zero, state) == 0 for zero in spec.zeros)
        situation = (taken.process, spec.name, *(state[i] for i in spec.reads), zeros)
        if situation not in self.asked:
            concrete = self.learner.concrete(state, self.before.__getitem__)
            told = self.model.answer(concrete, taken.process, spec)
            said = ("", True, False) if told is None else (told.text, told.ok, told.implicit)
            self.asked[situation] = said
        return self.asked[situation]

    # -- states -----------------------------------------------------------------------------

    def _decides(self, claim: Property, state: State) -> bool:
        """Return whether *state* breaks an "always", or shows a "sometimes"."""
        return holds_in(self.learner, target(claim), state)

    def _describe(self, state: State) -> None:
        for component, value in enumerate(state):
            known = self.parts[component]
            if value not in known:
                counts = [
                    self.learner.weight(counter, component, value)
                    for counter in range(len(self.model.counters))
                ]
                part = part_of_state(self.model, component, self.learner.value(component, value))
                known[value] = _packed(part, counts)
                self.size += _bytes(known[value])

    def _listed(self, component: int) -> list[dict[str, Any] | None]:
        known = self.parts[component]
        return [known.get(n) for n in range(max(known, default=-1) + 1)]

    def _claim(self, claim: Property) -> dict[str, object]:
        return {
            "name": visible(claim.name),
            "kind": claim.kind.value,
            "about": visible(claim.about),
            "bit": self.claims.index(claim) if claim in self.claims else BEYOND,
        }


def _bytes(value: object) -> int:
    """Return how much of the page *value* takes, the comma after it among it."""
    return len(offline.embed(value)) + 1


def _packed(part: PartOfState, counts: list[int]) -> dict[str, Any]:
    found: dict[str, Any] = {"says": [visible(text) for text in part.says]}
    if any(counts):
        found["counts"] = counts
    if part.keys:
        found["keys"] = [
            [visible(v) if isinstance(v, str) else v for v in attrs.astuple(key)]
            for key in part.keys
        ]
    return found


def _within(out: list[int], kept: int) -> list[int]:
    """Return steps and the states that they lead to, of which only the first *kept* are there."""
    return [each if n % 2 == 0 or each < kept else BEYOND for n, each in enumerate(out)]

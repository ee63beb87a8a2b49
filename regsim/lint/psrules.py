"""The rules for PowerShell: what a script still holds where it unloads a hive."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import attrs

from regsim.lint.fault import Fault, at
from regsim.lint.psmends import collected
from regsim.lint.psscript import Around, Doing, scripts

if TYPE_CHECKING:
    from tree_sitter import Tree

_HIVE: Final = re.compile(rb"load", re.IGNORECASE)
_LINE: Final = "line {}"


def look(tree: Tree, text: bytes) -> tuple[list[Fault], list[tuple[int, int]]]:
    """Return the faults of a script, and the lines that were given up."""
    if not _HIVE.search(text):
        return [], []
    found: dict[tuple[str, int], Fault] = {}
    given_up: list[tuple[int, int]] = []
    traces: list[list[Doing]] = []
    for script, node, whole in scripts(tree.root_node):
        if whole:
            traces.append(script.steps)
        else:
            given_up.append((node.start_point[0] + 1, node.end_point[0] + 1))
    unloaded = {step.path for steps in traces for step in steps if step.kind == "unload"}
    for steps in traces:
        for fault in Trace(steps, unloaded).faults():
            found.setdefault((fault.rule, fault.line), fault)
    return list(found.values()), given_up


def below(path: str, mount: str) -> bool:
    """Return whether the key *path* is *mount* or lies below it."""
    return bool(mount) and (path == mount or path.startswith(f"{mount}\\"))


def apart(one: Doing, other: Doing) -> bool:
    """Return whether the two can never run one after the other: they lie in two branches."""
    there = {block.node: block.branch for block in other.within if block.kind == "if"}
    return any(
        block.kind == "if" and there.get(block.node, block.branch) != block.branch
        for block in one.within
    )


@attrs.frozen
class Trace:
    """The steps of a script in the order in which they run."""

    steps: list[Doing]
    unloaded: set[str]

    def faults(self) -> Iterator[Fault]:
        """Yield what the rules find."""
        for index, step in enumerate(self.steps):
            if step.kind == "unload":
                yield from self._unload(index)
            elif step.kind == "load":
                yield from self._load(index)

    def between(self, first: int, last: int, *kinds: str) -> list[tuple[int, Doing]]:
        """Return the steps of *kinds* after *first* and before *last*."""
        return [
            (i, s) for i, s in enumerate(self.steps[first + 1 : last], first + 1) if s.kind in kinds
        ]

    def _loaded(self, index: int) -> int:
        """Return where the hive was loaded that is unloaded at *index*; -1 if that is not told."""
        path = self.steps[index].path
        there = [i for i, s in self.between(-1, index, "load") if s.path == path]
        return there[-1] if there else -1

    def _unload(self, index: int) -> Iterator[Fault]:
        unload, start = self.steps[index], self._loaded(index)
        earlier = [i for i, s in self.between(start, index, "unload") if s.path == unload.path]
        earlier = [i for i in earlier if not apart(self.steps[i], unload)]
        if earlier and self._repeated(earlier[-1], index):
            start = start if self._tries(index) else earlier[-1]
        touches = [
            (i, s)
            for i, s in self.between(start, index, "touch")
            if not s.closed and not apart(s, unload)
            if below(s.path, unload.path) or self._perhaps(s, start, index)
        ]
        held = [(i, s, rule) for i, s in touches if (rule := self._held(i, index))]
        for rule, text in _HELD.items():
            of = [s for _, s, broken in held if broken == rule]
            if of:
                known = below(of[0].path, unload.path)
                said = text if known else text.replace("this key", "this key, if it lies there,")
                edits = collected(unload.node, again=rule != "PS102")
                yield at(of[0].node, rule, said.format(_at(unload)), edits=edits)
        yield from self._places(start, index)
        yield from self._code(start, index, bool(touches), bool(held))
        yield from self._finally(start, index)
        yield from self._endless(index)

    def _perhaps(self, touch: Doing, start: int, index: int) -> bool:
        """Return whether *touch* is of a key, told by a value, whose path is not known."""
        if start < 0 or not touch.path.startswith(("$", "(")):
            return False
        return any(
            s.path == touch.path
            and s.node.type == "command"
            and b"Property" in (s.node.text or b"")
            for _, s in self.between(start, index, "use")
        )

    def _repeated(self, first: int, second: int) -> bool:
        return not apart(self.steps[first], self.steps[second])

    def _tries(self, index: int) -> bool:
        """Return whether the unload at *index* is a second try of the one before."""
        return any(b.kind in ("if", "while", "do", "for") for b in self.steps[index].within)

    def _held(self, index: int, unload: int) -> str:
        """Return the rule that what was opened at *index* breaks at the unload, or nothing."""
        touch = self.steps[index]
        dropped = index
        if touch.name:
            closes = [s for _, s in self.between(index, unload, "close") if s.name == touch.name]
            if closes:
                return ""
            dropped = self._dropped(index, unload)
        collected = [i for i, _ in self.between(index, unload, "collect")]
        if not collected:
            return "PS101"
        if dropped < 0 or collected[-1] < dropped:
            return "PS103"
        first = next(i for i in collected if i > dropped)
        if not self.between(first, unload, "wait"):
            return "PS102"
        return ""

    def _dropped(self, index: int, unload: int) -> int:
        """Return where the variable of the touch at *index* loses it; -1 if it never does."""
        touch = self.steps[index]
        function = next((b for b in reversed(touch.within) if b.kind == "function"), None)
        for i, step in self.between(index, unload, "drop", "end", "touch"):
            if step.kind == "end" and function is not None and step.name == function.branch:
                return i
            if step.kind != "end" and step.name in (touch.name, "*"):
                return i
        return -1

    def _places(self, start: int, index: int) -> Iterator[Fault]:
        unload = self.steps[index]
        gone = {s.name for _, s in self.between(start, index, "undrive")}
        for _, step in self.between(start, index, "drive"):
            if below(step.path, unload.path) and step.name not in gone:
                yield at(step.node, "PS104", f"the drive {step.name}: {_STAYS.format(_at(unload))}")
        where = [s for _, s in self.between(start, index, "location")]
        if where and below(where[-1].path, unload.path):
            yield at(where[-1].node, "PS104", f"the location {_STAYS.format(_at(unload))}")
        for i, step in self.between(start, index, "job"):
            inside = any(below(path, unload.path) for path in step.path.split())
            if inside and not self.between(i, index, "jobend"):
                text = f"the job is not waited for before the hive is unloaded ({_at(unload)})"
                yield at(step.node, "PS109", text)

    def _code(self, start: int, index: int, touched: bool, held: bool) -> Iterator[Fault]:
        unload = self.steps[index]
        if not unload.native:
            return
        following = self.steps[index + 1 : index + 12]
        for step in following:
            if step.kind in ("load", "unload", "end"):
                break
            if step.kind == "code" or (step.kind == "use" and step.path == unload.path):
                return
        used = touched or any(
            below(s.path, unload.path) for _, s in self.between(start, index, "use")
        )
        waited = bool(self.between(start, index, "wait"))
        if used and (held or not waited):
            text = "the exit code of reg unload is not looked at, so that a refusal is not noticed"
            yield at(unload.node, "PS105", text)

    def _finally(self, start: int, index: int) -> Iterator[Fault]:
        unload = self.steps[index]
        if start < 0 or any(b.branch in ("finally", "catch") for b in unload.within):
            return
        others = [s for i, s in enumerate(self.steps) if s.kind == "unload" and i != index]
        if any(s.path == unload.path for s in others):
            return
        load = self.steps[start]
        for block in unload.within:
            caught = block.kind == "try" and block.branch == "body" and "catch" in block.told
            if caught and self.between(start, index, "touch", "use"):
                text = "an error after the load skips this unload: it is in no finally"
                yield at(unload.node, "PS106", text)
                return
        stops = [s for s in self.steps[:index] if s.kind == "stop"]
        if stops and self.between(start, index, "touch", "use"):
            text = "with ErrorActionPreference Stop an error after the load skips this unload"
            yield at(unload.node, "PS106", text)
            return
        yield from self._skipped(start, index, load)

    def _skipped(self, start: int, index: int, load: Doing) -> Iterator[Fault]:
        """Yield the ways on which the script is left between a load and its unload."""
        unload = self.steps[index]
        for _, step in self.between(start, index, "leave"):
            if step.name == "return" and _function(step) != _function(unload):
                continue
            if step.name in ("break", "continue") and not _same_loop(step, load, unload):
                continue
            if _checks(step, load) or (step.name == "throw" and _caught(step, unload)):
                continue
            if _in_catch_of(step, load):
                continue
            text = f"{step.name} on {_at(step)} leaves before the hive is unloaded ({_at(unload)})"
            yield at(load.node, "PS107", f"the hive stays loaded: {text}")
            return

    def _endless(self, index: int) -> Iterator[Fault]:
        unload = self.steps[index]
        for block in unload.within:
            if block.kind in ("while", "do") and not _bounded(block):
                text = "the unload is tried again without a bound"
                yield at(unload.node, "PS108", text)
                return

    def _load(self, index: int) -> Iterator[Fault]:
        load = self.steps[index]
        if load.path in self.unloaded or any("$" in p for p in self.unloaded):
            return
        function = _function(load)
        if function and self.unloaded:
            return
        if function and re.search(r"mount|load|open|connect", function, re.IGNORECASE):
            return
        if re.search(r"\\default( user)?\\+ntuser\.dat", load.file, re.IGNORECASE):
            text = "the hive of the default user is loaded and never unloaded"
            yield at(load.node, "PS110", text)
        else:
            yield at(load.node, "PS107", "the hive is loaded and never unloaded")


def _at(step: Doing) -> str:
    return _LINE.format(step.node.start_point[0] + 1)


def _function(step: Doing) -> str:
    return next((b.branch for b in reversed(step.within) if b.kind == "function"), "")


def _loops(step: Doing) -> set[int]:
    kinds = ("while", "do", "for", "foreach")
    return {b.node for b in step.within if b.kind in kinds}


def _same_loop(step: Doing, load: Doing, unload: Doing) -> bool:
    inner = [b.node for b in step.within if b.node in _loops(step)]
    return bool(inner) and inner[-1] in _loops(load) and inner[-1] in _loops(unload)


def _checks(step: Doing, load: Doing) -> bool:
    """Return whether *step* leaves because the load failed."""
    around = {b.node for b in load.within}
    return any(
        b.kind == "if"
        and b.node not in around
        and re.search(r"lastexitcode|\$\?|exitcode|test-path|-not|-eq|-ne|!", b.told, re.IGNORECASE)
        for b in step.within
    )


def _caught(step: Doing, unload: Doing) -> bool:
    around = {b.node for b in unload.within}
    return any(
        b.kind == "try" and b.branch == "body" and "catch" in b.told and b.node not in around
        for b in step.within
    )


def _in_catch_of(step: Doing, load: Doing) -> bool:
    loading = {b.node for b in load.within if b.kind == "try" and b.branch == "body"}
    return any(b.kind == "try" and b.branch == "catch" and b.node in loading for b in step.within)


def _bounded(block: Around) -> bool:
    """Return whether a loop counts, or asks the clock."""
    return (
        re.search(r"-(lt|gt|le|ge)\b|-eq\s*[1-9]|return|throw|exit\b", block.told, re.IGNORECASE)
        is not None
    )


_STAYS: Final = "is still inside the hive when it is unloaded ({})"
_HELD: Final = {
    "PS101": "this key is still open when the hive is unloaded ({})",
    "PS102": "the collector is called, but its finalizers are not waited for before {}",
    "PS103": "this key is still in a variable when the collector runs before {}",
}

"""The search for a fix: the edits of a service by size, each checked on every system asked.

>>> def service(win):
...     while win.wait("request"):
...         with win.impersonating("user"):
...             key = win.RegOpenKeyEx(win.HKEY_CURRENT_USER, "Software")
...             win.RegCloseKey(key)
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from regsim import dialects
from regsim.check.families import ANY
from regsim.check.paths import Path
from regsim.errors import NotApplicableError, UsageError
from regsim.explore.fixes import sites
from regsim.explore.fixes.edits import CodeEdit, edits
from regsim.explore.fixes.judge import ALSO, CALLS_END, Fixable, Trial, judged, judged_any
from regsim.explore.fixes.source import (
    CodeOrigin,
    CodeText,
    encoding_of,
    origin,
    parsed,
    patch,
    remade,
)
from regsim.report.text.checks import path_json

MOST_EDITS: Final = 2
"""How many edits a candidate may consist of."""
MOST: Final = 600
"""How many candidates are checked before the search gives up."""
STOP: Final = "stop-service"
_FEW: Final = 2
"""How many threads a service of any number has where it is checked up to a bound."""
_ALWAYS: Final = "-finally"


@attrs.frozen(kw_only=True)
class Candidate:
    """Some edits of the services, and what became of them.

    Attributes:
        name: what they are called together; ``none`` for the code as it is.
        edits: what each does, in a sentence.
        holds: whether every claim does on every system asked; None where that is not known.
        trials: what was found on each system; up to the first that breaks it.
        patch: the edits as a unified diff; "" where none is of the code.
        data: the bytes of the patch: each file's part in what that file is written in.
        lines: how many lines they add or change.
        bounds: up to what it is proved.
        stopped: the services that are to be stopped before logoff besides, which no patch does.
        proved: ``bounded``, or ``any`` for any number of threads; None where it does not hold.
        unproved: why it is not proved for any number, where that was asked for; "" where it is.
    """

    name: str
    edits: tuple[str, ...]
    holds: bool | None
    trials: tuple[Trial, ...]
    patch: str
    lines: int
    bounds: Mapping[str, Any]
    data: bytes = b""
    stopped: tuple[str, ...] = ()
    proved: str | None = None
    unproved: str = ""

    @property
    def broken(self) -> Trial | None:
        """Where it is broken; None where it is not."""
        return next((each for each in self.trials if each.holds is False), None)

    @property
    def path(self) -> Path | None:
        """The shortest way to break it on the first system where it breaks."""
        return self.broken.path if self.broken is not None else None

    @property
    def why(self) -> str:
        """Why it is not known whether it holds; "" where it is."""
        return next((each.why for each in self.trials if each.why), "")

    @property
    def violated(self) -> frozenset[str]:
        """The claims that are violated, as far as that is known."""
        return frozenset(name for each in self.trials for name in each.violated)

    @property
    def mends_code(self) -> bool:
        """Whether it changes the code, or need not."""
        return bool(self.patch) or not self.edits

    def to_dict(self) -> dict[str, object]:
        """Return it as `regsim fix --json` has it."""
        broken, path = self.broken, self.path
        return {
            "name": self.name,
            "edits": list(self.edits),
            "holds": self.holds,
            "proved": self.proved,
            "unproved": self.unproved,
            "bounds": dict(self.bounds),
            "patch": self.patch,
            "stopped": list(self.stopped),
            "path": path_json(path) if path is not None else [],
            "violated": list(broken.violated) if broken is not None else [],
            "first": list(broken.first) if broken is not None else [],
            "os": broken.os if broken is not None else None,
            "states": {each.os: each.states for each in self.trials},
            "why": self.why,
        }


@attrs.frozen(kw_only=True)
class LeftOut:
    """An edit that does not exist on a system, and why."""

    name: str
    os: str
    why: str

    def to_dict(self) -> dict[str, object]:
        """Return it as `regsim fix --json` has it."""
        return attrs.asdict(self)


@attrs.frozen(kw_only=True)
class Fixes:
    """What a search found.

    Attributes:
        model: the model's name.
        os: the systems asked.
        candidates: what was tried, the smallest first; the code as it is comes before all.
        skipped: what does not exist on a system that was asked.
        complete: whether all edits up to `size` were tried and decided.
        size: of how many edits a candidate was, at most.
        undone: what is asked besides the claims and the code as it is does not do; of edits it is
            not asked then.
        any_number: whether a proof for any number of threads was asked for.
    """

    model: str
    os: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    skipped: tuple[LeftOut, ...]
    complete: bool
    size: int
    undone: frozenset[str] = frozenset()
    any_number: bool = False

    @property
    def holding(self) -> tuple[Candidate, ...]:
        """Those that hold, the smallest first."""
        return tuple(each for each in self.candidates if each.holds)

    @property
    def patching(self) -> Candidate | None:
        """The smallest that holds and changes the code, one that does so alone if there is any."""
        patched = [each for each in self.holding if each.patch]
        return next((each for each in patched if not each.stopped), next(iter(patched), None))

    @property
    def present(self) -> Candidate:
        """The code as it is."""
        return self.candidates[0]

    @property
    def exit_code(self) -> int:
        """0 where some hold, 1 where none does in the whole space, 3 where a limit was hit."""
        return 0 if self.holding else 1 if self.complete else 3

    def to_dict(self) -> dict[str, object]:
        """Return it as `regsim fix --json` has it."""
        return {
            "model": self.model,
            "os": list(self.os),
            "fixes": [each.to_dict() for each in self.candidates],
            "skipped": [each.to_dict() for each in self.skipped],
            "complete": self.complete,
            "size": self.size,
        }


@attrs.frozen
class Made:
    """Services after some edits: the source of each file, what was edited, and who is stopped."""

    sources: Mapping[str, CodeText]
    edits: tuple[tuple[str, str], ...] = ()
    stopped: tuple[str, ...] = ()
    lines: int = 0
    names: frozenset[str] = frozenset()
    kinds: frozenset[tuple[str, str]] = frozenset()
    worse: bool = False

    @property
    def name(self) -> str:
        """What the edits are called together."""
        return " + ".join(name for name, _ in self.edits) or "none"

    @property
    def text(self) -> str:
        """The text of the first file."""
        return next(iter(self.sources.values())).text

    @property
    def key(self) -> tuple[object, ...]:
        """What tells it from others."""
        return (*(each.text for each in self.sources.values()), self.stopped)


class FixSearch:
    """The search for fixes of a model.

    Args:
        model: the services in plain code.
        os: the systems that a fix must hold on; by default the model's own.
        any_number: whether what holds is to be proved for any number of threads too: its claims
            about states, that is; the others stay bounded.
        most_states: how many states a candidate may have.
        progress: told now and then how many candidates were checked.

    Raises:
        UsageError: the source of a service cannot be found.
        UnknownNameError: there is no such system; the text lists them.
    """

    def __init__(
        self,
        model: Fixable,
        os: Sequence[str] | None = None,
        *,
        any_number: bool = False,
        most_states: int | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        if not model.services:
            raise UsageError("the model has no service: add one with .service(function)")
        many = [name for name, number in model.numbers.items() if number == ANY]
        self.any_number = any_number or bool(many)
        self.model = model.numbered(dict.fromkeys(many, _FEW))
        self.most_states, self.progress = most_states, progress
        self.os = tuple(dict.fromkeys(dialects.get(each).name for each in os or (model.os,)))
        self.origins: list[CodeOrigin] = []
        self.texts: dict[str, str] = {}
        sources: dict[str, CodeText] = {}
        for served in model.services:
            where, text = origin(served.code)
            self.origins.append(where)
            self.texts[where.file] = text
            found = parsed(text)
            assert found is not None  # noqa: S101 - `origin` has seen to it
            sources[where.file] = found
        self.begun = Made(sources)
        self.skipped: dict[tuple[str, str], LeftOut] = {}
        # A script that nobody asks for anything goes on and on by itself.
        self._also = ALSO if self.model.times != 0 else ALSO - {CALLS_END}
        self._known: dict[tuple[object, ...], Candidate] = {}
        self.made: dict[tuple[object, ...], Made] = {}
        self._full, self._undone = False, frozenset[str]()
        self._useless: set[str] = set()
        self._holding: list[frozenset[str]] = []

    # -- the whole of it -----------------------------------------------------------------------

    def run(self, most_edits: int = MOST_EDITS) -> Fixes:
        """Return what holds, of the fewest edits that do, and what was tried besides.

        Raises:
            PlainCodeError: the code as it is cannot be explored; the text names the line.
        """
        present = self._present()
        level, found, size = [self.begun], [present], 0
        # A service that is stopped is a way out, but not yet a fix of the code.
        while not any(each.holds and each.mends_code for each in found) and size < most_edits:
            size += 1
            tried = self._level(level)
            tried.sort(key=lambda pair: pair[1].lines)
            found += [candidate for _, candidate in tried]
            level = [
                attrs.evolve(made, worse=not candidate.violated <= present.violated)
                for made, candidate in tried
                if candidate.broken is not None and not candidate.why
                if not self._idle(made, candidate, tried)
            ]
        complete = not self._full and all(each.holds is not None for each in found)
        crowded = [*self._crowded()]
        return Fixes(
            model=self.model.name or self.model.services[0].name,
            os=self.os,
            candidates=tuple(found),
            skipped=(*self.skipped.values(), *crowded),
            complete=complete and not crowded,
            size=size,
            undone=self._undone,
            any_number=self.any_number,
        )

    def _crowded(self) -> Iterator[LeftOut]:
        """Yield the calls that no edit touches, since they share a line with another statement."""
        for where in {(each.file, each.name): each for each in self.origins}.values():
            source = self.begun.sources[where.file]
            for function in source.functions(where.name):
                for node in sites.nodes(function):
                    calls = isinstance(node, ast.stmt) and any(map(sites.called, ast.walk(node)))
                    if calls and isinstance(node, ast.stmt) and not source.alone(node):
                        why = "it shares its line with another statement: put each on its own line"
                        name = f"edits of the call in line {node.lineno}"
                        yield LeftOut(name=name, os=self.os[0], why=why)

    def _idle(self, made: Made, found: Candidate, tried: Sequence[tuple[Made, Candidate]]) -> bool:
        """Return whether *made* is not worth another edit; note whose last edit is not, either.

        That is one that only moves a close, or whose ``finally`` changes no verdict.
        """
        smaller = set(_smaller(made.names))
        plain = (each for other, each in tried if other.names in smaller)
        idle = any(each.violated == found.violated for each in plain)
        if idle or ("close" in {kind for _, kind in made.kinds}):
            self._useless.add(made.edits[-1][0])
            return True
        return False

    def _level(self, level: Sequence[Made]) -> list[tuple[Made, Candidate]]:
        """Return what becomes of those in *level* with one edit more."""
        tried: list[tuple[Made, Candidate]] = []
        for made in level:
            for after in self.larger(made):
                if self._full:
                    break
                if any(names <= after.names for names in self._holding):
                    continue  # it is larger than one that holds
                if any(names in self._holding for names in _smaller(after.names)):
                    continue
                candidate = self.candidate(after)
                if candidate is not None:
                    tried.append((after, candidate))
                    if candidate.holds:
                        self._holding.append(after.names)
        return tried

    def _present(self) -> Candidate:
        """Return the code as it is; what it leaves undone for ever, an edit may leave too."""
        found = self.candidate(self.begun)
        assert found is not None  # noqa: S101 - nothing was tried before
        if found.violated and found.violated <= self._also:
            self._also -= found.violated
            self._undone = frozenset(found.violated)
            self._known.clear()
            found = self.candidate(self.begun)
            assert found is not None  # noqa: S101 - as above
        for trial in found.trials:
            if trial.why and not trial.states:
                raise UsageError(trial.why)
        return found

    # -- candidates ----------------------------------------------------------------------------

    def larger(self, made: Made) -> list[Made]:
        """Return *made* with one edit more, the smallest first."""
        several = len(self.model.services) > 1
        ways: list[Made] = []
        done: set[tuple[str, str]] = set()
        for served, where in zip(self.model.services, self.origins, strict=True):
            if (where.file, where.name) in done:
                continue
            done.add((where.file, where.name))
            of = f"{served.name}: " if several else ""
            ways += [
                _edited(made, where.file, edit, of)
                for edit in edits(made.sources[where.file], where.name, self._has)
                if _joins(made, edit, of) and self._exists(edit, of)
                if f"{of}{edit.name}" not in self._useless
            ]
        if self.model.times != 0 and not made.worse:
            ways += self._stopping(made)
        return sorted(ways, key=lambda each: each.lines)

    def _stopping(self, made: Made) -> Iterator[Made]:
        for served in self.model.services:
            if served.name in made.stopped:
                continue
            others = [
                each.name
                for each in self.model.services
                if each.process == served.process and each.name != served.name
            ]
            name = STOP if len(self.model.services) == 1 else f"{STOP} {served.name}"
            if others:
                why = f"stopping it does not end process {served.process}: {others[0]} runs in it"
                for os in self.os:
                    self.skipped[name, os] = LeftOut(name=name, os=os, why=why)
                continue
            says = f"stops `{served.name}` before the user logs off"
            names = made.names | {name}
            stopped = (*made.stopped, served.name)
            yield attrs.evolve(
                made,
                edits=(*made.edits, (name, says)),
                stopped=stopped,
                names=names,
                lines=made.lines + 1,
            )

    def _has(self, function: str) -> bool:
        return all(dialects.get(each).has(function) for each in self.os)

    def _exists(self, edit: CodeEdit, of: str) -> bool:
        """Return whether *edit* exists on every system; note where it does not."""
        exists = True
        for os in self.os:
            for function in edit.needs:
                try:
                    dialects.get(os).require(function)
                except NotApplicableError as error:
                    exists = False
                    name = f"{of}{edit.name}"
                    if not edit.after:
                        self.skipped[name, os] = LeftOut(name=name, os=os, why=str(error))
        return exists

    def candidate(self, made: Made) -> Candidate | None:
        """Return what becomes of *made*; None where the same was tried before."""
        if made.key in self._known:
            return None
        if len(self._known) >= MOST:
            self._full = True
            return None
        found = self._checked(made)
        self._known[made.key] = found
        self.made[made.key] = made
        if self.progress is not None:
            self.progress(len(self._known))
        return found

    def _checked(self, made: Made) -> Candidate:
        trials = []
        for os in self.os:
            trials.append(self.trial(made, os))
            if not trials[-1].holds:
                break
        unproved = self._for_any(made, trials) if self.any_number else None
        verdicts = {each.holds for each in trials}
        holds = False if False in verdicts else None if None in verdicts else True
        return Candidate(
            name=made.name,
            edits=tuple(says for _, says in made.edits),
            holds=holds,
            trials=tuple(trials),
            patch=self.patch(made),
            data=self.patch_data(made),
            lines=made.lines,
            bounds=self.bounds(),
            stopped=made.stopped,
            proved=("any" if unproved == "" else "bounded") if holds else None,
            unproved=(unproved or "") if holds else "",
        )

    def _for_any(self, made: Made, trials: list[Trial]) -> str:
        """Return why *made*, which holds, is not proved for any number of threads everywhere.

        "" where it is. Where it does not hold for some number, the trial there says so.
        """
        open_ = []
        for number, trial in enumerate(trials):
            if trial.holds:
                found = judged_any(self.model_of(made, trial.os))
                if found.holds is False:
                    trials[number] = found
                elif not found.holds:
                    on = f"on {trial.os}: " if len(self.os) > 1 else ""
                    open_.append(on + (found.why or "it was not decided"))
        return "; ".join(open_)

    def patch(self, made: Made) -> str:
        """Return what makes *made* of the code as it is, as a unified diff."""
        return "".join(self._patches(made).values())

    def patch_data(self, made: Made) -> bytes:
        """Return the bytes of the same, each file's part in what that file is written in."""
        parts = self._patches(made).items()
        return b"".join(part.encode(encoding_of(file), "replace") for file, part in parts)

    def _patches(self, made: Made) -> dict[str, str]:
        files = self.texts.items()
        return {file: patch(file, text, made.sources[file].text) for file, text in files}

    def model_of(self, made: Made, os: str) -> Fixable:
        """Return the model that *made* is on *os*."""
        if made is self.begun:
            codes = [each.code for each in self.origins]
        else:
            codes = [remade(each, made.sources[each.file].text) for each in self.origins]
        found = self.model.rewritten(codes, os)
        return found.stopped_before_logoff(*made.stopped) if made.stopped else found

    def trial(self, made: Made, os: str) -> Trial:
        """Return what becomes of *made* on *os*."""
        return judged(self.model_of(made, os), most_states=self.most_states, also=self._also)

    def bounds(self) -> dict[str, Any]:
        """Return up to what a candidate is checked."""
        threads = {each.name: each.threads for each in self.model.services}
        return {"threads": threads, "logons": self.model.times, "requests": 1}


def _edited(made: Made, file: str, edit: CodeEdit, of: str) -> Made:
    name = f"{of}{edit.name}"
    return attrs.evolve(
        made,
        sources={**made.sources, file: edit.source},
        edits=(*made.edits, (name, of + edit.says)),
        lines=made.lines + edit.lines,
        names=made.names | {name},
        kinds=made.kinds | {(of, edit.kind)},
    )


def _joins(made: Made, edit: CodeEdit, of: str) -> bool:
    """Return whether *edit* may come after those of *made*.

    A service has one way with its root, one lock and one handling of errors. What moves a close
    comes first. What has broken something is only helped by a lock, or by handling an error.
    """
    if edit.kind == "close" and made.edits:
        return False
    if edit.kind in ("root", "lock", "error") and (of, edit.kind) in made.kinds:
        return False
    return not made.worse or edit.kind in ("lock", "error")


def _smaller(names: frozenset[str]) -> Iterator[frozenset[str]]:
    """Yield *names* with one that makes sure by a ``finally`` in place of the one that does not."""
    for name in names:
        if name.endswith(_ALWAYS):
            yield names - {name} | {name.removesuffix(_ALWAYS)}


def find(
    model: Fixable,
    os: str | Sequence[str] | None = None,
    **options: Any,  # noqa: ANN401 - those of `FixSearch`
) -> Fixes:
    """Return the smallest edits of *model* that make every claim hold on each system of *os*.

    Takes the options of `FixSearch`, and raises what it does.
    """
    asked = [os] if isinstance(os, str) else os
    return FixSearch(model, asked, **options).run()

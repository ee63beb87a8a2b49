"""Mutation of a fix: break it in every single way, and see which claims notice.

A mutant that breaks no claim is either equivalent, and then its states and what every claim says of
them are those of the fix, or it is shown: the claims do not say what it changes.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from typing import Final, cast

import attrs

from regsim.check.graph import WholeSpace
from regsim.check.learn import Learner
from regsim.check.property import Property, PropertyKind
from regsim.check.space import Options
from regsim.check.verify import search
from regsim.errors import UsageError
from regsim.explore.asking import PlainCodeError
from regsim.explore.fixes import sites
from regsim.explore.fixes.judge import LOOKED_AT, Fixable, judged
from regsim.explore.fixes.search import FixSearch, Made
from regsim.explore.fixes.source import CodeText, Splice, patch
from regsim.explore.system import KEYS_THAT_BLOCK, System

_KILLED: Final = ("killed", "refused")


@attrs.frozen(kw_only=True)
class Mutant:
    """One way to break a fix, and whether that is noticed.

    Attributes:
        name: what it does to which line.
        line: the line of the fixed file.
        verdict: ``killed`` by a claim, ``refused`` as code that means nothing, ``equivalent``,
            ``survives``, or ``undecided`` where a limit was hit.
        claims: the claims that notice.
        steps: how long the shortest path is that shows it; None without one.
        why: how it is equivalent, why it is refused or undecided, or what differs.
        patch: what makes it of the fix, as a unified diff.
    """

    name: str
    line: int
    verdict: str
    claims: tuple[str, ...]
    steps: int | None
    why: str
    patch: str

    @property
    def settled(self) -> bool:
        """Whether it is noticed or explained."""
        return self.verdict in (*_KILLED, "equivalent")

    def to_dict(self) -> dict[str, object]:
        """Return it as `regsim fix --mutate --json` has it."""
        return {**attrs.asdict(self), "claims": list(self.claims)}


@attrs.frozen
class _Shape:
    """What an exploration to the end finds: counts, what claims say, how much is open at most."""

    counts: tuple[int, int, int]
    said: Counter[Hashable]
    most_open: int


def mutants(found: FixSearch, made: Made, os: str) -> list[Mutant]:
    """Return the mutants of *made*, which holds on *os*, each with its verdict, by their lines.

    Raises:
        UsageError: *made* does not hold, or its states have no end.
    """
    if not found.trial(made, os).holds:
        raise UsageError("only what holds can be broken: name a candidate that does")
    shape = _shape(found.model_of(made, os).system(), found.most_states)
    if shape is None:
        raise UsageError("a limit was hit before all states of the fix were known")
    seen: set[tuple[object, ...]] = {made.key}
    results = []
    for where in {(each.file, each.name): each for each in found.origins}.values():
        source = made.sources[where.file]
        for name, line, after in broken(source, where.name):
            changed = attrs.evolve(made, sources={**made.sources, where.file: after})
            if changed.key not in seen:
                seen.add(changed.key)
                diff = patch(where.file, source.text, after.text)
                begun = Mutant(
                    name=name, line=line, verdict="", claims=(), steps=None, why="", patch=diff
                )
                results.append(_judged(found, changed, os, begun, shape))
    return sorted(results, key=lambda each: (each.line, each.name))


def _judged(found: FixSearch, made: Made, os: str, mutant: Mutant, fix: _Shape) -> Mutant:
    try:
        model = found.model_of(made, os)
        trial = judged(model, most_states=found.most_states)
    except UsageError as error:
        return attrs.evolve(mutant, verdict="refused", why=str(error))
    if trial.holds is False:
        if trial.why:
            return attrs.evolve(mutant, verdict="refused", why=trial.why)
        steps = None if trial.path is None else len(trial.path.steps)
        return attrs.evolve(mutant, verdict="killed", claims=trial.violated, steps=steps)
    if trial.holds is None:
        why = trial.why + _leaking(model, fix)
        return attrs.evolve(mutant, verdict="undecided", why=why)
    verdict, why = _compared(model, found.most_states, fix)
    return attrs.evolve(mutant, verdict=verdict, why=why)


def _leaking(model: Fixable, fix: _Shape) -> str:
    """Return what to say of *model*, not explored to its end, if handles pile up in it."""
    system = model.system()
    learner = Learner(system)
    limits = attrs.evolve(Options().limits, states=LOOKED_AT)
    space = search(learner, attrs.evolve(Options(), to_the_end=True, limits=limits))
    most = _most_open(learner, cast("WholeSpace", space))
    if most <= fix.most_open:
        return ""
    return (
        f"; up to there no claim is broken, but handles pile up: {most} are open in one of its "
        f"first {LOOKED_AT:,} states, and never more than {fix.most_open} with the fix. No claim "
        "of this model asks for that"
    )


def _most_open(learner: Learner, space: WholeSpace) -> int:
    """Return how many handles on hives that are watched are open in one state at most."""
    names = enumerate(learner.model.counters)
    handles = [n for n, name in names if not name.startswith(KEYS_THAT_BLOCK)]
    return max(sum(learner.count(n, state) for n in handles) for state in space.all_states())


def _compared(model: Fixable, most: int | None, fix: _Shape) -> tuple[str, str]:
    """Return whether *model*, which keeps every claim, is the *fix* once more, and why."""
    try:
        shape = _shape(model.system(), most)
    except PlainCodeError as error:
        return "undecided", str(error)
    if shape is None:
        return "undecided", "a limit was hit before all states were known"
    states, transitions, _ = shape.counts
    if (shape.counts, shape.said) == (fix.counts, fix.said):
        why = f"it has the {states:,} states and {transitions:,} transitions of the fix"
        return "equivalent", f"{why}, and every claim says the same of as many"
    if set(shape.said) == set(fix.said):
        why = f"it is right too: in each of its {states:,} states the claims say what they say in"
        return "equivalent", f"{why} one of the fix's {fix.counts[0]:,}, and the other way round"
    return "survives", f"it has {states:,} states, the fix {fix.counts[0]:,}; no claim is broken"


def _shape(system: System, most: int | None) -> _Shape | None:
    limits = Options().limits
    limits = attrs.evolve(limits, states=most or system.most_states)
    learner = Learner(system)
    space = search(learner, attrs.evolve(Options(), to_the_end=True, limits=limits))
    if not space.complete:
        return None
    whole = cast("WholeSpace", space)
    columns = [whole.where(each.goal) for each in system.properties]
    columns += [whole.where(each.trigger) for each in _eventual(system.properties)]
    said: Counter[Hashable] = Counter(zip(*columns, strict=True))
    counts = (space.states, space.transitions, len(space.layers))
    return _Shape(counts, said, _most_open(learner, whole))


def _eventual(claims: Sequence[Property]) -> list[Property]:
    return [each for each in claims if each.kind is PropertyKind.LEADS_TO]


# -- the ways to break it ----------------------------------------------------------------------


def broken(source: CodeText, name: str) -> Iterator[tuple[str, int, CodeText]]:
    """Yield each way to break function *name* of *source*, or what it calls: name, line, source."""
    for function in source.functions(name):
        for node in sites.nodes(function):
            if isinstance(node, ast.stmt) and source.alone(node):
                for says, changes in _ways(source, function, node):
                    after = source.changed(changes)
                    if after is not None:
                        yield says, source.first(node), after


def _ways(
    source: CodeText, function: ast.FunctionDef, node: ast.stmt
) -> Iterator[tuple[str, list[Splice]]]:
    if isinstance(node, ast.Expr | ast.AugAssign) and _matters(node):
        yield from _dropped(source, node)
    if isinstance(node, ast.Expr) and sites.called(node.value) in sites.CLOSES:
        yield "closes it twice", [_again(source, node)]
    if isinstance(node, ast.Expr | ast.Assign):
        yield from _wrong_key(source, function, node)
    if isinstance(node, ast.With):
        yield from _without(source, node)
    if isinstance(node, ast.Try) and node.finalbody:
        yield from _without_finally(source, node)
    yield from _swapped(source, node)
    yield from _other_number(source, node)


def _matters(node: ast.AST) -> bool:
    """Return whether *node* does something to keys, locks or shared variables."""
    return any(
        (sites.called(each) and sites.called(each) not in ("work", "sid", "wait"))
        or sites.shares(each)
        for each in sites.inside(node, ast.AST)
    )


def _lines(node: ast.stmt) -> tuple[int, int]:
    return node.lineno, node.end_lineno or node.lineno


def _dropped(source: CodeText, node: ast.stmt) -> Iterator[tuple[str, list[Splice]]]:
    first, last = _lines(node)
    left = (f"{source.indent(node)}pass",) if len(source.places[node].block) == 1 else ()
    yield f"drops `{_short(node)}`", [Splice(first, last, left)]


def _again(source: CodeText, node: ast.stmt) -> Splice:
    first, last = _lines(node)
    return Splice(last + 1, last, tuple(source.lines[first - 1 : last]))


def _short(node: ast.stmt) -> str:
    text = ast.unparse(node).partition("\n")[0]
    return text if len(text) <= 60 else f"{text[:57]}..."


def _wrong_key(
    source: CodeText, function: ast.FunctionDef, node: ast.stmt
) -> Iterator[tuple[str, list[Splice]]]:
    """Yield the changes that give a call another key than it is given."""
    win = sites.win_of(function)
    known = [each.name for each in sites.held(source, function)]
    for call in sites.inside(node, ast.Call):
        if not isinstance(call, ast.Call) or not call.args or not sites.called(call):
            continue
        key = call.args[0]
        row = source.lines[key.lineno - 1].encode()
        is_key = sites.is_root(key) or (isinstance(key, ast.Name) and key.id in known)
        if not is_key or key.lineno != key.end_lineno:
            continue
        now = ast.unparse(key)
        for other in dict.fromkeys((*known, f"{win}.{sites.ROOT}")):
            if other != now:
                text = row[: key.col_offset] + other.encode() + row[key.end_col_offset :]
                change = Splice(key.lineno, key.lineno, (text.decode(),))
                yield f"gives {sites.called(call)} {other} instead of {now}", [change]


def _without(source: CodeText, node: ast.With) -> Iterator[tuple[str, list[Splice]]]:
    """Yield the changes that take a ``with`` away, or its last statement out of it."""
    head, last = node.lineno, node.end_lineno or node.lineno
    names = ", ".join(ast.unparse(each.context_expr) for each in node.items)
    body = _shallower(source, node.body[0].lineno, last, source.indent(node), node.body[0])
    named = [each.optional_vars for each in node.items if each.optional_vars is not None]
    if not named:
        yield f"goes without `with {names}`", [Splice(head, last, body)]
    end = node.body[-1]
    if len(node.body) > 1 and source.alone(end) and _matters(end):
        first, stop = source.first(end), end.end_lineno or end.lineno
        out = _shallower(source, first, stop, source.indent(node), end)
        yield f"moves `{_short(end)}` out of `with {names}`", [Splice(first, stop, out)]


def _shallower(
    source: CodeText, first: int, last: int, indent: str, inner: ast.stmt
) -> tuple[str, ...]:
    deep = source.indent(inner)
    return tuple(
        indent + line[len(deep) :] if line.startswith(deep) else line
        for line in source.lines[first - 1 : last]
    )


def _without_finally(source: CodeText, node: ast.Try) -> Iterator[tuple[str, list[Splice]]]:
    """Yield the change that does what a ``finally`` does on the way without an error alone."""
    if node.handlers or node.orelse:
        return
    last, indent = node.end_lineno or node.lineno, source.indent(node)
    body = _shallower(
        source, node.body[0].lineno, node.body[-1].end_lineno or 0, indent, node.body[0]
    )
    final = _shallower(source, node.finalbody[0].lineno, last, indent, node.finalbody[0])
    yield "goes without `finally`", [Splice(node.lineno, last, (*body, *final))]


def _swapped(source: CodeText, node: ast.stmt) -> Iterator[tuple[str, list[Splice]]]:
    place = source.places[node]
    if place.index + 1 >= len(place.block):
        return
    after = place.block[place.index + 1]
    if not source.alone(after) or not _matters(node) or not _matters(after):
        return
    first, last = source.first(node), node.end_lineno or node.lineno
    begin, end = source.first(after), after.end_lineno or after.lineno
    lines = source.lines
    swapped = (*lines[begin - 1 : end], *lines[last : begin - 1], *lines[first - 1 : last])
    yield f"swaps `{_short(node)}` and what follows", [Splice(first, end, swapped)]


def _other_number(source: CodeText, node: ast.stmt) -> Iterator[tuple[str, list[Splice]]]:
    """Yield the changes of how a shared variable is counted or compared."""
    line = source.lines[node.lineno - 1]
    if isinstance(node, ast.AugAssign) and sites.shares(node.target):
        sign = {"+=": "-=", "-=": "+="}
        text = re.sub(r"\+=|-=", lambda m: sign[m[0]], line, count=1)
        yield (
            f"counts the other way in `{_short(node)}`",
            [Splice(node.lineno, node.lineno, (text,))],
        )
    if isinstance(node, ast.If) and any(map(sites.shares, ast.walk(node.test))):
        for old, new in (("==", "!="), ("== 0", "== 1")):
            if old in line:
                text = line.replace(old, new, 1)
                yield f"asks {new} instead of {old}", [Splice(node.lineno, node.lineno, (text,))]

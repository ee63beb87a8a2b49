"""What `regsim fix` found, for a reader: what holds, its patch, and what breaks the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from regsim.explore.fixes.judge import USES_HIVE, Trial
from regsim.explore.fixes.mutate import Mutant
from regsim.explore.fixes.search import Candidate, Fixes
from regsim.report.text.checks import path_lines
from regsim.report.text.console import WIDTH, table, terminal_width, wrap
from regsim.report.words.writing import ascii_only

_ROOM = 80
"""The columns from which on a table has room for its sentences."""


def fixes_text(found: Fixes, *, patch: bool) -> str:
    """Return all that was *found*; with *patch*, that of the smallest fix that changes the code."""
    lines = [*_wrapped(_headline(found)), *_wrapped(_bounds(found.present)), ""]
    lines += [*_wrapped(f"As it is: {_becomes(found, found.present)}."), ""]
    if found.any_number and found.present.holds:
        lines += [
            *(line for text in _extents(found, [found.present]) for line in _wrapped(text)),
            "",
        ]
    lines += _holding(found, patch=patch)
    failing = [each for each in found.candidates[1:] if not each.holds]
    single = [each for each in failing if len(each.edits) == 1]
    if failing:
        lines += ["Does not hold:", *_failing(found, single), ""]
        if len(failing) > len(single):
            lines += _wrapped(f"Nor do {len(failing) - len(single)} of several edits: see --json.")
        lines += _wrapped("`--edit NAME` shows one of them in full: its patch, and what breaks it.")
    for each in found.skipped:
        lines += _wrapped(f"Not tried, {each.name}: {each.why}.")
    return _joined(lines)


def _joined(lines: Sequence[str]) -> str:
    """Return *lines* as one text; those of a patch are the user's own, and stay as they are."""
    return "\n".join(line if line[:1] in "+- @" else ascii_only(line) for line in lines) + "\n"


def _headline(found: Fixes) -> str:
    systems, tried = " and ".join(found.os), len(found.candidates) - 1
    if found.present.holds:
        holds = f"{found.model} on {systems}: every claim holds as it is"
        return f"{holds}, {_undone(found)}" if found.undone else f"{holds}; there is nothing to fix"
    edits = "one edit" if found.size == 1 else f"up to {found.size} edits"
    number = len(found.holding)
    if number:
        return f"{found.model} on {systems}: {number} of {tried} candidates of {edits} hold"
    if found.complete:
        return f"{found.model} on {systems}: none of {tried} candidates of {edits} holds"
    return (
        f"{found.model} on {systems}: undecided; none of {tried} candidates of {edits} is known to "
        "hold, and not all are decided"
    )


def _undone(found: Fixes) -> str:
    """Return what speaks against a service that keeps every claim."""
    if USES_HIVE in found.undone:
        return "but it never opens a key of the user's hive, so that this says little"
    return "but a thread waits for ever in the midst of its work"


def _bounds(present: Candidate) -> str:
    threads = present.bounds["threads"].items()
    amounts = [f"{number} thread{'s' * (number != 1)} of {name}" for name, number in threads]
    times = present.bounds["logons"]
    logons = "any number of logons" if times is None else f"{times} logon{'s' * (times != 1)}"
    if times == 0:
        return f"Bounds: {', '.join(amounts)}; nobody logs on."
    return f"Bounds: {', '.join(amounts)}, {logons}, one request that waits at a time."


def _becomes(found: Fixes, each: Candidate) -> str:
    """Return in words what becomes of *each*."""
    if each.holds:
        return "every claim holds"
    trial = each.broken
    if trial is None:
        return f"undecided: {each.why}"
    if trial.why:
        return f"refused: {trial.why}"
    where = f" on {trial.os}" * (len(found.os) > 1)
    return f"{', '.join(trial.violated)} violated{where}; {_length(trial)}"


def _length(trial: Trial) -> str:
    if trial.path is None:
        return "no path shows it"
    number = len(trial.path.steps)
    return f"the shortest path has {number} steps ({', '.join(trial.first)})"


def _holding(found: Fixes, *, patch: bool) -> Iterator[str]:
    holding = [each for each in found.holding if each.edits]
    if not holding:
        return
    rows = [["holds", "lines", "what it does"]]
    rows += [[e.name, str(e.lines) if e.patch else "-", _sentence(e)] for e in holding]
    yield from _table(rows)
    yield ""
    for text in _extents(found, holding):
        yield from _wrapped(text)
    first = found.patching
    if patch and first is not None:
        yield from ["", f"The patch of {first.name}, for `git apply`:", ""]
        notes = [besides(first)] * bool(first.stopped) + [_NOT_UTF8] * _other_bytes(first)
        for text in notes:
            yield from [*_wrapped(text), ""]
        yield from first.patch.split("\n")[:-1]
    yield ""


def _extents(found: Fixes, holding: Sequence[Candidate]) -> Iterator[str]:
    """Yield up to what those that hold are proved."""
    unbounded = [_called(each) for each in holding if each.proved == "any"]
    bounded = [_called(each) for each in holding if each.proved != "any"]
    if unbounded:
        yield (
            f"For any number of threads, within the other bounds: {', '.join(unbounded)}; what "
            "must come about in the end, such as logoff-ends, within all bounds."
        )
    if bounded:
        which = f": {', '.join(bounded)}" if unbounded else ""
        yield f"Proved in every order within these bounds, and no further{which}."
    for why, names in _unproved(holding).items():
        yield f"No proof for any number of threads, {', '.join(names)}: {why}."
    alone = [name for name, number in found.present.bounds["threads"].items() if number == 1]
    if alone and bounded:
        yield (
            f"That is with one thread of {' and of '.join(alone)}: with more, calls can be in each "
            f"other's way; give threads=2{'' if found.any_number else ', or --any,'} to know."
        )


def _unproved(holding: Sequence[Candidate]) -> dict[str, list[str]]:
    """Return why a proof for any number was sought in vain, and of what."""
    found: dict[str, list[str]] = {}
    for each in holding:
        if each.unproved:
            found.setdefault(each.unproved, []).append(_called(each))
    return found


def _called(each: Candidate) -> str:
    return each.name if each.edits else "the code as it is"


def besides(each: Candidate) -> str:
    """Return what is to be done besides the patch of *each*, which stops services too."""
    calls = ", ".join(f'"{name}"' for name in each.stopped)
    return (
        f"This patch alone is not what was checked: {' and '.join(each.stopped)} must also be "
        f"stopped before logoff (`.stopped_before_logoff({calls})`)."
    )


_NOT_UTF8 = (
    "A file of it is not in UTF-8: git takes it as `-o FILE` writes it, byte by byte, and not as "
    "it is printed."
)


def _other_bytes(each: Candidate) -> bool:
    """Return whether the patch of *each* has other bytes than its text in UTF-8."""
    return each.data != each.patch.encode()


def _failing(found: Fixes, failing: Sequence[Candidate]) -> list[str]:
    rows = [["name", "steps", "broken", "what it does"]]
    for each in failing:
        trial = each.broken
        steps = str(len(each.path.steps)) if each.path is not None else "-"
        rows.append([each.name, steps, _broken(found, trial), _sentence(each)])
    return _table(rows)


def _broken(found: Fixes, trial: Trial | None) -> str:
    if trial is None:
        return "undecided"
    names = ", ".join(trial.first) if trial.first else "refused"
    return f"{names} on {trial.os}" if len(found.os) > 1 else names


def _sentence(each: Candidate) -> str:
    return "; ".join(each.edits)


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return *rows* as a table, the sentences below where there is no room beside."""
    width = min(WIDTH, terminal_width(WIDTH))
    if width >= _ROOM:
        return table(rows, width=width, prose=(0, len(rows[0]) - 2, len(rows[0]) - 1), rule=False)
    lines = []
    for row in rows[1:]:
        lines += wrap(f"{row[0]}: {', '.join(row[1:-1])}", width, "  ", "    ")
        lines += wrap(row[-1], width, "    ", "    ")
    return lines


def _wrapped(text: str) -> list[str]:
    return wrap(text, min(WIDTH, terminal_width(WIDTH)))


def chosen_text(each: Candidate) -> str:
    """Return one candidate in full: its patch, and the shortest path that breaks it."""
    lines = [*_wrapped(f"{each.name}: {_sentence(each) or 'the code as it is'}"), ""]
    trial = each.broken
    if each.holds:
        lines += _wrapped("Every claim holds.")
        if each.unproved:
            lines += _wrapped(f"No proof for any number of threads: {each.unproved}.")
        lines += _wrapped(besides(each)) if each.patch and each.stopped else []
    elif trial is None:
        lines += _wrapped(f"Undecided: {each.why}.")
    else:
        lines += _wrapped(f"On {trial.os}: {_length(trial) if trial.path else trial.why}.")
        if trial.path is not None:
            lines += ["", *path_lines(trial.path), ""]
            lines += _wrapped("The lines are those of the edited file.") if each.patch else []
    if each.patch:
        lines += ["", *_wrapped(_NOT_UTF8)] if _other_bytes(each) else []
        lines += ["", *each.patch.split("\n")[:-1]]
    return _joined(lines)


def mutants_text(model: str, fix: str, results: Mapping[str, Sequence[Mutant]]) -> str:
    """Return what became of each way to break *fix*, by system."""
    lines: list[str] = []
    for os, found in results.items():
        counted = Counter(each.verdict for each in found)
        said = ", ".join(f"{number} {verdict}" for verdict, number in counted.items())
        lines += _wrapped(f"{model}, {fix}, on {os}: {len(found)} ways to break it: {said}")
        lines += ["", *_mutants(found), ""]
        for each in found:
            if each.verdict not in ("killed", "refused"):
                lines += _wrapped(f"Line {each.line}, {each.name}: {each.verdict}; {each.why}.")
    return _joined(lines)


def _mutants(found: Sequence[Mutant]) -> list[str]:
    rows = [["line", "verdict", "noticed by", "what it does"]]
    for each in found:
        steps = f" ({each.steps} steps)" if each.steps is not None else ""
        rows.append([str(each.line), each.verdict, ", ".join(each.claims) + steps, each.name])
    return _table(rows)

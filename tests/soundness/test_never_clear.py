"""A verdict on evidence against the truth: whatever happens to a capture, a held hive is not clear.

Programs are played on a machine, written in every format, and degraded as evidence is in life. How
many is `REGSIM_PROGRAMS`, a number, or the first program and a number as ``5000:200``; some formats
and operations are drawn for each. A fault that was found stays in `FOUND`.
"""

from __future__ import annotations

import itertools
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest
from degrade import OPERATIONS, Degrade, orphaned
from programs import OS, USERS, Event, programs, shown
from writers import FORMATS, SHOWS_DUPLICATES, SHOWS_LOADS

from regsim import dialects
from regsim.errors import RegsimError
from regsim.trace.asking import replay
from regsim.trace.finding import Conclusion, Finding

_FIRST, _, _COUNT = os.environ.get("REGSIM_PROGRAMS", "60").rpartition(":")
FIRST: Final = int(_FIRST or 0)
PARTS: Final = 4
PART: Final = int(_COUNT) // PARTS
DIALECT: Final = dialects.get(OS)
UNSEEN: Final = "which handles were duplicated or inherited"

FOUND: Final = (
    (101, "clock back", "jsonl"),
    (212, "line lost", "xml"),
    (638, "clock back", "pml"),
    (1112, "clock back", "csv"),
    (1002418, "overwritten", "pml"),
    (2000910, "line lost", "csv"),
    (11005382, "clock back", "parquet"),
    (11008767, "lines joined", "wine"),
    (12000931, "lines joined", "csv"),
    (2057, "overwritten", "csv"),
)
"""Seeds, operations and formats of faults that were found and mended."""


@pytest.fixture(params=range(PARTS))
def part(request: pytest.FixtureRequest) -> Iterator[tuple[int, list[Event]]]:
    """Return a part of the programs, each with its seed."""
    return programs(FIRST + request.param * PART, PART)


def verdict(data: bytes, path: Path) -> Finding | None:
    """Return the verdict on *data*, None where the file is refused."""
    path.write_bytes(data)
    try:
        return replay(path, dialect=DIALECT)
    except RegsimError:
        return None


def on(finding: Finding, sid: str) -> str:
    """Return what is said of the user's hive; nothing said is inconclusive."""
    found = {hive.hive.upper().removeprefix("HKU\\"): hive for hive in finding.hives}
    return found[sid].conclusion.value if sid in found else "inconclusive"


def written(events: Sequence[Event], form: str) -> bytes:
    """Return *events* as a file of *form*."""
    rows, write = FORMATS[form]
    return write(rows(events))


def quiet(events: Sequence[Event]) -> bool:
    """Return whether no handle travels: nothing is duplicated, nobody could inherit."""
    return all(e.kind != "duplicate" and e.parent in (0, 4) for e in events)


def suspected(events: Sequence[Event]) -> bool:
    """Return whether nothing is closed, as if it were filtered out."""
    return not any(e.kind == "close" for e in events)


def loaded(events: Sequence[Event]) -> list[str]:
    """Return the users whose hives the program loads."""
    return [sid for sid in USERS if any(e.kind == "load" and e.key.endswith(sid) for e in events)]


def copied_after_force(events: Sequence[Event], sid: str) -> bool:
    """Return whether a handle is duplicated after an unload that left some.

    No format tells which handle it is a copy of: it may be one of those.
    """
    pairs = itertools.pairwise(events)
    left = [n for n, (before, event) in enumerate(pairs, 1) if event.forced and sid in before.held]
    later = events[left[0] :] if left else ()
    return any(event.kind == "duplicate" and sid in event.key for event in later)


def falls_short(events: Sequence[Event], form: str, finding: Finding, sid: str) -> str | None:
    """Return what the verdict on a whole capture should be where it is another, or None."""
    said, held = on(finding, sid), sid in events[-1].held
    tells_all = form in SHOWS_LOADS and (form in SHOWS_DUPLICATES or quiet(events))
    if tells_all and not suspected(events):
        truth = "blocked" if held else "clear"
        unsure = "inconclusive" if copied_after_force(events, sid) else truth
        return None if said in {truth, unsure} else truth
    if held and said == "clear":
        # A file that shows no duplicates cannot know of one, and says so.
        hidden = form not in SHOWS_DUPLICATES and sid not in shown(events)
        told = any(UNSEEN in reason for reason in finding.reasons)
        return None if hidden and told else "not clear"
    return "not blocked" if form in SHOWS_LOADS and not held and said == "blocked" else None


def test_undegraded_evidence_is_judged_exactly(
    part: Iterator[tuple[int, list[Event]]],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """A whole capture gives the truth, and "clear" is within reach; no verdict is ever wrong."""
    seen: Counter[str] = Counter()
    wrong = []
    for seed, events in part:
        rng = random.Random(f"exact {seed}")
        for form in rng.sample(sorted(FORMATS), 3):
            finding = verdict(written(events, form), tmp_path / form)
            assert finding is not None, f"program {seed} as {form} is refused"
            for sid in loaded(events):
                truth = falls_short(events, form, finding, sid)
                if truth:
                    wrong.append(f"program {seed} as {form}: {sid} is {truth}")
                seen[f"{on(finding, sid)}, {'held' if sid in events[-1].held else 'free'}"] += 1
    for outcome, count in sorted(seen.items()):
        record_property(outcome, count)

    assert wrong == []
    assert seen["clear, free"] > PART
    assert seen["blocked, held"] > PART // 10


def degraded(
    seed: int, events: Sequence[Event], operation: Degrade, form: str
) -> tuple[bytes, frozenset[str]] | None:
    """Return the file after *operation*, and which hives are held at its end; None: no effect.

    What is held by a duplicate alone is left out where the format shows no duplicates, unless the
    operation is what hides it.
    """
    rng = random.Random(f"{seed} {operation.name} {form}")
    changed, left = list(events), len(events)
    if operation.events is not None:
        made = operation.events(rng, events)
        if made is None:
            return None
        changed, left = made
    to_rows, write = FORMATS[form]
    rows = to_rows(changed)
    if operation.rows is not None:
        rows = operation.rows(rng, rows, operation.of(changed)) if rows else None
        if rows is None:
            return None
    data: bytes | None = write(rows)
    # A file that is cut between two rows is whole, and tells of that moment: only what was held
    # all the while is held then too.
    moments = range(left // 5, left) if operation.name == "cut" else (left - 1,)
    held = frozenset(USERS).intersection(*(events[at].held for at in moments))
    if form not in SHOWS_DUPLICATES:
        told = frozenset(USERS).intersection(*(shown(events[: at + 1]) for at in moments))
        held &= told | (orphaned(events, changed) if operation.name == "no rundown" else set())
    if operation.data is not None:
        data = operation.data(rng, data)
    return None if data is None else (data, held)


def misleads(
    seed: int, events: Sequence[Event], operation: Degrade, form: str, path: Path
) -> str | None:
    """Return what is wrongly called clear, or None; "" where the operation does not apply."""
    made = degraded(seed, events, operation, form)
    if made is None:
        return ""
    data, held = made
    finding = verdict(data, path)
    if finding is None:
        return None
    wrong = sorted(sid for sid in held if on(finding, sid) == "clear")
    # A verdict is on the hives that the file names: of another nothing is said.
    named = [sid for sid in held if any(sid in hive.hive.upper() for hive in finding.hives)]
    if wrong or (named and finding.conclusion is Conclusion.CLEAR):
        return f"program {seed}, {operation.name}, as {form}: {wrong or 'all'} is called clear"
    return None


def drawn(seed: int) -> list[tuple[Degrade, str]]:
    """Return operations for the program with a format each, in the order to be tried."""
    forms = sorted(FORMATS)
    choices = [(one, form) for one in OPERATIONS for form in forms if form in one.formats]
    weights = [one.weight for one, _ in choices]
    return random.Random(f"never {seed}").choices(choices, weights, k=12)


def test_a_held_hive_is_never_clear(
    part: Iterator[tuple[int, list[Event]]], tmp_path: Path
) -> None:
    """Whatever was lost, torn, renamed or reordered, a held hive is never called clear."""
    wrong: list[str | None] = []
    for seed, events in part:
        tries = (misleads(seed, events, *one, tmp_path / "capture") for one in drawn(seed))
        wrong += itertools.islice((one for one in tries if one != ""), 4)

    assert [one for one in wrong if one] == []
    assert len(wrong) > 3 * PART


@pytest.mark.parametrize(("seed", "name", "form"), FOUND)
def test_found_faults_stay_mended(seed: int, name: str, form: str, tmp_path: Path) -> None:
    """What once was wrongly called clear is not any more."""
    ((_, events),) = programs(seed, 1)
    operation = next(one for one in OPERATIONS if one.name == name)

    assert misleads(seed, events, operation, form, tmp_path / "capture") is None

"""A verdict on evidence against the truth: whatever happens to a capture, a held hive is not clear.

Programs are played on a machine, written in every format, and degraded as evidence is in life. How
many is `REGSIM_PROGRAMS`; a fault that was found stays in `FOUND`.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest
from degrade import OPERATIONS, Degrade, holders
from programs import OS, USERS, Event, programs
from writers import FORMATS, SHOWS_DUPLICATES, SHOWS_LOADS

from regsim import dialects
from regsim.errors import RegsimError
from regsim.trace.asking import replay

PROGRAMS: Final = int(os.environ.get("REGSIM_PROGRAMS", "120"))
PARTS: Final = 4
DIALECT: Final = dialects.get(OS)
FOUND: Final[tuple[tuple[int, str, str], ...]] = ()
"""Seeds, operations and formats of faults that were found and mended."""

Verdicts = dict[str, str]


def verdicts(data: bytes, path: Path) -> Verdicts | None:
    """Return the verdict on each hive, and on all under "", or None where the file is refused."""
    path.write_bytes(data)
    try:
        finding = replay(path, dialect=DIALECT)
    except RegsimError:
        return None
    found = {
        hive.hive.upper().removeprefix("HKU\\"): hive.conclusion.value for hive in finding.hives
    }
    return {**found, "": finding.conclusion.value}


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


def loaded(events: Sequence[Event]) -> set[str]:
    """Return the users whose hives the program loads."""
    return {sid for sid in USERS for e in events if e.kind == "load" and e.key.endswith(sid)}


def test_undegraded_evidence_is_judged_exactly(tmp_path: Path) -> None:
    """A whole capture gives the truth, and "clear" is within reach; no verdict is ever wrong."""
    seen: Counter[str] = Counter()
    for seed, events in programs(0, PROGRAMS):
        rng = random.Random(f"exact {seed}")
        for form in rng.sample(sorted(FORMATS), 3):
            found = verdicts(written(events, form), tmp_path / form)
            assert found is not None, f"program {seed} as {form} is refused"
            for sid in sorted(loaded(events)):
                verdict, held = found.get(sid, "inconclusive"), sid in events[-1].held
                seen[f"{verdict} {held}"] += 1
                exact = form in SHOWS_LOADS and (form in SHOWS_DUPLICATES or quiet(events))
                if exact and not suspected(events):
                    truth = "blocked" if held else "clear"
                    assert verdict == truth, f"program {seed} as {form}: {sid} is {truth}"
                elif held:
                    assert verdict != "clear", f"program {seed} as {form}: {sid} is held"
                elif form in SHOWS_LOADS:
                    assert verdict != "blocked", f"program {seed} as {form}: {sid} is free"

    assert seen["clear False"] > PROGRAMS
    assert seen["blocked True"] > PROGRAMS // 10


def degraded(
    seed: int, events: Sequence[Event], operation: Degrade, form: str
) -> tuple[bytes, frozenset[str]] | None:
    """Return the file after *operation*, and which hives are held at its end; None: no effect."""
    rng = random.Random(f"{seed} {operation.name} {form}")
    left = len(events)
    if operation.events is not None:
        changed = operation.events(rng, events)
        if changed is None:
            return None
        truth, left = events, changed[1]
        events = changed[0]
    else:
        truth = events
    to_rows, write = FORMATS[form]
    rows = to_rows(events)
    if operation.rows is not None:
        rows = operation.rows(rng, rows, holders(events)) if rows else None
        if rows is None:
            return None
    data: bytes | None = write(rows)
    held = truth[left - 1].held
    if operation.data is not None:
        data = operation.data(rng, data)
        # A file that is cut between two rows is whole, and tells of that moment: only what was
        # held all the while is held then too.
        kept = truth[len(truth) // 5 :]
        held = held.intersection(*(e.held for e in kept)) if operation.name == "cut" else held
    return None if data is None else (data, held)


def misleads(
    seed: int, events: Sequence[Event], operation: Degrade, form: str, path: Path
) -> str | None:
    """Return what is wrongly called clear, or None; "" where the operation does not apply."""
    made = degraded(seed, events, operation, form)
    if made is None:
        return ""
    data, held = made
    found = verdicts(data, path)
    if found is None:
        return None
    wrong = sorted(sid for sid in held if found.get(sid) == "clear")
    if wrong or (held and found[""] == "clear"):
        return f"program {seed}, {operation.name}, as {form}: {wrong or 'all'} is called clear"
    return None


@pytest.mark.parametrize("part", range(PARTS))
def test_a_held_hive_is_never_clear(part: int, tmp_path: Path) -> None:
    """Whatever was lost, torn, renamed or reordered, a held hive is never called clear."""
    wrong = []
    for seed, events in programs(part * PROGRAMS // PARTS, PROGRAMS // PARTS):
        rng = random.Random(f"never {seed}")
        choices = [(operation, form) for operation in OPERATIONS for form in operation.formats]
        choices.sort(key=lambda choice: (choice[0].name, choice[1]))
        for operation, form in rng.sample(choices, 4):
            wrong.append(misleads(seed, events, operation, form, tmp_path / "capture"))

    assert [one for one in wrong if one] == []
    assert sum(one is None for one in wrong) > len(wrong) // 2


@pytest.mark.parametrize(("seed", "name", "form"), FOUND)
def test_found_faults_stay_mended(seed: int, name: str, form: str, tmp_path: Path) -> None:
    """What once was wrongly called clear is not any more."""
    ((_, events),) = programs(seed, 1)
    operation = next(one for one in OPERATIONS if one.name == name)

    assert misleads(seed, events, operation, form, tmp_path / "capture") is None

"""What was measured, as a table and in a file that keeps it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from measuring import OURS, Goal, Row, best, median, ratio

RESULTS = Path(__file__).with_name("results.json")
"""The figures of README.md and of the pictures in the pages."""


def number(value: float) -> str:
    """Return a figure with three digits that count."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:,.{digits}f}"


def spread(values: Sequence[float], unit: str) -> str:
    """Return the median, the least and the most."""
    return f"{number(median(values))} {unit} [{number(min(values))} .. {number(max(values))}]"


def asked(goal: Goal, unit: str) -> str:
    """Return what is asked, in short words."""
    if not goal.peer:
        return f"at most {goal.least:g} {unit}"
    if goal.least < 1:
        return f"at most {1 / goal.least:.2f} of its time"
    return f"at least {goal.least:g} times"


def met(row: Row, goal: Goal) -> bool | None:
    """Return whether *goal* is reached; None where its peer was not measured."""
    reached = ratio(row, goal)
    if reached is None:
        return None
    return reached >= (goal.least if goal.peer else 1.0) * (1 - 1e-9)


def line(row: Row, goal: Goal) -> str:
    """Return the line of the table for one goal."""
    values = row.cpu if goal.cpu else row.clock
    unit = "core s" if goal.cpu else row.unit
    cells = [row.what if goal is row.goals[0] else "", spread(values[OURS], unit)]
    other = best(row, goal.peer, cpu=goal.cpu) if goal.peer else None
    reached = ratio(row, goal)
    if other is not None and reached is not None:
        cells += [other, spread(values[other], unit), f"{reached:.2f}"]
    else:
        cells += [goal.peer or "-", "not measured" if goal.peer else "-", "-"]
    word = {True: "met", False: "**missed**", None: "-"}[met(row, goal)]
    return f"| {' | '.join([*cells, asked(goal, row.unit), word])} |"


def markdown(rows: Sequence[Row]) -> str:
    """Return all *rows* as a table, with what they were measured on and what was missing."""
    said = [
        "| work | regsim | beside it | it takes | times ours | asked | |",
        "|---|---|---|---|---|---|---|",
        *(line(row, goal) for row in rows for goal in row.goals),
        "",
    ]
    missing = dict.fromkeys(text for row in rows for text in row.missing)
    said += [f"Not measured: {text}." for text in missing]
    for name in dict.fromkeys(row.machine for row in rows):
        on = [row for row in rows if row.machine == name]
        loads, turns = [row.load for row in on], [len(row.clock[OURS]) for row in on]
        packages = ", ".join(dict.fromkeys(each for row in on for each in row.versions))
        said.append(f"{name}; {packages}.")
        said.append(f"Medians of {between(turns)} turns, the least and the most.")
        said.append(f"Load {between(loads)}.")
    return "\n".join(said)


def between(values: Sequence[float]) -> str:
    """Return the least and the most, as one if they are the same."""
    least, most = min(values), max(values)
    return f"{least:g}" if least == most else f"{least:g} to {most:g}"


def keep(path: Path, part: str, new: Iterable[dict[str, Any]], order: Sequence[str]) -> None:
    """Put what was measured into *path*, in place of what it had under the same names."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    named = {one["name"]: one for one in (*kept.get(part, ()), *new)}
    places = {name: place for place, name in enumerate(order)}
    groups = {name: re.split("[:,]", name)[0] for name in named}
    kept[part] = sorted(
        named.values(), key=lambda one: places.get(groups[one["name"]], len(places))
    )
    path.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def kept_rows(path: Path = RESULTS) -> list[Row]:
    """Return the rows that *path* keeps."""
    kept = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return [Row(**{**one, "goals": tuple(Goal(**goal) for goal in one["goals"])}) for one in kept]

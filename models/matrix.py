"""The case on every generation with every fix."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
from regsim.models import q241572

from regsim import dialects
from regsim.cases import fixes
from regsim.errors import NotApplicableError
from regsim.scenario import Outcome


@attrs.frozen
class Cell:
    """One cell: an OS, a fix, the outcome, and why it is what it is where that is not obvious."""

    os: str
    fix: str
    outcome: Outcome
    reason: str


def cells() -> Iterator[Cell]:
    """Yield each cell, row by row in order of age."""
    for os in dialects.names():
        for fix in fixes.FIXES:
            try:
                result = q241572.run(os, fix)
            except NotApplicableError as error:
                yield Cell(os, fix, Outcome.NOT_APPLICABLE, str(error))
            else:
                yield Cell(os, fix, result.outcome, result.note)


def rows() -> dict[str, dict[str, Outcome]]:
    """Return the outcomes by OS and fix."""
    table: dict[str, dict[str, Outcome]] = {}
    for cell in cells():
        table.setdefault(cell.os, {})[cell.fix] = cell.outcome
    return table

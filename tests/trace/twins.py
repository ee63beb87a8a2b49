"""All that a reading of a capture tells, to hold two readers of one format against each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from regsim.trace.evidence import Capture, Reading
from regsim.trace.formats import open_evidence
from regsim.trace.source import open_source


def told(path: Path, workers: int) -> tuple[Any, ...]:
    """Return all that a reading of the file tells."""
    opened = open_evidence(open_source(path), Reading(workers=workers))
    assert isinstance(opened, Capture)
    rows = [tuple(row) for batch in opened.batches() for row in zip(*batch.arrays(), strict=True)]
    keys, processes = opened.keys, opened.processes
    return (
        rows,
        attrs.asdict(opened.facts),
        [processes[number] for number in range(len(processes))],
        [(keys.name(number), keys.hives[number]) for number in range(len(keys))],
        keys.hive_names,
    )

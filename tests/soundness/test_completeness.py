"""What a verdict says of its file: every row is taken, harmless or counted under a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from degrade import OPERATIONS
from programs import programs
from test_conditions import BALANCED, BEGUN, CSV, JSONL, LET_GO, LOADED, opened
from test_never_clear import degraded, written
from writers import FORMATS

from regsim.errors import RegsimError
from regsim.report.text.evidence import as_json
from regsim.trace.asking import replay
from regsim.trace.evidence import Capture
from regsim.trace.formats import open_evidence


def read(path: Path, data: bytes) -> tuple[int, Capture]:
    """Return how many rows a capture of *data* yields, and the capture."""
    path.write_bytes(data)
    capture = open_evidence(path)
    assert isinstance(capture, Capture)
    yielded: set[int] = set()
    for batch in capture.batches():
        yielded |= {number for number, op in zip(batch.number, batch.op, strict=True) if op}
    return len(yielded), capture


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_no_reader_drops_a_row(form: str, tmp_path: Path) -> None:
    """The rows of a file are those yielded, those known to be harmless and those counted."""
    counted = 0
    for seed, events in programs(0, 12):
        yielded, capture = read(tmp_path / "capture", written(events, form))
        record = capture.facts.record
        skipped = sum(one.count for one in record.skipped.values())
        assert record.rows == yielded + record.harmless + skipped, f"program {seed}"
        assert record.taken == yielded
        counted += record.harmless
    assert counted or form.startswith("etw")


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_no_reader_drops_a_damaged_row(form: str, tmp_path: Path) -> None:
    """That holds for damaged files too; what is not understood is among what is counted."""
    counted = 0
    for seed, events in programs(0, 5):
        for operation in OPERATIONS:
            made = degraded(seed, events, operation, form) if form in operation.formats else None
            if made is None:
                continue
            try:
                yielded, capture = read(tmp_path / "capture", made[0])
            except RegsimError:
                continue
            record = capture.facts.record
            skipped = sum(one.count for one in record.skipped.values())
            assert record.rows == yielded + record.harmless + skipped, (seed, operation.name)
            counted += skipped
    assert counted or form == "etw-xml"  # the operations tear no line of it


def test_completeness_is_told(tmp_path: Path) -> None:
    """The JSON says how much of the file was understood, and counts what it shows."""
    path = tmp_path / "capture"
    path.write_bytes(
        JSONL(
            [
                *(*BEGUN, *LOADED, *BALANCED, {**LET_GO[0], "status": 0xC0000121}, *LET_GO),
                *(*LOADED, opened(op="CmOpenKey"), opened(key="", handle=12)),
                *({"text": "{"}, {"op": "exit", "pid": 2}),
            ]
        )
    )
    found = as_json(replay(path))["completeness"]

    assert found == {
        "rows": 11,
        "calls_not_understood": 1,
        "statuses_not_known": 0,
        "gaps": 0,
        "keys_not_resolved": 0,
        "out_of_order": 0,
        "untimed": 0,
        "begins": "0.0000000 s",
        "ends": "10.0000000 s",
        "processes": 2,
        "processes_without_start": 1,
        "processes_without_exit": 1,
        "duplicates": 0,
        "loads": 2,
        "unloads": 1,
        "refused_unloads": 1,
        "shows_filters": False,
        "shows_duplicates": True,
        "damage": [],
        "skipped": [
            {"reason": "no record", "rows": 1, "first": 10, "last": 10},
            {"reason": "call 'CmOpenKey' is not understood", "rows": 1, "first": 8, "last": 8},
        ],
    }


def test_completeness_counts_keys_without_a_name(tmp_path: Path) -> None:
    """A key that is still open and that nothing names is counted; a CSV shows no duplicates."""
    path = tmp_path / "capture"
    path.write_bytes(CSV([*BEGUN, *LOADED, *BALANCED, opened(key="Software")]))
    found = as_json(replay(path))["completeness"]

    assert found["keys_not_resolved"] == 1
    assert not found["shows_duplicates"]

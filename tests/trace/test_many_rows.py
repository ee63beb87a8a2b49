"""What is looked at together in long traces with handle values is told as row by row."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsim.accel import NATIVE, watching
from regsim.trace import by_handle, finding
from regsim.trace.by_handle import HandleLedger
from regsim.trace.evidence import Capture, Reading
from regsim.trace.finding import HeldKey, held_keys
from regsim.trace.formats import open_evidence
from regsim.trace.source import pasted

pq = pytest.importorskip("pyarrow.parquet")
pa = pytest.importorskip("pyarrow")

USER = "HKU\\S-1-5-21-7"
DELETED = 0xC000017C
USUAL = ["open", "open", "open", "close", "NtOpenKey"]
OPS = st.sampled_from(
    [*USUAL, *USUAL, "duplicate", "start", "exit", "load", "unload", "force", "use"]
)
KEYS = st.sampled_from([USER, USER, USER + "\\A", "HKU\\S-1-5-21-8\\B", "HKLM\\C", "\\REGISTRY\\X"])
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "op": OPS,
            "pid": st.sampled_from([10, 10, 20, 30]),
            "key": KEYS,
            "handle": st.integers(1, 6).map(lambda n: 4 * n),
            "parent": st.sampled_from([0, 0, 0x80000001]),
            "status": st.sampled_from([0, 0, 0, DELETED, 5]),
            "time": st.integers(0, 3),
        }
    ),
    min_size=1,
    max_size=60,
)


SAID = (
    *("lives", "attempts", "orphans", "copies", "touched", "exited", "loaded", "unloaded"),
    *("anchors", "forced", "ghosts", "left", "against", "revived", "unended", "backwards"),
    *("ended", "gone"),
)
"""What a ledger is asked for."""


def told(rows: Sequence[dict[str, Any]], *, together: bool) -> dict[str, Any]:
    """Return what the ledger of *rows* in Parquet says, looked at one by one or all together."""
    file = io.BytesIO()
    times = [10 * at + row["time"] * 25 for at, row in enumerate(rows)]
    columns = {name: [row[name] for row in rows] for name in rows[0]} | {"time": times}
    pq.write_table(pa.table(columns), file, row_group_size=7)
    capture = open_evidence(pasted(file.getvalue()), Reading())
    assert isinstance(capture, Capture)
    ledger = HandleLedger(capture)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(by_handle, "_FEW", 0 if together else 1 << 30)
        if not together:
            patch.setattr(watching, "NATIVE", None)
        for batch in capture.batches():
            ledger.feed(batch)
    ledger.finish()
    return {"held": list(ledger.held()), **{name: getattr(ledger, name) for name in SAID}}


@given(ROWS)
def test_rows_together_are_told_as_one_by_one(rows: list[dict[str, Any]]) -> None:
    """Whatever begins, ends, fails, is copied or comes back in between, the ledger says so."""
    assert told(rows, together=True) == told(rows, together=False)


def test_keys_made_together_are_those_made_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether or not the library makes them, their fields hold what was given, or the default."""
    given = {"process": ["a", "b"], "pid": [4, 8], "key": ["k", ""], "balance": [(1, 1), (2, None)]}
    expected = [HeldKey(**dict(zip(given, row, strict=True))) for row in zip(*given.values())]  # noqa: B905

    assert held_keys(2, **given) == expected
    monkeypatch.setattr(finding, "NATIVE", None)
    assert held_keys(2, **given) == expected


@pytest.mark.skipif(NATIVE is None, reason="it is the library that makes them")
def test_records_have_slots_and_as_many_values() -> None:
    """A slot of another class, what is no slot, and too few values are refused."""
    slot = HeldKey.__dict__["pid"]
    for column in ((slot, [1]), (1, 2), (slot,), (property(), [1, 2]), slot):
        with pytest.raises((TypeError, ValueError)):
            NATIVE.records(HeldKey, 2, column)
    for words in ((Capture, 1, (slot, 1)), (HeldKey, -1), (HeldKey, "x"), (1, 1), (HeldKey,)):
        with pytest.raises((TypeError, ValueError)):
            NATIVE.records(*words)
